"""Was a mark altered? A small network judges how a crop and the logo image that is laid over it differ.

Mirrored and stretched marks show in the alignment; missing parts in what lies under the logo image's edges and ink.
`AlterationCheck` compares one crop with one logo image; `MarkComparison` does it for the matches of a listing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np

from logoscan.errors import CorruptFileError, ImageError, InputError
from logoscan.images.boxes import expand
from logoscan.images.crops import square_crops
from logoscan.index.logo_index import LogoIndex
from logoscan.index.renderings import ink
from logoscan.matching.alignment import Alignment, align, drawn, overlay
from logoscan.matching.alteration_features import evidence
from logoscan.runtime import building_networks
from logoscan.types import ImageSource, Listing, MarkAlteration, Match, Rgb, Rgba
from logoscan.vision import weights
from logoscan.vision.features import FeatureExtractor

__all__ = ["CROP_PX", "KINDS", "Alteration", "AlterationCheck", "MarkComparison", "cut", "laid"]

logger = logging.getLogger(__name__)

KINDS = ("faithful", "mirrored", "stretched", "incomplete")
"""What the network tells apart, in the order of its outputs."""
CROP_PX = 128
"""Side of the crops that are aligned and, outlined, shown."""
# Mean difference of two alphas below which they are of one form.
_SAME_INK = 0.02
# Ground around a matched box, as a share of its sides.
_MARGIN = 0.1
# Probability of a match from which every scan compares its mark: of a mark that may be another one, everything looks
# altered. And the most brands of a listing for which that is done.
_COMPARED_FROM, _MOST_BRANDS = 0.8, 3
# Correlation of the edges of mark and logo image from which they are the same: below it the photo shows another
# rendition of the mark or none of it, and whatever the check says is a guess. Of 66 genuine marks in photos of streets
# and shops 21 were called altered, and 16 of these lay below.
_LEAST_CORRELATION = 0.7
# How much more a mirrored logo image must correlate for a mark to be called mirrored: a symmetrical one fits both ways.
_MIRROR_LEAD = 0.1


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
    box = expand(np.array([xyxy], np.float32), _MARGIN)
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


class MarkComparison:
    """Compares the marks of matches with the logo images that are registered for them. Immutable."""

    def __init__(
        self, check: AlterationCheck | Literal["bundled"] | None, extractor: FeatureExtractor, *, always: bool
    ) -> None:
        """Bind the stages.

        Args:
            check: Compares a crop with a logo image; "bundled" is the bundled one, read at first use; None cannot be
                asked.
            extractor: Opens photos.
            always: Whether every scan compares the surest marks; the bundled check is read at once then.
        """
        self._check, self._extractor, self._always = check, extractor, always
        self._lock = Lock()
        if always:
            self._loaded_check()

    def _loaded_check(self) -> AlterationCheck:
        with self._lock:
            if self._check == "bundled":
                self._check = AlterationCheck()
            if self._check is None:
                raise InputError("alteration: expected a scanner with an AlterationCheck, got alterations=None")
            return self._check

    def alteration(self, image: ImageSource, match: Match, index: LogoIndex) -> Alteration | None:
        """Compare a matched region with the logo image; None where there is none, or none that could be compared.

        Raises:
            InputError: There is no check, or the logo is registered no more.
            ImageError: The picture cannot be read.
        """
        check = self._loaded_check()
        logo_image = index.logo_image(match.brand, match.logo)
        if logo_image is None or logo_image[..., 3].min() == 255:  # of an opaque one only the frame could be compared
            return None
        return check.check(cut(self._extractor.load(image), match.xyxy), logo_image)

    def altered(self, listing: Listing, matches: Sequence[Match], index: LogoIndex) -> dict[str, MarkAlteration]:
        """Return what became of the marks that every scan compares, by brand."""
        compared = {match.brand: self.compare(listing, match, index) for match in self.surest(matches, index)}
        return {brand: alteration for brand, alteration in compared.items() if alteration is not None}

    def surest(self, matches: Sequence[Match], index: LogoIndex) -> list[Match]:
        """Return the best match of each of the few brands that are surely shown; none unless every scan compares.

        Args:
            matches: Matches, most probable first.
            index: A snapshot of the index.
        """
        surest: dict[str, Match] = {}
        for match in matches if self._always else ():
            if (match.probability or 0.0) < _COMPARED_FROM or len(surest) == _MOST_BRANDS:
                break
            if match.brand in index.with_logo:
                surest.setdefault(match.brand, match)
        return list(surest.values())

    def compare(self, listing: Listing, match: Match, index: LogoIndex) -> MarkAlteration | None:
        """Compare a mark in a listing's photo with its logo image; None where nothing can be held against a seller."""
        try:
            alteration = self.alteration(listing.images[match.image], match, index)
        except ImageError as error:  # it could be read a moment ago
            logger.warning("listing %s, image %d: %s", listing.id, match.image, error)
            return None
        except Exception:  # a photo that breaks the check costs that comparison, not the stream
            logger.exception("listing %s, image %d: a mark could not be compared", listing.id, match.image)
            return None
        return None if alteration is None or not _is_sound(alteration) else MarkAlteration(alteration.kinds)


def _is_sound(alteration: Alteration) -> bool:
    """Say whether an alteration can be held against a seller."""
    if alteration.alignment.correlation < _LEAST_CORRELATION:
        return False
    if max(alteration.kinds, key=lambda kind: alteration.kinds[kind]) != "mirrored":
        return True
    lead = alteration.alignment.correlation - alteration.alignment.other
    return alteration.alignment.mirrored and lead >= _MIRROR_LEAD
