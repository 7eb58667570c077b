"""Judge stored features again, by the pipeline of a scan: the question is new, what was seen is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from logoscan.images.boxes import iou
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.fusion import raise_contradicted
from logoscan.matching.keypoint_votes import KeypointVotes, LogoImage
from logoscan.matching.match import most_probable_first
from logoscan.results import Report
from logoscan.scan.decision_log import OnDecision, announce_all
from logoscan.scan.photo_selection import name_images, selected_photos
from logoscan.scan.pipeline import Pipeline
from logoscan.scan.threads import batched
from logoscan.store.rows import StoredPhoto
from logoscan.text.listing_text import TextFindings
from logoscan.types import BrandMention, ImageSource, Listing, Match
from logoscan.vision.features import PhotoFeatures
from logoscan.vision.sift import Keypoints

__all__ = ["rejudged"]

# Listings whose photos are searched in the index together.
_BATCH = 32
# Least overlap of a region and a match at which both are of one mark.
_SAME_REGION_IOU = 0.5
_IN_BRIEF = "keypoints were compared as they are stored, in brief: a mark that few of them prove may be missed"
_VOTED = (
    "logos that are new were compared only where keypoints vote for them: a mark that few of them prove may be missed"
)
_QUANTISED = "vectors are quantised: similarities to logos that the earlier report does not name are approximate"


def rejudged(
    pipeline: Pipeline,
    index: LogoIndex,
    pairs: Iterable[tuple[Listing, Sequence[StoredPhoto]]],
    earlier: Callable[[str], Report | None],
    *,
    earlier_index: LogoIndex | None = None,
    quantised: bool = False,
    on_decision: OnDecision | None = None,
) -> Iterator[Report]:
    """Yield the report of each listing by its stored photos.

    Args:
        pipeline: The pipeline of a scanner of the models that made the features.
        index: A snapshot of the index.
        pairs: Listings with their stored photos.
        earlier: Returns the earlier report of a listing by its id, and None where there is none.
        earlier_index: The index that judged the earlier reports: its logo images were compared with the keypoints of
            photos then, and are compared again only where another one lies in a photo. A thorough matcher compares
            every new one, others only those that enough keypoints vote for, which the reports say. None compares all.
        quantised: Whether the vectors were quantised: matches of an earlier report are more exact then.
        on_decision: Called with each decision.
    """
    logos = {(record.brand, record.id) for record in (*index.logos, *index.spellings)}
    old = None if earlier_index is None else earlier_index.fingerprint
    old_logos: frozenset[LogoImage] = frozenset()
    votes = None
    if earlier_index is not None:
        old_logos = frozenset((record.brand, record.sha256) for record in earlier_index.logos)
        if not pipeline.matcher.thorough:
            votes = _votes_for_new(index, old_logos)

    def compared(before: Report | None, photos: Sequence[PhotoFeatures]) -> list[Collection[LogoImage]]:
        if before is None or before.provenance.index != old:
            return [()] * len(photos)
        return [old_logos if _same_photo(before, photos, i) else () for i in range(len(photos))]

    def judged(batch: Sequence[tuple[Listing, Sequence[StoredPhoto]]]) -> Iterator[tuple[Report, None]]:
        reports = [earlier(listing.id) for listing, _ in batch]
        photos = [_photos(pipeline, listing, {p.position: p for p in stored}) for listing, stored in batch]
        photos = [_unanswered(own, before, index) for own, before in zip(photos, reports, strict=True)]
        answered = [compared(before, own) for own, before in zip(photos, reports, strict=True)]
        matches = pipeline.match(photos, index, answered, votes)
        for (listing, stored), before, own_photos, old_of, found in zip(
            batch, reports, photos, answered, matches, strict=True
        ):
            in_brief = all(photo.keypoints_kept for photo in stored)
            kept, notes = _from_before(before, own_photos, index, logos, in_brief=in_brief)
            if votes is not None and any(o and len(p.keypoints) for o, p in zip(old_of, own_photos, strict=True)):
                notes.append(_VOTED)
            exact = {(match.image, match.brand) for match in kept}
            kept += [m for m in found if m.kind == "keypoints" and (m.image, m.brand) not in exact]
            own_matches = [match for match in found if match.kind != "keypoints"]
            text = pipeline.text(listing, own_photos, index)
            missing = [photo.position for photo in stored if photo.text_missing and photo.position < len(own_photos)]
            if missing:
                names, of_before = _names_read(before, own_photos, missing, index), ""
                text = text.with_photos({i: TextFindings(tuple(found)) for i, found in names.items() if found})
                if before is not None:
                    of_before = "; brands read in them are those of the earlier report"
                notes.append(f"{name_images(missing)}: the text that was read is not kept{of_before}")
            if pipeline.comparison.always:
                notes.append("marks were not compared with their logo images: no photo is opened")
            # other words in a region lower its match, so without the words the earlier report's matches are nearer too
            if before is not None and (quantised or missing or before.provenance.index == index.fingerprint):
                own_matches = _exact(own_matches, before, own_photos, index, logos)
            if quantised and before is not None:
                notes.append(_QUANTISED)
            report = pipeline.report(text, own_photos, index, most_probable_first([*own_matches, *kept]), {})
            yield replace(report, skipped=(*report.skipped, *notes)), None

    for batch in batched(pairs, _BATCH):
        for report, _ in announce_all(judged(batch), len(batch), on_decision):
            yield report


def _votes_for_new(index: LogoIndex, old_logos: Collection[LogoImage]) -> KeypointVotes | None:
    """Return the keypoints of the logo images of an index that an earlier one lacks; None if it lacks none."""
    rows = {(record.brand, record.sha256): row for row, record in enumerate(index.logos)}
    new = {logo: index.keypoints(row) for logo, row in rows.items() if logo not in old_logos}
    return KeypointVotes(new) if new else None


def _photos(pipeline: Pipeline, listing: Listing, stored: Mapping[int, StoredPhoto]) -> list[PhotoFeatures]:
    """Return the features of a listing's photos as a scan has them; those that are not stored carry a warning."""
    selected = selected_photos(listing)
    chosen, photos = set(selected), []
    for i, source in enumerate(listing.images[: max(selected, default=-1) + 1]):
        features = stored[i].features if i in stored else None
        if features is not None and _is_of(features, source):
            photos.append(features)
        elif i not in chosen:
            photos.append(pipeline.extractor.passed_over(source))
        else:
            reason = "no features are stored" if features is None else "the features that are stored are another file's"
            photos.append(replace(pipeline.extractor.passed_over(source), passed_over=False, warning=reason))
    return photos


def _unanswered(photos: list[PhotoFeatures], before: Report | None, index: LogoIndex) -> list[PhotoFeatures]:
    """Return photos without their keypoints where an earlier report by the same index has their matches."""
    if before is None or before.provenance.index != index.fingerprint:
        return photos
    none = Keypoints.empty()
    return [replace(p, keypoints=none) if _same_photo(before, photos, i) else p for i, p in enumerate(photos)]


def _is_of(features: PhotoFeatures, source: ImageSource) -> bool:
    """Return whether features may be those of a photo, by the name of its file where both have one."""
    file = features.record.file
    return file is None or not isinstance(source, (str, Path)) or file == str(source)


def _same_photo(before: Report, photos: Sequence[PhotoFeatures], image: int | None) -> bool:
    """Return whether an earlier report had the same photo at a position."""
    if image is None or image >= min(len(before.images), len(photos)):
        return False
    sha256 = photos[image].record.sha256
    return sha256 is not None and before.images[image].sha256 == sha256


def _from_before(
    before: Report | None,
    photos: Sequence[PhotoFeatures],
    index: LogoIndex,
    logos: Collection[tuple[str, str]],
    *,
    in_brief: bool,
) -> tuple[list[Match], list[str]]:
    """Return the keypoint matches of an earlier report that still hold, and what must be said about keypoints."""
    if not any(photo.complete for photo in photos):
        return [], []
    if before is None:
        missing = "keypoints were not compared: stored features have none, and no earlier report was given"
        return [], [_IN_BRIEF if in_brief else missing]
    matches = [
        match
        for match in before.matches
        if match.kind == "keypoints" and (match.brand, match.logo) in logos and _same_photo(before, photos, match.image)
    ]
    notes = []
    if before.provenance.index != index.fingerprint:
        missing = "keypoint matches are those of the earlier report: logos that are new are known by appearance alone"
        notes.append(_IN_BRIEF if in_brief else missing)
    return raise_contradicted(matches, before.mentions, index.sharing), notes


def _exact(
    matches: Sequence[Match],
    before: Report,
    photos: Sequence[PhotoFeatures],
    index: LogoIndex,
    logos: Collection[tuple[str, str]],
) -> list[Match]:
    """Return matches by appearance, those of an earlier report in place of the same ones.

    By the same index the earlier ones are all. By another index a match of the earlier report holds unless a brand
    that it does not name is nearer to the region now.
    """
    usable = [
        match
        for match in before.matches
        if match.kind == "appearance"
        and (match.brand, match.logo) in logos
        and _same_photo(before, photos, match.image)
    ]
    exact = raise_contradicted(usable, before.mentions, index.sharing)
    if before.provenance.index == index.fingerprint:
        again = {i for i in range(len(photos)) if _same_photo(before, photos, i)}
        return [*(match for match in matches if match.image not in again), *exact]
    named = {(match.image, match.brand) for match in exact}
    new = [match for match in matches if (match.image, match.brand) not in named]

    def is_beaten(match: Match) -> bool:
        rivals = [rival for rival in new if rival.image == match.image and rival.similarity > match.similarity]
        boxes = np.array([rival.xyxy for rival in rivals], np.float32).reshape(-1, 4)
        return bool((iou(np.array([match.xyxy], np.float32), boxes) >= _SAME_REGION_IOU).any())

    beaten = {(match.image, match.brand) for match in exact if is_beaten(match)}
    kept = [match for match in exact if (match.image, match.brand) not in beaten]
    return [*new, *(match for match in matches if (match.image, match.brand) in beaten), *kept]


def _names_read(
    before: Report | None, photos: Sequence[PhotoFeatures], images: Sequence[int], index: LogoIndex
) -> dict[int, list[BrandMention]]:
    """Return the brands that an earlier report read in photos whose text is not kept, by the photo's position."""
    out: dict[int, list[BrandMention]] = {image: [] for image in images}
    if before is None:
        return out
    for mention in before.mentions:
        image = mention.image
        if (
            image is not None
            and image in out
            and index.brand(mention.brand) is not None
            and _same_photo(before, photos, image)
        ):
            out[image].append(mention)
    return out
