"""Pictures -> unit vectors: the Encoder protocol and CLIP behind it. Knows nothing of brands.

`ClipEncoder` takes its weights from the bundled model, from any open_clip name, or from a local folder or
checkpoint. open_clip builds every network; preprocessing is our own, because the same squares go to registration and
to search.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np

from logoscan.errors import CorruptFileError, InputError, LogoscanError, MissingDependencyError
from logoscan.images.crops import square_crops
from logoscan.runtime import building_networks, cpu_has_bf16, fast_layout, on_device, resolve_device, staged
from logoscan.types import Boxes, CropFit, Embeddings, EncoderInfo, Preprocessing, Rgb
from logoscan.vision import weights

if TYPE_CHECKING:
    from logoscan.runtime import CpuNetwork

__all__ = ["ClipEncoder", "Encoder", "TextEncoder"]

logger = logging.getLogger(__name__)

_BATCHES = (4, 16, 32)
"""Batch sizes that are ever run; the rest is padding. CPU convolutions are specialised per shape, so few is fast."""
_COMPILED_BATCHES = (4,)
"""The same of OpenVINO, which takes a fifth longer for each square of 32, whose layers leave the cache (one core)."""
_GPU_BATCHES = (128,)
"""The same on a GPU, which is idle with few squares, and takes seconds to begin with another size, see `on_device`."""
BPE_FILE = "bpe.txt.gz"
"""A shorter list of merges for the tokenizer, beside the weights in a folder."""
_FIRST_CHOICE = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
"""What open_clip prefers in a folder; after these it prefers pickles to safetensors of other names."""
_TEXTS = 256
"""Most texts in a batch."""
_MIN_COSINE = 0.995
"""Cosine of a vector in bf16 to the one in fp32 from which bf16 is taken."""
_SAME_COSINE = 0.999
"""From which another runtime of the same precision answers as torch does."""


@runtime_checkable
class Encoder(Protocol):
    """Turns squares of pixels into unit vectors. Row i of the answer depends on row i of the input alone."""

    @property
    def info(self) -> EncoderInfo: ...  # noqa: D102

    @property
    def device(self) -> str: ...  # noqa: D102

    def encode_pixels(self, pixels: Rgb) -> Embeddings:
        """Uint8 (n, S, S, 3) with S = info.preprocessing.size_px -> float32 (n, info.dim), unit rows."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """An encoder that may have a text tower as well."""

    @property
    def has_text(self) -> bool: ...  # noqa: D102

    def encode_text(self, texts: Sequence[str]) -> Embeddings:
        """Texts -> float32 (n, dim), unit rows, in the space of the pictures."""
        ...


def encode_crops(
    encoder: Encoder, images: Sequence[Rgb], boxes: Sequence[Boxes], mirrored: Sequence[int] | None = None
) -> list[Embeddings]:
    """Vectors of boxes of many pictures, encoded together.

    Args:
        encoder: Any.
        images: Pictures, uint8 (H, W, 3).
        boxes: For each picture float32 (n_i, 4).
        mirrored: For each picture how many of its boxes, m_i of the first, are seen in a mirror as well; None: none.

    Returns:
        For each picture float32 (n_i + m_i, dim); what the mirror shows comes last.
    """
    row = encoder.info.preprocessing
    squares = []
    for image, xyxy, also in zip(images, boxes, [0] * len(images) if mirrored is None else mirrored, strict=True):
        cut = square_crops(image, xyxy, row.size_px, row.fit)
        squares.append(np.concatenate([cut, cut[:also, :, ::-1]]))
    if not squares:
        return []
    vectors = encoder.encode_pixels(np.concatenate(squares))
    return np.split(vectors, np.cumsum([len(s) for s in squares])[:-1])


def encode_images(encoder: Encoder, images: Sequence[Rgb]) -> Embeddings:
    """Vectors of whole pictures, made squares as boxes are: float32 (n, dim)."""
    row = encoder.info.preprocessing
    squares = np.zeros((len(images), row.size_px, row.size_px, 3), np.uint8)
    for i, image in enumerate(images):
        full = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        squares[i] = square_crops(image, full, row.size_px, row.fit)[0]
    return encoder.encode_pixels(squares)


class ClipEncoder:
    """A CLIP image tower (and text tower, where the weights have one).

    Thread-safe once built. The numbers depend on the precision that was chosen; `precision` says which.

    Attributes:
        info: What made the vectors; stored with every index.
        device: Where it runs.
        precision: "fp32" or "bf16".
        runtime: "torch" or "openvino", what runs the image tower.
    """

    @building_networks()
    def __init__(
        self,
        model: str | Path | None = None,
        pretrained: str | Path | None = None,
        *,
        device: str = "auto",
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        fit: CropFit = "pad",
        runtime: Literal["auto", "torch", "openvino"] = "auto",
    ) -> None:
        """Load a model.

        Args:
            model: None for the bundled model; a folder with `open_clip_config.json` and safetensors; or a name of
                open_clip.
            pretrained: With an open_clip name: a tag (open_clip downloads it if it is not cached) or safetensors.
            device: "auto", "cpu", "cuda", "cuda:1", ...
            precision: "auto" is bf16 where the hardware computes in it and its vectors point where those of fp32 do,
                else fp32. It depends on the hardware alone, never on how busy it is.
            fit: How boxes become squares; the bundled model brings its own.
            runtime: What runs the image tower. "auto" is OpenVINO for the bundled model on a CPU, where it answers as
                torch does, else torch.

        Raises:
            DeviceError: The named device cannot be had.
            InputError: No such model or tag, or a file that is a pickle; OpenVINO is wanted on another device than the
                CPU, or cannot run it.
            CorruptFileError: The weights are missing or altered.
        """
        import torch

        from logoscan.vision.fuse_bn import folded

        if precision not in ("auto", "fp32", "bf16"):
            raise InputError(f"precision: expected auto, fp32 or bf16, got {precision!r}")
        if runtime not in ("auto", "torch", "openvino"):
            raise InputError(f"runtime: expected auto, torch or openvino, got {runtime!r}")
        self.device = resolve_device(device)
        if runtime == "openvino" and self.device != "cpu":
            raise InputError(f"runtime: expected torch on {self.device}, got 'openvino', which runs on the CPU")
        self._tokenizer: Any = None
        if model is None:
            if pretrained is not None:
                raise InputError(f"pretrained: expected None with the bundled model, got {str(pretrained)!r}")
            path, row = weights.verified(weights.ENCODER)
            clip, _, self._tokenizer = _load_open_clip(str(path.parent), None, fit)
            self.info = EncoderInfo(row.name, row.sha256, row.preprocessing, row.embed_dim)
        else:
            clip, self.info, self._tokenizer = _load_open_clip(str(model), pretrained, fit)
        clip.eval()
        tower: Any = folded(clip.visual, self.info.preprocessing.size_px)
        self._text_tower = clip.to(self.device) if hasattr(clip, "encode_text") else None
        layout = fast_layout(self.device)
        self._image_tower = tower.to(self.device, memory_format=layout).eval()
        self._layout = layout
        pixels = self.info.preprocessing
        self._scale = torch.tensor([255.0 * s for s in pixels.std], dtype=torch.float32, device=self.device)[
            :, None, None
        ]
        self._shift = torch.tensor([255.0 * m for m in pixels.mean], dtype=torch.float32, device=self.device)[
            :, None, None
        ]
        self._compiled: CpuNetwork | None = None
        self.precision = precision if precision != "auto" else self._choose_precision()
        if runtime == "openvino" or (runtime == "auto" and model is None and self.device == "cpu"):
            self._compiled = self._compile(required=runtime == "openvino")
        self.runtime = "torch" if self._compiled is None else "openvino"
        logger.info("encoder %s on %s by %s in %s", self.info.name, self.device, self.runtime, self.precision)

    def _compile(self, *, required: bool) -> CpuNetwork | None:
        """The image tower for OpenVINO; None where it would answer otherwise than torch."""
        import torch

        from logoscan.runtime import cpu_network

        size = self.info.preprocessing.size_px
        example = torch.zeros(_BATCHES[0], 3, size, size)
        tower = deepcopy(self._image_tower).to(memory_format=torch.contiguous_format)
        compiled = cpu_network(("encoder", self.info.fingerprint), tower, example, self.precision)
        if compiled is not None:
            pixels = np.random.default_rng(0).integers(0, 256, (_BATCHES[0], size, size, 3), np.uint8)
            wanted = self._forward(pixels, "fp32")
            least = _MIN_COSINE if self.precision == "bf16" else _SAME_COSINE
            given = self._normalised(staged(pixels, self.device)).numpy()
            if float((wanted * _unit_rows(compiled(given)[0])).sum(axis=1).min()) < least:
                logger.warning("encoder %s: OpenVINO answers otherwise than torch, which is taken", self.info.name)
                compiled = None
        if compiled is None and required:
            raise InputError("runtime: expected torch, got 'openvino', which cannot run this encoder")
        return compiled

    def _choose_precision(self) -> Literal["fp32", "bf16"]:
        import torch

        on_gpu = self.device.startswith("cuda")
        if not (torch.cuda.is_bf16_supported() if on_gpu else self.device == "cpu" and cpu_has_bf16()):
            return "fp32"
        size = self.info.preprocessing.size_px
        batch = _GPU_BATCHES[0] if on_gpu else _BATCHES[0]
        pixels = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
        cosine = float((self._forward(pixels, "fp32") * self._forward(pixels, "bf16")).sum(axis=1).min())
        if cosine < _MIN_COSINE:
            logger.warning("encoder %s: bf16 answers otherwise than fp32 (cosine %.4f)", self.info.name, cosine)
            return "fp32"
        return "bf16"

    def _normalised(self, pixels: Any) -> Any:
        """The tower's input, float32 (n, 3, S, S) on the device, of a tensor uint8 (n, S, S, 3) on the host."""
        return (pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float() - self._shift) / self._scale

    def _forward(self, pixels: Rgb, precision: str) -> Embeddings:
        import torch

        waiting = staged(pixels, self.device)
        if self._compiled is not None:
            return _unit_rows(self._compiled(self._normalised(waiting).numpy())[0])

        def run() -> np.ndarray:
            tensor = self._normalised(waiting).contiguous(memory_format=self._layout)
            kind = self.device.partition(":")[0]
            with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16"):
                return np.asarray(self._image_tower(tensor).float().cpu())

        return _unit_rows(on_device(self.device, run))

    def encode_pixels(self, pixels: Rgb) -> Embeddings:
        """Uint8 (n, S, S, 3), RGB -> float32 (n, dim), unit rows; computed in a few fixed batch sizes.

        Raises:
            InputError: Another shape or dtype.
        """
        size = self.info.preprocessing.size_px
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3):
            raise InputError(f"pixels: expected uint8 (n, {size}, {size}, 3), got {pixels.dtype} {pixels.shape}")
        out = np.empty((len(pixels), self.info.dim), np.float32)
        sizes: tuple[int, ...] = _BATCHES if self.device == "cpu" else _GPU_BATCHES
        if self._compiled is not None:
            sizes = _COMPILED_BATCHES
        for start in range(0, len(pixels), sizes[-1]):
            part = pixels[start : start + sizes[-1]]
            batch = next(b for b in sizes if b >= len(part))
            padded = np.zeros((batch, size, size, 3), np.uint8)
            padded[: len(part)] = part
            out[start : start + len(part)] = self._forward(padded, self.precision)[: len(part)]
        return out

    @property
    def has_text(self) -> bool:
        """Whether `encode_text` can be called."""
        return self._text_tower is not None and self._tokenizer is not None

    def encode_text(self, texts: Sequence[str]) -> Embeddings:
        """Vectors of texts in the same space, float32 (n, dim), unit rows.

        Raises:
            LogoscanError: The model has no text tower.
        """
        import torch

        if self._text_tower is None or self._tokenizer is None:
            raise LogoscanError(f"encoder {self.info.name} has no text tower; load an open_clip model that has one")
        if not len(texts):
            return np.zeros((0, self.info.dim), np.float32)
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), _TEXTS):
                tokens = self._tokenizer(list(texts[start : start + _TEXTS])).to(self.device)
                parts.append(self._text_tower.encode_text(tokens).float().cpu().numpy())
        return _unit_rows(np.concatenate(parts))


def _unit_rows(vectors: np.ndarray) -> Embeddings:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


@contextmanager
def _root_logger_left_alone() -> Iterator[None]:
    """open_clip calls `logging.info`, which puts a handler on a root logger that has none; with this one it has."""
    root, guard = logging.getLogger(), logging.NullHandler()
    root.addHandler(guard)
    try:
        yield
    finally:
        root.removeHandler(guard)


@_root_logger_left_alone()
def _load_open_clip(model: str, pretrained: str | Path | None, fit: CropFit) -> tuple[Any, EncoderInfo, Any]:
    try:
        with warnings.catch_warnings():  # tqdm's, in notebooks without ipywidgets: nothing here shows its bars
            warnings.filterwarnings("ignore", message="IProgress not found")
            import open_clip
        import torch
        from safetensors import SafetensorError
    except ImportError as error:
        raise MissingDependencyError(f"open_clip is missing ({error}); pip install open-clip-torch") from None
    folder = Path(model.removeprefix("local-dir:")).expanduser()
    spelling: dict[str, str] = {}
    if model.startswith("local-dir:") or folder.is_dir():
        if not (folder / "open_clip_config.json").is_file():
            raise InputError(f"model: expected a folder with open_clip_config.json, got {str(folder)!r}")
        if pretrained is not None:
            raise InputError(
                f"pretrained: expected None with a folder, which holds its weights, got {str(pretrained)!r}"
            )
        pickles = sorted([*folder.glob("*.bin"), *folder.glob("*.pth")])
        if pickles and not any((folder / name).is_file() for name in _FIRST_CHOICE):
            raise _no_pickle("model", pickles[0])
        name, tag = f"local-dir:{folder.resolve()}", None
        readable = folder.resolve().name
        if (folder / BPE_FILE).is_file():  # open_clip finds no merges file by itself
            spelling["bpe_path"] = str(folder.resolve() / BPE_FILE)
    else:
        if model not in open_clip.list_models():
            raise InputError(f"model: expected a folder or one of open_clip.list_models(), got {model!r}")
        if pretrained is None:
            raise InputError(f"pretrained: expected a tag or a checkpoint file for {model!r}, got None")
        if not Path(pretrained).is_file() and not open_clip.get_pretrained_cfg(model, str(pretrained)):
            raise InputError(f"pretrained: expected a tag or a checkpoint file for {model!r}, got {str(pretrained)!r}")
        if Path(pretrained).is_file() and Path(pretrained).suffix != ".safetensors":
            raise _no_pickle("pretrained", Path(pretrained))
        name, tag = model, str(pretrained)
        readable = f"{model}/{Path(tag).name}"
    try:
        # raises where weights are missing, unlike create_model, which returns a random network
        # weights_only: a tag whose owner published no safetensors is a pickle, and shall not run code
        clip, preprocess = open_clip.create_model_from_pretrained(
            name, pretrained=tag, return_transform=True, weights_only=True
        )
        tokenizer = _tokenizer(name, spelling)
    except (
        RuntimeError, OSError, ValueError, KeyError, TypeError, EOFError, ImportError, AssertionError, UnpicklingError,
        SafetensorError,
    ) as error:  # fmt: skip
        raise CorruptFileError(f"{readable}: cannot be loaded as an open_clip model ({error!s:.300})") from None
    del preprocess  # ours is applied; open_clip's own cfg says the numbers
    cfg = clip.visual.preprocess_cfg
    size = cfg["size"] if isinstance(cfg["size"], int) else cfg["size"][0]
    row = Preprocessing(int(size), tuple(cfg["mean"]), tuple(cfg["std"]), fit)
    digest = hashlib.sha256()
    for key, value in sorted(clip.state_dict().items()):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(value.detach().cpu().float().numpy()).tobytes())
    with torch.inference_mode():  # open_clip's networks name the length of a vector in different ways, or not at all
        dim = int(clip.visual.eval()(torch.zeros(1, 3, row.size_px, row.size_px)).shape[-1])
    return clip, EncoderInfo(readable, digest.hexdigest(), row, dim), tokenizer


def _no_pickle(field: str, path: Path) -> InputError:
    return InputError(
        f"{field}: expected weights in safetensors, got {str(path)!r}; a pickle may run code when it is opened: load "
        "it where you trust it with torch.load(..., weights_only=True) and save it by safetensors.torch.save_file"
    )


def _tokenizer(name: str, spelling: dict[str, str]) -> Any:
    """The model's tokenizer; None for one of Hugging Face that is not here, so that the image tower works without."""
    import open_clip

    try:
        return open_clip.get_tokenizer(name, **spelling)
    except (ImportError, OSError) as error:
        logger.warning("%s: no tokenizer, so no search for names (%s)", name, error)
        return None
