"""The files that logoscan writes, each with a change that takes time, a way to read it, and the states it may have."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from logoscan.errors import InputError
from logoscan.index import storage
from logoscan.index.logo_index import LogoIndex
from logoscan.io.partial import PartialOutput
from logoscan.io.records import read_record, write_record
from logoscan.io.sealed_lines import SealedLines
from logoscan.matching.calibration import MatchCalibration
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.photo_table import PhotoRecord
from logoscan.merchants.state import MerchantState
from logoscan.odds import sigmoid
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord, PriceSample, sample_prices
from logoscan.reporting.jsonl import read_reports, report_to_json
from logoscan.results import Contribution, Provenance, Report, Score
from logoscan.review.journal import Journal
from logoscan.review.journal_file import VerdictFile
from logoscan.review.verdict import Verdict
from logoscan.review.verdict_rows import RowAnswer, VerdictRow
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, Embeddings, EncoderInfo, Preprocessing, Rgb
from logoscan.vision import weights

__all__ = ["KILLED", "SUBJECTS", "StandIn", "Subject", "verdict_rows"]

# Brands of the index, and listings of the scan.
_BRANDS = 30
_LISTINGS = 12


@dataclass(frozen=True)
class Subject:
    """One kind of file.

    Attributes:
        name: Readable name.
        make: Writes the first state into an empty folder.
        change: Leads from one state to the next, by what is in the folder alone.
        read: Reads the files; equal states give equal values.
        parts: States that one change may lead through, 1 for all or nothing; more where it writes several files.
        torn: A file that was cut may be read as a part of what it was, because a crash may have cut it.
    """

    name: str
    make: Callable[[Path], None]
    change: Callable[[Path], None]
    read: Callable[[Path], object]
    parts: int = 1
    torn: bool = False


class StandIn:
    """An encoder without a model: its vector is the mean colours of a grid of 4 x 4, as a unit row."""

    device = "cpu"

    def __init__(self, *_: object, **__: object) -> None:
        row = Preprocessing(16, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "squeeze")
        self.info = EncoderInfo("stand-in", "5" * 64, row, 49)
        self.description = f"stand-in@{self.info.fingerprint} fp32"

    def encode_pixels(self, pixels: Rgb) -> Embeddings:
        """Encode uint8 (n, 16, 16, 3) as float32 (n, 49)."""
        means = pixels.reshape(-1, 4, 4, 4, 4, 3).mean(axis=(2, 4)).reshape(-1, 48) / 127.5 - 1
        rows = np.concatenate([means, np.full((len(means), 1), 0.05)], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def picture(number: int) -> NDArray[np.uint8]:
    """Draw 16 coloured squares."""
    squares = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    return squares.repeat(12, axis=0).repeat(12, axis=1)


def a_report(number: int) -> Report:
    """Make a report with a score."""
    parts = (Contribution("low_price", 0.5 + number / 1000, 2.25 + number / 64, "17.50 EUR, usually 110.49 EUR"),)
    value = 100 * sigmoid(-4.0 + parts[0].contribution)
    score = Score(value, "clear", "Acme", -4.0, parts, 0.3, "m")
    made = Provenance("0", "e", "i", "d", "o", "s", "cpu", "2026-01-01T00:00:00+00:00")
    return Report(f"L{number}", f"shop-{number % 3}", score, (), (), (), (), (), (), made)


# -- the index


def _make_index(folder: Path) -> None:
    index = LogoIndex(StandIn())
    index.add_many([(Brand(f"B{n:03}"), [("a.png", picture(n))]) for n in range(_BRANDS)])
    index.save(folder / "index")


def _grow(folder: Path) -> None:
    index = LogoIndex.load(folder / "index", StandIn())
    number = int(index.brands[-1].name[1:]) + 1
    index.add(Brand(f"B{number:03}"), [("a.png", picture(number))])
    index.save(folder / "index")


def _shrink(folder: Path) -> None:
    index = LogoIndex.load(folder / "index", StandIn())
    index.remove(index.brands[0].name)
    index.save(folder / "index")


def _save_again(folder: Path) -> None:
    index = LogoIndex.load(folder / "index", StandIn())
    brand = index.brands[0]
    more = replace(brand, aliases=(*brand.aliases, f"alias {len(brand.aliases)}"))
    index.add(more, allow=["record"])
    index.save(folder / "index")


def _read_index(folder: Path) -> object:
    stored = storage.load(folder / "index")
    pictures = {name: bytes(png) for name, png in stored.logo_images.items()}
    return stored.encoder, stored.brands, stored.logos, stored.vectors.tobytes(), tuple(sorted(pictures.items()))


# -- models and states, a file each


def _prices(numbers: range) -> list[PriceRecord]:
    return [PriceRecord(f"b{n % 9}", 10 + n % 97 + n / 7, "EUR", f"c{n % 4}") for n in numbers]


def _change_prices(folder: Path) -> None:
    path = folder / "prices.json"
    model = PriceModel.load(path)
    model.with_rates({**model.rates, "EUR": 1.0, f"X{len(model.rates):02}": 1.25}).save(path)


def _change_sample(folder: Path) -> None:
    sample = PriceSample.load(folder / "sample.json")
    sample.merge(sample_prices(_prices(range(len(sample), len(sample) + 50)), seed=len(sample)))
    sample.save(folder / "sample.json")


def _read_sample(folder: Path) -> object:
    sample = PriceSample.load(folder / "sample.json")
    return repr((sample._seed, sorted(sample._counts.items(), key=str), sorted(sample._heaps.items(), key=str)))


def _change_score(folder: Path) -> None:
    model = ScoreModel.load(folder / "score.json")
    replace(model, bias=model.bias + 0.0625).save(folder / "score.json")


# A calibration, for its file.
_CALIBRATION = MatchCalibration("e" * 16, "d" * 16, -30.5, 36.25, 10.125, -0.5, 0.0, 0.75, "a benchmark")


def _change_calibration(folder: Path) -> None:
    was = read_record(MatchCalibration, folder / "calibration.json")
    write_record(folder / "calibration.json", replace(was, similarity=was.similarity + 0.5))


def _change_merchant(folder: Path) -> None:
    """Change a merchant as a caller does: write `to_json` into a file that is replaced at once."""
    from logoscan.io.files import atomic_write

    path = folder / "merchant.json"
    state = MerchantState.from_json(path.read_bytes(), str(path))
    state.add(replace(a_report(state.reports), seller_id="shop"))
    atomic_write(path, state.to_json().encode())


def _make_merchant(folder: Path) -> None:
    (folder / "merchant.json").write_text(MerchantState().to_json(), encoding="utf-8")
    for _ in range(20):
        _change_merchant(folder)


def _pdq(number: int) -> str:
    return np.random.default_rng(number).bytes(32).hex()


def _change_ledger(folder: Path) -> None:
    ledger = PhotoLedger.load(folder / "photos.ledger")
    ledger.add(f"shop-{len(ledger)}", [_pdq(len(ledger))])
    ledger.save(folder / "photos.ledger")


def _make_ledger(folder: Path) -> None:
    ledger = PhotoLedger()
    for number in range(300):
        ledger.add(f"shop-{number % 7}", [_pdq(number)])
    ledger.save(folder / "photos.ledger")


# -- files that grow


def _append(folder: Path, times: int = 1) -> None:
    journal = VerdictFile(folder / "verdicts.jsonl")
    for _ in range(times):
        with journal.locked():
            report = a_report(len(journal.lines))
            said = Verdict(len(journal.lines) + 1, "t", "reject", report.listing_id, "Acme", True, False, report.score)
            journal.append(said)


def verdict_rows(count: int) -> list[VerdictRow]:
    """Make rows of a file of verdicts, each on a listing of its own."""
    answers: Sequence[RowAnswer] = ("counterfeit", "genuine", "wrong_brand", "missed")
    return [VerdictRow(n + 2, f"L{n}", "Acme", answers[n % 4], weight=1 + n / 8) for n in range(count)]


def _make_import(folder: Path) -> None:
    Journal(folder / "verdicts.jsonl").import_rows(verdict_rows(8))


def _import(folder: Path) -> None:
    """Import a file that has grown by a row."""
    journal = Journal(folder / "verdicts.jsonl")
    journal.import_rows(verdict_rows(len(journal) + 1))


def _make_reports(folder: Path) -> None:
    with PartialOutput(folder / "reports.jsonl") as output:
        for number in range(10):
            output.write(report_to_json(a_report(number)).partition(',"sha256":')[0] + "}")


def _make_partial(folder: Path) -> None:
    _make_reports(folder)
    (folder / "reports.jsonl").rename(folder / "reports.jsonl.partial")


def _read_partial(folder: Path) -> object:
    """Read what a scan that goes on takes for done."""
    output = PartialOutput(folder / "reports.jsonl")
    with output.partial.open("r+b") as file:
        output._read(SealedLines(file, output.partial, None))
    return tuple(zip(output.done, output.bands, strict=True))


# -- a scan: reports, then the ledger


class _NoKeypoints:
    """Stands in for SIFT and finds no keypoints."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def detectAndCompute(self, *_: object) -> tuple[tuple[()], None]:  # noqa: N802
        """Find nothing, in the form of OpenCV's answer."""
        return (), None


def _run(*arguments: object) -> None:
    """Run a command of logoscan with stand-ins for the models."""
    from logoscan.cli import main

    with (
        patch("logoscan.vision.encoder.ClipEncoder", StandIn),
        patch("logoscan.scan.scanner.AlterationCheck", lambda: None),  # a network, which a fork may not build
        patch("cv2.SIFT_create", _NoKeypoints),  # takes a hundred times as long as all the rest
        redirect_stdout(io.StringIO()),
    ):
        try:
            main([str(a) for a in arguments], standalone_mode=True)
        except SystemExit as end:
            if end.code:
                raise InputError(f"logoscan {arguments[0]}: expected exit code 0, got {end.code}") from None


def _make_shop(folder: Path) -> None:
    _make_index(folder)
    (folder / "photos").mkdir()
    rows = []
    for number in range(_LISTINGS):
        Image.fromarray(picture(number)).save(folder / "photos" / f"{number}.png")
        rows.append({"id": f"L{number}", "images": [f"photos/{number}.png"], "title": "B001", "seller_id": "s"})
    (folder / "listings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _scan(folder: Path) -> None:
    _run(
        "scan", folder / "listings.jsonl", "--index", folder / "index", "--out", folder / "reports.jsonl",
        "--ledger", folder / "photos.ledger", "--ocr", "none", "--detector", "whole", "--similarity-threshold", "0.9",
    )  # fmt: skip


def _read_scan(folder: Path) -> object:
    path = folder / "reports.jsonl"
    reports = tuple(_timeless(report) for report in read_reports(path)) if path.is_file() else None
    begun = folder / "reports.jsonl.partial"
    if begun.is_file():
        text = begun.read_bytes()
        begun = begun.with_name("copy.partial")  # a reader takes whole lines
        begun.write_bytes(text[: text.rfind(b"\n") + 1])
        ids = [report.listing_id for report in read_reports(begun)] if begun.stat().st_size > 1 else []
        begun.unlink()
        if ids != [f"L{number}" for number in range(len(ids))]:
            raise InputError(f"partial: expected the first listings in their order, got {ids}")
    ledger = folder / "photos.ledger"
    return reports, tuple(map(_undated, PhotoLedger.load(ledger).records())) if ledger.is_file() else None


def _undated(record: PhotoRecord) -> PhotoRecord:
    return replace(record, first_seen=(), last_seen=())


def _timeless(report: Report) -> Report:
    return replace(report, provenance=replace(report.provenance, time=""))


# -- the bundled models


def _copy_weights(folder: Path) -> None:
    (folder / "weights").mkdir()
    for name in ("manifest.json", *(file for row in weights.rows().values() for file in row.files)):
        (folder / "weights" / name).write_bytes((weights.folder() / name).read_bytes())


def _read_weights(folder: Path) -> object:
    with patch.object(weights, "folder", lambda: folder / "weights"):
        weights._manifest.cache_clear()
        try:
            rows = weights.rows()
            return rows, weights.calibration_rows(), tuple(weights.verify(name)[0].name for name in rows)
        finally:
            weights._manifest.cache_clear()


def _no_change(_: Path) -> None:
    raise InputError("change: expected a file that logoscan changes")


KILLED: Sequence[Subject] = (
    Subject("index: save", _make_index, _save_again, _read_index),
    Subject("index: add and save", _make_index, _grow, _read_index),
    Subject("index: remove and save", _make_index, _shrink, _read_index),
    Subject(
        "prices",
        lambda f: PriceModel.fit(_prices(range(2000))).save(f / "prices.json"),
        _change_prices,
        lambda f: PriceModel.load(f / "prices.json"),
    ),
    Subject(
        "price sample",
        lambda f: sample_prices(_prices(range(500))).save(f / "sample.json"),
        _change_sample,
        _read_sample,
    ),
    Subject(
        "score",
        lambda f: ScoreModel().save(f / "score.json"),
        _change_score,
        lambda f: ScoreModel.load(f / "score.json"),
    ),
    Subject(
        "calibration",
        lambda f: write_record(f / "calibration.json", _CALIBRATION),
        _change_calibration,
        lambda f: read_record(MatchCalibration, f / "calibration.json"),
    ),
    Subject(
        "merchant",
        _make_merchant,
        _change_merchant,
        lambda f: MerchantState.from_json((f / "merchant.json").read_bytes(), str(f / "merchant.json")).to_json(),
    ),
    Subject(
        "ledger",
        _make_ledger,
        _change_ledger,
        lambda f: tuple(PhotoLedger.load(f / "photos.ledger").records()),
    ),
    Subject(
        "journal",
        lambda f: _append(f, 8),
        _append,
        lambda f: tuple(VerdictFile(f / "verdicts.jsonl").lines),
    ),
    Subject(
        "import of verdicts",
        _make_import,
        _import,
        lambda f: tuple(replace(v, time="") for v in VerdictFile(f / "verdicts.jsonl").lines),
    ),
    Subject("scan", _make_shop, _scan, _read_scan, parts=2),
)
"""Files whose writers are killed."""
READ: Sequence[Subject] = (
    Subject("reports", _make_reports, _no_change, lambda f: tuple(read_reports(f / "reports.jsonl"))),
    Subject("partial reports", _make_partial, _no_change, _read_partial, torn=True),
    Subject("bundled models", _copy_weights, _no_change, _read_weights),
)
"""Files that are only read here."""
# Kinds of change to a format that another subject stands for.
_ONCE = ("index: save", "index: remove and save", "import of verdicts", "scan")
SUBJECTS: Sequence[Subject] = (*(s for s in KILLED if s.name not in _ONCE), *READ)
"""Files that are altered, each format once."""
