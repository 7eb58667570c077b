"""The order in which people look at notices, and whose notices are usually right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from logoscan._extras import import_extra
from logoscan.cases.decisions import Decision
from logoscan.cases.notices import Known, Notice, Problem, is_complete, listings_of
from logoscan.odds import log_odds, sigmoid
from logoscan.results import Report
from logoscan.types import Brand

__all__ = ["Agreement", "NoticeView", "NotifierRecord", "misuse", "notifier_records", "rank_notices", "weigh_notice"]

Agreement: TypeAlias = Literal["agrees", "silent", "contradicts"]
"""What the report says of the brand that a notice names: it is there; it could not be seen; it was looked for and is
not there, or its owner authorised the seller."""

# Notices of a notifier of whom nothing is known: two upheld and two declined, a stated prior.
_PRIOR = 2.0
# Log-odds that the report adds, and the most that a record adds: less than a contradiction takes, so that no record
# hides a weak notice. Stated priors, to be replaced by what decided notices show.
_AGREEMENT: Mapping[Agreement, float] = {"agrees": 0.8, "silent": 0.0, "contradicts": -2.5}
_MOST_RECORD, _MOST_SCORE = 2.0, 1.0
# Score at which a report says neither; each further half of the scale counts as much as `_MOST_SCORE`.
_EVEN_SCORE = 50.0
# Misuse (Art. 23): notices from which a share says anything, and the share that all but certainly is not reached.
_LEAST_DECIDED, _UNFOUNDED, _CONFIDENCE = 10, 0.2, 0.95


@dataclass(frozen=True)
class NotifierRecord:
    """What became of a notifier's notices.

    Attributes:
        notifier_id: The platform's identifier of the notifier.
        decided: Number of decided notices, by listing.
        upheld: Number of those that were upheld, and not reversed on an appeal since.
        reversed: Number of those that were reversed on an appeal.
        incomplete: Number of incomplete notices, where it was counted.
    """

    notifier_id: str
    decided: int
    upheld: int
    reversed: int = 0
    incomplete: int = 0

    @property
    def share(self) -> float:
        """Share of upheld notices, drawn towards a half where there are few: (upheld + 2) / (decided + 4)."""
        return (self.upheld + _PRIOR) / (self.decided + 2 * _PRIOR)

    @property
    def most(self) -> float:
        """Share that the true one exceeds in 5 % of such records at most (Clopper and Pearson); 1 without any.

        Raises:
            MissingDependencyError: scipy is not installed.
        """
        beta = import_extra("scipy.stats", "cases").beta
        if self.upheld >= self.decided:
            return 1.0
        return float(beta.ppf(_CONFIDENCE, self.upheld + 1, self.decided - self.upheld))


@dataclass(frozen=True)
class NoticeView:
    """A notice as a reviewer sees it; no name and no address.

    Attributes:
        rank: Place in the queue, from 1; 0 outside of a queue.
        notice_id: Id of the notice.
        listing_id: Listing that it is about, the first of several; None where none is known.
        brand: Brand that it names, as it is registered; None where it is not.
        complete: Whether nothing is missing.
        problems: What is wrong, first of all.
        agreement: What the report says.
        why: What the report says, as a sentence.
        notifier_id: The platform's identifier of the notifier.
        trusted_flagger: Whether the notifier comes first by law.
        upheld_share: Share of the notifier's notices that were upheld, shrunken; a half where nothing is known.
        p: Probability that a person will uphold it; a stated prior until notices have been decided.
        reach: How many people the listing reaches, 1 where it is not known.
        value: p times reach.
    """

    rank: int
    notice_id: str
    listing_id: str | None
    brand: str | None
    complete: bool
    problems: tuple[Problem, ...]
    agreement: Agreement
    why: str
    notifier_id: str | None
    trusted_flagger: bool
    upheld_share: float
    p: float
    reach: float
    value: float


def weigh_notice(
    notice: Notice,
    problems: Sequence[Problem],
    known: Known,
    report: Report | None,
    record: NotifierRecord | None = None,
    *,
    reach: float = 1.0,
) -> NoticeView:
    """Return a notice with what speaks for and against it.

    The log-odds that it is upheld are those of the notifier's shrunken record, at most 2 either way, and what the
    report and the checks add. A contradiction takes more than the best record gives.

    Args:
        notice: The notice.
        problems: What `check_notice` found.
        known: What it was compared with.
        report: Report of its first listing; None where it was not scanned.
        record: Record of the notifier; None where there is none.
        reach: How many people the listing reaches, above 0.
    """
    brand = known.brand(notice.brand)
    agreement, why = _agreement(brand, notice, report)
    share = record.share if record is not None else 0.5
    total = max(-_MOST_RECORD, min(_MOST_RECORD, log_odds(share))) + _AGREEMENT[agreement]
    if report is not None and report.score.value is not None and agreement == "agrees":
        total += _MOST_SCORE * (report.score.value - _EVEN_SCORE) / _EVEN_SCORE
    if agreement != "contradicts" and any(problem.kind == "contradicts" for problem in problems):
        total += _AGREEMENT["contradicts"]
    p = sigmoid(total)
    listings = listings_of(notice, known)
    return NoticeView(
        0,
        notice.id,
        listings[0] if listings else None,
        brand.name if brand is not None else None,
        is_complete(problems),
        tuple(problems),
        agreement,
        why,
        notice.notifier_id,
        notice.trusted_flagger,
        share,
        p,
        reach,
        p * reach,
    )


def _agreement(brand: Brand | None, notice: Notice, report: Report | None) -> tuple[Agreement, str]:
    if report is None:
        return "silent", "The listing was not scanned."
    if brand is None:
        return "silent", "The brand is not registered, so that it was not looked for."
    if report.seller_id is not None and report.seller_id in brand.authorised_sellers:
        return "contradicts", "The brand's owner authorised the seller."
    if any(found.brand == brand.name and found.named is not False for found in report.brands):
        return "agrees", "The photos or the words of the listing show or name the brand."
    if brand.name in {*(m.brand for m in report.mentions), *(m.brand for m in report.matches)}:
        return "agrees", "The photos or the words of the listing hint at the brand."
    if report.warnings or report.skipped or report.unread or not report.images:
        return "silent", "The brand was not found, but not everything could be looked at."
    return "contradicts", "Everything was looked at, and neither photos nor words show or name the brand."


def rank_notices(views: Iterable[NoticeView]) -> tuple[NoticeView, ...]:
    """Return notices in the order in which people look at them.

    Complete ones come first, among them those of trusted flaggers, as the law has it; then by value.
    """
    ordered = sorted(views, key=lambda v: (not v.complete, not v.trusted_flagger, -v.value, v.notice_id))
    return tuple(replace(view, rank=place) for place, view in enumerate(ordered, 1))


def notifier_records(
    notices: Iterable[Notice], decisions: Iterable[Decision], incomplete: Iterable[str] = ()
) -> dict[str, NotifierRecord]:
    """Return the record of each notifier who has an identifier.

    Args:
        notices: Notices that came in.
        decisions: Decisions on record, in any order.
        incomplete: Ids of the notices that were incomplete.
    """
    who = {notice.id: notice.notifier_id for notice in notices if notice.notifier_id is not None}
    answered: dict[str, Decision] = {}
    appealed: set[str] = set()
    for one in decisions:
        if one.answers is None:
            continue
        if one.source == "appeal":
            if one.action in ("restore", "reinstate", "allow"):
                appealed.add(one.answers)
        elif one.action != "hold":
            answered[one.answers] = one
    counts: dict[str, list[int]] = {}
    for receipt, one in answered.items():
        notifier = who.get(receipt.rpartition("-")[0])
        if notifier is not None:
            of = counts.setdefault(notifier, [0, 0, 0, 0])
            reversed_since = one.is_adverse and one.id in appealed
            of[0] += 1
            of[1] += one.is_adverse and not reversed_since
            of[2] += reversed_since
    for notice in incomplete:
        if (notifier := who.get(notice)) is not None:
            counts.setdefault(notifier, [0, 0, 0, 0])[3] += 1
    return {notifier: NotifierRecord(notifier, *of) for notifier, of in sorted(counts.items())}


def misuse(records: Iterable[NotifierRecord]) -> tuple[NotifierRecord, ...]:
    """Return the notifiers whom a person should look at for misuse (Art. 23), the worst first; nobody is suspended.

    They have ten decided notices or more, and a share of upheld ones that is below 0.2 with 95 % confidence. Whether
    the notices were manifestly unfounded, how grave that is, and with which intention, a person must say.
    """
    found = [one for one in records if one.decided >= _LEAST_DECIDED and one.most < _UNFOUNDED]
    return tuple(sorted(found, key=lambda one: (one.most, -one.decided, one.notifier_id)))
