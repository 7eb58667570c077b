"""What notebooks show of the nouns: escaped HTML, a plot that sums to the score, a table."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from fakes import BLUE, RED, WHITE, YELLOW, FakeEncoder, quarters
from hypothesis import given, settings
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from strategies import make_report, quick, reports

from logoscan import LogoIndex, ScoreModel, to_pandas
from logoscan.errors import MissingDependencyError
from logoscan.odds import sigmoid
from logoscan.results import BrandResult, ImageRecord, Report, Signal
from logoscan.types import Brand, BrandMention, Regions, UsualPrice

mpl.use("agg")

EVIL = "<script>alert(1)</script>\" onload='x' &amp; \u202egnp.exe"
SIGNALS = (Signal("low_price", 0.5, "cheap"), Signal("coded_terms", 1.0, "replica"), Signal("altered_logo", 0.0, "no"))


class Tags(HTMLParser):
    """Reads HTML strictly: every tag that opens closes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    assert tags.tags <= {"div", "b", "bdi", "table", "tr", "th", "td", "span", "svg", "g", "rect"}
    assert not {name for name in tags.attributes if name.startswith("on")}
    return tags


def scored(brand: str = "Acme", signals: tuple[Signal, ...] = SIGNALS, **changes: object) -> Report:
    return make_report(score=ScoreModel().score(brand, signals), **changes)


# -- HTML


@settings(quick, max_examples=50)
@given(report=reports())
def test_any_report_is_whole_html(report: Report) -> None:
    parsed(report._repr_html_())


def test_a_report_says_its_score_and_reasons() -> None:
    report = scored(
        brands=(BrandResult("Acme", 0.93, 12.0),), warnings=("image 0: broken",), skipped=("photos were not read",)
    )
    told = "".join(parsed(report._repr_html_()).texts)
    assert report.score.value is not None
    assert f"{report.score.value:.1f} of 100" in told
    for part in ("Acme", "coded_terms", "+4.50", "replica", "-5.00 before", "0.93", "image 0: broken", "were not read"):
        assert part in told
    assert "no candidate brand" in make_report()._repr_html_()


def test_nothing_of_a_listing_is_markup() -> None:
    mention = BrandMention("title", EVIL, "Acme", "exact", 0.0, 1.0)
    report = scored(
        EVIL,
        (Signal("low_price", 1.0, EVIL),),
        listing_id=EVIL,
        seller_id=EVIL,
        brands=(BrandResult(EVIL, None, 1.0),),
        mentions=(mention,),
        warnings=(EVIL,),
        skipped=(EVIL,),
        images=(ImageRecord(EVIL, None, None, None),),
    )
    index = LogoIndex(FakeEncoder(name=EVIL))
    usual = UsualPrice("EUR", 1, 2, EVIL)
    index.add(Brand(EVIL, aliases=(EVIL,), usual_prices=(usual,)), [])
    for html in (report._repr_html_(), index._repr_html_()):
        assert EVIL in parsed(html).texts


def test_a_long_report_stays_small() -> None:
    report = scored(warnings=("x" * 10_000,) * 1000, brands=(BrandResult("y" * 10_000, 0.5, 1.0),) * 1000)
    assert len(report._repr_html_()) < 30_000


def test_regions_are_drawn_and_listed() -> None:
    assert parsed(Regions.empty()._repr_html_()).texts == ["0 regions"]
    one = Regions(np.array([[5, 6, 5.001, 6.001]], np.float32), np.ones(1, np.float32))
    assert "1 region" in parsed(one._repr_html_()).texts
    low = np.random.default_rng(0).uniform(-1e4, 1e4, (1000, 2))
    many = Regions(np.hstack([low, low + 10]).astype(np.float32), np.linspace(0, 1, 1000, dtype=np.float32))
    html = many._repr_html_()
    assert "and 992 more" in parsed(html).texts
    assert "currentColor" in html
    assert len(html) < 40_000


def test_index_html_lists_its_brands() -> None:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    assert parsed(index._repr_html_()).texts[0] == "0 brands, 0 logo vectors"
    usual = UsualPrice("EUR", 10, 25.5, "Drills")
    acme = Brand("Acme", aliases=("ACME Tools",), authorised_sellers=("a", "b"), usual_prices=(usual,))
    index.add(acme, [("a.png", quarters(RED, WHITE, BLUE, YELLOW)), ("b.png", quarters(RED, RED, BLUE, BLUE))])
    index.add_many([(Brand(f"B{i:02}"), []) for i in range(30)])
    texts = parsed(index._repr_html_()).texts
    assert texts[0] == f"31 brands, {len(index)} logo vector{'' if len(index) == 1 else 's'}"
    for part in ("fake", "Acme", "ACME Tools", "Drills 10-25.5 EUR", "and 11 more"):
        assert part in texts


# -- the plot


def test_the_bars_end_at_the_score() -> None:
    report = scored()
    ax = report.plot()
    bars = [p for p in ax.patches if isinstance(p, Rectangle)]
    *steps, total = bars
    assert [b.get_width() for b in steps] == pytest.approx([-5.0, 4.5, 2.2, 0.0])
    for before, after in pairwise(steps):
        assert after.get_x() == pytest.approx(before.get_x() + before.get_width())
    assert steps[-1].get_x() + steps[-1].get_width() == pytest.approx(total.get_x() + total.get_width())
    assert 100 * sigmoid(total.get_width()) == pytest.approx(report.score.value)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["before any signal", "coded_terms", "low_price", "1 other signal", "sum"]
    plt.close("all")


def test_plot_uses_the_given_axes_and_no_mathtext() -> None:
    figure, own = plt.subplots()
    dollars = "$\\frac{$ and $"
    report = scored(dollars, (Signal("low_price", 1.0, "cheap"),), listing_id=dollars)
    assert report.plot(own) is own
    figure.savefig(BytesIO())
    assert own.get_title() == f"{dollars}: {dollars}"
    assert len(plt.get_fignums()) == 1
    plt.close("all")


def test_report_without_a_brand_has_no_plot() -> None:
    ax = make_report().plot()
    assert not ax.patches
    assert "no candidate brand" in ax.get_title()
    plt.close("all")


# -- the table


def test_no_reports_make_an_empty_table_of_the_same_kinds() -> None:
    empty, full = to_pandas([]), to_pandas([scored(seller_id="S")])
    assert len(empty) == 0
    assert list(full.columns[: len(empty.columns)]) == list(empty.columns)
    assert all(full[name].dtype == empty[name].dtype for name in empty.columns)


@settings(quick, max_examples=50)
@given(report=reports())
def test_a_row_sums_to_its_score(report: Report) -> None:
    row = to_pandas([report]).iloc[0]
    assert row["listing_id"] == report.listing_id
    assert row["n_matches"] == len(report.matches)
    if report.score.value is None:
        assert math.isnan(row["score"])
    else:
        added = row.filter(like="contribution_").astype(float).sum()
        assert row["score"] == pytest.approx(100 * sigmoid(row["bias"] + added))


def test_absent_is_not_nought() -> None:
    one = scored(listing_id="1", brands=(BrandResult("Acme", 0.7, 1.0),))
    other = scored("Bolt", (), listing_id="2")
    table = to_pandas([one, other, make_report(listing_id="3")])
    assert table["listing_id"].tolist() == ["1", "2", "3"]
    assert table["contribution_altered_logo"].iloc[0] == 0.0
    assert table["contribution_altered_logo"].isna().tolist() == [False, True, True]
    assert table["probability"].iloc[0] == 0.7
    assert table["brand"].isna().tolist() == [False, False, True]
    assert table["band"].cat.categories.tolist() == ["clear", "review", "block"]
    assert pd.api.types.is_integer_dtype(table["n_images"])


@pytest.mark.parametrize("package", ["pandas", "matplotlib"])
def test_a_missing_package_is_named_with_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    calls: dict[str, Callable[[], object]] = {"pandas": lambda: to_pandas([]), "matplotlib": lambda: scored().plot()}
    with pytest.raises(MissingDependencyError, match=rf"{package} is missing; pip install 'logoscan\[notebook\]'"):
        calls[package]()
