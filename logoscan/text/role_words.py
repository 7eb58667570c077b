"""Words of many languages by which goods are for a brand ("for Dyson") or in its style ("Chanel style"): a table.

A language's words are one row, so that a further language is a further row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ROLE_WORDS", "RoleWords"]


@dataclass(frozen=True)
class RoleWords:
    """Words of one language, parted by "|"; empty where it has none on that side of the name.

    Attributes:
        for_before: Words before the name that mean goods for it.
        for_after: Words behind the name, or behind its model ("Dyson V11 için"), that mean goods for it.
        style_before: Words before the name that mean goods in its style.
        style_after: Words directly behind the name that mean goods in its style.
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
"""Role words by language, as dictionaries write them; text and table lose case and accents alike."""
