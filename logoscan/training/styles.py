"""Styles of marks (one colour, inverted, outline, badge, metal, embroidery, wear) and look-alikes.

A style keeps the class of a mark; a look-alike is another class. Marks come in as uint8 (h, w, 4) RGBA and go out as
float32 premultiplied RGBA (colours 0..255, alpha 0..1). This module must not know backgrounds or pictures.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.index.renderings import ink
from logoscan.training.materials import Materials, random_colour

Rgba = npt.NDArray[np.uint8]
Premultiplied = npt.NDArray[np.float32]
# Width of the empty border that is added for outlines and thickened strokes, px.
_PAD_PX = 6


def premultiply(rgba: Rgba) -> Premultiplied:
    """Return float32 (h, w, 4): RGB times alpha (0..255) and alpha (0..1)."""
    out = rgba.astype(np.float32)
    out[..., 3] /= 255
    out[..., :3] *= out[..., 3:]
    return out


def paint(alpha: npt.NDArray[np.float32], colour: npt.NDArray[np.float32]) -> Premultiplied:
    """Return a premultiplied mark of one float32 (3,) colour from a float32 (h, w) alpha."""
    out = np.empty((*alpha.shape, 4), np.float32)
    np.multiply(alpha[..., None], colour, out=out[..., :3])
    out[..., 3] = alpha
    return out


def style(rng: np.random.Generator, rgba: Rgba, one_colour: bool, materials: Materials) -> tuple[Premultiplied, bool]:
    """Draw a mark in a random style in which its owner would still recognise it.

    Args:
        rng: Source of all choices.
        rgba: The logo image.
        one_colour: True if the logo image has no colours of its own.
        materials: Source of the noise for worn print.

    Returns:
        The premultiplied mark, and True if it has one colour (then it must differ from the background in lightness).
    """
    kind = rng.random()
    mono = one_colour or kind < 0.3
    if rng.random() < 0.1:
        rgba = _redraw(rng, rgba, materials)
    if mono:
        alpha = ink(rgba)
        if rng.random() < 0.22:
            alpha = _restroke(rng, alpha)
        mark = paint(alpha, random_colour(rng))
        if rng.random() < 0.12:  # two inks, split by a line or as a gradient
            mark = _two_inks(rng, mark)
    else:
        mark = premultiply(rgba)
        if kind > 0.93:
            mark[..., :3] = 255 * mark[..., 3:] - mark[..., :3]
        elif kind > 0.8:
            mark[..., :3] = _shift_colours(rng, mark)
    if rng.random() < 0.16:
        mark, mono = _badge(rng, mark), False
    if rng.random() < 0.14:
        mark = _metal(rng, mark)
    if rng.random() < 0.08:
        mark, mono = _rim(rng, mark), False
    texture = rng.random()
    if texture < 0.12:
        mark = _wear_off(rng, mark, materials)
    elif texture < 0.24:
        mark = _embroider(rng, mark)
    elif texture < 0.34:
        mark = _stitch(rng, mark)
    return mark, mono


def _redraw(rng: np.random.Generator, rgba: Rgba, materials: Materials) -> Rgba:
    """Return a logo image as an unsure hand draws it: each place is moved by up to some 4 % of the long side."""
    h, w = rgba.shape[:2]
    reach = np.float32(max(h, w) * rng.uniform(0.005, 0.02))
    x = np.arange(w, dtype=np.float32)[None] + reach * materials.field(rng, h, w, 16.0)
    y = np.arange(h, dtype=np.float32)[:, None] + reach * materials.field(rng, h, w, 16.0)
    return np.asarray(cv2.remap(rgba, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.uint8)


def _stitch(rng: np.random.Generator, mark: Premultiplied) -> Premultiplied:
    """Return the mark with a dashed seam along its edge, as on a patch of leather or cloth."""
    solid = (mark[..., 3] > 0.5).astype(np.uint8)
    size = int(rng.integers(2, 5))
    inner = cv2.erode(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1, 2 * size + 1)))
    outlines, _ = cv2.findContours(inner, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    seam = np.zeros(solid.shape, np.uint8)
    step = int(rng.integers(3, 8))
    for outline in outlines:
        for k in range(0, len(outline) - step, 2 * step):
            cv2.line(seam, outline[k][0].tolist(), outline[k + step][0].tolist(), 255, 1, cv2.LINE_AA)
    thread = seam.astype(np.float32)[..., None] / np.float32(255) * mark[..., 3:]
    mark[..., :3] += thread * (random_colour(rng) - mark[..., :3])
    return mark


def _restroke(rng: np.random.Generator, alpha: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mark as an outline, or with thicker or thinner strokes."""
    alpha = cv2.copyMakeBorder(alpha, _PAD_PX, _PAD_PX, _PAD_PX, _PAD_PX, cv2.BORDER_CONSTANT, value=0)
    size = int(rng.integers(2, 6))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    kind = rng.random()
    if kind < 0.4:
        return np.asarray(cv2.morphologyEx(alpha, cv2.MORPH_GRADIENT, kernel), np.float32)
    if kind < 0.7:
        return np.asarray(cv2.dilate(alpha, kernel), np.float32)
    thin = np.asarray(cv2.erode(alpha, kernel), np.float32)
    return thin if thin.sum() > 0.45 * alpha.sum() else alpha


def _two_inks(rng: np.random.Generator, mark: Premultiplied) -> Premultiplied:
    """Return the mark with a second colour below a line, or blended in from top to bottom."""
    h = mark.shape[0]
    t = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    if rng.random() < 0.5:
        t = (t > rng.uniform(0.3, 0.7)).astype(np.float32)
    mark[..., :3] = mark[..., :3] * (1 - t) + mark[..., 3:] * random_colour(rng) * t
    return mark


def _shift_colours(rng: np.random.Generator, mark: Premultiplied) -> npt.NDArray[np.float32]:
    """Return the colours of the mark with channels permuted or with another saturation, float32 (h, w, 3)."""
    rgb = mark[..., :3]
    if rng.random() < 0.4:
        return np.ascontiguousarray(rgb[..., rng.permutation(3)])
    grey = rgb.mean(-1, keepdims=True)
    return np.asarray(np.clip(grey + (rgb - grey) * rng.uniform(0, 1.5), 0, 255), np.float32)


def _badge(rng: np.random.Generator, mark: Premultiplied) -> Premultiplied:
    """Return the mark on a round, rounded or rectangular plate, or inside a ring."""
    h, w = mark.shape[:2]
    pad = round(max(h, w) * rng.uniform(0.06, 0.3))
    mark = cv2.copyMakeBorder(mark, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    bh, bw = mark.shape[:2]
    plate = np.zeros((bh, bw), np.float32)
    kind = rng.random()
    if kind < 0.35 and max(h, w) < 1.7 * min(h, w):
        cv2.circle(plate, (bw // 2, bh // 2), min(bh, bw) // 2, 1.0, -1, cv2.LINE_AA)
    elif kind < 0.7:
        r = max(1, round(min(bh, bw) * rng.uniform(0.05, 0.3)))
        cv2.rectangle(plate, (r, 0), (bw - r - 1, bh), 1.0, -1)
        cv2.rectangle(plate, (0, r), (bw, bh - r - 1), 1.0, -1)
        for cx in (r, bw - r - 1):
            for cy in (r, bh - r - 1):
                cv2.circle(plate, (cx, cy), r, 1.0, -1)
    else:
        plate[:] = 1
    weight = float(mark[..., 3].sum())
    mean = float(mark[..., :3].sum()) / max(3 * weight, 1)
    colour = random_colour(rng)
    if abs(float(colour.mean()) - mean) < 70:
        colour = np.clip(colour + (150 if mean < 128 else -150), 0, 255).astype(np.float32)
    if rng.random() < 0.25:  # only the outline of the plate
        plate = np.asarray(cv2.morphologyEx(plate, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)), np.float32)
    return np.asarray(mark + paint(plate * (1 - mark[..., 3]), colour), np.float32)


def _metal(rng: np.random.Generator, mark: Premultiplied) -> Premultiplied:
    """Return the mark with bands of light and bevelled edges, as on cast metal badges."""
    alpha = mark[..., 3]
    h, w = alpha.shape
    along = h if rng.random() < 0.7 else w
    bands = np.interp(np.arange(along), np.linspace(0, along, 6), rng.uniform(0.55, 1.35, 6)).astype(np.float32)
    light = np.broadcast_to(bands[:, None] if along == h else bands[None], (h, w))
    relief = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(1.2, 4))
    angle = rng.uniform(0, 2 * np.pi)
    slope = cv2.Sobel(relief, cv2.CV_32F, 1, 0) * np.cos(angle) + cv2.Sobel(relief, cv2.CV_32F, 0, 1) * np.sin(angle)
    light = light + slope * np.float32(rng.uniform(0.4, 1.4) / max(float(np.abs(slope).max()), 1e-6))
    out = mark.copy()
    out[..., :3] = np.clip(mark[..., :3] * np.maximum(light, 0.1)[..., None], 0, 255 * alpha[..., None])
    return out


def _rim(rng: np.random.Generator, mark: Premultiplied) -> Premultiplied:
    """Return the mark with a stroke of another colour around it, as on stickers and cans."""
    mark = cv2.copyMakeBorder(mark, _PAD_PX, _PAD_PX, _PAD_PX, _PAD_PX, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
    size = int(rng.integers(5, 2 * _PAD_PX))
    wide = cv2.dilate(mark[..., 3], cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.asarray(mark + paint(np.maximum(wide - mark[..., 3], 0), random_colour(rng)), np.float32)


def _wear_off(rng: np.random.Generator, mark: Premultiplied, materials: Materials) -> Premultiplied:
    """Return the mark with parts of the print worn off."""
    h, w = mark.shape[:2]
    noise = materials.field(rng, h, w, 4.0 if rng.random() < 0.5 else 1.2)
    keep = np.clip((noise + rng.uniform(0.8, 2.0)) * 1.5, 0, 1)
    return np.asarray(mark * keep[..., None], np.float32)


def _embroider(rng: np.random.Generator, mark: Premultiplied) -> Premultiplied:
    """Return the mark shaded by parallel threads, darker at its edges."""
    h, w = mark.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(2.5, 6)
    lines = np.sin((np.cos(angle) * x + np.sin(angle) * y) * (2 * np.pi / period))
    edge = cv2.GaussianBlur(mark[..., 3], (0, 0), 2.0)
    light = 1 + lines * rng.uniform(0.05, 0.25) + (edge - 0.8) * rng.uniform(0, 0.5)
    mark[..., :3] *= np.clip(light, 0.3, 1.4)[..., None]
    np.minimum(mark[..., :3], 255 * mark[..., 3:], out=mark[..., :3])
    return mark


def look_alike(rng: np.random.Generator, rgba: Rgba, tries: int = 6) -> Rgba | None:
    """Edit a mark into a similar mark of another class: mirrored, turned, bent, or with a part removed or added.

    Args:
        rng: Source of all choices.
        rgba: The logo image.
        tries: Number of edits to try before giving up.

    Returns:
        The edited logo image, or None if no edit made a visible difference (a disc stays a disc).
    """
    for _ in range(tries):
        kind = int(rng.integers(6))
        if kind == 0:
            edited = np.ascontiguousarray(rgba[:, ::-1])
        elif kind == 1:
            edited = np.ascontiguousarray(np.rot90(rgba, int(rng.integers(1, 4))))
        elif kind == 2:
            edited = remove_part(rng, rgba)
        elif kind == 3:
            edited = _add_stroke(rng, rgba)
        elif kind == 4:
            edited = _swap_halves(rng, rgba)
        else:
            edited = _bend(rng, rgba)
        if difference(rgba, edited) > 0.22:
            return edited
    return None


def difference(a: Rgba, b: Rgba) -> float:
    """Return 1 - intersection over union of the ink of two logo images on a 48 px square, 0..1."""
    ink_a, ink_b = (cv2.resize(ink(m), (48, 48), interpolation=cv2.INTER_AREA) for m in (a, b))
    return 1 - float(np.minimum(ink_a, ink_b).sum()) / max(float(np.maximum(ink_a, ink_b).sum()), 1e-6)


def remove_part(rng: np.random.Generator, rgba: Rgba) -> Rgba:
    """Return a logo image without one of its connected parts, or without a third to a half at one side."""
    out, (h, w) = rgba.copy(), rgba.shape[:2]
    if rng.random() < 0.5:
        inked = (ink(rgba) > 0.5).astype(np.uint8)
        count, parts = cv2.connectedComponents(inked)
        if count > 2:
            out[parts == int(rng.integers(1, count))] = 0
            return out
    side = int(rng.integers(4))
    cut = rng.uniform(0.3, 0.5)
    rows = slice(0, round(h * cut)) if side == 0 else slice(h - round(h * cut), h) if side == 1 else slice(0, h)
    cols = slice(0, round(w * cut)) if side == 2 else slice(w - round(w * cut), w) if side == 3 else slice(0, w)
    out[rows, cols] = 0
    return out


def _add_stroke(rng: np.random.Generator, rgba: Rgba) -> Rgba:
    """Return a logo image with a bar or a circle added in its median colour."""
    out, (h, w) = rgba.copy(), rgba.shape[:2]
    visible = rgba[rgba[..., 3] > 128]
    colour = [int(c) for c in (np.median(visible[:, :3], axis=0) if len(visible) else (0, 0, 0))] + [255]
    thick = max(3, round(min(h, w) * rng.uniform(0.12, 0.3)))
    if rng.random() < 0.5:
        cv2.line(out, (int(rng.integers(w)), 0), (int(rng.integers(w)), h), colour, thick, cv2.LINE_AA)
    else:
        cv2.circle(out, (w // 2, h // 2), round(min(h, w) * rng.uniform(0.2, 0.48)), colour, thick, cv2.LINE_AA)
    return out


def _swap_halves(rng: np.random.Generator, rgba: Rgba) -> Rgba:
    """Return a logo image with its left and right, or upper and lower, halves exchanged."""
    h, w = rgba.shape[:2]
    if w > h or rng.random() < 0.5:
        return np.ascontiguousarray(np.roll(rgba, w // 2, axis=1))
    return np.ascontiguousarray(np.roll(rgba, h // 2, axis=0))


def _bend(rng: np.random.Generator, rgba: Rgba) -> Rgba:
    """Return a logo image bent along a vertical wave."""
    h, w = rgba.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    wave = np.float32(rng.uniform(0.14, 0.25) * h)
    phase = np.float32(rng.uniform(0, 2 * np.pi))
    source_y = y + wave * np.sin(x * np.float32(2 * np.pi * rng.uniform(0.8, 1.6) / w) + phase)
    return np.asarray(cv2.remap(rgba, x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.uint8)
