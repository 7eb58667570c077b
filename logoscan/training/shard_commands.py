"""Commands of the recipe that keep composed batches, carry material to another machine, and train there in minutes."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict, replace
from functools import partial

import click
import torch

from logoscan.runtime import resolve_device
from logoscan.training.batches import Mix
from logoscan.training.carried_material import pack_material, unpack_material
from logoscan.training.command_options import FOLDER, MODEL, material
from logoscan.training.compose import Composer
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.gpu_run import GpuPlan, gpu_run
from logoscan.training.precision import use_fast_kernels
from logoscan.training.shard_writer import ShardPlan, compose_shards


@click.command("compose")
@material
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder of the shards; added to.")
@click.option("--batches", required=True, type=click.IntRange(1), help="Batches in all, rounded up to whole shards.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1), help="Processes that compose.")
@click.option("--kind", default="crops", show_default=True, type=click.Choice(["crops", "scenes"]))
@click.option("--seed", default=0, show_default=True, help="Another seed adds other batches.")
@click.option("--per-shard", default=8, show_default=True, type=click.IntRange(1), help="Batches in a file.")
@click.option("--size", default=512, show_default=True, type=click.IntRange(64), help="Side of scenes, px.")
@click.option("--batch", default=8, show_default=True, type=click.IntRange(1), help="Scenes in a batch.")
def compose_command(
    work: str,
    fonts: str,
    out: str,
    batches: int,
    processes: int,
    kind: str,
    seed: int,
    per_shard: int,
    size: int,
    batch: int,
) -> None:
    """Compose batches into shards that are kept; a run that was stopped continues (`train --shards` reads them)."""
    contents = Mix() if kind == "crops" else DetectorPlan(size_px=size, batch=batch)
    plan = ShardPlan(contents, batches, seed, per_shard, processes)
    click.echo(f"{compose_shards(partial(Composer.from_folders, work, fonts), plan, out)} shards written to {out}")


@click.command("pack-material")
@material
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder to write: four files.")
@click.option("--megabytes", default=60.0, show_default=True, type=click.FloatRange(1), help="Millions of bytes.")
@click.option("--seed", default=0, show_default=True, help="Seed of the choice.")
def pack_command(work: str, fonts: str, out: str, megabytes: float, seed: int) -> None:
    """Pack a varied choice of the material, to be carried to a machine without a network."""
    click.echo(f"{out}: {pack_material(work, fonts, out, megabytes, seed) / 1e6:.1f} MB")


@click.command("unpack-material")
@click.argument("folder", type=FOLDER)
@click.argument("work", type=click.Path(file_okay=False))
def unpack_command(folder: str, work: str) -> None:
    """Unpack the material in FOLDER to the working folder WORK, with its fonts in WORK/fonts."""
    click.echo(json.dumps(asdict(unpack_material(folder, work))))


@click.command("gpu-run")
@material
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder of networks and logs.")
@click.option("--minutes", default=9.0, show_default=True, help="Until the process ends, with everything.")
@click.option("--detector", type=MODEL, help="Detector or tower that the detector begins from; default: not trained.")
@click.option("--tower", type=MODEL, help="Model that the towers begin from; default: not trained.")
@click.option("--share", default=0.5, show_default=True, help="Share of the detector, if both are trained.")
@click.option("--device", default="cuda", show_default=True, help="cuda, cpu, ...")
@click.option("--makers", default=15, show_default=True, type=click.IntRange(1), help="Processes that compose.")
@click.option("--size", default=640, show_default=True, type=click.IntRange(64), help="Side of scenes, px.")
@click.option("--batch", default=32, show_default=True, type=click.IntRange(1), help="Scenes in a step.")
@click.option("--batch-scale", default=4, show_default=True, type=click.IntRange(1), help="Batches of crops in a step.")
@click.option("--seed", default=0, show_default=True)
def gpu_command(
    work: str,
    fonts: str,
    out: str,
    minutes: float,
    detector: str | None,
    tower: str | None,
    share: float,
    device: str,
    makers: int,
    size: int,
    batch: int,
    batch_scale: int,
    seed: int,
) -> None:
    """Train detector and towers in a fixed time on a GPU; files in OUT are written every minute.

    CUDA was not at hand when this was written: look at the first lines of the log.
    """
    device = resolve_device(device)
    use_fast_kernels(device)
    torch.set_num_threads(1)  # the cores belong to the processes that compose
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # save when the process is stopped
    usual = GpuPlan(minutes, share)
    plan = replace(
        usual,
        detector=replace(usual.detector, size_px=size, batch=batch, makers=makers, seed=seed),
        tower=replace(usual.tower, joined=batch_scale, makers=makers, seed=seed),
    )
    make = partial(Composer.from_folders, work, fonts)
    for path in gpu_run(make, plan, out, device=device, detector=detector, tower=tower):
        click.echo(path)


SHARD_COMMANDS = (compose_command, pack_command, unpack_command, gpu_command)
"""Commands of this module, for the group in `__main__`."""
