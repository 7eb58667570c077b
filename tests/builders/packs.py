"""Brand folders, keys and packs, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from logoscan.index.pack_keys import Trust, TrustedKey, generate_key, load_key
from logoscan.index.pack_records import PACK_FIELDS
from logoscan.index.packs import make_pack
from logoscan.types import Rgb

EXPIRES = "2099-12-31"


def key(folder: Path, name: str = "acme") -> tuple[Any, dict[str, str]]:
    """A signer, and the public part of its key."""
    public = generate_key(folder / f"{name}.pem")
    return load_key(folder / f"{name}.pem"), public


def trust_of(*public: Mapping[str, str], brands: tuple[str, ...] = ("Acme",), **changes: Any) -> Trust:
    """Trust in keys for brands, in all fields."""
    values: dict[str, Any] = {"brands": brands, "fields": PACK_FIELDS, "until": EXPIRES, **changes}
    return Trust(tuple(TrustedKey(one["keyid"], one["public"], **values) for one in public))


def brand_folder(folder: Path, logos: Mapping[str, Rgb], name: str = "Acme", **facts: Any) -> Path:
    """A brand folder with logos and facts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "brand.json").write_text(json.dumps({"name": name, **facts}), "utf-8")
    for file, rgb in logos.items():
        Image.fromarray(rgb).save(folder / file)
    return folder


def pack_at(folder: Path, out: Path, signer: Any, version: int = 1, **changes: Any) -> Path:
    """A pack of a brand folder."""
    make_pack(folder, version, [signer], changes.pop("expires", EXPIRES), out=out, **changes)
    return out
