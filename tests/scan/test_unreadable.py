"""What nobody could look at is never allowed and never clear: photos in every unreadable form, beside good ones.

Time is a clock that the fakes push on; a photo takes 0.03 s to open, 0.1 s to search and 0.5 s to read.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from builders.scans import ACME, ENCODER, PACE, SPEAKS, Clock, make_scanner, make_slow_scanner, shared_index
from fakes import photo_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from strategies import quick

import logoscan.images.loading
from logoscan.index.logo_index import LogoIndex
from logoscan.scan.pace import Pace
from logoscan.scan.photo_selection import name_images
from logoscan.scan.scanner import Scanner
from logoscan.scan.screening import Screener, SkippedStage
from logoscan.types import ImageSource, Listing, Rgb
from logoscan.vision.sift import Keypoints

OPENING_S = 0.03
DEADLINES = (0.001, 0.1, 1.0, math.inf)
ON_TIMEOUT: tuple[Literal["hold", "allow"], ...] = ("hold", "allow")


def quick_scanner(**changes: Any) -> Scanner:
    """Join the fakes to a scanner of the shared index: registering takes longer than a hundred screenings."""
    return make_scanner(**{"index": shared_index(), **changes})


def encoded(kind: str, size_px: tuple[int, int] = (60, 80), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(photo_of(ACME, size_px=size_px)).save(out, kind, **options)
    return out.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A header of a size, and next to no pixels."""

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", zlib.compress(b"\0" * 99)) + block(b"IEND", b"")
    )


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def faults(folder: Path) -> dict[str, ImageSource]:
    """A photo in every form that cannot be read; paths are below a root."""
    (folder / "a folder").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder.parent / "outside.png").write_bytes(encoded("PNG"))
    files: dict[str, bytes] = {
        "empty.jpg": b"",
        "words.jpg": b"This is no picture.",
        "cut.jpg": half(encoded("JPEG", (400, 400))),
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9z"/></svg>',
        "papers.pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF",
        "film.mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(99),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {
        **dict.fromkeys(files, "") | {name: name for name in files},
        "missing": "nowhere.jpg",
        "folder": "a folder",
        "FIFO": "pipe.jpg",
        "link to itself": "loop.jpg",
        "outside of the root": "../outside.png",
        "URL": "https://127.0.0.1:9/photo.jpg",
        "data URL": "data:image/png;base64,iVBORw0KGgo=",
        "NUL in its name": "a\0.jpg",
        "no bytes": b"",
        "garbage": bytes(range(256)) * 9,
        "GIF header": b"GIF89a",
        "cut JPEG": half(encoded("JPEG", (400, 400))),
        "cut PNG": half(encoded("PNG")),
        "cut WEBP": half(encoded("WEBP", (400, 400))),
        "cut GIF": half(encoded("GIF")),
        "cut TIFF": half(encoded("TIFF")),
        "cut BMP": half(encoded("BMP")),
        "AVIF header": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(40),
        "HEIC header": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage",
        "no pixels": png_of_size(0, 9),
        "bomb": png_of_size(29_000, 29_000),
        "strip": png_of_size(100_000, 1),
        "array without pixels": np.zeros((0, 9, 3), np.uint8),
        "array of floats": np.zeros((9, 9, 3), np.float32),
        "array of five channels": np.zeros((9, 9, 5), np.uint8),
    }


GOOD: dict[str, ImageSource] = {"brand": encoded("PNG"), "blank": photo_of(None), "word": photo_of(None, SPEAKS)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop") / "root"


@pytest.fixture(scope="module")
def broken(root: Path) -> dict[str, ImageSource]:
    root.mkdir()
    return faults(root)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that opening a photo pushes on; keypoints find nothing on fakes and take most of the time."""
    now, real = Clock(), logoscan.images.loading.read_picture

    def opened(*given: Any, **named: Any) -> Any:
        now.now += OPENING_S
        return real(*given, **named)

    monkeypatch.setattr("logoscan.vision.extractor.read_picture", opened)
    monkeypatch.setattr("logoscan.vision.sift.sift_photo", lambda rgb: Keypoints.empty())
    return now


def gate(scanner: Scanner, clock: Clock) -> Screener:
    return scanner.screener(pace=Pace(PACE), clock=clock)


# -- each form by itself


def test_each_unreadable_form_fails_to_open(root: Path, broken: dict[str, ImageSource]) -> None:
    """The others are tested for the right reason; 36 forms."""
    scanner = quick_scanner(root=root)
    assert len(broken) >= 30
    for name, source in broken.items():
        report = scanner.scan(Listing(name, (source,)))
        assert report.warnings != (), name
        assert report.score.band == "review", name


@pytest.mark.parametrize("on_timeout", ON_TIMEOUT)
@pytest.mark.parametrize("deadline_s", DEADLINES)
def test_each_unreadable_form_is_held_and_named(
    root: Path, broken: dict[str, ImageSource], clock: Clock, deadline_s: float, on_timeout: Literal["hold", "allow"]
) -> None:
    door = gate(make_slow_scanner(clock, root=root), clock)
    for name, source in broken.items():
        for images in ((source,), (GOOD["blank"], source), (GOOD["blank"], source, GOOD["blank"])):
            answer = door.screen(Listing(name, images), deadline_s=deadline_s, on_timeout=on_timeout)
            place = len(images) // 2
            assert answer.decision == "hold", name
            assert SkippedStage(f"open image {place}", "unreadable") in answer.skipped
            assert answer.report.warnings[0].startswith(f"image {place}: ")
            assert answer.report.score.band == "review"
    assert door.counts["hold, unreadable"] == door.counts["hold"] == 3 * len(broken)


# -- mixed


@given(data=st.data())
@settings(quick, max_examples=150)
def test_what_is_held_where_it_can_be_read_is_not_allowed_where_it_cannot(
    root: Path, broken: dict[str, ImageSource], clock: Clock, data: st.DataObject
) -> None:
    """Each example is screened in eight ways: 1,200 screenings."""
    names = st.sampled_from(sorted(broken))
    photos = data.draw(st.lists(st.sampled_from(sorted(GOOD)) | names, max_size=4))
    photos.insert(data.draw(st.integers(0, len(photos))), data.draw(names))
    sources = tuple({**GOOD, **broken}[name] for name in photos)
    listing = Listing(
        "L",
        sources,
        title=data.draw(st.sampled_from([None, "A shoe", "Acme shoe", "Acme replica"])),
        claimed_brand=data.draw(st.sampled_from([None, "", "Acme", "Bolt", "Nobody's"])),
        seller_id=data.draw(st.sampled_from([None, "good", "bad"])),
        price=data.draw(st.sampled_from([None, 9.0, 95.0])),
        currency="EUR",
        category="Shoes",
    )
    scanner = make_slow_scanner(clock, root=root)
    scanned = scanner.scan(listing)
    assert scanned.score.band != "clear"
    for deadline_s in DEADLINES:
        for on_timeout in ON_TIMEOUT:
            answer = gate(scanner, clock).screen(listing, deadline_s=deadline_s, on_timeout=on_timeout)
            assert answer.decision != "allow"
            assert answer.report.score.band != "clear"
            assert answer.decision == "block" or any(one.why == "unreadable" for one in answer.skipped)
            if deadline_s == math.inf:
                assert answer.report.score == scanned.score


@given(photos=st.lists(st.sampled_from(sorted(GOOD)), max_size=4), data=st.data())
@settings(quick, max_examples=60)
def test_a_broken_photo_more_lowers_no_band(
    root: Path, broken: dict[str, ImageSource], clock: Clock, photos: list[str], data: st.DataObject
) -> None:
    listing = Listing("L", tuple(GOOD[name] for name in photos), title="Acme shoe", claimed_brand=data.draw(CLAIMS))
    source = broken[data.draw(st.sampled_from(sorted(broken)))]
    scanner = quick_scanner(root=root)
    bands = [scanner.scan(one).score.band for one in (listing, replace(listing, images=(*listing.images, source)))]
    rank = ["clear", "review", "block"].index
    assert rank(bands[1]) >= rank("review")
    assert photos == [] or bands[0] != "block" or bands[1] == "block"


CLAIMS = st.sampled_from([None, "", "Acme", "Bolt"])


def test_unreadable_has_the_last_word_over_timeouts(broken: dict[str, ImageSource], root: Path, clock: Clock) -> None:
    door = gate(make_slow_scanner(clock, root=root), clock)
    plain = Listing("x", (GOOD["blank"], broken["cut JPEG"]), title="A shoe")
    answers = {
        (deadline_s, on_timeout, on_unreadable): door.screen(
            plain, deadline_s=deadline_s, on_timeout=on_timeout, on_unreadable=on_unreadable
        )
        for deadline_s in (0.1, math.inf)
        for on_timeout in ON_TIMEOUT
        for on_unreadable in ON_TIMEOUT
    }
    allowed = {asked for asked, answer in answers.items() if answer.decision == "allow"}
    assert allowed == {(math.inf, "hold", "allow"), (math.inf, "allow", "allow"), (0.1, "allow", "allow")}
    assert {answer.report.score.band for answer in answers.values()} == {"review"}, "the report says what is"
    assert door.counts["allow, unreadable"] == 3
    assert door.counts["allow, timed out"] == 1
    assert door.counts["hold, unreadable"] == 5
    assert door.counts["allow"] + door.counts["hold"] == 8
    doubtful = replace(plain, images=(GOOD["brand"], broken["cut JPEG"]))
    assert door.screen(doubtful, deadline_s=math.inf, on_unreadable="allow").decision == "hold", "what is held stays so"


def test_a_wrong_answer_is_refused() -> None:
    with pytest.raises(ValueError, match="on_unreadable: expected hold or allow, got 'block'"):
        quick_scanner().screen(Listing("x"), deadline_s=1, on_unreadable="block")  # type: ignore[arg-type]


def test_opening_is_bounded_whatever_the_photos(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Fifty photos of half a second each: four are opened past the deadline, and the rest is a timeout."""
    real, opened = logoscan.images.loading.read_picture, 0

    def slowly(*given: Any, **named: Any) -> Any:
        nonlocal opened
        opened += 1
        clock.now += 0.5
        return real(*given, **named)

    monkeypatch.setattr("logoscan.vision.extractor.read_picture", slowly)
    listing = Listing("x", (GOOD["blank"],) * 49 + (b"garbage",))
    answer = gate(make_slow_scanner(clock), clock).screen(listing, deadline_s=0.1)
    assert (answer.decision, answer.timed_out, opened) == ("hold", True, 4)
    assert answer.total_s == pytest.approx(2.0)
    assert gate(make_slow_scanner(clock), clock).screen(listing, deadline_s=0.1, on_timeout="allow").decision == "allow"


# -- what else was not looked at


@pytest.mark.parametrize("field", ["images", "title", "description", "claimed_brand"])
def test_a_field_that_was_dropped_is_not_clear(field: str) -> None:
    listing = Listing("x", title="A shoe", dropped={field: "expected a text, got 5"})
    report, answer = quick_scanner().scan(listing), quick_scanner().screen(listing, deadline_s=1, on_timeout="allow")
    assert (report.score.band, answer.decision) == ("review", "hold")
    assert report.warnings == (f"{field}: expected a text, got 5",)
    assert answer.skipped == (SkippedStage(field, "unreadable"),)
    assert quick_scanner().screen(listing, deadline_s=1, on_unreadable="allow").decision == "allow"


@pytest.mark.parametrize("field", ["listed_at", "url", "reviews", "price", "attributes"])
def test_a_field_that_names_no_brand_is_reported_and_no_more(field: str) -> None:
    listing = Listing("x", title="A shoe", dropped={field: "expected another"})
    report, answer = quick_scanner().scan(listing), quick_scanner().screen(listing, deadline_s=1)
    assert (report.score.band, answer.decision, answer.skipped) == ("clear", "allow", ())
    assert report.warnings == (f"{field}: expected another",)


@pytest.mark.parametrize(
    ("field", "most"), [("title", 500), ("description", 5_000), ("claimed_brand", 1_000), ("category", 1_000)]
)
def test_words_behind_the_cap_are_reported_and_held(field: str, most: int) -> None:
    fits, long = (Listing("x", **{field: "word " * (most // 5) + end}) for end in ("", "Bolt"))  # type: ignore[arg-type]
    assert quick_scanner().screen(fits, deadline_s=1e9).decision == "allow"
    answer = quick_scanner().screen(long, deadline_s=1e9, on_timeout="allow", on_unreadable="allow")
    assert answer.decision == ("allow" if field == "category" else "hold")
    assert answer.skipped == (SkippedStage(f"end of {field}", "over the cap"),)
    assert [line for line in answer.report.skipped if line.startswith(f"{field}: the end of {most + 4} characters")]


def test_very_many_reviews_are_reported_and_held_against_nobody() -> None:
    """Of what sells well there are thousands; the seller did not write them."""
    listing = Listing("x", title="A shoe", reviews=("good " * 40,) * 300)
    answer = quick_scanner().screen(listing, deadline_s=1e9)
    assert (answer.decision, answer.skipped) == ("allow", (SkippedStage("end of reviews", "over the cap"),))
    assert "reviews: the last 50 of 300: over the cap of 50000 characters" in answer.report.skipped
    assert quick_scanner().screen(listing, deadline_s=math.inf).skipped == ()


def test_photos_over_the_cap_are_named_and_held(clock: Clock) -> None:
    blank = photo_of(None, size_px=(4, 4))
    door = gate(make_slow_scanner(clock), clock)
    answer = door.screen(Listing("x", (blank,) * 60), deadline_s=math.inf, on_timeout="allow", on_unreadable="allow")
    (left_out,) = answer.skipped
    assert (answer.decision, left_out.why) == ("hold", "over the cap")
    assert left_out.stage.startswith("open images ")
    assert door.screen(Listing("x", (blank,) * 50), deadline_s=math.inf).decision == "allow"


@pytest.mark.parametrize(
    "listing", [Listing("bare"), Listing("words", title="A shoe"), Listing("photo", (photo_of(None),))]
)
def test_where_nothing_was_left_out_it_stays_clear(listing: Listing) -> None:
    assert quick_scanner().scan(listing).score.band == "clear"
    assert quick_scanner().screen(listing, deadline_s=math.inf).decision == "allow"
    assert quick_scanner(ocr=None).scan(listing).score.band == "clear", "who wires no reader knows it"


def test_where_no_brand_could_be_there_it_stays_clear() -> None:
    listing = Listing("x", (b"garbage",))
    assert quick_scanner(index=LogoIndex(ENCODER)).scan(listing).score.band == "clear"


@pytest.mark.parametrize(
    ("positions", "total", "words"),
    [
        ([2], None, "image 2"),
        ([2, 3], None, "images 2 to 3"),
        ([2, 4, 5, 9], None, "images 2, 4 to 5 and 9"),
        ([50], 61, "images 50 to 60"),
        ([50], 51, "image 50"),
        ([12, 50], 61, "images 12 and 50 to 60"),
        (list(range(0, 60, 2)), None, "images 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and further ones"),
    ],
)
def test_photos_are_named_in_words(positions: list[int], total: int | None, words: str) -> None:
    assert name_images(positions, total) == words


# -- a photo that breaks a model


@pytest.mark.parametrize("step", ["detect", "read"])
def test_a_photo_that_breaks_a_model_is_held(step: str, clock: Clock) -> None:
    class Fragile:
        name = description = "fake"
        fingerprint = quick_scanner().detector.fingerprint

        def detect(self, images: list[Rgb]) -> Any:
            raise RuntimeError("a shape that nobody foresaw")

        read = detect

    scanner = quick_scanner(**{"detect": {"detector": Fragile()}, "read": {"ocr": Fragile()}}[step])
    listing = Listing("x", (GOOD["blank"],))
    assert scanner.scan(listing).score.band == "review"
    answer = gate(scanner, clock).screen(listing, deadline_s=10, on_timeout="allow")
    assert (answer.decision, answer.skipped) == ("hold", (SkippedStage(f"{step} image 0", "unreadable"),))


def test_a_file_that_goes_while_it_is_screened_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened, not kept, and gone when it is searched."""
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    monkeypatch.setattr("logoscan.scan._screening_run._KEPT_PIXELS", 0)
    real, opened = logoscan.images.loading.read_picture, 0

    def vanishing(*given: Any, **named: Any) -> Any:
        nonlocal opened
        opened += 1
        if opened > 1:
            (tmp_path / "a.png").unlink(missing_ok=True)
        return real(*given, **named)

    monkeypatch.setattr("logoscan.vision.extractor.read_picture", vanishing)
    answer = quick_scanner(root=tmp_path).screen(Listing("x", ("a.png",)), deadline_s=math.inf, on_timeout="allow")
    assert (answer.decision, answer.skipped) == ("hold", (SkippedStage("detect image 0", "unreadable"),))
