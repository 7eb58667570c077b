"""`logoscan lead`: one folder for an investigator, which an expert can check years later."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from logoscan._quote import quoted
from logoscan.cases.custody import CustodyAct
from logoscan.cases.leads import Include
from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, complain, say, working
from logoscan.cli.inputs import open_reports, photo_root
from logoscan.cli.options import MODE
from logoscan.errors import InputError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@main.group(
    short_help="Make and check a case folder for investigators.",
    help=(
        "One folder for an investigator (BagIt): photos as they were scanned, pages, reports, the logos compared with, "
        "and a chain of who had it. Needs pip install 'logoscan[cases,leads]'."
    ),
    epilog=examples(
        "logoscan lead make reports.jsonl --case 2027-42 --purpose 'Trade mark case' --who 'J. Doe' --out lead/",
        "logoscan lead verify lead/",
    ),
)
def lead() -> None:
    """Group the commands on leads."""


@lead.command(
    help=(
        "Make the lead of the listings of REPORTS. It holds no personal data but what --include names, for which "
        "--legal-basis is needed. Exit code 1 if a photo is missing or has changed since the scan; the gaps stand "
        "first in data/case.json."
    ),
    epilog=examples(
        "logoscan lead make reports.jsonl --case 2027-43 --purpose 'Trade mark case' --who 'J. Doe' --out lead-43/",
    ),
)
@click.argument("reports", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option("--case", "case_id", required=True, help="Identifier of the case.")
@click.option("--purpose", required=True, help="Why it is made, a sentence.")
@click.option("--who", required=True, help="Who makes it, by a name that a court can resolve.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder.")
@click.option("--listing", "listings", multiple=True, help="Only this listing.")
@click.option("--root", type=_FOLDER, help="Folder of the photos; default: where REPORTS is.")
@click.option("--index", "index_dir", type=_FOLDER, help="Index whose logos were compared with.")
@click.option("--rings", "rings_file", type=_FILE, help="Rings, as `rings --out` wrote them; needs --ring.")
@click.option("--ring", type=click.IntRange(1), help="Number of the ring that ties the sellers together.")
@click.option("--decisions", type=_FOLDER, help="Decisions on record; those on these listings are added.")
@click.option("--include", multiple=True, type=click.Choice(get_args(Include)), help="Personal data to hand over.")
@click.option("--legal-basis", help="On which law it is handed over.")
@click.option("--key", type=_FILE, help="Private key that signs it, PEM.")
@MODE
def make(
    reports: Path,
    case_id: str,
    purpose: str,
    who: str,
    out: Path,
    listings: tuple[str, ...],
    root: Path | None,
    index_dir: Path | None,
    rings_file: Path | None,
    ring: int | None,
    decisions: Path | None,
    include: tuple[Include, ...],
    legal_basis: str | None,
    key: Path | None,
) -> None:
    """Make a lead."""
    from logoscan.cases.decision_store import DecisionLog
    from logoscan.cases.leads import LeadCase, make_lead
    from logoscan.cases.ring_evidence import RingEvidence
    from logoscan.index.logo_index import LogoIndex
    from logoscan.index.pack_keys import load_key

    if (ring is None) != (rings_file is None):
        raise click.UsageError("--ring: expected together with --rings")
    case = LeadCase(case_id, purpose, who, legal_basis)
    chosen = [report for report in open_reports(reports) if not listings or report.listing_id in listings]
    if missing := set(listings) - {report.listing_id for report in chosen}:
        raise InputError(f"listing: expected one of the reports, got {quoted(min(missing))}")
    with working("making the lead"):
        made = make_lead(
            case,
            chosen,
            out,
            photos=root or photo_root(reports),
            index=None if index_dir is None else LogoIndex.load(index_dir),
            ring=None if ring is None or rings_file is None else RingEvidence.read(rings_file, ring),
            decisions=() if decisions is None else DecisionLog(decisions).read(),
            include=include,
            key=None if key is None else load_key(key),
        )
    with Complaints() as complaints:
        for gap in made.gaps:
            complaints(gap)
    say(f"{len(chosen)} listings, {len(made.gaps)} gaps -> {out}")
    if made.gaps:
        sys.exit(1)


@lead.command(
    help="Check every byte of a lead, its custody and, with --key, its signature. Exit code 1 if one is wrong.",
    epilog=examples("logoscan lead verify lead/"),
)
@click.argument("folder", type=_FOLDER)
@click.option("--key", "keys", multiple=True, help="Public key that must have signed it, 64 hex digits.")
@click.option("--trust", type=_FILE, help="JSON file with such keys, as `pack key` prints it.")
def verify(folder: Path, keys: tuple[str, ...], trust: Path | None) -> None:
    """Check a lead."""
    from logoscan.cases.leads import verify_lead
    from logoscan.index.pack_keys import Trust

    wanted = [*keys, *(() if trust is None else (key.public for key in Trust.load(trust).keys))]
    check = verify_lead(folder, keys=wanted)
    with Complaints() as complaints:
        for gap in check.gaps:
            complaints(f"when it was made: {gap}")
        for problem in check.problems:
            complaints(problem)
    if check.problems:
        complain(f"{folder}: {len(check.problems)} problems, see above")
        sys.exit(1)
    signed = f", signed by {len(check.signed_by)} of the keys" if wanted else ""
    say(f"{folder}: whole, {len(check.gaps)} gaps when it was made{signed}")


@lead.command(
    help="Add a line to the custody of a lead: who opened, copied, handed on or received it.",
    epilog=examples("logoscan lead record lead/ --who 'J. Doe' --act handed_on --note 'to the prosecutor'"),
)
@click.argument("folder", type=_FOLDER)
@click.option("--who", required=True, help="Who, by a name that a court can resolve.")
@click.option("--act", type=click.Choice(get_args(CustodyAct)[1:]), required=True, help="What was done.")
@click.option("--note", help="To whom, where or what for.")
@MODE
def record(folder: Path, who: str, act: CustodyAct, note: str | None) -> None:
    """Add a line to the custody of a lead."""
    from logoscan.cases.custody import add_custody, read_custody

    add_custody(folder, who, act, note)
    say(f"{len(read_custody(folder))} lines of custody -> {folder}")
