"""Other renditions of a brand: icon sets in other styles and older versions, merged into classes by shape.

The same name is not always the same mark, and the same mark is often redrawn beyond what a comparison of ink finds. So
an icon joins the class of its name where the encoder finds it similar to an icon of that class, and is left out
otherwise. This module must not know how icons are composed or what is trained on them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.heldout import fold_name, is_held_out
from logoscan.training.icons import IconRow, Icons, from_arrays, render_all
from logoscan.training.styles import Rgba
from logoscan.types import Embeddings
from logoscan.vision.encoder import Encoder, encode_images

__all__ = [
    "OLD_SIMPLE_ICONS",
    "RENDITION_FOLDERS",
    "SAME_MARK",
    "add_renditions",
    "iter_renditions",
    "render_renditions",
]

logger = logging.getLogger(__name__)

OLD_SIMPLE_ICONS = ("2.19.0", "4.25.0", "6.23.0", "7.21.0", "9.21.0", "11.15.0", "13.21.0")
"""Versions of the npm package simple-icons whose redrawn and removed icons are taken besides the newest."""
RENDITION_FOLDERS = ("svgl", "selfhst", "lawnicons")
"""Folders of SVG files in other styles: colours and wordmarks, colours, and lines; more telling ones first."""
# The line icons are taken for classes that exist alone: by themselves many show one pictogram under several names.
_ONLY_BESIDE_OTHERS = frozenset({"lawnicons"})
SAME_MARK = 0.25
"""Least cosine of two icons of one name that are taken for one mark; two icons of different names pass it in 1 %."""
# Cosine from which an icon repeats one that its class already has (a dark and a light version of one shape).
_REPEATED = 0.97
# Icons that are encoded together.
_BATCH = 256


def iter_renditions(folder: str | Path, node_modules: str | Path) -> Iterator[tuple[str, str, str]]:
    """Yield (icon set, icon name, SVG text) of all renditions, in a fixed order.

    Args:
        folder: Folder that holds the folders `RENDITION_FOLDERS`.
        node_modules: Folder with the npm packages ``simple-icons-VERSION`` of `OLD_SIMPLE_ICONS`
            (``npm install simple-icons-2.19.0@npm:simple-icons@2.19.0``).

    Raises:
        FileNotFoundError: If a folder is missing; the message names it.
    """
    sources = [(name, Path(folder) / name) for name in RENDITION_FOLDERS]
    sources += [(f"simple-icons-{v}", Path(node_modules) / f"simple-icons-{v}" / "icons") for v in OLD_SIMPLE_ICONS]
    for source, path in sources:
        if not path.is_dir():
            raise FileNotFoundError(f"{path}: expected a folder of SVG files of the icon set {source}")
        for file in sorted(path.glob("*.svg")):
            yield source, re.sub(r"[_ ]+", "-", file.stem.lower()).strip("-"), file.read_text(encoding="utf-8")


def render_renditions(
    folder: str | Path, node_modules: str | Path, held_out: Sequence[str], processes: int = 1
) -> list[IconRow]:
    """Render all renditions except those of held-out brands.

    Args:
        folder: Folder of the icon sets, as for `iter_renditions`.
        node_modules: Folder with the npm packages, as for `iter_renditions`.
        held_out: Folded names of brands whose icons are dropped (`is_held_out`).
        processes: Number of processes that render.

    Returns:
        The icons, those of more telling sets first.
    """
    wanted = (
        item
        for item in iter_renditions(folder, node_modules)
        if not is_held_out(item[1], held_out) and not is_held_out(fold_name(item[1]), held_out)
    )
    return render_all(wanted, processes)


def _on_plain(rgba: Rgba) -> npt.NDArray[np.uint8]:
    """Return an icon on white, or on black if it is light, with a margin: uint8 (h, w, 3) RGB."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    visible = rgba[..., :3][rgba[..., 3] > 128]
    ground = 0.0 if len(visible) and visible.mean() > 200 else 255.0
    flat = (rgba[..., :3] * alpha + ground * (1 - alpha)).astype(np.uint8)
    m = max(1, round(0.05 * max(rgba.shape[:2])))
    return np.asarray(cv2.copyMakeBorder(flat, m, m, m, m, cv2.BORDER_CONSTANT, value=[ground] * 3), np.uint8)


def _vectors(icons: Sequence[Rgba], encoder: Encoder) -> Embeddings:
    starts = range(0, len(icons), _BATCH)
    parts = [encode_images(encoder, [_on_plain(icon) for icon in icons[i : i + _BATCH]]) for i in starts]
    return np.concatenate(parts) if parts else np.zeros((0, encoder.info.dim), np.float32)


def add_renditions(icons: Icons, rows: Iterable[IconRow], encoder: Encoder, same: float = SAME_MARK) -> Icons:
    """Add renditions to the classes of their names where they show the same mark, and as new classes.

    Args:
        icons: Icons of the sets in use; none is left out.
        rows: Renditions (`render_renditions`), more telling ones first.
        encoder: Encoder that compares them.
        same: Least cosine to an icon of the class; see `SAME_MARK`.

    Returns:
        All icons with the renditions that were taken.
    """
    rows = list(rows)
    named = {row[0] for row in rows}
    members: dict[str, list[npt.NDArray[np.float32]]] = {}
    kept = [
        (icons.names[k], icons.sources[i], bool(icons.one_colour[i]), np.asarray(icons.rgba(i)))
        for i, k in enumerate(icons.labels.tolist())
    ]
    compared = [row for row in kept if row[0] in named]
    for row, vector in zip(compared, _vectors([row[3] for row in compared], encoder), strict=True):
        members.setdefault(row[0], []).append(vector)
    counts = {"joined": 0, "new": 0, "repeated": 0, "another mark": 0, "alone": 0}
    for row, vector in zip(rows, _vectors([row[3] for row in rows], encoder), strict=True):
        near = max((float(vector @ other) for other in members.get(row[0], ())), default=None)
        if near is None:
            what = "alone" if row[1] in _ONLY_BESIDE_OTHERS else "new"
        else:
            what = "repeated" if near >= _REPEATED else "joined" if near >= same else "another mark"
        counts[what] += 1
        if what in ("new", "joined"):
            members.setdefault(row[0], []).append(vector)
            kept.append(row)
    logger.info("renditions: %s", ", ".join(f"{count} {what}" for what, count in counts.items()))
    return from_arrays(kept)
