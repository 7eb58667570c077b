"""The command line. Arguments in, library calls, a table out: one module a command, registered on `main`.

`app` holds the group and turns errors into a line and an exit code, `console` prints, `options` are shared.
"""

from logoscan.cli import calibrate, demo, doctor, inspect, register, report, scan, verdict
from logoscan.cli.app import main

__all__ = ["calibrate", "demo", "doctor", "inspect", "main", "register", "report", "scan", "verdict"]
