"""`logoscan pack`: signed packs of what a brand's owner states: make, sign, verify, compare, apply, take back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logoscan._quote import cause
from logoscan.cli.app import examples, main
from logoscan.cli.console import cells, complain, say, show, table, working
from logoscan.cli.inputs import changed_ledger, check_future, load_ledger, price_model, text_of
from logoscan.cli.options import DEVICE, ENCODER, INDEX, MODE, PRETRAINED
from logoscan.cli.outputs import check_place
from logoscan.errors import InputError, VettingError
from logoscan.io.files import atomic_write

if TYPE_CHECKING:
    from logoscan.index.logo_index import LogoIndex
    from logoscan.index.pack_diff import PackDiff
    from logoscan.index.packs import Pack

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLACE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_TRUST = click.option("--trust", type=_FILE, required=True, help="The platform's own trust.json: whose word it takes.")
_PRICES = click.option("--prices", type=_FILE, help="Known prices: a range above most of them must be accepted.")
_LEDGER = click.option("--ledger", type=click.Path(path_type=Path), help="Photo ledger: who uses official photos.")


@main.group(
    short_help="Take what brands state in signed packs.",
    help=(
        "Packs of what a brand's owner states (logos, names, prices, official photos, rights), signed. The platform "
        "sees what a pack changes, accepts by name what widens the brand's reach, and can go back. Needs pip install "
        "'logoscan[packs]'."
    ),
    epilog=examples(
        "logoscan pack verify acme.pack --trust trust.json",
        "logoscan pack diff acme.pack --trust trust.json --index index/ --out accept.txt",
        "logoscan pack apply acme.pack --trust trust.json --index index/ --accepted accept.txt",
    ),
)
def pack() -> None:
    """Group the commands on brand packs."""


@pack.command(
    help="Make a key pair: the private key into a new FILE for its owner alone, the entry for trust.json on stdout.",
    epilog=examples("logoscan pack key acme.pem --brand Acme --until 2099-12-31"),
)
@click.argument("file", type=_PLACE)
@click.option("--brand", multiple=True, required=True, help="Brand that the key may speak for.")
@click.option("--until", required=True, help="Last day on which it is trusted, YYYY-MM-DD.")
@click.option("--owner", help="Whose key it is, for people.")
@MODE
def key(file: Path, brand: tuple[str, ...], until: str, owner: str | None) -> None:
    """Make a key pair."""
    from logoscan.index.pack_keys import Trust, TrustedKey, generate_key
    from logoscan.index.pack_records import PACK_FIELDS
    from logoscan.io.records import to_mapping

    check_future(until, "until")
    if blank := [name for name in brand if not name.strip()]:
        raise InputError(f"brand: expected a name, got {blank[0]!r}")
    made = TrustedKey(**generate_key(file), brands=brand, fields=PACK_FIELDS, until=until, owner=owner)
    click.echo(json.dumps(to_mapping(Trust((made,))), indent=1, ensure_ascii=False))


@pack.command(
    short_help="Make the pack of a brand folder.",
    help=(
        "Make the pack of a brand FOLDER as `register` reads it; brand.json may also have rights, a list of trade "
        "marks (office, number, owner, nice_classes, territory, until). Official photos become hashes."
    ),
    epilog=examples("logoscan pack make brands/Acme --version 1 --key acme.pem --expires 2099-12-31 --out acme.pack"),
)
@click.argument("folder", type=_FOLDER)
@click.option("--version", type=click.IntRange(1), required=True, help="One above that of the pack before.")
@click.option("--key", "keys", type=_FILE, multiple=True, required=True, help="Private key, PEM.")
@click.option("--expires", required=True, help="Last day or time, ISO 8601.")
@click.option("--previous", type=_FILE, help="The pack before.")
@click.option("--field", "stated", multiple=True, help="State this alone; default: all that the folder has.")
@click.option("--out", type=_PLACE, required=True, help="The pack.")
@MODE
def make(
    folder: Path,
    version: int,
    keys: tuple[Path, ...],
    expires: str,
    previous: Path | None,
    stated: tuple[str, ...],
    out: Path,
) -> None:
    """Make the pack of a brand folder."""
    from logoscan.index.packs import load_key, make_pack, next_version

    check_future(expires, "expires")
    if version != (following := 1 if previous is None else next_version(previous)):
        after = "without a pack before (--previous)" if previous is None else f"after {previous}"
        raise InputError(f"version: expected {following} {after}, got {version}")
    signers = [load_key(path) for path in keys]
    sha256 = make_pack(folder, version, signers, expires, out=out, previous=previous, stated=stated or None)
    say(f"version {version}, manifest {sha256[:12]} -> {out}")


@pack.command(
    help="Add a signature to PACK, for brands of which several keys must sign.",
    epilog=examples("logoscan pack sign acme.pack --key acme.pem"),
)
@click.argument("file", metavar="PACK", type=_FILE)
@click.option("--key", "key_file", type=_FILE, required=True, help="Private key, PEM.")
@MODE
def sign(file: Path, key_file: Path) -> None:
    """Add a signature to a pack."""
    from logoscan.index.packs import load_key, sign_pack

    sign_pack(file, load_key(key_file))
    say(f"signed -> {file}")


@pack.command(
    help="Check the signatures, hashes and rights of PACK; exit code 1 if it has expired, 2 if it is refused.",
    epilog=examples("logoscan pack verify acme.pack --trust trust.json"),
)
@click.argument("file", metavar="PACK", type=_FILE)
@_TRUST
def verify(file: Path, trust: Path) -> None:
    """Check a pack."""
    from datetime import UTC, datetime

    from logoscan.index.packs import utc_time

    read = _read(file, trust)
    say(f"{read.name}, expires {read.expires}, states {', '.join(read.fields)}, signed by {len(read.signers)} keys")
    if utc_time(read.expires, "expires") < datetime.now(UTC):
        complain(f"{file}: the pack has expired")
        sys.exit(1)


def _read(file: Path, trust: Path) -> Pack:
    from logoscan.index.packs import Trust, read_pack

    return read_pack(file, Trust.load(trust))


def _compared(command: Callable[..., None]) -> Callable[..., None]:
    """Add what both commands take that compare a pack with an index."""
    arguments = (click.argument("file", metavar="PACK", type=_FILE), _TRUST, INDEX)
    for option in reversed((*arguments, _PRICES, _LEDGER, ENCODER, PRETRAINED, DEVICE, MODE)):
        command = option(command)
    return command


def _index(index_dir: Path, encoder: str | None, pretrained: str | None, device: str) -> LogoIndex:
    from logoscan.index.logo_index import LogoIndex
    from logoscan.vision.encoder import ClipEncoder

    with working("loading the model"):
        return LogoIndex.load(index_dir, ClipEncoder(encoder, pretrained, device=device))


def _known(prices: Path | None, ledger: Path | None) -> dict[str, Any]:
    """Return what a pack is compared with besides the index."""
    users: Callable[[str], int] | None = None
    if ledger is not None:
        photos = load_ledger(ledger)

        def users(pdq: str) -> int:
            return photos.look_up(pdq, None).other_sellers

    return {"prices": price_model(prices)[0], "photo_users": users}


@pack.command(
    help=(
        "Show what PACK would change. What widens the brand's reach comes first, and must be accepted by name. Exit "
        "code 1 if the pack is old, expired or not the next one."
    ),
    epilog=examples("logoscan pack diff acme.pack --trust trust.json --index index/ --out accept.txt"),
)
@_compared
@click.option("--out", type=_PLACE, help="The names to accept, a line each, for `apply --accepted`; strike out others.")
def diff(
    file: Path, trust: Path, index_dir: Path, out: Path | None, prices: Path | None, ledger: Path | None, **model: Any
) -> None:
    """Show what a pack would change."""
    from logoscan.index.pack_changes import diff_pack

    if out is not None:
        check_place(out)
    read = _read(file, trust)
    found = diff_pack(_index(index_dir, **model), read, **_known(prices, ledger))
    _show(found)
    if out is not None:
        atomic_write(out, "".join(f"{change.name}\n" for change in found.widening).encode())
        say(f"{len(found.widening)} names to accept -> {out}")
    if found.refusals:
        complain(f"{file}: {'; '.join(found.refusals)}")
        sys.exit(1)


def _show(found: PackDiff) -> None:
    rows = table("", "change", "what")
    for change in found.changes:
        rows.add_row(
            *cells(
                [
                    "warning" if change.warned else "accept?" if change.widening else "",
                    f"{change.kind} {change.name}",
                    change.why,
                ]
            )
        )
    show(rows, f"{found.brand}: version {found.installed} -> {found.version}, {len(found.changes)} changes, "
               f"{len(found.widening)} to be accepted by name")  # fmt: skip
    for warning in found.warnings:
        complain(warning)


@pack.command(
    help=(
        "Apply PACK to the index, at once or not at all. Exit code 1, and nothing is written, if something was not "
        "accepted by name, or the pack is old, expired or not the next one."
    ),
    epilog=examples("logoscan pack apply acme.pack --trust trust.json --index index/ --accepted accept.txt"),
)
@_compared
@click.option("--accept", multiple=True, help="Name of a change that is accepted, as `diff` shows it.")
@click.option("--accepted", type=_FILE, help="File of such names, a line each, as `diff --out` wrote it.")
@click.option(
    "--force", metavar="REASON", help="Apply an old, expired or later pack; the reason stands in the journal."
)
def apply(
    file: Path,
    trust: Path,
    index_dir: Path,
    accept: tuple[str, ...],
    accepted: Path | None,
    force: str | None,
    prices: Path | None,
    ledger: Path | None,
    **model: Any,
) -> None:
    """Apply a pack."""
    from logoscan.index.pack_changes import apply_pack

    read = _read(file, trust)
    names = set(accept)
    if accepted is not None:
        names |= {line.strip("\r\n") for line in text_of(accepted).split("\n") if line.strip()}
    index = _index(index_dir, **model)
    try:
        found = apply_pack(index, read, accept=names, force=force, **_known(prices, ledger))
    except VettingError as error:
        for conflict in error.conflicts:
            complain(conflict)
        complain(f"{cause(error)}")
        sys.exit(1)
    index.save(index_dir)
    if ledger is not None and read.official_photos:
        with changed_ledger(ledger) as photos:
            photos.add_official(read.brand.name, list(read.official_photos.values()))
    _show(found)
    say(f"{read.name} is in force -> {index_dir}")
    if found.warnings:
        sys.exit(1)


@pack.command(
    help="Take packs of a brand back, until VERSION is in force again; 0 takes all of them back.",
    epilog=examples("logoscan pack rollback Acme 0 --index index/"),
)
@click.argument("brand")
@click.argument("version", type=click.IntRange(0))
@INDEX
@MODE
def rollback(brand: str, version: int, index_dir: Path) -> None:
    """Take packs of a brand back."""
    from logoscan.index.logo_index import LogoIndex
    from logoscan.index.pack_changes import rollback as take_back

    index = LogoIndex.load(index_dir)
    gone = take_back(index, brand, version)
    index.save(index_dir)
    say(f"{brand}: {', '.join(map(str, gone))} taken back, {version or 'no pack'} in force -> {index_dir}")
