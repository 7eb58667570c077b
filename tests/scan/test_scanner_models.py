"""The wiring with the real models on the bundled samples: batches change nothing, and bad photos stop nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import lettering

from logoscan.images.boxes import iou
from logoscan.images.crops import crop
from logoscan.images.loading import load_image
from logoscan.index.logo_index import LogoIndex
from logoscan.io.listings import read_listings
from logoscan.matching.calibration import MatchCalibration
from logoscan.merchants.photo_ledger import PhotoLedger
from logoscan.ocr.engine import RapidOcr
from logoscan.ocr.scripts import ScriptOcr
from logoscan.pricing.files import read_prices
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord
from logoscan.results import Report
from logoscan.scan.scanner import Scanner
from logoscan.scoring.model import ScoreModel
from logoscan.types import Listing
from logoscan.vision.detector import LogoDetector
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.tiles import TilePlan, Tiles, WholeImage

TILES = Tiles(TilePlan((1.0, 0.6)))
"""Some ten regions a photo: enough to mix photos in the encoder's batches."""


def assert_same_decisions(a: Report, b: Report) -> None:
    """All that is decided is equal; numbers that a model makes are within 1e-3."""
    for part in ("listing_id", "seller_id", "mentions", "warnings", "skipped", "images", "schema_version"):
        assert getattr(a, part) == getattr(b, part), part
    assert (a.score.band, a.score.brand, a.score.model) == (b.score.band, b.score.brand, b.score.model)
    assert [c.signal for c in a.score.contributions] == [c.signal for c in b.score.contributions]
    assert [r.brand for r in a.brands] == [r.brand for r in b.brands]
    for r, s in zip(a.brands, b.brands, strict=True):
        assert r.probability == pytest.approx(s.probability, abs=1e-3)
    for m, n in zip(a.matches, b.matches, strict=True):
        assert (m.image, m.xyxy, m.brand, m.logo) == (n.image, n.xyxy, n.brand, n.logo)
        assert m.probability == pytest.approx(n.probability, abs=1e-3)
        assert (m.similarity, m.margin) == pytest.approx((n.similarity, n.margin), abs=1e-3)
    assert a.score.value == pytest.approx(b.score.value, abs=0.2)


@pytest.fixture(scope="module")
def prices(samples: Path) -> PriceModel:
    return PriceModel.fit(row for row in read_prices(samples / "prices.csv") if isinstance(row, PriceRecord))


@pytest.fixture(scope="module")
def scanner(samples: Path, clip: ClipEncoder, rapid: RapidOcr, sample_index: LogoIndex, prices: PriceModel) -> Scanner:
    """The bundled tower and RapidOCR with a stated calibration: even odds at similarity 0.6 and margin 0.3."""
    pair = clip.info.fingerprint, TILES.fingerprint
    calibration = MatchCalibration(*pair, -15.0, 20.0, 10.0, 0.0, 0.0, threshold=0.5, fitted_on="nothing: stated")
    return Scanner(
        sample_index, encoder=clip, detector=TILES, ocr=rapid, prices=prices, calibration=calibration, root=samples
    )


def sample_listings(samples: Path) -> list[Listing]:
    return [row for row in read_listings(samples / "listings.jsonl") if isinstance(row, Listing)]


def test_scan_equals_scan_many(samples: Path, scanner: Scanner) -> None:
    chosen = {"look-alike", "too-cheap", "shown-not-claimed", "two-photos", "other-currency"}
    listings = [listing for listing in sample_listings(samples) if listing.id in chosen]
    alone = [scanner.scan(listing) for listing in listings]
    for one, many in zip(alone, scanner.scan_many(listings, batch_size=3), strict=True):
        assert_same_decisions(one, many)
    found = {report.listing_id: report for report in alone}
    assert found.keys() == chosen
    # what the samples were composed to show, see their README
    assert found["too-cheap"].score.brand == found["too-cheap"].matches[0].brand == "JBL"
    assert "low_price" in {c.signal for c in found["too-cheap"].score.contributions if c.contribution > 1}
    assert found["shown-not-claimed"].matches[0].brand == "The North Face"
    assert "shown_not_claimed" in {c.signal for c in found["shown-not-claimed"].score.contributions if c.value > 0.5}
    assert "near" in {m.kind for m in found["look-alike"].mentions if m.source == "image:0"}
    assert "low_price" not in {c.signal for c in found["other-currency"].score.contributions}
    assert any("EUR, the listing is in JPY" in line for line in found["other-currency"].skipped)


def test_three_bad_photos_and_a_good_one(samples: Path, scanner: Scanner, tmp_path: Path) -> None:
    good = (samples / "photos" / "speaker.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(good[: len(good) * 6 // 10])
    (tmp_path / "text.jpg").write_text("This is no picture.")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "good.jpg").write_bytes(good)
    here = Scanner(
        scanner.index,
        encoder=scanner.encoder,
        detector=TILES,
        ocr=scanner.ocr,
        calibration=scanner.calibration,
        root=tmp_path,
    )
    listing = Listing("x", ("cut.jpg", "text.jpg", "empty.jpg", "good.jpg"))
    reports = list(here.scan_many([listing, Listing("next")]))
    assert [report.listing_id for report in reports] == ["x", "next"]
    report = reports[0]
    assert len(report.warnings) == 3
    for i, name in enumerate(("cut.jpg", "text.jpg", "empty.jpg")):
        assert report.warnings[i].startswith(f"image {i}: {name}")
    assert {m.image for m in report.matches} == {3}
    assert {m.source for m in report.mentions} <= {"image:3"}
    assert report.brands[0].brand == report.matches[0].brand == "JBL"
    assert report.brands[0].probability is not None
    assert report.brands[0].probability > 0.5


def test_two_threads_share_the_models(clip: ClipEncoder, rapid: RapidOcr, sample_index: LogoIndex) -> None:
    scanner = Scanner(sample_index, encoder=clip, detector=WholeImage(), ocr=rapid, calibration=None)
    words = [Listing(w, (lettering(w), np.rot90(lettering(w)).copy())) for w in ("KODAK", "JBL", "COFFEE")]
    alone = list(scanner.scan_many(words))
    assert {m.brand for report in alone for m in report.mentions} == {"Kodak", "JBL"}
    with ThreadPoolExecutor(2) as pool:
        for reports in pool.map(lambda _: list(scanner.scan_many(words)), range(4)):
            for one, other in zip(alone, reports, strict=True):
                assert_same_decisions(one, other)


def test_the_default_wiring(samples: Path, tmp_path: Path, clip: ClipEncoder, sample_index: LogoIndex) -> None:
    """From a folder of brands, from an index folder, from an index: the same index and parts."""
    sample_index.save(tmp_path)
    brands: list[str | Path | LogoIndex] = [samples / "brands", str(tmp_path), sample_index]
    model, ledger = ScoreModel(bias=-3.0), PhotoLedger()
    scanners = [Scanner.default(source, device="cpu", score_model=model, ledger=ledger) for source in brands]
    (mark, *_) = scanners[0].find_logos(samples / "photos" / "speaker.jpg")
    for scanner in scanners:
        assert [b.name for b in scanner.index.brands] == [b.name for b in sample_index.brands]
        assert [x.id for x in scanner.index.logos] == [x.id for x in sample_index.logos]
        assert scanner.encoder.info == clip.info
        assert scanner.detector.fingerprint == LogoDetector().fingerprint
        assert isinstance(scanner.ocr, ScriptOcr)
        assert isinstance(scanner.ocr.first, RapidOcr)
        assert scanner.alteration(samples / "photos" / "speaker.jpg", mark) is not None
    reports = [scanner.scan(Listing("x", title="JBL speaker")) for scanner in scanners]
    assert [(report.score.brand, report.score.model) for report in reports] == [("JBL", model.version)] * 3
    assert all(replace(report, provenance=reports[0].provenance) == reports[0] for report in reports)
    rooted = Scanner.default(sample_index, device="cpu", root=samples / "photos")
    named = rooted.scan(Listing("y", ("speaker.jpg", "../listings.jsonl")))
    assert [image.sha256 is not None for image in named.images] == [True, False]
    assert "leads out of it" in named.warnings[0]


def test_logos_of_a_mirrored_photo_are_matched(samples: Path, sample_index: LogoIndex, clip: ClipEncoder) -> None:
    scanner = Scanner(sample_index, encoder=clip)
    photo = np.ascontiguousarray(load_image(samples / "photos" / "speaker.jpg")[:, ::-1])
    look = next(match for match in scanner.find_logos(photo) if match.kind == "appearance")
    assert look.brand == "JBL"
    assert (look.probability or 0) > 0.9
    tight = scanner.refine_box(photo, look)
    assert tight.similarity >= look.similarity - 1e-3
    assert iou(np.array([tight.xyxy], np.float32), np.array([look.xyxy], np.float32))[0, 0] > 0.3


def test_region_rejected_in_a_mirrored_photo_is_no_longer_matched(samples: Path, clip: ClipEncoder) -> None:
    index, _ = LogoIndex.from_folder(samples / "brands", clip)
    scanner = Scanner(index, encoder=clip)
    photo = np.ascontiguousarray(load_image(samples / "photos" / "speaker.jpg")[:, ::-1])
    look = next(match for match in scanner.find_logos(photo) if match.kind == "appearance")
    index.add_negative(crop(photo, look.xyxy), look.brand, force=True)
    assert all(
        (m.probability or 0) < 0.5
        for m in scanner.find_logos(photo)
        if m.kind == "appearance" and m.brand == look.brand
    )
