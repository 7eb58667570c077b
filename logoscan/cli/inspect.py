"""`logoscan inspect`: show what an index holds, and which of its brands look alike."""

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

# Names that a line lists before it ends in dots; `--json` has all of them.
_MAX_NAMES = 5


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
    facts = _facts(index, index_dir) if brand is None else _brand_facts(index, _resolved(index, brand))
    pairs_found: list[tuple[str, str, float]] = []
    name = facts.get("name")
    if pairs and (name is None or name in index.with_logo):
        with working("comparing logos"):
            pairs_found = index.confusable(pairs, name)
    facts["negative_costs"] = [
        {"id": negative, "brand": owner or "", "logo": logo, "similarity": round(cosine, 4), "logos": count}
        for negative, owner, logo, cosine, count in index.negative_costs(name)
    ]
    facts["shared_logos"] = [
        [{"brand": owner, "logo": logo} for owner, logo in family]
        for family in index.shared_logos
        if name is None or name in {owner for owner, _ in family}
    ]
    facts["confusable"] = [{"brands": [a, b], "similarity": round(similarity, 4)} for a, b, similarity in pairs_found]
    if as_json:
        click.echo(json.dumps(facts))
    elif brand is None:
        show(_overview(facts), *_pair_table(pairs_found), *_negative_tables(facts))
    else:
        show(_brand_table(facts), "", _logo_table(facts["logos"]), *_pair_table(pairs_found), *_negative_tables(facts))


def _resolved(index: LogoIndex, brand: str) -> str:
    names = [b.name for b in index.brands]
    name = brand if brand in names else index.names.resolve(brand)
    if name is None:
        similar = get_close_matches(brand, names, n=1)
        raise InputError(
            f"brand: expected one of the {len(names)} registered names, got {brand!r}"
            + (f", did you mean {similar[0]!r}?" if similar else "")
        )
    return name


def _facts(index: LogoIndex, folder: Path) -> dict[str, Any]:
    """Return the index in figures; the keys are those of `--json`."""
    from logoscan.index.enrol import GENERAL_PREFIX

    by_users = [n for n in index.negatives if not n.id.startswith(GENERAL_PREFIX)]
    without_logo = [b.name for b in index.brands if b.name not in index.with_logo]
    return {
        "index": str(folder),
        "fingerprint": index.fingerprint,
        "encoder": {"fingerprint": index.encoder_info.fingerprint, **to_mapping(index.encoder_info)},
        "brands": len(index.brands),
        "logos": len({(logo.brand, logo.id) for logo in index.logos}),
        "vectors": len(index),
        "brands_without_logo": without_logo,
        "brands_known_by_name": sorted(index.by_name),
        "negatives": {
            "general": len(index.negatives) - len(by_users),
            "nobody": sum(not n.brand for n in by_users),
            "of_brands": dict(sorted(Counter(n.brand for n in by_users if n.brand).items())),
        },
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }


def _brand_facts(index: LogoIndex, name: str) -> dict[str, Any]:
    """Return the facts and the logos of a brand; the keys are those of `--json`."""
    brand = index.brand(name)
    renderings: dict[str, list[str]] = {}
    for logo in index.logos:
        if logo.brand == name:
            renderings.setdefault(logo.id, []).append(logo.rendering)
    return {
        **to_mapping(brand),
        "logos": [{"id": logo, "renderings": names} for logo, names in renderings.items()],
        "known_by_name": name in index.by_name,
        "registered_negatives": sum(n.brand == name for n in index.negatives),
    }


# -- for people


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MAX_NAMES]) + (", ..." if len(names) > _MAX_NAMES else "")


def _rows(*rows: tuple[str, object]) -> Table:
    out = table("", "", header=False)
    for row in rows:
        out.add_row(*cells(row))
    return out


def size(count: int) -> str:
    """Return a number of bytes in MB or kB."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _overview(facts: dict[str, Any]) -> Table:
    encoder, names, negatives = facts["encoder"], facts["brands_without_logo"], facts["negatives"]
    counts, by_name = negatives["of_brands"].values(), len(facts["brands_known_by_name"])
    without_logo = f"{len(names)} ({_listed(names)}), {by_name} of them known by name" if names else "0"
    return _rows(
        ("index", facts["index"]),
        ("brands", facts["brands"]),
        ("without a logo", without_logo),
        ("logos", f"{facts['logos']}, as {facts['vectors']} vectors"),
        (
            "negatives",
            f"{negatives['general']} general, {negatives['nobody']} of nobody, {sum(counts)} of {len(counts)} brands",
        ),
        ("encoder", f"{encoder['name']}, {encoder['dim']} numbers a vector, fingerprint {encoder['fingerprint']}"),
        ("fingerprint", facts["fingerprint"]),
        ("on disk", size(facts["bytes"])),
    )


def _brand_table(facts: dict[str, Any]) -> Table:
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


def _logo_table(logos: Sequence[dict[str, Any]]) -> Table | str:
    if not logos:
        return "no logo"
    out = table("logo", "renderings")
    for logo in logos:
        out.add_row(*cells((logo["id"], ", ".join(logo["renderings"]))))
    return out


def _pair_table(pairs: Sequence[tuple[str, str, float]]) -> list[Table | str]:
    if not pairs:
        return []
    out = table("similarity", "brand", "looks like", right=("similarity",))
    for a, b, similarity in pairs:
        out.add_row(*cells((f"{similarity:z.3f}", a, b)))
    return ["", out]


def _negative_tables(facts: dict[str, Any]) -> list[Table | str]:
    """Return a table of the logos that negatives are similar to, and one of the logos of several brands, if any."""
    out: list[Table | str] = []
    if facts["negative_costs"]:
        costs = table("negative", "not", "likest logo", "similarity", "near logos", right=("similarity", "near logos"))
        for cost in facts["negative_costs"]:
            row = (cost["id"], cost["brand"] or "anybody", cost["logo"], f"{cost['similarity']:z.3f}", cost["logos"])
            costs.add_row(*cells(row))
        out += ["", costs]
    if facts["shared_logos"]:
        shared = table("one logo image of several brands")
        for family in facts["shared_logos"]:
            shared.add_row(*cells((_listed([logo["logo"] for logo in family]),)))
        out += ["", shared]
    return out
