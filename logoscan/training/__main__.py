"""Command line of the recipe: ``python -m logoscan.training --help``. This module may print.

Commands that train or judge are in `tower_commands` and `network_commands`; those for material and files are here.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import click
import cv2
import numpy as np

from logoscan.matching.alteration_features import PLANE_PX
from logoscan.ocr.script_net import LINE_PX
from logoscan.training import icons as icon_store
from logoscan.training.card import curve, failures
from logoscan.training.command_options import FOLDER, MODEL, material
from logoscan.training.compose import GARMENTS, Composer
from logoscan.training.detector_files import DETECTOR_SIDE_PX, detector_size, is_detector
from logoscan.training.effects import CROP_PX
from logoscan.training.exam import gallery_logos, without_exam, without_twins
from logoscan.training.heldout import HELD_OUT, HELD_OUT_OF_TRAINING, read_heldout
from logoscan.training.icon_files import save as save_icons
from logoscan.training.keypoint_codebook import keypoints_command
from logoscan.training.materials import read_backgrounds, save_backgrounds
from logoscan.training.misreadings import misreadings_command
from logoscan.training.model_files import average, bundle, write_folder
from logoscan.training.network_commands import NETWORK_COMMANDS
from logoscan.training.renditions import add_renditions, render_renditions
from logoscan.training.script_commands import scripts_command
from logoscan.training.shard_commands import SHARD_COMMANDS
from logoscan.training.sheet import contact_sheet
from logoscan.training.tower_commands import TOWER_COMMANDS
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.weights import ALTERATIONS, DETECTOR, SCRIPTS

# npm packages of the icon sets for training.
_PACKAGES = " ".join(icon_store.package(s) for s in icon_store.TRAIN_SETS)
# npm packages of the icon sets for calibration.
_CALIBRATION = " ".join(icon_store.package(s) for s in icon_store.CALIBRATION_SETS)

# Help text of the group: all steps that remake the bundled models.
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
     --work WORK --fonts FONTS                       (for squares of {DETECTOR_SIDE_PX} px, whatever it was trained at)
   python -m logoscan.training bundle {DETECTOR} detector.safetensors weights/
6. The alteration check:
   python -m logoscan.training alterations alterations.safetensors --work WORK --fonts FONTS
   python -m logoscan.training bundle {ALTERATIONS} alterations.safetensors weights/
   python -m logoscan.training judge-alterations weights/alterations.safetensors --work WORK --fonts FONTS
   The network that tells scripts apart (fonts of all scripts, such as Debian's fonts-noto-core, fonts-noto-cjk,
   fonts-nanum, fonts-tlwg-*, fonts-kacst, fonts-paratype; photos with Latin text or none):
   python -m logoscan.training scripts scripts.safetensors --fonts FONTS --photos PHOTOS
   python -m logoscan.training bundle {SCRIPTS} scripts.safetensors weights/
7. The calibrations, which belong to encoder and detector, for the detector and for tiles:
   python -m logoscan.training.calibrate --drawings WORK/drawings-calibration --backgrounds WORK/backgrounds \\
     --fonts FONTS --detector logo --write                                           (and again: --detector tiles)
8. Composing takes longer than training. Batches that are composed once, on all cores, are read much faster:
   python -m logoscan.training compose --work WORK --fonts FONTS --out SHARDS --batches 2000 --processes 2 \\
     [--kind scenes]
   and then `train` and `detector` with --shards SHARDS (a batch of crops has 1.0 MB, one of 8 scenes 0.6 MB)
9. A few minutes of a GPU on a machine without a network (written without one: CUDA was not run):
   python -m logoscan.training pack-material --work WORK --fonts FONTS --out PACK --megabytes 60    (here)
   python -m logoscan.training unpack-material PACK WORK                                            (there)
   python -m logoscan.training gpu-run --work WORK --fonts WORK/fonts --out OUT --minutes 9 \\
     --detector weights/logo_detector.safetensors --tower weights/open_clip_model.safetensors
   and afterwards here `average`, `whiten` and `text`, `detector-confidence`, as in 4 and 5.
10. The codebook of keypoints, in which feature stores keep them:
   python -m logoscan.training keypoints logoscan/_data/keypoint_codebook.npy --photos GARMENTS
11. Which letters readers take for which:
   python -m logoscan.training misreadings logoscan/_data/letter_confusions.csv --photos PICTURES --fonts FONTS

A run goes against the clock and may be stopped and started again with the same --run. Brands kept for evaluation are
dropped by name from drawings and made-up names.
"""


@click.group(help=_HELP)
def main() -> None:
    """Set up logging for all commands."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")


@main.command()
@click.option("--npm", required=True, type=FOLDER, help="node_modules with the icon packages.")
@click.option("--pictures", required=True, type=FOLDER, help="Photographs and textures, searched recursively.")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Working folder, about 2.5 GB.")
@click.option(
    "--held-out", type=click.Path(exists=True, dir_okay=False), help="Brand names to drop; default: built in."
)
@click.option(
    "--exam", type=FOLDER, multiple=True, help="Brand folders of an evaluation: marks nearly theirs are dropped."
)
@click.option("--calibration/--no-calibration", default=True, help="Also render the sets kept for calibration.")
@click.option("--renditions", type=FOLDER, help="Folders of icon sets in other styles, added by shape.")
@click.option("--garments", type=FOLDER, help="Photographs of clothes and shoes, on which marks are laid.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1), help="Processes that render.")
def drawings(
    npm: str,
    pictures: str,
    out: str,
    held_out: str | None,
    exam: tuple[str, ...],
    calibration: bool,
    renditions: str | None,
    garments: str | None,
    processes: int,
) -> None:
    """Render the drawings and gather the grounds (about ten minutes)."""
    names = read_heldout(held_out) if held_out else (*HELD_OUT, *HELD_OUT_OF_TRAINING)
    icons = icon_store.render_packages(npm, held_out=names, processes=processes)
    if renditions is not None:
        icons = add_renditions(icons, render_renditions(renditions, npm, names, processes), ClipEncoder())
    icons, dropped = without_exam(icons, gallery_logos(exam))
    click.echo(f"dropped as nearly a mark of the exam: {dropped or 'none'}")
    save_icons(icons, Path(out) / "drawings")
    click.echo(f"drawings: {len(icons)} of {len(icons.names)} classes")
    if calibration:
        unseen = icon_store.render_packages(
            npm, icon_store.CALIBRATION_SETS, held_out=names, exclude_classes=icons.names
        )
        unseen = without_twins(unseen)
        save_icons(unseen, Path(out) / "drawings-calibration")
        click.echo(f"drawings for calibration: {len(unseen)} of {len(unseen.names)} classes")
    backgrounds = read_backgrounds(pictures)
    save_backgrounds(backgrounds, Path(out) / "backgrounds")
    click.echo(f"backgrounds: {len(backgrounds)}")
    if garments is not None:
        worn = read_backgrounds(garments)
        save_backgrounds(worn, Path(out) / GARMENTS)
        click.echo(f"garments: {len(worn)}")


@main.command("contact-sheet")
@material
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="PNG to write.")
@click.option("--crops", default=160, show_default=True, type=click.IntRange(1))
@click.option("--scenes", default=8, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=0, show_default=True)
def sheet(work: str, fonts: str, out: str, crops: int, scenes: int, seed: int) -> None:
    """Write a picture of what training would see."""
    shown = contact_sheet(Composer.from_folders(work, fonts, seed), out, crops, scenes)
    click.echo(f"{out}: {shown[0]} crops, {shown[1]} scenes")


@main.command("average")
@click.argument("first", type=MODEL)
@click.argument("second", type=MODEL)
@click.argument("target", type=click.Path(dir_okay=False))
@click.option("--share", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="Of SECOND.")
def average_command(first: str, second: str, target: str, share: float) -> None:
    """Write the mean of the models FIRST and SECOND to TARGET; of detectors it takes squares of the size of SECOND."""
    average(first, second, target, share)
    click.echo(f"{target}: squares of {detector_size(target)} px" if is_detector(target) else target)


@main.command()
@click.argument("source", type=MODEL)
@click.argument("folder", type=FOLDER)
@click.option("--size", default=CROP_PX, show_default=True, type=click.IntRange(32), help="Side of the squares, px.")
def export(source: str, folder: str, size: int) -> None:
    """Write the model SOURCE into the weights FOLDER, as open_clip loads it, and its row in the manifest."""
    write_folder(source, folder, size)
    click.echo(folder)


@main.command("bundle")
@click.argument("name", type=click.Choice([DETECTOR, ALTERATIONS, SCRIPTS]))
@click.argument("source", type=MODEL)
@click.argument("folder", type=FOLDER)
def bundle_command(name: str, source: str, folder: str) -> None:
    """Copy the network NAME from its file SOURCE into the weights FOLDER and write its row in the manifest."""
    size = {ALTERATIONS: PLANE_PX, SCRIPTS: LINE_PX}.get(name) or detector_size(source)
    click.echo(bundle(name, source, folder, size))


@main.command("curve")
@click.argument("logs", nargs=-1, required=True, type=MODEL)
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="PNG to write.")
def curve_command(logs: tuple[str, ...], out: str) -> None:
    """Draw the losses of the runs with these LOGS, in their order."""
    curve(logs, out)
    click.echo(out)


@main.command("failures")
@material
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="JPEG or PNG to write.")
@click.option("--seed", default=3, show_default=True)
def failures_command(work: str, fonts: str, out: str, seed: int) -> None:
    """Show what the bundled model gets wrong on composed crops of marks that it never saw."""
    result = failures(Composer.from_folders(work, fonts, seed, "drawings-calibration"), ClipEncoder())
    if not cv2.imwrite(out, np.ascontiguousarray(result.sheet[..., ::-1])):
        raise click.ClickException(f"{out}: cannot be written")
    click.echo(json.dumps({kind: round(value, 3) for kind, value in result.figures.items()}))


for command in (
    *TOWER_COMMANDS,
    *NETWORK_COMMANDS,
    scripts_command,
    *SHARD_COMMANDS,
    keypoints_command,
    misreadings_command,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
