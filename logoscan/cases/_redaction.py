"""Contacts out of a text that leaves the house: what `text.contacts` finds, and all mails, links and long numbers.

It takes out too much rather than too little: whoever needs the words asks for them by name.
"""

from __future__ import annotations

import re

from logoscan.text.contacts import redact

__all__ = ["redact_contacts"]

_MAIL = re.compile(r"[^\s@<>\"'(),;:\[\]]+@[^\s@<>\"'(),;:\[\]]+")
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+|\b(?:wa\.me|t\.me|vk\.com|line\.me|bit\.ly|m\.me)/\S+|\b[\w-]+(?:\.[\w-]+)*"
    r"\.(?:com|net|org|info|shop|store|ru|cn|io|me|de|fr|uk|xyz|top|site|online)\b(?:/\S*)?",
    re.IGNORECASE,
)
# Eight digits or more with the signs that people put between: a number to call, or any other that names somebody.
_DIGITS = re.compile(r"[+(＋]?\d(?:[\s().\-/–·]{0,3}\d){7,}")


def redact_contacts(text: str) -> str:
    """Return a text with contacts, links and long numbers replaced by what they are, such as "[mail]"."""
    text = _LINK.sub("[link]", _MAIL.sub("[mail]", redact(text)))
    return _DIGITS.sub("[number]", text)
