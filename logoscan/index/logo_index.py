"""The index: brands, vectors of their logos and names, and negatives, searched by inner product.

The public methods change a `LogoIndex` by swapping one immutable state, so searches that run meanwhile see the old
index or the new one. On disk it is `.npy` and JSON lines in generations behind an atomically replaced manifest.
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
from logoscan.errors import ImageError, InputError, MismatchError, VettingError
from logoscan.images.loading import load_image
from logoscan.index import storage
from logoscan.index._brand_search import nearest_brands, nearest_brands_by_name
from logoscan.index._logo_keypoints import KeypointStore, open_logo_image
from logoscan.index._persistence import from_stored, to_stored
from logoscan.index._state import NOBODY, USERS
from logoscan.index._state import state as make_state
from logoscan.index.ann import APPROXIMATE_FROM, Facts
from logoscan.index.brand_folders import read_brand_folders
from logoscan.index.enrol import GENERAL, Logo, encode_general, encode_logos, encode_names, named_logos
from logoscan.index.families import Key, alike_from, limits, related, united
from logoscan.index.gallery import DEPTH, Gallery, Nearest, depth_for
from logoscan.index.neighbours import BrandNeighbours
from logoscan.index.photo_search import PhotoSearch
from logoscan.index.storage import LogoRecord
from logoscan.index.vet import (
    Conflict,
    ConflictKind,
    UsualPrices,
    allowed,
    refuse,
    settled,
    told,
    vet_drawings,
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

    A brand is known by pictures of its logos or, where it has none and the encoder has a text tower, by its name.
    Beside the brands stand negatives, pictures that show none of them: a general set that comes with the first brand,
    and those that users add.

    Attributes:
        encoder: Makes the vectors of what is added; None for an index that is only searched.
        encoder_info: What made the vectors. Only the same encoder may add to it or search it.
    """

    def __init__(self, encoder: Encoder | EncoderInfo) -> None:
        """Make an empty index.

        Args:
            encoder: The encoder; with the description of one alone, nothing can be added.
        """
        self.encoder = None if isinstance(encoder, EncoderInfo) else encoder
        self.encoder_info = encoder if isinstance(encoder, EncoderInfo) else encoder.info
        no_vectors = np.zeros((0, self.encoder_info.dim), np.float32)
        self._state = make_state((), [Gallery((), no_vectors) for _ in range(3)], {})
        self._lock = Lock()
        self._keypoints = KeypointStore({})
        self._origin: tuple[Path, int | None] | None = None  # folder and generation on disk that it comes from

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
            folder: With a sub-folder for each brand.
            encoder: Makes the vectors.
            allow: As for `add`.
            prices: As for `add`.
            on_brand: Called with the name of each brand that is done, for progress.

        Returns:
            The index, and a warning for each picture of a logo or a negative that cannot be read, each negative that is
            refused, each brand whose pictures of logos all cannot be read, and each drawing that is of two brands.

        Raises:
            VettingError: Two brands are in each other's way, see `add`.
        """
        index = cls(encoder)
        folders = read_brand_folders(Path(folder))
        warnings = [warning for f in folders for warning in f.warnings]
        pending = [(f.brand, [(p.name, p) for p in f.logos]) for f in folders]
        warnings += index.add_many(pending, allow=allow, prices=prices, on_brand=on_brand)
        for brand, file in ((f.brand.name, path) for f in folders for path in f.negatives):
            try:
                index.add_negative(file, brand)
            except (ImageError, VettingError) as error:
                warnings.append(f"{brand}/{file.name}: negative not registered: {error}")
        return index, warnings

    # -- what is registered

    def __len__(self) -> int:
        """Number of vectors of logos."""
        return len(self._state.logos)

    @property
    def brands(self) -> tuple[Brand, ...]:
        """All brands in the order of their names, those without a logo too."""
        return self._state.brands

    def brand(self, name: str) -> Brand | None:
        """The brand that is registered by this name, or None."""
        return self._state.by_name.get(name)

    @property
    def logos(self) -> tuple[LogoRecord, ...]:
        """One record for each vector of a logo."""
        return self._state.logos.records

    @property
    def vectors(self) -> Embeddings:
        """float32 (n, dim), of the logos, a read-only view."""
        view = self._state.logos.vectors.view()
        view.flags.writeable = False
        return view

    def logo_image(self, brand: str, logo: str) -> Rgba | None:
        """Return a registered logo image, made small: uint8 (H, W, 4), long side at most `logo_images.THUMBNAIL_PX`.

        Args:
            brand: Name of its brand.
            logo: Identifier, as matches and records carry it.

        Returns:
            None where the index was written before logo images were kept, or `logo` is a name.

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
        """Return the keypoints of the logo image behind a row of `logos`; none where no readable one is kept."""
        record = self._state.logos.records[row]
        return self._keypoints.get(record.sha256, self._state.logo_images.get(record.sha256), record.id)

    @property
    def negatives(self) -> tuple[LogoRecord, ...]:
        """One record for each negative, the general ones included."""
        return self._state.negatives.records

    def negative_vectors(self, brand: str | None = None) -> Embeddings:
        """Vectors of a brand's own negatives, or of those that are nobody's: float32 (n, dim)."""
        state = self._state
        return state.negatives.vectors[state.negatives_of.get(brand or NOBODY, np.zeros(0, np.int64))]

    @property
    def with_logo(self) -> Collection[str]:
        """Names of the brands that have at least one picture of a logo."""
        return self._state.logos.position

    @property
    def by_name(self) -> Collection[str]:
        """Names of the brands without a logo whose name can be found in pictures."""
        return self._state.names.position.keys() - {NOBODY}

    @property
    def names(self) -> NameIndex:
        """Names and aliases of all brands, for search in text; made at first use."""
        return self._state.name_index

    @property
    def fingerprint(self) -> str:
        """16 hex digits over brands, logos and vectors."""
        return self._state.content

    def _repr_html_(self) -> str:
        from logoscan.reporting.notebook import index_html

        state = self._state
        vectors = Counter(r.brand for r in state.logos.records)
        return index_html(self.encoder_info, state.brands, vectors, len(self.by_name), len(state.negatives))

    def snapshot(self) -> LogoIndex:
        """The register as it is now, unmoved by later changes; costs nothing."""
        copy = LogoIndex.__new__(LogoIndex)
        copy.encoder, copy.encoder_info = self.encoder, self.encoder_info
        copy._state, copy._lock, copy._keypoints, copy._origin = self._state, Lock(), self._keypoints, self._origin
        return copy

    # -- changes

    def add(
        self,
        brand: Brand | str,
        *logos: Logo | list[Logo],
        allow: Collection[ConflictKind] = (),
        prices: UsualPrices | None = None,
    ) -> list[str]:
        """Register a brand, or more logos of one that is registered: `index.add("Acme", "mark.svg", "word.png")`.

        What is another brand's, or would replace what is registered, is refused unless it is allowed. Logos are added
        to a registered brand with its record, or with one that says nothing but the name.

        Args:
            brand: Its record, or its name alone.
            logos: Logo images: files, which are named by their file name, or pairs of a name, unique in the brand, and
                an image; one by one or in a list.
            allow: Kinds of conflict that are accepted: "name" (the name is spelt like one of another brand), "alias"
                (an alias is so spelt, or is a common word, or short and no abbreviation), "record" (a record or a
                logo image is replaced by another), "logo" (a logo image is that of a brand which was registered before;
                both are shown then), "price" (see `prices`).
            prices: Prices that are known, against which the usual ones are held.

        Returns:
            Warnings, one for each logo image that cannot be read, and each that comes for several brands at once.
            Conflicts that are allowed are said in the log.

        Raises:
            VettingError: There is a conflict; all are listed, and nothing is registered.
            InputError: Two logos of one name, an image without a name, or an index without an encoder.
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
    ) -> list[str]:
        """Register many brands in one change.

        Args:
            entries: Brands with pairs of a name for each logo, unique in the brand, and its image. An image of several
                of them is said in a warning, and no conflict.
            allow: Kinds of conflict that are accepted, as for `add`.
            prices: Prices that are known, as for `add`.
            on_brand: Called with the name of each brand that is done, for progress.

        Returns:
            Warnings, as `add` returns them.

        Raises:
            VettingError: There is a conflict; all are listed, and nothing is registered.
            InputError: Two logos of one name, or an index without an encoder.
        """
        encoder = self._bound_encoder()
        accepted = allowed(allow)
        state = self._state
        self._vetted(entries, accepted, prices)  # before the work; and again with what others have done meanwhile
        made = encode_logos(entries, encoder, on_brand)
        drawn_now = {r.brand for r in made.records}
        nameless = [b for b, _ in entries if b.name not in drawn_now and b.name not in state.logos.position]
        named, name_vectors = encode_names(nameless, encoder, words=NOBODY not in state.names.position)
        there = any(r.id.startswith(GENERAL) for r in state.negatives.records)
        absorbing, absorbed = ([], made.vectors[:0]) if there else encode_general(encoder)
        with self._lock:
            state = self._state
            entries, conflicts = self._vetted(entries, accepted, prices)
            known = {b.name: b for b in state.brands} | {b.name: b for b, _ in entries}
            conflicts += vet_drawings(made.records, state.logos.records)
            drawn = state.logos.joined(made.records, made.vectors)
            fresh = _fresh(made.records, state.logos.records)
            kin = related(drawn, alike_from(self.encoder_info), fresh)
            conflicts += vet_logos(kin.nearest)
            refuse(conflicts, accepted)
            again = {b.name for b, _ in entries}  # spellings that are theirs no more must go
            names = state.names.without(lambda r: r.brand in again).joined(named, name_vectors)
            galleries = (
                drawn,
                names.without(lambda r: r.brand in drawn.position),
                state.negatives.joined(absorbing, absorbed),
            )
            families = united((*(f - fresh for f in state.families), *kin.families))
            self._state = make_state(known.values(), galleries, {**state.logo_images, **made.drawings}, families)
        return [*made.warnings, *told(kin.families, fresh)]

    def _vetted(
        self, entries: Sequence[tuple[Brand, T]], allow: Collection[ConflictKind], prices: UsualPrices | None
    ) -> tuple[list[tuple[Brand, T]], list[Conflict]]:
        """Entries with the records that are to be registered, and their conflicts, which are all allowed.

        Raises:
            VettingError: One is not.
        """
        registered = self._state.by_name
        entries, conflicts = settled(entries, registered)
        brands = {b.name: b for b, _ in entries}.values()
        conflicts += vet_names(brands, registered)
        conflicts += [] if prices is None else vet_prices(brands, prices)
        refuse((one for one in conflicts if one.kind not in allow), allow)  # what is allowed is said once, later
        return entries, conflicts

    def add_negative(self, crop: ImageSource, brand: str | None = None, *, force: bool = False) -> str:
        """Register a picture that is no brand's, or not this brand's: a false alarm, cut out of its photo.

        Places like it are named no more (`brand` None), or no more by this name; from five on, a brand's own also
        raise its threshold (`matching.brand_thresholds`).

        Args:
            crop: The picture, as for `images.load_image`.
            brand: A registered name, or None for everybody.
            force: Whether it is taken though it is the mark itself, which is named no more then.

        Returns:
            Identifier of the negative, made of its pixels; adding a picture twice changes nothing.

        Raises:
            InputError: No such brand.
            VettingError: The picture is a registered logo: the brand's own, or where it is None any.
            ImageError: The picture cannot be read.
        """
        encoder = self._bound_encoder()
        if brand is not None and brand not in {b.name for b in self.brands}:
            raise InputError(f"brand: expected a registered name or None, got {brand!r}")
        rgb = load_image(crop)
        if not force:
            cosine, logo = self.likeness(rgb, brand)
            if cosine >= limits(self.encoder_info)[1]:
                said = (
                    f"negative: the picture is the mark itself, {logo!r:.80} ({cosine:.2f}); label only, or force it?"
                )
                raise VettingError(said, (said,))
        sha256 = pixels_sha256(rgb)
        record = LogoRecord(f"{USERS}{sha256[:16]}", brand or NOBODY, "as-is", sha256, "negative")
        vector = encode_images(encoder, [rgb])
        with self._lock:
            state = self._state
            if brand is not None and brand not in {b.name for b in state.brands}:
                raise InputError(f"brand: expected a registered name or None, got {brand!r}, removed meanwhile")
            self._state = replace(state, negatives=state.negatives.joined([record], vector))
        return record.id

    def likeness(self, crop: ImageSource, brand: str | None = None) -> tuple[float, str | None]:
        """How like a picture is to the likest logo of a brand, or of any: the cosine, and the logo's identifier.

        Returns:
            -1 and None where there is no logo.
        """
        encoder = self._bound_encoder()
        logos = self._state.logos
        rows = np.arange(len(logos)) if brand is None else np.flatnonzero(logos.code == logos.position.get(brand, -1))
        if not len(rows):
            return -1.0, None
        similar = logos.vectors[rows] @ encode_images(encoder, [load_image(crop)])[0]
        best = int(similar.argmax())
        return float(similar[best]), logos.records[int(rows[best])].id

    def negative_costs(self, brand: str | None = None) -> list[tuple[str, str, str, float, int]]:
        """What the negatives that users added cost the brands which they speak against.

        Args:
            brand: Only those of this brand and those of nobody; None is all.

        Returns:
            For each its identifier, the brand that it is not ("" of nobody's), the likest logo that it speaks against,
            the cosine to it, and how many such logos are as near as the brand's own photos may be; the dearest first.
        """
        state, logos = self._state, self._state.logos
        out = []
        for row, record in enumerate(state.negatives.records):
            if record.id.startswith(USERS) and (brand is None or record.brand in (NOBODY, brand)):
                of = record.brand if brand is None else brand
                rows = np.flatnonzero((logos.code == logos.position.get(of, -1)) | (of == NOBODY))
                if len(rows):
                    similar = logos.vectors[rows] @ state.negatives.vectors[row]
                    near = {logos.ids[i] for i in rows[similar >= limits(self.encoder_info)[0]].tolist()}
                    likest = int(similar.argmax())
                    out.append((record.id, record.brand, logos.ids[rows[likest]], float(similar[likest]), len(near)))
        return sorted(out, key=lambda cost: (-cost[3], cost))

    def remove_negative(self, negative: str, brand: str | None = None) -> None:
        """Forget a negative.

        Args:
            negative: Its identifier, as `add_negative` returned it or as it stands in `negatives`.
            brand: Whose it is; None for one that is nobody's, of the general set too.

        Raises:
            InputError: There is none.
        """
        with self._lock:
            state = self._state
            left = state.negatives.without(lambda r: r.id == negative and r.brand == (brand or NOBODY))
            if len(left) == len(state.negatives):
                raise InputError(f"negative: expected one of {brand or 'nobody'!r}, got {negative!r}")
            self._state = replace(state, negatives=left)

    def remove(self, brand: str, logo: str | None = None) -> int:
        """Forget a brand, or one logo of it (its identifier, "Brand/file").

        A brand whose last logo goes is not looked for in photos until it is added again, with a logo or without.

        Returns:
            How many vectors went.

        Raises:
            InputError: No such brand or logo.
        """
        with self._lock:
            state = self._state
            if brand not in {b.name for b in state.brands}:
                raise InputError(f"brand: expected a registered name, got {brand!r}")

            def gone(record: LogoRecord) -> bool:
                return record.brand == brand and (logo is None or (record.id == logo and record.kind == "logo"))

            left = [gallery.without(gone) for gallery in state.galleries]
            count = sum(map(len, state.galleries)) - sum(map(len, left))
            if logo is not None and not count:
                raise InputError(f"logo: expected a logo of {brand!r}, got {logo!r}")
            brands = [b for b in state.brands if logo is not None or b.name != brand]
            self._state = make_state(brands, left, state.logo_images, state.families)
            return count

    def keep(self, brands: Collection[str]) -> None:
        """Forget every brand but these; names that are not registered do not matter."""
        with self._lock:
            state = self._state
            kept = {*brands, NOBODY}
            left = [gallery.without(lambda r: r.brand not in kept) for gallery in state.galleries]
            stay = [b for b in state.brands if b.name in brands]
            self._state = make_state(stay, left, state.logo_images, state.families)

    def merge(self, other: LogoIndex, *, allow: Collection[ConflictKind] = ()) -> None:
        """Take in another register, vetted as by `add`.

        Args:
            other: The other; where a conflict is allowed, logos of equal identifier are taken from it.
            allow: As for `add`.

        Raises:
            MismatchError: It was made by another encoder.
            VettingError: There is a conflict; nothing is taken in.
            InputError: A brand is in both with different facts.
        """
        self.require(other.encoder_info)
        accepted, theirs = allowed(allow), other._state
        with self._lock:
            mine = {b.name: b for b in self._state.brands}
            for brand in theirs.brands:
                if mine.get(brand.name, brand) != brand:
                    raise InputError(f"merge: expected equal facts of {brand.name!r} in both, got different ones")
            joined = (
                a.joined(b.records, b.vectors) for a, b in zip(self._state.galleries, theirs.galleries, strict=True)
            )
            logos, names, others = joined
            names = names.without(lambda r: r.brand in logos.position)
            fresh = _fresh(theirs.logos.records, self._state.logos.records)
            kin = related(logos, alike_from(self.encoder_info), fresh)
            families = united((*(f - fresh for f in self._state.families), *theirs.families, *kin.families))
            conflicts = vet_names(theirs.brands, mine)
            conflicts += vet_drawings(theirs.logos.records, self._state.logos.records)
            conflicts += vet_logos(kin.nearest)
            refuse(conflicts, accepted)
            brands = (mine | {b.name: b for b in theirs.brands}).values()
            logo_images = {**self._state.logo_images, **theirs.drawings}
            self._keypoints = self._keypoints.joined(other._keypoints)
            self._state = make_state(brands, (logos, names, others), logo_images, families)

    @property
    def shared_logos(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Families: logos of two brands or more that are one drawing, each with its brand before its identifier.

        Such brands are no rivals where that drawing is seen: all are shown.
        """
        return tuple(tuple(sorted(family)) for family in self._state.families)

    @property
    def sharing(self) -> Mapping[tuple[str, str], Collection[str]]:
        """The other brands that share a logo, by its brand and identifier."""
        return self._state.sharing

    def families(self, rows: Sequence[int]) -> Sequence[int]:
        """The family of each of some rows of `logos`, -1 for none; empty where there is none at all."""
        family = self._state.family
        return () if family is None else [int(family[row]) for row in rows]

    def require(self, encoder: EncoderInfo) -> None:
        """Refuse vectors of another encoder.

        Raises:
            MismatchError: Names both sides.
        """
        own = self.encoder_info
        if encoder.fingerprint != own.fingerprint:
            raise MismatchError(
                f"index made by {own.name} ({own.fingerprint}, {own.dim}-d), "
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
        """The k nearest vectors: exactly, or of more than `approximate_from` (see `load`) nearly all of them.

        Args:
            queries: float32 (n, dim), unit rows.
            k: At least 1; fewer come back where fewer are registered.

        Returns:
            Similarity float32 (n, min(k, len)) falling along each row, and rows of `logos`, int64, of that shape.
        """
        return self._state.logos.search(self._checked(queries, k), k)

    def search_photos(self, photos: Sequence[tuple[Embeddings, Embeddings]]) -> list[PhotoSearch]:
        """Search all regions of photos in one pass over the index.

        An index of thousands is bound by memory: the regions of a few photos take little longer than those of one.

        Args:
            photos: For each photo the vectors of its regions and those of the first of them in a mirror, float32
                (n, dim) and (m, dim), unit rows; m may be 0.
        """
        views = [self._checked(v if len(v) else photo[0][:0], 1) for photo in photos for v in photo]
        nearest = self._state.logos.search_together(views, DEPTH)
        return [PhotoSearch(self._state, *views[i : i + 2], *nearest[i : i + 2]) for i in range(0, len(views), 2)]

    def search_brands(self, queries: Embeddings, k: int = 2) -> BrandNeighbours:
        """Find the k nearest distinct brands by their logos, each by the best over all its vectors.

        Args:
            queries: float32 (n, dim), unit rows.
            k: Brands; fewer come back where fewer are registered.
        """
        queries = self._checked(queries, k)
        nearest = self._state.logos.search(queries, depth_for(min(k, len(self._state.logos.brands))))
        return nearest_brands(self._state, k, nearest, [queries])

    @property
    def recall_of_search(self) -> Facts | None:
        """How much an approximate search finds; None where every vector is compared."""
        approximate = self._state.logos.approximate
        return None if approximate is None else approximate.facts

    def compare(self, query: NDArray[np.float32], brand: str) -> tuple[float, float, float]:
        """Compare one region with one brand.

        Args:
            query: float32 (dim,), of length 1.
            brand: One with a logo.

        Returns:
            Cosine to the brand's nearest vector; that less the cosine to the best other brand or negative; cosine to
            the nearest picture that users said is not this brand, or nobody's, -1 where there is none.
        """
        return self.search_photos([(query[None], query[None][:0])])[0].similarity_to(0, brand)

    def confusable(self, n: int, brand: str | None = None) -> list[tuple[str, str, float]]:
        """The n pairs of brands whose logos are likest to each other; exact, of all pairs.

        Args:
            n: Pairs, 1 or more; fewer come back where fewer are registered.
            brand: One with a logo, to look at its pairs alone; it then stands first in each.

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
        """As `search_brands`, among the brands that are known by their name alone.

        Everyday words and the pictures of `add_negative` speak against them; the general set does not, because a
        picture is nearer to any picture than to its name.
        """
        return nearest_brands_by_name(self._state, self._checked(queries, k), k)

    def _checked(self, queries: Embeddings, k: int) -> Embeddings:
        if k < 1:
            raise InputError(f"k: expected 1 or more, got {k}")
        if queries.ndim != 2 or queries.shape[1] != self.encoder_info.dim or queries.dtype != np.float32:
            raise InputError(
                f"queries: expected float32 (n, {self.encoder_info.dim}), got {queries.dtype} {queries.shape}"
            )
        if not np.isfinite(queries).all():  # nothing is near to NaN
            raise InputError(f"queries: expected finite float32 (n, {self.encoder_info.dim}), got NaN or infinity")
        return np.ascontiguousarray(queries)

    # -- disk

    def save(self, folder: str | Path) -> None:
        """Write a new generation and make it the current one, atomically.

        Finds the points of drawings that were added since it was loaded, some 10 to 30 milliseconds each, so that no
        scan has to.

        Raises:
            MismatchError: It was loaded from there, or saved there, and another writer has saved since.
        """
        place = Path(folder).resolve()
        over = self._origin[1] if self._origin is not None and self._origin[0] == place else None
        stored = to_stored(self.encoder_info, self._state, self._keypoints)
        self._origin = place, storage.save(Path(folder), stored, over=over)

    @staticmethod
    def is_saved_at(folder: str | Path) -> bool:
        """Return whether a folder holds an index that was saved."""
        return (Path(folder) / storage.MANIFEST).is_file()

    @classmethod
    def load(
        cls, folder: str | Path, encoder: Encoder | None = None, *, approximate_from: int = APPROXIMATE_FROM
    ) -> LogoIndex:
        """Open the current generation, every file verified.

        Vectors, drawings and points stay on the disk, mapped into memory.

        Args:
            folder: As `save` wrote it.
            encoder: If given, it must be the one that made the index; on CUDA, vectors are compared there, all of
                them.
            approximate_from: Vectors of logos above which they are searched by an approximate index, see
                `recall_of_search`.

        Raises:
            CorruptFileError: A file is missing, truncated or altered.
            MismatchError: Made by another encoder.
        """
        # before it is read: a writer that comes in between makes a later `save` refuse, never lose anything
        origin = Path(folder).resolve(), storage.generation(Path(folder))
        stored = storage.load(Path(folder))
        index = cls(stored.encoder)
        if encoder is not None:
            index.require(encoder.info)
            index.encoder = encoder
        device = encoder.device if encoder is not None and encoder.device.startswith("cuda") else "cpu"
        index._state = from_stored(stored, approximate_from=approximate_from, device=device)
        index._origin, index._keypoints = origin, KeypointStore(stored.points)
        return index


def _fresh(records: Iterable[LogoRecord], registered: Iterable[LogoRecord]) -> set[Key]:
    """Logos that are not registered, or with another drawing."""
    known = {(r.brand, r.id): r.sha256 for r in registered}
    return {(r.brand, r.id) for r in records if known.get((r.brand, r.id)) != r.sha256}
