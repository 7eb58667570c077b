"""An output file that survives a crash."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from strategies import make_report

from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.io.partial import PartialOutput
from logoscan.io.records import to_json
from logoscan.io.sealed_lines import seal
from logoscan.reporting.jsonl import read_reports


def line(listing: str, band: str = "clear") -> str:
    return json.dumps({"listing_id": listing, "score": {"band": band}})


def sealed(number: int, listing: str) -> str:
    """A line of the file, as it was written."""
    return seal(line(listing), line=number)


def ids(path: Path) -> list[str]:
    return [json.loads(row)["listing_id"] for row in path.read_text("utf-8").splitlines()]


def test_empty_partial_file_is_a_blank_line(tmp_path: Path) -> None:
    with PartialOutput(tmp_path / "r.jsonl") as output:
        assert output.done == output.bands == []
    assert (tmp_path / "r.jsonl").read_bytes() == b"\n", "an empty file may be one that lost all"


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with PartialOutput(path) as output:
        output.write(line("a"))
        output.write(line("é"))
        assert not path.exists()
        partial = (tmp_path / "r.jsonl.partial").read_text("utf-8")
        assert partial == f"{sealed(1, 'a')}\n{sealed(2, 'é')}\n", "every line is there as soon as it is written"
    assert path.read_text("utf-8") == f"{sealed(1, 'a')}\n{seal(line('é'), line=2, last=True)}\n"
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
        sealed(2, "b").encode(),  # complete but for its end of line: it may be a longer one cut
        b"\xff\xfe",
        b"\0" * 100,
        b"[" * 100_000,
    ],
    ids=range(5),
)
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "r.jsonl"
    (tmp_path / "r.jsonl.partial").write_bytes(f"{sealed(1, 'a')}\n".encode() + torn)
    with PartialOutput(path) as output:
        assert (output.done, output.bands) == (["a"], ["clear"])
        output.write(line("b"))
    assert ids(path) == ["a", "b"]


@pytest.mark.parametrize(
    "bad",
    [
        line("b"),
        sealed(2, "b").replace('"b"', '"c"'),
        sealed(2, "b")[:-9],
        sealed(3, "b"),
        seal('{"listing_id": "b"}', line=2),
        seal('{"listing_id": "b", "score": null}', line=2),
        seal('{"listing_id": ["b"], "score": {"band": "clear"}}', line=2),
        "",
        "5",
        "[" * 1000,
    ],
    ids=range(10),
)
def test_a_damaged_line_is_refused_and_nothing_is_lost(tmp_path: Path, bad: str) -> None:
    """It has an end, so that no crash has torn it; what follows it is a day's work, perhaps."""
    partial = tmp_path / "r.jsonl.partial"
    partial.write_text(f"{sealed(1, 'a')}\n{bad}\n{sealed(3, 'c')}\n", encoding="utf-8")
    before = partial.read_bytes()
    with (
        pytest.raises(CorruptFileError, match=r"r\.jsonl\.partial, line 2: .*; cut the file before it, or remove it"),
        PartialOutput(tmp_path / "r.jsonl"),
    ):
        pass
    assert partial.read_bytes() == before
    partial.write_text(f"{sealed(1, 'a')}\n", encoding="utf-8")
    with PartialOutput(tmp_path / "r.jsonl") as output:
        output.write(line("b"))
    assert ids(tmp_path / "r.jsonl") == ["a", "b"]


def test_complete_file_that_was_not_renamed_is_resumed(tmp_path: Path) -> None:
    """Killed between the last line and the rename; then the listings have grown."""
    path, partial = tmp_path / "r.jsonl", tmp_path / "r.jsonl.partial"
    for more in ([], ["b", "c"]):
        partial.write_text(seal(line("a"), line=1, last=True) + "\n", encoding="utf-8")
        with PartialOutput(path) as output:
            for name in more:
                output.write(line(name))
        marks = [json.loads(row).get("last", False) for row in path.read_text("utf-8").splitlines()]
        assert ids(path) == ["a", *more]
        assert marks == [False] * len(more) + [True]
    partial.write_text("\n", encoding="utf-8")
    with PartialOutput(path) as output:
        output.write(line("a"))
    assert ids(path) == ["a"]


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


# -- nothing else goes on with it

INDEX_A = {"version": "0", "index": "a", "listings": "l"}


def begun(path: Path, made_by: dict[str, str] | None, *listings: str) -> None:
    """A run that was broken off."""
    with suppress(KeyboardInterrupt), PartialOutput(path, made_by) as output:
        for name in listings:
            output.write(to_json(make_report(listing_id=name)))
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("made_by", "said"),
    [
        ({**INDEX_A, "index": "b"}, r"made by something else \(index 'i', now 'b'\)"),
        ({**INDEX_A, "version": "9", "index": "i"}, "version '0', now '9'"),
        ({"version": "0", "index": "i", "listings": "m"}, r"other listings"),
        ({"version": "0", "index": "i", "listings": "l", "ledger": "0.5"}, "other listings or ledger"),
        (None, "other software"),
    ],
)
def test_partial_file_of_another_run_is_not_resumed(tmp_path: Path, made_by: dict[str, str] | None, said: str) -> None:
    path = tmp_path / "r.jsonl"
    begun(path, {"version": "0", "index": "i", "listings": "l"}, "a", "b")
    before = (tmp_path / "r.jsonl.partial").read_bytes()
    with pytest.raises(MismatchError, match=said) as caught, PartialOutput(path, made_by):
        pass
    assert "line 1" in str(caught.value)
    assert "remove it" in str(caught.value)
    assert (tmp_path / "r.jsonl.partial").read_bytes() == before
    assert not path.exists()


def test_same_run_resumes_and_keeps_its_provenance(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    begun(path, INDEX_A, "a")
    with PartialOutput(path, dict(reversed(INDEX_A.items()))) as output:
        assert output.done == ["a"]
        output.write(to_json(make_report(listing_id="b")))
    assert [report.listing_id for report in read_reports(path)] == ["a", "b"]
    assert len({json.loads(row)["run"] for row in path.read_text("utf-8").splitlines()}) == 1
    path.rename(tmp_path / "r.jsonl.partial")  # there are more listings by now
    with PartialOutput(path, INDEX_A) as output:
        assert output.done == ["a", "b"]


def test_lines_of_two_runs_are_not_one_file(tmp_path: Path) -> None:
    for name, made_by in (("r.jsonl", INDEX_A), ("s.jsonl", {**INDEX_A, "index": "b"})):
        begun(tmp_path / name, made_by, "a", "b")
    ours, theirs = ((tmp_path / f"{n}.jsonl.partial").read_bytes().splitlines(keepends=True) for n in "rs")
    (tmp_path / "r.jsonl.partial").write_bytes(ours[0] + theirs[1])
    with pytest.raises(MismatchError, match=r"partial, line 2: made by"), PartialOutput(tmp_path / "r.jsonl", INDEX_A):
        pass


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo"])
def test_a_planted_partial_file_is_refused(tmp_path: Path, kind: str) -> None:
    victim, partial = tmp_path / "victim", tmp_path / "r.jsonl.partial"
    victim.write_bytes(f"{sealed(1, 'evil')}\n".encode())
    if kind == "link":
        partial.symlink_to("victim")
    elif kind == "hard link":
        os.link(victim, partial)
    else:
        os.mkfifo(partial)
    with (
        pytest.raises(InputError, match=r"r\.jsonl\.partial: expected a plain file of this account's"),
        PartialOutput(tmp_path / "r.jsonl"),
    ):
        pass
    assert victim.read_bytes() == f"{sealed(1, 'evil')}\n".encode()
    partial.unlink()
    with PartialOutput(tmp_path / "r.jsonl") as output:
        assert output.done == []


def test_the_file_and_its_beginning_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with PartialOutput(path) as output:
        output.write(line("a"))
        assert (tmp_path / "r.jsonl.partial").stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_reported_with_the_file_and_what_was_written_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.jsonl"

    def fill() -> None:
        with PartialOutput(path) as output:
            output.write(line("a"))
            monkeypatch.setattr(os, "fsync", full)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fill()
    monkeypatch.undo()
    assert not path.exists()
    with PartialOutput(path) as output:
        assert output.done == ["a"]


def test_photos_that_could_not_be_read_are_counted(tmp_path: Path) -> None:
    partial = tmp_path / "r.jsonl.partial"
    row = {"listing_id": "a", "score": {"band": "clear"}, "warnings": ["image 0: no", "price: no"]}
    partial.write_text(seal(json.dumps(row), line=1) + "\n", encoding="utf-8")
    with PartialOutput(tmp_path / "r.jsonl") as output:
        assert output.unread == 1
