"""Who may import whom, read from the sources; and what `import logoscan` may not load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import logoscan

PACKAGE = Path(logoscan.__file__).parent

LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "types errors results markup notebook stream opening files",
        "rows tables parquet_rows "
        "jsonio boxes bmff formats heif folders images svg svg_child logos brands listings resume match layout text "
        "placement folding roles spelt nearest "
        "misread words coded units complaints facts photos cohorts price_fit price_sample price evidence signals score "
        "score_fit judging places lettering charts report weights merchant merchant_state merchant_evidence negatives "
        "verdict_file verdict_photos certainty pace mapped shortlist wording",
        "alignment alteration alteration_evidence alteration_net detect detector_net encode norms runtime refine ocr "
        "ocr_easy ocr_pictures ocr_rapid approximate storage reading gallery keypoints families register enrol vet "
        "index observing locate marks ledger pictures screening unreadable",
        "scanner calibrate verdicts pages run_pages shards workers",
        "cli distributed",
    )
)
"""From the ground up: a module imports from its own layer and from those below. A new module needs a place here."""
UPWARDS = frozenset({("results", "pages"), ("results", "index")})
"""Imports against the order that are allowed: `Report.save_html` asks for its page in the call, never at the top, and
names the type of its register."""
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
SCANNER = RANK["scanner"]
ROOT = "__init__"
"""Joins everything that is public; only what stands at the top may import it (for the version)."""
HEAVY = frozenset(
    {"torch", "torchvision", "faiss", "cv2", "easyocr", "rapidocr", "onnxruntime", "open_clip", "timm"}
    | {"pandas", "matplotlib", "pyarrow", "ray"}
)


FOLDERS = ("cli",)
"""Modules that are folders; each stands in one layer."""


def sources(folder: Path = PACKAGE) -> dict[str, str]:
    out = {path.stem: path.read_text("utf-8") for path in folder.glob("*.py")}
    for name in FOLDERS:
        out[name] = "\n".join(path.read_text("utf-8") for path in sorted((folder / name).glob("*.py")))
    return out


def imported(source: str, *, own: str, everywhere: bool = True) -> set[str]:
    """Dotted names that a module imports, at its top or anywhere (in functions, under `if`).

    Names of the own package are cut to the module's ("logoscan.types"), the package itself is "logoscan".
    """
    tree = ast.parse(source)
    nodes = list(ast.walk(tree)) if everywhere else list(tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(x for x in ("logoscan" if node.level else "", node.module or "") if x)
            if base == "logoscan":  # `from logoscan import x` is a module where there is one of that name
                found |= {f"logoscan.{a.name}" if a.name in own.split() else "logoscan" for a in node.names}
            else:
                found.add(base)
    return {".".join(name.split(".")[:2]) if name.startswith("logoscan") else name for name in found}


def breaches(modules: dict[str, str]) -> list[str]:
    """Imports against the rules, as sentences."""
    folders = "training"
    own = " ".join([*modules, folders])
    out = []
    for name, source in modules.items():
        if name not in RANK and name != ROOT:
            out.append(f"{name} has no layer")
            continue
        for target in imported(source, own=own):
            if target == "logoscan":
                if RANK.get(name, -1) < SCANNER:
                    out.append(f"{name} imports the package root")
            elif target.startswith("logoscan."):
                other = target.removeprefix("logoscan.")
                if other not in RANK:
                    out.append(f"{name} imports {other}, which has no layer")
                elif name == ROOT and RANK[other] > SCANNER:
                    out.append(f"the package root imports {other}")
                elif name != ROOT and RANK[other] > RANK[name] and (name, other) not in UPWARDS:
                    out.append(f"{name} imports {other}, which stands above it")
    return sorted(out)


def test_every_module_keeps_to_its_layer() -> None:
    modules = sources()
    assert {"scanner", "types", "encode", "cli", ROOT} <= modules.keys()
    assert breaches(modules) == []


def test_names_stand_in_one_layer() -> None:
    assert sum(map(len, LAYERS)) == len(RANK)


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("types", "from logoscan.images.loading import crop", "types imports images, which stands above it"),
        (
            "match",
            "def f():\n    from logoscan.vision.encoder import Encoder",
            "match imports encode, which stands above it",
        ),
        ("encode", "import logoscan.scan.scanner", "encode imports scanner, which stands above it"),
        ("index", "from logoscan import cli", "index imports cli, which stands above it"),
        ("ocr", "from .scanner import Scanner", "ocr imports scanner, which stands above it"),
        ("scanner", "from logoscan.training.compose import x", "scanner imports training, which has no layer"),
        ("cli", "def f():\n    import logoscan.training.train", "cli imports training, which has no layer"),
        ("text", "import logoscan", "text imports the package root"),
        ("text", "from logoscan import __version__", "text imports the package root"),
        (ROOT, "from logoscan.cli import main", "the package root imports cli"),
        ("newcomer", "import math", "newcomer has no layer"),
    ],
)
def test_the_reader_of_imports_sees_a_breach(name: str, line: str, complaint: str) -> None:
    """The test above holds for the right reason."""
    modules = sources()
    modules[name] = f"{modules.get(name, '')}\n{line}\n"
    assert breaches(modules) == [complaint]


def test_modules_do_not_import_in_a_circle() -> None:
    """At their tops; inside of one layer the ranks cannot see it."""
    modules = sources()
    own = " ".join(modules)
    edges = {
        name: {t.removeprefix("logoscan.") for t in imported(source, own=own, everywhere=False)} & modules.keys()
        for name, source in modules.items()
        if name != ROOT
    }
    for name in FOLDERS:  # its files import each other; a circle among them would not start
        edges[name].discard(name)
    while leaves := [name for name, targets in edges.items() if not targets & edges.keys()]:
        for name in leaves:
            del edges[name]
    assert edges == {}


def loaded_after(statement: str) -> set[str]:
    """Top-level packages in a fresh interpreter after a statement."""
    script = f"import sys, json\n{statement}\nprint(json.dumps(sorted({{n.partition('.')[0] for n in sys.modules}})))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_importing_loads_nothing_heavy() -> None:
    light = sorted(
        sources().keys() - {ROOT, "detector_net", "alteration_net", "norms"}
    )  # networks, which constructors import
    light += [f"{name}.{path.stem}" for name in FOLDERS for path in (PACKAGE / name).glob("[!_]*.py")]
    everything = ", ".join(f"logoscan.{name}" for name in light)
    for statement in ("import logoscan", f"import {everything}"):
        loaded = loaded_after(statement)
        assert {"logoscan", "numpy"} <= loaded
        assert loaded & HEAVY == set()


def test_the_list_of_loaded_packages_would_show_a_heavy_one() -> None:
    assert "cv2" in loaded_after("import logoscan, cv2") & HEAVY
