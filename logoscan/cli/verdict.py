"""`logoscan verdict`: what a reviewer found becomes a label and, where asked, a change of the register."""

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
    epilog=examples(
        "logoscan verdict confirm reports.jsonl L1 Acme --journal verdicts.jsonl",
        "logoscan verdict reject reports.jsonl L0 Bolt --not-shown --index index/ --journal verdicts.jsonl",
        "logoscan verdict undo 2 --index index/ --journal verdicts.jsonl",
    ),
)
def verdict() -> None:
    """Say what a reviewer found: a label for the score and, where asked, a change of the register."""


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


@verdict.command(epilog=examples("logoscan verdict confirm reports.jsonl L1 Acme --journal verdicts.jsonl"))
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
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def confirm(
    reports: Path, listing: str, brand: str, journal: Path, goods: str, add_rendering: bool, **options: Any
) -> None:
    """LISTING concerns BRAND, as its report among REPORTS says, and its goods are counterfeit."""
    label = {"counterfeit": True, "genuine": False, "unknown": None}[goods]
    if (options["index_dir"] is not None) != add_rendering:
        raise InputError("confirm: expected --index with --add-rendering, got one of them")
    _review(journal, "confirm", (_report(reports, listing), brand), reports.parent, options,
            counterfeit=label, add_rendering=add_rendering)  # fmt: skip


@verdict.command(epilog=examples("logoscan verdict reject reports.jsonl L0 Bolt --journal verdicts.jsonl"))
@click.argument("reports", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("listing")
@click.argument("brand")
@_JOURNAL
@click.option("--not-shown", is_flag=True, help="BRAND is not there; with --index its places become negatives.")
@click.option("--force", is_flag=True, help="Change the index though no second reviewer has said the same.")
@_CHANGED
@_ROOT
@_REVIEWER
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def reject(
    reports: Path, listing: str, brand: str, journal: Path, not_shown: bool, force: bool, **options: Any
) -> None:
    """LISTING is no counterfeit of BRAND: its goods are genuine or, with --not-shown, another brand's.

    A place like BRAND's own logos becomes a negative only if two reviewers, by --reviewer, say so.
    """
    about = _report(reports, listing), brand
    _review(journal, "reject", about, reports.parent, options, not_shown=not_shown, force=force)


@verdict.command(epilog=examples("logoscan verdict undo 1 --journal verdicts.jsonl"))
@click.argument("number", type=int)
@_JOURNAL
@_CHANGED
@_REVIEWER
@ENCODER
@PRETRAINED
@DEVICE
@MODE
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
    from logoscan.index.logo_index import LogoIndex
    from logoscan.review.journal import Journal
    from logoscan.vision.encoder import ClipEncoder

    journal, where = Journal(path), options["index_dir"]
    answers["reviewer"] = options["reviewer"]
    if folder is not None:
        answers["root"] = options["root"] or folder
    with journal.locked():  # nobody else's verdict comes between loading and saving
        if where is not None:
            with working("loading the model"):
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
    say(f"verdict {said.id}, {verb}{of}, pictures {gone}: {changes} -> {path}")
