"""Calibrations fitted on labelled pictures whose truth is stated: sound, repeatable, refused on too little."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeDetector, FakeEncoder

from logoscan.errors import InputError, MissingDependencyError
from logoscan.index import storage
from logoscan.index.logo_index import LogoIndex
from logoscan.index.storage import LogoRecord, Stored
from logoscan.matching.calibrate import (
    LabelledPhoto,
    Samples,
    _weights,
    collect,
    expected_calibration_error,
    fit,
    most_probable_rows,
    predict,
)
from logoscan.odds import SHOWN_SHARE
from logoscan.types import Brand, Embeddings, Regions

ENCODER, DETECTOR = FakeEncoder(), FakeDetector()
CENTRES = np.random.default_rng(5).normal(size=(40, 13))


def unit(rows: Any) -> Embeddings:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def make_register(folder: Path, logo_of: Callable[[int], str]) -> LogoIndex:
    """Forty brands known by a logo and forty known by name, each a direction."""
    logos = tuple(LogoRecord(f"B{i}/a", f"B{i}", "as-is", logo_of(i)) for i in range(40))
    names = tuple(LogoRecord(f"N{i}/N{i}", f"N{i}", "name", "0", "name") for i in range(40))
    brands = tuple(Brand(f"{kind}{i}") for kind in "BN" for i in range(40))
    vectors = np.concatenate([unit(CENTRES), unit(-CENTRES)])
    storage.save(folder, Stored(ENCODER.info, brands, (*logos, *names), vectors))
    return LogoIndex.load(folder)


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> LogoIndex:
    """Each brand has a logo of its own."""
    return make_register(tmp_path_factory.mktemp("register"), str)


@pytest.fixture(scope="module")
def one_family(tmp_path_factory: pytest.TempPathFactory) -> LogoIndex:
    """All brands share one logo, so that none is another's rival; each match has 39 relatives, which takes long."""
    return make_register(tmp_path_factory.mktemp("family"), lambda _: "0")


def pictures(count: int, seed: int, sign: int = 1, prefix: str = "B") -> list[LabelledPhoto]:
    """Six regions each; two thirds show a brand in one of them, blurred by noise."""
    rng = np.random.default_rng(seed)
    boxes = np.array([[0, 0, 10, 10]], np.float32).repeat(6, 0)
    out = []
    for k in range(count):
        places = rng.normal(size=(6, 13))
        shown = frozenset({f"{prefix}{k % 10}"}) if k % 3 else frozenset()
        if shown:
            places[2] = sign * CENTRES[k % 10] + rng.normal(size=13) * rng.uniform(0.1, 0.8)
        out.append(LabelledPhoto(shown, Regions(boxes, np.ones(6, np.float32)), unit(places)))
    return out


@pytest.mark.parametrize(("kind", "sign", "prefix"), [("logo", 1, "B"), ("name", -1, "N")])
def test_a_fit_is_calibrated_on_images_not_seen(register: LogoIndex, kind: Any, sign: int, prefix: str) -> None:
    samples = collect(pictures(120, 1, sign, prefix), register, 0, kind)
    made = fit(samples, ENCODER, DETECTOR, "a test", kind)
    assert (made.kind, made.encoder, made.detector) == (kind, ENCODER.info.fingerprint, DETECTOR.fingerprint)
    assert made.similarity > 0
    assert made.confidence == 0, "all regions have the same"
    fresh = collect(pictures(120, 2, sign, prefix), register, 3, kind)
    sure = predict(made, fresh)
    assert expected_calibration_error(sure, fresh.right) < 0.08
    assert sure[fresh.right].mean() > sure[~fresh.right].mean() + 0.3
    answer = most_probable_rows(sure, fresh)
    assert (sure[answer][fresh.empty[answer]] > made.threshold).mean() < 0.05


def test_the_share_of_photos_without_a_registered_mark_changes_no_fit(
    one_family: LogoIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logoscan.matching.calibrate.PAIRS_PER_SIZE", 500)
    samples = collect(pictures(120, 1), one_family)
    more = np.concatenate([np.arange(len(samples.right)), *[np.flatnonzero(samples.empty)] * 4])
    fewer_shown = Samples(*(getattr(samples, f.name)[more] for f in fields(Samples)))
    one, other = (fit(s, ENCODER, DETECTOR, "a test") for s in (samples, fewer_shown))
    for name in ("intercept", "similarity", "margin", "log_brands"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=0.05, abs=0.05)


def test_photos_weigh_by_their_stated_share_and_not_by_their_matches() -> None:
    case, empty = np.array([0, 0, 0, 1, 1, 1, 2, 3, 4, 5]), np.array([False] * 6 + [True] * 3 + [False])
    brands = np.array([10] * 9 + [27])
    weights = _weights(Samples(np.zeros((10, 4)), ~empty, case, empty, brands))
    assert weights.mean() == pytest.approx(1.0)
    assert weights[:6].sum() / weights[:9].sum() == pytest.approx(SHOWN_SHARE)
    assert weights[9] == pytest.approx(1.0), "an index in which all photos show a registered mark"


def test_answer_is_the_most_probable_match_of_its_case() -> None:
    case = np.array([0, 0, 0, 1, 3, 3])
    ones = np.ones(6, bool)
    samples = Samples(np.zeros((6, 4)), ones, case, ones, np.ones(6, np.int64))
    assert most_probable_rows(np.array([0.1, 0.7, 0.2, 0.0, 0.9, 0.3]), samples).tolist() == [1, 3, 4]


def test_images_without_a_region_are_refused(register: LogoIndex) -> None:
    none = LabelledPhoto(frozenset({"B1"}), Regions.empty(), np.zeros((0, 13), np.float32))
    with pytest.raises(InputError, match="pictures: expected some with regions, got 3 without any"):
        collect([none] * 3, register)


def test_collecting_is_repeatable_and_knows_every_size(register: LogoIndex) -> None:
    seen = pictures(30, 1)
    first, again, other = (collect(seen, register, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.features, again.features)
    assert not np.array_equal(first.features[:50], other.features[:50])
    assert set(first.brands.tolist()) == {10, 27, 40}
    assert not (first.right & first.empty).any(), "a picture without a registered brand has no right match"


def test_the_calibration_error_of_sure_answers() -> None:
    sure = np.array([0.0, 1.0, 1.0])
    assert expected_calibration_error(sure, np.array([False, True, True])) == 0
    assert expected_calibration_error(sure, np.array([True, False, False])) == 1


def test_too_few_labels_to_calibrate_are_refused(register: LogoIndex) -> None:
    with pytest.raises(InputError, match="expected some that show a brand registered by logo, got none in 4"):
        collect([replace(p, brands=frozenset()) for p in pictures(4, 0)], register)
    few = Samples(np.zeros((3, 4)), np.ones(3, bool), np.ones(3, bool), np.zeros(3, bool), np.full(3, 10))
    with pytest.raises(InputError, match="expected 30 right and 30 wrong matches or more, got 3 and 0"):
        fit(few, ENCODER, DETECTOR, "a test")


def test_a_missing_package_is_named(register: LogoIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    samples = collect(pictures(60, 1), register)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"logoscan\[calibrate\]"):
        fit(samples, ENCODER, DETECTOR, "a test")
