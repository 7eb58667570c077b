"""One child process that extracts features (`feature_process`), and the pipes to it and from it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path

from logoscan.scan.feature_process import COMMAND, Answer

__all__ = ["Child", "DeadChildError"]

# Seconds that a child may take to end when its work is done.
_END_S = 10.0


class DeadChildError(Exception):
    """A child ended before it answered."""


class Child:
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
        with suppress(OSError):
            self._questions.send_bytes(message)

    def answer(self) -> Answer:
        """Wait for its answer.

        Raises:
            DeadChildError: It ended.
        """
        try:
            answer = self._answers.recv()
        except (EOFError, OSError):  # a message that was cut is an OSError of no kind
            raise DeadChildError from None
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
