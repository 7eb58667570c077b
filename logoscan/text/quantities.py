"""How much a title says is sold: pieces in the pack, and the amount of one piece in ml, g or m.

Knows numbers, units and words for packs; knows no brands, prices or scores. A title that says nothing means one piece
of no stated amount, and what can be read in two ways counts as not said: better no amount than a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from logoscan.errors import InputError
from logoscan.text.letters import bare, unstacked

__all__ = ["Pack", "measure", "pack"]

# Text beyond this is not read, as in `brand_names`.
_MAX_CHARS = 20_000
_MAX_COUNT = 1000
# Larger numbers of pieces, ml, g or m are years, codes and typing errors, not what one buyer gets.
_MAX_AMOUNT = 1e6
# Two statements that differ by a smaller share give one amount: "3.4 oz" beside "100 ml" is rounded.
_SAME_AMOUNT = 0.05
# The American fluid ounce. A bare "oz" means it, not 28.35 g: in 9,168 titles of cosmetics four in five "oz" that stand
# beside a metric amount stand beside ml. As numbers the two differ by 4 %.
_FLUID_OUNCE_ML = 29.5735

# The patterns are applied to text that `_folded` made: no case or accents, simplified Chinese, single spaces, " x " for
# every sign of times.
_UNITS = (
    ("ml", 1.0, "mls? mill?ilit(?:er|re)s? mililitros? millilitri мл 毫升"),
    ("ml", 10.0, "cl centilit(?:er|re)s?"),
    ("ml", 100.0, "dl"),
    ("ml", 1000.0, "l lt ltrs? lit(?:er|re)s? litros? litri л 升"),
    ("ml", _FLUID_OUNCE_ML, r"fl\.?\s?oz fl\.?\s?ounces? fluid\s?ounces? oz ounces?"),
    ("ml", 3785.41, "gal gallons?"),
    ("g", 1.0, "g gr gms? grs grams? gramm grammes? gramos? grammi г гр 克"),
    ("g", 1000.0, "kgs? kilos? kilograms? kilogramm кг 千克 公斤"),
    ("g", 453.592, "lbs?"),
    ("m", 1.0, "m mtrs? met(?:er|re)s? metros? metri м 米"),
    ("m", 0.9144, "yds? yards?"),
)
# Doses and dimensions: they can be compared, but do not tell how much is sold.
_SIZES = (
    ("g", 0.001, "mg"),
    ("m", 0.001, "mm"),
    ("m", 0.01, "cms? centimet(?:er|re)s?"),
    ("m", 0.0254, 'in inch(?:es)? zoll "'),
    ("m", 0.3048, "ft feet foot"),
)

# Letters of scripts that part words by spaces; Chinese does not: "香水50ml装".
_WORD_LETTERS = "a-z0-9\u00c0-\u04ff"
# Before a number: it is not the end of a code, ratio, range or decimal.
_ALONE = rf"(?<![{_WORD_LETTERS}])(?<![0-9][-–/⁄.,:])(?<![0-9]\. )"
_NUMBER = (
    rf"{_ALONE}([0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9,])(?:\.[0-9]+)?|[0-9]{{1,9}}(?:[.,][0-9]{{1,9}})?|[.,][0-9]{{1,9}})"
)
_INT = "[0-9]{1,4}"


def _spellings(rows: tuple[tuple[str, float, str], ...]) -> str:
    return "|".join(sorted((s for *_, row in rows for s in row.split()), key=len, reverse=True))


_AMOUNT = re.compile(rf"{_NUMBER} ?-?({_spellings(_UNITS)})\.?(?![{_WORD_LETTERS}'’])")
_MEASURE = re.compile(rf"{_NUMBER} ?-?({_spellings(_UNITS + _SIZES)})\.?")
# Places where "3x50ml" and "50mlx3" are parted by spaces, so that each number begins a word.
_TIMES = re.compile(r"([0-9](?:[cdm]?l|k?g|oz)?) ?[x*] ?(?=[0-9.,])")
_TIMES_BEFORE = re.compile(rf"{_ALONE}({_INT}) (?:(?:pans?|pcs|pieces?|bottles?|tubes?) )?x ?$")
_TIMES_AFTER = re.compile(rf" ?\)? ?x ({_INT})(?![{_WORD_LETTERS}%]|[.,/][0-9]| x )")
# What stands between two statements of one amount: "1.7 oz/ 50 mL", "2 x 1 oz/ 2 x 30 mL".
_BETWEEN = re.compile(rf"[ /|(,.;=-]{{0,4}}(?:{_INT} x )?")
# Words before a limit or a rate, which are not what is sold: "up to 5 kg", "per 100 g".
_LIMIT_BEFORE = re.compile(r"(?:up to|max\.?|maximum|bis(?: zu)?|jusqu'?a|hasta|fino a|over|under|per|pro) ?:? ?$")
# Beside these a volume is what the thing holds.
_CONTAINERS = re.compile(
    r"back ?pack|rucksac?k|duff[el]{2}|trolley|suitcase|luggage|kettle|cooker|water ?bottle|trinkflasche|tumbler"
    r"|flask|thermos|\bmugs?\b|\bcups?\b|\bglass(?:es)?\b|bowl|\bjug|fridge|refrigerator|\boven|air ?fryer|humidifier"
)
# Beside these a bare "m" is metres; else it is a size or a width ("8.5 M").
_SOLD_BY_LENGTH = re.compile(
    r"cable|cord|kabel|rope|ribbon|tape|fabric|hose|wire|yarn|strip|roll|thread|stoff|schlauch"
)
# Beside these "5G" is a mobile network.
_PHONE_WORDS = re.compile(
    r"phone|galaxy|pixel|redmi|tablet|ipad|router|modem|hotspot|\bsim\b|\blte\b|[0-9] ?[gt]b\b|mobile|watch"
)
# Words behind a depth that a watch withstands.
_WATER_DEPTH = re.compile(r" ?\(?(?:water|wr\b|depth|wasser|range)")

_WORDS = {"twin": 2, "double": 2, "duo": 2, "doppel": 2, "triple": 3, "twelve": 12} | {
    word: number
    for number, words in {
        2: "two zwei deux dos due",
        3: "three drei trois tres tre",
        4: "four vier quatre cuatro quattro",
        5: "five funf cinq cinco cinque",
        6: "six sechs seis sei",
        8: "eight acht huit ocho otto",
        10: "ten zehn dix diez dieci",
    }.items()
    for word in words.split()
}
_COUNT = rf"({_INT}|{'|'.join(_WORDS)})"
_STARTS = rf"{_ALONE}(?<!in-)(?<!in )(?<!size )(?<!type ){_COUNT}"
# What may not stand behind a count: it makes the number a ratio, size, share, amount or age.
_NOT_A_COUNT = (
    rf"(?![{_WORD_LETTERS}%\"]|[.,/⁄:–-][0-9]|[ -]?in[ -]?[0-9]| x [0-9.,]+ ?(?:[cm]?m|in|inch|ft)(?![a-z])"
    rf"|[ -]?(?:[cdm]l|k?g|gr|gms?|(?:fl\.? ?)?oz|[cm]m|inch|inches|lbs?|yds?|met(?:er|re)s?|lit(?:er|re)s?)"
    rf"(?![{_WORD_LETTERS}])|[ -]?(?:years?|yrs?|months?|jahre|ans)(?![a-z]))"
)
_PIECES = "pieces|pcs|stuck|stk|stuks|pezzi|pz|piezas|pecas|unidades|uds|szt|sztuk[ai]?|шт|штук[иа]?|adet"
# Things of several pieces that are one all the same: a three-piece suit, a puzzle.
_ONE_THING = re.compile(
    r"\b(?:swim|track|jump)?suits?\b|bikini|outfit|\bdress\b|p[yai]+jama|kurta|lehenga|saree|puzzle|jigsaw|sofa"
)
# The most reliable pattern first: the first one that matches gives the count.
_COUNTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_STARTS} (?:packs|sets|boxes) of {_COUNT}{_NOT_A_COUNT}",
        rf"(?<![{_WORD_LETTERS}])(?:packs?|sets?|lots?|lote|juego|conjunto|kit|box|bundle|paquete?|pacco|confezione|набор)"
        rf" ?-?(?:of|von|mit|de|di|da|com|con|van|z|из):? {_COUNT}{_NOT_A_COUNT}",
        rf"{_STARTS}[ -]?(?:er)?[ -]?(?:packs?|pks?|pak|packung|multipacks?)(?![{_WORD_LETTERS}]| of [0-9]| abs\b)",
        rf"{_STARTS}-?er[ -]?(?:set|box)(?![{_WORD_LETTERS}])",
        rf"{_ALONE}({_INT}) ?[个枚本足双点件只支瓶盒片袋条]?(?:セット|组|装|入り|件套)",
        rf"{_STARTS} ?(?:{_PIECES})(?![{_WORD_LETTERS}])",
        rf"{_STARTS}(?:[ -]piece|-?pc)(?![{_WORD_LETTERS}])",
        rf"{_STARTS} (?:pairs?|paare?|paires|pares|paia|пары?)(?![{_WORD_LETTERS}])",
        r"^([0-9]{1,2}) x (?=[a-z]{3})(?!zoom|fast|large|mag|strong|more|long|opti)",
    )
)


@dataclass(frozen=True)
class Pack:
    """How much is sold.

    Attributes:
        count: Pieces in the pack, from 1 to 1000; a pair is one piece.
        amount: Amount of one piece, in `unit`; None where none is stated, or several are.
        unit: "ml", "g" or "m"; None with the amount.
    """

    count: int = 1
    amount: float | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.count <= _MAX_COUNT:
            raise InputError(f"Pack.count: expected an integer from 1 to {_MAX_COUNT}, got {self.count!r}")
        if self.amount is not None and not 0.0 < self.amount <= _MAX_AMOUNT:
            raise InputError(f"Pack.amount: expected a number in (0, {_MAX_AMOUNT:g}] or None, got {self.amount!r}")
        if (self.amount is None) != (self.unit is None) or self.unit not in (None, "ml", "g", "m"):
            raise InputError(f"Pack.unit: expected ml, g or m beside an amount, None beside none, got {self.unit!r}")

    @property
    def total(self) -> float | None:
        """Amount of all pieces, in `unit`."""
        return None if self.amount is None else self.count * self.amount


class _Amount(NamedTuple):
    """An amount as it stands in the folded text, in its base unit, with the count multiplied to it."""

    start: int
    end: int
    value: float
    unit: str
    metric: bool
    times: int | None


def pack(text: str) -> Pack:
    """Return how much a title, or a field for sizes, says is sold; one piece of no amount where it says nothing.

    Example:
        >>> pack("Cola 6 x 330 ml")
        Pack(count=6, amount=330.0, unit='ml')
    """
    read = _folded(text)
    count, count_span = _count(read)
    amounts = [a for a in _merged(_amounts(read), read) if not count_span[0] <= a.start < count_span[1]]
    first = min(amounts, key=lambda a: a.times is None, default=None)
    if first is None or not all(_agree(first, other, first.times or count) for other in amounts):
        return Pack(count)
    return Pack(first.times or count, first.value, first.unit)


def measure(text: str) -> tuple[float, str] | None:
    """Return the number and base unit (ml, g or m) of a text that is only a quantity ("0.5 kg", "12 in"), else None."""
    match = _MEASURE.fullmatch(_folded(text))
    if match is None:
        return None
    value, unit = _in_base(match[1], match[2])
    return (value, unit) if 0.0 < value <= _MAX_AMOUNT else None


def _folded(text: str) -> str:
    read = bare(unstacked(text.strip()[:_MAX_CHARS]))
    return _TIMES.sub(r"\1 x ", " ".join(read.replace("''", '"').replace("×", "x").split()))


_READERS = tuple((re.compile("|".join(row.split())), factor, unit) for unit, factor, row in _UNITS + _SIZES)


def _in_base(number: str, written_unit: str) -> tuple[float, str]:
    """Return a number and its unit, as they are written, in the base unit.

    "1,500 g" means thousands and "1,500 kg" does not.
    """
    factor, unit = next((f, u) for pattern, f, u in _READERS if pattern.fullmatch(written_unit))
    grouped = re.fullmatch(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(\.[0-9]+)?", number)
    if grouped and (factor <= 1.0 or grouped[1] or number.count(",") > 1):
        number = number.replace(",", "")
    return factor * float(number.replace(",", ".")), unit


def _amounts(read: str) -> Iterator[_Amount]:
    container, sold_by_length, radio = _CONTAINERS.search(read), _SOLD_BY_LENGTH.search(read), _PHONE_WORDS.search(read)
    for match in _AMOUNT.finditer(read):
        before, after = read[max(0, match.start() - 24) : match.start()], read[match.end() : match.end() + 24]
        value, unit = _in_base(match[1], match[2])
        if not 0.0 < value <= _MAX_AMOUNT or _LIMIT_BEFORE.search(before) or (unit == "ml" and container):
            continue
        if (radio and re.fullmatch("[2-6] ?g", match[0])) or (match[2] == "г" and 1900 <= value <= 2100):
            continue  # "5G" telephones; "2020 г." is a year
        if unit == "m" and (" x" in before[-3:] or after.startswith(" x ") or _WATER_DEPTH.match(after)):
            continue  # a rectangle, or what a watch bears
        if match[2] == "m" and not sold_by_length:
            continue
        ahead = _TIMES_BEFORE.search(before)
        if ahead and before[: ahead.start()].endswith(" x "):
            continue  # "30 x 40 x 5"
        counts = (int(m[1]) for m in (ahead, _TIMES_AFTER.match(after)) if m)
        times = next((n for n in counts if 1 <= n <= _MAX_COUNT), None)
        metric = re.match("fl|oz|ou|ga|lb|yd|ya", match[2]) is None
        yield _Amount(match.start(), match.end(), value, unit, metric, times)


def _merged(amounts: Iterator[_Amount], read: str) -> list[_Amount]:
    """Return the amounts, with two adjacent statements of one amount as the metric one.

    The metric one tells whether an ounce is fluid.
    """
    kept: list[_Amount] = []
    for new in amounts:
        old = kept[-1] if kept else None
        if old and old.metric != new.metric and _BETWEEN.fullmatch(read, old.end, new.start):
            metric = new if new.metric else old
            kept[-1] = metric._replace(start=old.start, end=new.end, times=old.times or new.times)
        else:
            kept.append(new)
    return kept


def _agree(first: _Amount, other: _Amount, count: int) -> bool:
    """Return whether the other amount repeats the first, or gives that of the whole pack."""
    return first.unit == other.unit and any(
        abs(other.value - n * first.value) <= _SAME_AMOUNT * other.value for n in {1, count}
    )


def _count(read: str) -> tuple[int, tuple[int, int]]:
    """Return the number of pieces by the most reliable words, and where they stand; 1 and (0, 0) without any."""
    for pattern in _COUNTS:
        for match in pattern.finditer(read):
            count = 1
            for number in match.groups():
                count *= _WORDS[number] if number in _WORDS else int(number)
            one_thing = match[0].endswith(("piece", "pc")) and _ONE_THING.search(read)
            if 1 < count <= _MAX_COUNT and not one_thing:
                return count, match.span()
    return 1, (0, 0)
