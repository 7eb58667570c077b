"""`logoscan doctor`: what is installed, what is missing or broken, and the command that repairs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from logoscan.cli import checks, package_checks
from logoscan.cli.app import SET_UP, examples, main
from logoscan.cli.checks import Check
from logoscan.cli.console import cells, show, table, working

_SIGNS = {"ok": "✓", "missing": "-", "broken": "✗"}
_ASCII_SIGNS = {"ok": "+", "missing": "-", "broken": "x"}
_COLOURS = {"ok": "green", "missing": "yellow", "broken": "red"}


@main.command(
    short_help="Check the installation, say what mends it.",
    epilog=examples("logoscan doctor", "logoscan doctor --index index/ --json"),
)
@click.option("--index", "index_dir", type=click.Path(path_type=Path), help="An index to check as well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for machines.")
def doctor(index_dir: Path | None, as_json: bool) -> None:
    """Check the installation: versions, devices, weights, OCR engines, extras. Touches no network.

    Exit code 0 if what scanning needs is well; a missing extra is no failure. Else 2.
    """
    results: list[Check] = []
    with working("looking"):
        for part in (
            package_checks.system,
            package_checks.packages,
            checks.devices,
            checks.models,
            checks.readers,
            package_checks.extras,
        ):
            results += part()
        if index_dir is not None:
            results += checks.index(index_dir)
    failures = [check for check in results if check.needed and check.state != "ok"]
    if as_json:
        click.echo(json.dumps({"ok": not failures, "checks": [asdict(check) for check in results]}))
    else:
        lacking = sum(check.state != "ok" for check in results) - len(failures)
        show(_table(results), "", _summary(failures, lacking))
    if failures:
        sys.exit(SET_UP)


def _table(results: Sequence[Check]) -> Table:
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    signs = _SIGNS if unicode else _ASCII_SIGNS
    out = table("part", "what", "state", "found", "what to do")
    part = ""
    for check in results:
        state = Text(f"{signs[check.state]} {check.state}", _COLOURS[check.state])
        out.add_row(*cells(("" if check.part == part else check.part, check.name, state, check.found, check.mend)))
        part = check.part
    return out


def _summary(failures: Sequence[Check], lacking: int) -> str:
    if failures:
        names = ", ".join(check.name for check in failures)
        return f"Scanning needs what is not well: {names}. The last column says what to do."
    rest = f" {lacking} optional part{'s are' if lacking > 1 else ' is'} not there." if lacking else ""
    return f"All that scanning needs is well.{rest}"
