"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import click

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.io.files import file_mode
from logoscan.io.rows import FIELDS
from logoscan.merchants.facts import MerchantFacts
from logoscan.ocr.engine import OcrChoice
from logoscan.ocr.languages import languages_of
from logoscan.types import Effort

__all__ = [
    "CONTACT_KEY", "DETECTOR", "DEVICE", "EFFORT", "ENCODER", "INDEX", "LANGUAGES", "MAP", "MODE", "OCR",
    "PRETRAINED", "RECOGNISERS", "REVIEWER_KEY", "DetectorChoice", "read_key",
]  # fmt: skip

_MIN_KEY_BYTES = 16
# Fields of the tables that commands read: listings, prices, facts about merchants.
_FIELDS = tuple(dict.fromkeys((*FIELDS, "brand", *(f.name for f in fields(MerchantFacts)))))

DetectorChoice: TypeAlias = Literal["logo", "tiles", "whole"]
"""Values of `DETECTOR`. Click accepts exactly the values of this type, of `OcrChoice` and of `Effort`."""

CONTACT_KEY = click.option(
    "--contact-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with a secret of 16 bytes or more: contacts are then kept as HMAC-SHA256 under it, else counted.",
)
REVIEWER_KEY = click.option(
    "--contact-key",
    "reviewer_key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the platform's secret: names of reviewers are kept as HMAC-SHA256 under it; default: under a "
    "random one beside what is written.",
)
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
ENCODER = click.option(
    "--encoder",
    default=None,
    help="An open_clip name or a folder of one; default: the bundled tower.",
)
PRETRAINED = click.option("--pretrained", default=None, help="A tag or a checkpoint file for --encoder NAME.")
DETECTOR = click.option(
    "--detector",
    type=click.Choice(get_args(DetectorChoice)),
    default="logo",
    show_default=True,
    help="What proposes places: the trained detector, overlapping squares, or the whole photo alone.",
)
OCR = click.option(
    "--ocr",
    type=click.Choice(get_args(OcrChoice)),
    default="auto",
    show_default=True,
    help="What reads text; auto: RapidOCR; tesseract: RapidOCR, and Tesseract for further scripts.",
)


def read_key(path: Path | None) -> bytes | None:
    """Return the secret in a file, without blanks around it; None without a file.

    Raises:
        InputError: It has less than 16 bytes.
    """
    if path is None:
        return None
    key = path.read_bytes().strip()
    if len(key) < _MIN_KEY_BYTES:
        raise InputError(f"{path}: expected a secret of {_MIN_KEY_BYTES} bytes or more, got {len(key)} bytes")
    return key


def _languages(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Return the codes of languages."""
    if value is None:
        return None
    codes = tuple(code.strip() for code in value.split(",") if code.strip())
    try:
        languages_of(codes)
    except InputError as error:
        raise click.BadParameter(str(error)) from None
    return codes


def _recognisers(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> Mapping[str, Path] | None:
    """Return the files of recognisers by the codes of their languages."""
    out: dict[str, Path] = {}
    for value in values:
        code, equals, file = (part.strip() for part in value.partition("="))
        if not (code and equals and file):
            raise click.BadParameter(f"expected LANGUAGE=FILE, got {quoted(value)}")
        if not Path(file).is_file():
            raise click.BadParameter(f"expected an ONNX file for {code}, got {quoted(file)}, which is not there")
        out[code] = Path(file)
    return out or None


LANGUAGES = click.option(
    "--languages",
    metavar="en,ko,...",
    callback=_languages,
    help="Languages of text in photos, as ISO 639-1 codes; default: what the engine reads by itself. Tesseract reads "
    "those that it does not.",
)
RECOGNISERS = click.option(
    "--recogniser",
    "recognisers",
    multiple=True,
    metavar="LANGUAGE=FILE",
    callback=_recognisers,
    help="ONNX file of PP-OCR's recogniser of a language, such as ko=korean.onnx, instead of Tesseract. Repeatable.",
)
EFFORT = click.option(
    "--effort",
    type=click.Choice(get_args(Effort)),
    default="default",
    show_default=True,
    help="How much work may be saved: default looks at fewer places and reads the largest lines; full saves none.",
)
INDEX = click.option(
    "--index", "index_dir", type=click.Path(path_type=Path), required=True, help="As `register` wrote it."
)


def _columns(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> Mapping[str, str] | None:
    """Return our fields by the names of the columns that hold them."""
    out: dict[str, str] = {}
    for value in values:
        theirs, equals, ours = (part.strip() for part in value.rpartition("="))
        if not equals or not theirs:
            raise click.BadParameter(f"expected THEIRS=OURS, got {quoted(value)}")
        if ours and ours.casefold() not in _FIELDS:
            near = get_close_matches(ours.casefold(), _FIELDS, n=1)
            raise click.BadParameter(
                f"expected one of our fields after =, got {quoted(ours)}"
                + (f"; did you mean {near[0]}?" if near else "")
            )
        out[theirs] = ours
    return out or None


MAP = click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="THEIRS=OURS",
    callback=_columns,
    help="Column of a table that holds a field of ours, such as Preis=price; THEIRS= says that it is none. Repeatable.",
)


def _set_mode(context: click.Context, parameter: click.Parameter, value: str) -> None:
    """Set the permissions of files that the command writes, for as long as it runs."""
    try:
        context.with_resource(file_mode(int(value, 8)))
    except (InputError, ValueError):
        raise click.BadParameter(f"expected an octal number from 0600 to 0666, got {quoted(value)}") from None


MODE = click.option(
    "--mode",
    default="0600",
    show_default=True,
    expose_value=False,
    callback=_set_mode,
    help="Who may read what is written: 0600 the owner alone, 0640 the group, 0644 all. Folders get the like.",
)
