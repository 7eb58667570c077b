"""The Ray cluster that a scan runs on, and how many processes of it a scan takes."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from logoscan.errors import InputError, MissingDependencyError

__all__ = ["Pool", "cluster", "import_ray"]

logger = logging.getLogger(__name__)

# Bytes for rows between the stages, if Ray is started here; Ray's own 30 % of the memory is more than rows need.
_OBJECT_STORE_BYTES = 256 << 20
# Parts of a GPU that Ray can tell apart.
_GPU_STEPS = 10_000
# Settings of Ray Data that print; not every version of Ray has both.
_PRINTING_SETTINGS = ("enable_progress_bars", "print_on_execution_start")


@dataclass(frozen=True)
class Pool:
    """The processes that a scan takes.

    Attributes:
        actors: Number of processes that scan, each with its own models.
        cpus: CPUs for each actor; torch and the OCR engine get as many threads. Ray counts CPUs, it does not confine.
        gpus: GPUs for each actor; with 0.5, two actors share one. 0 scans on the CPU.
        batch: Listings that an actor takes at a time, and that are scanned again when it dies.
    """

    actors: int = 2
    cpus: float = 1
    gpus: float = 0
    batch: int = 32

    def __post_init__(self) -> None:
        for name, minimum in (("actors", 1), ("cpus", 0), ("gpus", 0), ("batch", 1)):
            if not getattr(self, name) >= minimum:
                raise InputError(f"Pool.{name}: expected {minimum} or more, got {getattr(self, name)!r}")

    @classmethod
    def sharing(cls, gpus: int, actors: int, *, cpus: float = 1, batch: int = 32) -> Pool:
        """Return a pool whose actors share GPUs evenly, or have one each where there are enough.

        One actor cannot fill a GPU: Python runs one thread of a process at a time, about 30 ms a photo. Each actor has
        networks of its own on the GPU, which takes turns between them.

        Args:
            gpus: Number of GPUs, 1 or more.
            actors: Number of processes that scan.
            cpus: CPUs for each actor.
            batch: Listings that an actor takes at a time.
        """
        share = min(1.0, math.floor(_GPU_STEPS * gpus / actors) / _GPU_STEPS)
        return cls(actors, cpus, max(share, 1 / _GPU_STEPS), batch)


def import_ray() -> Any:
    """Return the module `ray`, with `ray.data` imported.

    Raises:
        MissingDependencyError: Ray or pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
        import ray
        import ray.data
    except ImportError:
        raise MissingDependencyError("distributed: needs pip install 'logoscan[ray]'") from None
    return ray


@contextmanager
def cluster(pool: Pool) -> Iterator[None]:
    """Use the running Ray, or start one that ends with this context; its progress bars are off meanwhile.

    Raises:
        InputError: RAY_AUTH_MODE switches Ray's token off. Ray's processes listen on the machine's address, where
            anybody who reaches them could run code without the token.
    """
    ray = import_ray()
    if os.environ.get("RAY_AUTH_MODE", "").strip().lower() == "disabled":
        raise InputError("RAY_AUTH_MODE: expected token, got 'disabled', with which whoever reaches Ray may run code")
    is_started_here = not ray.is_initialized()
    if is_started_here and "RAY_ADDRESS" in os.environ:
        ray.init()
    elif is_started_here:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send statistics to its makers
        cpus = max(os.cpu_count() or 1, math.ceil(pool.actors * pool.cpus) + 1)
        ray.init(
            num_cpus=cpus,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            logging_level=logging.WARNING,
        )
    _keep_to_owner(Path.home() / ".ray" / "auth_token")
    context = ray.data.DataContext.get_current()
    settings = {name: getattr(context, name) for name in _PRINTING_SETTINGS if hasattr(context, name)}
    try:
        for name in settings:
            setattr(context, name, False)
        yield
    finally:
        for name, value in settings.items():
            setattr(context, name, value)
        if is_started_here:
            ray.shutdown()


def _keep_to_owner(token: Path) -> None:
    """Remove the group's and the world's rights from Ray's token, which Ray writes by the umask."""
    try:
        if token.is_file() and token.stat().st_mode & 0o077:
            token.chmod(0o600)
    except OSError as error:  # the file of another account, or a disk without modes
        logger.warning("%s: others may read it (%s)", token, error.strerror)
