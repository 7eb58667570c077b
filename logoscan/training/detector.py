"""Train the detector on composed scenes: `python -m logoscan.training detector --help`.

A run has a fixed time, like the training of the towers. This module must not know evaluation data.
"""

from __future__ import annotations

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

from logoscan.training.compose import Composer
from logoscan.training.detector_examples import Example, Scenes, augment, stack_pixels, to_input
from logoscan.training.detector_files import load_weights, write_detector
from logoscan.training.detector_plan import DetectorPlan
from logoscan.training.loss_log import LossLog
from logoscan.training.precision import autocast
from logoscan.training.shard_reader import KeptScenes, Shards, require_scenes
from logoscan.training.stream import stream
from logoscan.types import Boxes
from logoscan.vision.detector_boxes import level_shapes
from logoscan.vision.detector_net import anchors_of, build, outputs


def loss(net: FCOS, pixels: torch.Tensor, boxes: Sequence[Boxes]) -> dict[str, torch.Tensor]:
    """Return the losses of FCOS on some pictures: focal loss of the class, GIoU of the boxes, centre-ness.

    Args:
        net: Network, on the same device as `pixels`.
        pixels: uint8 (n, 3, S, S).
        boxes: Marks of each picture, float32 (k, 4), xyxy px.

    Returns:
        Scalars by the names that torchvision gives them.
    """
    with autocast(pixels.device):
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


def _sources(
    make: Callable[[int], Composer], plan: DetectorPlan, steps: int, shards: Shards | None
) -> list[Callable[[], Callable[[], list[Example]]]]:
    """Return the makers of batches of a run; after each resumption with another seed, so that no scene is repeated."""
    seed, makers = plan.seed + 7919 * (steps + 1), range(plan.makers)
    if shards is not None:
        return [KeptScenes(shards, seed, k, plan.makers) for k in makers]
    return [Scenes(make, seed + 104_729 * k, plan) for k in makers]


def train_detector(
    make: Callable[[int], Composer],
    plan: DetectorPlan,
    folder: str | Path,
    start_from: str | Path | None = None,
    *,
    device: torch.device | str = "cpu",
    shards: Shards | None = None,
) -> Path:
    """Train a detector until the time of the plan is over; continue a run that `folder` holds.

    Args:
        make: Function that builds a composer from a seed; picklable, because scenes are made in other processes.
        plan: Settings; in a resumed run the same as before, except that `minutes` and `max_steps` may differ.
        folder: Folder of the run: ``detector.safetensors`` (latest), ``state.pt`` (to resume), ``log.jsonl`` (losses).
        start_from: File of an image tower or of a detector to begin from; random weights if None.
        device: Device to train on: `cpu`, `cuda`, ... An earlier version of this loop ran on CUDA; this one has not.
        shards: Kept scenes, used in place of composed ones; the run ends with their last epoch, if it has one.

    Returns:
        Path of the written detector, which is also written when the run is interrupted.

    Raises:
        MismatchError: If the shards hold scenes of another size, or another number in a batch.
    """
    if shards is not None:
        require_scenes(shards, plan)
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

    def counters() -> dict[str, float]:
        """Return the counters of a line of the log."""
        return {"step": steps, "scenes": steps * plan.batch, "seconds": round(used_s), "lr": rate}

    def save() -> None:
        """Write the detector, and the state of the run if it is resumable."""
        notes = {"plan": asdict(plan), "steps": steps, "scenes": steps * plan.batch, "seconds": round(used_s)}
        write_detector(mean.module, path / "detector.safetensors", plan.size_px, notes=notes)
        if not plan.resumable:
            return
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
    log, rate = LossLog(path / "log.jsonl", plan.log_every_s), 0.0
    rng = np.random.default_rng(plan.seed + steps)
    batches = stream(*_sources(make, plan, steps, shards))
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
            waited = time.monotonic()
            examples = next(batches, None)
            if examples is None:
                break
            waited = time.monotonic() - waited
            parts = loss(net, *augment(stack_pixels(examples, device), [e.boxes for e in examples], plan, rng))
            optimizer.zero_grad()
            torch.autograd.backward(torch.stack(list(parts.values())).sum())
            nn.utils.clip_grad_norm_(trainable, 10.0)
            optimizer.step()
            mean.update_parameters(net)
            steps, done, used_s = steps + 1, done + 1, time.monotonic() - began
            log.add(parts, waited)
            if log.due:
                log.write(counters())
            if time.monotonic() - last_save > plan.save_every_s:
                save()
                last_save = time.monotonic()
    finally:
        batches.close()
        log.write(counters())
        save()
    return path / "detector.safetensors"
