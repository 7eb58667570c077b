"""Model files of both towers: read, written, averaged, and put into a folder that open_clip loads.

The key layout is open_clip's (``visual.trunk.*``, ``token_embedding.weight``, ...).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from logoscan._hashing import file_sha256
from logoscan.io.files import atomic_write
from logoscan.io.records import from_mapping
from logoscan.matching.alteration import AlterationCheck
from logoscan.training.network import BACKBONE, TEXT_CFG, TextTower, Tower, write_bpe
from logoscan.types import EncoderInfo, Preprocessing
from logoscan.vision.detector import LogoDetector
from logoscan.vision.detector_net import MEAN, STD
from logoscan.vision.encoder import BPE_FILE
from logoscan.vision.weights import ALTERATIONS, DETECTOR, ENCODER, write_manifest

__all__ = ["average", "bundle", "read_notes", "read_text_tower", "read_tower", "write_folder", "write_model"]

_PREFIX = "visual."


def read_tower(path: str | Path) -> Tower:
    """Read the image tower from a safetensors file of the layout of `write_model`.

    Raises:
        RuntimeError: If keys or shapes are not those of the tower.
    """
    tensors = {k.removeprefix(_PREFIX): v.float() for k, v in load_file(str(path)).items() if k.startswith(_PREFIX)}
    tower = Tower(len(tensors["head.proj.weight"]))
    counters = {k: v for k, v in tower.state_dict().items() if not v.is_floating_point()}  # not in the file
    tensors = {k: v for k, v in tensors.items() if k not in counters} | counters
    tower.load_state_dict(tensors)
    return tower


def read_text_tower(path: str | Path) -> TextTower | None:
    """Read the text tower from a file of `write_model`; None if it holds none."""
    tensors = {k: v.float() for k, v in load_file(str(path)).items() if not k.startswith(_PREFIX)}
    if not tensors:
        return None
    text = TextTower(tensors["text_projection"].shape[1])
    text.load_state_dict({k if k == "logit_scale" else f"transformer_.{k}": v for k, v in tensors.items()})
    return text


def write_model(
    tower: Tower, path: str | Path, notes: dict[str, object] | None = None, text: TextTower | None = None
) -> None:
    """Write a CLIP in half precision, without the batch counters of normalisations; written beside, then renamed.

    Args:
        tower: Image tower.
        path: Target file.
        notes: Stored as JSON in the file's metadata.
        text: Text tower with its logit scale; without it the file holds an image tower alone.
    """
    state = {_PREFIX + k: v for k, v in tower.folded_state().items()}
    if text is not None:
        state |= {k.removeprefix("transformer_."): v for k, v in text.state_dict().items()}
    half = {k: v.detach().half().contiguous().clone() for k, v in state.items()}
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    save_file(half, str(partial), metadata={"format": "pt", "training": json.dumps(notes or {})})
    partial.chmod(0o644)  # safetensors makes files for their owner alone
    partial.replace(target)


def average(first: str | Path, second: str | Path, target: str | Path, share: float = 0.5) -> None:
    """Write the mean of two models' or detectors' files, tensor by tensor (Wortsman et al., ICML 2022).

    Works for models of one origin: the second trained on from the first, or both from a third. Whiten the result: the
    mean of two projections is none. A tensor that one alone holds is taken from it, one of two shapes from the second.

    Args:
        first: A model file.
        second: Another.
        target: File to write.
        share: Of the second, 0..1.
    """
    one, two = load_file(str(first)), load_file(str(second))
    mixed = {
        k: (1 - share) * one[k].float() + share * v.float()
        for k, v in two.items()
        if k in one and one[k].shape == v.shape
    }
    half = {k: v.half().contiguous() for k, v in (one | two | mixed).items()}
    notes = {"average": [read_notes(first), read_notes(second)], "share": share}
    with safe_open(str(second), "pt") as file:  # a detector's settings are kept
        kept = file.metadata() or {}
    save_file(half, str(target), metadata={**kept, "format": "pt", "training": json.dumps(notes)})


def write_folder(source: str | Path, folder: str | Path, size_px: int) -> None:
    """Write a folder that open_clip loads by ``local-dir:`` and the model's row in its ``manifest.json``.

    Args:
        source: A file of `write_model` with both towers.
        folder: The weights folder; calibrations of other weights are taken out of its manifest.
        size_px: Side of the squares that the model will look at.
    """
    target = Path(folder)
    text = read_text_tower(source)
    if text is None:
        raise ValueError(f"{source}: expected a model with both towers, got an image tower alone")
    tower = read_tower(source)
    write_model(tower, target / "open_clip_model.safetensors", read_notes(source), text)
    write_bpe(target / BPE_FILE)
    vision = {"timm_model_name": BACKBONE, "timm_model_pretrained": False, "timm_pool": "avg", "timm_proj": "linear"}
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
        "preprocessing": {"size_px": size_px, "mean": MEAN, "std": STD, "fit": "pad"},
    }
    own = EncoderInfo(
        ENCODER, row["sha256"], from_mapping(Preprocessing, row["preprocessing"], "row"), tower.dim
    ).fingerprint
    manifest["calibrations"] = [c for c in manifest["calibrations"] if c["encoder"] == own]
    write_manifest(target / "manifest.json", manifest)


_LICENCE = "Apache-2.0 for the training; the package of the ImageNet weights that it descends from states no licence"
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
}


def bundle(name: str, source: str | Path, folder: str | Path, size_px: int) -> Path:
    """Copy a small network into the weights folder and write its row in the manifest.

    Args:
        name: `weights.DETECTOR` or `weights.ALTERATIONS`.
        source: Its file.
        folder: The weights folder.
        size_px: Side of the squares that it looks at.

    Raises:
        CorruptFileError: The file is no such network; nothing is written then.
    """
    if name == DETECTOR:
        LogoDetector(source, device="cpu")
    else:
        AlterationCheck(source)
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
    """Return what `write_model` noted in a file."""
    with safe_open(str(path), "pt") as file:
        notes: dict[str, object] = json.loads((file.metadata() or {}).get("training", "{}"))
    return notes
