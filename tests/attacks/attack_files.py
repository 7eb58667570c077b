"""Hostile stored files: indexes, reports, brands, prices, ledgers, models, one generator a threat."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from attack import ACME, Attack, NotHarmlessError, Outcome, Trial, ended, scanner
from fakes import FakeEncoder

from logoscan.errors import LogoscanError
from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import BadRow, read_labels
from logoscan.io.sealed_lines import seal
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.merchants.state import MerchantState
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.reporting.html import listing_page
from logoscan.reporting.jsonl import read_reports, report_to_json
from logoscan.review.journal import Journal
from logoscan.scoring.model import ScoreModel
from logoscan.types import Brand, Listing

GARBAGE: tuple[bytes, ...] = (
    b"{",
    b"null\n",
    b"[]\n",
    b"{}\n",
    b"7\n",
    b'"a"\n',
    b"[" * 100_000 + b"\n",
    b'{"a":' * 100_000 + b"\n",
    b"1" * 10_000 + b"\n",
    b"NaN\n",
    b"\xff\xfe\0\0\n",
    bytes(1000) + b"\n",
    b'{"\\ud800": 1}\n',
    b"\x80\x04c__builtin__\neval\n",
)
"""Contents that no reader of JSON may choke on; the last begins like a pickle."""


def _state(path: Path) -> object:
    return MerchantState.from_json(path.read_bytes())


READERS: dict[str, Callable[[Path], object]] = {
    "reports": lambda path: list(read_reports(path)),
    "ledger": PhotoLedger.load,
    "price model": PriceModel.load,
    "score model": ScoreModel.load,
    "merchant state": _state,
    "journal": Journal,
    "brand.json": lambda path: read_brand_folders(path.parent.parent),
    "manifest.json": lambda path: LogoIndex.load(path.parent),
}
_NAMES = {"brand.json": "brand.json", "manifest.json": "manifest.json"}


def _garbage(reader: str, folder: Path) -> Trial:
    """A reader refuses each of `GARBAGE` by an error of logoscan's."""
    place = folder / "brands" / "Acme"
    place.mkdir(parents=True)
    path = place / _NAMES.get(reader, "file.json")

    def trial() -> tuple[Outcome, str]:
        said = "CorruptFileError"
        for content in GARBAGE:
            path.write_bytes(content)
            try:
                READERS[reader](path)
            except LogoscanError as error:
                said = f"{type(error).__name__}: {error!s:.300}"
                continue
            if reader == "journal" and not content.endswith(b"\n"):
                continue  # torn by a crash: dropped, and said in the log
            if content != b"{}\n" or reader not in ("brand.json", "merchant state", "price model", "score model"):
                raise NotHarmlessError(f"{reader}: {content[:20]!r} was taken")
        return "report", said

    return trial


def _index(change: Callable[[dict[str, Any], dict[str, bytes]], None], folder: Path) -> Trial:
    """An index with hostile contents, whose hashes are right: whoever writes the files can write the hashes."""
    place, encoder = folder / "index", FakeEncoder()
    index = LogoIndex(encoder)
    index.add(Brand("Acme"), [("a", ACME)])
    index.save(place)
    manifest = json.loads((place / "manifest.json").read_bytes())
    files = {name: (place / "gen-1" / name).read_bytes() for name in manifest["files"]}
    del manifest["manifest_sha256"]
    change(manifest, files)
    for name, data in files.items():
        (place / "gen-1" / name).write_bytes(data)
        manifest["files"][name] = hashlib.sha256(data).hexdigest()
    seal = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (place / "manifest.json").write_text(json.dumps({**manifest, "manifest_sha256": seal}))
    (folder / "secret").write_bytes(b"secret")

    def trial() -> tuple[Outcome, str]:
        loaded = LogoIndex.load(place)
        loaded.search_brands(np.ones((1, encoder.info.dim), np.float32))
        return "report", ""

    return trial


def _array(header: bytes) -> bytes:
    padded = header + b" " * 10 + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(padded)) + padded


def _put(name: str, data: bytes, _: dict[str, Any], files: dict[str, bytes]) -> None:
    files[name] = data


def _set(key: str, value: object, manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    manifest[key] = value


def _names_a_secret(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    manifest["files"]["../../secret"] = hashlib.sha256(b"secret").hexdigest()


def _no_files(manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    manifest["files"] = {}
    files.clear()


def _vectors(length: float, manifest: dict[str, Any], files: dict[str, bytes]) -> None:
    """The vectors with another length."""
    rows = np.load(io.BytesIO(files["vectors.npy"])) * np.float32(length)
    memory = io.BytesIO()
    np.save(memory, rows)
    files["vectors.npy"] = memory.getvalue()


def _points(values: tuple[float, float, float, float], _: dict[str, Any], files: dict[str, bytes]) -> None:
    """One keypoint of the logo image, with this frame."""
    memory = io.BytesIO()
    np.save(memory, np.array([[1, 32, 32, -1, -1, -1, -1]], np.int32))
    files["points.npy"] = memory.getvalue()
    files["points.bin"] = bytes(128) + struct.pack("<4f", *values)


def _zip(compression: int) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", compression) as archive:
        archive.writestr("../../a.png", bytes(64 << 20) if compression else b"a")
    return memory.getvalue()


def _logos(**changes: object) -> bytes:
    record = {"id": "Acme/a", "brand": "Acme", "rendering": "as-is", "sha256": "0", "kind": "logo", **changes}
    return json.dumps(record).encode() + b"\n"


_SHAPE = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%s, 13), }"
INDEXES: dict[str, tuple[Outcome, Callable[[dict[str, Any], dict[str, bytes]], None]]] = {
    "index: vectors of a petabyte": (
        "CorruptFileError",
        partial(_put, "vectors.npy", _array(_SHAPE % b"99999999999999")),
    ),
    "index: a negative number of vectors": ("CorruptFileError", partial(_put, "vectors.npy", _array(_SHAPE % b"-1"))),
    "index: pickled vectors": (
        "CorruptFileError",
        partial(_put, "vectors.npy", _array(_SHAPE.replace(b"<f4", b"|O") % b"1")),
    ),
    "index: a header of numpy's that is code": (
        "CorruptFileError",
        partial(_put, "vectors.npy", _array(b"__import__('os').system('false')")),
    ),
    "index: a header of numpy's 9,000 deep": ("CorruptFileError", partial(_put, "vectors.npy", _array(b"(" * 9000))),
    "index: NaN in vectors": (
        "CorruptFileError",
        partial(_put, "vectors.npy", _array(_SHAPE % b"1") + np.full((1, 13), np.nan, np.float32).tobytes()),
    ),
    "index: vectors in a zip": ("CorruptFileError", partial(_put, "vectors.npy", _zip(0))),
    "index: a logo of no brand": ("CorruptFileError", partial(_put, "logos.jsonl", _logos(brand="Bolt"))),
    "index: a logo of an unknown kind": ("CorruptFileError", partial(_put, "logos.jsonl", _logos(kind="exe"))),
    "index: more logos than vectors": ("CorruptFileError", partial(_put, "logos.jsonl", _logos() * 3)),
    "index: deep JSON in brands": ("CorruptFileError", partial(_put, "brands.jsonl", b"[" * 100_000)),
    "index: packed drawings": ("CorruptFileError", partial(_put, "drawings.zip", _zip(zipfile.ZIP_DEFLATED))),
    "index: drawings that are no archive": (
        "CorruptFileError",
        partial(_put, "drawings.zip", b"PK\5\6" + b"\xff" * 18),
    ),
    "index: drawings with a way out": ("report", partial(_put, "drawings.zip", _zip(0))),
    "index: a generation with a way out": ("CorruptFileError", partial(_set, "generation", "../../secret")),
    "index: a file outside": ("CorruptFileError", _names_a_secret),
    "index: vectors of length 2": ("CorruptFileError", partial(_vectors, 2.0)),
    "index: vectors of length 0": ("CorruptFileError", partial(_vectors, 0.0)),
    "index: vectors a hundredth too long": ("CorruptFileError", partial(_vectors, 1.01)),
    "index: a point that is nowhere": ("CorruptFileError", partial(_points, (float("nan"), 1.0, 2.0, 0.0))),
    "index: a point of no size": ("CorruptFileError", partial(_points, (1.0, 1.0, 0.0, 0.0))),
    "index: a point out of this world": ("CorruptFileError", partial(_points, (1e30, 1.0, 2.0, 0.0))),
    "index: a family of rows that are not there": (
        "CorruptFileError",
        partial(_set, "alike", {"least": 0.97, "rows": [[0, 10**12]]}),
    ),
    "index: a family of negatives": ("CorruptFileError", partial(_set, "alike", {"least": 0.97, "rows": [[0, 5]]})),
    "index: a family that is text": ("CorruptFileError", partial(_set, "alike", "x" * 100_000)),
    "index: an approximate index without a hash": ("CorruptFileError", partial(_set, "approximate", {"facts": {}})),
    "index: an approximate index that is a number": ("CorruptFileError", partial(_set, "approximate", 7)),
    "index: no files": (
        "CorruptFileError",
        _no_files,
    ),
    "index: a version of another kind": ("CorruptFileError", partial(_set, "format_version", [1])),
    "index: no encoder": ("CorruptFileError", partial(_set, "encoder", None)),
    "index: an encoder of a billion dimensions": (
        "CorruptFileError",
        partial(_set, "encoder", {"name": "a", "weights_sha256": "b", "preprocessing": {}, "dim": 10**9}),
    ),
}


def _prices(content: bytes, folder: Path) -> Trial:
    (folder / "prices.csv").write_bytes(content)

    def trial() -> tuple[Outcome, str]:
        bad: list[BadRow] = []
        list(read_prices(folder / "prices.csv", on_error=bad.append))
        return ("bad row" if bad else "report"), "\n".join(f"{b.line}: {b.reason}" for b in bad[:3])

    return trial


def _labels(content: bytes, folder: Path) -> Trial:
    (folder / "labels.csv").write_bytes(content)

    def trial() -> tuple[Outcome, str]:
        read_labels(folder / "labels.csv")
        return "report", ""

    return trial


def _reports(change: dict[str, Any], folder: Path) -> Trial:
    """A stored report, altered."""
    stored = {**json.loads(report_to_json(scanner().scan(Listing("a", (ACME,), title="Acme")))), **change}
    stored.pop("sha256", None)
    (folder / "r.jsonl").write_text(seal(json.dumps(stored)) + "\n")  # whoever forges a report can seal it, too
    (folder / "root").mkdir()
    (folder / "secret.png").write_bytes(b"secret")

    def trial() -> tuple[Outcome, str]:
        for report in read_reports(folder / "r.jsonl"):
            page = listing_page(report, root=folder / "root")
            if "cannot be shown" not in page:
                raise NotHarmlessError("a photo outside of the root is on the page")
            ended(report)
        return "report", ""

    return trial


def _image(file: str) -> dict[str, Any]:
    return {"matches": [], "images": [{"file": file, "sha256": "0", "width": 1, "height": 1}]}


_HEAD = b"brand,price,currency\n"
_CELL = b'"' + b"a" * 200_000 + b'"'


def _all() -> Iterable[Attack]:
    for reader in READERS:
        yield Attack(f"garbage: {reader}", "report", partial(_garbage, reader))
    for name, (expected, change) in INDEXES.items():
        yield Attack(name, expected, partial(_index, change))
    for name, kind, content in (
        ("prices: a cell of 200,000 letters", "bad row", _HEAD + b"Acme," + _CELL + b",EUR\n"),
        (
            "prices: NaN, infinite, negative, none",
            "bad row",
            _HEAD + b"a,nan,EUR\na,inf,EUR\na,-1,EUR\na,1e309,EUR\na\n",
        ),
        ("prices: a header of one cell", "InputError", _CELL + b"\n1\n"),
        ("prices: NUL", "InputError", bytes(100)),
        ("prices: a currency that is a sign", "bad row", _HEAD + "Acme,5,12€\nAcme,5,€\n".encode()),
        ("prices: a quote that never ends", "bad row", _HEAD + b'"Acme,5,EUR\n' + b"Acme,5,EUR\n" * 10_000),
        ("prices: a column that is nearly theirs", "InputError", b"brand,pirce,currency\nAcme,5,EUR\n"),
        ("prices: too many columns", "bad row", _HEAD + b"Acme,1,EUR" + b",x" * 100_000 + b"\n"),
    ):
        yield Attack(name, kind, partial(_prices, content))  # type: ignore[arg-type]
    yield Attack("labels: a cell of 200,000 letters", "InputError", partial(_labels, b"file,brand\n" + _CELL + b",a\n"))
    yield Attack("labels: bytes that are not UTF-8", "InputError", partial(_labels, b"file,brand\na\xff,a\n"))
    yield Attack("labels: a quote that never ends", "InputError", partial(_labels, b'file,brand\n"a,b\nc,d\n'))
    for name, file in (
        ("report: a photo outside of the root", "../secret.png"),
        ("report: a photo of a megabyte's path", "a/" * 500_000),
        ("report: a photo on the network", "https://127.0.0.1:9/a.png"),
    ):
        yield Attack(name, "report", partial(_reports, _image(file)))
    yield Attack("report: a score of its own", "CorruptFileError", partial(_reports, {"score": {"value": 1e308}}))
    yield Attack("report: a match in no photo", "CorruptFileError", partial(_reports, {"images": []}))


STORED = tuple(_all())
"""All of them."""
