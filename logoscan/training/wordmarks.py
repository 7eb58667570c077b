"""Procedural wordmarks: made-up names set in free fonts, an unlimited source of classes.

The class of a wordmark is its name in its lettering. This module must not know how marks are put into pictures.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from logoscan.training.heldout import is_held_out
from logoscan.training.icons import ICON_PX

logger = logging.getLogger(__name__)

# Letters and digits whose positions `letter_places` describes.
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
# Numbers of equal parts into which `letter_places` cuts a name.
_PARTS = (1, 2, 3, 4, 5)
LETTER_PLACES = sum(_PARTS) * len(_ALPHABET)
"""Length of the vectors of `letter_places`."""
# Beginnings of syllables of made-up words.
_ONSETS = tuple("b c d f g h j k l m n p r s t v w z br cl dr fl gr kr pl sh st tr th qu x".split())  # noqa: SIM905
# Vowels of made-up words; repeated ones are more frequent.
_VOWELS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ea", "oo", "io", "ai", "y"]
# Endings of syllables of made-up words.
_ENDS = ["", "", "", "n", "r", "s", "x", "l", "t", "m", "ck", "nd", "ss", "ll", "rt"]
# Further words of made-up names.
_TAILS = ["& co", "labs", "group", "studio", "sport", "one", "bio", "tech", "paris", "foods", "&", "23", "66", "plus"]


def font_files(folder: str | Path) -> tuple[str, ...]:
    """Return the font files below a folder that draw the basic Latin letters differently from each other.

    Args:
        folder: Folder searched recursively for ``.ttf`` and ``.otf``.

    Returns:
        Sorted paths, without symbol fonts and fonts of other scripts.
    """
    usable = []
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".ttf", ".otf")):
        try:
            font = ImageFont.truetype(str(path), 24)
            pictures = {bytes(font.getmask(letter)) for letter in "aegnRS"}
            if len(pictures) == 6 and font.getmask("n").getbbox() is not None:
                usable.append(str(path))
        except (OSError, ValueError) as error:
            logger.debug("font left out: %s: %s", path, error)
    return tuple(usable)


@lru_cache(maxsize=512)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font of a size in px, cached."""
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def random_word(rng: np.random.Generator) -> str:
    """Return a made-up lower-case word of one to three syllables that names no held-out brand."""
    while True:
        syllables = int(rng.choice([1, 2, 2, 2, 3]))
        parts = [
            str(rng.choice(_ONSETS)) + str(rng.choice(_VOWELS)) + (str(rng.choice(_ENDS)) if rng.random() < 0.6 else "")
            for _ in range(syllables)
        ]
        word = "".join(parts)
        if len(word) >= 2 and not is_held_out(word):
            return word


def random_name(rng: np.random.Generator) -> str:
    """Return a made-up brand name: one or two words, or initials, in some case; sometimes with a further word."""
    name = random_word(rng)
    kind = rng.random()
    if kind < 0.15:
        name = f"{name} {random_word(rng)}"
    elif kind < 0.22:
        name = f"{name} {rng.choice(_TAILS)}"
    elif kind < 0.27:
        name = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), int(rng.integers(2, 4))))
    case = rng.random()
    name = name.upper() if case < 0.4 else name.title() if case < 0.75 else name
    return name if not is_held_out(name) else random_name(rng)


def change_name(rng: np.random.Generator, name: str) -> str:
    """Return `name` with one or two letters replaced, dropped or doubled; it differs from `name`."""
    letters = [i for i, c in enumerate(name) if c.isalpha()]
    if not letters:
        return name + "a"
    while True:
        out = list(name)
        for _ in range(int(rng.integers(1, 3))):
            i = letters[int(rng.integers(len(letters)))]
            kind = rng.random()
            new = str(rng.choice(list("aeioubcdfglmnprstvxz")))
            out[i] = (new.upper() if name[i].isupper() else new) if kind < 0.7 else "" if kind < 0.85 else name[i] * 2
        changed = "".join(out)
        if changed.strip() and changed != name and not is_held_out(changed):
            return changed


@lru_cache(maxsize=1 << 16)
def letter_places(name: str) -> npt.NDArray[np.float32]:
    """Return which letters a name has in which parts, float32 (`LETTER_PLACES`,), 0 or 1.

    This is the pyramidal histogram of characters of Almazan et al. (TPAMI 2014): the name is cut into 1, 2, ... 5 equal
    parts, and each part has a 1 for each of 36 letters and digits that lies in it by half or more.
    """
    letters = [c for c in name.lower() if c in _ALPHABET]
    out = np.zeros((LETTER_PLACES // len(_ALPHABET), len(_ALPHABET)), np.float32)
    row = 0
    for parts in _PARTS:
        for part in range(parts):
            for i, letter in enumerate(letters):
                overlap = min((i + 1) / len(letters), (part + 1) / parts) - max(i / len(letters), part / parts)
                if overlap * len(letters) >= 0.5:
                    out[row, _ALPHABET.index(letter)] = 1
            row += 1
    out.flags.writeable = False  # the array is cached and shared
    return out.reshape(-1)


def draw_name(name: str, font_path: str, spacing_em: float = 0.0) -> npt.NDArray[np.uint8] | None:
    """Return a name drawn in black, uint8 (h, w, 4) RGBA, long side `ICON_PX`.

    Args:
        name: Text to draw; a newline starts a second line.
        font_path: Font file.
        spacing_em: Extra space between letters, in font heights.

    Returns:
        The wordmark, or None if the font draws nothing usable.
    """
    try:
        font = _font(font_path, 64)
        if spacing_em:
            width = sum(font.getlength(c) + spacing_em * 64 for c in name)
            canvas = Image.new("L", (int(width) + 40, 160), 0)
            pen, x = ImageDraw.Draw(canvas), 16.0
            for c in name:
                pen.text((x, 32), c, font=font, fill=255)
                x += font.getlength(c) + spacing_em * 64
        else:
            lines = name.split("\n")
            width = max(font.getlength(line) for line in lines)
            canvas = Image.new("L", (int(width) + 60, 100 + 80 * len(lines)), 0)
            ImageDraw.Draw(canvas).multiline_text((30, 32), name, font=font, fill=255, align="center", spacing=4)
    except (OSError, ValueError) as error:
        logger.debug("name not drawn: %s", error)
        return None
    box = canvas.getbbox()
    if box is None or box[2] - box[0] < 8 or box[3] - box[1] < 6:
        return None
    alpha = np.asarray(canvas)[box[1] : box[3], box[0] : box[2]]
    scale = ICON_PX / max(alpha.shape)
    size = (max(2, round(alpha.shape[1] * scale)), max(2, round(alpha.shape[0] * scale)))
    alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    rgba[..., 3] = alpha
    return rgba


def draw_word(
    rng: np.random.Generator, fonts: tuple[str, ...], given_name: str = ""
) -> tuple[str, str, npt.NDArray[np.uint8]] | None:
    """Return (name, font file, RGBA wordmark) of `given_name`, or of a made-up name; None without usable fonts."""
    for _ in range(20 if fonts else 0):
        name, font = given_name or random_name(rng), fonts[int(rng.integers(len(fonts)))]
        spacing = float(rng.uniform(-0.05, 0.35)) if rng.random() < 0.25 else 0.0
        if " " in name and not spacing and rng.random() < 0.4:
            name = name.replace(" ", "\n")
        wordmark = draw_name(name, font, spacing)
        if wordmark is not None:
            return name, font, wordmark
    return None


def add_word(
    icon: npt.NDArray[np.uint8], word: npt.NDArray[np.uint8], stacked: bool, gap: float = 0.15
) -> npt.NDArray[np.uint8]:
    """Return an icon with a word to its right, or below it if `stacked`.

    Args:
        icon: uint8 (h, w, 4) RGBA.
        word: uint8 (h, w, 4) RGBA.
        stacked: True to put the word below the icon.
        gap: Distance between icon and word, in icon heights.

    Returns:
        One logo image, uint8 (h, w, 4) RGBA, long side at most `ICON_PX`.
    """
    ih, iw = icon.shape[:2]
    if stacked:
        w = max(4, round(iw * 1.6))
        h = max(3, round(word.shape[0] * w / word.shape[1]))
        h, w = min(h, ih), w if h <= ih else max(4, round(w * ih / h))
    else:
        h = max(3, round(ih * 0.55))
        w = max(4, round(word.shape[1] * h / word.shape[0]))
    word = cv2.resize(word, (w, h), interpolation=cv2.INTER_AREA)
    space = round(ih * gap)
    if stacked:
        out = np.zeros((ih + space + h, max(iw, w), 4), np.uint8)
        out[:ih, (out.shape[1] - iw) // 2 :][:, :iw] = icon
        out[ih + space :, (out.shape[1] - w) // 2 :][:, :w] = word
    else:
        out = np.zeros((ih, iw + space + w, 4), np.uint8)
        out[:, :iw] = icon
        out[(ih - h) // 2 :, iw + space :][:h] = word
    scale = ICON_PX / max(out.shape[:2])
    if scale < 1:
        out = cv2.resize(
            out,
            (max(2, round(out.shape[1] * scale)), max(2, round(out.shape[0] * scale))),
            interpolation=cv2.INTER_AREA,
        )
    return out
