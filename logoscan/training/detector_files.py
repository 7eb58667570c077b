"""Files of detectors: written, read and used as a start."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torchvision.models.detection.fcos import FCOS

from logoscan.vision.detector_net import build

DETECTOR_SIDE_PX = 640
"""Side of the squares that the bundled detector takes, px; runs train it at this size or a smaller one."""


def load_weights(net: FCOS, path: str | Path) -> None:
    """Load the backbone from a file of an image tower, or all weights from a file of a detector.

    Raises:
        ValueError: If the file holds neither.
    """
    tensors = load_file(str(path))
    trunk = {k.removeprefix("visual."): v.float() for k, v in tensors.items() if k.startswith("visual.trunk.")}
    state = net.state_dict()
    wanted = {f"backbone.{k}": v for k, v in trunk.items()} or {k: v.float() for k, v in tensors.items()}
    fitting = {k: v for k, v in wanted.items() if k in state and state[k].shape == v.shape}
    if not fitting:
        raise ValueError(f"{path}: expected an image tower or a detector, got neither")
    net.load_state_dict(state | fitting)


def write_detector(
    net: FCOS,
    path: str | Path,
    size_px: int,
    slope: float = 1.0,
    offset: float = 0.0,
    notes: dict[str, object] | None = None,
) -> None:
    """Write a detector in half precision as `LogoDetector` reads it, to a temporary file that is then renamed.

    Args:
        net: The network.
        path: Target file.
        size_px: Side of the squares that the detector takes, px.
        slope: Slope of the confidence: sigmoid(slope * logit(score) + offset).
        offset: Offset of the confidence.
        notes: Notes on the training, stored as JSON in the metadata of the file.
    """
    state = {k: v.detach().half().contiguous() for k, v in net.state_dict().items() if v.is_floating_point()}
    settings = {"size_px": size_px, "slope": slope, "offset": offset}
    partial = Path(path).with_name(Path(path).name + ".partial")
    metadata = {"format": "pt", "detector": json.dumps(settings), "training": json.dumps(notes or {})}
    save_file(state, str(partial), metadata=metadata)
    partial.chmod(0o644)  # safetensors makes files that only their owner can read
    partial.replace(path)


def read_detector(path: str | Path) -> FCOS:
    """Return a network that `write_detector` wrote, in evaluation mode."""
    net = build()
    load_weights(net, path)
    return net.eval()


def is_detector(path: str | Path) -> bool:
    """Return whether a file of tensors has the settings of a detector."""
    with safe_open(str(path), "pt") as file:
        return "detector" in (file.metadata() or {})


def detector_size(path: str | Path) -> int:
    """Return the side of the squares, px, that the detector in a file takes; in a run's file, that of the run."""
    with safe_open(str(path), "pt") as file:
        return int(json.loads(file.metadata()["detector"])["size_px"])
