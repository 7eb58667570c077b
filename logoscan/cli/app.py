"""The group of all commands; it turns errors into one line on stderr and an exit code.

Exit codes: 0 no errors; 1 some rows or photos failed; 2 usage or set-up; 130 interrupted; 141 the reader of the output
has gone.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NoReturn

import click

from logoscan._version import __version__
from logoscan.cli.console import LogHandler, complain
from logoscan.errors import DeviceError, LogoscanError

__all__ = ["examples", "main"]

SET_UP, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
_WHAT_TO_DO: Mapping[int | None, str] = {
    errno.ENOENT: "check the path",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EROFS: "write to another place",
    errno.EISDIR: "give a file, not a folder",
    errno.ENOTDIR: "check the path",
    errno.EEXIST: "choose another name",
    errno.ENOSPC: "free some space and run the same command again",
    errno.EDQUOT: "free some space and run the same command again",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


def examples(*lines: str) -> str:
    """Return the examples at the end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def explained(error: LogoscanError | OSError) -> str:
    """Return what is wrong and what to do, in one line."""
    if isinstance(error, DeviceError):
        return f"{error}; `logoscan doctor` lists the devices"
    if isinstance(error, LogoscanError) or error.strerror is None:
        return str(error)
    path = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    return f"{path}{error.strerror.lower()}; {_WHAT_TO_DO.get(error.errno, 'check the path and the disk')}"


def _hint(error: click.ClickException) -> str:
    """Return a usage error in one line, with a pointer to the help of the command."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = "logoscan" if context is None else context.command_path
    return f"{error.format_message().rstrip('.')}; see `{where} --help`"


def _exit_broken_pipe() -> NoReturn:
    """Exit quietly; buffered output is discarded, so that the interpreter's last flush cannot fail."""
    with suppress(OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
    sys.exit(BROKEN_PIPE)


class Group(click.Group):
    """A group that prints its help if no command is given, and suggests the nearest one if a command is unknown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help if there are no arguments; this is not an error, whatever click's version."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Return the command by its name; fail with the nearest name if there is none."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.list_commands(ctx), n=1, cutoff=0.5)
            ctx.fail(f"no such command {args[0]!r}" + (f", did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)


class Application(Group):
    """A group that turns errors into one line on stderr and an exit code."""

    group_class = Group

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; report errors with a cause outside of the program in one line."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()  # here a reader that has gone can still be distinguished from a failure
        except BrokenPipeError:
            _exit_broken_pipe()
        except KeyboardInterrupt:
            complain("interrupted")
            ctx.exit(INTERRUPTED)
        except (LogoscanError, OSError) as error:
            complain(explained(error))
            ctx.exit(SET_UP)

    def main(  # type: ignore[override]  # click overloads by the value of standalone_mode
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run as click does, but report a usage error in one line with exit code 2."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        try:
            code = super().main(args, standalone_mode=False, **extra)
        except click.ClickException as error:
            complain(_hint(error))
            sys.exit(SET_UP)
        except click.Abort:
            sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(
    cls=Application,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 all well, 1 some rows or photos failed (stderr says which), 2 usage or set-up, "
        "130 interrupted.\n\n"
        + examples(
            "logoscan demo",
            "logoscan register brands/ --out index/",
            "logoscan scan listings.jsonl --index index/ --out reports.jsonl",
        )
    ),
)
@click.version_option(__version__, prog_name="logoscan")
@click.option("-v", "--verbose", is_flag=True, help="Say what is chosen: device, precision, OCR engine.")
def main(verbose: bool) -> None:
    """Find counterfeit risk in product listings."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError):  # a name that the locale cannot encode must not stop the command
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(message)s",
        handlers=[LogHandler()],
    )
    if not verbose:
        logging.getLogger().setLevel(logging.ERROR)
        logging.getLogger("logoscan").setLevel(logging.WARNING)
