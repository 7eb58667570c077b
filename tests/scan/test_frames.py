"""What is animated is not looked at by its first frame alone without a word."""

from __future__ import annotations

import io
import math

import pytest
from fakes import BLUE, RED, WHITE, YELLOW, FakeDetector, FakeEncoder, photo_of, quarters
from PIL import Image

from logoscan.images.loading import read_picture
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import BadRow
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, Listing

ACME = quarters(RED, WHITE, BLUE, YELLOW)
BLANK = photo_of(None)


def made(kind: str, *, frames: int) -> bytes:
    """A picture of this format: a blank first, the mark in all further frames."""
    pictures = [Image.fromarray(BLANK), *[Image.fromarray(photo_of(ACME))] * (frames - 1)]
    out = io.BytesIO()
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    pictures[0].save(out, kind, **more)
    return out.getvalue()


def wired() -> Scanner:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    index.add(Brand("Acme"), [("a.png", ACME)])
    return Scanner(index, encoder=encoder, detector=FakeDetector(), similarity_threshold=0.95)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_logo_in_a_later_frame_is_held(kind: str) -> None:
    scanner = wired()
    one, more = made(kind, frames=1), made(kind, frames=3)
    assert (read_picture(one).more_frames, read_picture(more).more_frames) == (False, True)
    assert scanner.screen(Listing("a", (one,)), deadline_s=math.inf).decision == "allow"
    for deadline_s in (1.0, math.inf):
        assert scanner.screen(Listing("a", (more,)), deadline_s=deadline_s).decision == "hold"
    assert scanner.scan(Listing("a", (one,))).score.band == "clear"
    assert scanner.scan(Listing("a", (more,))).score.band == "review"


def test_bad_row_in_a_stream_is_reported() -> None:
    from logoscan.errors import InputError

    with pytest.raises(InputError, match="listing: expected a Listing, got BadRow"):
        wired().scan(BadRow(1, "broken"))  # type: ignore[arg-type]
