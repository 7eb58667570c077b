"""What made a report: the models, their arithmetic, and the threshold from which a brand is named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from logoscan._version import __version__
from logoscan.index.logo_index import LogoIndex
from logoscan.matching.matcher import Matcher
from logoscan.ocr.engine import OcrEngine
from logoscan.results import Provenance
from logoscan.vision.detector import Detector
from logoscan.vision.encoder import Encoder

__all__ = ["Models", "Naming", "RunsNetwork"]

# Probability from which a brand counts as named where logos have no calibration: the caller's cosine makes it 0 or 1.
_EVEN_ODDS = 0.5


@runtime_checkable
class RunsNetwork(Protocol):
    """An encoder or a detector that states how its network runs; those without a network need not."""

    @property
    def precision(self) -> str: ...  # noqa: D102

    @property
    def runtime(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Models:
    """The models that make reports, described for their provenance; `Provenance` explains the fields.

    Attributes:
        encoder: Description of the encoder.
        detector: Description of the detector.
        ocr: Name of the OCR engine; None reads none.
        precision: Precision of the networks' arithmetic; None where no model states one.
        runtime: What runs the networks; None where no model states it.
    """

    encoder: str
    detector: str
    ocr: str | None
    precision: str | None
    runtime: str | None
    _encoder: Encoder

    @classmethod
    def of(cls, encoder: Encoder, detector: Detector, ocr: OcrEngine | None) -> Models:
        """Describe the models in use."""
        networks = {"encoder": encoder, "detector": detector}
        running = {name: network for name, network in networks.items() if isinstance(network, RunsNetwork)}
        return cls(
            encoder.description,
            detector.description,
            None if ocr is None else ocr.name,
            _in_words({name: network.precision for name, network in running.items()}),
            _in_words({name: network.runtime for name, network in running.items()}),
            encoder,
        )

    @property
    def device(self) -> str:
        """Device of the encoder as it is now: a GPU whose memory was full leaves its work to the CPU."""
        return self._encoder.device

    def provenance(
        self, index: LogoIndex, score_model: str, threshold: float | None, candidates: Iterable[str] = ()
    ) -> Provenance:
        """Return the provenance of a report that is made now.

        Args:
            index: The snapshot that was searched.
            score_model: Name and version of the score model.
            threshold: Number above which a brand is named.
            candidates: Names of the candidate brands, whose packs are named.
        """
        return Provenance(
            version=__version__,
            encoder=self.encoder,
            index=index.fingerprint,
            detector=self.detector,
            ocr=self.ocr or "none",
            score_model=score_model,
            device=self.device,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            precision=self.precision,
            runtime=self.runtime,
            threshold=threshold,
            packs=tuple(word for name in candidates for word in index.pack_words(name)),
        )


def _in_words(values: dict[str, str]) -> str | None:
    """Return the value of all models, or each model's where they differ; None where no model states one."""
    if len(set(values.values())) <= 1:
        return next(iter(values.values()), None)
    return ", ".join(f"{name} {value}" for name, value in values.items())


@dataclass(frozen=True)
class Naming:
    """Decides which brands the photos of a listing are said to show. Immutable.

    Attributes:
        matcher: The matcher that made the matches, with its calibrations.
        similarity_threshold: Cosine from which a brand counts as shown where logos have no calibration.
    """

    matcher: Matcher
    similarity_threshold: float | None

    @property
    def threshold(self) -> float | None:
        """Number above which a brand is named: a probability, else the caller's cosine; None where there is neither."""
        calibration = self.matcher.calibration
        return self.similarity_threshold if calibration is None else calibration.threshold

    def is_named(self, brand: str, shown: float | None, index: LogoIndex) -> bool | None:
        """Return whether the photos show a brand; None where nothing decides that.

        Args:
            brand: A registered brand.
            shown: Probability that the photos show it; None where they were not searched for it.
            index: The snapshot that was searched.
        """
        if shown is None:
            return None
        calibration = self.matcher.name_calibration if brand in index.by_name else self.matcher.calibration
        if calibration is not None:
            return shown > calibration.threshold
        return None if self.similarity_threshold is None or brand in index.by_name else shown > _EVEN_ODDS
