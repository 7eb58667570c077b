"""What the commands print: complaints and progress on stderr, tables on stdout. Progress is for terminals alone."""

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

__all__ = ["Complaints", "LogHandler", "complain", "one_line", "progress", "say", "show", "table", "working"]

_PIPED_COLUMNS = 10_000
"""Of a table that no terminal shows: nothing is cut or folded, a row is a line."""
# Complaints of one kind that are printed; a file of millions of rows may have one for each.
_MOST_OF_A_KIND = 10
# Kinds of complaints that are told apart, by their first letters.
_MOST_KINDS, _KIND_CHARS = 200, 200
_OTHER_KINDS = "others"
# What differs between complaints of one kind: quoted names and numbers.
_VARIES = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[0-9]+")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let `app` end quietly; rich would exit with 1, which means that rows failed."""
        raise BrokenPipeError


_stdout, _stderr = _Console(), _Console(stderr=True)


def one_line(text: str) -> str:
    """A text in one line, characters that would steer a terminal escaped."""
    line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def complain(message: str) -> None:
    """One line on stderr, above a bar if there is one."""
    _stderr.out(f"logoscan: {one_line(message)}", highlight=False)


class Complaints:
    """Lines on stderr, the first few of each kind and the number of the others; as a context manager.

    Messages are of one kind if they differ in numbers and quoted names alone.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, message: str) -> None:
        """Print a message, or count it."""
        kind = _VARIES.sub("#", message[:_KIND_CHARS])
        if kind not in self._counts and len(self._counts) >= _MOST_KINDS:
            kind = _OTHER_KINDS
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST_OF_A_KIND:
            complain(message)

    def __enter__(self) -> Complaints:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say how many more there were."""
        for kind, count in self._counts.items():
            if count > _MOST_OF_A_KIND:
                complain(f"and {count - _MOST_OF_A_KIND} more like it: {kind}")


def say(message: str) -> None:
    """One line on stdout."""
    _stdout.out(one_line(message), highlight=False)


class LogHandler(logging.Handler):
    """Log records as lines on stderr, above a bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        try:
            _stderr.out(one_line(self.format(record)), highlight=False)
        except BrokenPipeError:
            raise
        except Exception:  # as every handler: what cannot be logged shall not stop the work
            self.handleError(record)


# -- tables


def table(*columns: str, right: Sequence[str] = (), header: bool = True) -> Table:
    """An empty table without lines; columns named in `right` are numbers."""
    out = Table(box=None, show_header=header, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        out.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return out


def show(*parts: Table | str) -> None:
    """Tables and lines on stdout: folded to a terminal's width, whole and without colour in a pipe."""
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
        with console.capture() as held:
            console.print(part)
        for line in held.get().splitlines():
            console.out(line.rstrip(), highlight=False)


def cells(values: Iterable[object]) -> list[Text]:
    """Values as they are; a string of rich's markup would be swallowed."""
    return [value if isinstance(value, Text) else Text(one_line(str(value))) for value in values]


# -- progress


class _Pace(ProgressColumn):
    """Rows a second since the bar began, and the time that the rest takes at that rate.

    Rows are done in batches, which rich's own rate of the last moments takes for bursts.
    """

    def render(self, task: Task) -> Text:
        rate: float = task.fields["rate"]
        if not rate:
            return Text("")
        digits = 0 if rate >= 100 else 1 if rate >= 1 else 2
        pace = f"{rate:.{digits}f} {task.fields['unit']}/s"
        if task.remaining is None:
            return Text(pace)
        return Text(f"{pace}, {timedelta(seconds=math.ceil(task.remaining / rate))} left")


def on_terminal() -> bool:
    """Whether somebody watches."""
    return sys.stderr.isatty()


class Advance:
    """Moves a bar that has just begun."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task
        self._rows, self._start = 0, time.monotonic()

    def __call__(self, rows: int = 1) -> None:
        """So many rows more are done."""
        self._rows += rows
        elapsed = max(time.monotonic() - self._start, 1e-3)
        self._bar.update(self._task, advance=rows, rate=self._rows / elapsed)


@contextmanager
def progress(what: str, unit: str, total: int | Callable[[], int | None], done: int = 0) -> Iterator[Advance]:
    """A bar on a terminal with rate and remaining time, nothing in a pipe.

    Args:
        what: The work, a word.
        unit: Of the rows, in the plural.
        total: Rows in all; or what counts them, asked only if somebody watches, and None where it cannot say.
        done: Rows that an earlier run did; they do not count for the rate.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Pace(),
        console=_stderr,
        disable=not on_terminal(),
        transient=True,
    ) as bar:
        known = total if isinstance(total, int) else total() if on_terminal() else None
        yield Advance(bar, bar.add_task(what, total=known, completed=done, unit=unit, rate=0.0))


@contextmanager
def working(on: str) -> Iterator[None]:
    """Says on a terminal what is being waited for."""
    if not on_terminal():
        yield
        return
    with _stderr.status(f"{on} ..."):
        yield
