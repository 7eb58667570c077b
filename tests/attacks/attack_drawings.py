"""Hostile drawings: SVG that a register is given. None may be rendered for ever, read a file or end the process."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attack import Attack, Outcome, Trial

from logoscan.logos import load_logo

_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_RECT = '<rect width="90" height="90"/>'


def svg(body: str, box: str = "0 0 100 100", head: str = "") -> str:
    return f'{head}<svg {_NAMESPACES} viewBox="{box}">{body}</svg>'


def _zigzag(points: int) -> str:
    draw = random.Random(0)
    return "M" + " ".join(f"{draw.random() * 100:.2f} {draw.random() * 100:.2f}" for _ in range(points))


def _filled(what: str, count: int = 6000) -> str:
    return f'<rect width="90" height="90" {what}/>' * count


def _laughs() -> str:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    return svg("<text>&e11;</text>", head=f'<!DOCTYPE svg [<!ENTITY e0 "ha">{entities}]>')


def _tenfold(level: int) -> str:
    inside = f'<use href="#l{level - 1}"/>' * 10 if level else _RECT
    return f'<g id="l{level}">{inside}</g>'


DRAWINGS: dict[str, tuple[Outcome, Callable[[], str | bytes]]] = {
    "svg: billion laughs": ("ImageError", _laughs),
    "svg: an entity that reads a file": (
        "ImageError",
        lambda: svg("<text>&x;</text>", head='<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
    ),
    "svg: a picture from the network": ("ImageError", lambda: svg('<image href="http://127.0.0.1:9/a.png"/>')),
    "svg: a picture from the disk": ("ImageError", lambda: svg('<image href="/etc/a.png" width="9" height="9"/>')),
    "svg: a style sheet from the network": (
        "ImageError",
        lambda: svg('<style>@import "http://127.0.0.1:9/a.css";</style>' + _RECT),
    ),
    "svg: a script": ("ImageError", lambda: svg("<script>while(1);</script>" + _RECT)),
    "svg: a handler of a click": ("report", lambda: svg('<rect onclick="while(1);" width="90" height="90"/>')),
    "svg: an encoding that hides a script": (
        "ImageError",
        lambda: '<?xml version="1.0" encoding="cp037"?>' + svg("<script/>" + _RECT),
    ),
    "svg: 100,000 nested groups": ("ImageError", lambda: svg("<g>" * 100_000 + "</g>" * 100_000)),
    "svg: 100,000 nested style sheets": (
        "ImageError",
        lambda: svg("<style>" * 60_000 + "a{}" + "</style>" * 60_000),
    ),
    "svg: a path of 100,000 points": ("ImageError", lambda: svg(f'<path d="{_zigzag(100_000)}"/>')),
    "svg: a path of 4,000 points": ("report", lambda: svg(f'<path d="{_zigzag(4000)}"/>')),
    "svg: dashes of a micron": (
        "ImageError",
        lambda: svg('<path d="M0 0L100 100" stroke="red" stroke-dasharray="0.0002"/>' * 15_000),
    ),
    "svg: dashes, spelt in references": (
        "ImageError",
        lambda: svg('<path d="M0 0L100 100" style="stroke:red;stroke-d&#97;sharray:0.0002"/>' * 1000),
    ),
    "svg: a marker at every point": (
        "ImageError",
        lambda: svg(f'<marker id="m">{_RECT * 99}</marker><path d="{_zigzag(50_000)}" marker-mid="url(#m)"/>'),
    ),
    "svg: 6,000 blurs": (
        "ImageError",
        lambda: svg('<filter id="f"><feGaussianBlur stdDeviation="30"/></filter>' + _filled('filter="url(#f)"')),
    ),
    "svg: a filter of a square kilometre": (
        "report",
        lambda: svg(
            '<filter id="f" x="-9e5" y="-9e5" width="1e6" height="1e6"><feGaussianBlur stdDeviation="3"/></filter>'
            + _filled('filter="url(#f)"', 1)
        ),
    ),
    "svg: a pattern of petabytes": (
        "ImageError",
        lambda: svg(
            f'<pattern id="p" width="1e5" height="1e5" patternUnits="userSpaceOnUse">{_RECT}</pattern>'
            + _filled('fill="url(#p)"', 1),
            "0 0 1 1",
        ),
    ),
    "svg: 6,000 masks": ("ImageError", lambda: svg(f'<mask id="p">{_RECT}</mask>' + _filled('mask="url(#p)"'))),
    "svg: 6,000 layers": ("ImageError", lambda: svg(f'<g opacity="0.5">{_RECT}</g>' * 6000)),
    "svg: coordinates beyond any float": (
        "ImageError",
        lambda: svg('<path d="M0 0L1e30 1e30L-1e30 5Z" stroke="red" stroke-width="1e30"/>'),
    ),
    "svg: a text of two megabytes": ("ImageError", lambda: svg(f"<text>{'a' * 1_900_000}</text>")),
    "svg: 150,000 attributes": (
        "ImageError",
        lambda: svg("<rect " + " ".join(f'a{i}=""' for i in range(150_000)) + "/>"),
    ),
    "svg: a hundred million uses of uses": ("ImageError", lambda: svg("".join(map(_tenfold, range(9))))),
    "svg: more than its size": ("ImageError", lambda: svg(" " * (3 << 20))),
    "svgz: a bomb": ("ImageError", lambda: gzip.compress(svg(" " * (1 << 28)).encode(), 9)),
}


def _drawing(make: Callable[[], str | bytes], folder: Path) -> Trial:
    made = make()
    path = folder / "mark.svg"
    path.write_bytes(made if isinstance(made, bytes) else made.encode())

    def trial() -> tuple[Outcome, str]:
        load_logo(path)
        return "report", ""

    return trial


MARKS = tuple(Attack(name, expected, partial(_drawing, make)) for name, (expected, make) in DRAWINGS.items())
"""All of them."""
