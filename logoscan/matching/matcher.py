"""Photo features and an index in, matches out: by appearance, by keypoints and, for brands without a logo, by name.

This is the only way from features to matches. The index is asked once for all photos that are given together.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from logoscan.index.logo_index import LogoIndex
from logoscan.index.photo_search import PhotoSearch
from logoscan.matching.calibration import MatchCalibration, brand_thresholds, miss_rate
from logoscan.matching.keypoint_votes import KeypointVotes, LogoImage
from logoscan.matching.match import match_regions
from logoscan.matching.other_words import doubt_matches_on_other_words
from logoscan.matching.sift_match import Voted, match_keypoints, votes_for_new
from logoscan.types import Match
from logoscan.vision.extractor import OnStage, timed
from logoscan.vision.features import PhotoFeatures

__all__ = ["Matcher"]

# Most versions of the index whose thresholds and miss rates are kept, because it may change during a stream.
_MAX_VERSIONS = 4


@dataclass(frozen=True)
class _BrandFigures:
    """Thresholds and miss rates of the brands of one version of an index.

    Attributes:
        raised_thresholds: Probability above which a match may name a brand, where the brand's own negatives raise it.
        miss_rates: Miss rates that were computed so far.
    """

    raised_thresholds: Mapping[str, float]
    miss_rates: dict[str, float] = field(default_factory=dict)


def _spellings(brand: str, index: LogoIndex) -> tuple[str, ...]:
    record = index.brand(brand)
    return (brand, *record.aliases) if record is not None else (brand,)


class Matcher:
    """Matches photos with an index. May be shared by threads.

    Attributes:
        calibration: Maps similarity to probability; None gives matches without probabilities.
        name_calibration: Calibration for brands that are registered by their name alone.
        thorough: Whether the keypoints of all candidate logos are compared in full, not only of the likely ones.
        device: Where keypoints of many logo images are compared.
    """

    def __init__(
        self,
        calibration: MatchCalibration | None,
        name_calibration: MatchCalibration | None,
        *,
        thorough: bool = False,
        on_stage: OnStage | None = None,
        device: str = "cpu",
    ) -> None:
        """Bind the calibrations.

        Args:
            calibration: Calibration of the encoder and the detector in use.
            name_calibration: Calibration of both for brands that are registered by their name alone.
            thorough: Whether the keypoints of all candidate logos are compared in full, not only of the likely ones.
            on_stage: Called with the duration of "search" and "match".
            device: Where keypoints of many logo images are compared: "cpu", "cuda", ...
        """
        self.calibration, self.name_calibration = calibration, name_calibration
        self.thorough, self.device, self._on_stage = thorough, device, on_stage
        self._figures: OrderedDict[str, _BrandFigures] = OrderedDict()
        self._lock = Lock()

    def match(
        self,
        photos: Sequence[PhotoFeatures],
        index: LogoIndex,
        positions: Sequence[int] | None = None,
        compared: Sequence[Collection[LogoImage]] | None = None,
        votes: KeypointVotes | None = None,
    ) -> list[list[Match]]:
        """Match each photo, and return its matches.

        Args:
            photos: Features of the photos.
            index: A snapshot of the index.
            positions: Position of each photo in its listing; None counts them from 0.
            compared: For each photo the logo images that an earlier scan knew (`match_keypoints`); None are none.
            votes: The keypoints of all logo images that no earlier scan compared: of these only the likely ones are
                compared with the photos of `compared`. None compares all.

        Returns:
            For each photo its matches by appearance, by keypoints and by name.
        """
        with timed("search", self._on_stage):
            searches = index.search_photos([(photo.vectors, photo.mirrored) for photo in photos])
        with timed("match", self._on_stage):
            positions = range(len(photos)) if positions is None else positions
            old: Sequence[Collection[LogoImage]] = [()] * len(photos) if compared is None else compared
            voted: Sequence[Voted | None] = [None] * len(photos)
            if votes is not None:
                voted = votes_for_new(votes, photos, searches, index, old)
            return [self._match(*one, index) for one in zip(positions, photos, searches, old, voted, strict=True)]

    def _match(
        self,
        image: int,
        features: PhotoFeatures,
        search: PhotoSearch,
        compared: Collection[LogoImage],
        voted: Voted | None,
        index: LogoIndex,
    ) -> list[Match]:
        matches = list(match_regions(image, features.regions, search.neighbours_or_mirrored, self.calibration))
        if self.calibration is not None:
            raised = self._figures_of(index, self.calibration).raised_thresholds
            matches = [m for m in matches if m.probability is None or m.probability > raised.get(m.brand, -1.0)]
        matches += match_keypoints(
            image,
            features,
            search,
            index,
            thorough=self.thorough,
            compared=compared,
            voted=voted,
            device=self.device,
        )
        matches = doubt_matches_on_other_words(matches, features.spans, lambda brand: _spellings(brand, index))
        if index.by_name:
            matches += match_regions(image, features.regions, search.neighbours_by_name, self.name_calibration)
        return matches

    def miss_rates(self, brands: Collection[str], index: LogoIndex) -> dict[str, float]:
        """Return by brand how often the search misses its mark; empty without a calibration.

        Args:
            brands: Brands with a logo.
            index: A snapshot of the index.
        """
        if self.calibration is None:
            return {}
        figures = self._figures_of(index, self.calibration)
        for brand in brands:
            if brand not in figures.miss_rates:
                figures.miss_rates[brand] = miss_rate(index, brand, self.calibration)
        return {brand: figures.miss_rates[brand] for brand in brands}

    def _figures_of(self, index: LogoIndex, calibration: MatchCalibration) -> _BrandFigures:
        version = index.fingerprint
        if (figures := self._figures.get(version)) is None:
            thresholds = brand_thresholds(index, calibration)
            figures = _BrandFigures({b: value for b, value in thresholds.items() if value > calibration.threshold})
            with self._lock:
                self._figures[version] = figures
                while len(self._figures) > _MAX_VERSIONS:
                    self._figures.popitem(last=False)
        return figures
