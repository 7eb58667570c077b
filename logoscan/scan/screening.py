"""Screening before posting: as much of a scan as a deadline allows, cheapest stages first, and a decision.

Invariants, each with a test:

- Without a deadline (`math.inf`) every stage is taken, and the report is that of a scan (numbers within 1e-6 where the
  encoder gives a region the same vector in every batch).
- A stage is not started if it is not expected to end in time. A running model cannot be interrupted, so the deadline is
  kept as well as durations can be predicted. The first stage, title and claim, always runs; photos are opened after the
  deadline, too, for two seconds of opening in all.
- An input that cannot be read is a stage left out: a listing with a photo that cannot be opened, or breaks a model, is
  not allowed unless the caller chose so. Nor is a listing of which something is over a cap.
- With a finite deadline the screening stops early where no remaining stage can change the decision (`early_exit`).
  "block" is final once findings that cannot be revoked block; "allow" and "hold" are final only when every photo was
  examined, because another photo may show or name any brand, or say that the goods are no originals.
- Each text is read once.
- What was left out is named, in `Screening.skipped` and in the report.

A listing is judged by the index as it was when its screening began. A photo that was hashed and then breaks a model
loses its hash in a scan; in a screening that ended before the photo was examined, it keeps it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, TypeAlias, get_args

from logoscan._validate import number
from logoscan.errors import InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.records import from_json, to_json, to_mapping
from logoscan.results import Report
from logoscan.scan._screening_run import ScreeningRun, SkippedStage, WhySkipped
from logoscan.scan.ask import Ask
from logoscan.scan.decision_log import Decision, DecisionRecord, OnDecision, announce
from logoscan.scan.pace import Pace
from logoscan.scan.pipeline import Pipeline
from logoscan.types import Band, Listing

__all__ = [
    "Decision",
    "OnTimeout",
    "OnUnreadable",
    "Screener",
    "Screening",
    "SkippedStage",
    "WhySkipped",
    "check_listing",
]

OnTimeout: TypeAlias = Literal["hold", "allow"]
OnUnreadable: TypeAlias = Literal["hold", "allow"]

_DECISIONS: Mapping[Band, Decision] = {"clear": "allow", "review": "hold", "block": "block"}


@dataclass(frozen=True)
class Screening:
    """The result of a screening.

    Attributes:
        decision: "allow", "hold" (a person must look at it) or "block".
        report: Report of the stages that were taken; its reasons sum to its score, and its band is that of the
            decision, unless `timed_out` or `ask_from` changed "allow" to "hold", or `on_unreadable` "hold" to "allow".
        skipped: Stages that were left out, in order.
        elapsed_s: Duration in seconds of each stage that was taken, in order, with the judging after it; without a
            deadline all is judged once, at the end.
        total_s: Duration of the whole screening in seconds.
        timed_out: Whether a stage that could have changed the decision was left out for the deadline.
        ask_for: For a listing that is held: photos of which each alone could release it, the best first (`ask`).
    """

    decision: Decision
    report: Report
    skipped: tuple[SkippedStage, ...]
    elapsed_s: Mapping[str, float]
    total_s: float
    timed_out: bool
    ask_for: tuple[Ask, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "elapsed_s", dict(self.elapsed_s))

    def to_mapping(self) -> dict[str, Any]:
        """Return the screening as plain dictionaries, lists, strings and numbers."""
        return to_mapping(self)

    def to_json(self) -> str:
        """Return one line of JSON, from which `from_json` makes an equal screening."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Screening:
        """Return the screening that `to_json` wrote.

        Raises:
            CorruptFileError: The text is no screening.
        """
        return from_json(cls, text, "screening")


def check_listing(listing: Listing) -> Listing:
    """Return a listing; refuse what is none.

    Raises:
        InputError: It is of another type.
    """
    if not isinstance(listing, Listing):
        raise InputError(f"listing: expected a Listing, got {type(listing).__name__}")
    return listing


class Screener:
    """Screens listings with the pipeline of a scanner. Only its pace and counts change; may be shared by threads."""

    def __init__(
        self,
        pipeline: Pipeline,
        index: LogoIndex,
        *,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.perf_counter,
        on_decision: OnDecision | None = None,
    ) -> None:
        """Bind the pipeline.

        Args:
            pipeline: Takes the stages.
            index: The index; each screening uses a snapshot of it.
            pace: Expected durations of stages; None makes a new one. Share one only between scanners of the same
                models.
            clock: Returns seconds, rising.
            on_decision: Called with each decision once it is made.
        """
        self._pipeline, self._index, self._pace, self._clock = pipeline, index, pace or Pace(), clock
        self._on_decision = on_decision
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of listings by decision so far, for a metric.

        The keys are the decisions ("allow", "hold", "block"), and the decisions with the reason for which a stage was
        left out: "allow, timed out" and "allow, unreadable" count listings that were allowed although a part of them
        was not examined.
        """
        with self._lock:
            return Counter(self._counts)

    def screen(
        self,
        listing: Listing,
        *,
        deadline_s: float,
        on_timeout: OnTimeout = "hold",
        on_unreadable: OnUnreadable = "hold",
        ask_from: float | None = None,
    ) -> Screening:
        """Decide about one listing in time; the arguments are those of `Scanner.screen`, where they are documented."""
        check_listing(listing)
        if not deadline_s > 0:  # NaN fails too
            raise InputError(f"deadline_s: expected seconds above 0, got {deadline_s!r}")
        if on_timeout not in get_args(OnTimeout):
            raise InputError(f"on_timeout: expected hold or allow, got {on_timeout!r}")
        if on_unreadable not in get_args(OnUnreadable):
            raise InputError(f"on_unreadable: expected hold or allow, got {on_unreadable!r}")
        if ask_from is not None:
            number("screen", "ask_from", ask_from, 0.0, 100.0)
            if missing := self._pipeline.missing_for_notes:
                raise InputError(f"ask_from: expected a scanner with {' and '.join(missing)}, got none")
        snapshot = self._index.snapshot()
        run = ScreeningRun(self._pipeline, snapshot, self._pace, self._clock, listing, deadline_s, ask_from)
        report = run.run()
        decision = _DECISIONS[report.score.band]
        if decision == "hold" and on_unreadable == "allow":
            decision = _DECISIONS[run.band_if_readable()]
        timed_out = not run.settled and any(stage.why == "deadline" for stage in run.skipped)
        if timed_out and decision == "allow":
            decision = on_timeout
        asked: tuple[Ask, ...] = ()
        worth_asking = decision == "allow" and run.worth_asking()
        if worth_asking or (report.score.band == "review" and decision == "hold"):
            asked = run.ask_for(if_readable=on_unreadable == "allow")
        if worth_asking:
            decision = "hold" if asked else decision
        self._count(decision, timed_out, run.skipped)
        total_s = self._clock() - run.start_s
        announce(self._on_decision, DecisionRecord.of(report, total_s, decision, timed_out))
        return Screening(decision, report, tuple(run.skipped), run.elapsed_s, total_s, timed_out, asked)

    def _count(self, decision: Decision, timed_out: bool, skipped: list[SkippedStage]) -> None:
        reasons = ["", *([", timed out"] if timed_out else [])]
        reasons += [", unreadable"] if any(stage.why == "unreadable" for stage in skipped) else []
        with self._lock:
            self._counts.update(f"{decision}{reason}" for reason in reasons)
