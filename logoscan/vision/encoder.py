"""Encode pictures as unit vectors: the `Encoder` protocol and CLIP.

`ClipEncoder` takes its weights from the bundled model, from any open_clip name, or from a local folder or
checkpoint. open_clip builds every network; preprocessing is our own, because logo images and regions of photos must be
made squares in one way.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from logoscan.errors import InputError, LogoscanError
from logoscan.images.crops import square_crops, square_crops_on
from logoscan.runtime import building_networks, rebuilt_elsewhere, resolve_device
from logoscan.types import Boxes, CropFit, Embeddings, EncoderInfo, Rgb
from logoscan.vision import weights
from logoscan.vision._open_clip import design_of, load_open_clip
from logoscan.vision.network_runner import (
    BatchSizes,
    NetworkRunner,
    Outputs,
    Precision,
    PrecisionChoice,
    RuntimeChoice,
    check_choices,
)

__all__ = ["ClipEncoder", "Encoder", "TextEncoder"]

logger = logging.getLogger(__name__)

# Few batch sizes. With 32 squares OpenVINO takes a fifth longer for each, because its layers do not fit the cache (one
# core); a GPU is idle with few squares, and gets those of all callers.
_BATCH_SIZES = BatchSizes(torch_cpu=(4, 16, 32), openvino=(4,), gpu=(32, 128, 256))
# Texts in a batch.
_TEXT_BATCH_SIZE = 256
# Least cosine to torch's vector in fp32 at which a vector is accepted, by its precision; in fp32 by another runtime.
_MIN_COSINE: Mapping[Precision, float] = {"bf16": 0.995, "fp16": 0.998, "fp32": 0.999}
# Difference of the length of a vector from 1 that arithmetic in half precision brings about.
_MAX_LENGTH_ERROR = 0.01


@runtime_checkable
class Encoder(Protocol):
    """Encodes squares of pixels as unit vectors. Row i of the result depends on row i of the input alone."""

    @property
    def info(self) -> EncoderInfo: ...  # noqa: D102

    @property
    def device(self) -> str: ...  # noqa: D102

    @property
    def description(self) -> str:
        """Name, fingerprint and precision of the encoder, for the provenance of reports."""
        ...

    def encode_pixels(self, pixels: Rgb) -> Embeddings:
        """Encode squares.

        Args:
            pixels: uint8 (n, S, S, 3) RGB with S = info.preprocessing.size_px.

        Returns:
            float32 (n, info.dim), unit rows.
        """
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """An encoder that may have a text tower as well."""

    @property
    def has_text(self) -> bool: ...  # noqa: D102

    def encode_text(self, texts: Sequence[str]) -> Embeddings:
        """Encode texts as float32 (n, dim), unit rows, in the space of the pictures' vectors."""
        ...


def encode_crops(
    encoder: Encoder, images: Sequence[Rgb], boxes: Sequence[Boxes], mirrored: Sequence[int] | None = None
) -> list[Embeddings]:
    """Encode boxes of many photos together, and return their vectors.

    Args:
        encoder: The encoder.
        images: Photos, uint8 (H, W, 3) RGB.
        boxes: For each photo its boxes, float32 (n_i, 4), in pixels.
        mirrored: For each photo the number m_i of its first boxes that are encoded mirrored as well; None for none.

    Returns:
        For each photo float32 (n_i + m_i, dim), unit rows; the mirrored boxes come last.
    """
    row = encoder.info.preprocessing
    squares = []
    n_mirrored = [0] * len(images) if mirrored is None else mirrored
    for image, xyxy, n in zip(images, boxes, n_mirrored, strict=True):
        crops = square_crops_on(encoder.device, image, xyxy, row.size_px, row.fit)
        squares.append(np.concatenate([crops, crops[:n, :, ::-1]]))
    if not squares:
        return []
    vectors = _encoded(encoder, np.concatenate(squares))
    return np.split(vectors, np.cumsum([len(s) for s in squares])[:-1])


def encode_images(encoder: Encoder, images: Sequence[Rgb]) -> Embeddings:
    """Encode whole pictures, which are made squares as boxes are, and return float32 (n, dim), unit rows."""
    row = encoder.info.preprocessing
    squares = np.zeros((len(images), row.size_px, row.size_px, 3), np.uint8)
    for i, image in enumerate(images):
        full = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        squares[i] = square_crops(image, full, row.size_px, row.fit)[0]
    return _encoded(encoder, squares)


def _encoded(encoder: Encoder, squares: Rgb) -> Embeddings:
    """Encode squares, and refuse an answer that no index could search: one bad vector must not end a stream."""
    vectors = encoder.encode_pixels(squares)
    shape = (len(squares), encoder.info.dim)
    if vectors.shape != shape or vectors.dtype != np.float32:
        raise InputError(f"encoder: expected float32 {shape}, got {vectors.dtype} {vectors.shape}")
    if not (np.abs(np.linalg.norm(vectors, axis=1) - 1) <= _MAX_LENGTH_ERROR).all():  # NaN fails too
        raise InputError(f"encoder: expected unit rows, got lengths that are not 1 from {encoder.info.name}")
    return vectors


@rebuilt_elsewhere
class ClipEncoder:
    """A CLIP image tower (and text tower, where the weights have one).

    Thread-safe once built. The vectors depend on the precision that was chosen (`precision`).

    Any open_clip model can take the place of the bundled one:

        encoder = ClipEncoder("ViT-B-32", "laion2b_s34b_b79k", device="cuda")  # this tag is downloaded by open_clip
        encoder = ClipEncoder("path/to/folder")  # or a safetensors file as the second argument: no network

    An index remembers what made its embeddings and refuses any other encoder. A match calibration belongs to one
    encoder with one detector. Without one, matches carry no probability, and `similarity_threshold` says from where a
    brand counts as shown, unless a negative is nearer: choose it on your data. A hundred labelled photos or more give
    a calibration (`logoscan calibrate`, then `logoscan scan --calibration`).

    Attributes:
        info: Identity of the model, which is stored with every index.
        precision: "fp32", "bf16" or "fp16".
        runtime: Library that runs the image tower, "torch" or "openvino".
    """

    @building_networks()
    def __init__(
        self,
        model: str | Path | None = None,
        pretrained: str | Path | None = None,
        *,
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        fit: CropFit = "pad",
        runtime: RuntimeChoice = "auto",
    ) -> None:
        """Load a model.

        Args:
            model: None for the bundled model; a folder with `open_clip_config.json` and safetensors; or a name of
                open_clip.
            pretrained: With an open_clip name: a tag (open_clip downloads it if it is not cached) or safetensors.
            device: "auto", "cpu", "cuda", "cuda:1", ...
            precision: "auto" is fp16 on a GPU, and bf16 on a CPU that computes in it, where its vectors agree with
                those of fp32, else fp32. It depends on the hardware alone, never on how busy it is.
            fit: How boxes become squares; the bundled model brings its own.
            runtime: Library that runs the image tower. "auto" is OpenVINO for the bundled model on a CPU, if its
                vectors agree with torch's, else torch.

        Raises:
            DeviceError: The named device cannot be had.
            InputError: The model or tag does not exist, or a file is a pickle; OpenVINO is wanted on another device
                than the CPU, or cannot run the model.
            CorruptFileError: The weights are missing or altered.
        """
        check_choices("", precision, runtime)
        device = resolve_device(device)
        self._text_device, design = device, ""
        if model is None:
            if pretrained is not None:
                raise InputError(f"pretrained: expected None with the bundled model, got {str(pretrained)!r}")
            path, row = weights.verify(weights.ENCODER)
            self._source: tuple[str, str | Path | None, CropFit] = (str(path.parent), None, fit)
            self.info = EncoderInfo(row.name, row.sha256, row.preprocessing, row.embed_dim)
        else:
            self._source = (str(model), pretrained, fit)
            clip, self.info, tokenizer = load_open_clip(*self._source)
            self._clip, design = (clip.eval(), tokenizer), f" of {design_of(clip)}"
        self._network = NetworkRunner(
            self._image_tower,
            name="",
            key=f"encoder {self.info.fingerprint}{design}",
            size_px=self.info.preprocessing.size_px,
            mean=[255.0 * value for value in self.info.preprocessing.mean],
            std=[255.0 * value for value in self.info.preprocessing.std],
            sizes=_BATCH_SIZES,
            after=_unit_tensors,
            device=device,
            precision=precision,
            runtime="torch" if runtime == "auto" and model is not None else runtime,
            agrees=_vectors_agree,
        )
        self.precision, self.runtime = self._network.precision, self._network.runtime
        logger.info("encoder %s on %s by %s in %s", self.info.name, self.device, self.runtime, self.precision)

    @cached_property
    def _clip(self) -> tuple[Any, Any]:
        """open_clip's network and its tokenizer; of the bundled model only where one of its towers has to be built."""
        with building_networks():
            clip, _, tokenizer = load_open_clip(*self._source)
        return clip.eval(), tokenizer

    @cached_property
    def _text_tower(self) -> Any:
        """What encodes texts, on its device; None where there is none, or no tokenizer."""
        clip, tokenizer = self._clip
        return clip.to(self._text_device) if hasattr(clip, "encode_text") and tokenizer is not None else None

    def _image_tower(self) -> Any:
        """Build the image tower, which goes its own way: the rest of the network is left with the text tower."""
        from logoscan.vision.fuse_bn import folded

        tower: Any = folded((clip := self._clip[0]).visual, self.info.preprocessing.size_px)
        del clip.visual
        return tower

    def encode_pixels(self, pixels: Rgb) -> Embeddings:
        """Encode squares, in a few fixed batch sizes.

        Args:
            pixels: uint8 (n, S, S, 3) RGB with S = info.preprocessing.size_px.

        Returns:
            float32 (n, dim), unit rows.

        Raises:
            InputError: The shape or the dtype is another one.
        """
        size = self.info.preprocessing.size_px
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (size, size, 3):
            raise InputError(f"pixels: expected uint8 (n, {size}, {size}, 3), got {pixels.dtype} {pixels.shape}")
        if not len(pixels):
            return np.zeros((0, self.info.dim), np.float32)
        return np.asarray(self._network.run(pixels)[0], np.float32)

    @property
    def device(self) -> str:
        """Device that it runs on."""
        return self._network.device

    @property
    def description(self) -> str:
        """Name, fingerprint and precision."""
        return f"{self.info.name}@{self.info.fingerprint} {self.precision}"

    @property
    def has_text(self) -> bool:
        """Whether `encode_text` can be called."""
        return self._text_tower is not None

    def encode_text(self, texts: Sequence[str]) -> Embeddings:
        """Encode texts in the space of the pictures' vectors as float32 (n, dim), unit rows.

        Raises:
            LogoscanError: The model has no text tower.
        """
        import torch

        if self._text_tower is None:
            raise LogoscanError(f"encoder {self.info.name} has no text tower; load an open_clip model that has one")
        if not len(texts):
            return np.zeros((0, self.info.dim), np.float32)
        parts, tokenizer = [], self._clip[1]
        with torch.inference_mode():
            for start in range(0, len(texts), _TEXT_BATCH_SIZE):
                tokens = tokenizer(list(texts[start : start + _TEXT_BATCH_SIZE])).to(self._text_device)
                parts.append(self._text_tower.encode_text(tokens).float().cpu().numpy())
        vectors = np.concatenate(parts)
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)


def _unit_tensors(outputs: Sequence[Any], _height: int, _width: int) -> list[Any]:
    """Return vectors as tensors of unit rows, on their device."""
    return [outputs[0] / outputs[0].norm(dim=1, keepdim=True).clamp(min=1e-12)]


def _vectors_agree(reference: Outputs, given: Outputs, precision: Precision) -> bool:
    """Return whether unit vectors point in the directions of torch's vectors in fp32."""
    return float((reference[0] * given[0]).sum(axis=1).min()) >= _MIN_COSINE[precision]
