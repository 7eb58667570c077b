"""Lines of text in many scripts, drawn with the fonts of a machine: shaped as their readers expect.

Arabic letters join and run to the left, Thai vowels stand above and below: FreeType alone draws neither, so that Pillow
with Raqm is needed. This module must not know how lines are put into pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, features

from logoscan.errors import MissingDependencyError
from logoscan.training.wordmarks import random_name

__all__ = ["SAMPLES", "draw_line", "fonts_by_script", "random_line"]

logger = logging.getLogger(__name__)

SAMPLES: Mapping[str, str] = {
    "Latn": "aegRS",
    "Cyrl": "джЯыФ",
    "Grek": "γλΩψΣ",
    "Hebr": "אבשלמ",
    "Arab": "بعكسم",
    "Deva": "अकमशह",
    "Thai": "กขณสอ",
    "Kore": "가나훈쇄밟",
    "Hira": "あぬいをふ",
    "Hani": "中国店新品",
    "Armn": "ԱԲբգֆ",
    "Beng": "অকমশহ",
    "Ethi": "ሀመሰበነ",
    "Geor": "აბგდე",
    "Khmr": "កខគងច",
    "Laoo": "ກຂຄງຈ",
    "Mymr": "ကခဂငစ",
    "Taml": "அகஙசஞ",
    "Telu": "అకగచట",
}
"""Letters that a font must draw, each differently, to be a font of a script, by the script's ISO 15924 code."""
# Letters of scripts in which any letter may follow any other.
_LETTERS: Mapping[str, str] = {
    "Hebr": "אבגדהוזחטיכלמנסעפצקרשת",
    "Arab": "اابتثجحخدذرزسشصضطظعغفقكللمنهوييةىأ",
    "Armn": "ԱԲԳԴԵԶԷԹԻԼԽԿՀՁՂՃՄՅՆՈՉՊՍՎՏՐՑՒՓՔաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "Ethi": "ሀለሐመሠረሰሸቀበተቸነኘአከኸወዐዘየደጀገጠፀፈፐሁሉሙሩሱቁቡቱኑኢካላማራሳባታና",
    "Geor": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
}
# Consonants, and what may follow a consonant.
_SYLLABLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Deva": ("कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह", ("", "", "ा", "ि", "ी", "ु", "े", "ो", "ं", "्र")),
    "Beng": ("কখগঘচছজঝটঠডঢতথদধনপফবভমযরলশষসহ", ("", "", "া", "ি", "ী", "ু", "ে", "ো")),
    "Khmr": ("កខគងចជញដតថទធនបពមយរលវសហអ", ("", "ា", "ិ", "ី", "ុ", "េ", "ោ")),
    "Laoo": ("ກຂຄງຈຊຍດຕຖທນບປຜພຟມຢລວສຫອຮ", ("", "າ", "ິ", "ີ", "ຸ", "່", "້")),
    "Mymr": ("ကခဂငစဆဇညတထဒဓနပဖဗဘမယရလဝသဟအ", ("", "ာ", "ိ", "ီ", "ု", "ူ", "ေ", "း")),
    "Taml": ("கஙசஞடணதநபமயரலவழளறன", ("", "ா", "ி", "ீ", "ு", "ெ", "்", "்")),
    "Telu": ("కఖగఘచజటడతదధనపఫబభమయరలవశసహ", ("", "ా", "ి", "ీ", "ు", "ె", "ో", "్ర")),
    "Thai": (
        "กกขคงจชซญดดตตถทธนนบปผพฟมมยรรลลวศสสหหออ",
        ("", "", "า", "า", "ะ", "ิ", "ี", "ึ", "ื", "ุ", "ู", "ั", "็", "่", "้", "ี่", "ิ้", "์", "ำ"),
    ),
}
# Thai vowels that stand before their consonant.
_THAI_BEFORE = "เแโใไ"
_CYRILLIC = "бвгджзклмнпрстфхцчшщ", "аеёиоуыэюяйьіїє"
_GREEK = "βγδζθκλμνξπρστφχψ", "αεηιουωάέήίόύώς"
# The more frequent half of Hangul's vowels and final consonants, by their numbers in a syllable; 0 is no final.
_HANGUL_VOWELS, _HANGUL_FINALS = (0, 1, 4, 5, 6, 8, 12, 13, 18, 20), (0, 0, 0, 0, 1, 4, 8, 16, 17, 19, 21)
_KANA = "".join(map(chr, (*range(0x3042, 0x3094), *range(0x30A2, 0x30F4)))) + "ーー"
# Size in px in which lines are drawn, before they are scaled.
_DRAWN_PX = 64


def fonts_by_script(files: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    """Return the font files of each script that draw its sample letters, sorted.

    Args:
        files: Font files, or folders that are searched for ``.ttf``, ``.ttc`` and ``.otf``.

    Raises:
        MissingDependencyError: Pillow lacks Raqm.
    """
    if not features.check("raqm"):
        raise MissingDependencyError("Pillow lacks Raqm, which shapes Arabic and Thai; pip install pillow")
    paths = [p for file in files for p in (sorted(file.rglob("*")) if file.is_dir() else [file])]
    out: dict[str, list[str]] = {script: [] for script in SAMPLES}
    for path in sorted(p for p in set(paths) if p.suffix.lower() in (".ttf", ".ttc", ".otf")):
        try:
            font = ImageFont.truetype(str(path), 24)
            absent = bytes(font.getmask("\U000ffffe"))
            for script, letters in SAMPLES.items():
                drawn = {bytes(font.getmask(letter)) for letter in letters} - {absent}
                if len(drawn) == len(letters):
                    out[script].append(str(path))
        except (OSError, ValueError) as error:
            logger.debug("font left out: %s: %s", path, error)
    return {script: tuple(paths) for script, paths in out.items()}


@lru_cache(maxsize=1)
def _han() -> str:
    """Return the 3,755 characters of GB 2312's first level, the frequent ones, and traditional forms of Big5's."""
    simplified = bytes(b for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF) for b in (row, cell))
    traditional = bytes(b for row in range(0xA4, 0xC6) for cell in range(0xA1, 0xFF) for b in (row, cell))
    return simplified.decode("gb2312", "ignore") + traditional.decode("big5", "ignore")


def random_line(rng: np.random.Generator, script: str) -> str:
    """Return made-up text of one or two words in a script of `SAMPLES`; "Hira" is Japanese, with Kana and Kanji."""
    line = _random_word(rng, script)
    return f"{line} {_random_word(rng, script)}" if rng.random() < 0.2 else line


def _random_word(rng: np.random.Generator, script: str) -> str:
    def pick(letters: Sequence[str]) -> str:
        return letters[int(rng.integers(len(letters)))]

    n = int(rng.integers(2, 9))
    if script == "Kore":
        return "".join(_hangul(rng) for _ in range(max(2, n - 2)))
    if script == "Hani":
        return "".join(pick(_han()) for _ in range(max(2, n - 3)))
    if script == "Hira":
        kana, kanji = rng.random() < 0.7, rng.random() < 0.5
        return "".join(pick(_KANA if kana and (not kanji or rng.random() < 0.7) else _han()) for _ in range(n))
    if script in ("Cyrl", "Grek"):
        consonants, vowels = _CYRILLIC if script == "Cyrl" else _GREEK
        word = "".join(pick(consonants if (i + n) % 2 or rng.random() < 0.2 else vowels) for i in range(n))
        case = rng.random()
        return word.upper() if case < 0.4 else word.title() if case < 0.8 else word
    if script == "Thai":
        consonants, marks = _SYLLABLES[script]
        before = [pick(_THAI_BEFORE) if rng.random() < 0.25 else "" for _ in range(n)]
        return "".join(vowel + pick(consonants) + pick(marks) for vowel in before)
    if script in _SYLLABLES:
        return "".join(pick(_SYLLABLES[script][0]) + pick(_SYLLABLES[script][1]) for _ in range(n))
    if script in _LETTERS:
        return "".join(pick(_LETTERS[script]) for _ in range(n))
    return random_name(rng) if rng.random() < 0.8 else f"{random_name(rng)} {int(rng.integers(1, 2000))}"


def _hangul(rng: np.random.Generator) -> str:
    """Return one syllable, mostly of frequent parts."""
    if rng.random() < 0.3:
        return chr(0xAC00 + int(rng.integers(11172)))
    first, vowel = int(rng.integers(19)), int(rng.choice(_HANGUL_VOWELS))
    return chr(0xAC00 + (first * 21 + vowel) * 28 + int(rng.choice(_HANGUL_FINALS)))


@lru_cache(maxsize=512)
def _font(path: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, _DRAWN_PX, layout_engine=ImageFont.Layout.RAQM)


@lru_cache(maxsize=1 << 16)
def _lacks(font_path: str, letter: str) -> bool:
    font = _font(font_path)
    return not letter.isspace() and bytes(font.getmask(letter)) == bytes(font.getmask("\U000ffffe"))


def draw_line(text: str, font_path: str) -> npt.NDArray[np.float32] | None:
    """Return how much ink a line of text leaves, float32 (h, w) 0..1, cut to the ink.

    None if the font lacks a letter of it, or draws nothing.
    """
    try:
        font = _font(font_path)
        if any(_lacks(font_path, letter) for letter in text):
            return None
        left, top, right, bottom = font.getbbox(text)
        canvas = Image.new("L", (int(right - left) + 32, int(bottom - top) + 32), 0)
        ImageDraw.Draw(canvas).text((16 - left, 16 - top), text, font=font, fill=255)
    except (OSError, ValueError) as error:
        logger.debug("line not drawn: %s", error)
        return None
    box = canvas.getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 6:
        return None
    return np.asarray(canvas.crop(box), np.float32) / np.float32(255)
