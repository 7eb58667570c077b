"""The gate before posting: as much of a scan as a deadline allows, cheapest answers first, and a decision.

Invariants, each with a test:

- Without a deadline (`math.inf`) every stage is taken, and the report is that of a scan (numbers within 1e-6 where the
  encoder gives a region the same vector in every batch).
- A stage is not started where it is not expected to end in time. A model that runs cannot be interrupted, so the
  deadline is kept as well as durations can be foreseen. The first stage, title and claim, always runs; photos are
  opened past the deadline, too, for two seconds of opening in all.
- What cannot be read is a stage left out: a photo that cannot be opened, or breaks a model, is never allowed, unless
  that was asked for. Nor is what lies over a cap.
- A finite deadline stops early where nothing left can change the decision (`early_exit`). "block" is final once what
  cannot be taken back blocks; "allow" and "hold" are only when every photo was looked at, since a photo that was not
  may show, name or confess anything.
- Each text is read once.
- What was left out is named, in `Screening.skipped` and in the report.

A listing is judged by the index as it was when its screening began. A photo that was hashed and then breaks a model
costs its hash in a scan; one that a screening did not look at for being certain does not.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, TypeAlias, get_args

from logoscan.errors import InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.records import from_json, to_json, to_mapping
from logoscan.results import Report
from logoscan.scan._screening_run import ScreeningRun, SkippedStage, WhySkipped
from logoscan.scan.pace import Pace
from logoscan.scan.pipeline import Pipeline
from logoscan.types import Band, Listing

__all__ = ["Decision", "OnTimeout", "OnUnreadable", "Screener", "Screening", "SkippedStage", "WhySkipped"]

Decision: TypeAlias = Literal["allow", "hold", "block"]
OnTimeout: TypeAlias = Literal["hold", "allow"]
OnUnreadable: TypeAlias = Literal["hold", "allow"]

_DECISIONS: Mapping[Band, Decision] = {"clear": "allow", "review": "hold", "block": "block"}


@dataclass(frozen=True)
class Screening:
    """The answer of the gate.

    Attributes:
        decision: "allow", "hold" for a person's look, or "block".
        report: As far as the listing was judged; its reasons sum to its score, and its band is the decision's but where
            `timed_out` made "hold" of "allow", or `on_unreadable` "allow" of "hold".
        skipped: Stages that were left out, in order.
        elapsed_s: Of each stage that was taken, in order, with the judging after it; without a deadline all is judged
            once, at the end.
        total_s: Of the whole screening.
        timed_out: Something that could have changed the decision was left out for the deadline.
    """

    decision: Decision
    report: Report
    skipped: tuple[SkippedStage, ...]
    elapsed_s: Mapping[str, float]
    total_s: float
    timed_out: bool

    def to_mapping(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return to_mapping(self)

    def to_json(self) -> str:
        """One line of JSON; `from_json` gives an equal screening."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Screening:
        """Read what `to_json` wrote.

        Raises:
            CorruptFileError: It is no screening.
        """
        return from_json(cls, text, "screening")


class Screener:
    """Screens listings with the pipeline of a scanner. Its pace is all that it learns; may be shared by threads."""

    def __init__(
        self,
        pipeline: Pipeline,
        index: LogoIndex,
        *,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Bind the pipeline.

        Args:
            pipeline: Takes the stages.
            index: The index; each screening uses a snapshot of it.
            pace: How long stages take; a new one if None. Share one only between scanners of the same models.
            clock: Seconds, rising.
        """
        self._pipeline, self._index, self._pace, self._clock = pipeline, index, pace or Pace(), clock
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many listings were answered in which way so far, for a metric.

        The keys are decisions ("allow", "hold", "block"), and the same with what was left out and could have changed
        them: "allow, timed out" and "allow, unreadable" count what was let pass unexamined, since that was asked for.
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
    ) -> Screening:
        """Decide about one listing in time, as `Scanner.screen` does."""
        if not deadline_s > 0:  # NaN fails too
            raise InputError(f"deadline_s: expected seconds above 0, got {deadline_s!r}")
        if on_timeout not in get_args(OnTimeout):
            raise InputError(f"on_timeout: expected hold or allow, got {on_timeout!r}")
        if on_unreadable not in get_args(OnUnreadable):
            raise InputError(f"on_unreadable: expected hold or allow, got {on_unreadable!r}")
        run = ScreeningRun(self._pipeline, self._index.snapshot(), self._pace, self._clock, listing, deadline_s)
        report = run.run()
        decision = _DECISIONS[report.score.band]
        if decision == "hold" and on_unreadable == "allow":
            decision = _DECISIONS[run.band_if_readable()]
        timed_out = not run.settled and any(stage.why == "deadline" for stage in run.skipped)
        if timed_out and decision == "allow":
            decision = on_timeout
        self._count(decision, timed_out, run.skipped)
        total_s = self._clock() - run.start_s
        return Screening(decision, report, tuple(run.skipped), run.elapsed_s, total_s, timed_out)

    def _count(self, decision: Decision, timed_out: bool, skipped: list[SkippedStage]) -> None:
        reasons = ["", *([", timed out"] if timed_out else [])]
        reasons += [", unreadable"] if any(stage.why == "unreadable" for stage in skipped) else []
        with self._lock:
            self._counts.update(f"{decision}{reason}" for reason in reasons)
