"""Contacts out of a text: phone numbers, mail addresses, links and names in messengers. One function, which leads call.

It takes out too much rather than too little: whoever needs the words asks for them by name.
"""

from __future__ import annotations

import re

from logoscan.errors import MissingDependencyError

__all__ = ["redact_contacts"]

_MAIL = re.compile(r"[^\s@<>\"'(),;:]+\s*(?:@|＠|\(at\)|\[at\])\s*[^\s@<>\"'(),;:]+", re.IGNORECASE)
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+|\b(?:wa\.me|t\.me|vk\.com|line\.me|bit\.ly|m\.me)/\S+|\b[\w-]+(?:\.[\w-]+)*"
    r"\.(?:com|net|org|info|shop|store|ru|cn|io|me|de|fr|uk|xyz|top|site|online)\b(?:/\S*)?",
    re.IGNORECASE,
)
_HANDLE = re.compile(
    r"(?:whats\s?app|wechat|weixin|微信|telegram|viber|line|kakao(?:talk)?|qq|signal|skype|instagram|insta|ig|snapchat|"
    r"vx|tg|imo)\s*(?:id|no\.?|number|nr\.?)?\s*[:：#=-]\s*\S+|(?<![\w])@[\w.-]{3,}",
    re.IGNORECASE,
)
# Eight digits or more with the signs that people put between: a number to call, or any other that names somebody.
_DIGITS = re.compile(r"[+(＋]?\d(?:[\s().\-/–·]{0,3}\d){7,}")


def redact_contacts(text: str) -> str:
    """Return a text with contacts replaced by what they are, such as "[mail]".

    Raises:
        MissingDependencyError: phonenumbers is not installed.
    """
    try:
        from phonenumbers import PhoneNumberMatcher
    except ImportError:
        raise MissingDependencyError("phonenumbers is missing; pip install 'logoscan[leads]'") from None
    for pattern, name in ((_MAIL, "[mail]"), (_LINK, "[link]"), (_HANDLE, "[messenger]")):
        text = pattern.sub(name, text)
    for match in reversed(list(PhoneNumberMatcher(text, None))):
        text = f"{text[: match.start]}[phone]{text[match.end :]}"
    return _DIGITS.sub("[number]", text)
