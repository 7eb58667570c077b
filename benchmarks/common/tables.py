"""Tables of benchmarks/README.md, written from result files.

A table stands between the lines `<!-- NAME -->` and `<!-- /NAME -->`. A result file is called `NAME.json`, or
`NAME.ROW.json` where several results make the rows of one table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import click

from benchmarks.common.options import PATH
from benchmarks.common.table_columns import COLUMNS, WHOLE, Result, scalars, setting, table_of

README = Path(__file__).resolve().parent.parent / "README.md"
"""The file whose tables are written."""

# A block with its name: all between two lines.
_BLOCK = re.compile(r"(?P<begin><!-- (?P<name>[\w-]+) -->\n).*?(?P<end><!-- /(?P=name) -->)", re.S)


def render(result: Result) -> str:
    """Write the Markdown table of one result, with a line below that says where and when it was measured."""
    return render_all({"": result})


def render_all(results: Mapping[str, Result]) -> str:
    """Write the Markdown table of results of one benchmark, a row or a part each.

    Args:
        results: By the name of the row; "" for a single one.
    """
    names = {setting(result, "benchmark") for result in results.values()}
    if len(names) != 1:
        raise click.ClickException(f"expected results of one benchmark, got {', '.join(sorted(map(str, names)))}")
    name = names.pop()
    if name in COLUMNS:
        table = table_of(COLUMNS[name], results)
    else:
        parts = [(row, WHOLE.get(str(name), scalars)(result)) for row, result in results.items()]
        table = "\n\n".join(f"{row}:\n\n{part}" if row else part for row, part in parts)
    notes: dict[str, list[str]] = {}
    for row, result in results.items():
        notes.setdefault(measured(result), []).append(row)
    lines = [note if len(notes) == 1 else f"{', '.join(rows)}: {note}" for note, rows in notes.items()]
    return "\n\n".join([table, *lines]) + "\n"


def measured(result: Result) -> str:
    """Say when, on which machine and with which settings a result was measured."""
    machine = result.get("machine", {})
    given = [f"precision {p}" for p in [setting(result, "precision")] if p]
    given += [f"effort {e}" for e in [setting(result, "effort")] if e]
    given += [f"OCR {o}" for o in [setting(result, "ocr")] if o]
    given += [f"distractors {d}" for d in [setting(result, "distractors")] if d]
    where = f"{machine.get('cpu', 'unknown processor')}, {machine.get('cores', '?')} cores"
    if machine.get("cuda", "not run") != "not run":
        where += f", {machine['cuda']}"
    where += f", {machine.get('cpu_capability', '?')}, torch {machine.get('torch', '?')}"
    settings = f"; {', '.join(given)}" if given else ""
    return f"Measured {setting(result, 'date') or '?'} at {setting(result, 'code') or '?'} on {where}{settings}."


def rewrite(text: str, tables: Mapping[str, str]) -> str:
    """Put tables into the blocks of a Markdown text.

    Args:
        text: The Markdown.
        tables: Table by the name of its block.
    """
    there = {match["name"] for match in _BLOCK.finditer(text)}
    if missing := sorted(tables.keys() - there):
        raise click.ClickException(
            f"no block <!-- {missing[0]} --> in the README; there are {', '.join(sorted(there))}"
        )

    def filled(match: re.Match[str]) -> str:
        name = match["name"]
        return f"{match['begin']}\n{tables[name].strip()}\n\n{match['end']}" if name in tables else match[0]

    return _BLOCK.sub(filled, text)


@click.command("tables")
@click.argument("results", nargs=-1, required=True, type=PATH)
@click.option("--readme", type=PATH, default=README, show_default=False, help="Markdown file; benchmarks/README.md.")
@click.option("--show", is_flag=True, help="Print the tables and write nothing.")
def tables(results: tuple[Path, ...], readme: Path, show: bool) -> None:
    """Write the tables of RESULTS into the README, each into the block of its name.

    The block of a file is its name up to the first dot: `crops.one_shot.json` is the row "one shot" of the block crops.
    All rows of a block are given together, because the whole block is replaced.
    """
    grouped: dict[str, dict[str, Result]] = {}
    for path in results:
        block, _, row = path.name.removesuffix(".json").partition(".")
        grouped.setdefault(block, {})[row.replace("_", " ")] = json.loads(path.read_text("utf-8"))
    made = {block: render_all(rows) for block, rows in grouped.items()}
    if show:
        for block, table in made.items():
            print(f"{block}:\n\n{table}")
        return
    readme.write_text(rewrite(readme.read_text("utf-8"), made), "utf-8")
