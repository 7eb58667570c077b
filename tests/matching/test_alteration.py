"""The alteration check: what it is shown, its file, its recipe. How well it judges is measured, not asserted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.marks import crop_of, flag
from builders.training import font_file, make_composer, stream_here
from click.testing import CliRunner
from fakes import FakeEncoder
from safetensors.torch import load_file, save_file

from logoscan._hashing import file_sha256
from logoscan.errors import CorruptFileError, InputError
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.alignment import align
from logoscan.matching.alteration import CROP_PX, KINDS, AlterationCheck, align_forms, crop_match
from logoscan.matching.alteration_features import (
    N_FEATURES,
    PLANE_PX,
    alteration_features,
    comparison_planes,
    difference_features,
)
from logoscan.matching.alteration_net import build
from logoscan.scan.scanner import Scanner
from logoscan.training.__main__ import main
from logoscan.training.alterations import (
    ORDER,
    Examples,
    Pairs,
    align_pairs,
    compose_pair,
    concatenate,
    judge,
    stream_pairs,
    threshold,
    train_alterations,
    write_check,
)
from logoscan.training.icon_files import save as save_drawings
from logoscan.training.materials import backgrounds_from_arrays, save_backgrounds
from logoscan.training.model_files import bundle
from logoscan.types import Brand, Match
from logoscan.vision import weights
from logoscan.vision.tiles import WholeImage


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> AlterationCheck:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("check") / "check.safetensors"
    write_check(build().eval(), path, 0.4)
    return AlterationCheck(path)


def aligned(mirror: bool) -> np.ndarray:
    crop = crop_of(np.ascontiguousarray(flag()[:, ::-1]) if mirror else flag())
    found = align(crop, flag())
    assert found is not None
    return alteration_features(crop, flag(), found)


@pytest.mark.parametrize("mirror", [False, True])
def test_alteration_features_of_a_whole_logo(mirror: bool) -> None:
    numbers = aligned(mirror)
    assert numbers.shape == (N_FEATURES,)
    assert numbers.dtype == np.float32
    assert numbers[0] > 0.9
    assert (numbers[1] < -0.3) == mirror
    assert (numbers[1] > 0.3) != mirror
    assert numbers[2] == pytest.approx(0, abs=0.08)
    assert numbers[4] > 0.8  # the drawing's edges are there


def test_alteration_features_of_a_missing_part() -> None:
    whole = crop_of(flag())
    part = whole.copy()
    part[:, 64:] = whole[2, 2]  # the right half is gone
    found = align(whole, flag())
    assert found is not None
    numbers, less = (difference_features(comparison_planes(c, flag(), found)) for c in (whole, part))
    assert less[0] < numbers[0] - 0.2  # of all edges
    assert less[2] < 0.1 < numbers[2]  # in the worst quarter
    ends = slice(26, 34)
    assert less[ends].min() < 0.15 < numbers[ends].min()


def test_alteration_features_are_symmetric() -> None:
    """A mirror image of logo image and crop gives the numbers of both."""
    rng = np.random.default_rng(2)
    pair = np.asarray(rng.integers(0, 256, (7, PLANE_PX, PLANE_PX)), np.uint8)
    pair[6] = 0
    pair[6, 10:40, 8:50] = 255
    flipped = np.ascontiguousarray(pair[:, :, ::-1])
    np.testing.assert_allclose(difference_features(pair), difference_features(flipped), rtol=0.06, atol=0.06)


def test_invalid_logo_image_is_refused(check: AlterationCheck) -> None:
    for drawing in (np.zeros((40, 40, 3), np.uint8), np.zeros((0, 0, 4), np.uint8), np.zeros((9, 9, 4), np.uint8)):
        with pytest.raises(InputError, match="logo_image: expected"):
            check.check(crop_of(flag()), drawing)


def test_a_figure_printed_without_its_badge_is_laid_as_a_figure() -> None:
    badge = np.zeros((128, 128, 4), np.uint8)
    badge[..., 3] = 255
    badge[..., :3] = (20, 120, 40)
    figure = flag()[..., 3] > 127
    rows = np.linspace(0, figure.shape[0] - 1, 76).astype(int)
    columns = np.linspace(0, figure.shape[1] - 1, 76).astype(int)
    badge[26:102, 26:102, :3][figure[np.ix_(rows, columns)]] = 255
    crop = np.full((128, 128, 3), 220, np.uint8)
    crop[badge[..., :3].min(2) > 200] = (200, 30, 40)
    form, alignment = align_forms(crop, badge) or (badge, None)
    assert alignment is not None
    assert alignment.correlation > 0.8
    assert form[..., 3].mean() < 0.5 * badge[..., 3].mean()
    whole, _ = align_forms(np.ascontiguousarray(badge[..., :3]), flag()) or (badge, None)
    np.testing.assert_array_equal(whole, flag())


def test_kinds_are_probabilities(check: AlterationCheck) -> None:
    found = check.check(crop_of(flag()), flag())
    assert found is not None
    assert tuple(found.kinds) == KINDS
    assert check.threshold == 0.4
    assert sum(found.kinds.values()) == pytest.approx(1, abs=1e-5)
    assert found.altered == pytest.approx(1 - found.kinds["faithful"])


def test_matched_region_is_cropped_with_context() -> None:
    photo = np.full((400, 600, 3), 230, np.uint8)
    photo[100:228, 300:428] = crop_of(flag())
    crop = crop_match(photo, (300, 100, 428, 228))
    assert crop.shape == (CROP_PX, CROP_PX, 3)
    assert (crop[:, 3] == 230).all()
    assert align(crop, flag()) is not None


def test_scanner_compares_a_match_with_the_registered_logo_image(check: AlterationCheck) -> None:
    encoder = FakeEncoder()
    index = LogoIndex(encoder)
    index.add(Brand("Flag"), [("f.png", flag())])
    scanner = Scanner(index, encoder=encoder, detector=WholeImage(), alterations=check)
    photo = np.full((400, 600, 3), 230, np.uint8)
    photo[100:228, 300:428] = crop_of(flag()[:, ::-1])
    match = Match(0, (300.0, 100.0, 428.0, 228.0), "Flag", "Flag/f.png", 0.9, 0.5, 0.9)
    found = scanner.alteration(photo, match)
    assert found is not None
    assert found.alignment.mirrored
    assert found.outlined().shape == found.crop.shape
    assert (found.outlined() != found.crop).any()
    with pytest.raises(InputError, match="expected a scanner with an AlterationCheck, got alterations=None"):
        Scanner(index, encoder=encoder, detector=WholeImage()).alteration(photo, match)
    index.remove("Flag")
    with pytest.raises(InputError, match=r"logo: expected the identifier of a logo of 'Flag', got 'Flag/f.png'"):
        scanner.alteration(photo, match)


def test_bundled_check_detects_a_mirrored_logo_and_halves_of_it() -> None:
    """How often it errs is measured by `judge-alterations`; a plain flag is no hard case."""
    bundled = AlterationCheck()
    whole = crop_of(flag())
    half = whole.copy()
    half[:, 64:] = whole[2, 2]
    found = [bundled.check(crop, flag()) for crop in (whole, np.ascontiguousarray(whole[:, ::-1]), half)]
    chances = [1.0 if each is None else each.altered for each in found]
    assert chances[0] < bundled.threshold
    assert min(chances[1:]) > bundled.threshold


def test_a_checked_network_is_bundled_with_its_row(check: AlterationCheck, tmp_path: Path) -> None:
    made, folder = tmp_path / "made.safetensors", tmp_path / "weights"
    folder.mkdir()
    shutil.copy(weights.folder() / "manifest.json", folder)
    before = (folder / "manifest.json").read_bytes()
    made.write_bytes(b"no network")
    for name in (weights.ALTERATIONS, weights.DETECTOR):
        with pytest.raises(CorruptFileError, match=r"made\.safetensors: expected"):
            bundle(name, made, folder, 64)
    assert (folder / "manifest.json").read_bytes() == before
    assert [p.name for p in folder.iterdir()] == ["manifest.json"]
    write_check(build(), made, 0.4)
    target = bundle(weights.ALTERATIONS, made, folder, PLANE_PX)
    rows = json.loads((folder / "manifest.json").read_text())["models"]
    (row,) = (r for r in rows if r["name"] == weights.ALTERATIONS)
    assert (row["file"], row["sha256"]) == (target.name, file_sha256(made))
    assert AlterationCheck(target).threshold == 0.4


def test_region_at_the_edge_of_a_strip_is_not_squeezed() -> None:
    strip = np.full((128, 700, 3), 230, np.uint8)
    strip[:, 300:428] = crop_of(flag())
    found = align(crop_match(strip, (264.0, 0.0, 464.0, 128.0)), flag())
    assert found is not None
    assert found.stretch == pytest.approx(1.0, abs=0.1)


def test_a_file_that_is_no_check_is_refused(tmp_path: Path) -> None:
    torn, other, part = tmp_path / "torn", tmp_path / "other", tmp_path / "part"
    write_check(build(), part, 0.4)
    torn.write_bytes(part.read_bytes()[:500])
    save_file({"a": torch.zeros(2)}, str(other))
    tensors = load_file(str(part))
    tensors.pop("layers.1.weight")
    save_file(tensors, str(part), {"alterations": '{"threshold": 0.4}'})
    for path in (torn, other, part, tmp_path / "none"):
        with pytest.raises(CorruptFileError, match=path.name):
            AlterationCheck(path)


def test_pairs_are_what_their_kind_says() -> None:
    made = make_composer(fonts=(font_file(),))
    for kind in range(len(KINDS)):
        pair = compose_pair(made, kind, words=1.0 if kind == 0 else 0.0)
        assert pair.kind == kind
        assert pair.crop.shape == (128, 128, 3)
        assert pair.logo_image[..., 3].any()


def test_a_pair_is_made_again_from_its_seed() -> None:
    one, two = (Pairs(make_composer, 3, 0.0)() for _ in range(2))
    a, b = one().numbers, two().numbers
    assert np.abs(a - b).mean() < 0.01  # vectorised sums may round another way in other memory


def test_examples_come_half_faithful_from_another_process() -> None:
    found = concatenate(stream_pairs(make_composer, 5, 0.0, 12))
    assert len(found) <= 12
    assert (found.kinds == 0).mean() == pytest.approx(0.5, abs=0.2)


def test_training_learns_what_it_is_shown_and_judge_counts_it() -> None:
    numbers = [aligned(mirror) for mirror in (False, True)]
    both = Examples(np.stack(numbers * 8), np.array([0, 1] * 8, np.int64), np.zeros(0, np.int64))
    net = train_alterations(both, rounds=40)
    least = threshold(net, both)
    figures = judge(net, both, least)
    assert figures == {"told": 1.0, "faithful": pytest.approx(0, abs=0.05), "mirrored": 1.0}
    assert judge(net, both, 1.0) == {"told": 0.0, "faithful": 0.0, "mirrored": 0.0}


def test_every_kind_comes_in_turn() -> None:
    found = align_pairs(compose_pair(make_composer(), kind) for kind in ORDER)
    assert set(found.kinds.tolist()) <= set(range(len(KINDS)))
    assert len(found) >= 4


def test_the_command_trains_judges_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.training.alterations.stream", stream_here)
    for name in ("drawings", "drawings-calibration"):
        save_drawings(make_composer().icons, tmp_path / name)
    save_backgrounds(backgrounds_from_arrays([]), tmp_path / "backgrounds")
    fonts, target = tmp_path / "fonts", tmp_path / "check.safetensors"
    fonts.mkdir()
    shutil.copy(font_file(), fonts / "one.ttf")
    sizes = ["--pairs", "12", "--judged", "12", "--rounds", "1"]
    run = CliRunner().invoke(main, ["alterations", str(target), "--work", str(tmp_path), "--fonts", str(fonts), *sizes])
    assert run.exit_code == 0, run.output
    assert {"threshold", "told", "faithful"} <= set(json.loads(run.stdout.splitlines()[-1]))
    assert AlterationCheck(target).check(crop_of(flag()), flag()) is not None
    judged = ["judge-alterations", str(target), "--work", str(tmp_path), "--fonts", str(fonts), "--judged", "12"]
    again = CliRunner().invoke(main, judged)
    assert again.exit_code == 0, again.output
    figures = json.loads(again.stdout.splitlines()[-1])
    assert figures["judged"] == 12
    assert 0 <= figures["told"] <= 1
