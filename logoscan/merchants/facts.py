"""What the platform itself knows about a merchant, and how strongly each fact speaks for counterfeits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from logoscan._quote import quoted
from logoscan._validate import not_negative, unit, whole_number
from logoscan.errors import InputError

__all__ = ["FACT_NUMBERS", "MerchantFacts", "fact_strengths", "plural"]

# Above any merchant's orders, and exact as a float.
_COUNT_LIMIT = 10**15
# Half-life of an account's newness: a usual window of returns, within which few complaints can have come.
_NEW_DAYS = 90.0


@dataclass(frozen=True)
class _Rate:
    """A share of orders, shrunk by a Beta prior. Its repr is a part of the version of merchant models.

    Attributes:
        usual: Usual share.
        full: Share from which the strength is 1.
        orders: Orders that the prior is worth.
    """

    usual: float
    full: float
    orders: float

    def strength(self, count: int, orders: int) -> float:
        """Return a strength in [0, 1]: on a log scale from the usual share to the full one."""
        share = (self.usual * self.orders + count) / (self.orders + orders)
        return min(1.0, max(0.0, math.log(share / self.usual) / math.log(self.full / self.usual)))


# 1 refund in 100 orders is common for honest shops, 1 in 5 is not; 200 orders, so that 1 refund of 2 orders counts an
# eighth.
_REFUNDS = _Rate(0.01, 0.2, 200)
# Rarer than refunds, so the prior weighs more orders: it stands for one complaint in 500.
_COMPLAINTS = _Rate(0.002, 0.05, 500)


@dataclass(frozen=True)
class MerchantFacts:
    """What the platform itself knows about a merchant; None is unknown and adds nothing.

    Attributes:
        orders: Orders delivered.
        refunds: Orders that were refunded as not as described.
        complaints: Orders whose buyer says that the goods are counterfeit.
        takedowns: Earlier removals for counterfeiting that were upheld.
        account_age_days: Days since the account was opened.
        identity_verified: Whether the platform has checked who the merchant is.
        ring: Confidence, in [0, 1], that the account belongs to a ring of accounts with counterfeit evidence of their
            own (`logoscan rings`); it may bring about a review, never a block.
        review_manipulation: How sure the platform's own detector is that the merchant's reviews are manipulated, in
            [0, 1]. Not for what was derived from logoscan's scores.
    """

    orders: int | None = None
    refunds: int | None = None
    complaints: int | None = None
    takedowns: int | None = None
    account_age_days: float | None = None
    identity_verified: bool | None = None
    ring: float | None = None
    review_manipulation: float | None = None

    def __post_init__(self) -> None:
        for name in ("orders", "refunds", "complaints", "takedowns"):
            value = getattr(self, name)
            if value is not None:
                whole_number("MerchantFacts", name, value, 0, _COUNT_LIMIT)
        for name in ("refunds", "complaints"):
            value = getattr(self, name)
            if value is not None and self.orders is not None and value > self.orders:
                raise InputError(f"MerchantFacts.{name}: expected at most the {self.orders} orders, got {value}")
        if self.account_age_days is not None:
            not_negative("MerchantFacts", "account_age_days", self.account_age_days)
        if self.ring is not None:
            unit("MerchantFacts", "ring", self.ring)
        if self.review_manipulation is not None:
            unit("MerchantFacts", "review_manipulation", self.review_manipulation)
        if self.identity_verified not in (None, True, False):
            raise InputError(
                f"MerchantFacts.identity_verified: expected True, False or None, got {quoted(self.identity_verified)}"
            )


FACT_NUMBERS = (_REFUNDS, _COMPLAINTS, _NEW_DAYS)
"""Numbers behind `fact_strengths`; a merchant model's version is made of them."""


def fact_strengths(facts: MerchantFacts) -> list[tuple[str, float, str]]:
    """Return each known fact as name, strength in [0, 1] and sentence. A share of orders needs the number of orders."""
    strengths: list[tuple[str, float, str]] = []
    for name, count, rate, what in (
        ("refunds", facts.refunds, _REFUNDS, "refunded as not as described"),
        ("complaints", facts.complaints, _COMPLAINTS, "called counterfeit by their buyers"),
    ):
        if count is not None and facts.orders is not None:
            of = f"{count} of {facts.orders} {plural('order', facts.orders)}"
            why = f"{of} {'was' if count == 1 else 'were'} {what}; {rate.usual:.1%} is usual."
            strengths.append((name, rate.strength(count, facts.orders), why))
    if facts.takedowns is not None:
        # the first counts half: one may be a mistake, and the tenth adds little to the ninth
        were = "was" if facts.takedowns == 1 else "were"
        why = f"{facts.takedowns} earlier {plural('removal', facts.takedowns)} for counterfeiting {were} upheld."
        strengths.append(("takedowns", 1.0 - 2.0**-facts.takedowns, why))
    if facts.account_age_days is not None:
        days = f"{facts.account_age_days:.0f}"
        why = f"The account is {days} {'day' if days == '1' else 'days'} old."
        strengths.append(("account_age", 2.0 ** (-facts.account_age_days / _NEW_DAYS), why))
    if facts.identity_verified is not None:
        why = f"The merchant's identity is {'' if facts.identity_verified else 'not '}verified."
        strengths.append(("identity", 0.0 if facts.identity_verified else 1.0, why))
    if facts.ring is not None:
        why = (
            f"Belongs, with confidence {facts.ring:.2f}, to a ring of accounts with counterfeit evidence of their own."
        )
        strengths.append(("ring", facts.ring, why))
    if facts.review_manipulation is not None:
        why = f"The platform's detector of manipulated reviews says {facts.review_manipulation:.2f} of 1."
        strengths.append(("review_manipulation", facts.review_manipulation, why))
    return strengths


def plural(noun: str, number: int) -> str:
    """Return a noun in the form that fits a number."""
    return noun if number == 1 else f"{noun}s"
