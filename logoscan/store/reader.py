"""Read stored features: as a stream, by listing, and side by side with a file of listings. Memory stays bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.store.keypoints import decode_keypoints, in_words
from logoscan.store.maker import Maker, require_same
from logoscan.store.part_writer import store_files
from logoscan.store.parts import Part, read_batches, read_part
from logoscan.store.rows import StoredPhoto, stored_photos
from logoscan.store.schema import arrow
from logoscan.store.vectors import CODEBOOK_FILE, VectorCodec, read_codebook
from logoscan.types import Listing
from logoscan.vision.sift import Keypoints

__all__ = ["FeatureStore"]

# Row groups that are kept in memory when listings are looked up: listings come in the order in which they were stored.
_KEPT_GROUPS = 4


class FeatureStore:
    """Stored features of photos. A snapshot: files that are added later are not seen.

    The files are plain Parquet, one row a photo (`schema.COLUMNS`), for DuckDB, pyarrow (`dataset`) or Ray Data.

    Attributes:
        folder: Folder of the store.
        files: The files, older ones first.
        codec: How vectors are stored.
    """

    def __init__(self, folder: str | Path, files: Sequence[Path] | None = None) -> None:
        """Open a store, and check what made each of its files.

        Args:
            folder: Folder that a `FeatureWriter` wrote; files in sub-folders belong to it too. It may be empty.
            files: The files of it to read; all if None.

        Raises:
            InputError: There is no such folder.
            MismatchError: The files were made by different models, or are stored in different ways.
            CorruptFileError: A file, or the codebook, is damaged or missing.
            MissingDependencyError: pyarrow is not installed.
        """
        arrow()
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"features: expected a folder of stored features, got {str(folder)!r}")
        chosen = [path for path in store_files(self.folder) if files is None or path in files]
        parts = sorted(((read_part(path), path) for path in chosen), key=lambda p: p[0].written_s)
        self.files = tuple(path for _, path in parts)
        self._part: Part | None = parts[0][0] if parts else None
        for part, path in parts[1:]:
            require_same(parts[0][0].maker, part.maker, f"{parts[0][1]} and {path}")
            if part.vectors != parts[0][0].vectors:
                raise MismatchError(
                    f"{parts[0][1]} and {path}: vectors are stored as {parts[0][0].vectors[:19]} and "
                    f"{part.vectors[:19]}"
                )
            if part.keypoints != parts[0][0].keypoints:
                words = in_words(parts[0][0].keypoints), in_words(part.keypoints)
                raise MismatchError(f"{parts[0][1]} and {path}: keypoints are {words[0]} and {words[1]}")
        self.codec = VectorCodec(1) if self._part is None else self._codec(self._part)
        self._groups: OrderedDict[tuple[int, int], Mapping[str, list[StoredPhoto]]] = OrderedDict()

    def _codec(self, part: Part) -> VectorCodec:
        full = VectorCodec(part.maker.encoder.dim)
        if part.vectors == full.description:
            return full
        sha256 = part.vectors.removeprefix("pq ")
        places = [self.folder / CODEBOOK_FILE, *sorted({path.with_name(CODEBOOK_FILE) for path in self.files})]
        found = [path for path in places if path.is_file()]
        if not found:
            raise CorruptFileError(
                f"{places[0]}: missing; the vectors cannot be read without the codebook {sha256[:16]}"
            )
        return VectorCodec(part.maker.encoder.dim, read_codebook(found[0], sha256))

    @property
    def maker(self) -> Maker:
        """What made the features.

        Raises:
            InputError: The store is empty.
        """
        if self._part is None:
            raise InputError(f"features: expected stored features, got none in {str(self.folder)!r}")
        return self._part.maker

    @property
    def empty(self) -> bool:
        """Whether there is no photo."""
        return not self.files

    def dataset(self) -> Any:
        """Return the files as a `pyarrow.dataset.Dataset`, for queries."""
        arrow()
        from pyarrow import dataset

        return dataset.dataset([str(path) for path in self.files], format="parquet")

    # -- streams

    def photos(self) -> Iterator[StoredPhoto]:
        """Yield all photos, file by file, one row group in memory; a listing that was stored again comes twice.

        Raises:
            CorruptFileError: A file is damaged.
        """
        for path in self.files:
            for table in read_batches(path):
                yield from self._photos(table, path)

    def _photos(self, table: Any, path: Path) -> Iterator[StoredPhoto]:
        try:
            yield from stored_photos(table, self.codec)
        except CorruptFileError as error:
            raise CorruptFileError(f"{path}: {error}") from None

    def listings(self) -> Iterator[tuple[str, list[StoredPhoto]]]:
        """Yield the id of each listing with its photos, in order, as they were stored last.

        Raises:
            CorruptFileError: A file is damaged.
        """
        for number, path in enumerate(self.files):
            rows = (photo for table in read_batches(path) for photo in self._photos(table, path))
            for run, photos in enumerate(_runs(rows)):
                if self._last[photos[0].listing_id][:2] == (number, run):
                    yield photos[0].listing_id, photos

    # -- by listing

    @cached_property
    def _last(self) -> Mapping[str, tuple[int, int, int, int]]:
        """Where the photos of each listing lie: file, run of rows in it, first and last row group. 200 bytes each."""
        last: dict[str, tuple[int, int, int, int]] = {}
        for number, path in enumerate(self.files):
            run = -1
            for group, table in enumerate(read_batches(path, ("listing_id", "position"))):
                for listing_id, position in zip(*(column.to_pylist() for column in table.columns), strict=True):
                    if position == 0:
                        run += 1
                        last[listing_id] = (number, run, group, group)
                    elif last[listing_id][3] != group:
                        last[listing_id] = (number, run, last[listing_id][2], group)
        return last

    def __len__(self) -> int:
        """Return the number of listings that have photos."""
        return len(self._last)

    def __contains__(self, listing_id: str) -> bool:
        """Return whether photos of a listing are stored."""
        return listing_id in self._last

    def photos_of(self, listing_id: str) -> list[StoredPhoto]:
        """Return the photos of a listing, in order, as they were stored last; empty for a listing without photos.

        Raises:
            CorruptFileError: The file is damaged.
        """
        if listing_id not in self._last:
            return []
        number, _, first, end = self._last[listing_id]
        photos = [photo for group in range(first, end + 1) for photo in self._group(number, group).get(listing_id, ())]
        kept: dict[int, StoredPhoto] = {}
        for photo in photos:  # a listing that was stored twice in one file: its later rows count
            if photo.position == 0:
                kept = {}
            kept[photo.position] = photo
        return list(kept.values())

    def _group(self, number: int, group: int) -> Mapping[str, list[StoredPhoto]]:
        """Return the photos of a row group by listing; the latest groups are kept."""
        key = number, group
        if key not in self._groups:
            path = self.files[number]
            by_listing: dict[str, list[StoredPhoto]] = {}
            for table in read_batches(path, group=group):
                for photo in self._photos(table, path):
                    by_listing.setdefault(photo.listing_id, []).append(photo)
            self._groups[key] = by_listing
            while len(self._groups) > _KEPT_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(key)
        return self._groups[key]

    def keypoints_of(self, photos: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Keypoints]:
        """Return the stored keypoints of photos, by listing and position; photos without any are left out.

        Raises:
            CorruptFileError: A file is damaged.
        """
        wanted: dict[tuple[int, int], set[tuple[str, int]]] = {}
        for photo in photos:
            if photo[0] in self._last:
                number, _, first, end = self._last[photo[0]]
                for group in range(first, end + 1):
                    wanted.setdefault((number, group), set()).add(photo)
        out: dict[tuple[str, int], Keypoints] = {}
        for (number, group), chosen in sorted(wanted.items()):
            names = ("listing_id", "position", "keypoints", "width", "height")
            for table in read_batches(self.files[number], names, group=group):
                for listing_id, position, data, width, height in zip(
                    *(table.column(i).to_pylist() for i in range(len(names))), strict=True
                ):
                    if data is not None and (listing_id, position) in chosen:
                        out[listing_id, position] = decode_keypoints(data, (width or 0, height or 0))
        return out

    def paired(self, listings: Iterable[Listing]) -> Iterator[tuple[Listing, list[StoredPhoto]]]:
        """Yield each listing with its stored photos; fast where they come in the stored order."""
        for listing in listings:
            yield listing, self.photos_of(listing.id)


def _runs(photos: Iterable[StoredPhoto]) -> Iterator[list[StoredPhoto]]:
    """Yield the photos that were stored together as one listing: each begins at position 0."""
    run: list[StoredPhoto] = []
    for photo in photos:
        if photo.position == 0 and run:
            yield run
            run = []
        run.append(photo)
    if run:
        yield run
