"""Phones, mails, messengers' names and names of people to be planted, and a scanner of everything that was written.

Each planted item has a core that occurs nowhere else: eleven digits, or a word. Files are searched as they are, and as
what they hold: without gzip and zip, as rows of Parquet, with escapes of JSON, HTML and addresses undone, and with
what looks like base64 decoded.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import io
import itertools
import json
import re
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Planter", "found_in"]

_PHONES = ("+49 15{a} {b}", "+49-15{a}-{b}", "call +4915{a}{b}", "Tel: +49 (15{a}) {b}", "WhatsApp +4915{a}{b}",
           "0049 15{a} {b}")  # fmt: skip
_HANDLES = ("{}@example.com", "{} (at) mail.ru", "WeChat: {}", "Telegram @{}", "t.me/{}", "IG: {}", "LINE ID: {}",
            "https://wa.me/{}", "{}@sub.example.co", "bit.ly/{}")  # fmt: skip
_DIGITS = re.compile(r"\d(?:[\s().\-/–_]{0,3}\d){10,}")
_WORD = re.compile(r"zq[a-z]{3}[0-9]{5}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_CORE_DIGITS = 11
# Parts of an item that a cut leaves: its beginning, or its end behind a sign of what is left out. Fewer than six signs,
# and digits that nothing marks as a number's, stand in any file by chance.
_LEAST_PART = 6
_GAPS = r"[\s().\-/–_]{0,3}"
_BEGUN = re.compile(rf"(?:\+|00){_GAPS}4{_GAPS}9((?:{_GAPS}\d){{6,}})")
_BEGUN_WORD = re.compile(r"(?<![a-z0-9])zq[a-z]{3}[0-9]{1,5}")
_ENDED = re.compile(rf"(?:\.\.\.|…)((?:{_GAPS}\d){{6,}})")
_ENDED_WORD = re.compile(r"(?:\.\.\.|…)([a-z]{1,4}[0-9]{5})(?![0-9])")
_BLOB = re.compile(r"[A-Za-z0-9+/]{40,}")


class Planter:
    """Makes items, each once.

    Attributes:
        cores: Cores of all items so far.
    """

    def __init__(self) -> None:
        self.cores: dict[str, str] = {}
        self._numbers = itertools.count()

    def _word(self, number: int) -> str:
        letters = "".join("abcdefghij"[int(d)] for d in f"{number * 7 % 1000:03}")
        return f"zq{letters}{number:05}"

    def contact(self) -> str:
        """Return a phone number, an address or a messenger's name, as people write them."""
        number = next(self._numbers)
        if number % 3 == 0:
            core = f"15{number % 7 + 1}{10_000_000 + number * 4861 % 90_000_000:08}"
            text = _PHONES[number // 3 % len(_PHONES)].format(a=core[2], b=core[3:])
        else:
            core = self._word(number)
            text = _HANDLES[number % len(_HANDLES)].format(core)
        self.cores[core] = text
        return text

    def mail(self) -> str:
        """Return a mail address."""
        core = self._word(next(self._numbers))
        self.cores[core] = f"{core}@example.com"
        return self.cores[core]

    def name(self) -> str:
        """Return the name of a person."""
        core = self._word(next(self._numbers))
        self.cores[core] = f"Jane {core}"
        return self.cores[core]

    def text(self, words: str) -> str:
        """Return a text with a contact in it."""
        return f"{words} {self.contact()} now"


def found_in(folder: Path, cores: dict[str, str]) -> dict[str, set[str]]:
    """Return the cores that stand in the files of a folder, by the file's path below it."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            hits = set().union(*(_cores_of(data, cores) for data in _contents(path.name, path.read_bytes())))
            hits |= _cores_of(path.name.encode(), cores)
            if hits:
                found[path.relative_to(folder).as_posix()] = hits
    return found


def _contents(name: str, data: bytes) -> Iterator[bytes]:
    """Yield the bytes of a file, and of what it holds."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield from _contents(name, gzip.decompress(data))
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for one in archive.namelist():
                yield one.encode()
                yield from _contents(one, archive.read(one))
    elif data[:4] == b"PAR1":
        from pyarrow import parquet

        table = parquet.read_table(io.BytesIO(data))
        texts = [column for column in table.column_names if not _is_vector(table.schema.field(column).type)]
        yield json.dumps(table.select(texts).to_pylist(), default=str, ensure_ascii=False).encode()
        yield repr(parquet.read_metadata(io.BytesIO(data)).metadata).encode()
    else:
        for blob in _BASE64.findall(data):
            try:
                yield base64.b64decode(blob + b"=" * (-len(blob) % 4))
            except (binascii.Error, ValueError):
                continue


def _is_vector(kind: Any) -> bool:
    return bool(re.search("float|fixed_size|int8|halffloat", str(kind)))


def _cores_of(data: bytes, cores: dict[str, str]) -> set[str]:
    text = data.decode("utf-8", "replace")
    views = {text, html.unescape(text), urllib.parse.unquote(text)}
    if "\\u" in text or "\\x" in text:
        views.add(re.sub(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})", lambda m: chr(int(m[1] or m[2], 16)), text))
    hits = set()
    for view in views:
        hits |= {word for word in _WORD.findall(view.lower()) if word in cores}
        for run in _DIGITS.findall(view):
            digits = re.sub("[^0-9]", "", run)
            windows = (digits[i : i + _CORE_DIGITS] for i in range(len(digits) - _CORE_DIGITS + 1))
            hits |= {window for window in windows if window in cores}
        hits |= _parts_of(_BLOB.sub(" ", view).lower(), cores)
    return hits


def _parts_of(text: str, cores: dict[str, str]) -> set[str]:
    """Return the cores of which a text holds a beginning or an end, as a cut leaves them."""
    begun = {re.sub("[^0-9]", "", digits)[:_CORE_DIGITS] for digits in _BEGUN.findall(text)}
    ended = {re.sub("[^0-9]", "", digits)[-_CORE_DIGITS:] for digits in _ENDED.findall(text)}
    begun |= set(_BEGUN_WORD.findall(text))
    ended |= set(_ENDED_WORD.findall(text))
    out = set()
    for part in begun - cores.keys():
        out |= {core for core in cores if core.startswith(part) and len(part) >= _LEAST_PART}
    for part in ended - cores.keys():
        out |= {core for core in cores if core.endswith(part) and len(part) >= _LEAST_PART}
    return out
