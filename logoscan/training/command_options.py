"""Options that several commands of the recipe share."""

from __future__ import annotations

from collections.abc import Callable

import click

from logoscan.training.shard_reader import Shards

FOLDER = click.Path(exists=True, file_okay=False)
"""Type of an option: an existing folder."""
MODEL = click.Path(exists=True, dir_okay=False)
"""Type of an option: an existing file."""


def material(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --work and --fonts to a command: the material that samples are composed from."""
    fonts = click.option("--fonts", required=True, type=FOLDER, help="Font files, searched recursively.")
    return click.option("--work", required=True, type=FOLDER, help="Working folder of `drawings`.")(fonts(command))


def kept_shards(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options --shards and --epochs to a command: batches of `compose` in place of composed ones."""
    times = click.option("--epochs", type=click.IntRange(1), help="Readings of each batch; default: until the end.")
    return click.option("--shards", type=FOLDER, help="Shards of `compose`, read in place of composing.")(
        times(command)
    )


def read_shards(shards: str | None, epochs: int | None) -> Shards | None:
    """Return what the options of `kept_shards` say, or refuse epochs without shards."""
    if shards is None and epochs is not None:
        raise click.UsageError("--epochs: expected with --shards, which say what is read again")
    return None if shards is None else Shards(shards, epochs)
