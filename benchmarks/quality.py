"""How well brands are found: `quality.py crops | boxes | identify | unknown | names`; each command's help defines it.

What is seen in a photo (regions, vectors, text) is computed once and kept in memory, or in --cache between runs; every
mode and every register is judged from that.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import bootstrap, icon_set, register, write_result
from numpy.typing import NDArray
from rich.progress import track

from logoscan.boxes import expand, iou
from logoscan.detect import Detector, LogoDetector, Tiles, WholeImage
from logoscan.encode import ClipEncoder, encode_crops
from logoscan.evidence import BrandEvidence, gather
from logoscan.images import load_image, square_crops
from logoscan.index import LogoIndex
from logoscan.jsonio import to_mapping
from logoscan.ocr import OcrEngine, make_ocr
from logoscan.results import ImageRecord
from logoscan.scanner import Observation, Scanner
from logoscan.types import Regions, Rgb, TextSpans

MODES = ("logo", "text", "both")
FOLD = 3
"""Brands that are left out of the register at a time by `unknown`."""

_path = click.Path(exists=True, path_type=Path)


def _options(*names: str) -> Callable[[Any], Any]:
    table = {
        "images": click.option("--images", type=_path, required=True, help="Folder of the photos."),
        "gallery": click.option(
            "--gallery", "galleries", type=_path, required=True, multiple=True, help="Brand folders."
        ),
        "exclude": click.option("--exclude", type=_path, help="CSV with a column file: photos that are no queries."),
        "distractors": click.option("--distractors", type=_path, help="SVG or PNG files, each a further brand."),
        "json": click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file."),
        "encoder": click.option(
            "--encoder", default=None, help="open_clip name or folder; default: the bundled tower."
        ),
        "pretrained": click.option("--pretrained", default=None, help="Tag or checkpoint for --encoder."),
        "device": click.option("--device", default="auto", show_default=True),
        "detector": click.option(
            "--detector",
            type=click.Choice(["logo", "tiles", "whole"]),
            default="tiles",
            show_default=True,
            help="logo needs --detector-weights.",
        ),
        "detector_weights": click.option("--detector-weights", type=_path, help="A trained detector's file."),
        "labels": click.option("--labels", type=_path, required=True, help="CSV file,brand; | between several brands."),
        "negatives": click.option("--negatives", type=_path, help="Folder of further photos."),
        "negative_labels": click.option(
            "--negative-labels", type=_path, help="Its CSV; rows with a brand are ignored."
        ),
        "ocr": click.option("--ocr", type=click.Choice(["auto", "easyocr", "rapidocr", "none"]), default="auto"),
        "cache": click.option("--cache", type=click.Path(path_type=Path), help="Keep what was seen for the next run."),
    }

    def decorate(function: Any) -> Any:
        for name in reversed(names):
            function = table[name](function)
        return function

    return decorate


_REGISTER = ("images", "gallery", "exclude", "distractors", "encoder", "pretrained", "device")
_PHOTOS = ("labels", "negatives", "negative_labels", "detector", "detector_weights", "ocr")


def _rows(path: Path | None) -> list[dict[str, str]]:
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@click.group()
def main() -> None:
    """Quality figures on labelled photos."""


# -- crops


@main.command()
@click.option("--boxes", type=_path, required=True, help="CSV file,brand,x0,y0,x1,y1.")
@_options("json", "cache", "detector", *_REGISTER)
def crops(
    images: Path,
    boxes: Path,
    galleries: tuple[Path, ...],
    exclude: Path | None,
    distractors: Path | None,
    out: Path,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    cache: Path | None,
    detector: str,
) -> None:
    """The encoder alone: labelled boxes, cropped with a 10 % margin, against a gallery.

    r1, r5: the right brand is first, or among the first five distinct brands; queries are boxes of brands that have a
    gallery, in photos that are not excluded. map: leave-one-out mean average precision over all boxes, boxes of the
    same photo excluded, without the gallery. --detector is taken and changes nothing: the boxes are given.
    """
    clip = ClipEncoder(encoder, pretrained, device=device)
    rows = _rows(boxes)
    vectors = _box_vectors(clip, images, rows)
    index, names = register(galleries, distractors, clip, cache)
    left_out = {r["file"] for r in _rows(exclude)}
    queries = [i for i, r in enumerate(rows) if r["brand"] in names and r["file"] not in left_out]
    found = index.search_brands(vectors[queries], 5)
    truth = np.array([rows[i]["brand"] for i in queries])
    right = np.array(found.brands)[found.brand] == truth[:, None]
    figures = {
        "r1": round(float(right[:, 0].mean()), 4),
        "r5": round(float(right.any(axis=1).mean()), 4),
        "map": mean_average_precision(vectors, [r["brand"] for r in rows], [r["file"] for r in rows]),
        "r1_by_size": _by_size(right[:, 0], [rows[i] for i in queries]),
        "r1_by_brand": {b: round(float(right[truth == b, 0].mean()), 3) for b in sorted(set(truth.tolist()))},
        "n_queries": len(queries),
        "brands": len(index.brands),
    }
    settings = {
        "encoder": to_mapping(clip.info),
        "precision": clip.precision,
        "detector": f"{detector} (not used)",
        "vectors": len(index),
        "distractors": None if distractors is None else icon_set(distractors),
    }
    write_result(out, figures, settings)


def _box_vectors(clip: ClipEncoder, images: Path, rows: list[dict[str, str]]) -> NDArray[np.float32]:
    out = np.empty((len(rows), clip.info.dim), np.float32)
    by_file: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_file.setdefault(row["file"], []).append(i)
    for file, members in track(by_file.items(), "boxes"):
        xyxy = np.array([[float(rows[i][k]) for k in ("x0", "y0", "x1", "y1")] for i in members], np.float32)
        out[members] = encode_crops(clip, [load_image(images / file)], [expand(xyxy, 0.1)])[0]
    return out


def _by_size(right: NDArray[np.bool_], rows: list[dict[str, str]]) -> dict[str, float | None]:
    """R@1 of boxes whose long side is under 64 px, to 160 px, and above."""
    long = np.array([max(float(r["x1"]) - float(r["x0"]), float(r["y1"]) - float(r["y0"])) for r in rows])
    parts = {"small": long < 64, "medium": (long >= 64) & (long <= 160), "large": long > 160}
    return {name: round(float(right[which].mean()), 4) if which.any() else None for name, which in parts.items()}


def mean_average_precision(vectors: NDArray[np.float32], brands: list[str], photos: list[str]) -> float | None:
    """Leave-one-out mean average precision; queries with no other box of their brand in another photo do not count."""
    brand, photo = np.array(brands), np.array(photos)
    similarity = vectors @ vectors.T
    precisions = []
    for i in range(len(vectors)):
        others = np.flatnonzero(photo != photo[i])
        relevant = brand[others[np.argsort(-similarity[i, others], kind="stable")]] == brand[i]
        if relevant.any():
            hits = np.flatnonzero(relevant)
            precisions.append(float(((np.arange(len(hits)) + 1) / (hits + 1)).mean()))
    return round(float(np.mean(precisions)), 4) if precisions else None


def _detector(name: str, weights: Path | None, device: str) -> Detector:
    if name != "logo":
        return Tiles() if name == "tiles" else WholeImage()
    if weights is None:
        raise click.UsageError("--detector logo: expected --detector-weights FILE, got none")
    return LogoDetector(weights, device=device)


@main.command()
@click.option("--boxes", type=_path, required=True, help="CSV file,brand,x0,y0,x1,y1.")
@click.option("--proposals", type=click.IntRange(1), multiple=True, default=(10, 50), show_default=True)
@_options("images", "detector", "detector_weights", "device", "json")
def boxes(
    images: Path,
    boxes: Path,
    proposals: tuple[int, ...],
    detector: str,
    detector_weights: Path | None,
    device: str,
    out: Path,
) -> None:
    """The detector alone: labelled boxes that one of the first proposals of their photo meets at IoU 0.5.

    recall_N: share met by one of the first N proposals, of all boxes and of those whose long side in the photo is under
    64 px (_small), to 160 px (_medium), and above (_large).
    """
    chosen, rows = _detector(detector, detector_weights, device), _rows(boxes)
    by_file: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_file.setdefault(row["file"], []).append(i)
    met = np.zeros((len(proposals), len(rows)), bool)
    best, counts = np.zeros(len(rows)), []
    for file, members in track(by_file.items(), "photos"):
        truth = np.array([[float(rows[i][k]) for k in ("x0", "y0", "x1", "y1")] for i in members], np.float32)
        found = chosen.detect([load_image(images / file)])[0]
        counts.append(len(found))
        overlap = iou(found.xyxy, truth)
        best[members] = overlap[: max(proposals)].max(axis=0, initial=0)
        for k, most in enumerate(proposals):
            met[k, members] = (overlap[:most] >= 0.5).any(axis=0)
    figures: dict[str, Any] = {}
    for k, most in enumerate(proposals):
        figures[f"recall_{most}"] = round(float(met[k].mean()), 4)
        figures |= {f"recall_{most}_{size}": value for size, value in _by_size(met[k], rows).items()}
    figures |= {"mean_best_iou": round(float(best.mean()), 4), "n_boxes": len(rows), "photos": len(by_file)}
    figures["proposals_mean"] = round(float(np.mean(counts)), 1)
    write_result(out, figures, {"detector": f"{chosen.name}@{chosen.fingerprint}"})


# -- whole photos


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
    left_out = {r["file"] for r in _rows(exclude)}
    photos = [
        Photo(images / r["file"], frozenset(b for b in r["brand"].split("|") if b))
        for r in _rows(labels)
        if r["file"] not in left_out
    ]
    if negatives is not None:
        rows = _rows(negative_labels)
        photos += [Photo(negatives / r["file"], frozenset()) for r in rows if not r["brand"]]
    return photos


def _observe(scanner: Scanner, photos: list[Photo], cache: Path | None) -> Iterator[Observation]:
    """What is in each photo. Vectors and text are kept apart, so that a new encoder does not mean reading again."""
    encoder = (
        scanner.encoder.info.fingerprint,
        getattr(scanner.encoder, "precision", ""),
        scanner.detector.fingerprint,
    )
    for photo in track(photos, "photos"):
        digest = hashlib.sha256(photo.path.read_bytes()).hexdigest()
        rgb = load_image(photo.path)
        seen = _kept(cache, ("look", digest, *encoder), lambda rgb=rgb: _look(scanner, rgb))  # type: ignore[misc]
        read = _kept(cache, ("read", digest, _name(scanner.ocr)), lambda rgb=rgb: _read(scanner.ocr, rgb))  # type: ignore[misc]
        yield Observation(
            ImageRecord(photo.path.name, digest, rgb.shape[1], rgb.shape[0]),
            Regions(seen["xyxy"], seen["confidence"]),
            seen["vectors"],
            TextSpans(read["polygons"], tuple(str(t) for t in read["texts"]), read["sure"]),
        )


def _name(ocr: OcrEngine | None) -> str:
    return ocr.name if ocr else "none"


def _look(scanner: Scanner, rgb: Rgb) -> dict[str, Any]:
    regions = scanner.detector.detect([rgb])[0]
    vectors = encode_crops(scanner.encoder, [rgb], [regions.xyxy])[0]
    return {"xyxy": regions.xyxy, "confidence": regions.confidence, "vectors": vectors}


def _read(ocr: OcrEngine | None, rgb: Rgb) -> dict[str, Any]:
    spans = ocr.read([rgb])[0] if ocr else TextSpans.empty()
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


def _answers(scanner: Scanner, index: LogoIndex, seen: Observation) -> dict[str, tuple[str, float]]:
    """For each mode the most confident brand and its confidence; "" and -1 where nothing is found."""
    matches = scanner.match([seen], index)
    mentions = index.names.find_in_spans(seen.spans, "image:0")
    evidence = gather(matches, mentions)
    if scanner.calibration is None:  # no probabilities: rank by what the matcher ranks by
        nearest = max(matches, key=lambda m: m.similarity + m.margin, default=None)
        logo = (nearest.brand, nearest.similarity + nearest.margin) if nearest else ("", -1.0)
    else:
        logo = _best(evidence, lambda e: e.logo)
    return {"logo": logo, "text": _best(evidence, lambda e: e.text or None), "both": _best(evidence, lambda e: e.shown)}


def _best(evidence: dict[str, BrandEvidence], confidence: Callable[[BrandEvidence], float | None]) -> tuple[str, float]:
    known = [(c, name) for name, e in evidence.items() if (c := confidence(e)) is not None]
    return max(((name, c) for c, name in known), key=lambda pair: pair[1], default=("", -1.0))


def operating_threshold(negatives: NDArray[np.float64], fpr: float) -> float:
    """The lowest threshold with at most floor(fpr * n) confidences strictly above it."""
    allowed = int(np.floor(fpr * len(negatives) + 1e-9))
    ordered = np.sort(negatives)[::-1]
    return float(ordered[allowed]) if allowed < len(ordered) else -np.inf


def _figures(
    hit: NDArray[np.bool_], sure: NDArray[np.float64], negative: NDArray[np.float64], shipped: float | None
) -> dict[str, Any]:
    """Top-1, TPR at two false positive rates and at the shipped threshold, each with its interval."""

    def top1(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float(hit[p].mean())

    def tpr(rate: float) -> Callable[[NDArray[np.int64], NDArray[np.int64]], float]:
        return lambda p, n: float((hit[p] & (sure[p] > operating_threshold(negative[n], rate))).mean())

    def tpr_shipped(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float((hit[p] & (sure[p] > (shipped or 0.0))).mean())

    def fpr_shipped(p: NDArray[np.int64], n: NDArray[np.int64]) -> float:
        return float((negative[n] > (shipped or 0.0)).mean())

    every = (np.arange(len(hit)), np.arange(len(negative)))
    wanted: dict[str, tuple[Callable[[NDArray[np.int64], NDArray[np.int64]], float], bool]] = {
        "top1": (top1, True),
        "tpr_at_fpr_01": (tpr(0.01), len(negative) > 0),
        "tpr_at_fpr_05": (tpr(0.05), len(negative) > 0),
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


def _prepare(
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
    device: str,
    cache: Path | None,
) -> Run:
    if cache is not None:
        cache.mkdir(parents=True, exist_ok=True)
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, names = register(galleries, distractors, clip, cache)
    chosen = _detector(detector, detector_weights, device)
    scanner = Scanner(index, encoder=clip, detector=chosen, ocr=make_ocr(ocr, device=device))  # type: ignore[arg-type]
    settings = {
        "encoder": to_mapping(clip.info),
        "precision": clip.precision,
        "detector": chosen.name,
        "ocr": _name(scanner.ocr),
        "calibration": None if scanner.calibration is None else to_mapping(scanner.calibration),
        "distractors": None if distractors is None else icon_set(distractors),
    }
    photos = _photos(images, labels, negatives, negative_labels, exclude)
    return Run(index, frozenset(names), scanner, photos, settings)


@main.command()
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Whose figures stand on top.")
@_options("json", "cache", *_REGISTER, *_PHOTOS)
def identify(mode: str, out: Path, cache: Path | None, **inputs: Any) -> None:
    """The whole system on whole photos.

    A photo's answer is its most confident brand. hit: it is among the labels. TPR: share of positives that are a hit
    with a confidence above t; t is the lowest threshold with at most floor(fpr * n_neg) false positives. Negatives are
    the rows with an empty brand in either label file. Photos none of whose brands is registered are dropped, counted.
    """
    run = _prepare(**inputs, cache=cache)
    kept = [p for p in run.photos if not p.brands or p.brands & run.names]
    if not any(p.brands for p in kept):
        raise click.ClickException("no photo shows a registered brand: nothing to measure")
    answers = [_answers(run.scanner, run.index, seen) for seen in _observe(run.scanner, kept, cache)]
    calibration = run.scanner.calibration
    shipped = None if calibration is None else calibration.threshold
    per_mode: dict[str, dict[str, Any]] = {}
    for name in MODES:
        positive = [(a[name][0] in p.brands, a[name][1]) for p, a in zip(kept, answers, strict=True) if p.brands]
        negative = np.array([a[name][1] for p, a in zip(kept, answers, strict=True) if not p.brands], np.float64)
        hit = np.array([h for h, _ in positive], bool)
        sure = np.array([s for _, s in positive], np.float64)
        # without a calibration only words carry probabilities that the shipped threshold could be compared with
        per_mode[name] = _figures(hit, sure, negative, shipped)
    counts = {
        "n_pos": sum(bool(p.brands) for p in kept),
        "n_neg": sum(not p.brands for p in kept),
        "n_dropped": len(run.photos) - len(kept),
        "brands": len(run.index.brands),
    }
    write_result(out, {**counts, "mode": mode, **per_mode[mode], "modes": per_mode}, run.settings)


@main.command()
@click.option("--mode", type=click.Choice(MODES), default="both", show_default=True, help="Whose figures stand on top.")
@_options("json", "cache", *_REGISTER, *_PHOTOS)
def unknown(mode: str, out: Path, cache: Path | None, **inputs: Any) -> None:
    """The open set: share of photos whose brands are all left out of the register that are given a name all the same.

    Brands in the order of their names are left out three at a time; on the photos that show only left-out brands any
    name with a confidence above the shipped threshold is wrong. Brand-less photos are no part of it.
    """
    run = _prepare(**inputs, cache=cache)
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
                answers = _answers(run.scanner, smaller, what)
                for m in MODES:
                    named[m].append(answers[m][1] > calibration.threshold)
    per_mode = {m: _false_naming(np.array(named[m], bool)) for m in MODES}
    counts = {"n_photos": len(named["logo"]), "folds": -(-len(ordered) // FOLD), "brands": len(run.index.brands)}
    write_result(out, {**counts, "mode": mode, **per_mode[mode], "modes": per_mode}, run.settings)


def _false_naming(wrong: NDArray[np.bool_]) -> dict[str, Any]:
    interval = bootstrap(lambda p, n: float(wrong[p].mean()), (len(wrong), 0))
    return {"false_naming": round(float(wrong.mean()), 4), "false_naming_ci": interval}


# -- names alone


@main.command()
@click.option("--fonts", type=_path, required=True, help="Folder of fonts for the made-up wordmarks.")
@click.option("--names", "n_names", default=1000, show_default=True, help="Registered names.")
@click.option("--queries", "n_queries", default=500, show_default=True, help="Wordmarks, each of another name.")
@click.option("--seed", default=20261125, show_default=True)
@click.option("--images", type=_path, help="Folder of real photos.")
@click.option("--boxes", type=_path, help="Their CSV file,brand,x0,y0,x1,y1.")
@click.option("--word-brands", default="", help="Brands whose mark is their name in letters, separated by commas.")
@_options("json", "encoder", "pretrained", "device")
def names(
    fonts: Path,
    n_names: int,
    n_queries: int,
    seed: int,
    images: Path | None,
    boxes: Path | None,
    word_brands: str,
    out: Path,
    encoder: str | None,
    pretrained: str | None,
    device: str,
) -> None:
    """Brands registered by their name alone: R@1 of wordmarks among all names.

    Made-up names are drawn in random fonts on composed grounds. Real ones are the boxes of --word-brands, cut with a
    10 % margin, whose names stand among made-up ones, --names in all.
    """
    from logoscan.training.compose import Composer
    from logoscan.training.drawings import from_arrays
    from logoscan.training.materials import backgrounds_from_arrays
    from logoscan.training.wordmarks import draw_name, font_files, random_name

    clip = ClipEncoder(encoder, pretrained, device=device)
    rng = np.random.default_rng(seed)
    made: dict[str, None] = {}
    while len(made) < n_names:
        made[" ".join(random_name(rng).lower().split())] = None
    registered = list(made)
    files = font_files(fonts)
    blank = np.zeros((8, 8, 4), np.uint8)
    composer = Composer(from_arrays([("none", "none", True, blank)]), files, backgrounds_from_arrays([]), seed)
    crops: list[Rgb] = []
    truth: list[str] = []
    for name in track(registered, "wordmarks"):
        if len(crops) == n_queries:
            break
        case = (name.upper(), name.title(), name)[int(rng.integers(3))]
        drawn = draw_name(case, files[int(rng.integers(len(files)))])
        if drawn is not None:
            crops.append(composer.crop(drawn, True))
            truth.append(name)
    figures: dict[str, Any] = _named_first(clip, crops, truth, registered)
    if images is not None and boxes is not None:
        wanted = {b for b in word_brands.split(",") if b}
        rows = [r for r in _rows(boxes) if r["brand"] in wanted]
        real, real_truth = [], [r["brand"].lower() for r in rows]
        for row in track(rows, "boxes"):
            xyxy = np.array([[float(row[k]) for k in ("x0", "y0", "x1", "y1")]], np.float32)
            size = clip.info.preprocessing.size_px
            real.append(square_crops(load_image(images / row["file"]), expand(xyxy, 0.1), size, "pad")[0])
        among = sorted(set(real_truth)) + registered[: n_names - len(set(real_truth))]
        figures |= {f"real_{k}": v for k, v in _named_first(clip, real, real_truth, among).items()}
    write_result(out, figures, {"encoder": to_mapping(clip.info), "fonts": len(files), "word_brands": word_brands})


def _named_first(clip: ClipEncoder, crops: list[Rgb], truth: list[str], registered: list[str]) -> dict[str, Any]:
    """R@1 and R@5 of square crops among names."""
    size = clip.info.preprocessing.size_px
    full = np.array([[0, 0, 1e6, 1e6]], np.float32)
    vectors = clip.encode_pixels(np.concatenate([square_crops(c, full, size, "pad") for c in crops]))
    ranked = np.argsort(-(vectors @ clip.encode_text(registered).T), axis=1)[:, :5]
    right = np.array(registered)[ranked] == np.array(truth)[:, None]
    return {
        "r1": round(float(right[:, 0].mean()), 4),
        "r5": round(float(right.any(axis=1).mean()), 4),
        "n_queries": len(truth),
        "names": len(registered),
    }


if __name__ == "__main__":
    main()
