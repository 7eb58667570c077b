"""`logoscan find`: find the listings whose stored photos show a logo, or are copies of a photo."""

from __future__ import annotations

from pathlib import Path

import click

from logoscan.cli.app import examples, main
from logoscan.cli.console import cells, say, show, table, working
from logoscan.cli.options import DEVICE, ENCODER, MODE, PRETRAINED
from logoscan.io.files import atomic_write
from logoscan.io.records import to_json
from logoscan.store.find import LEAST_SIMILARITY, make_query
from logoscan.store.find import find as find_listings
from logoscan.store.reader import FeatureStore

# What the keypoints say of a copy.
_CONFIRMED = {True: "confirmed", False: "do not agree", None: "not compared"}


@main.command(
    short_help="Find the listings that show a logo or a photo.",
    epilog=examples(
        "logoscan find logo.png --in features/", "logoscan find photo.jpg --in features/ --out found.jsonl"
    ),
)
@click.argument("picture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--in", "features", type=click.Path(path_type=Path), required=True, help="As `scan --keep-features` wrote it."
)
@click.option("--most", type=click.IntRange(1), default=1000, show_default=True, help="Most listings to name.")
@click.option(
    "--least-similarity",
    type=click.FloatRange(-1, 1),
    default=LEAST_SIMILARITY,
    show_default=True,
    help="Least cosine of a region and the picture.",
)
@click.option("--exact", is_flag=True, help="Compare every vector, also of large files.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON lines, one a listing; default: a table.")
@ENCODER
@PRETRAINED
@DEVICE
@MODE
def find(
    picture: Path,
    features: Path,
    most: int,
    least_similarity: float,
    exact: bool,
    out: Path | None,
    encoder: str | None,
    pretrained: str | None,
    device: str,
) -> None:
    """Find the listings that show PICTURE, a logo (SVG too) or a photo, without opening their photos.

    Best first: the same file, then copies by the PDQ hash (turned and mirrored too) and by their keypoints (crops,
    frames, pictures set into others), then regions that look like it.
    """
    from logoscan.vision.encoder import ClipEncoder

    store = FeatureStore(features)
    with working("loading the encoder"):
        clip = ClipEncoder(encoder, pretrained, device=device)
    query = make_query(picture, clip)
    found = find_listings(
        store, query, clip.info.fingerprint, least_similarity=least_similarity, most=most, exact=exact
    )
    if out is not None:
        atomic_write(out, "".join(f"{to_json(one)}\n" for one in found).encode())
        say(f"{len(found)} listings -> {out}")
        return
    rows = table("listing", "image", "kind", "similarity", "keypoints", "file", right=("image", "similarity"))
    for one in found:
        said = "" if one.kind != "copy" else _CONFIRMED[one.confirmed]
        rows.add_row(*cells((one.listing_id, one.position, one.kind, f"{one.similarity:.3f}", said, one.file or "")))
    show(rows)
