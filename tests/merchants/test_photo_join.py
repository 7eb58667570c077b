"""The look-up in a table answers as the ledger does, for all copies that share a band."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from strategies import quick

from logoscan.errors import CorruptFileError, InputError
from logoscan.images.phash import PhotoLookup, PhotoUse
from logoscan.merchants.photo_join import PhotoJoin
from logoscan.merchants.photo_ledger import PhotoLedger

PDQ = f"{random.Random(1).getrandbits(256):064x}"
KINDS = pa.schema(
    [("pdq", pa.string()), ("seller_id", pa.string()), ("first_seen", pa.float64()), ("official_of", pa.string())]
)


def copy_of(pdq: str, changed: int, rng: random.Random) -> str:
    bits = int(pdq, 16)
    for bit in rng.sample(range(256), changed):
        bits ^= 1 << bit
    return f"{bits:064x}"


def join(*rows: tuple[str, str | None, float | None, str | None]) -> PhotoJoin:
    return PhotoJoin(pa.Table.from_pylist([dict(zip(KINDS.names, row, strict=True)) for row in rows], KINDS))


def test_an_empty_table_knows_nobody() -> None:
    empty = join()
    assert len(empty) == 0
    assert empty.look_up(PDQ, "A") == PhotoUse(0)
    assert isinstance(empty, PhotoLookup)


@quick
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.sampled_from("ABCDE"), st.none() | st.integers(0, 9))),
    st.integers(0, 4),
    st.none() | st.sampled_from("ABCDEF"),
)
def test_it_answers_as_the_ledger_does(
    uses: list[tuple[int, int, str, int | None]], asked: int, seller: str | None
) -> None:
    rng = random.Random(5)
    photos = [f"{rng.getrandbits(256):064x}" for _ in range(5)]
    copies = [[photo, *(copy_of(photo, 3, rng) for _ in range(3))] for photo in photos]
    ledger, rows = PhotoLedger(), []
    for photo, copy, name, day in uses:
        at = None if day is None else f"2024-01-0{day + 1 if day < 9 else 9}T00:00:00+00:00"
        ledger.add(name, [copies[photo][copy]], at=at)
        from datetime import datetime

        rows.append((copies[photo][copy], name, None if at is None else datetime.fromisoformat(at).timestamp(), None))
    assert join(*rows).look_up(photos[asked], seller) == ledger.look_up(photos[asked], seller)


def test_official_photos_and_blank_sellers() -> None:
    table = join((PDQ, "A", 1.0, None), (PDQ, None, None, "Acme"), (PDQ, "B", 2.0, "Acme"))
    assert table.look_up(PDQ, "B") == PhotoUse(1, ("A",), ("Acme",), 1)
    assert table.look_up(PDQ, " ") == PhotoUse(2, ("A", "B"), ("Acme",))
    with pytest.raises(InputError, match="photo: "):
        table.look_up("beef", "A")


def test_tables_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the columns pdq and seller_id, got none named seller_id"):
        PhotoJoin(pa.table({"pdq": [PDQ]}))
    with pytest.raises(InputError, match="expected pdq of 64 lower-case hex digits, got 'beef'"):
        join(("beef", "A", None, None))
    with pytest.raises(InputError, match="expected a Parquet file or a folder of them"):
        PhotoJoin.load(tmp_path / "gone.parquet")
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(CorruptFileError, match="not Parquet, or damaged"):
        PhotoJoin.load(tmp_path / "x.parquet")


def test_files_and_folders_are_loaded(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"pdq": [PDQ], "seller_id": ["A"]}), tmp_path / "1.parquet")
    parquet.write_table(pa.table({"pdq": [PDQ], "seller_id": ["B"]}), tmp_path / "2.parquet")
    assert PhotoJoin.load(tmp_path / "1.parquet").look_up(PDQ, None).examples == ("A",)
    assert PhotoJoin.load(tmp_path).look_up(PDQ, None).examples == ("A", "B")
