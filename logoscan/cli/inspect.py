"""`logoscan inspect`: what an index holds, and which of its brands look alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from logoscan.cli.app import examples, main
from logoscan.cli.console import cells, show, table, working
from logoscan.errors import InputError
from logoscan.io.records import to_mapping

if TYPE_CHECKING:
    from logoscan.index.logo_index import LogoIndex

_NAMED = 5
"""Names that a line lists before it ends in dots; `--json` has all."""


@main.command(
    short_help="Show an index: brands, logos, pairs that look alike.",
    epilog=examples("logoscan inspect index/ --pairs 20", "logoscan inspect index/ --brand Acme --json"),
)
@click.argument("index_dir", metavar="INDEX", type=click.Path(path_type=Path))
@click.option(
    "--pairs",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Most confusable pairs of brands to list; 0 saves the comparison.",
)
@click.option("--brand", help="One brand: its facts, its logos and the brands it may be taken for.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, complete, for machines.")
def inspect(index_dir: Path, pairs: int, brand: str | None, as_json: bool) -> None:
    """Show what INDEX holds: brands, logos, negatives, encoder, and the brands that look most alike.

    Two brands are as confusable as their two nearest logos: the cosine of these, of all pairs of brands that have a
    logo. Brands that are known by their name alone are not compared.
    """
    from logoscan.index.logo_index import LogoIndex

    with working("reading the index"):
        index = LogoIndex.load(index_dir)
    facts = _facts(index, index_dir) if brand is None else _brand(index, _resolved(index, brand))
    alike: list[tuple[str, str, float]] = []
    name = facts.get("name")
    if pairs and (name is None or name in index.with_logo):
        with working("comparing logos"):
            alike = index.confusable(pairs, name)
    facts["negative_costs"] = [
        {"id": one, "brand": of, "logo": logo, "similarity": round(cosine, 4), "logos": near}
        for one, of, logo, cosine, near in index.negative_costs(name)
    ]
    facts["shared_logos"] = [
        [{"brand": of, "logo": logo} for of, logo in family]
        for family in index.shared_logos
        if name is None or name in {of for of, _ in family}
    ]
    facts["confusable"] = [{"brands": [a, b], "similarity": round(similarity, 4)} for a, b, similarity in alike]
    if as_json:
        click.echo(json.dumps(facts))
    elif brand is None:
        show(_overview(facts), *_alike(alike), *_costs(facts))
    else:
        show(_portrait(facts), "", _logos(facts["logos"]), *_alike(alike), *_costs(facts))


def _resolved(index: LogoIndex, brand: str) -> str:
    names = [b.name for b in index.brands]
    found = brand if brand in names else index.names.resolve(brand)
    if found is None:
        near = get_close_matches(brand, names, n=1)
        raise InputError(
            f"brand: expected one of the {len(names)} registered names, got {brand!r}"
            + (f", did you mean {near[0]!r}?" if near else "")
        )
    return found


def _facts(index: LogoIndex, folder: Path) -> dict[str, Any]:
    """The register in figures; the keys of `--json`."""
    from logoscan.index._state import NOBODY, USERS

    users = [n for n in index.negatives if n.id.startswith(USERS)]
    without = [b.name for b in index.brands if b.name not in index.with_logo]
    return {
        "index": str(folder),
        "fingerprint": index.fingerprint,
        "encoder": {"fingerprint": index.encoder_info.fingerprint, **to_mapping(index.encoder_info)},
        "brands": len(index.brands),
        "logos": len({(logo.brand, logo.id) for logo in index.logos}),
        "vectors": len(index),
        "brands_without_logo": without,
        "brands_known_by_name": sorted(index.by_name),
        "negatives": {
            "general": len(index.negatives) - len(users),
            "nobody": sum(n.brand == NOBODY for n in users),
            "of_brands": dict(sorted(Counter(n.brand for n in users if n.brand != NOBODY).items())),
        },
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }


def _brand(index: LogoIndex, name: str) -> dict[str, Any]:
    """One brand: its facts and its logos; the keys of `--json`."""
    brand = index.brand(name)
    renderings: dict[str, list[str]] = {}
    for logo in index.logos:
        if logo.brand == name:
            renderings.setdefault(logo.id, []).append(logo.rendering)
    return {
        **to_mapping(brand),
        "logos": [{"id": logo, "renderings": drawn} for logo, drawn in renderings.items()],
        "known_by_name": name in index.by_name,
        "registered_negatives": sum(n.brand == name for n in index.negatives),
    }


# -- for people


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _rows(*rows: tuple[str, object]) -> Table:
    out = table("", "", header=False)
    for row in rows:
        out.add_row(*cells(row))
    return out


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _overview(facts: dict[str, Any]) -> Table:
    encoder, without, negatives = facts["encoder"], facts["brands_without_logo"], facts["negatives"]
    own, by_name = negatives["of_brands"].values(), len(facts["brands_known_by_name"])
    unseen = f"{len(without)} ({_listed(without)}), {by_name} of them known by name" if without else "0"
    return _rows(
        ("index", facts["index"]),
        ("brands", facts["brands"]),
        ("without a logo", unseen),
        ("logos", f"{facts['logos']}, as {facts['vectors']} vectors"),
        (
            "negatives",
            f"{negatives['general']} general, {negatives['nobody']} of nobody, {sum(own)} of {len(own)} brands",
        ),
        ("encoder", f"{encoder['name']}, {encoder['dim']} numbers a vector, fingerprint {encoder['fingerprint']}"),
        ("fingerprint", facts["fingerprint"]),
        ("on disk", size(facts["bytes"])),
    )


def _portrait(facts: dict[str, Any]) -> Table:
    prices = [f"{p['category'] or 'any'} {p['low']:g}-{p['high']:g} {p['currency']}" for p in facts["usual_prices"]]
    return _rows(
        ("brand", facts["name"]),
        ("aliases", ", ".join(facts["aliases"]) or "-"),
        ("authorised sellers", len(facts["authorised_sellers"]) or "none registered, so nothing is concluded"),
        ("official photos", len(facts["official_photos"])),
        ("usual prices", "; ".join(prices) or "-"),
        ("facts", ", ".join(f"{k}: {v}" for k, v in facts["facts"].items()) or "-"),
        ("negatives", facts["registered_negatives"]),
        ("known by", "logo" if facts["logos"] else "name" if facts["known_by_name"] else "text alone"),
    )


def _logos(logos: Sequence[dict[str, Any]]) -> Table | str:
    if not logos:
        return "no logo"
    out = table("logo", "renderings")
    for logo in logos:
        out.add_row(*cells((logo["id"], ", ".join(logo["renderings"]))))
    return out


def _alike(pairs: Sequence[tuple[str, str, float]]) -> list[Table | str]:
    if not pairs:
        return []
    out = table("similarity", "brand", "looks like", right=("similarity",))
    for a, b, similarity in pairs:
        out.add_row(*cells((f"{similarity:z.3f}", a, b)))
    return ["", out]


def _costs(facts: dict[str, Any]) -> list[Table | str]:
    """What negatives speak against, and logos of several brands; nothing where there are none."""
    out: list[Table | str] = []
    if facts["negative_costs"]:
        costs = table("negative", "not", "likest logo", "similarity", "near logos", right=("similarity", "near logos"))
        for one in facts["negative_costs"]:
            row = (one["id"], one["brand"] or "anybody", one["logo"], f"{one['similarity']:z.3f}", one["logos"])
            costs.add_row(*cells(row))
        out += ["", costs]
    if facts["shared_logos"]:
        shared = table("one drawing of several brands")
        for family in facts["shared_logos"]:
            shared.add_row(*cells((_listed([one["logo"] for one in family]),)))
        out += ["", shared]
    return out
