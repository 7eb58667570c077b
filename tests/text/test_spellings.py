"""Random names in random spellings: price file, claim, title and index fold them to one brand."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st
from strategies import quick

from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import PriceRecord, sample_prices
from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import fold
from logoscan.text.letters import _han_variants, bare
from logoscan.text.tokens import and_words, name_key
from logoscan.types import Brand

_SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyz",
    "abdeghiklmnoprstuäöüéèêçñåßøæœłđðþħŋŧžčřőűğşţșăâî",
    "абвгдежзийклмнопрстуфхцчшщыэюяіїєґ",
    "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώ",
    "나이키삼성현대기아쿠쿠락앤무신사",
    "アイウカキクサシスナニヌハヒフマミムラリルパピガギー",
    "あいうかきくさしすなにぬはひふまみむ",
    "华为东风马龙车门见贝长乐觉买卖书写图团园",
    "กขคงจฉชซดตถทนบปพมยรลวสอาเแโไ",
    "ابتثجحدرسشصطعفقكلمنهوي",
    "कखगघचजटडतदनपबमयरलवसहािीुूेो",
)
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
_APOSTROPHES, _HYPHENS, _SPACES = "'’‘＇ʼ`´", "-‐‑–—－", " \u00a0\u3000\u2009"
_UNDIVIDED = {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŋ": "n", "ŧ": "t"}
_JOINED = "&＆+"
_ZERO_WIDTH = "\u200b\u2060\ufeff"


@st.composite
def _words(draw: st.DrawFn) -> str:
    """A word of one script, of five to nine letters."""
    letters = draw(st.sampled_from(_SCRIPTS))
    word = draw(st.text(letters, min_size=5, max_size=9).filter(lambda w: w[0].isalnum() and len(fold(w)) >= 5))
    return unicodedata.normalize("NFC", word)


@st.composite
def _names(draw: st.DrawFn) -> str:
    """A name: a word, or two with a space, a hyphen, an apostrophe or an "and" between them."""
    first, second = draw(_words()), draw(st.none() | _words())
    name = first if second is None else first + draw(st.sampled_from((" ", "-", "'", " & ", " & "))) + second
    return name if draw(st.booleans()) else name.title()


def _variants(letter: str) -> list[str]:
    """Return the traditional and Japanese forms of a Han character."""
    return [chr(code) for code, form in _han_variants().items() if form == letter][:3] or [letter]


def _each(draw: st.DrawFn, text: str, options: Callable[[str], str | list[str]]) -> str:
    """Put one of its options in place of each character, for some of them."""
    return "".join(draw(st.sampled_from(found)) if (found := options(c)) and draw(st.booleans()) else c for c in text)


@st.composite
def _spelled(draw: st.DrawFn) -> tuple[str, str]:
    """A name, and another honest spelling of it."""
    name = draw(_names())
    spelling = name
    change = draw(st.sets(st.sampled_from(("case", "and", "han", "undivided", "signs", "form", "wide")), max_size=4))
    if "case" in change:
        spelling = draw(st.sampled_from((str.upper, str.lower, str.title)))(spelling)
    if "and" in change and " & " in spelling:
        words = [word for word in and_words() if len(word) > 1 and word.isascii()]
        joint = draw(st.sampled_from([*_JOINED, *(f" {word} " for word in sorted(words))]))
        spelling = spelling.replace(" & ", joint)
    if "han" in change:
        spelling = _each(draw, spelling, _variants)
    if "undivided" in change:
        spelling = _each(draw, spelling, lambda c: [_UNDIVIDED[c]] if c in _UNDIVIDED else "")
    if "signs" in change:
        for signs in (_APOSTROPHES, _HYPHENS, _SPACES):
            spelling = _each(draw, spelling, lambda c, signs=signs: signs if c == signs[0] else "")  # type: ignore[misc]
    if "form" in change:
        spelling = unicodedata.normalize(draw(st.sampled_from(_FORMS)), spelling)
    if "wide" in change:
        spelling = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in spelling)
    if draw(st.booleans()):
        spelling = draw(st.sampled_from((html.escape, lambda s: html.escape(html.escape(s)))))(spelling)
    elif draw(st.booleans()):
        spelling = _each(draw, spelling, lambda c: [f"&#{ord(c)};", f"&#x{ord(c):x};"])
    return name, spelling


@quick
@given(made=_spelled())
@example(("Łódź & Weiß", "LODZ and WEISS"))
@example(("Ørsted", "ØRSTED"))
@example(("优衣库", "優衣庫"))
@example(("Levi's Jeans", "Levi&#39;s  Jeans"))
def test_every_spelling_of_a_name_is_one_brand_everywhere(made: tuple[str, str]) -> None:
    name, spelling = made
    index = NameIndex([Brand(name)])
    assert name_key(spelling) == name_key(name)
    assert index.resolve(spelling) == name
    assert len(index) == 1
    assert {m.kind for m in index.find(f"42 {spelling} 42", "title")} == {"exact"}
    prices = sample_prices([PriceRecord(text, 9.0, "EUR", "Goods") for text in (name, spelling)] * 4).fit()
    assert [cohort.n for row in prices for cohort in row.cohorts] == [8]
    model = PriceModel(prices)
    for text in (name, spelling) if len(spelling) <= 100 else (name,):
        assert "8 prices" in model.judge(Brand(text), 1.0, "EUR", "Goods").reason


@quick
@given(name=_names(), data=st.data())
def test_hidden_characters_make_no_other_brand(name: str, data: st.DataObject) -> None:
    """In a title they are a disguise; claims and prices are of the brand all the same."""
    at = data.draw(st.integers(1, len(name) - 1))
    spelling = name[:at] + data.draw(st.sampled_from(_ZERO_WIDTH)) + name[at:]
    assert name_key(spelling) == name_key(name)
    assert {m.brand for m in NameIndex([Brand(name)]).find(f"42 {spelling} 42", "title")} == {name}


@quick
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_folding_is_done_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert bare(bare(text)) == bare(text)
    assert fold(bare(text)) == fold(text) or "&" in text or "<" in text
