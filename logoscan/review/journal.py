"""What reviewers say of reports: labels for the score and, where asked, changes of the register, in a journal.

A verdict answers two questions: does the listing concern the brand at all, and is it a counterfeit? The first corrects
the register, the second teaches the score. Knows no scanner: what a verdict changes shows in the next scan.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np

from logoscan._hashing import pixels_sha256
from logoscan.errors import InputError
from logoscan.images.crops import crop, square_crops
from logoscan.index.families import limits
from logoscan.index.logo_index import LogoIndex
from logoscan.results import Report, Score
from logoscan.review.journal_file import Verdict, VerdictFile
from logoscan.review.label_photos import photographed, places_of
from logoscan.sources import Root
from logoscan.types import ImageSource, Match, Rgb
from logoscan.vision.encoder import Encoder

__all__ = ["Journal", "Verdict"]

logger = logging.getLogger(__name__)


class Journal:
    """Verdicts in a file of JSON lines that only grows; processes and threads may share it.

    Each is on disk when its method returns. A last line that a crash has torn is dropped with a warning.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a journal; the first verdict makes the file.

        Raises:
            InputError: Its folder is not there.
            CorruptFileError: A line is no verdict, or does not follow from those before it.
        """
        self._file = VerdictFile(Path(path))

    def locked(self) -> AbstractContextManager[None]:
        """Keep other writers waiting: for who loads an index, passes a verdict and saves the index."""
        return self._file.locked()

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.verdicts)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All lines as the file holds them now, undos and what they undid too."""
        with self.locked():
            return tuple(self._file.lines)

    def standing(self) -> tuple[Verdict, ...]:
        """The verdicts that stand, in their order: of each listing and brand the latest that was not undone."""
        with self.locked():
            latest = {(v.listing_id, v.brand): v for v in self._file.not_undone()}
        return tuple(sorted(latest.values(), key=lambda v: v.id))

    def labels(self) -> tuple[list[Score], list[bool]]:
        """What stands, for `ScoreModel.fit`: scores, and whether each is a counterfeit.

        The latest verdict on a listing and brand gives the label. Where its report was not scored for the brand, the
        score is that of the verdict before it; a pair without a score or a label is left out.
        """
        with self.locked():
            scores = {(v.listing_id, v.brand): v.score for v in self._file.not_undone() if v.score is not None}
            rows = [(scores.get((v.listing_id, v.brand)), v.counterfeit) for v in self.standing()]
        known = [(score, label) for score, label in rows if score is not None and label is not None]
        return [score for score, _ in known], [label for _, label in known]

    def confirm(
        self,
        report: Report,
        brand: str,
        *,
        counterfeit: bool | None = True,
        add_rendering: bool = False,
        match: Match | None = None,
        index: LogoIndex | None = None,
        encoder: Encoder | None = None,
        photos: Sequence[ImageSource] | None = None,
        root: Root = None,
        reviewer: str | None = None,
        time: str | None = None,
    ) -> Verdict:
        """The listing concerns the brand, as the report says.

        Args:
            report: Of the listing.
            brand: One that it names.
            counterfeit: The label; None where the reviewer cannot say.
            add_rendering: Register the place of the match as another picture of the brand's logo.
            match: Which place; the brand's surest if None.
            index: To be changed; the caller saves it.
            encoder: The index's.
            photos: Of the listing, all of them in their order; the files that the report names if None.
            root: Folder of the files that the report names.
            reviewer: Who says so.
            time: ISO 8601; now if None.

        Raises:
            InputError: The report does not name the brand or has no such match, a photo is not the one that was
                scanned, index or encoder is missing, or a verdict that stands and changed the register says otherwise.
            ImageError: A photo cannot be read.
        """
        said = _said("confirm", report, brand, True, counterfeit, reviewer, time)
        if not add_rendering:
            return self._pass(said)
        if index is None or encoder is None:
            raise InputError("add_rendering: expected an index and its encoder, got None")
        places = places_of(report, brand, match)[:1]
        if not places:
            raise InputError(f"add_rendering: expected a report with a match of {brand!r}, got none")
        crops = [crop(rgb, m.xyxy) for rgb, m in photographed(report, places, photos, root)]
        return self._pass(said, index, encoder, logos=crops)

    def reject(
        self,
        report: Report,
        brand: str,
        *,
        not_shown: bool = False,
        match: Match | None = None,
        index: LogoIndex | None = None,
        encoder: Encoder | None = None,
        photos: Sequence[ImageSource] | None = None,
        root: Root = None,
        reviewer: str | None = None,
        time: str | None = None,
        force: bool = False,
    ) -> Verdict:
        """No counterfeit of the brand: the goods are genuine or, with `not_shown`, not the brand's at all.

        With an index, `not_shown` makes negatives of the brand out of the places where the report saw it, so that the
        photo and its likes are not given the brand again. A name that was read stays read: no picture speaks against
        text, and where the brand was found by text alone the verdict is a label only.

        One mark among the negatives hides the brand on most of its photos. A place that is near to the brand's own
        logos is therefore a negative only once a second reviewer, by another name, has said the same of the listing;
        until then, and where it is the mark itself, the verdict is a label only, and a warning says so.

        Args:
            report: Of the listing.
            brand: One that it names.
            not_shown: The brand is not there.
            match: The one place that is wrong; if None, all of the brand's that are drawn for people.
            index: To be changed; the caller saves it. None changes nothing.
            encoder: The index's.
            photos: As for `confirm`.
            root: As for `confirm`.
            reviewer: Who says so.
            time: ISO 8601; now if None.
            force: Whether the register is changed though no second reviewer has said so, or the place is the mark.

        Raises:
            InputError: As for `confirm`, or an index without `not_shown`.
            ImageError: A photo cannot be read.
        """
        said = _said("reject", report, brand, not not_shown, False, reviewer, time)
        if index is None:
            return self._pass(said)
        if not not_shown or encoder is None:
            raise InputError("index: expected it with not_shown and its encoder, got it without")
        places = places_of(report, brand, match)
        if not places:
            logger.warning("listing %r: no place was matched with %r; a label only", report.listing_id, brand)
        row = encoder.info.preprocessing  # the very pixels that the encoder met, however it frames a place
        squares = [
            square_crops(rgb, np.array([m.xyxy], np.float32), row.size_px, row.fit)[0]
            for rgb, m in photographed(report, places, photos, root)
        ]
        return self._pass(said, index, encoder, negatives=squares, force=force)

    def undo(
        self,
        verdict: int,
        *,
        index: LogoIndex | None = None,
        encoder: Encoder | None = None,
        reviewer: str | None = None,
        time: str | None = None,
    ) -> Verdict:
        """Take a verdict back: its label, and what it changed in the register unless another one holds that too.

        What the register has lost meanwhile is said in a warning, and is not among the undo's `negatives` and `logos`.

        Args:
            verdict: Its id.
            index: Needed if the verdict changed it; the caller saves it.
            encoder: The index's; needed where the brand's only logo goes, so that its name is looked for again.
            reviewer: Who says so.
            time: ISO 8601; now if None.

        Raises:
            InputError: There is no such verdict, it is an undo or was undone, or index or encoder is missing.
        """
        with self.locked():
            old = self._file.undoable(verdict)
            held = self._held(old.brand, but=verdict)
            negatives, logos = {*old.negatives} - held, {*old.logos} - held
            if index is None:
                if negatives or logos:
                    raise InputError(f"index: expected the one that verdict {verdict} changed, got None")
            else:
                lost = (negatives | logos) - _negatives(index, old.brand) - _logos(index, old.brand)
                if lost:
                    logger.warning("verdict %d: the register has lost %s meanwhile", verdict, ", ".join(sorted(lost)))
                negatives, logos = negatives - lost, logos - lost
                if encoder is None and logos and logos == _logos(index, old.brand):
                    raise InputError(
                        f"encoder: expected the index's, to find {old.brand!r} by its name again, got None"
                    )
            said = Verdict(0, time or _now(), "undo", old.listing_id, old.brand, undoes=verdict, reviewer=reviewer)
            said = self._write(said, negatives, logos)
            if index is not None:
                _take_back(index, encoder, old.brand, negatives, logos)
            return said

    def _pass(
        self, said: Verdict, index: LogoIndex | None = None, encoder: Encoder | None = None,
        negatives: Sequence[Rgb] = (), logos: Sequence[Rgb] = (), force: bool = False
    ) -> Verdict:  # fmt: skip
        """Change the register and write the verdict: both or neither."""
        brand = said.brand
        with self.locked():
            for old in self._file.not_undone():
                same = (old.listing_id, old.brand) == (said.listing_id, brand)
                if same and (old.negatives or old.logos) and old.shown != said.shown:
                    raise InputError(f"verdict {old.id} says otherwise and changed the register: undo it first")
            if index is None or encoder is None:
                return self._write(said, set(), set())
            facts = index.brand(brand)
            if facts is None:
                raise InputError(f"brand: expected a registered name, got {brand!r:.80}")
            was, held = (_negatives(index, brand), _logos(index, brand)), self._held(brand)
            try:
                taken = negatives if force else self._agreed(said, negatives, index, encoder)
                rejected = {index.add_negative(rgb, brand, force=force) for rgb in taken}
                named = [(f"listing-{pixels_sha256(rgb)[:16]}", rgb) for rgb in logos]
                if named:
                    index.add(facts, named)
                drawn = {f"{brand}/{name}" for name, _ in named}
                return self._write(said, rejected - (was[0] - held), drawn - (was[1] - held))
            except BaseException:
                added = _negatives(index, brand) - was[0], _logos(index, brand) - was[1]
                _take_back(index, encoder, brand, *added)
                raise

    def _agreed(self, said: Verdict, negatives: Sequence[Rgb], index: LogoIndex, encoder: Encoder) -> list[Rgb]:
        """The places that may become negatives: those far from the brand's logos, others if two reviewers say so."""
        second = said.reviewer is not None and any(
            (v.kind, v.listing_id, v.brand, v.shown) == ("reject", said.listing_id, said.brand, False)
            and v.reviewer is not None
            and v.reviewer.strip().casefold() != said.reviewer.strip().casefold()
            for v in self._file.not_undone()
        )
        asked, mark = limits(index.encoder_info)
        out = []
        for rgb in negatives:
            cosine, logo = index.likeness(rgb, said.brand)
            if cosine < asked or (second and cosine < mark):
                out.append(rgb)
            else:
                why = "it is the mark itself" if cosine >= mark else "a second reviewer has to say so too"
                logger.warning(
                    "listing %r: a place is like %r (%.2f): %s; a label only", said.listing_id, logo, cosine, why
                )
        return out

    def _write(self, said: Verdict, negatives: set[str], logos: set[str]) -> Verdict:
        changed = replace(said, negatives=tuple(sorted(negatives)), logos=tuple(sorted(logos)))
        return self._file.append(replace(changed, id=len(self._file.lines) + 1))

    def _held(self, brand: str, but: int = 0) -> set[str]:
        """What other verdicts keep in the register for a brand; what was there without one is nobody's to take."""
        others = [v for v in self._file.not_undone() if v.brand == brand and v.id != but]
        return {name for v in others for name in (*v.negatives, *v.logos)}


def _said(
    kind: Literal["confirm", "reject"],
    report: Report,
    brand: str,
    shown: bool,
    counterfeit: bool | None,
    reviewer: str | None,
    time: str | None,
) -> Verdict:
    """A verdict without its number."""
    named = {r.brand for r in report.brands} | {m.brand for m in report.matches} | {m.brand for m in report.mentions}
    if brand not in named:
        raise InputError(f"brand: expected one that the report names, {sorted(named)!r:.300}, got {brand!r:.80}")
    score = report.score if report.score.brand == brand else None
    return Verdict(0, time or _now(), kind, report.listing_id, brand, shown, counterfeit, score, reviewer=reviewer)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _negatives(index: LogoIndex, brand: str) -> set[str]:
    return {r.id for r in index.negatives if r.brand == brand}


def _logos(index: LogoIndex, brand: str) -> set[str]:
    return {r.id for r in index.logos if r.brand == brand}


def _take_back(index: LogoIndex, encoder: Encoder | None, brand: str, negatives: set[str], logos: set[str]) -> None:
    for name in sorted(negatives):
        index.remove_negative(name, brand)
    for name in sorted(logos):
        index.remove(brand, name)
    facts = index.brand(brand)
    if logos and facts is not None and brand not in index.with_logo and encoder is not None:
        index.add(facts)  # known by its name again
