"""Simulated streams of listings for `score`: real prices and real evidence of photos, everything else drawn.

A world file states how counterfeits and genuine listings behave (`world_files/README.md`). What it leaves open is
stated here, in capitals, and a world may set it under the name in small letters. Figures from a world are always called
simulated.
"""

from __future__ import annotations

import csv
import json
import math
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import click

from benchmarks.common.options import PATH
from benchmarks.common.results import write_result
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.types import Brand, Listing

GENUINE_FROM_AUTHORISED_SELLER = 0.5
"""Share of new genuine goods from authorised sellers, where a brand names them; all else comes from others."""
ACCESSORY_SHOWS_BRAND = 0.5
"""Share of accessories "for BRAND" whose photo shows the brand's own thing."""
ACCESSORY_PRICE = 0.2
"""Price of an accessory as a share of what the brand's own goods cost."""
RING_SHARES_PHOTOS = 0.5
"""Share of a ring's counterfeits, without a copied photo, that share one; other ties, such as contacts, do not show."""
EVIDENCE = Path(__file__).resolve().parent.parent / "evidence"
"""What the photos of `identify` showed (`--evidence`): probabilities alone."""
AUTHORISED_SELLERS = 5
"""Authorised sellers of a brand that names them."""
MERCHANT_SIZE_SIGMA = 1.0
"""Standard deviation of the logarithm of the number of a merchant's listings."""

# What a counterfeiter would pick from a character map; written by hand, so that the library's table is not asked.
_LETTERS = {
    "a": "а",
    "e": "е",
    "o": "0",
    "i": "1",
    "l": "1",
    "s": "5",
    "c": "с",
    "p": "р",
    "x": "х",
    "b": "8",
    "t": "7",
}
# Words in titles and reviews.
_CODED = ("replica", "1:1", "mirror quality", "AAA+", "UA", "inspired", "super clone", "dhgate find", "高仿", "reps")
_ACCESSORIES = ("Case", "Strap", "Charger", "Replacement part", "Cover", "Refill", "Holder", "Adapter")
_CHEERS = (
    "Great, exactly as described",
    "Fast delivery, thanks",
    "Good quality for the price",
    "A bit small but fine",
    "Love it",
    "Colour differs a little from the photo",
    "My son is happy with it",
    "Arrived late",
)
_COMPLAINTS = (
    "This is a fake, do not buy",
    "Not authentic, the stitching is wrong",
    "I am sure this is counterfeit",
    "Total knock-off",
    "It's not the original product",
    "Das ist eine Fälschung",
    "C'est une contrefaçon",
    "Es una imitación",
)


@dataclass(frozen=True)
class PriceRow:
    """One real price.

    Attributes:
        brand: In lower case.
        category: In lower case.
        price: In `currency`, above 0.
        currency: Code.
        title: What is sold.
    """

    brand: str
    category: str
    price: float
    currency: str
    title: str


@dataclass(frozen=True)
class Drawn:
    """What was drawn for one listing and can be seen of it: what the posterior of its world knows.

    Attributes:
        brand: Brand of the goods.
        usual: Genuine price of such goods.
        title: How the title names the brand: "brand", "misspelt", "accessory" ("for BRAND") or "none".
        coded: Whether the title holds a coded term.
        complaint: Whether a review complains.
        original: Hash of the photo of which its own is a copy, or its own.
        official: Whether the brand published the photo.
    """

    brand: str
    usual: float
    title: str
    coded: bool
    complaint: bool
    original: str
    official: bool


@dataclass(frozen=True)
class Simulated:
    """One listing of a world.

    Attributes:
        listing: The listing, without photos.
        counterfeit: The truth.
        shown: Probability that the photos show each brand; None where there is no photo.
        photo: PDQ hash of its photo.
        drawn: What was drawn for it.
    """

    listing: Listing
    counterfeit: bool
    shown: dict[str, float] | None
    photo: str
    drawn: Drawn


@dataclass(frozen=True)
class World:
    """A stream of listings.

    Attributes:
        brands: All brands by name.
        stream: Listings in the order in which they go online.
        bad_merchants: Ids of those who sell counterfeits.
        ledger: Knows the brands' official photos.
    """

    brands: dict[str, Brand]
    stream: list[Simulated]
    bad_merchants: frozenset[str]
    ledger: PhotoLedger


@dataclass
class _Draw:
    """Everything that a world is drawn from."""

    world: dict[str, Any]
    rows: Sequence[PriceRow]
    with_mark: Sequence[tuple[float, float]]
    without_mark: Sequence[float]
    rng: random.Random
    brands: dict[str, Brand] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def chance(self, name: str, default: float | None = None) -> bool:
        value = self.world.get(name, default)
        if value is None:
            raise KeyError(f"world {self.world.get('name')}: expected {name}")
        return bool(self.rng.random() < value)

    def factor(self, name: str) -> float:
        law = self.world[name]
        return math.exp(self.rng.gauss(math.log(law["median"]), law["sigma"]))

    def pdq(self) -> str:
        return f"{self.rng.getrandbits(256):064x}"


def simulate(
    world: dict[str, Any], rows: Sequence[PriceRow], evidence: Sequence[tuple[float | None, float]], seed: int
) -> World:
    """Draw a world.

    Args:
        world: Content of its file.
        rows: Real genuine prices, other ones than the price model is fitted on.
        evidence: For real photos, the probability of a brand that is shown (None: none is) and of the surest other.
        seed: Added to the world's own.
    """
    rng = random.Random(f"{world['name']} {world['seed']} {seed}")
    right = [(r, other) for r, other in evidence if r is not None]
    draw = _Draw(world, rows, right, [other for r, other in evidence if r is None], rng)
    bad, rings, good = _merchants(draw)
    authorised = {}
    for name in sorted({row.brand for row in rows}):
        listed = draw.chance("brands_with_authorised_list")
        authorised[name] = tuple(rng.sample(good, AUTHORISED_SELLERS)) if listed else ()
        draw.brands[name] = Brand(name, authorised_sellers=authorised[name])
    draw.names = list(draw.brands)
    ledger = PhotoLedger()
    official = {name: draw.pdq() for name in draw.names}
    for name, photo in official.items():
        ledger.add_official(name, [photo])
    fakes = round(world["listings"] * world["counterfeit_rate"])
    beside = round(fakes * (1 - world["bad_merchant_fake_share"]) / world["bad_merchant_fake_share"])
    sizes = [rng.lognormvariate(0.0, MERCHANT_SIZE_SIGMA) for _ in good]
    honest = [*rng.choices(good, sizes, k=world["listings"] - fakes - beside), *rng.choices(bad, k=beside)]
    sells_fakes, published = set(bad), set(official.values())
    genuine = [_genuine(draw, i, seller, official, seller in sells_fakes) for i, seller in enumerate(honest)]
    own_photos = [s.photo for s in genuine if s.photo not in published]
    shared = {ring: [draw.pdq() for _ in range(3)] for ring in set(rings.values())}
    counterfeits = [
        _counterfeit(draw, len(genuine) + i, rng.choice(bad), own_photos, rings, shared, official) for i in range(fakes)
    ]
    stream = [*genuine, *counterfeits]
    rng.shuffle(stream)
    return World(draw.brands, stream, frozenset(bad), ledger)


def _merchants(draw: _Draw) -> tuple[list[str], dict[str, int], list[str]]:
    """Name the bad merchants, the ring of those that belong to one, and the good merchants."""
    count = draw.world["merchants"]
    ids = [f"m{i}" for i in range(count)]
    bad = ids[: round(count * draw.world["merchants_bad"])]
    rings: dict[str, int] = {}
    free = list(bad)
    for ring in range(draw.world["rings"]):
        size = draw.rng.randint(3, 40)
        members, free = free[:size], free[size:]
        rings |= dict.fromkeys(members, ring) if len(members) >= 3 else {}
    return bad, rings, ids[len(bad) :]


def _listing(draw: _Draw, number: int, fake: bool, fields: dict[str, Any]) -> Listing:
    """Make a listing without the fields that are left out."""
    for name, share in draw.world["missing"].items():
        if draw.rng.random() < min(1.0, share * (draw.world["fake_missing_factor"] if fake else 1.0)):
            fields[name] = () if name == "reviews" else None
    return Listing(id=f"l{number}", **fields)


def _reviews(draw: _Draw, complaint: bool) -> tuple[str, ...]:
    found = [draw.rng.choice(_CHEERS) for _ in range(draw.rng.randint(1, 4))]
    return (*found, draw.rng.choice(_COMPLAINTS)) if complaint else tuple(found)


def _shown(draw: _Draw, brand: str, visible: bool) -> dict[str, float]:
    """Draw what a real photo shows, as it fell: a hit or a miss, and perhaps another brand."""
    right, other = draw.rng.choice(draw.with_mark) if visible else (0.0, draw.rng.choice(draw.without_mark))
    wrong = draw.rng.choice(draw.names)
    found = {wrong: other} if other and wrong != brand else {}
    return {**found, brand: right} if right else found


def _goods(row: PriceRow) -> str:
    """Take the brand out of a title."""
    words = row.brand.split()
    kept = [w for w in row.title.split() if w.casefold().strip("’'.,") not in words]
    return " ".join(kept) or row.category


def _genuine(draw: _Draw, number: int, seller: str, official: dict[str, str], from_bad: bool) -> Simulated:
    rng, world = draw.rng, draw.world
    row = rng.choice(draw.rows)
    accessory, used = draw.chance("compatible_accessory"), rng.random() < world["used"]["share"]
    price = row.price * (draw.factor("genuine_sale") if rng.random() < world["genuine_sale"]["share"] else 1.0)
    price *= draw.factor("used") if used else 1.0
    sellers = draw.brands[row.brand].authorised_sellers
    new = not accessory and not used and not from_bad
    if sellers and new and draw.chance("genuine_from_authorised_seller", GENUINE_FROM_AUTHORISED_SELLER):
        seller = rng.choice(sellers)
    title, claim = f"{row.brand} {_goods(row)}", row.brand if draw.chance("genuine_claims_brand") else ""
    visible = True
    if accessory:
        title, claim = f"{rng.choice(_ACCESSORIES)} for {row.brand} {row.category}", ""
        price *= world.get("accessory_price", ACCESSORY_PRICE)
        visible = draw.chance("accessory_shows_brand", ACCESSORY_SHOWS_BRAND)
    coded = draw.chance("genuine_coded_term")
    if coded:
        title += f" {rng.choice(_CODED)}"
    own = accessory or used or not draw.chance("genuine_official_photo")
    fields = {
        "title": title,
        "claimed_brand": claim,
        "category": row.category,
        "condition": "used" if used else None,
        "price": round(price, 2) or 0.01,
        "currency": row.currency,
        "seller_id": seller,
        "reviews": _reviews(draw, complaint := draw.chance("genuine_review_complaint")),
    }
    photo = draw.pdq() if own else official[row.brand]
    how = "accessory" if accessory else "brand"
    drawn = Drawn(row.brand, row.price, how, coded, complaint, photo, official=not own)
    return Simulated(_listing(draw, number, False, fields), False, _shown(draw, row.brand, visible), photo, drawn)


def _counterfeit(
    draw: _Draw,
    number: int,
    seller: str,
    own_photos: list[str],
    rings: dict[str, int],
    shared: dict[int, list[str]],
    official: dict[str, str],
) -> Simulated:
    rng = draw.rng
    row = rng.choice(draw.rows)
    sellers = draw.brands[row.brand].authorised_sellers
    if sellers and draw.chance("fake_from_authorised_seller"):
        seller = rng.choice(sellers)
    claims, hides = draw.chance("fake_claims_brand"), draw.chance("fake_hides_logo")
    # a counterfeit passes as the brand's somehow: where the seller neither claims nor shows it, the title names it
    title = f"{row.brand} {_goods(row)}" if claims or hides else _goods(row)
    how = "brand" if claims or hides else "none"
    if draw.chance("fake_misspells_brand"):
        title, how = f"{_disguised(rng, row.brand)} {_goods(row)}", "misspelt"
    coded = draw.chance("fake_coded_term")
    if coded:
        title += f" {rng.choice(_CODED)}"
    used = bool(draw.world.get("fake_says_used")) and draw.chance("fake_says_used")
    fields = {
        "title": title,
        "claimed_brand": row.brand if claims else "",
        "category": row.category,
        "condition": "used" if used else None,
        "price": round(row.price * draw.factor("fake_price"), 2) or 0.01,
        "currency": row.currency,
        "seller_id": seller,
        "reviews": _reviews(draw, complaint := draw.chance("fake_review_complaint")),
    }
    photo = draw.pdq()
    if draw.chance("fake_copies_photo"):
        photo = rng.choice(own_photos)
    elif seller in rings and draw.chance("ring_shares_photos", RING_SHARES_PHOTOS):
        photo = rng.choice(shared[rings[seller]])
    takes = bool(draw.world.get("fake_official_photo")) and draw.chance("fake_official_photo")
    photo = official[row.brand] if takes else photo
    shown = _shown(draw, row.brand, not hides)
    drawn = Drawn(row.brand, row.price, how, coded, complaint, photo, official=takes)
    return Simulated(_listing(draw, number, True, fields), True, shown, _recompressed(rng, photo), drawn)


def _recompressed(rng: random.Random, photo: str) -> str:
    """Change a few bits of a hash, as in a copy."""
    bits = int(photo, 16)
    for bit in rng.sample(range(256), rng.randint(0, 12)):
        bits ^= 1 << bit
    return f"{bits:064x}"


def _disguised(rng: random.Random, brand: str) -> str:
    """Make a look-alike of a name: exchange, double or leave out a letter, or swap two."""
    positions = [i for i, c in enumerate(brand) if c.casefold() in _LETTERS]
    if positions and rng.random() < 0.5:
        i = rng.choice(positions)
        return brand[:i] + _LETTERS[brand[i].casefold()] + brand[i + 1 :]
    i = rng.randrange(len(brand) - 1) if len(brand) > 1 else 0
    kind = rng.randrange(3)
    if kind == 0:
        return brand[:i] + brand[i] + brand[i:]
    if kind == 1 and len(brand) > 3:
        return brand[:i] + brand[i + 1 :]
    return brand[:i] + brand[i : i + 2][::-1] + brand[i + 2 :]


def without_fields(simulated: Simulated, fields: Iterable[str], share: float, rng: random.Random) -> Simulated:
    """Leave out each of some fields of a listing by chance; "photo" is one of them."""
    gone = [name for name in fields if rng.random() < share]
    empty = {name: () if name == "reviews" else None for name in gone if name != "photo"}
    shown = None if "photo" in gone else simulated.shown
    return replace(simulated, listing=replace(simulated.listing, **empty), shown=shown)  # type: ignore[arg-type]


def read_prices_folder(folder: Path) -> dict[str, list[PriceRow]]:
    """Read real prices by file: brand, price, title, and a category or else the last word of the title."""
    paths = sorted(folder.glob("*.csv"))
    codes = (f"X{a}{b}" for a in ascii_uppercase for b in ascii_uppercase)  # each file has a currency of its own
    return {path.stem: list(_rows(path, code)) for path, code in zip(paths, codes, strict=False)}


# Names of the columns that are read.
_COLUMNS = {
    "brand": ("brand", "productbrand"),
    "price": ("price", "sale price"),
    "title": ("productname", "product name", "name", "title"),
    "category": ("category",),
    "size": ("size",),
    "currency": ("currency",),
}


def _rows(path: Path, currency: str) -> Iterator[PriceRow]:
    text = path.read_bytes()
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        decoded = text.decode("latin-1")
    for row in csv.DictReader(decoded.splitlines()):
        folded = {(k or "").strip().casefold(): (v or "").strip() for k, v in row.items() if isinstance(v, str)}
        got = {name: next((folded[c] for c in columns if folded.get(c)), "") for name, columns in _COLUMNS.items()}
        words = re.findall(r"[^\W\d_]+", got["title"])
        category = got["category"] or (words[-1] if words else "")
        try:
            price = float(got["price"])
        except ValueError:
            continue
        if price > 0 and got["brand"] and category:
            title = f"{got['title']} {got['size']}".strip()
            brand = " ".join(got["brand"].casefold().split())
            yield PriceRow(brand, category.casefold(), price, got["currency"] or currency, title)


def read_world(path: Path) -> dict[str, Any]:
    """Read a world file."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def read_evidence(folder: Path = EVIDENCE) -> list[tuple[float | None, float]]:
    """Read what real photos showed: probability of a brand that is shown (None: none is), and of the surest other."""
    paths = sorted(folder.glob("*.json"))
    return [(right, other) for path in paths for right, other in json.loads(path.read_text("utf-8"))["photos"]]


def contents(world: World) -> dict[str, Any]:
    """Count what a world holds: listings, counterfeits, absent fields, claims, photos and merchants."""
    fakes = [s for s in world.stream if s.counterfeit]
    genuine = [s for s in world.stream if not s.counterfeit]

    def of(rows: Sequence[Simulated]) -> dict[str, Any]:
        listings = [row.listing for row in rows]
        return {
            "n": len(rows),
            "without_price": _share(one.price is None for one in listings),
            "without_reviews": _share(not one.reviews for one in listings),
            "without_claim": _share(one.claimed_brand is None for one in listings),
            "claims_a_brand": _share(bool(one.claimed_brand) for one in listings),
            "used": _share(one.condition == "used" for one in listings),
            "shows_a_brand": _share(bool(row.shown) for row in rows),
            "from_bad_merchants": _share(one.seller_id in world.bad_merchants for one in listings),
        }

    return {
        "listings": len(world.stream),
        "brands": len(world.brands),
        "merchants": len({s.listing.seller_id for s in world.stream}),
        "bad_merchants": len(world.bad_merchants),
        "genuine": of(genuine),
        "counterfeit": of(fakes),
    }


def _share(values: Iterable[bool]) -> float | None:
    given = list(values)
    return round(sum(given) / len(given), 4) if given else None


@click.command("worlds")
@click.option("--prices", type=PATH, required=True, help="Folder of CSV files of real prices.")
@click.option("--world", "files", type=PATH, multiple=True, required=True, help="World file.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def worlds(prices: Path, files: tuple[Path, ...], seed: int, out: Path) -> None:
    """Draw simulated worlds and count what they hold, to check that a world is what its file states."""
    rows = [row for part in read_prices_folder(prices).values() for row in part]
    if not rows:
        raise click.ClickException(f"{prices}: expected CSV files of prices, found none")
    evidence = read_evidence()
    drawn = {world["name"]: contents(simulate(world, rows, evidence, seed)) for world in map(read_world, files)}
    write_result(out, {"worlds": drawn}, {"seed": seed, "simulated": "all worlds"})
