"""Drawn marks, a font and a composer for the recipe; and what a model's file says of itself."""

from __future__ import annotations

import io
import pickle
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import ImageFont

from logoscan.training.batches import Mix
from logoscan.training.compose import Composer
from logoscan.training.icons import from_arrays
from logoscan.training.materials import backgrounds_from_arrays

MIX = Mix(drawn=3, pictograms=0, wordmarks=1, look_alikes=1, packs=1, abstract=0, other_names=3)


def font_file() -> str:
    """Write Pillow's own font to a file, once."""
    default = ImageFont.load_default(20)
    assert isinstance(default, ImageFont.FreeTypeFont)
    assert isinstance(default.path, io.BytesIO)
    file = Path(tempfile.gettempdir()) / "logoscan-test-font.ttf"
    if not file.exists():
        file.write_bytes(default.path.getvalue())
    return str(file)


def make_composer(seed: int = 0, classes: int = 4, fonts: tuple[str, ...] = ()) -> Composer:
    """Compose crops of a few drawn marks: a line and a disc each."""
    rows = []
    for k in range(classes):
        rgba = np.zeros((80, 80, 4), np.uint8)
        cv2.line(rgba, (8, 8), (12 + 15 * k, 70), (0, 0, 0, 255), 10)
        cv2.circle(rgba, (60, 20 + 10 * k), 12, (0, 0, 0, 255), -1)
        rows.append((f"m{k}", "test", True, rgba))
    return Composer(from_arrays(rows), fonts, backgrounds_from_arrays([]), seed)


def metadata(path: Path) -> dict[str, str]:
    """Read what a safetensors file says of itself."""
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        found: dict[str, str] = file.metadata()
    return found


def stream_here(*makes: Callable[[], Callable[[], Any]], ahead: int = 8) -> Generator[Any, None, None]:
    """Make what `stream` makes, in this process and in turn, where no test asks whether processes work.

    What makes it is pickled all the same, as on its way into a process. A process takes four seconds to begin.
    """
    draws = [pickle.loads(pickle.dumps(make))() for make in makes]
    while draws:
        for draw in tuple(draws):
            try:
                item = draw()
            except StopIteration:
                draws.remove(draw)
            else:
                yield item
