"""Fuzzing of what reads bytes from strangers: mutations by atheris, of which only errors of logoscan's may come out.

Needs `pip install atheris`, which is no extra: it has no wheels for every Python.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from benchmarks.common.children import run_module
from benchmarks.common.results import write_result
from logoscan.errors import LogoscanError
from logoscan.images.loading import load_image
from logoscan.index.logo_images import load_logo
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import BadRow, read_listings
from logoscan.pricing.files import read_prices
from logoscan.reporting.jsonl import report_from_json
from logoscan.types import Listing

# A quarter of the seconds after which an input counts as a hang.
_SLOW_S = 5
# Folder of the files that a target writes.
_FOLDER = Path(tempfile.gettempdir())


def _photo(data: bytes) -> None:
    load_image(data)


def _logo(data: bytes) -> None:
    path = _FOLDER / "fuzz.svg"
    path.write_bytes(data)
    load_logo(path)


def _listings(suffix: str) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        path = _FOLDER / f"fuzz{suffix}"
        path.write_bytes(data)
        list(read_listings(path, on_error=_check_reason))

    return read


def _check_reason(row: BadRow) -> None:
    if len(row.reason) > 1000:
        raise AssertionError(f"a reason of {len(row.reason)} characters")


def _prices(data: bytes) -> None:
    path = _FOLDER / "fuzz-prices.csv"
    path.write_bytes(b"brand,price,currency,title\n" + data)
    list(read_prices(path, on_error="skip"))


def _index(data: bytes) -> None:
    """Load an index of fuzzed files whose manifest has a right seal, so that what lies behind the seal is read."""
    import hashlib

    folder = _FOLDER / "index"
    (folder / "gen-1").mkdir(parents=True, exist_ok=True)
    names = ("vectors.npy", "logos.jsonl", "brands.jsonl", "drawings.zip")
    parts = dict(zip(names, data.split(b"\0--\0"), strict=False))
    for name, part in parts.items():
        (folder / "gen-1" / name).write_bytes(part)
    encoder = {"name": "a", "weights_sha256": "b", "dim": 2, "preprocessing": _PREPROCESSING}
    files = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    manifest = {"format_version": 1, "encoder": encoder, "generation": 1, "files": files}
    seal = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({**manifest, "manifest_sha256": seal}))
    LogoIndex.load(folder)


def _manifest(data: bytes) -> None:
    folder = _FOLDER / "bare"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(data)
    LogoIndex.load(folder)


def _report(data: bytes) -> None:
    report_from_json(data)


# Preprocessing that the manifest of a fuzzed index states.
_PREPROCESSING = {"size_px": 16, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "fit": "pad"}
TARGETS: dict[str, Callable[[bytes], None]] = {
    "photo": _photo,
    "logo": _logo,
    "jsonl": _listings(".jsonl"),
    "csv": _listings(".csv"),
    "parquet": _listings(".parquet"),
    "prices": _prices,
    "index": _index,
    "manifest": _manifest,
    "report": _report,
}
"""Readers of foreign bytes, by name."""


def _seeds(target: str) -> list[bytes]:
    """Make good inputs to begin with."""
    if target == "photo":
        noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8))
        out = []
        for format in ("JPEG", "PNG", "WEBP", "GIF"):
            noise.save(memory := io.BytesIO(), format)
            out.append(memory.getvalue())
        return out
    if target == "logo":
        head = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
        return [head + b'<style>.a{fill:red}</style><path class="a" d="M0 0L9 9H3z"/></svg>']
    if target == "parquet":
        import pyarrow
        from pyarrow import parquet

        table = pyarrow.table({"id": ["a", "b"], "images": [["a.png"], []], "price": [1.0, None]})
        parquet.write_table(table, sink := io.BytesIO())
        return [sink.getvalue()]
    if target == "index":
        np.save(memory := io.BytesIO(), np.eye(2, dtype=np.float32)[:1])
        logo = b'{"id":"a/b","brand":"a","rendering":"c","sha256":"d","kind":"logo"}'
        return [b"\0--\0".join((memory.getvalue(), logo, b'{"name":"a"}'))]
    row = {"id": "a", "images": ["a.png"], "price": 1.5, "currency": "EUR", "attributes": {"a": "b"}, "reviews": ["x"]}
    return {
        "jsonl": [json.dumps(row).encode() + b"\n"],
        "csv": [b'id,images,price,attributes,reviews\na,b|c,1.5,"{""a"": ""b""}",x|y\n'],
        "prices": [b"Acme,1.5,EUR,3 x 50 ml\n"],
        "manifest": [b'{"format_version": 1, "manifest_sha256": "a", "files": {}}'],
        "report": [
            b'{"listing_id":"a","seller_id":null,"score":{"value":null,"band":"clear","brand":null,"bias":0,'
            b'"contributions":[],"coverage":0,"model":"m"},"brands":[],"matches":[],"mentions":[],"warnings":[],'
            b'"skipped":[],"images":[],"provenance":{"version":"","encoder":"","index":"","detector":"","ocr":"",'
            b'"score_model":"","device":"","time":""}}'
        ],
    }[target]


def _fuzz(target: str, seconds: int, folder: Path) -> None:
    """Fuzz a target in this process, which ends with it: atheris never returns."""
    import logging

    import atheris

    global _FOLDER
    _FOLDER = folder
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)

    def one(data: bytes) -> None:
        try:
            TARGETS[target](data)
        except LogoscanError:
            return

    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(_seeds(target)):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={seconds}", f"-timeout={_SLOW_S * 4}", "-rss_limit_mb=2048", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={folder}/", "-print_final_stats=1", str(corpus)], one)
    atheris.Fuzz()


def _broken(count: int) -> dict[str, int]:
    """Break fields of listings at random, and count what becomes of them up to the report, with fake models."""
    from attack import scanner
    from broken_rows import as_jsonl, broken_rows

    rows = list(broken_rows(count, 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "broken.jsonl"
        path.write_bytes(as_jsonl(rows))
        read: list[Listing | BadRow] = []
        for listing in read_listings(path, on_error=read.append):
            read.append(listing)  # bad rows are added in their place
        good = [row for row in read if isinstance(row, Listing)]
        reports = list(scanner(Path(folder)).scan_many(good))
    told = ({f"{name}: {why}" for name, why in listing.dropped.items()} for listing in good)
    return {
        "rows": count,
        "listings": len(good),
        "bad_rows": len(read) - len(good),
        "wrongly_bad": sum(isinstance(r, BadRow) == row.usable for row, r in zip(rows, read, strict=True)),
        "fields_broken": sum(len(row.fields) for row in rows),
        "fields_told": sum(len(listing.dropped) for listing in good),
        "reports": len(reports),
        "lost": abs(count - len(read)) + abs(len(good) - len(reports)),
        "not_told": sum(not said <= set(report.warnings) for said, report in zip(told, reports, strict=True)),
    }


@click.command("fuzz")
@click.option("--target", "targets", multiple=True, type=click.Choice(list(TARGETS)), help="All, if none is named.")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(1), help="For each target.")
@click.option("--rows", default=0, help="Instead: so many listings with fields broken at random, read and scanned.")
@click.option("--one", hidden=True, type=click.Choice(list(TARGETS)))
@click.option("--folder", hidden=True, type=click.Path(path_type=Path))
@click.option("--broken", hidden=True, type=int, help="Break so many rows in this process, and print the counts.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Result file.")
def fuzz(
    targets: tuple[str, ...],
    seconds: int,
    rows: int,
    one: str | None,
    folder: Path | None,
    broken: int | None,
    out: Path | None,
) -> None:
    """Fuzz each target and print its executions and crashes; exit code 1 if there was one.

    A crash is an exception that is no LogoscanError, 20 s for one input, or 2 GB of memory.
    """
    if one is not None and folder is not None:
        _fuzz(one, seconds, folder)
        return
    if broken is not None:
        print(json.dumps(_broken(broken)))
        return
    if rows:
        done = run_module("benchmarks", "fuzz", "--broken", str(rows), with_tests=True)
        if done.returncode:
            raise click.ClickException(f"the broken rows cannot be tried: {done.stderr[-500:]}")
        figures: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
        print(json.dumps(figures, indent=1))
        if out is not None:
            write_result(out, figures, {"rows": rows})
        sys.exit(1 if figures["lost"] or figures["wrongly_bad"] or figures["not_told"] else 0)
    results = [_run(target, seconds) for target in targets or TARGETS]
    if out is not None:
        write_result(out, {"targets": results}, {"seconds": seconds})
    sys.exit(1 if any(r["crash"] for r in results) else 0)


def _run(target: str, seconds: int) -> dict[str, Any]:
    """Fuzz one target in a process of its own, and print and return what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        asked = ("--one", target, "--seconds", str(seconds), "--folder", folder)
        done = run_module("benchmarks", "fuzz", *asked)
        counted = re.findall(r"number_of_executed_units: (\d+)|Done (\d+) runs|^#(\d+)", done.stderr, re.MULTILINE)
        executions = max((int(n) for found in counted for n in found if n), default=0)
        files = [p for kind in ("crash", "timeout", "oom") for p in Path(folder).glob(f"{kind}-*")]
        crash = "" if done.returncode == 0 else "\n".join(done.stderr.splitlines()[-40:])
        inputs = [p.read_bytes()[:2000].hex() for p in files]
        took = round(time.perf_counter() - began, 1)
    print(f"{target:10} {executions:9} executions in {took} s: {'a crash' if crash else 'no crash'}", flush=True)
    if crash:
        print(crash, flush=True)
    return {"target": target, "executions": executions, "seconds": took, "crash": crash, "inputs": inputs}
