"""The network and the training loop of the recipe, for a few steps on synthetic drawings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.training import MIX, font_file, make_composer, metadata, stream_here
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from timm.layers import Conv2dSame

from logoscan.runtime import cpu_has_bf16
from logoscan.training.__main__ import main
from logoscan.training.compose import Composer
from logoscan.training.depthwise import Depthwise
from logoscan.training.icon_files import save as save_drawings
from logoscan.training.losses import pair_loss, proxy_loss, text_loss
from logoscan.training.model_files import average, read_text_tower, read_tower, write_model
from logoscan.training.network import DIM, TextTower, Tower, embed, for_training, to_input
from logoscan.training.stream import stream
from logoscan.training.tower_plan import Plan
from logoscan.training.tower_run import begin_run
from logoscan.training.train import train

PLAN = Plan(minutes=5, max_steps=2, mix=MIX, small_px=64, whiten_batches=1, proxy_weight=0.5)


@pytest.fixture
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are made in this process; that another one makes them is seen by the first test."""
    monkeypatch.setattr("logoscan.training.train.stream", stream_here)


def broken() -> None:
    raise OSError("disk on fire")


def broken_maker() -> Callable[[], None]:
    return broken


def test_encoder_run_is_written_resumed_and_loadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    start = tmp_path / "start.safetensors"
    write_model(Tower(), start, text=TextTower())
    run, make = tmp_path / "run", partial(make_composer, fonts=(font_file(),))
    path = train(make, PLAN, run, start)
    first = json.loads(metadata(path)["training"])
    assert (first["steps"], first["samples"], first["classes"]) == (2, 24, 4)
    monkeypatch.setattr("logoscan.training.train.stream", stream_here)  # the first run had a process
    again = json.loads(metadata(train(make, PLAN, run, start))["training"])
    assert (again["steps"], again["samples"]) == (4, 48)
    assert set(load_file(str(path))) == set(load_file(str(start)))
    before, after = load_file(str(start)), load_file(str(path))
    stem, late = "visual.trunk.conv_stem.weight", "visual.head.proj.weight"
    assert torch.equal(before[stem], after[stem])  # frozen
    assert not torch.equal(before[late], after[late])
    assert not torch.equal(before["text_projection"], after["text_projection"])
    vectors = embed(read_tower(path), make_composer().batch(PLAN.mix).crops)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.usefixtures("_here")
def test_resumed_run_uses_the_stages_it_froze(tmp_path: Path) -> None:
    torch.manual_seed(5)  # other weights than the plan's seed gives
    start = tmp_path / "start.safetensors"
    write_model(Tower(), start, text=TextTower())
    run, make = tmp_path / "run", partial(make_composer, fonts=(font_file(),))
    train(make, PLAN, run, start)
    tower = begin_run(make(0), PLAN, run, start).tower
    x = to_input(make(1).batch(MIX).crops)
    tower.set_modes(learn_statistics=False)
    frozen = tower(x)  # by the folded copy of the first stages
    torch.testing.assert_close(frozen, tower.eval()(x), atol=2e-3, rtol=0)


@pytest.mark.usefixtures("_here")
def test_a_warm_start_from_narrower_vectors_widens_both_towers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = tmp_path / "start.safetensors"
    write_model(Tower(32), start, text=TextTower(32))
    assert len(load_file(str(start))["visual.head.proj.weight"]) == 32
    plan = replace(PLAN, whiten_batches=2, max_steps=1)
    after = load_file(str(train(partial(make_composer, fonts=(font_file(),)), plan, tmp_path / "run", start)))
    assert after["visual.head.proj.weight"].shape[0] == after["text_projection"].shape[1] == DIM
    again = train(
        partial(make_composer, fonts=(font_file(),)), plan, tmp_path / "run", start
    )  # goes on, from the same command
    assert json.loads(metadata(again)["training"])["steps"] == 2
    average(start, again, tmp_path / "mean", 0.5)
    assert read_tower(tmp_path / "mean").dim == DIM  # of two shapes that of the second


def test_a_folder_without_fonts_is_refused(tmp_path: Path) -> None:
    made = make_composer()
    save_drawings(made.icons, tmp_path / "drawings")
    with pytest.raises(ValueError, match="expected font files that draw Latin letters, got none"):
        Composer.from_folders(str(tmp_path), str(tmp_path), 0)


def test_average_is_the_mean_and_keeps_what_one_alone_holds(tmp_path: Path) -> None:
    torch.manual_seed(0)
    write_model(Tower(), tmp_path / "a", {"run": 1}, TextTower())
    write_model(Tower(), tmp_path / "b", {"run": 2})
    average(tmp_path / "a", tmp_path / "b", tmp_path / "mean", 0.25)
    one, two, mean = (load_file(str(tmp_path / name)) for name in ("a", "b", "mean"))
    key = "visual.head.proj.weight"
    torch.testing.assert_close(mean[key].float(), 0.75 * one[key].float() + 0.25 * two[key].float(), atol=1e-3, rtol=0)
    assert torch.equal(mean["text_projection"], one["text_projection"])
    assert json.loads(metadata(tmp_path / "mean")["training"])["average"][1] == {"run": 2}


def test_model_files_hold_both_towers_or_one(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower, text = Tower(), TextTower()
    write_model(tower, tmp_path / "both.safetensors", text=text)
    write_model(tower, tmp_path / "image.safetensors")
    assert read_text_tower(tmp_path / "image.safetensors") is None
    again = read_text_tower(tmp_path / "both.safetensors")
    assert again is not None
    tokens = text.tokens(["Acme", "acme", "Acne"])
    assert torch.equal(tokens[0], tokens[1])  # the tokenizer folds case
    assert not torch.equal(tokens[0], tokens[2])
    assert int((tokens[0] > 0).sum()) == 6  # letter by letter, a start and an end
    with torch.no_grad():
        torch.testing.assert_close(again(tokens), text(tokens), atol=5e-3, rtol=0)


def test_towers_that_pool_their_last_layer_alone_are_read(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower = Tower(16).eval()
    width = tower.trunk.widths[0]
    with torch.no_grad():
        tower.head.proj.weight[:, width:] = 0
    write_model(tower, tmp_path / "levels")
    tensors = load_file(str(tmp_path / "levels"))
    tensors["visual.head.proj.weight"] = tensors["visual.head.proj.weight"][:, :width].contiguous()
    save_file(tensors, str(tmp_path / "last"))
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    last, levels = (embed(read_tower(tmp_path / name), crops) for name in ("last", "levels"))
    np.testing.assert_array_equal(last, levels)
    average(tmp_path / "last", tmp_path / "levels", tmp_path / "mean")
    np.testing.assert_array_equal(embed(read_tower(tmp_path / "mean"), crops), levels)


def test_a_plan_that_freezes_a_pooled_stage_is_refused() -> None:
    with pytest.raises(ValueError, match=r"plan\.frozen_stages: expected 0 to 2, got 3"):
        Plan(frozen_stages=3)


@pytest.mark.usefixtures("_here")
def test_run_of_other_classes_is_refused(tmp_path: Path) -> None:
    plan = replace(PLAN, max_steps=1)
    train(make_composer, plan, tmp_path)
    with pytest.raises(ValueError, match="expected 4 classes as before, got 5"):
        train(partial(make_composer, classes=5), plan, tmp_path)


def test_training_paths_give_the_same_vectors() -> None:
    torch.manual_seed(0)
    plain = Tower()
    for module in plain.modules():  # statistics as after some training, or folding would be tested on ones and zeros
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    x = torch.randn(2, 3, 112, 112)
    with torch.no_grad():
        expected = plain.eval()(x)
        plain.freeze_stem(2)
        fast = for_training(plain)
        fast.set_modes(learn_statistics=False)
        torch.testing.assert_close(fast(x), expected, atol=1e-5, rtol=1e-4)


def test_whitening_leaves_unit_covariance_within_classes() -> None:
    torch.manual_seed(0)
    tower = Tower().eval()
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (60, 8, 8, 3))
    views = [
        np.clip(np.kron(b, np.ones((4, 4, 1))) + rng.normal(0, 25, (32, 32, 3)), 0, 255) for b in base for _ in "ab"
    ]
    crops = np.stack(views).astype(np.uint8)
    before = torch.from_numpy(embed(tower, crops))
    turn = tower.whiten(crops, shrink=1e-6)
    assert turn.shape == (before.shape[1], tower.dim)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):  # as it was whitened
            features = torch.cat([tower.trunk(to_input(part)).float() for part in np.split(crops, [58, 116])])
        vectors = tower.head(features)
    np.testing.assert_allclose(vectors.mean(0).numpy(), 0, atol=1e-2)
    turned = torch.nn.functional.normalize(before @ turn, dim=1)
    assert (turned * torch.nn.functional.normalize(vectors, dim=1)).sum(1).mean() > 0.9
    apart = (vectors[0::2] - vectors[1::2]) / 2**0.5
    variances = torch.linalg.eigvalsh(apart.T @ apart / len(apart))[-20:]  # 60 pairs span at most 60 axes
    np.testing.assert_allclose(variances.numpy(), 1, atol=0.1)


def test_centred_features_change_no_vector_and_are_folded_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower = Tower().eval()
    crops = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3)).astype(np.uint8)
    expected = embed(tower, crops)
    tower.centre(crops)
    np.testing.assert_allclose(embed(tower, crops), expected, atol=1e-4)
    write_model(tower, tmp_path / "m.safetensors")
    np.testing.assert_allclose(embed(read_tower(tmp_path / "m.safetensors"), crops), expected, atol=2e-3)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("side", [3, 4, 7, 10])
def test_fast_depthwise_has_the_gradients_of_a_convolution(side: int, size: int, stride: int) -> None:
    torch.manual_seed(side)
    x = torch.randn(3, 6, side, side, requires_grad=True)
    weight = torch.randn(6, 1, size, size, requires_grad=True)
    expected = Conv2dSame(6, 6, size, stride=stride, groups=6, bias=False)
    expected.weight = torch.nn.Parameter(weight)
    plain, fast = expected(x), Depthwise.apply(x, weight, stride)
    torch.testing.assert_close(fast, plain, atol=1e-4, rtol=1e-4)
    grad = torch.randn(plain.shape)
    for a, b in zip(
        torch.autograd.grad(fast, (x, weight), grad),
        torch.autograd.grad(plain, (x, expected.weight), grad),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_losses_fall_when_views_agree_and_ignore_twins() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    proxies = torch.eye(3, DIM)
    none = torch.eye(3, dtype=torch.bool)
    good = proxies[labels]
    bad = proxies[labels.roll(1)]
    assert pair_loss(good, labels, 0.07) < pair_loss(bad, labels, 0.07)
    assert proxy_loss(good, labels, proxies, none, PLAN) < proxy_loss(bad, labels, proxies, none, PLAN)
    twins = none.clone()
    twins[0, 1] = twins[1, 0] = True
    close = torch.nn.functional.normalize(proxies[labels] + 0.9 * proxies[1], dim=1)
    assert proxy_loss(close[:2], labels[:2], proxies, twins, PLAN) < proxy_loss(
        close[:2], labels[:2], proxies, none, PLAN
    )
    fresh = torch.tensor([3, 3, 4, 4, 5, 5])  # classes without a proxy
    assert proxy_loss(good, fresh, proxies, none, PLAN) == 0


def test_text_loss_falls_when_crops_and_names_agree() -> None:
    names = torch.eye(4, DIM)
    which = torch.tensor([0, 0, 1, 1])
    good = text_loss(names[which], names, which, torch.tensor(14.0))
    assert good < 0.4  # ln 2 / 2: two crops share a name
    assert text_loss(names[which.roll(1)], names, which, torch.tensor(14.0)) > good + 1
    assert text_loss(names[which + 2], names, which, torch.tensor(14.0)) > good + 1  # names that nobody shows


def test_errors_of_the_composing_process_reach_the_caller() -> None:
    with pytest.raises(OSError, match="disk on fire"):
        next(stream(broken_maker))


def test_encoder_plan_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match=r"plan.minutes: expected a number above 0, got 0"):
        Plan(minutes=0)
    with pytest.raises(ValueError, match=r"plan.settle: expected 0..1, got 2"):
        Plan(settle=2)


def test_input_is_normalised() -> None:
    x = to_input(np.full((1, 4, 4, 3), 255, np.uint8))
    assert x.shape == (1, 3, 4, 4)
    assert x[0, 0, 0, 0].item() == pytest.approx((1 - 0.485) / 0.229, abs=1e-4)


def test_help_tells_how_to_remake_the_weights() -> None:
    text = CliRunner().invoke(main, ["--help"]).output
    for word in ("npm install simple-icons", "@iconify-json/logos", "supertuxkart-data", "contact-sheet", "train"):
        assert word in text
