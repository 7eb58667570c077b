"""How well marks are found that a seller hides, by attack and severity; and names given to pictures without a brand."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

from benchmarks.common.composites import write_pillow_font
from benchmarks.common.labelled_photos import Photo, Run, evidence_of, matches_of, prepare
from benchmarks.common.options import GALLERY, LABELS, MODELS, PATH, boxes_by_file, options
from benchmarks.common.results import write_result
from benchmarks.common.statistics import share, wilson
from benchmarks.robustness.evasion_attacks import ATTACKS, Attack, Scene
from benchmarks.robustness.evasion_negatives import KINDS, Words, pictures
from benchmarks.robustness.evasion_plots import draw_photos, draw_titles, table
from benchmarks.robustness.evasion_titles import on_titles
from logoscan._hashing import file_sha256
from logoscan.images.loading import load_image
from logoscan.training.wordmarks import font_files
from logoscan.types import Boxes, Rgb
from logoscan.vision.features import PhotoFeatures

EVIDENCE = ("all", "logo", "text")
"""All evidence for a brand; its logo, by appearance and keypoints; text that is read."""
# Pictures without a brand that are looked at together.
_BATCH = 8


@dataclass(frozen=True)
class Shown:
    """What a picture is said to show, by kind of evidence.

    Attributes:
        true: Whether any of its true brands is named.
        other: Whether any other brand is named.
        name: The surest of those by all evidence; "" for none.
    """

    true: tuple[bool, bool, bool]
    other: tuple[bool, bool, bool]
    name: str = ""


def shown_in(run: Run, features: PhotoFeatures, brands: frozenset[str]) -> Shown:
    """Return whether a photo's true brands and others are named, as a report names them."""
    matches, is_named = matches_of(run.scanner, run.index, features), run.named
    true, other, named = [False] * 3, [False] * 3, [(0.0, "")]
    for brand, evidence in evidence_of(run.scanner, run.index, matches, features).items():
        here = true if brand in brands else other
        for i, sure in enumerate((evidence.shown or 0.0, evidence.logo or 0.0, evidence.text)):
            here[i] |= is_named(brand, sure)
        if here is other and is_named(brand, evidence.shown or 0.0):
            named.append((evidence.shown or 0.0, brand))
    return Shown((true[0], true[1], true[2]), (other[0], other[1], other[2]), max(named)[1])


class ResultLog:
    """Results of each picture, in a file that only grows, so that a run that was broken off goes on."""

    def __init__(self, path: Path | None, stamp: str) -> None:
        self._path, self._stamp = path, stamp
        self._results: dict[str, Shown] = {}
        if path is not None and path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    key, true, other, name = json.loads(line)
                except ValueError:  # torn by the break
                    continue
                self._results[key] = Shown(tuple(true), tuple(other), name)

    def key(self, *parts: object) -> str:
        """Make the key of a picture under the run's settings."""
        return " ".join(map(str, (self._stamp, *parts)))

    def __getitem__(self, key: str) -> Shown | None:
        return self._results.get(key)

    def __setitem__(self, key: str, value: Shown) -> None:
        self._results[key] = value
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, value.true, value.other, value.name]) + "\n")


def attacked(
    run: Run, photo: Photo, scene: Scene, attacks: Sequence[Attack], seed: int, kept: ResultLog
) -> Iterator[Shown]:
    """Compute what a photo shows untouched, and then at each severity of each attack."""
    asked = [(ATTACKS[0], 0)] + [(attack, s) for attack in attacks for s in range(1, len(attack.degrees) + 1)]
    for attack, severity in asked:
        named = (attack.name, attack.degrees[severity - 1]) if severity else ("untouched", "")
        key = kept.key(photo.path.name, *named)
        if kept[key] is None:
            (features,) = run.scanner.features([attack(seed, scene, severity)])
            kept[key] = shown_in(run, features, photo.brands)
        result = kept[key]
        assert result is not None
        yield result


def recall(rows: Sequence[Shown], untouched: Sequence[Shown]) -> dict[str, Any]:
    """Compute the share of photos in which a true brand is named, by kind of evidence, with intervals.

    kept: share of those in which it is named untouched, by all evidence; other: share in which another brand is named.
    """
    figures: dict[str, Any] = {"n": len(rows)}
    shown = np.array([row.true for row in rows], bool).reshape(-1, 3)
    for i, kind in enumerate(EVIDENCE):
        figures |= share(kind, shown[:, i])
    before = np.array([row.true[0] for row in untouched], bool)
    figures |= share("kept", shown[before, 0])
    return figures | share("other", np.array([row.other[0] for row in rows], bool))


def on_photos(
    run: Run, photos: Sequence[Photo], boxes: dict[str, Boxes], attacks: Sequence[Attack], seed: int, kept: ResultLog
) -> dict[str, Any]:
    """Compute recall untouched, and by attack and severity."""
    names = sorted(run.names)
    rows: list[list[Shown]] = []
    for photo in track(photos, "photos"):
        # a photo's own seed, so that it is attacked alike whichever others are drawn
        own = int.from_bytes(np.random.default_rng((seed, *photo.path.name.encode())).bytes(4))
        others = [n for n in names if n not in photo.brands]
        word = others[own % len(others)] if others else "Vortelli"
        none = np.zeros((0, 4), np.float32)
        scene = Scene(load_image(photo.path), boxes.get(photo.path.name, none), word)
        rows.append(list(attacked(run, photo, scene, attacks, own, kept)))
    columns = list(zip(*rows, strict=True))
    untouched, at = columns[0], 1
    figures: dict[str, Any] = {}
    first = {"degree": None, **recall(untouched, untouched)}
    for attack in attacks:
        severities = [first]
        for degree in attack.degrees:
            severities.append({"degree": degree, **recall(columns[at], untouched)})
            at += 1
        figures[attack.name] = {"unit": attack.unit, "severities": severities}
    return figures


def on_patterns(run: Run, count: int, seed: int, words: Words, kept: ResultLog) -> dict[str, Any]:
    """Count false names a thousand pictures without a brand, by kind, and list the names."""
    rows: dict[str, list[Shown]] = {kind: [] for kind in KINDS}
    named: Counter[str] = Counter()
    waiting: list[tuple[str, str, Rgb]] = []

    def look_at_waiting() -> None:
        seen = run.scanner.features([rgb for _, _, rgb in waiting])
        for (key, _, _), one in zip(waiting, seen, strict=True):
            kept[key] = shown_in(run, one, frozenset())
        waiting.clear()

    keys = []
    for i, (kind, rgb) in enumerate(track(pictures(count, seed, words), "patterns", total=count)):
        keys.append((kind, kept.key("pattern", seed, i, len(words.fonts))))
        if kept[keys[-1][1]] is None:
            waiting.append((keys[-1][1], kind, rgb))
        if len(waiting) == _BATCH:
            look_at_waiting()
    if waiting:
        look_at_waiting()
    for kind, key in keys:
        one = kept[key]
        assert one is not None
        rows[kind].append(one)
        if one.other[0]:
            named[f"{kind}: {one.name}"] += 1
    every = [one for kind in rows.values() for one in kind]
    by_kind = {kind: _false(ones) for kind, ones in rows.items() if ones}
    return {"every": _false(every), "by_kind": by_kind, "names": dict(named.most_common(20))}


def _false(rows: Sequence[Shown]) -> dict[str, Any]:
    counts = [sum(row.other[i] for row in rows) for i in range(3)]
    low, high = wilson(counts[0], len(rows))
    thousand = {kind: round(1000 * c / max(1, len(rows)), 1) for kind, c in zip(EVIDENCE, counts, strict=True)}
    return {"n": len(rows), **thousand, "all_ci": [round(1000 * low, 1), round(1000 * high, 1)]}


@click.command("evasion")
@click.option("--boxes", type=PATH, help="CSV file,brand,x0,y0,x1,y1: where marks are; else whole photos are attacked.")
@click.option("--photos", "wanted", default=0, show_default=True, help="So many photos, drawn by the seed; 0: all.")
@click.option(
    "--attack", "chosen", multiple=True, type=click.Choice([a.name for a in ATTACKS]), help="These alone; default: all."
)
@click.option("--patterns", default=1000, show_default=True, type=click.IntRange(0), help="Pictures without a brand.")
@click.option("--titles", default=1000, show_default=True, type=click.IntRange(0), help="Titles an attack on names.")
@click.option("--fonts", type=PATH, help="Folder of fonts for letters; default: the one that Pillow brings.")
@click.option("--plots", type=click.Path(path_type=Path), help="Folder for the curves and the table.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="JSON lines of what pictures showed, for the next run; empty it when code changed.",
)
@click.option("--seed", default=0, show_default=True)
@options("json", "cache", *GALLERY, *LABELS, *MODELS)
def evasion(
    boxes: Path | None,
    wanted: int,
    chosen: tuple[str, ...],
    patterns: int,
    titles: int,
    fonts: Path | None,
    plots: Path | None,
    keep: Path | None,
    seed: int,
    out: Path,
    cache: Path | None,
    **inputs: Any,
) -> None:
    """Measure recall of attacked photos and titles, and false names on pictures without any brand.

    Recall: the share of all photos in which a true brand is named as in a report, whether or not it is so untouched; by
    all evidence, by logo alone and by text alone. kept: share of those in which it is so untouched. other: share in
    which another brand of the index is named. Severity 0 is the untouched photo; degree says what was done at the
    others, in the attack's unit. Words beside an attacked box stay legible: logo says what an attack does to the mark.

    Patterns: pictures a thousand that are given any name; intervals are Wilson's, all others bootstrap. Titles:
    generated ones with a name of six letters or more in another spelling. found: named surely enough to be judged;
    flagged: as misspelt or disguised.
    """
    run = prepare(**inputs, cache=cache)
    attacks = [a for a in ATTACKS if not chosen or a.name in chosen]
    photos = sorted((p for p in run.photos if p.brands & run.names), key=lambda p: p.path.name)
    if wanted and wanted < len(photos):
        drawn = np.random.default_rng(seed).choice(len(photos), wanted, replace=False)
        photos = [photos[i] for i in sorted(drawn)]
    if not photos:
        raise click.ClickException("no photo shows a brand of the index: nothing to measure")
    threshold = run.threshold
    stamp = repr((run.settings, run.index.fingerprint, seed, None if boxes is None else file_sha256(boxes)))
    kept = ResultLog(keep, hashlib.sha256(stamp.encode()).hexdigest()[:16])
    figures: dict[str, Any] = {"threshold": threshold, "brands": len(run.index.brands), "n": len(photos)}
    figures["photos"] = on_photos(run, photos, boxes_by_file(boxes), attacks, seed, kept)
    if patterns:
        with tempfile.TemporaryDirectory() as folder:
            words = Words(
                font_files(fonts or write_pillow_font(Path(folder))),
                frozenset(brand.name for brand in run.index.brands),
            )
            figures["patterns"] = on_patterns(run, patterns, seed, words, kept)
    if titles:
        figures["titles"] = on_titles(titles, seed)
    if plots is not None:
        plots.mkdir(parents=True, exist_ok=True)
        draw_photos(figures["photos"], plots / "evasion.png")
        if titles:
            draw_titles(figures["titles"], plots / "evasion_titles.png")
        (plots / "evasion.md").write_text(table(figures), encoding="utf-8")
    write_result(
        out, figures, {**run.settings, "seed": seed, "boxes": str(boxes), "photos": [p.path.name for p in photos]}
    )
