"""The languages that can be asked for: their scripts, and what the engines call them.

Adding a language is adding a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from logoscan._quote import quoted
from logoscan.errors import InputError

__all__ = ["LANGUAGES", "Language", "languages_of"]


@dataclass(frozen=True)
class Language:
    """One language.

    Attributes:
        code: ISO 639-1 code.
        script: ISO 15924 code of the script by which its lines are known; Japanese and Chinese share "Hani".
        tesseract: Name of its trained data for Tesseract.
        easyocr: EasyOCR's code; None where it has none.
    """

    code: str
    script: str
    tesseract: str
    easyocr: str | None


# code, script, Tesseract, EasyOCR; the Latin ones are those of EasyOCR's Latin alphabet.
_ROWS = """
en Latn eng en | de Latn deu de | fr Latn fra fr | es Latn spa es | it Latn ita it | pt Latn por pt | nl Latn nld nl
pl Latn pol pl | cs Latn ces cs | sk Latn slk sk | sl Latn slv sl | hr Latn hrv hr | hu Latn hun hu | ro Latn ron ro
da Latn dan da | sv Latn swe sv | no Latn nor no | fi Latn fin - | et Latn est et | lv Latn lav lv | lt Latn lit lt
tr Latn tur tr | id Latn ind id | ms Latn msa ms | vi Latn vie vi
zh Hani chi_sim ch_sim | ja Hani jpn ja | ko Kore kor ko
ru Cyrl rus ru | uk Cyrl ukr uk | be Cyrl bel be | bg Cyrl bul bg | sr Cyrl srp rs_cyrillic | mk Cyrl mkd -
kk Cyrl kaz - | mn Cyrl mon mn
ar Arab ara ar | fa Arab fas fa | ur Arab urd ur
th Thai tha th | el Grek ell - | he Hebr heb - | hi Deva hin hi | mr Deva mar mr | ne Deva nep ne
"""

LANGUAGES: dict[str, Language] = {
    code: Language(code, script, tesseract, None if easyocr == "-" else easyocr)
    for code, script, tesseract, easyocr in (row.split() for row in _ROWS.replace("\n", "|").split("|") if row.strip())
}
"""Languages by their ISO 639-1 codes."""


def languages_of(codes: Sequence[str]) -> dict[str, tuple[Language, ...]]:
    """Return languages by their scripts, each once, in the order given.

    Args:
        codes: ISO 639-1 codes in any case; "zh-TW" is read as "zh".

    Raises:
        InputError: There is no such language, or none at all.
    """
    if isinstance(codes, str) or not codes:
        raise InputError(f"languages: expected ISO 639-1 codes such as ('en', 'ko'), got {codes!r}")
    out: dict[str, tuple[Language, ...]] = {}
    for code in dict.fromkeys(str(code).lower().replace("_", "-").partition("-")[0] for code in codes):
        language = LANGUAGES.get(code)
        if language is None:
            raise InputError(f"languages: expected codes among {', '.join(sorted(LANGUAGES))}, got {quoted(code)}")
        out[language.script] = (*out.get(language.script, ()), language)
    return out
