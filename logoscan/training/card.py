"""Pictures and figures for the model card: losses of the training runs, and failures on marks not trained on.

This module must not know evaluation data: the pictures go into the repository.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.index.renderings import renderings
from logoscan.training.compose import Composer
from logoscan.training.effects import low_resolution, to_uint8
from logoscan.training.sheet import Rgb8, tile
from logoscan.vision.encoder import ClipEncoder, encode_images

# Side of a picture on the sheet of failures, px.
_SIDE_PX = 96


def curve(logs: Sequence[str | Path], path: str | Path) -> None:
    """Draw the losses of one or more runs, one after another, by number of crops; needs matplotlib.

    Args:
        logs: ``log.jsonl`` files in the order of the runs.
        path: PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=110)
    axes = figure.subplots(1, 2)
    offset = 0
    for log in logs:
        lines = [json.loads(line) for line in Path(log).read_text(encoding="utf-8").splitlines()]
        crops = [offset + line["samples"] for line in lines]
        for number, (name, axis) in enumerate((("pair", 0), ("text", 0), ("letters", 1))):
            axes[axis].plot(
                crops,
                [line.get(name, float("nan")) for line in lines],
                color=f"C{number}",
                label=name if not offset else None,
            )
        offset = crops[-1] if crops else offset
        axes[0].axvline(offset, color="#bbb", lw=0.8)
    for axis in axes:
        axis.set_xlabel("crops seen (grey: a run ends)")
        axis.legend()
    axes[0].set_ylabel("loss")
    figure.tight_layout()
    figure.savefig(path)


@dataclass(frozen=True)
class Failures:
    """Result of `failures`.

    Attributes:
        figures: R@1 by name of the condition.
        sheet: uint8 (h, w, 3) RGB with triples: crop, right icon, icon named instead.
    """

    figures: dict[str, float]
    sheet: Rgb8


def failures(composer: Composer, encoder: ClipEncoder, queries: int = 600, shown: int = 40) -> Failures:
    """Name composed crops of unseen marks among all classes of the composer, one icon for each class.

    Args:
        composer: Composer of icons that the model was not trained on.
        encoder: Model to test.
        queries: Number of crops.
        shown: Number of failures on the sheet, by falling similarity.

    Returns:
        R@1 by condition, and the sheet.
    """
    rng, icons = composer.rng, composer.icons
    first = [int(members[0]) for members in icons.by_class()]
    drawn = [renderings(np.array(icons.rgba(i)))[0].rgb for i in first]
    gallery = encode_images(encoder, drawn)
    many = [c for c, members in enumerate(icons.by_class()) if len(members) > 1]
    crops: list[Rgb8] = []
    truth: list[int] = []
    kinds: list[str] = []
    for k in range(queries):
        other = k % 4 == 3 and bool(many)
        c = int(rng.choice(many)) if other else int(rng.integers(len(first)))
        i = int(rng.choice(icons.by_class()[c][1:])) if other else first[c]
        crop = composer.crop(np.array(icons.rgba(i)), bool(icons.one_colour[i]))
        if k % 4 == 2:
            crop = to_uint8(low_resolution(rng, crop.astype(np.float32), 20, 40))
        crops.append(crop)
        truth.append(c)
        kinds.append("20 to 40 px" if k % 4 == 2 else "another drawing" if other else "the registered drawing")
    similarity = encode_images(encoder, crops) @ gallery.T
    best = similarity.argmax(1)
    right = best == np.array(truth)
    figures = {kind: float(right[np.array(kinds) == kind].mean()) for kind in dict.fromkeys(kinds)}
    wrong = np.flatnonzero(~right)
    wrong = wrong[np.argsort(-similarity.max(1)[wrong])][:shown]
    rows = [_row(crops[i], drawn[truth[i]], drawn[best[i]]) for i in wrong]
    return Failures(figures, tile(rows, 5) if rows else np.zeros((1, 1, 3), np.uint8))


def _row(*pictures: npt.NDArray[np.uint8]) -> Rgb8:
    """Return pictures side by side, reduced to `_SIDE_PX`, with a white gap at the end."""
    small = [cv2.resize(p, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA) for p in pictures]
    return np.concatenate([*small, np.full((_SIDE_PX, 12, 3), 255, np.uint8)], axis=1)
