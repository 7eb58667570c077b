"""The text tower fitted to a finished image tower."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.training import font_file, make_composer, metadata, stream_here
from safetensors.torch import load_file

from logoscan.training.model_files import read_tower, write_folder, write_model
from logoscan.training.network import TextTower, Tower, embed
from logoscan.training.text import WORDS, TextPlan, Words, encode_words, fit_text, other_names, unseen
from logoscan.training.wordmarks import random_name
from logoscan.vision import weights
from logoscan.vision.encoder import ClipEncoder

MAKE = partial(make_composer, fonts=(font_file(),))
PLAN = TextPlan(minutes=5, crops=128, shown=8, others=8, max_steps=2)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    write_model(Tower(32), path, text=TextTower(32))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, start: Path) -> Path:
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:  # that processes make batches is seen elsewhere
        patch.setattr("logoscan.training.text.stream", stream_here)
        fit_text(MAKE, PLAN, folder, start)
    return folder


def test_text_training_leaves_the_image_tower_unchanged(start: Path, run: Path) -> None:
    before, after = load_file(str(start)), load_file(str(run / "model.safetensors"))
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed
    assert not any(k.startswith("visual.") for k in changed)


def test_text_run_resumes(start: Path, run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    words = (folder / "words.npz").read_bytes()
    path = fit_text(MAKE, PLAN, folder, start)
    assert json.loads(metadata(path)["training"])["steps"] == 4
    assert (folder / "words.npz").read_bytes() == words  # not encoded again


def test_words_that_another_model_encoded_are_refused(start: Path, run: Path, tmp_path: Path) -> None:
    folder, other = tmp_path / "run", tmp_path / "other.safetensors"
    shutil.copytree(run, folder)
    write_model(Tower(32), other, text=TextTower(32))
    with pytest.raises(ValueError, match=r"words.npz: expected crops of model .*, got those of model .*another folder"):
        fit_text(MAKE, PLAN, folder, other)
    with pytest.raises(ValueError, match=r"expected crops of .* seed 1, got those of .* seed 0"):
        fit_text(MAKE, replace(PLAN, seed=1), folder, start)


def test_words_are_two_crops_of_each_name_through_the_image_tower(start: Path, run: Path) -> None:
    words = encode_words(MAKE, PLAN, run, start)
    assert (words.vectors.shape, len(words.names)) == ((128, 32), 64)
    assert all(name == name.lower() and name for name in words.names)
    first = MAKE(PLAN.seed + 104_729).batch(WORDS)
    assert words.names == tuple(text.lower() for text in first.texts[::2])
    np.testing.assert_allclose(words.vectors[:4], embed(read_tower(start), first.crops[:4]), atol=0.02)


def test_any_width_is_exported(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights.folder(), folder)
    write_folder(run / "model.safetensors", folder, 64)
    row = next(r for r in json.loads((folder / "manifest.json").read_text())["models"] if r["name"] == weights.ENCODER)
    assert row["embed_dim"] == 32
    assert ClipEncoder(folder, device="cpu", precision="fp32").info.dim == 32


def test_distractor_names_exclude_those_shown() -> None:
    rng = np.random.default_rng(0)
    shown = sorted({" ".join(random_name(rng).lower().split()) for _ in range(30)})
    others = other_names(rng, shown, 200)
    assert len(set(others)) == len(others) == 200
    assert not set(others) & set(shown)
    near = [o for o in others if any(abs(len(o) - len(s)) <= 2 and o[:2] == s[:2] for s in shown)]
    assert len(near) > 50


def test_unseen_counts_right_names(start: Path) -> None:
    """Vectors that are the names' own are all found; those of other names are not."""
    torch.manual_seed(1)
    text = TextTower(32)
    names = ("brol", "kix", "tarva", "umelo")
    with torch.no_grad():
        own = text(text.tokens(names)).numpy().repeat(2, axis=0)
    assert unseen(text, Words(own, names), 4) == 1.0
    assert unseen(text, Words(np.roll(own, 2, axis=0), names), 4) < 0.3


def test_a_plan_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"plan.shown: expected a number above 0, got 0"):
        replace(PLAN, shown=0)


def test_padding_left_out_changes_no_vector() -> None:
    text = TextTower(32).eval()
    tokens = text.tokens(["kix", "tarva one"])
    with torch.no_grad():
        torch.testing.assert_close(text(tokens[:, : int((tokens != 0).sum(1).max())]), text(tokens), atol=1e-5, rtol=0)
