"""Files and pages of rings: reasons in Parquet and GraphML, photos side by side, nothing that a seller wrote runs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from builders.rings import crowd, ring_uses, rings_of
from PIL import Image
from pyarrow import parquet
from strategies import make_report

from logoscan.cases.links import link_sellers
from logoscan.cases.ring_files import COLUMNS, read_confidence, to_graphml, write_graphml, write_rings
from logoscan.cases.ring_pages import photo_places, ring_page, write_ring_pages
from logoscan.cases.rings import Ring, find_rings
from logoscan.cases.seller_tokens import door_tokens, seller_tokens
from logoscan.errors import CorruptFileError, InputError
from logoscan.merchants.token_file import TokenRow
from logoscan.results import ImageRecord, Report

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}\x07"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = "+49 151 2345678"


def ring_of(members: list[str], more: list[tuple[str, str, str]] | None = None) -> Ring:
    uses = [*crowd(), *ring_uses(members, [f"p{i}" for i in range(10)], 5), *(more or [])]
    return rings_of(uses, members)[0]


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


# -- files


def test_no_rings_are_empty_files(tmp_path: Path) -> None:
    write_rings(tmp_path / "r.parquet", [])
    assert parquet.read_table(tmp_path / "r.parquet").column_names == list(COLUMNS)
    assert read_confidence(tmp_path / "r.parquet") == {}
    assert len(nx.parse_graphml(to_graphml([]))) == 0


def test_each_link_has_a_row_with_its_reasons(tmp_path: Path) -> None:
    ring = ring_of(["a", "b", "c"], [("a", "contact", "hash"), ("b", "contact", "hash"), ("crowd1", "contact", "hash")])
    write_rings(tmp_path / "r.parquet", [ring])
    rows = parquet.read_table(tmp_path / "r.parquet").to_pylist()
    links = [row for row in rows if row["role"] == "link"]
    assert [(row["seller"], row["other"], row["log_odds"]) for row in links] == [
        (*link.sellers, link.log_odds) for link in ring.links
    ]
    assert {row["weakest"] for row in links} == {True, False}
    strongest = links[0]["reasons"]
    assert {reason["kind"] for reason in strongest} == {"contact", "photo"}
    assert set(strongest[0]) == {"kind", "token", "users", "suspects", "weight"}
    (beside,) = (row for row in rows if row["role"] == "beside")
    assert (beside["seller"], beside["other"], beside["why"]) == ("crowd1", None, ring.also_to_look_at[0].why)
    assert read_confidence(tmp_path / "r.parquet") == dict.fromkeys("abc", ring.confidence)


def test_graphml_is_read_by_networkx(tmp_path: Path) -> None:
    ring = ring_of(["a", f"b & <c>{EVIL}", "d"])
    write_graphml(tmp_path / "r.graphml", [ring])
    graph = nx.read_graphml(tmp_path / "r.graphml")
    assert len(graph) == 3
    assert graph.number_of_edges() == len(ring.links)
    assert graph.nodes["a"] == {"ring": 1, "confidence": ring.confidence}
    assert any(data["weakest"] for *_, data in graph.edges.data())


def test_a_file_that_holds_no_rings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rings: expected a file that `rings --out` wrote"):
        read_confidence(tmp_path / "gone.parquet")
    (tmp_path / "x.parquet").write_text("hello")
    with pytest.raises(CorruptFileError, match="expected rings in Parquet, got something else"):
        read_confidence(tmp_path / "x.parquet")


# -- pages


def photo(folder: Path, name: str, seed: int) -> ImageRecord:
    """Save a photo, and give it a hash that stands for its picture."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize((64, 64)).save(folder / name)
    rng = np.random.default_rng([seed, 1])
    return ImageRecord(name, hashlib.sha256((folder / name).read_bytes()).hexdigest(), 64, 64, rng.bytes(32).hex())


@pytest.fixture
def shop(tmp_path: Path) -> tuple[list[Report], Path]:
    """Three sellers with the same four photos, one of them with a nasty name, and a crowd."""
    reports = [
        make_report(listing_id=f"L{n}-{seller[:4]}", seller_id=seller, images=(photo(tmp_path, f"{n}-{i}.png", n),))
        for i, seller in enumerate(["a", "b", EVIL])
        for n in range(4)
    ]
    reports += [
        make_report(listing_id=f"C{i}", seller_id=f"crowd{i}", images=(photo(tmp_path, f"c{i}.png", 99 + i),))
        for i in range(80)
    ]
    return reports, tmp_path


def found(reports: list[Report]) -> tuple[Any, tuple[Ring, ...]]:
    tokens = seller_tokens(reports)
    return tokens, find_rings(link_sellers(tokens, ["a", "b", EVIL]))


def test_pages_show_the_shared_photos_and_nothing_runs(shop: tuple[list[Report], Path]) -> None:
    reports, folder = shop
    tokens, rings = found(reports)
    assert len(rings) == 1
    assert write_ring_pages(rings, folder / "pages", tokens, root=folder, closed=frozenset("a")) == 1
    text = (folder / "pages" / "ring-1.html").read_text()
    page = Page(text)
    assert page.tags.count("img") == 12
    assert "script" not in page.tags
    assert "default-src 'none'" in text
    assert "[U+0007]" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "The weakest link" in page.text
    assert "closed" in page.text
    assert "3 sellers use this photo, 3 of them with counterfeit evidence of their own." in page.text
    index = Page((folder / "pages" / "index.html").read_text())
    assert "1 ring of sellers" in index.text
    assert "script" not in index.tags


def test_a_missing_photo_is_said_and_places_are_one_for_each_seller(shop: tuple[list[Report], Path]) -> None:
    reports, folder = shop
    tokens, rings = found(reports)
    (folder / "0-0.png").unlink()
    places = photo_places(tokens, rings)
    assert all([place.seller_id for place in of_photo] == sorted(["a", "b", EVIL]) for of_photo in places.values())
    page = Page(ring_page(rings[0], 1, places, root=folder))
    assert page.tags.count("img") == 11
    assert "The photo cannot be shown" in page.text
    assert Page(ring_page(rings[0], 1)).tags.count("img") == 0, "without places no photo"


def test_no_rings_are_a_page_that_says_so(tmp_path: Path) -> None:
    write_ring_pages([], tmp_path / "pages", seller_tokens([]))
    assert "None." in Page((tmp_path / "pages" / "index.html").read_text()).text
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder: expected a folder, got the file"):
        write_ring_pages([], tmp_path / "file", seller_tokens([]))


def test_large_rings_are_not_drawn_and_their_rest_is_counted() -> None:
    members = [f"m{i:03}" for i in range(45)]
    ring = rings_of([*crowd(), *((m, "contact", f"c{i % 2}") for m in members for i in range(2))], members, cap=50)[0]
    page = Page(ring_page(ring, 1))
    assert "svg" not in page.tags
    assert "weaker links are in the Parquet file" in page.text


@pytest.mark.chromium
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_chromium_finds_no_fault(shop: tuple[list[Report], Path]) -> None:
    reports, folder = shop
    tokens, rings = found(reports)
    write_ring_pages(rings, folder / "pages", tokens, root=folder)
    for name in ("index.html", "ring-1.html"):
        done = subprocess.run(
            [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "pages" / name).as_uri()],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "CONSOLE" not in done.stderr
        assert "</html>" in done.stdout


# -- tokens of reports, and the door


def test_reports_without_a_seller_or_with_a_long_one_count_for_nobody() -> None:
    problems: list[str] = []
    reports = [
        make_report(seller_id=None),
        make_report(seller_id=" "),
        make_report(listing_id="X", seller_id="s" * 1001),
    ]
    assert seller_tokens([*reports, make_report(seller_id="A")], problems=problems).num_rows == 0
    assert problems == ["listing 'X': seller_id: expected 1000 characters or fewer, got 1001"]


def test_the_door_knows_what_closed_accounts_use_and_no_innocent_one() -> None:
    pdq = [np.random.default_rng(i).bytes(32).hex() for i in range(4)]
    near = f"{int(pdq[0], 16) ^ 1:064x}"
    uses = [("bad", pdq[0]), ("bad", pdq[1]), ("victim", pdq[1]), ("bad", pdq[2]), ("suspect", near)]
    rows = [TokenRow("photo", token, seller) for seller, token in uses] + [TokenRow("contact", "f" * 32, "bad")]
    tokens = seller_tokens(
        [], [*rows, *(TokenRow("photo", pdq[3], f"s{i}") for i in range(50)), TokenRow("photo", pdq[3], "bad")]
    )
    known = door_tokens(tokens, ["bad"], ["suspect"])
    assert {(row.kind, row.token) for row in known} == {("photo", pdq[0]), ("photo", pdq[2]), ("contact", "f" * 32)}
    assert {row.seller_id for row in known} == {"bad"}
    assert door_tokens(tokens, [], ["suspect"]) == []
