"""The scanner of a command: its options, and how they are wired. `scan`, its shards and `screen` use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logoscan.cli.inputs import load_serials, photo_lookup
from logoscan.cli.options import (
    CONTACT_KEY,
    DETECTOR,
    DEVICE,
    EFFORT,
    ENCODER,
    INDEX,
    LANGUAGES,
    MAP,
    MODE,
    OCR,
    PRETRAINED,
    RECOGNISERS,
    DetectorChoice,
    read_key,
)  # fmt: skip
from logoscan.io.records import read_record
from logoscan.matching.calibration import MatchCalibration
from logoscan.merchants.token_list import TokenList
from logoscan.ocr.engine import OcrChoice
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.scoring.model import ScoreModel
from logoscan.types import Effort, Listing

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner

__all__ = ["ScannerOptions", "identity_of", "make_scanner", "make_shard_scanner", "scanner_options"]

_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    INDEX,
    click.option("--root", type=click.Path(path_type=Path), help="Folder of the photos; default: where LISTINGS is."),
    click.option(
        "--prices", type=click.Path(path_type=Path), help="CSV: brand,price,currency[,category,condition,title]."
    ),
    MAP,
    click.option(
        "--score-model", type=_EXISTING, help="JSON, as ScoreModel.save wrote it; default: the stated priors."
    ),
    click.option(
        "--ledger",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File of photos and the sellers who used them: read, if it is there; `scan` adds what it scanned. Or a "
        "Parquet table (pdq, seller_id[, first_seen, official_of]) for more than 5 million photos, which is only read.",
    ),
    click.option(
        "--serials",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File of serials in codes, and the listings that show them: read, if it is there; `scan` "
        "adds what it scanned. One serial in many listings speaks against them.",
    ),
    ENCODER,
    PRETRAINED,
    click.option(
        "--similarity-threshold",
        type=float,
        help="For an encoder without a calibration: cosine from which a brand counts as shown.",
    ),
    click.option(
        "--calibration",
        type=_EXISTING,
        help="As `calibrate` wrote it; default: the bundled one, if encoder and detector are.",
    ),
    DETECTOR,
    OCR,
    LANGUAGES,
    RECOGNISERS,
    EFFORT,
    click.option(
        "--check-alterations",
        is_flag=True,
        help="Compare marks that are surely shown with their logos; takes as long again as the photo.",
    ),
    click.option(
        "--keep-text",
        is_flag=True,
        help="Keep the lines that are read in photos, in reports and stored features; they may name people.",
    ),
    CONTACT_KEY,
    click.option(
        "--keep-contacts",
        is_flag=True,
        help="Keep phone numbers, mail addresses and messenger names in clear; default: [phone], [mail] and the like.",
    ),
    DEVICE,
    MODE,
)


def scanner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a scanner to a command, which takes them as the fields of `ScannerOptions`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class ScannerOptions:
    """Options of which a scanner is made; plain values, so that they can travel to other processes.

    Attributes:
        index_dir: Folder of the index.
        root: Folder of the photos; None is that of the listings.
        prices: File of prices.
        columns: Our fields by the names of the columns that hold them, for all tables.
        score_model: File of a score model.
        ledger: File of a photo ledger.
        serials: File of a list of serials.
        encoder: Name or folder of the encoder.
        pretrained: Weights of the encoder.
        similarity_threshold: Least cosine from which a brand counts as shown.
        calibration: File of a match calibration.
        detector: Which detector to use.
        ocr: Which OCR engine to use.
        languages: Languages of text in photos; None is what the engine reads by itself.
        recognisers: Files of recognisers by language.
        effort: How much work may be saved.
        check_alterations: Whether marks are compared with their logos.
        keep_text: Whether reports, and features that are stored, keep the lines that are read in photos.
        contact_key: File with the secret under which contacts are hashed.
        keep_contacts: Whether contacts are kept in clear.
        device: Device of the models.
        hash_turned: Whether turned and mirrored photos are hashed as well, for stored features, where pdqhash is there.
    """

    index_dir: Path
    root: Path | None
    prices: Path | None
    columns: Mapping[str, str] | None
    score_model: Path | None
    ledger: Path | None
    serials: Path | None
    encoder: str | None
    pretrained: str | None
    similarity_threshold: float | None
    calibration: Path | None
    detector: DetectorChoice
    ocr: OcrChoice
    languages: tuple[str, ...] | None
    recognisers: Mapping[str, Path] | None
    effort: Effort
    check_alterations: bool
    keep_text: bool
    contact_key: Path | None
    keep_contacts: bool
    device: str
    hash_turned: bool = False

    def resolved(self) -> ScannerOptions:
        """Return the same options with absolute paths, for processes in other folders."""
        paths: dict[str, Any] = {
            f.name: value.resolve() for f in fields(self) if isinstance(value := getattr(self, f.name), Path)
        }
        if self.recognisers is not None:
            paths["recognisers"] = {code: file.resolve() for code, file in self.recognisers.items()}
        return replace(self, **paths)

    def deciding(self) -> dict[str, object]:
        """Return what decides reports and stands in no provenance, by name."""
        names = (
            "prices",
            "calibration",
            "ledger",
            "serials",
            "root",
            "effort",
            "check_alterations",
            "keep_text",
            "contact_key",
            "keep_contacts",
        )
        out = {name: getattr(self, name) for name in names}
        columns = sorted((self.columns or {}).items()) or None
        return {**out, "similarity_threshold": self.similarity_threshold, "columns": columns}


def make_scanner(options: ScannerOptions, prices: PriceModel | None, token_list: TokenList | None = None) -> Scanner:
    """Wire the scanner of some options.

    Args:
        options: The options.
        prices: Price references, which the caller has read to report bad rows.
        token_list: Tokens of closed accounts; None knows none.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.scan.scanner import Scanner
    from logoscan.vision.detector import make_detector
    from logoscan.vision.encoder import ClipEncoder

    ledger = None if options.ledger is None else photo_lookup(options.ledger)
    clip = ClipEncoder(options.encoder, options.pretrained, device=options.device)
    return Scanner.default(
        LogoIndex.load(options.index_dir, clip),
        device=options.device,
        encoder=clip,
        detector=make_detector(options.detector, device=options.device, effort=options.effort),
        ocr=options.ocr,
        languages=options.languages,
        recognisers=options.recognisers,
        effort=options.effort,
        prices=prices,
        score_model=None if options.score_model is None else ScoreModel.load(options.score_model),
        ledger=ledger,
        serials=None if options.serials is None else load_serials(options.serials),
        token_list=token_list,
        hash_photos=options.hash_turned and find_spec("pdqhash") is not None,
        root=options.root,
        check_alterations=options.check_alterations,
        calibration="auto" if options.calibration is None else read_record(MatchCalibration, options.calibration),
        similarity_threshold=options.similarity_threshold,
        keep_text=options.keep_text,
        contact_key=read_key(options.contact_key),
        keep_contacts=options.keep_contacts,
    )


def make_shard_scanner(options: ScannerOptions) -> Scanner:
    """Wire the scanner of some options in a worker of a distributed scan."""
    prices = None
    if options.prices is not None:
        prices = PriceModel.fit(read_prices(options.prices, on_error=lambda row: None))  # the command reports bad rows
    return make_scanner(options, prices)


def identity_of(scanner: Scanner) -> dict[str, str]:
    """Return what decides a scanner's reports, by name, as far as its provenance says.

    Which packs a report used depends on its listing; the index, which holds them, is among the rest.
    """
    provenance = asdict(scanner.scan(Listing("-")).provenance)
    return {
        name: str(value) for name, value in provenance.items() if name not in ("device", "packs", "runtime", "time")
    }
