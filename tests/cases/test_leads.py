"""Leads: whole, guarded byte by byte, with gaps named first and nothing personal that was not asked for."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fakes import BLUE, RED, WHITE, YELLOW, FakeDetector, FakeEncoder, photo_of, quarters
from PIL import Image

pytest.importorskip("bagit")
pytest.importorskip("phonenumbers")
pytest.importorskip("securesystemslib")
pytest.importorskip("jinja2")

from logoscan.cases._redaction import redact_contacts
from logoscan.cases.custody import add_custody, read_custody
from logoscan.cases.decisions import Decision, report_sha256
from logoscan.cases.leads import LeadCase, make_lead, verify_lead
from logoscan.cases.ring_evidence import RingEvidence, TiedSellers
from logoscan.errors import CorruptFileError, InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.index.pack_keys import generate_key, load_key
from logoscan.reporting.jsonl import read_reports
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing

ACME = quarters(RED, WHITE, BLUE, YELLOW)
CASE = LeadCase("C-1", "Trade mark case", "J. Doe")
PHONE, SELLER = "+49 151 23456789", "Janina Roewer"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LogoIndex, Report]:
    """Photos, an index, and the report of a listing that is full of personal data."""
    place = tmp_path_factory.mktemp("shop")
    index = LogoIndex(FakeEncoder())
    index.add("Acme", [("a.png", ACME)])
    photo = Image.fromarray(photo_of(ACME))
    exif = Image.Exif()
    exif[0x010E] = f"call {PHONE}"
    photo.save(place / f"call {PHONE}.jpg", exif=exif)
    scanner = Scanner(
        index,
        encoder=FakeEncoder(),
        detector=FakeDetector(),
        ocr=None,
        root=place,
        similarity_threshold=0.5,
        keep_contacts=True,
    )
    listing = Listing("L1", (f"call {PHONE}.jpg", f"gone {PHONE}.jpg"), title=f"Acme shoe, call {PHONE}",
                      claimed_brand="Acme", seller_id=SELLER, url=f"https://shop.example/{SELLER}")  # fmt: skip
    return place, index, scanner.scan(listing)


def lead(shop: tuple[Path, LogoIndex, Report], out: Path, **options: Any) -> Path:
    place, index, report = shop
    make_lead(options.pop("case", CASE), [report], out, photos=place, index=index, **options)
    return out


def contents(path: Path) -> dict[str, bytes]:
    return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_a_lead_holds_what_an_expert_needs(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    place, _, report = shop
    files = contents(lead(shop, tmp_path / "lead"))
    photo = f"data/originals/{report.images[0].sha256}.jpg"
    assert files[photo] == (place / f"call {PHONE}.jpg").read_bytes(), "bytes as scanned, EXIF and all"
    assert {
        "data/pages/1.html",
        "data/crops/1-1.jpg",
        "data/register/1.png",
        "data/models.json",
        "custody.jsonl",
    } <= set(files)
    case = json.loads(files["data/case.json"])
    assert next(iter(case)) == "gaps"
    assert case["gaps"] == ["listing L1, photo 2: was not read from a file when the listing was scanned"]
    assert case["listings"][0]["report_sha256"] == report_sha256(report)
    assert json.loads(files["data/register/logos.json"])[0]["logo"] == "Acme/a.png"
    assert "It is no proof" in files["data/models.json"].decode()
    (kept,) = read_reports(tmp_path / "lead" / "data" / "reports.jsonl")
    assert (kept.score.value, kept.matches, kept.seller_id) == (report.score.value, report.matches, "seller 1")
    check = verify_lead(tmp_path / "lead")
    assert (check.problems, check.gaps) == ((), tuple(case["gaps"]))


def test_nothing_personal_stands_in_a_default_lead(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    decisions = [Decision("remove", datetime.now(UTC), listing_id="L1", reviewer="Otto Quux", seller_id=SELLER),
                 Decision("remove", datetime.now(UTC), listing_id="L9")]  # fmt: skip
    ring = RingEvidence(0.9, (TiedSellers((SELLER, "other one"), 6.0, True, (("photo", 2),)),))
    files = contents(lead(shop, tmp_path / "lead", decisions=decisions, ring=ring))
    assert len(files["data/decisions.jsonl"].splitlines()) == 1
    for name, data in files.items():
        if not name.startswith("data/originals/"):
            for secret in (b"23456789", b"Janina", b"Quux", b"other one"):
                assert secret not in data, name
    assert b"23456789" not in b"".join(name.encode() for name in files)


def test_personal_data_needs_a_name_and_a_legal_basis(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="legal_basis: expected one, since contacts, sellers"):
        lead(shop, tmp_path / "lead", include={"contacts", "sellers"})
    with pytest.raises(InputError, match="include: expected some of contacts"):
        lead(shop, tmp_path / "lead", include={"buyers"})
    case = LeadCase("C-2", "Case", "J. Doe", "§ 163 StPO")
    files = contents(lead(shop, tmp_path / "lead", case=case, include={"contacts", "sellers", "urls"}))
    assert PHONE in files["data/reports.jsonl"].decode()
    assert SELLER in files["data/reports.jsonl"].decode()
    assert "§ 163 StPO" in files["custody.jsonl"].decode()
    assert json.loads(files["data/case.json"])["personal_data"] == ["contacts", "sellers", "urls"]


def test_a_photo_that_changed_is_a_gap(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    place, index, report = shop
    changed = replace(report, images=(replace(report.images[0], sha256="0" * 64),), matches=(), unread=None)
    gone = replace(report, listing_id="L2", images=(replace(report.images[0], file="no.jpg"),), matches=(), unread=None)
    made = make_lead(CASE, [changed, gone], tmp_path / "lead", photos=place, index=index)
    assert [gap.split(";")[0] for gap in made.gaps] == [
        "listing L1, photo 1: has changed since the scan", "listing L2, photo 1: is missing"
    ]  # fmt: skip
    assert verify_lead(tmp_path / "lead").problems == ()


def test_every_flipped_byte_is_noticed_and_named(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    path = lead(shop, tmp_path / "lead")
    for name, data in contents(path).items():
        for at in {0, len(data) // 2, len(data) - 1}:
            changed = bytearray(data)
            changed[at] ^= 0x20
            (path / name).write_bytes(changed)
            problems = verify_lead(path).problems
            assert any(name in problem for problem in problems), (name, at, problems)
        (path / name).write_bytes(data)
    assert verify_lead(path).problems == ()


def test_what_is_added_removed_or_linked_is_named(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    path = lead(shop, tmp_path / "lead")
    for name in ("data/new.txt", "note.txt"):
        (path / name).write_text("x")
        assert any(problem.startswith(name) for problem in verify_lead(path).problems)
        (path / name).unlink()
    (path / "data" / "link").symlink_to("/etc/passwd")
    assert verify_lead(path).problems == ("data/link: expected a file, got a link or a device",)
    (path / "data" / "link").unlink()
    shutil.copy(path / "data" / "case.json", tmp_path / "case.json")
    (path / "data" / "case.json").unlink()
    assert any(problem.startswith("data/case.json: missing") for problem in verify_lead(path).problems)
    shutil.copy(tmp_path / "case.json", path / "data" / "case.json")
    assert verify_lead(path).problems == ()


def test_custody_is_a_chain(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    public = generate_key(tmp_path / "k.pem")["public"]
    path = lead(shop, tmp_path / "lead", key=load_key(tmp_path / "k.pem"))
    add_custody(path, "Insp. Lee", "received", "by courier")
    add_custody(path, "Insp. Lee", "opened")
    assert [line.act for line in read_custody(path)] == ["made", "received", "opened"]
    check = verify_lead(path, keys=[public])
    assert (check.problems, len(check.signed_by)) == ((), 1)
    other = generate_key(tmp_path / "o.pem")["public"]
    assert verify_lead(path, keys=[other]).problems == ("signature.dsse.json: not signed by any of the 1 keys",)
    lines = (path / "custody.jsonl").read_bytes().splitlines(keepends=True)
    (path / "custody.jsonl").write_bytes(lines[0] + lines[2])
    assert any("line 2: does not follow" in problem for problem in verify_lead(path).problems)
    with pytest.raises(CorruptFileError, match="line 2: does not follow"):
        add_custody(path, "Thief", "opened")


def test_nothing_half_made_stays(shop: tuple[Path, LogoIndex, Report], tmp_path: Path) -> None:
    place, _, report = shop
    lead(shop, tmp_path / "lead")
    for reports, why in (
        ([], "expected one or more"),
        ([report, report], "got two of one"),
        ([report], "a new folder"),
    ):
        with pytest.raises(InputError, match=why):
            make_lead(CASE, reports, tmp_path / "lead", photos=place)
    with pytest.raises(InputError, match=r"LeadCase\.id"):
        LeadCase("../x", "p", "w")
    with pytest.raises(AttributeError):
        make_lead(CASE, [report], tmp_path / "other", photos=place, key=object())
    assert [path.name for path in tmp_path.iterdir()] == ["lead"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Nike Air Max 90, size 42", "Nike Air Max 90, size 42"),
        ("call +44 20 7946 0958 now", "call [phone] now"),
        ("0171/345 67 891", "[number]"),
        ("mail a.b@c.example please", "mail [mail] please"),
        ("see https://shop.example/x", "see [link]"),
        ("WeChat: nice_shop88!", "[messenger]!"),
        ("", ""),
    ],
)
def test_contacts_are_taken_out(text: str, left: str) -> None:
    assert redact_contacts(text) == left
