"""Text in photos that nobody can read: less is judged, a claimed brand goes to review, and no seller gains by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders.scans import ACME, make_scanner, timeless
from fakes import FakeOcr, photo_of
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, score_models

from logoscan.results import Score
from logoscan.scoring.judge import Findings, Judge
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, BrandMention, Listing, Rgb, TextSpans

LINE = "1 line in letters that the OCR engine cannot read (Kore)"
BRANDS = {name: Brand(name) for name in ("Acme", "Bolt")}
STRICT = {"clear": 0, "review": 1, "block": 2}
shares = st.floats(0.01, 1.0)
probabilities = st.floats(0.0, 1.0)

findings = st.builds(
    Findings,
    st.builds(Listing, st.just("L"), title=st.sampled_from([None, "Acme shoe", "shoe"])),
    st.sampled_from([None, "", "Acme", "Bolt"]),
    st.lists(
        st.builds(
            BrandMention,
            st.sampled_from(["title", "claim", "image:0"]),
            st.just("word"),
            st.sampled_from(sorted(BRANDS)),
            st.sampled_from(["exact", "near", "partial", "compatible", "style"]),
            probabilities,
            probabilities,
        ),
        max_size=4,
    ).map(tuple),
    shown=st.dictionaries(st.sampled_from(sorted(BRANDS)), probabilities),
    visible=st.sampled_from([(), ("Acme",), ("Acme", "Bolt")]),
    searched_share=probabilities,
)


def top(found: Findings, model: ScoreModel | None = None) -> Score:
    judge = Judge(score_model=model or ScoreModel())
    return judge.top(judge.judge(found, BRANDS.get), found)


@given(findings, score_models, shares)
@quick
def test_a_foreign_line_never_lowers_the_band(found: Findings, model: ScoreModel, share: float) -> None:
    with_line = replace(found, unreadable_share=share, unreadable=LINE)
    judge = Judge(score_model=model)
    for before, after in zip(judge.judge(found, BRANDS.get), judge.judge(with_line, BRANDS.get), strict=True):
        assert STRICT[after.score.band] >= STRICT[before.score.band]
        assert after.score.coverage <= before.score.coverage
    assert STRICT[top(with_line, model).band] >= STRICT[top(found, model).band]


@given(findings, st.tuples(shares, shares).map(sorted))
@quick
def test_more_foreign_text_never_lowers_the_band(found: Findings, two: list[float]) -> None:
    less, more = (replace(found, unreadable_share=share, unreadable=LINE) for share in two)
    assert STRICT[top(more).band] >= STRICT[top(less).band]


def test_a_claimed_brand_that_is_not_shown_goes_to_review() -> None:
    claimed = Findings(Listing("L", title="Acme shoe"), "Acme", visible=("Acme",))
    without, half, all_ = (top(replace(claimed, unreadable_share=s, unreadable=LINE)) for s in (0.0, 0.5, 1.0))
    values = [
        next(c.value for c in score.contributions if c.signal == "claimed_not_shown") for score in (without, half, all_)
    ]
    assert values[1] == pytest.approx(values[0] / 2)
    assert values[2] == 0
    assert without.coverage > half.coverage > all_.coverage
    assert [score.band for score in (half, all_)] == ["review", "review"]
    assert half.doubts == (LINE,)
    assert "50% of the text in them could not be read" in next(
        c.why for c in half.contributions if c.signal == "claimed_not_shown"
    )


def test_a_brand_that_is_surely_shown_or_not_claimed_is_as_before() -> None:
    shown = Findings(Listing("L", title="Acme shoe"), "Acme", shown={"Acme": 0.99}, visible=("Acme",))
    foreign = Findings(Listing("L"), "", shown={"Acme": 0.9}, visible=("Acme",))
    for found in (shown, foreign):
        assert top(replace(found, unreadable_share=0.4, unreadable=LINE)).band == top(found).band


class ForeignOcr(FakeOcr):
    """Finds a line of Hangul in each photo, which nobody reads."""

    def read(self, images: list[Rgb]) -> list[TextSpans]:  # type: ignore[override]
        box = np.array([[5, 5, 60, 20]], np.float32)
        return [replace(s, unread_xyxy=box, unread_scripts=("Kore",), unread_reasons=()) for s in super().read(images)]


def test_a_scan_says_what_nobody_could_read() -> None:
    listing = Listing("x", (photo_of(None),), title="Acme shoe", claimed_brand="Acme")
    before, after = make_scanner().scan(listing), make_scanner(ocr=ForeignOcr()).scan(listing)
    assert [line.script for line in after.unread or ()] == ["Kore"]
    assert after.score.band == "review"
    assert after.score.doubts == (LINE,)
    assert after.score.coverage < before.score.coverage
    assert f"image 0: {LINE}" in after.skipped
    assert timeless(ScoreModel().rejudge(after)).score == after.score
    shown = Listing("x", (photo_of(ACME),), title="Acme shoe", claimed_brand="Acme")
    assert make_scanner(ocr=ForeignOcr()).scan(shown).score.band == make_scanner().scan(shown).score.band
