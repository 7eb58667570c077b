"""`logoscan register`: make an index of a folder of brands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import complain, progress, say, working
from logoscan.cli.inputs import changed_ledger, load_ledger
from logoscan.cli.options import DEVICE, ENCODER, MODE, PRETRAINED
from logoscan.errors import InputError, LogoscanError, VettingError

if TYPE_CHECKING:
    from logoscan.index.logo_index import LogoIndex


@main.command(
    short_help="Make an index of a folder of brands.",
    epilog=examples(
        "logoscan register brands/ --out index/",
        "logoscan register brands/ --out index/ --negatives alarms/ --ledger photos.ledger",
        "logoscan register more-brands/ --out index/ --add",
    ),
)
@click.argument("brands", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the index.")
@click.option("--add", is_flag=True, help="Add the brands to the index in OUT, which keeps all that it holds.")
@click.option(
    "--drop-negatives",
    is_flag=True,
    help="Without --add: do not take over the negatives of the index that stands in OUT, such as those of verdicts.",
)
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
@click.option(
    "--allow-conflicts",
    is_flag=True,
    help="Register all the same what is another brand's name or a common word as an alias, and say so.",
)
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def register(
    brands: Path,
    out: Path,
    add: bool,
    drop_negatives: bool,
    negatives: Path | None,
    ledger: Path | None,
    allow_conflicts: bool,
    encoder: str | None,
    pretrained: str | None,
    device: str,
) -> None:
    """Register a folder of BRANDS (a sub-folder each, with logos and, optionally, brand.json).

    A brand without a logo is found by its name, where the model has a text tower. Brands that are in each other's way
    are refused, all of them are said, and nothing is written. An index that stands in OUT is replaced, but for its
    negatives; with --add it is added to.
    """
    from logoscan.index.brand_folders import read_brand_folders
    from logoscan.index.logo_index import LogoIndex
    from logoscan.index.vet import CONFLICTS
    from logoscan.vision.encoder import ClipEncoder

    folders = read_brand_folders(brands)
    if ledger is not None:
        load_ledger(ledger)  # errors in it are reported before the work
    with working("loading the model"):
        clip = ClipEncoder(encoder, pretrained, device=device)
    old = LogoIndex.load(out) if LogoIndex.is_saved_at(out) else None
    if add and old is None:
        raise InputError(f"out: expected a folder that holds an index, to add to, got {str(out)!r}")
    allow = CONFLICTS if allow_conflicts else ()
    try:
        with progress("register", "brands", len(folders)) as advance:
            if add:
                index = LogoIndex.load(out, clip)
                warnings = index.add_folder(brands, allow=allow, on_brand=lambda _: advance())
            else:
                index, warnings = LogoIndex.from_folder(brands, clip, allow=allow, on_brand=lambda _: advance())
    except VettingError as error:
        for conflict in error.conflicts:
            complain(conflict)
        complain("nothing was registered; change these brands, or accept what is said with --allow-conflicts")
        sys.exit(1)
    for file in [] if negatives is None else sorted(p for p in negatives.iterdir() if p.is_file()):
        try:
            index.add_negative(file)
        except LogoscanError as error:
            warnings.append(f"negative {file.name}: not registered: {error}")
    for warning in warnings:
        complain(warning)
    if old is not None and not add:
        _keep_negatives(old, index, out, drop=drop_negatives)
    index.save(out)
    if ledger is not None:  # after the index: only brands that are registered now
        with changed_ledger(ledger) as photos:
            ledger_warnings = photos.add_brand_folders(folders)
        for warning in ledger_warnings:
            complain(warning)
        warnings += ledger_warnings
    not_searched = [b.name for b in index.brands if b.name not in index.with_logo and b.name not in index.by_name]
    if not_searched:
        names = ", ".join(not_searched[:5]) + (", ..." if len(not_searched) > 5 else "")
        complain(f"{len(not_searched)} brands without a logo will not be seen in photos: {names}")
    logos = len({logo.id for logo in index.logos})
    say(f"{len(index.brands)} brands, {logos} logos, {len(index)} vectors by {clip.info.name} -> {out}")
    shared = len(index.shared_logos) - (len(old.shared_logos) if add and old is not None else 0)
    if len(warnings) > shared:  # a logo of several brands is a warning, but not a failure
        sys.exit(1)


def _keep_negatives(old: LogoIndex, index: LogoIndex, out: Path, *, drop: bool) -> None:
    """Take over the negatives of the index that is replaced, and report what is kept and what is lost."""
    if not drop and old.encoder_info == index.encoder_info and (kept := index.add_negatives_of(old)):
        complain(f"{kept} negatives that stood in {out} are kept; --drop-negatives drops them")
    there, now = ({(n.id, n.brand) for n in i.negatives} for i in (old, index))
    if lost := there - now:
        complain(f"{len(lost)} negatives that stood in {out} are not in the new register")
    if packs := sum(map(len, old.packs.installed.values())):
        complain(f"{packs} brand packs that stood in {out} are not in the new index; apply them again")
