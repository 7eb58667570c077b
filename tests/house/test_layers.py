"""Who may import whom, by rooms and read from the sources; and what `import logoscan` may not load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from paths import PACKAGE

_SCAN = "io images text pricing ocr vision index matching scoring merchants review reporting store"
MAY_IMPORT: dict[str, str] = {
    "io": "",
    "images": "",
    "text": "",
    "pricing": "io text",
    "ocr": "io images",
    "vision": "io images ocr",
    "index": "io images text vision",
    "matching": "io images vision index",
    "scoring": "io images text pricing",
    "merchants": "io images text index scoring",
    "review": "io images text vision index matching",
    "reporting": "io images text pricing index matching scoring merchants",
    "store": "io images text vision index",
    "scan": _SCAN,
    "cases": "io images text index matching merchants review reporting",
    "distributed": f"{_SCAN} scan",
    "cli": f"{_SCAN} scan cases distributed",
    "training": f"{_SCAN} scan distributed",
}
"""A room may import itself, the root modules (`logoscan/*.py`) and the rooms of its row. A new room needs one."""
PACKAGE_ROOT = f"{_SCAN} scan"
"""Rooms that `logoscan/__init__.py` may import; the other root modules import root modules alone."""
LAZILY = frozenset({("types", "reporting"), ("results", "reporting"), ("index", "reporting")})
"""Imports upwards that are allowed inside functions: the `_repr_html_` of `Regions`, `Report` and `LogoIndex`,
`Report.plot` and `Report.save_html`."""
MOST_NAMES = 32
HEAVY = frozenset(
    {"torch", "torchvision", "faiss", "cv2", "easyocr", "rapidocr", "onnxruntime", "open_clip", "timm"}
    | {"pandas", "matplotlib", "pyarrow", "ray", "duckdb", "networkx", "scipy", "polars", "svy"}
    | {"securesystemslib", "cryptography", "bagit", "phonenumbers"}
)
NETWORKS = frozenset(
    {"vision.detector_net", "matching.alteration_net", "vision.fuse_bn", "ocr.script_net"}
    | {"gpu_network", "pixel_network", "_gpu_device", "ocr.onnx_net", "ocr._gpu_networks"}
    | {"images.torch_crops", "vision.level_trunk"}
)
"""Modules that define or run networks, which constructors import; they alone may load torch as they are imported."""


class Import(NamedTuple):
    """One import of the own package: the module by its name below `logoscan` ("" is the package), and where it is."""

    module: str
    in_function: bool


def module_of(path: str) -> str:
    """Name a file below the package: "index.gallery" is index/gallery.py, "index" index/__init__.py."""
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(package: Path = PACKAGE) -> dict[str, str]:
    """Read all files of the package, by their path below it; `_samples` and other data hold none."""
    return {
        path.relative_to(package).as_posix(): path.read_text("utf-8")
        for path in sorted(package.rglob("*.py"))
        if "_samples" not in path.parts
    }


def statements(tree: ast.AST, in_function: bool = False, *, types_only: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """Walk all imports, and say of each whether it stands in a function.

    Args:
        tree: What to walk.
        in_function: Whether it is part of a function.
        types_only: Whether imports under `if TYPE_CHECKING` count.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, in_function
        elif isinstance(node, ast.If) and not types_only and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from statements(other, in_function, types_only=types_only)
        else:
            inside = in_function or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from statements(node, inside, types_only=types_only)


def imports(path: str, source: str, modules: set[str], *, types_only: bool = True) -> Iterator[Import]:
    """Find what a file imports of the own package."""
    here = ["logoscan", *path.split("/")[:-1]]
    for node, in_function in statements(ast.parse(source), types_only=types_only):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "logoscan":
                    yield Import(alias.name.removeprefix("logoscan").removeprefix("."), in_function)
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level + 1] if node.level else []
            dotted = ".".join([*above, *([node.module] if node.module else [])])
            if dotted.split(".")[0] != "logoscan":
                continue
            base = dotted.removeprefix("logoscan").removeprefix(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".removeprefix(".")
                yield Import(inner if inner in modules or inner in MAY_IMPORT else base, in_function)


def breaches(files: Mapping[str, str]) -> list[str]:
    """Say each import against the rules in a sentence."""
    modules = {module_of(path) for path in files}
    out: set[str] = set()
    for path, source in files.items():
        name, room = module_of(path), path.split("/")[0] if "/" in path else ""
        if room and room not in MAY_IMPORT:
            out.add(f"{path} has no row")
            continue
        if room:
            allowed = {room, *MAY_IMPORT[room].split()}
        else:
            allowed = (
                set(PACKAGE_ROOT.split()) if path == "__init__.py" else {"cli"} if path == "__main__.py" else set()
            )
        for target, in_function in imports(path, source, modules):
            parts = target.split(".")
            other = parts[0] if parts[0] in MAY_IMPORT else ""
            if target == "":
                out.add(f"{path} imports the package root")
            elif not other and target not in modules:
                out.add(f"{path} imports {target}, which there is not")
            elif room and path == f"{room}/__init__.py" and other != room:
                out.add(f"{path} imports {target}, and a room's __init__ imports its own files alone")
            elif other and other not in allowed:
                if (room or name, other) not in LAZILY:
                    out.add(f"{path} imports {other}, which {room or 'the root'} may not")
                elif not in_function:
                    out.add(f"{path} imports {other} outside of a function")
            elif other and other != room and parts[-1].startswith("_"):
                out.add(f"{path} imports {target}, which is private")
    return sorted(out)


def circles(files: Mapping[str, str]) -> set[str]:
    """Find the modules that import one another in a circle, outside of functions."""
    modules = {module_of(path) for path in files}
    edges = {
        module_of(path): {one.module for one in imports(path, source, modules, types_only=False) if not one.in_function}
        for path, source in files.items()
        if path != "__init__.py"
    }
    while True:
        targets = set().union(*edges.values())
        ends = [name for name, others in edges.items() if name not in targets or not others & edges.keys()]
        if not ends:
            return set(edges)
        for name in ends:
            del edges[name]


def test_each_room_imports_only_what_it_may() -> None:
    files = sources()
    assert {"__init__.py", "types.py", "scan/scanner.py", "vision/encoder.py", "cli/__init__.py"} <= files.keys()
    assert breaches(files) == []


def test_rows_of_the_table_name_rooms() -> None:
    for room, allowed in MAY_IMPORT.items():
        assert set(allowed.split()) <= MAY_IMPORT.keys() - {"training", room}
        assert "cases" not in allowed.split() or room == "cli"
        assert "cli" not in allowed.split()


def test_rows_of_the_table_have_no_circle() -> None:
    left = {room: set(allowed.split()) for room, allowed in MAY_IMPORT.items()}
    while leaves := [room for room, allowed in left.items() if not allowed & left.keys()]:
        for room in leaves:
            del left[room]
    assert left == {}


HOUSE: dict[str, str] = {
    "__init__.py": "from logoscan._version import __version__\nfrom logoscan.scan.scanner import Scanner",
    "_version.py": "",
    "types.py": "import numpy",
    "results.py": "from logoscan.types import Match\ndef f():\n    from logoscan.reporting.html import page",
    "images/__init__.py": "from logoscan.images.loading import load_image",
    "images/loading.py": "from logoscan.types import Rgb\nfrom logoscan.images import _bmff",
    "images/_bmff.py": "",
    "index/__init__.py": "",
    "index/gallery.py": "from .._version import __version__\nfrom . import storage",
    "index/storage.py": "",
    "matching/match.py": "from logoscan.index import gallery",
    "reporting/html.py": "from logoscan.results import Report",
    "scan/scanner.py": "from logoscan.matching.match import Match",
    "training/train.py": "from logoscan.scan.scanner import Scanner",
    "cli/app.py": "from logoscan.scan.scanner import Scanner",
}
"""A small package that keeps to the rules."""


def test_a_house_that_keeps_to_the_rules_has_no_breach() -> None:
    assert breaches(HOUSE) == []
    assert circles(HOUSE) == set()


@pytest.mark.parametrize(
    ("path", "line", "complaint"),
    [
        ("types.py", "from logoscan.images.loading import crop", "imports images, which the root may not"),
        ("types.py", "from logoscan import images", "imports images, which the root may not"),
        ("types.py", "from .images import loading", "imports images, which the root may not"),
        ("types.py", "import logoscan.reporting.html", "imports reporting outside of a function"),
        ("index/gallery.py", "from ..reporting import html", "imports reporting outside of a function"),
        ("_version.py", "def f():\n    import logoscan.reporting", "imports reporting, which the root may not"),
        ("images/loading.py", "def f():\n    from logoscan.index import x", "imports index, which images may not"),
        ("index/gallery.py", "import logoscan.scan.scanner", "imports scan, which index may not"),
        ("index/gallery.py", "from ..scan.scanner import Scanner", "imports scan, which index may not"),
        ("index/gallery.py", "if TYPE_CHECKING:\n    import logoscan.scan", "imports scan, which index may not"),
        ("scan/scanner.py", "import logoscan.distributed", "imports distributed, which scan may not"),
        ("scan/scanner.py", "from logoscan import cases", "imports cases, which scan may not"),
        ("scan/scanner.py", "import logoscan.training.train", "imports training, which scan may not"),
        ("cli/app.py", "def f():\n    import logoscan.training", "imports training, which cli may not"),
        ("training/train.py", "from logoscan.cli import app", "imports cli, which training may not"),
        ("training/train.py", "import logoscan.cases", "imports cases, which training may not"),
        ("index/gallery.py", "import logoscan", "imports the package root"),
        ("cli/app.py", "from logoscan import __version__", "imports the package root"),
        ("index/gallery.py", "from .. import Scanner", "imports the package root"),
        ("index/gallery.py", "from logoscan.images._bmff import x", "imports images._bmff, which is private"),
        ("index/gallery.py", "from logoscan.images import _bmff", "imports images._bmff, which is private"),
        ("index/gallery.py", "import logoscan.gone", "imports gone, which there is not"),
        (
            "index/__init__.py",
            "from logoscan.images.loading import x",
            "imports images.loading, and a room's __init__ imports its own files alone",
        ),
        (
            "index/__init__.py",
            "from logoscan.types import Brand",
            "imports types, and a room's __init__ imports its own files alone",
        ),
        ("__init__.py", "from logoscan.cli import main", "imports cli, which the root may not"),
        ("__init__.py", "from logoscan.distributed import x", "imports distributed, which the root may not"),
        ("cellar/rat.py", "import math", "has no row"),
    ],
)  # fmt: skip
def test_reader_of_imports_finds_a_breach(path: str, line: str, complaint: str) -> None:
    assert breaches({**HOUSE, path: f"{HOUSE.get(path, '')}\n{line}\n"}) == [f"{path} {complaint}"]


def test_files_do_not_import_in_a_circle() -> None:
    assert circles(sources()) == set()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("from logoscan.index.gallery import x", {"index.gallery", "index.storage"}),
        ("from . import gallery", {"index.gallery", "index.storage"}),
        ("try:\n    from .gallery import x\nexcept ImportError:\n    pass", {"index.gallery", "index.storage"}),
        ("class A:\n    from .gallery import x", {"index.gallery", "index.storage"}),
        ("def f():\n    from .gallery import x", set()),
        ("if TYPE_CHECKING:\n    from .gallery import x", set()),
    ],
)
def test_reader_of_imports_finds_a_circle(line: str, found: set[str]) -> None:
    assert circles({**HOUSE, "index/storage.py": line}) == found


def loaded_after(statement: str) -> set[str]:
    """Top-level packages in a fresh interpreter after a statement."""
    script = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_loads_nothing_heavy() -> None:
    modules = {module_of(path) for path in sources()}
    assert modules >= NETWORKS
    light = sorted(
        name
        for name in modules - NETWORKS - {""}
        if name.split(".")[0] != "training" and not name.endswith("__main__")  # training is heavy; the other runs
    )
    everything = ", ".join(f"logoscan.{name}" for name in light)
    for statement in ("import logoscan", f"import {everything}"):
        loaded = loaded_after(statement)
        assert {"logoscan", "numpy"} <= loaded
        assert loaded & HEAVY == set()


def test_the_list_of_loaded_packages_would_show_a_heavy_one() -> None:
    assert "cv2" in loaded_after("import logoscan, cv2") & HEAVY


def test_the_package_root_is_small() -> None:
    names: dict[str, object] = {}
    exec("from logoscan import *", names)
    assert len(names.keys() - {"__builtins__"}) <= MOST_NAMES
