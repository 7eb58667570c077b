"""The gate before posting: as much of a scan as a deadline allows, cheapest answers first, and a decision.

Invariants, each with a test:

- Without a deadline (`math.inf`) every stage is taken, and the report is that of a scan (numbers within 1e-6 where the
  encoder gives a place the same vector in every batch).
- A stage is not started where it is not expected to end in time. A model that runs cannot be interrupted, so the
  deadline is kept as well as durations can be foreseen; the first stage, the words, always runs.
- A finite deadline stops early where nothing left can change the decision (`certainty`). "block" is final once what
  cannot be taken back blocks; "allow" and "hold" are only when every photo was looked at, since a photo that was not
  may show, name or confess anything.
- What was left out is named, in `Screening.skipped` and in the report.

A listing is judged by the register as it was when its screening began. A photo that was hashed and then breaks a model
costs its hash in a scan; one that a screening did not look at for being certain does not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from logoscan.certainty import marks_are_moot, surely_blocked
from logoscan.errors import InputError
from logoscan.index import LogoIndex
from logoscan.judging import Findings, Judge
from logoscan.observing import Observation, Observer, Step
from logoscan.pace import Pace
from logoscan.results import Report
from logoscan.types import Band, ImageSource, Listing, Match, Rgb, TextSpans

__all__ = ["Decision", "OnTimeout", "Screener", "Screening", "SkippedStage", "Stages"]

Decision: TypeAlias = Literal["allow", "hold", "block"]
OnTimeout: TypeAlias = Literal["hold", "allow"]
Why: TypeAlias = Literal["deadline", "cannot change the decision"]

_DECISIONS: Mapping[Band, Decision] = {"clear": "allow", "review": "hold", "block": "block"}
Altered: TypeAlias = Mapping[str, Mapping[str, float]]
Seen: TypeAlias = Sequence[Observation]
_KEPT_PIXELS = 64_000_000
"""Of photos that were hashed and stay decoded until they are looked at, 192 MB; further ones are decoded again."""


@dataclass(frozen=True)
class SkippedStage:
    """A stage that was left out ("read image 0"), and why."""

    stage: str
    why: Why


@dataclass(frozen=True)
class Screening:
    """The answer of the gate.

    Attributes:
        decision: "allow", "hold" for a person's look, or "block".
        report: As far as the listing was judged; its reasons sum to its score, and its band is the decision's but where
            `timed_out` made "hold" of "allow".
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


@dataclass(frozen=True)
class Stages:
    """What a scanner lends to its screener: its stages for one photo and one mark at a time.

    Attributes:
        snapshot: The register as it is now.
        photos: The photos of a listing that are looked at.
        observer: Takes the steps of a photo.
        judge: Scores.
        match: Matches of one photo.
        ordered: Matches of all photos, surest first.
        findings: Everything that was found out.
        report: The report of it.
        marks: Matches whose marks a scan would compare with their drawings.
        kinds: What became of one mark.
    """

    snapshot: Callable[[], LogoIndex]
    photos: Callable[[Listing], Sequence[ImageSource]]
    observer: Observer
    judge: Judge
    match: Callable[[int, Observation, LogoIndex], Sequence[Match]]
    ordered: Callable[[Sequence[Match]], tuple[Match, ...]]
    findings: Callable[[Listing, Seen, LogoIndex, tuple[Match, ...], Altered], Findings]
    report: Callable[[Listing, Seen, LogoIndex, tuple[Match, ...], Altered], Report]
    marks: Callable[[Sequence[Match], LogoIndex], Sequence[Match]]
    kinds: Callable[[Listing, Match, LogoIndex], Mapping[str, float] | None]


class Screener:
    """Screens listings with a scanner's stages. Its pace is all that it learns; may be shared by threads."""

    def __init__(
        self, stages: Stages, *, pace: Pace | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Bind the stages.

        Args:
            stages: See `Scanner.screener`.
            pace: How long stages take; a new one if None. Share one only between scanners of the same models.
            clock: Seconds, rising.
        """
        self._stages, self._pace, self._clock = stages, pace or Pace(), clock

    def screen(self, listing: Listing, *, deadline_s: float, on_timeout: OnTimeout = "hold") -> Screening:
        """Decide about one listing in time; see `Scanner.screen`."""
        if not deadline_s > 0:  # NaN fails too
            raise InputError(f"deadline_s: expected seconds above 0, got {deadline_s!r}")
        if on_timeout not in get_args(OnTimeout):
            raise InputError(f"on_timeout: expected hold or allow, got {on_timeout!r}")
        return _Run(self._stages, self._pace, self._clock, listing, deadline_s).run(on_timeout)


class _Run:
    """One screening on its way."""

    def __init__(
        self, stages: Stages, pace: Pace, clock: Callable[[], float], listing: Listing, deadline_s: float
    ) -> None:
        self._stages, self._pace, self._clock = stages, pace, clock
        self._start, self._deadline_s, self._listing = clock(), deadline_s, listing
        self._index = stages.snapshot()
        self._sources = stages.photos(listing)
        self._seen = [stages.observer.unseen(source) for source in self._sources]
        self._rgb: dict[int, Rgb] = {}
        self._matches: dict[int, Sequence[Match]] = {}
        self._altered: dict[str, Mapping[str, float]] = {}
        self._asked: set[str] = set()
        self._skipped: list[SkippedStage] = []
        self._elapsed_s: dict[str, float] = {}
        self._settled = False

    def run(self, on_timeout: OnTimeout) -> Screening:
        self._take("words", lambda: None)
        for i, seen in enumerate(self._seen):
            if "hash" in seen.unfinished:
                self._try(f"hash image {i}", partial(self._hash, i))
        for i in range(len(self._sources)):
            for step in self._seen[i].unfinished:
                if step in self._seen[i].unfinished and step != "hash":  # a step that breaks ends the photo
                    ready = not {"hash", "find"} & {*self._seen[i].unfinished} - {step}
                    self._try(f"{step} image {i}", partial(self._step, step, i), ready=ready)
            self._rgb.pop(i, None)
        for match in self._stages.marks(self._all_matches(), self._index):
            self._try(f"compare {match.brand}", partial(self._compare, match))
        report = self._report if math.isfinite(self._deadline_s) else self._judge()
        decision = _DECISIONS[report.score.band]
        timed_out = not self._settled and any(skipped.why == "deadline" for skipped in self._skipped)
        return Screening(
            on_timeout if timed_out and decision == "allow" else decision,
            report,
            tuple(self._skipped),
            MappingProxyType(self._elapsed_s),
            self._clock() - self._start,
            timed_out,
        )

    # -- stages

    def _try(self, name: str, stage: Callable[[], None], *, ready: bool = True) -> None:
        """Take a stage that may change the decision and is expected to end in time."""
        kind = name.partition(" ")[0]
        if self._settled:
            self._skipped.append(SkippedStage(name, "cannot change the decision"))
        elif ready and self._clock() - self._start + self._pace.expected_s(kind) <= self._deadline_s:
            self._take(name, stage)
        else:
            self._skipped.append(SkippedStage(name, "deadline"))
            if ready:
                self._pace.refused(kind)

    def _take(self, name: str, stage: Callable[[], None]) -> None:
        start = self._clock()
        stage()
        if math.isfinite(self._deadline_s):
            self._judge()
            self._settled = self._is_settled()
        self._elapsed_s[name] = self._clock() - start
        self._pace.took(name.partition(" ")[0], self._elapsed_s[name])

    def _hash(self, i: int) -> None:
        self._seen[i], rgb = self._stages.observer.open(self._sources[i])
        if rgb is not None and sum(kept.size for kept in self._rgb.values()) + rgb.size <= 3 * _KEPT_PIXELS:
            self._rgb[i] = rgb

    def _step(self, step: Step, i: int) -> None:
        source, seen, rgb = self._sources[i], self._seen[i], self._rgb.get(i)
        if rgb is None:
            seen, rgb = self._stages.observer.open(source)
        if rgb is not None:
            self._rgb[i] = rgb
            seen = self._stages.observer.take(step, source, seen, rgb)
        if seen.warning is not None:
            self._rgb.pop(i, None)
        if step != "read" or len(seen.regions) != len(self._seen[i].regions):  # new lines are places, too
            self._matches[i] = self._stages.match(i, seen, self._index)
        self._seen[i] = seen

    def _compare(self, match: Match) -> None:
        kinds = self._stages.kinds(self._listing, match, self._index)
        self._asked.add(match.brand)
        if kinds is not None:
            self._altered[match.brand] = kinds

    # -- what is known so far

    def _all_matches(self) -> tuple[Match, ...]:
        return self._stages.ordered([match for found in self._matches.values() for match in found])

    def _judge(self) -> Report:
        matches = self._all_matches()
        self._report = self._stages.report(self._listing, self._seen, self._index, matches, self._altered)
        return self._report

    def _is_settled(self) -> bool:
        stages, index, matches = self._stages, self._index, self._all_matches()
        pending = {i for i, seen in enumerate(self._seen) if seen.unfinished}
        blocks = self._report.score.band == "block"
        if pending and not blocks:
            return False
        # what a half-seen photo holds may be taken back: its further places may crowd out those that were matched
        sure = [replace(o, spans=TextSpans.empty()) if o.unfinished else o for o in self._seen]
        known = tuple(match for match in matches if match.image not in pending)
        found = stages.findings(self._listing, sure, index, known, self._altered)
        blocked = blocks and surely_blocked(stages.judge, found, index.brand, more_photos=bool(pending))
        if blocked or pending:
            return blocked
        waiting = {match.brand for match in stages.marks(matches, index)} - self._asked
        return marks_are_moot(stages.judge, found, index.brand, waiting)
