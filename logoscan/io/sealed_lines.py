"""JSON objects on lines of a file, each sealed by its SHA-256, so that damage and cuts are noticed.

A seal is the last key of an object, `"sha256"`: the SHA-256 of the bytes of the rest. It detects damage, not malice. In
a file of many lines each object also has its number (`"line"`) and the last one says so (`"last"`); a line may name
what made its file (`"run"`). A file of no objects is one blank line, since an empty file would be one that lost all.
Knows bytes; knows nothing of what the objects mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, TypeVar

from logoscan._hashing import sha256_hex
from logoscan.errors import CorruptFileError

__all__ = ["SealedLines", "Unsealed", "read_sealed_file", "read_sealed_stream", "seal", "sealed_file", "unseal"]

T = TypeVar("T")

_SEAL = re.compile(rb',"sha256":"([0-9a-f]{64})"\}\Z')
_PLACE = re.compile(rb'(?:,"run":"([0-9a-f]{16})")?,"line":([1-9][0-9]{0,17})(,"last":true)?\}\Z')
# Bytes at the end of a sealed text that hold its seal and its place.
_TAIL_BYTES = 160


class Unsealed(NamedTuple):
    """The content of a sealed object.

    Attributes:
        text: The object, without its seal and its place.
        line: Number of the line in a file of many, from 1; None where none was noted.
        last: It was written as the last of its file.
        run: What made its file, as 16 hex digits; None where none was noted.
    """

    text: bytes
    line: int | None
    last: bool
    run: str | None = None


def seal(text: str, *, line: int | None = None, last: bool = False, run: str | None = None) -> str:
    """Return a JSON object with the SHA-256 of its UTF-8 bytes as a further key, at the end.

    Args:
        text: An object with at least one key, as `to_json` writes it.
        line: Number of the line in a file of many, noted before the seal, so that a cut of the file is noticed.
        last: It is the last of that file.
        run: What makes that file, as 16 hex digits.
    """
    maker = "" if run is None else f',"run":"{run}"'
    place = "" if line is None else f'{maker},"line":{line}' + (',"last":true' if last else "")
    body = f"{text[:-1]}{place}"
    return f'{body},"sha256":"{sha256_hex(f"{body}}}".encode())}"}}'


def unseal(text: str | bytes, where: str) -> Unsealed:
    """Return what `seal` sealed; refuse it where a single byte is more, less or another one.

    Raises:
        CorruptFileError: There is no seal at the end, or it is that of other bytes; `where` is named.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    end = _SEAL.search(data, max(0, len(data) - _TAIL_BYTES))
    if end is None:
        raise CorruptFileError(f"{where}: altered, damaged or cut short: expected its SHA-256 at the end")
    body = data[: end.start()] + b"}"
    if sha256_hex(body) != end[1].decode():
        raise CorruptFileError(f"{where}: altered, damaged or cut short: it is not what its SHA-256 was made of")
    place = _PLACE.search(body, max(0, len(body) - _TAIL_BYTES))
    if place is None:
        return Unsealed(body, None, False)
    run = None if place[1] is None else place[1].decode()
    return Unsealed(body[: place.start()] + b"}", int(place[2]), place[3] is not None, run)


# -- files that are written at once


def sealed_file(texts: Sequence[str]) -> bytes:
    """Return the bytes of a file of these JSON objects, each a sealed line."""
    lines = [seal(text, line=number, last=number == len(texts)) for number, text in enumerate(texts, 1)]
    return "".join(f"{line}\n" for line in lines or [""]).encode()


def read_sealed_file(path: Path, unseal_line: Callable[[bytes, str], tuple[T, Unsealed]]) -> Iterator[T]:
    """Yield the objects of a file of sealed lines, or of several such files that were strung together.

    Args:
        path: Path of the file. One that is named `.partial` may end anywhere. A selection of lines may too, unless it
            is the very beginning of a file.
        unseal_line: Returns the object of a line, and its seal; it gets the line and how errors name it.

    Raises:
        CorruptFileError: A line is torn; or, when all were given, the file ends before the line that was its last.
    """
    with path.open("rb") as file:
        yield from _unsealed_lines(file, str(path), unseal_line, cut=path.suffix != ".partial")


def read_sealed_stream(
    stream: Iterable[bytes], name: str, unseal_line: Callable[[bytes, str], tuple[T, Unsealed]]
) -> Iterator[T]:
    """Yield the objects of a stream of sealed lines as `read_sealed_file` does; a stream of none is no error.

    Args:
        stream: Lines with their ends.
        name: Name of the stream, for errors.
        unseal_line: Returns the object of a line, and its seal; it gets the line and how errors name it.

    Raises:
        CorruptFileError: A line is torn, or the stream ends before the line that was written as its last.
    """
    return _unsealed_lines(stream, name, unseal_line, cut=None)


def _unsealed_lines(
    lines: Iterable[bytes], name: str, unseal_line: Callable[[bytes, str], tuple[T, Unsealed]], *, cut: bool | None
) -> Iterator[T]:
    """Yield objects; `cut` says whether an end is missed where there should be one, None only after a first line."""
    count, place, is_open = 0, 0, bool(cut)
    for number, line in enumerate(lines, 1):
        where = f"{name}, line {number}"
        if line.strip():
            item, sealed = unseal_line(line.removesuffix(b"\n"), where)
            count, place = count + 1, place + 1
            is_open = sealed.line == place and not sealed.last
            place = 0 if sealed.last else place  # the first line of another file may follow
            yield item
        elif not line.endswith(b"\n"):
            raise CorruptFileError(f"{where}: torn")
        else:
            is_open = is_open and count > 0
    if is_open and cut is not False:
        raise CorruptFileError(
            f"{name}: cut short after {count} reports, none of which was the last; a part is to be named *.partial"
        )


# -- files that grow


class SealedLines:
    """An open file that grows line by line, each line sealed with its number and what makes the file.

    Attributes:
        complete: The last line was written as the last.
    """

    def __init__(self, file: IO[bytes], path: Path, run: str | None) -> None:
        """Begin at the start of the file; call `read` before anything else.

        Args:
            file: Open for reading and writing.
            path: Path of the file, for errors.
            run: What makes the file, as 16 hex digits; None notes nothing.
        """
        self.complete = False
        self._file = file
        self._path = path
        self._run = run
        self._count = 0
        self._end = 0
        self._last: tuple[int, str] | None = None  # where the last line begins, and its object without the seal

    def read(self) -> Iterator[tuple[str, Unsealed]]:
        """Yield the lines that are there, each with how errors name it; at the end remove a line that was torn.

        Raises:
            CorruptFileError: A line before the last was altered, or has another number than its own.
        """
        for number, line in enumerate(self._file, 1):
            where = f"{self._path}, line {number}"
            if not line.endswith(b"\n") or (number == 1 and line == b"\n"):
                break
            sealed = unseal(line[:-1], where)
            if sealed.line != number:
                raise CorruptFileError(f"{where}: expected that number in it, got {sealed.line}")
            yield where, sealed
            self._last, self.complete = (self._end, sealed.text.decode()), sealed.last
            self._end += len(line)
            self._count = number
        self._truncate()

    def append(self, text: str, *, last: bool = False) -> None:
        """Append one JSON object as a line, and give it to the system.

        Raises:
            OSError: It could not be written; the error names the file.
        """
        self._count += 1
        line = seal(text, line=self._count, last=last, run=self._run).encode() + b"\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        self._last, self.complete = (self._end, text), last
        self._end += len(line)

    def mark_last(self, last: bool) -> None:
        """Write the last line again: as the last of the file, or as one of many. Without lines write a blank one."""
        if self._last is None:
            self._file.write(b"\n")
            return
        self._end, text = self._last
        self._count -= 1
        self._truncate()
        self.append(text, last=last)

    def _truncate(self) -> None:
        self._file.seek(self._end)
        self._file.truncate()
