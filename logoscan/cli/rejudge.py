"""`logoscan rejudge`: judge a run again, from its reports or from stored features; no photo is opened."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import click

from logoscan._hashing import file_sha256, sha256_hex
from logoscan._quote import quoted
from logoscan.cli.app import INTERRUPTED, examples, main
from logoscan.cli.console import Complaints, complain, progress, say
from logoscan.cli.inputs import photo_lookup, price_model
from logoscan.cli.options import MODE
from logoscan.errors import InputError, MismatchError
from logoscan.io.listings import BadRow, read_listings
from logoscan.io.partial import PartialOutput
from logoscan.io.records import to_json
from logoscan.reporting.jsonl import read_reports
from logoscan.reporting.report_file import ReportFile
from logoscan.results import ListingFacts, Report
from logoscan.scan.unreadable import photo_warnings
from logoscan.scoring.model import ScoreModel
from logoscan.store.reader import FeatureStore
from logoscan.types import Listing

# What is said of listings that are known by their reports, or by their photos alone.
_NO_LISTINGS = "the listing itself was not given: without its description, attributes and reviews"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@main.command(
    short_help="Judge a run again without its photos.",
    epilog=examples(
        "logoscan rejudge reports.jsonl --score-model fitted.json --out again.jsonl",
        "logoscan rejudge features/ --index new/ --listings listings.jsonl --reports reports.jsonl --out again.jsonl",
    ),
)
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--index", "index_dir", type=click.Path(path_type=Path), help="As `register` wrote it.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Reports, one JSON object a line.")
@click.option("--prices", type=_FILE, help="CSV: brand,price,currency[,category,condition,title].")
@click.option("--score-model", type=_FILE, help="JSON, as ScoreModel.save wrote it; default: the stated priors.")
@click.option("--listings", type=_FILE, help="The listings of the features; default: what --reports says of them.")
@click.option("--reports", type=_FILE, help="Earlier reports of the features: their matches are more exact.")
@click.option(
    "--earlier-index",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The index of --reports: its logos are not compared again, which is faster.",
)
@click.option("--ledger", type=_FILE, help="File of photos and the sellers who used them; it is not changed.")
@click.option("--similarity-threshold", type=float, help="As for `scan`, where there is no calibration.")
@MODE
def rejudge(
    source: Path,
    index_dir: Path | None,
    out: Path,
    prices: Path | None,
    score_model: Path | None,
    listings: Path | None,
    reports: Path | None,
    earlier_index: Path | None,
    ledger: Path | None,
    similarity_threshold: float | None,
) -> None:
    """Judge SOURCE again: reports (.jsonl, as `scan` wrote them), or a folder of `scan --keep-features`.

    Reports are judged by another score model. Stored features are judged by another index, other prices and another
    score model. What they cannot answer is said in `skipped` of each report. Each line of OUT also names the run that
    wrote it, so that the bytes of two runs differ where their reports are equal. Exit code 1 if rows failed, or
    listings have photos that are not stored.
    """
    model = ScoreModel() if score_model is None else ScoreModel.load(score_model)
    if source.is_dir():
        if index_dir is None:
            raise click.UsageError("stored features need --index")
        if earlier_index is not None and reports is None:
            raise click.UsageError("--earlier-index needs --reports")
    elif prices or listings or reports or earlier_index or ledger:
        raise click.UsageError(
            "reports are judged by another score model alone; the other options need stored features"
        )
    with Complaints() as complaints, ExitStack() as stack:
        run = _Run(complaints)
        # fmt: off
        inputs = {"source": source, "index": index_dir, "prices": prices, "model": model.version,
                  "listings": listings, "reports": reports, "earlier index": earlier_index, "ledger": ledger,
                  "threshold": similarity_threshold}
        # fmt: on
        output = stack.enter_context(PartialOutput(out, _made_by(inputs)))
        judged: Callable[[set[str]], Iterator[Report]]
        if index_dir is None or not source.is_dir():
            judged = partial(_from_reports, source, index_dir, model)
        else:
            judged = _from_features(
                run, source, index_dir, prices, model, listings, reports, earlier_index, ledger, similarity_threshold
            )
        advance = stack.enter_context(progress("rejudge", "listings", lambda: None, done=len(output.done)))
        bands = Counter(output.bands)
        run.failed += output.unread
        try:
            for report in judged(set(output.done)):
                output.write(to_json(report))
                bands[report.score.band] += 1
                if source.is_dir():
                    run.warn(report)
                advance(1)
        except KeyboardInterrupt:
            complain(f"interrupted; {bands.total()} reports are in {output.partial}, the same command goes on")
            sys.exit(INTERRUPTED)
    say(f"{bands.total()} reports ({', '.join(f'{bands[b]} {b}' for b in ('block', 'review', 'clear'))}) -> {out}")
    if run.failed:
        complain(f"{run.failed} rows or photos failed, see above")
        sys.exit(1)


class _Run:
    """Counts and prints what goes wrong."""

    def __init__(self, complaints: Complaints) -> None:
        self._complaints, self.failed = complaints, 0

    def bad_row(self, row: BadRow) -> None:
        """Count and report a row that is not a listing."""
        self.failed += row.rows
        self._complaints(f"line {row.line}: {row.reason}")

    def warn(self, report: Report) -> None:
        """Report the warnings of a report, and count its photos that were not there."""
        self.failed += len(photo_warnings(report.warnings))
        for warning in report.warnings:
            self._complaints(f"listing {report.listing_id!r}: {warning}")


def _made_by(inputs: Mapping[str, object]) -> dict[str, str]:
    """Return everything that decides the reports, by name; paths, which are private, by their hashes."""
    out = {}
    for name, value in inputs.items():
        if isinstance(value, Path):
            content = value.is_file() and name in ("prices", "reports", "ledger")
            out[f"rejudge {name}"] = file_sha256(value) if content else sha256_hex(os.fsencode(value.resolve()))
        else:
            out[f"rejudge {name}"] = str(value)
    return out


def _from_reports(source: Path, index_dir: Path | None, model: ScoreModel, done: set[str]) -> Iterator[Report]:
    """Yield reports judged by another model."""
    from logoscan.index.logo_index import LogoIndex

    fingerprint = None if index_dir is None else LogoIndex.load(index_dir).fingerprint
    for report in read_reports(source):
        if fingerprint is not None and report.provenance.index != fingerprint:
            raise MismatchError(
                f"listing {quoted(report.listing_id)}: judged by index {report.provenance.index}, and a report cannot "
                f"be judged by {fingerprint}: that takes stored features (`scan --keep-features`)"
            )
        if report.listing_id not in done:
            yield model.rejudge(report)


def _from_features(
    run: _Run,
    source: Path,
    index_dir: Path,
    prices: Path | None,
    model: ScoreModel,
    listings: Path | None,
    reports: Path | None,
    earlier_index: Path | None,
    ledger: Path | None,
    threshold: float | None,
) -> Callable[[set[str]], Iterator[Report]]:
    """Return what yields the reports of stored features, without those of listings that are done."""
    from logoscan.index.logo_index import LogoIndex
    from logoscan.scan.scanner import Scanner

    store = FeatureStore(source)
    references, failed = price_model(prices)
    run.failed += failed
    scanner = Scanner.recorded(
        LogoIndex.load(index_dir),
        store,
        prices=references,
        score_model=model,
        ledger=None if ledger is None else photo_lookup(ledger),
        similarity_threshold=threshold,
    )
    before = None if reports is None else ReportFile(reports)
    old_index = None if earlier_index is None else LogoIndex.load(earlier_index)

    def rows() -> Iterable[Listing]:
        if listings is not None:
            return read_listings(listings, on_error=run.bad_row)
        if reports is not None:
            return (_listing_of(report) for report in read_reports(reports))
        complain("neither --listings nor --reports: listings are judged by their photos alone")
        return (
            Listing(i, tuple(p.features.record.file or f"{p.position}" for p in photos))
            for i, photos in store.listings()
        )

    def judged(done: set[str]) -> Iterator[Report]:
        ids = set(done)

        def fresh() -> Iterator[Listing]:
            for listing in rows():
                if listing.id not in ids:
                    ids.add(listing.id)
                    yield listing

        judged_again = scanner.rejudge(
            fresh(), store, earlier=None if before is None else before.get, earlier_index=old_index
        )
        if listings is not None:
            return judged_again
        return (replace(report, skipped=(*report.skipped, _NO_LISTINGS)) for report in judged_again)

    return judged


def _listing_of(report: Report) -> Listing:
    """Return a listing by what its report says of it; description, attributes and reviews are not in a report."""
    facts = report.listing or ListingFacts()
    images = tuple(record.file or f"{i}" for i, record in enumerate(report.images))
    names = {field.name for field in fields(Listing)}
    stated = (warning.partition(": ") for warning in report.warnings)
    dropped = {name: why for name, _, why in stated if name in names}
    try:
        return Listing(
            report.listing_id,
            images,
            facts.title,
            claimed_brand=facts.claimed_brand,
            category=facts.category,
            condition=facts.condition,
            price=facts.price,
            currency=facts.currency,
            url=facts.url,
            seller_id=report.seller_id,
            dropped=dropped,
        )
    except InputError as error:
        raise InputError(f"report of {quoted(report.listing_id)}: {error}") from None
