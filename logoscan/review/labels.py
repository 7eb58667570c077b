"""What verdicts teach: labels for a score model, and how many brands were missed.

| Verdict | The listing concerns the brand | The score model learns | A calibration learns | Recall counts |
|---|---|---|---|---|
| counterfeit | yes | a counterfeit | a right name | a brand that was named |
| genuine | yes | a genuine listing | a right name | a brand that was named |
| unknown (`confirm` without a label) | yes | nothing | a right name | a brand that was named |
| wrong_brand (`reject` with `not_shown`) | no | nothing: the brand is not shown | a wrong name | nothing |
| missed | yes | nothing, unless it says the goods | nothing: it counts in the recall alone | a brand that was missed |
| undo | - | takes back a verdict, with all that it teaches | | |

For each listing and brand the latest verdict that was not undone counts. Two things outlast a later verdict that leaves
them open, as long as the brand is said to be shown: a label outlasts a `missed`, and a `missed` outlasts a label.

A report gives the reasons of its highest brand alone. So a verdict on another brand gives no label, unless an earlier
report was scored for it. Few people look for what was missed: the recall by verdicts is the most that it can be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from logoscan.results import Report, Score
from logoscan.review.verdict import Verdict

__all__ = ["Labels", "WhyNoLabel", "labels_of"]

WhyNoLabel: TypeAlias = Literal[
    "the brand was missed, and nobody judged the goods",
    "the goods were not judged",
    "the report has the reasons of another brand",
    "there is no report of the listing",
]
"""Why a verdict gives no label, as a clause."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What the verdicts of a journal teach.

    Attributes:
        reports: What was judged: the report or, where that is of another brand or not at hand, the score that the
            verdict kept.
        counterfeit: The label of each.
        weights: One over the probability with which each was chosen to be judged, up to a common factor.
        listing_ids: Id of the listing of each.
        wrong: Reports or scores of listings that do not concern the brand; no labels, and false alarms where they are
            reviewed or blocked.
        named: Number of brands that are shown and were named.
        missed: Number of brands that are shown and were missed.
        left_out: Number of verdicts that give no label, by the reason.
    """

    reports: tuple[Report | Score, ...]
    counterfeit: tuple[bool, ...]
    weights: tuple[float, ...]
    listing_ids: tuple[str, ...]
    wrong: tuple[Report | Score, ...]
    named: int
    missed: int
    left_out: Mapping[WhyNoLabel, int]


@dataclass
class _Pair:
    """What the verdicts on one listing and brand say together.

    Attributes:
        latest: The verdict in force.
        label: The verdict that gives the label; None without one.
        missed: Whether one of them says that the brand was missed.
        score: The latest score that one of them kept.
    """

    latest: Verdict
    label: Verdict | None = None
    missed: bool = False
    score: Score | None = None

    def add(self, verdict: Verdict) -> None:
        """Add a later verdict."""
        self.latest = verdict
        bare = verdict.kind == "missed" and verdict.counterfeit is None
        if not verdict.shown:  # what earlier ones said about goods and recall was about a brand that is not there
            self.label, self.missed = None, False
        elif not bare:
            self.label = None if verdict.counterfeit is None else verdict
        self.missed |= verdict.kind == "missed"
        self.score = verdict.score or self.score


def labels_of(verdicts: Sequence[Verdict], reports: Iterable[Report] = ()) -> Labels:
    """Return what verdicts teach; the table above says how.

    Args:
        verdicts: Verdicts that were not undone, in order.
        reports: Reports, some of them of listings that were judged; read once, and only those are kept. A report goes
            before the score that the verdict kept.
    """
    pairs: dict[tuple[str, str], _Pair] = {}
    for verdict in verdicts:
        pairs.setdefault((verdict.listing_id, verdict.brand), _Pair(verdict)).add(verdict)
    judged = {listing_id for listing_id, _ in pairs}
    of_listing = {report.listing_id: report for report in reports if report.listing_id in judged}
    rows: list[tuple[Report | Score, Verdict]] = []
    wrong: list[Report | Score] = []
    left_out: Counter[WhyNoLabel] = Counter()
    for pair in sorted(pairs.values(), key=lambda p: p.latest.id):
        report = of_listing.get(pair.latest.listing_id)
        scored = report if report is not None and report.score.brand == pair.latest.brand else pair.score
        if not pair.latest.shown:
            wrong += [] if scored is None else [scored]
        elif pair.label is None:
            unjudged: WhyNoLabel = (
                "the brand was missed, and nobody judged the goods" if pair.missed else "the goods were not judged"
            )
            left_out[unjudged] += 1
        elif scored is None:
            left_out[
                "there is no report of the listing" if report is None else "the report has the reasons of another brand"
            ] += 1
        else:
            rows.append((scored, pair.label))
    shown = [pair for pair in pairs.values() if pair.latest.shown]
    return Labels(
        tuple(scored for scored, _ in rows),
        tuple(bool(label.counterfeit) for _, label in rows),
        tuple(label.weight for _, label in rows),
        tuple(label.listing_id for _, label in rows),
        tuple(wrong),
        sum(not pair.missed for pair in shown),
        sum(pair.missed for pair in shown),
        left_out,
    )
