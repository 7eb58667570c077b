"""Scanners as they ship. This is the only place where a benchmark wires one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

from logoscan.index.logo_index import LogoIndex
from logoscan.io.records import to_mapping
from logoscan.matching.calibration import MatchCalibration
from logoscan.ocr.engine import OcrChoice, OcrEngine, make_ocr
from logoscan.scan.scanner import Scanner
from logoscan.sources import ANYWHERE, Root
from logoscan.types import Effort
from logoscan.vision.detector import Detector, make_detector
from logoscan.vision.encoder import ClipEncoder


def build_ocr(ocr: str, device: str, effort: str = "default") -> OcrEngine | None:
    """Make the OCR engine of a name; None for "none"."""
    return make_ocr(cast(OcrChoice, ocr), device=device, effort=cast(Effort, effort))


def build_scanner(
    index: LogoIndex,
    *,
    encoder: ClipEncoder,
    detector: str | Detector = "logo",
    detector_weights: Path | None = None,
    ocr: str = "auto",
    effort: str = "default",
    device: str = "auto",
    root: Root = ANYWHERE,
    calibration: Literal["auto"] | None = "auto",
    similarity_threshold: float | None = None,
    hash_photos: bool = False,
    on_stage: Callable[[str, float], None] | None = None,
) -> Scanner:
    """Make a scanner by `Scanner.default`, with a detector by name.

    Args:
        index: Index of logos.
        encoder: Made the index.
        detector: Name of a detector, or a detector.
        detector_weights: Another file for the detector "logo".
        ocr: Name of the OCR engine.
        effort: "default" or "full": how much work may be saved.
        device: "auto", "cpu", "cuda", ...
        root: Folder that names of photos are relative to; by default any photo is opened.
        calibration: "auto" takes the bundled one that fits, None takes none.
        similarity_threshold: Cosine from which a brand counts as shown, where there is no calibration.
        hash_photos: Whether the perceptual hashes of photos are computed.
        on_stage: Called with the name and the seconds of each stage that a scan has done.
    """
    saved = cast(Effort, effort)
    if isinstance(detector, str):
        detector = make_detector(detector, device=device, path=detector_weights, effort=saved)
    return Scanner.default(
        index,
        device=device,
        encoder=encoder,
        detector=detector,
        ocr=cast(OcrChoice, ocr),
        effort=saved,
        calibration=calibration,
        name_calibration=calibration,
        similarity_threshold=similarity_threshold,
        hash_photos=hash_photos,
        root=root,
        on_stage=on_stage,
    )


def ocr_name(scanner: Scanner) -> str:
    """Name the OCR engine of a scanner; "none" where it reads nothing."""
    return scanner.ocr.name if scanner.ocr else "none"


def settings_of(scanner: Scanner) -> dict[str, Any]:
    """List what the figures of a scanner depend on: models, precision, effort and calibrations."""
    return {
        "effort": scanner.effort,
        "ocr": ocr_name(scanner),
        "detector": f"{scanner.detector.name}@{scanner.detector.fingerprint}",
        "encoder": to_mapping(scanner.encoder.info),
        "precision": precision_of(scanner),
        "device": scanner.encoder.device,
        "threshold": _threshold(scanner.calibration),
        "name_threshold": _threshold(scanner.name_calibration),
        "calibration": None if scanner.calibration is None else to_mapping(scanner.calibration),
    }


def precision_of(scanner: Scanner) -> str:
    """Name the precision in which the encoder runs."""
    return scanner.encoder.description.rpartition(" ")[2]


def _threshold(calibration: MatchCalibration | None) -> float | None:
    return None if calibration is None else calibration.threshold
