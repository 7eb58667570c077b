"""Drawings and names of brands in, records with their vectors out: what a register is made of. Knows no register."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from logoscan._hashing import sha256_hex
from logoscan.errors import ImageError, InputError
from logoscan.images.svg import Renderer
from logoscan.index import negatives
from logoscan.index._state import NOBODY
from logoscan.index.logo_images import read_logo, renderings, thumbnail
from logoscan.index.storage import LogoRecord
from logoscan.text.brand_names import fold
from logoscan.types import Brand, Embeddings, ImageSource
from logoscan.vision.encoder import Encoder, TextEncoder, encode_images

__all__ = ["GENERAL", "Drawn", "Logo", "encode_general", "encode_logos", "encode_names", "named_logos"]

Logo: TypeAlias = ImageSource | tuple[str, ImageSource]
"""A logo image: a file, or a name with any image."""

GENERAL = "general/"
"""Identifiers of the negatives that come with the first brand begin so; those of users do not."""
# Drawings of one brand, and seconds of processor time to read them. A brand has 1 to 50, which take a few ms each; one
# hostile drawing can take 2 s, and thousands of them hours.
_MOST_DRAWINGS, _MOST_BRAND_S = 1000, 20.0
# The same for all brands of a call, and how much more for each drawing.
_MOST_S, _MORE_S = 60.0, 0.1
_NAMED = 3


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


def named_logos(logos: Iterable[Logo | list[Logo]]) -> list[tuple[str, ImageSource]]:
    """Return pairs of a name and an image; a file is named by its file name.

    Raises:
        InputError: An image that is no file has no name.
    """
    named: list[tuple[str, ImageSource]] = []
    for logo in logos:
        if isinstance(logo, (str, Path)):
            named.append((Path(logo).name, logo))
        elif isinstance(logo, tuple) and len(logo) == 2 and isinstance(logo[0], str):
            named.append((logo[0], logo[1]))
        elif isinstance(logo, list):
            named += named_logos(logo)
        else:
            raise InputError(f"logos: expected a file, or a pair of a name and an image, got {type(logo).__name__}")
    return named


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
    budget_s = _MOST_S + _MORE_S * sum(len(logos) for _, logos in entries)
    with Renderer() as renderer:
        for brand, logos in entries:
            names = [(brand.name, name) for name, _ in logos]
            if len({*names} - taken) < len(logos):
                raise InputError(f"{brand.name}: expected logos of different names, got {sorted(n for n, _ in logos)}")
            taken.update(names)
            readable, spent_s = 0, 0.0
            for i, (name, source) in enumerate(logos):
                if reason := _over(i, spent_s, budget_s):
                    left_out = [name for name, _ in logos[i:]]
                    more = ", ..." if len(left_out) > _NAMED else ""
                    first = ", ".join(left_out[:_NAMED])
                    warnings.append(f"{brand.name}: {len(left_out)} logos not registered: {reason}: {first}{more}")
                    break
                began = time.thread_time() + renderer.seconds
                try:
                    logo = read_logo(source, renderer=renderer)
                    made, drawing = renderings(logo.rgba), thumbnail(logo.rgba)
                except ImageError as error:
                    warnings.append(f"{brand.name}/{name}: not registered: {error}")
                    continue
                finally:
                    took_s = time.thread_time() + renderer.seconds - began
                    spent_s, budget_s = spent_s + took_s, budget_s - took_s
                warnings += [f"{brand.name}/{said}" for said in logo.warnings]
                records += [LogoRecord(f"{brand.name}/{name}", brand.name, m.name, logo.sha256) for m in made]
                blocks.append(encode_images(encoder, [m.rgb for m in made]))
                drawings[logo.sha256] = drawing
                readable += 1
            if logos and not readable:
                warnings.append(f"{brand.name}: no logo could be read; the brand is known by name only")
            if on_brand:
                on_brand(brand.name)
    return Drawn(records, np.concatenate(blocks), drawings, warnings)


def _over(drawings: int, spent_s: float, left_s: float) -> str:
    """Why no more drawings of a brand are read; empty if they are."""
    if drawings >= _MOST_DRAWINGS:
        return f"expected at most {_MOST_DRAWINGS} logos of a brand"
    if spent_s > _MOST_BRAND_S:
        return f"expected logos of a brand that are read in {_MOST_BRAND_S:g} s"
    return "expected logos that are read in a minute and 0.1 s each" if left_s < 0 else ""


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
        LogoRecord(f"{brand}/{text}", brand, "name", sha256_hex(text.casefold().encode()), "name")
        for brand, text in texts
    ]
    return records, encoder.encode_text([text for _, text in texts])


def encode_general(encoder: Encoder) -> tuple[list[LogoRecord], Embeddings]:
    """Encode the general negatives, pictures of what is no mark: records and float32 (len(records), dim)."""
    pictures = list(negatives.pictures())
    records = [
        LogoRecord(f"{GENERAL}{name}", NOBODY, "as-is", sha256_hex(rgb.tobytes()), "negative") for name, rgb in pictures
    ]
    return records, encode_images(encoder, [rgb for _, rgb in pictures])
