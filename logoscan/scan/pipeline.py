"""The only way from a listing to its report: features, matches, alterations, findings, report.

`Scanner`, `screening`, the Ray actors and the benchmarks all use it. Each step takes plain values and returns new ones;
nothing flows back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

from logoscan.index.logo_index import LogoIndex
from logoscan.matching.alteration import MarkComparison
from logoscan.matching.fusion import BrandEvidence, lower_contradicted
from logoscan.matching.keypoint_votes import KeypointVotes, LogoImage
from logoscan.matching.match import most_probable_first
from logoscan.matching.matcher import Matcher
from logoscan.odds import BASE_RATE
from logoscan.results import BrandResult, ListingFacts, Report
from logoscan.scan.evidence_rows import declared_of, photo_codes, redacted
from logoscan.scan.findings import FindingsMaker
from logoscan.scan.photo_lines import skipped_lines, text_lines, unread_lines
from logoscan.scan.photo_selection import MAX_IMAGES, name_images, name_passed_over, selected_photos
from logoscan.scan.provenance import Models, Naming
from logoscan.scoring.judge import Findings, Judge
from logoscan.text.listing_text import ListingText, search_photo_text
from logoscan.types import Listing, MarkAlteration, Match
from logoscan.vision.extractor import Extract, FeatureExtractor, OnStage, timed
from logoscan.vision.features import PhotoFeatures

__all__ = ["Altered", "Models", "Pipeline"]

# Least probability of matches and mentions in a report.
_MIN_REPORTED = BASE_RATE

Altered: TypeAlias = Mapping[str, MarkAlteration]
"""Alteration of the mark of each brand that was compared with its logo image."""


class Pipeline:
    """Scans listings step by step. Immutable; may be shared by threads.

    Attributes:
        extractor: Extracts the features of photos.
        matcher: Matches features with an index.
        comparison: Compares marks with their logo images.
        judge: Scores findings.
        on_stage: Called with the duration of each stage.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        matcher: Matcher,
        comparison: MarkComparison,
        findings: FindingsMaker,
        judge: Judge,
        models: Models,
        on_stage: OnStage | None = None,
        *,
        keep_text: bool = False,
    ) -> None:
        """Bind the stages.

        Args:
            extractor: Extracts the features of photos.
            matcher: Matches features with an index.
            comparison: Compares marks with their logo images.
            findings: Puts findings together.
            judge: Scores findings.
            models: Descriptions of the models.
            on_stage: Called with the duration of each stage.
            keep_text: Whether reports keep the lines that were read in photos.
        """
        self.extractor, self.matcher, self.comparison, self.judge = extractor, matcher, comparison, judge
        self._findings, self._models, self.on_stage = findings, models, on_stage
        self.naming, self._keep_text = Naming(matcher, findings.similarity_threshold), keep_text

    @property
    def note_key(self) -> bytes | None:
        """The secret that makes the notes of photos taken on request; None where such a photo would earn nothing."""
        return None if self.missing_for_notes else self._findings.contacts.key

    @property
    def missing_for_notes(self) -> list[str]:
        """What is missing for photos with notes, in words: a key makes them, OCR reads them, a ledger knows copies."""
        parts = {
            "a contact_key, which makes the notes": self._findings.contacts.key is not None,
            "OCR, which reads them": self.extractor.reads_text,
            "a ledger, which tells whose photos they are": self._findings.lookup is not None,
        }
        return [words for words, there in parts.items() if not there]

    def scan(
        self, listings: Sequence[Listing], index: LogoIndex, extract: Extract | None = None
    ) -> Iterator[tuple[Report, Sequence[PhotoFeatures]]]:
        """Scan listings together, with one snapshot of an index; yield each report with the features of its photos.

        Args:
            listings: The listings.
            index: A snapshot of the index.
            extract: Extracts the features of their photos, with a cache or in another process; None extracts them here.
        """
        photos = self.features(listings, extract)
        matches = self.match(photos, index)
        for listing, own_photos, own_matches in zip(listings, photos, matches, strict=True):
            altered = self.alterations(listing, own_matches, index)
            text = self.text(listing, own_photos, index)
            yield self.report(text, own_photos, index, own_matches, altered), own_photos

    def features(self, listings: Sequence[Listing], extract: Extract | None = None) -> list[list[PhotoFeatures]]:
        """Extract the features of the photos of all listings together.

        Args:
            listings: The listings.
            extract: Extracts the features of photos; None is the extractor's own function.

        Returns:
            For each listing the features of its photos, in order, up to the last that is examined.
        """
        selected = [selected_photos(listing) for listing in listings]
        sources = [listing.images[i] for listing, positions in zip(listings, selected, strict=True) for i in positions]
        extracted = iter((extract or self.extractor.extract)(sources))
        features = []
        for listing, positions in zip(listings, selected, strict=True):
            examined = {i: next(extracted) for i in positions}
            photos = enumerate(listing.images[: max(examined, default=-1) + 1])
            features.append([examined.get(i) or self.extractor.passed_over(source) for i, source in photos])
        return features

    def match(
        self,
        photos: Sequence[Sequence[PhotoFeatures]],
        index: LogoIndex,
        compared: Sequence[Sequence[Collection[LogoImage]]] | None = None,
        votes: KeypointVotes | None = None,
    ) -> list[tuple[Match, ...]]:
        """Match the photos of each listing with an index, which is searched once for all.

        Args:
            photos: For each listing the features of its photos.
            index: A snapshot of the index.
            compared: For each photo of each listing the logo images that an earlier scan knew (`match_keypoints`); None
                are none.
            votes: The keypoints of all other logo images (`Matcher.match`); None compares all with every photo.

        Returns:
            For each listing the matches of all its photos, most probable first.
        """
        all_photos = [photo for of_listing in photos for photo in of_listing]
        positions = [i for of_listing in photos for i in range(len(of_listing))]
        old = None if compared is None else [of_photo for of_listing in compared for of_photo in of_listing]
        by_photo = iter(self.matcher.match(all_photos, index, positions, old, votes))
        return [most_probable_first(m for _ in of_listing for m in next(by_photo)) for of_listing in photos]

    def alterations(self, listing: Listing, matches: Sequence[Match], index: LogoIndex) -> Altered:
        """Compare the most probable marks with their logo images, where every scan does, and return the alterations."""
        with timed("alterations", self.on_stage):
            return self.comparison.compare_all(listing, matches, index)

    def alteration(self, listing: Listing, match: Match, index: LogoIndex) -> MarkAlteration | None:
        """Compare one mark with its logo image; None where nothing can be held against a seller."""
        with timed("alterations", self.on_stage):
            return self.comparison.compare(listing, match, index)

    def text(self, listing: Listing, photos: Sequence[PhotoFeatures], index: LogoIndex) -> ListingText:
        """Find brands and other facts in the words of a listing and of its photos, and return them."""
        with timed("text", self.on_stage):
            by_photo = {
                i: search_photo_text(photo.spans, i, index.names, listing.ships_from)
                for i, photo in enumerate(photos)
                if len(photo.spans)
            }
            return ListingText.of(listing, index.names).with_photos(by_photo)

    def findings(
        self,
        text: ListingText,
        photos: Sequence[PhotoFeatures],
        index: LogoIndex,
        matches: Sequence[Match],
        altered: Altered,
    ) -> tuple[Findings, Mapping[str, BrandEvidence]]:
        """Return the findings of a listing, and the evidence for each brand in its photos."""
        return self._findings.make(text, photos, index, matches, altered)

    def report(
        self,
        text: ListingText,
        photos: Sequence[PhotoFeatures],
        index: LogoIndex,
        matches: Sequence[Match],
        altered: Altered,
    ) -> Report:
        """Judge a listing, and return its report."""
        with timed("judge", self.on_stage):
            listing = text.listing
            findings, evidence = self.findings(text, photos, index, matches, altered)
            judgements = self.judge.judge(findings, index.brand)
            score = self.judge.top(judgements, findings)
            shown_matches = most_probable_first(lower_contradicted(matches, findings.mentions, index.sharing))
            skipped = self._skipped(text, photos, index, matches)
            keeping = self._findings.contacts
            report = Report(
                listing_id=listing.id,
                seller_id=listing.seller_id,
                score=score,
                brands=tuple(
                    sorted(
                        (self._brand_result(j.brand, j.shown, j.score.value, evidence, index) for j in judgements),
                        key=lambda r: (-r.score, r.brand),
                    )
                ),
                matches=tuple(m for m in shown_matches if m.probability is None or m.probability >= _MIN_REPORTED),
                mentions=tuple(m for m in findings.mentions if m.probability >= _MIN_REPORTED),
                warnings=_warnings(listing, photos),
                skipped=(*skipped, *(line for judgement in judgements for line in judgement.skipped)),
                images=tuple(photo.record for photo in photos),
                provenance=self._models.provenance(
                    index, self.judge.score_model.version, self.naming.threshold, sorted({j.brand for j in judgements})
                ),
                listing=ListingFacts.of(listing),
                price=next((j.price for j in judgements if j.brand == score.brand), None),
                text=text_lines(photos) if self._keep_text and self._models.ocr else None,
                unread=unread_lines(photos) if self._models.ocr else None,
                codes=photo_codes(photos),
                contacts=keeping.uses(findings.other.contacts),
                declared=declared_of(photos),
            )
            return report if keeping.clear else redacted(report)

    def _brand_result(
        self,
        brand: str,
        shown: float | None,
        score: float | None,
        evidence: Mapping[str, BrandEvidence],
        index: LogoIndex,
    ) -> BrandResult:
        """Return the result of a brand, without a probability where it does not come from a calibration."""
        of_brand = evidence.get(brand)
        calibrated = self.matcher.calibration is not None or (of_brand is not None and of_brand.logo is not None)
        named = self.naming.is_named(brand, shown, index)
        return BrandResult(brand, shown if calibrated else None, score or 0.0, named)

    def _skipped(
        self, text: ListingText, photos: Sequence[PhotoFeatures], index: LogoIndex, matches: Sequence[Match]
    ) -> list[str]:
        """Return sentences that say what was left out of the scan."""
        skipped = [] if self._models.ocr else ["photos were not read: no OCR engine"]
        skipped += [f"image {i}: without {', '.join(p.unfinished)}" for i, p in enumerate(photos) if p.unfinished]
        skipped += skipped_lines(photos)
        if passed_over := name_passed_over(len(text.listing.images), photos):
            skipped.append(f"{passed_over}: over the cap of {MAX_IMAGES}")
        if frames := [i for i, photo in enumerate(photos) if photo.more_frames]:
            skipped.append(f"further frames of {name_images(frames)}: over the cap of 1")
        if self.matcher.calibration is None and matches:
            skipped.append("no match calibration for this encoder and detector: matches by look carry no probability")
        if self.matcher.name_calibration is None and index.by_name:
            skipped.append("no name calibration: matches of brands known by name alone carry no probability")
        if unsearched := [i for i, p in enumerate(photos) if p.codes is None and p.complete]:
            skipped.append(f"codes of {name_images(unsearched)}: not read")
        skipped += text.cut.values()
        return [*skipped, *(f"{name}: not read" for name in text.unread)]


def _warnings(listing: Listing, photos: Sequence[PhotoFeatures]) -> tuple[str, ...]:
    """Return sentences that name the fields and the photos that could not be read, and why."""
    fields = [f"{name}: {why}" for name, why in sorted(listing.dropped.items())]
    return (*fields, *(f"image {i}: {photo.warning}" for i, photo in enumerate(photos) if photo.warning))
