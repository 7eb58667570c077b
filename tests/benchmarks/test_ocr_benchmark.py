"""`python -m benchmarks ocr`: what it counts, and a whole run with both real engines on a few pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import lettering
from PIL import Image
from rapidfuzz.distance import OSA

from benchmarks.common.composites import Composite, composites, write_pillow_font
from benchmarks.quality.lookalikes import flagged, misspelt
from benchmarks.quality.ocr import errors_of, ocr
from logoscan.ocr.engine import RapidOcr
from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import fold
from logoscan.types import Brand, TextSpans


def spans(*rows: tuple[str, tuple[float, float, float, float]]) -> TextSpans:
    polygons = [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for _, (x0, y0, x1, y1) in rows]
    shaped = np.array(polygons, np.float32).reshape(-1, 4, 2)
    return TextSpans(shaped, tuple(text for text, _ in rows), np.ones(len(rows), np.float32))


def composite(*rows: tuple[str, tuple[float, float, float, float]]) -> Composite:
    boxes = np.array([box for _, box in rows], np.float32)
    return Composite(np.zeros((50, 100, 3), np.uint8), tuple(text for text, _ in rows), boxes)


@pytest.mark.parametrize(
    ("read", "edits"),
    [
        (spans(("New Mark", (10, 10, 60, 20))), 0),
        (spans(("NEWMARK", (11, 9, 61, 22))), 0),
        (spans(("MARK", (36, 10, 60, 20)), ("NEW", (10, 10, 34, 20))), 0),  # two lines, left to right
        (spans(("NEVV MARK", (10, 10, 60, 20))), 2),
        (spans(("NEW MARK", (10, 30, 60, 40))), 7),  # of another place
        (spans(("ONCE UPON A TIME", (10, 10, 60, 20))), 7),  # no more than all wrong
        (TextSpans.empty(), 7),
    ],
)
def test_errors_are_those_of_what_was_read_over_a_text(read: TextSpans, edits: int) -> None:
    assert errors_of(composite(("New Mark", (10, 10, 60, 20))), read) == [(edits, 7)]


@pytest.mark.parametrize("kind", ["rendered", "scene"])
def test_composites_are_seeded_and_their_texts_lie_in_their_boxes(kind: str, tmp_path: Path) -> None:
    fonts = [str(p) for p in write_pillow_font(tmp_path).iterdir()]
    first, again = (list(composites(3, 4, fonts, kind)) for _ in range(2))
    for a, b in zip(first, again, strict=True):
        assert a.texts == b.texts
        np.testing.assert_array_equal(a.rgb, b.rgb)
        assert len(a.texts) == len(a.boxes) >= 1
        if kind == "rendered":
            ground = a.rgb[0, 0].astype(int)
            inked = np.abs(a.rgb.astype(int) - ground).max(2) > 60
            for x0, y0, x1, y1 in a.boxes.astype(int).tolist():
                around = inked[max(0, y0 - 2) : y1 + 3, max(0, x0 - 2) : x1 + 3]
                assert around.any()
                around[:] = False
            assert not inked.any()


def test_both_engines_in_one_run(tmp_path: Path) -> None:
    for name in ("Kodak", "Sprite"):
        Image.fromarray(lettering(name.upper())).save(tmp_path / f"{name}.png")
    labels, out = tmp_path / "labels.csv", tmp_path / "ocr.json"
    labels.write_text("file,brand\nKodak.png,Kodak\nSprite.png,Sprite|Kodak\nSprite.png,\n")
    asked = ["--labels", str(labels), "--images", str(tmp_path), "--composites", "1", "--device", "cpu"]
    run = CliRunner().invoke(ocr, [*asked, "--json", str(out)], catch_exceptions=False)
    assert run.exit_code == 0, run.output
    result = json.loads(out.read_text())
    for engine in ("rapidocr", "easyocr"):
        assert result["photos"][engine]["brand_recall"] == 1.0
        assert result["photos"][engine]["n"] == 2
        assert result["rendered"][engine]["character_error_rate"] <= 0.2
        assert result["scene"][engine]["n"] >= 1
    assert result["easyocr_over_rapidocr"] > 0


def test_a_misspelling_differs_from_its_name_by_one_visible_change() -> None:
    rng = np.random.default_rng(1)
    for name in ("Adidas", "New Balance", "Levi's", "The North Face") * 20:
        changed = misspelt(rng, name)
        assert fold(changed) != fold(name)
        assert OSA.distance(name.lower(), changed.lower()) == 1


def test_lookalike_names_on_composed_photos_are_counted(rapid: RapidOcr, tmp_path: Path) -> None:
    fonts = tuple(str(p) for p in write_pillow_font(tmp_path).iterdir())
    index = NameIndex([Brand("Patagonia"), Brand("Starbucks")])
    wrong, right = (flagged(rapid, index, ["Patagonia", "Starbucks"], r, 6, 3, fonts) for r in (False, True))
    assert wrong["n"] == right["n"] == 6
    assert wrong["flagged"] >= 0.5
    assert sum(wrong["missed"].values()) == round(6 * (1 - wrong["flagged"]))
    assert right["flagged"] <= 0.2
    assert right["exact"] >= 0.5
    assert wrong["exact"] <= 0.2
