"""Compose batches on all cores into shards that are kept, so that later epochs cost no composing."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from logoscan._hashing import fingerprint
from logoscan._version import __version__
from logoscan.io.files import held, lock_at
from logoscan.training.batches import Mix
from logoscan.training.compose import Composer
from logoscan.training.detector_examples import Scenes
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.shard_files import (
    Kind,
    from_batch,
    from_examples,
    read_made_by,
    require_alike,
    shard_path,
    shard_paths,
    write_shard,
)
from logoscan.training.stream import stream

logger = logging.getLogger(__name__)

# Settings of a run of the detector that say what its scenes are made of.
_SCENE_SETTINGS = ("size_px", "batch", "words", "distractors", "groups", "crowds", "goods", "abstract")


@dataclass(frozen=True)
class ShardPlan:
    """Settings of kept shards.

    Attributes:
        contents: Contents of the batches: a mix of crops, or the settings of a run of the detector.
        batches: Number of batches, rounded up to whole shards.
        seed: Seed of the run; shards of several seeds may lie in one folder.
        per_shard: Batches in a shard. Their pictures are in memory until it is written, in each process.
        processes: Number of processes that compose.
    """

    contents: Mix | DetectorPlan
    batches: int
    seed: int = 0
    per_shard: int = 8
    processes: int = 1

    def __post_init__(self) -> None:
        for name in ("batches", "per_shard", "processes"):
            if getattr(self, name) < 1:
                raise ValueError(f"plan.{name}: expected 1 or more, got {getattr(self, name)}")

    @property
    def kind(self) -> Kind:
        """What the shards hold."""
        return "crops" if isinstance(self.contents, Mix) else "scenes"

    @property
    def settings(self) -> dict[str, Any]:
        """Contents of the batches as JSON can hold them."""
        every: dict[str, Any] = json.loads(json.dumps(asdict(self.contents)))
        return every if self.kind == "crops" else {name: every[name] for name in _SCENE_SETTINGS}

    def made_by(self, composer: Composer) -> dict[str, Any]:
        """Return what makes a shard of this plan, but for its number."""
        material = composer.material()
        head = {"kind": self.kind, "seed": self.seed, "logoscan": __version__}
        return {**head, "contents": self.settings, "material": material}


@dataclass(frozen=True)
class ShardMaker:
    """A picklable factory of functions that compose and write one shard after another.

    Attributes:
        make: Function that builds a composer from a seed.
        plan: Settings.
        folder: Folder of the shards.
        numbers: Numbers of the shards that this process writes.
    """

    make: Callable[[int], Composer]
    plan: ShardPlan
    folder: Path
    numbers: tuple[int, ...]

    def __call__(self) -> Callable[[], int]:
        """Build the composer and return a function that writes the next shard and returns its number."""
        return partial(next, self._written(self.make(self.plan.seed)))

    def _written(self, composer: Composer) -> Iterator[int]:
        """Write the shards and yield their numbers; a shard depends on seed and number alone."""
        plan, made_by = self.plan, self.plan.made_by(composer)
        for number in self.numbers:
            fresh = composer.with_seed(int(fingerprint("shard", plan.kind, plan.seed, number), 16))
            if isinstance(plan.contents, Mix):
                batches = [from_batch(fresh.batch(plan.contents)) for _ in range(plan.per_shard)]
            else:
                draw = Scenes(lambda _, fresh=fresh: fresh, 0, plan.contents)()  # type: ignore[misc]
                batches = [from_examples(draw()) for _ in range(plan.per_shard)]
            write_shard(shard_path(self.folder, plan.kind, plan.seed, number), batches, {**made_by, "number": number})
            yield number


def compose_shards(make: Callable[[int], Composer], plan: ShardPlan, folder: str | Path) -> int:
    """Compose the shards of a plan that the folder lacks, in several processes.

    Shards that exist are kept, so a run that was stopped continues, and a larger one adds to a smaller one. Only one
    run at a time writes to a folder.

    Args:
        make: Function that builds a composer from a seed; picklable.
        plan: Settings.
        folder: Folder of the shards.

    Returns:
        Number of shards that were written.

    Raises:
        LogoscanError: If another run writes to the folder.
        MismatchError: If the folder holds shards of the same kind with other contents or from other material.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    with held(lock_at(path / ".lock"), timeout_s=0):
        expected = plan.made_by(make(plan.seed))
        for shard in shard_paths(path, plan.kind):
            require_alike(shard, read_made_by(shard), expected)
        wanted = range(-(-plan.batches // plan.per_shard))
        missing = [n for n in wanted if not shard_path(path, plan.kind, plan.seed, n).exists()]
        parts = [tuple(missing[k :: plan.processes]) for k in range(plan.processes)]
        with closing(stream(*(ShardMaker(make, plan, path, part) for part in parts if part))) as written:
            for done, number in enumerate(written, 1):
                logger.info("shard %d written, %d of %d", number, done, len(missing))
        return len(missing)
