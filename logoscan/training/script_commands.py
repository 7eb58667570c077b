"""The command that trains the network that tells scripts apart."""

from __future__ import annotations

import json
from pathlib import Path

import click
import torch
from safetensors.torch import load_file

from logoscan.ocr.rapidocr import RapidOcr
from logoscan.ocr.script_net import ScriptNet
from logoscan.training.command_options import FOLDER, MODEL
from logoscan.training.materials import read_backgrounds
from logoscan.training.script_lines import fonts_by_script
from logoscan.training.scripts import (
    as_lines,
    compose_lines,
    concatenate,
    judge,
    real_lines,
    train_scripts,
    write_scripts,
)


@click.command("scripts")
@click.argument("target", type=click.Path(dir_okay=False))
@click.option("--fonts", type=FOLDER, required=True, multiple=True, help="Fonts of all scripts; repeatable.")
@click.option(
    "--photos", type=FOLDER, required=True, help="Photos with Latin text or none: behind lines, and real lines."
)
@click.option("--lines", "count", default=36_000, show_default=True, type=click.IntRange(64), help="To compose.")
@click.option("--epochs", default=6, show_default=True, type=click.IntRange(1))
@click.option("--lr", default=3e-3, show_default=True, help="Peak learning rate.")
@click.option("--from", "start", type=MODEL, help="A network of this command to go on with.")
@click.option("--repeat", default=4, show_default=True, help="How often each real line is in an epoch.")
@click.option("--seed", default=0, show_default=True)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Threads of torch.")
def scripts_command(
    target: str,
    fonts: tuple[str, ...],
    photos: str,
    count: int,
    epochs: int,
    lr: float,
    start: str | None,
    repeat: int,
    seed: int,
    threads: int,
) -> None:
    """Train the network that tells scripts apart and write it to TARGET; figures are of other composed lines.

    In the real lines, four of five photos are trained on, and the others judged.
    """
    torch.set_num_threads(threads)
    files = fonts_by_script(map(Path, fonts))
    grounds = read_backgrounds(photos, limit=600)
    composed, unseen = (compose_lines(files, grounds, seed + k, n) for k, n in ((1, count), (0, 2000)))
    ocr = RapidOcr(long_side_px=960, find_px=(480,))
    paths = sorted(p for p in Path(photos).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    real, other = (as_lines(*real_lines(part, ocr)) for part in ([p for i, p in enumerate(paths) if i % 5], paths[::5]))
    before = None if start is None else ScriptNet()
    if before is not None:
        before.load_state_dict(load_file(str(start)))
    net = train_scripts(concatenate([composed, *[real] * repeat]), epochs, seed, lr, start=before)
    write_scripts(net, target)
    figures = {"composed": judge(net, unseen), "real": judge(net, other)}
    click.echo(json.dumps({name: {k: round(v, 4) for k, v in part.items()} for name, part in figures.items()}))
