"""The sample listings that ship with the package, and the script that composes them."""

import csv
import functools
import io
import json
import math
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from click.testing import CliRunner
from paths import SAMPLES

from logoscan.images.loading import load_image
from logoscan.index.logo_images import load_logo
from logoscan.training import samples
from logoscan.training.sample_canvas import box, ellipse, mirrored, outline, wrapped
from logoscan.training.sample_scenes import SCENES
from logoscan.types import Brand, Listing, Rgb, Rgba, UsualPrice

NAMES = {"Under Armour", "New Balance", "The North Face", "JBL", "PlayStation", "Kodak"}
NO_FONT = Path("no-such-font.ttf")
"""For scenes that print no words."""


def _lines() -> list[dict[str, object]]:
    return [json.loads(line) for line in (SAMPLES / "listings.jsonl").read_text("utf-8").splitlines()]


@functools.cache
def _speaker(*, hole: bool) -> Rgb:
    return SCENES["speaker"](3, _drawing(hole=hole), NO_FONT)


def _drawing(*, hole: bool = False) -> Rgba:
    rgba = np.zeros((120, 160, 4), np.uint8)
    rgba[..., 3] = 255
    if hole:
        rgba[30:90, 40:120, 3] = 0
    return rgba


def test_every_listing_is_valid_and_its_photos_decode() -> None:
    listings = [Listing(**line) for line in _lines()]  # type: ignore[arg-type]
    assert len({listing.id for listing in listings}) == len(listings) == 8
    shown = Counter(str(photo) for listing in listings for photo in listing.images)
    for photo in shown:
        picture = load_image(SAMPLES / photo)
        assert 600 <= max(picture.shape[:2]) <= 800
        assert picture.std() > 10, "an empty picture"
    assert set(shown) == {f"photos/{path.name}" for path in (SAMPLES / "photos").iterdir()}
    assert max(shown.values()) == 1
    for listing in listings:
        assert listing.attributes == {"composed": "yes"}
        assert listing.price is not None
        assert None not in (listing.title, listing.claimed_brand, listing.category, listing.currency, listing.seller_id)


def test_the_folder_stays_small() -> None:
    sizes = {path: path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 900_000
    assert max(sizes.values()) <= samples.MAX_PHOTO_BYTES


def test_sample_brands_and_their_logo_images_load() -> None:
    assert {path.name for path in (SAMPLES / "brands").iterdir()} == NAMES
    for name in NAMES:
        fields = json.loads((SAMPLES / "brands" / name / "brand.json").read_text("utf-8"))
        fields["usual_prices"] = tuple(UsualPrice(**row) for row in fields.get("usual_prices", ()))
        assert Brand(**fields).name == name
        rgba, _ = load_logo(SAMPLES / "brands" / name / "logo.svg")
        assert max(rgba.shape[:2]) > 128
        assert 0.02 < (rgba[..., 3] > 127).mean() < 0.98


def test_sample_listings_show_what_they_state() -> None:
    """Sellers and prices are what the README of the demo says about each listing."""
    brands = {brand.name: brand for brand in samples.BRANDS}
    listings = {str(line["id"]): line for line in _lines()}
    history = list(csv.DictReader(io.StringIO((SAMPLES / "prices.csv").read_text("utf-8"))))

    def spreads(listing: str, brand: str) -> float:
        """How many deviations of the cohort's log prices the listing lies from its median."""
        cohort = [math.log(float(r["price"])) for r in history
                  if (r["brand"], r["category"]) == (brand, listings[listing]["category"])]  # fmt: skip
        assert len(cohort) == samples.PRICES_PER_COHORT
        return (math.log(float(str(listings[listing]["price"]))) - median(cohort)) / float(np.std(cohort))

    assert listings["plain"]["seller_id"] in brands["Under Armour"].record["authorised_sellers"]
    assert abs(spreads("plain", "Under Armour")) < 1
    assert listings["too-cheap"]["seller_id"] not in brands["JBL"].record["authorised_sellers"]
    assert spreads("too-cheap", "JBL") < -4
    assert abs(spreads("two-photos", "New Balance")) < 1
    assert "for PlayStation" in str(listings["accessory"]["title"])
    assert listings["shown-not-claimed"]["claimed_brand"] == ""
    assert samples.PHOTOS["beanie"] == "The North Face"
    assert "Balence" in str(listings["look-alike"]["title"])
    assert listings["other-currency"]["currency"] != "EUR"
    assert {row["currency"] for row in history} == {"EUR"}


def test_committed_sample_texts_equal_the_generated_ones() -> None:
    assert (SAMPLES / "listings.jsonl").read_text("utf-8") == samples.listing_lines()
    assert (SAMPLES / "prices.csv").read_text("utf-8") == samples.prices_text(samples.SEED)
    assert samples.prices_text(samples.SEED) != samples.prices_text(samples.SEED + 1)
    for brand in samples.BRANDS:
        assert (SAMPLES / "brands" / brand.name / "brand.json").read_text("utf-8") == samples.brand_text(brand)
    readme = (SAMPLES / "README.md").read_text("utf-8")
    assert all(word in readme for word in ("composed or simulated", "CC0", "trademarks of their owners"))


def test_sample_scene_depends_on_its_seed_alone() -> None:
    first = _speaker(hole=False)
    assert first.dtype == np.uint8
    assert first.shape == (640, 800, 3)
    np.testing.assert_array_equal(SCENES["speaker"](3, _drawing(), NO_FONT), first)
    assert (SCENES["speaker"](4, _drawing(), NO_FONT) != first).mean() > 0.1


def test_logo_is_printed_on_its_surface_only() -> None:
    # The hole is half of a mark that is 182 pixels wide and turned by three degrees.
    full, holed = _speaker(hole=False), _speaker(hole=True)
    rows, columns = np.nonzero((full != holed).any(axis=2))
    assert 80 < np.ptp(columns) < 130
    assert 60 < np.ptp(rows) < 110
    assert abs(columns.mean() - 400) < 12
    assert abs(rows.mean() - 340) < 12


def test_scene_that_prints_a_logo_requires_one() -> None:
    with pytest.raises(ValueError, match="logo_image"):
        SCENES["speaker"](3, None, NO_FONT)


def test_every_photo_has_a_scene() -> None:
    assert set(samples.PHOTOS) == set(SCENES)
    assert {brand for brand in samples.PHOTOS.values() if brand} <= NAMES


def test_outlines_of_sample_shapes() -> None:
    curve = outline((0, 0), (1, 0), (2, 0, 3, 1, 3, 3))
    np.testing.assert_allclose(curve[[0, 1, -1]], [[0, 0], [1, 0], [3, 3]], atol=1e-6)
    np.testing.assert_allclose(mirrored(curve)[-1], curve[0], atol=1e-6)
    np.testing.assert_allclose(ellipse(5, 6, 2, 1).mean(axis=0), [5, 6], atol=1e-4)


@pytest.mark.parametrize(("yaw", "side"), [(25.0, 1), (-25.0, -1)])
def test_a_block_shows_the_side_that_is_turned_to_the_camera(yaw: float, side: int) -> None:
    faces = box(200, 100, 150, yaw, 15, 1200)
    assert np.sign(faces["side"][:, 0].mean() - faces["front"][:, 0].mean()) == side
    for corners in faces.values():  # clockwise on the screen, so prints are not mirrored
        x, y = corners.T
        assert float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) > 0
    shared = {tuple(point) for point in faces["front"].round(3)} & {tuple(point) for point in faces["side"].round(3)}
    assert len(shared) == 2


def test_a_print_round_a_cylinder_hangs_lower_in_the_middle() -> None:
    art = np.ones((40, 200, 4), np.float32)
    laid = wrapped(art, 0.9, 10)[..., 3]
    # 10 finished pixels are 20 supersampled ones.
    tops = (laid > 0.5).argmax(axis=0)
    assert tops[100] > tops[2] + 15
    assert tops[2] <= 2


def test_icons_outside_of_the_package_are_refused(tmp_path: Path) -> None:
    icons, font = tmp_path / "icons", tmp_path / "a.ttf"
    icons.mkdir()
    font.write_bytes(b"")
    arguments = ["--icons", str(icons), "--fonts", str(font), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(samples.main, arguments)
    assert result.exit_code == 2
    assert "simple-icons" in result.output
    assert not (tmp_path / "out").exists()
