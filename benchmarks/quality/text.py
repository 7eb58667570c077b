"""Disguised names in titles, false alarms on honest ones, sentences of many languages, look-up among many names."""

from __future__ import annotations

import csv
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common.results import write_result
from benchmarks.common.title_sentences import index_of, is_right, read_sentences
from benchmarks.common.titles import BRANDS, TRICKS, honest_title, names
from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import fold
from logoscan.text.fuzzy import FuzzyNames
from logoscan.types import Brand, TextSpans


def _near(index: NameIndex, title: str) -> set[str]:
    return {m.brand for m in index.find(title, "title") if m.distance > 0}


def disguised(index: NameIndex, count: int, seed: int, show: int) -> dict[str, Any]:
    """Compute the share of titles with one disguised name in which that brand is flagged as disguised; by trick."""
    rng = random.Random(seed)
    asked: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    while asked.total() < count:
        trick, brand = rng.choice(list(TRICKS)), rng.choice(BRANDS)
        spelling = TRICKS[trick](rng, brand) if len(fold(brand)) > 3 else None
        if spelling is None or spelling == brand:
            continue
        title = honest_title(rng, "\0").replace("\0", spelling)  # in place, so that its lettering stays
        asked[trick] += 1
        if brand in _near(index, title):
            hits[trick] += 1
        elif asked[trick] - hits[trick] <= show:
            click.echo(f"missed {trick}: {brand} in {title!a} {title}", err=True)
    shares = {trick: round(hits[trick] / asked[trick], 4) for trick in sorted(asked)}
    return {"flagged": round(hits.total() / asked.total(), 4), "by_trick": shares, "n": asked.total()}


def alarms(index: NameIndex, titles: list[str], show: int) -> dict[str, Any]:
    """Compute the share of honest titles in which any name is said to be disguised or misspelt."""
    wrong = [(title, found) for title in titles if (found := _near(index, title))]
    for title, found in wrong[:show]:
        click.echo(f"false alarm: {found} in {title}", err=True)
    return {"flagged": round(len(wrong) / max(1, len(titles)), 5), "n": len(titles)}


def look_up(many: list[str], seed: int) -> dict[str, Any]:
    """Time the look-up of 30 spans among many names beside the exhaustive search, and count where they differ."""
    rng = random.Random(seed)
    near = FuzzyNames(dict.fromkeys(map(fold, many)))
    letters = "abcdefghijklmnopqrstuvwxyz"

    def span() -> str:
        word = fold(rng.choice(many)) if rng.random() < 0.7 else fold(honest_title(rng, None))[: rng.randint(3, 16)]
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            at = rng.randrange(len(word) + 1)
            word = word[:at] + rng.choice((*letters, "")) + word[at + rng.randint(0, 1) :]
        return word or "a"

    spans = [span() for _ in range(2000)]
    different, found = 0, 0
    slow_s = 0.0
    for i in range(0, 2000, 100):
        began = time.process_time()
        truth = near.search_exhaustively(spans[i : i + 100])
        slow_s += time.process_time() - began
        fast = [near.search(s) for s in spans[i : i + 100]]
        different += sum(a != b for a, b in zip(fast, truth, strict=True))
        found += sum(map(bool, truth))
    fast_ms = []
    for i in range(0, 1980, 30):
        began = time.process_time()
        for s in spans[i : i + 30]:
            near.search(s)
        fast_ms.append(1000 * (time.process_time() - began))
    slow_ms = 1000 * slow_s * 30 / 2000
    return {
        "names": len(near),
        "lookup_30_ms": round(float(np.median(fast_ms)), 3),
        "lookup_30_ms_p95": round(float(np.quantile(fast_ms, 0.95)), 3),
        "exhaustive_30_ms": round(slow_ms, 1),
        "exhaustive_over_lookup": round(slow_ms / float(np.median(fast_ms)), 1),
        "different_of_2000": different,
        "spans_with_a_near_name": found,
    }


def whole(index: NameIndex, seed: int) -> dict[str, Any]:
    """Time all that is done with the 30 lines of one photo: words, pairs of lines, mentions of every kind."""
    rng = random.Random(seed)
    took = []
    for _ in range(30):
        rows = tuple(" ".join(honest_title(rng, rng.choice(BRANDS)).split()[: rng.randint(1, 3)]) for _ in range(30))
        spans = TextSpans(np.zeros((30, 4, 2), np.float32), rows, np.ones(30, np.float32))
        began = time.process_time()
        index.find_in_spans(spans, 0)
        took.append(1000 * (time.process_time() - began))
    return {"photo_30_lines_ms": round(float(np.median(took)), 2)}


def _real(source: tuple[Path, str, str], show: int) -> dict[str, Any]:
    """Count false alarms on a file of titles, with its own brands in the index."""
    path, title, brand = source
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = list(csv.DictReader(file))
    index = NameIndex(Brand(name) for name in sorted({r[brand].strip() for r in rows if r[brand].strip()}))
    return {"brands": len(index), **alarms(index, [r[title] for r in rows], show)}


def understood(sentences: Path, brands: Path, show: int) -> dict[str, Any]:
    """Compute the share of sentences of many languages that are understood; by part and by what they say."""
    index = index_of(brands)
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for sentence in read_sentences(sentences):
        keys = (sentence.part, f"{sentence.part}_{sentence.says}")
        asked.update(keys)
        if is_right(sentence, index):
            right.update(keys)
        elif asked[sentence.part] - right[sentence.part] <= show:
            click.echo(f"misunderstood: {sentence.title}", err=True)
    return {key: {"right": round(right[key] / asked[key], 4), "n": asked[key]} for key in sorted(asked)}


@click.command("text")
@click.option("--count", default=5000, show_default=True, help="Titles of each kind.")
@click.option("--names", "n_names", default=100_000, show_default=True, help="Generated names in the look-up.")
@click.option(
    "--titles",
    type=(click.Path(exists=True, path_type=Path), str, str),
    multiple=True,
    help="FILE TITLE BRAND: a CSV of honest titles, and its columns of titles and brands.",
)
@click.option(
    "--sentences",
    type=(click.Path(exists=True, path_type=Path), click.Path(exists=True, path_type=Path)),
    help="SENTENCES BRANDS: title_sentences.csv and title_brands.csv of tests/text, or files like them.",
)
@click.option("--show", default=0, show_default=True, help="Misses and false alarms of each kind to print.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", required=True, type=click.Path(path_type=Path), help="Where the figures go.")
def text(
    count: int,
    n_names: int,
    titles: tuple[tuple[Path, str, str], ...],
    sentences: tuple[Path, Path] | None,
    show: int,
    seed: int,
    out: Path,
) -> None:
    """Flag disguised names in generated titles, count false alarms on honest and on real ones, understand sentences."""
    rng = random.Random(seed + 1)
    many = names(n_names, seed)
    honest = [honest_title(rng, rng.choice(BRANDS) if rng.random() < 0.5 else None) for _ in range(count)]
    figures: dict[str, Any] = {}
    for label, extra in (("brands", 0), ("brands_and_3000", 3000), (f"brands_and_{n_names}", n_names)):
        index = NameIndex(map(Brand, dict.fromkeys((*BRANDS, *many[:extra]))))
        figures[label] = {
            "names": len(index),
            "disguised": disguised(index, count, seed + 2, show),
            "honest": alarms(index, honest, show),
        }
    figures["look_up"] = {**look_up(many, seed + 3), **whole(index, seed + 4)}
    for source in titles:
        figures[f"honest_{source[0].stem}"] = _real(source, show)
    if sentences:
        figures["sentences"] = understood(*sentences, show)
    write_result(out, figures, {"count": count, "names": n_names, "seed": seed})
