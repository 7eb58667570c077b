"""Hostile registrations and verdicts: a brand taken over, framed, blinded or robbed through the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from attack import ACME, Attack, NotHarmlessError, Outcome, Trial, scanner
from fakes import BLUE, GREEN, RED, WHITE, FakeEncoder, quarters

from logoscan.errors import VettingError
from logoscan.index.logo_index import LogoIndex
from logoscan.results import Report
from logoscan.review.journal import Journal
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, ImageSource, Listing, UsualPrice

ENCODER = FakeEncoder()
BOLT = quarters(GREEN, RED, WHITE, RED)
NEARLY = quarters(RED, WHITE, BLUE, (235, 205, 60))
"""Acme's logo image with one colour a little off."""
HONEST = Listing("honest", (ACME,), title="Acme boots", claimed_brand="Acme Tools", price=95.0, currency="EUR",
                 category="Shoes", seller_id="good")  # fmt: skip
"""By the brand's own authorised seller, at a usual price."""
DEAR = (UsualPrice("EUR", 5000, 9000),)


@cache
def _shop() -> LogoIndex:
    index = LogoIndex(ENCODER)
    facts = Brand("Acme Tools", ("Acme",), ("good",), (), (UsualPrice("EUR", 80, 120),))
    index.add_many([(facts, [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)])])
    return index


def _scan(index: LogoIndex) -> Report:
    parts = scanner()
    judged = Scanner(index, encoder=ENCODER, detector=parts.detector, ocr=None, calibration=parts.calibration).scan(
        HONEST
    )
    return replace(judged, provenance=replace(judged.provenance, time="", index=""))


@cache
def _before() -> Report:
    return _scan(_shop())


def _attempt(change: Callable[[LogoIndex], object], folder: Path) -> Trial:
    """A change of the index that must be refused; whatever comes, the honest listing is judged as before."""

    def trial() -> tuple[Outcome, str]:
        index = _shop().snapshot()
        fingerprint = index.fingerprint
        try:
            change(index)
        except VettingError:
            if index.fingerprint != fingerprint:
                raise NotHarmlessError("a refused change has changed the register") from None
            raise
        finally:
            if _scan(index).score != _before().score or _scan(index).brands != _before().brands:
                raise NotHarmlessError("the honest listing is judged otherwise")
        return "report", ""

    return trial


def _add(brand: Brand, logos: Sequence[tuple[str, ImageSource]], index: LogoIndex) -> None:
    index.add(brand, logos)


def _merge(index: LogoIndex) -> None:
    other = LogoIndex(ENCODER)
    other.add(Brand("Aper"), [("x", ACME)])
    index.merge(other)


def _merge_over(index: LogoIndex) -> None:
    other, facts = LogoIndex(ENCODER), index.brand("Acme Tools")
    assert facts is not None
    other.add(facts, [("a", BOLT)])
    index.merge(other)


def _batch(index: LogoIndex) -> None:
    index.add_many([(Brand("Core"), []), (Brand("ACME", usual_prices=DEAR), []), (Brand("Dune"), [])])


def _negative(picture: np.ndarray, brand: str | None, index: LogoIndex) -> None:
    index.add_negative(picture, brand)


def _rejected(names: Sequence[str | None], folder: Path) -> Trial:
    """Reviewers who say that the mark itself is not there; it is shown as before."""

    def trial() -> tuple[Outcome, str]:
        index = _shop().snapshot()
        journal = Journal(folder / "verdicts.jsonl")
        for name in names:
            said = journal.reject(_before(), "Acme Tools", not_shown=True, index=index, photos=[ACME], reviewer=name)
            if said.negatives:
                raise NotHarmlessError(f"the mark is a negative by the word of {name!r}")
        if _scan(index).brands != _before().brands:
            raise NotHarmlessError("the brand is shown otherwise")
        return "report", ""

    return trial


def _twins(count: int, folder: Path) -> Trial:
    """A folder in which the logo image comes under other brands as well: told, and the brand is shown as surely."""

    def trial() -> tuple[Outcome, str]:
        index = LogoIndex(ENCODER)
        facts = _shop().brand("Acme Tools")
        assert facts is not None
        twins = [(Brand(f"Aper{i}"), [("x", ACME)]) for i in range(count)]
        warnings = index.add_many([(facts, [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)]), *twins])
        after = {b.brand: b.probability for b in _scan(index).brands}
        if after["Acme Tools"] != _before().brands[0].probability:
            raise NotHarmlessError(f"shown otherwise: {after}")
        return "warning", "\n".join(warnings)

    return trial


_REGISTERED: dict[str, Callable[[LogoIndex], object]] = {
    "another's drawing": partial(_add, Brand("Aper"), [("x", ACME)]),
    "another's drawing, a colour off": partial(_add, Brand("Aper"), [("x", NEARLY)]),
    "another's drawing beside an own": partial(
        _add, Brand("Aper"), [("own", quarters(BLUE, BLUE, RED, GREEN)), ("x", ACME)]
    ),
    "another's drawing for a brand that is there": partial(_add, Brand("Bolt"), [("x", ACME)]),
    "a name in upper case with dear prices": partial(_add, Brand("ACME TOOLS", usual_prices=DEAR), [("x", ACME)]),
    "another's alias as a name": partial(_add, Brand("ACME", usual_prices=DEAR), []),
    "a name in letters of another script": partial(_add, Brand("\u0410cme", usual_prices=DEAR), []),
    "a name with an invisible letter": partial(_add, Brand("Ac\u200bme", usual_prices=DEAR), []),
    "another's name as an alias": partial(_add, Brand("Aper", ("Acme Tools",), usual_prices=DEAR), []),
    "an everyday word as an alias": partial(_add, Brand("Aper", ("boots",)), []),
    "a size as an alias": partial(_add, Brand("Aper", ("XL",)), []),
    "no brand as a name": partial(_add, Brand("Unbranded", usual_prices=DEAR), []),
    "other sellers and prices": partial(_add, Brand("Acme Tools", ("Acme",), ("thief",), usual_prices=DEAR), []),
    "no sellers any more": partial(_add, Brand("Acme Tools"), []),
    "another drawing in its place": partial(_add, Brand("Acme Tools"), [("a", BOLT)]),
    "one of many": _batch,
    "a merged register with its drawing": _merge,
    "a merged register over its drawing": _merge_over,
    "the mark as its negative": partial(_negative, ACME, "Acme Tools"),
    "the mark as nobody's": partial(_negative, ACME, None),
    "the mark as nobody's, a colour off": partial(_negative, NEARLY, None),
}

POISONS = (
    *(Attack(f"register: {name}", "VettingError", partial(_attempt, change)) for name, change in _REGISTERED.items()),
    Attack("register: a twin in one folder", "warning", partial(_twins, 1)),
    Attack("register: forty twins in one folder", "warning", partial(_twins, 40)),
    Attack("verdict: the mark rejected by nobody", "report", partial(_rejected, [None, None])),
    Attack("verdict: the mark rejected by one, twice", "report", partial(_rejected, ["Ann", " ann "])),
    Attack("verdict: the mark rejected by two", "report", partial(_rejected, ["Ann", "Bob"])),
)
"""All of them."""
