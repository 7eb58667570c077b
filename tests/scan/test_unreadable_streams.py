"""What of a stream could not be read is said in the log; a scan finds the photos of `read_listings` from anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import BLUE, RED, WHITE, YELLOW, FakeDetector, FakeEncoder, photo_of, quarters
from PIL import Image

from logoscan.errors import ImageError, InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_listings
from logoscan.reporting.html import listing_page
from logoscan.scan.scanner import Scanner
from logoscan.sources import ANYWHERE
from logoscan.types import Brand, Listing

ACME = quarters(RED, WHITE, BLUE, YELLOW)


def scanner(**parts: Any) -> Scanner:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    index.add(Brand("Acme"), [("logo", ACME)])
    return Scanner(index, encoder=encoder, detector=FakeDetector(), similarity_threshold=0.95, **parts)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(30):
        Image.fromarray(photo_of(ACME)).save(folder / f"{i:02}.png")
    return folder


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "logoscan.scan.unreadable"]


def test_the_photos_of_a_folder_are_found_from_anywhere(
    photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They were sixty times "clear", since no photo was found."""
    monkeypatch.chdir(photos.parent)
    rows = read_listings("photos/")
    monkeypatch.chdir("/")
    reports = list(scanner().scan_many(rows))
    assert len(reports) == 30
    assert all(report.warnings == () for report in reports)
    assert all(report.matches for report in reports)
    assert [report.images[0].file for report in reports] == [f"{i:02}.png" for i in range(30)]
    assert said(caplog) == []


@pytest.mark.parametrize("name", ["listings.jsonl", "listings.csv"])
def test_the_photos_of_a_file_are_found_and_its_names_stay_below_its_folder(photos: Path, name: str) -> None:
    secret = photos.parent / "secret.png"
    Image.fromarray(photo_of(ACME)).save(secret)
    (photos / "out.png").symlink_to(secret)
    names = ["00.png", "../secret.png", str(secret), str(photos / "00.png"), "out.png", "a/../../secret.png"]
    jsonl = "".join(json.dumps({"id": str(i), "images": [file]}) + "\n" for i, file in enumerate(names))
    csv = "id,images\n" + "".join(f"{i},{file}\n" for i, file in enumerate(names))
    (photos / name).write_text(jsonl if name.endswith("jsonl") else csv)
    for chosen in (scanner(), scanner(root=photos)):
        good, *bad = chosen.scan_many(read_listings(photos / name))
        assert good.matches
        for report in bad:
            assert not report.matches
            assert "leads out of it" in report.warnings[0]
            assert "secret.png" not in listing_page(report) or "cannot be shown" in listing_page(report)


def test_names_of_a_program_stay_below_the_current_directory(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    path = photos / "00.png"
    listing = Listing("a", ("00.png", str(path), "../photos/../x.png", path))
    report = scanner().scan(listing)
    assert [image.sha256 is not None for image in report.images] == [True, False, False, True]
    assert "root=ANYWHERE" in report.warnings[0]
    report = scanner(root=ANYWHERE).scan(listing)
    assert [image.sha256 is not None for image in report.images] == [True, True, False, True]


def test_a_page_opens_no_path_that_leads_out(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    report = scanner().scan(Listing("a", (photos / "00.png",)))
    assert "data:image/jpeg" not in listing_page(report)
    assert "leads out of it" in listing_page(report)
    assert "data:image/jpeg" in listing_page(report, root=ANYWHERE)
    report.save_html(photos / "page.html", root=ANYWHERE)
    assert "data:image/jpeg" in (photos / "page.html").read_text()


def test_a_root_of_a_wrong_type_is_refused_when_the_scanner_is_built() -> None:
    with pytest.raises(InputError, match=r"^root: expected a folder, ANYWHERE or None, got int"):
        scanner(root=5)


@pytest.mark.parametrize("image", [5, None, {"url": "a.jpg"}, ["a.jpg"], 1.5, bytearray(b"x"), object()])
def test_a_photo_of_a_wrong_type_raises_where_the_listing_is_built(image: Any) -> None:
    with pytest.raises(InputError, match=rf"^Listing\.images\[1\]: expected .*, got {type(image).__name__}$"):
        Listing("a", ("b.jpg", image))


def test_a_url_is_a_photo_that_cannot_be_read() -> None:
    report = scanner().scan(Listing("a", ("https://127.0.0.1:9/a.jpg", "data:image/png;base64,AAAA")))
    assert len(report.warnings) == 2
    assert all("logoscan fetches no URLs" in warning for warning in report.warnings)
    with pytest.raises(ImageError, match="fetches no URLs"):
        scanner().find_logos("http://127.0.0.1:9/a.jpg")


# -- the log


def test_a_stream_whose_photos_are_not_found_says_so_once(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    reports = list(scanner(root=other).scan_many(read_listings(photos), workers=1))
    assert all(report.warnings for report in reports)
    [line] = said(caplog)
    assert line.startswith("20 of the first 20 photos could not be read, such as image 0: 00.png: no such image file")
    assert f"the root is {str(other)!r}" in line


def test_missing_photos_are_reported_while_the_stream_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stream = scanner(root=tmp_path).scan_many((Listing(str(i), ("no.png",)) for i in range(1000)), workers=1)
    for _ in range(25):
        next(stream)
    assert len(said(caplog)) == 1
    assert sum(1 for _ in stream) == 975
    assert len(said(caplog)) == 1


@pytest.mark.parametrize(
    ("good", "bad", "lines"), [(0, 5, 1), (2, 4, 1), (3, 3, 0), (0, 4, 0), (60, 40, 0), (9, 12, 1)]
)
def test_stream_warning_needs_over_half_of_five_or_more_photos(
    tmp_path: Path, good: int, bad: int, lines: int, caplog: pytest.LogCaptureFixture
) -> None:
    listings = [Listing(f"g{i}", (photo_of(ACME),)) for i in range(good)]
    listings += [Listing(f"b{i}", ("no.png",)) for i in range(bad)]
    assert len(list(scanner(root=tmp_path).scan_many(listings))) == good + bad
    assert len(said(caplog)) == lines


def test_abandoned_stream_reports_nothing(caplog: pytest.LogCaptureFixture) -> None:
    stream = scanner().scan_many(Listing(str(i), ("no.png",)) for i in range(8))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert said(caplog) == []
