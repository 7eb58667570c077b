"""Freely licensed icons from npm icon packages, rendered once to RGBA and kept in one flat array.

Several icons of one brand (a one-colour icon, a coloured logo, a mark with its word) form one class. This module must
not know how icons are composed or what is trained on them.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.heldout import HELD_OUT, HELD_OUT_OF_TRAINING, fold_name, is_held_out

logger = logging.getLogger(__name__)

BRAND_SETS = (
    "simple-icons", "logos", "cib", "fa7-brands", "devicon", "devicon-plain", "bxl", "streamline-logos", "unjs",
    "token-branded", "token", "@lobehub/icons-static-svg", "super-tiny-icons",
)  # fmt: skip
"""Icon sets of brands; several icons of one brand have one class name."""
PICTOGRAM_SETS = (
    "ph", "solar", "icon-park", "icon-park-outline", "icon-park-solid", "icon-park-twotone", "fluent-emoji-flat",
    "fluent-emoji-high-contrast", "game-icons",
)  # fmt: skip
"""Icon sets of pictograms, most in several styles (outline, filled, two-tone), as logos are drawn in several ways."""
TRAIN_SETS = (*BRAND_SETS, *PICTOGRAM_SETS)
"""Icon sets that the networks are trained on."""
CALIBRATION_SETS = ("skill-icons", "vscode-icons", "file-icons", "cryptocurrency-color")
"""Icon sets kept for calibration, which no network is trained on."""
ICON_PX = 160
"""Long side of a rendered icon; a mark fills at most 108 % of a 112 px crop, so nothing is ever enlarged."""

# Classes with another name whose shape is the logo of a held-out brand; found by comparing every icon with clean
# pictures of those brands. "yandexinternational" is a bare Y like that of a held-out brand.
_HELD_OUT_BY_SHAPE: tuple[str, ...] = ("yandexinternational",)

# Words at the end of an icon's name that describe its form and not its brand.
_FORMS = re.compile(
    r"[-_](icon|wordmark|background|original|plain|line|vertical|horizontal|dark|light|logo|mark|auto|alt|light2|dark2)$"
)
# Icon sets whose names are not brand names; the prefix keeps their classes apart from those of brands. Sets with the
# same prefix hold the same pictograms in different styles.
_NAMESPACE = {
    "token-branded": "token", "token": "token", "cryptocurrency-color": "cryptocurrency-color", "game-icons": "game",
    "fluent-emoji-flat": "fluent", "fluent-emoji-high-contrast": "fluent", "ph": "ph", "solar": "solar",
} | {s: "icon-park" for s in PICTOGRAM_SETS if s.startswith("icon-park")}  # fmt: skip
# Endings and beginnings of icon names that describe the style, for each icon set that has them.
_STYLES = {
    "ph": re.compile(r"-(thin|light|bold|fill|duotone)$"),
    "solar": re.compile(r"-(bold|broken|linear|outline|bold-duotone|line-duotone)$"),
    "@lobehub/icons-static-svg": re.compile(r"-(color|brand|brand-color)$"),
    "streamline-logos": re.compile(r"(-logo)?(-\d)?(-(solid|block|remix))?$"),
    "vscode-icons": re.compile(r"^light-|(-official|-old|\d)$"),
}
# Names that repeat an icon of the set with another skin tone or under another name.
_REPEATS = {
    "fluent-emoji-flat": re.compile(r"-(dark|light|medium|medium-dark|medium-light)$"),
    "fluent-emoji-high-contrast": re.compile(r"-(dark|light|medium|medium-dark|medium-light)$"),
    "vscode-icons": re.compile(r"^(folder-type|default|file-type-(light-)?(ng|nest|json))-"),
}
# Folder of the SVG files in npm packages that are not in the iconify format.
_SVG_FOLDERS = {"simple-icons": "icons", "@lobehub/icons-static-svg": "icons", "super-tiny-icons": "images/svg"}


@dataclass(frozen=True)
class Icons:
    """Rendered icons and their classes.

    Attributes:
        names: Class names, unique, sorted; `labels` indexes them.
        labels: int32 (n,), class of each icon.
        sources: Icon set of each icon, n entries.
        one_colour: bool (n,), True where only the alpha channel carries information.
        shapes: int32 (n, 2), height and width in px of each icon.
        pixels: uint8, flat, all icons one after another in RGBA rows, possibly memory-mapped.
    """

    names: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    sources: tuple[str, ...]
    one_colour: npt.NDArray[np.bool_]
    shapes: npt.NDArray[np.int32]
    pixels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = len(self.labels)
        if not (len(self.sources) == len(self.one_colour) == len(self.shapes) == n):
            raise ValueError(
                f"icons: expected {n} sources, one_colour and shapes as there are labels, "
                f"got {len(self.sources)}, {len(self.one_colour)}, {len(self.shapes)}"
            )
        size = int((self.shapes[:, 0].astype(np.int64) * self.shapes[:, 1]).sum()) * 4
        if self.pixels.size != size:
            raise ValueError(f"icons.pixels: expected {size} bytes from the shapes, got {self.pixels.size}")
        if n and (self.labels.min() < 0 or self.labels.max() >= len(self.names)):
            raise ValueError(f"icons.labels: expected 0..{len(self.names) - 1}, got {self.labels.max()}")
        ends = np.cumsum(self.shapes[:, 0].astype(np.int64) * self.shapes[:, 1] * 4)
        object.__setattr__(self, "_starts", np.concatenate([[0], ends]))

    def __len__(self) -> int:
        return len(self.labels)

    def rgba(self, i: int) -> npt.NDArray[np.uint8]:
        """Return icon `i` as uint8 (h, w, 4) RGBA, a view."""
        starts: npt.NDArray[np.int64] = self._starts  # type: ignore[attr-defined]
        h, w = self.shapes[i]
        return self.pixels[starts[i] : starts[i + 1]].reshape(int(h), int(w), 4)

    def by_class(self) -> list[npt.NDArray[np.int64]]:
        """Return the int64 indices of the icons of each class, in the order of `names`."""
        order = np.argsort(self.labels, kind="stable")
        return list(np.split(order, np.searchsorted(self.labels[order], np.arange(1, len(self.names)))))


IconRow: TypeAlias = tuple[str, str, bool, npt.NDArray[np.uint8]]
"""Class name, icon set, whether the icon has one colour, and uint8 (h, w, 4) RGBA."""


def from_arrays(items: Iterable[IconRow]) -> Icons:
    """Build `Icons` from (class name, source, one_colour, uint8 (h, w, 4) RGBA) tuples."""
    rows = list(items)
    names = tuple(sorted({r[0] for r in rows}))
    number = {name: i for i, name in enumerate(names)}
    return Icons(
        names=names,
        labels=np.array([number[r[0]] for r in rows], np.int32),
        sources=tuple(r[1] for r in rows),
        one_colour=np.array([r[2] for r in rows], bool),
        shapes=np.array([r[3].shape[:2] for r in rows], np.int32).reshape(-1, 2),
        pixels=np.concatenate([r[3].reshape(-1) for r in rows]) if rows else np.zeros(0, np.uint8),
    )


def class_name(source: str, name: str) -> str:
    """Return the class of an icon: its folded name without words that describe its form ("-icon", "file-type-")."""
    name = re.sub(r"^(file-type-|folder-type-|square-|cc-)", "", name)
    if source in _STYLES:
        name = _STYLES[source].sub("", name)
    if source not in PICTOGRAM_SETS:
        for _ in range(3):
            name = _FORMS.sub("", name)
    folded = fold_name(name)
    return f"{_NAMESPACE[source]}:{folded}" if source in _NAMESPACE else folded


def is_brand(cls: str) -> bool:
    """Return True if a class is named after a brand, False if after a pictogram or a coin."""
    return ":" not in cls


def package(source: str) -> str:
    """Return the name of the npm package that holds an icon set."""
    return source if source in _SVG_FOLDERS else f"@iconify-json/{source}"


def render_svg(svg: str, long_px: int = ICON_PX) -> npt.NDArray[np.uint8] | None:
    """Render an SVG to uint8 (h, w, 4) RGBA with the empty border cut away.

    Args:
        svg: SVG text.
        long_px: Long side of the visible part, in px.

    Returns:
        The icon, or None if it cannot be rendered, is empty, or is a full square without any shape.
    """
    import resvg_py  # composing needs icons, but no renderer

    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=long_px * 2, skip_system_fonts=True)
    except ValueError as error:
        logger.debug("SVG left out: %s", error)
        return None
    bgra = cv2.imdecode(np.frombuffer(bytes(png), np.uint8), cv2.IMREAD_UNCHANGED)
    if bgra is None or bgra.ndim != 3 or bgra.shape[2] != 4:
        return None
    rows = np.flatnonzero(bgra[..., 3].max(1) > 8)
    cols = np.flatnonzero(bgra[..., 3].max(0) > 8)
    if not len(rows) or not len(cols):
        return None
    bgra = bgra[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    h, w = bgra.shape[:2]
    if min(h, w) < 3 or (bgra[..., 3].min() > 250 and bgra[..., :3].std(axis=(0, 1)).max() < 3):
        return None
    scale = long_px / max(h, w)
    # Resize with premultiplied colours: otherwise the colour of invisible pixels bleeds into the edges.
    alpha = bgra[..., 3:].astype(np.float32) / 255
    pre = np.dstack([bgra[..., :3] * alpha, alpha * 255])
    size = (max(2, round(w * scale)), max(2, round(h * scale)))
    pre = cv2.resize(pre, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    rgb = pre[..., 2::-1] * (255 / np.maximum(pre[..., 3:], 1))
    out: npt.NDArray[np.uint8] = np.clip(np.dstack([rgb, pre[..., 3:]]) + 0.5, 0, 255).astype(np.uint8)
    return out


def is_one_colour(rgba: npt.NDArray[np.uint8]) -> bool:
    """Return True if all visible pixels of an RGBA icon share one colour (standard deviation under 12 levels)."""
    visible = rgba[rgba[..., 3] > 128][:, :3]
    return len(visible) == 0 or float(visible.std(axis=0).max()) < 12


def iter_svgs(node_modules: str | Path, sets: Iterable[str] = TRAIN_SETS) -> Iterator[tuple[str, str, str]]:
    """Yield (icon set, icon name, SVG text) of icon packages below a ``node_modules`` folder, in a fixed order.

    Raises:
        FileNotFoundError: If a package is missing; the message names the package to install.
    """
    root = Path(node_modules)
    for name in sets:
        if name in _SVG_FOLDERS:
            folder = root / name / _SVG_FOLDERS[name]
            if not folder.is_dir():
                raise FileNotFoundError(f"{folder}: expected the npm package {name}")
            for path in sorted(folder.glob("*.svg")):
                yield name, path.stem, path.read_text(encoding="utf-8")
            continue
        file = root / "@iconify-json" / name / "icons.json"
        if not file.is_file():
            raise FileNotFoundError(f"{file}: expected the npm package @iconify-json/{name}")
        data = json.loads(file.read_text(encoding="utf-8"))
        width, height = data.get("width", 16), data.get("height", data.get("width", 16))
        for icon, body in sorted(data["icons"].items()):
            if name in _REPEATS and _REPEATS[name].search(icon):
                continue
            box = f"{body.get('left', 0)} {body.get('top', 0)} {body.get('width', width)} {body.get('height', height)}"
            yield (
                name,
                icon,
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" color="#000">{body["body"]}</svg>',
            )


def render_packages(
    node_modules: str | Path,
    sets: Iterable[str] = TRAIN_SETS,
    *,
    held_out: Iterable[str] = (*HELD_OUT, *HELD_OUT_OF_TRAINING),
    exclude_classes: Iterable[str] = (),
    processes: int = 1,
) -> Icons:
    """Render every icon of some icon sets, except those of held-out brands and excluded classes.

    Args:
        node_modules: Folder with the npm packages.
        sets: Icon sets, from `TRAIN_SETS` or `CALIBRATION_SETS`.
        held_out: Folded brand names whose icons are dropped (`is_held_out`).
        exclude_classes: Class names to leave out, for example the training classes when calibration marks are rendered.
        processes: Number of processes that render.

    Returns:
        The icons. 12,000 take about two and a half minutes on one core.
    """
    entries, excluded = tuple(held_out), frozenset(exclude_classes) | frozenset(_HELD_OUT_BY_SHAPE)
    wanted: list[tuple[str, str, str]] = []
    dropped = 0
    for source, name, svg in iter_svgs(node_modules, sets):
        cls = class_name(source, name)
        if is_held_out(name, entries) or is_held_out(cls.partition(":")[2] or cls, entries) or cls in excluded:
            dropped += 1
        else:
            wanted.append((source, name, svg))
    rows = render_all(wanted, processes)
    logger.info("%d drawings rendered, %d dropped by name, %d unusable", len(rows), dropped, len(wanted) - len(rows))
    return from_arrays(rows)


def _render_item(item: tuple[str, str, str]) -> IconRow | None:
    source, name, svg = item
    rgba = render_svg(svg)
    return None if rgba is None else (class_name(source, name), source, is_one_colour(rgba), rgba)


def render_all(items: Iterable[tuple[str, str, str]], processes: int = 1) -> list[IconRow]:
    """Render (icon set, icon name, SVG text) items in some processes; what cannot be rendered is left out."""
    if processes == 1:
        return [row for row in map(_render_item, items) if row is not None]
    with multiprocessing.Pool(processes) as pool:
        return [row for row in pool.imap(_render_item, items, chunksize=64) if row is not None]
