"""Train both towers with contrastive losses between views of a class and between words and names.

A run has a fixed time: the learning rate falls to zero at the planned end, because an unfinished cosine schedule is of
little use. A run is resumed from its folder. This module must not know evaluation data.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from logoscan.training.batches import Batch, Mix, join_batches
from logoscan.training.compose import Composer
from logoscan.training.loss_log import LossLog
from logoscan.training.losses import letters_loss, pair_loss, proxy_loss, text_loss
from logoscan.training.network import to_input
from logoscan.training.precision import autocast, to_device
from logoscan.training.shard_reader import KeptBatches, Shards, require_classes
from logoscan.training.stream import stream
from logoscan.training.tower_plan import Plan
from logoscan.training.tower_run import TowerRun, begin_run


def train(
    make: Callable[[int], Composer],
    plan: Plan,
    folder: str | Path,
    start_from: str | Path | None = None,
    *,
    device: torch.device | str = "cpu",
    shards: Shards | None = None,
) -> Path:
    """Train both towers until the time of the plan is over; continue a run that `folder` holds.

    Args:
        make: Function that builds a composer from a seed; picklable, because batches are made in other processes.
        plan: Settings; in a resumed run the same as before, except that `minutes` and `max_steps` may differ.
        folder: Folder of the run: ``model.safetensors`` (latest), ``state.pt`` (to resume), ``log.jsonl`` (losses).
        start_from: Model file to begin from; random weights if None.
        device: Device to train on: `cpu`, `cuda`, ... The path of CUDA has not been run.
        shards: Kept batches, used in place of composed ones; the run ends with their last epoch, if it has one.

    Returns:
        Path of the written model, which is also written when the run is interrupted.

    Raises:
        MismatchError: If the shards were composed from other classes of icons.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    composer = make(plan.seed)
    if shards is not None:
        require_classes(shards, composer)
    run = begin_run(composer, plan, path, start_from, device)
    notes: dict[str, object] = {
        "plan": asdict(plan), "classes": len(composer.icons.names), "drawings": len(composer.icons)
    }  # fmt: skip
    # Classes with the same icon under two names (a coin and its company) must not be negatives of each other.
    same = run.first @ run.first.T > 0.95
    began, last_save, done = time.monotonic() - run.used_s, time.monotonic(), 0
    log, rate = LossLog(path / "log.jsonl", plan.log_every_s), 0.0
    batches = stream(*_sources(make, plan, run.steps, shards))
    joined = _joined(batches, plan.joined, len(composer.icons.names))
    try:
        while plan.max_steps is None or done < plan.max_steps:
            part = (time.monotonic() - began) / (plan.minutes * 60)
            if part >= 1:
                break
            rate = min(1.0, (run.steps + 1) / 60) * (0.5 + 0.5 * math.cos(math.pi * part))
            for group, peak in zip(run.optimizer.param_groups, (plan.lr_trunk, plan.lr_head), strict=True):
                group["lr"] = peak * rate
            waited = time.monotonic()
            batch = next(joined, None)
            if batch is None:
                break
            waited = time.monotonic() - waited
            run.tower.set_modes(learn_statistics=part < 1 - plan.settle)
            losses = _step(run, batch, plan, same, rate, small=part < plan.small_part)
            done += 1
            run.used_s = time.monotonic() - began
            log.add(losses, waited)
            if log.due:
                log.write(run.counters() | {"lr": rate})
            if time.monotonic() - last_save > plan.save_every_s:
                run.save(path, notes, plan.resumable)
                last_save = time.monotonic()
    finally:
        batches.close()
        log.write(run.counters() | {"lr": rate})
        run.save(path, notes, plan.resumable)
    return path / "model.safetensors"


def _sources(
    make: Callable[[int], Composer], plan: Plan, steps: int, shards: Shards | None
) -> list[Callable[[], Callable[[], Batch]]]:
    """Return the makers of batches of a run; after each resumption with another seed, so that no batch is repeated."""
    seed, makers = plan.seed + 7919 * (steps + 1), range(plan.makers)
    if shards is not None:
        return [KeptBatches(shards, seed, k, plan.makers) for k in makers]
    return [Batches(make, seed + 104_729 * k, plan.mix) for k in makers]


def _joined(batches: Iterator[Batch], count: int, classes: int) -> Iterator[Batch]:
    """Yield batches joined by `count`."""
    while parts := list(itertools.islice(batches, count)):
        yield join_batches(parts, classes)


@dataclass(frozen=True)
class Batches:
    """A picklable factory of functions that make batches.

    Attributes:
        make: Function that builds a composer from a seed.
        seed: Seed of the composer.
        mix: Contents of the batches.
    """

    make: Callable[[int], Composer]
    seed: int
    mix: Mix

    def __call__(self) -> Callable[[], Batch]:
        """Build the composer and return a function that makes a batch."""
        return partial(self.make(self.seed).batch, self.mix)


def _step(
    run: TowerRun, batch: Batch, plan: Plan, same: torch.Tensor, rate: float, small: bool
) -> dict[str, torch.Tensor]:
    """Take one step of the optimiser and return the pairwise, proxy, text and letters losses, scalars by name."""
    device = run.tower.device
    x, labels = to_input(batch.crops, device), to_device(batch.labels, device)
    if small:
        x = F.interpolate(x, size=(plan.small_px, plan.small_px), mode="bilinear", antialias=True)
    x = x.contiguous(memory_format=torch.channels_last)
    with autocast(device):
        z = run.tower(x)
    z = z.float()
    pair = pair_loss(z, labels, plan.temperature)
    proxy = proxy_loss(z, labels, run.proxies, same, plan)
    text = spelling = z.detach().sum() * 0
    rows = [i for i, words in enumerate(batch.texts) if words]
    if rows and plan.text_weight:
        shown = sorted({batch.texts[i] for i in rows})
        number = {words: k for k, words in enumerate(shown)}
        tokens = run.text.tokens([*shown, *batch.other_names])
        with autocast(device):
            names = run.text(to_device(tokens.numpy(), device))
        which = torch.tensor([number[batch.texts[i]] for i in rows])
        of_words = z[to_device(np.array(rows), device)]
        both = torch.cat([of_words, names.float()]) * math.sqrt(run.tower.dim)
        spelling = letters_loss(run.letters(both), [*(batch.texts[i] for i in rows), *shown, *batch.other_names])
        text = text_loss(of_words, names.float(), which, run.text.logit_scale.clamp(max=math.log(100)).exp())
    run.optimizer.zero_grad()
    run.proxies.grad = None
    losses = (pair, proxy, text, spelling)
    torch.autograd.backward(pair + plan.proxy_weight * proxy + plan.text_weight * text + plan.letters_weight * spelling)
    run.optimizer.step()
    if run.proxies.grad is not None:
        with torch.no_grad():
            run.proxies -= plan.lr_proxies * rate * run.proxies.grad
            run.proxies /= run.proxies.norm(dim=1, keepdim=True)
    run.steps, run.samples = run.steps + 1, run.samples + len(labels)
    return dict(zip(("pair", "proxy", "text", "letters"), (loss.detach() for loss in losses), strict=True))
