"""Material that is carried to another machine, and the run there in minutes; on the CPU, with tiny material."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders.training import MIX, font_file, make_composer
from click.testing import CliRunner

from logoscan.errors import CorruptFileError
from logoscan.training.__main__ import main
from logoscan.training.carried_material import (
    choose_icons,
    pack_icons,
    pack_material,
    pack_photographs,
    unpack_icons,
    unpack_material,
    unpack_photographs,
)
from logoscan.training.compose import GARMENTS, Composer
from logoscan.training.depthwise import FastDepthwise
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.gpu_run import GpuPlan, gpu_run, interrupted_after
from logoscan.training.icon_files import save
from logoscan.training.icons import Icons, from_arrays
from logoscan.training.materials import backgrounds_from_arrays, save_backgrounds
from logoscan.training.model_files import write_model
from logoscan.training.network import TextTower, Tower, for_training
from logoscan.training.tower_plan import Plan
from logoscan.training.tower_run import begin_run
from logoscan.training.train import _step

MAKE = partial(make_composer, fonts=(font_file(),))


def icons() -> Icons:
    rows = []
    for k in range(12):
        rgba = np.zeros((40 + k, 31, 4), np.uint8)
        cv2.circle(rgba, (15, 20), 6 + k % 4, (255 * (k % 2), 30, 10 * k, 255), -1)
        rows.append((f"m{k // 2}" if k < 8 else f"n{k}", f"set{k % 3}", k % 2 == 0, rgba))
    return from_arrays(rows)


def test_icons_keep_their_shape_and_nearly_their_colour() -> None:
    given = icons()
    again = unpack_icons(pack_icons(given, 10**6, np.random.default_rng(0)))
    assert (again.names, len(again)) == (given.names, len(given))
    for cls in range(len(given.names)):
        for i, j in zip(
            given.by_class()[cls], sorted(again.by_class()[cls], key=lambda n: again.shapes[n, 0]), strict=True
        ):
            one, two = given.rgba(int(i)).astype(int), again.rgba(int(j)).astype(int)
            assert bool(given.one_colour[i]) == bool(again.one_colour[j])
            seen = one[..., 3] > 128
            assert np.abs(one[..., 3] - two[..., 3]).max() <= 8
            assert np.abs(one - two)[seen].max() <= 8


def test_classes_with_several_icons_tend_to_come_first() -> None:
    given = icons()
    several: list[int] = []
    single: list[int] = []
    for seed in range(40):
        order = list(choose_icons(given, np.random.default_rng(seed)))
        assert sorted(order) == list(range(len(given)))
        for place, i in enumerate(order):
            (several if given.names[int(given.labels[i])].startswith("m") else single).append(place)
    assert np.mean(several) < np.mean(single) - 1


def test_photographs_fit_into_their_budget() -> None:
    given = backgrounds_from_arrays([np.full((64, 80 + k, 3), (200, 30, 40 + k), np.uint8) for k in range(9)])
    archive = pack_photographs(given, 10**5, np.random.default_rng(0))
    again = unpack_photographs(archive)
    assert sorted(again.shapes[:, 1].tolist()) == list(range(80, 89))
    assert np.abs(again.rgb(0)[..., 0].astype(int) - 200).max() < 12
    assert 0 < len(unpack_photographs(pack_photographs(given, len(archive) // 3, np.random.default_rng(0)))) < 9
    assert len(unpack_photographs(pack_photographs(backgrounds_from_arrays([]), 100, np.random.default_rng(0)))) == 0


def test_carried_material_is_a_working_folder(tmp_path: Path) -> None:
    work, fonts = tmp_path / "work", tmp_path / "fonts"
    (fonts / "family").mkdir(parents=True)
    (fonts / "family" / "a.ttf").write_bytes(Path(font_file()).read_bytes())
    save(icons(), work / "drawings")
    grounds = backgrounds_from_arrays([np.full((70, 90, 3), 90, np.uint8)] * 2)
    save_backgrounds(grounds, work / "backgrounds")
    given = ["pack-material", "--work", str(work), "--fonts", str(fonts), "--out", str(tmp_path / "pack")]
    assert CliRunner().invoke(main, [*given, "--megabytes", "1"], catch_exceptions=False).exit_code == 0
    there = tmp_path / "there"
    result = CliRunner().invoke(main, ["unpack-material", str(tmp_path / "pack"), str(there)], catch_exceptions=False)
    counts = {"icons": 12, "classes": 8, "backgrounds": 2, "garments": 0, "fonts": 1}
    assert json.loads(result.output) == counts
    assert {path.name for path in there.iterdir()} == {"drawings", "backgrounds", GARMENTS, "fonts"}
    assert (there / "fonts" / "0000-a.ttf").read_bytes() == Path(font_file()).read_bytes()
    composer = Composer.from_folders(str(there), str(there / "fonts"), 0)
    assert len(composer.batch(MIX).crops) == 12
    size = pack_material(work, fonts, tmp_path / "again", 1)
    assert size < 10**6
    for path in (tmp_path / "pack").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    (tmp_path / "pack" / "fonts.zip").unlink()
    with pytest.raises(CorruptFileError, match="expected packed material"):
        unpack_material(tmp_path / "pack", tmp_path / "nowhere")


def test_both_networks_are_trained_in_time(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = tmp_path / "start.safetensors"
    write_model(Tower(), start, text=TextTower())
    plan = GpuPlan(minutes=10, detector=replace(GpuPlan().detector, size_px=128, batch=2, makers=1, max_steps=1))
    plan = replace(plan, tower=replace(plan.tower, mix=MIX, small_px=64, makers=1, joined=2, max_steps=1))
    written = gpu_run(MAKE, plan, tmp_path / "out", device="cpu", detector=start, tower=start)
    assert [path.name for path in written] == ["detector.safetensors", "model.safetensors"]
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert files == {
        "detector/detector.safetensors", "detector/log.jsonl", "tower/model.safetensors", "tower/log.jsonl"
    }  # fmt: skip
    line = json.loads((tmp_path / "out" / "tower" / "log.jsonl").read_text(encoding="utf-8"))
    assert (line["step"], line["samples"]) == (1, 24)


def test_one_failure_does_not_stop_the_other(tmp_path: Path) -> None:
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"nothing")
    with pytest.raises(ExceptionGroup, match="trainings failed") as caught:
        gpu_run(MAKE, GpuPlan(), tmp_path / "out", device="cpu", detector=bad, tower=bad)
    assert len(caught.value.exceptions) == 2
    with pytest.raises(ValueError, match="got neither"):
        gpu_run(MAKE, GpuPlan(), tmp_path, device="cpu")


def test_what_is_late_is_interrupted() -> None:
    began = time.monotonic()
    with interrupted_after(0.1):
        while time.monotonic() - began < 60:
            time.sleep(0.02)
    assert time.monotonic() - began < 50
    with interrupted_after(20):
        pass
    with pytest.raises(KeyboardInterrupt), interrupted_after(20):
        raise KeyboardInterrupt  # of the user


def test_plans_refuse_nonsense() -> None:
    with pytest.raises(ValueError, match=r"plan.minutes: expected more than 25 s"):
        GpuPlan(minutes=0.1)
    with pytest.raises(ValueError, match=r"plan.share: expected a number between 0 and 1, got 1"):
        GpuPlan(share=1)
    with pytest.raises(ValueError, match=r"plan.makers: expected a number above 0, got 0"):
        Plan(makers=0)
    with pytest.raises(ValueError, match=r"plan.log_every_s: expected a number above 0, got 0"):
        DetectorPlan(log_every_s=0)


def test_only_a_cpu_gets_the_convolutions_made_for_it(tmp_path: Path) -> None:
    def fast(tower: Tower) -> int:
        return sum(isinstance(module, FastDepthwise) for module in tower.modules())

    assert fast(for_training(Tower(8))) > 0
    with torch.device("meta"):
        bare = Tower(8)
    assert fast(for_training(bare, device="meta")) == 0
    run = begin_run(MAKE(0), Plan(mix=MIX, whiten_batches=0), tmp_path, None, "cpu")
    assert run.tower.device == torch.device("cpu")


def test_a_step_mixes_no_devices(tmp_path: Path) -> None:
    """On a device without data, an operation with a tensor of the CPU is an error, as it would be on a GPU."""
    composer, plan = MAKE(0), Plan(mix=MIX, whiten_batches=0, small_px=64)
    run = begin_run(composer, plan, tmp_path, None, "meta")
    run.tower.set_modes(learn_statistics=True)
    losses = _step(run, composer.batch(MIX), plan, run.first @ run.first.T > 0.95, 0.5, small=True)
    assert {loss.device.type for loss in losses.values()} == {"meta"}
