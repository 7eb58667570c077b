"""Judged listings are looked at again: which verdicts label a match, and why the others do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.scans import ACME, BOLT, CALIBRATION, CORE, make_index, make_scanner
from fakes import Colour, photo_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.errors import InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.review.journal import Journal
from logoscan.scan.judged_listings import JudgedListings, match_judged_listings
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing, Rgb

NEAR_ACME = np.clip(ACME.astype(np.int16) + 40, 0, 255).astype(np.uint8)
"""Another mark, which the index takes for Acme's with a probability between 0.02 and 1."""


def listing(name: str, *photos: Any, **fields: Any) -> Listing:
    return Listing(name, photos, **{"title": "A thing", "claimed_brand": "", **fields})


def photo(logo: Rgb | None, number: int) -> Rgb:
    """A photo that no other number gives."""
    ground: Colour = (128, 128 + number // 100, 28 + number % 100)
    return photo_of(logo, ground)


def looked_at(scanner: Scanner, journal: Journal, *listings: Listing) -> JudgedListings:
    return match_judged_listings(scanner, journal, listings)


def judge(scanner: Scanner, journal: Journal, verdicts: Sequence[tuple[Listing, str, bool]], **changes: Any) -> None:
    """Write verdicts: a listing, a brand and whether it is shown."""
    for one, brand, shown in verdicts:
        report = scanner.scan(one)
        if shown:
            journal.confirm(report, brand, photos=one.images, **changes)
        else:
            journal.reject(report, brand, not_shown=True, photos=one.images, **changes)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "verdicts.jsonl")


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return make_scanner(keypoints=None)


def test_nothing_judged_gives_nothing(scanner: Scanner, journal: Journal) -> None:
    out = looked_at(scanner, journal, listing("1", photo(ACME, 1)))
    assert (len(out.matches), dict(out.left_out), out.unreadable) == (0, {}, ())
    assert out.matches.probability.dtype == np.float64
    assert out.matches.right.dtype == np.bool_


def test_each_verdict_labels_the_match_of_its_brand(scanner: Scanner, journal: Journal) -> None:
    fake, other = listing("fake", photo(ACME, 1)), listing("other", photo(NEAR_ACME, 2))
    both = listing("both", photo(None, 3), photo(BOLT, 4), photo(ACME, 5))
    judge(scanner, journal, [(fake, "Acme", True), (other, "Acme", False), (both, "Bolt", True), (both, "Acme", True)])
    calls = []
    out = match_judged_listings(
        scanner, journal, [both, listing("not judged", photo(ACME, 6)), other, fake], lambda: calls.append(1)
    )
    assert dict(out.left_out) == {}
    assert out.matches.right.tolist() == [True, False, True, True], "in the order of the verdicts"
    assert np.delete(out.matches.probability, 1).min() > 0.98
    assert 0.02 < out.matches.probability[1] < 0.98
    assert len(calls) == 3


def test_genuine_goods_show_the_brand_as_well_as_counterfeits(scanner: Scanner, journal: Journal) -> None:
    rows = [listing(str(i), photo(ACME, i)) for i in range(4)]
    reports = [scanner.scan(row) for row in rows]
    for report, goods in zip(reports, (True, False, None), strict=False):
        journal.confirm(report, "Acme", counterfeit=goods)
    journal.reject(reports[3], "Acme")
    assert looked_at(scanner, journal, *rows).matches.right.tolist() == [True] * 4


def test_the_latest_verdict_in_force_counts(scanner: Scanner, journal: Journal) -> None:
    row = listing("1", photo(ACME, 1))
    judge(scanner, journal, [(row, "Acme", False), (row, "Acme", True)])
    assert looked_at(scanner, journal, row).matches.right.tolist() == [True]
    journal.undo(2)
    assert looked_at(scanner, journal, row).matches.right.tolist() == [False]
    journal.undo(1)
    assert len(looked_at(scanner, journal, row).matches) == 0


def test_listings_with_the_same_photos_count_once_by_the_latest_verdict(scanner: Scanner, journal: Journal) -> None:
    first, again = listing("first", photo(ACME, 1)), listing("again", photo(ACME, 1))
    judge(scanner, journal, [(first, "Acme", True), (again, "Acme", False)])
    for rows in ((first, again), (again, first)):
        out = looked_at(scanner, journal, *rows)
        assert out.matches.right.tolist() == [False]
        assert dict(out.left_out) == {"the photos are those of a listing judged later": 1}


def test_the_first_of_two_listings_with_one_id_counts(scanner: Scanner, journal: Journal) -> None:
    row = listing("1", photo(ACME, 1))
    judge(scanner, journal, [(row, "Acme", True)])
    assert len(looked_at(scanner, journal, row, listing("1", photo(None, 2))).matches) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"images": ()}, "no photo of the listing can be read"),
        ({"images": (b"no picture",)}, "no photo of the listing can be read"),
        ({"images": (photo(None, 1),)}, "the photos are not matched with the brand"),
        ({"images": (photo(CORE, 1),)}, "the photos are not matched with the brand"),
        ({"title": "An acme shoe"}, "the listing's own words name the brand"),
        ({"claimed_brand": "Acme"}, "the listing's own words name the brand"),
        ({"description": "By Acme"}, "the listing's own words name the brand"),
        ({"id": "2"}, "the listing is not among the listings"),
    ],
)
def test_what_says_nothing_about_a_match_is_left_out(
    scanner: Scanner, journal: Journal, changes: dict[str, Any], reason: str
) -> None:
    row = listing("1", photo(ACME, 1))
    judge(scanner, journal, [(row, "Acme", True)])
    out = looked_at(scanner, journal, replace(row, **changes))
    assert len(out.matches) == 0
    assert dict(out.left_out) == {reason: 1}
    assert len(out.unreadable) == sum(isinstance(image, bytes) for image in changes.get("images", ()))


def test_a_photo_that_cannot_be_read_is_told_and_the_others_count(scanner: Scanner, journal: Journal) -> None:
    row = listing("1", photo(ACME, 1), b"no picture")
    judge(scanner, journal, [(row, "Acme", True)])
    out = looked_at(scanner, journal, row)
    assert out.matches.right.tolist() == [True]
    ((name, reason),) = out.unreadable
    assert name == "1"
    assert reason


def test_a_brand_that_left_the_index_is_left_out(scanner: Scanner, journal: Journal) -> None:
    rows = [listing("1", photo(ACME, 1)), listing("2", photo(BOLT, 2))]
    judge(scanner, journal, [(rows[0], "Acme", True), (rows[1], "Bolt", True)])
    index = make_index()
    index.remove("Acme")
    out = looked_at(make_scanner(index, keypoints=None), journal, *rows)
    assert len(out.matches) == 1
    assert dict(out.left_out) == {"the index has no logo of the brand": 1}


def test_what_verdicts_added_to_the_index_does_not_answer_for_them(journal: Journal) -> None:
    index: LogoIndex = make_index()
    by_margin = replace(CALIBRATION, intercept=-43.0, margin=10.0)  # negatives count through the margin
    scanner = make_scanner(index, keypoints=None, calibration=by_margin)
    wrong, right = listing("wrong", photo(NEAR_ACME, 1)), listing("right", photo(BOLT, 2))
    judge(scanner, journal, [(wrong, "Acme", False), (right, "Bolt", True)])
    before = looked_at(scanner, journal, wrong, right).matches.probability
    judge(scanner, journal, [(wrong, "Acme", False)], index=index, force=True)
    judge(scanner, journal, [(right, "Bolt", True)], index=index, add_rendering=True)
    fingerprint = index.fingerprint
    assert (len(index.negatives), len(index.logos)) == (len(make_index().negatives) + 1, 3)
    changed = make_scanner(index, keypoints=None, calibration=by_margin)
    now = changed.scan(wrong).matches[0].probability
    assert now is not None
    assert now < before[0] - 0.1, "the photo is like its own crop"
    after = looked_at(changed, journal, wrong, right).matches.probability
    np.testing.assert_allclose(after, before)
    assert index.fingerprint == fingerprint, "the index itself stays as it is"


def test_a_scanner_without_a_calibration_is_refused(journal: Journal) -> None:
    bare = make_scanner(calibration=None, similarity_threshold=0.9)
    with pytest.raises(InputError, match="expected one with a match calibration, got none"):
        looked_at(bare, journal)


@quick
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["Acme", "Bolt"]), st.booleans()), max_size=12))
def test_every_verdict_in_force_labels_a_match_or_has_a_reason(
    scanner: Scanner, tmp_path_factory: pytest.TempPathFactory, verdicts: list[tuple[int, str, bool]]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "verdicts.jsonl")
    kinds = (
        listing("0", photo(ACME, 0), photo(BOLT, 0)),
        listing("1", photo(BOLT, 0), photo(ACME, 0)),
        listing("2", photo(ACME, 2), title="Bolt"),
        listing("3", b"no picture", title="Acme, Bolt"),
        listing("4", photo(CORE, 4), title="Acme, Bolt"),
    )
    for number, brand, shown in verdicts:
        row = kinds[number % 5]
        report = scanner.scan(row)
        if brand in {b.brand for b in report.brands}:
            judge(scanner, journal, [(row, brand, shown)])
    out = looked_at(scanner, journal, *kinds[:4])
    assert len(out.matches) + sum(out.left_out.values()) == len(journal.standing())


def test_missed_brands_count_apart(scanner: Scanner, journal: Journal) -> None:
    """Nobody judges what is rightly not named; with the missed ones among the matches a threshold would fall."""
    listings = [
        listing("named", photo(ACME, 1)),
        listing("faint", photo(NEAR_ACME, 2)),
        listing("none", photo(None, 3)),
    ]
    judge(scanner, journal, [(listings[0], "Acme", True)])
    for one in listings[1:]:
        journal.missed(one.id, "Acme")
    out = looked_at(scanner, journal, *listings)
    assert (out.matches.right.tolist(), dict(out.left_out)) == ([True], {})
    assert 0.02 < out.missed[0] < 0.98
    assert out.missed[1] == 0.0
    assert out.missed.dtype == np.float64
