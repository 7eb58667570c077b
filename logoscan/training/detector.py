"""Train the detector on composed scenes: `python -m logoscan.training detector --help`.

A run has a fixed time, like the training of the towers. This module must not know evaluation data.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.models.detection.fcos import FCOS

from logoscan.runtime import cpu_has_bf16
from logoscan.training.compose import Composer
from logoscan.training.detector_examples import Scenes, augment, stack_pixels, to_input
from logoscan.training.detector_files import load_weights, write_detector
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.stream import stream
from logoscan.types import Boxes
from logoscan.vision.detector_net import anchors_of, build, level_shapes, outputs

logger = logging.getLogger(__name__)


def loss(net: FCOS, pixels: torch.Tensor, boxes: Sequence[Boxes]) -> dict[str, torch.Tensor]:
    """Return the losses of FCOS on some pictures: focal loss of the class, GIoU of the boxes, centre-ness.

    Args:
        net: Network, on the same device as `pixels`.
        pixels: uint8 (n, 3, S, S).
        boxes: Marks of each picture, float32 (k, 4), xyxy px.

    Returns:
        Scalars by the names that torchvision gives them.
    """
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=_in_bf16(pixels.device)):
        head = outputs(net, to_input(pixels))
    count, _, height, width = pixels.shape
    anchors = anchors_of(net, count, height, width)
    cells = [rows * columns for rows, columns in level_shapes(height, width)]
    truth = [
        {"boxes": torch.from_numpy(b).reshape(-1, 4), "labels": torch.zeros(len(b), dtype=torch.int64)} for b in boxes
    ]
    truth = [{name: value.to(pixels.device) for name, value in row.items()} for row in truth]
    losses: dict[str, torch.Tensor] = net.compute_loss(truth, head, anchors, cells)
    return losses


def _freeze(net: FCOS, stages: int) -> list[nn.Module]:
    """Exclude the stem and the first stages of the backbone from training and return them."""
    trunk = net.backbone.trunk
    frozen = [trunk.conv_stem, trunk.bn1, *trunk.blocks[:stages]]
    for module in frozen:
        for parameter in module.parameters():
            parameter.requires_grad = False
    return frozen


def _in_bf16(device: torch.device) -> bool:
    """Return True if a device computes fast in bfloat16."""
    return torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bf16()


def train_detector(
    make: Callable[[int], Composer],
    plan: DetectorPlan,
    folder: str | Path,
    start_from: str | Path | None = None,
    device: str = "cpu",
) -> Path:
    """Train a detector until the time of the plan is over; continue a run that `folder` holds.

    Args:
        make: Function that builds a composer from a seed; picklable, because scenes are made in other processes.
        plan: Settings; in a resumed run the same as before, except that `minutes` and `max_steps` may differ.
        folder: Folder of the run: ``detector.safetensors`` (latest), ``state.pt`` (to resume), ``log.jsonl`` (losses).
        start_from: File of an image tower or of a detector to begin from; random weights if None.
        device: Device to train on: `cpu`, `cuda`, ...

    Returns:
        Path of the written detector, which is also written when the run is interrupted.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    net = build()
    frozen: list[nn.Module] = []
    if start_from is not None:
        load_weights(net, start_from)
        frozen = _freeze(net, plan.frozen_stages)
    net = net.to(device, memory_format=torch.channels_last)
    decay: Any = get_ema_multi_avg_fn(plan.ema)  # type: ignore[no-untyped-call]
    mean = AveragedModel(net, multi_avg_fn=decay, use_buffers=True)
    trunk = {id(p) for p in net.backbone.trunk.parameters()}
    trainable = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in trainable if id(p) in trunk], "lr": plan.lr_trunk},
            {"params": [p for p in trainable if id(p) not in trunk], "lr": plan.lr_head},
        ],
        weight_decay=plan.weight_decay,
    )
    steps, used_s = 0, 0.0
    if (path / "state.pt").exists():
        saved = torch.load(path / "state.pt", weights_only=True, map_location=device)
        net.load_state_dict(saved["net"])
        mean.load_state_dict(saved["mean"])
        optimizer.load_state_dict(saved["optimizer"])
        steps, used_s = saved["steps"], saved["used_s"]

    def save() -> None:
        """Write the detector and the state of the run."""
        notes = {"plan": asdict(plan), "steps": steps, "scenes": steps * plan.batch, "seconds": round(used_s)}
        write_detector(mean.module, path / "detector.safetensors", plan.size_px, notes=notes)
        state = {
            "net": net.state_dict(),
            "mean": mean.state_dict(),
            "optimizer": optimizer.state_dict(),
            "steps": steps,
            "used_s": used_s,
        }
        torch.save(state, path / "state.partial")
        (path / "state.partial").replace(path / "state.pt")

    began, last_save, done = time.monotonic() - used_s, time.monotonic(), 0
    sums: list[list[float]] = []
    rng = np.random.default_rng(plan.seed + steps)
    seeds = [plan.seed + 7919 * (steps + 1) + 104_729 * k for k in range(plan.makers)]
    batches = stream(*(Scenes(make, seed, plan) for seed in seeds))
    try:
        while plan.max_steps is None or done < plan.max_steps:
            part = (time.monotonic() - began) / (plan.minutes * 60)
            if part >= 1:
                break
            rate = min(1.0, (steps + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * part))
            for group, peak in zip(optimizer.param_groups, (plan.lr_trunk, plan.lr_head), strict=True):
                group["lr"] = peak * rate
            net.train()
            for module in frozen:
                module.eval()
            examples = next(batches)
            parts = loss(net, *augment(stack_pixels(examples, device), [e.boxes for e in examples], plan, rng))
            optimizer.zero_grad()
            torch.autograd.backward(torch.stack(list(parts.values())).sum())
            nn.utils.clip_grad_norm_(trainable, 10.0)
            optimizer.step()
            mean.update_parameters(net)
            steps, done, used_s = steps + 1, done + 1, time.monotonic() - began
            sums.append([float(v.detach()) for v in parts.values()])
            if steps % 50 == 0:
                line: dict[str, float] = {"step": steps, "scenes": steps * plan.batch, "seconds": round(used_s)}
                line |= dict(zip(parts, (round(m, 4) for m in np.mean(sums, axis=0).tolist()), strict=True))
                with (path / "log.jsonl").open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
                logger.info("%s", line)
                sums = []
            if time.monotonic() - last_save > plan.save_every_s:
                save()
                last_save = time.monotonic()
    finally:
        batches.close()
        save()
    return path / "detector.safetensors"
