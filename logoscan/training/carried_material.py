"""A varied choice of the training material in few megabytes, to be carried to a machine without a network.

Icons keep 16 levels in each channel, only their alpha where they have one colour, and are compressed together with
LZMA: 1.0 KB for an icon of one colour and 1.9 KB for one of several (as lossless WebP 1.2 and 1.5 KB, as PNG 2.4 and
5.7 KB with all levels). Photographs become WebP of quality 75, 8 to 11 KB each; a font has 49 KB. So 60 MB hold about
36,000 icons, 1,250 backgrounds, 530 photographs of garments and 220 fonts. Packing them takes four minutes of a core.
"""

from __future__ import annotations

import io
import json
import logging
import lzma
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from logoscan._quote import cause
from logoscan.errors import CorruptFileError
from logoscan.io.files import atomic_write
from logoscan.training.compose import GARMENTS
from logoscan.training.icon_files import load, save
from logoscan.training.icons import IconRow, Icons, from_arrays
from logoscan.training.materials import Backgrounds, backgrounds_from_arrays, load_backgrounds, save_backgrounds
from logoscan.training.wordmarks import font_files

logger = logging.getLogger(__name__)

# Share of the megabytes for each kind of material.
_SHARES = {"drawings": 0.56, "fonts": 0.18, "backgrounds": 0.16, GARMENTS: 0.1}
# Most icons of a class, and how much likelier than another one a class with several icons is taken.
_MOST_OF_CLASS, _SEVERAL_WEIGHT = 6, 4.0
# Icons that are compressed together: more of them are hardly smaller.
_CHUNK = 512
# Distance of two of the 16 levels of a channel.
_LEVEL = 17
# Quality of the photographs, as cv2 has it for WebP.
_QUALITY = 75
# Size of the largest font file that is carried, bytes; larger ones are mostly of other scripts.
_LARGEST_FONT = 400_000


def _nibbles(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return bytes reduced to 16 levels, two in a byte."""
    levels = ((pixels.reshape(-1).astype(np.uint16) + _LEVEL // 2) // _LEVEL).astype(np.uint8)
    levels = np.pad(levels, (0, len(levels) % 2))
    return (levels[0::2] << 4 | levels[1::2]).astype(np.uint8).tobytes()


def _levels(packed: bytes, count: int) -> npt.NDArray[np.uint8]:
    """Return the first `count` bytes that `_nibbles` reduced, uint8 (count,)."""
    pairs = np.frombuffer(packed, np.uint8)
    return np.stack([pairs >> 4, pairs & 15], 1).reshape(-1)[:count] * np.uint8(_LEVEL)


def _pack_icon(rgba: npt.NDArray[np.uint8], one_colour: bool) -> bytes:
    """Return the bytes of an icon: its mean colour and its alpha if it has one colour, otherwise all channels."""
    if one_colour:
        visible = rgba[rgba[..., 3] > 128][:, :3]
        colour = visible.mean(0).round().astype(np.uint8) if len(visible) else np.zeros(3, np.uint8)
        return colour.tobytes() + _nibbles(rgba[..., 3])
    return _nibbles(np.where(rgba[..., 3:] < _LEVEL // 2, np.uint8(0), rgba))


def _unpack_icon(packed: bytes, h: int, w: int, one_colour: bool) -> npt.NDArray[np.uint8]:
    """Return the icon that `_pack_icon` packed, uint8 (h, w, 4) RGBA."""
    if not one_colour:
        return _levels(packed, h * w * 4).reshape(h, w, 4)
    out = np.empty((h, w, 4), np.uint8)
    out[..., :3] = np.frombuffer(packed[:3], np.uint8)
    out[..., 3] = _levels(packed[3:], h * w).reshape(h, w)
    return out


def _packed_length(h: int, w: int, one_colour: bool) -> int:
    """Return how many bytes `_pack_icon` makes of an icon."""
    return 3 + (h * w + 1) // 2 if one_colour else (h * w * 4 + 1) // 2


def choose_icons(icons: Icons, rng: np.random.Generator) -> Iterator[int]:
    """Yield the numbers of all icons that may be carried, class by class, in a random order.

    Classes with several icons tend to come first, because other renditions of a brand are what is learnt from. Of a
    class with many icons, six are yielded, of as many icon sets as there are.
    """
    classes = icons.by_class()
    weight = np.where([len(members) > 1 for members in classes], _SEVERAL_WEIGHT, 1.0)
    for k in np.argsort(rng.exponential(size=len(classes)) / weight).tolist():
        turns: dict[str, int] = {}
        ranked: list[tuple[int, int]] = []
        for i in rng.permutation(classes[k]).tolist():
            turns[icons.sources[i]] = turns.get(icons.sources[i], 0) + 1
            ranked.append((turns[icons.sources[i]], i))
        ranked.sort(key=lambda pair: pair[0])
        yield from (i for _, i in ranked[:_MOST_OF_CLASS])


def pack_icons(icons: Icons, budget: int, rng: np.random.Generator) -> bytes:
    """Return as many icons as fit into `budget` bytes, at least one chunk of 512 or all, as an archive."""
    table: dict[str, list[object]] = {"names": [], "sources": [], "one_colour": [], "shapes": []}
    chunks: list[bytes] = []
    order, size = list(choose_icons(icons, rng)), 0
    for begin in range(0, len(order), _CHUNK):
        part = order[begin : begin + _CHUNK]
        chunk = lzma.compress(b"".join(_pack_icon(icons.rgba(i), bool(icons.one_colour[i])) for i in part))
        if chunks and size + len(chunk) > budget:
            break
        chunks.append(chunk)
        size += len(chunk)
        for i in part:
            table["names"].append(icons.names[int(icons.labels[i])])
            table["sources"].append(icons.sources[i])
            table["one_colour"].append(bool(icons.one_colour[i]))
            table["shapes"].append(icons.shapes[i].tolist())
    return _archive({"icons.json": lzma.compress(json.dumps(table).encode())}, chunks)


def unpack_icons(archive: bytes) -> Icons:
    """Return the icons in an archive of `pack_icons`."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        table = json.loads(lzma.decompress(files.read("icons.json")))
        kinds = list(zip(table["names"], table["sources"], table["one_colour"], table["shapes"], strict=True))
        rows: list[IconRow] = []
        for k in range(-(-len(kinds) // _CHUNK)):
            packed, begin = lzma.decompress(files.read(f"{k:06}")), 0
            for name, source, one_colour, (h, w) in kinds[k * _CHUNK : (k + 1) * _CHUNK]:
                end = begin + _packed_length(h, w, one_colour)
                rows.append((name, source, one_colour, _unpack_icon(packed[begin:end], h, w, one_colour)))
                begin = end
    return from_arrays(rows)


def pack_photographs(photographs: Backgrounds, budget: int, rng: np.random.Generator) -> bytes:
    """Return a random choice of photographs that fits into `budget` bytes, as an archive."""
    chosen: list[bytes] = []
    size = 0
    for i in rng.permutation(len(photographs)).tolist():
        bgr = np.ascontiguousarray(photographs.rgb(i)[..., ::-1])
        file = bytes(cv2.imencode(".webp", bgr, (cv2.IMWRITE_WEBP_QUALITY, _QUALITY))[1])
        if size + len(file) > budget:
            break
        chosen.append(file)
        size += len(file)
    return _archive({}, chosen)


def unpack_photographs(archive: bytes) -> Backgrounds:
    """Return the photographs in an archive of `pack_photographs`."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        coded = [np.frombuffer(files.read(name), np.uint8) for name in sorted(files.namelist())]
    return backgrounds_from_arrays([np.asarray(cv2.imdecode(c, cv2.IMREAD_COLOR_RGB), np.uint8) for c in coded])


def pack_fonts(fonts: str | Path, budget: int, rng: np.random.Generator) -> bytes:
    """Return fonts that fit into `budget` bytes as a zip file, one of each folder before a second one of any."""
    turns: dict[Path, int] = {}
    ranked: list[tuple[int, Path]] = []
    for path in (Path(file) for file in rng.permutation(sorted(font_files(fonts))).tolist()):
        if path.stat().st_size <= _LARGEST_FONT:
            turns[path.parent] = turns.get(path.parent, 0) + 1
            ranked.append((turns[path.parent], path))
    chosen: dict[str, bytes] = {}
    size = 0
    for number, (_, path) in enumerate(sorted(ranked, key=lambda pair: pair[0])):
        packed = lzma.compress(path.read_bytes())
        if size + len(packed) > budget:
            break
        chosen[f"{number:04}-{path.name}.xz"] = packed
        size += len(packed)
    return _archive(chosen, [])


def _archive(named: dict[str, bytes], numbered: list[bytes]) -> bytes:
    """Return a zip file of parts that are compressed already, some by name and some by number."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as files:
        for name, data in {**named, **{f"{k:06}": data for k, data in enumerate(numbered)}}.items():
            files.writestr(zipfile.ZipInfo(name), data)  # without the time, so that the same choice is the same file
    return file.getvalue()


@dataclass(frozen=True)
class Carried:
    """Counts of the material in a folder.

    Attributes:
        icons: Icons.
        classes: Their classes.
        backgrounds: Photographs and textures.
        garments: Photographs of clothes and shoes.
        fonts: Font files.
    """

    icons: int
    classes: int
    backgrounds: int
    garments: int
    fonts: int


def pack_material(work: str | Path, fonts: str | Path, folder: str | Path, megabytes: float, seed: int = 0) -> int:
    """Write a varied choice of the material to a folder of four files.

    Args:
        work: Folder that ``python -m logoscan.training drawings`` made.
        fonts: Folder of font files.
        folder: Folder to write.
        megabytes: Greatest size of all files together, in millions of bytes.
        seed: Seed of the choice.

    Returns:
        Size of all files together, bytes.
    """
    source, target, rng = Path(work), Path(folder), np.random.default_rng(seed)
    target.mkdir(parents=True, exist_ok=True)
    left = {name: share * megabytes * 1e6 * 0.99 for name, share in _SHARES.items()}  # 1 %: heads of the files
    parts = {"fonts": pack_fonts(fonts, int(left["fonts"]), rng)}
    for name in (GARMENTS, "backgrounds"):
        photographs = load_backgrounds(source / name) if (source / name).is_dir() else backgrounds_from_arrays([])
        parts[name] = pack_photographs(photographs, int(left[name]), rng)
    spare = sum(left[name] - len(data) for name, data in parts.items())  # icons get what the others leave
    parts["drawings"] = pack_icons(load(source / "drawings"), int(left["drawings"] + max(0.0, spare)), rng)
    for name, data in parts.items():
        atomic_write(target / f"{name}.zip", data)
    return sum(map(len, parts.values()))


def unpack_material(folder: str | Path, work: str | Path) -> Carried:
    """Write the material that `pack_material` packed as a working folder, with the fonts in its folder ``fonts``.

    Args:
        folder: Folder of `pack_material`.
        work: Working folder to write, for `Composer.from_folders`.

    Raises:
        CorruptFileError: If a file is missing or is none of `pack_material`.
    """
    source, target = Path(folder), Path(work)
    try:
        parts = {name: (source / f"{name}.zip").read_bytes() for name in _SHARES}
        icons = unpack_icons(parts["drawings"])
        photographs = {name: unpack_photographs(parts[name]) for name in ("backgrounds", GARMENTS)}
        with zipfile.ZipFile(io.BytesIO(parts["fonts"])) as files:
            fonts = {Path(name).stem: lzma.decompress(files.read(name)) for name in files.namelist()}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise CorruptFileError(f"{source}: expected packed material, got {cause(error)}") from error
    save(icons, target / "drawings")
    for name, pictures in photographs.items():
        save_backgrounds(pictures, target / name)
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    for name, data in fonts.items():
        (target / "fonts" / name).write_bytes(data)
    backgrounds, garments = len(photographs["backgrounds"]), len(photographs[GARMENTS])
    return Carried(len(icons), len(icons.names), backgrounds, garments, len(fonts))
