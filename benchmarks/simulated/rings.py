"""Rings of sellers in simulated worlds: who belongs together, and who is accused by mistake.

Everything is drawn (`ring_world.py`, from a world file), linked and ruled by the shipped code, `link_sellers` and
`find_rings`. Means over the seeds.

`pair_precision`: share of the pairs within a ring that was found who belong together. `recall_reachable`: share of the
pairs of suspects of one ring, who are tied by shared tokens directly or through other suspects of it, that are in one
ring that was found; `recall_all`: of all pairs of suspects of one ring. `rings_found`: share of the rings with three
suspects or more of which at least half of the suspects are in one ring that was found, more than half of which is
theirs. `honest_per_10000`: honest sellers in a ring, of 10,000 honest sellers; `victims_in_rings`: how many of them
were copied (the world knows no times, by which they could be told). `naive_*`: the same of the naive twin, which joins
all sellers who share any token; `gated_*`: of a twin that joins suspects alone, by tokens of at most 40 users.
`calibration`: of the pairs with log-odds from a whole number to the next, the share that belongs together, and their
number.

`--scale N`: one run of N suspects in a market of 50 N sellers, of which the suspects' tokens are drawn, and the number
of users of each stands in a table as SQL or Ray would count it: time and memory alone. `--photos N`: the same for the
clusters of N photos.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from benchmarks.simulated.ring_world import Ints, RingWorld, draw_rings, read_ring_world
from logoscan.cases.clusters import photo_clusters
from logoscan.cases.database import connect
from logoscan.cases.links import CAP, link_sellers
from logoscan.cases.rings import find_rings

# Photos that the suspects of a scale run have on average, and ring members among them.
_SCALE_PHOTOS, _SCALE_RING_SHARE = 15, 0.4


def token_table(world: RingWorld, order: Ints | None = None) -> Any:
    """Make the table of all uses of tokens that `link_sellers` takes."""
    import pyarrow as pa

    users, tokens = (world.users, world.tokens) if order is None else (world.users[order], world.tokens[order])
    return pa.table(
        {
            "seller_id": pa.array(np.char.add("s", users.astype("U"))),
            "kind": pa.array(np.where(world.contacts[tokens], "contact", "photo")),
            "token": pa.array(np.char.add("t", tokens.astype("U"))),
        }
    )


def suspects_of(world: RingWorld) -> list[str]:
    """Name the suspects as the table does."""
    return [f"s{seller}" for seller in np.flatnonzero(world.suspects)]


def found_rings(world: RingWorld, order: Ints | None = None) -> tuple[list[Ints], list[tuple[int, int, float]]]:
    """Find the rings of a world by the shipped code.

    Args:
        world: The world.
        order: Order of the uses in the table; None is as they were drawn.

    Returns:
        The members of each ring, and the links: two sellers and their log-odds.
    """
    links = link_sellers(token_table(world, order), suspects_of(world))
    rings = [np.array([int(member[1:]) for member in ring.members]) for ring in find_rings(links)]
    names = [int(name[1:]) for name in links.sellers]
    pairs = [(names[a], names[b], x) for (a, b), x in zip(links.pairs.tolist(), links.log_odds.tolist(), strict=True)]
    return rings, pairs


def naive_rings(world: RingWorld, *, gated: bool = False) -> list[Ints]:
    """Join all sellers who share any token: what the rules are compared with.

    Args:
        world: The world.
        gated: Whether suspects alone are joined, and by tokens of at most 40 users.
    """
    n = world.sellers
    nodes = n + len(world.contacts)
    uses = np.unique(np.column_stack([world.users, world.tokens]), axis=0)
    if gated:
        rare = np.bincount(uses[:, 1], minlength=len(world.contacts)) <= CAP
        uses = uses[world.suspects[uses[:, 0]] & rare[uses[:, 1]]]
    matrix = coo_array((np.ones(len(uses), bool), (uses[:, 0], n + uses[:, 1])), shape=(nodes, nodes))
    _, labels = connected_components(matrix, directed=False)
    order = np.argsort(labels[:n], kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(labels[:n][order])) + 1)
    return [part for part in parts if len(part) > 1]


def _pairs(counts: NDArray[Any]) -> int:
    return int((counts * (counts - 1) // 2).sum())


def ring_figures(world: RingWorld, rings: Sequence[Ints]) -> dict[str, float]:
    """Compare rings that were found with the truth."""
    member = np.full(world.sellers, -1)
    right = claimed = 0
    for number, ring in enumerate(rings):
        member[ring] = number
        claimed += len(ring) * (len(ring) - 1) // 2
        right += _pairs(np.unique(world.ring[ring][world.ring[ring] >= 0], return_counts=True)[1])
    sizes = np.array([len(ring) for ring in rings] or [0])
    together = reached = reachable = possible = large = found = 0
    for number in range(int(world.ring.max()) + 1):
        suspects = np.flatnonzero((world.ring == number) & world.suspects)
        possible += len(suspects) * (len(suspects) - 1) // 2
        tied, inside = _tied(world, suspects), member[suspects] >= 0
        reachable += _pairs(np.unique(tied, return_counts=True)[1])
        numbers, counts = np.unique(member[suspects][inside], return_counts=True)
        together += _pairs(counts)
        reached += _pairs(np.unique(np.column_stack([tied, member[suspects]])[inside], axis=0, return_counts=True)[1])
        if len(suspects) >= 3:
            large += 1
            best = int(counts.argmax()) if len(counts) else -1
            found += best >= 0 and 2 * counts[best] >= len(suspects) and 2 * counts[best] > sizes[numbers[best]]
    named = member >= 0
    return {
        "pair_precision": right / max(claimed, 1),
        "honest_per_10000": 10_000 * float((named & world.honest).sum() / world.honest.sum()),
        "rings_found": found / max(large, 1),
        "recall_reachable": reached / max(reachable, 1),
        "recall_all": together / max(possible, 1),
        "victims_in_rings": int((named & world.victims).sum()),
        "rings": len(rings),
    }


def _tied(world: RingWorld, suspects: Ints) -> NDArray[Any]:
    """Label the suspects by the parts that are tied by shared tokens."""
    chosen = np.isin(world.users, suspects)
    _, tokens = np.unique(world.tokens[chosen], return_inverse=True)
    users = np.searchsorted(suspects, world.users[chosen])
    nodes = len(suspects) + (int(tokens.max()) + 1 if len(tokens) else 0)
    matrix = coo_array((np.ones(len(users), bool), (users, len(suspects) + tokens)), shape=(nodes, nodes))
    _, labels = connected_components(matrix, directed=False)
    return np.asarray(labels[: len(suspects)])


def _calibration(world: RingWorld, pairs: Sequence[tuple[int, int, float]]) -> dict[int, tuple[int, int]]:
    """Count the links, and those that belong together, by the whole part of their log-odds."""
    out: dict[int, tuple[int, int]] = {}
    for one, other, log_odds in pairs:
        true = world.ring[one] == world.ring[other] and world.ring[one] >= 0
        right, count = out.get(int(log_odds // 1), (0, 0))
        out[int(log_odds // 1)] = (right + int(true), count + 1)
    return out


def world_figures(spec: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Measure one world."""
    runs, links = list[dict[str, float]](), dict[int, tuple[int, int]]()
    same = True
    for seed in range(seeds):
        world = draw_rings(spec, seed)
        start, cpu = time.perf_counter(), time.process_time()
        rings, pairs = found_rings(world)
        spent = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}
        run = {**ring_figures(world, rings), **spent}
        for name, gated in (("naive", False), ("gated", True)):
            twin = ring_figures(world, naive_rings(world, gated=gated))
            run.update({f"{name}_{key}": value for key, value in twin.items()})
        runs.append(run)
        for low, (right, count) in _calibration(world, pairs).items():
            links[low] = (links.get(low, (0, 0))[0] + right, links.get(low, (0, 0))[1] + count)
        if seed == 0:
            order = np.random.default_rng(1).permutation(len(world.users))
            again, _ = found_rings(world, order)
            same = [ring.tolist() for ring in again] == [ring.tolist() for ring in rings]
    figures: dict[str, Any] = {name: round(float(np.mean([run[name] for run in runs])), 4) for name in runs[0]}
    figures["same_in_any_order"] = same
    figures["sellers"] = spec["sellers"]
    figures["calibration"] = {
        str(low): {"share": round(right / count, 3), "links": count} for low, (right, count) in sorted(links.items())
    }
    return figures


# -- scale


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def scale_figures(suspects: int, threads: int) -> dict[str, float]:
    """Measure the time of linking many suspects, 40 % of them members of rings, and the peak memory of the process."""
    rng = np.random.default_rng(0)
    sizes = np.clip(np.rint(np.exp(rng.normal(2.0, 0.8, suspects // 8))), 3, 40).astype(np.int64)
    sizes = sizes[: np.searchsorted(np.cumsum(sizes), _SCALE_RING_SHARE * suspects)]
    members = int(sizes.sum())
    ring = np.repeat(np.arange(len(sizes)), sizes)
    pools = rng.integers(8, 60, len(sizes))
    starts = np.concatenate([[0], np.cumsum(pools)])
    used = rng.integers(2, 12, members)
    users = np.repeat(np.arange(members), used)
    of_ring = ring[users]
    shared = starts[of_ring] + rng.integers(0, pools[of_ring])
    own_users = np.repeat(np.arange(suspects), rng.integers(2, 2 * _SCALE_PHOTOS - 8, suspects))
    own = starts[-1] + np.arange(len(own_users))
    # what wholesalers' sets add: of 50 N sellers 30 % use two of N sets of 12 photos, so that 30 sellers use a set
    shippers = np.flatnonzero(rng.random(suspects) < 0.3)
    set_users = np.repeat(shippers, 12)
    set_photos = starts[-1] + len(own) + 12 * np.repeat(rng.integers(0, suspects, 2 * len(shippers)), 6)
    set_photos += rng.integers(0, 12, len(set_photos))
    seller = np.concatenate([users, own_users, set_users])
    token = np.concatenate([shared, own, set_photos])
    counted = np.unique(set_photos)
    import pyarrow as pa

    tokens = pa.table(
        {
            "seller_id": pa.array(seller),
            "kind": pa.array(np.zeros(len(seller), np.int8)),
            "token": pa.array(token),
        }
    )
    db = connect(threads)
    tokens = db.sql(
        "SELECT 's' || seller_id AS seller_id, 'photo' AS kind, lpad(token::VARCHAR, 64, '0') AS token FROM tokens"
    ).to_arrow_table()
    counts = pa.table({"kind": ["photo"] * len(counted), "token": [f"{t:064d}" for t in counted.tolist()],
                       "users": [30] * len(counted)})  # fmt: skip
    names = [f"s{i}" for i in range(suspects)]
    before = _peak_gb()
    start, cpu = time.perf_counter(), time.process_time()
    links = link_sellers(tokens, names, counts=counts, sellers=50 * suspects, connection=db)
    linked = time.perf_counter()
    rings = find_rings(links)
    end = time.perf_counter()
    return {
        "suspects": suspects, "uses": len(tokens), "links": len(links), "rings": len(rings), "threads": threads,
        "link_seconds": round(linked - start, 1), "ring_seconds": round(end - linked, 1),
        "seconds": round(end - start, 1), "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_gb": round(_peak_gb(), 2), "peak_gb_before": round(before, 2),
    }  # fmt: skip


def photo_figures(photos: int) -> dict[str, float]:
    """Measure the time of clustering photos, a tenth of them copies with 8 changed bits, and how many are found."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (photos, 32), np.uint8)
    copies = photos // 10
    bits = np.unpackbits(hashes[:copies], axis=1)
    flipped = rng.integers(0, 256, (copies, 8))
    np.put_along_axis(bits, flipped, 1 - np.take_along_axis(bits, flipped, 1), 1)
    hashes[copies : 2 * copies] = np.packbits(bits, axis=1)
    order = np.lexsort(hashes.T[::-1])
    where = np.argsort(order)
    start = time.perf_counter()
    plain = photo_clusters(hashes[order], turned=False)
    mid = time.perf_counter()
    photo_clusters(hashes[order])
    end = time.perf_counter()
    found = plain[where[:copies]] == plain[where[copies : 2 * copies]]
    return {"photos": photos, "seconds_plain": round(mid - start, 1), "seconds_turned": round(end - mid, 1),
            "copies_found": round(float(found.mean()), 4), "peak_gb": round(_peak_gb(), 2)}  # fmt: skip


@click.command("rings", help=__doc__)
@click.option("--world", "worlds", type=PATH, multiple=True, help="World file, such as world_files/rings.json.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--scale", type=click.IntRange(1000), help="Suspects of a run that measures time and memory.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="DuckDB's threads of --scale.")
@click.option("--photos", type=click.IntRange(1000), help="Photos of a run that measures their clusters.")
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def rings(worlds: tuple[Path, ...], seeds: int, scale: int | None, threads: int, photos: int | None, out: Path) -> None:
    """Measure rings."""
    if not worlds and scale is None and photos is None:
        raise click.UsageError("expected --world, --scale or --photos")
    figures: dict[str, Any] = {"worlds": {}}
    for spec in map(read_ring_world, worlds):
        figures["worlds"][str(spec["name"])] = world_figures(spec, seeds)
    if scale is not None:
        figures["scale"] = scale_figures(scale, threads)
    if photos is not None:
        figures["photos"] = photo_figures(photos)
    write_result(out, figures, {"seeds": seeds, "simulated": "all worlds"})
