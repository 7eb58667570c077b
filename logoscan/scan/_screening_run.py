"""The screening of one listing, stage by stage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypeAlias

from logoscan.index.logo_index import LogoIndex
from logoscan.matching.match import most_probable_first
from logoscan.results import Report
from logoscan.scan.ask import Ask, ask_for, note_of, unanswered
from logoscan.scan.early_exit import marks_are_moot, surely_blocked
from logoscan.scan.pace import Pace
from logoscan.scan.photo_selection import name_passed_over, selected_photos
from logoscan.scan.pipeline import Pipeline
from logoscan.scoring.judge import Findings
from logoscan.text.listing_text import GATE_CAPS, SCAN_CAPS, ListingText, search_photo_text
from logoscan.types import Band, Listing, MarkAlteration, Match, TextSpans
from logoscan.vision.extractor import OpenPhoto
from logoscan.vision.features import PhotoFeatures, Step

__all__ = ["ScreeningRun", "SkippedStage", "WhySkipped"]

WhySkipped: TypeAlias = Literal["deadline", "cannot change the decision", "unreadable", "over the cap"]
"""Why a stage was left out: for lack of time; because it cannot change the decision; because its input cannot be read,
as the report's warnings say; because there is too much input."""

# Pixels of opened photos that stay decoded until they are examined, 192 MB; further ones are decoded again.
_KEPT_PIXELS = 64_000_000
# Seconds in which photos are opened whatever the deadline: enough for fifty photos of a phone, or for a few of the most
# expensive ones.
_OPENING_S = 2.0
# Seconds by which judging whether the decision is final may take longer than the stages, so that a listing that names
# a thousand brands is judged only as often as it saves time.
_SETTLING_S = 0.1


@dataclass(frozen=True)
class SkippedStage:
    """A stage that was left out ("read image 0"), and why."""

    stage: str
    why: WhySkipped


@dataclass
class _Photo:
    """One photo of the listing: its features so far, its pixels while they are kept, and its matches."""

    features: PhotoFeatures
    opened: OpenPhoto | None = None
    matches: Sequence[Match] = field(default_factory=tuple)


class ScreeningRun:
    """The state of one screening.

    Attributes:
        skipped: Stages that were left out, in order.
        elapsed_s: Duration of each stage that was taken, in order, with the judging after it.
        settled: Whether no remaining stage can change the decision.
    """

    _text: ListingText  # from the first stage on

    def __init__(
        self,
        pipeline: Pipeline,
        index: LogoIndex,
        pace: Pace,
        clock: Callable[[], float],
        listing: Listing,
        deadline_s: float,
        ask_from: float | None = None,
    ) -> None:
        """Begin a screening.

        Args:
            pipeline: Takes the stages.
            index: A snapshot of the index.
            pace: Expected durations of stages.
            clock: Returns seconds, rising.
            listing: The listing to be posted.
            deadline_s: Seconds from now; `math.inf` takes every stage.
            ask_from: Score from which what would be allowed is held for a photo with a note; None holds none.
        """
        self._pipeline, self._index, self._pace, self._clock = pipeline, index, pace, clock
        self._ask_from = ask_from
        self.start_s, self._deadline_s, self._listing = clock(), deadline_s, listing
        self._seller = listing.seller_id if (listing.seller_id or "").strip() else None
        self._selected = selected_photos(listing)
        selected, extractor = set(self._selected), pipeline.extractor
        self._photos = [
            _Photo(extractor.pending(source) if i in selected else extractor.passed_over(source))
            for i, source in enumerate(listing.images[: max(selected, default=-1) + 1])
        ]
        self._altered: dict[str, MarkAlteration] = {}
        self._compared: set[str] = set()
        self._opening_s = self._stages_s = self._settling_s = 0.0
        self.skipped: list[SkippedStage] = []
        self.elapsed_s: dict[str, float] = {}
        self.settled = False

    def run(self) -> Report:
        """Take the stages in order, cheapest first, and return the report."""
        self._take("words", self._read_title_and_claim)
        for name, stage in (("description", self._read_description), ("reviews", self._read_reviews)):
            if name in self._text.unread:
                self._try(name, stage, size=self._text.size_of(name))
        for i in self._selected:
            self._try_open(i)
        for i in self._selected:
            for step in self._photos[i].features.unfinished:
                unfinished = self._photos[i].features.unfinished
                if step in unfinished and step != "open":  # a step that breaks ends the photo
                    ready = not {"open", "detect"} & {*unfinished} - {step}
                    self._try(f"{step} image {i}", partial(self._advance, step, i), size=self._pixels(i), ready=ready)
            self._photos[i].opened = None
        for match in self._pipeline.comparison.select(self._matches(), self._index):
            self._try(f"compare {match.brand}", partial(self._compare, match))
        return self._pipeline.report(self._text, self._features(), self._index, self._matches(), self._altered)

    def band_if_readable(self) -> Band:
        """Return the band that the listing would have if all of it could be read."""
        return self._band(self._readable())

    def ask_for(self, *, if_readable: bool) -> tuple[Ask, ...]:
        """Return the photos of which each alone could release the listing, if it is held (`ask.ask_for`).

        No note is asked for where photos were left unexamined: one of them may show it.

        Args:
            if_readable: Whether what cannot be read holds no listing.
        """
        key = self._pipeline.note_key
        note = "" if key is None or self._unexamined() else note_of(self._listing.id, self._listing.seller_id, key)
        findings = self._readable() if if_readable else self._findings()
        return ask_for(findings, self._pipeline.judge, self._index.brand, note=note, ask_from=self._ask_from)

    def worth_asking(self) -> bool:
        """Return whether a listing that would be allowed is held until its seller sends a photo with a note.

        It is not where photos were left unexamined: one of them may show it, and `on_timeout` says what becomes of it.
        """
        if self._ask_from is None or self._unexamined():
            return False
        findings = self._findings()
        return unanswered(findings, self._pipeline.judge.judge(findings, self._index.brand)) >= self._ask_from

    # -- stages

    def _try(self, name: str, stage: Callable[[], None], *, size: int = 0, ready: bool = True) -> None:
        """Take a stage that may change the decision and is expected to end in time."""
        left_s = self.start_s + self._deadline_s - self._clock()
        if self.settled:
            self._skip(name, "cannot change the decision")
        elif ready and self._pace.fits(name.partition(" ")[0], left_s, size):
            self._take(name, stage, size=size)
        else:
            self._skip(name, "deadline")

    def _try_open(self, i: int) -> None:
        """Open a photo even after the deadline: one that cannot be read must not be allowed for lack of time."""
        name = f"open image {i}"
        if self.settled or self._opening_s >= _OPENING_S:
            self._try(name, partial(self._open, i))
        else:
            self._take(name, partial(self._open, i))
        self._opening_s += self.elapsed_s.get(name, 0.0)

    def _take(self, name: str, stage: Callable[[], None], *, size: int = 0) -> None:
        start = self._clock()
        stage()
        end = self._clock()
        self._stages_s += end - start
        if math.isfinite(self._deadline_s) and self._settling_s <= self._stages_s + _SETTLING_S:
            self.settled = self._is_settled()
            self._settling_s += self._clock() - end
        self.elapsed_s[name] = self._clock() - start
        self._pace.took(name.partition(" ")[0], self.elapsed_s[name], size, self._seller)

    def _skip(self, stage: str, why: WhySkipped) -> None:
        self.skipped.append(SkippedStage(stage, why))

    def _read_title_and_claim(self) -> None:
        """Read title and claim, and record the stages that cannot be taken."""
        caps = GATE_CAPS if math.isfinite(self._deadline_s) else SCAN_CAPS
        self._text = ListingText.of_title_and_claim(self._listing, self._index.names, caps)
        for name in self._text.dropped:
            self._skip(name, "unreadable")
        for name in self._text.cut:
            self._skip(f"end of {name}", "over the cap")
        if photos := name_passed_over(len(self._listing.images), self._features()):
            self._skip(f"open {photos}", "over the cap")

    def _read_description(self) -> None:
        self._text = self._text.with_description(self._index.names)

    def _read_reviews(self) -> None:
        self._text = self._text.with_reviews()

    def _open(self, i: int) -> None:
        photo = self._photos[i]
        opened = self._pipeline.extractor.open(self._listing.images[i])
        if isinstance(opened, PhotoFeatures):
            photo.features = opened
            self._skip(f"open image {i}", "unreadable")
            return
        photo.features, photo.opened = opened.features, opened
        kept = sum(p.opened.pixels.size for p in self._photos if p.opened is not None and p.opened.rgb is not None)
        if kept > 3 * _KEPT_PIXELS:
            opened.rgb = None

    def _advance(self, step: Step, i: int) -> None:
        photo = self._photos[i]
        n_regions = len(photo.features.regions)
        photo.features = self._features_after(step, i)
        if photo.features.warning is not None:
            self._skip(f"{step} image {i}", "unreadable")
            photo.opened = None
        if step != "read" or len(photo.features.regions) != n_regions:  # new lines are regions too
            (photo.matches,) = self._pipeline.matcher.match([photo.features], self._index, [i])
        if step == "read" or photo.features.warning is not None:
            findings = search_photo_text(photo.features.spans, i, self._index.names, self._listing.ships_from)
            self._text = self._text.with_photos({i: findings})

    def _features_after(self, step: Step, i: int) -> PhotoFeatures:
        """Take a step of a photo, which is decoded again where its pixels were not kept."""
        photo = self._photos[i]
        if photo.opened is None or photo.opened.rgb is None:
            again = self._pipeline.extractor.open(self._listing.images[i])
            if isinstance(again, PhotoFeatures):
                return again
            if photo.opened is not None and again.sha256 != photo.opened.sha256:
                return replace(photo.features, warning="was changed while it was screened")
            if photo.opened is None:
                photo.opened = again
            else:
                photo.opened.rgb = again.rgb
        return self._pipeline.extractor.advance(photo.opened, step)

    def _compare(self, match: Match) -> None:
        alteration = self._pipeline.alteration(self._listing, match, self._index)
        self._compared.add(match.brand)
        if alteration is not None:
            self._altered[match.brand] = alteration

    # -- results so far

    def _unexamined(self) -> bool:
        """Return whether a stage of a photo that could be taken was not."""
        return any(photo.features.unfinished for photo in self._photos)

    def _features(self) -> list[PhotoFeatures]:
        return [photo.features for photo in self._photos]

    def _pixels(self, i: int) -> int:
        record = self._photos[i].features.record
        return (record.width or 0) * (record.height or 0)

    def _matches(self) -> tuple[Match, ...]:
        return most_probable_first(match for photo in self._photos for match in photo.matches)

    def _findings(self) -> Findings:
        return self._pipeline.findings(self._text, self._features(), self._index, self._matches(), self._altered)[0]

    def _readable(self) -> Findings:
        """Return the findings as if all of the listing could be read."""
        findings = self._findings()
        return replace(findings, gaps=findings.gaps - {"unreadable"})

    def _band(self, findings: Findings) -> Band:
        judge = self._pipeline.judge
        return judge.top(judge.judge(findings, self._index.brand), findings).band

    def _is_settled(self) -> bool:
        """Return whether no remaining stage can change the decision."""
        if self._text.unread:
            return False  # a word may show that the goods are an accessory; a good review makes the others weigh less
        judge, index, matches = self._pipeline.judge, self._index, self._matches()
        pending = {i for i, photo in enumerate(self._photos) if photo.features.unfinished}
        blocks = self._band(self._findings()) == "block"
        if pending and not blocks:
            return False
        # matches of a photo that is not examined completely may be revoked: further regions may displace its regions
        final = [replace(f, spans=TextSpans.empty()) if f.unfinished else f for f in self._features()]
        final_matches = tuple(match for match in matches if match.image not in pending)
        final_text = self._text.without_photos(pending)
        findings = self._pipeline.findings(final_text, final, index, final_matches, self._altered)[0]
        blocked = blocks and surely_blocked(
            judge, findings, index.brand, more_photos=bool(pending), notes=self._pipeline.note_key is not None
        )
        if blocked or pending:
            return blocked
        waiting = {match.brand for match in self._pipeline.comparison.select(matches, index)} - self._compared
        return marks_are_moot(judge, findings, index.brand, waiting, ask_from=self._ask_from)
