"""Command line of the recipe: ``python -m logoscan.training --help``. It may print."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch

from logoscan.matching.alteration import AlterationCheck
from logoscan.matching.alteration_features import LOOK_PX
from logoscan.training import icons as icon_store
from logoscan.training.alterations import joined, stream_pairs, threshold, train_alterations, write_check
from logoscan.training.alterations import judge as judge_alterations
from logoscan.training.backbones import LIGHT, compare, in_order, lesson, taught_r1, unseen_marks
from logoscan.training.card import curve, failures
from logoscan.training.compose import Composer, Mix
from logoscan.training.detector import (
    DetectorPlan,
    Scenes,
    detector_size,
    fit_confidence,
    judge,
    read_detector,
    train_detector,
    write_detector,
)
from logoscan.training.effects import CROP_PX
from logoscan.training.exam import gallery_logos, without_exam, without_twins
from logoscan.training.heldout import HELD_OUT, read_heldout
from logoscan.training.materials import read_backgrounds, save_backgrounds
from logoscan.training.model_files import (
    average,
    bundle,
    read_notes,
    read_text_tower,
    read_tower,
    write_folder,
    write_model,
)
from logoscan.training.sheet import contact_sheet
from logoscan.training.stream import stream
from logoscan.training.text import TextPlan, fit_text
from logoscan.training.train import Batches, Plan, train, view_pairs
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.weights import ALTERATIONS, DETECTOR

_PACKAGES = " ".join(icon_store.package(s) for s in icon_store.TRAIN_SETS)
_CALIBRATION = " ".join(icon_store.package(s) for s in icon_store.CALIBRATION_SETS)

_HELP = f"""Remake the bundled model from free packages.

\b
1. Drawings (npm, any empty folder):
     npm install {_PACKAGES}
     npm install {_CALIBRATION}
   The second line is the marks kept for calibration; the tower never sees them.
2. Photographs and textures (Debian: apt-get download, then dpkg -x PACKAGE.deb FOLDER):
     supertuxkart-data plasma-workspace-wallpapers mate-backgrounds gnome-backgrounds
3. Fonts: any folder of .ttf and .otf files, a varied choice of Debian's fonts-* packages for instance.
4. python -m logoscan.training drawings --npm node_modules --pictures FOLDER --out WORK
   python -m logoscan.training contact-sheet --work WORK --fonts FONTS --out sheet.png     (look at it)
   python -m logoscan.training train --work WORK --fonts FONTS --run RUN --from weights/open_clip_model.safetensors
   python -m logoscan.training whiten RUN/model.safetensors white.safetensors --work WORK --fonts FONTS
   (after a short run, or one with another mix of crops, `average` it with the model before first)
   python -m logoscan.training text --work WORK --fonts FONTS --run TEXT --from white.safetensors
   python -m logoscan.training export TEXT/model.safetensors weights/
5. The detector:
   python -m logoscan.training detector --work WORK --fonts FONTS --run DETECTOR \\
     --from weights/open_clip_model.safetensors
   (a later run, on a GPU: --device cuda --makers 15 --batch 32 --size 640 --frozen 1 --from the last one's; `average`)
   python -m logoscan.training detector-confidence DETECTOR/detector.safetensors detector.safetensors \\
     --work WORK --fonts FONTS --size 640
   python -m logoscan.training bundle {DETECTOR} detector.safetensors weights/
6. The alteration check:
   python -m logoscan.training alterations alterations.safetensors --work WORK --fonts FONTS
   python -m logoscan.training bundle {ALTERATIONS} alterations.safetensors weights/
   python -m logoscan.training judge-alterations weights/alterations.safetensors --work WORK --fonts FONTS
7. The calibrations, which belong to encoder and detector, for the detector and for tiles:
   python -m logoscan.training.calibrate --drawings WORK/drawings-calibration --backgrounds WORK/backgrounds \\
     --fonts FONTS --detector logo --write                                           (and again: --detector tiles)

A run goes against the clock and may be stopped and started again with the same --run. Brands kept for evaluation are
dropped by name from drawings and made-up names.
"""


@click.group(help=_HELP)
def main() -> None:
    """Set up logging for all commands."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")


_FOLDER = click.Path(exists=True, file_okay=False)
_MODEL = click.Path(exists=True, dir_okay=False)


def _material(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --work and --fonts, what samples are composed from."""
    fonts = click.option("--fonts", required=True, type=_FOLDER, help="Font files, searched recursively.")
    return click.option("--work", required=True, type=_FOLDER, help="Working folder of `drawings`.")(fonts(command))


@main.command()
@click.option("--npm", required=True, type=_FOLDER, help="node_modules with the icon packages.")
@click.option("--pictures", required=True, type=_FOLDER, help="Photographs and textures, searched recursively.")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Working folder, about 2.5 GB.")
@click.option(
    "--held-out", type=click.Path(exists=True, dir_okay=False), help="Brand names to drop; default: built in."
)
@click.option(
    "--exam", type=_FOLDER, multiple=True, help="Brand folders of an evaluation: marks nearly theirs are dropped."
)
@click.option("--calibration/--no-calibration", default=True, help="Also render the sets kept for calibration.")
def drawings(npm: str, pictures: str, out: str, held_out: str | None, exam: tuple[str, ...], calibration: bool) -> None:
    """Render the drawings and gather the grounds (about ten minutes)."""
    names = read_heldout(held_out) if held_out else HELD_OUT
    marks, gone = without_exam(icon_store.render_packages(npm, held_out=names), gallery_logos(exam))
    click.echo(f"dropped as nearly a mark of the exam: {gone or 'none'}")
    icon_store.save(marks, Path(out) / "drawings")
    click.echo(f"drawings: {len(marks)} of {len(marks.names)} classes")
    if calibration:
        kept = icon_store.render_packages(npm, icon_store.CALIBRATION_SETS, held_out=names, exclude_classes=marks.names)
        kept = without_twins(kept)
        icon_store.save(kept, Path(out) / "drawings-calibration")
        click.echo(f"drawings for calibration: {len(kept)} of {len(kept.names)} classes")
    grounds = read_backgrounds(pictures)
    save_backgrounds(grounds, Path(out) / "backgrounds")
    click.echo(f"backgrounds: {len(grounds)}")


@main.command("contact-sheet")
@_material
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="PNG to write.")
@click.option("--crops", default=160, show_default=True, type=click.IntRange(1))
@click.option("--scenes", default=8, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=0, show_default=True)
def sheet(work: str, fonts: str, out: str, crops: int, scenes: int, seed: int) -> None:
    """Write a picture of what training would see."""
    made = contact_sheet(Composer.from_folders(work, fonts, seed), out, crops, scenes)
    click.echo(f"{out}: {made[0]} crops, {made[1]} scenes")


@main.command("train")
@_material
@click.option(
    "--run", required=True, type=click.Path(file_okay=False), help="Folder of the run; continued if it holds one."
)
@click.option("--from", "start_from", type=click.Path(exists=True, dir_okay=False), help="Tower file; default: random.")
@click.option("--minutes", default=60.0, show_default=True, help="Wall clock of the whole schedule.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
def train_command(
    work: str, fonts: str, run: str, start_from: str | None, minutes: float, seed: int, threads: int
) -> None:
    """Train both towers; the curve goes to RUN/log.jsonl, the model to RUN/model.safetensors."""
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop saves
    plan = Plan(minutes=minutes, seed=seed)
    click.echo(train(partial(Composer.from_folders, work, fonts), plan, run, start_from))


@main.command("backbones")
@_material
@click.option("--teacher", required=True, type=_MODEL, help="Model whose image tower teaches.")
@click.option("--imagenet", type=_MODEL, help="ImageNet weights of the first backbone, compared besides.")
@click.option("--crops", default=20_000, show_default=True, type=click.IntRange(64), help="Crops to learn from.")
@click.option("--minutes", default=6.0, show_default=True, help="Training of each.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="Threads of torch.")
@click.argument("names", nargs=-1)
def backbones_command(
    work: str,
    fonts: str,
    teacher: str,
    imagenet: str | None,
    crops: int,
    minutes: float,
    threads: int,
    names: tuple[str, ...],
) -> None:
    """Compare light backbones (timm NAMES; a choice of four without any): one JSON line each, the teacher's first."""
    torch.set_num_threads(threads)
    names = names or LIGHT
    start = None if imagenet is None else in_order(names[0], torch.load(imagenet, weights_only=True))
    make = partial(Composer.from_folders, work, fonts)
    tower = read_tower(teacher).eval()
    unseen = unseen_marks(make(3, "drawings-calibration"), 1000)
    click.echo(json.dumps({"name": "teacher", "r1": taught_r1(tower, unseen)}))
    with closing(stream(Batches(make, 17, Mix()))) as batches:
        taught = lesson(tower, batches, crops)
    for name, weights in [*((name, None) for name in names), *([] if start is None else [(names[0], start)])]:
        found = asdict(compare(name, tower, taught, unseen, minutes, start=weights))
        click.echo(json.dumps(found | {"start": "random" if weights is None else "imagenet"}))


@main.command("text")
@_material
@click.option(
    "--run", required=True, type=click.Path(file_okay=False), help="Folder of the run; continued if it holds one."
)
@click.option("--from", "start_from", required=True, type=_MODEL, help="Model whose image tower is finished.")
@click.option("--minutes", default=15.0, show_default=True, help="Wall clock of the schedule, after encoding.")
@click.option("--crops", default=60_000, show_default=True, type=click.IntRange(100), help="Crops of words encoded.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
def text_command(
    work: str, fonts: str, run: str, start_from: str, minutes: float, crops: int, seed: int, threads: int
) -> None:
    """Fit the text tower to a finished image tower, on words alone; the model goes to RUN/model.safetensors."""
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop saves
    plan = TextPlan(minutes=minutes, crops=crops, seed=seed)
    click.echo(fit_text(partial(Composer.from_folders, work, fonts), plan, run, start_from))


@main.command("detector")
@_material
@click.option(
    "--run", required=True, type=click.Path(file_okay=False), help="Folder of the run; continued if it holds one."
)
@click.option("--from", "start_from", type=_MODEL, help="Image tower or detector to begin from; default: random.")
@click.option("--minutes", default=60.0, show_default=True, help="Wall clock of the whole schedule.")
@click.option("--size", default=512, show_default=True, type=click.IntRange(64), help="Side of the squares, px.")
@click.option("--batch", default=8, show_default=True, type=click.IntRange(1), help="Scenes a step.")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, ...")
@click.option("--makers", default=1, show_default=True, type=click.IntRange(1), help="Processes that compose scenes.")
@click.option("--frozen", default=3, show_default=True, type=click.IntRange(0), help="Stages that stay as they are.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
def detector_command(
    work: str, fonts: str, run: str, start_from: str | None, device: str, threads: int, frozen: int, **plan: Any
) -> None:
    """Train the detector; the curve goes to RUN/log.jsonl, the network to RUN/detector.safetensors."""
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stop saves
    settings = DetectorPlan(size_px=plan.pop("size"), frozen_stages=frozen, **plan)
    click.echo(train_detector(partial(Composer.from_folders, work, fonts), settings, run, start_from, device))


@main.command("detector-confidence")
@click.argument("source", type=_MODEL)
@click.argument("target", type=click.Path(dir_okay=False))
@_material
@click.option("--scenes", default=400, show_default=True, type=click.IntRange(10))
@click.option("--size", type=click.IntRange(64), help="Side of the squares, px; default: what it was trained at.")
@click.option("--seed", default=7, show_default=True)
def detector_confidence(
    source: str, target: str, work: str, fonts: str, scenes: int, size: int | None, seed: int
) -> None:
    """Fit the confidence of the detector SOURCE on scenes of unseen marks and write it to TARGET."""
    notes = read_notes(source)
    plan = DetectorPlan(size_px=size or detector_size(source))
    composer = Composer.from_folders(work, fonts, seed, "drawings-calibration")
    maker = Scenes(lambda _: composer, seed, plan)
    net = read_detector(source)
    found = judge(net, (maker.example(composer) for _ in range(scenes)))
    slope, offset = fit_confidence(found)
    write_detector(net, target, plan.size_px, slope, offset, notes)
    small = found.long_px < 64
    figures = {"recall": found.recalled.mean(), "recall_under_64_px": found.recalled[small].mean()}
    figures |= {"slope": slope, "offset": offset, "marks": len(found.recalled), "scenes": scenes}
    click.echo(json.dumps({name: round(float(value), 4) for name, value in figures.items()}))


@main.command("alterations")
@click.argument("target", type=click.Path(dir_okay=False))
@_material
@click.option("--pairs", default=21_000, show_default=True, type=click.IntRange(12), help="To train on.")
@click.option(
    "--judged",
    default=1800,
    show_default=True,
    type=click.IntRange(12),
    help="Unseen ones: half for the threshold.",
)
@click.option("--rounds", default=30, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
def alterations_command(
    target: str, work: str, fonts: str, pairs: int, judged: int, rounds: int, seed: int, threads: int
) -> None:
    """Train the alteration check and write it to TARGET; figures are of marks it was not trained on."""
    torch.set_num_threads(threads)
    make = partial(Composer.from_folders, work, fonts)
    net = train_alterations(joined(stream_pairs(make, seed, 0.15, pairs)), rounds, seed)
    unseen = partial(make, drawings="drawings-calibration")
    first, second = (joined(stream_pairs(unseen, seed + 1 + k, 0.0, judged // 2)) for k in range(2))
    least = threshold(net, first)
    write_check(net, target, least)
    figures = {"threshold": least, "judged": len(second) + len(second.lost), **judge_alterations(net, second, least)}
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}))


@main.command("judge-alterations")
@click.argument("source", type=_MODEL)
@_material
@click.option("--judged", default=600, show_default=True, type=click.IntRange(12), help="Pairs, half of them faithful.")
@click.option("--seed", default=1000, show_default=True)
def judge_alterations_command(source: str, work: str, fonts: str, judged: int, seed: int) -> None:
    """Judge the alteration check SOURCE on composed pairs of unseen marks."""
    check = AlterationCheck(source)
    unseen = partial(Composer.from_folders, work, fonts, drawings="drawings-calibration")
    pairs = joined(stream_pairs(unseen, seed, 0.0, judged))
    counts = {"judged": len(pairs) + len(pairs.lost), "not_aligned": len(pairs.lost)}
    figures = {**counts, **judge_alterations(check.net, pairs, check.threshold)}
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}))


@main.command("average")
@click.argument("first", type=_MODEL)
@click.argument("second", type=_MODEL)
@click.argument("target", type=click.Path(dir_okay=False))
@click.option("--share", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="Of SECOND.")
def average_command(first: str, second: str, target: str, share: float) -> None:
    """Write the mean of the models FIRST and SECOND to TARGET."""
    average(first, second, target, share)
    click.echo(target)


@main.command()
@click.argument("source", type=_MODEL)
@click.argument("target", type=click.Path(dir_okay=False))
@_material
@click.option("--batches", default=90, show_default=True, type=click.IntRange(2))
@click.option("--seed", default=1, show_default=True)
def whiten(source: str, target: str, work: str, fonts: str, batches: int, seed: int) -> None:
    """Whiten the projection of the model SOURCE within classes; fit the text tower anew afterwards (`text`)."""
    tower, text = read_tower(source), read_text_tower(source)
    turn = tower.whiten(view_pairs(Composer.from_folders(work, fonts, seed), batches))
    if text is not None:
        text.transformer_.text_projection = torch.nn.Parameter(text.transformer_.text_projection.detach() @ turn)
    write_model(tower, target, {"whitened": read_notes(source)}, text)
    click.echo(target)


@main.command()
@click.argument("source", type=_MODEL)
@click.argument("folder", type=_FOLDER)
@click.option("--size", default=CROP_PX, show_default=True, type=click.IntRange(32), help="Side of the squares, px.")
def export(source: str, folder: str, size: int) -> None:
    """Write the model SOURCE into the weights FOLDER, as open_clip loads it, and its row in the manifest."""
    write_folder(source, folder, size)
    click.echo(folder)


@main.command("bundle")
@click.argument("name", type=click.Choice([DETECTOR, ALTERATIONS]))
@click.argument("source", type=_MODEL)
@click.argument("folder", type=_FOLDER)
def bundle_command(name: str, source: str, folder: str) -> None:
    """Copy the network NAME from its file SOURCE into the weights FOLDER and write its row in the manifest."""
    size = detector_size(source) if name == DETECTOR else LOOK_PX
    click.echo(bundle(name, source, folder, size))


@main.command("curve")
@click.argument("logs", nargs=-1, required=True, type=_MODEL)
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="PNG to write.")
def curve_command(logs: tuple[str, ...], out: str) -> None:
    """Draw the losses of the runs with these LOGS, in their order."""
    curve(logs, out)
    click.echo(out)


@main.command("failures")
@_material
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="JPEG or PNG to write.")
@click.option("--seed", default=3, show_default=True)
def failures_command(work: str, fonts: str, out: str, seed: int) -> None:
    """Show what the bundled model gets wrong on composed crops of marks that it never saw."""
    found = failures(Composer.from_folders(work, fonts, seed, "drawings-calibration"), ClipEncoder())
    if not cv2.imwrite(out, np.ascontiguousarray(found.sheet[..., ::-1])):
        raise click.ClickException(f"{out}: cannot be written")
    click.echo(json.dumps({kind: round(value, 3) for kind, value in found.figures.items()}))


if __name__ == "__main__":
    main()
