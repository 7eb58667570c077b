"""What the shipped scanner answers about labelled photos: as a scan does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import click
import pytest
from builders.scans import ACME, CALIBRATION, CORE, DETECTOR, make_scanner
from fakes import WHITE, FakeEncoder, photo_of, quarters

from benchmarks.common.labelled_photos import confidences_of, named_by
from logoscan.index.logo_index import LogoIndex
from logoscan.scan.scanner import Scanner
from logoscan.types import Brand, Embeddings, Listing, Rgb
from logoscan.vision.encoder import encode_images


class ReadingEncoder(FakeEncoder):
    """Knows every name as the vector of Core's logo."""

    has_text = True

    def encode_text(self, texts: Sequence[str]) -> Embeddings:
        return encode_images(self, [CORE if text == "Core" else quarters(WHITE, WHITE, WHITE, WHITE) for text in texts])


@pytest.mark.parametrize("photo", [ACME, CORE])
@pytest.mark.parametrize("low", ["logo", "name"])
def test_a_benchmark_names_what_a_report_names(photo: Rgb, low: str) -> None:
    """Acme has a logo image and Core its name alone, and each kind has its own threshold."""
    encoder = ReadingEncoder()
    index = LogoIndex(encoder)
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Core"), [])])
    thresholds = {kind: 0.5 if kind == low else 0.9999 for kind in ("logo", "name")}
    scanner = Scanner(
        index,
        encoder=encoder,
        detector=DETECTOR,
        calibration=replace(CALIBRATION, threshold=thresholds["logo"]),
        name_calibration=replace(CALIBRATION, kind="name", threshold=thresholds["name"]),
        ocr=None,
    )
    report = scanner.scan(Listing("1", images=(photo_of(photo),)))
    (features,) = scanner.features([photo_of(photo)])
    rule = named_by(scanner, index)
    shown = confidences_of(scanner, index, features)["both"]
    named = {name for name, sure in shown.items() if rule(name, sure)}
    assert named == {brand.brand for brand in report.brands if brand.named}
    assert named == ({"Acme" if photo is ACME else "Core"} if (photo is ACME) == (low == "logo") else set())


def test_nothing_is_measured_without_a_threshold() -> None:
    scanner = make_scanner(calibration=None)
    with pytest.raises(click.ClickException, match="no shipped threshold"):
        named_by(scanner, scanner.index)
