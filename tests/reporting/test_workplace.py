"""The work list in a headless Chromium: decided by keys, left and opened again, downloaded, imported, fitted."""

from __future__ import annotations

import csv
import io
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import run
from fakes import BLUE, RED, WHITE, YELLOW, photo_of, quarters
from PIL import Image
from strategies import make_report

from benchmarks.common.browser import CHROMIUM, Browser
from logoscan._hashing import file_sha256, sha256_hex
from logoscan.reporting.jsonl import report_to_json
from logoscan.reporting.run_html import write_pages
from logoscan.results import BrandResult, ImageRecord, ListingFacts, Report, Signal
from logoscan.review.journal import Journal
from logoscan.review.verdict_rows import VerdictRow, read_verdict_rows
from logoscan.scoring.model import ScoreModel
from logoscan.types import Match

pytestmark = [pytest.mark.chromium, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")]
EVIL = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>=1+1;=2"
READY = "document.body.dataset.ready === 'true'"
ANSWERS = {"c": "counterfeit", "g": "genuine", "w": "wrong_brand"}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    folder = tmp_path / "browser"
    folder.mkdir()
    with Browser(folder) as one:
        yield one


def listing(number: int, listing_id: str | None = None, *, is_clear: bool = False, **changes: object) -> Report:
    """A report of a listing in review, or a clear one, unlike all others."""
    signals = [
        Signal("low_price", 0.0 if is_clear else 1.0, "costs 5 EUR; Acme says 50 to 90 EUR"),
        Signal("coded_terms", 0.0 if is_clear else number % 7 / 50, "the title says 'replica'"),
        Signal("lookalike_text", 0.0, "no misspelling of Acme was found"),
    ]
    score = ScoreModel().score("Acme", signals, shown=0.9)
    fields = {
        "listing_id": listing_id or f"L{number}",
        "seller_id": f"shop {number % 9}",
        "score": score,
        "brands": (BrandResult("Acme", 0.9, score.value or 0.0),),
        "listing": ListingFacts(sha256_hex(str(number).encode()), price=5.0, currency="EUR"),
    }
    return make_report(**fields | changes)


def decided(file: Path) -> list[tuple[str, str, str]]:
    """What a download says, as `verdict import` reads it."""
    rows = list(read_verdict_rows(file))
    assert all(isinstance(row, VerdictRow) for row in rows), rows
    return [(row.listing_id, row.brand, row.verdict) for row in rows if isinstance(row, VerdictRow)]


def quiet(browser: Browser, folder: Path) -> None:
    """Nothing was written to the console, and nothing asked for outside of the folder."""
    assert browser.console == []
    outside = [url for url in browser.requests if not url.startswith((folder.as_uri(), "data:", "blob:", "about:"))]
    assert outside == []


def test_two_hundred_cases_are_decided_by_keys_alone(browser: Browser, tmp_path: Path) -> None:
    reports = [listing(i) for i in range(200)]
    write_pages(reports, tmp_path / "p")
    stream = [*reports, *(listing(i, is_clear=True) for i in range(1000, 1200))]
    (tmp_path / "r.jsonl").write_text("".join(report_to_json(report) + "\n" for report in stream))
    index = tmp_path / "p" / "index.html"
    browser.open(index, READY)
    order: list[str] = browser.run("logoscan.table.cases.map((one) => one.ids[0])")
    assert sorted(order) == sorted(report.listing_id for report in reports)
    rng = random.Random(0)
    pressed: dict[str, tuple[str, str]] = {}
    for at, name in enumerate(order):
        if at == 100:
            browser.open(index, READY)
            assert browser.run("document.activeElement.closest('.card') === null")
        if at % 20 == 7:  # a slip, taken back at once
            browser.press(rng.choice("cgw"), "u")
        if at % 25 == 11:  # to and fro
            browser.press("n", "n", "p", "p")
        if at % 40 == 3:
            browser.press("m", *"Bolt", "Enter")
            pressed[name] = ("Bolt", "missed")
            continue
        key = rng.choice("cgw")
        browser.press(key)
        pressed[name] = ("Acme", ANSWERS[key])
    assert browser.run("document.getElementById('progress').textContent").startswith("200 of 200 decided: ")
    browser.run("document.getElementById('download').click()")
    file = browser.downloaded(f"verdicts-{browser.run('logoscan.run.id')}.csv")
    assert decided(file) == [(name, *pressed[name]) for name in order]
    quiet(browser, tmp_path / "p")

    journal = tmp_path / "verdicts.jsonl"
    imported = run("verdict", "import", file, "--reports", tmp_path / "r.jsonl", "--journal", journal)
    assert imported.exit_code == 0, imported.output
    standing = {verdict.listing_id: (verdict.brand, verdict.answer) for verdict in Journal(journal).standing()}
    assert standing == pressed
    assert {verdict.source for verdict in Journal(journal).standing()} == {"reviewer"}
    fitted = run(
        "fit", tmp_path / "r.jsonl", "--verdicts", journal, "--review-share", "0.5", "--out", tmp_path / "score.json"
    )
    assert fitted.exit_code == 0, fitted.output
    assert ScoreModel.load(tmp_path / "score.json").name != "prior"


def test_what_sellers_write_stays_text_everywhere(browser: Browser, tmp_path: Path) -> None:
    Image.fromarray(photo_of(quarters(RED, WHITE, BLUE, YELLOW))).save(tmp_path / "=x.png")
    record = ImageRecord("=x.png", file_sha256(tmp_path / "=x.png"), 80, 60)
    texts = [EVIL, "=HYPERLINK(1)", "'=1", "-1", ";+1", "a;=1", 'a,b"c', "\u202egnp.exe", "日本", "x\ty"]
    facts = ListingFacts(EVIL, price=1.0, currency="EUR")
    reports = [
        listing(i, text, seller_id=text, listing=facts, images=(record,) if i == 0 else (), price=None)
        for i, text in enumerate(texts)
    ]
    write_pages(reports, tmp_path / "p", root=tmp_path)
    browser.open(tmp_path / "p" / "index.html", READY)
    assert browser.run("document.querySelectorAll('.card img[src=x], .card script').length") == 0
    assert EVIL in browser.run("document.getElementById('cards').textContent")
    assert browser.run("logoscan.card.visible('\\u202egnp.exe')") == "[U+202E]gnp.exe"
    browser.run("document.getElementById('bulk').click()")
    browser.run("document.querySelector('#bulk-form [value=genuine]').click()")
    assert browser.run("document.getElementById('bulk-count').textContent").startswith("10 open cases in view, 10 list")
    browser.run("document.getElementById('bulk-yes').click()")
    browser.run("document.getElementById('download').click(); document.getElementById('save-table').click()")
    run_id = browser.run("logoscan.run.id")
    verdicts = browser.downloaded(f"verdicts-{run_id}.csv")
    assert sorted(decided(verdicts)) == sorted((text, "Acme", "genuine") for text in texts)
    for file in (verdicts, browser.downloaded(f"cases-{run_id}.csv")):
        text = file.read_text("utf-8-sig")
        for separator in (",", ";"):
            cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]
            assert [cell for cell in cells if cell.lstrip()[:1] and cell.lstrip()[0] in "=+-@"] == []
    quiet(browser, tmp_path / "p")


def test_filters_totals_bulk_undo_and_copies(browser: Browser, tmp_path: Path) -> None:
    photo = ImageRecord("a.png", "1" * 64, 80, 60)
    copies = [listing(0, f"copy{i}", seller_id=f"s{i}", images=(photo,)) for i in range(3)]
    others = [listing(i, seller_id="one shop") for i in range(1, 30)]
    cheap = listing(99, listing=ListingFacts("Cheap", price=1.0, currency="EUR", listed_at="2020-01-01"))
    write_pages([*copies, *others, cheap], tmp_path / "p")
    browser.open(tmp_path / "p" / "index.html", READY)

    def totals() -> str:
        return str(browser.run("document.getElementById('totals').textContent"))

    def choose(name: str, value: str) -> None:
        browser.run(
            f"(() => {{ const f = document.getElementById('filter'); f.elements[{name!r}].value = {value!r};"
            "f.dispatchEvent(new Event('input', { bubbles: true })); })()"
        )

    assert totals() == "31 cases in view, 33 listings · 31 review"
    choose("seller", "one sh")
    assert totals() == "29 cases in view, 29 listings · 29 review"
    choose("seller", "")
    choose("high", "2")
    assert totals() == "1 case in view, 1 listing · 1 review"
    choose("high", "")
    choose("to", "2020-12-31")
    assert totals() == "1 case in view, 1 listing · 1 review"
    choose("to", "")
    choose("words", "copy1")
    assert totals() == "1 case in view, 3 listings · 1 review"
    browser.press("Escape", "c")
    assert browser.run("logoscan.decisions.rows(logoscan.table.cases).length") == 4, "a row for each copy"
    browser.run("document.querySelector('.card [data-do=all]').click()")
    assert browser.run("logoscan.decisions.rows(logoscan.table.cases).length") == 2
    choose("words", "")
    browser.run("document.getElementById('bulk').click()")
    browser.run("document.querySelector('#bulk-form [value=wrong_brand]').click()")
    browser.run("document.getElementById('bulk-yes').click()")
    assert browser.run("document.getElementById('progress').textContent") == (
        "31 of 31 decided: 1 counterfeit, 30 wrong brand"
    )
    browser.press("u")
    assert browser.run("document.getElementById('progress').textContent") == "1 of 31 decided: 1 counterfeit"
    browser.press("u", "u")
    assert browser.run("document.getElementById('progress').textContent") == "0 of 31 decided"
    browser.press("?")
    assert browser.run("document.getElementById('help').open")
    browser.press("Escape")
    quiet(browser, tmp_path / "p")


@pytest.mark.skipif("LOGOSCAN_AXE" not in os.environ, reason="LOGOSCAN_AXE names no axe.min.js (npm: axe-core)")
def test_axe_finds_nothing_serious(browser: Browser, tmp_path: Path) -> None:
    axe = Path(os.environ["LOGOSCAN_AXE"]).read_text("utf-8")
    Image.fromarray(photo_of(quarters(RED, WHITE, BLUE, YELLOW))).save(tmp_path / "a.png")
    record = ImageRecord("a.png", file_sha256(tmp_path / "a.png"), 80, 60)
    match = Match(0, (24.0, 14.0, 56.0, 46.0), "Acme", "Acme/logo.png", 0.9, 0.4, 0.98)
    reports = [listing(i, images=(record,) * (i < 2), matches=(match,) * (i < 2)) for i in range(20)]
    write_pages(reports, tmp_path / "p", root=tmp_path)
    pages = [tmp_path / "p" / name for name in ("index.html", "sellers.html")]
    pages += [next((tmp_path / "p" / name).iterdir()) for name in ("listings", "sellers")]
    for page in pages:
        for scheme in ("light", "dark"):
            browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.open(page, READY if page.name == "index.html" else "document.readyState === 'complete'")
            browser.run(axe + ";0")
            found = browser.run(
                "axe.run().then((r) => r.violations.map((v) => [v.impact, v.id, v.nodes.slice(0, 3).map((n) => n.html)]"
                "))"
            )
            assert [row for row in found if row[0] in ("serious", "critical")] == [], (page.name, scheme)
