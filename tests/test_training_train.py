"""The network and the training loop of the recipe, for a few steps on synthetic drawings."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

from logoscan.training.__main__ import main
from logoscan.training.compose import Composer, Mix
from logoscan.training.drawings import from_arrays
from logoscan.training.materials import backgrounds_from_arrays
from logoscan.training.network import DIM, Tower, _Depthwise, embed, for_training, read_tower, to_input, write_tower
from logoscan.training.train import Plan, losses, stream, train


def composer(seed: int = 0, classes: int = 4) -> Composer:
    rows = []
    for k in range(classes):
        rgba = np.zeros((80, 80, 4), np.uint8)
        cv2.line(rgba, (8, 8), (12 + 15 * k, 70), (0, 0, 0, 255), 10)
        cv2.circle(rgba, (60, 20 + 10 * k), 12, (0, 0, 0, 255), -1)
        rows.append((f"m{k}", "test", True, rgba))
    return Composer(from_arrays(rows), (), backgrounds_from_arrays([]), seed)


PLAN = Plan(minutes=5, max_steps=2, mix=Mix(drawn=3, wordmarks=0, look_alikes=1), small_px=64)


def test_run_is_written_resumed_and_loadable(tmp_path: Path) -> None:
    torch.manual_seed(0)
    start = tmp_path / "start.safetensors"
    write_tower(Tower(), start)
    run = tmp_path / "run"
    path = train(composer(), PLAN, run, start)
    first = json.loads(metadata(path)["training"])
    assert (first["steps"], first["samples"], first["classes"]) == (2, 16, 4)
    again = json.loads(metadata(train(composer(), PLAN, run, start))["training"])
    assert (again["steps"], again["samples"]) == (4, 32)
    assert set(load_file(str(path))) == set(load_file(str(start)))
    before, after = load_file(str(start)), load_file(str(path))
    stem, late = "visual.trunk.conv_stem.weight", "visual.head.proj.weight"
    assert torch.equal(before[stem], after[stem])  # frozen
    assert not torch.equal(before[late], after[late])
    vectors = embed(read_tower(path), composer().batch(PLAN.mix)[0])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(str(path), "pt") as file:
        found: dict[str, str] = file.metadata()
    return found


def test_run_of_other_classes_is_refused(tmp_path: Path) -> None:
    plan = Plan(minutes=5, max_steps=1, mix=PLAN.mix, small_px=64)
    train(composer(), plan, tmp_path)
    with pytest.raises(ValueError, match="expected 4 classes as before, got 5"):
        train(composer(classes=5), plan, tmp_path)


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


@pytest.mark.parametrize("side", [3, 4, 7])
def test_small_depthwise_has_the_gradients_of_a_convolution(side: int) -> None:
    torch.manual_seed(side)
    x = torch.randn(3, 6, side, side, requires_grad=True)
    weight = torch.randn(6, 1, 5, 5, requires_grad=True)
    grad = torch.randn(3, 6, side, side)
    expected = torch.autograd.grad(torch.nn.functional.conv2d(x, weight, padding=2, groups=6), (x, weight), grad)
    got = torch.autograd.grad(_Depthwise.apply(x, weight), (x, weight), grad)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_losses_fall_when_views_agree_and_ignore_twins() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    proxies = torch.eye(3, DIM)
    none = torch.eye(3, dtype=torch.bool)
    good = proxies[labels]
    bad = proxies[labels.roll(1)]
    pair_good, proxy_good = losses(good, labels, proxies, none, PLAN)
    pair_bad, proxy_bad = losses(bad, labels, proxies, none, PLAN)
    assert pair_good < pair_bad
    assert proxy_good < proxy_bad
    twins = none.clone()
    twins[0, 1] = twins[1, 0] = True
    close = torch.nn.functional.normalize(proxies[labels] + 0.9 * proxies[1], dim=1)
    assert (
        losses(close[:2], labels[:2], proxies, twins, PLAN)[1] < losses(close[:2], labels[:2], proxies, none, PLAN)[1]
    )
    fresh = torch.tensor([3, 3, 4, 4, 5, 5])  # classes without a proxy
    assert losses(good, fresh, proxies, none, PLAN)[1] == 0


def test_errors_of_the_composing_thread_reach_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = composer()

    def fail(mix: Mix | None = None) -> None:
        raise OSError("disk on fire")

    monkeypatch.setattr(broken, "batch", fail)
    with pytest.raises(OSError, match="disk on fire"):
        next(stream(broken, PLAN.mix))


def test_plan_refuses_nonsense() -> None:
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
