"""What happens to rows of a file that cannot be read: an error, a line in the log, or a call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias, TypeVar

from logoscan._quote import quoted
from logoscan.errors import InputError
from logoscan.io.rows import BadRow

__all__ = ["OnError", "check_on_error", "good_rows"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

OnError: TypeAlias = Literal["raise", "skip"] | Callable[[BadRow], None]
"""What to do with a bad row: raise `InputError`, leave it out and say so in the log, or call this with it."""

# Bad rows that the log names; of the others it gives the number.
_MOST_NAMED = 20


def check_on_error(on_error: OnError) -> None:
    """Refuse what is no way to handle a bad row.

    Raises:
        InputError: It is another value.
    """
    if on_error not in ("raise", "skip") and not callable(on_error):
        raise InputError(f"on_error: expected raise, skip or a function, got {quoted(on_error)}")


def good_rows(rows: Iterable[T | BadRow], on_error: OnError, source: str) -> Iterator[T]:
    """Yield the good rows of a file; bad ones are handled in their place among these.

    Args:
        rows: Rows in order, good and bad.
        on_error: What to do with a bad one.
        source: Name of the file, for messages.

    Raises:
        InputError: A row is bad and `on_error` is "raise".
    """
    bad = lost = 0
    for row in rows:
        if not isinstance(row, BadRow):
            yield row
        elif callable(on_error):
            on_error(row)
        elif on_error == "raise":
            raise InputError(f"{source}, line {row.line}: {row.reason}")
        else:
            bad, lost = bad + 1, lost + row.rows
            if bad <= _MOST_NAMED:
                logger.warning("%s, line %d is left out: %s", source, row.line, row.reason)
    if lost > min(bad, _MOST_NAMED):
        logger.warning("%s: %d rows were left out", source, lost)
