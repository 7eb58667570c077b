"""Encoders: the contract on the bundled tower, on a small CLIP and on the fake; where weights come from; precision."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from contracts import EncoderContract
from fakes import BLUE, GREEN, RED, WHITE, FakeEncoder, lettering, quarters

from logoscan.errors import CorruptFileError, DeviceError, InputError, LogoscanError
from logoscan.index.logo_images import load_logo
from logoscan.index.logo_index import LogoIndex
from logoscan.index.renderings import renderings
from logoscan.runtime import resolve_device
from logoscan.types import Embeddings, Rgb
from logoscan.vision import encoder as encode
from logoscan.vision import weights
from logoscan.vision.encoder import ClipEncoder, Encoder, encode_crops, encode_images

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
TINY: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
"""CLIP at its smallest: 0.9 million numbers, most of them for its vocabulary."""


def tiny_clip(seed: int = 0) -> Any:
    """A network of open_clip's own class with random weights; restores torch's random state."""
    import torch
    from open_clip.model import CLIP

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CLIP(**TINY).eval()


def write_clip(folder: Path, model: Any, *, mean: tuple[float, ...] = MEAN) -> Path:
    """A folder as open_clip's `local-dir:` reads it."""
    from safetensors.torch import save_file

    folder.mkdir()
    config = {"model_cfg": TINY, "preprocess_cfg": {"mean": mean, "std": STD}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "tiny", tiny_clip())


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> ClipEncoder:
    return ClipEncoder(tiny_folder, device="cpu", precision="fp32")


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[str]:
    """The small CLIP's name among open_clip's; open_clip's table is put back afterwards."""
    from open_clip import factory

    path = tmp_path / "tiny-test-clip.json"
    path.write_text(json.dumps(TINY))
    paths, configs = list(factory._MODEL_CONFIG_PATHS), dict(factory._MODEL_CONFIGS)
    factory.add_model_config(path)
    yield path.stem
    factory._MODEL_CONFIG_PATHS[:] = paths
    factory._MODEL_CONFIGS.clear()
    factory._MODEL_CONFIGS.update(configs)


@pytest.fixture
def copied_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the bundled models that may be spoilt."""
    source, copy = weights.folder(), tmp_path / "weights"
    copy.mkdir()
    for path in source.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(weights, "folder", lambda: copy)
    weights._manifest.cache_clear()
    yield copy
    weights._manifest.cache_clear()


class TestBundledTower(EncoderContract):
    @pytest.fixture
    def encoder(self, clip: ClipEncoder) -> Encoder:
        return clip


class TestTinyClip(EncoderContract):
    @pytest.fixture
    def encoder(self, tiny: ClipEncoder) -> Encoder:
        return tiny


class TestFakeEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self) -> Encoder:
        return FakeEncoder()


# -- crops and pictures


def test_crops_of_many_images_are_encoded_in_one_call() -> None:
    class Counting(FakeEncoder):
        calls = 0

        def encode_pixels(self, pixels: Rgb) -> Embeddings:
            self.calls += 1
            return super().encode_pixels(pixels)

    encoder = Counting()
    pictures = [quarters(RED, GREEN, BLUE, WHITE), quarters(WHITE, RED, WHITE, RED, side_px=50)]
    boxes = [np.array([[0, 0, 32, 32], [0, 0, 16, 16]], np.float32), np.zeros((0, 4), np.float32)]
    first, second = encode_crops(encoder, pictures, boxes)
    assert encoder.calls == 1
    assert first.shape == (2, 13)
    assert second.shape == (0, 13)
    # the second box is the red quarter alone: all four quarters of its square are red
    np.testing.assert_allclose(first[1, :12].reshape(4, 3), np.tile(first[1, :3], (4, 1)), atol=1e-5)
    np.testing.assert_allclose(first[0], encode_images(encoder, pictures[:1])[0], atol=0.02)
    assert encode_crops(encoder, [], []) == []
    both = encode_crops(encoder, pictures, boxes, [1, 0])
    turned = encode_crops(encoder, [np.ascontiguousarray(pictures[0][:, ::-1])], [boxes[0][:1]])[0]
    np.testing.assert_allclose(both[0], np.concatenate([first, turned]), atol=1e-5)
    assert both[1].shape == (0, 13)
    assert encode_images(encoder, []).shape == (0, 13)


# -- the bundled tower


def test_the_bundled_tower_is_what_its_row_says(clip: ClipEncoder) -> None:
    row = weights.rows()[weights.ENCODER]
    assert clip.info.dim == row.embed_dim == 1024
    assert (clip.info.name, clip.info.weights_sha256) == (row.name, row.sha256)
    assert clip.info.preprocessing == row.preprocessing
    assert (clip.device, clip.precision) == ("cpu", "fp32")


def test_bundled_encoder_ranks_similar_logos_first(clip: ClipEncoder, samples: Path) -> None:
    """Each logo image is nearest to its own turned and blurred copy: the weights are those of a trained network."""
    from PIL import Image, ImageFilter

    paths = sorted((samples / "brands").glob("*/logo.svg"))
    drawings = [renderings(load_logo(path)[0])[0].rgb for path in paths]
    turned = [Image.fromarray(d).rotate(8, fillcolor=(255, 255, 255)) for d in drawings]
    worn = [image.filter(ImageFilter.GaussianBlur(2)) for image in turned]
    likeness = encode_images(clip, drawings) @ encode_images(clip, [np.asarray(w) for w in worn]).T
    assert len(paths) == 6
    assert likeness.diagonal().min() > likeness[~np.eye(6, dtype=bool)].max() + 0.2


def test_open_clip_loads_the_folder_and_gives_the_same_vectors(clip: ClipEncoder, samples: Path) -> None:
    """By its own loader, preprocessing and tokenizer, once timm knows the trunk: `weights/` holds a complete CLIP."""
    import open_clip
    import torch
    from PIL import Image

    import logoscan.vision.level_trunk  # noqa: F401

    name = f"local-dir:{weights.folder()}"
    model, preprocess = open_clip.create_model_from_pretrained(name, return_transform=True)
    spell = open_clip.get_tokenizer(name, bpe_path=str(weights.folder() / "bpe.txt.gz"))
    squares = [renderings(load_logo(path)[0])[0].rgb for path in sorted((samples / "brands").glob("*/logo.svg"))]
    texts = ["JBL", "New Balance", "kodak 35"]
    with torch.inference_mode():
        pictures = model.eval().encode_image(torch.stack([preprocess(Image.fromarray(s)) for s in squares]))
        words = model.encode_text(spell(texts), normalize=True).numpy()
    pictures = torch.nn.functional.normalize(pictures, dim=1).numpy()
    assert (encode_images(clip, squares) * pictures).sum(axis=1).min() > 0.9999
    assert clip.has_text
    assert (clip.encode_text(texts) * words).sum(axis=1).min() > 0.9999


def test_the_bundled_text_tower_reads_wordmarks(clip: ClipEncoder) -> None:
    names = ["Kodak", "Polaroid", "Gantex", "Momiru", "Zefal", "Brunsik"]
    pictures = [lettering(name, size=(60 + 26 * len(name), 70)) for name in names]
    likeness = encode_images(clip, pictures) @ clip.encode_text(names).T
    # four of six; chance is one. It reads poorly, see the README
    assert (likeness.argmax(axis=1) == np.arange(len(names))).mean() >= 0.5


def test_encoder_without_text_tower_is_reported(clip: ClipEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "_text_tower", None)
    assert not clip.has_text
    with pytest.raises(LogoscanError, match=f"encoder {clip.info.name} has no text tower"):
        clip.encode_text(["a logo"])


def test_the_bundled_tower_takes_no_tag() -> None:
    with pytest.raises(InputError, match="pretrained: expected None with the bundled model, got 'openai'"):
        ClipEncoder(pretrained="openai", device="cpu")


@pytest.mark.parametrize("spoil", ["flip", "truncate", "remove"])
def test_altered_weights_are_refused(copied_weights: Path, spoil: str) -> None:
    path = copied_weights / weights.rows()[weights.ENCODER].file
    data = bytearray(path.read_bytes())
    if spoil == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif spoil == "truncate":
        path.write_bytes(data[:-1])
    else:
        path.unlink()
    with pytest.raises(CorruptFileError, match=path.name):
        ClipEncoder(device="cpu")


# -- devices and precision


def test_auto_device_takes_what_is_available(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import torch

    for present, expected in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda present=present: present)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch, "zeros", lambda *_, **__: None)
        with caplog.at_level(logging.INFO, logger="logoscan"):
            assert resolve_device("auto") == expected
        assert f"device auto: {expected}" in caplog.messages
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert resolve_device("auto") == resolve_device("cuda") == "cuda:1"
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "no-such-device"])
def test_missing_named_device_is_an_error(device: str) -> None:
    import torch

    if device != "no-such-device" and torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(DeviceError, match=f"device: expected one that can be had, got '{device}'"):
        ClipEncoder(device=device)


@pytest.mark.parametrize(
    ("cosine", "precision", "alike"),
    [(1.0, "bf16", True), (0.999, "bf16", True), (0.99, "bf16", False), (0.999, "fp16", True), (0.995, "fp16", False)],
)
def test_vectors_in_half_precision_must_point_where_those_in_fp32_do(
    cosine: float, precision: Literal["bf16", "fp16"], alike: bool
) -> None:
    angle = float(np.arccos(cosine))
    reference, given = np.array([[1.0, 0.0]] * 3), np.array([[np.cos(angle), np.sin(angle)]] * 3)
    assert encode._vectors_agree([reference], [given], precision) is alike
    assert encode._vectors_agree([reference], [reference], "fp32")
    assert not encode._vectors_agree([reference], [reference * np.nan], "fp32")


def test_bf16_on_request(tiny: ClipEncoder, tiny_folder: Path) -> None:
    coarse = ClipEncoder(tiny_folder, device="cpu", precision="bf16")
    pixels = np.random.default_rng(1).integers(0, 256, (6, 32, 32, 3), np.uint8)
    rows, exact = coarse.encode_pixels(pixels), tiny.encode_pixels(pixels)
    assert coarse.precision == "bf16"
    assert (rows * exact).sum(axis=1).min() > 0.99
    assert np.abs(rows - exact).max() > 1e-5, "it ran in fp32"
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="precision: expected auto, fp32, bf16 or fp16, got 'fp8'"):
        ClipEncoder(device="cpu", precision="fp8")  # type: ignore[arg-type]


# -- open_clip


def test_a_local_folder_gives_open_clips_own_vectors(tiny: ClipEncoder) -> None:
    import open_clip
    import torch

    model = tiny_clip()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    plain = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    normalised = (plain - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    tokens = open_clip.SimpleTokenizer(context_length=16)(["a red logo", "für"])
    with torch.inference_mode():
        images = model.encode_image(normalised, normalize=True).numpy()
        texts = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(tiny.encode_pixels(pixels), images, atol=1e-4)
    np.testing.assert_allclose(tiny.encode_text(["a red logo", "für"]), texts, atol=1e-4)
    assert np.abs(texts[0] - texts[1]).max() > 0.01
    assert tiny.encode_text([]).shape == (0, 24)
    assert (tiny.info.name, tiny.info.dim, tiny.info.preprocessing.size_px) == ("tiny", 24, 32)
    assert (tiny.info.preprocessing.mean, tiny.info.preprocessing.std) == (MEAN, STD)


def test_a_checkpoint_under_an_open_clip_name(registered: str, tmp_path: Path) -> None:
    """As for any real name; the smallest of open_clip's own is 170 MB, so a small one is added to its table."""
    import torch
    from safetensors.torch import save_file

    model = tiny_clip(seed=3)
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    encoder = ClipEncoder(registered, tmp_path / "weights.safetensors", device="cpu", precision="fp32", fit="context")
    pixels = np.random.default_rng(2).integers(0, 256, (3, 32, 32, 3), np.uint8)
    row = encoder.info.preprocessing
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (row.mean, row.std))
    with torch.inference_mode():
        tensor = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std
        expected = model.encode_image(tensor, normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_pixels(pixels), expected, atol=1e-4)
    assert encoder.info.name == f"{registered}/weights.safetensors"
    assert encoder.info.preprocessing.fit == "context"
    assert encoder.encode_text(["x"]).shape == (1, 24)


def test_a_folder_brings_its_own_weights(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="pretrained: expected None with a folder"):
        ClipEncoder(tiny_folder, "checkpoint.pt", device="cpu")
    monkeypatch.chdir(tiny_folder)
    assert ClipEncoder(".", device="cpu", precision="fp32").info.name == "tiny"


def test_without_a_tokenizer_there_are_images_but_no_names(
    tiny: ClipEncoder, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import open_clip

    def missing(*_: object, **__: object) -> None:
        raise ImportError("No module named 'transformers'")

    monkeypatch.setattr(open_clip, "get_tokenizer", missing)
    encoder = ClipEncoder(tiny_folder, device="cpu", precision="fp32")
    assert encoder.info == tiny.info
    assert not encoder.has_text
    assert "no search for names (No module named 'transformers')" in caplog.text
    with pytest.raises(LogoscanError, match="no text tower"):
        encoder.encode_text(["x"])


def test_a_model_with_a_text_tower_of_its_own_class(tmp_path: Path) -> None:
    """As SigLIP's: its towers are apart, and its length of a vector stands nowhere."""
    import open_clip
    import torch

    custom = {
        "embed_dim": 20, "custom_text": True, "text_cfg": TINY["text_cfg"],
        "vision_cfg": {"timm_model_name": "test_convnext", "timm_pool": "avg", "timm_proj": "linear", "image_size": 32},
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.model.CustomTextCLIP(custom["embed_dim"], custom["vision_cfg"], custom["text_cfg"]).eval()
    folder = write_clip(tmp_path / "custom", model)
    config = {"model_cfg": custom, "preprocess_cfg": {"mean": MEAN, "std": STD}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    encoder = ClipEncoder(folder, device="cpu", precision="fp32")
    assert encoder.info.dim == 20
    assert encoder.encode_pixels(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2, 20)
    assert encoder.encode_text(["a"] * 300).shape == (300, 20)


def test_the_fingerprint_follows_weights_and_row(tiny: ClipEncoder, tiny_folder: Path, tmp_path: Path) -> None:
    again = ClipEncoder(f"local-dir:{tiny_folder}", device="cpu", precision="fp32")
    assert again.info == tiny.info
    other = ClipEncoder(write_clip(tmp_path / "other", tiny_clip(seed=1)), device="cpu", precision="fp32")
    shifted = ClipEncoder(write_clip(tmp_path / "tiny", tiny_clip(), mean=(0.5, 0.5, 0.5)), device="cpu")
    squeezed = ClipEncoder(tiny_folder, device="cpu", precision="fp32", fit="squeeze")
    prints = {e.info.fingerprint for e in (tiny, other, shifted, squeezed)}
    assert len(prints) == 4
    with pytest.raises(LogoscanError, match="register the logos again"):
        LogoIndex(tiny).require(shifted.info)


def test_a_name_needs_weights(registered: str) -> None:
    with pytest.raises(InputError, match=f"pretrained: expected a tag or a checkpoint .* '{registered}', got None"):
        ClipEncoder(registered, device="cpu")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"model: expected a folder or one of open_clip\.list_models\(\), got 'ViT-Z'"):
        ClipEncoder("ViT-Z", "openai", device="cpu")


def test_an_unknown_tag_is_refused(registered: str) -> None:
    with pytest.raises(InputError, match=f"pretrained: expected .* for '{registered}', got 'no-such-tag'"):
        ClipEncoder(registered, "no-such-tag", device="cpu")


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model: expected a folder with open_clip_config\.json"):
        ClipEncoder(tmp_path, device="cpu")


def test_a_folder_without_its_weights_gives_no_random_network(tmp_path: Path) -> None:
    folder = write_clip(tmp_path / "bare", tiny_clip())
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(CorruptFileError, match="bare: cannot be loaded"):
        ClipEncoder(folder, device="cpu")


@pytest.mark.parametrize("spoil", ["one tower", "truncated", "another shape", "garbage"])
def test_spoilt_weights_are_refused(tmp_path: Path, spoil: str) -> None:
    from safetensors.torch import save_file

    folder, model = tmp_path / "spoilt", tiny_clip()
    write_clip(folder, model)
    path = folder / "open_clip_model.safetensors"
    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    if spoil == "one tower":
        save_file({k: v for k, v in tensors.items() if k.startswith("visual.")}, path)
    elif spoil == "another shape":
        save_file({**tensors, "visual.proj": tensors["visual.proj"][:, :-1].contiguous()}, path)
    elif spoil == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.write_bytes(b"no tensors at all")
    with pytest.raises(CorruptFileError, match="spoilt: cannot be loaded"):
        ClipEncoder(folder, device="cpu")


def test_pickles_are_not_opened(registered: str, tiny_folder: Path, tmp_path: Path) -> None:
    """Not even where open_clip would prefer one to the safetensors beside it."""
    trap = f"cos\nsystem\n(S'touch {tmp_path / 'ran'}'\ntR."
    (tmp_path / "weights.pt").write_text(trap)
    with pytest.raises(InputError, match=r"pretrained: expected weights in safetensors, got .*weights\.pt"):
        ClipEncoder(registered, tmp_path / "weights.pt", device="cpu")
    folder = tmp_path / "folder"
    shutil.copytree(tiny_folder, folder)
    (folder / "open_clip_model.safetensors").rename(folder / "mine.safetensors")
    (folder / "open_clip_pytorch_model.bin").write_text(trap)
    with pytest.raises(InputError, match=r"model: expected weights in safetensors, got .*open_clip_pytorch_model\.bin"):
        ClipEncoder(folder, device="cpu")
    (folder / "mine.safetensors").rename(folder / "open_clip_model.safetensors")
    assert ClipEncoder(folder, device="cpu", precision="fp32").info.dim == 24
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"nothing", b"PK\x03\x04nothing", b"\x80\x02}q\x00."])
def test_invalid_checkpoint_is_refused(registered: str, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(CorruptFileError, match=rf"{registered}/bad\.safetensors: cannot be loaded"):
        ClipEncoder(registered, tmp_path / "bad.safetensors", device="cpu")


@pytest.mark.parametrize("config", ["", "{}", '{"model_cfg": {"embed_dim": 8}}', '{"model_cfg": {"nonsense": 1}}'])
def test_invalid_configuration_is_refused(tmp_path: Path, config: str) -> None:
    folder = write_clip(tmp_path / "odd", tiny_clip())
    (folder / "open_clip_config.json").write_text(config)
    with pytest.raises(CorruptFileError, match="odd: cannot be loaded"):
        ClipEncoder(folder, device="cpu")


def test_the_callers_logging_is_left_alone(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """open_clip calls `logging.info`, which puts a handler on a root logger that has none."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    ClipEncoder(tiny_folder, device="cpu", precision="fp32")
    assert root.handlers == []
    logging.info("as open_clip does")
    assert len(root.handlers) == 1
