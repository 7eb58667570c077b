"""A process that extracts the features of photos for another one, which starts it by `COMMAND`.

A caller's main module is not imported in it: no `__main__` guard is needed, and notebooks can use it. Over pipes
`processes.FeatureProcesses` sends first the models, pickled as the arguments that they were built with, and then
photos. It ends when the other end is closed.
"""

from __future__ import annotations

import logging
import pickle
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from logoscan._quote import cause
from logoscan.vision.features import FeatureCache, PhotoFeatures

__all__ = ["COMMAND", "Answer", "Setup", "main", "serve"]

COMMAND = ("-P", "-c", "import sys; from logoscan.scan.feature_process import main; main(*map(int, sys.argv[1:]))")
"""Arguments of Python, before the numbers of two inherited pipes; `-P`: the working folder is no place for modules."""


@dataclass(frozen=True)
class Setup:
    """What a process is told first.

    Attributes:
        extractor: A pickled `FeatureExtractor`.
        cached_photos: Photos whose features are used again for equal photos.
        log_level: Least level of the records that are sent back.
    """

    extractor: bytes
    cached_photos: int
    log_level: int


@dataclass(frozen=True)
class Answer:
    """What a process answers.

    Attributes:
        features: Features of the photos, in order; None where it failed, or cannot take them.
        failure: Why it failed, in one line; "" where it did not.
        not_taken: Why it cannot make the photos of what was sent, in one line; "" where it can.
        stages: Name and seconds of each stage that ended.
        records: What was logged, to be logged by the other process.
    """

    features: Sequence[PhotoFeatures] | None = None
    failure: str = ""
    not_taken: str = ""
    stages: Sequence[tuple[str, float]] = ()
    records: Sequence[logging.LogRecord] = ()


def serve(questions: Connection, answers: Connection) -> None:
    """Load the models and answer until the other end is closed."""
    setup: Setup = questions.recv()
    records: SimpleQueue[Any] = SimpleQueue()
    logger = logging.getLogger()
    logger.addHandler(QueueHandler(records))
    logging.getLogger("logoscan").setLevel(setup.log_level)
    stages: list[tuple[str, float]] = []
    try:
        from logoscan.runtime import one_of_several

        one_of_several()
        extractor = pickle.loads(setup.extractor).reporting_to(lambda stage, seconds: stages.append((stage, seconds)))
    except Exception as error:
        answers.send(Answer(failure=f"{type(error).__name__}: {cause(error)}", records=_drained(records)))
        return
    cache = FeatureCache(setup.cached_photos)
    answers.send(Answer(records=_drained(records)))
    while True:
        message = questions.recv_bytes()
        try:
            images = pickle.loads(message)
        except (Exception, SystemExit) as error:  # a class of the caller's main module, or of one that is not here
            answers.send(Answer(not_taken=f"{type(error).__name__}: {cause(error)}", records=_drained(records)))
            continue
        stages.clear()
        features = extractor.extract(images, cache)
        answers.send(Answer(features, stages=tuple(stages), records=_drained(records)))


def _drained(records: SimpleQueue[Any]) -> tuple[logging.LogRecord, ...]:
    return tuple(records.get() for _ in range(records.qsize()))


def main(question_fd: int, answer_fd: int) -> None:
    """Serve at two inherited pipes, until the other end is closed.

    Args:
        question_fd: File descriptor to read from.
        answer_fd: File descriptor to write to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the other one decides
    questions, answers = Connection(question_fd, writable=False), Connection(answer_fd, readable=False)
    with suppress(EOFError, ConnectionError), questions, answers:
        serve(questions, answers)
