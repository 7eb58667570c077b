"""Words of many languages by which goods are for a brand ("for Dyson") or in its style ("Chanel style"), not of it.

Knows words and where they stand; knows no brands. A language's words are one row of a table, so that a further one is
a further row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

from logoscan.text.folding import caseless

__all__ = ["ROLE_WORDS", "Role", "RoleWords", "is_list_gap", "role_of"]

Role: TypeAlias = Literal["compatible", "style"]

_BEFORE, _AFTER = 64, 48
"""Characters beside a name that are read: its words stand close to it."""
_FIRST_UNSPACED = 0x0E00
"""From here on stand the scripts that part no words."""


@dataclass(frozen=True)
class RoleWords:
    """One language's words, apart by "|"; empty where it has none on that side of the name.

    Attributes:
        for_before: Before the name: goods for it.
        for_after: Behind the name, or behind its model ("Dyson V11 için").
        style_before: Before the name: goods in its style.
        style_after: Directly behind the name.
        fillers: Words that may stand between those before and the name ("for all your Nikes").
    """

    for_before: str = ""
    for_after: str = ""
    style_before: str = ""
    style_after: str = ""
    fillers: str = ""


ROLE_WORDS: Mapping[str, RoleWords] = {
    "en": RoleWords(
        "for|fit|fits|suits|suitable for|suitable with|compatible with|compatible to|works with|work with"
        "|designed for|made for|replacement for|replaces",
        "compatible",
        "inspired by|in the style of|style of|similar to|look like|looks like|dupe|dupe for|dupe of|alternative to",
        "style|styled|type|look|inspired|dupe|dupes|lookalike|look alike",
        "the|a|an|all|your|most|any|use with|models of|vacuum|vacuums|vacuum cleaner|vacuum cleaners"
        "|toothbrush|printer|printers",
    ),
    "de": RoleWords(
        "für|fuer|passend für|passend zu|passt zu|passt für|passt auf|passt an|geeignet für|kompatibel mit"
        "|kompatibel zu|ersatz für|ersatzteil für|zubehör für",
        "kompatibel|kompatible|kompatibler|kompatibles|kompatiblen",
        "im stil von|im style von|im look von|im stil der|nach art von|inspiriert von|ähnlich wie|alternative zu"
        "|dupe zu",
        "stil|style|look|ähnlich|ähnliche|ähnlicher|ähnliches|inspiriert",
        "den|die|das|der|dem|alle|allen|alles|deinen|deine|ihren|ihre|viele|vielen|modelle|von|staubsauger|akkusauger"
        "|drucker",
    ),
    "fr": RoleWords(
        "pour|compatible avec|compatibles avec|adapté à|adaptée à|adaptés à|adapté aux|adapté pour|adaptée pour"
        "|adaptable|adaptable sur|adaptable à|convient à|convient aux|convient pour|remplace|remplacement pour",
        "compatible|compatibles",
        "style|façon|dans le style de|dans le style|à la|inspiré de|inspiré par|inspirée de|inspirée par|inspirés de"
        "|inspirées de|similaire à|ressemble à|genre|alternative à",
        "style",
        "le|la|les|votre|vos|tous|toutes|aspirateur|aspirateurs|modèles|appareils",
    ),
    "es": RoleWords(
        "para|compatible con|compatibles con|apto para|apta para|válido para|adecuado para|adaptable a|sirve para"
        "|repuesto para|recambio para",
        "compatible|compatibles",
        "estilo|al estilo|al estilo de|estilo de|tipo|inspirado en|inspirada en|inspirados en|inspirado por|parecido a"
        "|parecida a|similar a|alternativa a",
        "",
        "el|la|los|las|su|tu|todos los|todas las|modelos|aspiradora|aspiradoras|aspirador",
    ),
    "it": RoleWords(
        "per|compatibile con|compatibili con|adatto a|adatto per|adatta a|adatta per|adatti a|adatti per|idoneo per"
        "|ricambio per|ricambi per",
        "compatibile|compatibili",
        "stile|in stile|nello stile di|ispirato a|ispirata a|ispirato da|tipo|simile a|alternativa a",
        "",
        "il|lo|la|gli|i|le|tutti i|tutte le|modelli|aspirapolvere",
    ),
    "nl": RoleWords(
        "voor|geschikt voor|compatibel met|past op|past bij|passend voor|passend op|vervanging voor|te gebruiken met",
        "compatibel|compatibele",
        "in de stijl van|stijl van|in stijl van|geïnspireerd door|geïnspireerd op|lijkt op|vergelijkbaar met",
        "stijl|achtig|achtige",
        "de|het|uw|je|alle|modellen|stofzuiger|stofzuigers",
    ),
    "pt": RoleWords(
        "para|p/|compatível com|compatíveis com|compativel com|adequado para|adequada para|serve em|serve no"
        "|indicado para|substitui",
        "compatível|compatíveis",
        "estilo|ao estilo|no estilo|tipo|inspirado em|inspirada em|inspirado na|inspirado no|parecido com|similar a"
        "|semelhante a|alternativa a",
        "",
        "o|a|os|as|seu|sua|todos os|modelos|aspirador",
    ),
    "pl": RoleWords(
        "do|dla|kompatybilny z|kompatybilna z|kompatybilne z|pasuje do|pasujący do|pasująca do|pasujące do"
        "|odpowiedni do|odpowiedni dla|zamiennik|zamiennik do|zamienniki do",
        "kompatybilny|kompatybilna|kompatybilne",
        "w stylu|na wzór|inspirowany|inspirowana|inspirowane|inspirowany przez|podobny do|podobna do|podobne do|a la",
        "style",
        "wszystkich|modeli|odkurzacza|odkurzaczy|telefonu|telefonów|serii",
    ),
    "tr": RoleWords(
        "",
        "için|uyumlu|ile uyumlu|için uyumlu|uyumludur|muadili",
        "",
        "tarzı|tarzında|stili|stilinde|benzeri|benzer|esintili|esinli|model benzeri",
    ),
    "sv": RoleWords(
        "för|till|passar|passar till|passar för|kompatibel med|kompatibelt med|kompatibla med|lämplig för|avsedd för",
        "kompatibel|kompatibelt|kompatibla",
        "i stil med|i samma stil som|inspirerad av|inspirerat av|liknar",
        "stil|liknande|inspirerad|inspirerat",
        "din|alla",
    ),
    "da": RoleWords(
        "til|for|passer til|passer på|kompatibel med|egnet til|velegnet til",
        "kompatibel",
        "i stil med|i samme stil som|inspireret af|ligner",
        "stil|lignende|inspireret",
        "din|alle",
    ),
    "no": RoleWords(
        "til|for|passer til|passer for|kompatibel med|egnet for|egnet til",
        "kompatibel",
        "i stil med|i samme stil som|inspirert av|ligner",
        "stil|lignende|inspirert",
    ),
    "ru": RoleWords(
        "для|совместим с|совместима с|совместимо с|совместимы с|совместимый с|совместимая с|совместимое с"
        "|совместимые с|подходит для|подходит к|подходят для|на замену",
        "совместимый|совместимая|совместимое|совместимые",
        "в стиле|под стиль|похож на|похожа на|похожие на|похожий на|как у|аналог|вдохновлено|по мотивам",
        "стиль|стайл|style",
        "всех|моделей|телефона|пылесоса",
    ),
    "uk": RoleWords(
        "для|сумісний з|сумісна з|сумісні з|сумісне з|підходить для|підходить до",
        "сумісний|сумісна|сумісні",
        "у стилі|в стилі|схожий на|схожа на|аналог",
        "стиль",
    ),
    "cs": RoleWords(
        "kompatibilní s|vhodný pro|vhodné pro|vhodná pro|náhradní pro|filtr pro|pouzdro pro|kryt pro|obal pro",
        "kompatibilní",
        "ve stylu|inspirováno|inspirovaný|podobné jako",
        "styl|style",
    ),
    "ar": RoleWords(
        "متوافق مع|متوافقة مع|مناسب ل|مناسبة ل|من اجل|لـ|ل",
        "متوافق|متوافقة",
        "على طراز|بستايل|ستايل|مستوحى من|مستوحاة من|شبيه",
        "ستايل",
    ),
    "ja": RoleWords(
        "適合機種|対応機種|互換",
        "用|専用|対応|に対応|互換|と互換|と互換性|向け|適合|に適合",
        "インスパイア",
        "風|ふう|スタイル|っぽい|タイプ|似|似の|インスパイア|に似た",
    ),
    "zh": RoleWords(
        "适用于|适用|適用於|適用|用于|用於|兼容|相容|适配|適配|可用于|通用",
        "适用|適用|兼容|相容|通用|专用|專用|用|适配|適配",
        "类似|類似|模仿",
        "风|風|风格|風格|同款|类似款|類似款",
    ),
    "ko": RoleWords(
        "호환|호환용",
        "용|용으로|전용|호환|호환용|과 호환|와 호환|에 호환|에 맞는|을 위한|를 위한",
        "",
        "스타일|스타일의|풍|풍의|느낌|느낌의",
    ),
}
"""Spelt as dictionaries do; text and table lose case and accents alike."""

_NOT_AFTER = {
    "용": "품",
    "用": "品途心户戶料",
    "風": "衣扇機机呂船箏筝暴鏡镜味景",
    "风": "衣扇机筝暴镜帽味险琴油铃景",
    "풍": "선경",
    "タイプ": "abc",
}
"""Letters behind which a word of few letters is another one: 용품 and 用品 are supplies, 风衣 is a coat."""
_STYLES = (
    "new old vintage retro classic casual latest street sport sports sporty modern original unique fashion free life"
    " hop preppy boho gothic punk military western college varsity skate surf slim mid ladies mens men's womens women's"
    " kids this that each any same fast own 50s 60s 70s 80s 90s y2k nuevo nuovo novo"
)
_PHRASE_ENDS = {
    "fit": "slim regular relaxed loose tapered straight skinny dri comfort classic modern athletic oversized custom",
    **dict.fromkeys(("style", "type", "estilo", "stile", "tipo", "genre"), _STYLES),
}
"""Words behind which those before a name are the end of their own phrase: "slim fit Levi's", "vintage style Nike"."""
_MODEL = r"(?: ?[-/] ?| )(?=[a-z]*\d)[0-9a-z]{1,16}(?: (?:pro|max|plus|mini|ultra|lite|air|se|fe|5g)(?![a-z0-9])){0,2}"
"""A word of a model, with a digit in it."""
_LINE = r"(?: [a-z]{2,12})?"
"""The model's line before it: "Samsung Galaxy S21 için"."""
_QUOTE = "\"'„“”«»‘’"
_WITH = r"(?! (?:with|to|mit|zu|avec|con|com|met|med|z|s|с|з)(?!\w))"
"""Behind "compatible", what follows is what the goods are for: "Sonos compatible with Apple" is a Sonos."""
_COMPATIBLE_WITH = (
    r"(?<!\w)(?:[ck]ompat[^\W\d_]{2,12}|совместим[^\W\d_]{0,3}|сумісн[^\W\d_]{1,3})"
    r" (?:with|to|mit|zu|avec|con|com|met|med|z|s|с|з)(?: [^\W_]{1,20}){0,3}"
)
"""What stands behind these words is surely no maker: "kompatibel mit Staubsaugern von Dyson"."""
_NUMBERED = r"(?! ?(?:[:#]|(?:no|nr|number|code|id)(?!\w)))"
_STYLE_AFTER = rf"like(?! new(?!\w))|type(?! ?[-:]? ?(?:[a-z]|\d+)(?!\w)){_NUMBERED}|style{_NUMBERED}"
"""Not "like new", "type C", nor "style no. 315122"."""
_ENDING = re.compile(r"^['’‘ʼ`´](?:[^\W\d_]{1,4})(?![^\W_])")
_AND = "and|or|und|oder|et|ou|y|e|o|en|of|i|oraz|lub|ve|veya|och|eller|og|и|или|та|和|与|與|或|や|と|及び|및|와|과"
_LIST_GAP = re.compile(rf"(?:{_LINE}(?:{_MODEL}){{1,3}})? ?(?:,|/|&|\+|、|，|·|・|{_AND}) ?(?:{_AND})? ?|[ \d()\[\]]*")


def role_of(before: str, after: str) -> tuple[Role | None, bool]:
    """What goods are to a name in their text, and whether the words behind the name say so.

    Args:
        before: The text before the name; its end counts.
        after: The text behind it; its beginning counts.

    Example:
        >>> role_of("Kompatibel mit ", " V11: Filter"), role_of("", " tarzı çanta"), role_of("red ", " shoes")
        (('compatible', False), ('style', True), (None, False))
    """
    # the mark at the cut keeps the space beside the name
    ahead = caseless(f"{before[-_BEFORE:]}\0")[:-1]
    behind = _ENDING.sub("", caseless(f"\0{after[:_AFTER]}")[1:])
    find = _patterns()
    if find.style_after.match(behind):
        return "style", True
    if _says(find.style_before, ahead):
        return "style", False
    if _says(find.for_before, ahead):
        return "compatible", False
    if find.for_after.match(behind):
        return "compatible", True
    return None, False


def is_list_gap(gap: str) -> bool:
    """Whether what stands between two names joins them to one list: "for Apple, Samsung", "PlayStation 5 (PS5)"."""
    return len(gap) <= _AFTER and _LIST_GAP.fullmatch(caseless(f"\0{gap}\0")[1:-1]) is not None


def _says(pattern: re.Pattern[str], ahead: str) -> bool:
    """Whether the words before a name say it, and not as the end of a phrase of their own."""
    found = pattern.search(ahead)
    if found is None:
        return False
    ends = _PHRASE_ENDS.get(found["word"] or "", "").split()
    return not ends or (ahead[: found.start()].replace("-", " ").split() or [""])[-1] not in ends


@dataclass(frozen=True)
class _Patterns:
    for_before: re.Pattern[str]
    for_after: re.Pattern[str]
    style_before: re.Pattern[str]
    style_after: re.Pattern[str]


def _alternatives(rows: Iterable[str]) -> tuple[str, str]:
    """The words of all languages as two patterns: of scripts with spaces, and of those without; the longest first."""
    words = {caseless(word) for row in rows for word in row.split("|") if word}
    spaced = sorted((w for w in words if ord(w[0]) < _FIRST_UNSPACED), key=lambda w: (-len(w), w))
    joined = sorted(words.difference(spaced), key=lambda w: (-len(w), w))
    return "|".join(map(re.escape, spaced)), "|".join(f"{re.escape(w)}{_unless(w)}" for w in joined)


def _unless(word: str) -> str:
    letters = _NOT_AFTER.get(word, "")
    return f"(?![{letters}])" if letters else ""


@cache
def _patterns() -> _Patterns:
    """One pattern for each role and side, over all languages; they meet short texts without runs of spaces."""
    table = ROLE_WORDS.values()
    fillers, _ = _alternatives(row.fillers for row in table)
    words, joined = _alternatives(row.for_before for row in table)
    for_before = rf"(?:(?<!\w)(?P<word>{words})(?: (?:{fillers})){{0,3}}|{joined}|{_COMPATIBLE_WITH}) ?[:({_QUOTE}]? ?$"
    words, joined = _alternatives(row.for_after for row in table)
    model = rf"(?:{_LINE}(?:{_MODEL}){{1,3}})?"
    for_after = rf"{model} ?[-–]? ?[)\]{_QUOTE}]? ?(?:(?:{words})(?!\w){_WITH}|{joined})"
    words, joined = _alternatives(row.style_before for row in table)
    style_before = rf"(?:(?<!\w)(?P<word>{words})|{joined}) ?[{_QUOTE}]? ?$"
    words, joined = _alternatives(row.style_after for row in table)
    style_after = rf" ?[-–]? ?[{_QUOTE}]? ?(?:(?:{_STYLE_AFTER}|(?!(?:type|style)(?!\w))(?:{words}))(?!\w)|{joined})"
    return _Patterns(*map(re.compile, (for_before, for_after, style_before, style_after)))
