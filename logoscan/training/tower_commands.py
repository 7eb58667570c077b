"""Commands of the recipe that train, compare and whiten the towers."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from dataclasses import asdict
from functools import partial

import click
import torch

from logoscan.runtime import resolve_device
from logoscan.training.backbones import LIGHT, compare, in_order, lesson, teacher_r1, unseen_marks
from logoscan.training.batches import Mix
from logoscan.training.command_options import MODEL, kept_shards, material, read_shards
from logoscan.training.compose import Composer
from logoscan.training.model_files import read_notes, read_text_tower, read_tower, write_model
from logoscan.training.precision import use_fast_kernels
from logoscan.training.stream import stream
from logoscan.training.text import TextPlan, fit_text
from logoscan.training.tower_plan import Plan
from logoscan.training.tower_run import view_pairs
from logoscan.training.train import Batches, train


@click.command("train")
@material
@click.option(
    "--run", required=True, type=click.Path(file_okay=False), help="Folder of the run; continued if it holds one."
)
@click.option("--from", "start_from", type=click.Path(exists=True, dir_okay=False), help="Tower file; default: random.")
@click.option("--minutes", default=60.0, show_default=True, help="Wall clock of the whole schedule.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda (which has not been run), ...")
@click.option("--makers", default=1, show_default=True, type=click.IntRange(1), help="Processes that make batches.")
@click.option("--batch-scale", default=1, show_default=True, type=click.IntRange(1), help="Batches in a step.")
@kept_shards
def train_command(
    work: str,
    fonts: str,
    run: str,
    start_from: str | None,
    minutes: float,
    seed: int,
    threads: int,
    device: str,
    makers: int,
    batch_scale: int,
    shards: str | None,
    epochs: int | None,
) -> None:
    """Train both towers; the curve goes to RUN/log.jsonl, the model to RUN/model.safetensors."""
    torch.set_num_threads(threads)
    device = resolve_device(device)
    use_fast_kernels(device)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # save when the process is stopped
    plan = Plan(minutes=minutes, seed=seed, makers=makers, joined=batch_scale)
    make = partial(Composer.from_folders, work, fonts)
    click.echo(train(make, plan, run, start_from, device=device, shards=read_shards(shards, epochs)))


@click.command("backbones")
@material
@click.option("--teacher", required=True, type=MODEL, help="Model whose image tower teaches.")
@click.option(
    "--imagenet", type=MODEL, multiple=True, help="ImageNet weights: the first is of the first backbone, and so on."
)
@click.option("--random/--no-random", "from_random", default=True, show_default=True, help="Also from random weights.")
@click.option(
    "--same-crops", is_flag=True, help="Train the others from ImageNet once more, on as many crops as the first saw."
)
@click.option("--crops", default=20_000, show_default=True, type=click.IntRange(64), help="Crops to learn from.")
@click.option("--minutes", default=6.0, show_default=True, help="Training of each, processor time of all threads.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1), help="Threads of torch.")
@click.argument("names", nargs=-1)
def backbones_command(
    work: str,
    fonts: str,
    teacher: str,
    imagenet: tuple[str, ...],
    from_random: bool,
    same_crops: bool,
    crops: int,
    minutes: float,
    threads: int,
    names: tuple[str, ...],
) -> None:
    """Compare light backbones (timm NAMES; a choice of four without any): one JSON line each, the teacher's first."""
    torch.set_num_threads(threads)
    names = names or LIGHT
    if len(imagenet) > len(names) or not (from_random or imagenet):
        raise click.UsageError(f"--imagenet: expected 1 to {len(names)} files, got {len(imagenet)}")
    trained = {
        name: in_order(name, torch.load(file, weights_only=True)) for name, file in zip(names, imagenet, strict=False)
    }
    make = partial(Composer.from_folders, work, fonts)
    tower = read_tower(teacher).eval()
    unseen = unseen_marks(make(3, "drawings-calibration"), 1000)
    click.echo(json.dumps({"name": "teacher", "r1": teacher_r1(tower, unseen)}))
    with closing(stream(Batches(make, 17, Mix()))) as batches:
        taught = lesson(tower, batches, crops)
    if from_random:
        for name in names:
            result = compare(name, tower, taught, unseen, minutes)
            click.echo(json.dumps(asdict(result) | {"start": "random"}))
    seen: int | None = None
    for name, start in trained.items():
        for limit in (None,) if seen is None or not same_crops else (None, seen):
            result = compare(name, tower, taught, unseen, minutes, start=start, crops=limit)
            seen = result.crops if seen is None else seen
            click.echo(json.dumps(asdict(result) | {"start": "imagenet"}))


@click.command("text")
@material
@click.option(
    "--run", required=True, type=click.Path(file_okay=False), help="Folder of the run; continued if it holds one."
)
@click.option("--from", "start_from", required=True, type=MODEL, help="Model whose image tower is finished.")
@click.option("--minutes", default=15.0, show_default=True, help="Wall clock of the schedule, after encoding.")
@click.option("--crops", default=60_000, show_default=True, type=click.IntRange(100), help="Crops of words encoded.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
def text_command(
    work: str, fonts: str, run: str, start_from: str, minutes: float, crops: int, seed: int, threads: int
) -> None:
    """Fit the text tower to a finished image tower, on words alone; the model goes to RUN/model.safetensors."""
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # save when the process is stopped
    plan = TextPlan(minutes=minutes, crops=crops, seed=seed)
    click.echo(fit_text(partial(Composer.from_folders, work, fonts), plan, run, start_from))


@click.command()
@click.argument("source", type=MODEL)
@click.argument("target", type=click.Path(dir_okay=False))
@material
@click.option(
    "--batches", default=220, show_default=True, type=click.IntRange(2), help="Batches of crops; 220 take 6 GB."
)
@click.option("--seed", default=1, show_default=True)
def whiten(source: str, target: str, work: str, fonts: str, batches: int, seed: int) -> None:
    """Whiten the projection of the model SOURCE within classes; fit the text tower anew afterwards (`text`)."""
    tower, text = read_tower(source), read_text_tower(source)
    turn = tower.whiten(view_pairs(Composer.from_folders(work, fonts, seed), batches))
    if text is not None:
        text.transformer_.text_projection = torch.nn.Parameter(text.transformer_.text_projection.detach() @ turn)
    write_model(tower, target, {"whitened": read_notes(source)}, text)
    click.echo(target)


TOWER_COMMANDS = (train_command, backbones_command, text_command, whiten)
"""Commands of this module, for the group in `__main__`."""
