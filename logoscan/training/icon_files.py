"""Files of rendered icons. This module must not know where icons come from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from logoscan.training.icons import Icons


def save(icons: Icons, folder: str | Path) -> None:
    """Write icons to a folder as ``pixels.npy`` and ``drawings.json``."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    np.save(path / "pixels.npy", icons.pixels, allow_pickle=False)
    table = {
        "names": list(icons.names),
        "labels": icons.labels.tolist(),
        "sources": list(icons.sources),
        "one_colour": icons.one_colour.tolist(),
        "shapes": icons.shapes.tolist(),
    }
    (path / "drawings.json").write_text(json.dumps(table), encoding="utf-8")


def load(folder: str | Path) -> Icons:
    """Read what `save` wrote; the pixels are memory-mapped."""
    path = Path(folder)
    table = json.loads((path / "drawings.json").read_text(encoding="utf-8"))
    return Icons(
        names=tuple(table["names"]),
        labels=np.array(table["labels"], np.int32),
        sources=tuple(table["sources"]),
        one_colour=np.array(table["one_colour"], bool),
        shapes=np.array(table["shapes"], np.int32).reshape(-1, 2),
        pixels=np.load(path / "pixels.npy", mmap_mode="r", allow_pickle=False),
    )
