"""The command line: one module for each command, which is registered on `main`.

`app` has the group of commands and turns errors into a line and an exit code, `console` prints, `options` and `inputs`
are shared by commands.
"""

from logoscan.cli import (
    buys,
    calibrate,
    demo,
    disclose,
    doctor,
    export,
    find,
    fit,
    inspect,
    lead,
    merchants,
    notices,
    pack,
    queue,
    register,
    rejudge,
    report,
    rings,
    scan,
    schema,
    screen,
    verdict,
    verdict_files,
)
from logoscan.cli.app import main

__all__ = [
    "buys",
    "calibrate",
    "demo",
    "disclose",
    "doctor",
    "export",
    "find",
    "fit",
    "inspect",
    "lead",
    "main",
    "merchants",
    "notices",
    "pack",
    "queue",
    "register",
    "rejudge",
    "report",
    "rings",
    "scan",
    "schema",
    "screen",
    "verdict",
    "verdict_files",
]
