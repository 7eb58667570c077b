"""How the effect of a pack on one brand is found, and taken back to the last bit."""

from __future__ import annotations

import numpy as np

from logoscan.index._state import State, make_state
from logoscan.index.families import find_families, merge_families
from logoscan.index.gallery import Gallery
from logoscan.index.pack_records import GalleryName, RemovedRows, Undo
from logoscan.index.storage import LogoRecord

__all__ = ["find_undo", "undone"]

_NAMES: tuple[GalleryName, ...] = ("logos", "names", "negatives")


def find_undo(before: State, after: State, brand: str) -> Undo:
    """Return what takes the state `after` back to `before`, which differ by a change of one brand.

    Args:
        before: The state before the change.
        after: The state after it.
        brand: Name of the brand.
    """
    pairs = zip(_NAMES, before.galleries, after.galleries, strict=True)
    galleries = {name: _removed(old, new, brand) for name, old, new in pairs if old is not new}
    gone = before.logo_images.keys() - after.logo_images.keys()
    return Undo(before.by_name.get(brand), galleries, {sha256: bytes(before.logo_images[sha256]) for sha256 in gone})


def _removed(old: Gallery, new: Gallery, brand: str) -> RemovedRows:
    """Return the rows to put back; all of the brand's, where rows that stayed have changed their order."""
    kept_new, kept_old = set(new.records), set(old.records)
    if [r for r in old.records if r in kept_new] != [r for r in new.records if r in kept_old]:
        kept_new = {r for r in kept_new if r.brand != brand}
        kept_old = {r for r in kept_old if r.brand != brand}
    rows = [row for row, record in enumerate(old.records) if record not in kept_new]
    added = tuple(record for record in new.records if record not in kept_old)
    return RemovedRows(tuple(rows), tuple(old.records[row] for row in rows), np.array(old.vectors[rows]), added)


def undone(state: State, brand: str, undo: Undo, same_logo: float) -> State:
    """Return a state with the change of a brand taken back; what was changed since stays, if it is another's.

    Args:
        state: The state.
        brand: Name of the brand.
        undo: From `find_undo`.
        same_logo: Cosine from which two logos have the same image.
    """
    galleries = [
        _restored(gallery, undo.galleries[name]) if name in undo.galleries else gallery
        for name, gallery in zip(_NAMES, state.galleries, strict=True)
    ]
    brands = {b.name: b for b in state.brands if b.name != brand}
    if undo.brand is not None:
        brands[brand] = undo.brand
    back = {(r.brand, r.id) for r in undo.galleries["logos"].records} if "logos" in undo.galleries else set()
    related = find_families(galleries[0], same_logo, back).families if back else ()
    families = merge_families((*(family - back for family in state.families), *related))
    return make_state(brands.values(), galleries, {**state.logo_images, **undo.images}, families, state.packs)


def _restored(gallery: Gallery, removed: RemovedRows) -> Gallery:
    added = set(removed.added)
    there = {(r.brand, r.id, r.rendering) for r in removed.records}
    rest = gallery.without(lambda r: r in added or (r.brand, r.id, r.rendering) in there)
    if not removed.records:
        return rest
    records: list[LogoRecord] = list(rest.records)
    vectors = list(rest.vectors)
    for position, record, vector in zip(removed.positions, removed.records, removed.vectors, strict=True):
        records.insert(position, record)
        vectors.insert(position, vector)
    return Gallery(records, np.stack(vectors), approximate_from=gallery.approximate_from, device=gallery.device)
