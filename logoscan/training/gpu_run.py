"""Train the detector and then the towers within a fixed number of minutes on a GPU that is lent for that long.

Written without a GPU at hand: CUDA has not been run, and the settings are those of the card's third run of the
detector, and a guess for the towers. Every part is tested on the CPU.
"""

from __future__ import annotations

import _thread
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from logoscan.training.compose import Composer
from logoscan.training.detector import train_detector
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.tower_plan import Plan
from logoscan.training.train import train

logger = logging.getLogger(__name__)

_DETECTOR = DetectorPlan(
    size_px=640,
    batch=32,
    frozen_stages=1,
    lr_trunk=4e-4,
    lr_head=1.5e-3,
    makers=15,
    save_every_s=60,
    log_every_s=60,
    resumable=False,
)
# Four batches of 216 crops in a step, with rates for the square root of that. Whitening a tower at its start composes
# for a minute on one core, and text would have to be learnt anew: whiten the result on a CPU, and fit `text` there.
_TOWER = Plan(
    frozen_stages=1,
    lr_trunk=4e-4,
    lr_head=1.2e-3,
    whiten_batches=0,
    makers=15,
    joined=4,
    save_every_s=60,
    log_every_s=60,
    resumable=False,
)


@dataclass(frozen=True)
class GpuPlan:
    """Settings of a run of both networks.

    Attributes:
        minutes: Minutes until the process ends, with everything.
        share: Share of that time for the detector, if both are trained, 0..1.
        spare_s: Seconds kept for the start of processes and for the last files.
        detector: Settings of the detector; its minutes are set by the run.
        tower: Settings of the towers; their minutes are set by the run.
    """

    minutes: float = 9.0
    share: float = 0.5
    spare_s: float = 25.0
    detector: DetectorPlan = field(default=_DETECTOR)
    tower: Plan = field(default=_TOWER)

    def __post_init__(self) -> None:
        if not 60 * self.minutes > self.spare_s >= 0:
            raise ValueError(f"plan.minutes: expected more than {self.spare_s:g} s, got {self.minutes:g} minutes")
        if not 0 < self.share < 1:
            raise ValueError(f"plan.share: expected a number between 0 and 1, got {self.share:g}")


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Interrupt the main thread, as Ctrl-C does, if a `with` block takes longer; then the block ends without an error.

    The trainers write their networks when they are interrupted. Call this in the main thread.
    """
    before = signal.getsignal(signal.SIGINT)
    if before in (signal.SIG_IGN, signal.SIG_DFL):  # a job in the background ignores interrupts
        signal.signal(signal.SIGINT, signal.default_int_handler)
    late = threading.Event()

    def interrupt() -> None:
        late.set()
        _thread.interrupt_main()

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not late.is_set():
            raise
        logger.warning("interrupted after %.0f s; what was trained so far is written", seconds)
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)


def gpu_run(
    make: Callable[[int], Composer],
    plan: GpuPlan,
    folder: str | Path,
    *,
    device: str,
    detector: str | Path | None = None,
    tower: str | Path | None = None,
) -> list[Path]:
    """Train the detector, the towers, or one after the other, and return in time.

    An error in one of them does not keep the other from being trained.

    Args:
        make: Function that builds a composer from a seed; picklable.
        plan: Settings.
        folder: Folder of ``detector/detector.safetensors``, ``tower/model.safetensors`` and a ``log.jsonl`` beside
            each. They are written every minute, without the state to resume from.
        device: Device to train on.
        detector: Detector, or image tower, to begin the detector from; it is not trained if None.
        tower: Model to begin the towers from; they are not trained if None.

    Returns:
        Paths of the written networks.

    Raises:
        ValueError: If there is nothing to train.
        ExceptionGroup: If a training failed, after all of them.
    """
    if detector is None and tower is None:
        raise ValueError("gpu_run: expected a detector or a tower to begin from, got neither")
    end = time.monotonic() + 60 * plan.minutes - plan.spare_s
    written: list[Path] = []
    errors: list[Exception] = []

    def left(share: float) -> float:
        """Return a share of the minutes that are left."""
        return share * max(end - time.monotonic(), 1.0) / 60

    def attempt(run: Callable[[], Path], minutes: float) -> None:
        """Run a training, interrupt it if it is late, and note its result or its error."""
        try:
            with interrupted_after(60 * minutes + plan.spare_s / 2):
                written.append(run())
        except Exception as error:
            logger.exception("a training failed; the other one goes on")
            errors.append(error)

    path = Path(folder)
    if detector is not None:
        minutes = left(1.0 if tower is None else plan.share)
        settings = replace(plan.detector, minutes=minutes)
        attempt(lambda: train_detector(make, settings, path / "detector", detector, device=device), minutes)
    if tower is not None:
        minutes = left(1.0)
        of_tower = replace(plan.tower, minutes=minutes)
        attempt(lambda: train(make, of_tower, path / "tower", tower, device=device), minutes)
    if errors:
        raise ExceptionGroup("gpu_run: trainings failed", errors)
    return written
