"""Names of brands in many scripts on composed photos: are they found, and is what nobody can read said?"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from benchmarks.common.options import PATH
from benchmarks.common.photo_files import photo_files
from benchmarks.common.results import write_result
from benchmarks.common.script_names import NAMES
from benchmarks.common.script_scenes import Scene, scenes
from benchmarks.common.statistics import bootstrap
from logoscan.images.loading import load_image
from logoscan.ocr.engine import OcrChoice, OcrEngine, make_ocr
from logoscan.ocr.scripts import FirstEngine, ScriptOcr
from logoscan.text.brand_names import NameIndex
from logoscan.types import Brand, Effort, Rgb, TextSpans

SIZES_PX = ((12.0, 20.0), (20.0, 30.0), (30.0, 40.0))
"""Least and greatest heights of the lines."""
LEAST_PROBABILITY = 0.5
"""Probability from which a mention counts as the brand of the photo."""
# Script by which the fonts of a table of names are found.
_FONTS = {"Jpan": "Hira", "Hans": "Hani"}


class _Once:
    """An engine that finds and reads the lines of a picture once, whoever asks."""

    def __init__(self, first: FirstEngine) -> None:
        self.read_words = first.read_words
        self._first, self._last = first, (np.zeros((0, 0, 3), np.uint8), TextSpans.empty())

    @property
    def name(self) -> str:
        return self._first.name

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        (image,) = images
        if self._last[0] is not image:
            self._last = image, self._first.read([image])[0]
        return [self._last[1]]


def on_line(xyxy: NDArray[np.float32], scene: Scene) -> NDArray[np.bool_]:
    """Return for each box whether it lies on the name: its middle on the name, or the name's middle on it."""
    box = np.array(scene.xyxy, np.float32)
    middle, name = (xyxy[:, :2] + xyxy[:, 2:]) / 2, (box[:2] + box[2:]) / 2
    inside = ((middle >= box[:2]) & (middle <= box[2:])).all(axis=1)
    return np.asarray(inside | ((name >= xyxy[:, :2]) & (name <= xyxy[:, 2:])).all(axis=1), np.bool_)


def _fontconfig_files() -> list[Path]:
    """Return the font files that fontconfig knows."""
    program = shutil.which("fc-list")
    if program is None:
        raise click.ClickException("expected fontconfig (apt-get install fontconfig), or --fonts")
    listed = subprocess.run([program, "--format=%{file}\n"], capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines() if line.strip()]


def _share(hits: Sequence[bool]) -> float | None:
    return round(float(np.mean(hits)), 4) if hits else None


def photos_with_unread(engine: OcrEngine, files: Sequence[Path]) -> dict[str, Any]:
    """Compute the share of photos with a line that no engine could read, and with one that was passed over."""
    unreadable, effort = [], []
    for file in track(files, "photos"):
        reasons = engine.read([load_image(file)])[0].unread_reasons
        unreadable.append("unreadable" in reasons)
        effort.append("effort" in reasons)
    named = [file.name for file, hit in zip(files, unreadable, strict=True) if hit]
    return {"n": len(files), "unreadable": _share(unreadable), "passed_over": _share(effort), "files": named}


@click.command("scripts")
@click.option("--fonts", type=PATH, multiple=True, help="Font files or folders; default: what fontconfig knows.")
@click.option("--backgrounds", type=PATH, help="Folder of photos to print on; default: composed materials alone.")
@click.option("--count", default=24, show_default=True, help="Photos of each script and height.")
@click.option("--script", "chosen", type=click.Choice(list(NAMES)), multiple=True, default=list(NAMES))
@click.option("--ocr", default="rapidocr", show_default=True)
@click.option("--languages", default="en,zh,ja,ko,ru,ar,th", show_default=True)
@click.option("--effort", type=click.Choice(["default", "full"]), default="default", show_default=True)
@click.option("--photos", type=PATH, multiple=True, help="Folder of photos without such text. Repeatable.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "out", type=click.Path(path_type=Path), required=True, help="Result file.")
def scripts(
    fonts: tuple[Path, ...],
    backgrounds: Path | None,
    count: int,
    chosen: tuple[str, ...],
    ocr: OcrChoice,
    languages: str,
    effort: Effort,
    photos: tuple[Path, ...],
    seed: int,
    out: Path,
) -> None:
    """Find names of brands in their own scripts on composed photos, 12 to 40 px high, by the shipped reading.

    found: share of names that are found by an engine of --languages, among all names of the script in the table. other:
    share of photos in which another name is. detected: share of names on which a line is found at all.

    Without --languages, by what the engine reads itself: blanks, lines of which it reads no letter, and blanks_unread,
    the share of them that is said to be unread; unread, the share of names that are said to be unread, and
    unread_script, with which scripts. For --photos: the share with a line that no engine could read, and with one that
    was passed over.
    """
    from logoscan.training.materials import backgrounds_from_arrays, read_backgrounds
    from logoscan.training.script_lines import fonts_by_script

    files = fonts_by_script(fonts or _fontconfig_files())
    grounds = backgrounds_from_arrays([]) if backgrounds is None else read_backgrounds(backgrounds, limit=300)
    engine = make_ocr(ocr, device="cpu", effort=effort, languages=[code for code in languages.split(",") if code])
    assert isinstance(engine, ScriptOcr)
    first = _Once(engine.first)
    reading = ScriptOcr(first, engine.scripts, engine.readers, engine.own)
    plain = ScriptOcr(first, engine.scripts, {}, engine.own | engine.readers.keys() & {"Latn", "Hani"})
    figures: dict[str, Any] = {}
    for script in chosen:
        own_fonts = files[_FONTS.get(script, script)]
        if not own_fonts:
            raise click.ClickException(f"--fonts: expected a font of {script}, got none")
        index = NameIndex(map(Brand, NAMES[script]))
        rows: list[dict[str, Any]] = []
        for low, high in SIZES_PX:
            made = scenes(seed + int(low), NAMES[script], count, own_fonts, grounds, (low, high))
            rows += [
                {"height": f"{low:.0f}-{high:.0f}", **_row(scene, first, reading, plain, index)}
                for scene in track(made, f"{script} {low:.0f} px", total=count)
            ]
        heights = {f"{low:.0f}-{high:.0f}" for low, high in SIZES_PX}
        by_height = {height: _figures([r for r in rows if r["height"] == height]) for height in sorted(heights)}
        figures[script] = _figures(rows) | {"heights": by_height, "fonts": len(own_fonts)}
    if photos:
        figures["photos"] = {folder.name: photos_with_unread(plain, photo_files(folder)) for folder in photos}
    write_result(out, figures, {"ocr": engine.name, "effort": effort, "seed": seed, "languages": languages})


def _row(scene: Scene, first: OcrEngine, reading: OcrEngine, plain: OcrEngine, index: NameIndex) -> dict[str, Any]:
    own, read, default = (engine.read([scene.rgb])[0] for engine in (first, reading, plain))
    found = {m.brand for m in index.find_in_spans(read, 0) if m.probability >= LEAST_PROBABILITY}
    over = on_line(own.xyxy, scene)
    blank = bool(over.any()) and not any(own.texts[i].strip() for i in np.flatnonzero(over))
    unread = np.flatnonzero(on_line(default.unread_xyxy, scene)) if default.unread else np.zeros(0, np.int64)
    return {
        "found": scene.name in found,
        "other": bool(found - {scene.name}),
        "detected": bool(over.any()),
        "blank": blank,
        "unread": bool(len(unread)),
        "script": default.unread_scripts[int(unread[0])] if len(unread) else "",
    }


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found = np.array([r["found"] for r in rows], np.float64)
    said = [r["script"] or "unknown" for r in rows if r["unread"]]
    return {
        "n": len(rows),
        "found": round(float(found.mean()), 4),
        "found_ci": bootstrap(lambda p, n: float(found[p].mean()), (len(found), 0)),
        "other": _share([r["other"] for r in rows]),
        "detected": _share([r["detected"] for r in rows]),
        "blanks": sum(r["blank"] for r in rows),
        "blanks_unread": _share([r["unread"] for r in rows if r["blank"]]),
        "unread": _share([r["unread"] for r in rows]),
        "unread_script": {code: said.count(code) for code in sorted(set(said))},
    }
