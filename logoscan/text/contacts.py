"""Contacts in text: phone numbers, mail addresses, names in messengers, web addresses; and text without them.

Sellers put them into titles, photos and codes to trade past the platform. They are personal data: `find_contacts` is
for a signal that keeps hashes and counts, `redact` makes a text that may be kept. Numbers are checked by phonenumbers
(Google's libphonenumber), domains by the public suffix list that tldextract carries; nothing touches the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from logoscan.evidence import Contact, ContactKind
from logoscan.text._contact_letters import plain_letters
from logoscan.text._phones import phone_numbers

__all__ = ["PLACEHOLDERS", "domain_of", "find_contacts", "holds_contact", "redact"]

PLACEHOLDERS: dict[ContactKind, str] = {
    "phone": "[phone]",
    "mail": "[mail]",
    "messenger": "[messenger]",
    "link": "[link]",
}
"""What stands for a contact in a text that was redacted. `find_contacts` reads it as a contact of that kind."""

# Text beyond this is not searched for contacts, as for names; `redact` goes on in pieces.
_MAX_CHARS = 20_000
# -- addresses

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?:{_LABEL}\.){{1,5}}[a-z]{{2,24}}"
_PATH = r"(?::[0-9]{2,5})?(?:[/?#][^\s<>\"'，。；）)\]]{0,300})?"
_AT = r"(?: ?@ ?| ?[(\[{<*] ?(?:at|@|a) ?[)\]}>*] ?|[ _-]at[ _-])"
_DOT = r"(?: ?\. ?| ?[(\[{<*] ?(?:dot|\.|punkt|punto) ?[)\]}>*] ?|[ _-](?:dot|punkt|punto)[ _-])"
_MAIL = re.compile(rf"(?<![a-z0-9._%+-])([a-z0-9][a-z0-9._%+-]{{0,63}}){_AT}((?:{_LABEL}{_DOT}){{1,4}}[a-z]{{2,24}})"
                   r"(?![a-z0-9-])")  # fmt: skip
# After a bare "at" a usual address stands only if people have their mail there: "shop at example.com" is none.
_PROVIDER = re.compile(
    r"(?:gmail|googlemail|outlook|hotmail|yahoo|icloud|live|qq|163|126|proton|protonmail|mail|gmx|web|yandex|aol)\."
)
_LINK = re.compile(rf"(?<![a-z0-9@._-])(?:(https?://|hxxps?://|www\.)({_HOST}){_PATH}|({_HOST})({_PATH}))(?![a-z0-9-])")
_DOT_LINK = re.compile(rf"(?<![a-z0-9])({_LABEL})[ ]?[(\[{{][ ]?(?:dot|\.)[ ]?[)\]}}][ ]?([a-z]{{2,24}})"
                       r"((?:/[^\s]{0,100})?)(?![a-z0-9-])")  # fmt: skip
# Suffixes that a bare name of a site has. Others, and those that are words ("it", "in", "by"), must have a path:
# "St.Pro" and "comfort.in" are no addresses.
_USUAL_SUFFIXES = frozenset(
    """
    com net org ru cn shop store top xyz info biz online site club vip de fr es nl pl uk co.uk co.in
    com.br com.cn com.tr kr co.kr jp co.jp tw com.tw hk com.hk vn ua com.ua kz eu ch
    """.split()  # noqa: SIM905
)
_SHORTENERS = frozenset(
    """
    bit.ly tinyurl.com t.cn goo.gl cutt.ly is.gd v.gd rb.gy s.id linktr.ee clck.ru vk.cc t.co ow.ly
    buff.ly lnkd.in shorturl.at dwz.cn suo.im url.cn tiny.cc bl.ink rebrand.ly u.to
    """.split()  # noqa: SIM905
)
# Hosts whose paths are names of people and shops.
_SOCIAL = {
    "wa.me": "whatsapp", "api.whatsapp.com": "whatsapp", "chat.whatsapp.com": "whatsapp", "t.me": "telegram",
    "telegram.me": "telegram", "line.me": "line", "lin.ee": "line", "m.me": "facebook", "fb.me": "facebook",
    "facebook.com": "facebook", "instagram.com": "instagram", "instagr.am": "instagram", "u.wechat.com": "wechat",
    "weixin.qq.com": "wechat", "pf.kakao.com": "kakao", "open.kakao.com": "kakao", "vk.com": "vk", "zalo.me": "zalo",
    "viber.me": "viber", "snapchat.com": "snapchat", "tiktok.com": "tiktok", "join.skype.com": "skype", "x.com": "x",
    "twitter.com": "x", "discord.gg": "discord", "signal.me": "signal",
}  # fmt: skip

# -- messengers


def _loose(word: str) -> str:
    """Return a pattern of a word whose letters may be parted by a sign, and replaced by figures."""
    swap = {"a": "[a@4]", "e": "[e3]", "i": "[i1!|]", "o": "[o0]", "s": "[s5$]", "t": "[t7]", "l": "[l1|]"}
    return r"[ ._*\-]?".join(swap.get(c, re.escape(c)) for c in word)


_NETWORKS = {
    "whatsapp": rf"{_loose('whatsapp')}|{_loose('whatsap')}(?![a-z])|what'?s ?app|wats ?app|ватсап\w*|вацап\w*",
    "telegram": rf"{_loose('telegram')}|телеграмм?\w*|(?<![a-z])tg(?![a-z])",
    "wechat": rf"{_loose('wechat')}|{_loose('weixin')}|微信|薇信|威信|微訊|v信|加v|加微|\+v(?![a-z])"
    r"|(?<![a-z])(?:wx|v ?x|wc)(?![a-hj-z])",
    "qq": "(?<![a-z])qq(?![a-z])|扣扣|企鹅",
    "line": "(?<![a-z-])line(?= ?(?:id|@|官方|アカウント))|ไลน์",
    "kakao": rf"{_loose('kakaotalk')}|{_loose('kakao')}|카카오톡?|카톡",
    "viber": rf"{_loose('viber')}|вайбер\w*",
    "instagram": rf"{_loose('instagram')}|(?<![a-z])(?:insta|ig)(?![a-z])|инстаграм\w*",
    "facebook": rf"{_loose('facebook')}|(?<![a-z])fb(?![a-z])",
    "skype": _loose("skype"),
    "snapchat": rf"{_loose('snapchat')}|(?<![a-z])snap(?= ?[:@])",
    "zalo": "(?<![a-z])zalo(?![a-z])",
    "tiktok": rf"{_loose('tiktok')}",
    "kik": "(?<![a-z])kik(?= ?[:@])",
}
_NETWORK = "|".join(f"(?P<{name}>{pattern})" for name, pattern in _NETWORKS.items())
# A mark that a name follows. Without it a word is only a word: "WhatsApp compatible", "Instagram style".
_SAYS = (
    r"(?:[ ._-]*(?:id|no|number|num|account|acc|me|us|at|on|name|user|username|аккаунт|номер|号码|号|號|아이디))?"
    r"[ ]{0,2}(?P<mark>[:：=@~>\-–]{1,3}|(?<=id)(?= )|(?<=号)|(?<=號)|(?<=加v)|(?<=微信)|(?<=薇信)|(?<=威信)|(?<=v信)"
    r"|(?<=아이디)|(?<=number)(?= )|(?<=no)(?= ))[ ]{0,2}@?"
)
_NAMED = re.compile(
    rf"(?<![a-z])(?:{_NETWORK})(?:{_SAYS}(?P<handle>[a-z0-9][a-z0-9_.-]{{2,31}})|[^0-9\n]{{0,12}}?"
    r"(?P<number>\+?[0-9(](?:[ ().\-–_/*~·•]{0,3}[0-9]){5,14}))"
)
# Sixteen hexadecimal digits are a fingerprint of logoscan, as in "logo(640 px)@9ed7cd41076c436e".
_AT_HANDLE = re.compile(
    r"(?<![a-z0-9@._/-])@(?![0-9a-f]{16}(?![a-z0-9_.]))"
    r"(?=[a-z0-9_.]*[0-9_.][a-z0-9_])(?=[0-9_.]*[a-z])[a-z0-9_][a-z0-9_.]{3,29}"
)
# What follows a network's name and is no name of a person.
_NO_HANDLE = frozenset(
    """
    and app available bot call calls case compatible for logo message messages only pay print remote
    sticker stickers style support the theme with
    """.split()  # noqa: SIM905
)


class _Found(NamedTuple):
    kind: ContactKind
    value: str
    start: int
    end: int


def find_contacts(text: str, region: str | None = None) -> tuple[Contact, ...]:
    """Return the contacts in a text, in order; none lies in another.

    A number without its country's code is a phone number where a word says so ("call", 微信), where it is a mobile
    number of `region`, or where it is written as national numbers are; others are model numbers, sizes and codes.
    20,000 characters are read.

    Args:
        text: Words of a listing, lines of a photo, or what a code says.
        region: ISO 3166-1 code of the country whose numbers are probable.

    Example:
        >>> [(c.kind, c.value) for c in find_contacts("Wh@tsApp: +86 138-0013-8000")]
        [('messenger', 'whatsapp:+8613800138000')]
    """
    text = text[:_MAX_CHARS]
    plain = plain_letters(text)
    taken: list[_Found] = []
    for search in _SEARCHES:
        for one in search(plain.text, region):
            if all(one.end <= other.start or one.start >= other.end for other in taken):
                taken.append(one)
    return tuple(Contact(one.kind, one.value, *plain.span(one.start, one.end)) for one in sorted(taken, key=_start))


def holds_contact(texts: Iterable[str]) -> bool:
    """Return whether any of some texts holds a contact that `redact` would take out."""
    return any(redact(text) != text for text in texts)


def redact(text: str) -> str:
    """Return a text with its contacts replaced by what they are: "[phone]", "[mail]", "[messenger]", "[link]".

    Of web addresses only short links are replaced, which lead anywhere, and social networks' pages of somebody. A text
    without contacts is returned as it is, and a text that was redacted stays as it is.

    Example:
        >>> redact("New! Call +44 20 7946 0958 or info (at) example (dot) com")
        'New! Call [phone] or [mail]'
    """
    if len(text) > _MAX_CHARS:
        return "".join(redact(part) for part in _pieces(text))
    out, end = "", 0
    for contact in find_contacts(text):
        if contact.kind == "link" and contact.value.partition("/")[0] not in _SHORTENERS:
            continue
        out += text[end : contact.start] + PLACEHOLDERS[contact.kind]
        end = contact.end
    return out + text[end:] if end else text


def _pieces(text: str) -> Iterator[str]:
    """Yield a long text in pieces that end at a space where there is one near the end."""
    start = 0
    while start < len(text):
        end = start + _MAX_CHARS
        blank = text.rfind(" ", end - 200, end) if end < len(text) else -1
        end = end if blank < 0 else blank
        yield text[start:end]
        start = end


def domain_of(address: str) -> str | None:
    """Return the registrable domain of a web address ("example.co.uk"), or None where there is none."""
    host = re.sub(r"^[a-z]+://", "", address.strip().lower()).partition("/")[0].rpartition("@")[2].partition(":")[0]
    parts = _suffixes()(host)
    return f"{parts.domain}.{parts.suffix}" if parts.domain and parts.suffix else None


@cache
def _suffixes() -> Callable[[str], Any]:
    import tldextract

    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), fallback_to_snapshot=True)


def _start(found: _Found) -> int:
    return found.start


# -- searches, the surest first


def _placeholders(text: str, region: str | None) -> Iterator[_Found]:
    for kind, mark in PLACEHOLDERS.items():
        yield from (_Found(kind, "", m.start(), m.end()) for m in re.finditer(re.escape(mark), text))


def _mails(text: str, region: str | None) -> Iterator[_Found]:
    for match in _MAIL.finditer(text):
        host = re.sub(r"[\s(\[{<*)\]}>_]+", "", re.sub(_DOT, ".", match[2])).strip(".-")
        said = "@" in match[0] or bool(re.search(r"[(\[{<*_]|[ -]dot[ -]", match[0]))
        if _suffixes()(host).suffix and (said or _PROVIDER.match(host)):
            yield _Found("mail", f"{match[1]}@{host}", match.start(), match.end())


def _links(text: str, region: str | None) -> Iterator[_Found]:
    for match in _LINK.finditer(text):
        host, path = (match[2], "/") if match[1] else (match[3], match[4])
        host = host.removeprefix("www.")
        parts = _suffixes()(host)
        if not parts.suffix or not parts.domain:
            continue
        usual = parts.suffix in _USUAL_SUFFIXES and len(parts.domain) >= 3
        if match[1] or usual or (path and host in _SOCIAL) or host in _SHORTENERS or len(path) > 1:
            yield _link(host, match)
    for match in _DOT_LINK.finditer(text):
        if match[2] in _USUAL_SUFFIXES:
            yield _Found("link", f"{match[1]}.{match[2]}{match[3]}", match.start(), match.end())


def _link(host: str, match: re.Match[str]) -> _Found:
    whole = re.sub(r"^(?:h..ps?://)?(?:www\.)?", "", match[0]).rstrip(".,;:!")
    network = _SOCIAL.get(host) or _SOCIAL.get(domain_of(host) or "")
    path = whole.partition("/")[2].partition("?")[0].strip("/")
    end = match.start() + len(match[0].rstrip(".,;:!"))
    if network and (path or "phone=" in whole):
        name = (re.search(r"phone=(\+?[0-9]+)", whole) or [path, path])[1]
        return _Found("messenger", f"{network}:{name}", match.start(), end)
    return _Found("link", whole, match.start(), end)


def _messengers(text: str, region: str | None) -> Iterator[_Found]:
    for match in _NAMED.finditer(text):
        network = next(name for name in _NETWORKS if match[name])
        if match["number"]:
            digits = re.sub("[^0-9]", "", match["number"])
            if len(digits) >= (5 if network == "qq" else 7):
                plus = "+" if match["number"].lstrip("(").startswith("+") else ""
                yield _Found("messenger", f"{network}:{plus}{digits}", match.start(), match.end())
        else:
            handle = match["handle"].rstrip(".-")
            said = match["mark"] not in ("-", "–") or (len(match[network]) > 3 and bool(re.search("[0-9_]", handle)))
            if said and len(handle) >= 3 and handle not in _NO_HANDLE and not handle.replace(".", "").isdecimal():
                end = match.start("handle") + len(handle)
                yield _Found("messenger", f"{network}:{handle}", match.start(), end)
            elif handle.isdecimal() and len(handle) >= 5:
                yield _Found("messenger", f"{network}:{handle}", match.start(), match.end())
    for match in _AT_HANDLE.finditer(text):
        yield _Found("messenger", f"@{match[0][1:].rstrip('.')}", match.start(), match.end())


def _phones(text: str, region: str | None) -> Iterator[_Found]:
    yield from (_Found("phone", value, start, end) for value, start, end in phone_numbers(text, region))


_SEARCHES = (_placeholders, _mails, _links, _messengers, _phones)
