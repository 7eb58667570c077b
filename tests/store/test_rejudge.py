"""Judging again: without photos, by the pipeline of a scan, and nothing that was not stored is cleared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.scans import (
    ACME,
    BOLT,
    CALIBRATION,
    CORE,
    DETECTOR,
    ENCODER,
    SPEAKS,
    make_index,
    make_listings,
    make_scanner,
    timeless,
)
from fakes import GREY, FakeEncoder, FakeOcr, photo_of
from hypothesis import given
from PIL import Image, ImageDraw
from strategies import make_report, quick, reports, score_models

from logoscan.errors import CorruptFileError, InputError, LogoscanError, MismatchError
from logoscan.index.ann import Approximate
from logoscan.index.logo_index import LogoIndex
from logoscan.matching import sift_match
from logoscan.matching.keypoint_votes import KeypointVotes
from logoscan.matching.placement import place
from logoscan.reporting.jsonl import write_reports
from logoscan.reporting.report_file import ReportFile
from logoscan.results import Report
from logoscan.scan.decision_log import DecisionRecord
from logoscan.scan.scanner import Scanner
from logoscan.scoring.model import PRIOR, ScoreModel
from logoscan.store import _part_index
from logoscan.store.find import find, find_by_vectors, make_query
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.types import Brand, Effort, Embeddings, Listing, Rgb, TextSpans
from logoscan.vision.encoder import encode_images
from logoscan.vision.sift import Keypoints

pytest.importorskip("pyarrow")


def scan_to(
    folder: Path,
    scanner: Scanner,
    listings: list[Listing],
    *,
    text: bool = True,
    quantise: bool = False,
    keypoints: bool | None = None,
) -> tuple[list[Report], FeatureStore]:
    """Scan listings, and keep what was seen."""
    settings = StoreSettings(quantise, keep_text=text, keep_keypoints=keypoints)
    with scanner.feature_writer(folder, settings) as writer:
        reports = list(scanner.scan_many(listings, keep_features=writer))
    return reports, FeatureStore(folder)


def comparable(report: Report) -> Report:
    """Numbers of float16 features differ in the fourth digit."""
    matches = tuple(
        replace(m, similarity=0.0, margin=0.0, probability=round(m.probability or 0, 2)) for m in report.matches
    )
    brands = tuple(replace(b, probability=round(b.probability or 0.0, 2), score=round(b.score)) for b in report.brands)
    score = replace(report.score, value=None, brand=None, contributions=(), band="clear", doubts=())
    return replace(timeless(report), matches=matches, brands=brands, score=score, skipped=(), price=None)


@pytest.mark.parametrize("keypoints", [True, False])
@pytest.mark.parametrize("given_reports", [True, False])
def test_rejudging_gives_the_reports_of_the_scan(tmp_path: Path, given_reports: bool, keypoints: bool) -> None:
    scanner, listings = make_scanner(keypoints=None, hash_photos=True), make_listings()
    scanned, store = scan_to(tmp_path, scanner, listings, keypoints=keypoints)
    earlier = {r.listing_id: r for r in scanned}.get if given_reports else None
    again = list(scanner.rejudge(listings, store, earlier=earlier))
    assert [comparable(r) for r in again] == [comparable(r) for r in scanned]
    assert [(r.score.band, r.score.brand) for r in again] == [(r.score.band, r.score.brand) for r in scanned]
    note = "keypoints were compared as they are stored" if keypoints else "keypoints were not compared"
    noted = [note in " ".join(r.skipped) for r in again]
    assert noted == [bool(r.images) and not given_reports for r in scanned]


def test_a_recorded_scanner_knows_new_brands_and_opens_nothing(tmp_path: Path) -> None:
    only_acme = LogoIndex(ENCODER)
    only_acme.add(Brand("Acme"), [("a", ACME)])
    listings = [Listing("b", (photo_of(BOLT),), claimed_brand=""), Listing("bare")]
    scanned, store = scan_to(tmp_path, make_scanner(only_acme), listings)
    recorded = Scanner.recorded(make_index(), store, calibration=CALIBRATION)
    first, bare = recorded.rejudge([Listing("b", ("gone.png",), claimed_brand=""), Listing("bare")], store)
    assert scanned[0].score.brand is None
    assert first.score.brand == "Bolt"
    assert (bare.score.band, bare.images) == ("clear", ())
    with pytest.raises(LogoscanError, match="look at no photo"):
        recorded.encoder.encode_pixels(np.zeros((1, 16, 16, 3), np.uint8))
    with pytest.raises(LogoscanError, match="look at no photo"):
        recorded.detector.detect([photo_of(BOLT)])


class HastyOcr(FakeOcr):
    """Leaves a line of each photo unread."""

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        box = np.array([[1, 2, 3, 4]], np.float32)
        return [replace(spans, unread_xyxy=box, unread_scripts=("Cyrl",)) for spans in super().read(images)]


class StatingEncoder(FakeEncoder):
    """States how its network runs."""

    precision, runtime = "bfloat16", "fake 1"


@pytest.mark.parametrize("text", [True, False])
def test_a_recorded_scanner_reports_what_the_scan_did(tmp_path: Path, text: bool) -> None:
    encoder, listings = StatingEncoder(), make_listings()
    index = LogoIndex(encoder)
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)])])
    scanner = Scanner(
        index,
        encoder=encoder,
        detector=DETECTOR,
        ocr=HastyOcr({SPEAKS: ["Bolt"]}),
        calibration=CALIBRATION,
        keep_text=text,
        keypoints=None,
    )
    scanned, store = scan_to(tmp_path, scanner, listings, text=text)
    again = list(Scanner.recorded(index, store, calibration=CALIBRATION).rejudge(listings, store))
    for one, other in zip(scanned, again, strict=True):
        assert (one.text is None, one.provenance.precision) == (not text, "bfloat16")
        assert (other.text, other.unread, other.images) == (one.text, one.unread, one.images)
        assert timeless(other).provenance == timeless(one).provenance
    assert any(report.unread for report in scanned)
    assert any(report.text for report in scanned) == text


@pytest.mark.parametrize("keypoints", [True, False])
@pytest.mark.parametrize("given_index", [True, False])
def test_a_new_logo_is_found_by_stored_keypoints(tmp_path: Path, keypoints: bool, given_index: bool) -> None:
    rng = np.random.default_rng(0)
    label = Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)).resize((240, 240), Image.Resampling.BICUBIC)
    photo = Image.new("RGB", (500, 500), (200, 200, 200))
    photo.paste(label.rotate(20, expand=True, fillcolor=(200, 200, 200)), (90, 70))
    listings = [Listing("label", (np.asarray(photo),), claimed_brand="")]
    old = make_scanner(keypoints="sift")
    scanned, store = scan_to(tmp_path, old, listings, keypoints=keypoints)
    assert scanned[0].matches == ()
    earlier_index = old.index if given_index else None
    index = make_index()
    index.add(Brand("Label"), [("label", np.asarray(label))])
    (again,) = Scanner.recorded(index, store, calibration=CALIBRATION).rejudge(
        listings, store, earlier={"label": scanned[0]}.get, earlier_index=earlier_index
    )
    assert [(m.brand, m.kind) for m in again.matches] == [("Label", "keypoints")] * keypoints
    (same,) = Scanner.recorded(index, store, calibration=CALIBRATION).rejudge(
        listings, store, earlier={"label": again}.get
    )
    assert same.matches == again.matches


def made_label(rng: np.random.Generator) -> Rgb:
    """Triangles anywhere on one colour: it has neither a grid nor an outline in common with another label."""
    label = Image.new("RGB", (240, 240), tuple(rng.integers(0, 255, 3).tolist()))
    for corners in rng.integers(10, 230, (40, 6)).tolist():
        ImageDraw.Draw(label).polygon(corners, fill=tuple(rng.integers(0, 255, 3).tolist()))
    return np.asarray(label)


def photo_with(label: Rgb) -> Rgb:
    return np.pad(label, ((60, 60), (60, 60), (0, 0)), mode="edge")


def by_keypoints(report: Report) -> set[str]:
    return {m.brand for m in report.matches if m.kind == "keypoints"}


def test_a_new_logo_that_new_brands_share_is_found_for_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    shared, alone = made_label(rng), made_label(rng)
    listings = [Listing(name, (photo_with(pixels),)) for name, pixels in (("shared", shared), ("alone", alone))]
    old = make_scanner(keypoints="sift")
    scanned, store = scan_to(tmp_path, old, listings)
    index = make_index()
    index.add_many(
        [(Brand("One"), [("1", shared)]), (Brand("Twin"), [("2", shared)]), (Brand("Alone"), [("3", alone)])]
    )
    assert index.shared_logos
    rejudge = Scanner.recorded(index, store, calibration=CALIBRATION).rejudge
    for earlier_index in (None, old.index):
        again = list(
            rejudge(listings, store, earlier={r.listing_id: r for r in scanned}.get, earlier_index=earlier_index)
        )
        assert [by_keypoints(report) for report in again] == [{"One", "Twin"}, {"Alone"}]


@pytest.mark.parametrize("effort", ["default", "full"])
def test_votes_are_said_and_full_effort_compares_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, effort: Effort
) -> None:
    def no_votes(votes: KeypointVotes, photos: Sequence[Keypoints], *_: Any) -> list[dict[Any, Any]]:
        return [{} for _ in photos]

    monkeypatch.setattr(KeypointVotes, "voted", no_votes)
    label = made_label(np.random.default_rng(5))
    listings = [Listing("label", (photo_with(label),)), Listing("bare")]
    old = make_scanner(keypoints="sift", effort=effort)
    scanned, store = scan_to(tmp_path, old, listings)
    index = make_index()
    index.add(Brand("Label"), [("label", label)])
    recorded = Scanner.recorded(index, store, calibration=CALIBRATION)
    before = {r.listing_id: r for r in scanned}.get
    again, bare = recorded.rejudge(listings, store, earlier=before, earlier_index=old.index)
    said = ["only where keypoints vote" in " ".join(report.skipped) for report in (again, bare)]
    assert (by_keypoints(again), said) == (({"Label"}, [False] * 2) if effort == "full" else (set(), [True, False]))
    (all_compared, _) = recorded.rejudge(listings, store, earlier=before)
    assert by_keypoints(all_compared) == {"Label"}
    assert "only where keypoints vote" not in " ".join(all_compared.skipped)
    same = Scanner.recorded(old.index, store, calibration=CALIBRATION).rejudge(
        listings, store, earlier=before, earlier_index=old.index
    )
    assert not any("only where keypoints vote" in " ".join(report.skipped) for report in same)


def test_logos_that_were_compared_are_compared_again_beside_a_new_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(2)
    labels = [made_label(rng) for _ in range(3)]
    labels.append(np.concatenate([labels[0], labels[2]], axis=1))
    listings = [Listing(f"{i}", (photo_with(label),)) for i, label in enumerate(labels)]
    old = make_scanner(keypoints="sift")
    index = LogoIndex(ENCODER)
    index.add_many([(Brand("Zero"), [("0", labels[0])]), (Brand("One"), [("1", labels[1])])])
    scanned, store = scan_to(tmp_path, make_scanner(index, keypoints="sift"), listings)
    assert [by_keypoints(report) for report in scanned] == [{"Zero"}, {"One"}, set(), {"Zero"}]
    more = index.snapshot()
    more.add(Brand("Two"), [("2", labels[2])])
    asked: list[list[str]] = []

    def spy(photo: Keypoints, logo_images: Sequence[Keypoints], owners: Sequence[str], **options: Any) -> Any:
        asked.append(sorted(owners))
        return place(photo, logo_images, owners, **options)

    monkeypatch.setattr(sift_match, "place", spy)
    recorded = Scanner.recorded(more, store, calibration=CALIBRATION)
    earlier = {r.listing_id: r for r in scanned}.get
    again = list(recorded.rejudge(listings, store, earlier=earlier, earlier_index=index))
    # nothing of "Two" votes in the others; where it lies, it is compared beside all its rivals
    assert asked == [["Two"], ["One", "Two", "Zero"]] * 2
    assert [by_keypoints(report) for report in again] == [{"Zero"}, {"One"}, {"Two"}, {"Zero", "Two"}]
    asked.clear()
    list(recorded.rejudge(listings, store, earlier=earlier, earlier_index=old.index))
    assert asked == [["One", "Two", "Zero"]] * 4


@pytest.mark.parametrize("seed", range(4))
def test_what_old_brands_share_names_no_new_one(tmp_path: Path, seed: int) -> None:
    """Two old brands with one seal are not found by it; a new one that bears it too is not found by that alone."""
    rng = np.random.default_rng(seed)
    seal, *own = (made_label(rng) for _ in range(4))
    packs = [np.concatenate([label, seal], axis=1) for label in own]
    index = LogoIndex(ENCODER)
    index.add_many([(Brand(name), [(name, pack)]) for name, pack in zip(("One", "Two"), packs, strict=False)])
    more = index.snapshot()
    more.add(Brand("New"), [("New", packs[2])])
    listings = [Listing("seal", (photo_with(seal),)), Listing("pack", (photo_with(packs[2]),))]
    scanned, store = scan_to(tmp_path, make_scanner(index, keypoints="sift"), listings)
    recorded = Scanner.recorded(more, store, calibration=CALIBRATION)
    wanted = list(recorded.rejudge(listings, store))
    again = list(recorded.rejudge(listings, store, earlier={r.listing_id: r for r in scanned}.get, earlier_index=index))
    for report, of_all in zip(again, wanted, strict=True):
        assert by_keypoints(report) - {"One", "Two"} == by_keypoints(of_all) - {"One", "Two"}
    assert "New" in by_keypoints(again[1])


def test_what_is_not_stored_is_not_cleared(tmp_path: Path) -> None:
    scanner = make_scanner()
    Image.fromarray(photo_of(None, GREY)).save(tmp_path / "a.png")
    listing = Listing("L", (tmp_path / "a.png",), claimed_brand="")
    scanned, store = scan_to(tmp_path / "s", scanner, [listing])
    assert [r.score.band for r in scanned] == ["clear"]
    assert [r.score.band for r in scanner.rejudge([listing], store)] == ["clear"]
    (more,) = scanner.rejudge([replace(listing, images=(*listing.images, "b.png"))], store)
    (other,) = scanner.rejudge([replace(listing, images=("b.png",))], store)
    (unknown,) = scanner.rejudge([Listing("M", ("b.png",), claimed_brand="")], store)
    assert [r.score.band for r in (more, other, unknown)] == ["review"] * 3
    assert more.warnings == ("image 1: no features are stored",)
    assert other.warnings == ("image 0: the features that are stored are another file's",)


def test_text_that_is_not_kept_is_said_and_taken_from_reports(tmp_path: Path) -> None:
    scanner, listings = make_scanner(), make_listings()[2:3]
    scanned, store = scan_to(tmp_path, scanner, listings, text=False)
    assert [m.brand for m in scanned[0].mentions] == ["Bolt"]
    (without,) = scanner.rejudge(listings, store)
    assert without.mentions == ()
    assert "image 0: the text that was read is not kept" in without.skipped
    (again,) = scanner.rejudge(listings, store, earlier={scanned[0].listing_id: scanned[0]}.get)
    assert again.mentions == scanned[0].mentions
    assert again.score.brand == scanned[0].score.brand


class NamingEncoder(FakeEncoder):
    """Knows every name as the vector of a white picture, and Core as that of its logo."""

    has_text = True

    def encode_text(self, texts: Sequence[str]) -> Embeddings:
        return encode_images(self, [CORE if text == "Core" else np.full_like(CORE, 255) for text in texts])


def test_without_text_the_reports_of_the_same_index_are_exact(tmp_path: Path) -> None:
    encoder = NamingEncoder()
    index = LogoIndex(encoder)
    index.add_many([(Brand("Acme"), [("a", ACME)]), (Brand("Bolt"), [("b", BOLT)]), (Brand("Core"), [])])
    scanner = Scanner(
        index,
        encoder=encoder,
        detector=DETECTOR,
        ocr=HastyOcr({SPEAKS: ["Bolt", " "]}),
        calibration=CALIBRATION,
        name_calibration=replace(CALIBRATION, kind="name"),
        keypoints=None,
    )
    named = Listing("named", (photo_of(None, SPEAKS),), title="Acme shoe", claimed_brand="Acme")
    listings = [*make_listings(), named]
    scanned, store = scan_to(tmp_path, scanner, listings, text=False)
    assert "Core" in {match.brand for report in scanned for match in report.matches}
    assert any(report.score.doubts for report in scanned)
    again = list(scanner.rejudge(listings, store, earlier={r.listing_id: r for r in scanned}.get))
    for one, other in zip(scanned, again, strict=True):
        assert (other.score, other.brands, other.matches) == (one.score, one.brands, one.matches)
        assert (other.mentions, other.unread) == (one.mentions, one.unread)


def test_quantised_features_with_reports_of_the_same_index_are_exact(tmp_path: Path) -> None:
    scanner, listings = make_scanner(), make_listings()
    scanned, store = scan_to(tmp_path, scanner, listings, quantise=True)
    again = list(scanner.rejudge(listings, store, earlier={r.listing_id: r for r in scanned}.get))
    assert [(r.score.band, r.score.brand) for r in again] == [(r.score.band, r.score.brand) for r in scanned]
    for one, other in zip(scanned, again, strict=True):
        assert [m.probability for m in one.matches] == pytest.approx([m.probability for m in other.matches])


def test_features_of_other_models_are_not_judged(tmp_path: Path) -> None:
    _, store = scan_to(tmp_path, make_scanner(), make_listings()[:1])
    with pytest.raises(MismatchError, match="ocr 'fake', now 'none'"):
        list(make_scanner(ocr=None).rejudge([], store))


def test_each_decision_is_announced_once(tmp_path: Path) -> None:
    listings = make_listings()
    scanned, store = scan_to(tmp_path, make_scanner(), listings)
    records: list[DecisionRecord] = []
    recorded = Scanner.recorded(make_index(), store, calibration=CALIBRATION, on_decision=records.append)
    again = list(recorded.rejudge(listings, store, earlier={r.listing_id: r for r in scanned}.get))
    assert [(r.listing_id, r.band, r.score, r.brand, r.decision) for r in records] == [
        (r.listing_id, r.score.band, r.score.value, r.score.brand, None) for r in again
    ]
    assert all(record.seconds > 0 for record in records)


# -- reports


@quick
@given(reports(), score_models)
def test_the_model_of_a_report_judges_it_equally(report: Report, model: ScoreModel) -> None:
    signals = [s for s in report.score.contributions if s.signal in PRIOR]
    if report.score.brand is None or len({s.signal for s in signals}) != len(report.score.contributions):
        assert model.rejudge(make_report()).score.value is None
        return
    first = model.rejudge(report)
    assert model.rejudge(first) == first


def test_reports_of_a_scan_are_judged_equally_and_by_another_model_otherwise() -> None:
    scanned = list(make_scanner().scan_many(make_listings()))
    assert [ScoreModel().rejudge(report) for report in scanned] == scanned
    stern = ScoreModel(bias=3.0, name="stern")
    for report in scanned:
        again = stern.rejudge(report)
        assert again.provenance.score_model == stern.version
        assert {b.brand: b.named for b in again.brands} == {b.brand: b.named for b in report.brands}
        if report.score.value is not None:
            assert again.score.value is not None
            assert again.score.value > report.score.value
            assert any("judged again" in line for line in again.skipped)
    mild = ScoreModel(bias=-30.0, name="mild")
    broken = next(report for report in scanned if report.listing_id == "broken")
    assert mild.rejudge(broken).score.band == "review"
    with pytest.raises(InputError, match="expected those with a shape"):
        ScoreModel(shapes={"low_price": (0.0, 1.0)}).rejudge(scanned[0])


def test_a_file_of_reports_finds_each_by_its_id(tmp_path: Path) -> None:
    made = [make_report(listing_id=name) for name in ("a", "b", "ü")]
    write_reports(tmp_path / "r.jsonl", made)
    file = ReportFile(tmp_path / "r.jsonl")
    assert [file.get(r.listing_id) for r in made] == made
    assert (len(file), file.get("c")) == (3, None)
    (tmp_path / "r.jsonl").write_bytes((tmp_path / "r.jsonl").read_bytes()[:-9])
    with pytest.raises(CorruptFileError):
        ReportFile(tmp_path / "r.jsonl")


# -- find


def test_find_names_listings_with_the_logo_and_copies_of_the_photo(tmp_path: Path) -> None:
    scanner = make_scanner(hash_photos=True)
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 255, (12, 16, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    listings = [
        Listing("acme", (photo_of(ACME),)),
        Listing("bolt", (photo_of(BOLT),)),
        Listing("scene", (scene,)),
        Listing("bare"),
    ]
    _, store = scan_to(tmp_path, scanner, listings)
    fingerprint = ENCODER.info.fingerprint
    found = find(store, make_query(ACME, ENCODER), fingerprint, least_similarity=0.9)
    assert [(f.listing_id, f.kind) for f in found] == [("acme", "logo")]
    assert found[0].xyxy == (24.0, 14.0, 56.0, 46.0)
    mirrored = find(store, make_query(np.ascontiguousarray(scene[:, ::-1]), ENCODER), fingerprint)
    assert (mirrored[0].listing_id, mirrored[0].kind) == ("scene", "copy")
    same = find(store, make_query(scene, ENCODER), fingerprint, most=1)
    assert [(f.listing_id, f.kind, f.similarity) for f in same] == [("scene", "file", 1.0)]
    with pytest.raises(MismatchError, match="made by encoder"):
        find(store, make_query(ACME, ENCODER), "x")


def test_the_approximate_search_finds_what_the_exact_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logoscan.store._part_index.APPROXIMATE_FROM", 50)
    monkeypatch.setattr(import_module("logoscan.store.find"), "_FIRST_PROPOSALS", 2)
    rng = np.random.default_rng(0)
    listings = [
        Listing(f"L{i}", (photo_of(rng.integers(0, 255, (2, 2, 3), np.uint8).repeat(16, 0).repeat(16, 1)),))
        for i in range(60)
    ]
    _, store = scan_to(tmp_path, make_scanner(), listings)
    query = make_query(ACME, ENCODER).vectors
    exact = find_by_vectors(store, query, 0.3, 20, exact=True)
    fast = find_by_vectors(store, query, 0.3, 20)
    assert fast == exact != []
    (cache,) = (tmp_path / ".find").glob("*.faiss")
    before = cache.stat().st_mtime_ns
    assert find_by_vectors(store, query, 0.3, 20) == exact
    assert cache.stat().st_mtime_ns == before
    cache.write_bytes(cache.read_bytes()[:-1] + b"x")
    assert find_by_vectors(store, query, 0.3, 20) == exact
    assert cache.stat().st_mtime_ns > before


def test_the_index_of_a_large_file_can_be_opened_again() -> None:
    vectors = np.random.default_rng(0).normal(size=(2000, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    built = Approximate.build(vectors, _part_index._FACTORY)
    opened = Approximate.from_bytes(built.to_bytes(), built.facts)
    assert np.array_equal(opened.propose(vectors[:20], 10), built.propose(vectors[:20], 10))
    assert (opened.propose(vectors[:20], 10) == np.arange(20)[:, None]).any(axis=1).mean() > 0.8


def test_find_in_an_empty_store(tmp_path: Path) -> None:
    assert find(FeatureStore(tmp_path), make_query(ACME, ENCODER), "x") == []
