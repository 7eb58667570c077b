"""Reports as a lead holds them: nothing personal but what was asked for by name, files by their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from logoscan.cases._redaction import redact_contacts
from logoscan.io.records import from_mapping, to_mapping
from logoscan.results import ImageRecord, Report

__all__ = ["Include", "Pseudonyms", "original_name", "without_personal_data"]

Include: TypeAlias = Literal["contacts", "sellers", "urls", "text"]
"""Personal data that a lead may hold: contacts in words; ids of sellers; addresses of pages; text read in photos."""

# Suffixes that an original keeps; anything else in a name is the seller's.
_SUFFIXES = frozenset({"jpg", "jpeg", "png", "webp", "gif", "avif", "bmp", "tif", "tiff", "heic", "heif"})
# Name of a photo that was not read, and so has no hash.
_UNREAD = "not read"


class Pseudonyms:
    """Names in place of sellers' ids: the same seller has the same name everywhere in a lead."""

    def __init__(self, include: frozenset[Include]) -> None:
        """Begin without names; ids stay where they were asked for."""
        self._keep = "sellers" in include
        self._names: dict[str, str] = {}

    def of(self, seller: str | None) -> str | None:
        """Return the name of a seller."""
        if seller is None or self._keep:
            return seller
        return self._names.setdefault(seller, f"seller {len(self._names) + 1}")


def original_name(image: ImageRecord) -> str:
    """Return the name of a photo in a lead: its hash, with a usual suffix if its file has one."""
    suffix = (image.file or "").rpartition(".")[2].lower()
    return f"{image.sha256}{f'.{suffix}' if suffix in _SUFFIXES else ''}"


def without_personal_data(report: Report, include: frozenset[Include], sellers: Pseudonyms) -> Report:
    """Return a report whose words hold no contact, whose seller has another name, and whose files are hashes.

    Scores, boxes and hashes stay; the hash of the whole report, which decisions state, stands in `case.json`.

    Args:
        report: The report.
        include: What was asked for by name.
        sellers: Names in place of sellers' ids.
    """
    names = {image.file: original_name(image) if image.sha256 else _UNREAD for image in report.images if image.file}
    ids = {report.seller_id: sellers.of(report.seller_id)} if report.seller_id and report.seller_id.strip() else {}

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            for old, new in sorted({**names, **ids}.items(), key=lambda pair: -len(pair[0])):
                value = value.replace(old, str(new))
            return value if "contacts" in include else redact_contacts(value)
        if isinstance(value, list):
            return [clean(one) for one in value]
        return {name: clean(one) for name, one in value.items()} if isinstance(value, dict) else value

    values = to_mapping(report)
    values["seller_id"] = sellers.of(report.seller_id)
    for image in values["images"]:
        record = ImageRecord(image["file"], image["sha256"], None, None)
        image["file"] = None if image["file"] is None else original_name(record) if record.sha256 else _UNREAD
    if values["listing"] is not None:
        url = values["listing"].pop("url")
        values["listing"] = {**clean(values["listing"]), "url": url if "urls" in include else None}
    for name in ("warnings", "skipped"):
        values[name] = clean(values[name])
    for mention in values["mentions"]:
        mention["text"] = clean(mention["text"])
    values["text"] = clean(values["text"]) if "text" in include else None
    if values["price"] is not None:
        values["price"] = {**values["price"], **clean(_words(values["price"], ("reason", "cohort")))}
    values["score"]["doubts"] = clean(values["score"]["doubts"])
    for part in values["score"]["contributions"]:
        part["why"] = clean(part["why"])
    if "contacts" not in include and values.get("contacts"):
        values["contacts"] = []
    return from_mapping(Report, values, "report")


def _words(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names}
