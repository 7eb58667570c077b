"""`quality.py identify` and `unknown`: whole photos against a register.

What is seen in a photo (regions, vectors, text) is computed once and kept in memory, or in --cache between runs; every
mode and every register is judged from that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import Statistic, bootstrap, icon_set, paired, register, write_result
from numpy.typing import NDArray
from options import PATH, PHOTOS, REGISTER, corners, options, rows_of
from rich.progress import track

from logoscan.images.boxes import iou
from logoscan.images.loading import load_image
from logoscan.index.logo_index import LogoIndex
from logoscan.io.records import to_mapping
from logoscan.matching.fusion import BrandEvidence, fuse
from logoscan.ocr.engine import OcrEngine, make_ocr
from logoscan.ocr.regions import read
from logoscan.results import ImageRecord
from logoscan.scan.scanner import PhotoFeatures, Scanner
from logoscan.types import Match, Regions, Rgb, TextSpans
from logoscan.vision.detector import make_detector, with_text
from logoscan.vision.encoder import ClipEncoder, encode_crops
from logoscan.vision.features import MIRRORED
from logoscan.vision.sift import Keypoints, sift_photo

MODES = ("look", "points", "logo", "text", "both")
"""By the embedding of places, by points laid over drawings, by these two, by what is read, and by all."""
FOLD = 3
"""Brands that are left out of the register at a time by `unknown`."""


@dataclass(frozen=True)
class Photo:
    """A photo with its true brands; none is a negative."""

    path: Path
    brands: frozenset[str]


def _photos(
    images: Path, labels: Path, negatives: Path | None, negative_labels: Path | None, exclude: Path | None
) -> list[Photo]:
    if (negatives is None) != (negative_labels is None):
        raise click.UsageError("--negatives and --negative-labels go together")
    left_out = {r["file"] for r in rows_of(exclude)}
    photos = [
        Photo(images / r["file"], frozenset(b for b in r["brand"].split("|") if b))
        for r in rows_of(labels)
        if r["file"] not in left_out
    ]
    if negatives is not None:
        rows = rows_of(negative_labels)
        photos += [Photo(negatives / r["file"], frozenset()) for r in rows if not r["brand"]]
    return photos


def _observe(scanner: Scanner, photos: list[Photo], cache: Path | None) -> Iterator[PhotoFeatures]:
    """What is in each photo. Vectors and text are kept apart, so that a new encoder does not mean reading again."""
    detector = f"{scanner.detector.fingerprint} {scanner.effort}"
    encoder = (scanner.encoder.info.fingerprint, getattr(scanner.encoder, "precision", ""), detector)
    for photo in track(photos, "photos"):
        digest = hashlib.sha256(photo.path.read_bytes()).hexdigest()
        rgb = load_image(photo.path)
        found = _kept(cache, ("find", digest, detector), lambda rgb=rgb: _found(scanner, rgb))  # type: ignore[misc]
        regions = Regions(found["xyxy"], found["confidence"])
        engine = _name(scanner.ocr)
        lines = _kept(
            cache,
            ("read", digest, engine, detector),
            lambda rgb=rgb, regions=regions: _read(scanner, rgb, regions),  # type: ignore[misc]
        )
        spans = TextSpans(lines["polygons"], tuple(str(t) for t in lines["texts"]), lines["sure"])
        seen = _kept(
            cache,
            ("look and mirror", digest, *encoder, *((engine,) if len(spans) else ())),
            lambda rgb=rgb, regions=regions, spans=spans: _looked(scanner, rgb, regions, spans),  # type: ignore[misc]
        )
        record = ImageRecord(photo.path.name, digest, rgb.shape[1], rgb.shape[0])
        points = _kept(cache, ("points", digest), lambda rgb=rgb: _points(rgb))  # type: ignore[misc]
        keypoints = Keypoints(points["frames"], points["descriptors"], (rgb.shape[1], rgb.shape[0]))
        regions = Regions(seen["xyxy"], seen["confidence"])
        yield PhotoFeatures(record, regions, seen["vectors"], spans, keypoints, mirrored=seen["mirrored"])


def _name(ocr: OcrEngine | None) -> str:
    return ocr.name if ocr else "none"


def look(scanner: Scanner, rgb: Rgb) -> dict[str, Any]:
    """Regions of a photo that is not read, and their vectors."""
    return _looked(scanner, rgb, scanner.detector.detect([rgb])[0], TextSpans.empty())


def _looked(scanner: Scanner, rgb: Rgb, proposed: Regions, spans: TextSpans) -> dict[str, Any]:
    regions = with_text(proposed, spans, rgb.shape[1], rgb.shape[0])
    also = min(len(proposed), MIRRORED[scanner.effort])
    vectors = encode_crops(scanner.encoder, [rgb], [regions.xyxy], [also])[0]
    split = len(regions)
    return {
        "xyxy": regions.xyxy,
        "confidence": regions.confidence,
        "vectors": vectors[:split],
        "mirrored": vectors[split:],
    }


def _points(rgb: Rgb) -> dict[str, Any]:
    found = sift_photo(rgb)
    return {"frames": found.frames, "descriptors": found.descriptors}


def _found(scanner: Scanner, rgb: Rgb) -> dict[str, Any]:
    (regions,) = scanner.detector.detect([rgb])
    return {"xyxy": regions.xyxy, "confidence": regions.confidence}


def _read(scanner: Scanner, rgb: Rgb, regions: Regions) -> dict[str, Any]:
    (spans,) = read(scanner.ocr, [rgb], [regions], scanner.effort)
    return {"polygons": spans.polygons, "texts": np.array(spans.texts, np.str_), "sure": spans.confidence}


def _kept(cache: Path | None, key: tuple[str, ...], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` returns, from the cache where it is there."""
    if cache is None:
        return make()
    place = cache / f"{key[0]}-{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.npz"
    if not place.is_file():
        temporary = place.with_suffix(".tmp.npz")
        np.savez(temporary, **make())
        temporary.replace(place)
    with np.load(place, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def answers_of(scanner: Scanner, index: LogoIndex, seen: PhotoFeatures) -> dict[str, tuple[str, float]]:
    """For each mode the most confident brand and its confidence; "" and -1 where nothing is found."""
    matches = scanner.match([seen], index)
    mentions = index.names.find_in_spans(seen.spans, "image:0")
    evidence = fuse(matches, mentions)
    look = _best(fuse([m for m in matches if not m.points], ()), lambda e: e.logo)
    logo = _best(evidence, lambda e: e.logo)
    if scanner.calibration is None:  # looks have no probabilities: rank by what the matcher ranks by
        nearest = max((m for m in matches if not m.points), key=lambda m: m.similarity + m.margin, default=None)
        look = logo = (nearest.brand, nearest.similarity + nearest.margin) if nearest else ("", -1.0)
    return {
        "look": look,
        "points": _best(fuse([m for m in matches if m.points], ()), lambda e: e.logo),
        "logo": logo,
        "text": _best(evidence, lambda e: e.text or None),
        "both": _best(evidence, lambda e: e.shown),
    }


def _best(evidence: dict[str, BrandEvidence], confidence: Callable[[BrandEvidence], float | None]) -> tuple[str, float]:
    known = [(c, name) for name, e in evidence.items() if (c := confidence(e)) is not None]
    return max(((name, c) for c, name in known), key=lambda pair: pair[1], default=("", -1.0))


def operating_threshold(negatives: NDArray[np.float64], fpr: float) -> float:
    """The lowest threshold with at most floor(fpr * n) confidences strictly above it."""
    allowed = int(np.floor(fpr * len(negatives) + 1e-9))
    ordered = np.sort(negatives)[::-1]
    return float(ordered[allowed]) if allowed < len(ordered) else -np.inf


def tpr_at(hit: NDArray[np.bool_], sure: NDArray[np.float64], negative: NDArray[np.float64], fpr: float) -> Statistic:
    """TPR at a false positive rate, as a function of the positives and negatives that are drawn (row numbers)."""
    return lambda p, n: float((hit[p] & (sure[p] > operating_threshold(negative[n], fpr))).mean())


def _figures(
    hit: NDArray[np.bool_], sure: NDArray[np.float64], negative: NDArray[np.float64], shipped: float | None
) -> dict[str, Any]:
    """Top-1, TPR at two false positive rates and at the shipped threshold, each with its interval."""

    def top1(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float(hit[p].mean())

    def tpr_shipped(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float((hit[p] & (sure[p] > (shipped or 0.0))).mean())

    def fpr_shipped(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float((negative[n] > (shipped or 0.0)).mean())

    every = (np.arange(len(hit)), np.arange(len(negative)))
    wanted: dict[str, tuple[Statistic, bool]] = {
        "top1": (top1, True),
        "tpr_at_fpr_01": (tpr_at(hit, sure, negative, 0.01), len(negative) > 0),
        "tpr_at_fpr_05": (tpr_at(hit, sure, negative, 0.05), len(negative) > 0),
        "tpr_shipped": (tpr_shipped, shipped is not None),
        "fpr_shipped": (fpr_shipped, shipped is not None and len(negative) > 0),
    }
    figures: dict[str, Any] = {}
    for name, (statistic, known) in wanted.items():
        figures[name] = round(statistic(*every), 4) if known else None
        figures[f"{name}_ci"] = bootstrap(statistic, (len(hit), len(negative))) if known else None
    return figures


@dataclass(frozen=True)
class Run:
    """What `identify` and `unknown` have in common."""

    index: LogoIndex
    names: frozenset[str]
    scanner: Scanner
    photos: list[Photo]
    settings: dict[str, Any]


def scanner_of(
    index: LogoIndex,
    clip: ClipEncoder,
    detector: str,
    detector_weights: Path | None,
    ocr: str,
    effort: str,
    device: str,
) -> Scanner:
    """The scanner that the options name."""
    saved: Any = effort
    return Scanner(
        index,
        encoder=clip,
        detector=make_detector(detector, device=device, path=detector_weights, effort=saved),
        ocr=make_ocr(ocr, device=device, effort=saved),  # type: ignore[arg-type]
        effort=saved,
    )


def prepare(
    images: Path,
    labels: Path,
    galleries: tuple[Path, ...],
    negatives: Path | None,
    negative_labels: Path | None,
    exclude: Path | None,
    distractors: Path | None,
    encoder: str | None,
    pretrained: str | None,
    detector: str,
    detector_weights: Path | None,
    ocr: str,
    effort: str,
    device: str,
    cache: Path | None,
) -> Run:
    """Read models, register and labels that the options name."""
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, names = register(galleries, distractors, clip, cache)
    scanner = scanner_of(index, clip, detector, detector_weights, ocr, effort, device)
    settings = {
        "encoder": to_mapping(clip.info),
        "precision": clip.precision,
        "detector": scanner.detector.name,
        "ocr": _name(scanner.ocr),
        "effort": effort,
        "calibration": None if scanner.calibration is None else to_mapping(scanner.calibration),
        "distractors": None if distractors is None else icon_set(distractors),
    }
    photos = _photos(images, labels, negatives, negative_labels, exclude)
    return Run(index, frozenset(names), scanner, photos, settings)


@click.command()
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Whose figures stand on top.")
@click.option("--boxes", type=PATH, help="CSV file,brand,x0,y0,x1,y1: how well right matches lie on the marks.")
@click.option("--evidence", type=click.Path(path_type=Path), help="Keep what each photo says, for `score.py`.")
@options("json", "cache", *REGISTER, *PHOTOS)
def identify(
    mode: str, boxes: Path | None, evidence: Path | None, out: Path, cache: Path | None, **inputs: Any
) -> None:
    """The whole system on whole photos.

    A photo's answer is its most confident brand. hit: it is among the labels. TPR: share of positives that are a hit
    with a confidence above t; t is the lowest threshold with at most floor(fpr * n_neg) false positives. Negatives are
    the rows with an empty brand in either label file. Photos none of whose brands is registered are dropped, counted.
    gain: TPR at 1 % by both less that of the better of logo and text, with the interval of a paired bootstrap (photos
    are drawn, both answers with them).
    match_iou: mean, over photos whose answer by logo is a hit, of the overlap of its surest match with the nearest true
    box of that brand.
    """
    run = prepare(**inputs, cache=cache)
    kept = [p for p in run.photos if not p.brands or p.brands & run.names]
    if not any(p.brands for p in kept):
        raise click.ClickException("no photo shows a registered brand: nothing to measure")
    answers: list[dict[str, tuple[str, float]]] = []
    overlaps: list[float] = []
    said: list[tuple[float | None, float]] = []
    true_boxes = _true_boxes(boxes)
    for photo, seen in zip(kept, _observe(run.scanner, kept, cache), strict=True):
        answers.append(answers_of(run.scanner, run.index, seen))
        said.append(_said(run.scanner, run.index, seen, photo))
        brand = answers[-1]["logo"][0]
        if brand in photo.brands and (photo.path.name, brand) in true_boxes:
            surest = next(m for m in run.scanner.match([seen], run.index) if m.brand == brand)
            overlaps.append(_overlap(surest, true_boxes[photo.path.name, brand]))
    calibration = run.scanner.calibration
    shipped = None if calibration is None else calibration.threshold
    per_mode: dict[str, dict[str, Any]] = {}
    rates: dict[str, Statistic] = {}
    for name in MODES:
        positive = [(a[name][0] in p.brands, a[name][1]) for p, a in zip(kept, answers, strict=True) if p.brands]
        negative = np.array([a[name][1] for p, a in zip(kept, answers, strict=True) if not p.brands], np.float64)
        hit = np.array([h for h, _ in positive], bool)
        sure = np.array([s for _, s in positive], np.float64)
        rates[name] = tpr_at(hit, sure, negative, 0.01)
        # without a calibration only words carry probabilities that the shipped threshold could be compared with
        per_mode[name] = _figures(hit, sure, negative, shipped)
    counts: dict[str, Any] = {
        "n_pos": sum(bool(p.brands) for p in kept),
        "n_neg": sum(not p.brands for p in kept),
        "n_dropped": len(run.photos) - len(kept),
        "brands": len(run.index.brands),
    }
    if counts["n_neg"]:
        every = (np.arange(counts["n_pos"]), np.arange(counts["n_neg"]))
        better = max(("logo", "text"), key=lambda name: rates[name](*every))
        counts["gain_over"] = better
        counts |= paired("gain", rates["both"], rates[better], (counts["n_pos"], counts["n_neg"]))
    if evidence is not None:
        settings = {"command": ["identify", mode], "encoder": run.settings["encoder"], "ocr": run.settings["ocr"]}
        evidence.write_text(json.dumps({**settings, "brands": counts["brands"], "photos": said}) + "\n", "utf-8")
    lie = {"match_iou": round(float(np.mean(overlaps)), 4), "n_matches": len(overlaps)} if overlaps else {}
    write_result(out, {**counts, **lie, "mode": mode, **per_mode[mode], "modes": per_mode}, run.settings)


def _said(scanner: Scanner, index: LogoIndex, seen: PhotoFeatures, photo: Photo) -> tuple[float | None, float]:
    """How surely a photo shows a brand that it does show (None: it shows none), and the surest other one."""
    found = fuse(scanner.match([seen], index), index.names.find_in_spans(seen.spans, "image:0"))
    shown = {name: round(e.shown or 0.0, 4) for name, e in found.items()}
    right = max((shown.get(brand, 0.0) for brand in photo.brands), default=None)
    return right, max((p for name, p in shown.items() if name not in photo.brands), default=0.0)


def _true_boxes(path: Path | None) -> dict[tuple[str, str], NDArray[np.float32]]:
    """The boxes, float32 (n, 4), of each file and brand."""
    grouped: dict[tuple[str, str], list[list[float]]] = {}
    for row in rows_of(path):
        grouped.setdefault((row["file"], row["brand"]), []).append(corners(row))
    return {key: np.array(rows, np.float32) for key, rows in grouped.items()}


def _overlap(match: Match, truth: NDArray[np.float32]) -> float:
    return float(iou(np.array([match.xyxy], np.float32), truth).max())


@click.command()
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Whose figures stand on top.")
@options("json", "cache", *REGISTER, *PHOTOS)
def unknown(mode: str, out: Path, cache: Path | None, **inputs: Any) -> None:
    """The open set: share of photos whose brands are all left out of the register that are given a name all the same.

    Brands in the order of their names are left out three at a time; on the photos that show only left-out brands any
    name with a confidence above the shipped threshold is wrong. Brand-less photos are no part of it.
    """
    run = prepare(**inputs, cache=cache)
    calibration = run.scanner.calibration
    if calibration is None:
        raise click.ClickException("no shipped threshold for this encoder and detector: nothing to measure")
    photos = [p for p in run.photos if p.brands and p.brands <= run.names]
    seen = list(_observe(run.scanner, photos, cache))
    ordered = sorted(run.names)
    named: dict[str, list[bool]] = {m: [] for m in MODES}
    for start in range(0, len(ordered), FOLD):
        left_out = set(ordered[start : start + FOLD])
        smaller = run.index.snapshot()
        for name in left_out:
            smaller.remove(name)
        for photo, what in zip(photos, seen, strict=True):
            if photo.brands <= left_out:
                answers = answers_of(run.scanner, smaller, what)
                for m in MODES:
                    named[m].append(answers[m][1] > calibration.threshold)
    per_mode = {m: _false_naming(np.array(named[m], bool)) for m in MODES}
    counts = {"n_photos": len(named["logo"]), "folds": -(-len(ordered) // FOLD), "brands": len(run.index.brands)}
    write_result(out, {**counts, "mode": mode, **per_mode[mode], "modes": per_mode}, run.settings)


def _false_naming(wrong: NDArray[np.bool_]) -> dict[str, Any]:
    interval = bootstrap(lambda p, n: float(wrong[p].mean()), (len(wrong), 0))
    return {"false_naming": round(float(wrong.mean()), 4), "false_naming_ci": interval}
