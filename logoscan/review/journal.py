"""The journal: reviewers' verdicts on reports as labels for the score model and, on request, changes of the index.

A verdict answers two questions: does the listing concern the brand at all, and is it a counterfeit? The first answer
corrects the index, the second one trains the score (`labels` says what each verdict teaches). A change of the index
takes effect in the next scan.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from logoscan.errors import InputError
from logoscan.images.crops import crop
from logoscan.index.logo_index import LogoIndex
from logoscan.io.rows import BadRow
from logoscan.results import Report, Score
from logoscan.review.import_rows import ImportResult, import_rows
from logoscan.review.index_changes import changed, refuse_contradicted, take_back, undoable_changes
from logoscan.review.journal_file import VerdictFile
from logoscan.review.label_photos import matches_of, read_photos, squares_of, with_photos
from logoscan.review.labels import labels_of
from logoscan.review.verdict import Ground, GroundFields, Verdict, contradiction, new_verdict, now, surely_named
from logoscan.review.verdict_rows import VerdictRow
from logoscan.sources import Root
from logoscan.types import ImageSource, Match, Rgb

__all__ = ["Journal", "Verdict"]

logger = logging.getLogger(__name__)


class Journal:
    """Verdicts in an append-only file of JSON lines; processes and threads may share it.

    Each verdict is on disk when its method returns. A last line that a crash has torn is dropped with a warning. A
    verdict that contradicts the one in force is written, with a warning that names both.
    """

    def __init__(self, path: str | Path, *, reviewer_key: bytes | None = None) -> None:
        """Open a journal; the first verdict makes the file.

        Args:
            path: Path of the file.
            reviewer_key: Secret of 16 bytes or more under which reviewers are named (`reviewers`); None: a random one.

        Raises:
            InputError: The folder of the file does not exist, or the key is too short.
            CorruptFileError: A line is not a verdict, or contradicts the lines before it.
        """
        self._file = VerdictFile(Path(path), reviewer_key)

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

    def not_undone(self) -> tuple[Verdict, ...]:
        """Return the verdicts that were not undone, in order, earlier ones on the same listing and brand among them."""
        with self.locked():
            return tuple(self._file.not_undone())

    def reviewer(self, name: str) -> str | None:
        """Return what stands for a reviewer in this journal, whose names must rest on the same key."""
        with self.locked():
            return self._file.named(Verdict(0, now(), "confirm", "-", "-", True, reviewer=name)).reviewer

    def standing(self) -> tuple[Verdict, ...]:
        """Return the verdicts in force, in order: for each listing and brand the latest that was not undone."""
        with self.locked():
            return tuple(sorted(self._file.standing().values(), key=lambda v: v.id))

    def labels(self) -> tuple[list[Score], list[bool]]:
        """Return scores and labels for `ScoreModel.fit`; `labels.labels_of` has their weights and reports, too."""
        labels = labels_of(self.not_undone())
        scores = [one.score if isinstance(one, Report) else one for one in labels.reports]
        return scores, list(labels.counterfeit)

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
        **ground: Unpack[GroundFields],
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
            ground: Fields of `Ground`: reviewer, source, weight, note, time.

        Returns:
            The verdict as it was written.

        Raises:
            InputError: The report does not name the brand or has no such match, a photo is not the one that was
                scanned, the index is missing or has no encoder, or a verdict that changed the index contradicts this.
            ImageError: A photo cannot be read.
        """
        verdict = new_verdict("confirm", report, brand, True, counterfeit, Ground(**ground))
        if not add_rendering:
            return self._record(verdict)
        if index is None:
            raise InputError("add_rendering: expected an index, got None")
        matches = matches_of(report, brand, match)[:1]
        if not matches:
            raise InputError(f"add_rendering: expected a report with a match of {brand!r}, got none")
        crops = [crop(rgb, m.xyxy) for rgb, m in with_photos(report, matches, photos, root)]
        return self._record(verdict, index, logos=crops)

    def missed(
        self,
        listing: Report | str,
        brand: str,
        *,
        counterfeit: bool | None = None,
        xyxy: tuple[float, float, float, float] | None = None,
        image: int | None = None,
        index: LogoIndex | None = None,
        photos: Sequence[ImageSource] | None = None,
        root: Root = None,
        **ground: Unpack[GroundFields],
    ) -> Verdict:
        """Record that the listing concerns a brand which its report does not name.

        With an index, the region that shows the mark is added to it as another image of the brand's logo.

        Args:
            listing: Report of the listing, or its id where there is no report.
            brand: Brand that was missed.
            counterfeit: The label; None if only the brand was missed, and nobody judged the goods.
            xyxy: Box of the brand's mark, in pixels of the picture.
            image: Number of the picture, from 0; not needed where the listing has one alone.
            index: Index to change, which has the brand; the caller saves it. None changes nothing.
            photos: All photos of the listing, in order; the files that the report names if None.
            root: Folder of the files that the report names.
            ground: Fields of `Ground`: reviewer, source, weight, note, time.

        Returns:
            The verdict as it was written.

        Raises:
            InputError: The box lies outside of the picture, or the index is given without a report and a box.
            ImageError: The photo cannot be read.
            VettingError: The region resembles another brand's logo.
        """
        verdict = new_verdict("missed", listing, brand, True, counterfeit, Ground(**ground))
        report = listing if isinstance(listing, Report) else None
        if xyxy is not None and image is None and report is not None and len(report.images) == 1:
            image = 0
        verdict = replace(verdict, xyxy=xyxy, image=image)
        if report is not None and surely_named(report, brand):
            logger.warning("listing %r: its report names %r, so that it was not missed", report.listing_id, brand)
        if index is None:
            return self._record(verdict)
        if report is None or xyxy is None or image is None:
            raise InputError("index: expected it with a report, a box and the number of the picture, got less")
        return self._record(verdict, index, logos=[crop(read_photos(report, [image], photos, root)[image], xyxy)])

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
        force: bool = False,
        **ground: Unpack[GroundFields],
    ) -> Verdict:
        """Record that this is no counterfeit of the brand: the goods are genuine or, with `not_shown`, not the brand's.

        With `not_shown` the goods have no label, since the report's reasons are about something else. With an index, it
        makes the regions that were matched with the brand negatives of it, so that this photo and similar ones are not
        matched with it again. Negatives do not affect names that were read.

        The brand's own logo among its negatives would hide the brand in most of its photos. Therefore a region similar
        to the brand's logos becomes a negative only after a second reviewer, by another name, has rejected the listing
        too, and never if it is the logo itself. Otherwise the index stays as it is, and a warning says so.

        Args:
            report: Report of the listing.
            brand: Brand that the report names.
            not_shown: Whether the brand is not shown at all.
            match: The one wrong match; if None, all of the brand's that are shown to people.
            index: Index to change; the caller saves it. None changes nothing.
            photos: All photos of the listing, in order; the files that the report names if None.
            root: Folder of the files that the report names.
            force: Whether the index is changed even without a second reviewer, and even if the region is the logo.
            ground: Fields of `Ground`: reviewer, source, weight, note, time.

        Returns:
            The verdict as it was written.

        Raises:
            InputError: The report does not name the brand or has no such match, a photo is not the one that was
                scanned, the index is given without `not_shown` or has no encoder, or a verdict in force that changed
                the index contradicts this one.
            ImageError: A photo cannot be read.
        """
        verdict = new_verdict("reject", report, brand, not not_shown, None if not_shown else False, Ground(**ground))
        if index is None:
            return self._record(verdict)
        if not not_shown:
            raise InputError("index: expected it with not_shown, got it without")
        matches = matches_of(report, brand, match)
        if not matches:
            logger.warning("listing %r: no place was matched with %r; a label only", report.listing_id, brand)
        squares = squares_of(with_photos(report, matches, photos, root), index.encoder_info.preprocessing)
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
            negatives, logos = undoable_changes(old, self._file.not_undone(), index)
            undo = Verdict(0, time or now(), "undo", old.listing_id, old.brand, undoes=verdict, reviewer=reviewer)
            undo = self._write(undo, negatives, logos)
            if index is not None:
                take_back(index, old.brand, negatives, logos)
            return undo

    def import_rows(self, rows: Iterable[VerdictRow | BadRow], reports: Iterable[Report] | None = None) -> ImportResult:
        """Add the verdicts of a file, each once; `import_rows.import_rows` says how."""
        return import_rows(self._file, rows, reports)

    def _record(
        self, verdict: Verdict, index: LogoIndex | None = None,
        negatives: Sequence[Rgb] = (), logos: Sequence[Rgb] = (), force: bool = False
    ) -> Verdict:  # fmt: skip
        """Change the index and write the verdict: both or neither."""
        with self.locked():
            verdict, earlier = self._file.named(verdict), self._file.not_undone()
            said = contradiction(verdict, self._file.latest_opinions().get((verdict.listing_id, verdict.brand)))
            refuse_contradicted(verdict, earlier)
            if index is None:
                written = self._write(verdict, set(), set())
            else:
                earlier = list(map(self._file.named, earlier))
                with changed(index, verdict, earlier, negatives=negatives, logos=logos, force=force) as (gone, new):
                    written = self._write(verdict, gone, new)
            if said:
                logger.warning("%s", said)
            return written

    def _write(self, verdict: Verdict, negatives: set[str], logos: set[str]) -> Verdict:
        complete = replace(verdict, negatives=tuple(sorted(negatives)), logos=tuple(sorted(logos)))
        return self._file.append(replace(complete, id=len(self._file.lines) + 1))
