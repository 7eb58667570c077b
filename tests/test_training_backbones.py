"""Backbones compared on equal terms."""

import itertools

import pytest
from test_training_train import MIX, composer

from logoscan.training.backbones import compare, unseen_pairs


def test_unseen_pairs_are_a_drawing_and_a_crop_of_each_class() -> None:
    drawn, shown = unseen_pairs(composer(classes=3), 2)
    assert drawn.shape == shown.shape == (2, 128, 128, 3)
    assert (drawn != shown).any()


@pytest.mark.parametrize("name", ["mobilenetv4_conv_small", "resnet10t"])
def test_a_backbone_is_trained_for_its_time_and_measured(name: str) -> None:
    ticks = itertools.count(step=20.0)  # three steps of the clock a minute
    made = composer()
    batches = (made.batch(MIX) for _ in itertools.count())
    found = compare(name, batches, unseen_pairs(made, 4), 1.0, dim=16, clock=lambda: next(ticks))
    assert found.name == name
    assert found.crops == 2 * 10  # two batches: at 20 and 40 s, and at 60 s it was over
    assert 0 <= found.r1 <= 1
    assert found.loss > 0
    assert 3 < found.megabytes < 15
    assert found.encoded_per_s == pytest.approx(8 / 20)
