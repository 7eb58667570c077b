"""What a seller may do to a brand's name in a title so that it is not found, in degrees; how many are found then."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import OSA

from benchmarks.common.statistics import share
from benchmarks.common.titles import BRANDS, DIGITS, SIGNS, honest_title
from logoscan.results import SHOWN_FROM
from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import fold
from logoscan.types import Brand

LEAST_LETTERS = 6
"""Letters of the shortest name that is attacked: two letters changed in one of four leave another word."""


@dataclass(frozen=True)
class TitleAttack:
    """One way to write a name so that it is not found.

    Attributes:
        name: Key in the figures.
        unit: Unit of the degrees.
        degrees: Degrees from the mildest on; severity 0 is the name of the index.
        change: Makes the spelling of a generator, a name and a degree; None where the name has nothing to change.
    """

    name: str
    unit: str
    degrees: tuple[float, ...]
    change: Callable[[random.Random, str, float], str | None]

    def __call__(self, seed: str, name: str, severity: int) -> str | None:
        """Spell the name at a severity; severity 0 is the name itself."""
        if not 0 <= severity <= len(self.degrees):
            raise ValueError(f"severity: expected 0 to {len(self.degrees)}, got {severity}")
        return name if severity == 0 else self.change(random.Random(seed), name, self.degrees[severity - 1])


def _misspelt(rng: random.Random, name: str, letters: float) -> str | None:
    """Replace, drop, double or exchange letters until the name is so many of these steps away."""
    if len(fold(name)) < LEAST_LETTERS:
        return None
    spelling = name
    while OSA.distance(fold(spelling), fold(name)) < letters:
        at = rng.randrange(1, len(spelling) - 1)  # the first letter is what a buyer looks for
        if not spelling[at : at + 2].isalpha() or len(spelling[at : at + 2]) < 2:
            continue
        one, next_one = spelling[at], spelling[at + 1]
        middle = rng.choice((rng.choice("abcdefghiklmnoprstuvxz"), "", one * 2, next_one + one))
        changed = spelling[:at] + middle + spelling[at + 1 + (middle == next_one + one) :]
        if OSA.distance(fold(changed), fold(name)) == OSA.distance(fold(spelling), fold(name)) + 1:
            spelling = changed
    return spelling


def _some(rng: random.Random, positions: list[int], part: float) -> list[int]:
    """Draw a share of positions, at least one; a larger share holds those of a smaller one."""
    rng.shuffle(positions)
    return positions[: max(1, round(part * len(positions)))]


def _leet(rng: random.Random, name: str, part: float) -> str | None:
    positions = [i for i, c in enumerate(name) if c.lower() in DIGITS or c.lower() in SIGNS]
    if not positions:
        return None
    table = DIGITS | SIGNS if rng.random() < 0.5 else SIGNS | DIGITS
    chosen = _some(rng, positions, part)
    return "".join(table[c.lower()] if i in chosen else c for i, c in enumerate(name))


def _spaced(rng: random.Random, name: str, part: float) -> str | None:
    gap = rng.choice((" ", ".", "-", "_", "*"))
    positions = [i for i in range(1, len(name)) if name[i - 1 : i + 1].isalnum()]
    chosen = _some(rng, positions, part)
    return "".join(gap * (i in chosen) + c for i, c in enumerate(name))


def _mixed_case(rng: random.Random, name: str, part: float) -> str | None:
    positions = [i for i, c in enumerate(name) if c.swapcase() != c]
    chosen = _some(rng, positions, part)
    return "".join(c.swapcase() if i in chosen else c for i, c in enumerate(name))


TITLE_ATTACKS = (
    TitleAttack("misspelling", "letters replaced, dropped, doubled or exchanged", (1, 2, 3), _misspelt),
    TitleAttack("leet", "share of the letters with a digit or sign like them", (0.25, 0.5, 0.75, 1.0), _leet),
    TitleAttack("spacing", "share of the gaps between letters that are filled", (0.25, 0.5, 0.75, 1.0), _spaced),
    TitleAttack("mixed case", "share of the letters in the other case", (0.25, 0.5, 0.75, 1.0), _mixed_case),
)
"""All attacks on names."""


def on_titles(count: int, seed: int) -> dict[str, Any]:
    """Compute the share of generated titles whose brand is found, by attack and severity, each with its interval.

    found: the brand is named surely enough to be judged; flagged: the name is misspelt or disguised, which is a reason
    of the score.
    """
    index = NameIndex(map(Brand, BRANDS))
    rng = random.Random(seed)
    long_enough = [b for b in BRANDS if len(fold(b)) >= LEAST_LETTERS]
    titles = [(rng.choice(long_enough), honest_title(rng, "\0")) for _ in range(count)]
    figures: dict[str, Any] = {}
    for attack in TITLE_ATTACKS:
        rows = []
        for severity in range(len(attack.degrees) + 1):
            found, flagged = [], []
            for i, (brand, title) in enumerate(titles):
                spelling = attack(f"{seed} {attack.name} {i}", brand, severity)
                if spelling is None:
                    continue
                named = [m for m in index.find(title.replace("\0", spelling), "title") if m.brand == brand]
                found.append(any(m.probability >= SHOWN_FROM for m in named))
                flagged.append(any(m.distance > 0 for m in named))
            degree = attack.degrees[severity - 1] if severity else None
            rows.append({"degree": degree, "n": len(found), **share("found", found), **share("flagged", flagged)})
        figures[attack.name] = {"unit": attack.unit, "severities": rows}
    return figures
