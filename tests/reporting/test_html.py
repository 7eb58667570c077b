"""Evidence pages: what they show, what they must not run or load, and a whole run in a browser where there is one."""

from __future__ import annotations

import base64
import gc
import io
import json
import math
import re
import sys
import weakref
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import BLUE, RED, WHITE, YELLOW, FakeDetector, FakeEncoder, photo_of, quarters
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from strategies import make_report, quick, reports

from logoscan._hashing import file_sha256
from logoscan.cli import main
from logoscan.errors import InputError, MissingDependencyError
from logoscan.images.loading import read_picture
from logoscan.index.logo_index import LogoIndex
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.reporting import html as pages
from logoscan.reporting import pictures
from logoscan.reporting.charts import price_chart, waterfall
from logoscan.reporting.groups import group_matches
from logoscan.reporting.html import listing_page
from logoscan.reporting.jsonl import report_from_json, report_to_json
from logoscan.reporting.plain_words import is_little_known, points, why_in_review
from logoscan.reporting.run_html import file_name, write_pages
from logoscan.reporting.spelling_diff import closest, letters
from logoscan.reporting.worklist import CASES_PER_FILE
from logoscan.results import BrandResult, ImageRecord, ListingFacts, PriceFinding, Report, Score, Signal
from logoscan.scan.scanner import Scanner
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, BrandMention, Listing, Match, UsualPrice

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}&amp;</title><!--"
MARK = quarters(RED, WHITE, BLUE, YELLOW)


class Read(HTMLParser):
    """The elements of a page, its text, and whatever an address could be in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "link", "img", "input", "br", "col"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every element is closed in its turn"

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def page_of(report: Report, **options: object) -> Read:
    return Read(listing_page(report, **options))  # type: ignore[arg-type]


def scored(*signals: Signal, brand: str = "Acme") -> Score:
    return ScoreModel().score(brand, list(signals))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """One photo with a mark in its middle."""
    Image.fromarray(photo_of(MARK)).save(tmp_path / "a.png")
    return tmp_path


@pytest.fixture
def register() -> LogoIndex:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    drawing = np.dstack([MARK, np.where(np.hypot(*(np.indices((32, 32)) - 15.5)) < 15, 255, 0).astype(np.uint8)])
    index.add(Brand("Acme", aliases=("Zenith",)), [("logo.png", drawing)])
    return index


def seen(shop: Path, index: LogoIndex, *more: Match, **changes: object) -> Report:
    """A report of the photo, with a match by appearance and one by keypoints of its logo."""
    record = ImageRecord("a.png", file_sha256(shop / "a.png"), 80, 60)
    logo = index.logos[0].id
    look = Match(0, (24.0, 14.0, 56.0, 46.0), "Acme", logo, 0.9, 0.4, 0.98)
    points = Match(0, (24.5, 14.5, 56.5, 46.0), "Acme", logo, 0.9, 0.4, 0.95, "keypoints", 12)
    fields = {"images": (record,), "matches": (look, points, *more), **changes}
    return make_report(**fields)


# -- one page


def test_an_empty_report_has_a_page() -> None:
    page = page_of(make_report())
    for said in ("Listing L", "nothing to score", "has no photos", "No registered brand is named", "older version"):
        assert said in page.text
    assert not page.open


def test_unscanned_photos_are_stated_where_there_is_no_brand() -> None:
    score = Score(None, "review", None, 0.0, (), 0.0, "m")
    assert "nothing to score. Not everything could be looked at." in page_of(make_report(score=score)).text
    assert "Not everything" not in page_of(make_report()).text
    assert "no candidate brand, review" in make_report(score=score)._repr_html_()


def test_page_loads_and_runs_nothing(shop: Path, register: LogoIndex) -> None:
    facts = ListingFacts(title=EVIL, url="https://shop.example/1")
    page = page_of(seen(shop, register, listing=facts), root=shop, index=register)
    assert "script" not in page.tags
    policy = next(v for v in page.values("content") if "default-src" in v)
    assert "default-src 'none'" in policy
    assert "script-src 'none'" in policy
    assert all(v.startswith("data:image/") for v in page.values("src"))
    assert {v for v in page.values("href") if not v.startswith(("#", "data:"))} == set(), "nothing leads to the seller"
    assert "https://shop.example/1" in page.text
    assert page.values("style") == []
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def hostile(shop: Path) -> Report:
    """Every text of a report is an attack."""
    why = Signal("low_price", 1.0, EVIL)
    return make_report(
        listing_id=EVIL,
        seller_id=EVIL,
        score=scored(why, brand=EVIL),
        brands=(),
        matches=(Match(0, (1.0, 1.0, 9.0, 9.0), EVIL, EVIL, 0.5, 0.1, 0.9),),
        mentions=(BrandMention(EVIL, EVIL, EVIL, "near", 0.1, 0.5), BrandMention("title", "x", EVIL, "exact", 0, 1)),
        warnings=(EVIL,),
        skipped=(EVIL,),
        images=(ImageRecord(EVIL, "0" * 64, 10, 10),),
        provenance=replace(make_report().provenance, encoder=EVIL),
        listing=ListingFacts(EVIL, EVIL, EVIL, EVIL, 1.0, "EUR", "javascript:alert(1)"),
        price=PriceFinding(0.5, EVIL, 1.0, "EUR", 0.5, 2.0, 0.3, 4, "brand", EVIL),
    )


def test_page_escapes_sellers_text(shop: Path) -> None:
    report = hostile(shop)
    page = page_of(report, root=shop)
    assert page.text.count(EVIL) >= 12
    assert "script" not in page.tags
    assert "img" not in page.tags, "the only photo is not there"
    assert page.values("onerror") == []
    assert not [v for v in page.values("href") if "script" in v], "an address that is none is text"
    assert "javascript:alert(1)" in page.text
    assert "49" not in re.sub("[^0-9a-z{}]", "", page.text.replace(EVIL, "")), "no template in a template"
    assert not page.open


@settings(quick, max_examples=15)
@given(report=reports())
def test_any_report_has_a_page(report: Report) -> None:
    page = page_of(report)
    assert not page.open
    assert "script" not in page.tags


def test_control_characters_are_shown() -> None:
    page = page_of(make_report(listing_id="a\0b\u202ec\ud800"))
    assert "a[U+0000]b[U+202E]c[U+D800]" in page.text


def test_a_page_is_the_same_twice_and_is_saved(shop: Path, register: LogoIndex) -> None:
    report = seen(shop, register)
    report.save_html(shop / "p.html", root=shop, index=register)
    assert (shop / "p.html").read_text("utf-8") == listing_page(report, root=shop, index=register)


def test_a_missing_engine_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    pages._environment.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"pip install 'logoscan\[report\]'"):
        listing_page(make_report())
    pages._environment.cache_clear()


# -- the score


def test_the_waterfall_is_the_score() -> None:
    score = scored(Signal("low_price", 0.8, "a"), Signal("lookalike_text", 0.7, "b"), Signal("coded_terms", 0.0, "c"))
    text = listing_page(make_report(score=score))
    shown = dict(re.findall(r'data-signal="([^"]+)" data-contribution="([^"]+)"', text))
    assert {k: float(v) for k, v in shown.items()} == {c.signal: c.contribution for c in score.contributions}
    bias, total = (float(re.findall(rf'data-{name}="([^"]+)"', text)[0]) for name in ("bias", "total"))
    assert bias == score.bias
    assert total == pytest.approx(bias + math.fsum(float(v) for v in shown.values()), abs=1e-12)
    assert f"score {score.value:.1f}" in text
    start, parts = points(score)
    assert start + sum(parts) == round(score.value or 0)


@settings(quick)
@given(report=reports())
def test_points_sum_to_the_score(report: Report) -> None:
    score = report.score
    start, parts = points(score)
    assert len(parts) == len(score.contributions)
    assert start + sum(parts) == round(score.value or 0)
    for part, n in zip(score.contributions, parts, strict=False):
        assert (n > 1) <= (part.contribution > 0)
        assert (n < -1) <= (part.contribution < 0)
    alone = is_little_known(score) and score.value is not None
    assert not alone or all(c.contribution < 0.005 for c in score.contributions)


def test_a_credit_alone_makes_no_listing_known() -> None:
    assert is_little_known(scored(Signal("brand_shown", 1.0, "claimed and shown")))
    assert not is_little_known(scored(Signal("brand_shown", 1.0, "a"), Signal("low_price", 0.5, "b")))


@settings(quick)
@given(report=reports())
def test_why_in_review_holds_for_the_report(report: Report) -> None:
    why = why_in_review(report)
    if report.score.band != "review":
        assert why is None
    elif report.score.doubts:
        assert why is not None
        assert all(doubt in why for doubt in report.score.doubts)
    elif why is not None and "nothing else is known" in why:
        facts = report.listing or ListingFacts()
        assert (facts.title, facts.claimed_brand, facts.price, report.seller_id) == (None, None, None, None)
    if why is not None and "states no" in why:
        assert ("no price" in why) == (report.listing is None or report.listing.price is None)
        assert ("no seller" in why) == (report.seller_id is None)


@settings(quick)
@given(report=reports())
def test_steps_join_and_end_at_the_total(report: Report) -> None:
    fall = waterfall(report.score)
    at = fall.bias
    for step in fall.steps:
        assert step.start == pytest.approx(at, abs=1e-9)
        assert step.end == pytest.approx(step.start + step.amount, abs=1e-9)
        assert 0 <= step.x <= step.x + step.width <= 100.5
        at = step.end
    assert at == pytest.approx(fall.total, abs=1e-3)
    assert fall.total == pytest.approx(report.sums_to(), abs=1e-9)
    assert 0 <= fall.x_bias <= 100
    assert 0 <= fall.x_total <= 100


# -- photos and places


def test_two_matches_of_one_region_are_grouped(shop: Path, register: LogoIndex) -> None:
    elsewhere = Match(0, (0.0, 0.0, 10.0, 10.0), "Acme", "Acme/logo.png", 0.3, 0.1, 0.6)
    unsure = Match(0, (60.0, 0.0, 80.0, 10.0), "Acme", "Acme/logo.png", 0.3, 0.1, 0.1)
    report = seen(shop, register, elsewhere, unsure)
    assert [len(p.matches) for p in group_matches(report.matches)] == [2, 1, 1]
    first = group_matches(report.matches)[0]
    assert first.by_appearance == report.matches[0]
    assert first.by_keypoints == report.matches[1]
    page = page_of(report, root=shop, index=register)
    assert [v for v in page.values("id") if v.startswith("box-")] == ["box-2", "box-1"]
    assert "By its look: 98 % sure. By 12 details of the logo: 95 % sure." in page.text
    assert "1 less sure place is not shown" in page.text


def test_groups_of_no_matches_and_of_other_brands() -> None:
    assert group_matches(()) == ()
    boxes = ((0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 10.0), (0.0, 0.0, 10.0, 10.0), (5.0, 0.0, 15.0, 10.0))
    owners = (("A", 0), ("B", 0), ("A", 1), ("A", 0))
    found = [Match(i, box, name, "l", 0.5, 0.1, None) for box, (name, i) in zip(boxes, owners, strict=True)]
    assert [p.best for p in group_matches(found)] == found, "another brand, picture or place is another place"


def test_page_shows_the_logo_beside_the_crop(shop: Path, register: LogoIndex) -> None:
    page = page_of(seen(shop, register), root=shop, index=register)
    alts = [v for tag, name, v in page.attributes if (tag, name) == ("img", "alt")]
    assert alts[0] == "Photo 1 of 1; marked: 1 Acme"
    assert alts[1:3] == ["The place in the photo", f"The registered logo {register.logos[0].id}"]
    without = page_of(seen(shop, register), root=shop)
    assert "No registered logos were given" in without.text
    stranger = LogoIndex(register.encoder_info)
    assert "The logo is not among the registered logos" in page_of(seen(shop, register), root=shop, index=stranger).text


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (ImageRecord(None, "0" * 64, 80, 60), "was not read from a file"),
        (ImageRecord("gone.png", "0" * 64, 80, 60), "gone.png: no such image file"),
        (ImageRecord("../a.png", "0" * 64, 80, 60), "leads out of it"),
        (ImageRecord("a.png", "0" * 64, 80, 60), "has changed since the scan"),
        (ImageRecord("a.png", None, None, None), "could not be read, when the listing was scanned"),
        (ImageRecord("bad.png", "0" * 64, 80, 60), "bad.png: expected one of JPEG"),
        (ImageRecord("\0", "0" * 64, 80, 60), "cannot be shown"),
    ],
)
def test_a_photo_that_cannot_be_shown_is_reported(
    shop: Path, register: LogoIndex, record: ImageRecord, said: str
) -> None:
    (shop / "bad.png").write_bytes(b"no picture")
    page = page_of(seen(shop, register, images=(record,)), root=shop, index=register)
    assert said in page.text
    assert not [v for v in page.values("src") if v.startswith("data:image/jpeg")], "nor is a part of it"
    assert "Acme" in page.text, "the match is told all the same"


@pytest.mark.parametrize("xyxy", [(9.0, 9.0, 1.0, 1.0), (500.0, 500.0, 600.0, 600.0), (-9.0, -9.0, 900.0, 900.0)])
def test_any_box_can_be_shown(shop: Path, register: LogoIndex, xyxy: tuple[float, float, float, float]) -> None:
    report = seen(shop, register, matches=(Match(0, xyxy, "Acme", "Acme/logo.png", 0.5, 0.1, 0.9),))
    assert not page_of(report, root=shop, index=register).open


def test_photos_that_are_left_out_or_not_there_are_reported(shop: Path, register: LogoIndex) -> None:
    """Fifty are shown; of a record without a file nothing can be."""
    record = ImageRecord("a.png", file_sha256(shop / "a.png"), 80, 60)
    records = (*[record] * 51, ImageRecord(None, "0" * 64, 80, 60), ImageRecord("b.png", None, None, None))
    look = Match(50, (24.0, 14.0, 56.0, 46.0), "Acme", "Acme/logo.png", 0.9, 0.4, 0.98)
    page = page_of(make_report(images=records, matches=(look,)), root=shop, index=register)
    assert len([v for tag, name, v in page.attributes if (tag, name) == ("img", "alt") and v.startswith("Photo")]) == 50
    assert page.text.count("A page shows 50 photos; this one is left out.") == 3
    assert "The place in the photo" not in page.values("alt"), "nor a part of it"


def test_each_content_is_decoded_once_and_one_at_a_time(
    shop: Path, register: LogoIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example: 25 photos of 64 million pixels were held at full size, 4.7 GB."""
    other = photo_of(quarters(RED, RED, BLUE, BLUE))
    Image.fromarray(other).save(shop / "b.png")
    (shop / "same.png").write_bytes((shop / "a.png").read_bytes())
    names = ["a.png", "b.png", "a.png", "same.png", "b.png"] * 8
    records = tuple(ImageRecord(name, file_sha256(shop / name), 80, 60) for name in names)
    held: list[weakref.ref[object]] = []
    read = read_picture

    def counted(*args: Any, **options: Any) -> Any:
        assert options["reduced"]
        gc.collect()
        assert sum(ref() is not None for ref in held) <= 1, "those before are let go"
        picture = read(*args, **options)
        held.append(weakref.ref(picture))
        return picture

    monkeypatch.setattr(pictures, "read_picture", counted)
    marks = tuple(Match(i, (24.0, 14.0, 56.0, 46.0), "Acme", "Acme/logo.png", 0.9, 0.4, 0.98) for i in (0, 3, 39))
    page = page_of(make_report(images=records, matches=marks), root=shop, index=register)
    assert len(held) == 2
    assert page.values("alt").count("The place in the photo") == 3
    assert len([v for v in page.values("src") if v.startswith("data:image/jpeg")]) >= 43


def test_region_of_a_large_photo_is_cropped_at_its_box(tmp_path: Path, register: LogoIndex) -> None:
    """The photo is decoded smaller; boxes are in pixels of the file."""
    photo = np.full((3000, 6400, 3), 90, np.uint8)
    photo[2000:2400, 5000:5400] = RED
    Image.fromarray(photo).save(tmp_path / "large.png")
    record = ImageRecord("large.png", file_sha256(tmp_path / "large.png"), 6400, 3000)
    mark = Match(0, (5000.0, 2000.0, 5400.0, 2400.0), "Acme", register.logos[0].id, 0.9, 0.4, 0.98)
    page = page_of(make_report(images=(record,), matches=(mark,)), root=tmp_path, index=register)
    sources = [v for tag, name, v in page.attributes if (tag, name) == ("img", "src")]
    whole, crop = (np.asarray(Image.open(io.BytesIO(base64.b64decode(v.partition(",")[2])))) for v in sources[:2])
    assert whole.shape == (422, 900, 3)
    assert abs(crop[112, 112].astype(int) - RED).max() < 30, "the middle of the cut-out is the mark"
    assert abs(crop[5, 5].astype(int) - 90).max() < 30, "around it is the ground"
    assert "6400 × 3000 px" in page.text


def test_a_photo_whose_twin_is_gone_is_reported(shop: Path, register: LogoIndex) -> None:
    """Of files with one content each is looked at: one may be missing, another changed."""
    digest = file_sha256(shop / "a.png")
    Image.fromarray(photo_of(None)).save(shop / "other.png")
    names = ("gone.png", "a.png", "other.png", "a.png", "../a.png")
    page = page_of(
        make_report(images=tuple(ImageRecord(name, digest, 80, 60) for name in names)), root=shop, index=register
    )
    assert len([v for v in page.values("src") if v.startswith("data:image/jpeg")]) == 2
    assert "gone.png: no such image file, below the folder that was given for the photos" in page.text
    assert "The file has changed since the scan" in page.text
    assert "leads out of it" in page.text


def test_fifty_photos_stay_small(samples: Path) -> None:
    photo = samples / "photos" / "beanie.jpg"
    record = ImageRecord(photo.name, file_sha256(photo), 640, 720)
    for count in (1, 4, 10, 50):
        page = listing_page(make_report(images=(record,) * count), root=photo.parent)
        assert page.count("<img") == count
        assert len(page) < 1_500_000


# -- words and price


@pytest.mark.parametrize(
    ("text", "name", "odd"),
    [
        ("New Balance", "new balance", {}),
        ("", "", {}),
        ("Škoda", "Skoda", {}),
        ("NEW BALENCE", "New Balance", {7: "“E” for “A”"}),
        ("adid\u0430s", "Adidas", {4: "Cyrillic small letter a (U+0430), drawn like “a”"}),
        ("Ado\u200bbe", "Adobe", {3: "invisible: Zero width space (U+200B)"}),
        ("N1ke", "Nike", {1: "“1” for “i”"}),
        ("adida$", "Adidas", {5: "“$” for “s”"}),
        ("Nikes", "Nike", {4: "“s” is too much"}),
        ("Nke", "Nike", {1: "“i” is missing"}),
        ("Ⓝike", "Nike", {0: "Circled latin capital letter n (U+24C3), drawn like “n”"}),
    ],
)
def test_spelling_diff_names_odd_letters(text: str, name: str, odd: dict[int, str]) -> None:
    found = letters(text, name)
    assert {i: letter.odd for i, letter in enumerate(found) if letter.odd} == odd


@settings(quick)
@given(report=reports())
def test_spelling_diff_of_any_letters(report: Report) -> None:
    for mention in report.mentions:
        shown = letters(mention.text, mention.brand)
        assert len([x for x in shown if x.shown != "‸"]) <= len(mention.text) * 3
        closest(mention.text, [mention.brand, "Acme"])


def test_spelling_diff_compares_a_fuzzy_name_with_its_alias(register: LogoIndex) -> None:
    mention = BrandMention("image:2", "Zen1th", "Acme", "near", 0.1, 0.5)
    assert "“1” for “i”" in page_of(make_report(mentions=(mention,)), index=register).text
    page = page_of(make_report(mentions=(mention,)))
    assert "too far from the name" in page.text
    assert "photo 3" in page.text
    assert closest("x", []) is None


def test_prices_lie_on_their_axis() -> None:
    found = PriceFinding(0.9, "cheap", 10.0, "EUR", 0.1, 100.0, 0.3, 40, "brand", "acme")
    chart = price_chart(found)
    assert chart is not None
    assert chart.curve is not None
    assert 0 < chart.price < chart.usual < 100
    stated = price_chart(replace(found, stated=(80.0, 125.0)))
    assert stated is not None
    assert stated.curve is None
    assert stated.stated is not None
    assert stated.price < stated.stated[0] < stated.usual < stated.stated[1]
    assert price_chart(None) is None
    assert price_chart(PriceFinding(None, "no price")) is None
    for extreme in (1e-300, 1e300):
        assert price_chart(replace(found, price=extreme)) is not None
    text = page_of(make_report(score=scored(), price=found)).text
    assert "this listing 10.00 EUR" in text
    assert "log-normal" in text
    said = page_of(make_report(score=scored(), price=PriceFinding(None, "prices are known in EUR, not in JPY"))).text
    assert "Prices are known in EUR, not in JPY" in said


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_finding_holds_finite_prices(value: float) -> None:
    for name in ("price", "share", "usual", "spread"):
        with pytest.raises(InputError, match=f"PriceFinding.{name}: expected a finite number above 0"):
            PriceFinding(0.5, "why", **{name: value})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"PriceFinding\.stated"):
        PriceFinding(0.5, "why", stated=(1.0, value))


# -- what reports keep


def test_listing_and_price_come_back() -> None:
    found = PriceFinding(1 / 3, "why", 0.1, "EUR", 1 / 7, 7.3, 0.3, 4, "brand", "acme", (5.0, 9.9))
    report = make_report(listing=ListingFacts("t", "", price=0.1, currency="EUR"), price=found)
    assert report_from_json(report_to_json(report)) == report


def test_a_scan_keeps_the_words_and_how_the_price_compares(shop: Path) -> None:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    stated = (UsualPrice("EUR", 50.0, 200.0),)
    index.add(Brand("Acme", usual_prices=stated), [("logo.png", MARK)])
    index.add(Brand("Bolt"), [])
    genuine = PriceModel.fit(PriceRecord("Bolt", 90.0 + i, "EUR", "Tools") for i in range(21))
    scanner = Scanner(index, encoder=encoder, detector=FakeDetector(), prices=genuine, similarity_threshold=0.9)
    listing = Listing("L", (shop / "a.png",), title="A thing", claimed_brand="", price=20.0, currency="EUR")
    report = scanner.scan(listing)
    assert report.listing == ListingFacts.of(listing)
    assert report.score.brand == "Acme"
    assert report.price is not None
    assert (report.price.stated, report.price.usual, report.price.price) == ((50.0, 200.0), 100.0, 20.0)
    assert (report.price.level, report.price.cohort, report.price.n) == ("registered", "acme", 0)
    bolt = scanner.scan(replace(listing, images=(), title="Bolt", category="tools")).price
    assert bolt is not None
    assert bolt.anomaly is not None
    assert (bolt.stated, bolt.cohort, bolt.n) == (None, "bolt tools", 21)
    assert bolt.usual == pytest.approx(100.0, rel=0.02)
    assert bolt.price == pytest.approx(20.0)
    nobody = scanner.scan(Listing("L", title="A thing", price=20.0, currency="EUR"))
    assert (nobody.score.brand, nobody.price) == (None, None)
    unknown = scanner.scan(Listing("L", title="Bolt", price=20.0, currency="JPY")).price
    assert unknown == PriceFinding(None, unknown.reason if unknown else "")


ADDRESSES = {
    "https://shop.example/item/1?session=abc&email=a%40b.com#top": "https://shop.example/item/1",
    "https://ann:secret@shop.example:8443/1": "https://shop.example:8443/1",
    "HTTPS://a@b@shop.example/1;jsessionid=77/2;x?y": "HTTPS://shop.example/1/2",
    "//ann@shop.example/1": "//shop.example/1",
    "ann:secret@shop.example/1?x": "shop.example/1",
    "https:/ann@shop.example/1": "https:/shop.example/1",
    "https:\\\\ann@shop.example\\1": "https:\\\\shop.example\\1",
    "https://medium.example/@ann/1": "https://medium.example/@ann/1",
    "https://[::1]/1?x": "https://[::1]/1",
    "http://[": "http://[",
    "javascript:alert(1)": "javascript:alert(1)",
    "?session=1": "",
    "": "",
}


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_is_kept_to_the_page(url: str) -> None:
    assert ListingFacts.of(Listing("L", url=url)).url == ADDRESSES[url]


@settings(quick)
@given(
    host=st.from_regex(r"[a-z]{1,9}(\.[a-z]{1,5}){0,2}(:[0-9]{1,5})?", fullmatch=True),
    path=st.from_regex(r"(/[A-Za-z0-9._~%@-]{0,9}){0,4}", fullmatch=True),
    login=st.from_regex(r"([A-Za-z0-9:%.;@-]{1,9}@)?", fullmatch=True),
    rest=st.from_regex(r"(;[A-Za-z0-9=]{0,9})?(\?[^#]{0,20})?(#.{0,9})?", fullmatch=True),
)
def test_no_address_keeps_a_visitor(host: str, path: str, login: str, rest: str) -> None:
    facts = ListingFacts.of(Listing("L", url=f"https://{login}{host}{path}{rest}"))
    assert facts.url == f"https://{host}{path}"


def test_long_words_are_truncated_in_pages() -> None:
    facts = ListingFacts.of(Listing("L", title="é" * 501, url="u" * 5000, category="c" * 500))
    assert facts.title == "é" * 497 + "..."
    assert len(facts.url or "") == 2000
    assert facts.category == "c" * 500


# -- a run


def handed_over(folder: Path, file: str) -> Any:
    """What a data file hands to the page."""
    text = (folder / "data" / file).read_text("ascii")
    handed = re.fullmatch(r"logoscan\.(?:start|add)\((.*)\);\n", text)
    assert handed
    assert not re.search("[<>]", text)
    return json.loads(handed[1])


def test_run_page_of_no_reports(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "pages"
    assert write_pages([], folder) == 0
    assert handed_over(folder, "run.js")["cases"] == 0
    assert not list(folder.glob("data/cases-*"))
    assert not Read((folder / "index.html").read_text("utf-8")).open
    assert "No listing names its seller" in (folder / "sellers.html").read_text("utf-8")


def test_run_page_lists_the_cases(shop: Path, register: LogoIndex) -> None:
    one = seen(shop, register, score=scored(Signal("low_price", 1.0, "w")), seller_id="s",
               listing=ListingFacts("A shoe", price=5.0, currency="EUR", listed_at="2026-10-01T12:00:00"))  # fmt: skip
    ids = ["L", "L", "../../x", "l", EVIL, "x" * 3000, "日本", "\ud800"]
    told: list[None] = []
    run = [replace(one, listing_id=i) for i in ids] + [replace(hostile(shop), listing_id="h")]
    count = write_pages(run, shop / "p", root=shop, index=register, done=lambda: told.append(None))
    assert count == len(told) == 9
    first, other = handed_over(shop / "p", "cases-0.js")
    assert sorted(first["ids"]) == sorted(ids), "copies are one case"
    names = [*first["pages"], *other["pages"]]
    assert len({name.casefold() for name in names}) == 9
    assert sorted(p.name for p in (shop / "p" / "listings").iterdir()) == sorted(f"{n}.html" for n in names)
    assert all(re.fullmatch("[a-z0-9-]{1,70}", name) for name in names)
    assert (first["title"], first["brand"], first["band"], first["price"], first["amount"], first["date"]) == (
        "A shoe", "Acme", 1, "5.00 EUR", 5.0, "2026-10-01"
    )  # fmt: skip
    assert first["reasons"] == [["low_price", 21, "w"]]
    assert all((shop / "p" / "photos" / name).is_file() for name in [first["crop"], *(p[0] for p in first["photos"])])
    assert (shop / "p" / "logos" / first["logo"]).is_file()
    assert first["box"] == [24.0, 14.0, 56.0, 46.0]
    page = (shop / "p" / "index.html").read_text("utf-8")
    read = Read(page)
    policy = next(v for v in read.values("content") if "default-src" in v)
    assert "unsafe" not in policy
    assert "script-src 'self' file:;" in policy
    assert all(re.fullmatch(r"(app|data)/[a-z0-9-]+\.js", v) for v in read.values("src") if v)
    assert not re.search(r"https?://", page)
    listing = (shop / "p" / "listings" / f"{names[2]}.html").read_text("utf-8")
    assert 'href="../index.html"' in listing


def test_a_shorter_run_leaves_no_cases_of_a_longer_one(tmp_path: Path) -> None:
    many = [make_report(listing_id=f"L{i}") for i in range(CASES_PER_FILE + 1)]
    write_pages(many, tmp_path)
    assert len(list(tmp_path.glob("data/cases-*"))) == 2
    write_pages(many[:1], tmp_path)
    assert len(list(tmp_path.glob("data/cases-*"))) == 1


def test_equal_scores_are_ordered_by_what_is_known(tmp_path: Path) -> None:
    """A run of photos alone has one score, and no page shows a column of it."""
    run = []
    for i, sure in enumerate((0.6, 0.99, 0.8)):
        score = ScoreModel().score("Acme", [], shown=sure)
        known = BrandResult("Acme", sure, score.value or 0.0)
        run.append(make_report(listing_id=f"L{i}", seller_id=None, score=score, brands=(known,)))
    write_pages(run, tmp_path)
    cases = handed_over(tmp_path, "cases-0.js")
    assert [case["ids"] for case in cases] == [["L1"], ["L2"], ["L0"]]
    assert {case["score"] for case in cases} == {None}
    assert handed_over(tmp_path, "run.js")["hasScores"] is False
    assert cases[0]["why"] == "the photos show Acme (99 % sure); nothing else is known about the listing"


def test_pages_of_sellers_name_shared_photos_and_stay_text(shop: Path) -> None:
    record = ImageRecord("a.png", file_sha256(shop / "a.png"), 80, 60)
    sellers = ["s", EVIL, "../../etc", "t"]
    run = [
        make_report(listing_id=f"L{i}", seller_id=seller, images=(record,) if i < 2 else (), listing=ListingFacts(EVIL))
        for i, seller in enumerate(sellers)
    ]
    write_pages(run, shop / "p", root=shop)
    table = Read((shop / "p" / "sellers.html").read_text("utf-8"))
    links = [v for v in table.values("href") if v.startswith("sellers/")]
    assert len(links) == 4
    pages = [Read((shop / "p" / link).read_text("utf-8")) for link in links]
    for page in [table, *pages]:
        assert not page.open
        assert "script" not in page.tags
        assert page.values("onerror") == []
    assert sum("None." in page.text for page in pages) == 2, "two share a photo"
    assert sum("also: " in page.text for page in pages) == 2
    assert any(EVIL in page.text for page in pages)


def test_run_page_file_names_are_safe() -> None:
    for listing_id in ("", "con", "../..", "a/b", "A", "a", "\0", "x" * 500):
        assert re.fullmatch("[a-z0-9-]+", file_name(listing_id))
    assert file_name("A") != file_name("a")
    assert file_name("a b") != file_name("a-b")


def test_run_pages_need_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(InputError, match="expected a folder, got the file"):
        write_pages([], tmp_path / "f")


def test_report_command_writes_pages(shop: Path, register: LogoIndex) -> None:
    register.save(shop / "index")
    (shop / "r.jsonl").write_text(report_to_json(seen(shop, register)) + "\n\n", encoding="utf-8")
    asked = ["report", str(shop / "r.jsonl"), "--html", str(shop / "p"), "--index", str(shop / "index")]
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 0, result.output
    assert result.output == f"1 listings -> {shop / 'p' / 'index.html'}\n"
    (page,) = (shop / "p" / "listings").iterdir()
    assert "The registered logo" in page.read_text("utf-8"), "the photos are where the reports are"
    (shop / "r.jsonl").write_text("nonsense")
    assert CliRunner().invoke(main, asked).exit_code == 2


def test_missing_photos_are_reported_once(shop: Path, register: LogoIndex) -> None:
    report = seen(shop, register)
    lines = (report_to_json(replace(report, listing_id=f"L{i}")) + "\n" for i in range(60))
    (shop / "r.jsonl").write_text("".join(lines))
    asked = ["report", str(shop / "r.jsonl"), "--html", str(shop / "p")]
    result = CliRunner().invoke(main, [*asked, "--root", "elsewhere"])
    assert result.exit_code == 1
    assert result.stderr == "logoscan: 60 of 60 photos were not found below 'elsewhere': --root?\n"
    Image.fromarray(photo_of(None)).save(shop / "a.png")
    changed = CliRunner().invoke(main, asked)
    assert changed.exit_code == 1
    assert changed.stderr.startswith("logoscan: 60 of 60 photos cannot be shown, such as of listing 'L0': ")
    assert changed.stderr.count("\n") == 1
