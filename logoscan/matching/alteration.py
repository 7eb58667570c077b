"""Check whether a mark was altered: a small network judges how a crop and the aligned logo image differ.

Mirrored and stretched marks show in the alignment; missing parts in the crop under the logo image's edges and ink.
`AlterationCheck` compares one crop with one logo image; `MarkComparison` compares the matches of a listing.
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

from logoscan._quote import cause
from logoscan.errors import CorruptFileError, ImageError, InputError
from logoscan.images.boxes import expand
from logoscan.images.crops import square_crops
from logoscan.index.logo_index import LogoIndex
from logoscan.index.renderings import ink
from logoscan.matching.alignment import Alignment, align, is_clearly_mirrored, logo_in_square, overlay
from logoscan.matching.alteration_features import alteration_features
from logoscan.runtime import building_networks
from logoscan.types import ImageSource, Listing, MarkAlteration, Match, Rgb, Rgba
from logoscan.vision import weights
from logoscan.vision.extractor import FeatureExtractor

__all__ = ["CROP_PX", "KINDS", "Alteration", "AlterationCheck", "MarkComparison", "align_forms", "crop_match"]

logger = logging.getLogger(__name__)

KINDS = ("faithful", "mirrored", "stretched", "incomplete")
"""Classes of the network, in the order of its outputs."""
CROP_PX = 128
"""Side in pixels of the crops that are aligned and, with the outline of the logo image, shown."""
# Mean difference of two alpha channels below which they have the same form.
_SAME_FORM_DIFFERENCE = 0.02
# Ground around a matched box in its crop, as a share of its sides.
_MARGIN = 0.1
# Least probability of a match from which every scan compares its mark: a mark of another brand would always look
# altered. And the most brands of a listing whose marks are compared.
_MIN_PROBABILITY, _MAX_BRANDS = 0.8, 3
# Least correlation of the edges of mark and logo image. Below it the photo shows another rendition of the mark, or
# another mark, and the answer of the check is a guess. Of 66 genuine marks in photos of streets and shops, 21 were
# called altered, and 16 of these were below it.
_MIN_CORRELATION = 0.7


@dataclass(frozen=True, eq=False)
class Alteration:
    """How a mark in a photo differs from its registered logo image.

    Attributes:
        crop: Crop of the matched region, uint8 (n, n, 3).
        logo_image: uint8 (H, W, 4), the registered logo image or its figure without the badge, whichever fits better.
        alignment: Where the logo image lies in the crop.
        kinds: Probability of each of `KINDS`; they sum to 1.
    """

    crop: Rgb
    logo_image: Rgba
    alignment: Alignment
    kinds: Mapping[str, float]

    @property
    def altered(self) -> float:
        """Probability that the mark is not faithful to the logo image, in [0, 1]."""
        return 1.0 - self.kinds["faithful"]

    def outlined(self) -> Rgb:
        """Return the crop with the outline of the aligned logo image, uint8 (n, n, 3)."""
        return overlay(self.crop, self.logo_image, self.alignment)


def crop_match(image: Rgb, xyxy: tuple[float, float, float, float], side_px: int = CROP_PX) -> Rgb:
    """Return a matched box with the ground around it as a square, padded where the photo ends.

    The box is never squeezed into the square, because the mark would look stretched.

    Args:
        image: Photo, uint8 (H, W, 3) RGB.
        xyxy: The matched box in pixels of the photo.
        side_px: Side of the square in pixels.

    Returns:
        uint8 (side_px, side_px, 3) RGB.
    """
    box = expand(np.array([xyxy], np.float32), _MARGIN)
    centre, half = (box[:, :2] + box[:, 2:]) / 2, (box[:, 2:] - box[:, :2]).max() / 2
    (crop,) = square_crops(image, np.concatenate([centre - half, centre + half], 1), side_px, "pad")
    return np.asarray(crop)


def align_forms(crop: Rgb, logo_image: Rgba, *, upright: bool = False) -> tuple[Rgba, Alignment] | None:
    """Align a logo image, and its figure without the badge, with a crop.

    Args:
        crop: Crop around the mark, uint8 (n, n, 3) RGB.
        logo_image: Logo image, uint8 (H, W, 4).
        upright: Whether mirrored alignments are left out.

    Returns:
        The form that fits better, and its alignment; None where neither can be aligned.

    Raises:
        InputError: The crop or the logo image has a wrong shape, or the logo image is wholly transparent.
    """
    logo_in_square(logo_image)  # refuses what is no logo image
    aligned = [(form, align(crop, form, upright=upright)) for form in _forms(logo_image)]
    fitting = [(form, alignment) for form, alignment in aligned if alignment is not None]
    return max(fitting, key=lambda pair: pair[1].correlation, default=None)


def _forms(logo_image: Rgba) -> list[Rgba]:
    """Return the logo image and, where it fills its box with a colour, its figure as printed in one ink."""
    figure_alpha = ink(logo_image)
    alpha = logo_image[..., 3] / np.float32(255)
    if np.abs(figure_alpha - alpha).mean() < _SAME_FORM_DIFFERENCE:
        return [logo_image]
    figure = np.zeros_like(logo_image)
    figure[..., 3] = (figure_alpha * 255).round()
    return [logo_image, figure]


class AlterationCheck:
    """The trained check. Thread-safe once built.

    Attributes:
        threshold: Value of `Alteration.altered` above which a mark is called altered.
        net: The network, in evaluation mode.
    """

    @building_networks()
    def __init__(self, path: str | Path | None = None) -> None:
        """Read the network.

        Args:
            path: A safetensors file of `logoscan.training.alterations`; None reads the bundled one.

        Raises:
            CorruptFileError: The file is no such network, or the bundled one is missing or altered.
        """
        from safetensors import SafetensorError, safe_open

        from logoscan.matching.alteration_net import build

        path = weights.verify(weights.ALTERATIONS)[0] if path is None else path
        self.net = build()
        try:
            with safe_open(str(path), "pt") as file:
                self.threshold = float(json.loads((file.metadata() or {})["alterations"])["threshold"])
                if not 0 < self.threshold < 1:
                    raise ValueError(f"threshold: expected a probability, got {self.threshold!r}")
                tensors = {k: file.get_tensor(k).float() for k in file.keys()}  # noqa: SIM118
            self.net.load_state_dict(tensors, strict=False)
        except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
            raise CorruptFileError(f"{path}: expected an alteration check's file ({cause(error)})") from None
        missing = sorted(k for k in self.net.state_dict() if k not in tensors)
        if missing:
            raise CorruptFileError(f"{path}: expected a whole alteration check, got one without {missing[:3]}")
        self.net.eval()

    def check(self, crop: Rgb, logo_image: Rgba) -> Alteration | None:
        """Align a logo image with a crop and judge how they differ; return None where it cannot be aligned.

        Args:
            crop: Crop of the matched region (`crop_match`), uint8 (n, n, 3) RGB.
            logo_image: Registered logo image, uint8 (H, W, 4).

        Raises:
            InputError: The crop or the logo image has a wrong shape, or the logo image is wholly transparent.
        """
        import torch

        aligned = align_forms(crop, logo_image)
        if aligned is None:
            return None
        form, alignment = aligned
        features = torch.from_numpy(alteration_features(crop, form, alignment))[None]
        with torch.inference_mode():
            probabilities = torch.softmax(self.net(features), 1)[0].tolist()
        return Alteration(crop, form, alignment, dict(zip(KINDS, probabilities, strict=True)))


class MarkComparison:
    """Compares the marks of matches with their registered logo images. Immutable.

    Attributes:
        always: Whether every scan compares the most probable marks.
    """

    def __init__(
        self, check: AlterationCheck | Literal["bundled"] | None, extractor: FeatureExtractor, *, always: bool
    ) -> None:
        """Bind the stages.

        Args:
            check: Compares a crop with a logo image; "bundled" is the bundled one, read at first use; None cannot be
                asked.
            extractor: Opens photos.
            always: Whether every scan compares the most probable marks; the bundled check is read at once then.
        """
        self._check, self._extractor, self.always = check, extractor, always
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

    def run_once(self, crop: Rgb, logo_image: Rgba) -> None:
        """Compare one crop with one logo image, so that the check is loaded; do nothing where there is no check."""
        if self._check is not None:
            self._loaded_check().check(crop, logo_image)

    def alteration(self, image: ImageSource, match: Match, index: LogoIndex) -> Alteration | None:
        """Compare a matched region with the logo image.

        Returns:
            None where the index has no logo image, an opaque one, or one that cannot be aligned.

        Raises:
            InputError: There is no check, or the logo is no longer registered.
            ImageError: The photo cannot be read.
        """
        check = self._loaded_check()
        logo_image = index.logo_image(match.brand, match.logo)
        if logo_image is None or logo_image[..., 3].min() == 255:  # an opaque one has only the edges of its frame
            return None
        return check.check(crop_match(self._extractor.load(image), match.xyxy), logo_image)

    def compare_all(self, listing: Listing, matches: Sequence[Match], index: LogoIndex) -> dict[str, MarkAlteration]:
        """Compare the marks that every scan compares, and return the alterations by brand."""
        by_brand = {match.brand: self.compare(listing, match, index) for match in self.select(matches, index)}
        return {brand: alteration for brand, alteration in by_brand.items() if alteration is not None}

    def select(self, matches: Sequence[Match], index: LogoIndex) -> list[Match]:
        """Return the best match of each of the few most probable brands; none unless every scan compares marks.

        Args:
            matches: Matches of a listing, most probable first.
            index: A snapshot of the index.
        """
        best: dict[str, Match] = {}
        for match in matches if self.always else ():
            if (match.probability or 0.0) < _MIN_PROBABILITY or len(best) == _MAX_BRANDS:
                break
            if match.brand in index.with_logo:
                best.setdefault(match.brand, match)
        return list(best.values())

    def compare(self, listing: Listing, match: Match, index: LogoIndex) -> MarkAlteration | None:
        """Compare a mark in a listing's photo with its logo image; return None where the result is not reliable."""
        try:
            alteration = self.alteration(listing.images[match.image], match, index)
        except ImageError as error:  # the photo could be read before
            logger.warning("listing %s, image %d: %s", listing.id, match.image, error)
            return None
        except Exception:  # a photo that breaks the check costs that comparison, not the stream
            logger.exception("listing %s, image %d: a mark could not be compared", listing.id, match.image)
            return None
        return None if alteration is None or not _is_reliable(alteration) else MarkAlteration(alteration.kinds)


def _is_reliable(alteration: Alteration) -> bool:
    """Return whether the answer of the check may count against a seller."""
    if alteration.alignment.correlation < _MIN_CORRELATION:
        return False
    mark = MarkAlteration(alteration.kinds)
    if mark.altered <= 0.5 or mark.kind != "mirrored":
        return True
    return is_clearly_mirrored(alteration.alignment, alteration.logo_image)
