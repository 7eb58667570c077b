"""The command line: `logoscan demo | register | scan | report | verdict | calibrate`. Arguments to library calls."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from filelock import FileLock
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

import logoscan
from logoscan.errors import InputError, LogoscanError
from logoscan.images import load_image
from logoscan.jsonio import atomic_write, read_record, to_json
from logoscan.ledger import PhotoLedger
from logoscan.listings import BadRow, read_labels, read_listings, read_prices
from logoscan.match import MatchCalibration
from logoscan.price import PriceModel
from logoscan.report import draw_overlay, read_reports, report_to_json
from logoscan.results import Report
from logoscan.resume import PartialOutput
from logoscan.score import ScoreModel
from logoscan.types import Listing

_errors = Console(stderr=True)


def _progress() -> Progress:
    """A bar on a terminal, nothing in a pipe."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_errors,
        disable=not _errors.is_terminal,
        transient=True,
    )


class _Command(click.Group):
    """Turns the library's errors into one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read our output has gone; click ends quietly
            raise
        except (LogoscanError, OSError) as error:
            click.echo(f"logoscan: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(logoscan.__version__, prog_name="logoscan")
@click.option("-v", "--verbose", is_flag=True, help="Say what is chosen: device, precision, OCR engine.")
def main(verbose: bool) -> None:
    r"""Find counterfeit risk in product listings.

    \b
    Examples:
      logoscan demo
      logoscan register brands/ --out index/
      logoscan scan listings.jsonl --index index/ --out reports.jsonl
      logoscan verdict reject reports.jsonl 42 Acme --not-shown --index index/ --journal verdicts.jsonl
      logoscan report reports.jsonl --html pages/ --root photos/ --index index/
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(message)s")
    if not verbose:
        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("logoscan").setLevel(logging.WARNING)


_DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
_ENCODER = click.option(
    "--encoder",
    default=None,
    help="An open_clip name or a folder of one; default: the bundled tower.",
)
_PRETRAINED = click.option("--pretrained", default=None, help="A tag or a checkpoint file for --encoder NAME.")
_DETECTOR = click.option(
    "--detector",
    type=click.Choice(["logo", "tiles", "whole"]),
    default="logo",
    show_default=True,
    help="What proposes places: the trained detector, overlapping squares, or the whole photo alone.",
)
_OCR = click.option(
    "--ocr", type=click.Choice(["auto", "easyocr", "rapidocr", "none"]), default="auto", show_default=True
)
_EFFORT = click.option(
    "--effort",
    type=click.Choice(["default", "full"]),
    default="default",
    show_default=True,
    help="How much work may be saved: default reads photos at up to 960 px, full at up to 1600, finding more lines.",
)


@main.command()
@click.argument("brands", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the index.")
@click.option(
    "--negatives",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of cut-out false alarms: pictures that are nobody's mark.",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of photos and their users (`scan --ledger`): the brands' official photos are noted there.",
)
@_ENCODER
@_PRETRAINED
@_DEVICE
def register(
    brands: Path,
    out: Path,
    negatives: Path | None,
    ledger: Path | None,
    encoder: str | None,
    pretrained: str | None,
    device: str,
) -> None:
    """Register a folder of BRANDS (a sub-folder each, with logos and, optionally, brand.json).

    A brand without a logo is found by its name, where the model has a text tower.
    """
    from logoscan.brands import read_brand_folders
    from logoscan.encode import ClipEncoder
    from logoscan.index import LogoIndex

    folders = read_brand_folders(brands)
    total = len(folders)
    if ledger is not None:
        _ledger(ledger)  # what is wrong with it is said before the work
    clip = ClipEncoder(encoder, pretrained, device=device)
    with _progress() as progress:
        task = progress.add_task("register", total=total)
        index, warnings = LogoIndex.from_folder(brands, clip, on_brand=lambda _: progress.advance(task))
    for file in [] if negatives is None else sorted(p for p in negatives.iterdir() if p.is_file()):
        try:
            index.add_negative(file, clip)
        except LogoscanError as error:
            warnings.append(f"negative {file.name}: not registered: {error}")
    if ledger is not None:
        with _ledger_to_change(ledger) as photos:
            warnings += photos.add_brand_folders(folders)
    for warning in warnings:
        click.echo(f"logoscan: {warning}", err=True)
    if (out / "manifest.json").is_file():
        gone = {(n.id, n.brand) for n in LogoIndex.load(out).negatives} - {(n.id, n.brand) for n in index.negatives}
        if gone:
            click.echo(f"logoscan: {len(gone)} negatives that stood in {out} are not in the new register", err=True)
    index.save(out)
    unseen = [b.name for b in index.brands if b.name not in index.with_logo and b.name not in index.by_name]
    if unseen:
        names = ", ".join(unseen[:5]) + (", ..." if len(unseen) > 5 else "")
        click.echo(f"logoscan: {len(unseen)} brands without a logo will not be seen in photos: {names}", err=True)
    drawings = len({logo.id for logo in index.logos})
    click.echo(f"{len(index.brands)} brands, {drawings} logos, {len(index)} vectors by {clip.info.name} -> {out}")
    if warnings:
        sys.exit(1)


@main.command()
@click.argument("listings", type=click.Path(path_type=Path))
@click.option("--index", "index_dir", type=click.Path(path_type=Path), required=True, help="As `register` wrote it.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Reports, one JSON object a line.")
@click.option(
    "--root", type=click.Path(path_type=Path), default=None, help="Folder of the photos; default: where LISTINGS is."
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV: brand,price,currency[,category,condition,title].",
)
@click.option(
    "--score-model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON, as ScoreModel.save wrote it; default: the stated priors.",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of photos and the sellers who used them: read, if it is there, and written with this scan's added.",
)
@click.option("--overlay", type=click.Path(path_type=Path), default=None, help="Folder for photos with boxes drawn.")
@_ENCODER
@_PRETRAINED
@click.option(
    "--similarity-threshold",
    type=float,
    default=None,
    help="For an encoder without a calibration: cosine from which a brand counts as shown.",
)
@click.option(
    "--calibration",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="As `calibrate` wrote it; default: the bundled one, if encoder and detector are.",
)
@_DETECTOR
@_OCR
@_EFFORT
@_DEVICE
def scan(
    listings: Path,
    index_dir: Path,
    out: Path,
    root: Path | None,
    prices: Path | None,
    score_model: Path | None,
    ledger: Path | None,
    overlay: Path | None,
    encoder: str | None,
    pretrained: str | None,
    similarity_threshold: float | None,
    calibration: Path | None,
    detector: str,
    ocr: str,
    effort: str,
    device: str,
) -> None:
    """Scan LISTINGS: a .jsonl, .csv or .parquet file, or a folder of photos.

    Writes to OUT.partial and renames it when complete; a restart goes on where it was. Exit code 1 if rows failed.
    """
    from logoscan.detect import make_detector
    from logoscan.encode import ClipEncoder
    from logoscan.index import LogoIndex
    from logoscan.ocr import make_ocr
    from logoscan.scanner import Scanner

    price_model, bad_prices = _price_model(prices)
    rows = read_listings(listings)
    root = root or (listings if listings.is_dir() else listings.parent)
    clip = ClipEncoder(encoder, pretrained, device=device)
    scanner = Scanner(
        LogoIndex.load(index_dir, clip),
        encoder=clip,
        detector=make_detector(detector, device=device),
        ocr=make_ocr(ocr, device=device, effort=effort),  # type: ignore[arg-type]
        prices=price_model,
        score_model=None if score_model is None else ScoreModel.load(score_model),
        ledger=None if ledger is None else _ledger(ledger),
        calibration="auto" if calibration is None else read_record(MatchCalibration, calibration),
        similarity_threshold=similarity_threshold,
        root=root,
    )
    total = sum(1 for _ in read_listings(listings))
    bands, failed = _scan_rows(scanner, rows, total, out, root, overlay)
    if ledger is not None:
        with _ledger_to_change(ledger) as photos:
            for report in read_reports(out):
                photos.add_report(report)
    summary = ", ".join(f"{bands[band]} {band}" for band in ("block", "review", "clear"))
    click.echo(f"{bands.total()} reports ({summary}) -> {out}")
    if failed + bad_prices:
        click.echo(f"logoscan: {failed + bad_prices} rows failed, see above", err=True)
        sys.exit(1)


def _price_model(path: Path | None) -> tuple[PriceModel | None, int]:
    """References from a file of prices, and how many of its rows failed (said on stderr)."""
    if path is None:
        return None, 0
    records, failed = [], 0
    for record in read_prices(path):
        if isinstance(record, BadRow):
            failed += 1
            click.echo(f"logoscan: {path.name}, line {record.line}: {record.reason}", err=True)
        else:
            records.append(record)
    return PriceModel.fit(records), failed


def _ledger(path: Path) -> PhotoLedger:
    """What a file knows of photos; nothing if it is not there yet."""
    if not path.parent.is_dir():  # said before the scan, not after it
        raise InputError(f"ledger: expected a file in an existing folder, got {str(path)!r}")
    return PhotoLedger.load(path) if path.is_file() else PhotoLedger()


@contextmanager
def _ledger_to_change(path: Path) -> Iterator[PhotoLedger]:
    """What a file knows by now, since others may have added theirs; saved at the end, one after another."""
    with FileLock(path.with_name(f".{path.name}.lock")):
        ledger = _ledger(path)
        yield ledger
        ledger.save(path)


def _scan_rows(
    scanner: Any, rows: Iterator[Listing | BadRow], total: int, out: Path, root: Path, overlay: Path | None
) -> tuple[Counter[str], int]:
    """Scan to a file that grows line by line; returns bands of the reports written now or before, and failed rows."""
    failed = 0
    with PartialOutput(out) as output, _progress() as progress:
        task = progress.add_task("scan", total=total)
        taken = set(output.done)
        bands = Counter(output.bands)

        def fresh() -> Iterator[Listing]:
            nonlocal failed
            before = set(output.done)
            for row in rows:
                if isinstance(row, BadRow):
                    failed += 1
                    progress.advance(task)
                    click.echo(f"logoscan: line {row.line}: {row.reason}", err=True)
                elif row.id in before:
                    before.discard(row.id)
                    progress.advance(task)
                elif row.id in taken:
                    failed += 1
                    progress.advance(task)
                    click.echo(
                        f"logoscan: listing {row.id!r}: the id is there twice; only the first is scanned", err=True
                    )
                else:
                    taken.add(row.id)
                    yield row

        for report in scanner.scan_many(fresh()):
            if overlay is not None:  # before the report: a report that is written is complete
                for reason in write_overlays(report, root, overlay):
                    click.echo(f"logoscan: listing {report.listing_id!r}: {reason}", err=True)
            output.write(report_to_json(report))
            bands[report.score.band] += 1
            for warning in report.warnings:
                click.echo(f"logoscan: listing {report.listing_id!r}: {warning}", err=True)
            progress.advance(task)
    return bands, failed


def write_overlays(report: Report, root: Path, folder: Path) -> list[str]:
    """Draw each readable photo of a report with its matches, as JPEG files in `folder`; returns what went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    problems = []
    for number, record in enumerate(report.images):
        if record.file is None or record.sha256 is None:
            continue
        try:
            rgb = load_image(record.file, root=root)
            drawn = draw_overlay(rgb, tuple(m for m in report.matches if m.image == number))
            Image.fromarray(drawn).save(folder / f"{_file_name(report.listing_id)}-{number}.jpg", quality=88)
        except (LogoscanError, OSError) as error:
            problems.append(f"image {number}: no overlay: {error}")
    return problems


def _file_name(listing_id: str) -> str:
    """An id as a file name; ids that do not fit get a hash, so that two never share a file."""
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in listing_id)[:60]
    digest = hashlib.sha256(listing_id.encode(errors="surrogatepass")).hexdigest()[:8]
    return safe if safe == listing_id else f"{safe}-{digest}"


@main.command()
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--html", "folder", type=click.Path(path_type=Path), required=True, help="Folder of the pages.")
@click.option(
    "--root", type=click.Path(path_type=Path), default=None, help="Folder of the photos; default: where REPORTS is."
)
@click.option(
    "--index",
    "index_dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="As `register` wrote it: shows the registered logos beside the photos.",
)
def report(reports: Path, folder: Path, root: Path | None, index_dir: Path | None) -> None:
    r"""Write evidence pages of REPORTS (.jsonl, as `scan` wrote it): index.html, and a page a listing.

    They open from disk, without a server, and load nothing from elsewhere. Needs the extra `report`.

    \b
    Example:
      logoscan report reports.jsonl --html pages/ --root photos/ --index index/
    """
    from logoscan.index import LogoIndex
    from logoscan.run_pages import write_pages

    index = None if index_dir is None else LogoIndex.load(index_dir)
    with reports.open("rb") as lines:
        total = sum(bool(line.strip()) for line in lines)
    with _progress() as progress:
        task = progress.add_task("pages", total=total)
        rows = read_reports(reports)
        count = write_pages(rows, folder, root=root or reports.parent, index=index, done=lambda: progress.advance(task))
    click.echo(f"{count} listings -> {folder / 'index.html'}")


@main.command()
@click.argument("images", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--labels", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--index", "index_dir", type=click.Path(path_type=Path), required=True, help="As `register` wrote it.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The calibration, JSON, for `scan`.")
@click.option("--seed", default=0, show_default=True, help="Of the random parts of the register.")
@_ENCODER
@_PRETRAINED
@_DETECTOR
@_DEVICE
def calibrate(
    images: Path,
    labels: Path,
    index_dir: Path,
    out: Path,
    seed: int,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    device: str,
) -> None:
    """Fit similarity to probability on labelled photos, for an encoder and a detector that bring no calibration.

    LABELS is a CSV with the columns file (in IMAGES) and brand (| between several, empty for none). A hundred photos
    or more, a third of them without any registered brand, give something to fit; the more the better.
    """
    from logoscan.calibrate import Labelled, collect, expected_calibration_error, fit, predict
    from logoscan.detect import make_detector
    from logoscan.encode import ClipEncoder, encode_crops
    from logoscan.index import LogoIndex

    rows = read_labels(labels)
    clip, looks = ClipEncoder(encoder, pretrained, device=device), make_detector(detector, device=device)
    index = LogoIndex.load(index_dir, clip)
    pictures, failed = [], 0
    strangers: set[str] = set()
    with _progress() as progress:
        for file, brands in progress.track(rows, description="photos"):
            try:
                rgb = load_image(file, root=images)
            except LogoscanError as error:
                failed += 1
                click.echo(f"logoscan: {file}: {error}", err=True)
                continue
            regions = looks.detect([rgb])[0]
            known = {name: index.names.resolve(name) for name in brands}
            strangers |= {name for name, brand in known.items() if brand is None}
            brands = frozenset(brand for brand in known.values() if brand)
            pictures.append(Labelled(brands, regions, encode_crops(clip, [rgb], [regions.xyxy])[0]))
    if strangers:
        click.echo(
            f"logoscan: labels of no registered brand count as no mark: {', '.join(sorted(strangers))}", err=True
        )
    samples = collect(pictures, index, seed)
    note = f"{len(pictures)} labelled photos of {labels.name}, {len(index.with_logo)} brands, seed {seed}"
    fitted = fit(samples, clip, looks, note)
    atomic_write(out, (to_json(fitted) + "\n").encode())
    gap = expected_calibration_error(predict(fitted, samples), samples.right)
    click.echo(f"{note}: threshold {fitted.threshold}, calibration error {gap:.3f} on the same photos -> {out}")
    if failed:
        sys.exit(1)


@main.group()
def verdict() -> None:
    r"""Say what a reviewer found: a label for the score and, where asked, a change of the register.

    \b
    Examples:
      logoscan verdict confirm reports.jsonl 41 Acme --journal verdicts.jsonl
      logoscan verdict reject reports.jsonl 42 Acme --not-shown --index index/ --journal verdicts.jsonl
      logoscan verdict undo 2 --index index/ --journal verdicts.jsonl
    """


_JOURNAL = click.option(
    "--journal", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File of verdicts; it only grows."
)
_CHANGED = click.option(
    "--index",
    "index_dir",
    type=click.Path(path_type=Path),
    help="To be changed and saved again, as `register` wrote it.",
)
_ROOT = click.option("--root", type=click.Path(path_type=Path), help="Folder of the photos; default: where REPORTS is.")
_REVIEWER = click.option("--reviewer", help="Who says so.")


@verdict.command()
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("listing")
@click.argument("brand")
@_JOURNAL
@click.option(
    "--goods",
    type=click.Choice(["counterfeit", "genuine", "unknown"]),
    default="counterfeit",
    show_default=True,
    help="The label; unknown gives none.",
)
@click.option("--add-rendering", is_flag=True, help="The surest match becomes a picture of the logo; with --index.")
@_CHANGED
@_ROOT
@_REVIEWER
@_ENCODER
@_PRETRAINED
@_DEVICE
def confirm(
    reports: Path, listing: str, brand: str, journal: Path, goods: str, add_rendering: bool, **options: Any
) -> None:
    """LISTING concerns BRAND, as its report among REPORTS says, and its goods are counterfeit."""
    label = {"counterfeit": True, "genuine": False, "unknown": None}[goods]
    if (options["index_dir"] is not None) != add_rendering:
        raise InputError("confirm: expected --index with --add-rendering, got one of them")
    _review(journal, "confirm", (_report(reports, listing), brand), reports.parent, options,
            counterfeit=label, add_rendering=add_rendering)  # fmt: skip


@verdict.command()
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("listing")
@click.argument("brand")
@_JOURNAL
@click.option("--not-shown", is_flag=True, help="BRAND is not there; with --index its places become negatives.")
@_CHANGED
@_ROOT
@_REVIEWER
@_ENCODER
@_PRETRAINED
@_DEVICE
def reject(reports: Path, listing: str, brand: str, journal: Path, not_shown: bool, **options: Any) -> None:
    """LISTING is no counterfeit of BRAND: its goods are genuine or, with --not-shown, another brand's."""
    _review(journal, "reject", (_report(reports, listing), brand), reports.parent, options, not_shown=not_shown)


@verdict.command()
@click.argument("number", type=int)
@_JOURNAL
@_CHANGED
@_REVIEWER
@_ENCODER
@_PRETRAINED
@_DEVICE
def undo(number: int, journal: Path, **options: Any) -> None:
    """Take back verdict NUMBER, its label and its change of the register."""
    _review(journal, "undo", (number,), None, options)


def _report(reports: Path, listing: str) -> Report:
    found = next((report for report in read_reports(reports) if report.listing_id == listing), None)
    if found is None:
        raise InputError(f"listing: expected the id of a report in {reports}, got {listing!r}")
    return found


def _review(
    path: Path, verb: str, about: tuple[Any, ...], folder: Path | None, options: dict[str, Any], **answers: Any
) -> None:
    """Pass a verdict and, with an index, save that again."""
    from logoscan.encode import ClipEncoder
    from logoscan.index import LogoIndex
    from logoscan.verdicts import Journal

    journal, where = Journal(path), options["index_dir"]
    answers["reviewer"] = options["reviewer"]
    if folder is not None:
        answers["root"] = options["root"] or folder
    with journal.locked():  # nobody else's verdict comes between loading and saving
        if where is not None:
            encoder = ClipEncoder(options["encoder"], options["pretrained"], device=options["device"])
            answers |= {"index": LogoIndex.load(where, encoder), "encoder": encoder}
        said = getattr(journal, verb)(*about, **answers)
        if (
            said.negatives or said.logos
        ):  # after the journal: a verdict that was cut off here can be undone and passed again
            answers["index"].save(where)
    label = {True: "counterfeit", False: "no counterfeit", None: "no label"}[said.counterfeit]
    changes = len(said.negatives) + len(said.logos)
    of = f" of verdict {said.undoes}" if said.undoes else f": {label}"
    gone = "taken back" if said.undoes else "added"
    click.echo(f"verdict {said.id}, {verb}{of}, pictures {gone}: {changes} -> {path}")


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("logoscan-demo"), show_default=True)
@_OCR
@_DEVICE
def demo(out: Path, ocr: str, device: str) -> None:
    """Scan the bundled sample listings and show the scores. Photos, sellers and prices are composed, not real."""
    from logoscan.encode import ClipEncoder
    from logoscan.index import LogoIndex
    from logoscan.ocr import make_ocr
    from logoscan.scanner import Scanner

    samples = Path(logoscan.__file__).parent / "_samples"
    clip = ClipEncoder(device=device)
    index, _ = LogoIndex.from_folder(samples / "brands", clip)
    scanner = Scanner(
        index,
        encoder=clip,
        ocr=make_ocr(ocr, device=device),  # type: ignore[arg-type]
        prices=_price_model(samples / "prices.csv")[0],
        root=samples,
    )
    listings = [row for row in read_listings(samples / "listings.jsonl") if isinstance(row, Listing)]
    out.mkdir(parents=True, exist_ok=True)
    reports = list(scanner.scan_many(listings))
    (out / "reports.jsonl").write_text("".join(report_to_json(r) + "\n" for r in reports), encoding="utf-8")
    for report in reports:
        write_overlays(report, samples, out / "overlays")
    click.echo("Composed samples: the photos, sellers and prices are made up; the logo drawings are real (CC0).")
    Console(width=None if sys.stdout.isatty() else 150).print(_table(listings, reports))
    first = reports[0].provenance
    click.echo(f"{first.encoder} on {first.device}, {first.detector}, {first.ocr}")
    click.echo(f"reports: {out / 'reports.jsonl'}   photos with boxes: {out / 'overlays'}")


def _table(listings: list[Listing], reports: list[Report]) -> Table:
    table = Table(show_lines=False)
    for name in ("listing", "title", "score", "band", "brand", "seen", "main reason"):
        table.add_column(name, justify="right" if name in ("score", "seen") else "left", overflow="fold")
    colours = {"clear": "green", "review": "yellow", "block": "red"}
    for listing, report in zip(listings, reports, strict=True):
        score = report.score
        reasons = [c for c in score.contributions if c.contribution > 0.05]
        seen = next((b.probability for b in report.brands if b.brand == score.brand), None)
        table.add_row(
            listing.id,
            listing.title or "",
            "-" if score.value is None else f"{score.value:.0f}",
            f"[{colours[score.band]}]{score.band}[/]",
            score.brand or "-",
            "-" if seen is None else f"{seen:.2f}",
            "; ".join(f"{c.signal} +{c.contribution:.1f}" for c in reasons[:3]) or "nothing speaks against it",
        )
    return table


if __name__ == "__main__":
    main()
