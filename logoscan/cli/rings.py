"""`logoscan rings`: find the accounts that probably belong together, and why."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import click

from logoscan.cases.links import AT_LEAST, CAP, Links, Suspects, link_sellers
from logoscan.cases.ring_files import write_graphml, write_rings
from logoscan.cases.rings import find_rings, known_offenders
from logoscan.cases.seller_tokens import door_tokens, seller_tokens
from logoscan.cases.sellers_file import read_sellers
from logoscan.cli.app import examples, main
from logoscan.cli.console import Complaints, cells, complain, progress, say, show, table
from logoscan.cli.inputs import BadRows, open_reports, photo_root
from logoscan.cli.options import MODE, read_key
from logoscan.cli.outputs import check_place
from logoscan.merchants.token_file import TokenRow, read_tokens, write_tokens
from logoscan.results import Report

_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
# Accounts that stdout names; the others are counted.
_MOST_NAMED = 20


@main.command(
    short_help="Find accounts that probably belong together.",
    epilog=examples(
        "logoscan rings reports.jsonl --suspects merchants.jsonl --out rings.parquet --html rings/",
        "logoscan rings reports.jsonl --suspects merchants.jsonl --closed closed.csv --out r.parquet --door door.csv",
    ),
)
@click.argument("reports", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option(
    "--suspects",
    help="Sellers with counterfeit evidence of their own, as `merchants` wrote them (band clear is left out), or any "
    "CSV, JSON lines or Parquet with seller_id; the word all links everybody.",
)
@click.option("--out", type=_FILE, required=True, help="Parquet: a row for each link, with its reasons.")
@click.option("--html", "folder", type=click.Path(path_type=Path), help="Folder of pages, one for each ring.")
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the photos; default: where REPORTS is.")
@click.option("--graphml", type=_FILE, help="The same as GraphML, for graph programs.")
@click.option("--closed", type=_EXISTING, help="Closed accounts: CSV, JSON lines or Parquet with seller_id.")
@click.option("--door", type=_FILE, help="CSV of the closed accounts' tokens, for `screen --tokens`; needs --closed.")
@click.option(
    "--tokens",
    type=_EXISTING,
    help="More tokens: CSV or Parquet with seller_id, kind (contact, code, id, ...), token[, listing_id, first_seen].",
)
@click.option(
    "--contact-key",
    type=_EXISTING,
    help="File with the secret under which contacts, codes and ids of --tokens, and codes of REPORTS, are hidden; scan "
    "with the same one.",
)
@click.option(
    "--cap", type=click.IntRange(2), default=CAP, show_default=True, help="Users above which a token ties nobody."
)
@click.option(
    "--at-least",
    type=click.FloatRange(0),
    default=AT_LEAST,
    show_default=True,
    help="Log-odds from which two sellers are linked.",
)
@MODE
def rings(
    reports: Path,
    suspects: str | None,
    out: Path,
    folder: Path | None,
    root: Path | None,
    graphml: Path | None,
    closed: Path | None,
    door: Path | None,
    tokens: Path | None,
    contact_key: Path | None,
    cap: int,
    at_least: float,
) -> None:
    """Find the sellers of REPORTS (a file, a folder of shards, or -) who probably belong together.

    REPORTS are those of all sellers, since what many use ties nobody. Only suspects become members; whoever has no
    counterfeit evidence of their own never does. Needs the extra `cases`, and `report` for --html. Exit code 1 if rows
    or reports failed; stderr says which.
    """
    if suspects is None:
        raise click.UsageError("--suspects: expected a file, or the word all to link everybody")
    if door is not None and closed is None:
        raise click.UsageError("--door needs --closed")
    for place in filter(None, (out, graphml, door)):
        check_place(place)
    key = read_key(contact_key) or secrets.token_bytes()  # without a file a secret of this run, which nobody knows
    problems: list[str] = []
    with ExitStack() as stack:
        complaints = stack.enter_context(Complaints())
        failed = BadRows(complaints)
        shut = frozenset() if closed is None else frozenset(read_sellers(closed, on_error=failed.of(closed)))
        chosen: Suspects = "all"
        if suspects != "all":
            path = Path(suspects)
            chosen = shut | set(read_sellers(path, on_error=failed.of(path)))
        more: Iterable[TokenRow] = () if tokens is None else read_tokens(tokens, key=key, on_error=failed.of(tokens))
        uses = seller_tokens(_with_progress(open_reports(reports)), more, problems=problems, key=key)
        for problem in problems:
            complaints(problem)
    links = link_sellers(uses, chosen, cap=cap, at_least=at_least)
    found = find_rings(links)
    write_rings(out, found)
    if graphml is not None:
        write_graphml(graphml, found)
    if door is not None:
        everybody = set(uses.column("seller_id").unique().to_pylist()) if chosen == "all" else chosen
        write_tokens(door, door_tokens(uses, shut, everybody, cap=cap))
    _tell_dropped(links, cap)
    members = sum(len(ring.members) for ring in found)
    say(f"{len(found)} rings of {members} sellers, by {len(links)} links -> {out}")
    if folder is not None:
        from logoscan.cases.ring_pages import write_ring_pages

        photos = root or photo_root(reports)
        say(f"{write_ring_pages(found, folder, uses, root=photos, closed=shut)} pages -> {folder / 'index.html'}")
    if shut:
        offenders = known_offenders(found, shut)
        say(f"{len(offenders)} open accounts are in a ring with {len(shut)} closed ones")
        rows = table("seller", "ring", "confidence", "closed", right=("ring", "confidence", "closed"))
        for one in offenders[:_MOST_NAMED]:
            rows.add_row(*cells((one.seller_id, one.ring + 1, f"{one.confidence:.2f}", len(one.closed))))
        if offenders:
            show(rows)
    if failed.rows or problems:
        complain(f"{failed.rows + len(problems)} rows failed, see above")
        sys.exit(1)


def _with_progress(reports: Iterable[Report]) -> Iterable[Report]:
    with progress("rings", "reports", lambda: None) as advance:
        for report in reports:
            advance()
            yield report


def _tell_dropped(links: Links, cap: int) -> None:
    """Name what more sellers use than a ring has, and what therefore tied nobody."""
    if links.n_dropped:
        kind, token, users = links.dropped[0]
        complain(
            f"{links.n_dropped} tokens tie nobody, since more than {cap} sellers use them; the most used is the {kind} "
            f"{token:.16}, by {users} sellers"
        )
