"""Was a mark altered? A small network is told how a crop and the drawing that is laid over it differ.

Mirrored and stretched marks show in the alignment; missing parts in what lies under the drawing's edges and ink.
Confirms a match or measures how it departs from the registered drawing. Knows no brands and no vectors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from logoscan.errors import CorruptFileError
from logoscan.images.boxes import expand
from logoscan.images.crops import square_crops
from logoscan.index.logo_images import ink
from logoscan.matching.alignment import Alignment, align, drawn, overlay
from logoscan.matching.alteration_features import evidence
from logoscan.runtime import building_networks
from logoscan.types import Rgb, Rgba
from logoscan.vision import weights

__all__ = ["CROP_PX", "KINDS", "Alteration", "AlterationCheck", "cut", "laid"]

KINDS = ("faithful", "mirrored", "stretched", "incomplete")
"""What the network tells apart, in the order of its outputs."""
CROP_PX = 128
"""Side of the crops that are aligned and, outlined, shown."""
_SAME_INK = 0.02
"""Mean difference of two alphas below which they are of one form."""
_AROUND = 0.1
"""Ground around a matched box, as a share of its sides."""


@dataclass(frozen=True, eq=False)
class Alteration:
    """What became of a registered drawing.

    Attributes:
        crop: uint8 (n, n, 3), the place that was looked at.
        drawing: uint8 (H, W, 4), as registered or without the badge that it stands on, whatever fits better.
        alignment: Where the drawing lies in the crop.
        kinds: Probability of each of `KINDS`; they sum to 1.
    """

    crop: Rgb
    drawing: Rgba
    alignment: Alignment
    kinds: Mapping[str, float]

    @property
    def altered(self) -> float:
        """Probability that the mark is not faithful to the drawing, in [0, 1]."""
        return 1.0 - self.kinds["faithful"]

    def outlined(self) -> Rgb:
        """The crop with the outline of the drawing laid over it, uint8 (n, n, 3)."""
        return overlay(self.crop, self.drawing, self.alignment)


def cut(image: Rgb, xyxy: tuple[float, float, float, float], side_px: int = CROP_PX) -> Rgb:
    """A matched box with the ground around it as a square, padded where the picture ends: uint8 (side, side, 3).

    Never squeezed: that would be a stretched mark.
    """
    box = expand(np.array([xyxy], np.float32), _AROUND)
    middle, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).max() / 2
    (crop,) = square_crops(image, np.concatenate([middle - half, middle + half], 1), side_px, "pad")
    return np.asarray(crop)


def laid(crop: Rgb, drawing: Rgba) -> tuple[Rgba, Alignment] | None:
    """Align a drawing, and its figure without the badge that it stands on, with a crop; what fits better, and how.

    Args:
        crop: uint8 (n, n, 3) RGB.
        drawing: uint8 (H, W, 4).

    Returns:
        None where neither can be aligned.

    Raises:
        InputError: A wrong shape, or an invisible drawing.
    """
    drawn(drawing)  # refuses what is no drawing
    found = [(form, align(crop, form)) for form in _forms(drawing)]
    fitting = [(form, alignment) for form, alignment in found if alignment is not None]
    return max(fitting, key=lambda pair: pair[1].correlation, default=None)


def _forms(drawing: Rgba) -> list[Rgba]:
    """The drawing and, of one that fills its box with a colour, what a print in one ink would leave of it."""
    figure = ink(drawing)
    alpha = drawing[..., 3] / np.float32(255)
    if np.abs(figure - alpha).mean() < _SAME_INK:
        return [drawing]
    alone = np.zeros_like(drawing)
    alone[..., 3] = (figure * 255).round()
    return [drawing, alone]


class AlterationCheck:
    """The trained check. Thread-safe once built.

    Attributes:
        threshold: Probability of `Alteration.altered` above which to call a mark altered.
        net: The network, in evaluation mode.
    """

    @building_networks()
    def __init__(self, path: str | Path | None = None) -> None:
        """Read the network.

        Args:
            path: A safetensors file of `logoscan.training.alterations`; None for the bundled one.

        Raises:
            CorruptFileError: The file is no such network, or the bundled one is missing or altered.
        """
        from safetensors import SafetensorError, safe_open

        from logoscan.matching.alteration_net import build

        path = weights.verified(weights.ALTERATIONS)[0] if path is None else path
        self.net = build()
        try:
            with safe_open(str(path), "pt") as file:
                self.threshold = float(json.loads((file.metadata() or {})["alterations"])["threshold"])
                if not 0 < self.threshold < 1:
                    raise ValueError(f"threshold: expected a probability, got {self.threshold!r}")
                tensors = {k: file.get_tensor(k).float() for k in file.keys()}  # noqa: SIM118
            self.net.load_state_dict(tensors, strict=False)
        except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise CorruptFileError(f"{path}: expected an alteration check's file ({error!s:.200})") from None
        missing = sorted(k for k in self.net.state_dict() if k not in tensors)
        if missing:
            raise CorruptFileError(f"{path}: expected a whole alteration check, got one without {missing[:3]}")
        self.net.eval()

    def check(self, crop: Rgb, drawing: Rgba) -> Alteration | None:
        """Align a drawing with a crop and judge what became of it; None where it cannot be aligned.

        Args:
            crop: uint8 (n, n, 3) RGB: the matched place, as of `cut`.
            drawing: uint8 (H, W, 4), as registered.

        Raises:
            InputError: A wrong shape, or an invisible drawing.
        """
        import torch

        found = laid(crop, drawing)
        if found is None:
            return None
        drawing, alignment = found
        with torch.inference_mode():
            share = torch.softmax(self.net(torch.from_numpy(evidence(crop, drawing, alignment))[None]), 1)[0].tolist()
        return Alteration(crop, drawing, alignment, dict(zip(KINDS, share, strict=True)))
