"""The wiring: listings in, reports out. The only module that knows all stages.

A Scanner never changes after it is built. It looks at photos first (`observe`: regions, vectors, text), which costs
nearly everything and knows no register, and judges afterwards (`judge`), which is cheap.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random
from typing import Literal, NoReturn, TypeAlias, get_args

import numpy as np

from logoscan._version import __version__
from logoscan.errors import InputError, LogoscanError, MismatchError
from logoscan.images.loading import ImageLimits
from logoscan.images.phash import PhotoUse
from logoscan.index.gallery import Nearest
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import BadRow
from logoscan.matching.alteration import Alteration, AlterationCheck
from logoscan.matching.calibration import MatchCalibration, brand_thresholds, bundled_calibrations, miss_rate
from logoscan.matching.fusion import BrandEvidence, contradicted, fuse
from logoscan.matching.marks import MarkComparison
from logoscan.matching.match import match_regions
from logoscan.matching.refine import refine
from logoscan.matching.sift_match import locate
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.ocr.engine import OcrEngine, make_ocr
from logoscan.odds import NAME_MISS_RATE
from logoscan.pricing.model import PriceModel
from logoscan.results import BrandResult, ListingFacts, Provenance, Report
from logoscan.runtime import cores
from logoscan.scan.pace import Pace
from logoscan.scan.screening import OnTimeout, OnUnreadable, Screener, Screening, Stages
from logoscan.scan.threads import batched, in_order
from logoscan.scan.unreadable import listings_of, telling_of_unreadable_photos
from logoscan.scoring.judge import Findings, Gap, Judge
from logoscan.scoring.model import ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS, SignalFunction
from logoscan.sources import Root, check_root
from logoscan.text.listing_text import ListingText, search_photo_text
from logoscan.types import (
    Boxes,
    BrandMention,
    Effort,
    Embeddings,
    ImageSource,
    Listing,
    MarkAlteration,
    Match,
    Rgb,
    TextSpans,
)
from logoscan.vision.detector import Detector, LogoDetector
from logoscan.vision.encoder import ClipEncoder, Encoder, encode_crops
from logoscan.vision.features import FeatureCache, FeatureExtractor, PhotoFeatures, images_in_words, passed_over

__all__ = ["PhotoFeatures", "Scanner"]

logger = logging.getLogger(__name__)

MAX_IMAGES = 50
"""Photos of one listing that are looked at; the report says when there were more."""
# Photos that are always among them: buyers see these first, and most listings end here.
_FIRST_IMAGES = 10
# Photos of which the others are drawn; a listing of a million must not make a report of a million lines.
_DRAWN_FROM = 500
_REPORT_FROM = 0.02
"""Matches and mentions below this probability are left out of reports."""
_Neighbours: TypeAlias = tuple[Nearest, Nearest]
"""Of a photo's places, and of the first of them as a mirror shows them."""


class Scanner:
    """Scans listings against a register of brands. Immutable; may be shared by threads.

    Attributes:
        index: The register; each scan uses one snapshot of it.
        encoder: The index's.
        detector: Proposes regions.
        ocr: Reads text; None reads none.
        alterations: Tells altered marks from faithful ones; None cannot be asked.
        ledger: Photos and who used them; None knows none.
        calibration: Similarity to probability; None where none fits, and then `similarity_threshold` decides.
        name_calibration: The same for brands that are registered by their name alone.
        effort: How much work is saved.
    """

    def __init__(
        self,
        index: LogoIndex,
        *,
        encoder: Encoder,
        detector: Detector | None = None,
        ocr: OcrEngine | None = None,
        alterations: AlterationCheck | None = None,
        check_marks: bool = False,
        prices: PriceModel | None = None,
        score_model: ScoreModel | None = None,
        ledger: PhotoLedger | None = None,
        signals: Sequence[SignalFunction] = DEFAULT_SIGNALS,
        calibration: MatchCalibration | Literal["auto"] | None = "auto",
        name_calibration: MatchCalibration | Literal["auto"] | None = "auto",
        similarity_threshold: float | None = None,
        root: Root = None,
        limits: ImageLimits | None = None,
        effort: Effort = "default",
    ) -> None:
        """Wire the stages.

        Args:
            index: The register.
            encoder: Must be the one that made the index.
            detector: The bundled `LogoDetector` on the encoder's device if None.
            ocr: None reads no text.
            alterations: Compares marks with their drawings (`alteration`); None cannot be asked.
            check_marks: Each scan compares the marks that are surely shown, of three brands at most, for the signal
                `altered_logo`. Off, because each takes about as long as a look at a photo, and 5 % of faithful marks
                are called altered, more of redrawn, folded or partly covered ones (`weights/alterations.md`).
            prices: Price references; None judges by the owners' usual prices alone.
            score_model: The stated priors if None.
            ledger: Photos and who used them; a scan reads it, the caller adds to it (`PhotoLedger.add_report`). None
                looks up none and hashes none. Official photos of brands are the caller's to add, too.
            signals: Functions of a `Case`.
            calibration: "auto" takes the bundled one that belongs to encoder and detector, if there is one.
            name_calibration: The same for brands that are registered by their name alone.
            similarity_threshold: Without a calibration: cosine from which a brand counts as shown.
            root: Folder that names of photos are relative to and may not leave. None: the folder of the listings, for
                those of `read_listings`, else the current one, and a `pathlib.Path` is opened wherever it leads.
                `ANYWHERE` opens whatever a listing names.
            limits: Caps on image files.
            effort: How much work may be saved. It governs placements, the mirror, reading and the detector made here;
                an engine and a detector that are given have their own (`make_ocr`, `make_detector`).

        Raises:
            InputError: `check_marks` without `alterations`, or another `effort`.
            MismatchError: Index and encoder, or calibration and stages, do not belong together.
            CorruptFileError: The bundled detector is wanted, and missing or altered.
        """
        index.require(encoder.info)
        check_root(root)
        if check_marks and alterations is None:
            raise InputError("check_marks: expected a scanner with an AlterationCheck, got alterations=None")
        if effort not in get_args(Effort):
            raise InputError(f"effort: expected default or full, got {effort!r}")
        self.effort: Effort = effort
        self.index, self.encoder, self.ocr, self.alterations, self.ledger = index, encoder, ocr, alterations, ledger
        self.detector: Detector = detector or LogoDetector(device=getattr(encoder, "device", "auto"), effort=effort)
        self.calibration = self._fitting(calibration, "logo")
        self.name_calibration = self._fitting(name_calibration, "name")
        if self.calibration is None and similarity_threshold is None:
            logger.warning(
                "no calibration for encoder %s with detector %s: matches carry no probability and no brand counts as "
                "shown by its logo unless similarity_threshold is given",
                encoder.info.name,
                self.detector.name,
            )
        self._similarity_threshold, self._root = similarity_threshold, root
        self._judging = Judge(prices or PriceModel(), score_model or ScoreModel(), tuple(signals))
        self._observer = FeatureExtractor(encoder, self.detector, ocr, root, limits, ledger is not None, effort)
        self._marks = MarkComparison(alterations, self._observer, always=check_marks)
        self._screener = self.screener()
        self._process = os.getpid()

    @classmethod
    def default(
        cls,
        brands: str | Path | LogoIndex,
        *,
        device: str = "auto",
        prices: PriceModel | None = None,
        score_model: ScoreModel | None = None,
        ledger: PhotoLedger | None = None,
        root: Root = None,
        effort: Effort = "default",
    ) -> Scanner:
        """The bundled models, wired.

        Args:
            brands: A folder of brand folders, an index folder, or an index made by the bundled encoder.
            device: "auto", "cpu", "cuda", ...
            prices: Price references.
            score_model: The stated priors if None.
            ledger: Photos and who used them.
            root: Folder that names of photos are relative to and may not leave; see the constructor.
            effort: How much work may be saved.
        """
        encoder = ClipEncoder(device=device)
        if isinstance(brands, LogoIndex):
            index = brands
        elif (Path(brands) / "manifest.json").is_file():
            index = LogoIndex.load(brands, encoder)
        else:
            index, warnings = LogoIndex.from_folder(brands, encoder)
            for warning in warnings:
                logger.warning("%s", warning)
        return cls(
            index,
            encoder=encoder,
            ocr=make_ocr("auto", device=device, effort=effort),
            alterations=AlterationCheck(),
            prices=prices,
            score_model=score_model,
            ledger=ledger,
            root=root,
            effort=effort,
        )

    def _fitting(
        self, calibration: MatchCalibration | Literal["auto"] | None, kind: Literal["logo", "name"]
    ) -> MatchCalibration | None:
        key = (self.encoder.info.fingerprint, self.detector.fingerprint, kind)
        if calibration == "auto":
            return next((c for c in bundled_calibrations() if (c.encoder, c.detector, c.kind) == key), None)
        if calibration is not None and (calibration.encoder, calibration.detector, calibration.kind) != key:
            raise MismatchError(
                f"{calibration.kind} calibration made for encoder {calibration.encoder} and detector "
                f"{calibration.detector}, used with {key[0]} ({self.encoder.info.name}) and {key[1]} "
                f"({self.detector.name}) as {kind} calibration"
            )
        return calibration

    # -- one picture

    def find_logos(self, image: ImageSource) -> tuple[Match, ...]:
        """Registered logos in one picture, surest first, at the places that the detector proposes.

        A scan that reads also looks at the lines of text. Raises `ImageError` where the picture cannot be read.
        """
        self._not_forked()
        return self._surest_first(self._match(0, self._observer.look(image), self.index.snapshot()))

    def alteration(self, image: ImageSource, match: Match) -> Alteration | None:
        """What became of the registered drawing at a matched place: faithful, mirrored, stretched or incomplete.

        Takes about as long as a look at a photo, so that it is for matches in doubt and for reports, not for all.

        Args:
            image: The picture.
            match: One of its matches, by a logo.

        Returns:
            None where the register has no drawing of that logo or one without outlines (an opaque photograph), or the
            drawing cannot be laid over the place.

        Raises:
            InputError: The scanner was built without an alteration check, or the logo is registered no more.
            ImageError: The picture cannot be read.
        """
        self._not_forked()
        return self._marks.alteration(image, match, self.index.snapshot())

    def refine_box(self, image: ImageSource, match: Match) -> Match:
        """A match with its box moved and resized to where it looks most like the brand's logos (`refine`).

        Takes about as long as a look at a photo: for reports that people see, not for all.

        Args:
            image: The picture.
            match: One of its matches, by a logo.

        Returns:
            The match with that box and its similarity, never lower than that of the box given. Margin and probability
            stay those of the place that was proposed: calibration knows no places that were chosen for their likeness.

        Raises:
            InputError: The brand has no logo any more.
            ImageError: The picture cannot be read.
        """
        self._not_forked()
        state = self.index.snapshot()
        own = state.vectors[[record.brand == match.brand for record in state.logos]]
        if not len(own):
            raise InputError(f"match: expected a brand with a logo, got {match.brand!r}")
        rgb, box = self._observer.load(image), np.array([match.xyxy], np.float32)
        plain, turned = (encode_crops(self.encoder, [rgb], [box], [1])[0] @ own.T).max(axis=1)
        if turned > plain:  # it was seen in a mirror
            boxes, near = refine(np.ascontiguousarray(rgb[:, ::-1]), _mirrored(box, rgb), [own], self.encoder)
            boxes = _mirrored(boxes, rgb)
        else:
            boxes, near = refine(rgb, box, [own], self.encoder)
        x0, y0, x1, y1 = (float(v) for v in boxes[0])
        return replace(match, xyxy=(x0, y0, x1, y1), similarity=float(np.clip(near[0], -1, 1)))

    def read_text(self, image: ImageSource) -> TextSpans:
        """Lines of text in one picture. Raises `ImageError` where it cannot be read.

        Raises:
            InputError: The scanner was built without an OCR engine.
        """
        if self.ocr is None:
            raise InputError("read_text: expected a scanner with an OCR engine, got ocr=None")
        self._not_forked()
        return self.ocr.read([self._observer.load(image)])[0]

    # -- listings

    def _not_forked(self) -> None:
        if os.getpid() != self._process:  # models wait for threads that a fork leaves behind, for ever
            raise LogoscanError(
                f"Scanner: built in process {self._process} and used in its fork {os.getpid()}, where the threads of "
                "its models are missing; start processes by spawn or forkserver, and build it in each of them"
            )

    def __reduce__(self) -> NoReturn:
        """Refuse: what a model holds is not for pipes.

        Raises:
            TypeError: Always; it says what to do.
        """
        raise TypeError("Scanner cannot be pickled: build it in each process, from an index that is saved on disk")

    def scan(self, listing: Listing) -> Report:
        """Scan one listing. A photo that cannot be read is a warning in its report.

        Raises:
            InputError: It is no Listing, such as the `BadRow` of a reader.
        """
        if not isinstance(listing, Listing):
            raise InputError(f"listing: expected a Listing, got {type(listing).__name__}")
        return next(self.scan_many([listing], workers=1, deduplicate=False))

    def scan_many(
        self,
        listings: Iterable[Listing | BadRow],
        *,
        batch_size: int = 4,
        workers: int | None = None,
        deduplicate: bool = True,
    ) -> Iterator[Report]:
        """Reports in the order of the listings, as they come.

        Batches of listings are looked at side by side by threads, each of which takes all models through one batch;
        listings are judged in their order. With `logoscan.one_core_a_batch()` before the models are made, a processor
        of n cores does most: n batches at a time, a core each.

        Args:
            listings: Read as far ahead as there are batches at work. Rows of `read_listings` that are no listings
                are passed over; the log says which.
            batch_size: Listings that share the models' batches, 1 or more.
            workers: Batches at work side by side, 1 or more; 1 uses no threads, and reads no further than one batch.
                None: cores over torch's threads; on a GPU 4 or more.
            deduplicate: Photos that came lately (the last 256) are not looked at again.

        Raises:
            InputError: `batch_size` or `workers` is under 1.
        """
        if batch_size < 1:
            raise InputError(f"batch_size: expected 1 or more, got {batch_size!r}")
        if workers is not None and workers < 1:
            raise InputError(f"workers: expected 1 or more or None, got {workers!r}")
        known = FeatureCache(256 * deduplicate)
        batches = batched(listings_of(listings), batch_size)
        reports = in_order(batches, lambda batch: self._scan_batch(batch, known), workers or self._workers())
        return telling_of_unreadable_photos(reports, self._root)

    def _workers(self) -> int:
        import torch

        return max(1 if self.encoder.device == "cpu" else 4, cores() // torch.get_num_threads())

    def _scan_batch(self, batch: Sequence[Listing], known: FeatureCache) -> Iterator[Report]:
        self._not_forked()
        index = self.index.snapshot()
        chosen = [_chosen(listing) for listing in batch]
        photos = [listing.images[i] for listing, places in zip(batch, chosen, strict=True) for i in places]
        observed = self._observer.observe(photos, known)
        seen = zip(observed, _nearest(observed, index), strict=True)
        for listing, places in zip(batch, chosen, strict=True):
            looked = [(i, *one) for i, one in zip(places, islice(seen, len(places)), strict=True)]
            matches = self._matches(looked, index)
            altered = self._marks.altered(listing, matches, index)
            taken = self._all_photos(listing, {i: one for i, one, _ in looked})
            yield self._judge(_worded(listing, taken, index), taken, index, matches, altered)

    def _all_photos(self, listing: Listing, looked: Mapping[int, PhotoFeatures]) -> list[PhotoFeatures]:
        """What was seen in each photo up to the last that was looked at; nothing in those that were passed over."""
        photos = enumerate(listing.images[: max(looked, default=-1) + 1])
        return [looked[i] if i in looked else self._observer.passed_over(source) for i, source in photos]

    def screen(
        self,
        listing: Listing,
        *,
        deadline_s: float,
        on_timeout: OnTimeout = "hold",
        on_unreadable: OnUnreadable = "hold",
    ) -> Screening:
        """The gate before posting: allow, hold or block, by as much of a scan as the deadline allows.

        Words, price and seller first, then each photo is opened, then looked at: places, points, text. Stops early
        where nothing left can change the decision. A stage is not started unless it is expected to end in time, by how
        long the scanner's stages took so far; a running model is never interrupted, so that a deadline can be overrun.
        Photos are opened even past the deadline, for two seconds of opening in all, since one that cannot be read is
        not to be allowed for want of time. Warm up, and teach it the machine's pace, by screening five listings or more
        with `deadline_s=math.inf`.

        Args:
            listing: To be posted.
            deadline_s: Seconds from now, above 0; `math.inf` takes every stage and gives the report of a scan.
            on_timeout: The answer where the listing would be allowed so far, and a stage that could change that was
                left out for the deadline. "allow" lets pass what nobody looked at, and whoever slows the gate down
                passes, too: watch `Screener.counts`.
            on_unreadable: The answer where the listing would be allowed but for a photo that cannot be read, or breaks
                a model, or a field that was dropped. "allow" lets pass what nobody looked at: a seller chooses it. It
                has the last word over `on_timeout`.

        Raises:
            InputError: `deadline_s`, `on_timeout` or `on_unreadable` is none of those.
        """
        self._not_forked()
        return self._screener.screen(listing, deadline_s=deadline_s, on_timeout=on_timeout, on_unreadable=on_unreadable)

    def screener(self, *, pace: Pace | None = None, clock: Callable[[], float] = time.perf_counter) -> Screener:
        """A gate with a pace of its own; `screen` shares one between all who call it."""
        stages = Stages(
            self.index.snapshot,
            _chosen,
            self._observer,
            self._judging,
            self._match,
            self._surest_first,
            lambda *known: self._findings(*known)[0],
            self._judge,
            self._marks.surest,
            self._marks.kinds,
        )
        return Screener(stages, pace=pace, clock=clock)

    def observe(self, images: Sequence[ImageSource]) -> list[PhotoFeatures]:
        """Look at photos: detect, encode, read. The expensive half of a scan; needs no register."""
        self._not_forked()
        return self._observer.observe(images)

    def judge(
        self,
        listing: Listing,
        observations: Sequence[PhotoFeatures],
        index: LogoIndex | None = None,
        *,
        altered: Mapping[str, MarkAlteration] | None = None,
    ) -> Report:
        """The report of a listing whose photos were observed. The cheap half of a scan.

        Args:
            listing: As given.
            observations: One for each of its photos, in order; photos beyond them were not looked at.
            index: A snapshot of the register; the scanner's as it is now if None.
            altered: What became of brands' marks , by brand, where the caller asked that.
        """
        if index is None:  # an empty register is falsy, and a register all the same
            index = self.index.snapshot()
        matches = self.match(observations, index)
        return self._judge(_worded(listing, observations, index), observations, index, matches, altered or {})

    def _judge(
        self,
        words: ListingText,
        observations: Sequence[PhotoFeatures],
        index: LogoIndex,
        matches: tuple[Match, ...],
        altered: Mapping[str, MarkAlteration],
    ) -> Report:
        listing = words.listing
        warnings = [f"{name}: {why}" for name, why in sorted(listing.dropped.items())]
        warnings += [f"image {i}: {o.warning}" for i, o in enumerate(observations) if o.warning]
        skipped = [] if self.ocr else ["photos were not read: no OCR engine"]
        skipped += [f"image {i}: without {', '.join(o.unfinished)}" for i, o in enumerate(observations) if o.unfinished]
        skipped += [f"image {i}: {_unread(o.spans.unread)}" for i, o in enumerate(observations) if o.spans.unread]
        if photos := passed_over(len(listing.images), observations):
            skipped.append(f"{photos}: over the cap of {MAX_IMAGES}")
        if self.calibration is None and matches:
            skipped.append("no match calibration for this encoder and detector: matches by look carry no probability")
        if self.name_calibration is None and index.by_name:
            skipped.append("no name calibration: matches of brands known by name alone carry no probability")
        skipped += words.cut.values()
        skipped += [f"{name}: not read" for name in words.unread]
        found, evidence = self._findings(words, observations, index, matches, altered)
        matches = self._surest_first(contradicted(matches, found.mentions, index.sharing))
        judged = self._judging.judge(found, index.brand)
        skipped += [line for one in judged for line in one.skipped]
        results = []
        for one in judged:
            seen = evidence.get(one.brand)
            calibrated = self.calibration is not None or (seen is not None and seen.logo is not None)
            results.append(BrandResult(one.brand, one.shown if calibrated else None, one.score.value or 0.0))
        score = self._judging.top(judged, found)
        return Report(
            listing_id=listing.id,
            seller_id=listing.seller_id,
            score=score,
            brands=tuple(sorted(results, key=lambda r: (-r.score, r.brand))),
            matches=tuple(m for m in matches if m.probability is None or m.probability >= _REPORT_FROM),
            mentions=tuple(m for m in found.mentions if m.probability >= _REPORT_FROM),
            warnings=tuple(warnings),
            skipped=tuple(skipped),
            images=tuple(o.record for o in observations),
            provenance=self._provenance(index),
            listing=ListingFacts.of(listing),
            price=next((one.price for one in judged if one.brand == score.brand), None),
        )

    def _findings(
        self,
        words: ListingText,
        observations: Sequence[PhotoFeatures],
        index: LogoIndex,
        matches: Sequence[Match],
        altered: Mapping[str, MarkAlteration],
    ) -> tuple[Findings, Mapping[str, BrandEvidence]]:
        """Everything that was found out about a listing, and what the photos say of each brand."""
        evidence = fuse(matches, words.mentions, index.sharing)
        unseen, gaps = _unseen(words, observations)
        photos = max(len(words.listing.images), len(observations))
        found = Findings(
            words.judged,
            words.claimed,
            words.mentions,
            words.coded,
            self._shown(evidence, matches, index),
            self._visible(observations, index),
            altered,
            self._uses(words.listing, observations),
            unseen,
            # what waits for its turn, or was left out for a deadline, is not the seller's doing
            searched_share=sum(o.complete or bool(o.unfinished) for o in observations) / photos if photos else 1.0,
            shown_by_photo=self._shown_by_photo(len(observations), words.mentions, matches, index),
            gaps=gaps if index.brands else frozenset(),
            reviews=words.complaints,
            miss_rates=self._miss_rates({words.claimed or "", *(m.brand for m in words.mentions)}, index),
        )
        return found, evidence

    def _miss_rates(self, brands: Collection[str], index: LogoIndex) -> dict[str, float]:
        """How often the search misses the brands that words name."""
        rates = {brand: NAME_MISS_RATE for brand in brands if brand in index.by_name}
        if (calibration := self.calibration) is None:
            return rates
        return rates | {brand: miss_rate(index, brand, calibration) for brand in brands if brand in index.with_logo}

    def match(self, observations: Sequence[PhotoFeatures], index: LogoIndex) -> tuple[Match, ...]:
        """Matches of all photos, surest first."""
        looked = zip(observations, _nearest(observations, index), strict=True)
        return self._matches(((i, *one) for i, one in enumerate(looked)), index)

    def _matches(self, looked: Iterable[tuple[int, PhotoFeatures, _Neighbours]], index: LogoIndex) -> tuple[Match, ...]:
        return self._surest_first(
            match for i, seen, nearest in looked for match in self._match(i, seen, index, nearest)
        )

    def _match(
        self, image: int, seen: PhotoFeatures, index: LogoIndex, known: _Neighbours | None = None
    ) -> list[Match]:
        """Matches of one photo by the look and the points of logos, and by names where brands have no logo.

        A brand whose own negatives raised its threshold is not matched by its look below it. `known` is what `_nearest`
        found for the photo.
        """
        regions, vectors = seen.regions, seen.vectors
        straight, turned = known or _nearest([seen], index)[0]
        near = index.search_brands(vectors, nearest=straight)
        either = near
        if first := len(seen.mirrored):
            either = near.or_mirrored(index.search_brands(seen.mirrored, also=vectors[:first], nearest=turned))
        found = list(match_regions(image, regions, either, self.calibration))
        if self.calibration is not None:
            usual, least = self.calibration.threshold, brand_thresholds(index, self.calibration)
            raised = {brand: value for brand, value in least.items() if value > usual}
            found = [m for m in found if m.probability is None or m.probability > raised.get(m.brand, -1.0)]
        found += locate(image, seen, index, near, straight, thorough=self.effort == "full")
        if index.by_name:
            found += match_regions(image, regions, index.search_names(vectors), self.name_calibration)
        return found

    @staticmethod
    def _surest_first(found: Iterable[Match]) -> tuple[Match, ...]:
        return tuple(sorted(found, key=lambda m: (-(m.probability or 0.0), -m.similarity - m.margin, m.image, m.xyxy)))

    def _shown(
        self, evidence: Mapping[str, BrandEvidence], matches: Sequence[Match], index: LogoIndex
    ) -> dict[str, float]:
        """Probability that the photos show each brand of which they hold evidence.

        By the caller's threshold where logos have no calibration; a place that is nearer to a negative shows nothing.
        """
        shown = {brand: one.shown for brand, one in evidence.items() if one.shown is not None}
        if self.calibration is None and self._similarity_threshold is not None:
            for match in matches:
                if match.brand in index.with_logo:
                    near = float(match.similarity >= self._similarity_threshold and match.margin >= 0)
                    shown[match.brand] = max(near, shown.get(match.brand, 0.0))
        return shown

    def _shown_by_photo(
        self, photos: int, mentions: Sequence[BrandMention], matches: Sequence[Match], index: LogoIndex
    ) -> dict[str, tuple[float, ...]]:
        """Probability that each photo by itself shows each brand of which it holds evidence."""
        own_mentions: dict[int, list[BrandMention]] = {}
        for mention in mentions:
            if mention.image is not None:
                own_mentions.setdefault(mention.image, []).append(mention)
        own_matches: dict[int, list[Match]] = {}
        for match in matches:
            own_matches.setdefault(match.image, []).append(match)
        rows: dict[str, list[float]] = {}
        for image in sorted(own_mentions.keys() | own_matches.keys()):
            found = own_matches.get(image, [])
            evidence = fuse(found, own_mentions.get(image, []), index.sharing)
            for brand, probability in self._shown(evidence, found, index).items():
                rows.setdefault(brand, [0.0] * photos)[image] = probability
        return {brand: tuple(row) for brand, row in rows.items()}

    def _visible(self, observations: Sequence[PhotoFeatures], index: LogoIndex) -> Collection[str]:
        """Brands that would have been seen, had any photo that can be looked at shown them."""
        searched = any(o.complete for o in observations) and not any(o.unfinished for o in observations)
        if not searched or (self.calibration is None and self._similarity_threshold is None):
            return ()
        return {*index.with_logo, *(index.by_name if self.name_calibration else ())}

    def _uses(self, listing: Listing, observations: Sequence[PhotoFeatures]) -> tuple[PhotoUse, ...] | None:
        """Who else uses each photo."""
        hashes = [seen.photo_hash for seen in observations if seen.photo_hash]
        if self.ledger is None or not hashes:
            return None
        return tuple(self.ledger.look_up(one.pdq, listing.seller_id) for one in hashes)

    def _provenance(self, index: LogoIndex) -> Provenance:
        info = self.encoder.info
        precision = getattr(self.encoder, "precision", "fp32")
        effort = f" {made}" if (made := getattr(self.detector, "effort", "")) else ""
        return Provenance(
            version=__version__,
            encoder=f"{info.name}@{info.fingerprint} {precision}",
            index=index.fingerprint,
            detector=f"{self.detector.name}@{self.detector.fingerprint}{effort}",
            ocr=self.ocr.name if self.ocr else "none",
            score_model=self._judging.score_model.version,
            device=self.encoder.device,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _chosen(listing: Listing) -> Sequence[int]:
    """The photos that are looked at, by position: all up to the cap, else the first few and a draw from all others.

    The draw is by the listing's id, so that a seller does not choose where nobody looks.
    """
    n = len(listing.images)
    if n <= MAX_IMAGES:
        return range(n)
    drawn = Random(listing.id).sample(range(_FIRST_IMAGES, min(n, _DRAWN_FROM)), MAX_IMAGES - _FIRST_IMAGES)
    return [*range(_FIRST_IMAGES), *sorted(drawn)]


def _worded(listing: Listing, observations: Sequence[PhotoFeatures], index: LogoIndex) -> ListingText:
    """What a listing's words and its photos' lines say."""
    photos = {
        i: search_photo_text(seen.spans, i, index.names) for i, seen in enumerate(observations) if len(seen.spans)
    }
    return ListingText.of(listing, index.names).with_photos(photos)


def _unseen(words: ListingText, observations: Sequence[PhotoFeatures]) -> tuple[tuple[str, ...], frozenset[Gap]]:
    """What of a listing could not be looked at, in words, and why; not what was left out for a deadline."""
    unreadable = [i for i, seen in enumerate(observations) if seen.warning is not None]
    left_out = passed_over(len(words.listing.images), observations)
    unseen = [f"{images_in_words(unreadable)} could not be read"] if unreadable else []
    if left_out:
        unseen.append(f"{left_out} {'were' if left_out.startswith('images') else 'was'} not looked at")
    frames = [i for i, seen in enumerate(observations) if seen.more_frames]
    if frames:
        unseen.append(f"only the first frame of {images_in_words(frames)} was looked at")
    unseen += words.hidden
    gaps: set[Gap] = set()
    if unreadable or words.dropped:
        gaps.add("unreadable")
    if left_out or frames or words.hidden:
        gaps.add("over the cap")
    return tuple(unseen), frozenset(gaps)


def _nearest(observations: Sequence[PhotoFeatures], index: LogoIndex) -> list[_Neighbours]:
    """The nearest vectors of all that was seen in photos, in one search."""
    parts: list[Embeddings] = []
    for seen in observations:
        parts += [seen.vectors, seen.mirrored if len(seen.mirrored) else seen.vectors[:0]]
    found = index.search_together(parts)
    return list(zip(found[::2], found[1::2], strict=True))


def _mirrored(boxes: Boxes, rgb: Rgb) -> Boxes:
    """Boxes of a picture as they lie in its mirror image."""
    turned = boxes.copy()
    turned[:, [0, 2]] = rgb.shape[1] - boxes[:, [2, 0]]
    return turned


def _unread(lines: int) -> str:
    return f"{lines} more {'line' if lines == 1 else 'lines'} of small text not read, to save work"
