"""Each attack ends as stated, with a short word of what was wrong, and harms nothing that comes after it.

Time and memory are measured by `python -m benchmarks attacks`.
"""

from __future__ import annotations

import logging
from pathlib import Path

import attack
import attack_listings
import attack_outputs
import attack_pictures
import pytest
from attack import LONGEST_MESSAGE, Attack
from attack_drawings import MARKS
from attack_files import STORED
from attack_gate import GATE
from attack_listings import ROWS
from attack_outputs import OUTPUTS
from attack_pictures import PHOTOS
from attack_register import POISONS
from attack_sellers import SELLERS
from attack_table import ATTACKS

from logoscan.images import formats
from logoscan.text.listing_text import SCAN_CAPS, Caps
from logoscan.vision.sift import Keypoints

_EACH = (*PHOTOS, *MARKS, *ROWS, *STORED, *POISONS, *SELLERS, *OUTPUTS, *GATE)


_CAPS = Caps({**SCAN_CAPS.fields, "title": 2_000, "description": 2_000}, SCAN_CAPS.reviews // 10)
_SMALLER: dict[str, object] = {
    "attack_listings.MOST_CHARS": attack_listings.MOST_CHARS // 16,
    "logoscan.text.listing_text.ListingText.of.__func__.__defaults__": (_CAPS,),
    "logoscan.images.svg._MOST_S": 1,
    "attack.MOST_PIXELS": attack.MOST_PIXELS // 16,
    "attack_pictures.SIDE": attack_pictures.SIDE // 4,
    "attack_outputs.SIDE": attack_outputs.SIDE // 4,
    "attack_pictures.INFLATED": attack_pictures.INFLATED // 16,
    "logoscan.images.formats._MOST_SCANNED_PIXELS": formats._MOST_SCANNED_PIXELS // 16,
    "logoscan.vision.sift.sift_photo": lambda rgb: Keypoints.empty((rgb.shape[1], rgb.shape[0])),
}
"""Bombs, long texts and the caps that they try, smaller alike, and no keypoints, so that all attacks take a minute;
`python -m benchmarks attacks` tries them as they are."""


def test_attack_names_are_unique() -> None:
    assert len(ATTACKS) == len(_EACH)


@pytest.mark.parametrize("one", _EACH, ids=lambda one: one.name)
@pytest.mark.filterwarnings("ignore:::PIL")  # decoders warn of broken files; that must not be what stops an attack
def test_an_attack_ends_as_stated(
    one: Attack, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _SMALLER.items():
        monkeypatch.setattr(name, value)
    caplog.set_level(logging.WARNING)
    outcome, said = one.run(one.prepare(tmp_path))
    assert outcome == one.expected, said
    assert (said != "") == (outcome != "report") or one.name.startswith("garbage")
    assert max(map(len, said.splitlines()), default=0) <= LONGEST_MESSAGE
    assert sum(len(record.getMessage()) for record in caplog.records) < 20_000
    assert not any(record.levelno >= logging.ERROR for record in caplog.records)
