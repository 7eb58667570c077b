"""BLAS at one thread for a while: whoever ends it, and beside what the host has set."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from paths import TESTS

OVERLAP = """
from concurrent.futures import ThreadPoolExecutor
import cv2, numpy, torch
from blas_threads import blas_threads, openmp_threads, two_blas_threads
from threadpoolctl import threadpool_limits
from logoscan._blas_threads import one_blas_thread

openmp = openmp_threads()
first, second = one_blas_thread(), one_blas_thread()
with two_blas_threads(), ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
    one.submit(first.__enter__).result()
    assert blas_threads() == {1}
    other.submit(second.__enter__).result()
    one.submit(first.__exit__, None, None, None).result()
    assert blas_threads() == {1}, "the second block has not ended"
    one.submit(second.__exit__, None, None, None).result()
    assert blas_threads() == {2}
    with threadpool_limits(1, user_api="blas"):
        assert blas_threads() == {1}, "the host's own limits work again"
    assert blas_threads() == {2}
assert openmp_threads() == openmp
"""
FORK = """
import os
import numpy
from logoscan._blas_threads import one_blas_thread

block = one_blas_thread()
block.__enter__()
child = os.fork()
with one_blas_thread():
    pass
block.__exit__(None, None, None)
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
LEFT_OPEN = """
import sys
import numpy
from logoscan._blas_threads import one_blas_thread

def scanned():
    with one_blas_thread():
        yield 1

stream = scanned()
next(stream)
sys.modules["kept"] = stream  # ended late, when other threads no longer run
"""
UNKNOWN = """
import logging, threadpoolctl
from logoscan._blas_threads import one_blas_thread

logging.basicConfig()
threadpoolctl.ThreadpoolController.select = None  # a version that cannot do this
with one_blas_thread():
    print("scanned")
"""


def run(script: str) -> tuple[str, str]:
    """Run a script in a process of its own, since other tests may have set BLAS for good in this one."""
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, ended.stderr


def test_blocks_may_overlap_and_end_in_other_threads() -> None:
    run(OVERLAP)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_inside_a_block_can_begin_and_end_blocks() -> None:
    run(FORK)


def test_a_process_ends_with_a_block_left_open() -> None:
    run(LEFT_OPEN)


def test_a_blas_that_cannot_be_limited_costs_time_alone() -> None:
    printed, logged = run(UNKNOWN)
    assert printed == "scanned\n"
    assert "BLAS keeps its threads" in logged
