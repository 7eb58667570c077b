"""Commands of the recipe that train and judge the detector and the alteration check."""

from __future__ import annotations

import json
import signal
from functools import partial
from typing import Any

import click
import torch

from logoscan.matching.alteration import AlterationCheck
from logoscan.runtime import resolve_device
from logoscan.training.alterations import concatenate, stream_pairs, threshold, train_alterations, write_check
from logoscan.training.alterations import judge as judge_alterations
from logoscan.training.command_options import MODEL, kept_shards, material, read_shards
from logoscan.training.compose import Composer
from logoscan.training.detector import train_detector
from logoscan.training.detector_examples import Scenes
from logoscan.training.detector_files import DETECTOR_SIDE_PX, read_detector, write_detector
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.detector_quality import fit_confidence, judge
from logoscan.training.model_files import read_notes
from logoscan.training.precision import use_fast_kernels


@click.command("detector")
@material
@click.option(
    "--run", required=True, type=click.Path(file_okay=False), help="Folder of the run; continued if it holds one."
)
@click.option("--from", "start_from", type=MODEL, help="Image tower or detector to begin from; default: random.")
@click.option("--minutes", default=60.0, show_default=True, help="Wall clock of the whole schedule.")
@click.option("--size", default=512, show_default=True, type=click.IntRange(64), help="Side of the squares, px.")
@click.option("--batch", default=8, show_default=True, type=click.IntRange(1), help="Scenes a step.")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, ...")
@click.option("--makers", default=1, show_default=True, type=click.IntRange(1), help="Processes that compose scenes.")
@click.option("--frozen", default=3, show_default=True, type=click.IntRange(0), help="Stages that stay as they are.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
@kept_shards
def detector_command(
    work: str,
    fonts: str,
    run: str,
    start_from: str | None,
    device: str,
    threads: int,
    frozen: int,
    shards: str | None,
    epochs: int | None,
    **plan: Any,
) -> None:
    """Train the detector; the curve goes to RUN/log.jsonl, the network to RUN/detector.safetensors."""
    torch.set_num_threads(threads)
    device = resolve_device(device)
    use_fast_kernels(device)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # save when the process is stopped
    settings = DetectorPlan(size_px=plan.pop("size"), frozen_stages=frozen, **plan)
    make, kept = partial(Composer.from_folders, work, fonts), read_shards(shards, epochs)
    click.echo(train_detector(make, settings, run, start_from, device=device, shards=kept))


@click.command("detector-confidence")
@click.argument("source", type=MODEL)
@click.argument("target", type=click.Path(dir_okay=False))
@material
@click.option("--scenes", default=400, show_default=True, type=click.IntRange(10))
@click.option(
    "--size",
    default=DETECTOR_SIDE_PX,
    show_default=True,
    type=click.IntRange(64),
    help="Side of the squares that TARGET takes, px, whatever SOURCE was trained at; default: as the bundled one.",
)
@click.option("--seed", default=7, show_default=True)
def detector_confidence(source: str, target: str, work: str, fonts: str, scenes: int, size: int, seed: int) -> None:
    """Fit the confidence of the detector SOURCE on scenes of unseen marks and write it to TARGET."""
    notes = read_notes(source)
    plan = DetectorPlan(size_px=size)
    composer = Composer.from_folders(work, fonts, seed, "drawings-calibration")
    factory = Scenes(lambda _: composer, seed, plan)
    net = read_detector(source)
    proposals = judge(net, (factory.example(composer) for _ in range(scenes)))
    slope, offset = fit_confidence(proposals)
    write_detector(net, target, plan.size_px, slope, offset, notes)
    small = proposals.long_px < 64
    figures = {"recall": proposals.recalled.mean(), "recall_under_64_px": proposals.recalled[small].mean()}
    figures |= {"slope": slope, "offset": offset, "marks": len(proposals.recalled), "scenes": scenes}
    click.echo(json.dumps({name: round(float(value), 4) for name, value in figures.items()}))


@click.command("alterations")
@click.argument("target", type=click.Path(dir_okay=False))
@material
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
    net = train_alterations(concatenate(stream_pairs(make, seed, 0.15, pairs)), rounds, seed)
    unseen = partial(make, icons_folder="drawings-calibration")
    first, second = (concatenate(stream_pairs(unseen, seed + 1 + k, 0.0, judged // 2)) for k in range(2))
    limit = threshold(net, first)
    write_check(net, target, limit)
    figures = {"threshold": limit, "judged": len(second) + len(second.lost), **judge_alterations(net, second, limit)}
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}))


@click.command("judge-alterations")
@click.argument("source", type=MODEL)
@material
@click.option("--judged", default=600, show_default=True, type=click.IntRange(12), help="Pairs, half of them faithful.")
@click.option("--seed", default=1000, show_default=True)
def judge_alterations_command(source: str, work: str, fonts: str, judged: int, seed: int) -> None:
    """Judge the alteration check SOURCE on composed pairs of unseen marks."""
    check = AlterationCheck(source)
    unseen = partial(Composer.from_folders, work, fonts, icons_folder="drawings-calibration")
    pairs = concatenate(stream_pairs(unseen, seed, 0.0, judged))
    counts = {"judged": len(pairs) + len(pairs.lost), "not_aligned": len(pairs.lost)}
    figures = {**counts, **judge_alterations(check.net, pairs, check.threshold)}
    click.echo(json.dumps({name: round(value, 4) for name, value in figures.items()}))


NETWORK_COMMANDS = (detector_command, detector_confidence, alterations_command, judge_alterations_command)
"""Commands of this module, for the group in `__main__`."""
