"""Simulated sellers: what a world file states is what is drawn, the figures count what they say, the command runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from paths import ROOT

from benchmarks.common.tables import render
from benchmarks.simulated.ring_world import RingWorld, draw_rings, read_ring_world
from benchmarks.simulated.rings import naive_rings, photo_figures, ring_figures, rings, scale_figures

FILES = ROOT / "benchmarks/simulated/world_files"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """A small market with what rings.json states otherwise."""
    return {**read_ring_world(FILES / "rings.json"), "sellers": 1500, "rings": 6, "lone_counterfeiters": 20,
            "two_account_families": {"pairs": 10, "shared_photos": 3}}  # fmt: skip


@pytest.fixture(scope="module")
def world(spec: dict[str, Any]) -> RingWorld:
    return draw_rings(spec, 0)


def test_what_is_stated_is_drawn(spec: dict[str, Any], world: RingWorld) -> None:
    sizes = np.unique(world.ring[world.ring >= 0], return_counts=True)[1]
    assert len(sizes) == 6
    assert sizes.min() >= 3
    assert sizes.max() <= 40
    assert (~world.honest).sum() == sizes.sum() + 20
    assert world.suspects[world.ring >= 0].mean() > 0.5
    assert world.suspects[world.honest].mean() < 0.05
    assert world.victims.any()
    assert not (world.victims & ~world.honest).any()
    assert world.tokens.max() < len(world.contacts)
    again = draw_rings(spec, 0)
    assert np.array_equal(again.users, world.users)
    assert np.array_equal(again.tokens, world.tokens)
    assert not np.array_equal(draw_rings(spec, 1).ring, world.ring)


def test_the_truth_has_full_marks_and_nothing_found_has_none(world: RingWorld) -> None:
    truth = [np.flatnonzero((world.ring == n) & world.suspects) for n in range(6)]
    figures = ring_figures(world, [ring for ring in truth if len(ring) > 1])
    assert [figures[k] for k in ("pair_precision", "recall_reachable", "recall_all", "rings_found")] == [1.0] * 4
    assert figures["honest_per_10000"] == figures["victims_in_rings"] == 0
    nothing = ring_figures(world, [])
    assert [nothing[k] for k in ("pair_precision", "recall_reachable", "rings_found", "rings")] == [0.0] * 4


def test_the_naive_twin_joins_whoever_shares_a_token(world: RingWorld) -> None:
    figures = ring_figures(world, naive_rings(world))
    assert figures["recall_reachable"] == 1.0
    assert figures["honest_per_10000"] > 1000
    gated = naive_rings(world, gated=True)
    assert all(world.suspects[ring].all() for ring in gated)


def test_the_command_writes_the_figures_and_their_table(spec: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text(json.dumps(spec))
    out = tmp_path / "rings.json"
    result = CliRunner().invoke(rings, ["--world", str(tmp_path / "w.json"), "--seeds", "1", "--json", str(out)])
    assert result.exit_code == 0, result.output
    figures = json.loads(out.read_text())["worlds"]["rings"]
    assert {"pair_precision", "honest_per_10000", "rings_found", "recall_reachable"} <= figures.keys()
    assert figures["same_in_any_order"] is True
    assert figures["pair_precision"] > 0.8
    assert figures["pair_precision"] > figures["gated_pair_precision"] > figures["naive_pair_precision"]
    assert "| rings | the four rules | " in render(json.loads(out.read_text()))


def test_the_command_wants_something_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(rings, ["--json", str(tmp_path / "r.json")])
    assert result.exit_code == 2
    assert "expected --world, --scale or --photos" in result.output


def test_scale_and_photos_are_measured() -> None:
    figures = scale_figures(2000, 1)
    assert figures["rings"] > 10
    assert figures["links"] > 1000
    assert photo_figures(2000)["copies_found"] > 0.95


@pytest.mark.parametrize("path", sorted(FILES.glob("rings*.json")), ids=lambda path: path.stem)
def test_the_files_are_worlds_of_their_name(path: Path) -> None:
    assert read_ring_world(path)["name"] == path.stem
