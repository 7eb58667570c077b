"""Hostile logo images: SVG that an index is given. None may be rendered for ever, read a file or end the process."""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attack_pictures
import numpy as np
from attack import ACME, Attack, NotHarmlessError, Outcome, Trial
from attack_pictures import encoded, png
from fakes import FakeEncoder
from PIL import Image

from logoscan.index.logo_images import load_logo
from logoscan.index.logo_index import LogoIndex
from logoscan.text.attributes import contradictions

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
    "svg: selectors of six parts": (
        "ImageError",
        lambda: svg("<style>q g g g g g g path{fill:red}</style>" + "<g>" * 56 + "<path/>" + "</g>" * 56),
    ),
    "svg: selectors of seven parts, in comments": (
        "ImageError",
        lambda: svg("<style>q/*{*/ g/**/ g /*}*/g g>g g,a{}</style>" + "<g>" * 56 + "<path/>" + "</g>" * 56),
    ),
    "svg: as many rules as elements": (
        "ImageError",
        lambda: svg(f"<style>{'q g a{fill:red}' * 19_000}</style>" + "<g>" * 40 + "<a/>" * 19_000 + "</g>" * 40),
    ),
    "svg: an arc of a million kilometres": (
        "ImageError",
        lambda: svg('<path d="M0 0a1e9 1e9 0 1 1 1 1" stroke="red" stroke-width="1e9"/>'),
    ),
    "svg: arcs just below the cap": (
        "ImageError",
        lambda: svg('<path d="M0 0a4e8 4e8 0 1 1 1 1" fill="none" stroke="red" stroke-width="9e5"/>' * 99),
    ),
    "svg: a stroke of a million kilometres, in a style": (
        "ImageError",
        lambda: svg('<path d="M0 0L9 9" style="stroke:red;stroke-width:1000000000.5px"/>'),
    ),
    "svg: a stroke of a million kilometres, in a style sheet": (
        "ImageError",
        lambda: svg('<style>a,path{stroke:red;stroke-width:1e+9}</style><path d="M0 0L9 9"/>'),
    ),
    "svg: a number of a megabyte": ("ImageError", lambda: svg(f'<path d="M0 0L{"1" * 1_000_000} 5"/>')),
    "svg: a million numbers that end in none": ("report", lambda: svg(_RECT + f'<path d="M0 0{"1e" * 900_000}"/>')),
    "svg: comments that do not end": ("report", lambda: svg(f"<style>{'/*' * 900_000}</style>" + _RECT)),
    "svg: quotes that do not end": (
        "report",
        lambda: svg(_RECT + f"<style>a{{fill:{'url(#' * 300_000}</style>"),
    ),
    "svg: nothing but the name of a font": (
        "ImageError",
        lambda: svg(f'<text font-family="{"x" * 1_000_000}"></text>'),
    ),
    "svg: texts of 15,000 fonts": (
        "ImageError",
        lambda: svg("".join(f'<text y="9" font-family="f{i}">x</text>' for i in range(15_000))),
    ),
    "svg: 15,000 things that the renderer complains of": (
        "report",
        lambda: svg(_RECT + "".join(f'<rect fill="no-colour-{i}"/>' for i in range(15_000))),
    ),
    "svg: quoted references to a file": (
        "ImageError",
        lambda: svg('<rect width="9" height="9" fill="url( \'/etc/a.svg#b\' )"/>'),
    ),
    "svg: references that hide behind one that is inside": (
        "ImageError",
        lambda: svg(
            '<g id="a"/><rect width="9" height="9" style="fill:url(#a);stroke:URL(&quot;http://127.0.0.1/b&quot;)"/>'
        ),
    ),
    "svg: patterns in quoted references": (
        "ImageError",
        lambda: svg(
            "".join(
                f'<pattern id="p{i}"><rect width="9" height="9" fill="url( \'#p{i - 1}\' )"/></pattern>'
                for i in range(1, 400)
            )
            + '<rect width="9" height="9" fill="url(\'#p399\')"/>'
        ),
    ),
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


Made = Callable[[Path], object]
"""Fills the folder of a brand."""


def _registered(fill: Made, folder: Path) -> Trial:
    """Register the folder of a hostile brand beside a good one, which is registered all the same."""
    for name in ("Hostile", "Tidy"):
        (folder / "brands" / name).mkdir(parents=True)
    Image.fromarray(ACME).save(folder / "brands" / "Tidy" / "a.png")
    fill(folder / "brands" / "Hostile")

    def trial() -> tuple[Outcome, str]:
        index, warnings = LogoIndex.from_folder(folder / "brands", FakeEncoder())
        if "Tidy" not in index.with_logo:
            raise NotHarmlessError(f"the good brand was not registered: {warnings}")
        for brand in index.brands:  # the drawings that are kept, too
            drawn = [index.logo_image(r.brand, r.id) for r in index.logos if r.brand == brand.name]
            if any(d is not None and max(d.shape) > 256 for d in drawn):
                raise NotHarmlessError(f"{brand.name}: a drawing was kept large")
        return ("warning" if warnings else "report"), "\n".join(warnings)

    return trial


def _file(name: str, make: Callable[[], str | bytes]) -> Made:
    def fill(folder: Path) -> None:
        made = make()
        (folder / name).write_bytes(made.encode() if isinstance(made, str) else made)

    return fill


def _described(**values: object) -> Made:
    return _file("brand.json", lambda: json.dumps(values))


def _strip(width: int, height: int) -> Callable[[], bytes]:
    return lambda: png(width, height)


def _checkered(width: int, height: int) -> bytes:
    picture = np.zeros((height, width, 4), np.uint8)
    picture[::7, ::5] = 255
    return encoded(Image.fromarray(picture), "PNG")


def _link(name: str, target: str) -> Made:
    return lambda folder: (folder / name).symlink_to(target)


def _links_to_secret(folder: Path) -> None:
    secret = folder.parent.parent / "secret.png"
    Image.new("RGB", (9, 9), (200, 0, 0)).save(secret)
    (folder / "logo.png").symlink_to(secret)


def _queues(folder: Path) -> None:
    for name in ("logo.png", "logo.svg", "logo.gif"):
        os.mkfifo(folder / name)
    (folder / "folder.png").mkdir()


def _beside(folder: Path) -> None:
    """What an archive that was packed on a Mac holds, and a hostile logo image of a hidden name."""
    for name in ("._logo.png", ".DS_Store", "._brand.json", ".hidden.svg"):
        (folder / name).write_bytes(b"\0\5\x16\7" * 30)
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "logo.svg").write_bytes(b"<svg")
    (folder.parent / "__MACOSX" / "Hostile").mkdir(parents=True)
    Image.fromarray(np.ascontiguousarray(ACME[::-1])).save(folder / "logo.png")  # no other brand's


REGISTERED: dict[str, tuple[Outcome, Made]] = {
    "drawing: a line of 30,000 pixels": ("warning", _file("a.png", _strip(30_000, 1))),
    "drawing: a column of 30,000 pixels": ("warning", _file("a.png", _strip(1, 30_000))),
    "drawing: a line of 12,000 pixels": ("warning", _file("a.png", _strip(12_000, 1))),
    "drawing: a transparent strip of 30,000 pixels": ("report", _file("a.png", lambda: _checkered(30_000, 700))),
    "drawing: dots 30,000 pixels from each other": ("warning", _file("a.png", lambda: _dots(30_000, 20))),
    "drawing: PNG of 64 million pixels": ("report", _file("a.png", lambda: _square("PNG", True))),
    "drawing: PNG over the cap": ("warning", _file("a.png", lambda: png(30_001, 3000, 1, 0))),
    "drawing: JPEG of 64 million pixels": ("report", _file("a.jpg", lambda: _square("JPEG"))),
    "drawing: GIF of 64 million pixels": ("report", _file("a.gif", lambda: _square("GIF"))),
    "drawing: JPEG of a hundred scans": ("warning", _file("a.jpg", lambda: attack_pictures._scans(100))),
    "drawing: garbage": ("warning", _file("a.webp", lambda: bytes(range(256)) * 40)),
    "drawing: a link to a secret picture": ("warning", _links_to_secret),
    "drawing: a link to a device": ("warning", _link("logo.svg", "/dev/zero")),
    "drawing: a link to itself": ("warning", _link("logo.png", "logo.png")),
    "drawing: queues and folders": ("report", _queues),
    "drawing: what a Mac packs beside": ("report", _beside),
    "drawing: one that ends the renderer before one that is good": (
        "warning",
        lambda folder: [
            _file("a.svg", lambda: svg('<path d="M0 0L100 100" stroke="red" stroke-dasharray="0.0002"/>' * 15_000))(
                folder
            ),
            _file("b.svg", lambda: svg(_RECT))(folder),
        ],
    ),
    "brand.json: a name of 12,000 letters": ("InputError", _described(name="a" * 12_000)),
    "brand.json: an alias of 50,000 letters": ("InputError", _described(aliases=["ab" * 25_000])),
    "brand.json: 10,000 aliases": ("InputError", _described(aliases=[f"alias {i}" for i in range(10_000)])),
    "brand.json: a fact of a megabyte": ("InputError", _described(facts={"ean": "1," * 450_000})),
    "brand.json: 10,000 facts": ("InputError", _described(facts={f"fact {i}": "x" for i in range(10_000)})),
    "brand.json: 60,000 sellers": ("InputError", _described(authorised_sellers=[str(i) for i in range(60_000)])),
    "brand.json: 10,000 prices": (
        "InputError",
        _described(usual_prices=[{"currency": "EUR", "low": 1, "high": 2}] * 10_000),
    ),
    "brand.json: 100,000 official photos": ("InputError", _described(official_photos=["a"] * 100_000)),
    "brand.json: more than its size": ("InputError", _file("brand.json", lambda: " " * (1 << 24) + "{}")),
    "brand.json: a link to a secret": ("InputError", _link("brand.json", "/etc/passwd")),
    "brand.json: a link to a device": ("InputError", _link("brand.json", "/dev/zero")),
    "brand.json: a link to nothing": ("InputError", _link("brand.json", "not-there.json")),
}


def _square(format: str, clear: bool = False) -> bytes:
    side = attack_pictures.SIDE
    mode, colour = ("RGBA", (0, 0, 0, 99)) if clear else ("RGB", (0, 0, 200))
    return encoded(Image.new(mode, (side, side), colour), format)


def _dots(width: int, height: int) -> bytes:
    """Two inked pixels far from each other, on nothing."""
    picture = np.zeros((height, width, 4), np.uint8)
    picture[0, 0] = picture[-1, -1] = 255
    return encoded(Image.fromarray(picture), "PNG")


@contextmanager
def _in(folder: Path, **environment: str) -> Iterator[None]:
    """Work in a folder, with such variables."""
    before, values = Path.cwd(), {key: os.environ.get(key) for key in environment}
    os.chdir(folder)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.chdir(before)
        for key, value in values.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value


_SHADOWS = ("resource", "resvg_py", "sitecustomize", "usercustomize", "json", "struct", "tempfile", "math")


def _shadowed(where: str, folder: Path) -> Trial:
    """Files that bear the names of modules lie where a logo image is read from; none may run."""
    for name in _SHADOWS:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'PROOF')!r}, 'w').write('ran')\n")
    path = folder / "mark.svg"
    path.write_text(svg(f'<g opacity="0.5">{_RECT}</g>'))
    environment = {"PYTHONPATH": str(folder), "PYTHONSTARTUP": str(folder / "resource.py"), "PYTHONHOME": str(folder)}

    def trial() -> tuple[Outcome, str]:
        first = {"empty": "", "named": str(folder)}.get(where)
        with _in(folder, **(environment if where == "environment" else {})):
            if first is not None:
                sys.path.insert(0, first)  # as `python -c` and `python -m` begin
            try:
                load_logo(path)
            finally:
                if first is not None:
                    sys.path.remove(first)
        if (folder / "PROOF").exists():
            raise NotHarmlessError("a file of the working directory was run")
        return "report", ""

    return trial


def _contradicted(folder: Path) -> Trial:
    """A fact of a megabyte that is no Brand's is not compared in whole."""
    facts, attributes = {"ean": "1," * 500_000}, {"ean": "2"}

    def trial() -> tuple[Outcome, str]:
        return ("report", "") if contradictions(attributes, facts).found else ("warning", "nothing contradicts")

    return trial


_SHOPS: dict[str, Callable[[Path], Trial]] = {
    **{
        f"cwd: modules' names, {where}": partial(_shadowed, where) for where in ("cwd", "environment", "empty", "named")
    },
    "facts: a fact of a megabyte": _contradicted,
}

MARKS = (
    *(Attack(name, expected, partial(_drawing, make)) for name, (expected, make) in DRAWINGS.items()),
    *(Attack(name, expected, partial(_registered, fill)) for name, (expected, fill) in REGISTERED.items()),
    *(Attack(name, "report", prepare) for name, prepare in _SHOPS.items()),
)
"""All of them."""
