"""Drawings and names of brands in, records with their vectors out: what a register is made of. Knows no register."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from logoscan import negatives
from logoscan.encode import Encoder, TextEncoder, encode_images
from logoscan.errors import ImageError, InputError
from logoscan.logos import load_logo, renderings, thumbnail
from logoscan.register import NOBODY
from logoscan.storage import LogoRecord
from logoscan.text import fold
from logoscan.types import Brand, Embeddings, ImageSource

__all__ = ["GENERAL", "Drawn", "digest", "encode_general", "encode_logos", "encode_names"]

GENERAL = "general/"
"""Identifiers of the negatives that come with the first brand begin so; those of users do not."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Logos of some brands.

    Attributes:
        records: One for each vector.
        vectors: float32 (len(records), dim).
        drawings: PNG of each drawing by the SHA-256 that its records carry.
        warnings: What could not be read, in words.
    """

    records: list[LogoRecord]
    vectors: Embeddings
    drawings: Mapping[str, bytes]
    warnings: list[str]


def encode_logos(
    entries: Sequence[tuple[Brand, Sequence[tuple[str, ImageSource]]]],
    encoder: Encoder,
    on_brand: Callable[[str], None] | None = None,
) -> Drawn:
    """Read the drawings of brands and encode them under each of their renderings.

    Args:
        entries: Brands with pairs of a name for the logo, unique in the brand, and the drawing.
        encoder: Makes the vectors.
        on_brand: Called with the name of each brand that is done.

    Raises:
        InputError: Two logos of a brand have one name.
    """
    warnings: list[str] = []
    records: list[LogoRecord] = []
    blocks = [np.zeros((0, encoder.info.dim), np.float32)]
    drawings: dict[str, bytes] = {}
    taken: set[tuple[str, str]] = set()
    for brand, logos in entries:
        names = [(brand.name, name) for name, _ in logos]
        if len({*names} - taken) < len(logos):
            raise InputError(f"{brand.name}: expected logos of different names, got {sorted(n for n, _ in logos)}")
        taken.update(names)
        readable = 0
        for name, source in logos:
            try:
                rgba, sha256 = load_logo(source)
            except ImageError as error:
                warnings.append(f"{brand.name}/{name}: not registered: {error}")
                continue
            made = renderings(rgba)
            records += [LogoRecord(f"{brand.name}/{name}", brand.name, m.name, sha256) for m in made]
            blocks.append(encode_images(encoder, [m.rgb for m in made]))
            drawings[sha256] = thumbnail(rgba)
            readable += 1
        if logos and not readable:
            warnings.append(f"{brand.name}: no logo could be read; the brand is known by name only")
        if on_brand:
            on_brand(brand.name)
    return Drawn(records, np.concatenate(blocks), drawings, warnings)


def encode_names(brands: Sequence[Brand], encoder: Encoder, words: bool) -> tuple[list[LogoRecord], Embeddings]:
    """Encode names and aliases of brands, and, with `words`, the everyday words that they stand against.

    Returns:
        Records and float32 (len(records), dim); none where the encoder has no text tower.
    """
    if not brands or not isinstance(encoder, TextEncoder) or not encoder.has_text:
        return [], np.zeros((0, encoder.info.dim), np.float32)
    texts = [(b.name, text) for b in brands for text in dict.fromkeys((b.name, *b.aliases)) if fold(text)]
    texts += [(NOBODY, word) for word in negatives.WORDS] if words else []
    records = [
        LogoRecord(f"{brand}/{text}", brand, "name", digest(text.casefold().encode()), "name") for brand, text in texts
    ]
    return records, encoder.encode_text([text for _, text in texts])


def encode_general(encoder: Encoder) -> tuple[list[LogoRecord], Embeddings]:
    """Encode the general negatives, pictures of what is no mark: records and float32 (len(records), dim)."""
    pictures = list(negatives.pictures())
    records = [
        LogoRecord(f"{GENERAL}{name}", NOBODY, "as-is", digest(rgb.tobytes()), "negative") for name, rgb in pictures
    ]
    return records, encode_images(encoder, [rgb for _, rgb in pictures])


def digest(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()
