"""Leads: one folder for an investigator, which a court's expert can check years later without us.

A BagIt folder (RFC 8493) of the photos as they were scanned, pages, reports, the logos compared with, and what the
models are; a chain of who had it; a signature if a key is given. A lead holds no personal data but what was asked for
by name, with the legal basis on record: no contact, no seller's id, no address of a page, never a buyer. Photos keep
what their files hold (EXIF), since they are the evidence; pages and crops hold pictures alone. A score is no proof.

    make_lead(LeadCase("2027-0042", "Trade mark counterfeiting", "J. Doe"), reports, "lead/", photos="photos/",
              index=index)
    assert verify_lead("lead/").problems == ()
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan._validate import text
from logoscan.cases._bag import PAYLOAD, bag_problems, write_manifests, write_tagmanifest
from logoscan.cases._lead_pages import write_pages
from logoscan.cases._lead_reports import Include, Pseudonyms, original_name, without_personal_data
from logoscan.cases._lead_signature import SIGNATURE, sign, signed_by
from logoscan.cases._redaction import redact_contacts
from logoscan.cases.custody import CUSTODY, custody_problems, first_line
from logoscan.cases.decisions import Decision, report_sha256
from logoscan.cases.ring_evidence import RingEvidence
from logoscan.errors import CorruptFileError, ImageError, InputError
from logoscan.images.loading import read_file
from logoscan.index.logo_index import LogoIndex
from logoscan.io.files import atomic_write, private_folder
from logoscan.io.records import to_mapping
from logoscan.reporting.jsonl import write_reports
from logoscan.results import Report
from logoscan.sources import Root

__all__ = ["Include", "LeadCase", "LeadCheck", "LeadMade", "make_lead", "verify_lead"]

_CASE_ID = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PUBLIC_KEY = re.compile("[0-9a-f]{64}")
_TIMESTAMP = "manifest.tsr"
_TAG_FILES = frozenset({"bagit.txt", "bag-info.txt", PAYLOAD, "tagmanifest-sha256.txt", CUSTODY, SIGNATURE,
                        _TIMESTAMP})  # fmt: skip
_NO_PROOF = (
    "A score says how much speaks for a counterfeit by photos, words and prices, from 0 to 100. It is no proof, no "
    "probability of guilt and no finding of an expert. A displayed logo is no evidence by itself: genuine goods show "
    "it too. The threshold says from which probability a brand counts as shown."
)


@dataclass(frozen=True)
class LeadCase:
    """What a lead is about.

    Attributes:
        id: Identifier of the case: letters, digits, dots, - and _.
        purpose: Why it is made, a sentence.
        made_by: Who makes it, by a name that a court can resolve.
        legal_basis: On which law personal data is handed over; needed for any.

    Raises:
        InputError: A field is not of the stated kind.
    """

    id: str
    purpose: str
    made_by: str
    legal_basis: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _CASE_ID.fullmatch(self.id):
            raise InputError(
                f"LeadCase.id: expected letters, digits, dots, - and _, at most 100, got {quoted(self.id)}"
            )
        text("LeadCase", "purpose", self.purpose, required=True)
        text("LeadCase", "made_by", self.made_by, required=True)
        text("LeadCase", "legal_basis", self.legal_basis)


@dataclass(frozen=True)
class LeadMade:
    """What `make_lead` wrote.

    Attributes:
        path: The folder.
        gaps: What is missing, such as a photo that has changed since the scan; it stands first in `case.json`, too.
    """

    path: Path
    gaps: tuple[str, ...]


@dataclass(frozen=True)
class LeadCheck:
    """What `verify_lead` found.

    Attributes:
        problems: What is wrong, each with the name of its file; () of a whole lead.
        gaps: What was missing when it was made.
        signed_by: Ids of the given keys that signed it.
    """

    problems: tuple[str, ...]
    gaps: tuple[str, ...]
    signed_by: tuple[str, ...]


def make_lead(
    case: LeadCase,
    reports: Sequence[Report],
    out: str | Path,
    *,
    photos: Root,
    index: LogoIndex | None = None,
    ring: RingEvidence | None = None,
    decisions: Iterable[Decision] = (),
    include: Iterable[Include] = (),
    key: Any = None,
    timestamp: bytes | None = None,
) -> LeadMade:
    """Make the lead of a case, whole or not at all, and validate it.

    Args:
        case: What it is about.
        reports: Reports of its listings.
        out: Folder to make; it must not exist.
        photos: Folder of the photos, see `sources.Root`.
        index: Index whose logos were compared with.
        ring: What ties the sellers together, if that is claimed. Sellers who merely stand beside a ring are left out.
        decisions: Decisions on record; those on other listings are left out, and so are reviewers.
        include: Personal data that is handed over: some of "contacts", "sellers", "urls", "text".
        key: Signer, from `pack_keys.load_key`; None signs nothing.
        timestamp: Time-stamp token (RFC 3161) that the caller fetched; logoscan asks no server and checks none.

    Raises:
        InputError: There is no report, `out` exists, a name in `include` is none, or there is no legal basis for it.
        MissingDependencyError: bagit, phonenumbers or jinja2 is not installed, or, with a key, securesystemslib.
        CorruptFileError: The new folder does not validate.
    """
    out, asked = Path(out), frozenset(include)
    if unknown := sorted(asked - set(get_args(Include))):
        raise InputError(f"include: expected some of {', '.join(get_args(Include))}, got {quoted(unknown[0])}")
    if asked and not (case.legal_basis or "").strip():
        raise InputError(f"legal_basis: expected one, since {', '.join(sorted(asked))} would be handed over, got none")
    if not reports:
        raise InputError("reports: expected one or more, got none")
    if len({report.listing_id for report in reports}) < len(reports):
        raise InputError("reports: expected one of each listing, got two of one")
    if out.exists() or not out.parent.is_dir():
        raise InputError(f"out: expected a new folder in an existing one, got {str(out)!r}")
    building = out.with_name(f".{out.name}.{secrets.token_hex(8)}.tmp")
    private_folder(building)
    try:
        gaps = _write_payload(building / "data", case, reports, photos, index, ring, tuple(decisions), asked)
        write_manifests(building, {"External-Identifier": case.id, "External-Description": _plain(case.purpose, asked)})
        note = None if case.legal_basis is None else f"legal basis of the personal data: {case.legal_basis}"
        atomic_write(building / CUSTODY, first_line(building, case.made_by, note))
        if key is not None:
            sign(building, case.id, key)
        if timestamp is not None:
            atomic_write(building / _TIMESTAMP, timestamp)
        write_tagmanifest(building)
        if problems := bag_problems(building):
            raise CorruptFileError(f"{out}: {problems[0]}")
        building.rename(out)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return LeadMade(out, gaps)


def _plain(words: str, include: frozenset[Include]) -> str:
    return words if "contacts" in include else redact_contacts(words)


def _write_payload(
    data: Path,
    case: LeadCase,
    reports: Sequence[Report],
    photos: Root,
    index: LogoIndex | None,
    ring: RingEvidence | None,
    decisions: tuple[Decision, ...],
    include: frozenset[Include],
) -> tuple[str, ...]:
    sellers = Pseudonyms(include)
    cleaned = [without_personal_data(report, include, sellers) for report in reports]
    private_folder(data)
    gaps = _write_originals(data / "originals", reports, photos)
    write_reports(data / "reports.jsonl", cleaned)
    write_pages(data, cleaned, index)
    _write_json(data / "models.json", {"what_a_score_is_not": _NO_PROOF, "models": _models(reports)})
    if ring is not None:
        _write_json(data / "ring.json", ring.as_plain(sellers.of))
    listings = {report.listing_id for report in reports}
    rows = [_without_people(one, sellers) for one in decisions if one.listing_id in listings]
    if rows:
        lines = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows)
        atomic_write(data / "decisions.jsonl", lines.encode())
    what = {
        "gaps": gaps,
        "id": case.id,
        "purpose": _plain(case.purpose, include),
        "legal_basis": case.legal_basis,
        "personal_data": sorted(include),
        "originals": "The photos are the bytes that were scanned; they may hold EXIF, such as a place and a camera.",
        "listings": [
            {
                "listing_id": report.listing_id,
                "page": f"pages/{number}.html",
                "report_sha256": report_sha256(report),
                "originals": [original_name(image) for image in report.images if image.sha256 is not None],
            }
            for number, report in enumerate(reports, 1)
        ],
    }
    _write_json(data / "case.json", what)
    return gaps


def _write_json(path: Path, value: Any) -> None:
    atomic_write(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def _write_originals(folder: Path, reports: Sequence[Report], photos: Root) -> tuple[str, ...]:
    """Write each photo once, if it is the one that was scanned; return what is missing."""
    private_folder(folder)
    gaps = []
    for report in reports:
        for number, image in enumerate(report.images, 1):
            where = f"listing {report.listing_id}, photo {number}"
            if image.sha256 is None or image.file is None:
                gaps.append(f"{where}: was not read from a file when the listing was scanned")
                continue
            try:
                found = read_file(image.file, root=photos)
            except (ImageError, OSError):
                gaps.append(f"{where}: is missing; it was {image.sha256}")
                continue
            if sha256_hex(found) != image.sha256:
                gaps.append(f"{where}: has changed since the scan; it was {image.sha256}")
            elif not (folder / original_name(image)).exists():
                atomic_write(folder / original_name(image), found, durable=False)
    return tuple(gaps)


def _models(reports: Sequence[Report]) -> list[dict[str, Any]]:
    made = {json.dumps({**to_mapping(report.provenance), "time": None}, sort_keys=True) for report in reports}
    return [{name: value for name, value in json.loads(one).items() if name != "time"} for one in sorted(made)]


def _without_people(decision: Decision, sellers: Pseudonyms) -> dict[str, Any]:
    values = to_mapping(decision)
    return {**values, "reviewer": None, "seller_id": sellers.of(decision.seller_id)}


def verify_lead(path: str | Path, *, keys: Iterable[str] = ()) -> LeadCheck:
    """Check every byte of a lead, its chain of custody and, with keys, its signature.

    Args:
        path: The folder.
        keys: Public keys, 64 hex digits each, one of which must have signed it; none asks for no signature.

    Raises:
        InputError: There is no such folder, or a key is none.
        MissingDependencyError: bagit is not installed, or, with keys, securesystemslib.
    """
    path, wanted = Path(path), list(keys)
    if odd_keys := [key for key in wanted if not _PUBLIC_KEY.fullmatch(key)]:
        raise InputError(f"keys: expected public keys of 64 hex digits, got {quoted(odd_keys[0])}")
    if not path.is_dir():
        raise InputError(f"lead: expected a folder, got {str(path)!r}")
    problems = bag_problems(path)
    odd = sorted(one.name for one in path.iterdir() if one.name not in _TAG_FILES and one.name != "data")
    problems += [f"{name}: is no part of a lead" for name in odd]
    problems += custody_problems(path)
    gaps: tuple[str, ...] = ()
    case_id = ""
    try:
        case = json.loads((path / "data" / "case.json").read_bytes())
        gaps, case_id = tuple(map(str, case["gaps"])), str(case["id"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        problems.append("data/case.json: expected the case, got something else")
    signed = []
    if wanted and not problems:
        signed = signed_by(path, case_id, wanted)
        if not signed:
            problems.append(f"{SIGNATURE}: not signed by any of the {len(wanted)} keys")
    return LeadCheck(tuple(problems), gaps, tuple(signed))
