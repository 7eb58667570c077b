"""What made stored features, and stand-ins for the models that need not be loaded to ask the features again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import NoReturn

from logoscan._quote import quoted
from logoscan._version import __version__
from logoscan.errors import LogoscanError, MismatchError
from logoscan.types import Effort, Embeddings, EncoderInfo, Regions, Rgb, TextSpans
from logoscan.vision.detector import Detector
from logoscan.vision.encoder import Encoder

__all__ = ["Maker", "RecordedDetector", "RecordedEncoder", "RecordedOcr", "require_same"]


@dataclass(frozen=True)
class Maker:
    """Everything that decides the features of a photo. Features of different makers are never mixed.

    Attributes:
        encoder: The encoder.
        encoder_description: Name, fingerprint and precision of the encoder.
        detector_name: Name of the detector.
        detector_fingerprint: Fingerprint of the detector.
        detector_description: Name, fingerprint and effort of the detector.
        ocr: Name of the OCR engine; None read no text.
        effort: How much work was saved.
        text: Whether the lines of text were kept.
        version: Version of logoscan.
        precision: Precision of the networks, as `Provenance` has it.
        runtime: What ran the networks, as `Provenance` has it; it may differ among the features of a store.
    """

    encoder: EncoderInfo
    encoder_description: str
    detector_name: str
    detector_fingerprint: str
    detector_description: str
    ocr: str | None
    effort: Effort
    text: bool = False
    version: str = __version__
    precision: str | None = None
    runtime: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, encoder: Encoder, detector: Detector, ocr: str | None, effort: Effort, *, text: bool = False) -> Maker:
        """Describe the models of a scanner.

        Args:
            encoder: The encoder.
            detector: The detector.
            ocr: Name of the OCR engine; None reads no text.
            effort: How much work is saved.
            text: Whether the lines of text are kept.
        """
        return cls(
            encoder.info,
            encoder.description,
            detector.name,
            detector.fingerprint,
            detector.description,
            ocr,
            effort,
            text,
        )

    def in_words(self) -> Mapping[str, str]:
        """Return what people have to compare, by name; the encoder's fingerprint stands for its preprocessing."""
        return {
            "encoder": self.encoder_description,
            "detector": self.detector_description,
            "ocr": self.ocr or "none",
            "effort": self.effort,
            "text": "kept" if self.text else "not kept",
            "version": self.version,
        }


def require_same(stored: Maker, now: Maker, where: str) -> None:
    """Refuse to mix the features of two makers.

    Args:
        stored: What made the features that are there.
        now: What makes those that would be added.
        where: Name of the stored features, for the error.

    Raises:
        MismatchError: They differ; the message names both.
    """
    if stored == now:
        return
    old, new = stored.in_words(), now.in_words()
    different = [f"{name} {old[name]!r}, now {new[name]!r}" for name in old if old[name] != new[name]]
    if not different:
        names = [f.name for f in fields(Maker) if getattr(stored, f.name) != getattr(now, f.name)]
        different = [f"{name} {quoted(getattr(stored, name))}, now {quoted(getattr(now, name))}" for name in names]
    raise MismatchError(f"{where}: its features were made by other models ({'; '.join(different)}); take a new folder")


# -- stand-ins


def _refuse(what: str) -> NoReturn:
    raise LogoscanError(f"{what}: the models of stored features are known by name alone and look at no photo")


class RecordedEncoder:
    """The encoder of stored features, by its description. It encodes nothing.

    Attributes:
        info: Description of the encoder.
        description: Name, fingerprint and precision.
        device: Where vectors are compared.
        precision: Precision of all networks that made the features.
        runtime: What ran these networks.
    """

    def __init__(self, maker: Maker, device: str = "cpu") -> None:
        """Take the description from what made the features."""
        self.info, self.description, self.device = maker.encoder, maker.encoder_description, device
        self.precision, self.runtime = maker.precision, maker.runtime

    def encode_pixels(self, pixels: Rgb) -> Embeddings:
        """Refuse to encode.

        Raises:
            LogoscanError: Always.
        """
        _refuse("encode_pixels")


class RecordedDetector:
    """The detector of stored features, by its description. It proposes nothing.

    Attributes:
        name: Name of the detector.
        fingerprint: Fingerprint of the detector, to which a calibration belongs.
        description: Name, fingerprint and effort of the detector.
    """

    def __init__(self, maker: Maker) -> None:
        """Take the description from what made the features."""
        self.name, self.fingerprint = maker.detector_name, maker.detector_fingerprint
        self.description = maker.detector_description

    def detect(self, images: Sequence[Rgb]) -> list[Regions]:
        """Refuse to detect.

        Raises:
            LogoscanError: Always.
        """
        _refuse("detect")


class RecordedOcr:
    """The OCR engine of stored features, by its name. It reads nothing.

    Attributes:
        name: Name of the engine.
    """

    def __init__(self, name: str) -> None:
        """Take the name of the engine."""
        self.name = name

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Refuse to read.

        Raises:
            LogoscanError: Always.
        """
        _refuse("read")
