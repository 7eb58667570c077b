"""The journal: reviewers' verdicts on reports as labels for the score model and, on request, changes of the index.

A verdict answers two questions: does the listing concern the brand at all, and is it a counterfeit? The first answer
corrects the index, the second one trains the score. A change of the index takes effect in the next scan.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from logoscan._hashing import pixels_sha256
from logoscan.errors import InputError
from logoscan.images.crops import crop, square_crops
from logoscan.index.logo_index import LogoIndex
from logoscan.results import Report, Score
from logoscan.review.index_changes import allowed_negatives, logos_of, negatives_of, take_back
from logoscan.review.journal_file import VerdictFile
from logoscan.review.label_photos import matches_of, with_photos
from logoscan.review.verdict import Verdict, new_verdict, now
from logoscan.sources import Root
from logoscan.types import ImageSource, Match, Rgb

__all__ = ["Journal", "Verdict"]

logger = logging.getLogger(__name__)


class Journal:
    """Verdicts in an append-only file of JSON lines; processes and threads may share it.

    Each verdict is on disk when the method that passes it returns. A last line that a crash has torn is dropped with a
    warning.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a journal; the first verdict makes the file.

        Raises:
            InputError: The folder of the file does not exist.
            CorruptFileError: A line is not a verdict, or contradicts the lines before it.
        """
        self._file = VerdictFile(Path(path))

    def locked(self) -> AbstractContextManager[None]:
        """Return a context that keeps other writers waiting: load an index, pass a verdict and save the index in it."""
        return self._file.locked()

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.verdicts)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """All lines of the file as it is now, including undos and what they took back."""
        with self.locked():
            return tuple(self._file.lines)

    def standing(self) -> tuple[Verdict, ...]:
        """Return the verdicts in force, in order: for each listing and brand the latest that was not undone."""
        with self.locked():
            latest = {(v.listing_id, v.brand): v for v in self._file.not_undone()}
        return tuple(sorted(latest.values(), key=lambda v: v.id))

    def labels(self) -> tuple[list[Score], list[bool]]:
        """Return the training data for `ScoreModel.fit`: scores, and whether each is a counterfeit.

        The latest verdict on a listing and brand gives the label. If its report was not scored for the brand, the score
        is that of an earlier verdict; a pair without a score or a label is left out.
        """
        with self.locked():
            scores = {(v.listing_id, v.brand): v.score for v in self._file.not_undone() if v.score is not None}
            rows = [(scores.get((v.listing_id, v.brand)), v.counterfeit) for v in self.standing()]
        complete = [(score, label) for score, label in rows if score is not None and label is not None]
        return [score for score, _ in complete], [label for _, label in complete]

    def confirm(
        self,
        report: Report,
        brand: str,
        *,
        counterfeit: bool | None = True,
        add_rendering: bool = False,
        match: Match | None = None,
        index: LogoIndex | None = None,
        photos: Sequence[ImageSource] | None = None,
        root: Root = None,
        reviewer: str | None = None,
        time: str | None = None,
    ) -> Verdict:
        """Record that the listing concerns the brand, as the report says.

        Args:
            report: Report of the listing.
            brand: Brand that the report names.
            counterfeit: The label; None if the reviewer cannot say.
            add_rendering: Whether the region of the match is added to the index as another image of the brand's logo.
            match: Match whose region is added; the brand's most probable one if None.
            index: Index to change; the caller saves it.
            photos: All photos of the listing, in order; the files that the report names if None.
            root: Folder of the files that the report names.
            reviewer: Name of the reviewer.
            time: Time of the verdict, ISO 8601; now if None.

        Returns:
            The verdict as it was written.

        Raises:
            InputError: The report does not name the brand or has no such match, a photo is not the one that was
                scanned, the index is missing or has no encoder, or a verdict in force that changed the index
                contradicts this one.
            ImageError: A photo cannot be read.
        """
        verdict = new_verdict("confirm", report, brand, True, counterfeit, reviewer, time)
        if not add_rendering:
            return self._record(verdict)
        if index is None:
            raise InputError("add_rendering: expected an index, got None")
        matches = matches_of(report, brand, match)[:1]
        if not matches:
            raise InputError(f"add_rendering: expected a report with a match of {brand!r}, got none")
        crops = [crop(rgb, m.xyxy) for rgb, m in with_photos(report, matches, photos, root)]
        return self._record(verdict, index, logos=crops)

    def reject(
        self,
        report: Report,
        brand: str,
        *,
        not_shown: bool = False,
        match: Match | None = None,
        index: LogoIndex | None = None,
        photos: Sequence[ImageSource] | None = None,
        root: Root = None,
        reviewer: str | None = None,
        time: str | None = None,
        force: bool = False,
    ) -> Verdict:
        """Record that this is no counterfeit of the brand: the goods are genuine or, with `not_shown`, not the brand's.

        With an index, `not_shown` makes the regions that were matched with the brand negatives of it, so that this
        photo and similar ones are not matched with it again. Negatives do not affect names that were read: if the brand
        was found by text alone, the verdict is only a label.

        The brand's own logo among its negatives would hide the brand in most of its photos. Therefore a region similar
        to the brand's logos becomes a negative only after a second reviewer, by another name, has rejected the listing
        too, and never if it is the logo itself. Otherwise the verdict is only a label, and a warning says so.

        Args:
            report: Report of the listing.
            brand: Brand that the report names.
            not_shown: Whether the brand is not shown at all.
            match: The one wrong match; if None, all of the brand's that are shown to people.
            index: Index to change; the caller saves it. None changes nothing.
            photos: All photos of the listing, in order; the files that the report names if None.
            root: Folder of the files that the report names.
            reviewer: Name of the reviewer.
            time: Time of the verdict, ISO 8601; now if None.
            force: Whether the index is changed even without a second reviewer, and even if the region is the logo.

        Returns:
            The verdict as it was written.

        Raises:
            InputError: The report does not name the brand or has no such match, a photo is not the one that was
                scanned, the index is given without `not_shown` or has no encoder, or a verdict in force that changed
                the index contradicts this one.
            ImageError: A photo cannot be read.
        """
        verdict = new_verdict("reject", report, brand, not not_shown, False, reviewer, time)
        if index is None:
            return self._record(verdict)
        if not not_shown:
            raise InputError("index: expected it with not_shown, got it without")
        matches = matches_of(report, brand, match)
        if not matches:
            logger.warning("listing %r: no place was matched with %r; a label only", report.listing_id, brand)
        preprocessing = (
            index.encoder_info.preprocessing
        )  # negatives are the very pixels that the encoder got from a region
        squares = [
            square_crops(rgb, np.array([m.xyxy], np.float32), preprocessing.size_px, preprocessing.fit)[0]
            for rgb, m in with_photos(report, matches, photos, root)
        ]
        return self._record(verdict, index, negatives=squares, force=force)

    def undo(
        self,
        verdict: int,
        *,
        index: LogoIndex | None = None,
        reviewer: str | None = None,
        time: str | None = None,
    ) -> Verdict:
        """Take a verdict back: its label, and its changes of the index unless another verdict made them too.

        A warning lists the changes that the index has lost in the meantime; they are not among the undo's `negatives`
        and `logos`.

        Args:
            verdict: Id of the verdict.
            index: Index that the verdict changed, needed if it did; the caller saves it.
            reviewer: Name of the reviewer.
            time: Time of the undo, ISO 8601; now if None.

        Returns:
            The undo as it was written.

        Raises:
            InputError: There is no such verdict, it is an undo or was undone, the index is missing, or it has no
                encoder and the brand's only logo goes, so that its name has to be encoded again.
        """
        with self.locked():
            old = self._file.undoable(verdict)
            held = self._held(old.brand, but=verdict)
            negatives, logos = {*old.negatives} - held, {*old.logos} - held
            if index is None:
                if negatives or logos:
                    raise InputError(f"index: expected the one that verdict {verdict} changed, got None")
            else:
                lost = (negatives | logos) - negatives_of(index, old.brand) - logos_of(index, old.brand)
                if lost:
                    logger.warning("verdict %d: the register has lost %s meanwhile", verdict, ", ".join(sorted(lost)))
                negatives, logos = negatives - lost, logos - lost
                if logos and logos == logos_of(index, old.brand):
                    take_back(index.snapshot(), old.brand, negatives, logos)  # raises before anything is changed
            undo = Verdict(0, time or now(), "undo", old.listing_id, old.brand, undoes=verdict, reviewer=reviewer)
            undo = self._write(undo, negatives, logos)
            if index is not None:
                take_back(index, old.brand, negatives, logos)
            return undo

    def _record(
        self, verdict: Verdict, index: LogoIndex | None = None,
        negatives: Sequence[Rgb] = (), logos: Sequence[Rgb] = (), force: bool = False
    ) -> Verdict:  # fmt: skip
        """Change the index and write the verdict: both or neither."""
        brand = verdict.brand
        with self.locked():
            for old in self._file.not_undone():
                same_pair = (old.listing_id, old.brand) == (verdict.listing_id, brand)
                if same_pair and (old.negatives or old.logos) and old.shown != verdict.shown:
                    raise InputError(f"verdict {old.id} says otherwise and changed the register: undo it first")
            if index is None:
                return self._write(verdict, set(), set())
            facts = index.brand(brand)
            if facts is None:
                raise InputError(f"brand: expected a registered name, got {brand!r:.80}")
            before, held = (negatives_of(index, brand), logos_of(index, brand)), self._held(brand)
            try:
                allowed = negatives if force else allowed_negatives(verdict, self._file.not_undone(), negatives, index)
                negative_ids = {index.add_negative(rgb, brand, force=force) for rgb in allowed}
                named = [(f"listing-{pixels_sha256(rgb)[:16]}", rgb) for rgb in logos]
                if named:
                    index.add(facts, named)
                logo_ids = {f"{brand}/{name}" for name, _ in named}
                return self._write(verdict, negative_ids - (before[0] - held), logo_ids - (before[1] - held))
            except BaseException:
                take_back(index, brand, negatives_of(index, brand) - before[0], logos_of(index, brand) - before[1])
                raise

    def _write(self, verdict: Verdict, negatives: set[str], logos: set[str]) -> Verdict:
        complete = replace(verdict, negatives=tuple(sorted(negatives)), logos=tuple(sorted(logos)))
        return self._file.append(replace(complete, id=len(self._file.lines) + 1))

    def _held(self, brand: str, but: int = 0) -> set[str]:
        """Return the negatives and logos of a brand that verdicts other than `but` added to the index."""
        others = [v for v in self._file.not_undone() if v.brand == brand and v.id != but]
        return {name for v in others for name in (*v.negatives, *v.logos)}
