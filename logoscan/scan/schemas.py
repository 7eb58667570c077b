"""JSON Schemas of what goes into a service and comes out of it: listing, report, screening.

pydantic makes them from the records, and the records' docstrings give each field its description, so that neither can
differ from the code. What is stable: within a version no field is removed, renamed or changes its meaning or its type,
and no value of an enumeration changes its meaning. Fields may be added; readers should ignore those that they do not
know. Sentences (`why`, `reason`, `skipped`, `warnings`, `doubts`) are for people and may be reworded at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.io.records import record_schema
from logoscan.results import SCHEMA_VERSION, Report
from logoscan.scan.screening import Screening
from logoscan.types import Listing

__all__ = ["SCHEMA_VERSIONS", "SchemaName", "json_schema"]

SchemaName: TypeAlias = Literal["report", "listing", "screening"]
"""The records that have a published schema."""
SCHEMA_VERSIONS: Mapping[SchemaName, int] = {"report": SCHEMA_VERSION, "listing": 1, "screening": SCHEMA_VERSION}
"""Version of each schema, which is the end of its `$id`; a screening holds a report and has its version."""

_RECORDS: Mapping[SchemaName, type] = {"report": Report, "listing": Listing, "screening": Screening}
# What a stored line has besides the report: its seal.
_SEAL = {
    "line": {"type": "integer", "minimum": 1, "description": "Number of the line in its file."},
    "last": {"type": "boolean", "description": "Whether it is the last line of its file."},
    "run": {"type": "string", "description": "What made the file, as 16 hex digits."},
    "sha256": {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "SHA-256 of the line before this field, closed by a brace; `read_reports` checks it.",
    },
}
# The pictures of a listing in JSON, where they are names alone.
_IMAGES = "Names of the files of its pictures, in order, which stay below the scanner's root. No URLs."
# An entry of the section "Attributes" of a docstring: its name, and its text with the lines that go on.
_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8,}\S.*)*)", re.MULTILINE)


def json_schema(name: SchemaName) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a record as plain dictionaries.

    Args:
        name: "report" (a line of `scan`'s output), "listing" (a line of its input, or a request) or "screening" (an
            answer of `Scanner.screen`).

    Raises:
        InputError: There is no such schema.
    """
    if name not in get_args(SchemaName):
        raise InputError(f"schema: expected {', '.join(get_args(SchemaName))}, got {quoted(name)}")
    schema = record_schema(_RECORDS[name])
    definitions: dict[str, Any] = schema.get("$defs", {})
    for definition in (schema, *definitions.values()):
        _describe(definition)
    report = schema if name == "report" else definitions.get("Report")
    if report is not None:
        report["properties"]["schema_version"] |= {"const": SCHEMA_VERSION}
        report["required"] = sorted({*report["required"], "schema_version"})
    if name == "report":
        schema["properties"] |= _SEAL
    elif name == "listing":
        del schema["properties"]["dropped"]  # written by the readers of listings
        schema["properties"]["images"]["description"] = _IMAGES
    identity = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:logoscan:schema:{name}:{SCHEMA_VERSIONS[name]}",
    }
    return identity | schema


def _describe(definition: dict[str, Any]) -> None:
    """Move the text of each attribute from a record's docstring to its property; errors are dropped."""
    if "properties" not in definition:
        return
    text = definition.pop("description", "")
    head, _, rest = text.partition("\n\nAttributes:\n")
    for match in _ATTRIBUTE.finditer(rest.partition("\n\nRaises:")[0]):
        if match[1] in definition["properties"]:
            words = " ".join(match[2].split())
            definition["properties"][match[1]]["description"] = re.sub(r"\bNone\b", "null", words)
    for prop in definition["properties"].values():
        prop.pop("title", None)
    if head:
        definition["description"] = " ".join(head.partition("\n\nRaises:")[0].split())
