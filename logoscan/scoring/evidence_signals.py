"""Signals about codes, contacts, print and files, one plain function each. `signals` has the list of all.

Most listings hold none of this, so each abstains where there is nothing to judge, and none counts as coverage.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from logoscan.evidence import AI_MADE, Code, Contact, ContactKind
from logoscan.pricing.products import GTIN_KEYS, IN_SHOPS
from logoscan.results import Signal
from logoscan.scoring.case import ACCESSORY_WEIGHT, Case
from logoscan.scoring.words import count, listed
from logoscan.text.contacts import domain_of
from logoscan.text.specs import spec_clashes
from logoscan.types import Brand

__all__ = ["code_contradicts", "contact_diversion", "contradicting_codes", "declared_ai", "photo_contradicts"]

# How much each contradiction of a code is worth, in [0, 1]. Stated priors.
_OTHER_PREFIX, _BAD_CHECK_DIGIT, _LEADS_ELSEWHERE, _SERIAL_AGAIN = 0.8, 0.7, 0.5, 1.0
# GTINs that shops give out themselves (GS1: restricted circulation), and those of books and journals.
# Where codes on genuine packs lead as well: stores of apps, GS1, recycling, payment.
_COMMON_TARGETS = frozenset(
    {"apple.com", "google.com", "gs1.org", "goo.gl", "qr.gs1.org", "triman.fr", "amazon.com", "onelink.me", "app.link"}
)
# How much a contact says where the seller writes: nobody needs a messenger to sell here; web addresses stand on many
# labels. Stated priors.
_KINDS: dict[ContactKind, float] = {"messenger": 1.0, "phone": 0.8, "mail": 0.6, "link": 0.3}
# Weight of a place: descriptions quote the maker's service number, labels print it.
_DESCRIPTION, _PHOTO = 0.5, 0.7
_NAMES: dict[ContactKind, str] = {"messenger": "messenger name", "phone": "phone number", "mail": "mail address",
                                  "link": "web address"}  # fmt: skip
# One contradiction of the print; each further one takes this share of what is left.
_ONE_CLASH = 0.8
# Weight of a photo that was edited by AI, not made by it.
_EDITED = 0.4


def code_contradicts(case: Case) -> Signal | None:
    """Judge whether the codes in the photos contradict what the brand registered.

    It counts a GTIN of another maker's prefix where none has the brand's, a GTIN with a wrong check digit, a QR code
    that leads elsewhere than to the brand's domains, and a serial that other listings show as well. The worst counts.
    Abstains where there is no code, or the brand registered neither prefixes nor domains and nobody knows of the
    serials. For an accessory "for BRAND" it abstains: its codes are its own maker's.

    Known false alarms: other goods in the photo, licensed makers, retailers' own labels, campaign sites, a photo of one
    piece for many equal pieces.
    """
    brand = case.brand
    if (
        not case.other.codes
        or case.is_accessory
        or not (brand.gtin_prefixes or brand.official_domains or case.other.serial_uses)
    ):
        return None
    found = contradicting_codes(case.other.codes, brand, case.other.serial_uses)
    if not found:
        return Signal(
            "code_contradicts", 0.0, f"nothing in {count(len(case.other.codes), 'code')} contradicts the facts"
        )
    return Signal("code_contradicts", found[0][0] * case.presence, "; ".join(why for _, why in found[:3]))


def contradicting_codes(codes: Sequence[Code], brand: Brand, serial_uses: Mapping[str, int]) -> list[tuple[float, str]]:
    """Return how codes contradict what a brand registered: strength and reason of each contradiction, worst first.

    Args:
        codes: Codes in the photos.
        brand: The brand.
        serial_uses: Number of other listings that show a serial, by serial.
    """
    found = [*_of_gtins(codes, brand), *_of_addresses(codes, brand), *_of_serials(codes, serial_uses)]
    return sorted(found, key=lambda one: (-one[0], one[1]))


def _of_gtins(codes: Sequence[Code], brand: Brand) -> list[tuple[float, str]]:
    if not brand.gtin_prefixes:
        return []
    gtins = sorted({c.gtin for c in codes if c.gtin is not None and not IN_SHOPS.match(c.gtin)})
    found = []
    if gtins and not any(_has_prefix(gtin, brand) for gtin in gtins):
        found.append((_OTHER_PREFIX, f"the code {_short(gtins[0])} has another maker's prefix than {brand.name}'s"))
    if any(code.valid is False for code in codes):
        found.append((_BAD_CHECK_DIGIT, "a code has a wrong check digit"))
    return found


def _has_prefix(gtin: str, brand: Brand) -> bool:
    """Return whether a GTIN begins as registered, in the form of an EAN-13, a UPC-A or an EAN-8."""
    forms = [
        gtin,
        gtin[1:],
        *([gtin[2:]] if gtin.startswith("00") else []),
        *([gtin[6:]] if gtin[:6] == "0" * 6 else []),
    ]
    return any(form.startswith(prefix) for form in forms for prefix in brand.gtin_prefixes)


def _short(gtin: str) -> str:
    return gtin[1:] if gtin.startswith("0") else gtin


def _of_addresses(codes: Sequence[Code], brand: Brand) -> list[tuple[float, str]]:
    if not brand.official_domains:
        return []
    targets = {code.text: domain_of(code.text) for code in codes if re.match(r"(?i)https?://|www\.", code.text)}
    elsewhere = sorted(
        {d for text, d in targets.items() if d and d not in _COMMON_TARGETS and not _is_official(d, brand)}
    )
    if not elsewhere or any(d and _is_official(d, brand) for d in targets.values()):
        return []
    return [(_LEADS_ELSEWHERE, f"a code leads to {elsewhere[0]}, which {brand.name} did not register")]


def _is_official(domain: str, brand: Brand) -> bool:
    return any(domain_of(official) == domain for official in brand.official_domains)


def _of_serials(codes: Sequence[Code], uses: Mapping[str, int]) -> list[tuple[float, str]]:
    again = max((uses.get(code.serial, 0) for code in codes if code.serial is not None), default=0)
    return [(_SERIAL_AGAIN, f"{count(again, 'other listing')} show the same serial")] if again else []


def contact_diversion(case: Case) -> Signal | None:
    """Judge whether the listing leads buyers past the platform: by phone, mail, messenger or address.

    The signal is weighted by how probable it is that the listing passes as the brand's. It counts title and claim in
    full, photos and codes less, the description half. Addresses of the brand's own domains do not count, nor do web
    addresses in photos. Abstains where there is no contact.

    Known false alarms: the maker's service number on a label or in a description, shops' names that are addresses.
    """
    found: dict[tuple[ContactKind, str], float] = {}
    for source, contact in case.other.contacts:
        weight = _KINDS[contact.kind] * _weight_of(source, contact)
        if weight and not _is_own(contact, case.brand):
            key = contact.kind, contact.value or source
            found[key] = max(weight, found.get(key, 0.0))
    if not found:
        return None
    value = 1.0 - math.prod(1.0 - weight for weight in found.values())
    kinds = sorted({kind for kind, _ in found}, key=lambda kind: -_KINDS[kind])
    names = listed(f"a {_NAMES[kind]}" for kind in kinds)
    return Signal("contact_diversion", value * case.presence, f"the listing holds {names}")


def _weight_of(source: str, contact: Contact) -> float:
    if source == "description":
        return _DESCRIPTION
    if source.startswith(("image:", "code:")):
        return 0.0 if contact.kind == "link" else _PHOTO
    return 1.0


def _is_own(contact: Contact, brand: Brand) -> bool:
    if contact.kind not in ("mail", "link"):
        return False
    domain = domain_of(contact.value)
    return domain is not None and _is_official(domain, brand)


def photo_contradicts(case: Case) -> Signal | None:
    """Judge whether print in the photos contradicts the words: capacity, amount, model, serial, or the stated GTIN.

    The signal is weighted by how probable it is that the listing passes as the brand's. Abstains where the photos
    state nothing that the words state too. Counts 0.3 for accessories "for BRAND".

    Known false alarms: photos of another size of the same goods, several sizes in one listing, reading errors.
    """
    listing, brand = case.listing, case.brand
    clashes = spec_clashes(
        case.other.photo_lines, listing.title, listing.attributes, brand.model_patterns, brand.serial_patterns
    )
    whys = [clash.why for clash in clashes] + _other_gtin(case)
    if not whys:
        return None
    weight = ACCESSORY_WEIGHT if case.is_accessory else 1.0
    value = 1.0 - (1.0 - _ONE_CLASH) ** len(whys)
    return Signal("photo_contradicts", weight * value * case.presence, "; ".join(whys[:3]))


def _other_gtin(case: Case) -> list[str]:
    """Return a sentence where the photos show GTINs and none of them is one that the attributes state."""
    shown = {code.gtin for code in case.other.codes if code.gtin is not None and not IN_SHOPS.match(code.gtin)}
    stated = {
        re.sub("[^0-9]", "", value) for key, value in case.listing.attributes.items() if GTIN_KEYS.fullmatch(key[:40])
    }
    stated = {digits.zfill(14) for digits in stated if len(digits) in (8, 12, 13, 14)}
    if not shown or not stated or shown & stated:
        return []
    return [f"a photo shows the code {_short(min(shown))}, the listing states {_short(min(stated))}"]


def declared_ai(case: Case) -> Signal | None:
    """Judge whether the file of a photo declares that it was made by generative AI, so that it does not show the goods.

    The signal is weighted by how probable it is that the listing passes as the brand's; a photo that was edited counts
    0.4. A photo that a key of the brand signed counts nothing. Abstains where nothing is declared, which says nothing.

    Known false alarms: makers' advertisements, backgrounds that were exchanged.
    """
    own = {
        one.image for one in case.other.declared if one.signer is not None and one.signer in case.brand.photo_signers
    }
    made = [one for one in case.other.declared if one.kind in AI_MADE and one.image not in own]
    if not made:
        return None
    worst = min(made, key=lambda one: (one.kind != "ai_made", one.image))
    words = "was made by AI" if worst.kind == "ai_made" else "was edited by AI"
    value = 1.0 if worst.kind == "ai_made" else _EDITED
    return Signal("declared_ai", value * case.presence, f"a photo's file declares that it {words} ({worst.by})")
