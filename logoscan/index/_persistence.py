"""One state of an index <-> its files: records of all galleries in one array, families as rows."""

from __future__ import annotations

import logging

import numpy as np

from logoscan.index import storage
from logoscan.index._logo_keypoints import KeypointStore
from logoscan.index._state import State
from logoscan.index._state import state as make_state
from logoscan.index.families import Family, alike_from, related, remaining
from logoscan.index.gallery import Gallery
from logoscan.types import EncoderInfo

__all__ = ["from_stored", "to_stored"]

logger = logging.getLogger(__name__)

# Vectors of an index that was saved without its families up to which these are found when it is loaded.
_COMPARED_AT_LOAD = 30_000


def to_stored(encoder: EncoderInfo, state: State, keypoints: KeypointStore) -> storage.Stored:
    """Return what is written of a state; keypoints that are missing are found while it is."""
    row = {(r.brand, r.id): number for number, r in reversed(list(enumerate(state.logos.records)))}
    families = tuple(tuple(sorted(row[key] for key in family)) for family in state.families)  # logos stand first
    return storage.Stored(
        encoder,
        state.brands,
        tuple(r for gallery in state.galleries for r in gallery.records),
        np.concatenate([gallery.vectors for gallery in state.galleries]),
        state.logo_images,
        keypoints.of_all(state.logo_images),
        state.logos.fresh(),
        storage.Alike(alike_from(encoder), families),
    )


def from_stored(stored: storage.Stored, *, approximate_from: int, device: str) -> State:
    """Return the state that an index folder holds; vectors stay mapped from the disk.

    Args:
        stored: Content of the folder.
        approximate_from: Vectors of logos above which they are searched by an approximate index.
        device: Where vectors are compared.
    """
    kinds = np.array([r.kind for r in stored.logos], np.str_)
    galleries = []
    for kind in ("logo", "name", "negative"):
        rows = np.flatnonzero(kinds == kind)
        whole = len(rows) and rows[-1] - rows[0] + 1 == len(rows)  # as `save` writes them, and then not copied
        vectors = stored.vectors[rows[0] : rows[-1] + 1] if whole else stored.vectors[rows]
        approximate = stored.approximate if kind == "logo" and len(rows) > approximate_from else None
        if approximate is not None and approximate.facts.vectors != len(rows):
            approximate = None
        records = [stored.logos[row] for row in rows]
        galleries.append(
            Gallery(records, vectors, approximate=approximate, approximate_from=approximate_from, device=device)
        )
    families = _families(stored, galleries[0], alike_from(stored.encoder))
    return make_state(stored.brands, galleries, stored.drawings, families)


def _families(stored: storage.Stored, logos: Gallery, least: float) -> tuple[Family, ...]:
    """Return families as they are stored; they are found anew where the files hold none, or another encoder's."""
    if stored.alike is not None and stored.alike.least == least:
        keys = [(r.brand, r.id) for r in stored.logos]
        return remaining(({keys[row] for row in rows} for rows in stored.alike.rows), keys)
    if len(logos) > _COMPARED_AT_LOAD:
        logger.warning(
            "%d vectors: only logos of equal file are known to be one drawing; save the index again", len(logos)
        )
        least = 2.0
    return related(logos, least).families
