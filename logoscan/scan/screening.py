"""The gate before posting: as much of a scan as a deadline allows, cheapest answers first, and a decision.

Invariants, each with a test:

- Without a deadline (`math.inf`) every stage is taken, and the report is that of a scan (numbers within 1e-6 where the
  encoder gives a place the same vector in every batch).
- A stage is not started where it is not expected to end in time. A model that runs cannot be interrupted, so the
  deadline is kept as well as durations can be foreseen. The first stage, title and claim, always runs; photos are
  opened past the deadline, too, for `_OPENING_S` in all.
- What cannot be read is a stage left out: a photo that cannot be opened, or breaks a model, is never allowed, unless
  that was asked for. Nor is what lies over a cap.
- A finite deadline stops early where nothing left can change the decision (`certainty`). "block" is final once what
  cannot be taken back blocks; "allow" and "hold" are only when every photo was looked at, since a photo that was not
  may show, name or confess anything.
- Each text is read once.
- What was left out is named, in `Screening.skipped` and in the report.

A listing is judged by the register as it was when its screening began. A photo that was hashed and then breaks a model
costs its hash in a scan; one that a screening did not look at for being certain does not.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Any, Literal, TypeAlias, get_args

from logoscan.errors import InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.io.records import from_json, to_json, to_mapping
from logoscan.results import Report
from logoscan.scan.early_exit import marks_are_moot, surely_blocked
from logoscan.scan.pace import Pace
from logoscan.scoring.judge import Findings, Judge
from logoscan.text.listing_text import GATE_CAPS, SCAN_CAPS, ListingText, search_photo_text
from logoscan.types import Band, Listing, MarkAlteration, Match, Rgb, TextSpans
from logoscan.vision.features import FeatureExtractor, PhotoFeatures, Step, passed_over

__all__ = ["Decision", "OnTimeout", "OnUnreadable", "Screener", "Screening", "SkippedStage", "Stages", "Why"]

Decision: TypeAlias = Literal["allow", "hold", "block"]
OnTimeout: TypeAlias = Literal["hold", "allow"]
OnUnreadable: TypeAlias = Literal["hold", "allow"]
Why: TypeAlias = Literal["deadline", "cannot change the decision", "unreadable", "over the cap"]
"""Why a stage was left out: for want of time; nothing can change the decision; what it needs cannot be read, and the
report's warnings say why; there is too much of it."""

_DECISIONS: Mapping[Band, Decision] = {"clear": "allow", "review": "hold", "block": "block"}
Altered: TypeAlias = Mapping[str, Mapping[str, float]]
Seen: TypeAlias = Sequence[PhotoFeatures]
# Of photos that were opened and stay decoded until they are looked at, 192 MB; further ones are decoded again.
_KEPT_PIXELS = 64_000_000
# Seconds in which photos are opened whatever the deadline: fifty of a phone, or a few of those that cost the most.
_OPENING_S = 2.0
# Seconds by which asking whether the decision is final may take longer than the stages themselves: a listing that names
# a thousand brands is judged as often as it pays.
_SETTLING_S = 0.1


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


@dataclass(frozen=True)
class Stages:
    """What a scanner lends to its screener: its stages for one photo and one mark at a time.

    Attributes:
        snapshot: The register as it is now.
        photos: Positions of the photos of a listing that are looked at.
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
    photos: Callable[[Listing], Sequence[int]]
    observer: FeatureExtractor
    judge: Judge
    match: Callable[[int, PhotoFeatures, LogoIndex], Sequence[Match]]
    ordered: Callable[[Sequence[Match]], tuple[Match, ...]]
    findings: Callable[[ListingText, Seen, LogoIndex, tuple[Match, ...], Altered], Findings]
    report: Callable[[ListingText, Seen, LogoIndex, tuple[Match, ...], Altered], Report]
    marks: Callable[[Sequence[Match], LogoIndex], Sequence[Match]]
    kinds: Callable[[Listing, Match, LogoIndex], MarkAlteration | None]


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
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many listings were answered in which way so far, for a metric.

        The keys are decisions ("allow", "hold", "block"), and the same with what was left out and could have changed
        them: "allow, timed out" and "allow, unreadable" count what was let pass unseen, since that was asked for.
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
        """Decide about one listing in time; see `Scanner.screen`."""
        if not deadline_s > 0:  # NaN fails too
            raise InputError(f"deadline_s: expected seconds above 0, got {deadline_s!r}")
        if on_timeout not in get_args(OnTimeout):
            raise InputError(f"on_timeout: expected hold or allow, got {on_timeout!r}")
        if on_unreadable not in get_args(OnUnreadable):
            raise InputError(f"on_unreadable: expected hold or allow, got {on_unreadable!r}")
        answer = _Run(self._stages, self._pace, self._clock, listing, deadline_s).run(on_timeout, on_unreadable)
        kinds = [", timed out"] if answer.timed_out else []
        kinds += [", unreadable"] if any(one.why == "unreadable" for one in answer.skipped) else []
        with self._lock:
            self._counts.update(f"{answer.decision}{kind}" for kind in ["", *kinds])
        return answer


class _Run:
    """One screening on its way."""

    def __init__(
        self, stages: Stages, pace: Pace, clock: Callable[[], float], listing: Listing, deadline_s: float
    ) -> None:
        self._stages, self._pace, self._clock = stages, pace, clock
        self._start, self._deadline_s, self._listing = clock(), deadline_s, listing
        self._seller = listing.seller_id if (listing.seller_id or "").strip() else None
        self._index = stages.snapshot()
        self._chosen = stages.photos(listing)
        chosen, observer = set(self._chosen), stages.observer
        self._seen = [
            observer.unseen(source) if i in chosen else observer.passed_over(source)
            for i, source in enumerate(listing.images[: max(chosen, default=-1) + 1])
        ]
        self._rgb: dict[int, Rgb] = {}
        self._matches: dict[int, Sequence[Match]] = {}
        self._altered: dict[str, MarkAlteration] = {}
        self._asked: set[str] = set()
        self._skipped: list[SkippedStage] = []
        self._elapsed_s: dict[str, float] = {}
        self._opening_s = self._looking_s = self._settling_s = 0.0
        self._settled = False

    def run(self, on_timeout: OnTimeout, on_unreadable: OnUnreadable) -> Screening:
        self._take("words", self._begin)
        for name, stage in (("description", self._describe), ("reviews", self._review)):
            if name in self._words.unread:
                self._try(name, stage, size=self._words.size_of(name))
        for i in self._chosen:
            self._try_open(i)
        for i in self._chosen:
            for step in self._seen[i].unfinished:
                if step in self._seen[i].unfinished and step != "open":  # a step that breaks ends the photo
                    ready = not {"open", "find"} & {*self._seen[i].unfinished} - {step}
                    self._try(f"{step} image {i}", partial(self._step, step, i), size=self._pixels(i), ready=ready)
            self._rgb.pop(i, None)
        for match in self._stages.marks(self._all_matches(), self._index):
            self._try(f"compare {match.brand}", partial(self._compare, match))
        report = self._stages.report(self._words, self._seen, self._index, self._all_matches(), self._altered)
        decision = _DECISIONS[report.score.band]
        if decision == "hold" and on_unreadable == "allow":
            decision = _DECISIONS[self._band_if_readable()]
        timed_out = not self._settled and any(skipped.why == "deadline" for skipped in self._skipped)
        return Screening(
            on_timeout if timed_out and decision == "allow" else decision,
            report,
            tuple(self._skipped),
            self._elapsed_s,
            self._clock() - self._start,
            timed_out,
        )

    # -- stages

    def _try(self, name: str, stage: Callable[[], None], *, size: int = 0, ready: bool = True) -> None:
        """Take a stage that may change the decision and is expected to end in time."""
        left_s = self._start + self._deadline_s - self._clock()
        if self._settled:
            self._skip(name, "cannot change the decision")
        elif ready and self._pace.fits(name.partition(" ")[0], left_s, size):
            self._take(name, stage, size=size)
        else:
            self._skip(name, "deadline")

    def _try_open(self, i: int) -> None:
        """Open a photo: what cannot be read is to be known, so that the deadline is not the first to be asked."""
        name = f"open image {i}"
        if self._settled or self._opening_s >= _OPENING_S:
            self._try(name, partial(self._open, i))
        else:
            self._take(name, partial(self._open, i))
        self._opening_s += self._elapsed_s.get(name, 0.0)

    def _take(self, name: str, stage: Callable[[], None], *, size: int = 0) -> None:
        start = self._clock()
        stage()
        looked = self._clock()
        self._looking_s += looked - start
        if math.isfinite(self._deadline_s) and self._settling_s <= self._looking_s + _SETTLING_S:
            self._settled = self._is_settled()
            self._settling_s += self._clock() - looked
        self._elapsed_s[name] = self._clock() - start
        self._pace.took(name.partition(" ")[0], self._elapsed_s[name], size, self._seller)

    def _skip(self, stage: str, why: Why) -> None:
        self._skipped.append(SkippedStage(stage, why))

    def _begin(self) -> None:
        """Read title and claim, and note what nothing can be known of."""
        caps = GATE_CAPS if math.isfinite(self._deadline_s) else SCAN_CAPS
        self._words = ListingText.of_title_and_claim(self._listing, self._index.names, caps)
        for name in self._words.dropped:
            self._skip(name, "unreadable")
        for name in self._words.cut:
            self._skip(f"end of {name}", "over the cap")
        if photos := passed_over(len(self._listing.images), self._seen):
            self._skip(f"open {photos}", "over the cap")

    def _describe(self) -> None:
        self._words = self._words.with_description(self._index.names)

    def _review(self) -> None:
        self._words = self._words.with_reviews()

    def _open(self, i: int) -> None:
        self._seen[i], rgb = self._stages.observer.open(self._listing.images[i])
        if rgb is None:
            self._skip(f"open image {i}", "unreadable")
        elif sum(kept.size for kept in self._rgb.values()) + rgb.size <= 3 * _KEPT_PIXELS:
            self._rgb[i] = rgb

    def _step(self, step: Step, i: int) -> None:
        source, seen, rgb = self._listing.images[i], self._seen[i], self._rgb.get(i)
        if rgb is None:
            again, rgb = self._stages.observer.open(source)
            seen = seen if rgb is not None else again
        if rgb is not None:
            self._rgb[i] = rgb
            seen = self._stages.observer.take(step, source, seen, rgb)
        if seen.warning is not None:
            self._skip(f"{step} image {i}", "unreadable")
            self._rgb.pop(i, None)
        if step != "read" or len(seen.regions) != len(self._seen[i].regions):  # new lines are places, too
            self._matches[i] = self._stages.match(i, seen, self._index)
        if step == "read" or seen.warning is not None:
            self._words = self._words.with_photos({i: search_photo_text(seen.spans, i, self._index.names)})
        self._seen[i] = seen

    def _compare(self, match: Match) -> None:
        kinds = self._stages.kinds(self._listing, match, self._index)
        self._asked.add(match.brand)
        if kinds is not None:
            self._altered[match.brand] = kinds

    # -- what is known so far

    def _pixels(self, i: int) -> int:
        record = self._seen[i].record
        return (record.width or 0) * (record.height or 0)

    def _all_matches(self) -> tuple[Match, ...]:
        return self._stages.ordered([match for found in self._matches.values() for match in found])

    def _found(self) -> Findings:
        return self._stages.findings(self._words, self._seen, self._index, self._all_matches(), self._altered)

    def _band(self, found: Findings) -> Band:
        judge = self._stages.judge
        return judge.top(judge.judge(found, self._index.brand), found).band

    def _band_if_readable(self) -> Band:
        """The band if what cannot be read were nothing to worry about."""
        found = self._found()
        return self._band(replace(found, gaps=found.gaps - {"unreadable"}))

    def _is_settled(self) -> bool:
        if self._words.unread:
            return False  # a word may make an accessory of the goods, and a good review takes from the others' weight
        stages, index, matches = self._stages, self._index, self._all_matches()
        pending = {i for i, seen in enumerate(self._seen) if seen.unfinished}
        blocks = self._band(self._found()) == "block"
        if pending and not blocks:
            return False
        # what a half-seen photo holds may be taken back: its further places may crowd out those that were matched
        sure = [replace(o, spans=TextSpans.empty()) if o.unfinished else o for o in self._seen]
        known = tuple(match for match in matches if match.image not in pending)
        found = stages.findings(self._words.without_photos(pending), sure, index, known, self._altered)
        blocked = blocks and surely_blocked(stages.judge, found, index.brand, more_photos=bool(pending))
        if blocked or pending:
            return blocked
        waiting = {match.brand for match in stages.marks(matches, index)} - self._asked
        return marks_are_moot(stages.judge, found, index.brand, waiting)
