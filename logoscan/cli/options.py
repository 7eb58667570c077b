"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

import click

from logoscan.errors import InputError
from logoscan.io.files import file_mode
from logoscan.ocr.engine import OcrChoice
from logoscan.types import Effort

__all__ = [
    "CODEBOOK", "DETECTOR", "DEVICE", "EFFORT", "ENCODER", "INDEX", "KEEP_FEATURES", "KEEP_TEXT", "MODE", "OCR",
    "PRETRAINED", "QUANTISE", "DetectorChoice",
]  # fmt: skip

DetectorChoice: TypeAlias = Literal["logo", "tiles", "whole"]
"""Values of `DETECTOR`. Click accepts exactly the values of this type, of `OcrChoice` and of `Effort`."""

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
    help="What reads text; auto: EasyOCR on CUDA where its weights are there, else RapidOCR.",
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

KEEP_FEATURES = click.option(
    "--keep-features",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for what was seen in each photo, for `rejudge` and `find`.",
)
KEEP_TEXT = click.option(
    "--keep-text", is_flag=True, help="Keep the text of photos with their features; it may hold personal data."
)
QUANTISE = click.option(
    "--quantise", is_flag=True, help="Keep vectors in 65 bytes instead of 2048: less exact, a twentieth of the disk."
)
CODEBOOK = click.option(
    "--codebook",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="codebook.npz of another store, for --quantise; default: trained on the first photos.",
)


def _set_mode(context: click.Context, parameter: click.Parameter, value: str) -> None:
    """Set the permissions of files that the command writes, for as long as it runs."""
    try:
        context.with_resource(file_mode(int(value, 8)))
    except (InputError, ValueError):
        raise click.BadParameter(f"expected an octal number from 0600 to 0666, got {value!r:.20}") from None


MODE = click.option(
    "--mode",
    default="0600",
    show_default=True,
    expose_value=False,
    callback=_set_mode,
    help="Who may read what is written: 0600 the owner alone, 0640 the group, 0644 all. Folders get the like.",
)
