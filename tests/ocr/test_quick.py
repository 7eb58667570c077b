"""The quick reader comes first, and the careful one reads what it is not sure of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fakes import lettering
from numpy.typing import NDArray

from logoscan.errors import CorruptFileError
from logoscan.ocr import _cpu_networks
from logoscan.ocr import quick as quick_module
from logoscan.ocr import rapidocr as rapidocr_module
from logoscan.ocr._network_input import padded
from logoscan.ocr.quick import is_second_reading, is_sure, may_be_line, may_be_word, quick_reader
from logoscan.ocr.rapidocr import RapidOcr
from logoscan.types import Rgb


@pytest.fixture(scope="module")
def quick() -> RapidOcr:
    return RapidOcr(quick=True, precision="fp32")


@pytest.mark.parametrize(
    ("text", "confidence", "sure"),
    [
        ("", 1.0, False),
        ("NIKE", 0.96, True),
        ("NIKE", 0.94, False),
        ("100%", 0.99, True),
        ("***", 0.99, False),
        ("华为", 0.99, False),
        ("BEAUTÉ", 0.99, False),
    ],
)
def test_only_a_confident_latin_reading_is_sure(text: str, confidence: float, sure: bool) -> None:
    assert is_sure(text, confidence) == sure


@pytest.mark.parametrize(
    ("text", "confidence", "word"),
    [
        ("", 0.0, False),
        ("S", 0.9, False),
        ("S.", 0.9, False),
        ("LG", 0.2, False),
        ("LG", 0.4, True),
        ("华为", 0.9, True),
    ],
)
def test_two_letters_may_be_a_word(text: str, confidence: float, word: bool) -> None:
    assert may_be_word(text, confidence) == word


def test_a_long_box_may_be_a_line_in_which_nothing_was_read() -> None:
    wide, square = np.zeros((20, 60, 3), np.uint8), np.zeros((20, 22, 3), np.uint8)
    assert may_be_line(wide, "", 0.0)
    assert not may_be_line(square, "C", 0.9)
    assert may_be_line(square, "LG", 0.1)


@pytest.mark.parametrize(
    ("quick", "careful", "kept"),
    [
        (("YAHoO!", 0.94), ("OOI", 0.63), True),
        (("Nike", 0.9), ("NIKE ", 0.99), False),
        (("Nike", 0.2), ("Mike", 0.9), False),
        (("C", 0.9), ("公", 0.7), False),
        (("NIKE", 0.9), ("", 0.0), False),
        (("64 GB", 0.9), ("84 GB", 0.9), False),
        (("YAHo0!", 0.9), ("OOI", 0.6), True),
    ],
)
def test_another_word_is_a_second_reading(quick: tuple[str, float], careful: tuple[str, float], kept: bool) -> None:
    assert is_second_reading(quick, careful) == kept


class Reader:
    """Returns fixed readings in turn, and counts the crops."""

    def __init__(self, *readings: tuple[str, float]) -> None:
        self.readings, self.crops = list(readings), list[Rgb]()

    def __call__(self, given: Any) -> Any:
        self.crops += given.img
        readings = [self.readings.pop(0) for _ in given.img]
        return type("Output", (), {"txts": [t for t, _ in readings], "scores": [c for _, c in readings]})


def read_twice(quick: Reader | None, careful: Reader, widths: list[int]) -> tuple[list[str], list[float], list[int]]:
    """Read crops of these widths by an engine of these readers; the third result is the widths that were turned."""
    engine = object.__new__(RapidOcr)
    engine._quick = quick
    engine._engine = type("Engine", (), {"_load_rec_model": lambda self: careful})()
    turned: list[int] = []

    def turn(crops: list[Rgb]) -> list[Rgb]:
        turned.extend(crop.shape[1] for crop in crops)
        return crops

    crops = [np.zeros((10, width, 3), np.uint8) for width in widths]
    read = engine._read_twice(crops, turn, may_be_line)
    assert read.owners[: len(widths)] == [*range(len(widths))], "the first readings come first"
    return read.texts, read.confidence, turned


def test_no_crop_no_reading() -> None:
    assert read_twice(Reader(), Reader(), []) == ([], [], [])


def test_the_careful_reader_gets_what_the_quick_one_is_unsure_of() -> None:
    quick, careful = (
        Reader(("NIKE", 0.99), ("AD1DAS", 0.7), ("O", 0.6), ("", 0.0)),
        Reader(("ADIDAS", 0.9), ("나이키", 0.8)),
    )
    texts, confidence, turned = read_twice(quick, careful, [40, 41, 10, 42])
    assert texts == ["NIKE", "ADIDAS", "O", "나이키", "AD1DAS"]
    assert confidence == [0.99, 0.9, 0.6, 0.8, 0.7]
    assert turned == [41, 42]


def test_what_the_quick_reader_read_otherwise_stands_last() -> None:
    quick, careful = Reader(("NIKE", 0.99), ("YAHoO!", 0.94)), Reader(("OOI", 0.63))
    texts, confidence, _ = read_twice(quick, careful, [40, 41])
    assert (texts, confidence) == (["NIKE", "OOI", "YAHoO!"], [0.99, 0.63, 0.94])


def test_both_readings_of_a_line_have_its_corners(quick: RapidOcr, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((200, 400, 3), 255, np.uint8)
    picture[60:120, 60:340] = lettering("KODAK", size=(280, 60))
    monkeypatch.setattr(quick, "_quick", lambda given: SimpleNamespace(txts=["KoDAc"], scores=[0.9]))
    (found,) = quick.read([picture])
    assert [text.upper() for text in found.texts] == ["KODAK", "KODAC"]
    assert found.is_second.tolist() == [False, True]
    assert found.first_readings().texts == found.texts[:1]
    (words,) = quick.read_words([picture], [np.array([[60, 60, 340, 120]], np.float32)])
    assert len(words) == 1, "of a box the surest reading alone is kept"


def test_without_a_quick_reader_the_careful_one_reads_all() -> None:
    assert read_twice(None, Reader(("O", 0.6), ("NIKE", 0.9)), [10, 40])[0] == ["O", "NIKE"]


def test_real_networks_read_as_the_careful_one_alone_does(quick: RapidOcr, rapid: RapidOcr) -> None:
    picture = np.full((300, 400, 3), 255, np.uint8)
    picture[30:80, 40:340] = lettering("NEW BALANCE", size=(300, 50))
    picture[180:220, 40:200] = lettering("KODAK", size=(160, 40))
    (found,), (plain,) = quick.read([picture]), rapid.read([picture])
    assert [text.upper() for text in found.texts] == [text.upper() for text in plain.texts] == ["NEW BALANCE", "KODAK"]
    np.testing.assert_allclose(found.polygons, plain.polygons, atol=1e-3)
    (words,) = quick.read_words([picture], [np.array([[40, 180, 200, 220]], np.float32)])
    assert [text.upper() for text in words.texts] == ["KODAK"]


def test_a_line_upside_down_is_read(quick: RapidOcr) -> None:
    picture = np.full((200, 400, 3), 255, np.uint8)
    picture[60:120, 60:340] = lettering("STARBUCKS", size=(280, 60))[::-1, ::-1]
    assert "STARBUCKS" in {text.upper() for text in quick.read([picture])[0].texts}


def test_the_name_tells_the_reader_and_the_precision(quick: RapidOcr, monkeypatch: pytest.MonkeyPatch) -> None:
    assert quick.name.endswith("(960 px; lines at 960; curved text), tight lines, quick reader first and second")
    monkeypatch.setattr(rapidocr_module, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(rapidocr_module, "find_and_read_in_bf16", lambda *_: True)
    assert RapidOcr().name.endswith("(960 px; lines at 960; curved text), tight lines, bf16")
    monkeypatch.setattr(rapidocr_module, "find_and_read_in_bf16", lambda *_: False)
    assert RapidOcr().name.endswith("(960 px; lines at 960; curved text), tight lines"), (
        "OpenVINO cannot, so ONNX Runtime does"
    )


def test_openvino_reads_what_onnx_runtime_reads(rapid: RapidOcr) -> None:
    """In fp32 too, where the processor has no bf16; OpenVINO is told the precision of the networks."""
    picture = np.full((300, 400, 3), 255, np.uint8)
    picture[30:80, 40:340] = lettering("NEW BALANCE", size=(300, 50))
    compiled = RapidOcr(precision="bf16")
    (found,), (plain,) = compiled.read([picture]), rapid.read([picture])
    assert [text.upper() for text in found.texts] == [text.upper() for text in plain.texts] == ["NEW BALANCE"]
    np.testing.assert_allclose(found.polygons, plain.polygons, atol=6)


def refused(kind: str) -> Any:
    def answer(x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        if kind == "error":
            raise RuntimeError("no memory")
        return [np.full_like(x[:, :1] if kind != "shape" else x[:, :1, :8], {"nan": np.nan, "ones": 1}.get(kind, 0))]

    return answer


@pytest.mark.parametrize("kind", ["none", "zeros", "ones", "nan", "shape", "error"])
def test_onnx_runtime_finds_lines_where_openvino_answers_otherwise(
    rapid: RapidOcr, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    finder, network = SimpleNamespace(session=rapid._engine.text_det.session), None if kind == "none" else refused(kind)
    before = finder.session
    monkeypatch.setattr(_cpu_networks, "cpu_onnx_network", lambda *_: network)
    _cpu_networks.find_by_openvino(finder, Path("det.onnx"), 1)
    assert finder.session is before


def test_openvino_finds_what_onnx_runtime_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """In fp32 on every processor."""
    picture = np.full((300, 400, 3), 255, np.uint8)
    picture[30:80, 40:340] = lettering("NEW BALANCE", size=(300, 50))
    by_openvino = RapidOcr(precision="fp32")
    monkeypatch.setattr(_cpu_networks, "cpu_onnx_network", lambda *_: None)
    by_onnx_runtime = RapidOcr(precision="fp32")
    assert type(by_openvino._engine.text_det.session) is not type(by_onnx_runtime._engine.text_det.session)
    (found,), (plain,) = by_openvino.read([picture]), by_onnx_runtime.read([picture])
    assert found.texts == plain.texts != ()
    np.testing.assert_allclose(found.polygons, plain.polygons, atol=1)
    assert by_openvino.name == by_onnx_runtime.name


def test_an_altered_quick_reader_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, letters = quick_reader()
    (tmp_path / letters.name).symlink_to(letters)
    monkeypatch.setattr(quick_module, "folder", lambda: tmp_path)
    with pytest.raises(CorruptFileError, match=f"{network.name}: the model file is missing; reinstall logoscan"):
        RapidOcr(quick=True)
    data = bytearray(network.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / network.name).write_bytes(data)
    with pytest.raises(CorruptFileError, match=f"{network.name}: expected SHA-256"):
        RapidOcr(quick=True)


@pytest.mark.parametrize("width", [1, 30, 500, 60_000])
def test_lines_of_any_length_fit_into_memory(width: int) -> None:
    """A reader's memory grows with the square of a line's length: a photo of 8 x 10,000 px took 20 GB."""
    line = padded(np.zeros((8, width, 3), np.uint8))
    assert line.shape[0] == 48
    assert line.shape[1] % 32 == 0
    assert line.shape[1] <= 4_000
