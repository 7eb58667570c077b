"""Hostile paths, words, numbers and listings files, one generator a threat."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attack import Attack, NotHarmlessError, Outcome, Trial, good_photo, listed, photographed, scanned
from attack_pictures import encoded
from PIL import Image

from logoscan.types import Listing

_MEGABYTE = 1 << 20
MOST_CHARS = _MEGABYTE
"""Of one text. Tests make it a sixteenth, over all caps of texts still; `python -m benchmarks attacks` leaves it."""
_SECRET = encoded(Image.new("RGB", (40, 30), (9, 9, 200)), "PNG")

PATHS: dict[str, Callable[[Path], str]] = {
    "path: ../": lambda _: "../secret.png",
    "path: ../ inside of the name": lambda _: "a/../../secret.png",
    "path: absolute": lambda folder: str(folder / "secret.png"),
    "path: a link to a file outside": lambda _: "link.png",
    "path: through a link to a folder outside": lambda _: "links/secret.png",
    "path: a link to a link outside": lambda _: "chain.png",
    "path: a link to itself": lambda _: "loop.png",
    "path: a link to /dev/zero": lambda _: "zero.png",
    "path: /dev/zero": lambda _: "/dev/zero",
    "path: /dev/stdin": lambda _: "/dev/stdin",
    "path: /proc/self/environ": lambda _: "/proc/self/environ",
    "path: a FIFO": lambda _: "pipe.png",
    "path: a socket": lambda _: "socket.png",
    "path: a folder": lambda _: "a",
    "path: the root itself": lambda _: ".",
    "path: nothing": lambda _: "",
    "path: file://": lambda folder: f"file://{folder}/secret.png",
    "path: https://": lambda _: "https://127.0.0.1:9/a.png",
    "path: data:": lambda _: "data:image/png;base64,iVBORw0KGgo=",
    "path: a NUL byte": lambda _: "good.png\0.jpg",
    "path: the user's home": lambda _: "~/secret.png",
    "path: backslashes": lambda _: "..\\secret.png",
    "path: a megabyte long": lambda _: "a" * _MEGABYTE,
    "path: half a million folders deep": lambda _: "a/" * (_MEGABYTE // 2) + "b.png",
    "path: half a million steps up": lambda _: "../" * (_MEGABYTE // 3) + "etc/passwd",
}


def _path(name_of: Callable[[Path], str], folder: Path) -> Trial:
    """A root with ways out of it; beside it a secret that no report may show."""
    import socket

    root = folder / "root"
    (root / "a").mkdir(parents=True)
    (folder / "secret.png").write_bytes(_SECRET)
    for link, target in (
        ("link.png", folder / "secret.png"),
        ("links", folder),
        ("chain.png", root / "link.png"),
        ("loop.png", root / "loop.png"),
        ("zero.png", Path("/dev/zero")),
    ):
        (root / link).symlink_to(target)
    os.mkfifo(root / "pipe.png")
    if hasattr(socket, "AF_UNIX"):
        os.mknod(root / "socket.png", 0o140600)
    name = name_of(folder)
    return lambda: photographed(name, root)


def _big(text: str) -> str:
    return text * (_MEGABYTE // len(text))


WORDS: dict[str, str] = {
    "a megabyte of one letter": _big("a"),
    "a megabyte of the brand": _big("Acme "),
    "a megabyte of near names": _big("Acne Toolz Acmee Tols "),
    "a megabyte of single letters": _big("a c m e "),
    "a megabyte of digits": _big("1"),
    "a megabyte of digits and commas": _big("1,234,"),
    "a megabyte of counts": _big("pack of 3 "),
    "a megabyte of times": _big("3 x 50 ml x 3 "),
    "a megabyte of spaces": "a" + _big(" ") + "b",
    "a megabyte of tabs and lines": _big("\t\n"),
    "a megabyte of signs for letters": _big("@$!|"),
    "a megabyte of apostrophes": _big("a'"),
    "a megabyte of negations": _big("not a "),
    "a megabyte of replicas": _big("r e p l i c a 1:1 "),
    "a megabyte of denied fakes": _big("not fake, "),
    "a megabyte of for": _big("for the all your "),
    "a megabyte of hyphens": _big("-"),
    "a megabyte of question marks": _big("fake? "),
    "right-to-left floods": _big("\u202e\u202bAcme\u202c"),
    "zero-width floods": "A" + _big("\u200b\u200d\ufeff") + "cme",
    "combining floods": "A" + _big("\u0301\u0327") + "cme",
    "a ligature that grows eighteenfold": _big("\ufdfa"),
    "look-alikes of other scripts": _big("Аcmе "),
    "letters in circles": _big("Ⓐⓒⓜⓔ "),
    "Chinese without a space": _big("高仿正品"),
    "the brand between Chinese letters": _big("高仿Acme运动鞋"),
    "scripts that change at each letter": _big("a华"),
    "Korean endings": _big("Acme의"),
    "a megabyte of entities": _big("&amp;"),
    "the brand in entities of entities": _big("&amp;amp;#65;&#x63;me "),
    "numbers that are no letters": _big("&#x110000;&#0;&#xd800;"),
    "a megabyte of open tags": _big("<b "),
    "a megabyte of tags in the brand": _big("Ac<b>m</b>e "),
    "a megabyte of comments": _big("<!-- Acme -->"),
    "a megabyte of and": _big("Acme and Jones & "),
    "a megabyte of dotless letters": _big("Acmı "),
    "umlauts that are written out": _big("Mü "),
    "models without end": "case for Acme" + _big(" 1a-2b/"),
    "a megabyte of plurals": _big("Acmes'ın "),
    "a megabyte of styles": _big("Acme style type dupe like "),
    "emoji families": _big("👨‍👩‍👧‍👦"),
    "control characters": _big("".join(map(chr, range(1, 32)))),
    "a formula": '=HYPERLINK("http://127.0.0.1","Acme")',
    "HTML": '<script>alert(1)</script><img src=x onerror="alert(1)">',
    "template braces": "{{ 7 * 7 }}{% for x in y %}",
    "format directives": "%s%n{0.__class__}$(id)`id`",
    "mathtext": "$\\frac{" * 2000,
}


def _everywhere(text: str, _: Path) -> Trial:
    """The same text in every field that holds text."""
    if len(text) > MOST_CHARS:  # its beginning and its end
        text = text[: MOST_CHARS // 2] + text[-MOST_CHARS // 2 :]
    hostile = Listing(
        text[:200] if text.strip() else "hostile",
        (good_photo(),),
        title=text,
        description=text,
        claimed_brand=text,
        category=text,
        condition=text,
        price=90.0,
        currency="EUR",
        seller_id=text,
        url=f"https://127.0.0.1/{text}",
        attributes={"material": text, "weight": text, "ean": text, text: text},
        reviews=(text, f"fake {text}", f"{text} fake"),
    )
    return lambda: scanned(hostile)


def _listing(change: Callable[[], dict[str, Any]], _: Path) -> Trial:
    values = {"id": "hostile", **change()}
    return lambda: scanned(Listing(**values))


def _array(side: int) -> Any:
    return np.zeros((side, side, 3), np.uint8)


LISTINGS: dict[str, tuple[Outcome, Callable[[], dict[str, Any]]]] = {
    "price: NaN": ("InputError", lambda: {"price": float("nan")}),
    "price: infinite": ("InputError", lambda: {"price": float("inf")}),
    "price: negative": ("InputError", lambda: {"price": -1.0}),
    "price: 1e308": ("InputError", lambda: {"price": 1e308}),
    "price: an integer of a million bits": ("InputError", lambda: {"price": 1 << 1_000_000}),
    "price: 0": ("report", lambda: {"price": 0.0, "currency": "EUR", "claimed_brand": "Acme"}),
    "price: 1e12": ("report", lambda: {"price": 1e12, "currency": "EUR", "claimed_brand": "Acme"}),
    "price: 5e-324": ("report", lambda: {"price": 5e-324, "currency": "EUR", "claimed_brand": "Acme"}),
    "currency: unknown": ("report", lambda: {"price": 9.0, "currency": "XXX", "claimed_brand": "Acme"}),
    "currency: a megabyte": ("InputError", lambda: {"price": 9.0, "currency": "E" * _MEGABYTE}),
    "title: unpaired surrogates": ("InputError", lambda: {"title": "\ud800" * _MEGABYTE}),
    "attributes: unpaired surrogates": ("InputError", lambda: {"attributes": {"a": "\udfff"}}),
    "date: a megabyte": ("InputError", lambda: {"listed_at": "2" * _MEGABYTE}),
    "images: ten thousand": ("warning", lambda: {"images": (_array(1),) * 10_000}),
    "images: ten thousand that are not there": ("warning", lambda: {"images": ("no.png",) * 10_000}),
    "attributes: 100,000": ("report", lambda: _claiming(attributes={f"a{i}": "b" * 20 for i in range(100_000)})),
    "attributes: 100,000 of one meaning": (
        "report",
        lambda: _claiming(attributes={"material" + " " * i: "wool " * 9 for i in range(3000)}),
    ),
    "attributes: 20 of a megabyte": (
        "report",
        lambda: _claiming(attributes={"material" + " " * i: _big("wool ") for i in range(20)}),
    ),
    "reviews: 100,000": ("warning", lambda: _claiming(reviews=tuple(f"this is fake {i}" for i in range(100_000)))),
    "reviews: a thousand of 5,000 letters": (
        "warning",
        lambda: _claiming(reviews=tuple(f"{i} " + "not a fake? " * 400 for i in range(1000))),
    ),
}


def _claiming(**values: Any) -> dict[str, Any]:
    return {"claimed_brand": "Acme", "images": (good_photo(),), **values}


_GOOD = '{"id": "good"}\n'
_TEXTS = ("title", "description", "claimed_brand", "category", "condition", "seller_id", "url")


def _rows(*rows: str) -> bytes:
    return ("".join(row + "\n" for row in rows) + _GOOD).encode(errors="surrogatepass")


FILES: dict[str, tuple[Outcome, str, Callable[[], bytes], int]] = {
    "jsonl: a million brackets": ("bad row", "a.jsonl", lambda: _rows("[" * _MEGABYTE), 1),
    "jsonl: objects 100,000 deep": ("bad row", "a.jsonl", lambda: _rows('{"id":' * 100_000 + "1" + "}" * 100_000), 1),
    "jsonl: an id 900 deep": ("bad row", "a.jsonl", lambda: _rows('{"id": ' + "[" * 900 + "]" * 900 + "}"), 1),
    "jsonl: attributes 900 deep": (
        "warning",
        "a.jsonl",
        lambda: _rows('{"id": "a", "attributes": ' + '{"a":' * 900 + "1" + "}" * 901),
        1,
    ),
    "jsonl: a number of a million digits": ("report", "a.jsonl", lambda: _rows('{"id": ' + "1" * _MEGABYTE + "}"), 1),
    "jsonl: a price of a million digits": (
        "warning",
        "a.jsonl",
        lambda: _rows('{"id": "a", "price": 1' + "0" * 4000 + "}"),
        1,
    ),
    "jsonl: NaN and Infinity": (
        "warning",
        "a.jsonl",
        lambda: _rows('{"id": "a", "price": NaN}', '{"id": "b", "price": -Infinity}', '{"id": "c", "price": 1e999}'),
        1,
    ),
    "jsonl: unpaired surrogates": ("warning", "a.jsonl", lambda: _rows('{"id": "a", "images": ["\\ud800.png"]}'), 1),
    "jsonl: a key that is a surrogate": ("report", "a.jsonl", lambda: _rows('{"id": "b", "\\ud800": 1}'), 1),
    "jsonl: keys twice": ("report", "a.jsonl", lambda: _rows('{"id": "a", "id": "b", "id": "c"}'), 1),
    "jsonl: ids twice": ("report", "a.jsonl", lambda: _rows('{"id": "good"}', '{"id": "good"}'), 3),
    "jsonl: 100,000 unknown fields": (
        "report",
        "a.jsonl",
        lambda: _rows(json.dumps({"id": "a", **{f"x{i}": i for i in range(100_000)}})),
        1,
    ),
    "jsonl: 20,000 rows of unknown fields": (
        "report",
        "a.jsonl",
        lambda: _rows(*(json.dumps({"id": str(i), f"x{i}": i}) for i in range(20_000))),
        1,
    ),
    "jsonl: a line of 100 MB": (
        "bad row",
        "a.jsonl",
        lambda: _rows('{"id": "a", "title": "' + "a" * (100 << 20) + '"}'),
        1,
    ),
    "jsonl: a file of NUL": ("bad row", "a.jsonl", lambda: bytes(_MEGABYTE) + b"\n" + _GOOD.encode(), 1),
    "jsonl: UTF-16": ("InputError", "a.jsonl", lambda: '{"id": "a"}\n'.encode("utf-16") + b"\n" + _GOOD.encode(), 1),
    "csv: a quote that never ends": ("bad row", "a.csv", lambda: b'id,title\ngood,x\n"' + b"a,b\n" * 50_000, 1),
    "csv: a million columns": ("bad row", "a.csv", lambda: b"id\ngood\n" + b"," * _MEGABYTE + b"\n", 1),
    "csv: a header of a million columns": ("report", "a.csv", lambda: b"id" + b",a" * 500_000 + b"\ngood\n", 1),
    "csv: a formula": ("report", "a.csv", lambda: b"id,title\ngood,\"=cmd|' /C calc'!A0\"\n", 1),
    "csv: attributes a million deep": (
        "warning",
        "a.csv",
        lambda: b'id,attributes\n"good",\nb,' + b"[" * 100_000 + b"\n",
        1,
    ),
    "csv: attributes with a number of many digits": (
        "warning",
        "a.csv",
        lambda: b"id,attributes\ngood,\nb," + b"1" * 5000 + b"\n",
        1,
    ),
    "csv: prices that are no prices": (
        "warning",
        "a.csv",
        lambda: b"id,price\ngood,1\nb,nan\nc,-inf\nd,1e400\ne,0x10\nf,1_0\n" + b"g," + b"9" * 100_000 + b"\n",
        1,
    ),
    "jsonl: half an emoji in every text": (
        "warning",
        "a.jsonl",
        lambda: _rows(json.dumps({"id": "good", **dict.fromkeys(_TEXTS, "\ud83d Acme")})),
        2,
    ),
    "jsonl: bytes that are not UTF-8 in a title": (
        "warning",
        "a.jsonl",
        lambda: b'{"id": "good", "title": "Acm\xe9"}\n' + _GOOD.encode(),
        2,
    ),
    "jsonl: lists in place of everything": (
        "warning",
        "a.jsonl",
        lambda: _rows(
            json.dumps({"id": "good", **{name: [["a"]] for name in (*_TEXTS, "price", "currency", "attributes")}})
        ),
        2,
    ),
    "jsonl: a price that is withheld": (
        "warning",
        "a.jsonl",
        lambda: _rows('{"id": "good", "price": "POA", "currency": "€", "listed_at": "05/01/2024", "images": [null]}'),
        2,
    ),
    "jsonl: an attribute 900 deep among good ones": (
        "warning",
        "a.jsonl",
        lambda: _rows('{"id": "good", "attributes": {"a": ' + "[" * 900 + "]" * 900 + ', "weight": 300}}'),
        2,
    ),
    "jsonl: a million images that are none": (
        "warning",
        "a.jsonl",
        lambda: _rows('{"id": "good", "images": [' + "null," * _MEGABYTE + "null]}"),
        2,
    ),
    "jsonl: what was dropped is the seller's word": (
        "report",
        "a.jsonl",
        lambda: _rows('{"id": "good", "dropped": {"price": "nothing"}}'),
        2,
    ),
    "jsonl: one array of everything": ("InputError", "a.jsonl", lambda: b'[{"id": "good"}, {"id": "good"}]', 0),
    "jsonl: lines that end in CR alone": ("report", "a.jsonl", lambda: _GOOD.replace("\n", "\r").encode() * 3, 3),
    "jsonl.gz: a line of 100 MB in 100 KB": (
        "bad row",
        "a.jsonl.gz",
        lambda: gzip.compress(_rows('{"id": "a", "title": "' + "a" * (100 << 20) + '"}')),
        1,
    ),
    "jsonl.gz: cut short": ("CorruptFileError", "a.jsonl.gz", lambda: gzip.compress(os.urandom(999) + b"\n")[:-20], 0),
    "csv: a quote in every row": (
        "bad row",
        "a.csv",
        lambda: b"id,title,price\n" + b'a,"Sony TV,5\n' * 50_000 + b"good,x,5\n",
        1,
    ),
    "csv: 100 rows between two marks for inches": (
        "bad row",
        "a.csv",
        lambda: b'id,title,price\n1,"TV,5\n' + b"good1,x,5\n" * 100 + b'2,TV 20",5\n',
        100,
    ),
    "csv: a quote and ten thousand rows of quotes in pairs": (
        "bad row",
        "a.csv",
        lambda: b'id,title\n1,"TV\n' + b'good1,""\n' * 10_000,
        10_000,
    ),
    "csv: a description that looks like a table": (
        "report",
        "a.csv",
        lambda: b'id,title,price\ngood,"small, 1, 2\nlarge, 3, 4\nhuge, 5, 6",5\n',
        1,
    ),
    "csv: UTF-16": ("InputError", "a.csv", lambda: "id,title\ngood,x\n".encode("utf-16"), 0),
    "csv: Latin-1": ("warning", "a.csv", lambda: "id;title\ngood;Nestlé\n".encode("latin-1"), 1),
    "csv: entities of a million digits": (
        "report",
        "a.csv",
        lambda: b"id,title\ngood,&#39;&#" + b"9" * 100_000 + b";&#39;\n",
        1,
    ),
    "csv: a column that is nearly the price": ("InputError", "a.csv", lambda: b"id,pirce\ngood,5\n", 0),
    "csv: a file of NUL": ("report", "a.csv", lambda: b"id,title\ngood,a\n" + bytes(1000) + b",\0\n", 1),
    "csv: no header": ("InputError", "a.csv", lambda: b"\n\n1,2\n", 0),
    "csv: two columns of one name": ("InputError", "a.csv", lambda: b"id,id\nbad,good\n", 1),
    "parquet: something else": ("CorruptFileError", "a.parquet", lambda: b"PAR1" + bytes(1000) + b"PAR1", 0),
    "parquet: nothing": ("CorruptFileError", "a.parquet", lambda: b"", 0),
    "parquet: a footer of two gigabytes": (
        "CorruptFileError",
        "a.parquet",
        lambda: b"PAR1" + b"\xff\xff\xff\x7fPAR1",
        0,
    ),
}


def _file(name: str, make: Callable[[], bytes], good: int, folder: Path) -> Trial:
    return listed(folder, name, make(), good)


def _parquet_bomb(folder: Path) -> Trial:
    """One row whose title is a quarter of a gigabyte of one letter, in some kilobytes; its row group stays unread."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({"id": ["good", "bomb"], "title": ["a", "a" * (256 << 20)]})
    parquet.write_table(table, folder / "a.parquet", compression="zstd")
    del table
    pyarrow.default_memory_pool().release_unused()  # what was taken to write is not what reading takes
    return listed(folder, "a.parquet", (folder / "a.parquet").read_bytes(), 0)


def _parquet_kinds(folder: Path) -> Trial:
    """Every column of a kind that it should not have."""
    import pyarrow
    from pyarrow import parquet

    odd = {"id": [b"\xff"], "images": [[None]], "title": [1.5], "attributes": [[("a", None)]], "price": [[1.0]]}
    table = pyarrow.table({**odd, "reviews": [{"a": 1}], "listed_at": [3]})
    parquet.write_table(table, folder / "a.parquet")
    return listed(folder, "a.parquet", (folder / "a.parquet").read_bytes(), 0)


def _table(columns: Callable[[Any], dict[str, Any]], good: int, folder: Path) -> Trial:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns(pyarrow)), folder / "a.parquet", compression="zstd")
    return listed(folder, "a.parquet", (folder / "a.parquet").read_bytes(), good)


TABLES: dict[str, tuple[Outcome, Callable[[Any], dict[str, Any]], int]] = {
    "parquet: twenty million rows in some kilobytes": (
        "CorruptFileError",
        lambda pa: {"id": pa.nulls(20_000_000)},
        0,
    ),
    "parquet: an ignored column that Python cannot hold": (
        "report",
        lambda pa: {"id": ["good"], "crawled": pa.array([(1 << 62) + 1], pa.timestamp("ns"))},
        1,
    ),
    "parquet: a year of a million": (
        "warning",
        lambda pa: {"id": ["good", "good"], "listed_at": pa.array([1 << 62, 0], pa.timestamp("us", "Mars/Base"))},
        2,
    ),
    "parquet: texts that are not UTF-8": (
        "warning",
        lambda pa: {"id": ["good", "good"], "title": pa.array([b"\xff\xd8", b"Acme"]).view(pa.string())},
        2,
    ),
    "parquet: photos in place of their names": (
        "bad row",
        lambda pa: {"id": ["good"], "images": pa.array([[b"\x89PNG\r\n\x1a\n" * _MEGABYTE]])},
        0,
    ),
    "parquet: a map that names a thing twice": (
        "report",
        lambda pa: {
            "id": ["good"],
            "attributes": pa.array([[("a", "b"), ("a", "c")]], pa.map_(pa.string(), pa.string())),
        },
        1,
    ),
}


def _formulas(_: Path) -> Trial:
    """What sellers write comes to a table as it is: it is no CSV, and whoever writes one has to know."""
    from logoscan.reporting.notebook import to_pandas

    hostile = Listing('=HYPERLINK("http://127.0.0.1")', seller_id="@SUM(1)", claimed_brand="Acme")

    def trial() -> tuple[Outcome, str]:
        from attack import scanner

        frame = to_pandas([scanner().scan(hostile)])
        if frame["listing_id"].tolist() != [hostile.id]:
            raise NotHarmlessError("the id in the table is another one")
        return "report", ""

    return trial


ROWS = (
    *(Attack(name, "warning", partial(_path, name_of)) for name, name_of in PATHS.items()),
    *(
        Attack(f"words: {name}", "warning" if len(text) > 1000 else "report", partial(_everywhere, text))
        for name, text in WORDS.items()
    ),
    *(Attack(name, expected, partial(_listing, change)) for name, (expected, change) in LISTINGS.items()),
    *(Attack(name, kind, partial(_file, file, make, good)) for name, (kind, file, make, good) in FILES.items()),
    *(Attack(name, kind, partial(_table, columns, good)) for name, (kind, columns, good) in TABLES.items()),
    Attack("parquet: a title that inflates to 256 MB", "bad row", _parquet_bomb),
    Attack("parquet: columns of other kinds", "bad row", _parquet_kinds),
    Attack("table: formulas", "report", _formulas),
)
"""All of them."""
