"""Phone numbers in text without disguises, checked by phonenumbers (Google's libphonenumber).

A number without its country's code may be a model number, a size or a code. It counts where a word says so, where it is
a mobile number of the country that is probable, or where it is written as national numbers are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["phone_numbers"]

_GAP = r"[ ().\-–—_/*~·•|,]{0,3}"
_PHONE = re.compile(rf"(\(?\+ ?|\(?00 ?(?=[1-9]))?\(?[0-9](?:{_GAP}[0-9]){{6,14}}")
# A run of digits and the signs between them, and its parts, which blanks part.
_RUN = re.compile(rf"(?<![0-9a-z.,/#\-])\(?(?:\+ ?)?\(?[0-9](?:{_GAP}\+?[0-9]){{6,39}}(?![0-9a-z]|[.,][0-9])")
_PART = re.compile(r"\(?\+? ?\(?[0-9][^\s]*")
# What makes a number behind it a size or a share.
_UNITS = "%°"
_CALL = re.compile(
    r"(?:\btel\b|telefon|telephone|\bph\b|\bphone\b|\bcall\b|\bmob\b|mobile|\bcell\b|contact|hotline|\bring\b"
    r"|\btext (?:me|us|at|to|on)\b|\bsms\b|\bfax\b|handy|anruf|llama|ligue|appel|telefono|celular"
    r"|whats|viber|telegram|wechat|\bwx\b|\bvx\b|звон|тел\b|тел[.:]"
    r"|номер|моб|пиши|电话|電話|手机|手機|微信|联系|聯繫|咨询|전화|연락|电联|โทร|फोन|संपर्क|هاتف|اتصل|واتس|[☎☏📞📱📲✆])[^0-9]{0,14}$"
)
_CALL_CHARS = 32
# Regions whose numbers are tried where the text names none: where most listings come from.
_REGIONS = ("CN", "IN", "US", "GB", "DE", "TR", "RU", "FR", "IT", "ES", "BR", "PL", "VN", "TH", "PK", "ID", "UA", "HK")
# A number as it is written inside of many countries: a trunk 0, and groups of which the last has three digits or more.
_NATIONAL = re.compile(r"\(?0[0-9]{1,4}\)?[ /-][0-9]{3,8}(?:[ -][0-9]{2,5}){0,2}(?<=[0-9]{3})")
# A day, whatever stands before it.
_DATE = re.compile(r"[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2[0-9]{4}")
# Least digits of a number with its country's code.
_LEAST_ABROAD = 10
_ABROAD = re.compile(r"\(?00 ?[1-9][0-9]{0,2}[ /)-]")
# What stands before the number of an article. Such numbers begin with zeros and are parted as those of phones are.
_ARTICLE = re.compile(
    r"(?:\blot|\bsku|\bpart|\bitem|\barticle|\bart|\bmodel|\bref|\breference|\bserial|\bbatch|\bstyle|\bean|\bgtin"
    r"|\bupc|\bisbn|\bartikel|\bcharge|\bmodell|\bbestell|\bserie|货号|型号|款号|артикул)"
    r"[ .-]{0,2}(?:no|nr|num|number|nummer|id|код)?[ .:#№-]{0,3}\(?$"
)
# Lengths of numbers with a check digit on goods: EAN-8 is shorter than most numbers.
_GTIN_LENGTHS = (8, 12, 13, 14)


def phone_numbers(text: str, region: str | None) -> Iterator[tuple[str, int, int]]:
    """Yield the phone numbers in a text in small letters: as E.164 where that is known, with start and end.

    Args:
        text: The text.
        region: ISO 3166-1 code of the country whose numbers are probable; None where none is.
    """
    for run in _RUN.finditer(text):
        parts = [(m.start(), m.end()) for m in _PART.finditer(text, run.start(), run.end())]
        at = 0
        while at < len(parts):
            for end in range(len(parts), at, -1):  # a size or a price may stand beside the number
                start, stop = parts[at][0], parts[end - 1][1]
                if value := _phone_number(text, start, stop, region):
                    yield value, start, stop
                    at = end
                    break
            else:
                at += 1


def _phone_number(text: str, start: int, end: int, region: str | None) -> str | None:
    """Return the phone number that a stretch of a text is; None where it is none."""
    match = _PHONE.fullmatch(text[start:end])
    if match is None or _DATE.fullmatch(match[0]) or (text[end : end + 1] in _UNITS and text[end : end + 1]):
        return None
    digits = re.sub("[^0-9]", "", match[0])
    before = text[max(0, start - _CALL_CHARS) : start]
    called = bool(_CALL.search(before))
    if not called and "+" not in (match[1] or "") and _ARTICLE.search(before):
        return None
    return _number(match[0], digits, match[1], region, called)


def _number(written: str, digits: str, prefix: str | None, region: str | None, called: bool) -> str | None:
    """Return a phone number in its normal form; None where it is none, or may be something else."""
    if prefix:
        abroad = f"+{digits if '+' in prefix else digits.removeprefix('00')}"
        # behind a plus the length must fit the country; which numbers are given out there changes by the month
        parted = "+" in prefix or _ABROAD.match(written)  # behind 00 a blank must part the country, as in no code
        plausible = parted and len(digits) >= _LEAST_ABROAD and _is_possible(abroad)
        return _valid(abroad, None) or (digits if called else abroad if plausible else None)
    if len(digits) in _GTIN_LENGTHS and _has_check_digit(digits) and not called:
        return None
    if region and (called or _is_mobile(digits, region)) and (value := _valid(digits, region)):
        return value
    if called:
        return next((v for r in _REGIONS if (v := _valid(digits, r))), None) or (digits if len(digits) >= 8 else None)
    if re.fullmatch("1[3-9][0-9]{9}", digits) and re.fullmatch(r"[0-9]{11}|[0-9]{3}[ -][0-9]{4}[ -][0-9]{4}", written):
        return _valid(digits, "CN")
    if re.fullmatch(r"\([2-9][0-9]{2}\) ?[0-9]{3}[ .-][0-9]{4}|[2-9][0-9]{2}[.-][0-9]{3}[.-][0-9]{4}", written):
        return _valid(digits, "US")
    if re.fullmatch("0[0-9]{9,10}", digits) and _NATIONAL.fullmatch(written):
        return next((v for r in _REGIONS if (v := _valid(digits, r))), None)
    return None


def _valid(number: str, region: str | None) -> str | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def _is_possible(number: str) -> bool:
    import phonenumbers

    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(number, None)))
    except phonenumbers.NumberParseException:
        return False


def _is_mobile(digits: str, region: str) -> bool:
    import phonenumbers

    try:
        kind = phonenumbers.number_type(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False
    mobile = phonenumbers.PhoneNumberType
    return len(digits) >= 9 and kind in (mobile.MOBILE, mobile.FIXED_LINE_OR_MOBILE)


def _has_check_digit(digits: str) -> bool:
    total = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(reversed(digits)))
    return total % 10 == 0
