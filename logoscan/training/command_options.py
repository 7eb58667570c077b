"""Options that several commands of the recipe share."""

from __future__ import annotations

from collections.abc import Callable

import click

FOLDER = click.Path(exists=True, file_okay=False)
"""Type of an option: an existing folder."""
MODEL = click.Path(exists=True, dir_okay=False)
"""Type of an option: an existing file."""


def material(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --work and --fonts to a command: the material that samples are composed from."""
    fonts = click.option("--fonts", required=True, type=FOLDER, help="Font files, searched recursively.")
    return click.option("--work", required=True, type=FOLDER, help="Working folder of `drawings`.")(fonts(command))
