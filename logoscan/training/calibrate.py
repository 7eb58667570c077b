"""Fit the match calibration on composed scenes: `python -m logoscan.training.calibrate --help`.

The marks are of icon sets that no tower was trained on. Each scene is encoded once; many random registers of several
sizes are then searched with the same vectors, so that the effect of the register's size is in the fit. The drawing in
a scene is the registered one under other paint and light: real marks that are drawn another way are harder, so the
probabilities are first ones, to be checked on real photos.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from rich.progress import track

from logoscan import weights
from logoscan.detect import DEFAULT_PLAN, DENSE_PLAN, Detector, Tiles
from logoscan.encode import ClipEncoder, Encoder, encode_crops
from logoscan.index import LogoIndex
from logoscan.jsonio import to_mapping
from logoscan.match import MatchCalibration, margins
from logoscan.training import drawings as drawing_store
from logoscan.training.drawings import Drawings
from logoscan.training.materials import Materials, load_backgrounds
from logoscan.training.scenes import Scene, compose_scene
from logoscan.training.wordmarks import font_files
from logoscan.types import Brand, Embeddings, ImageSource, Regions

SIZES = (10, 27, 100, 400, 1500)
"""Register sizes, in brands."""
PAIRS_PER_SIZE = 2000
"""Scene-register pairs drawn for each size."""
FALSE_POSITIVES = 0.01
"""Share of pictures without a registered mark that may be given a name at the shipped threshold."""
_CANDIDATES = 3
"""Brands of a picture that enter the fit: the answer, and the ones that could have been."""


@dataclass(frozen=True)
class Samples:
    """Matches with their truth.

    Attributes:
        features: float64 (n, 4): similarity, margin, ln(brands in the register), detector confidence.
        right: bool (n,): the picture does show the brand.
        first: bool (n,): it is the picture's surest match.
        empty: bool (n,): the picture shows no registered brand.
        brands: int64 (n,): size of the register.
    """

    features: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    first: npt.NDArray[np.bool_]
    empty: npt.NDArray[np.bool_]
    brands: npt.NDArray[np.int64]


def scenes(seed: int, count: int, marks: Drawings, backgrounds: Path, fonts: Path) -> Iterator[Scene]:
    """Composed pictures, a third of them without any mark of `marks` (bare, or with words that no register knows)."""
    rng = np.random.default_rng(seed)
    materials, photos, files = Materials(rng), load_backgrounds(backgrounds), font_files(fonts)
    for _ in range(count):
        bare = rng.random() < 1 / 3
        yield compose_scene(
            rng, marks, photos, materials, fonts=files, marks=(0, 2) if bare else (1, 3), words=1.0 if bare else 0.15
        )


def full_register(marks: Drawings, encoder: Encoder) -> LogoIndex:
    """Every class of `marks` as a brand."""
    entries: list[tuple[Brand, list[tuple[str, ImageSource]]]] = []
    for name, members in zip(marks.names, marks.by_class(), strict=True):
        entries.append((Brand(name), [(str(i), np.array(marks.rgba(int(i)))) for i in members]))
    index = LogoIndex(encoder.info)
    index.add_many(entries, encoder)
    return index


def collect(
    seen: Sequence[tuple[Scene, Regions, Embeddings]], register: LogoIndex, encoder: Encoder, seed: int
) -> Samples:
    """Search scenes in random sub-registers of every size and note what came out."""
    rng = np.random.default_rng(seed)
    shown = sorted({n for scene, _, _ in seen for n in scene.names} & {b.name for b in register.brands})
    every = [b.name for b in register.brands]
    features, right, first, empty, brands = [], [], [], [], []
    for size in SIZES:
        if size > len(every):
            continue
        for _ in range(-(-PAIRS_PER_SIZE // len(seen))):
            # half of a small register is shown somewhere, or hardly any picture would show one of its brands
            known = rng.choice(shown, min(len(shown), max(1, size // 2)), replace=False).tolist()
            rest = rng.choice([n for n in every if n not in known], size - len(known), replace=False).tolist()
            inside = frozenset([*known, *rest])
            part = _part(register, inside)
            for scene, regions, vectors in seen:
                true = inside & set(scene.names)
                if size < 400 and not true and rng.random() < 0.7:
                    continue  # pictures without a registered mark would be nearly all of the sample
                near = part.search_brands(vectors)
                best, margin = near.similarity[:, 0], margins(near)
                order = np.argsort(-(best + margin), kind="stable")  # as the matcher ranks without a calibration
                rows = {int(near.brand[row, 0]): int(row) for row in reversed(order)}  # each brand's best place
                ranked = sorted(rows.items(), key=lambda item: -(best[item[1]] + margin[item[1]]))[:_CANDIDATES]
                for rank, (brand, row) in enumerate(ranked):
                    features.append((best[row], margin[row], np.log(size), regions.confidence[row]))
                    right.append(near.brands[brand] in true)
                    first.append(rank == 0)
                    empty.append(not true)
                    brands.append(size)
    return Samples(np.array(features), np.array(right), np.array(first), np.array(empty), np.array(brands))


def _part(register: LogoIndex, names: frozenset[str]) -> LogoIndex:
    """A register of some of the brands, without encoding anything again."""
    part = register.snapshot()
    part.keep(names)
    return part


def fit(samples: Samples, encoder: Encoder, detector: Detector, note: str) -> MatchCalibration:
    """Logistic regression (L2, C = 10) of `right` on the features; the threshold from pictures without a mark."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0, max_iter=1000).fit(samples.features[:, :3], samples.right)
    similarity, margin, log_brands = (float(c) for c in model.coef_[0])
    draft = MatchCalibration(
        encoder=encoder.info.fingerprint,
        detector=detector.fingerprint,
        intercept=float(model.intercept_[0]),
        similarity=similarity,
        margin=margin,
        log_brands=log_brands,
        confidence=0.0,  # tiles all have the same; a trained detector brings one
        threshold=0.5,
        fitted_on=note,
    )
    probability = predict(draft, samples)
    # the answer of an empty picture, over registers of the size that most owners have
    answers = probability[samples.empty & samples.first & (samples.brands <= 100)]
    threshold = float(np.clip(np.quantile(answers, 1 - FALSE_POSITIVES), 0.3, 0.95))
    return MatchCalibration(**{**vars(draft), "threshold": round(threshold, 3)})


def predict(calibration: MatchCalibration, samples: Samples) -> npt.NDArray[np.float64]:
    """Probability of each sample."""
    out = np.empty(len(samples.right))
    for size in np.unique(samples.brands):
        rows = samples.brands == size
        part = samples.features[rows].astype(np.float32)
        out[rows] = calibration.probability(part[:, 0], part[:, 1], int(size), part[:, 3])
    return out


def expected_calibration_error(probability: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> float:
    """Mean gap of confidence and accuracy over 10 equal-width bins (Naeini et al., AAAI 2015)."""
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs(probability[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(np.sum(gaps))


@click.command()
@click.option("--drawings", type=click.Path(exists=True, path_type=Path), required=True, help="Rendered unseen marks.")
@click.option("--backgrounds", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--fonts", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--scenes", "count", default=600, show_default=True)
@click.option("--seed", default=11, show_default=True)
@click.option("--plan", type=click.Choice(["default", "dense"]), default="default", show_default=True, help="Of tiles.")
@click.option("--write", is_flag=True, help="Replace this pair's calibration in weights/manifest.json.")
def main(drawings: Path, backgrounds: Path, fonts: Path, count: int, seed: int, plan: str, write: bool) -> None:
    """Fit the calibration of the bundled tower with a plan of tiles; half of the scenes check the other half."""
    marks, encoder, detector = (
        drawing_store.load(drawings),
        ClipEncoder(),
        Tiles(DENSE_PLAN if plan == "dense" else DEFAULT_PLAN),
    )
    register = full_register(marks, encoder)
    seen = []
    for scene in track(scenes(seed, count, marks, backgrounds, fonts), "scenes", total=count):
        regions = detector.detect([scene.rgb])[0]
        seen.append((scene, regions, encode_crops(encoder, [scene.rgb], [regions.xyxy])[0]))
    half = len(seen) // 2
    note = f"{count} composed scenes, {len(marks.names)} unseen marks, registers of {SIZES} brands, seed {seed}"
    trial = fit(collect(seen[:half], register, encoder, seed), encoder, detector, note)
    check = collect(seen[half:], register, encoder, seed + 1)
    probability = predict(trial, check)
    final = fit(collect(seen, register, encoder, seed), encoder, detector, note)
    figures = {
        "held_out_ece": round(expected_calibration_error(probability, check.right), 4),
        "held_out_named": round(
            float((probability > trial.threshold)[check.first & ~check.empty & check.right].mean()), 4
        ),
        "held_out_false": round(float((probability > trial.threshold)[check.first & check.empty].mean()), 4),
        "calibration": to_mapping(final),
    }
    click.echo(json.dumps(figures, indent=1))
    if write:
        path = weights.folder() / "manifest.json"
        manifest = json.loads(path.read_text(encoding="utf-8"))
        others = [
            c for c in manifest["calibrations"] if (c["encoder"], c["detector"]) != (final.encoder, final.detector)
        ]
        manifest["calibrations"] = [*others, to_mapping(final)]
        path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
