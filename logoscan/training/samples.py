"""Make the sample listings of the package: `python -m logoscan.training.samples --icons ... --fonts ... --out ...`.

Pictures, sellers and prices are invented here; only the logo images come from elsewhere (npm simple-icons, CC0). All
random choices come from the seed, so the committed files can be made again.
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import math
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import click
import cv2
import numpy as np
import PIL
from PIL import Image, ImageFont

from logoscan.index.logo_images import load_logo
from logoscan.training.sample_scenes import SCENES
from logoscan.types import Rgb

__all__ = ["BRANDS", "LISTINGS", "PHOTOS", "SampleBrand", "brand_text", "listing_lines", "main", "prices_text"]

SEED = 7
"""Seed of the committed files."""
MAX_PHOTO_BYTES = 70_000
"""Largest size of a photo, so that nine of them take well under a megabyte in the wheel."""
PRICES_PER_COHORT = 40
"""Number of simulated prices for each brand and category."""


@dataclass(frozen=True)
class SampleBrand:
    """A registered brand of the demo.

    Attributes:
        name: Name in reports, and name of its folder.
        icon: Name of its icon in simple-icons.
        record: Further fields of `brand.json`.
        prices: Simulated cohorts: category -> (median in EUR, standard deviation of the natural logarithm).
    """

    name: str
    icon: str
    record: dict[str, Any]
    prices: dict[str, tuple[float, float]]


def _range(category: str, low: float, high: float) -> dict[str, Any]:
    """Return a usual price in EUR as `brand.json` has it."""
    return {"category": category, "currency": "EUR", "low": low, "high": high}


BRANDS = (
    SampleBrand(
        "Under Armour",
        "underarmour",
        {
            "aliases": ["UnderArmour"],
            "authorised_sellers": ["demo-sport-corner", "demo-stadium-outfitters"],
            "usual_prices": [_range("T-shirts", 18, 45)],
        },
        {"T-shirts": (30.0, 0.22), "Shoes": (85.0, 0.25)},
    ),
    SampleBrand("New Balance", "newbalance", {"aliases": ["NB"]}, {"T-shirts": (28.0, 0.22), "Shoes": (98.0, 0.24)}),
    SampleBrand(
        "The North Face", "thenorthface", {"aliases": ["North Face"]}, {"Hats": (34.0, 0.18), "Jackets": (190.0, 0.30)}
    ),
    SampleBrand(
        "JBL",
        "jbl",
        {"authorised_sellers": ["demo-sound-harbour"], "usual_prices": [_range("Speakers", 60, 190)]},
        {"Speakers": (112.0, 0.22), "Headphones": (74.0, 0.35)},
    ),
    SampleBrand(
        "PlayStation",
        "playstation",
        {"aliases": ["PS5"]},
        {"Game controllers": (66.0, 0.12), "Game accessories": (24.0, 0.40)},
    ),
    SampleBrand(
        "Kodak", "kodak", {"usual_prices": [_range("Film", 10, 45)]}, {"Film": (19.0, 0.25), "Cameras": (58.0, 0.35)}
    ),
)
"""Brands of the samples."""

PHOTOS = {
    "grey_shirt": "Under Armour",
    "shoe_box": None,
    "speaker": "JBL",
    "travel_case": None,
    "mug": None,
    "beanie": "The North Face",
    "navy_shirt_front": "New Balance",
    "navy_shirt_back": None,
    "film_boxes": "Kodak",
}
"""Name of each scene -> brand whose logo image it shows, or None."""


def _listing(
    identifier: str,
    photos: tuple[str, ...],
    title: str,
    claimed: str,
    category: str,
    price: tuple[float, str],
    seller: str,
) -> dict[str, Any]:
    """Return a listing as a line of `listings.jsonl` has it; `price` is an amount with its currency."""
    return {
        "id": identifier,
        "images": [f"photos/{photo}.jpg" for photo in photos],
        "title": title,
        "claimed_brand": claimed,
        "category": category,
        "price": price[0],
        "currency": price[1],
        "seller_id": seller,
        "attributes": {"composed": "yes"},
    }


LISTINGS = (
    _listing("plain", ("grey_shirt",), "Under Armour training T-shirt, heather grey, size M", "Under Armour",
             "T-shirts", (27.9, "EUR"), "demo-sport-corner"),
    _listing("look-alike", ("shoe_box",), "New Balence 574 running shoes, red, boxed, size 42", "New Balence", "Shoes",
             (39.9, "EUR"), "demo-step-outlet"),
    _listing("too-cheap", ("speaker",), "JBL portable Bluetooth speaker, blue, waterproof", "JBL", "Speakers",
             (17.5, "EUR"), "demo-mega-deals"),
    _listing("accessory", ("travel_case",), "Hard travel case for PlayStation 5 controller, grey", "",
             "Game accessories", (15.9, "EUR"), "demo-case-works"),
    _listing("no-brand", ("mug",), "Ceramic coffee mug with print, white, 330 ml", "", "Kitchen",
             (8.5, "EUR"), "demo-tea-and-table"),
    _listing("shown-not-claimed", ("beanie",), "Warm ribbed winter hat, mustard, one size", "", "Hats",
             (12.0, "EUR"), "demo-winter-bazaar"),
    _listing("two-photos", ("navy_shirt_back", "navy_shirt_front"), "New Balance sports T-shirt, navy, size L",
             "New Balance", "T-shirts", (26.5, "EUR"), "demo-kit-room"),
    _listing("other-currency", ("film_boxes",), "Kodak 35 mm colour film, 36 exposures, pack of two", "Kodak", "Film",
             (5480.0, "JPY"), "demo-analogue-alley"),
)  # fmt: skip
"""Listings of `listings.jsonl`; each shows another case."""

# Text of the README beside the samples.
_README = """# Sample listings

What `logoscan demo` scans. **Everything here is composed or simulated** by `logoscan/training/samples.py`:

- `photos/`: painted by the script (shapes, noise, a printed mark); no camera took them, no such goods exist.
- `listings.jsonl`: titles, sellers and prices are invented.
- `prices.csv`: a simulated price history, {rows} rows: log-normal draws, {cohort} a brand and category.
- `brands/`: the logo drawings are from npm simple-icons {version} (CC0 1.0). The authorised sellers and the usual
  prices are invented.

Names and logos are trademarks of their owners, who have nothing to do with this package. No statement is made about
any real seller, product, price or brand.

Made with `python -m logoscan.training.samples --icons simple-icons/icons --fonts {font_file} --out logoscan/_samples
--seed {seed}`; lettering in {font}; numpy {numpy}, OpenCV {cv2}, Pillow {pillow}, resvg-py {resvg} (other versions may
differ in single pixels).
"""


def brand_text(brand: SampleBrand) -> str:
    """Return the text of the `brand.json` of a brand."""
    return json.dumps({"name": brand.name, **brand.record}, indent=2) + "\n"


def listing_lines() -> str:
    """Return the listings as JSON lines."""
    return "".join(json.dumps(listing) + "\n" for listing in LISTINGS)


def prices_text(seed: int) -> str:
    """Return the simulated price history as CSV: brand, category, price, currency."""
    rng, normal, out = random.Random(seed), NormalDist(), io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["brand", "category", "price", "currency"])
    for brand in BRANDS:
        for category, (median, sigma) in brand.prices.items():
            for _ in range(PRICES_PER_COHORT):
                price = median * math.exp(sigma * normal.inv_cdf(rng.uniform(1e-6, 1 - 1e-6)))
                table.writerow([brand.name, category, f"{price:.2f}", "EUR"])
    return out.getvalue()


def _jpeg(picture: Rgb) -> bytes:
    """Return a picture as JPEG of the best quality that fits into `MAX_PHOTO_BYTES`."""
    for quality in range(90, 60, -2):
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= MAX_PHOTO_BYTES:
            return out.getvalue()
    raise click.ClickException(f"a picture does not fit into {MAX_PHOTO_BYTES} bytes at quality 62")


def _font_file(fonts: Path) -> Path:
    """Return the font file itself, or from a folder a heavy sans: thin strokes are lost on cloth and in JPEG."""
    if fonts.is_file():
        return fonts
    files = sorted(fonts.rglob("*.ttf"))
    for name in ("Lato-Black.ttf", "OpenSans-ExtraBold.ttf", "DejaVuSans-Bold.ttf"):
        for file in files:
            if file.name == name:
                return file
    if not files:
        raise click.UsageError(f"--fonts: expected a font or a folder with *.ttf files, got {fonts}")
    return files[0]


@click.command()
@click.option(
    "--icons",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder icons of npm simple-icons.",
)
@click.option(
    "--fonts", type=click.Path(exists=True, path_type=Path), required=True, help="A font, or a folder of them."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where to write.")
@click.option("--seed", type=int, default=SEED, show_default=True)
def main(icons: Path, fonts: Path, out: Path, seed: int) -> None:
    """Compose the sample listings of `logoscan demo`."""
    package = icons.parent / "package.json"
    if not package.is_file():
        raise click.UsageError(f"--icons: expected the folder inside the package simple-icons, got {icons}")
    version, font = json.loads(package.read_text("utf-8"))["version"], _font_file(fonts)
    for brand in BRANDS:
        folder = out / "brands" / brand.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(icons / f"{brand.icon}.svg", folder / "logo.svg")
        (folder / "brand.json").write_text(brand_text(brand), "utf-8")
    (out / "photos").mkdir(exist_ok=True)
    for scene, shown in PHOTOS.items():
        logo_image = load_logo(out / "brands" / shown / "logo.svg")[0] if shown else None
        data = _jpeg(SCENES[scene](seed, logo_image, font))
        (out / "photos" / f"{scene}.jpg").write_bytes(data)
        click.echo(f"photos/{scene}.jpg: {len(data):,} bytes")
    (out / "listings.jsonl").write_text(listing_lines(), "utf-8")
    prices = prices_text(seed)
    (out / "prices.csv").write_text(prices, "utf-8")
    readme = _README.format(
        rows=prices.count("\n") - 1, cohort=PRICES_PER_COHORT, version=version, seed=seed, font_file=font.name,
        font=" ".join(str(part) for part in ImageFont.truetype(str(font), 10).getname()), numpy=np.__version__,
        cv2=cv2.__version__, pillow=PIL.__version__, resvg=importlib.metadata.version("resvg-py"),
    )  # fmt: skip
    (out / "README.md").write_text(readme, "utf-8")


if __name__ == "__main__":
    main()
