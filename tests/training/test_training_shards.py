"""Kept shards: written once, resumed, refused where they do not fit, read in another order each epoch."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from builders.training import MIX, font_file, make_composer, metadata, stream_here
from click.testing import CliRunner

from logoscan.errors import CorruptFileError, LogoscanError, MismatchError
from logoscan.io.files import held, lock_at
from logoscan.training.__main__ import main
from logoscan.training.batches import Batch, join_batches
from logoscan.training.detector import train_detector
from logoscan.training.detector_examples import Example
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.shard_files import (
    decode_pictures,
    encode_pictures,
    from_batch,
    from_examples,
    read_arrays,
    read_made_by,
    shard_paths,
    to_batch,
    to_examples,
    write_shard,
)
from logoscan.training.shard_reader import KeptBatches, KeptScenes, Shards, shuffled, vary, vary_example
from logoscan.training.shard_writer import ShardPlan, compose_shards
from logoscan.training.stream import stream
from logoscan.training.tower_plan import Plan
from logoscan.training.train import train

MAKE = partial(make_composer, fonts=(font_file(),))
PLAN = ShardPlan(MIX, batches=5, per_shard=2)
SCENES = DetectorPlan(minutes=5, max_steps=3, size_px=128, batch=2)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    assert compose_shards(MAKE, replace(PLAN, processes=2), folder) == 3
    return folder


@pytest.fixture
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is composed and read is so in this process; `kept` was composed by two, and one test streams from two."""
    for name in ("shard_writer", "train", "detector"):
        monkeypatch.setattr(f"logoscan.training.{name}.stream", stream_here)


def smooth(count: int, side: int) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(count)
    small = rng.integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    return np.stack([np.asarray(cv2.resize(picture, (min(side, 64), side)), np.uint8) for picture in small])


@pytest.mark.parametrize(("count", "side"), [(0, 64), (1, 64), (5, 128), (70, 1024)])  # the last ones take two strips
def test_pictures_survive_in_strips(count: int, side: int) -> None:
    pictures = smooth(max(count, 1), side)[:count]
    again = decode_pictures(encode_pictures(pictures))
    assert again.shape == pictures.shape
    if count:
        assert np.abs(again.astype(int) - pictures).mean() < 2
    with pytest.raises(ValueError, match="multiple of 8 px, got 60"):
        encode_pictures(np.zeros((1, 60, 64, 3), np.uint8))


def test_batches_and_scenes_survive_in_a_shard(tmp_path: Path) -> None:
    batch = Batch(smooth(4, 64), np.array([0, 0, 9, 9]), ("", "", "Größe", "a b"), ())
    scenes = [Example(smooth(1, 64)[0], np.zeros((0, 4), np.float32)) for _ in range(2)]
    scenes[1] = replace(scenes[1], boxes=np.array([[1, 2, 30, 40]], np.float32))
    write_shard(tmp_path / "a.npz", [from_batch(batch), from_batch(batch)], {"kind": "crops"})
    write_shard(tmp_path / "b.npz", [from_examples(scenes)], {})
    assert read_made_by(tmp_path / "a.npz") == {"kind": "crops", "batches": 2}
    again = to_batch(read_arrays(tmp_path / "a.npz", 1))
    assert (again.texts, again.other_names, again.labels.tolist()) == (batch.texts, (), [0, 0, 9, 9])
    back = to_examples(read_arrays(tmp_path / "b.npz", 0))
    for one, two in zip(back, scenes, strict=True):
        np.testing.assert_array_equal(one.boxes, two.boxes)
        assert np.abs(one.pixels.astype(int) - two.pixels).mean() < 2
    with pytest.raises(CorruptFileError, match="expected batch 2"):
        read_arrays(tmp_path / "a.npz", 2)
    (tmp_path / "c.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:200])
    with pytest.raises(CorruptFileError, match="expected a shard"):
        read_made_by(tmp_path / "c.npz")


@pytest.mark.usefixtures("_here")
def test_shards_are_kept_and_do_not_depend_on_processes(kept: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in shard_paths(kept, "crops")}
    assert list(before) == [f"crops-0-{n:06}.npz" for n in range(3)]
    assert compose_shards(MAKE, PLAN, kept) == 0
    assert compose_shards(MAKE, replace(PLAN, batches=2), tmp_path) == 1  # a run that was stopped
    assert compose_shards(MAKE, PLAN, tmp_path) == 2
    for path in shard_paths(tmp_path, "crops"):
        one, two = read_arrays(path, 1), read_arrays(kept / path.name, 1)
        for name, array in one.items():
            np.testing.assert_array_equal(array, two[name])
    made_by = read_made_by(kept / "crops-0-000002.npz")
    assert (made_by["number"], made_by["seed"], made_by["contents"]["drawn"]) == (2, 0, MIX.drawn)
    assert (made_by["material"]["icons"], made_by["material"]["fonts"]) == (4, 1)
    assert {path.name: path.read_bytes() for path in shard_paths(kept, "crops")} == before


def test_shards_of_another_making_are_refused(kept: Path) -> None:
    with pytest.raises(MismatchError, match="expected a shard with contents"):
        compose_shards(MAKE, replace(PLAN, contents=replace(MIX, packs=0)), kept)
    with pytest.raises(MismatchError, match="expected a shard with material"):
        compose_shards(partial(MAKE, classes=5), PLAN, kept)
    with held(lock_at(kept / ".lock")), pytest.raises(LogoscanError, match="held by another process"):
        compose_shards(MAKE, replace(PLAN, seed=1), kept)
    with pytest.raises(ValueError, match="expected shards of scenes, got none"):
        next(shuffled(Shards(str(kept)), "scenes", 0))


def test_each_epoch_reads_every_batch_once_in_another_order(kept: Path) -> None:
    def order(seed: int, part: int, parts: int, epochs: int) -> list[bytes]:
        read = shuffled(Shards(str(kept), epochs), "crops", seed, part, parts)
        return [arrays["jpeg"].tobytes() for arrays in read]

    once = order(0, 0, 1, 1)
    assert len(set(once)) == 6
    twice = order(0, 0, 1, 2)
    assert twice[:6] == once
    assert set(twice[6:]) == set(once)
    assert twice[6:] != once
    assert order(1, 0, 1, 1) != once
    assert sorted(order(0, 0, 2, 1) + order(0, 1, 2, 1)) == sorted(once)


def test_streams_of_kept_batches_end(kept: Path) -> None:
    shards = Shards(str(kept), 2)
    batches = list(stream(*(KeptBatches(shards, 3, part, 2) for part in range(2))))
    assert len(batches) == 12
    assert all(batch.crops.shape == (12, 128, 128, 3) for batch in batches)


def test_varied_pictures_move_with_their_boxes() -> None:
    rng = np.random.default_rng(0)
    moves = set()
    for _ in range(12):
        pixels = np.full((128, 128, 3), 60, np.uint8)
        pixels[40:60, 70:100] = 200
        boxes = np.array([[70, 40, 100, 60], [0, 0, 3, 8]], np.float32)
        varied = vary_example(Example(pixels, boxes), rng)
        bright = np.argwhere(varied.pixels[..., 0] > 130)
        (y0, x0), (y1, x1) = bright.min(0), bright.max(0) + 1
        assert varied.boxes[0].tolist() == [x0, y0, x1, y1]
        moves.add((int(x0), int(y0)))
    assert len(moves) > 6
    assert max(abs(x - 70) for x, _ in moves) <= 4
    grey = np.full((128, 128, 3), 60, np.uint8)
    vary(grey, rng)
    assert np.ptp(grey) == 0  # no dark edge comes in


def test_joined_batches_keep_classes_apart() -> None:
    crops = np.zeros((4, 8, 8, 3), np.uint8)
    one = Batch(crops, np.array([1, 1, 7, 7]), ("", "", "Acme", "Acme"), ("Zed", "Yon"))
    two = Batch(crops, np.array([1, 1, 7, 7]), ("", "", "zed", "zed"), ("Wye",))
    both = join_batches([one, two], classes=5)
    assert both.labels.tolist() == [1, 1, 5, 5, 1, 1, 6, 6]
    assert len(both.crops) == 8
    assert both.other_names == ("Yon", "Wye")
    assert join_batches([one], classes=5) is one


@pytest.mark.usefixtures("_here")
def test_towers_learn_from_kept_batches(kept: Path, tmp_path: Path) -> None:
    plan = Plan(minutes=30, mix=MIX, small_px=64, joined=2, resumable=False, log_every_s=1800)
    path = train(MAKE, plan, tmp_path, shards=Shards(str(kept), 1))
    notes = json.loads(metadata(path)["training"])
    assert (notes["steps"], notes["samples"]) == (3, 72)  # six batches, two in a step, once
    assert not (tmp_path / "state.pt").exists()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["step"] for line in lines] == [3]
    assert {"pair", "text", "letters", "waited_s"} <= set(lines[0])
    with pytest.raises(MismatchError, match="expected a shard of the classes"):
        train(partial(MAKE, classes=5), plan, tmp_path / "other", shards=Shards(str(kept)))


@pytest.mark.usefixtures("_here")
def test_the_detector_learns_from_kept_scenes(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    assert compose_shards(make_composer, ShardPlan(SCENES, batches=2, per_shard=2), folder) == 1
    shards = Shards(str(folder))
    assert len(KeptScenes(shards, 0)()()) == 2
    torch.manual_seed(0)
    path = train_detector(make_composer, SCENES, tmp_path / "run", shards=shards)
    assert json.loads(metadata(path)["training"])["steps"] == 3  # more than one epoch
    with pytest.raises(MismatchError, match="expected a shard of scenes with"):
        train_detector(make_composer, replace(SCENES, size_px=192), tmp_path / "run", shards=shards)


def test_plans_of_shards_refuse_nonsense(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"plan.batches: expected 1 or more, got 0"):
        ShardPlan(MIX, batches=0)
    with pytest.raises(ValueError, match=r"shards.epochs: expected 1 or more, or None, got 0"):
        Shards(str(tmp_path), 0)
    for command in ("train", "detector"):
        given = [command, "--work", str(tmp_path), "--fonts", str(tmp_path), "--run", str(tmp_path), "--epochs", "2"]
        result = CliRunner().invoke(main, given)
        assert result.exit_code == 2
        assert "expected with --shards" in result.output
