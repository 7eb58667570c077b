"""No mark of the exam in the training, whatever it is called there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from logoscan.training.exam import distances, gallery_logos, shapes, without_exam, without_twins
from logoscan.training.icons import Icons, from_arrays
from logoscan.training.styles import Rgba


def mark(kind: int, side: int = 100, colour: tuple[int, int, int] = (0, 0, 0)) -> Rgba:
    out = np.zeros((side, side, 4), np.uint8)
    cv2.circle(out, (side // 3, side // 3 + kind * side // 12), side // 4, (*colour, 255), -1, cv2.LINE_AA)
    cv2.line(
        out, (side // 8, side - 8), (side - 8, side // 8 + kind * side // 8), (*colour, 255), side // 9, cv2.LINE_AA
    )
    return out


def marks() -> Icons:
    rows = [(f"m{k}", "set", True, mark(k)) for k in range(4)]
    return from_arrays([*rows, ("m1", "other set", False, mark(1, 160, (200, 30, 30)))])


def test_a_mark_in_another_size_and_colour_is_found_under_any_name() -> None:
    kept, gone = without_exam(marks(), [mark(1, 240, (20, 90, 200))])
    assert gone.keys() == {"m1"}
    assert gone["m1"] < 0.09
    assert kept.names == ("m0", "m2", "m3")
    assert len(kept) == 3
    np.testing.assert_array_equal(kept.rgba(0), mark(0))


def test_other_marks_and_an_empty_exam_drop_nothing() -> None:
    for exam in ([], [np.ascontiguousarray(mark(1)[::-1])]):
        kept, gone = without_exam(marks(), exam)
        assert gone == {}
        assert len(kept) == 5
    assert distances(shapes([]), shapes([mark(0)])).shape == (0,)
    assert distances(shapes([mark(0)]), shapes([])).tolist() == [1.0]


def test_the_exam_is_read_from_brand_folders(tmp_path: Path) -> None:
    (tmp_path / "Acme").mkdir()
    Image.fromarray(mark(2)).save(tmp_path / "Acme" / "a.png")
    (drawing,) = gallery_logos([tmp_path])
    assert without_exam(marks(), [drawing])[1].keys() == {"m2"}


def test_equal_drawings_under_two_names_keep_the_first() -> None:
    rows = [("acme", "set", True, mark(1)), ("acme2", "set", False, mark(1, 150, (9, 80, 200)))]
    rows += [("b", "set", True, mark(3)), ("acme", "other set", True, mark(1, 130))]
    kept = without_twins(from_arrays(rows))
    assert kept.names == ("acme", "b")
    assert len(kept) == 3
    assert len(without_twins(from_arrays([]))) == 0
