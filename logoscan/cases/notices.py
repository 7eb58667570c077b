"""Notices of rights holders: are they complete, do they agree with what was seen, and which come first?

A notice has what Article 16(2) of the Digital Services Act asks for, and what a claim to a mark needs. Checks name what
is missing and guess nothing. Whether a notice is upheld is decided by a person, never by these numbers; the record
of a notifier moves a notice in the queue by so much at most, so that it neither hides a weak notice nor drowns a good
one. Names and addresses of notifiers stay in the notices: no view, decision or label has them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.index.pack_records import TrademarkRight
from logoscan.text.brand_names import fold
from logoscan.text.contacts import redact
from logoscan.types import Brand

__all__ = [
    "ELEMENTS", "Known", "Notice", "Problem", "ProblemKind", "check_notice", "is_complete", "listings_of",
    "notice_key",
]  # fmt: skip

ELEMENTS = ("explanation", "listings", "notifier_name", "notifier_email", "good_faith", "brand", "right", "authority")
"""What a complete notice has, in the order of the form: Art. 16(2) (a) to (d), then the claim to a mark."""
ProblemKind: TypeAlias = Literal["missing", "contradicts", "unknown", "duplicate"]
"""Not there or not usable; against what the brand's owner or the report says; not known here; notified before."""

# Letters from which an explanation can substantiate anything; a letter of a script that writes words by one or two
# signs counts as three.
_LEAST_LETTERS, _FIRST_SIGN = 20, "\u2e80"
# What people write into a field that they leave out.
_NOTHING = frozenset(
    {"", "-", "--", "n/a", "na", "none", "null", "nil", "no", "unknown", "tbd", "x", "xxx", "test", "."}
)
_EMAIL = re.compile(r"[^\s@<>\"(),;:\\\[\]]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,24}")


@dataclass(frozen=True)
class Notice:
    """A notice as it came in; anything but its id may be missing. Keep it from everybody who need not know who sent it.

    Attributes:
        id: Identifier, unique in the platform.
        received_at: When it came in.
        explanation: Why the notifier holds the goods to be illegal.
        listing_ids: Ids of the listings.
        urls: Addresses of the listings, where ids are not given.
        notifier_name: Name of the notifier.
        notifier_email: E-mail address of the notifier.
        good_faith: Whether the notifier states to believe in good faith that the notice is accurate and complete.
        brand: Brand whose rights are claimed.
        right: Trade mark that is claimed.
        authority: On whose behalf: "owner", or how the notifier is authorised.
        notifier_id: The platform's own identifier of the notifier, under which records are kept.
        trusted_flagger: Whether the notifier has that status by law.
        unreadable: Fields that could not be read, with what was expected and what came.
    """

    id: str
    received_at: datetime | None = None
    explanation: str | None = None
    listing_ids: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    notifier_name: str | None = field(default=None, repr=False)
    notifier_email: str | None = field(default=None, repr=False)
    good_faith: bool | None = None
    brand: str | None = None
    right: TrademarkRight | None = None
    authority: str | None = None
    notifier_id: str | None = None
    trusted_flagger: bool = False
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not self.id.strip() or len(self.id) > 500:
            raise InputError(f"Notice.id: expected 1 to 500 characters, got {quoted(self.id)}")
        if self.received_at is not None and self.received_at.tzinfo is None:
            object.__setattr__(self, "received_at", self.received_at.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a notice.

    Attributes:
        element: What it is about, one of `ELEMENTS`.
        kind: How it is wrong.
        why: A sentence for the notifier.
    """

    element: str
    kind: ProblemKind
    why: str


class Known:
    """What notices are compared with.

    Attributes:
        brands: Records of the registered brands.
        listings: Ids of the listings on the platform; None where they are not known here.
        of_url: Listing of an address, by `address_key`.
        rights: Trade marks by brand, as packs state them.
    """

    def __init__(
        self,
        brands: Sequence[Brand] = (),
        *,
        listings: Mapping[str, str | None] | None = None,
        rights: Mapping[str, Sequence[TrademarkRight]] | None = None,
    ) -> None:
        """Keep what is known.

        Args:
            brands: Records of the registered brands.
            listings: Address of each listing by its id; the address may be None.
            rights: Trade marks by the name of the brand.
        """
        self.brands: dict[str, Brand] = {}
        for brand in brands:
            for spelling in (*brand.aliases, brand.name):
                self.brands[fold(spelling)] = brand
        self.listings = listings
        self.of_url = {address_key(url): listing for listing, url in (listings or {}).items() if url}
        self.rights = dict(rights or {})

    def brand(self, name: str | None) -> Brand | None:
        """Return the registered brand of a name or an alias, however it is written."""
        return None if name is None else self.brands.get(fold(name))


def address_key(url: str) -> str:
    """Return what identifies the page of an address: host and path, without login, query and fragment."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    return f"{host}{parts.path.rstrip('/')}"


def listings_of(notice: Notice, known: Known) -> tuple[str, ...]:
    """Return the ids of the listings that a notice names or whose address it gives, each once."""
    found = [one.strip() for one in notice.listing_ids if not _is_nothing(one)]
    found += [known.of_url[key] for url in notice.urls if (key := address_key(url)) in known.of_url]
    return tuple(dict.fromkeys(found))


def _is_nothing(value: str | None) -> bool:
    return value is None or value.strip().casefold() in _NOTHING


def _is_page(url: str) -> bool:
    """Return whether an address leads to a page, not to a whole site."""
    key = address_key(url.strip())
    return not _is_nothing(url) and "." in key.partition("/")[0] and len(key.partition("/")[2]) > 0


def notice_key(notice: Notice) -> tuple[str, ...] | None:
    """Return what two notices share if they are one: notifier, brand and listings; None where that is not known."""
    who = notice.notifier_id or (notice.notifier_email or "").strip().casefold()
    what = sorted({*(one.strip() for one in notice.listing_ids), *map(address_key, notice.urls)})
    return (who, fold(notice.brand or ""), *what) if who and what else None


def check_notice(
    notice: Notice, known: Known, seen: Collection[tuple[str, ...]] = (), *, today: date | None = None
) -> tuple[Problem, ...]:
    """Return what is wrong with a notice, in the order of the form; () if nothing is.

    Args:
        notice: The notice.
        known: What it is compared with.
        seen: `notice_key` of the notices that came before.
        today: Day on which a registration must not have ended; the day of the notice if None.
    """
    out: list[Problem] = []

    def add(element: str, kind: ProblemKind, why: str) -> None:
        out.append(Problem(element, kind, redact(why)))

    for name, why in notice.unreadable.items():
        add(name, "missing", why)
    letters = sum(3 if c >= _FIRST_SIGN else 1 for c in notice.explanation or "" if c.isalpha())
    if letters < _LEAST_LETTERS:
        add("explanation", "missing", "Say why the goods are illegal: what shows that they are no genuine ones?")
    found = listings_of(notice, known)
    pages = [url for url in notice.urls if _is_page(url)]
    if not found and not pages:
        add("listings", "missing", "Give the exact address or the id of each listing; a shop's address is not enough.")
    elif known.listings is not None:
        gone = [one for one in found if one not in known.listings]
        gone += [url for url in pages if address_key(url) not in known.of_url]
        if gone:
            add("listings", "unknown", f"{len(gone)} listings are not known here, such as {quoted(gone[0])}.")
    if _is_nothing(notice.notifier_name) or not any(c.isalpha() for c in notice.notifier_name or ""):
        add("notifier_name", "missing", "Give your name.")
    if not _EMAIL.fullmatch((notice.notifier_email or "").strip()):
        add("notifier_email", "missing", "Give an e-mail address at which you can be reached.")
    if notice.good_faith is not True:
        add("good_faith", "missing", "Confirm that you believe in good faith that the notice is accurate and complete.")
    brand = known.brand(notice.brand)
    if _is_nothing(notice.brand):
        add("brand", "missing", "Name the brand.")
    elif brand is None and known.brands:
        add("brand", "unknown", f"The brand {quoted(redact(notice.brand or ''))} is not registered here.")
    if notice.right is None:
        if "right" not in notice.unreadable:
            add("right", "missing", "Name the trade mark: office and number of its registration.")
    else:
        out += _right_problems(notice, brand, known, today)
    if _is_nothing(notice.authority):
        add("authority", "missing", "Say whether you own the mark, or how its owner authorised you.")
    if notice_key(notice) in seen:
        add("listings", "duplicate", "You have notified these listings for this brand before.")
    order = {name: place for place, name in enumerate(ELEMENTS)}
    return tuple(sorted(out, key=lambda problem: order.get(problem.element, len(order))))


def _right_problems(notice: Notice, brand: Brand | None, known: Known, today: date | None) -> list[Problem]:
    right = notice.right
    assert right is not None
    out = []
    day = today or (notice.received_at.date() if notice.received_at is not None else None)
    if right.until is not None and day is not None and date.fromisoformat(right.until) < day:
        out.append(Problem("right", "contradicts", f"The registration ended on {right.until}."))
    stated = known.rights.get(brand.name, ()) if brand is not None else ()
    if not stated:
        return out
    same = next((one for one in stated if one.key == right.key), None)
    if same is None:
        out.append(Problem("right", "contradicts", "The brand's owner states no such registration."))
        return out
    if same.owner is not None and right.owner is not None and fold(same.owner) != fold(right.owner):
        out.append(Problem("right", "contradicts", "The brand's owner states another owner of the registration."))
    if same.nice_classes and set(right.nice_classes) - set(same.nice_classes):
        out.append(Problem("right", "contradicts", "The registration does not cover all classes that are claimed."))
    if same.territory and "EU" not in same.territory and set(right.territory) - set(same.territory):
        out.append(Problem("right", "contradicts", "The registration does not cover all countries that are claimed."))
    return out


def is_complete(problems: Sequence[Problem]) -> bool:
    """Return whether nothing is missing, whatever else is wrong."""
    return all(problem.kind != "missing" for problem in problems)
