"""Files of sellers: the forms that people have, and a sentence for each row that names none."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from logoscan.cases.sellers_file import read_sellers
from logoscan.errors import InputError
from logoscan.io.rows import BadRow


def sellers(path: Path) -> tuple[list[str], list[tuple[int, str]]]:
    bad: list[BadRow] = []
    return list(read_sellers(path, on_error=bad.append)), [(row.line, row.reason) for row in bad]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_suspects_are_read_without_those_whose_band_is_clear(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"seller_id": "A", "band": "review"},
        {"seller_id": "B", "band": "clear"},
        {"seller_id": "C", "band": "block"},
    ]
    path = tmp_path / f"s.{suffix}"
    if suffix == "csv":
        path.write_text("Seller_ID;band\n" + "".join(f"{r['seller_id']};{r['band']}\n" for r in rows))
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\n")
    else:
        parquet.write_table(pa.Table.from_pylist(rows), path)
    assert sellers(path) == (["A", "C"], [])


def test_a_list_without_bands_is_all_suspects(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("seller_id\nA\nB\n")
    assert sellers(tmp_path / "s.csv") == (["A", "B"], [])


def test_a_seller_who_is_nobody_there_twice_or_very_long_is_reported(tmp_path: Path) -> None:
    rows = ["A", "A", " ", "x" * 1001, "B"]
    (tmp_path / "s.csv").write_text("seller_id,band\n" + "".join(f'"{row}",\n' for row in rows))
    found, bad = sellers(tmp_path / "s.csv")
    assert found == ["A", "B"]
    assert bad == [
        (3, "seller_id: 'A' is there twice, first in line 2"),
        (4, "seller_id: expected one, got ' '"),
        (5, "seller_id: expected 1000 characters or fewer, got 1001"),
    ]
    (tmp_path / "s.jsonl").write_text('{"seller_id": null}\nnot json\n[1]\n{"seller_id": 5}\n{"seller_id": "A"}\n')
    found, bad = sellers(tmp_path / "s.jsonl")
    assert found == ["A"]
    assert [line for line, _ in bad] == [1, 2, 3, 4]
    assert bad[0][1] == "seller_id: expected one, got nothing"
    assert bad[1][1] == "expected a JSON object, got 'not json\\n'"
    parquet.write_table(pa.table({"seller_id": pa.array([None, "A"], pa.string())}), tmp_path / "s.parquet")
    assert sellers(tmp_path / "s.parquet") == (["A"], [(1, "seller_id: expected one, got nothing")])


def test_no_file_and_no_column_are_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sellers: expected a file with the column seller_id, got "):
        list(read_sellers(tmp_path / "gone.csv"))
    (tmp_path / "s.csv").write_text("name\nA\n")
    with pytest.raises(InputError, match="seller_id"):
        list(read_sellers(tmp_path / "s.csv"))
    parquet.write_table(pa.table({"name": ["A"]}), tmp_path / "s.parquet")
    with pytest.raises(InputError, match=r"s\.parquet: expected the column seller_id, got name"):
        list(read_sellers(tmp_path / "s.parquet"))
