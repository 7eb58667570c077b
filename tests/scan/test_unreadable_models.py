"""The gate with the real models: what cannot be read is held where the same photo is held as it was."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from logoscan.index.logo_index import LogoIndex
from logoscan.ocr.engine import RapidOcr
from logoscan.scan.scanner import Scanner
from logoscan.scan.screening import SkippedStage
from logoscan.types import ImageSource, Listing
from logoscan.vision.encoder import ClipEncoder


@pytest.fixture(scope="module")
def scanner(clip: ClipEncoder, rapid: RapidOcr, sample_index: LogoIndex) -> Scanner:
    return Scanner(sample_index, encoder=clip, ocr=rapid)


def broken(photo: bytes) -> dict[str, ImageSource]:
    """Twenty forms of one photo that cannot be read."""
    n = len(photo)
    cut: dict[str, ImageSource] = {f"cut at {share} %": photo[: n * share // 100] for share in (1, 5, 20, 50, 80, 95)}
    return cut | {
        "empty": b"",
        "garbage": bytes(range(256)) * 64,
        "its first bytes are gone": photo[2:],
        "reversed": photo[::-1],
        "zeros": bytes(n),
        "text": b"This is no picture.",
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        "PDF": b"%PDF-1.7\n" + photo,
        "film": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + photo,
        "AVIF header": b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + photo,
        "HEIC header": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + photo,
        "GIF header": b"GIF89a" + photo[:99],
        "missing": "nowhere/speaker.jpg",
        "URL": "https://127.0.0.1:9/speaker.jpg",
    }


def test_twenty_listings_that_cannot_be_read_are_held(samples: Path, scanner: Scanner) -> None:
    photo = (samples / "photos" / "speaker.jpg").read_bytes()
    assert scanner.screen(Listing("good", (photo,), title="A speaker"), deadline_s=math.inf).decision == "hold"
    forms = broken(photo)
    assert len(forms) == 20
    for name, source in forms.items():
        listing = Listing(name, (source,), title="A speaker")
        assert scanner.scan(listing).score.band == "review", name
        for deadline_s in (0.1, 1.0, math.inf):
            answer = scanner.screen(listing, deadline_s=deadline_s, on_timeout="allow")
            assert answer.decision == "hold", name
            assert answer.skipped == (SkippedStage("open image 0", "unreadable"),)
    mixed = Listing("mixed", (photo, forms["cut at 80 %"]), title="A speaker")
    for deadline_s in (0.1, math.inf):
        assert scanner.screen(mixed, deadline_s=deadline_s, on_timeout="allow").decision == "hold"
