"""The wiring: listings in, reports out. The only module that knows all stages.

A Scanner never changes after it is built. It looks at photos first (`observe`: regions, vectors, text), which costs
nearly everything and knows no register, and judges afterwards (`judge`), which is cheap.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

import logoscan
from logoscan import weights
from logoscan.alteration import Alteration, AlterationCheck, cut
from logoscan.coded import CodedUse, find_coded
from logoscan.detect import Detector, LogoDetector
from logoscan.encode import ClipEncoder, Encoder
from logoscan.errors import InputError, MismatchError
from logoscan.evidence import BrandEvidence, gather
from logoscan.images import ImageLimits
from logoscan.index import LogoIndex
from logoscan.locate import locate
from logoscan.match import MatchCalibration, match_regions
from logoscan.observing import Observation, Observer
from logoscan.ocr import OcrEngine, make_ocr
from logoscan.price import PriceModel
from logoscan.refine import refine
from logoscan.results import BrandResult, Provenance, Report, Score, top_score
from logoscan.score import ScoreModel
from logoscan.signals import DEFAULT_SIGNALS, Case, SignalFunction
from logoscan.text import NO_BRAND, NameIndex, fold
from logoscan.types import Brand, BrandMention, ImageSource, Listing, Match, TextSpans

__all__ = ["Observation", "Scanner"]

logger = logging.getLogger(__name__)

MAX_IMAGES = 50
"""Photos of one listing that are looked at; the report says when there were more."""
_CANDIDATE_FROM = 0.2
"""Probability of being shown from which a brand is judged: below, a report would drown in chance likenesses."""
_REPORT_FROM = 0.02
"""Matches and mentions below this probability are left out of reports."""


class Scanner:
    """Scans listings against a register of brands. Immutable; may be shared by threads.

    Attributes:
        index: The register; each scan uses one snapshot of it.
        encoder: The index's.
        detector: Proposes regions.
        ocr: Reads text; None reads none.
        alterations: Tells altered marks from faithful ones; None cannot be asked.
        calibration: Similarity to probability; None where none fits, and then `similarity_threshold` decides.
        name_calibration: The same for brands that are registered by their name alone.
    """

    def __init__(
        self,
        index: LogoIndex,
        *,
        encoder: Encoder,
        detector: Detector | None = None,
        ocr: OcrEngine | None = None,
        alterations: AlterationCheck | None = None,
        prices: PriceModel | None = None,
        score_model: ScoreModel | None = None,
        signals: Sequence[SignalFunction] = DEFAULT_SIGNALS,
        calibration: MatchCalibration | Literal["auto"] | None = "auto",
        name_calibration: MatchCalibration | Literal["auto"] | None = "auto",
        similarity_threshold: float | None = None,
        root: str | Path | None = None,
        limits: ImageLimits | None = None,
    ) -> None:
        """Wire the stages.

        Args:
            index: The register.
            encoder: Must be the one that made the index.
            detector: The bundled `LogoDetector` on the encoder's device if None.
            ocr: None reads no text.
            alterations: For `alteration` alone.
            prices: Price references; None judges by the owners' usual prices alone.
            score_model: The stated priors if None.
            signals: Functions of a `Case`.
            calibration: "auto" takes the bundled one that belongs to encoder and detector, if there is one.
            name_calibration: The same for brands that are registered by their name alone.
            similarity_threshold: Without a calibration: cosine from which a brand counts as shown.
            root: If given, image paths are relative to it and may not leave it.
            limits: Caps on image files.

        Raises:
            MismatchError: Index and encoder, or calibration and stages, do not belong together.
            CorruptFileError: The bundled detector is wanted, and missing or altered.
        """
        index.require(encoder.info)
        self.index, self.encoder, self.ocr, self.alterations = index, encoder, ocr, alterations
        self.detector: Detector = detector or LogoDetector(device=getattr(encoder, "device", "auto"))
        self.calibration = self._fitting(calibration, "logo")
        self.name_calibration = self._fitting(name_calibration, "name")
        if self.calibration is None and similarity_threshold is None:
            logger.warning(
                "no calibration for encoder %s with detector %s: matches carry no probability and no brand counts as "
                "shown by its logo unless similarity_threshold is given",
                encoder.info.name,
                self.detector.name,
            )
        self._similarity_threshold = similarity_threshold
        self._prices = prices or PriceModel()
        self._score_model = score_model or ScoreModel()
        self._signals = tuple(signals)
        self._observer = Observer(encoder, self.detector, ocr, None if root is None else Path(root), limits)

    @classmethod
    def default(
        cls, brands: str | Path | LogoIndex, *, device: str = "auto", prices: PriceModel | None = None
    ) -> Scanner:
        """The bundled models, wired.

        Args:
            brands: A folder of brand folders, an index folder, or an index made by the bundled encoder.
            device: "auto", "cpu", "cuda", ...
            prices: Price references.
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
            ocr=make_ocr("auto", device=device),
            alterations=AlterationCheck(),
            prices=prices,
        )

    def _fitting(
        self, calibration: MatchCalibration | Literal["auto"] | None, kind: Literal["logo", "name"]
    ) -> MatchCalibration | None:
        key = (self.encoder.info.fingerprint, self.detector.fingerprint, kind)
        if calibration == "auto":
            return next((c for c in weights.calibrations() if (c.encoder, c.detector, c.kind) == key), None)
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
        if self.alterations is None:
            raise InputError("alteration: expected a scanner with an AlterationCheck, got alterations=None")
        drawing = self.index.drawing(match.brand, match.logo)
        if drawing is None or drawing[..., 3].min() == 255:  # of an opaque rectangle only the frame could be compared
            return None
        rgb = self._observer.load(image)
        return self.alterations.check(cut(rgb, match.xyxy), drawing)

    def tightened(self, image: ImageSource, match: Match) -> Match:
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
        state = self.index.snapshot()
        own = state.vectors[[record.brand == match.brand for record in state.logos]]
        if not len(own):
            raise InputError(f"match: expected a brand with a logo, got {match.brand!r}")
        boxes, near = refine(self._observer.load(image), np.array([match.xyxy], np.float32), [own], self.encoder)
        x0, y0, x1, y1 = (float(v) for v in boxes[0])
        return replace(match, xyxy=(x0, y0, x1, y1), similarity=float(np.clip(near[0], -1, 1)))

    def read_text(self, image: ImageSource) -> TextSpans:
        """Lines of text in one picture. Raises `ImageError` where it cannot be read.

        Raises:
            InputError: The scanner was built without an OCR engine.
        """
        if self.ocr is None:
            raise InputError("read_text: expected a scanner with an OCR engine, got ocr=None")
        return self.ocr.read([self._observer.load(image)])[0]

    # -- listings

    def scan(self, listing: Listing) -> Report:
        """The report of one listing. A photo that cannot be read is a warning in it."""
        return next(self.scan_many([listing]))

    def scan_many(self, listings: Iterable[Listing], *, batch_size: int = 4) -> Iterator[Report]:
        """Reports in the order of the listings, as they come; `batch_size` listings share the models' batches."""
        if batch_size < 1:
            raise InputError(f"batch_size: expected 1 or more, got {batch_size!r}")
        stream = iter(listings)
        while batch := list(islice(stream, batch_size)):
            index = self.index.snapshot()
            photos = [source for listing in batch for source in listing.images[:MAX_IMAGES]]
            seen = iter(self.observe(photos))
            for listing in batch:
                taken = list(islice(seen, min(len(listing.images), MAX_IMAGES)))
                yield self.judge(listing, taken, index)

    def observe(self, images: Sequence[ImageSource]) -> list[Observation]:
        """Look at photos: detect, encode, read. The expensive half of a scan; needs no register."""
        return self._observer.observe(images)

    def judge(self, listing: Listing, observations: Sequence[Observation], index: LogoIndex | None = None) -> Report:
        """The report of a listing whose photos were observed. The cheap half of a scan.

        Args:
            listing: As given.
            observations: One for each of its photos, in order.
            index: A snapshot of the register; the scanner's as it is now if None.
        """
        if index is None:  # an empty register is falsy, and a register all the same
            index = self.index.snapshot()
        warnings = [f"image {i}: {o.warning}" for i, o in enumerate(observations) if o.warning]
        skipped = [] if self.ocr else ["photos were not read: no OCR engine"]
        if len(listing.images) > len(observations):
            skipped.append(f"images {len(observations)} to {len(listing.images) - 1}: over the cap of {MAX_IMAGES}")
        matches = self.match(observations, index)
        mentions = _mentions(listing, observations, index.names)
        evidence = gather(matches, mentions)
        if self.calibration is None and matches:
            skipped.append("no match calibration for this encoder and detector: matches by look carry no probability")
        if self.name_calibration is None and index.by_name:
            skipped.append("no name calibration: matches of brands known by name alone carry no probability")
        readable = any(o.warning is None for o in observations)
        coded = _coded(listing, observations)
        scores, results = self._candidates(listing, index, matches, mentions, coded, evidence, skipped, readable)
        return Report(
            listing_id=listing.id,
            seller_id=listing.seller_id,
            score=top_score(scores) or self._score_model.nothing(),
            brands=tuple(sorted(results, key=lambda r: (-r.score, r.brand))),
            matches=tuple(m for m in matches if m.probability is None or m.probability >= _REPORT_FROM),
            mentions=tuple(m for m in mentions if m.probability >= _REPORT_FROM),
            warnings=tuple(warnings),
            skipped=tuple(skipped),
            images=tuple(o.record for o in observations),
            provenance=self._provenance(index),
        )

    def match(self, observations: Sequence[Observation], index: LogoIndex) -> tuple[Match, ...]:
        """Matches of all photos, surest first."""
        found: list[Match] = []
        for i, seen in enumerate(observations):
            found += self._match(i, seen, index)
        return self._surest_first(found)

    def _match(self, image: int, seen: Observation, index: LogoIndex) -> list[Match]:
        """Matches of one photo by the look and the points of logos, and by names where brands have no logo.

        A brand whose own negatives raised its threshold is not matched by its look below it.
        """
        regions, vectors = seen.regions, seen.vectors
        found = list(match_regions(image, regions, index.search_brands(vectors), self.calibration))
        if self.calibration is not None:
            usual, least = self.calibration.threshold, index.thresholds(self.calibration)
            raised = {brand: value for brand, value in least.items() if value > usual}
            found = [m for m in found if m.probability is None or m.probability > raised.get(m.brand, -1.0)]
        found += locate(image, seen, index)
        if index.by_name:
            found += match_regions(image, regions, index.search_names(vectors), self.name_calibration)
        return found

    @staticmethod
    def _surest_first(found: Iterable[Match]) -> tuple[Match, ...]:
        return tuple(sorted(found, key=lambda m: (-(m.probability or 0.0), -m.similarity - m.margin, m.image, m.xyxy)))

    def _shown(self, evidence: BrandEvidence | None, matches: Sequence[Match], by_logo: bool) -> float | None:
        """Probability that the photos show a brand; by the caller's threshold where logos have no calibration."""
        if evidence is None:
            return None
        if by_logo and self.calibration is None and self._similarity_threshold is not None:
            near = any(m.similarity >= self._similarity_threshold for m in matches if m.brand == evidence.brand)
            return max(float(near), evidence.shown or 0.0)
        return evidence.shown

    def _candidates(
        self,
        listing: Listing,
        index: LogoIndex,
        matches: Sequence[Match],
        mentions: Sequence[BrandMention],
        coded: tuple[CodedUse, ...],
        evidence: dict[str, BrandEvidence],
        skipped: list[str],
        readable: bool,
    ) -> tuple[list[Score], list[BrandResult]]:
        """Judge each brand that is shown, claimed or named."""
        claimed = _claim(listing, index)
        named = {m.brand for m in mentions if m.probability >= _CANDIDATE_FROM or m.kind in ("compatible", "style")}
        scores: list[Score] = []
        results: list[BrandResult] = []
        looked_for = {*index.with_logo, *(index.by_name if self.name_calibration else ())}
        can_see = readable and (self.calibration is not None or self._similarity_threshold is not None)
        for brand in index.brands:
            shown = self._shown(evidence.get(brand.name), matches, brand.name in index.with_logo)
            if shown is None and can_see and brand.name in looked_for:
                shown = 0.0  # photos were looked at, and nothing in them is near this brand
            if (shown or 0.0) < _CANDIDATE_FROM and brand.name not in named and brand.name != claimed:
                continue
            case = self._case(brand, listing, shown, claimed, mentions, coded)
            if case.price.anomaly is None:
                skipped.append(f"price not judged for {brand.name}: {case.price.reason}")
            signals = [s for s in (function(case) for function in self._signals) if s is not None]
            score = self._score_model.score(brand.name, signals, shown=shown)
            scores.append(score)
            seen = evidence.get(brand.name)
            calibrated = self.calibration is not None or (seen is not None and seen.logo is not None)
            probability = shown if calibrated else None
            results.append(BrandResult(brand.name, probability, score.value or 0.0))
        return scores, results

    def _case(
        self,
        brand: Brand,
        listing: Listing,
        shown: float | None,
        claimed: str | None,
        mentions: Sequence[BrandMention],
        coded: tuple[CodedUse, ...],
    ) -> Case:
        price = self._prices.judge(brand, listing.price, listing.currency, listing.category)
        own = tuple(m for m in mentions if m.brand == brand.name)
        return Case(brand, listing, shown, claimed, own, price, coded)

    def _provenance(self, index: LogoIndex) -> Provenance:
        info = self.encoder.info
        precision = getattr(self.encoder, "precision", "fp32")
        return Provenance(
            version=logoscan.__version__,
            encoder=f"{info.name}@{info.fingerprint} {precision}",
            index=index.fingerprint,
            detector=f"{self.detector.name}@{self.detector.fingerprint}",
            ocr=self.ocr.name if self.ocr else "none",
            score_model=self._score_model.version,
            device=self.encoder.device,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )


def _claim(listing: Listing, index: LogoIndex) -> str | None:
    """The registered brand that is claimed, or the claim's own words; None unknown, "" none ("unbranded" too)."""
    claim = listing.claimed_brand
    if claim is None or fold(claim) in NO_BRAND:
        return None if claim is None else ""
    return index.names.resolve(claim) or claim.strip()


def _mentions(listing: Listing, observations: Sequence[Observation], names: NameIndex) -> tuple[BrandMention, ...]:
    found: list[BrandMention] = []
    for source, text in (
        ("title", listing.title),
        ("description", listing.description),
        ("claim", listing.claimed_brand),
    ):
        if text:
            found += names.find(text, source)
    for i, seen in enumerate(observations):
        found += names.find_in_spans(seen.spans, f"image:{i}")
    return tuple(sorted(found, key=lambda m: (-m.probability, m.brand, m.source, m.kind)))


def _coded(listing: Listing, observations: Sequence[Observation]) -> tuple[CodedUse, ...]:
    """Coded terms in the listing's words and in each line of its photos."""
    words = (("title", listing.title), ("description", listing.description), ("claim", listing.claimed_brand))
    found = [CodedUse(source, hit) for source, text in words if text for hit in find_coded(text)]
    for i, seen in enumerate(observations):
        for text, sure in zip(seen.spans.texts, seen.spans.confidence.tolist(), strict=True):
            found += [CodedUse(f"image:{i}", hit, min(1.0, sure)) for hit in find_coded(text)]
    return tuple(found)
