"""Models that child processes load, for `test_feature_processes`; they import this by its name."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
from fakes import FakeDetector

from logoscan.types import Regions, Rgb

logger = logging.getLogger("logoscan.test")


class DeadlyDetector(FakeDetector):
    """Kills its process at photos of one colour: as often as `times` says, or at every look."""

    def __init__(self, colour: tuple[int, int, int], marks: Path, times: int | None) -> None:
        self.colour, self.marks, self.times = colour, marks, times

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        logger.warning("%d photos in another process", len(images))
        if any((np.asarray(image[0, 0]) == self.colour).all() for image in images):
            deaths = len(list(self.marks.iterdir()))
            if self.times is None or deaths < self.times:
                (self.marks / str(deaths)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().detect(images)


class Unsendable(FakeDetector):
    def __reduce__(self) -> str:
        raise TypeError("this one stays at home")


class Untakable(FakeDetector):
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return int, ("no model",)


class Unimportable(np.ndarray):
    """A photo whose class lies in a module that only the test's process has."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return import_module, ("a_module_of_the_parent_alone",)
