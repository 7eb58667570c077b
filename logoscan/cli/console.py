"""Output of the commands: complaints and progress on stderr, tables on stdout. Progress is shown only on a terminal."""

from __future__ import annotations

import logging
import math
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from logoscan.text.contacts import redact

__all__ = ["Complaints", "LogHandler", "complain", "one_line", "progress", "say", "show", "table", "working"]

# Width of a table in a pipe, in characters: nothing is cut or folded, each row is one line.
_PIPED_COLUMNS = 10_000
# Complaints of one kind that are printed; a file of millions of rows may have one for each row.
_MAX_PER_KIND = 10
# Kinds of complaints that are counted apart, and how many of their first characters distinguish them.
_MAX_KINDS, _KIND_CHARS = 200, 200
_OTHER_KINDS = "others"
# What differs between complaints of one kind: quoted names and numbers.
_VARIABLE_PART = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[0-9]+")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let `app` exit quietly; rich would exit with 1, which means that rows failed."""
        raise BrokenPipeError


_stdout, _stderr = _Console(), _Console(stderr=True)


def one_line(text: str) -> str:
    """Return a text as one line, with characters that would control a terminal escaped."""
    line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def complain(message: str) -> None:
    """Print one line on stderr, above the progress bar if there is one."""
    _stderr.out(f"logoscan: {one_line(redact(message))}", highlight=False)


class Complaints:
    """A context manager that prints the first complaints of each kind on stderr, and at the end counts the others.

    Complaints are of one kind if they differ only in numbers and quoted names.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, message: str) -> None:
        """Print a complaint, or only count it."""
        kind = _VARIABLE_PART.sub("#", message[:_KIND_CHARS])
        if kind not in self._counts and len(self._counts) >= _MAX_KINDS:
            kind = _OTHER_KINDS
        self._counts[kind] += 1
        if self._counts[kind] <= _MAX_PER_KIND:
            complain(message)

    def __enter__(self) -> Complaints:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """Print how many more complaints of each kind there were."""
        for kind, count in self._counts.items():
            if count > _MAX_PER_KIND:
                complain(f"and {count - _MAX_PER_KIND} more like it: {kind}")


def say(message: str) -> None:
    """Print one line on stdout."""
    _stdout.out(one_line(redact(message)), highlight=False)


class LogHandler(logging.Handler):
    """Prints log records as lines on stderr, above the progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        try:
            _stderr.out(one_line(redact(self.format(record))), highlight=False)
        except BrokenPipeError:
            raise
        except Exception:  # like every handler: a record that cannot be logged must not stop the work
            self.handleError(record)


# -- tables


def table(*columns: str, right: Sequence[str] = (), header: bool = True) -> Table:
    """Return an empty table without lines; columns named in `right` are aligned right."""
    out = Table(box=None, show_header=header, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        out.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return out


def show(*parts: Table | str) -> None:
    """Print tables and lines on stdout: folded to the width of a terminal, whole and without colour in a pipe."""
    terminal = sys.stdout.isatty()
    console = _Console(
        width=None if terminal else _PIPED_COLUMNS, no_color=None if terminal else True, force_terminal=terminal
    )
    for part in parts:
        if isinstance(part, str):
            console.out(one_line(part), highlight=False)
            continue
        if terminal:
            console.print(part)
            continue
        with console.capture() as capture:
            console.print(part)
        for line in capture.get().splitlines():
            console.out(line.rstrip(), highlight=False)


def cells(values: Iterable[object]) -> list[Text]:
    """Return values as plain texts for a table, so that rich does not interpret markup in them."""
    return [value if isinstance(value, Text) else Text(one_line(str(value))) for value in values]


# -- progress


class _RateColumn(ProgressColumn):
    """Rows per second since the bar began, and the remaining time at this rate.

    Rows are done in batches; rich's own rate, which covers the last moments only, would jump with each batch.
    """

    def render(self, task: Task) -> Text:
        rate: float = task.fields["rate"]
        if not rate:
            return Text("")
        digits = 0 if rate >= 100 else 1 if rate >= 1 else 2
        text = f"{rate:.{digits}f} {task.fields['unit']}/s"
        if task.remaining is None:
            return Text(text)
        return Text(f"{text}, {timedelta(seconds=math.ceil(task.remaining / rate))} left")


def on_terminal() -> bool:
    """Return whether stderr is a terminal."""
    return sys.stderr.isatty()


class Advance:
    """Advances a progress bar that has just begun."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task
        self._rows, self._start = 0, time.monotonic()

    def __call__(self, rows: int = 1) -> None:
        """Count rows that are done."""
        self._rows += rows
        elapsed = max(time.monotonic() - self._start, 1e-3)
        self._bar.update(self._task, advance=rows, rate=self._rows / elapsed)


@contextmanager
def progress(what: str, unit: str, total: int | Callable[[], int | None], done: int = 0) -> Iterator[Advance]:
    """Show a progress bar with rate and remaining time on a terminal, nothing in a pipe.

    Args:
        what: Name of the work, one word.
        unit: Unit of the rows, in the plural.
        total: Number of all rows; or a function that counts them, called only on a terminal, whose result may be None.
        done: Rows that an earlier run did; they do not count for the rate.

    Yields:
        A function to call when rows are done.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        console=_stderr,
        disable=not on_terminal(),
        transient=True,
    ) as bar:
        row_count = total if isinstance(total, int) else total() if on_terminal() else None
        yield Advance(bar, bar.add_task(what, total=row_count, completed=done, unit=unit, rate=0.0))


@contextmanager
def working(on: str) -> Iterator[None]:
    """Show on a terminal what the command is waiting for."""
    if not on_terminal():
        yield
        return
    with _stderr.status(f"{on} ..."):
        yield
