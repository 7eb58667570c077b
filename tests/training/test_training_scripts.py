"""Lines in many scripts are drawn, composed and trained on; the network that is written is the one that is read."""

from __future__ import annotations

import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from fakes import photo_of

from logoscan.ocr.script_net import LINE_PX, SCRIPTS, ScriptNet
from logoscan.ocr.scripts import ScriptIdentifier
from logoscan.training.materials import backgrounds_from_arrays
from logoscan.training.script_lines import SAMPLES, draw_line, fonts_by_script, random_line
from logoscan.training.scripts import (
    WIDE_PX,
    as_lines,
    compose_lines,
    concatenate,
    judge,
    normalised,
    train_scripts,
    write_scripts,
)


@pytest.fixture(scope="module")
def fonts() -> dict[str, tuple[str, ...]]:
    """The fonts that come with matplotlib: Latin, Greek, Cyrillic, Hebrew, Arabic."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return fonts_by_script([Path(spec.origin).parent / "mpl-data/fonts/ttf"])


def test_no_file_no_font(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert fonts_by_script([]) == fonts_by_script([tmp_path]) == dict.fromkeys(SAMPLES, ())


def test_fonts_are_those_that_draw_the_script(fonts: dict[str, tuple[str, ...]]) -> None:
    names = {script: {Path(file).stem for file in files} for script, files in fonts.items()}
    assert {"DejaVuSans", "DejaVuSerif"} <= names["Cyrl"] & names["Grek"] & names["Latn"]
    assert "DejaVuSans" in names["Arab"]
    assert names["Kore"] == names["Thai"] == set()


def test_a_letter_that_the_font_lacks_is_not_drawn(fonts: dict[str, tuple[str, ...]]) -> None:
    (font,) = [file for file in fonts["Cyrl"] if Path(file).stem == "DejaVuSans"]
    ink = draw_line("Лада", font)
    assert ink is not None
    assert ink.shape[1] > 2 * ink.shape[0]
    assert (ink.min(), ink.max()) == (0, 1)
    assert draw_line("Лада 나", font) is None
    assert draw_line(" ", font) is None


@pytest.mark.parametrize("script", sorted(SAMPLES))
def test_made_up_text_is_in_its_script(script: str) -> None:
    names = {"Latn": "LATIN", "Kore": "HANGUL", "Hani": "CJK", "Cyrl": "CYRILLIC", "Grek": "GREEK", "Mymr": "MYANMAR"}
    names |= {"Arab": "ARABIC", "Hebr": "HEBREW", "Deva": "DEVANAGARI", "Armn": "ARMENIAN", "Geor": "GEORGIAN"}
    names |= {"Beng": "BENGALI", "Ethi": "ETHIOPIC", "Khmr": "KHMER", "Laoo": "LAO", "Taml": "TAMIL", "Telu": "TELUGU"}
    rng = np.random.default_rng(0)
    for _ in range(30):
        text = random_line(rng, script)
        letters = [unicodedata.name(c) for c in text if c.isalpha()]
        kinds = ("HIRAGANA", "KATAKANA", "CJK") if script == "Hira" else (names.get(script, script.upper()),)
        assert letters
        assert all(name.startswith((*kinds, "MODIFIER")) or "KATAKANA" in name for name in letters), text


def test_lines_are_grey_and_of_one_height() -> None:
    lines = as_lines([photo_of(None, size_px=(20, 200)), photo_of(None, size_px=(40, 20))], [1, 0])
    assert lines.pixels.shape == (2, LINE_PX, WIDE_PX)
    assert lines.widths.tolist() == [WIDE_PX, 16]
    rows = normalised(lines, np.array([0, 1]))
    assert rows.shape == (2, 1, LINE_PX, WIDE_PX)
    assert not rows[1, :, :, 16:].any()
    assert len(as_lines([], []).kinds) == 0


def test_training_composes_learns_and_writes(fonts: dict[str, tuple[str, ...]], tmp_path: Path) -> None:
    grounds = backgrounds_from_arrays([photo_of(None, size_px=(90, 70))])
    lines = compose_lines({**fonts, "Latn": fonts["Latn"][:1]}, grounds, 0, 70)
    assert set(lines.kinds) <= {SCRIPTS.index(s) for s in ("", "Latn", "Cyrl", "Grek", "Hebr", "Arab", "Zyyy")}
    seen: list[int] = []
    net = train_scripts(concatenate([lines, lines]), 1, on_epoch=lambda epoch, _: seen.append(epoch))
    assert isinstance(net, ScriptNet)
    assert seen == [0]
    figures = judge(net, lines)
    assert {"none", "called_foreign"} <= figures.keys()
    write_scripts(net, tmp_path / "scripts.safetensors")
    whole = np.array([[[0, 0], [90, 0], [90, 30], [0, 30]]], np.float32)
    (chances,) = ScriptIdentifier(tmp_path / "scripts.safetensors").probabilities(photo_of(None), whole)
    assert list(chances) == list(SCRIPTS)
