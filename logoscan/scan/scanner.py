"""The facade: listings in, reports out. It wires the stages of a `Pipeline` and scans streams of listings.

A Scanner never changes after it is built. It extracts the features of photos first, which takes nearly all of the time
and needs no index, and judges them afterwards, which is cheap. This file is longer than 300 lines because half of it
documents arguments.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from logoscan._blas_threads import one_blas_thread
from logoscan.errors import InputError, LogoscanError
from logoscan.images.loading import ImageLimits
from logoscan.images.phash import PhotoLookup
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_listings
from logoscan.matching.alteration import Alteration, AlterationCheck, MarkComparison
from logoscan.matching.calibration import MatchCalibration, fitting_calibration
from logoscan.matching.match import most_probable_first
from logoscan.matching.matcher import Matcher
from logoscan.matching.refine import refine_match
from logoscan.merchants.serials import SerialList
from logoscan.merchants.token_list import TokenList
from logoscan.ocr.engine import OcrChoice, OcrEngine, make_ocr
from logoscan.pricing.model import PriceModel
from logoscan.results import Report
from logoscan.runtime import cores
from logoscan.scan.decision_log import OnDecision, announce_all
from logoscan.scan.evidence_rows import ContactKeeping
from logoscan.scan.findings import FindingsMaker
from logoscan.scan.pace import Pace
from logoscan.scan.pipeline import Pipeline
from logoscan.scan.processes import FeatureProcesses
from logoscan.scan.provenance import Models
from logoscan.scan.rejudging import rejudged
from logoscan.scan.screening import OnTimeout, OnUnreadable, Screener, Screening, check_listing
from logoscan.scan.threads import batched, in_order
from logoscan.scan.unreadable import warn_of_unreadable_photos
from logoscan.scan.warm_up import warm_up
from logoscan.scoring.judge import Judge
from logoscan.scoring.model import ScoreModel
from logoscan.scoring.signals import DEFAULT_SIGNALS, SignalFunction
from logoscan.sources import Root, check_root
from logoscan.store.maker import Maker, RecordedDetector, RecordedEncoder, RecordedOcr, require_same
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.store.writer import FeatureSink, FeatureWriter
from logoscan.types import Effort, ImageSource, Listing, MarkAlteration, Match, TextSpans
from logoscan.vision.detector import Detector, LogoDetector
from logoscan.vision.encoder import ClipEncoder, Encoder
from logoscan.vision.extractor import Extract, FeatureExtractor, OnStage
from logoscan.vision.features import FeatureCache, PhotoFeatures
from logoscan.vision.gpu_sift import make_sift
from logoscan.vision.sift import KeypointExtractor

__all__ = ["Scanner"]

logger = logging.getLogger(__name__)

# Photos of a stream whose features are kept and used again for equal photos.
_CACHED_PHOTOS = 256


class Scanner:
    """Scans listings with an index of brands. Immutable; may be shared by threads.

    Attributes:
        index: The index; each scan uses one snapshot of it.
        encoder: The encoder that made the index.
        detector: Proposes regions.
        ocr: Reads text; None reads none.
        effort: How much work may be saved.
        pipeline: The steps of a scan, one by one.
        calibration: Maps similarity to probability; None where none fits, and then `similarity_threshold` decides.
        name_calibration: Calibration for brands that are registered by their name alone.
    """

    def __init__(
        self,
        index: LogoIndex,
        *,
        encoder: Encoder,
        detector: Detector | None = None,
        ocr: OcrEngine | None = None,
        keypoints: KeypointExtractor | Literal["sift"] | None = "sift",
        alterations: AlterationCheck | Literal["bundled"] | None = None,
        check_alterations: bool = False,
        prices: PriceModel | None = None,
        score_model: ScoreModel | None = None,
        ledger: PhotoLookup | None = None,
        token_list: TokenList | None = None,
        serials: SerialList | None = None,
        contact_key: bytes | None = None,
        keep_contacts: bool = False,
        read_codes: bool | Literal["auto"] = "auto",
        hash_photos: bool = False,
        signals: Sequence[SignalFunction] = DEFAULT_SIGNALS,
        calibration: MatchCalibration | Literal["auto"] | None = "auto",
        name_calibration: MatchCalibration | Literal["auto"] | None = "auto",
        similarity_threshold: float | None = None,
        root: Root = None,
        limits: ImageLimits | None = None,
        effort: Effort = "default",
        keep_text: bool = False,
        on_stage: OnStage | None = None,
        on_decision: OnDecision | None = None,
    ) -> None:
        """Wire stages of your own; `Scanner.default` wires the bundled models.

        Args:
            index: The index.
            encoder: Must be the one that made the index.
            detector: Proposes regions; None is the bundled `LogoDetector` on the encoder's device.
            ocr: Reads text; None reads none.
            keypoints: Finds keypoints, which prove a logo image; None finds none. "sift" is SIFT on the
                encoder's device (`make_sift`).
            alterations: Compares marks with their logo images (`alteration`); "bundled" is the bundled check, which is
                read at first use; None cannot be asked.
            check_alterations: Whether each scan compares the marks that are surely shown, of three brands at most, for
                the signal `altered_logo`. Off, because each takes about as long as a look at a photo, and 5 % of
                faithful marks are called altered, more of redrawn, folded or partly covered ones
                (`weights/alterations.md`).
            prices: Price references; None judges by the owners' usual prices alone.
            score_model: The stated priors if None.
            ledger: Photos and who used them, such as a `PhotoLedger`; a scan reads it, the caller adds to it
                (`PhotoLedger.add_report`), official photos of brands too. None looks up none. Photos are hashed where
                the extra `photos` is installed, and must be for a ledger.
            token_list: Tokens of accounts that were closed (`TokenList.load`): a listing that shows one is not cleared.
                Photos are compared by their hashes; those without one by their files.
            serials: Which listings show which serial (`SerialList`); a scan reads it, the caller adds to it.
            contact_key: Secret of the platform, 16 bytes or more: contacts are then kept in reports as HMAC-SHA256
                under it, else by kind and number alone. With it, tokens of closed accounts may be contacts and serials.
            keep_contacts: Whether reports keep contacts in clear. By default "[phone]", "[mail]" and the like stand in
                their place in every text; ids, names of files and photos are not touched.
            read_codes: Whether bar codes and matrix codes are read in photos; "auto": where the extra `codes` is there.
            hash_photos: Whether the hashes of the turned and mirrored pictures of each photo are computed as well, as a
                feature store has them.
            signals: Functions of a `Case`.
            calibration: "auto" takes the bundled one that belongs to encoder and detector, if there is one.
            name_calibration: Calibration for brands that are registered by their name alone; "auto" as above.
            similarity_threshold: Least cosine from which a brand counts as shown, where there is no calibration.
            root: Folder that names of photos are relative to and may not leave. None: the folder of the listings, for
                those of `read_listings`, else the current one, and a `pathlib.Path` is opened wherever it leads.
                `ANYWHERE` opens whatever a listing names.
            limits: Caps on image files.
            effort: How much work may be saved by keypoints, mirroring, reading and the detector made here; an OCR
                engine and a detector that are given have their own.
            keep_text: Whether reports keep the lines that were read in photos (`Report.text`), which may name people.
            on_stage: Called with the name of each stage that ended and its seconds, for metrics; `vision.extractor`
                explains the names (`STAGES`), which are stable.
            on_decision: Called with each decision of a scan, a screening or `rejudge`, for a log without personal data;
                `decision_log.log_decision` logs it as a line of JSON.

        Raises:
            InputError: `check_alterations` is set without `alterations`, or `effort` does not exist.
            MismatchError: Index and encoder, or calibration and stages, do not belong together.
            CorruptFileError: The bundled detector is wanted, and missing or altered.
        """
        index.require(encoder.info)
        check_root(root)
        if check_alterations and alterations is None:
            raise InputError("check_alterations: expected a scanner with an AlterationCheck, got alterations=None")
        if effort not in get_args(Effort):
            raise InputError(f"effort: expected default or full, got {effort!r}")
        self.index, self.encoder, self.ocr, self._root = index, encoder, ocr, root
        self.effort: Effort = effort
        self.detector: Detector = detector or LogoDetector(device=encoder.device, effort=effort)
        extractor = FeatureExtractor(
            encoder,
            self.detector,
            ocr,
            make_sift(encoder.device) if keypoints == "sift" else keypoints,
            root=root,
            limits=limits,
            hash_photos=ledger is not None or token_list is not None or find_spec("pdqhash") is not None,
            dihedral=hash_photos or ledger is not None,
            codes=read_codes,
            effort=effort,
            on_stage=on_stage,
        )
        matcher = Matcher(
            fitting_calibration(calibration, encoder.info, self.detector, "logo"),
            fitting_calibration(name_calibration, encoder.info, self.detector, "name"),
            thorough=effort == "full",
            on_stage=on_stage,
            device=encoder.device if encoder.device.startswith(("cuda", "cpu:")) else "cpu",
        )
        self.calibration, self.name_calibration = matcher.calibration, matcher.name_calibration
        if self.calibration is None and similarity_threshold is None:
            logger.warning(
                "no calibration for encoder %s with detector %s: matches carry no probability and no brand counts as "
                "shown by its logo unless similarity_threshold is given",
                encoder.info.name,
                self.detector.name,
            )
        self.pipeline = Pipeline(
            extractor,
            matcher,
            MarkComparison(alterations, extractor, always=check_alterations),
            FindingsMaker(
                matcher, similarity_threshold, ledger, token_list, serials, ContactKeeping(contact_key, keep_contacts)
            ),
            Judge(prices or PriceModel(), score_model or ScoreModel(), tuple(signals)),
            Models.of(encoder, self.detector, ocr),
            on_stage,
            keep_text=keep_text,
        )
        self._on_decision, self._process = on_decision, os.getpid()
        self._screener = self.screener()

    @classmethod
    def default(
        cls,
        brands: str | Path | LogoIndex,
        *,
        device: str = "auto",
        encoder: Encoder | None = None,
        detector: Detector | None = None,
        ocr: OcrEngine | OcrChoice | None = "auto",
        languages: Sequence[str] | None = None,
        recognisers: Mapping[str, str | Path] | None = None,
        effort: Effort = "default",
        prices: PriceModel | None = None,
        score_model: ScoreModel | None = None,
        ledger: PhotoLookup | None = None,
        token_list: TokenList | None = None,
        serials: SerialList | None = None,
        contact_key: bytes | None = None,
        keep_contacts: bool = False,
        read_codes: bool | Literal["auto"] = "auto",
        hash_photos: bool = False,
        root: Root = None,
        check_alterations: bool = False,
        limits: ImageLimits | None = None,
        calibration: MatchCalibration | Literal["auto"] | None = "auto",
        name_calibration: MatchCalibration | Literal["auto"] | None = "auto",
        similarity_threshold: float | None = None,
        signals: Sequence[SignalFunction] = DEFAULT_SIGNALS,
        keep_text: bool = False,
        on_stage: OnStage | None = None,
        on_decision: OnDecision | None = None,
    ) -> Scanner:
        """Wire the bundled models. All wiring of the library is done here.

        Networks that were compiled for this processor are kept in the user's cache, which halves the time of the next
        start; the environment variable `LOGOSCAN_CACHE` names another folder, or is "off".

        Args:
            brands: A folder of brand folders, an index folder, or an index.
            device: "auto", "cpu", "cuda", ...; for what is made here.
            encoder: The index's own, or the bundled CLIP, if None.
            detector: Proposes regions; None is the bundled `LogoDetector`.
            ocr: An engine, the name of one ("auto", "easyocr", "rapidocr", "tesseract", "none"), or None, which reads
                no text.
            languages: ISO 639-1 codes of what an engine that is named reads (`make_ocr`); None is what it reads itself.
            recognisers: ONNX files of PP-OCR's recognisers for an engine that is named, by language (`make_ocr`).
            effort: How much work may be saved: "default" leaves out what hardly ever changes a report.
            prices: Price references; None judges by the owners' usual prices alone.
            score_model: The stated priors if None.
            ledger: Photos and who used them; None looks up none.
            token_list: Tokens of accounts that were closed, as for the constructor.
            serials: Which listings show which serial, as for the constructor.
            contact_key: Secret under which contacts are hashed, as for the constructor.
            keep_contacts: Whether contacts are kept in clear, as for the constructor.
            read_codes: Whether codes are read, as for the constructor.
            hash_photos: Whether turned and mirrored photos are hashed as well, as for the constructor.
            root: Folder that names of photos are relative to and may not leave, as for the constructor.
            check_alterations: Whether each scan compares the most probable marks with their logo images.
            limits: Caps on image files.
            calibration: "auto" takes the bundled one that belongs to encoder and detector, if there is one.
            name_calibration: Calibration for brands that are registered by their name alone; "auto" as above.
            similarity_threshold: Least cosine from which a brand counts as shown, where there is no calibration.
            signals: Functions of a `Case`.
            keep_text: Whether reports keep the lines that were read in photos, which may name people.
            on_stage: Called with the name of each stage that ended and its seconds, as for the constructor.
            on_decision: Called with each decision, as for the constructor.

        Raises:
            InputError: There are no brands, or an argument is out of range.
            MismatchError: The index was made by another encoder.
            VettingError: Two brand folders conflict with each other (`LogoIndex.add`).
        """
        if isinstance(brands, LogoIndex):
            encoder = encoder or brands.encoder
        elif not isinstance(brands, (str, Path)) or not (LogoIndex.is_saved_at(brands) or Path(brands).is_dir()):
            raise InputError(f"brands: expected a folder of brand folders, an index folder or an index, got {brands!r}")
        encoder = encoder or ClipEncoder(device=device)
        if isinstance(ocr, str):
            ocr = make_ocr(ocr, device=encoder.device, effort=effort, languages=languages, recognisers=recognisers)
        elif languages is not None or recognisers is not None:
            raise InputError("languages: expected an OCR engine by its name beside them, got an engine or none")
        return cls(
            _index_of(brands, encoder),
            encoder=encoder,
            detector=detector,
            ocr=ocr,
            alterations="bundled",
            check_alterations=check_alterations,
            prices=prices,
            score_model=score_model,
            ledger=ledger,
            token_list=token_list,
            serials=serials,
            contact_key=contact_key,
            keep_contacts=keep_contacts,
            read_codes=read_codes,
            hash_photos=hash_photos,
            signals=signals,
            calibration=calibration,
            name_calibration=name_calibration,
            similarity_threshold=similarity_threshold,
            root=root,
            limits=limits,
            effort=effort,
            keep_text=keep_text,
            on_stage=on_stage,
            on_decision=on_decision,
        )

    def warm_up(self) -> float:
        """Load and run all models once, and return the seconds that it took.

        A service calls it before it accepts requests, so that the first one is as fast as the others. It scans a
        listing that is made up, which touches no file, counts as no decision and teaches the screening no duration;
        its stages are reported to `on_stage`.

        Raises:
            LogoscanError: A model breaks at a plain photo.
        """
        self._refuse_fork()
        start = time.perf_counter()
        warm_up(self.pipeline, self.index.snapshot())
        return time.perf_counter() - start

    # -- listings

    def scan(self, listing: Listing) -> Report:
        """Scan one listing, and return its report. A photo that cannot be read is a warning in the report.

        Raises:
            InputError: The argument is no Listing.
        """
        return next(self.scan_many([listing], workers=1, deduplicate=False))

    def scan_many(
        self,
        listings: Iterable[Listing],
        *,
        batch_size: int = 4,
        workers: int | None = None,
        deduplicate: bool = True,
        keep_features: FeatureSink | None = None,
    ) -> Iterator[Report]:
        """Yield reports in the order of the listings, as they come.

        Batches of listings are scanned in parallel: by threads, or, with `workers` of 2 or more on a CPU of several
        cores, by so many processes, each on a core of its own. They load the models for themselves, which takes
        seconds, and look at photos; this process matches and judges, and asks the ledger. A process that dies is
        replaced, and its photos are looked at again. Models of your own that cannot be pickled are run by threads, and
        the log says so.

        Args:
            listings: Listings, which are read as far ahead as there are batches in work, with processes twice as far.
            batch_size: Listings that share the models' batches, 1 or more.
            workers: Batches in work in parallel, 1 or more; 1 uses no threads, and reads no further than one batch.
                None: threads, cores over torch's threads; on a GPU 4 or more. `logoscan.runtime.one_core_a_batch()`
                before the models are built makes these as many as there are cores. Beside processes, numpy's BLAS uses
                one thread for each call, your own calls too, until the stream ends or is closed.
            deduplicate: Whether features of the last 256 photos are used again for equal photos.
            keep_features: An open writer that gets the features of each listing's photos before its report is yielded,
                for `rejudge` and `FeatureStore.find`; make it with `feature_writer`.

        Raises:
            InputError: `batch_size` or `workers` is under 1, or an item is no Listing.
        """
        if batch_size < 1:
            raise InputError(f"batch_size: expected 1 or more, got {batch_size!r}")
        if workers is not None and workers < 1:
            raise InputError(f"workers: expected 1 or more or None, got {workers!r}")
        batches = batched(map(check_listing, listings), batch_size)
        scanned = self._scanned(batches, workers, _CACHED_PHOTOS * deduplicate)
        return warn_of_unreadable_photos(_stored(scanned, keep_features), self._root)

    def _scanned(
        self, batches: Iterator[list[Listing]], workers: int | None, cached_photos: int
    ) -> Iterator[tuple[Report, Sequence[PhotoFeatures]]]:
        """Yield reports with the features of their photos, by processes where these are asked for and can be had."""
        extractor, processes = self.pipeline.extractor, None
        if workers is not None and min(workers, cores()) > 1 and self.encoder.device == "cpu":
            processes = FeatureProcesses.of(
                extractor, workers, cached_photos=cached_photos, on_stage=self.pipeline.on_stage
            )
        extract: Extract = partial(extractor.extract, cache=FeatureCache(cached_photos))
        if processes is not None:
            extract = processes.extract

        def scan_batch(batch: Sequence[Listing]) -> Iterator[tuple[Report, Sequence[PhotoFeatures]]]:
            self._refuse_fork()
            reports = self.pipeline.scan(batch, self.index.snapshot(), extract)
            return announce_all(reports, len(batch), self._on_decision)

        # more batches than processes, so that the next photos wait for these while this one matches and judges
        in_work = workers or self._workers()
        if processes is not None:
            in_work = 2 * in_work + 1
        try:
            with one_blas_thread() if processes is not None else nullcontext():
                yield from in_order(batches, scan_batch, in_work)
        finally:
            if processes is not None:
                processes.close()

    def feature_writer(self, folder: str | Path, settings: StoreSettings | None = None) -> FeatureWriter:
        """Return a writer that keeps what this scanner sees, for `scan_many(keep_features=)`; open it by `with`.

        Args:
            folder: Folder of the store, which is made; one with features of other models is refused.
            settings: How features are stored; vectors a byte a number, and without text, if None.

        Raises:
            MissingDependencyError: pyarrow is not installed.
        """
        settings = settings or StoreSettings()
        return FeatureWriter(folder, self.maker(text=settings.keep_text), settings)

    def maker(self, *, text: bool = False) -> Maker:
        """Return what makes the features of this scanner, as stored features carry it.

        Args:
            text: Whether the lines of text are kept.
        """
        models = Models.of(self.encoder, self.detector, self.ocr)
        maker = Maker.of(self.encoder, self.detector, models.ocr, self.effort, text=text)
        return replace(maker, precision=models.precision, runtime=models.runtime)

    @classmethod
    def recorded(cls, index: LogoIndex, store: FeatureStore, **options: Any) -> Scanner:
        """Return a scanner for `rejudge`, with the names of the models that made stored features: it loads no model.

        Args:
            index: The brands to judge by.
            store: Stored features.
            options: Those of the constructor that judging uses: prices, score_model, ledger, signals, calibration,
                name_calibration, similarity_threshold, on_decision, and keep_text, which is on where the store has the
                text.

        Raises:
            InputError: The store is empty.
            MismatchError: The index was made by another encoder.
        """
        maker = store.maker
        parts: dict[str, Any] = {"ocr": None if maker.ocr is None else RecordedOcr(maker.ocr), "keypoints": None}
        options = {"keep_text": maker.text, **options}
        return cls(
            index,
            encoder=RecordedEncoder(maker),
            detector=RecordedDetector(maker),
            effort=maker.effort,
            **parts,
            **options,
        )

    def rejudge(
        self,
        listings: Iterable[Listing],
        store: FeatureStore,
        *,
        earlier: Callable[[str], Report | None] | None = None,
        earlier_index: LogoIndex | None = None,
    ) -> Iterator[Report]:
        """Yield the report of each listing by its stored features: new brands, prices and models, and no photo opened.

        Listings are matched, read and judged by the pipeline of a scan. `Report.skipped` says what stored features
        cannot answer: alterations and, where they were not kept, keypoints and the text of photos. Keypoint matches,
        and the brands that were read in photos, are taken from earlier reports where these are given. A photo that is
        not stored counts as one that could not be read, so that its listing is not cleared.

        Args:
            listings: Listings; fast in the order in which they were stored.
            store: Stored features of these models.
            earlier: Returns the earlier report of a listing by its id, and None where there is none.
            earlier_index: The index by which these reports were judged. Only logo images that it lacks are compared
                with keypoints first, which takes most of the time; the reports say what the others found.

        Raises:
            MismatchError: The features were made by other models.
            InputError: An item is no Listing.
        """
        if not store.empty:
            require_same(store.maker, self.maker(text=store.maker.text), str(store.folder))
        pairs = store.paired(map(check_listing, listings))
        return rejudged(
            self.pipeline,
            self.index.snapshot(),
            pairs,
            earlier or (lambda _: None),
            earlier_index=earlier_index,
            quantised=store.codec.codebook is not None,
            on_decision=self._on_decision,
        )

    def scan_folder(self, folder: str | Path, *, workers: int | None = None) -> Iterator[Report]:
        """Yield a report for each photo of a folder and of the folders in it; its id is the file's name.

        Raises:
            InputError: There is no such folder.
        """
        if not Path(folder).is_dir():
            raise InputError(f"folder: expected a folder of photos, got {str(folder)!r}")
        return self.scan_many(read_listings(folder), workers=workers)

    def _workers(self) -> int:
        import torch

        return max(1 if self.encoder.device == "cpu" else 4, cores() // torch.get_num_threads())

    def screen(
        self,
        listing: Listing,
        *,
        deadline_s: float,
        on_timeout: OnTimeout = "hold",
        on_unreadable: OnUnreadable = "hold",
        ask_from: float | None = None,
    ) -> Screening:
        """Decide before posting: allow, hold or block, by as much of a scan as the deadline allows.

        Words, price and seller come first, then each photo is opened, then examined: regions, keypoints, text. It
        stops early where no remaining stage can change the decision. A stage is not started unless it is expected to
        end in time, judged by the durations of earlier stages; a running model is never interrupted, so a deadline can
        be overrun. Photos are opened even after the deadline, for two seconds of opening in all, because one that
        cannot be read must not be allowed for lack of time. To measure durations, screen five listings or more with
        `deadline_s=math.inf` after `warm_up`.

        Args:
            listing: The listing to be posted.
            deadline_s: Seconds from now, above 0; `math.inf` takes every stage and gives the report of a scan.
            on_timeout: Decision where the listing would be allowed so far, and a stage that could change that was left
                out for the deadline. "allow" lets listings pass that nobody examined, also for sellers who make the
                screening slow: watch `Screener.counts`.
            on_unreadable: Decision where the listing would be allowed but for a photo that cannot be read or breaks a
                model, or a field that was dropped. "allow" lets listings pass that nobody examined, and a seller can
                bring that about. It has precedence over `on_timeout`.
            ask_from: Score from which a listing that would be allowed is held until its seller sends a photo with the
                note in `Screening.ask_for`, in [0, 100]; needs a scanner with a `contact_key`, a `ledger` and OCR. Then
                those who do not answer make up for counterfeiters who do, so that a photo releases listings that a
                person would look at. Where the deadline left photos unexamined, `on_timeout` decides. None holds none.

        Raises:
            InputError: `deadline_s`, `on_timeout`, `on_unreadable` or `ask_from` is out of range, or the scanner lacks
                what `ask_from` needs.
        """
        self._refuse_fork()
        return self._screener.screen(listing, deadline_s=deadline_s, on_timeout=on_timeout, on_unreadable=on_unreadable,
                                    ask_from=ask_from)  # fmt: skip

    def screener(self, *, pace: Pace | None = None, clock: Callable[[], float] = time.perf_counter) -> Screener:
        """Return a screener with a pace of its own; `screen` shares one between all callers."""
        return Screener(self.pipeline, self.index, pace=pace, clock=clock, on_decision=self._on_decision)

    # -- the two halves of a scan

    def features(self, images: Sequence[ImageSource]) -> list[PhotoFeatures]:
        """Extract the features of photos and return them: the expensive half of a scan, which needs no index."""
        if isinstance(images, (str, bytes, Path)):
            raise InputError(f"images: expected photos in a sequence, got {type(images).__name__}")
        self._refuse_fork()
        return self.pipeline.extractor.extract(images)

    def match(self, photos: Sequence[PhotoFeatures], index: LogoIndex | None = None) -> tuple[Match, ...]:
        """Match the photos of a listing, and return the matches, most probable first.

        Args:
            photos: Features of the listing's photos, in order.
            index: A snapshot of the index; the scanner's as it is now if None.
        """
        return self.pipeline.match([photos], self._snapshot(index))[0]

    def judge(
        self,
        listing: Listing,
        photos: Sequence[PhotoFeatures],
        index: LogoIndex | None = None,
        *,
        altered: Mapping[str, MarkAlteration] | None = None,
    ) -> Report:
        """Return the report of a listing whose photos were examined: the cheap half of a scan.

        Args:
            listing: The listing.
            photos: Features of the listing's photos, in order; photos beyond them were not examined.
            index: A snapshot of the index; the scanner's as it is now if None.
            altered: Alteration of brands' marks, by brand, where the caller compared them.
        """
        index = self._snapshot(index)
        matches = self.match(photos, index)
        text = self.pipeline.text(listing, photos, index)
        return self.pipeline.report(text, photos, index, matches, altered or {})

    def _snapshot(self, index: LogoIndex | None) -> LogoIndex:
        return self.index.snapshot() if index is None else index  # an empty index is falsy, but must be used

    # -- one photo

    def find_logos(self, image: ImageSource) -> tuple[Match, ...]:
        """Find registered logos in one photo, and return the matches, most probable first.

        Only the regions that the detector proposes are matched; a scan with OCR also matches the lines of text.

        Raises:
            ImageError: The photo cannot be read.
        """
        self._refuse_fork()
        features = self.pipeline.extractor.extract_unread(image)
        return most_probable_first(self.pipeline.matcher.match([features], self.index.snapshot())[0])

    def alteration(self, image: ImageSource, match: Match) -> Alteration | None:
        """Compare a matched mark with its registered logo image: faithful, mirrored, stretched or incomplete.

        It takes about as long as examining a photo, so it is for doubtful matches and for reports, not for all matches.

        Args:
            image: The photo.
            match: A match of the photo, by a logo.

        Returns:
            None where the index has no image of the logo, or one without outlines (an opaque photograph), or where it
            cannot be aligned with the region.

        Raises:
            InputError: The scanner was built without an alteration check, or the logo is no longer registered.
            ImageError: The photo cannot be read.
        """
        self._refuse_fork()
        return self.pipeline.comparison.alteration(image, match, self.index.snapshot())

    def refine_box(self, image: ImageSource, match: Match) -> Match:
        """Move and resize the box of a match to where it is most similar to the brand's logos (`refine_match`).

        It takes about as long as examining a photo, so it is for reports that people see, not for all matches.

        Args:
            image: The photo.
            match: A match of the photo, by a logo.

        Returns:
            The match with that box and its similarity, never lower than that of the box given. Margin and probability
            stay those of the proposed region, because calibrations were not fitted on regions that were chosen for
            their similarity.

        Raises:
            InputError: The brand no longer has a logo.
            ImageError: The photo cannot be read.
        """
        self._refuse_fork()
        return refine_match(self.pipeline.extractor.load(image), match, self.index.snapshot(), self.encoder)

    def read_text(self, image: ImageSource) -> TextSpans:
        """Read the lines of text in one photo, and return them.

        Raises:
            InputError: The scanner was built without an OCR engine.
            ImageError: The photo cannot be read.
        """
        if self.ocr is None:
            raise InputError("read_text: expected a scanner with an OCR engine, got ocr=None")
        self._refuse_fork()
        return self.ocr.read([self.pipeline.extractor.load(image)])[0]

    # -- processes

    def _refuse_fork(self) -> None:
        if os.getpid() != self._process:  # models would wait for ever for threads that do not exist in a fork
            raise LogoscanError(
                f"Scanner: built in process {self._process} and used in its fork {os.getpid()}, where the threads of "
                "its models are missing; start processes by spawn or forkserver, and build it in each of them"
            )

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, because models cannot be sent to another process.

        Raises:
            TypeError: Always; the message says what to do.
        """
        raise TypeError("Scanner cannot be pickled: build it in each process, from an index that is saved on disk")


def _stored(scanned: Iterator[tuple[Report, Sequence[PhotoFeatures]]], writer: FeatureSink | None) -> Iterator[Report]:
    """Yield reports, each after the features of its photos were stored."""
    for report, photos in scanned:
        if writer is not None:
            writer.add(report.listing_id, photos)
        yield report


def _index_of(brands: str | Path | LogoIndex, encoder: Encoder) -> LogoIndex:
    if isinstance(brands, LogoIndex):
        return brands
    if LogoIndex.is_saved_at(brands):
        return LogoIndex.load(brands, encoder)
    index, warnings = LogoIndex.from_folder(brands, encoder)
    for warning in warnings:
        logger.warning("%s", warning)
    return index
