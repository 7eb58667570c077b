"""The command line as tests call it, and the logos of the shop that they call it on."""

from __future__ import annotations

from click.testing import CliRunner, Result
from fakes import BLUE, GREEN, RED, WHITE, YELLOW, quarters

from logoscan.cli import main

ACME, BOLT = quarters(RED, WHITE, BLUE, YELLOW), quarters(GREEN, RED, WHITE, RED)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="logoscan")
