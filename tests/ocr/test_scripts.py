"""Lines that the first engine cannot read: who is asked, what is unread, and that sure lines cost nothing."""

from __future__ import annotations

import locale
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from contracts import OcrContract, frozen, words
from fakes import FakeOcr, lettering, photo_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from strategies import quick, units

from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.ocr import engine as ocr_module
from logoscan.ocr import readers as ocr_readers
from logoscan.ocr.engine import OcrEngine, RapidOcr, WordReader, make_ocr, rapidocr_models
from logoscan.ocr.languages import LANGUAGES, languages_of
from logoscan.ocr.lines import clean_strokes, cut_to_ink, flatten_line, grey_line, line_crop
from logoscan.ocr.readers import RapidLines, logical_order, script_readers
from logoscan.ocr.scripts import ScriptIdentifier, ScriptOcr
from logoscan.ocr.tesseract import Tesseract, _joint_confidence, has_tesseract, tessdata_folder
from logoscan.types import Boxes, Rgb, TextSpans

PHOTO = np.full((60, 80, 3), 200, np.uint8)
OWN = frozenset({"Latn", "Hani"})
needs_russian = pytest.mark.skipif(not has_tesseract("rus"), reason="needs tesserocr and tesseract-ocr-rus")


def spans(*lines: tuple[str, float]) -> TextSpans:
    """Lines one below the other, 10 px high, with text and confidence."""
    boxes = np.array([[0, 12 * i, 70, 12 * i + 10] for i in range(len(lines))], np.float32).reshape(-1, 4)
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    return TextSpans(corners, tuple(t for t, _ in lines), np.array([c for _, c in lines], np.float32))


class WordFake(FakeOcr):
    """Reads a word in each box, too."""

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        return [spans(("word", 0.5)) for _ in images]


class First(WordFake):
    """Finds stated lines."""

    name = "first"

    def __init__(self, *lines: tuple[str, float]) -> None:
        super().__init__()
        self._spans = spans(*lines)

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        return [self._spans for _ in images]


class Scripts:
    """Says stated scripts of lines by their number from the top, and counts the lines that it is asked about."""

    def __init__(self, *chances: Mapping[str, float]) -> None:
        self._chances, self.asked = chances, 0

    def probabilities(self, image: Rgb, polygons: NDArray[np.float32]) -> list[dict[str, float]]:
        self.asked += len(polygons)
        return [dict(self._chances[round(float(corners[0, 1]) / 12)]) for corners in polygons]


class Reader:
    """Reads the same in each line, and counts."""

    name = "reader"

    def __init__(self, text: str = "Привет", confidence: float = 0.9, *others: tuple[str, float]) -> None:
        self._says, self.asked = [(text, confidence), *others], 0

    def read_lines(self, image: Rgb, polygons: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        self.asked += len(polygons)
        return [self._says for _ in polygons]


def read(first: First, scripts: Scripts, **readers: Reader) -> TextSpans:
    (out,) = ScriptOcr(first, scripts, readers, OWN).read([PHOTO])
    return out


def cyrillic(text: str, height: int = 44) -> Rgb:
    """A line in DejaVu Sans, which comes with matplotlib and has Cyrillic, on a picture of 400 x 100 pixels."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"
    image = Image.new("RGB", (400, 100), (240, 240, 240))
    ImageDraw.Draw(image).text(
        (200, 50), text, fill=(20, 20, 60), font=ImageFont.truetype(str(file), height), anchor="mm"
    )
    return np.asarray(image)


# -- the combination


class TestScriptOcrFake(OcrContract):
    @pytest.fixture
    def ocr(self) -> OcrEngine:
        says = WordFake({(1, 2, 3): ["junk"]})
        return ScriptOcr(says, Scripts({"Cyrl": 0.9, "Latn": 0.1}), {"Cyrl": Reader("Адидас")}, OWN)

    @pytest.fixture
    def written(self) -> tuple[Rgb, str]:
        return photo_of(None, (1, 2, 3)), "АДИДАС"


def test_no_line_asks_nobody() -> None:
    scripts = Scripts()
    assert len(read(First(), scripts)) == 0
    assert ScriptOcr(First(), scripts, {}, OWN).read([]) == []
    assert scripts.asked == 0


def test_lines_that_are_read_surely_ask_nobody() -> None:
    scripts, reader = Scripts(), Reader()
    out = read(First(("Acme", 0.97), ("Bolt", 1.0)), scripts, Cyrl=reader)
    assert (out.texts, scripts.asked, reader.asked) == (("Acme", "Bolt"), 0, 0)


def test_only_the_reader_of_the_script_is_asked() -> None:
    cyrl, kore = Reader("Адидас"), Reader("나이키")
    out = read(First(("AnnAc", 0.6), ("Acme", 0.99)), Scripts({"Cyrl": 0.8, "Latn": 0.2}), Cyrl=cyrl, Kore=kore)
    assert (out.texts, out.unread, cyrl.asked, kore.asked) == (("Адидас", "Acme"), 0, 1, 0)
    np.testing.assert_allclose(out.confidence, [0.9, 0.99])
    np.testing.assert_array_equal(out.polygons, spans(("", 0), ("", 0)).polygons)


def test_further_readings_of_a_line_stand_last() -> None:
    cyrl = Reader("Адидас", 0.9, ("Адипас", 0.6))
    out = read(First(("AnnAc", 0.6), ("Acme", 0.99)), Scripts({"Cyrl": 0.8, "Latn": 0.2}), Cyrl=cyrl)
    assert out.texts == ("Адидас", "Acme", "Адипас")
    assert out.is_second.tolist() == [False, False, True]
    np.testing.assert_array_equal(out.polygons[2], out.polygons[0])


@pytest.mark.parametrize(("cyrillic", "kept"), [(0.0, True), (0.99, False)])
def test_a_second_reading_goes_with_its_line(cyrillic: float, kept: bool) -> None:
    """Read by another reader or unread, the line holds nothing of what the first engine took it for."""
    twice = spans(("AnnAc", 0.6), ("AnuAc", 0.5))
    first = First()
    first._spans = TextSpans(np.repeat(twice.polygons[:1], 2, axis=0), twice.texts, twice.confidence)
    chances = Scripts({"Cyrl": cyrillic, "Latn": 1 - cyrillic})
    assert read(first, chances).texts == (("AnnAc", "AnuAc") if kept else ())
    assert read(first, chances, Cyrl=Reader()).texts == (("AnnAc", "AnuAc") if kept else ("Привет",))


def test_a_script_that_nobody_reads_does_not_hide_one_that_somebody_does() -> None:
    thai, russian = Reader("ซัมซุง"), Reader(confidence=0.5)
    out = read(First(("aang", 0.6)), Scripts({"Zyyy": 0.8, "Thai": 0.07, "Cyrl": 0.05}), Thai=thai, Cyrl=russian)
    assert out.texts == ("ซัมซุง",)
    assert (thai.asked, russian.asked) == (1, 0), "the first reader was sure"


@pytest.mark.parametrize(("second", "text"), [(0.2, "Привет"), (0.05, "ลา")])
def test_a_second_reader_is_asked_where_the_first_is_not_sure(second: float, text: str) -> None:
    thai, russian = Reader("ลา", 0.5), Reader(confidence=0.9)
    out = read(First(("lan", 0.3)), Scripts({"Thai": 0.6, "Cyrl": second}), Thai=thai, Cyrl=russian)
    assert out.texts == (text,)


def test_a_blank_that_is_text_is_unread_with_its_script() -> None:
    out = read(First(("", 0.0), (" ", 0.95), ("", 0.7)), Scripts({"Kore": 0.9}, {"Zyyy": 0.9}, {"Latn": 0.6, "": 0.4}))
    assert (out.texts, out.unread_scripts, out.unread_reasons) == ((), ("Kore", None, None), ("unreadable",) * 3)
    np.testing.assert_array_equal(out.unread_xyxy, spans(("", 0), ("", 0), ("", 0)).xyxy)


def test_an_uncertain_script_is_not_named() -> None:
    out = read(First(("", 0.0)), Scripts({"Kore": 0.2, "Thai": 0.15, "Arab": 0.15, "": 0.5}))
    assert (out.unread_scripts, out.unread_reasons) == ((None,), ("unreadable",))


def test_a_blank_that_is_no_text_is_nothing() -> None:
    out = read(First(("", 0.0), ("Acme", 1.0)), Scripts({"": 0.9, "Kore": 0.1}))
    assert (out.texts, out.unread) == (("Acme",), 0)


def test_letters_that_look_alike_are_removed_only_where_the_script_is_sure() -> None:
    first = First(("MuuKa", 0.84), ("Muuka", 0.84))
    out = read(first, Scripts({"Cyrl": 0.96, "Latn": 0.04}, {"Cyrl": 0.7, "Latn": 0.3}))
    assert (out.texts, out.unread_scripts) == (("Muuka",), ("Cyrl",))


def test_a_reading_is_replaced_by_a_more_probable_one() -> None:
    sure, unsure = {"Cyrl": 0.6, "Latn": 0.4}, {"Cyrl": 0.3, "Latn": 0.7}
    out = read(First(("MuuKa", 0.84), ("Muuka", 0.84)), Scripts(sure, unsure), Cyrl=Reader("Мишка", 0.9))
    assert (out.texts, out.unread) == (("Мишка", "Muuka"), 0)


def test_no_reader_is_asked_about_what_is_rather_no_text() -> None:
    reader = Reader()
    out = read(First(("WW", 0.3), ("|", 0.4)), Scripts({"Cyrl": 0.4, "": 0.6}, {"Cyrl": 0.2, "Latn": 0.8}), Cyrl=reader)
    assert (out.texts, out.unread, reader.asked) == (("WW", "|"), 0, 0)


@pytest.mark.parametrize("reader", [Reader("", 0.0), Reader("Пр", 0.1), Reader(".:", 0.9)])
def test_what_its_reader_cannot_read_is_unread(reader: Reader) -> None:
    out = read(First(("", 0.0)), Scripts({"Cyrl": 0.9, "Latn": 0.1}), Cyrl=reader)
    assert (out.texts, out.unread_scripts, reader.asked) == ((), ("Cyrl",), 1)


def test_lines_that_were_passed_over_stay_so() -> None:
    class Hasty(First):
        def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
            box = np.array([[0, 50, 9, 55]], np.float32)
            return [TextSpans(s.polygons, s.texts, s.confidence, box) for s in super().read(images)]

    out = read(Hasty(("", 0.0)), Scripts({"Arab": 0.9}))
    assert (out.unread_scripts, out.unread_reasons) == (("Arab", None), ("unreadable", "effort"))


_chances = st.lists(units, min_size=4, max_size=4).map(
    lambda p: dict(zip(("", "Latn", "Cyrl", "Zyyy"), p, strict=True))
)
_lines = st.tuples(st.sampled_from(["", " ", "junk", "Acme"]), units)


@given(st.lists(st.tuples(_lines, _chances), max_size=4), st.booleans())
@quick
def test_no_line_is_lost_or_doubled(lines: list[tuple[tuple[str, float], dict[str, float]]], reads: bool) -> None:
    """Each is read, unread, or a blank on what is no text; what was read surely is as it was."""
    readers = {"Cyrl": Reader("Да")} if reads else {}
    out = read(First(*(line for line, _ in lines)), Scripts(*(chances for _, chances in lines)), **readers)
    nothing = [
        i for i, ((text, _), chances) in enumerate(lines)
        if not text.strip() and chances[""] >= 0.7
    ]  # fmt: skip
    assert len(out) + out.unread == len(lines) - len(nothing)
    assert all(text.strip() for text in out.texts)
    rows = {round(float(corners[0, 1]) / 12): i for i, corners in enumerate(out.polygons)}
    for i, ((text, confidence), _) in enumerate(lines):
        if text.strip() and confidence >= 0.95:
            assert out.texts[rows[i]] == text


def test_words_in_boxes_are_the_first_engines() -> None:
    engine = ScriptOcr(First(), Scripts(), {}, OWN)
    assert isinstance(engine, WordReader)
    assert engine.read_words([PHOTO], [np.zeros((1, 4), np.float32)])[0].texts == ("word",)
    assert (
        ScriptOcr(First(), Scripts(), {"Cyrl": Reader()}, OWN).name
        == "first, blanks from close, lines grown; Cyrl: reader"
    )


# -- blanks that are not shaped like lines


class Blob(First):
    """Takes a square for a blank line; in the square itself it finds stated lines."""

    def __init__(self, *inside: tuple[str, float], side_px: float = 30.0) -> None:
        super().__init__(*inside)
        corners = np.array([[[5, 5], [5 + side_px, 5], [5 + side_px, 5 + side_px], [5, 5 + side_px]]], np.float32)
        self._blob = TextSpans(corners, ("",), np.zeros(1, np.float32))
        self.sizes: list[tuple[int, ...]] = []

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        self.sizes += [image.shape[:2] for image in images]
        return [self._blob if image.shape == PHOTO.shape else self._spans for image in images]


def test_a_blank_that_is_no_line_is_searched_for_lines() -> None:
    first = Blob(("Acme", 0.99), ("", 0.0))
    scripts = Scripts({}, {"Arab": 0.9, "": 0.1})
    out = read(first, scripts)
    assert (out.texts, out.unread_scripts, first.sizes) == (("Acme",), ("Arab",), [(60, 80), (30, 30)])
    np.testing.assert_array_equal(out.xyxy, spans(("", 0)).xyxy + 5)


@pytest.mark.parametrize(("cyrillic", "texts"), [(0.0, ("Acme", "AnnAc", "AnuAc")), (0.99, ("Acme",))])
def test_a_line_in_a_blank_that_was_read_twice_is_judged_once(cyrillic: float, texts: tuple[str, ...]) -> None:
    first = Blob(("Acme", 0.99), ("AnnAc", 0.6))
    first._spans = first._spans.joined(replace(first._spans.rows([1]), texts=("AnuAc",)))
    out = read(first, Scripts({}, {"Cyrl": cyrillic, "Latn": 1 - cyrillic}))
    assert (out.texts, out.unread) == (texts, int(cyrillic > 0.5))


def test_a_blank_without_lines_in_it_is_judged_as_it_is() -> None:
    assert read(Blob(), Scripts({"Arab": 0.9, "": 0.1})).unread_scripts == ("Arab",)
    assert read(Blob(), Scripts({"Arab": 0.7, "": 0.3})).unread == 0, "a fruit or a shoe, not a line"
    assert read(First(("", 0.0)), Scripts({"Arab": 0.7, "": 0.3})).unread == 1, "long, as lines are"


def test_what_is_guessed_in_a_blank_does_not_count_as_read() -> None:
    out = read(Blob(("I", 0.3)), Scripts({"Arab": 0.9, "": 0.1}))
    assert (out.texts, out.unread_scripts) == ((), ("Arab",))


def test_what_was_unread_stays_so_where_a_blank_is_replaced() -> None:
    first = Blob(("Acme", 0.99))
    there, inside = np.array([[50, 1, 60, 9]], np.float32), np.array([[1, 20, 9, 28]], np.float32)
    first._blob = replace(first._blob, unread_xyxy=there, unread_scripts=("Thai",), unread_reasons=("effort",))
    first._spans = replace(first._spans, unread_xyxy=inside, unread_scripts=("Kore",), unread_reasons=("unreadable",))
    out = read(first, Scripts({"": 0.9}))
    assert (out.texts, out.unread_scripts) == (("Acme",), ("Thai", "Kore"))
    assert out.unread_reasons == ("effort", "unreadable")
    np.testing.assert_array_equal(out.unread_xyxy, np.concatenate([there, inside + 5]))


def test_a_line_that_is_known_does_not_come_twice_from_a_blank_around_it() -> None:
    first = Blob(("Acme", 0.99))
    known = replace(spans(("Acme", 0.99)), polygons=spans(("", 0)).polygons + 5)
    first._blob = known.joined(first._blob)
    out = read(first, Scripts({"": 0.9}))
    assert out.texts == ("Acme",)


def test_of_many_blanks_the_largest_are_searched() -> None:
    first = Blob(("Acme", 0.99))
    sides = np.arange(20, 27, dtype=np.float32)
    corners = np.array([[[5, 5], [5 + s, 5], [5 + s, 5 + s], [5, 5 + s]] for s in sides], np.float32)
    first._blob = TextSpans(corners, ("",) * 7, np.zeros(7, np.float32))
    read(first, Scripts({"": 0.9}))
    assert first.sizes == [(60, 80), (26, 26), (25, 25), (24, 24), (23, 23)]


def test_a_blank_in_a_column_is_as_much_a_line_as_one_in_a_row() -> None:
    first = Blob()
    first._blob = replace(first._blob, polygons=np.array([[[5, 5], [15, 5], [15, 45], [5, 45]]], np.float32))
    assert read(first, Scripts({"Kore": 0.7, "": 0.3})).unread_scripts == ("Kore",)


def test_a_blank_as_large_as_the_photo_is_not_searched_again() -> None:
    first = Blob(("Acme", 0.99), side_px=50)
    assert read(first, Scripts({"": 0.9})).texts == ()
    assert first.sizes == [(60, 80)]


# -- languages


def test_languages_are_grouped_by_script() -> None:
    groups = languages_of(["en", "ZH", "ja", "zh-TW", "uk", "ru", "de"])
    assert {script: [row.code for row in rows] for script, rows in groups.items()} == {
        "Latn": ["en", "de"], "Hani": ["zh", "ja"], "Cyrl": ["uk", "ru"],
    }  # fmt: skip
    assert {"en", "zh", "ja", "ko", "ru", "ar", "th"} <= LANGUAGES.keys()


@pytest.mark.parametrize(("codes", "got"), [(["en", "xx"], "'xx'"), ([], r"\[\]"), ("en", "'en'")])
def test_other_languages_are_refused(codes: Sequence[str], got: str) -> None:
    with pytest.raises(InputError, match=f"languages: expected .* got {got}"):
        languages_of(codes)


def test_what_reads_a_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A recogniser by path, then EasyOCR's folder, then Tesseract; nothing for what the engine reads itself."""
    made = {"RapidLines": "rapid", "Tesseract": "tesseract", "EasyLines": "easy"}
    for name, kind in made.items():
        monkeypatch.setattr(ocr_readers, name, lambda what, kind=kind, **options: (kind, what))
    codes = ["en", "zh", "ko", "ru", "uk"]
    readers: Any = script_readers
    assert readers(None, OWN) == {}
    assert readers(["en", "ja"], OWN) == {}
    assert readers(codes, OWN) == {"Kore": ("tesseract", ["kor"]), "Cyrl": ("tesseract", ["rus", "ukr"])}
    given = readers(codes, OWN, recognisers={"KO": "korean.onnx"}, model_dir=tmp_path)
    assert given == {"Kore": ("rapid", "korean.onnx"), "Cyrl": ("easy", ["ru", "uk", "en"])}
    assert readers(["el"], OWN, model_dir=tmp_path) == {"Grek": ("tesseract", ["ell"])}, "EasyOCR has none"
    monkeypatch.setattr(ocr_readers, "has_tesseract", lambda language, folder: language in ("kor", "eng"))
    assert readers(None, OWN, installed=True) == {"Kore": ("tesseract", ["kor"])}


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if find_spec("tesserocr") is not None:
        with pytest.raises(MissingDependencyError, match=r"ko: .*apt-get install tesseract-ocr-kor.* TESSDATA_PREFIX"):
            script_readers(["en", "ko"], OWN, tessdata=tmp_path)
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    with pytest.raises(MissingDependencyError, match=r"ko: .*pip install 'logoscan\[tesseract\]'.*recognisers"):
        script_readers(["ko"], OWN)
    with pytest.raises(InputError, match=r"recognisers: expected an ONNX file, got .*absent\.onnx"):
        RapidLines(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(InputError, match=r"recognisers: expected a recogniser of PP-OCR, got 'text\.onnx'"):
        RapidLines(tmp_path / "text.onnx")


def test_make_ocr_combines(monkeypatch: pytest.MonkeyPatch, rapid: RapidOcr) -> None:
    monkeypatch.setattr(ocr_module, "RapidOcr", lambda **options: rapid)
    plain = make_ocr("rapidocr")
    assert isinstance(plain, ScriptOcr)
    assert plain.name == f"{rapid.name}, blanks from close, lines grown"
    assert make_ocr("none", languages=["en"]) is None
    with pytest.raises(InputError, match="languages: expected codes among"):
        make_ocr("rapidocr", languages=["klingon"])


# -- lines


def test_a_line_is_cut_out_upright() -> None:
    picture = np.full((100, 300, 3), 255, np.uint8)
    picture[30:60, 50:250] = (200, 0, 0)
    corners = np.array([[50, 30], [250, 30], [250, 60], [50, 60]], np.float32)
    crop = line_crop(picture, corners, 15)
    assert crop.shape == (15, 100, 3)
    np.testing.assert_allclose(crop[3:-3, 3:-3], np.broadcast_to([200, 0, 0], (9, 94, 3)), atol=2)
    on_its_head = line_crop(picture, corners[[2, 3, 0, 1]], 30)
    assert on_its_head.shape == (30, 200, 3)
    assert line_crop(picture, np.zeros((4, 2), np.float32), 16).shape[0] == 16, "a line without an area"


def blurred_whole(image: Rgb, corners: NDArray[np.float32], height_px: int) -> Rgb:
    """What `line_crop` returns without a margin, by a blur of the whole photo."""
    right, down = (
        (corners[1] - corners[0] + corners[2] - corners[3]) / 2,
        (corners[3] - corners[0] + corners[2] - corners[1]) / 2,
    )
    wide, high = float(np.linalg.norm(right)), float(np.linalg.norm(down))
    size = max(8, round(wide * height_px / high)), height_px
    frame = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, frame)
    reduced = high / height_px
    source = cv2.GaussianBlur(image, (0, 0), 0.4 * reduced) if reduced > 1.5 else image
    how = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    return np.asarray(cv2.warpPerspective(source, matrix, size, **how), np.uint8)


@given(st.integers(0, 2**32 - 1), st.floats(3, 600), st.floats(-3.2, 3.2))
def test_a_line_is_blurred_as_the_whole_photo_would_be(seed: int, high: float, angle: float) -> None:
    rng = np.random.default_rng(seed)
    picture = np.asarray(cv2.resize(rng.integers(0, 256, (40, 60, 3), np.uint8), (900, 600)), np.uint8)
    x, y = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    middle, half = rng.uniform(0, 1, 2) * (900, 600), np.array([rng.uniform(10, 900), high]) / 2
    corners = np.array(
        [middle + sx * half[0] * x + sy * half[1] * y for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    )
    found, wanted = (
        line_crop(picture, corners.astype(np.float32), 32),
        blurred_whole(picture, corners.astype(np.float32), 32),
    )
    assert found.shape == wanted.shape
    off = np.abs(found.astype(int) - wanted)
    if high <= 6 * 32:
        assert off.max() <= 2, "rounding"
    else:
        body = np.pad(np.full((576, 876, 3), 255, np.uint8), ((12, 12), (12, 12), (0, 0)))
        inside = blurred_whole(body, corners.astype(np.float32), 32).min(axis=2) == 255
        assert off[inside].max(initial=0) <= 6, "means of blocks are nearly a blur, but for what lies beyond the photo"


@pytest.mark.parametrize(("ink", "ground"), [((0, 0, 0), (255, 255, 255)), ((255, 255, 255), (20, 20, 20))])
def test_letters_become_dark_on_white(ink: tuple[int, int, int], ground: tuple[int, int, int]) -> None:
    for flat in (flatten_line(grey_line(lettering("KODAK", ink=ink, ground=ground)), binary=b) for b in (False, True)):
        assert flat.dtype == np.uint8
        assert np.median(flat) > 250
        assert flat.min() < 20


# -- the bundled network


def test_the_network_tells_scripts_apart() -> None:
    identifier = ScriptIdentifier()
    whole = np.array([[[40, 20], [360, 20], [360, 80], [40, 80]]], np.float32)
    for text, script in (("Жигули", "Cyrl"), ("Washington", "Latn"), ("ЖЁЛТЫЙ", "Cyrl")):
        (chances,) = identifier.probabilities(cyrillic(text), whole)
        assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
        assert max(chances, key=chances.__getitem__) == script
    assert identifier.probabilities(PHOTO, whole[:0]) == []


def test_an_altered_network_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("logoscan.ocr.scripts.folder", lambda: tmp_path)
    (tmp_path / "scripts.safetensors").write_bytes(b"altered")
    with pytest.raises(CorruptFileError, match=r"scripts.safetensors: expected SHA-256"):
        ScriptIdentifier()


def test_cyrillic_is_unread_by_default(rapid: RapidOcr) -> None:
    engine = ScriptOcr(rapid, ScriptIdentifier(), {}, OWN)
    found = engine.read([cyrillic("ЖЁЛТЫЙ")])[0]
    assert (found.texts, found.unread_scripts) == ((), ("Cyrl",))
    assert words(engine.read([lettering("KODAK")])[0]) == "KODAK"


# -- real readers


def test_a_recogniser_by_its_path_reads() -> None:
    reader = RapidLines(rapidocr_models()[2])
    corners = np.array([[[30, 15], [270, 15], [270, 65], [30, 65]]], np.float32)
    (((text, confidence),),) = reader.read_lines(frozen(lettering("KODAK")), corners)
    assert (text, confidence > 0.9) == ("KODAK", True)
    assert reader.read_lines(PHOTO, corners[:0]) == []
    assert reader.name.startswith("rapidocr PP-OCRv6_rec")
    assert len(reader.name.partition("@")[2]) == 8


def test_letters_that_run_to_the_left_come_in_the_order_of_writing() -> None:
    assert logical_order("KODAK 5") == "KODAK 5"
    assert logical_order("يكيان") == "نايكي"
    assert logical_order("30 يكيان") == "نايكي 30"


def test_specks_and_what_reaches_in_are_no_letters() -> None:
    line = np.full((64, 200), 255, np.uint8)
    letters = line.copy()
    letters[20:44, 40:50] = letters[20:44, 70:110] = 0
    letters[8:14, 80:86] = 0  # a dot
    line = letters.copy()
    line[30, 150] = 0  # a speck
    line[:12, 180:] = line[60:, :100] = 0  # from above and from below
    line[20:44, 190:] = 0  # from the side, and lower than half the line
    np.testing.assert_array_equal(clean_strokes(line), letters)
    tall = letters.copy()
    tall[10:54, 195:] = 0  # a letter that is cut
    np.testing.assert_array_equal(clean_strokes(tall), tall)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
@quick
def test_cleaning_only_takes_away_and_cutting_keeps_the_ink(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    line = np.where(rng.random((24, 60)) < share, 0, 255).astype(np.uint8)
    line = cv2.erode(line, np.ones((3, 3), np.uint8))
    clean = clean_strokes(line)
    assert clean.shape == line.shape
    assert ((clean == line) | (clean == 255)).all()
    cut = cut_to_ink(clean, clean, 2)
    assert (cut < 128).sum() == (clean < 128).sum()
    plain = np.full((8, 9), 255, np.uint8)
    assert cut_to_ink(plain, plain, 2).shape == (8, 9)
    np.testing.assert_array_equal(clean_strokes(plain), plain)


@given(st.lists(units, min_size=1, max_size=6))
@quick
def test_readings_that_agree_are_surer_than_the_surest(confidences: list[float]) -> None:
    joint = _joint_confidence(confidences)
    assert max(confidences) - 1e-12 <= joint <= 1
    assert joint == pytest.approx(_joint_confidence(confidences[::-1]))
    assert _joint_confidence(confidences[:1]) == pytest.approx(confidences[0])
    independent = 1 - np.prod([1 - c for c in confidences])
    assert joint <= independent + 1e-12


@pytest.fixture(scope="module")
def russian() -> Tesseract:
    return Tesseract(["rus"])


@needs_russian
class TestTesseract(OcrContract):
    @pytest.fixture
    def ocr(self, rapid: RapidOcr, russian: Tesseract) -> OcrEngine:
        return ScriptOcr(rapid, ScriptIdentifier(), {"Cyrl": russian}, OWN)

    @pytest.fixture
    def written(self) -> tuple[Rgb, str]:
        return cyrillic("ЖЁЛТЫЙ"), "ЖЁЛТЫЙ"

    def test_names_tell_the_data(self, russian: Tesseract) -> None:
        assert russian.name.startswith("tesseract 5")
        assert "rus@" in russian.name

    def test_lines_without_letters_are_empty(self, russian: Tesseract, capfd: pytest.CaptureFixture[str]) -> None:
        before = locale.setlocale(locale.LC_ALL)
        whole = np.array([[[0, 0], [80, 0], [80, 60], [0, 60]]], np.float32)
        assert russian.read_lines(PHOTO, whole) == [[]]
        assert russian.read_lines(PHOTO, whole[:0]) == []
        assert capfd.readouterr() == ("", "")
        assert locale.setlocale(locale.LC_ALL) == before


def test_the_folder_of_the_data_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert tessdata_folder() == tmp_path
    assert not has_tesseract("rus")
    (tmp_path / "tessdata").mkdir()
    assert tessdata_folder() == tmp_path / "tessdata"
