"""Where `scan` keeps the features of photos, and how: the options of it, and what they come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from logoscan.store.part_writer import StoreSettings

__all__ = ["Store", "store_of", "store_options"]

_OPTIONS = (
    click.option(
        "--keep-features",
        type=click.Path(file_okay=False, path_type=Path),
        help="Folder for what was seen in each photo, for `rejudge` and `find`.",
    ),
    click.option(
        "--quantise",
        is_flag=True,
        help="Keep vectors in 65 bytes instead of 1024: less exact, a thirtieth of the disk with no keypoints.",
    ),
    click.option(
        "--codebook",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="codebook.npz of another store, for --quantise; default: trained on the first photos.",
    ),
    click.option(
        "--keep-keypoints/--no-keep-keypoints",
        default=None,
        help="Keep keypoints, up to 30 KB a photo, so that new logos are found by them; default: unless --quantise.",
    ),
)


def store_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a store to a command, which takes them as the arguments of `store_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Store:
    """Where features are kept, and how.

    Attributes:
        folder: Folder of the store.
        settings: How features are stored.
    """

    folder: Path
    settings: StoreSettings


def store_of(
    keep_features: Path | None, quantise: bool, codebook: Path | None, keep_keypoints: bool | None, *, keep_text: bool
) -> Store | None:
    """Return the store that options ask for; None where they ask for none.

    Args:
        keep_features: Folder of the store.
        quantise: Whether vectors are quantised.
        codebook: File of a codebook.
        keep_keypoints: Whether keypoints are kept; None keeps them unless vectors are quantised.
        keep_text: Whether the lines of text are kept.

    Raises:
        click.UsageError: Options of a store are given without one.
    """
    if keep_features is not None:
        return Store(keep_features, StoreSettings(quantise, codebook, keep_text, keep_keypoints))
    if quantise or codebook or keep_keypoints is not None:
        raise click.UsageError("--quantise, --codebook and --keep-keypoints need --keep-features")
    return None
