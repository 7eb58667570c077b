"""The index: brands, vectors of their logos and names, and negatives, searched by inner product.

Methods change a `LogoIndex` by replacing its immutable state, so that searches in other threads see either the old or
the new index. On disk it is `.npy` and JSON lines in generations behind an atomically replaced manifest. This file is
long because it is the facade of the room: every public method of the index is here, with its contract.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from logoscan._hashing import pixels_sha256
from logoscan._quote import quoted
from logoscan.errors import ImageError, InputError, MismatchError, VettingError
from logoscan.images.loading import load_image
from logoscan.index import storage
from logoscan.index._brand_search import nearest_brands, nearest_brands_by_name
from logoscan.index._logo_keypoints import KeypointStore, open_logo_image
from logoscan.index._persistence import from_stored, to_stored
from logoscan.index._state import NOT_A_BRAND, USER_PREFIX, make_state
from logoscan.index.ann import APPROXIMATE_FROM, Facts
from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.enrol import GENERAL_PREFIX, Logo, encode_general, encode_logos, encode_names, named_logos
from logoscan.index.families import LogoKey, find_families, merge_families, negative_limits, same_logo_cosine
from logoscan.index.gallery import DEPTH, Gallery, Nearest, depth_for
from logoscan.index.negative_costs import NegativeCost, find_negative_costs
from logoscan.index.neighbours import BrandNeighbours
from logoscan.index.pack_records import PackState
from logoscan.index.photo_search import PhotoSearch
from logoscan.index.storage import LogoRecord
from logoscan.index.vet import (
    Conflict,
    ConflictKind,
    UsualPrices,
    accepted_kinds,
    refuse_conflicts,
    resolve_records,
    shared_logo_warnings,
    vet_logo_images,
    vet_logos,
    vet_names,
    vet_prices,
)
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand, Embeddings, EncoderInfo, ImageSource, Rgba
from logoscan.vision.encoder import Encoder, encode_images
from logoscan.vision.sift import Keypoints

__all__ = ["LogoIndex", "LogoRecord"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class LogoIndex:
    """Registered brands, searchable by vector.

    A brand is found by its logo images or, if it has none and the encoder has a text tower, by its name. The index also
    holds negatives, pictures that show no logo of a brand: a general set, added with the first brand, and those that
    users add.

    Attributes:
        encoder: The encoder of what is added; None for an index that is only searched.
        encoder_info: Description of the encoder that made the vectors; no other may be used with the index.
    """

    def __init__(self, encoder: Encoder | EncoderInfo) -> None:
        """Make an empty index.

        Args:
            encoder: The encoder, or its description alone, with which nothing can be added.
        """
        self.encoder = None if isinstance(encoder, EncoderInfo) else encoder
        self.encoder_info = encoder if isinstance(encoder, EncoderInfo) else encoder.info
        no_vectors = np.zeros((0, self.encoder_info.dim), np.float32)
        self._state = make_state((), [Gallery((), no_vectors) for _ in range(3)], {})
        self._lock = Lock()
        self._keypoints = KeypointStore({})
        self._origin: tuple[Path, int | None] | None = None  # folder and generation that it was loaded from

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        encoder: Encoder,
        *,
        allow: Collection[ConflictKind] = (),
        prices: UsualPrices | None = None,
        on_brand: Callable[[str], None] | None = None,
    ) -> tuple[LogoIndex, list[str]]:
        """Register a folder of brand folders, with the negatives that they list.

        Args:
            folder: Folder with a sub-folder for each brand.
            encoder: The encoder that makes the vectors.
            allow: Kinds of conflict that are accepted, see `add`.
            prices: Known prices that are compared with the brands' usual ones.
            on_brand: Called with the name of each brand that is done, for progress.

        Returns:
            The index, and a warning for each logo image or negative that cannot be read, each negative that is refused,
            each brand whose logo images all cannot be read, and each logo image of two brands.

        Raises:
            VettingError: Two brands conflict, see `add`.
        """
        index = cls(encoder)
        return index, index.add_folder(folder, allow=allow, prices=prices, on_brand=on_brand)

    # -- content

    def __len__(self) -> int:
        """Return the number of vectors of logos."""
        return len(self._state.logos)

    @property
    def brands(self) -> tuple[Brand, ...]:
        """All brands, with or without a logo, in the order of their names."""
        return self._state.brands

    def brand(self, name: str) -> Brand | None:
        """Return the record of the brand of this name, or None."""
        return self._state.by_name.get(name)

    @property
    def logos(self) -> tuple[LogoRecord, ...]:
        """One record for each vector of a logo."""
        return self._state.logos.records

    @property
    def vectors(self) -> Embeddings:
        """Vectors of the logos, float32 (n, dim), read-only."""
        view = self._state.logos.vectors.view()
        view.flags.writeable = False
        return view

    def logo_image(self, brand: str, logo: str) -> Rgba | None:
        """Return a registered logo image, uint8 (H, W, 4), long side at most `renderings.THUMBNAIL_PX`.

        Args:
            brand: Name of the brand.
            logo: Identifier of the logo, as in matches and records.

        Returns:
            None where the index was written before logo images were stored, or `logo` is a name.

        Raises:
            InputError: The brand has no such logo.
            CorruptFileError: The stored image is no picture.
        """
        state = self._state
        records = (r for gallery in (state.logos, state.names) for r in gallery.records if r.brand == brand)
        sha256 = next((r.sha256 for r in records if r.id == logo), None)
        if sha256 is None:
            raise InputError(f"logo: expected the identifier of a logo of {brand!r}, got {logo!r}")
        png = state.logo_images.get(sha256)
        return None if png is None else open_logo_image(png, logo)

    def keypoints(self, row: int) -> Keypoints:
        """Return the keypoints of the logo image of a row of `logos`; none where no readable image is stored."""
        record = self._state.logos.records[row]
        return self._keypoints.get(record.sha256, self._state.logo_images.get(record.sha256), record.id)

    @property
    def negatives(self) -> tuple[LogoRecord, ...]:
        """One record for each negative, including the general ones."""
        return self._state.negatives.records

    def negative_vectors(self, brand: str | None = None) -> Embeddings:
        """Return the vectors of a brand's negatives, or of those of no brand: float32 (n, dim)."""
        state = self._state
        return state.negatives.vectors[state.negative_rows.get(brand or NOT_A_BRAND, np.zeros(0, np.int64))]

    @property
    def with_logo(self) -> Collection[str]:
        """Names of the brands that have at least one logo image."""
        return self._state.logos.position

    @property
    def by_name(self) -> Collection[str]:
        """Names of the brands without a logo that are searched in photos by their name."""
        return self._state.names.position.keys() - {NOT_A_BRAND}

    @property
    def spellings(self) -> tuple[LogoRecord, ...]:
        """One record for each vector of a name of the brands without a logo."""
        return self._state.names_and_words[0].records

    @property
    def names(self) -> NameIndex:
        """Names and aliases of all brands, for search in text; built at first use."""
        return self._state.name_index

    @property
    def packs(self) -> PackState:
        """Brand packs that were applied (`packs`, `pack_changes`): whose word each logo and fact is."""
        return self._state.packs

    def pack_words(self, brand: str) -> tuple[str, ...]:
        """Return the brand packs whose word is taken for a brand, each as a text with what it stated; mostly none."""
        state = self._state
        if brand not in state.packs.installed:
            return ()
        return state.packs.words(
            state.by_name[brand], {r.id: r.sha256 for r in state.logos.records if r.brand == brand}
        )

    @property
    def fingerprint(self) -> str:
        """16 hex digits over brands, logos and vectors."""
        return self._state.fingerprint

    def _repr_html_(self) -> str:
        from logoscan.reporting.notebook import index_html

        state = self._state
        vectors = Counter(r.brand for r in state.logos.records)
        return index_html(self.encoder_info, state.brands, vectors, len(self.by_name), len(state.negatives))

    def snapshot(self) -> LogoIndex:
        """Return a copy that later changes of this index do not affect; it takes no time."""
        copy = LogoIndex.__new__(LogoIndex)
        copy.encoder, copy.encoder_info = self.encoder, self.encoder_info
        copy._state, copy._lock, copy._keypoints, copy._origin = self._state, Lock(), self._keypoints, self._origin
        return copy

    # -- changes

    def add(
        self,
        brand: Brand | str,
        *logos: Logo | Sequence[Logo],
        allow: Collection[ConflictKind] = (),
        prices: UsualPrices | None = None,
    ) -> list[str]:
        """Register a brand, or more logos of one that is registered: `index.add("Acme", "mark.svg", "word.png")`.

        Names and logos of another brand, and what would replace registered records, are refused unless allowed. To add
        logos to a registered brand, pass its record or its name alone.

        Args:
            brand: Record of the brand, or its name alone.
            logos: Logo images, one by one or in a list: files, which are named by their file name, or pairs of a name,
                unique in the brand, and an image.
            allow: Kinds of conflict that are accepted: "name" (the name looks like one of another brand), "alias" (an
                alias looks like one, or is a common word, or short and no abbreviation), "record" (a record or a logo
                image is replaced by another), "logo" (a logo image is that of a brand which was registered before; both
                are shown then), "price" (most of `prices` lie below the usual ones).
            prices: Known prices that are compared with the brand's usual ones.

        Returns:
            Warnings, one for each logo image that cannot be read, and each that is added for several brands at once.
            Conflicts that are allowed are logged.

        Raises:
            VettingError: There is a conflict; all are listed, and nothing is registered.
            InputError: Two logos have one name, an image has none, or the index has no encoder.
        """
        record = Brand(brand) if isinstance(brand, str) else brand
        return self.add_many([(record, named_logos(logos))], allow=allow, prices=prices)

    def add_many(
        self,
        entries: Sequence[tuple[Brand, Sequence[tuple[str, ImageSource]]]],
        *,
        allow: Collection[ConflictKind] = (),
        prices: UsualPrices | None = None,
        on_brand: Callable[[str], None] | None = None,
        log_allowed: bool = True,
    ) -> list[str]:
        """Register many brands in one change.

        Args:
            entries: Brands with pairs of a name for each logo, unique in the brand, and its image. An image of several
                of these brands brings a warning, and is no conflict.
            allow: Kinds of conflict that are accepted, see `add`.
            prices: Known prices that are compared with the brands' usual ones.
            on_brand: Called with the name of each brand that is done, for progress.
            log_allowed: Whether conflicts that are allowed are logged; the caller may tell them otherwise.

        Returns:
            Warnings about logo images that cannot be read or have several brands.

        Raises:
            VettingError: There is a conflict; all are listed, and nothing is registered.
            InputError: Two logos have one name, or the index has no encoder.
        """
        encoder = self._bound_encoder()
        accepted = accepted_kinds(allow)
        state = self._state
        self._vet(entries, accepted, prices)  # before the work, and once more with changes by other threads
        encoded = encode_logos(entries, encoder, on_brand)
        with_logo = {r.brand for r in encoded.records} | state.logos.position.keys()
        named, name_vectors = encode_names(
            [b for b, _ in entries if b.name not in with_logo], encoder, words=NOT_A_BRAND not in state.names.position
        )
        has_general = any(r.id.startswith(GENERAL_PREFIX) for r in state.negatives.records)
        general, general_vectors = ([], encoded.vectors[:0]) if has_general else encode_general(encoder)
        with self._lock:
            state = self._state
            entries, conflicts = self._vet(entries, accepted, prices)
            conflicts += vet_logo_images(encoded.records, state.logos.records)
            logos = state.logos.joined(encoded.records, encoded.vectors)
            new = _new_logos(encoded.records, state.logos.records)
            related = find_families(logos, same_logo_cosine(self.encoder_info), new)
            conflicts += vet_logos(related.nearest)
            refuse_conflicts(conflicts, accepted, log=log_allowed)
            changed = {b.name for b, _ in entries}  # their old names and aliases are removed
            names = state.names.without(lambda r: r.brand in changed).joined(named, name_vectors)
            galleries = (
                logos,
                names.without(lambda r: r.brand in logos.position),
                state.negatives.joined(general, general_vectors),
            )
            brands = {b.name: b for b in state.brands} | {b.name: b for b, _ in entries}
            families = merge_families((*(f - new for f in state.families), *related.families))
            images = {**state.logo_images, **encoded.logo_images}
            self._state = make_state(brands.values(), galleries, images, families, state.packs)
        return [*encoded.warnings, *shared_logo_warnings(related.families, new)]

    def add_folder(
        self,
        folder: str | Path,
        *,
        allow: Collection[ConflictKind] = (),
        prices: UsualPrices | None = None,
        on_brand: Callable[[str], None] | None = None,
    ) -> list[str]:
        """Register a folder of brand folders beside what is registered, and return warnings; see `from_folder`.

        Raises:
            VettingError: Two brands conflict, or one replaces what is registered, see `add`; nothing is registered.
        """
        folders = read_brand_folders(Path(folder))
        warnings = [warning for f in folders for warning in f.warnings]
        pending = [(f.brand, [(p.name, p) for p in f.logos]) for f in folders]
        warnings += self.add_many(pending, allow=allow, prices=prices, on_brand=on_brand)
        for brand, file in ((f.brand.name, path) for f in folders for path in f.negatives):
            try:
                self.add_negative(file, brand)
            except (ImageError, VettingError) as error:
                warnings.append(f"{brand}/{file.name}: negative not registered: {error}")
        return warnings

    def add_negatives_of(self, other: LogoIndex) -> int:
        """Add the negatives of another index that are no brand's, or a brand's that is registered here.

        Returns:
            How many of them were not here before.

        Raises:
            MismatchError: The other index was made by another encoder.
        """
        self.require(other.encoder_info)
        with self._lock:
            state = self._state
            names = {*state.by_name, NOT_A_BRAND}
            there = other._state.negatives.without(lambda r: r.brand not in names)
            before = {(r.id, r.brand) for r in state.negatives.records}
            new = there.without(lambda r: (r.id, r.brand) in before)
            self._state = replace(state, negatives=state.negatives.joined(new.records, new.vectors))
            return len(new)

    def _vet(
        self, entries: Sequence[tuple[Brand, T]], allow: Collection[ConflictKind], prices: UsualPrices | None
    ) -> tuple[list[tuple[Brand, T]], list[Conflict]]:
        """Return the entries with the records to register, and their conflicts, all of which are allowed.

        Raises:
            VettingError: A conflict is not allowed.
        """
        registered = self._state.by_name
        entries, conflicts = resolve_records(entries, registered)
        brands = {b.name: b for b, _ in entries}.values()
        conflicts += vet_names(brands, registered)
        conflicts += [] if prices is None else vet_prices(brands, prices)
        refuse_conflicts((c for c in conflicts if c.kind not in allow), allow)  # the rest is logged later
        return entries, conflicts

    def add_negative(self, crop: ImageSource, brand: str | None = None, *, force: bool = False) -> str:
        """Register a picture that shows no brand, or not this brand: a false positive, cut out of its photo.

        Similar regions no longer match this brand, or any (`brand` None); five or more negatives of a brand also raise
        its threshold (`matching.brand_thresholds`).

        Args:
            crop: The picture, see `images.load_image`.
            brand: Name of a brand, or None for a negative of all brands.
            force: Whether the picture is added even if it is the logo itself, which is no longer found then.

        Returns:
            Identifier of the negative, made from its pixels; to add a picture twice changes nothing.

        Raises:
            InputError: There is no such brand.
            VettingError: The picture is a registered logo of the brand, or of any brand where it is None.
            ImageError: The picture cannot be read.
        """
        encoder = self._bound_encoder()
        if brand is not None and brand not in {b.name for b in self.brands}:
            raise InputError(f"brand: expected a registered name or None, got {brand!r}")
        rgb = load_image(crop)
        if not force:
            cosine, logo = self.nearest_logo(rgb, brand)
            if cosine >= negative_limits(self.encoder_info)[1]:
                reason = (
                    f"negative: the picture is the mark itself, {quoted(logo)} ({cosine:.2f}); label only, or force it?"
                )
                raise VettingError(reason, (reason,))
        sha256 = pixels_sha256(rgb)
        record = LogoRecord(f"{USER_PREFIX}{sha256[:16]}", brand or NOT_A_BRAND, "as-is", sha256, "negative")
        vector = encode_images(encoder, [rgb])
        with self._lock:
            state = self._state
            if brand is not None and brand not in {b.name for b in state.brands}:
                raise InputError(f"brand: expected a registered name or None, got {brand!r}, removed meanwhile")
            self._state = replace(state, negatives=state.negatives.joined([record], vector))
        return record.id

    def nearest_logo(self, crop: ImageSource, brand: str | None = None) -> tuple[float, str | None]:
        """Find the logo that is most similar to a picture.

        Args:
            crop: The picture, see `images.load_image`.
            brand: Name of a brand to compare with; None compares with all.

        Returns:
            Cosine and identifier of the logo; -1 and None where there is no logo.
        """
        encoder = self._bound_encoder()
        logos = self._state.logos
        rows = np.arange(len(logos)) if brand is None else np.flatnonzero(logos.code == logos.position.get(brand, -1))
        if not len(rows):
            return -1.0, None
        similarity = logos.vectors[rows] @ encode_images(encoder, [load_image(crop)])[0]
        best = int(similarity.argmax())
        return float(similarity[best]), logos.records[int(rows[best])].id

    def negative_costs(self, brand: str | None = None) -> list[NegativeCost]:
        """Compare the negatives that users added with the logos that they count against; highest similarity first.

        Args:
            brand: Brand whose negatives, and those of no brand, are compared with its logos; None compares all.
        """
        return find_negative_costs(self._state, negative_limits(self.encoder_info)[0], brand)

    def remove_negative(self, negative: str, brand: str | None = None) -> None:
        """Remove a negative.

        Args:
            negative: Identifier, as in `negatives` or returned by `add_negative`.
            brand: Name of its brand; None for a negative of no brand, a general one too.

        Raises:
            InputError: There is no such negative.
        """
        with self._lock:
            state = self._state
            rest = state.negatives.without(lambda r: r.id == negative and r.brand == (brand or NOT_A_BRAND))
            if len(rest) == len(state.negatives):
                raise InputError(f"negative: expected one of {brand or 'nobody'!r}, got {negative!r}")
            self._state = replace(state, negatives=rest)

    def remove(self, brand: str, logo: str | None = None) -> int:
        """Remove a brand, or one of its logos.

        A brand whose last logo is removed is not searched in photos until it is added again, with or without a logo.

        Args:
            brand: Name of the brand.
            logo: Identifier of a logo, "Brand/file"; None removes the brand.

        Returns:
            Number of vectors that were removed.

        Raises:
            InputError: There is no such brand or logo.
        """
        with self._lock:
            state = self._state
            if brand not in {b.name for b in state.brands}:
                raise InputError(f"brand: expected a registered name, got {brand!r}")

            def is_removed(record: LogoRecord) -> bool:
                return record.brand == brand and (logo is None or (record.id == logo and record.kind == "logo"))

            galleries = [gallery.without(is_removed) for gallery in state.galleries]
            count = sum(map(len, state.galleries)) - sum(map(len, galleries))
            if logo is not None and not count:
                raise InputError(f"logo: expected a logo of {brand!r}, got {logo!r}")
            brands = [b for b in state.brands if logo is not None or b.name != brand]
            self._state = make_state(brands, galleries, state.logo_images, state.families, state.packs)
            return count

    def keep(self, brands: Collection[str]) -> None:
        """Remove all brands but these; names that are not registered are ignored."""
        with self._lock:
            state = self._state
            names = {brands} if isinstance(brands, str) else {*brands}
            galleries = [gallery.without(lambda r: r.brand not in {*names, NOT_A_BRAND}) for gallery in state.galleries]
            records = [b for b in state.brands if b.name in names]
            self._state = make_state(records, galleries, state.logo_images, state.families, state.packs)

    def merge(self, other: LogoIndex, *, allow: Collection[ConflictKind] = ()) -> None:
        """Add the content of another index, vetted as by `add`.

        Args:
            other: The other index; its logos replace those of equal identifier where that conflict is allowed.
            allow: Kinds of conflict that are accepted, see `add`.

        Raises:
            MismatchError: The other index was made by another encoder.
            VettingError: There is a conflict; nothing is added.
            InputError: A brand has different records in the two.
        """
        self.require(other.encoder_info)
        accepted, added = accepted_kinds(allow), other._state
        with self._lock:
            state = self._state
            registered = state.by_name
            for brand in added.brands:
                if registered.get(brand.name, brand) != brand:
                    raise InputError(f"merge: expected equal facts of {brand.name!r} in both, got different ones")
            pairs = zip(state.galleries, added.galleries, strict=True)
            logos, names, negatives = (a.joined(b.records, b.vectors) for a, b in pairs)
            names = names.without(lambda r: r.brand in logos.position)
            new = _new_logos(added.logos.records, state.logos.records)
            related = find_families(logos, same_logo_cosine(self.encoder_info), new)
            conflicts = vet_names(added.brands, registered)
            conflicts += vet_logo_images(added.logos.records, state.logos.records)
            conflicts += vet_logos(related.nearest)
            refuse_conflicts(conflicts, accepted)
            brands = {**registered, **added.by_name}.values()
            families = merge_families((*(f - new for f in state.families), *added.families, *related.families))
            images = {**state.logo_images, **added.logo_images}
            self._keypoints = self._keypoints.merge(other._keypoints)
            self._state = make_state(brands, (logos, names, negatives), images, families, state.packs)

    def replace_with(self, other: LogoIndex) -> None:
        """Take over the content of another index at once, such as one that was registered anew on disk.

        A service swaps its index while it runs, without a pause and without loading a model again:

            scanner.index.replace_with(LogoIndex.load("index/", scanner.encoder))

        Each request uses one snapshot: one that began before sees the old content to its end, one that begins
        afterwards sees the new content, and none sees a mixture. `Provenance.index` tells which one it was. Later
        changes of one index do not affect the other.

        Raises:
            MismatchError: The other index was made by another encoder; nothing is changed.
        """
        self.require(other.encoder_info)
        new = other.snapshot()
        with self._lock:
            self._keypoints, self._origin = new._keypoints, new._origin  # by hash of the image: they fit any content
            self._state = new._state

    @property
    def shared_logos(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Families: logos of two brands or more that have the same image, each a pair of brand and identifier.

        Such brands are no rivals where that logo is found: all are shown.
        """
        return tuple(tuple(sorted(family)) for family in self._state.families)

    @property
    def sharing(self) -> Mapping[tuple[str, str], Collection[str]]:
        """The other brands that share a logo, by the brand and identifier of the logo."""
        return self._state.sharing

    def families(self, rows: Sequence[int]) -> Sequence[int]:
        """Return the number of the family of some rows of `logos`, -1 for none; () where there are no families."""
        family = self._state.family_of_rows
        return () if family is None else [int(family[row]) for row in rows]

    def require(self, encoder: EncoderInfo) -> None:
        """Refuse vectors of another encoder.

        Raises:
            MismatchError: The encoder did not make this index; the message names both.
        """
        info = self.encoder_info
        if encoder.fingerprint != info.fingerprint:
            raise MismatchError(
                f"index made by {info.name} ({info.fingerprint}, {info.dim}-d), "
                f"used with {encoder.name} ({encoder.fingerprint}, {encoder.dim}-d): register the logos again"
            )

    def _bound_encoder(self) -> Encoder:
        if self.encoder is None:
            raise InputError(
                f"LogoIndex: expected one with an encoder ({self.encoder_info.name}), got one without, which is only "
                "searched; load it by LogoIndex.load(folder, encoder)"
            )
        return self.encoder

    # -- search

    def search(self, queries: Embeddings, k: int) -> Nearest:
        """Find the k nearest vectors: exactly, or nearly all of them among more than `approximate_from` (see `load`).

        Args:
            queries: float32 (n, dim), unit rows.
            k: At least 1; fewer are returned where fewer are registered.

        Returns:
            Similarity float32 (n, min(k, len)) falling along each row, and rows of `logos`, int64, of that shape.
        """
        return self._state.logos.search(self._checked(queries, k), k)

    def search_photos(self, photos: Sequence[tuple[Embeddings, Embeddings]]) -> list[PhotoSearch]:
        """Search all regions of photos in one pass over the index.

        The search of thousands of vectors is bound by memory: a few photos take little longer than one.

        Args:
            photos: For each photo the vectors of its regions, and those of the mirror images of the first of them,
                float32 (n, dim) and (m, dim), unit rows; m may be 0.
        """
        views = [self._checked(v if len(v) else photo[0][:0], 1) for photo in photos for v in photo]
        nearest = self._state.logos.search_together(views, DEPTH)
        return [
            PhotoSearch(self._state, views[i], views[i + 1], nearest[i], nearest[i + 1])
            for i in range(0, len(views), 2)
        ]

    def search_brands(self, queries: Embeddings, k: int = 2) -> BrandNeighbours:
        """Find the k nearest distinct brands by their logos, each by its best vector.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Number of brands; fewer are returned where fewer are registered.
        """
        queries = self._checked(queries, k)
        nearest = self._state.logos.search(queries, depth_for(min(k, len(self._state.logos.brands))))
        return nearest_brands(self._state, k, nearest, [queries])

    @property
    def recall_of_search(self) -> Facts | None:
        """Measured recall of the approximate search; None where all vectors are compared."""
        approximate = self._state.logos.approximate
        return None if approximate is None else approximate.facts

    def compare(self, query: NDArray[np.float32], brand: str) -> tuple[float, float, float]:
        """Compare one region with one brand.

        Args:
            query: float32 (dim,), of length 1.
            brand: Name of a brand that has a logo.

        Returns:
            Cosine to the brand's nearest vector; that less the cosine to the best other brand or negative; cosine to
            the nearest negative of users of this brand or of none, -1 where there is none.

        Raises:
            InputError: The brand has no logo.
        """
        if brand not in self.with_logo:
            raise InputError(f"brand: expected one with a logo, got {brand!r}")
        return self.search_photos([(query[None], query[None][:0])])[0].similarity_to(0, brand)

    def confusable(self, n: int, brand: str | None = None) -> list[tuple[str, str, float]]:
        """Find the n pairs of brands with the most similar logos; exact, among all pairs.

        Args:
            n: Number of pairs, 1 or more; fewer are returned where there are fewer.
            brand: Name of a brand that has a logo, to compare that one alone; it is the first of each pair.

        Returns:
            Two names and the highest cosine between a vector of one and a vector of the other, falling.

        Raises:
            InputError: n is below 1, or the brand has no logo.
        """
        logos = self._state.logos
        if n < 1:
            raise InputError(f"n: expected 1 or more, got {n}")
        if brand is not None and brand not in logos.position:
            raise InputError(f"brand: expected one with a logo, got {brand!r}")
        return logos.confusable(n, brand)

    def search_names(self, queries: Embeddings, k: int = 2) -> BrandNeighbours:
        """Find the k nearest brands without a logo, by their names.

        Everyday words and the negatives of users count against them; the general negatives do not, because a picture
        is nearer to any picture than to its name.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Number of brands; fewer are returned where fewer are registered.
        """
        return nearest_brands_by_name(self._state, self._checked(queries, k), k)

    def _checked(self, queries: Embeddings, k: int) -> Embeddings:
        if k < 1:
            raise InputError(f"k: expected 1 or more, got {k}")
        if queries.ndim != 2 or queries.shape[1] != self.encoder_info.dim or queries.dtype != np.float32:
            raise InputError(
                f"queries: expected float32 (n, {self.encoder_info.dim}), got {queries.dtype} {queries.shape}"
            )
        if not np.isfinite(queries).all():  # no vector is near to NaN
            raise InputError(f"queries: expected finite float32 (n, {self.encoder_info.dim}), got NaN or infinity")
        return np.ascontiguousarray(queries)

    # -- disk

    def save(self, folder: str | Path) -> None:
        """Write a new generation and make it the current one, atomically.

        Keypoints of logo images that were added since the index was loaded are detected here, in some 10 to 30
        milliseconds each, so that no scan has to do it.

        Raises:
            MismatchError: Another writer has saved there since this index was loaded or saved there.
        """
        path = Path(folder).resolve()
        over = self._origin[1] if self._origin is not None and self._origin[0] == path else None
        stored = to_stored(self.encoder_info, self._state, self._keypoints)
        self._origin = path, storage.save(Path(folder), stored, over=over)

    @staticmethod
    def is_saved_at(folder: str | Path) -> bool:
        """Return whether a folder holds an index that was saved."""
        return (Path(folder) / storage.MANIFEST).is_file()

    @classmethod
    def load(
        cls, folder: str | Path, encoder: Encoder | None = None, *, approximate_from: int = APPROXIMATE_FROM
    ) -> LogoIndex:
        """Open the current generation and verify all files.

        Vectors, logo images and keypoints are not read, but mapped into memory.

        Args:
            folder: Folder of a saved index.
            encoder: The encoder that made the index, or None; if it is on CUDA, all vectors are compared there.
            approximate_from: Number of logo vectors above which they are searched by an approximate index, see
                `recall_of_search`.

        Raises:
            CorruptFileError: A file is missing, truncated or altered.
            MismatchError: The index was made by another encoder.
        """
        # read before the files, so that after a write in between a later `save` refuses and nothing is lost
        origin = Path(folder).resolve(), storage.generation(Path(folder))
        stored = storage.load(Path(folder))
        index = cls(stored.encoder)
        if encoder is not None:
            index.require(encoder.info)
            index.encoder = encoder
        device = encoder.device if encoder is not None and encoder.device.startswith("cuda") else "cpu"
        index._state = from_stored(stored, approximate_from=approximate_from, device=device)
        index._origin, index._keypoints = origin, KeypointStore(stored.keypoints)
        return index


def _new_logos(records: Iterable[LogoRecord], registered: Iterable[LogoRecord]) -> set[LogoKey]:
    """Return the logos of `records` that are not registered, or with another image."""
    hashes = {(r.brand, r.id): r.sha256 for r in registered}
    return {(r.brand, r.id) for r in records if hashes.get((r.brand, r.id)) != r.sha256}
