"""Brand folders: what is read, what is left out, what is refused."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from logoscan.errors import InputError, LogoscanError
from logoscan.index.brand_folders import read_brand_folder, read_brand_folders
from logoscan.index.logo_images import LOGO_SUFFIXES
from logoscan.types import Brand, UsualPrice


def make_folder(root: Path, name: str, files: tuple[str, ...] = (), described: Any = None) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes(b"x")
    if described is not None:
        text = described if isinstance(described, str) else json.dumps(described)
        (folder / "brand.json").write_text(text, encoding="utf-8")
    return folder


def test_an_empty_folder_is_a_brand_of_its_name_without_logos(tmp_path: Path) -> None:
    found = read_brand_folder(make_folder(tmp_path, "Acme"))
    assert found.brand == Brand("Acme")
    assert found.logos == ()


def test_logos_are_the_images_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = ("b.png", "a.SVG", "c.jpeg", "d.webp", "e.jpg", "f.gif", "notes.txt", "g.tiff", "sub/h.png")
    found = read_brand_folder(make_folder(tmp_path, "Acme", names))
    assert [p.name for p in found.logos] == ["a.SVG", "b.png", "c.jpeg", "d.webp", "e.jpg", "f.gif", "g.tiff"]


def test_every_field_of_the_format_is_read(tmp_path: Path) -> None:
    described = {
        "name": "Acme Inc",
        "aliases": ["ACME", "Ａｃｍｅ"],
        "authorised_sellers": ["s1"],
        "official_photos": ["official.jpg"],
        "usual_prices": [
            {"category": "shoes", "currency": "eur", "low": 10, "high": 20.5},
            {"currency": "USD", "low": 5, "high": 6},
        ],
        "facts": {"made in": "Utopia"},
        "negatives": ["other.png"],
    }
    folder = make_folder(tmp_path, "acme", ("logo.svg", "official.jpg", "other.png"), described)
    found = read_brand_folder(folder)
    assert found.brand == Brand(
        "Acme Inc",
        aliases=("ACME", "Ａｃｍｅ"),
        authorised_sellers=("s1",),
        official_photos=("official.jpg",),
        usual_prices=(UsualPrice("EUR", 10.0, 20.5, "shoes"), UsualPrice("USD", 5.0, 6.0)),
        facts={"made in": "Utopia"},
        negatives=("other.png",),
    )
    assert found.logos == (folder / "logo.svg",), "photos and negatives are no logos"
    assert found.official_photos == (folder / "official.jpg",)


def test_a_description_without_a_name_takes_the_folders(tmp_path: Path) -> None:
    assert read_brand_folder(make_folder(tmp_path, "Acme", (), {"aliases": ["A"]})).brand == Brand("Acme", ("A",))


def test_a_misspelt_key_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_folder(tmp_path, "Acme", (), {"name": "Acme", "authorized_sellers": ["s"], "alias": "A"})
    with caplog.at_level(logging.WARNING, "logoscan"):
        assert read_brand_folder(folder).brand == Brand("Acme")
    (record,) = caplog.records
    assert record.getMessage() == f"{folder / 'brand.json'}: ignored keys: alias, authorized_sellers"


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "expected an object, got list"),
        ({"name": ""}, "Brand.name: expected a non-empty string"),
        ({"name": 5}, "name: Input should be a valid string, got 5"),
        ({"aliases": "A"}, "aliases: "),
        ({"facts": {"a": 1}}, "facts.a: Input should be a valid string, got 1"),
        ({"usual_prices": [{"currency": "EUR", "low": -1, "high": 2}]}, "UsualPrice.low: expected a finite number"),
        ({"usual_prices": [{"currency": "EUR", "high": 2}]}, "usual_prices.0.low: Field required"),
        ({"negatives": ["../secret.png"]}, "expected files inside of the folder, got '../secret.png'"),
        ({"negatives": ["/etc/passwd"]}, "expected files inside of the folder, got '/etc/passwd'"),
        ({"official_photos": ["a/../../b.png"]}, "expected files inside of the folder, got 'a/../../b.png'"),
        ({"official_photos": ["a\0b.png"]}, "expected files inside of the folder, got 'a\\x00b.png'"),
    ],
)
def test_a_bad_description_is_refused_with_its_file(tmp_path: Path, described: Any, message: str) -> None:
    folder = make_folder(tmp_path, "Acme", (), described)
    with pytest.raises(LogoscanError) as caught:
        read_brand_folder(folder)
    assert str(caught.value).startswith(f"{folder / 'brand.json'}: ")
    assert message in str(caught.value)


def test_every_suffix_of_an_image_is_a_logo(tmp_path: Path) -> None:
    names = [f"a{suffix}" for suffix in LOGO_SUFFIXES]
    assert {".svg", ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif"} <= set(LOGO_SUFFIXES)
    found = read_brand_folder(make_folder(tmp_path, "Acme", (*names, *(f"B{s.upper()}" for s in LOGO_SUFFIXES))))
    assert len(found.logos) == 2 * len(names)


def test_hidden_files_and_what_macs_leave_in_archives_are_no_logos(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("a.png", "._a.png", ".hidden.svg", ".DS_Store", "__MACOSX/._a.png")
    make_folder(tmp_path, "Acme", names)
    make_folder(tmp_path, "__MACOSX", ("a.png",))
    (found,) = read_brand_folders(tmp_path)
    assert [path.name for path in found.logos] == ["a.png"]
    assert not caplog.records
    assert found.warnings == ()


def test_files_that_are_left_out_are_reported_once_a_brand(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = ("a.png", "b.eps", "c.pdf", "d.txt", "e.ai", "f.zip", "g.psd", "h.heic", "sub/a.png", "rejected/a.png")
    folder = make_folder(tmp_path, "Acme", names, {"negatives": ["rejected/a.png"]})
    (folder / "queue.png").mkdir()
    caplog.set_level(logging.WARNING)
    found = read_brand_folder(folder)
    assert [path.name for path in found.logos] == ["a.png"]
    (record,) = caplog.records
    names_told = "'b.eps', 'c.pdf', 'd.txt', 'e.ai', 'f.zip' and 4 more"
    assert record.getMessage() == f"{folder}: left out, since they are no pictures of a logo: {names_told}"


def test_links_out_of_the_folder_are_refused_and_reported(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    folder = make_folder(tmp_path / "brands", "Acme", ("a.png",))
    (folder / "link.png").symlink_to(secret)
    (folder / "loop.svg").symlink_to(folder / "loop.svg")
    (folder / "within.png").symlink_to(folder / "a.png")
    found = read_brand_folder(folder)
    assert [path.name for path in found.logos] == ["a.png", "within.png"]
    assert found.warnings == (
        "Acme/link.png: not registered: expected a file inside of the folder, got a link",
        "Acme/loop.svg: not registered: expected a file inside of the folder, got a link",
    )


@pytest.mark.parametrize("target", ["../secret.json", "brand.json", "/dev/zero", "nothing"])
def test_a_description_that_is_a_link_out_of_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    folder = make_folder(tmp_path, "Acme")
    (tmp_path / "secret.json").write_text('{"name": "Secret"}')
    (folder / "brand.json").symlink_to(target)
    with pytest.raises(InputError, match=r"brand\.json: expected a file.*, got a link"):
        read_brand_folder(folder)


def test_a_description_has_a_megabyte_at_the_most(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, "Acme", (), " " * (1 << 20) + "{}")
    with pytest.raises(InputError, match=r"brand\.json: expected at most 1048576 bytes, got more"):
        read_brand_folder(folder)


def test_folders_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", ".hidden"):
        make_folder(tmp_path, name)
    (tmp_path / "README.txt").write_bytes(b"x")
    assert [f.brand.name for f in read_brand_folders(tmp_path)] == ["a", "b"]


def test_no_brands_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a sub-folder for each brand in .* found none"):
        read_brand_folders(tmp_path)
    with pytest.raises(InputError, match="expected a folder with a sub-folder for each brand"):
        read_brand_folders(tmp_path / "not-there")


def test_two_brands_of_one_name_are_refused(tmp_path: Path) -> None:
    make_folder(tmp_path, "a")
    make_folder(tmp_path, "b", (), {"name": "a"})
    with pytest.raises(InputError, match="expected distinct names, got 'a' more than once"):
        read_brand_folders(tmp_path)
