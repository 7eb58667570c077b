"""`logoscan screen`: the gate before posting, as a program that answers line by line."""

from __future__ import annotations

import io
import json
import math
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from logoscan.cases.decisions import Decision
from logoscan.cases.recorded import allowed, screening_decision
from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, complain, progress, say, working
from logoscan.cli.inputs import STANDARD, listing_source, load_tokens, photo_root, price_model
from logoscan.cli.outputs import check_place, emit, save_lines
from logoscan.cli.scanners import ScannerOptions, make_scanner, scanner_options
from logoscan.io.listings import BadRow, read_listings, row_count
from logoscan.scan.screening import OnTimeout, OnUnreadable, Screening
from logoscan.scan.unreadable import photo_warnings
from logoscan.types import Listing

if TYPE_CHECKING:
    from logoscan.scan.scanner import Scanner

# Screenings without a deadline before those with one, so that durations are known: what `Scanner.screen` asks for.
_WARM_UP = 5

# Contributions to the log-odds from which a reason is given.
_LEAST_REASON = 0.01


@main.command(
    short_help="Decide about listings before they are posted.",
    epilog=examples(
        "logoscan screen listings.jsonl --index index/",
        "logoscan screen listings.jsonl --index index/ --deadline 0.5 --out answers.jsonl",
    ),
)
@click.argument("listings", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=STANDARD, help="Answers, one JSON object a line; default: stdout."
)
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(0, min_open=True),
    default=math.inf,
    help="Seconds for a listing; default: as many as it takes.",
)
@click.option(
    "--on-timeout",
    type=click.Choice(get_args(OnTimeout)),
    default="hold",
    show_default=True,
    help="Answer where the deadline left out what could have changed allow.",
)
@click.option(
    "--on-unreadable",
    type=click.Choice(get_args(OnUnreadable)),
    default="hold",
    show_default=True,
    help="Answer where only an unreadable photo or field speaks against allow.",
)
@click.option(
    "--ask-from",
    type=click.FloatRange(0, 100),
    help="Score from which what would be allowed is held until the seller sends a photo with the note in the answer; "
    "with --contact-key, which makes the notes, --ledger, which tells whose photos they are, and OCR.",
)
@click.option(
    "--tokens",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tokens of closed accounts, as `rings --door` writes them: a listing that shows one is held.",
)
@click.option(
    "--decisions",
    type=click.Path(file_okay=False, path_type=Path),
    help="Add what is held and blocked, and how many were allowed.",
)
@scanner_options
def screen(
    listings: Path,
    out: Path,
    tokens: Path | None,
    deadline_s: float,
    on_timeout: OnTimeout,
    on_unreadable: OnUnreadable,
    ask_from: float | None,
    decisions: Path | None,
    **values: Any,
) -> None:
    """Answer allow, hold or block for each of LISTINGS (a file, a folder of photos, or - for JSON lines from stdin).

    Each answer is a JSON object on a line, written before the next listing is read: listing_id, decision, score, band,
    brand, reasons, doubts, skipped, warnings, timed_out, total_s, ask_for. A row that is no listing is answered hold,
    its line and the error. Exit code 1 if rows or photos failed; stderr says which.
    """
    check_place(out)
    if ask_from is not None:
        _check_asking(values)
    options = ScannerOptions(**values)
    options = replace(options, root=options.root or photo_root(listings))
    prices, failed = price_model(options.prices, options.columns)
    token_list = None
    if tokens is not None:
        token_list, bad = load_tokens(tokens)
        failed += bad
    unread, answered = 0, Counter[str]()
    recorded: list[Decision] = []
    answers: list[str] = []
    answer: Callable[[str], object] = emit if out == STANDARD else answers.append
    with Complaints() as complaints:

        def on_error(row: BadRow) -> None:
            nonlocal failed
            failed += row.rows
            complaints(f"line {row.line}: {row.reason}")
            answered["hold"] += 1
            answer(json.dumps({"listing_id": None, "line": row.line, "decision": "hold", "error": row.reason}))

        rows = read_listings(listing_source(listings), on_error=on_error, columns=options.columns)
        with working("loading the models"):
            scanner = make_scanner(options, prices, token_list)
            if math.isfinite(deadline_s):
                _warm_up(scanner)
        total = None if listings == STANDARD else row_count(listings)
        with progress("screen", "listings", lambda: total) as advance:
            for listing in rows:
                screening = scanner.screen(
                    listing, deadline_s=deadline_s, on_timeout=on_timeout, on_unreadable=on_unreadable,
                    ask_from=ask_from,
                )  # fmt: skip
                answer(_answer(screening))
                answered[screening.decision] += 1
                if decisions is not None and screening.decision != "allow":
                    recorded.append(screening_decision(screening.report, screening.decision))
                unread += len(photo_warnings(screening.report.warnings))
                for warning in screening.report.warnings:
                    complaints(f"listing {listing.id!r}: {warning}")
                advance()
    if decisions is not None:
        from logoscan.cases.decision_store import DecisionLog

        if answered["allow"]:
            recorded.append(allowed(answered["allow"], datetime.now(UTC)))
        DecisionLog(decisions, writer="screen").append(recorded)
    if out != STANDARD:
        save_lines(out, (f"{line}\n" for line in answers))
        summary = ", ".join(f"{answered[decision]} {decision}" for decision in ("block", "hold", "allow"))
        say(f"{answered.total()} answers ({summary}) -> {out}")
    if failed:
        complain(f"{failed} rows failed, see above")
    if unread:
        complain(f"{unread} photos could not be read, see above")
    if failed or unread:
        sys.exit(1)


def _check_asking(values: dict[str, Any]) -> None:
    """Refuse options under which no photo with a note could be told from another."""
    if values["contact_key"] is None:
        raise click.UsageError("--ask-from: expected --contact-key, whose secret makes the notes")
    if values["ledger"] is None:
        raise click.UsageError("--ask-from: expected --ledger, which tells whose photos they are")
    if values["ocr"] == "none":
        raise click.UsageError("--ask-from: expected an OCR engine, which reads the notes, got --ocr none")


def _answer(screening: Screening) -> str:
    """Return the answer to one listing as a line of JSON."""
    report, score = screening.report, screening.report.score
    reasons = [
        {"signal": c.signal, "contribution": c.contribution, "why": c.why}
        for c in score.contributions
        if c.contribution >= _LEAST_REASON
    ]
    return json.dumps(
        {
            "listing_id": report.listing_id,
            "decision": screening.decision,
            "score": score.value,
            "band": score.band,
            "brand": score.brand,
            "reasons": reasons,
            "doubts": score.doubts,
            "skipped": [asdict(stage) for stage in screening.skipped],
            "warnings": report.warnings,
            "timed_out": screening.timed_out,
            "total_s": round(screening.total_s, 6),
            "ask_for": [asdict(ask) for ask in screening.ask_for],
        }
    )


def _warm_up(scanner: Scanner) -> None:
    """Screen a drawn photo some times, so that the durations of all stages are known."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (40, 53, 3), np.uint8)
    picture = io.BytesIO()
    Image.fromarray(noise).resize((1060, 800), Image.Resampling.BICUBIC).save(picture, "JPEG")
    for _ in range(_WARM_UP):
        scanner.screen(Listing("-", images=(picture.getvalue(),)), deadline_s=math.inf)
