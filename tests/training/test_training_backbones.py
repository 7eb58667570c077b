"""Backbones compared on equal terms."""

import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from builders.training import MIX, make_composer
from click.testing import CliRunner

from logoscan.training import tower_commands
from logoscan.training.backbones import (
    BackboneResult,
    Lesson,
    compare,
    in_order,
    lesson,
    teacher_r1,
    unseen_marks,
)
from logoscan.training.batches import Batch
from logoscan.training.compose import Composer
from logoscan.training.model_files import write_model
from logoscan.training.network import Tower


def _batches() -> Iterator[Batch]:
    made = make_composer()
    return (made.batch(MIX) for _ in itertools.count())


@pytest.fixture(scope="module")
def teacher() -> Tower:
    return Tower(16).eval()


@pytest.fixture(scope="module")
def taught(teacher: Tower) -> Lesson:
    return lesson(teacher, _batches(), 64)


def test_unseen_marks_are_a_drawing_and_a_crop_of_each_class() -> None:
    unseen = unseen_marks(make_composer(classes=3), 2)
    assert unseen.drawn.shape == unseen.shown.shape == (2, 128, 128, 3)
    assert (unseen.drawn != unseen.shown).any()


def test_a_lesson_holds_enough_crops_and_the_teachers_vectors(taught: Lesson) -> None:
    assert 64 <= len(taught.crops) == len(taught.vectors) < 64 + 20
    assert np.linalg.norm(taught.vectors, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", ["mobilenetv4_conv_small", "resnet10t"])
def test_a_backbone_is_taught_for_its_time_and_measured(name: str, teacher: Tower, taught: Lesson) -> None:
    ticks = itertools.count(step=20.0)  # three steps of the clock a minute
    found = compare(name, teacher, taught, unseen_marks(make_composer(), 4), 1.0, clock=lambda: next(ticks))
    assert found.name == name
    assert found.crops == 2 * 64  # two batches: at 20 and 40 s, and at 60 s it was over
    assert 0 <= found.r1 <= 1
    assert -1 <= found.cosine <= 1
    assert 3 < found.megabytes < 15
    assert found.encoded_per_s == pytest.approx(8 / 20)


def test_more_minutes_bring_a_backbone_nearer_to_its_teacher(teacher: Tower, monkeypatch: pytest.MonkeyPatch) -> None:
    unseen, apart = unseen_marks(make_composer(), 4), np.eye(16, dtype=np.float32)[:4]
    # a teacher that tells the four apart as a random tower does not
    monkeypatch.setattr("logoscan.training.backbones.embed", lambda tower, crops: apart)
    taught_for = []
    for step in (30.0, 3.0):
        ticks = itertools.count(step=step)
        known = Lesson(unseen.shown, apart)
        taught_for.append(compare("resnet10t", teacher, known, unseen, 1.0, clock=partial(next, ticks)))
    assert taught_for[0].crops < taught_for[1].crops
    assert taught_for[0].cosine + 0.2 < taught_for[1].cosine
    assert teacher_r1(teacher, unseen) == 1.0


def test_weights_of_another_implementation_are_named_by_their_order() -> None:
    own = timm.create_model("resnet10t", num_classes=0).state_dict()
    other = {f"x{i}": v for i, v in enumerate(own.values())} | {"fc": next(iter(own.values()))}
    assert list(in_order("resnet10t", other)) == list(own)
    with pytest.raises(ValueError, match=r"expected those of resnet10t in its order"):
        in_order("resnet10t", dict(list(other.items())[1:]))


def test_a_backbone_is_trained_on_some_crops_whatever_the_time(teacher: Tower, taught: Lesson) -> None:
    ticks = itertools.count(step=3600.0)
    found = compare(
        "resnet10t", teacher, taught, unseen_marks(make_composer(), 4), 1.0, crops=150, clock=lambda: next(ticks)
    )
    assert found.crops == 3 * 64  # whole batches


def test_the_command_takes_imagenet_weights_of_several_backbones(
    teacher: Tower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("resnet10t", "mobilenetv4_conv_small")
    files = [str(tmp_path / name) for name in names]
    for name, file in zip(names, files, strict=True):
        torch.save(timm.create_model(name, num_classes=0).state_dict(), file)
    write_model(teacher, tmp_path / "teacher.safetensors")
    monkeypatch.setattr(tower_commands, "unseen_marks", lambda *_: None)
    monkeypatch.setattr(tower_commands, "teacher_r1", lambda *_: 1.0)
    monkeypatch.setattr(tower_commands, "lesson", lambda *_: None)
    monkeypatch.setattr(tower_commands, "stream", lambda *_: _batches())
    monkeypatch.setattr(Composer, "from_folders", lambda *_: make_composer())

    def known(name: str, *_: object, start: object = None, crops: int | None = None) -> BackboneResult:
        assert start is not None
        return BackboneResult(name, 1.0, crops or {"resnet10t": 640}.get(name, 320), 0.5, 0.5, 1.0)

    monkeypatch.setattr(tower_commands, "compare", known)
    given = [str(tmp_path / "teacher.safetensors"), "--work", str(tmp_path), "--fonts", str(tmp_path), *names]
    given += [part for file in files for part in ("--imagenet", file)]
    ran = CliRunner().invoke(tower_commands.backbones_command, ["--no-random", "--same-crops", "--teacher", *given])
    assert ran.exit_code == 0, ran.output
    rows = [json.loads(line) for line in ran.output.splitlines()][1:]
    assert [(row["name"], row["crops"], row["start"]) for row in rows] == [
        ("resnet10t", 640, "imagenet"),
        ("mobilenetv4_conv_small", 320, "imagenet"),
        ("mobilenetv4_conv_small", 640, "imagenet"),
    ]
