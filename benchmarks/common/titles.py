"""Seeded titles and names: honest titles, and the same with a brand's name disguised.

The tricks are written down here by hand, as a counterfeiter would pick them from a character map, so that the library's
own table is not asked about itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from logoscan.text.folding import fold


def _split(joined: str) -> list[str]:
    return joined.split("|")


BRANDS = _split(
    "Adidas|Nike|Puma|Reebok|New Balance|Under Armour|The North Face|Patagonia|Columbia|Timberland|Levi's|"
    "Calvin Klein|Tommy Hilfiger|Ralph Lauren|Lacoste|Gucci|Prada|Louis Vuitton|Chanel|Hermès|Burberry|"
    "Balenciaga|Versace|Dior|Fendi|Rolex|Omega|Cartier|Tissot|Casio|Seiko|Swarovski|Pandora|Ray-Ban|Oakley|"
    "Samsung|Apple|Sony|Panasonic|Philips|Bosch|Makita|DeWalt|Dyson|Nespresso|Starbucks|Nintendo|PlayStation|"
    "Lego|Mattel|Hasbro|Funko|Canon|Nikon|Logitech|Garmin|Fitbit|Bose|JBL|Sennheiser|Beats|Huawei|Xiaomi|"
    "Lenovo|Intel|Kingston|SanDisk|Duracell|Energizer|Gillette|Braun|Oral-B|L'Oréal|Maybelline|Clinique|"
    "Lancôme|Estée Lauder|Kérastase|Converse|Vans|Crocs|Birkenstock|UGG|Dr. Martens|Salomon|Asics|Hoka|"
    "Moncler|Supreme|Stüssy|Carhartt|Michael Kors|Kate Spade|Longchamp|Samsonite|Tupperware|Yeti|Stanley|"
    "Thermos|Black & Decker|Karcher|Michelin|Warner Bros|Marlboro|Swatch|Volkswagen"
)
"""A hundred brands and some more."""

# Parts of titles: goods, properties, what sellers add, and makers that are no brands.
_GOODS = _split(
    "running shoes|sneakers|trainers|hoodie|zip jacket|rain jacket|T-shirt|polo shirt|slim fit jeans|"
    "crossbody bag|leather wallet|backpack 20L|belt|baseball cap|beanie|sunglasses|wrist watch|"
    "automatic watch|chronograph|bracelet|necklace|stud earrings|wireless earbuds|over-ear headphones|"
    "bluetooth speaker|phone case|USB-C charger 65W|screen protector|game controller|memory card 128GB|"
    "razor blades 8 pcs|electric toothbrush|eau de parfum 50ml|lipstick 3.5g|moisturizer 1.7 oz|"
    "shampoo 500ml|cordless drill 18V|vacuum cleaner filter|coffee capsules 10 pack|travel mug 16oz|"
    "water bottle 1L|building set 500 pcs|action figure|plush toy|umbrella|scarf 100% wool|socks 3 pairs|"
    "dress|kurta set|yoga pants|football boots|swim shorts|ski goggles|camera lens 50mm f/1.8|"
    "battery AA 4pcs|desk lamp|kitchen knife|frying pan 28cm|bed sheet 1000 TC|curtain 2pcs|dog collar|"
    "car floor mat|garden hose 15m|board game"
)
_ADJECTIVES = _split(
    "new|original|vintage|men's|women's|kids|unisex|black|white|navy blue|red|olive|rose gold|matte|striped|"
    "printed|waterproof|lightweight|premium|classic|limited edition|genuine|authentic|used|mint condition|"
    "size M|size 42|UK 9|EU 44|XL|2023|Series 5|Gen 2|Mk II|No. 5|90s|1080p|4K|5G|2-in-1|3in1|10x20cm|"
    "B07XJ8C8F5|GX-1000|A1466|M2|CW2288-111"
)
_EXTRAS = _split(
    "free shipping|with box|gift for him|fast delivery|100% cotton|no reserve|brand new in box|NWT|F R E E|BNIB|"
    "(pack of 2)|- 20% off!|1 year warranty|great deal|for summer|see photos|L@@K|**SALE**|🔥 hot|★★★★★|"
    "ships from EU|$25 OBO|sizes S M L XL|N E W|S A L E|R2-D2|versandkostenfrei|livraison gratuite|envío gratis|"
    "Größe L|taille 38|talla única|оригинал|новый|в наличии|正品|全新"
)
_MAKERS = _split("Ashbury|Kolvera|Brindlet|Sunmora|Talvex|Mirelle|Hexaport|Oakfen|Juniper|Northlane|Vellora|Pemberley")


def names(count: int, seed: int) -> list[str]:
    """Make up distinct pronounceable names of five to fourteen letters; a quarter of them are two words."""
    rng = random.Random(seed)
    heads = _split("b|br|c|ch|cl|d|dr|f|fl|g|gr|h|j|k|kl|l|m|n|p|pr|qu|r|s|sh|sk|st|t|tr|v|w|z")
    tails = _split("n|r|l|s|x|m|nd|st|ck|th|rn|lt")
    made: dict[str, str] = {}
    while len(made) < count:
        parts = [
            "".join(
                rng.choice(heads) + rng.choice("aeiouy") + (rng.choice(tails) if rng.random() < 0.35 else "")
                for _ in range(rng.choice((2, 2, 3, 3, 4)))
            ).capitalize()
            for _ in range(2 if rng.random() < 0.25 else 1)
        ]
        name = " ".join(parts)
        if 5 <= len(fold(name)) <= 14:
            made.setdefault(fold(name), name)
    return list(made.values())


def honest_title(rng: random.Random, brand: str | None) -> str:
    """Write a title as sellers do: a maker or a brand, goods, properties, extras, in one of four letterings."""
    words = [brand or rng.choice((*_MAKERS, "")), *rng.sample(_ADJECTIVES, rng.randint(1, 3)), rng.choice(_GOODS)]
    if rng.random() < 0.3:
        words.insert(0, words.pop(1))
    words += rng.sample(_EXTRAS, rng.randint(0, 2))
    title = " ".join(filter(None, words))
    return rng.choice((str, str, str.title, str.upper, str.lower))(title)


# Letters of other scripts that look like Latin ones, and characters that are not seen.
_CYRILLIC = dict(zip("aceopxyisjhkmtbABCEHIKMOPTXS", "асеорхуіѕјһкмтвАВСЕНІКМОРТХЅ", strict=True))
_GREEK = dict(zip("ovaiuptABEHIKMNOPTXYZ", "ονаιυρτΑΒΕΗΙΚΜΝΟΡΤΧΥΖ", strict=True)) | {"a": "α"}
_OTHER = dict(zip("onslgdwuaeiIC", "օոꜱӏɡԁԝսａеıІС", strict=True))
DIGITS = dict(zip("oielasbtgz", "0131458792", strict=True)) | {"b": "8", "t": "7", "s": "5", "a": "4"}
"""Digits that look like letters."""
SIGNS = {"a": "@", "s": "$", "i": "!", "l": "|", "e": "€"}
"""Signs that look like letters."""
_HIDDEN = "\u200b\u200c\u200d\u2060\ufeff"


def _swap(rng: random.Random, name: str, table: dict[str, str], most: float = 1.0) -> str | None:
    """Replace some of the letters that a table has: at least one, at most a share of the name's letters."""
    at = [i for i, c in enumerate(name) if c in table or c.lower() in table]
    if not at:
        return None
    letters = sum(c.isalnum() for c in name)
    chosen = rng.sample(at, rng.randint(1, max(1, min(len(at), int(letters * most)))))
    return "".join((table.get(c) or table[c.lower()]) if i in chosen else c for i, c in enumerate(name))


def _wide(rng: random.Random, name: str) -> str | None:
    """Write some letters, not all, in fullwidth forms."""
    at = [i for i, c in enumerate(name) if "!" < c < "~" and c.isalpha()]
    chosen = rng.sample(at, rng.randint(1, len(at) - 1))
    return "".join(chr(ord(c) + 0xFEE0) if i in chosen else c for i, c in enumerate(name))


def _hidden(rng: random.Random, name: str) -> str | None:
    inside = [i for i in range(1, len(name)) if name[i].isalnum() and name[i - 1].isalnum()]
    for i in sorted(rng.sample(inside, rng.randint(1, len(inside))), reverse=True):
        name = name[:i] + rng.choice(_HIDDEN) + name[i:]
    return name


def _drawn_alike(rng: random.Random, name: str) -> str | None:
    """Write rn for m, vv for w, small l for capital I and the other way round."""
    swapped = name.lower().replace("m", "rn").replace("w", "vv")
    if swapped != name.lower():
        return swapped.capitalize() if rng.random() < 0.5 else swapped
    if "i" in name.lower():
        return name.upper().replace("I", "l")
    return name.replace("l", "I") if "l" in name else None


def _spaced(rng: random.Random, name: str) -> str | None:
    letters = fold(name)
    gap = rng.choice((" ", " ", "  ", "-", "_", "*"))
    return gap.join(letters.upper() if rng.random() < 0.5 else letters)


TRICKS: dict[str, Callable[[random.Random, str], str | None]] = {
    "cyrillic": lambda rng, name: _swap(rng, name, _CYRILLIC),
    "greek": lambda rng, name: _swap(rng, name, _GREEK),
    "other_script": lambda rng, name: _swap(rng, name, _OTHER),
    "fullwidth": _wide,
    "zero_width": _hidden,
    "leet_digits": lambda rng, name: _swap(rng, name, DIGITS, 0.5),
    "leet_signs": lambda rng, name: _swap(rng, name, SIGNS, 0.5),
    "drawn_alike": _drawn_alike,
    "spaced": _spaced,
}
"""Tricks by name: each takes a generator and a name, and returns the disguise, or None where it has no letter."""
