"""`logoscan verdict`: record a reviewer's verdict as a label and, on request, as a change of the index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from logoscan._quote import quoted
from logoscan.cli.app import examples, main
from logoscan.cli.console import say, working
from logoscan.cli.options import DEVICE, ENCODER, MODE, PRETRAINED, REVIEWER_KEY, read_key
from logoscan.errors import InputError
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report
from logoscan.review.verdict import Source, check_box

__all__ = ["JOURNAL", "verdict"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LABELS = {"counterfeit": True, "genuine": False, "unknown": None}


@main.group(
    short_help="Note what people found, import it, undo it.",
    help=(
        "Say what people found: a label for the score and, where asked, a change of the index.\n\n"
        "For each listing and brand the latest verdict counts; one that contradicts the one before is told."
    ),
    epilog=examples(
        "logoscan verdict confirm reports.jsonl L1 Acme --journal verdicts.jsonl",
        "logoscan verdict reject reports.jsonl L0 Bolt --not-shown --index index/ --journal verdicts.jsonl",
        "logoscan verdict undo 2 --index index/ --journal verdicts.jsonl",
    ),
)
def verdict() -> None:
    """Group the commands on verdicts."""


JOURNAL = click.option(
    "--journal", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File of verdicts; it only grows."
)
"""The option of the journal's file, for all commands on verdicts."""
_INDEX_TO_CHANGE = click.option(
    "--index",
    "index_dir",
    type=click.Path(path_type=Path),
    help="To be changed and saved again, as `register` wrote it.",
)
_ROOT = click.option("--root", type=click.Path(path_type=Path), help="Folder of the photos; default: where REPORTS is.")
_REVIEWER = click.option("--reviewer", help="Who says so; kept as a hash.")


def _ground(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say what a verdict rests on."""
    for option in (
        click.option("--note", help="What else is to be remembered."),
        click.option(
            "--weight",
            type=click.FloatRange(0, min_open=True),
            default=1.0,
            show_default=True,
            help="One over the chance with which the listing was chosen, as for a test buy.",
        ),
        click.option(
            "--source",
            type=click.Choice(get_args(Source)),
            default="reviewer",
            show_default=True,
            help="How it is known.",
        ),
        _REVIEWER,
        REVIEWER_KEY,
    ):
        command = option(command)
    return command


@verdict.command(
    help="LISTING concerns BRAND, as its report among REPORTS says, and its goods are counterfeit.",
    epilog=examples("logoscan verdict confirm reports.jsonl L1 Acme --journal verdicts.jsonl"),
)
@click.argument("reports", type=_FILE)
@click.argument("listing")
@click.argument("brand")
@JOURNAL
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
@_ground
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def confirm(
    reports: Path, listing: str, brand: str, journal: Path, goods: str, add_rendering: bool, **options: Any
) -> None:
    """Record that a listing concerns a brand."""
    if (options["index_dir"] is not None) != add_rendering:
        raise InputError("confirm: expected --index with --add-rendering, got one of them")
    _review(journal, "confirm", (_report(reports, listing), brand), reports.parent, options,
            counterfeit=_LABELS[goods], add_rendering=add_rendering)  # fmt: skip


@verdict.command(
    help=(
        "LISTING is no counterfeit of BRAND: its goods are genuine or, with --not-shown, another brand's.\n\n"
        "A place like BRAND's own logos becomes a negative only if two reviewers, by --reviewer, say so."
    ),
    epilog=examples("logoscan verdict reject reports.jsonl L0 Bolt --journal verdicts.jsonl"),
)
@click.argument("reports", type=_FILE)
@click.argument("listing")
@click.argument("brand")
@JOURNAL
@click.option("--not-shown", is_flag=True, help="BRAND is not there; with --index its places become negatives.")
@click.option("--force", is_flag=True, help="Change the index though no second reviewer has said the same.")
@_INDEX_TO_CHANGE
@_ROOT
@_ground
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


@verdict.command(
    help=(
        "LISTING concerns BRAND, which its report does not name. It counts for the recall, and is no label of the "
        "goods unless --goods says so.\n\n"
        "--add-rendering registers what the box shows as a picture of BRAND's logo, so that it is not missed again."
    ),
    epilog=examples(
        "logoscan verdict missed L1 Core --journal verdicts.jsonl",
        "logoscan verdict missed L0 Bolt --reports reports.jsonl --box 10,10,50,50 --journal verdicts.jsonl",
    ),
)
@click.argument("listing")
@click.argument("brand")
@JOURNAL
@click.option("--reports", type=_FILE, help="Reports, one of which is LISTING's; needed with --add-rendering.")
@click.option(
    "--goods",
    type=click.Choice(["counterfeit", "genuine", "unknown"]),
    default="unknown",
    show_default=True,
    help="The label; unknown gives none.",
)
@click.option("--box", help="Where the mark is: x0,y0,x1,y1 in pixels of the photo.")
@click.option("--image", type=click.IntRange(0), help="Number of the photo, from 0; not needed if there is one alone.")
@click.option("--add-rendering", is_flag=True, help="The box becomes a picture of the logo; with --index.")
@_INDEX_TO_CHANGE
@_ROOT
@_ground
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def missed(
    listing: str,
    brand: str,
    journal: Path,
    reports: Path | None,
    goods: str,
    box: str | None,
    image: int | None,
    add_rendering: bool,
    **options: Any,
) -> None:
    """Record that a report does not name a brand that the listing concerns."""
    if (options["index_dir"] is not None) != add_rendering:
        raise InputError("missed: expected --index with --add-rendering, got one of them")
    if add_rendering and (reports is None or box is None):
        raise InputError("missed: expected --reports and --box with --add-rendering, got less")
    subject = listing if reports is None else _report(reports, listing)
    _review(journal, "missed", (subject, brand), Path() if reports is None else reports.parent, options,
            counterfeit=_LABELS[goods], xyxy=_box(box), image=image)  # fmt: skip


@verdict.command(epilog=examples("logoscan verdict undo 1 --journal verdicts.jsonl"))
@click.argument("number", type=int)
@JOURNAL
@_INDEX_TO_CHANGE
@_REVIEWER
@REVIEWER_KEY
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def undo(number: int, journal: Path, **options: Any) -> None:
    """Take back verdict NUMBER, its label and its change of the index."""
    _review(journal, "undo", (number,), None, options)


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    """Return the box of an option.

    Raises:
        InputError: It is no box.
    """
    if text is None:
        return None
    try:
        x0, y0, x1, y1 = map(float, text.split(","))
    except ValueError:
        raise InputError(f"box: expected x0,y0,x1,y1, got {quoted(text)}") from None
    check_box((x0, y0, x1, y1), "box")
    return x0, y0, x1, y1


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

    journal, index_dir = Journal(path, reviewer_key=read_key(options["reviewer_key"])), options["index_dir"]
    answers |= {name: options[name] for name in ("reviewer", "source", "weight", "note") if name in options}
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
    if written.answer == "wrong_brand":
        label = "not the brand, no label"
    changes = len(written.negatives) + len(written.logos)
    what = f" of verdict {written.undoes}" if written.undoes else f": {label}"
    change = "taken back" if written.undoes else "added"
    say(f"verdict {written.id}, {verb}{what}, pictures {change}: {changes} -> {path}")
