"""Find the listings whose stored photos show a logo, or are copies of a photo; only these need a closer look.

Copies that were mirrored, cropped, framed or set into another picture are confirmed by their keypoints, where these are
stored: of the photos that are nearest by the PDQ hash and by the vectors.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from logoscan.errors import ImageError, InputError, MismatchError, MissingDependencyError
from logoscan.images.loading import read_picture
from logoscan.images.phash import MATCH_BITS, photo_hashes
from logoscan.index.logo_images import read_logo
from logoscan.index.renderings import renderings
from logoscan.sources import ANYWHERE, Root
from logoscan.store._part_index import PartVectors, part_index, part_vectors
from logoscan.store.parts import read_batches
from logoscan.store.reader import FeatureStore
from logoscan.types import Embeddings, ImageSource
from logoscan.vision.copies import confirm_copy
from logoscan.vision.encoder import Encoder, encode_crops, encode_images
from logoscan.vision.sift import Keypoints, sift_photo

__all__ = ["LEAST_SIMILARITY", "Find", "FindKind", "Query", "find", "find_by_vectors", "make_query"]

FindKind: TypeAlias = Literal["file", "copy", "logo"]
"""How a stored photo answers: it is the same file, a copy by its PDQ hash or its keypoints, or a region looks like the
picture."""

LEAST_SIMILARITY = 0.45
"""Least cosine of a region and a picture. Before the encoder pooled several stages, when true marks lay some 0.05
higher, 0.5 found 19 of 21 listings that a rescan names for a new brand among photos of Flickr and of shops, and two
fifths where most marks are packs, which keypoints alone prove; `rejudge` finds them."""
_ORDER: dict[FindKind, int] = {"file": 0, "copy": 1, "logo": 4}
_UNCONFIRMED, _CONTRADICTED = 1, 2
# Photos that are no copies by the hash and whose keypoints are compared, nearest by the hash and by the vectors: a few
# milliseconds each. Of copies by the hash all are compared that may be returned, in the order of their rank.
_MOST_COMPARED = 100
# Share of a stored photo that the picture fills at least, or the other way round, so that a mark on goods is no copy.
_LEAST_FILLED = 0.1
# Rows that an approximate index proposes for a query at first, how many times more it proposes next, as long as a share
# of them is similar, and most for each listing that is wanted: regions of one photo are alike.
_FIRST_PROPOSALS, _TIMES_MORE, _SIMILAR_SHARE, _MOST_PROPOSALS = 64, 4, 0.05, 4


@dataclass(frozen=True)
class Find:
    """A listing that shows a logo or a copy of a photo, by its best photo.

    Attributes:
        listing_id: Id of the listing.
        position: Position of the photo in the listing.
        file: Name of the photo's file; None where it had none.
        kind: How it answers.
        similarity: Cosine for a logo; for a copy 1 less the share of differing bits, or the cosine where the vectors
            proposed it and the keypoints confirmed it; 1 for the same file.
        xyxy: Box of the region that shows the logo, in pixels of the file; None for copies, and for mirrored regions.
        confirmed: Whether the keypoints of a copy agree with those of the picture; None where they were not compared:
            none are stored, the picture is none of a photo, or many copies are nearer. A copy by its hash alone whose
            keypoints do not agree may be another photo.
    """

    listing_id: str
    position: int
    file: str | None
    kind: FindKind
    similarity: float
    xyxy: tuple[float, float, float, float] | None = None
    confirmed: bool | None = None


@dataclass(frozen=True, eq=False)
class Query:
    """A picture in every form in which it is searched.

    Attributes:
        vectors: Vectors of the renderings as a logo and of the whole picture, float32 (n, dim), unit rows.
        sha256: Hash of its file.
        pdqs: PDQ hashes of the picture, turned and mirrored; empty without pdqhash, or where it shows too little.
        keypoints: Keypoints of the picture; None where it is no photo.
    """

    vectors: Embeddings
    sha256: str
    pdqs: tuple[str, ...] = ()
    keypoints: Keypoints | None = None


def make_query(image: ImageSource, encoder: Encoder, *, root: Root = ANYWHERE) -> Query:
    """Encode and hash a logo or a photo.

    Args:
        image: A logo image (SVG too) or a photo.
        encoder: The encoder that made the stored features.
        root: Folder that a name of a file may not leave.

    Raises:
        ImageError: The picture cannot be read.
    """
    pdqs: tuple[str, ...] = ()
    keypoints: Keypoints | None = None
    blocks = []
    try:
        picture = read_picture(image, root=root)
        height, width = picture.rgb.shape[:2]
        blocks += encode_crops(encoder, [picture.rgb], [np.array([[0, 0, width, height]], np.float32)], [0])
        keypoints = sift_photo(picture.rgb)
        _, pdqs = photo_hashes(picture.rgb)
    except (ImageError, MissingDependencyError):  # an SVG is no photo; without pdqhash copies are found by vectors
        pass
    logo = read_logo(image)
    blocks.append(encode_images(encoder, [rendering.rgb for rendering in renderings(logo.rgba)]))
    return Query(np.concatenate(blocks), logo.sha256, pdqs, keypoints)


def find(
    store: FeatureStore,
    query: Query,
    encoder_fingerprint: str,
    *,
    least_similarity: float = LEAST_SIMILARITY,
    most: int = 1000,
    exact: bool = False,
) -> list[Find]:
    """Return the listings that show a picture, best first: the same file, then copies, then by their vectors.

    Args:
        store: Stored features.
        query: The picture.
        encoder_fingerprint: Fingerprint of the encoder that made the query.
        least_similarity: Least cosine of a region.
        most: Most listings to return, 1 or more.
        exact: Whether every vector is compared; else large files are searched by an approximate index.

    Raises:
        InputError: `most` is below 1.
        MismatchError: The features were made by another encoder.
        CorruptFileError: A file is damaged.
    """
    if most < 1:
        raise InputError(f"most: expected 1 or more, got {most!r}")
    if store.empty:
        return []
    if store.maker.encoder.fingerprint != encoder_fingerprint:
        raise MismatchError(
            f"{store.folder}: its vectors were made by encoder {store.maker.encoder.fingerprint}, the picture was "
            f"encoded by {encoder_fingerprint}"
        )
    best: dict[str, Find] = {}
    copies, near = _copies(store, query)
    similar = find_by_vectors(store, query.vectors, least_similarity, most, exact=exact)
    for one in (*_confirmed(store, query, copies, [*near, *similar[:_MOST_COMPARED]], most), *similar):
        if one.listing_id not in best or _rank(one) < _rank(best[one.listing_id]):
            best[one.listing_id] = one
    return heapq.nsmallest(most, best.values(), key=_rank)


def _rank(one: Find) -> tuple[int, float, str, int]:
    order = _ORDER[one.kind]
    if one.kind == "copy" and not one.confirmed:
        order += _UNCONFIRMED if one.confirmed is None else _CONTRADICTED
    return order, -one.similarity, one.listing_id, one.position


def _confirmed(
    store: FeatureStore, query: Query, copies: Sequence[Find], others: Sequence[Find], most: int
) -> Iterator[Find]:
    """Yield the copies, with what their keypoints say, and of the others those whose keypoints say that they are.

    Of the copies the first `most` are compared, or a hundred if that is more.
    """
    if query.keypoints is None:
        yield from copies
        return
    sure = {(one.listing_id, one.position) for one in copies if one.kind == "file"}
    compared = {(one.listing_id, one.position): one for one in (*others, *copies[: max(most, _MOST_COMPARED)])}
    stored = store.keypoints_of(place for place in compared if place not in sure)
    agree = {place: _agrees(query.keypoints, keypoints) for place, keypoints in stored.items()}
    by_hash = set()
    for one in copies:
        place = one.listing_id, one.position
        by_hash.add(place)
        yield one if one.kind == "file" else replace(one, confirmed=agree.get(place))
    for place, one in compared.items():
        if agree.get(place) and place not in by_hash:
            yield replace(one, kind="copy", xyxy=None, confirmed=True)


def _agrees(picture: Keypoints, stored: Keypoints) -> bool:
    """Return whether a stored photo is a copy of the picture by their keypoints."""
    copy = confirm_copy(picture, stored)
    if copy is None:
        return False
    low, high = np.maximum(copy.xyxy[:2], 0), np.minimum(copy.xyxy[2:], stored.size_wh)
    return bool(np.prod(np.maximum(high - low, 0)) >= _LEAST_FILLED * np.prod(np.array(stored.size_wh, float)))


def _copies(store: FeatureStore, query: Query) -> tuple[list[Find], list[Find]]:
    """Return the stored photos that are the same file, or a copy by the PDQ hash of any turn of the picture.

    Beside them the others that are nearest to the picture by the hash.
    """
    found: list[Find] = []
    near: list[Find] = []
    sha256 = bytes.fromhex(query.sha256)
    turned = [np.frombuffer(bytes.fromhex(pdq), np.uint8) for pdq in query.pdqs]
    for path in store.files:
        for table in read_batches(path, ("listing_id", "position", "file", "sha256", "pdq")):
            ids, positions, files, hashes, pdqs = (table.column(i).to_pylist() for i in range(5))
            bits = np.full(len(ids), 256)
            rows = [i for i, pdq in enumerate(pdqs) if pdq is not None]
            if rows and turned:
                stored = np.frombuffer(b"".join(pdqs[i] for i in rows), np.uint8).reshape(-1, 32)
                bits[rows] = np.min([np.unpackbits(stored ^ one, axis=1).sum(axis=1) for one in turned], axis=0)
            for i in range(len(ids)):
                if hashes[i] == sha256:
                    found.append(Find(ids[i], positions[i], files[i], "file", 1.0))
                elif bits[i] < 256:
                    similarity = 1.0 - float(bits[i]) / 256
                    of = found if bits[i] <= MATCH_BITS else near
                    of.append(Find(ids[i], positions[i], files[i], "copy", similarity))
        near = heapq.nsmallest(_MOST_COMPARED, near, key=_rank)
    return sorted(found, key=_rank), near


def find_by_vectors(
    store: FeatureStore, queries: Embeddings, least_similarity: float, most: int, *, exact: bool = False
) -> list[Find]:
    """Return the listings with a region that is similar to a query, most similar first.

    Args:
        store: Stored features.
        queries: float32 (n, dim), unit rows.
        least_similarity: Least cosine.
        most: Most listings to return.
        exact: Whether every vector is compared; else large files are searched by an approximate index, whose proposals
            are compared exactly.
    """
    best: dict[str, Find] = {}
    for path in store.files:
        for one in _similar_in(store, path, queries, least_similarity, most, exact=exact):
            if one.listing_id not in best or _rank(one) < _rank(best[one.listing_id]):
                best[one.listing_id] = one
        if len(best) > 4 * most:
            best = {one.listing_id: one for one in heapq.nsmallest(most, best.values(), key=_rank)}
    return heapq.nsmallest(most, best.values(), key=_rank)


def _similar_in(
    store: FeatureStore, path: Path, queries: Embeddings, least: float, most: int, *, exact: bool
) -> Iterator[Find]:
    """Yield the rows of one file that are similar to a query, of a large file those that its index proposes."""
    index = None if exact else part_index(store, path)
    if index is None:
        yield from (one for _, one in _similar(part_vectors(path, store.codec), queries, least))
        return
    compared, similar = np.zeros((2, index.index.facts.vectors), bool)
    asked, count = queries, _FIRST_PROPOSALS
    while len(asked):
        proposed = index.index.propose(asked, count)
        rows = np.unique(proposed[proposed >= 0])
        rows = rows[~compared[rows]]
        compared[rows] = True
        for row, one in _similar(part_vectors(path, store.codec, index.by_group(rows)), queries, least):
            similar[rows[row]] = True
            yield one
        shares = (similar[proposed] & (proposed >= 0)).mean(axis=1)
        if count >= min(_MOST_PROPOSALS * most, len(compared)):
            return
        asked, count = asked[shares >= _SIMILAR_SHARE], _TIMES_MORE * count


def _similar(groups: Iterable[PartVectors], queries: Embeddings, least: float) -> Iterator[tuple[int, Find]]:
    """Yield the rows that are similar to a query, with their number among all rows that are given."""
    first = 0
    for group in groups:
        similarity = (group.vectors @ queries.T).max(axis=1) if len(queries) else np.zeros(0, np.float32)
        for row in np.flatnonzero(similarity >= least).tolist():
            photo, region = int(group.photo[row]), int(group.region[row])
            box: tuple[float, float, float, float] | None = None
            if region >= 0:
                x0, y0, x1, y1 = (float(value) for value in group.boxes[photo][region])
                box = x0, y0, x1, y1
            place = group.listing_ids[photo], group.positions[photo], group.files[photo]
            yield first + row, Find(*place, "logo", min(1.0, float(similarity[row])), box)
        first += len(group.vectors)
