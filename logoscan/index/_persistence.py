"""Convert one state of an index to the content of its files and back: one array for all galleries, families as rows."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from logoscan.errors import CorruptFileError
from logoscan.index import storage
from logoscan.index._logo_keypoints import KeypointStore
from logoscan.index._mmap import map_rows
from logoscan.index._pack_files import pack_files, read_packs
from logoscan.index._state import State, make_state
from logoscan.index.families import Family, find_families, restrict_families, same_logo_cosine
from logoscan.index.gallery import Gallery
from logoscan.index.pack_records import PackState
from logoscan.types import EncoderInfo

__all__ = ["from_stored", "to_stored"]

logger = logging.getLogger(__name__)

# Vectors up to which all logos are compared at load time, if an index was saved without its families.
_MAX_COMPARED_AT_LOAD = 30_000


def to_stored(encoder: EncoderInfo, state: State, keypoints: KeypointStore) -> storage.Stored:
    """Return the content of an index folder; missing keypoints are detected while it is written.

    Args:
        encoder: The encoder that made the vectors.
        state: What to store.
        keypoints: Keypoints of its logo images.
    """
    row = {(r.brand, r.id): number for number, r in reversed(list(enumerate(state.logos.records)))}
    families = tuple(tuple(sorted(row[key] for key in family)) for family in state.families)  # logos are the first rows
    return storage.Stored(
        encoder,
        state.brands,
        tuple(r for gallery in state.galleries for r in gallery.records),
        np.concatenate([gallery.vectors for gallery in state.galleries]),
        state.logo_images,
        keypoints.lazy_mapping(state.logo_images),
        state.logos.approximate_to_save(),
        storage.StoredFamilies(same_logo_cosine(encoder), families),
        pack_files(state.packs, encoder.dim),
    )


def from_stored(stored: storage.Stored, *, approximate_from: int, device: str) -> State:
    """Return the state that an index folder holds; vectors stay mapped from the disk.

    Args:
        stored: Content of the folder.
        approximate_from: Number of logo vectors above which they are searched by an approximate index.
        device: Torch device on which vectors are compared.
    """
    kinds = np.array([r.kind for r in stored.logos], np.str_)
    galleries = []
    for kind in ("logo", "name", "negative"):
        rows = np.flatnonzero(kinds == kind)
        is_block = len(rows) and rows[-1] - rows[0] + 1 == len(rows)  # as `save` writes them: a view, no copy
        vectors = stored.vectors[rows[0] : rows[-1] + 1] if is_block else stored.vectors[rows]
        approximate = stored.approximate if kind == "logo" and len(rows) > approximate_from else None
        if approximate is not None and approximate.facts.vectors != len(rows):
            approximate = None
        records = [stored.logos[row] for row in rows]
        galleries.append(
            Gallery(records, vectors, approximate=approximate, approximate_from=approximate_from, device=device)
        )
    families = _families(stored, galleries[0], same_logo_cosine(stored.encoder))
    return make_state(stored.brands, galleries, stored.logo_images, families, _packs(stored))


def _packs(stored: storage.Stored) -> PackState:
    if not stored.packs:
        return PackState()
    rows, vectors = (stored.packs.get(name) for name in storage.PACK_FILES)
    if rows is None or vectors is None:
        raise CorruptFileError("index: expected both files of brand packs, got one; register the brands again")
    return read_packs(bytes(rows), map_rows(memoryview(vectors), Path(storage.PACK_FILES[1])), storage.PACK_FILES[0])


def _families(stored: storage.Stored, logos: Gallery, cosine_from: float) -> tuple[Family, ...]:
    """Return the stored families; find them again if none are stored, or those of another encoder."""
    if stored.families is not None and stored.families.least == cosine_from:
        keys = [(r.brand, r.id) for r in stored.logos]
        return restrict_families(({keys[row] for row in rows} for rows in stored.families.rows), keys)
    if len(logos) > _MAX_COMPARED_AT_LOAD:
        logger.warning(
            "%d vectors: only logos of equal file are known to be one image; save the index again", len(logos)
        )
        cosine_from = 2.0
    return find_families(logos, cosine_from).families
