"""`logoscan schema`: print the JSON Schema of a report, a listing or a screening."""

from __future__ import annotations

import json
from typing import get_args

import click

from logoscan.cli.app import examples, main
from logoscan.scan.schemas import SchemaName, json_schema


@main.command(
    short_help="Print the JSON Schema of a record.",
    epilog=examples("logoscan schema report", "logoscan schema listing"),
)
@click.argument("record", type=click.Choice(get_args(SchemaName)))
def schema(record: SchemaName) -> None:
    """Print the JSON Schema (draft 2020-12) of RECORD: report, listing or screening.

    The version stands at the end of $id. Within a version no field is removed, renamed or changes its type or
    meaning. Fields may be added, and are null or absent in older reports: ignore those that you do not know.

    A number or a list that is null was not computed or not looked for; it is not 0 and not "nothing there". The
    sentences in why, reason, skipped, warnings and doubts are for people and may be reworded.

    A listing needs an id alone. A line of reports has the fields line, last, run and sha256 besides: its seal.
    """
    click.echo(json.dumps(json_schema(record), indent=2, ensure_ascii=True))
