"""Listings that would slip through the gate before posting, one generator a threat; each is held, and says why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from attack import Attack, NotHarmlessError, Outcome, ended, good_photo, scanner
from attack_pictures import encoded
from PIL import Image

from logoscan.types import ImageSource, Listing

_BLANK = encoded(Image.new("RGB", (40, 30), (128, 128, 128)), "PNG")
_CUT = encoded(Image.effect_noise((400, 400), 50), "JPEG")[:9_000]


def _listing(*photos: ImageSource, **words: str) -> Callable[[], Listing]:
    return partial(Listing, "hostile", photos, **words)  # type: ignore[arg-type]


LISTINGS: dict[str, Callable[[], Listing]] = {
    "a cut photo alone": _listing(_CUT),
    "a cut photo behind good ones": _listing(*[_BLANK] * 9, _CUT),
    "a cut photo before good ones": _listing(_CUT, *[_BLANK] * 9),
    "a photo that is a web address": _listing("https://127.0.0.1:9/photo.jpg"),
    "a photo of no format": _listing(b"\0" * 999),
    "an array of a wrong type": _listing(np.zeros((9, 9, 3), np.float32)),
    "goods in the 60th photo": _listing(*[_BLANK] * 59, good_photo()),
    "goods in the 1,000th photo": _listing(*[_BLANK] * 999, good_photo()),
    "a name behind the cap of the title": _listing(title="nice " * 100 + "Acme"),
    "a name behind the cap of the description": _listing(description="nice " * 1000 + "Acme"),
    "a title that was dropped": partial(Listing, "hostile", title=None, dropped={"title": "expected a text, got 5"}),
    "photos that were dropped": partial(Listing, "hostile", dropped={"images": "expected a list, got null"}),
}


def _screened(listing: Callable[[], Listing]) -> tuple[Outcome, str]:
    """Screen a listing at several deadlines, even where a timeout is allowed; the next one is unharmed."""
    shop, hostile = scanner(), listing()
    for deadline_s in (0.001, 0.1, 100.0):
        answer = shop.screen(hostile, deadline_s=deadline_s, on_timeout="allow")
        if answer.decision == "allow":
            raise NotHarmlessError(f"allowed at {deadline_s} s: {answer.skipped}")
    if shop.screen(Listing("next", title="A nice thing"), deadline_s=100.0).decision != "allow":
        raise NotHarmlessError("the next listing is not allowed")
    return ended(answer.report)


def _attack(name: str, listing: Callable[[], Listing]) -> Attack:
    def prepare(_: Path) -> Callable[[], tuple[Outcome, str]]:
        return partial(_screened, listing)

    return Attack(f"gate: {name}", "warning", prepare)


GATE = tuple(_attack(name, listing) for name, listing in LISTINGS.items())
