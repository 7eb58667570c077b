"""`logoscan verdict`: record a reviewer's verdict as a label and, on request, as a change of the index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import say, working
from logoscan.cli.options import DEVICE, ENCODER, MODE, PRETRAINED
from logoscan.errors import InputError
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report


@main.group(
    short_help="Note what a reviewer found, undo it.",
    help="Say what a reviewer found: a label for the score and, where asked, a change of the index.",
    epilog=examples(
        "logoscan verdict confirm reports.jsonl L1 Acme --journal verdicts.jsonl",
        "logoscan verdict reject reports.jsonl L0 Bolt --not-shown --index index/ --journal verdicts.jsonl",
        "logoscan verdict undo 2 --index index/ --journal verdicts.jsonl",
    ),
)
def verdict() -> None:
    """Group the commands on verdicts."""


_JOURNAL = click.option(
    "--journal", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File of verdicts; it only grows."
)
_INDEX_TO_CHANGE = click.option(
    "--index",
    "index_dir",
    type=click.Path(path_type=Path),
    help="To be changed and saved again, as `register` wrote it.",
)
_ROOT = click.option("--root", type=click.Path(path_type=Path), help="Folder of the photos; default: where REPORTS is.")
_REVIEWER = click.option("--reviewer", help="Who says so.")


@verdict.command(
    help="LISTING concerns BRAND, as its report among REPORTS says, and its goods are counterfeit.",
    epilog=examples("logoscan verdict confirm reports.jsonl L1 Acme --journal verdicts.jsonl"),
)
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
@_INDEX_TO_CHANGE
@_ROOT
@_REVIEWER
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def confirm(
    reports: Path, listing: str, brand: str, journal: Path, goods: str, add_rendering: bool, **options: Any
) -> None:
    """Record that a listing concerns a brand."""
    label = {"counterfeit": True, "genuine": False, "unknown": None}[goods]
    if (options["index_dir"] is not None) != add_rendering:
        raise InputError("confirm: expected --index with --add-rendering, got one of them")
    _review(journal, "confirm", (_report(reports, listing), brand), reports.parent, options,
            counterfeit=label, add_rendering=add_rendering)  # fmt: skip


@verdict.command(
    help=(
        "LISTING is no counterfeit of BRAND: its goods are genuine or, with --not-shown, another brand's.\n\n"
        "A place like BRAND's own logos becomes a negative only if two reviewers, by --reviewer, say so."
    ),
    epilog=examples("logoscan verdict reject reports.jsonl L0 Bolt --journal verdicts.jsonl"),
)
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("listing")
@click.argument("brand")
@_JOURNAL
@click.option("--not-shown", is_flag=True, help="BRAND is not there; with --index its places become negatives.")
@click.option("--force", is_flag=True, help="Change the index though no second reviewer has said the same.")
@_INDEX_TO_CHANGE
@_ROOT
@_REVIEWER
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def reject(
    reports: Path, listing: str, brand: str, journal: Path, not_shown: bool, force: bool, **options: Any
) -> None:
    """Record that a listing is no counterfeit of a brand."""
    _review(journal, "reject", (_report(reports, listing), brand), reports.parent, options,
            not_shown=not_shown, force=force)  # fmt: skip


@verdict.command(epilog=examples("logoscan verdict undo 1 --journal verdicts.jsonl"))
@click.argument("number", type=int)
@_JOURNAL
@_INDEX_TO_CHANGE
@_REVIEWER
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def undo(number: int, journal: Path, **options: Any) -> None:
    """Take back verdict NUMBER, its label and its change of the index."""
    _review(journal, "undo", (number,), None, options)


def _report(reports: Path, listing: str) -> Report:
    report = next((report for report in read_reports(reports) if report.listing_id == listing), None)
    if report is None:
        raise InputError(f"listing: expected the id of a report in {reports}, got {listing!r}")
    return report


def _review(
    path: Path, verb: str, subject: tuple[Any, ...], folder: Path | None, options: dict[str, Any], **answers: Any
) -> None:
    """Write a verdict to the journal and, if it changes the index, save the index.

    Args:
        path: Path of the journal.
        verb: Name of the journal's method.
        subject: Positional arguments of the method: report and brand, or the number of a verdict.
        folder: Folder of the reports; None for an undo, which reads no photo.
        options: Options of the command.
        answers: Further keyword arguments of the method.
    """
    from logoscan.index.logo_index import LogoIndex
    from logoscan.review.journal import Journal
    from logoscan.vision.encoder import ClipEncoder

    journal, index_dir = Journal(path), options["index_dir"]
    answers["reviewer"] = options["reviewer"]
    if folder is not None:
        answers["root"] = options["root"] or folder
    with journal.locked():  # no other verdict may come between loading and saving
        if index_dir is not None:
            with working("loading the model"):
                encoder = ClipEncoder(options["encoder"], options["pretrained"], device=options["device"])
            answers["index"] = LogoIndex.load(index_dir, encoder)
        written = getattr(journal, verb)(*subject, **answers)
        # after the journal: if the command stops here, the verdict can be undone and passed again
        if written.negatives or written.logos:
            answers["index"].save(index_dir)
    label = {True: "counterfeit", False: "no counterfeit", None: "no label"}[written.counterfeit]
    changes = len(written.negatives) + len(written.logos)
    what = f" of verdict {written.undoes}" if written.undoes else f": {label}"
    change = "taken back" if written.undoes else "added"
    say(f"verdict {written.id}, {verb}{what}, pictures {change}: {changes} -> {path}")
