"""Encode logo images and names of brands to records with vectors, the content of an index. Knows no index."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from logoscan._hashing import sha256_hex
from logoscan._quote import quoted
from logoscan.errors import ImageError, InputError
from logoscan.images.svg import Renderer
from logoscan.index import negatives
from logoscan.index._state import NOT_A_BRAND
from logoscan.index.logo_images import read_logo
from logoscan.index.renderings import renderings, thumbnail
from logoscan.index.storage import LogoRecord
from logoscan.text.brand_names import fold
from logoscan.types import Brand, Embeddings, ImageSource
from logoscan.vision.encoder import Encoder, TextEncoder, encode_images

__all__ = [
    "GENERAL_PREFIX", "EncodedLogos", "Logo", "encode_general", "encode_logos", "encode_names", "named_logos"
]  # fmt: skip

Logo: TypeAlias = ImageSource | tuple[str, ImageSource]
"""A logo image: a file, or a name with any image."""

GENERAL_PREFIX = "general/"
"""Beginning of the identifiers of the general negatives, which are added with the first brand."""
# Logo images of one brand, and seconds of processor time to read them. A brand has 1 to 50, which take a few ms each;
# one hostile image can take 2 s, and thousands of them hours.
_MAX_LOGOS_OF_BRAND, _MAX_BRAND_S = 1000, 20.0
# Seconds of processor time to read the logo images of all brands of a call, and how much more for each image.
_MAX_CALL_S, _EXTRA_S_PER_LOGO = 60.0, 0.1
# Logos that a warning lists.
_MAX_LISTED = 3


@dataclass(frozen=True, eq=False)
class EncodedLogos:
    """Logos of some brands with their vectors.

    Attributes:
        records: One for each vector.
        vectors: float32 (len(records), dim).
        logo_images: PNG of each logo image by the SHA-256 that its records carry.
        warnings: A sentence for each fault, such as a file that cannot be read.
    """

    records: list[LogoRecord]
    vectors: Embeddings
    logo_images: Mapping[str, bytes]
    warnings: list[str]


def named_logos(logos: Iterable[Logo | Sequence[Logo]]) -> list[tuple[str, ImageSource]]:
    """Return pairs of a name and an image; a file is named by its file name.

    Raises:
        InputError: An image without a name is no file.
    """
    named: list[tuple[str, ImageSource]] = []
    for logo in logos:
        if isinstance(logo, (str, Path)):
            named.append((Path(logo).name, logo))
        elif isinstance(logo, tuple) and len(logo) == 2 and isinstance(logo[0], str):
            if not logo[0].strip():
                raise InputError("logos: expected a name beside an image, got an empty one")
            if isinstance(logo[1], str) and Path(logo[0]).is_file():
                raise InputError(
                    f"logos: expected a name beside an image, got two files; give {quoted(logo[0])} by itself"
                )
            named.append(cast("tuple[str, ImageSource]", logo))
        elif isinstance(logo, Sequence) and not isinstance(logo, bytes):
            named += named_logos(logo)
        else:
            raise InputError(f"logos: expected a file, or a pair of a name and an image, got {type(logo).__name__}")
    return named


def encode_logos(
    entries: Sequence[tuple[Brand, Sequence[tuple[str, ImageSource]]]],
    encoder: Encoder,
    on_brand: Callable[[str], None] | None = None,
) -> EncodedLogos:
    """Read the logo images of brands and encode all renderings of each.

    Args:
        entries: Brands with pairs of a name for the logo, unique in the brand, and the image.
        encoder: The encoder that makes the vectors.
        on_brand: Called with the name of each brand that is done.

    Raises:
        InputError: Two logos of a brand have one name.
    """
    warnings: list[str] = []
    records: list[LogoRecord] = []
    blocks = [np.zeros((0, encoder.info.dim), np.float32)]
    logo_images: dict[str, bytes] = {}
    keys: set[tuple[str, str]] = set()
    budget_s = _MAX_CALL_S + _EXTRA_S_PER_LOGO * sum(len(logos) for _, logos in entries)
    with Renderer() as renderer:
        for brand, logos in entries:
            names = [(brand.name, name) for name, _ in logos]
            if len({*names} - keys) < len(logos):
                raise InputError(f"{brand.name}: expected logos of different names, got {sorted(n for n, _ in logos)}")
            keys.update(names)
            readable, spent_s = 0, 0.0
            for i, (name, source) in enumerate(logos):
                if reason := _limit_reached(i, spent_s, budget_s):
                    left_out = [name for name, _ in logos[i:]]
                    more = ", ..." if len(left_out) > _MAX_LISTED else ""
                    first = ", ".join(left_out[:_MAX_LISTED])
                    warnings.append(f"{brand.name}: {len(left_out)} logos not registered: {reason}: {first}{more}")
                    break
                start_s = time.thread_time() + renderer.seconds
                try:
                    logo = read_logo(source, renderer=renderer)
                    rendered, png = renderings(logo.rgba), thumbnail(logo.rgba)
                except ImageError as error:
                    warnings.append(f"{brand.name}/{name}: not registered: {error}")
                    continue
                finally:
                    took_s = time.thread_time() + renderer.seconds - start_s
                    spent_s, budget_s = spent_s + took_s, budget_s - took_s
                warnings += [f"{brand.name}/{warning}" for warning in logo.warnings]
                records += [LogoRecord(f"{brand.name}/{name}", brand.name, r.name, logo.sha256) for r in rendered]
                blocks.append(encode_images(encoder, [r.rgb for r in rendered]))
                logo_images[logo.sha256] = png
                readable += 1
            if logos and not readable:
                warnings.append(f"{brand.name}: no logo could be read; the brand is known by name only")
            if on_brand:
                on_brand(brand.name)
    return EncodedLogos(records, np.concatenate(blocks), logo_images, warnings)


def _limit_reached(logos: int, spent_s: float, left_s: float) -> str:
    """Return why no more logo images of a brand are read; "" if they are.

    Args:
        logos: Logo images of the brand that were read.
        spent_s: Processor time that they took.
        left_s: Processor time left for all brands of the call.
    """
    if logos >= _MAX_LOGOS_OF_BRAND:
        return f"expected at most {_MAX_LOGOS_OF_BRAND} logos of a brand"
    if spent_s > _MAX_BRAND_S:
        return f"expected logos of a brand that are read in {_MAX_BRAND_S:g} s"
    return "expected logos that are read in a minute and 0.1 s each" if left_s < 0 else ""


def encode_names(brands: Sequence[Brand], encoder: Encoder, words: bool) -> tuple[list[LogoRecord], Embeddings]:
    """Encode the names and aliases of brands.

    Args:
        brands: Brands without a logo.
        encoder: The encoder that makes the vectors.
        words: Whether the everyday words, negatives of the names, are encoded too.

    Returns:
        Records and float32 (len(records), dim); none where the encoder has no text tower.
    """
    if not brands or not isinstance(encoder, TextEncoder) or not encoder.has_text:
        return [], np.zeros((0, encoder.info.dim), np.float32)
    texts = [(b.name, text) for b in brands for text in dict.fromkeys((b.name, *b.aliases)) if fold(text)]
    texts += [(NOT_A_BRAND, word) for word in negatives.WORDS] if words else []
    records = [
        LogoRecord(f"{brand}/{text}", brand, "name", sha256_hex(text.casefold().encode()), "name")
        for brand, text in texts
    ]
    return records, encoder.encode_text([text for _, text in texts])


def encode_general(encoder: Encoder) -> tuple[list[LogoRecord], Embeddings]:
    """Encode the general negatives, pictures that are no logos: records and float32 (len(records), dim)."""
    pictures = list(negatives.pictures())
    records = [
        LogoRecord(f"{GENERAL_PREFIX}{name}", NOT_A_BRAND, "as-is", sha256_hex(rgb.tobytes()), "negative")
        for name, rgb in pictures
    ]
    return records, encode_images(encoder, [rgb for _, rgb in pictures])
