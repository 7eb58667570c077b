"""Features of photos by child processes, one a core, for processors of so many cores that threads wait for each other.

The children look at photos, which is nine tenths of a scan; the process that has the index and the ledger matches and
judges. A child that dies is replaced, and its photos are looked at again.
"""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing import Pipe
from pathlib import Path
from queue import LifoQueue

from logoscan._quote import cause
from logoscan.errors import LogoscanError
from logoscan.scan.feature_process import COMMAND, Answer, Setup
from logoscan.types import ImageSource
from logoscan.vision.extractor import FeatureExtractor, OnStage
from logoscan.vision.features import PhotoFeatures

__all__ = ["FeatureProcesses"]

logger = logging.getLogger(__name__)

# Deaths of children at a batch after which its photos are looked at one by one, and at one photo after which it is
# given up: a process may be killed by chance, but hardly three times at the same photo.
_BATCH_DEATHS, _PHOTO_DEATHS = 2, 3
# Deaths while models are loaded after which no further child is started.
_LOADING_DEATHS = 3
# Seconds that a child may take to end when its work is done.
_END_S = 10.0


class _DeadChildError(Exception):
    """A child ended before it answered."""


class _NotTakenError(Exception):
    """A child cannot make the photos of what it was sent; the message says why."""


class FeatureProcesses:
    """Child processes that extract features. Several threads may call `extract`; they wait for an idle process."""

    def __init__(
        self, extractor: FeatureExtractor, count: int, *, cached_photos: int, on_stage: OnStage | None
    ) -> None:
        """Pickle the models; `with` starts the processes.

        Args:
            extractor: Extracts features, by models that can be pickled.
            count: Number of processes, each of which uses one core.
            cached_photos: Photos whose features each process keeps, to use them again for equal photos.
            on_stage: Called with each stage that a process ended.

        Raises:
            Exception: A model cannot be pickled.
        """
        pickled = pickle.dumps(extractor.reporting_to(None))
        level = logging.getLogger("logoscan").getEffectiveLevel()
        self._setup = Setup(pickled, cached_photos, level)
        self._extractor, self._count, self._on_stage = extractor, count, on_stage
        self._idle: LifoQueue[_Child | None] = LifoQueue()

    @classmethod
    def of(
        cls, extractor: FeatureExtractor, count: int, *, cached_photos: int = 0, on_stage: OnStage | None = None
    ) -> FeatureProcesses | None:
        """Return started processes, which the caller closes; None where there can be none, and the log says why."""
        try:
            out = cls(extractor, count, cached_photos=cached_photos, on_stage=on_stage)
            out.start()
        except Exception as error:  # whatever a caller's own model raises when it is pickled, and a child that fails
            logger.warning("threads scan, not processes: %s: %s", type(error).__name__, cause(error))
            return None
        return out

    def start(self) -> None:
        """Start all processes, side by side.

        Raises:
            LogoscanError: One of them cannot load the models.
        """
        children: list[_Child] = []
        try:
            for _ in range(self._count):
                children.append(_Child())
                children[-1].send(self._setup)
            for child in children:
                self._told(child.answer())
        except BaseException as error:
            for child in children:
                child.end()
            if isinstance(error, _DeadChildError):
                raise LogoscanError("a process ended while it loaded the models") from None
            raise
        for child in children:
            self._idle.put(child)

    def close(self) -> None:
        """End the processes; nobody may be extracting."""
        children = [self._idle.get() for _ in range(self._count)]
        for child in children:
            if child is not None:
                child.end()

    def extract(self, images: Sequence[ImageSource]) -> Sequence[PhotoFeatures]:
        """Extract the features of photos in one of the processes, and return them in order.

        Photos of a class that cannot be sent, or that no process can import, are looked at here.

        Raises:
            LogoscanError: Processes keep dying while they load the models.
        """
        if not images:
            return []
        try:
            message = pickle.dumps(tuple(images))
        except Exception:  # what a caller made an image of cannot be sent
            return self._extractor.extract(images)
        for _ in range(_BATCH_DEATHS):
            try:
                return self._ask(message)
            except _NotTakenError as error:
                logger.warning("%d photos are looked at here, because a process cannot (%s)", len(images), error)
                return self._extractor.extract(images)
            except _DeadChildError:
                logger.warning("a process died at %d photos, which are looked at again", len(images))
        return [self._alone(image) for image in images]

    def _alone(self, image: ImageSource) -> PhotoFeatures:
        for _ in range(_PHOTO_DEATHS):
            try:
                return self._ask(pickle.dumps((image,)))[0]
            except _NotTakenError as error:
                logger.warning("a photo is looked at here, because a process cannot (%s)", error)
                return self._extractor.extract([image])[0]
            except _DeadChildError:
                logger.warning("a process died at a photo")
        return self._extractor.given_up(image, f"cannot be examined ({_PHOTO_DEATHS} processes died at it)")

    def _ask(self, message: bytes) -> Sequence[PhotoFeatures]:
        """Let an idle process look at pickled photos; it is replaced at the next question if it dies.

        Raises:
            _DeadChildError: It died.
            _NotTakenError: It cannot make photos of them.
        """
        child = self._idle.get()
        try:
            if child is None:
                child = self._replacement()
            child.send_bytes(message)
            answer = child.answer()
            features = self._told(answer)
        except BaseException:
            if child is not None:
                child.end()
            child = None
            raise
        finally:
            self._idle.put(child)
        if answer.not_taken:
            raise _NotTakenError(answer.not_taken)
        assert features is not None
        return features

    def _replacement(self) -> _Child:
        for _ in range(_LOADING_DEATHS):
            child = _Child()
            try:
                child.send(self._setup)
                self._told(child.answer())
            except _DeadChildError:
                child.end()
            except BaseException:
                child.end()
                raise
            else:
                return child
        raise LogoscanError(f"{_LOADING_DEATHS} processes died while they loaded the models")

    def _told(self, answer: Answer) -> Sequence[PhotoFeatures] | None:
        """Log and report what a process did, and return its features."""
        for record in answer.records:
            logging.getLogger(record.name).handle(record)
        for stage, seconds in answer.stages:
            if self._on_stage is not None:
                try:
                    self._on_stage(stage, seconds)
                except Exception:  # as in threads: metrics that fail cost no report
                    logger.exception("on_stage(%r) failed", stage)
        if answer.failure:
            raise LogoscanError(f"a process cannot load the models ({answer.failure})")
        return answer.features


class _Child:
    """One process, and the pipes to it and from it."""

    def __init__(self) -> None:
        """Start it on one thread a call, with this process's import path and without its main module."""
        (theirs, self._questions), (self._answers, theirs_too) = Pipe(duplex=False), Pipe(duplex=False)
        numbers = theirs.fileno(), theirs_too.fileno()
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        path = {"PYTHONPATH": os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, *COMMAND, *map(str, numbers)],
                env=os.environ | threads | path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=numbers,
            )
        except BaseException:
            self._hang_up()
            raise
        finally:
            theirs.close()
            theirs_too.close()

    def send(self, message: object) -> None:
        self.send_bytes(pickle.dumps(message))

    def send_bytes(self, message: bytes) -> None:
        """Send a pickled message; whether it arrives shows in the answer."""
        try:
            self._questions.send_bytes(message)
        except OSError:
            raise _DeadChildError from None

    def answer(self) -> Answer:
        """Wait for its answer.

        Raises:
            _DeadChildError: It ended.
        """
        try:
            answer = self._answers.recv()
        except (EOFError, OSError):  # a message that was cut is an OSError of no kind
            raise _DeadChildError from None
        assert isinstance(answer, Answer)
        return answer

    def end(self) -> None:
        """Close the pipes, at which it ends, and kill it if it does not."""
        self._hang_up()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _hang_up(self) -> None:
        self._questions.close()
        self._answers.close()
