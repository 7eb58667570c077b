"""Rows of listings whose fields are broken at random, by a seed: what a careless export or a sly seller may state."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

GOOD: dict[str, Any] = {
    "images": ["acme.png"],
    "title": "Acme shoe, red",
    "description": "A shoe.\nIn two lines, of leather",
    "claimed_brand": "Acme",
    "category": "shoes",
    "condition": "new",
    "price": 12.5,
    "currency": "EUR",
    "seller_id": "s1",
    "listed_at": "2024-02-29",
    "url": "https://example.org/1",
    "attributes": {"colour": "red", "weight": "300 g"},
    "reviews": ["fine", "good"],
    "ships_from": "IT",
}
TEXTS = (
    "",
    " ",
    "\ud83d",
    "Acme \ud83d shoe",
    "\udfff\ud800",
    "\0",
    "POA",
    "12,50 €",
    "1.234,56",
    "19.99",
    "-5",
    "nan",
    "1e400",
    "05/01/2024",
    "2024-13-01",
    "20240229",
    "€",
    "12€",
    "eur",
    "Levi&#39;s",
    "&amp;amp;#39;",
    "&#" + "9" * 5000 + ";",
    "{",
    '{"a": 1}',
    "[1, 2]",
    "a|b",
    "<b>",
    "=1+1",
    "a\r\nb",
    "\u202eemcA",
    "x" * 3000,
    "高仿",
    '"',
    "a,b;c\td",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    300,
    -1,
    7.5,
    1e300,
    float("nan"),
    float("inf"),
    -0.0,
    10**30,
    [],
    {},
    [None],
    [[]],
    [[["a"]]],
    ["a", None, 5],
    [True, {"a": 1}],
    {"a": 1},
    {"a": None, "b": ["c"]},
    {"a": {"b": {}}},
    {"": ""},
    [{"name": "a", "value": "b"}],
)
UNUSABLE_IDS: tuple[Any, ...] = (None, "", "  ", True, [], ["a"], {}, "\ud83d", float("nan"), float("inf"))


class Broken(NamedTuple):
    """A row, the fields of it that were broken, and whether its id can be used."""

    values: dict[str, Any]
    fields: frozenset[str]
    usable: bool


def broken_rows(count: int, seed: int) -> Iterator[Broken]:
    """Rows with ids of their own, up to four fields of each broken; every twentieth has no usable id."""
    rng = random.Random(seed)
    for number in range(count):
        fields = frozenset(rng.sample(list(GOOD), rng.randrange(5)))
        usable = rng.random() >= 0.05
        identity = (
            rng.choice([f"L{number}", f"L{number}", number, float(number)]) if usable else rng.choice(UNUSABLE_IDS)
        )
        values = {"id": identity, **GOOD, **{name: _broken(rng) for name in fields}}
        for name in rng.sample(list(GOOD), rng.randrange(3)):
            if name in fields:
                del values[name]
        if rng.random() < 0.1:
            values[rng.choice(["zip", "\ud83d", "x" * 99])] = _broken(rng)
        yield Broken(values, fields, usable)


def _broken(rng: random.Random) -> Any:
    kind = rng.random()
    if kind < 0.4:
        return rng.choice(TEXTS)
    if kind < 0.8:
        return rng.choice(VALUES)
    if kind < 0.9:
        return [rng.choice((*TEXTS, *VALUES)) for _ in range(rng.randrange(4))]
    return {rng.choice(TEXTS): rng.choice((*TEXTS, *VALUES)) for _ in range(rng.randrange(4))}


def as_jsonl(rows: list[Broken]) -> bytes:
    """The rows as lines of JSON; some characters as they are, lone surrogates as bytes that are not UTF-8."""
    lines = (json.dumps(row.values, ensure_ascii=number % 2 == 0) for number, row in enumerate(rows))
    return "\n".join(lines).encode("utf-8", "surrogatepass")
