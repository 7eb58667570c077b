"""An output file that survives a crash."""

import json
from pathlib import Path

import pytest

from logoscan.errors import InputError
from logoscan.resume import PartialOutput


def line(listing: str, band: str = "clear") -> str:
    return json.dumps({"listing_id": listing, "score": {"band": band}})


def ids(path: Path) -> list[str]:
    return [json.loads(row)["listing_id"] for row in path.read_text("utf-8").splitlines()]


def test_nothing_written_is_an_empty_file(tmp_path: Path) -> None:
    with PartialOutput(tmp_path / "r.jsonl") as output:
        assert output.done == output.bands == []
    assert (tmp_path / "r.jsonl").read_bytes() == b""


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with PartialOutput(path) as output:
        output.write(line("a"))
        output.write(line("é"))
        assert not path.exists()
        assert ids(tmp_path / "r.jsonl.partial") == ["a", "é"], "every line is there as soon as it is written"
    assert ids(path) == ["a", "é"]
    assert not (tmp_path / "r.jsonl.partial").exists()


def test_an_error_keeps_what_was_written_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"

    def interrupted() -> None:
        with PartialOutput(path) as output:
            output.write(line("a", "block"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not path.exists()
    with PartialOutput(path) as output:
        assert (output.done, output.bands) == (["a"], ["block"])
        output.write(line("b"))
    assert ids(path) == ["a", "b"]


@pytest.mark.parametrize(
    "torn",
    [
        b'{"listing_id": "b", "sco',
        line("b").encode(),  # complete but for its end of line: it may be a longer one cut
        b'{"listing_id": "b", "score": {"ba\n',
        b'{"listing_id": "b"}\n',
        b'{"listing_id": "b", "score": null}\n',
        b'{"listing_id": ["b"], "score": {"band": "clear"}}\n',
        b"5\n",
        b"null\n",
        b"\n",
        b"\xff\xfe\n",
        b"\0" * 100,
        b"[" * 100_000 + b"\n",
    ],
    ids=range(12),
)
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "r.jsonl"
    (tmp_path / "r.jsonl.partial").write_bytes(f"{line('a')}\n".encode() + torn)
    with PartialOutput(path) as output:
        assert (output.done, output.bands) == (["a"], ["clear"])
        output.write(line("b"))
    assert ids(path) == ["a", "b"]


def test_what_follows_a_broken_line_is_written_again(tmp_path: Path) -> None:
    partial = tmp_path / "r.jsonl.partial"
    partial.write_text(f"{line('a')}\nbroken\n{line('c')}\n", encoding="utf-8")
    with PartialOutput(tmp_path / "r.jsonl") as output:
        assert output.done == ["a"]
    assert ids(tmp_path / "r.jsonl") == ["a"]


def test_an_old_result_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(line("old") + "\n", encoding="utf-8")
    with PartialOutput(path) as output:
        assert output.done == []
        output.write(line("new"))
        assert ids(path) == ["old"]
    assert ids(path) == ["new"]


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with PartialOutput(path) as output:
        output.write(line("a"))
        with pytest.raises(InputError, match=r"another process is writing .*r\.jsonl"), PartialOutput(path):
            pass
        output.write(line("b"))
    assert ids(path) == ["a", "b"]
    with PartialOutput(path):
        pass


def test_a_writer_that_failed_to_open_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    (tmp_path / "r.jsonl.partial").mkdir()
    with pytest.raises(OSError, match="directory"), PartialOutput(path):
        pass
    (tmp_path / "r.jsonl.partial").rmdir()
    with PartialOutput(path) as output:
        output.write(line("a"))
    assert ids(path) == ["a"]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="expected a file in an existing folder, got"),
        PartialOutput(tmp_path / "no" / "r.jsonl"),
    ):
        pass


def test_writing_needs_the_with_statement(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="inside of the with statement"):
        PartialOutput(tmp_path / "r.jsonl").write("{}")
