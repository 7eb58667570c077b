"""The evasion suite: what its attacks do to a picture, what its figures mean, and a run of it with stand-ins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from fakes import BLUE, GREEN, RED, YELLOW, FakeDetector, FakeEncoder, FakeOcr, photo_of, quarters
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rapidfuzz.distance import OSA
from strategies import quick

from benchmarks.common.composites import write_pillow_font
from benchmarks.common.labelled_photos import Photo, Run
from benchmarks.common.statistics import wilson
from benchmarks.robustness import evasion_negatives as negatives
from benchmarks.robustness.evasion import ResultLog, Shown, evasion, recall
from benchmarks.robustness.evasion_attacks import ATTACKS as EVERY_ATTACK
from benchmarks.robustness.evasion_attacks import Scene
from benchmarks.robustness.evasion_titles import TITLE_ATTACKS, on_titles
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.calibration import MatchCalibration
from logoscan.scan.scanner import Scanner
from logoscan.training.materials import Materials
from logoscan.training.wordmarks import draw_name
from logoscan.types import Brand, Rgb

ATTACKS = {attack.name: attack for attack in EVERY_ATTACK}
ON_MARKS = ("blur", "mosaic", "occlusion", "recolour", "redrawn", "outline", "added text")
NO_BOXES = np.zeros((0, 4), np.float32)


def scene(boxes: Any = NO_BOXES) -> Any:
    """Rings, letters and a ramp: something for every attack to spoil."""
    y, x = np.mgrid[:120, :160]
    rgb = np.stack([x * 255 // 159, y * 2, np.where(np.hypot(x - 70, y - 60) % 20 < 10, 230, 20)], 2).astype(np.uint8)
    return Scene(rgb, np.asarray(boxes, np.float32).reshape(-1, 4), "Acme")


BOXED = scene([[40, 30, 110, 90]])


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = write_pillow_font(tmp_path_factory.mktemp("font"))
    return negatives.Words((str(folder / "aileron.ttf"),), frozenset({"ABC"}))


@pytest.mark.parametrize("name", ATTACKS)
def test_severity_0_is_the_photo_and_others_are_not(name: str) -> None:
    attack = ATTACKS[name]
    before = BOXED.rgb.copy()
    assert np.array_equal(attack(3, BOXED, 0), before)
    for severity in range(1, len(attack.degrees) + 1):
        for one in (BOXED, scene()):
            after = attack(3, one, severity)
            assert after.dtype == np.uint8
            assert after.ndim == 3
            assert after.shape[2] == 3
            assert after.flags.c_contiguous
            assert name == "tiny" or not np.array_equal(after, before)
    assert np.array_equal(BOXED.rgb, before), "the photo is changed in a copy"
    with pytest.raises(ValueError, match=rf"severity: expected 0 to {len(attack.degrees)}"):
        attack(3, BOXED, len(attack.degrees) + 1)


@pytest.mark.parametrize("name", ATTACKS)
def test_a_seed_gives_one_attack(name: str) -> None:
    attack = ATTACKS[name]
    assert np.array_equal(attack(5, BOXED, 2), attack(5, BOXED, 2))


@pytest.mark.parametrize("name", ["occlusion", "recolour", "perspective", "sticker"])
def test_other_seeds_give_others(name: str) -> None:
    made = {ATTACKS[name](seed, BOXED, 2).tobytes() for seed in range(6)}
    assert len(made) > 1


@pytest.mark.parametrize("name", [*ON_MARKS, "recompression", "sticker"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_higher_severity_changes_more(name: str, seed: int) -> None:
    attack = ATTACKS[name]
    assert attack.ordered
    before = BOXED.rgb.astype(int)
    changed = [np.abs(attack(seed, BOXED, s) - before).mean() for s in range(len(attack.degrees) + 1)]
    assert changed == sorted(changed)
    assert changed[-1] > 1.5 * changed[1], "a curve over it says something"


@pytest.mark.parametrize("name", ON_MARKS)
def test_attacks_on_logos_leave_other_pixels_unchanged(name: str) -> None:
    outside = np.ones(BOXED.rgb.shape[:2], bool)
    outside[30:90, 40:110] = False
    after = ATTACKS[name](1, BOXED, len(ATTACKS[name].degrees))
    assert np.array_equal(after[outside], BOXED.rgb[outside])


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize(
    "boxes", [[[-30, -20, 25, 30]], [[140, 100, 300, 200]], [[0, 0, 160, 120]], [[50.4, 50.6, 58.2, 59]]]
)
def test_boxes_at_the_border_are_cut(name: str, boxes: list[list[float]]) -> None:
    attack = ATTACKS[name]
    for severity in range(1, len(attack.degrees) + 1):
        after = attack(0, scene(boxes), severity)
        assert min(after.shape[:2]) >= 1
        assert after.dtype == np.uint8


def test_boxes_outside_or_without_size_are_nothing_to_attack() -> None:
    for boxes in ([[200, 200, 300, 300]], [[50, 50, 50, 50]], [[-20, 0, 1, 100]]):
        assert scene(boxes).marks() == []
        for attack in ATTACKS.values():
            assert np.array_equal(attack(0, scene(boxes), 1), scene().rgb)


def test_overlapping_boxes_are_attacked_once() -> None:
    one, two = scene([[20, 20, 100, 100]]), scene([[20, 20, 100, 100], [20, 20, 100, 100]])
    for what in (1, 2):
        assert np.array_equal(ATTACKS["inversion"](0, one, what), ATTACKS["inversion"](0, two, what))


def test_degrees_are_what_their_units_say() -> None:
    covered = ATTACKS["occlusion"](0, BOXED, 3) != BOXED.rgb
    assert covered.any(axis=2).mean() * 160 * 120 == pytest.approx(0.5 * 70 * 60, rel=0.06)
    tiny = ATTACKS["tiny"](0, BOXED, 3)
    assert tiny.shape[1] == round(160 * 48 / 70)
    assert ATTACKS["tiny"](0, BOXED, 1) is BOXED.rgb, "a mark of 70 px is not enlarged to 96"
    cut = ATTACKS["crop"](0, BOXED, 3)
    assert cut.shape[:2] in {(120, 160 - 75), (120, 75), (60, 160)}
    assert np.array_equal(ATTACKS["mirror"](0, BOXED, 2), BOXED.rgb[:, ::-1])
    assert np.array_equal(ATTACKS["rotation"](0, BOXED, 5), BOXED.rgb[::-1, ::-1])
    assert ATTACKS["rotation"](0, BOXED, 4).shape == (160, 120, 3)
    width = ATTACKS["perspective"](0, BOXED, 3).shape[1]
    assert width == pytest.approx(160 * np.cos(np.deg2rad(50)), rel=0.2)


@quick
@given(
    low=st.tuples(st.floats(-50, 170), st.floats(-50, 130)), size=st.tuples(st.floats(0, 200), st.floats(0, 200)),
    name=st.sampled_from(sorted(ATTACKS)),
)  # fmt: skip
def test_any_box_can_be_attacked(low: tuple[float, float], size: tuple[float, float], name: str) -> None:
    one = scene([[*low, low[0] + size[0], low[1] + size[1]]])
    after = ATTACKS[name](0, one, len(ATTACKS[name].degrees))
    assert after.dtype == np.uint8
    assert min(after.shape[:2]) >= 1


# -- pictures without a brand


def test_patterns_take_turns_and_are_seeded(words: Any) -> None:
    assert list(negatives.pictures(0, 1, words)) == []
    made = list(negatives.pictures(9, 1, words))
    assert [kind for kind, _ in made] == list(negatives.KINDS)
    again, other = (list(negatives.pictures(2, seed, words)) for seed in (1, 2))
    assert np.array_equal(made[1][1], again[1][1])
    assert not np.array_equal(made[1][1], other[1][1])
    for _, rgb in made:
        assert rgb.dtype == np.uint8
        assert rgb.shape == (480, 480, 3)


@pytest.mark.parametrize("kind", negatives.KINDS)
def test_every_kind_draws_something(kind: str, words: Any) -> None:
    for seed in range(4):
        cover = negatives.KINDS[kind](np.random.default_rng(seed), 96, words)
        assert cover.dtype == np.float32
        assert cover.shape == (96, 96)
        assert 0 <= cover.min() <= cover.max() <= 1
        assert cover.std() > 0.02
    made = negatives.picture(np.random.default_rng(0), kind, words, Materials(np.random.default_rng(0)))
    assert made.dtype == np.uint8


def test_registered_names_are_not_drawn(words: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    real = draw_name

    def noted(name: str, font: str) -> Any:
        drawn.append(name)
        return real(name, font)

    monkeypatch.setattr(negatives, "draw_name", noted)
    spellings = iter(["a b-c", "Abc", "Kolvex"])
    negatives._written(np.random.default_rng(0), 96, words, lambda: next(spellings))
    assert drawn == ["a b-c", "Abc", "Kolvex"], "the first two are ABC and were drawn again"
    with pytest.raises(ValueError, match=r"words\.fonts: expected one font file or more, got none"):
        negatives.Words(())


# -- titles


@pytest.mark.parametrize("attack", TITLE_ATTACKS, ids=lambda a: a.name)
def test_a_name_is_attacked_in_degrees(attack: Any) -> None:
    assert attack("x", "Samsonite", 0) == "Samsonite"
    changed = [attack("x", "Samsonite", s) for s in range(len(attack.degrees) + 1)]
    assert len(set(changed)) == len(changed)
    assert changed == [attack("x", "Samsonite", s) for s in range(len(attack.degrees) + 1)]
    with pytest.raises(ValueError, match="severity: expected 0 to"):
        attack("x", "Samsonite", -1)


def test_degrees_of_names_are_what_their_units_say() -> None:
    by_name = {attack.name: attack for attack in TITLE_ATTACKS}
    assert by_name["mixed case"]("x", "Samsonite", 4) == "sAMSONITE"
    assert by_name["leet"]("x", "Zzz Brrw", 4) not in (None, "Zzz Brrw")
    assert by_name["leet"]("x", "Mmm", 4) is None, "no digit is like an m"
    assert by_name["misspelling"]("x", "Puma", 1) is None, "too short"
    spaced = by_name["spacing"]("x", "Samsonite", 4)
    assert spaced is not None
    assert len(spaced) == 17
    for s, steps in ((1, 1), (2, 2), (3, 3)):
        spelt = (by_name["misspelling"]("y", "Samsonite", s) or "").lower()
        assert OSA.distance(spelt, "samsonite") == steps


def test_what_titles_show() -> None:
    figures = on_titles(30, 0)
    for content in figures.values():
        first = content["severities"][0]
        assert (first["degree"], first["n"], first["found"], first["flagged"]) == (None, 30, 1.0, 0.0)
    found = [row["found"] for row in figures["misspelling"]["severities"]]
    assert found == sorted(found, reverse=True)
    assert min(row["found"] for row in figures["spacing"]["severities"]) > 0.8
    assert on_titles(0, 0)["leet"]["severities"][1]["found"] is None


# -- figures


def test_recall_counts_every_photo_and_kept_those_found_untouched() -> None:
    none = (False, False, False)
    untouched = [
        Shown((True, True, False), none),
        Shown((True, False, True), (True, True, False), "B"),
        *[Shown(none, none)] * 2,
    ]
    figures = recall(untouched, untouched)
    assert [figures[k] for k in ("n", "all", "logo", "text", "kept", "other")] == [4, 0.5, 0.25, 0.25, 1.0, 0.25]
    figures = recall([Shown(none, none), *untouched[1:3], Shown((True, True, False), none)], untouched)
    assert figures["all"] == 0.5, "one is lost, another found"
    assert figures["kept"] == 0.5
    assert figures["all_ci"][0] <= 0.5 <= figures["all_ci"][1]
    assert recall([], [])["all"] is None


def test_wilson_interval_of_no_events_has_a_positive_upper_bound() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    low, high = wilson(0, 100)
    assert low == 0.0
    assert high == pytest.approx(0.037, abs=1e-3)
    low, high = wilson(50, 100)
    assert low == pytest.approx(0.404, abs=1e-3)
    assert high == pytest.approx(0.596, abs=1e-3)


def test_interrupted_run_resumes(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    kept = ResultLog(path, "stamp")
    one = Shown((True, False, False), (True, False, True), "Bolt")
    kept[kept.key("a.jpg", "blur", 0.1)] = one
    with path.open("a") as file:
        file.write('["torn", [tr')
    again = ResultLog(path, "stamp")
    assert again[again.key("a.jpg", "blur", 0.1)] == one
    assert again[again.key("a.jpg", "blur", 0.2)] is None
    other = ResultLog(path, "of another register")
    assert other[other.key("a.jpg", "blur", 0.1)] is None


ACME, BOLT = quarters(RED, GREEN, BLUE, YELLOW), quarters(YELLOW, BLUE, RED, RED)


def _run(tmp_path: Path, photos: dict[str, Rgb]) -> Any:
    encoder, detector = FakeEncoder(), FakeDetector()
    index = LogoIndex(encoder)
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)])])
    calibration = MatchCalibration(
        encoder.info.fingerprint, detector.fingerprint, -40.0, 45.0, 0.0, 0.0, 0.0, threshold=0.5, fitted_on="a test"
    )
    scanner = Scanner(index, encoder=encoder, detector=detector, ocr=FakeOcr(), calibration=calibration)
    for name, rgb in photos.items():
        Image.fromarray(rgb).save(tmp_path / name)
    shown = [Photo(tmp_path / name, frozenset({"Acme"})) for name in photos]
    return Run(index, frozenset({"Acme", "Bolt"}), scanner, shown, {"ocr": "fake"})


def test_evasion_run_with_fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = _run(tmp_path, {"a.png": photo_of(ACME), "b.png": photo_of(ACME), "none.png": photo_of(None)})
    monkeypatch.setattr("benchmarks.robustness.evasion.prepare", lambda **_: run)
    monkeypatch.setattr(negatives, "SIDE_PX", 96)
    (tmp_path / "labels.csv").write_text("file,brand\n")
    (tmp_path / "boxes.csv").write_text("file,brand,x0,y0,x1,y1\na.png,Acme,24,14,56,46\nb.png,Acme,24,14,56,46\n")
    out, keep, plots = tmp_path / "out.json", tmp_path / "kept.jsonl", tmp_path / "plots"
    arguments = [
        "--images", tmp_path, "--labels", tmp_path / "labels.csv", "--gallery", tmp_path, "--boxes",
        tmp_path / "boxes.csv", "--attack", "inversion", "--attack", "mirror", "--patterns", 9, "--titles", 3,
        "--plots", plots, "--keep", keep, "--json", out,
    ]  # fmt: skip
    first = CliRunner().invoke(evasion, list(map(str, arguments)))
    assert first.exit_code == 0, first.output
    result = json.loads(out.read_text())
    assert (result["n"], result["brands"], result["threshold"]) == (3, 2, 0.5)
    inverted = result["photos"]["inversion"]["severities"]
    assert [row["degree"] for row in inverted] == [None, "lightness", "mark", "photo"]
    assert [row["all"] for row in inverted] == [0.6667, 0.0, 0.0, 0.0], "two of three show it, and not in other colours"
    assert [row["kept"] for row in inverted] == [1.0, 0.0, 0.0, 0.0]
    assert [row["text"] for row in inverted] == [0.0] * 4
    assert result["patterns"]["every"]["n"] == 9
    assert sum(row["n"] for row in result["patterns"]["by_kind"].values()) == 9
    for name in ("evasion.png", "evasion_titles.png"):
        with Image.open(plots / name) as picture:
            assert picture.width > 600
    assert (
        "| inversion | what is inverted: none / lightness / mark / photo | 0.67 / 0.00"
        in (plots / "evasion.md").read_text()
    )

    def looked(images: Any) -> Any:
        raise AssertionError("everything is kept")

    monkeypatch.setattr(run.scanner, "features", looked)
    again = CliRunner().invoke(evasion, [*map(str, arguments), "--titles", "0"])
    assert again.exit_code == 0, again.output
    assert json.loads(out.read_text())["photos"] == result["photos"]


def test_a_run_needs_a_threshold_and_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels.csv").write_text("file,brand\n")
    places = ["--images", tmp_path, "--labels", tmp_path / "labels.csv", "--gallery", tmp_path]
    arguments = list(map(str, [*places, "--json", tmp_path / "out.json"]))
    monkeypatch.setattr("benchmarks.robustness.evasion.prepare", lambda **_: _run(tmp_path, {}))
    run = CliRunner().invoke(evasion, arguments)
    assert run.exit_code == 1
    assert "no photo shows a brand of the index" in run.output
