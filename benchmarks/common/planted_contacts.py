"""Contacts as sellers write them, plain and disguised, written without a look at the library's patterns."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

__all__ = ["DISGUISES", "PLAIN", "planted"]

_NAMES = ("maria", "lucky", "topbags", "sneakerking", "li_wei", "nadia", "bestprice", "watchking", "anna.k", "gold")
_HOSTS = ("gmail.com", "outlook.com", "qq.com", "yahoo.com", "mail.ru", "hotmail.com", "163.com", "proton.me")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LEET = ("Wh@tsApp", "What5app", "W.h.a.t.s.A.p.p", "w h a t s a p p")
_RUSSIAN = ("ватсап", "вайбер", "телеграм:")
_HAN = "零一二三四五六七八九"
_CIRCLED = "⓪①②③④⑤⑥⑦⑧⑨"


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _name(rng: random.Random) -> str:
    return f"{rng.choice(_NAMES)}{_digits(rng, 3)}"


def _mobile(rng: random.Random) -> tuple[str, str, tuple[int, ...]]:
    """Return the code and digits of a mobile number of some country, and the sizes of its groups."""
    return rng.choice(
        (
            ("86", f"1{rng.choice('3589')}{rng.choice('5689')}{_digits(rng, 8)}", (3, 4, 4)),
            ("44", f"7{rng.choice('459')}{_digits(rng, 2)}{_digits(rng, 6)}", (4, 3, 3)),
            ("91", f"9{rng.choice('789')}{_digits(rng, 8)}", (5, 5)),
            ("49", f"17{rng.choice('1569')}{_digits(rng, 7)}", (3, 3, 4)),
            ("90", f"53{rng.choice('2357')}{_digits(rng, 7)}", (3, 3, 4)),
            ("7", f"9{rng.choice('126')}{rng.choice('0156')}{_digits(rng, 7)}", (3, 3, 2, 2)),
        )
    )


def _grouped(digits: str, sizes: tuple[int, ...], gap: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(digits[at : at + size])
        at += size
    return gap.join(parts)


def _international(rng: random.Random) -> str:
    code, digits, sizes = _mobile(rng)
    return f"+{code} {_grouped(digits, sizes, rng.choice((' ', '-', '')))}"


def _called(rng: random.Random) -> str:
    code, digits, sizes = _mobile(rng)
    trunk = "" if code == "86" else "0"
    return f"{rng.choice(('Tel:', 'Call', 'call us', 'Phone', 'Tel.'))} {trunk}{_grouped(digits, sizes, ' ')}"


PLAIN: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "international": _international,
        "called": _called,
        "whatsapp": lambda rng: f"{rng.choice(('WhatsApp', 'Whatsapp:', 'whatsapp me'))} {_international(rng)}",
        "wechat": lambda rng: f"{rng.choice(('WeChat:', 'wechat ID:', 'VX:', 'WX:'))} {_name(rng)}",
        "telegram": lambda rng: rng.choice(("Telegram: @{}", "TG @{}", "t.me/{}")).format(_name(rng)),
        "instagram": lambda rng: rng.choice(("IG: {}", "Instagram @{}", "instagram.com/{}")).format(_name(rng)),
        "line": lambda rng: f"LINE ID: {_name(rng)}",
        "mail": lambda rng: f"{_name(rng)}@{rng.choice(_HOSTS)}",
        "short_link": lambda rng: rng.choice(("bit.ly/{}", "https://tinyurl.com/{}", "cutt.ly/{}")).format(_name(rng)),
        "site": lambda rng: (
            f"www.{rng.choice(_NAMES).replace('_', '-')}-{_digits(rng, 2)}.{rng.choice(('com', 'ru', 'shop'))}"
        ),
    }
)
"""Kinds of contacts as they are written without a disguise: each makes one."""


def _spread(text: str, gap: str) -> str:
    return gap.join(text)


DISGUISES: Mapping[str, Callable[[random.Random], str]] = MappingProxyType(
    {
        "parted_digits": lambda rng: f"call {_spread(_mobile_of('86', rng), rng.choice((' ', '.', '-', '*')))}",
        "words": lambda rng: " ".join(_WORDS[int(d)] for d in _mobile_of("86", rng)),
        "han_digits": lambda rng: f"电话{''.join(_HAN[int(d)] for d in _mobile_of('86', rng))}",
        "circled_digits": lambda rng: "".join(_CIRCLED[int(d)] for d in _mobile_of("86", rng)),
        "full_width": lambda rng: "".join(chr(0xFEE0 + ord(d)) for d in _mobile_of("86", rng)),
        "key_caps": lambda rng: "".join(f"{d}\ufe0f\u20e3" for d in _mobile_of("86", rng)),
        "letter_o": lambda rng: f"tel {_mobile_of('44', rng, '0').replace('0', 'O')}",
        "emoji": lambda rng: f"📞 {_mobile_of('91', rng)}",
        "leet_network": lambda rng: f"{rng.choice(_LEET)}: {_international(rng)}",
        "lookalike_network": lambda rng: f"{rng.choice(('WеChаt', 'Теlegram', 'Wechаt'))}: {_name(rng)}",
        "chinese_network": lambda rng: (
            f"{rng.choice(('微信', '微信号：', '加V：', '薇信:', 'V信:'))}{rng.choice((':', ''))}{_name(rng)}"
        ),
        "russian_network": lambda rng: f"{rng.choice(_RUSSIAN)} +7 {_mobile_of('7', rng)}",
        "korean_network": lambda rng: f"카톡 아이디: {_name(rng)}",
        "mail_words": lambda rng: f"{_name(rng)} at gmail dot com",
        "mail_brackets": lambda rng: f"{_name(rng)} (at) {rng.choice(_HOSTS).replace('.', ' (dot) ')}",
        "mail_spaces": lambda rng: f"{_name(rng)} @ {rng.choice(_HOSTS).replace('.', ' . ')}",
        "link_brackets": lambda rng: f"{rng.choice(_NAMES).replace('_', '-').replace('.', '-')}-shop[.]com",
        "messenger_link": lambda rng: f"https://wa.me/86{_mobile_of('86', rng)}",
    }
)
"""Disguises: each makes one contact."""


def _mobile_of(country: str, rng: random.Random, trunk: str = "") -> str:
    while True:
        code, digits, _ = _mobile(rng)
        if code == country:
            return trunk + digits


def planted(text: str, contact: str, rng: random.Random) -> str:
    """Put a contact into a text: before, behind, or between two words."""
    words = text.split()
    at = rng.choice((0, len(words), rng.randint(0, len(words))))
    return " ".join([*words[:at], contact, *words[at:]])
