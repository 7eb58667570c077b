"""Regions from text: a wordmark is a line of text, which the detector may miss and an OCR engine reads."""

from __future__ import annotations

import numpy as np

from logoscan.images.boxes import clip, iou
from logoscan.types import Regions, TextSpans

__all__ = ["add_text_regions"]

# Least intersection over union of a line of text and a region for them to be the same region.
_SAME_REGION_IOU = 0.7
# Most lines of text that become regions; small print may have thousands of lines.
_MAX_TEXT_REGIONS = 50


def add_text_regions(regions: Regions, spans: TextSpans, width_px: int, height_px: int) -> Regions:
    """Add the lines of text of a photo to its regions, because a wordmark is a line of text too.

    Args:
        regions: Proposals, best first.
        spans: Text that was read in the same photo.
        width_px: Width of the photo.
        height_px: Height of the photo.

    Returns:
        The regions and, after them, the most confident lines that are not among them, 50 at most; these have the
        confidence of the least confident region, 0 where there is none.
    """
    spans = spans.first_readings()
    lines = clip(spans.xyxy, width_px, height_px)
    large_enough = (lines[:, 2:] - lines[:, :2]).min(axis=1) >= 1
    new = np.flatnonzero(large_enough & (iou(lines, regions.xyxy).max(axis=1, initial=0) < _SAME_REGION_IOU))
    new = new[np.argsort(-spans.confidence[new], kind="stable")][:_MAX_TEXT_REGIONS]
    least = regions.confidence.min() if len(regions) else np.float32(0)
    confidence = np.concatenate([regions.confidence, np.full(len(new), least, np.float32)])
    return Regions(np.concatenate([regions.xyxy, lines[new]]), confidence)
