"""Trains the image tower: two views of a class together, all others apart, plus a proxy vector a class.

Runs against the clock: the learning rate falls to zero at the planned end, because an unfinished cosine is worth
little. A run is resumed from its folder. Must not know evaluation data.
"""

from __future__ import annotations

import json
import logging
import math
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from logoscan.training.compose import Composer, Mix
from logoscan.training.network import DIM, Tower, embed, for_training, read_tower, to_input, write_tower

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Settings of a run.

    Attributes:
        minutes: Wall clock of the whole schedule, pauses between resumed parts not counted.
        seed: Seed of the material and of the network where it is new.
        lr_trunk: Peak learning rate of the backbone (AdamW).
        lr_head: Peak learning rate of projection and proxies.
        weight_decay: AdamW's.
        frozen_stages: Stages of the backbone besides the stem that stay as they are.
        margin: Cosine margin of the proxies.
        scale: Inverse temperature of the proxy loss.
        temperature: Temperature of the pairwise loss.
        proxy_weight: Weight of the proxy loss against the pairwise loss.
        small_px: Side of the crops in the first part of the schedule; 96 px train 1.8 times as fast as 112 px.
        small_part: That part, 0..1.
        settle: Part of the schedule at its end in which normalisation statistics stand still.
        save_every_s: Seconds between checkpoints.
        max_steps: Stop after so many steps of this run whatever the clock says; None: the clock alone.
        mix: What batches hold.
    """

    minutes: float = 60.0
    seed: int = 0
    lr_trunk: float = 6e-4
    lr_head: float = 1.5e-3
    weight_decay: float = 0.02
    frozen_stages: int = 2
    margin: float = 0.15
    scale: float = 26.0
    temperature: float = 0.07
    proxy_weight: float = 0.5
    small_px: int = 96
    small_part: float = 0.6
    settle: float = 0.15
    save_every_s: float = 240.0
    max_steps: int | None = None
    mix: Mix = field(default_factory=Mix)

    def __post_init__(self) -> None:
        for name in ("minutes", "lr_trunk", "lr_head", "scale", "temperature", "save_every_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"plan.{name}: expected a number above 0, got {getattr(self, name)}")
        for name in ("settle", "small_part"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"plan.{name}: expected 0..1, got {getattr(self, name)}")


def losses(
    z: torch.Tensor, labels: torch.Tensor, proxies: torch.Tensor, same: torch.Tensor, plan: Plan
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pairwise (supervised contrastive) and the proxy loss, two scalars.

    Args:
        z: float32 (n, d) unit vectors.
        labels: int64 (n,); those from ``len(proxies)`` on have no proxy.
        proxies: float32 (c, d), any length.
        same: bool (c, c), True where two classes look the same and must not be pushed apart (the diagonal is ignored).
        plan: Margin, scale and temperature.
    """
    own = torch.eye(len(z), dtype=torch.bool)
    similar = (z @ z.T / plan.temperature).masked_fill(own, -1e4)
    positive = (labels[:, None] == labels[None]) & ~own
    pair = -(torch.log_softmax(similar, 1) * positive).sum(1) / positive.sum(1).clamp(min=1)
    known = labels < len(proxies)
    target = labels[known]
    if not len(target):
        return pair.mean(), z.sum() * 0
    logits = z[known] @ F.normalize(proxies, dim=1).T
    hidden = same[target].scatter(1, target[:, None], False)
    hit = torch.zeros_like(logits).scatter(1, target[:, None], plan.margin)
    logits = (plan.scale * (logits - hit)).masked_fill(hidden, -1e4)
    return pair.mean(), F.cross_entropy(logits, target)


def class_vectors(tower: Tower, composer: Composer) -> npt.NDArray[np.float32]:
    """Return float32 (c, 256): the vector of one clean drawing of each class, the first guess of its proxy."""
    first = [int(members[0]) for members in composer.drawings.by_class()]
    out = [
        embed(tower, np.stack([composer.clean(composer.drawings.rgba(i), False) for i in first[k : k + 64]]))
        for k in range(0, len(first), 64)
    ]
    return np.concatenate(out)


def stream(
    composer: Composer, mix: Mix, ahead: int = 4
) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """Yield batches made in a thread of its own; an error there is raised here."""
    ready: queue.Queue[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]] | BaseException] = queue.Queue(ahead)
    stop = threading.Event()

    def produce() -> None:
        try:
            while not stop.is_set():
                item = composer.batch(mix)
                while not stop.is_set():
                    try:
                        ready.put(item, timeout=0.5)
                        break
                    except queue.Full:
                        continue
        except Exception as error:  # handed over: a thread's own traceback would be lost
            ready.put(error)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join(timeout=5)


def train(composer: Composer, plan: Plan, folder: str | Path, start_from: str | Path | None = None) -> Path:
    """Train a tower until the plan's time is over; continue the run found in `folder`.

    Args:
        composer: Makes the batches.
        plan: Settings; of a resumed run the same as before, `minutes` and `max_steps` may differ.
        folder: Of the run: ``tower.safetensors`` (latest), ``state.pt`` (to resume), ``log.jsonl`` (the curve),
            ``class_vectors.npy`` (first guess of the proxies, computed if it is not there).
        start_from: A tower file to begin from; a new random network if None.

    Returns:
        Path of the written tower.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    tower = for_training(read_tower(start_from) if start_from is not None else Tower())
    if start_from is not None:  # random first stages must learn
        tower.freeze_stem(plan.frozen_stages)
    classes = len(composer.drawings.names)
    state_file = path / "state.pt"
    steps = samples = 0
    used_s = 0.0
    if state_file.exists():
        saved = torch.load(state_file, weights_only=True)
        if len(saved["proxies"]) != classes:
            raise ValueError(f"run {path}: expected {len(saved['proxies'])} classes as before, got {classes}")
        proxies = nn.Parameter(saved["proxies"])
        tower.load_state_dict(saved["tower"])
        first = saved["first"]
        steps, samples, used_s = saved["steps"], saved["samples"], saved["used_s"]
        composer.rng = np.random.default_rng([plan.seed, steps])  # not the batches seen before
    else:
        first = F.normalize(torch.randn(classes, DIM), dim=1)
        if start_from is not None:
            known = path / "class_vectors.npy"
            if not known.exists():
                np.save(known, class_vectors(tower, composer), allow_pickle=False)
            first = torch.from_numpy(np.load(known, allow_pickle=False))
        proxies = nn.Parameter(first.clone())
    # Classes whose drawings are one and the same under two names (a coin and its company) would fight each other.
    same = first @ first.T > 0.95
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in tower.trunk.parameters() if p.requires_grad], "lr": plan.lr_trunk},
            {"params": [*tower.head.parameters(), proxies], "lr": plan.lr_head},
        ],
        weight_decay=plan.weight_decay,
    )
    if state_file.exists():
        optimizer.load_state_dict(saved["optimizer"])
    peaks = (plan.lr_trunk, plan.lr_head)
    began, last_save, done = time.monotonic() - used_s, time.monotonic(), 0
    notes: dict[str, object] = {"plan": asdict(plan), "classes": classes, "drawings": len(composer.drawings)}

    def save() -> None:
        notes.update(steps=steps, samples=samples, seconds=round(time.monotonic() - began))
        write_tower(tower, path / "tower.safetensors", notes)
        partial = state_file.with_name("state.partial")
        state = {"tower": tower.state_dict(), "proxies": proxies.data, "first": first}
        state |= {"optimizer": optimizer.state_dict(), "steps": steps, "samples": samples}
        state["used_s"] = time.monotonic() - began
        torch.save(state, partial)
        partial.replace(state_file)

    sums = np.zeros(3)
    batches = stream(composer, plan.mix)
    try:
        while plan.max_steps is None or done < plan.max_steps:
            part = (time.monotonic() - began) / (plan.minutes * 60)
            if part >= 1:
                break
            rate = min(1.0, (steps + 1) / 60) * (0.5 + 0.5 * math.cos(math.pi * part))
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * rate
            waited = time.monotonic()
            crops, labels = next(batches)
            waited = time.monotonic() - waited
            tower.set_modes(learn_statistics=part < 1 - plan.settle)
            x = to_input(crops)
            if part < plan.small_part:
                x = F.interpolate(x, size=(plan.small_px, plan.small_px), mode="bilinear", antialias=True)
            x = x.contiguous(memory_format=torch.channels_last)
            pair, proxy = losses(tower(x), torch.from_numpy(labels), proxies, same, plan)
            optimizer.zero_grad()
            torch.autograd.backward(pair + plan.proxy_weight * proxy)
            optimizer.step()
            steps, samples, done = steps + 1, samples + len(labels), done + 1
            sums += (float(pair.detach()), float(proxy.detach()), waited)
            if steps % 50 == 0:
                since = min(done, 50)  # fewer after the run was resumed
                line = {
                    "step": steps, "samples": samples, "seconds": round(time.monotonic() - began), "lr": rate,
                    "pair": float(sums[0] / since), "proxy": float(sums[1] / since), "waited_s": float(sums[2] / since),
                }  # fmt: skip
                with (path / "log.jsonl").open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
                logger.info("%s", line)
                sums[:] = 0
            if time.monotonic() - last_save > plan.save_every_s:
                save()
                last_save = time.monotonic()
    finally:
        batches.close()  # type: ignore[attr-defined]
    save()
    return path / "tower.safetensors"
