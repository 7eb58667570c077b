"""What verdicts teach: the table of `logoscan.review.labels`, row by row, and what outlasts what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import BLUE, GREEN, RED, WHITE, YELLOW, FakeEncoder, photo_of, quarters
from strategies import make_report

from logoscan.errors import InputError, VettingError
from logoscan.images.loading import Picture, read_picture
from logoscan.index.logo_index import LogoIndex
from logoscan.results import BrandResult, ImageRecord, Report
from logoscan.review.journal import Journal
from logoscan.review.labels import Labels, labels_of
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, BrandMention

ACME, BOLT = quarters(RED, WHITE, BLUE, YELLOW), quarters(GREEN, RED, WHITE, RED)
PHOTO = photo_of(quarters(BLUE, GREEN, RED, WHITE))


def report(name: str = "1", brand: str = "Acme", **changes: Any) -> Report:
    """A report that names Acme and Bolt and is scored for one brand."""
    brands = (BrandResult("Acme", 0.9, 5.0), BrandResult("Bolt", 0.9, 5.0))
    return make_report(**{"listing_id": name, "brands": brands, "score": ScoreModel().score(brand, []), **changes})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "v.jsonl")


def say(journal: Journal, *words: str, of: Report | None = None) -> Labels:
    """Pass verdicts on Acme, and return what all of them teach."""
    one = of or report()
    for word in words:
        if word == "missed":
            journal.missed(one, "Acme")
        elif word == "wrong_brand":
            journal.reject(one, "Acme", not_shown=True)
        elif word == "undo":
            journal.undo(len(journal))
        else:
            journal.confirm(one, "Acme", counterfeit={"counterfeit": True, "genuine": False}.get(word))
    return labels_of(journal.not_undone(), [one])


def test_no_verdicts_teach_nothing() -> None:
    labels = labels_of([], [report()])
    assert (labels.reports, labels.counterfeit, labels.weights, labels.wrong) == ((), (), (), ())
    assert (labels.named, labels.missed, dict(labels.left_out)) == (0, 0, {})


@pytest.mark.parametrize(
    ("words", "taught", "named", "missed", "wrong"),
    [
        (["counterfeit"], [True], 1, 0, 0),
        (["genuine"], [False], 1, 0, 0),
        (["unknown"], [], 1, 0, 0),
        (["wrong_brand"], [], 0, 0, 1),
        (["missed"], [], 0, 1, 0),
        (["counterfeit", "undo"], [], 0, 0, 0),
        (["counterfeit", "genuine"], [False], 1, 0, 0),
        (["counterfeit", "unknown"], [], 1, 0, 0),
        (["counterfeit", "missed"], [True], 0, 1, 0),
        (["missed", "counterfeit"], [True], 0, 1, 0),
        (["missed", "genuine", "counterfeit"], [True], 0, 1, 0),
        (["counterfeit", "missed", "undo"], [True], 1, 0, 0),
        (["counterfeit", "wrong_brand"], [], 0, 0, 1),
        (["missed", "counterfeit", "wrong_brand"], [], 0, 0, 1),
        (["counterfeit", "wrong_brand", "missed"], [], 0, 1, 0),
        (["wrong_brand", "genuine"], [False], 1, 0, 0),
    ],
)
def test_what_verdicts_teach(
    journal: Journal, words: list[str], taught: list[bool], named: int, missed: int, wrong: int
) -> None:
    labels = say(journal, *words)
    assert list(labels.counterfeit) == taught
    assert (labels.named, labels.missed, len(labels.wrong)) == (named, missed, wrong)
    assert journal.labels()[1] == taught, "the scores that the verdicts keep say the same"


def test_a_label_has_its_report_and_its_weight(journal: Journal) -> None:
    journal.confirm(report("1"), "Acme", source="test_buy", weight=40.0)
    journal.confirm(report("2"), "Acme", counterfeit=False)
    journal.confirm(report("3"), "Bolt")
    journal.missed("4", "Acme", counterfeit=True)
    later = [report("1"), report("3"), report("9")]
    labels = labels_of(journal.not_undone(), later)
    assert labels.reports == (later[0], report("2").score), "the score that the verdict kept, where there is no report"
    assert (labels.listing_ids, labels.weights) == (("1", "2"), (40.0, 1.0))
    assert dict(labels.left_out) == {
        "the report has the reasons of another brand": 1,
        "there is no report of the listing": 1,
    }


# -- a brand that was missed


def test_a_missed_brand_that_was_judged_is_a_label(journal: Journal) -> None:
    """The seller claims the brand, so that the report is scored for it, and the search missed its mark."""
    said = journal.missed(report(), "Acme", counterfeit=True, reviewer="Ann", note="on the sole", source="authority")
    assert (said.kind, said.answer, said.note, said.source) == ("missed", "counterfeit", "on the sole", "authority")
    labels = labels_of(journal.not_undone())
    assert (labels.counterfeit, labels.named, labels.missed) == ((True,), 0, 1)


def test_a_brand_that_is_named_was_not_missed(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    journal.missed(report(), "Acme")
    assert caplog.text == "", "a candidate may be claimed alone"
    mention = BrandMention("title", "Acme", "Acme", "exact", 0, 1.0)
    journal.missed(report(mentions=(mention,)), "Acme")
    assert "its report names 'Acme', so that it was not missed" in caplog.text


def scanned(photo: Picture) -> Report:
    return report("9", images=(ImageRecord("p.png", photo.sha256, 80, 60),))


def test_the_box_becomes_a_logo_of_the_brand_until_undone(journal: Journal) -> None:
    index = LogoIndex(FakeEncoder())
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)])])
    before, one = index.fingerprint, scanned(read_picture(PHOTO))
    change: dict[str, Any] = {"index": index, "photos": [PHOTO], "xyxy": (10.0, 10.0, 50.0, 50.0)}
    said = journal.missed(one, "Acme", **change)
    assert (said.image, said.xyxy) == (0, (10.0, 10.0, 50.0, 50.0))
    assert [logo.id for logo in index.logos if logo.brand == "Acme"][1:] == list(said.logos)
    assert index.nearest_logo(PHOTO[10:50, 10:50], "Acme")[0] > 0.99
    assert journal.undo(said.id, index=index).logos == said.logos
    assert index.fingerprint == before


@pytest.mark.parametrize(
    ("brand", "changes", "message"),
    [
        ("Acme", {"xyxy": None}, "index: expected it with a report, a box and the number of the picture"),
        ("Acme", {"image": 3}, "image: expected a number below 1, from 0, got 3"),
        ("Acme", {"xyxy": (5.0, 5.0, 1.0, 9.0)}, r"Verdict\.xyxy: expected x0,y0,x1,y1"),
        ("Acme", {"xyxy": (500.0, 5.0, 900.0, 9.0)}, r"xyxy: expected a box that meets the 80 x 60 picture"),
        ("Core", {}, "brand: expected a registered name, got 'Core'"),
        ("Acme", {"photos": [np.flipud(PHOTO)]}, "image 0: expected the photo that was scanned"),
    ],
)
def test_a_missed_brand_that_is_refused_leaves_no_line(
    journal: Journal, brand: str, changes: dict[str, Any], message: str
) -> None:
    index = LogoIndex(FakeEncoder())
    index.add(Brand("Acme"), [("a", ACME)])
    before, one = index.fingerprint, scanned(read_picture(PHOTO))
    change: dict[str, Any] = {"index": index, "photos": [PHOTO], "xyxy": (10.0, 10.0, 50.0, 50.0)}
    with pytest.raises(InputError, match=message):
        journal.missed(one, brand, **{**change, **changes})
    with pytest.raises(InputError, match="index: expected it with a report"):
        journal.missed("9", "Acme", **change)
    assert (len(journal), index.fingerprint) == (0, before)


def test_a_box_that_shows_another_brand_is_refused(journal: Journal) -> None:
    index = LogoIndex(FakeEncoder())
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)])])
    photo = photo_of(BOLT)
    top, left = (int(v) for v in np.argwhere((photo != photo[0, 0]).any(axis=2)).min(axis=0))
    bottom, right = (int(v) + 1 for v in np.argwhere((photo != photo[0, 0]).any(axis=2)).max(axis=0))
    with pytest.raises(VettingError):
        journal.missed(scanned(read_picture(photo)), "Acme", index=index, photos=[photo],
                       xyxy=(left, top, right, bottom))  # fmt: skip
    assert len(journal) == 0
