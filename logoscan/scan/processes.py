"""Features of photos by child processes, one a core, for processors of so many cores that threads wait for each other.

The children look at photos, which is nine tenths of a scan; the process that has the index and the ledger matches and
judges. A child that dies is replaced, and its photos are looked at again.
"""

from __future__ import annotations

import logging
import pickle
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Condition, Thread

from logoscan._quote import cause
from logoscan.errors import LogoscanError
from logoscan.scan._child import Child, DeadChildError
from logoscan.scan.feature_process import Answer, Setup
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
# Photos that a child looks at together, so that a listing of many photos keeps no other child waiting.
_PHOTOS = 4
# Jobs that a child is given: one that it does, and one so that it never waits for the next.
_GIVEN = 2
# Longest message that is sent to a child before it has answered the last one: names of files. A pipe has room for a
# page everywhere, and for no more where Linux's limit of a user's pipes is reached; beyond, each process would wait for
# the other one to read.
_AHEAD_BYTES = 4000


class _Job:
    """Pickled photos for a child, and where its answer will be."""

    def __init__(self, message: bytes, *, by_itself: bool) -> None:
        """Make it.

        Args:
            message: Photos, pickled.
            by_itself: Whether its child is given nothing else meanwhile: where a child died before, it shows that no
                other job was to blame.
        """
        self.message, self.by_itself, self.answer = message, by_itself, Future[Answer]()

    def may_wait_behind(self, other: _Job) -> bool:
        """Return whether it can be sent to a child before that has answered another job."""
        return len(self.message) <= _AHEAD_BYTES and not self.by_itself and not other.by_itself


class FeatureProcesses:
    """Child processes that extract features. Several threads may call `extract`.

    A thread for each child gives it the next photos before it has answered for the last ones.
    """

    def __init__(
        self, extractor: FeatureExtractor, count: int, *, cached_photos: int, on_stage: OnStage | None
    ) -> None:
        """Pickle the models; `start` starts the processes.

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
        self._jobs: deque[_Job] = deque()  # guarded by `_changed`, as is `_ended`
        self._changed, self._ended = Condition(), False
        self._keepers: list[Thread] = []

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
        children: list[Child] = []
        try:
            for _ in range(self._count):
                children.append(Child())
                children[-1].send(self._setup)
            for child in children:
                self._told(child.answer())
        except BaseException as error:
            for child in children:
                child.end()
            if isinstance(error, DeadChildError):
                raise LogoscanError("a process ended while it loaded the models") from None
            raise
        for child in children:
            # a daemon: a program that ends in the middle of a stream does not wait for it
            keeper = Thread(target=self._keep, args=(child,), name="logoscan-child", daemon=True)
            self._keepers.append(keeper)
            keeper.start()

    def close(self) -> None:
        """End the processes; nobody may be extracting."""
        with self._changed:
            self._ended = True
            self._jobs.clear()  # of a scan that failed
            self._changed.notify_all()
        for keeper in self._keepers:
            keeper.join()

    def extract(self, images: Sequence[ImageSource]) -> Sequence[PhotoFeatures]:
        """Extract the features of photos in the processes, and return them in order.

        Photos of a class that cannot be sent, or that no process can import, are looked at here.

        Raises:
            LogoscanError: Processes keep dying while they load the models.
        """
        parts = [images[start : start + _PHOTOS] for start in range(0, len(images), _PHOTOS)]
        asked = [(part, self._asked(part)) for part in parts]
        return [features for part, answer in asked for features in self._features(part, answer)]

    def _features(self, images: Sequence[ImageSource], answer: Future[Answer] | None) -> Sequence[PhotoFeatures]:
        """Return the features of photos that a process was asked for; None: they cannot be sent."""
        for deaths in range(_BATCH_DEATHS):
            try:
                return self._answered(images, self._asked(images, again=True) if deaths else answer)
            except DeadChildError:
                logger.warning("a process died at %d photos, which are looked at again", len(images))
        return [self._alone(image) for image in images]

    def _alone(self, image: ImageSource) -> PhotoFeatures:
        for _ in range(_PHOTO_DEATHS):
            try:
                return self._answered([image], self._asked([image], again=True))[0]
            except DeadChildError:
                logger.warning("a process died at a photo")
        return self._extractor.given_up(image, f"cannot be examined ({_PHOTO_DEATHS} processes died at it)")

    def _answered(self, images: Sequence[ImageSource], answer: Future[Answer] | None) -> Sequence[PhotoFeatures]:
        """Wait for an answer, and return its features; those of photos that no process can take are extracted here.

        Raises:
            DeadChildError: The process died.
        """
        if answer is None:
            return self._extractor.extract(images)
        answered = answer.result()
        features = self._told(answered)
        if answered.not_taken:
            why = answered.not_taken
            logger.warning("%d photos are looked at here, because a process cannot (%s)", len(images), why)
            return self._extractor.extract(images)
        assert features is not None
        return features

    def _asked(self, images: Sequence[ImageSource], *, again: bool = False) -> Future[Answer] | None:
        """Ask for the features of photos; None where these are of a class that cannot be sent."""
        try:
            job = _Job(pickle.dumps(tuple(images)), by_itself=again)
        except Exception:  # what a caller made an image of
            return None
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        return job.answer

    def _keep(self, child: Child | None) -> None:
        """Give jobs to a process, and their answers to those who wait, until the end; replace it if it dies."""
        given: deque[_Job] = deque()
        while True:
            try:
                while (job := self._next(given)) is not None:
                    given.append(job)
                    child = child or self._replacement()
                    child.send_bytes(job.message)
                if not given:
                    break
                assert child is not None
                answer = child.answer()
                given.popleft().answer.set_result(answer)
            except BaseException as error:  # the process died, or none can be started
                if child is not None:
                    child.end()
                child = None
                given.popleft().answer.set_exception(error)  # answers come in order: it died at the first job
                with self._changed:
                    self._jobs.extendleft(reversed(given))
                    self._changed.notify(len(given))
                given.clear()
        if child is not None:
            child.end()

    def _next(self, given: Sequence[_Job]) -> _Job | None:
        """Return the next job for a process that was given others; None where it has enough, or there is none.

        One with nothing to do waits. None is given two where another process would have nothing to do.
        """
        with self._changed:
            if not given:
                self._changed.wait_for(lambda: self._jobs or self._ended)
                return self._jobs.popleft() if self._jobs else None
            if len(given) >= _GIVEN or len(self._jobs) < self._count or not self._jobs[0].may_wait_behind(given[-1]):
                return None
            return self._jobs.popleft()

    def _replacement(self) -> Child:
        for _ in range(_LOADING_DEATHS):
            child = Child()
            try:
                child.send(self._setup)
                self._told(child.answer())
            except DeadChildError:
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
