"""Refine the boxes of matches: try moved and resized boxes, and keep the one that is most similar to the matched logo.

A tile, or a proposal that includes a slogan, holds the mark somewhere inside. Only the similarity to the brand's own
vectors is used, so any encoder and any detector will do. Does not use a calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from logoscan.errors import InputError
from logoscan.images.boxes import clip
from logoscan.index.logo_index import LogoIndex
from logoscan.types import Boxes, Embeddings, Match, Rgb
from logoscan.vision.encoder import Encoder, encode_crops

__all__ = ["refine", "refine_match"]

# Moves of x0 y0 x1 y1 in steps; a step is a share of the box's width or height.
_MOVES = np.array(
    [
        # one side, outwards or inwards
        *((-1, 0, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
        *((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, -1, 0), (0, 0, 0, -1)),
        # both sides of an axis, or all four
        *((1, 0, -1, 0), (0, 1, 0, -1), (1, 1, -1, -1)),
        *((-1, 0, 1, 0), (0, -1, 0, 1), (-1, -1, 1, 1)),
        # the whole box
        *((1, 0, 1, 0), (-1, 0, -1, 0), (0, 1, 0, 1), (0, -1, 0, -1)),
    ],
    np.float32,
)
# Step of each round, as a share of the box's sides. A mark that fills a third of its tile is reached in three rounds.
_STEPS = (0.25, 0.25, 0.25, 0.12, 0.12, 0.12, 0.06, 0.06)
# Least side in pixels of a box that is tried.
_MIN_SIDE_PX = 6.0


def refine(
    image: Rgb, boxes: Boxes, targets: Sequence[Embeddings], encoder: Encoder, steps: Sequence[float] = _STEPS
) -> tuple[Boxes, NDArray[np.float32]]:
    """Move and resize each box to where it is most similar to its target: greedy, one round for each of `steps`.

    Costs 19 crops for each box and round; all boxes share the encoder's batches, and a box that no move of a round
    improves waits for a smaller step.

    Args:
        image: Photo, uint8 (H, W, 3) RGB.
        boxes: Boxes in pixels of the photo, float32 (n, 4).
        targets: For each box the vectors of the matched brand's logos, float32 (m, dim), unit rows, m at least 1.
        encoder: The encoder that made the vectors.
        steps: Step of each round, as a share of a box's width and height, in (0, 0.5).

    Returns:
        Boxes inside the photo, float32 (n, 4), and their similarity, float32 (n,), never below that of the boxes given.

    Raises:
        InputError: The number of targets differs from that of boxes, a target has no row, or a step is out of range.
    """
    if len(targets) != len(boxes) or any(not len(target) for target in targets):
        raise InputError(f"targets: expected vectors for each of {len(boxes)} boxes, got {[len(t) for t in targets]}")
    if not all(0 < step < 0.5 for step in steps):
        raise InputError(f"steps: expected shares in (0, 0.5), got {tuple(steps)!r}")
    best = clip(boxes, image.shape[1], image.shape[0])
    if not len(boxes):
        return best, np.zeros(0, np.float32)
    near = _similarity(image, best[:, None], targets, encoder)[:, 0]
    failed_step = np.full(len(boxes), np.inf)  # the last step that improved nothing; it would improve nothing again
    joint = best.copy()  # all moves of single sides that improved, at once; tried in the next round
    for step in steps:
        active = np.flatnonzero(step < failed_step).tolist()
        if not active:
            continue
        tried = np.stack([_moved(best[i], step, image.shape[1], image.shape[0]) for i in active])
        tried = np.concatenate([tried, joint[active, None]], axis=1)
        similarities = _similarity(image, tried, [targets[i] for i in active], encoder)
        for i, moved, similarity in zip(active, tried, similarities, strict=True):
            joint[i] = _join_moves(best[i], moved, similarity - near[i])
            choice = int(similarity.argmax())
            if similarity[choice] > near[i]:
                best[i], near[i] = moved[choice], similarity[choice]
            else:
                failed_step[i] = step
    return best, near


def refine_match(image: Rgb, match: Match, index: LogoIndex, encoder: Encoder) -> Match:
    """Return a match with the box and the similarity that `refine` finds, in the photo or in its mirror image.

    Args:
        image: Photo, uint8 (H, W, 3) RGB.
        match: A match of the photo, by a logo.
        index: A snapshot of the index.
        encoder: The encoder that made the index.

    Raises:
        InputError: The brand no longer has a logo.
    """
    logos = index.vectors[[record.brand == match.brand for record in index.logos]]
    if not len(logos):
        raise InputError(f"match: expected a brand with a logo, got {match.brand!r}")
    box = np.array([match.xyxy], np.float32)
    plain, mirrored = (encode_crops(encoder, [image], [box], [1])[0] @ logos.T).max(axis=1)
    if mirrored > plain:
        boxes, near = refine(np.ascontiguousarray(image[:, ::-1]), _mirrored(box, image), [logos], encoder)
        boxes = _mirrored(boxes, image)
    else:
        boxes, near = refine(image, box, [logos], encoder)
    x0, y0, x1, y1 = (float(v) for v in boxes[0])
    return replace(match, xyxy=(x0, y0, x1, y1), similarity=float(np.clip(near[0], -1, 1)))


def _mirrored(boxes: Boxes, image: Rgb) -> Boxes:
    """Return boxes of a photo in pixels of its mirror image."""
    mirrored = boxes.copy()
    mirrored[:, [0, 2]] = image.shape[1] - boxes[:, [2, 0]]
    return mirrored


def _join_moves(box: NDArray[np.float32], tried: Boxes, gain: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the box with each side where its better single move put it, if that was a gain."""
    out = box.copy()
    for side in range(4):
        move = side if gain[side] >= gain[side + 4] else side + 4
        if gain[move] > 0:
            out[side] = tried[move, side]
    return out if (out[2:] - out[:2]).min() >= _MIN_SIDE_PX else box


def _moved(box: NDArray[np.float32], step: float, width_px: int, height_px: int) -> Boxes:
    """Return the box after each move, float32 (18, 4); the box itself where a move would leave too little of it."""
    sides = np.tile(box[2:] - box[:2], 2)
    moved = clip(box + _MOVES * np.float32(step) * sides, width_px, height_px)
    small = (moved[:, 2:] - moved[:, :2]).min(axis=1) < _MIN_SIDE_PX
    moved[small] = box
    return moved


def _similarity(
    image: Rgb, boxes: NDArray[np.float32], targets: Sequence[Embeddings], encoder: Encoder
) -> NDArray[np.float32]:
    """Return the similarity of boxes, float32 (n, k, 4), to the nearest vector of their target, float32 (n, k)."""
    n, k = boxes.shape[:2]
    vectors = encode_crops(encoder, [image], [boxes.reshape(-1, 4)])[0].reshape(n, k, -1)
    return np.stack([(v @ t.T).max(axis=1) for v, t in zip(vectors, targets, strict=True)]).astype(np.float32)
