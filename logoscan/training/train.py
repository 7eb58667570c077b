"""Train both towers with contrastive losses between views of a class and between words and names.

A run has a fixed time: the learning rate falls to zero at the planned end, because an unfinished cosine schedule is of
little use. A run is resumed from its folder. This module must not know evaluation data.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from logoscan.runtime import cpu_has_bf16
from logoscan.training.batches import Batch, Mix
from logoscan.training.compose import Composer
from logoscan.training.losses import letters_loss, pair_loss, proxy_loss, text_loss
from logoscan.training.model_files import read_text_tower, read_tower, write_model
from logoscan.training.network import DIM, TEXT_CFG, TextTower, Tower, embed, for_training, to_input
from logoscan.training.stream import stream
from logoscan.training.tower_plan import Plan
from logoscan.training.wordmarks import LETTER_PLACES

logger = logging.getLogger(__name__)


def view_pairs(composer: Composer, batches: int) -> npt.NDArray[np.uint8]:
    """Return uint8 (2 n, h, w, 3) crops for `Tower.whiten`: pairs of views, nearly all of them photo-like."""
    return np.concatenate([composer.batch(Mix(clean=0.1)).crops for _ in range(batches)])


def class_vectors(tower: Tower, composer: Composer) -> npt.NDArray[np.float32]:
    """Return the vector of one clean crop of each class, float32 (c, dim): the initial value of its proxy."""
    first = [int(members[0]) for members in composer.icons.by_class()]
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
        out = [
            embed(tower, np.stack([composer.clean(composer.icons.rgba(i), False) for i in first[k : k + 64]]))
            for k in range(0, len(first), 64)
        ]
    return np.concatenate(out)


@dataclass(eq=False)
class _Run:
    """State of a run: everything that is trained, and the counters.

    Attributes:
        tower: Image tower.
        text: Text tower.
        letters: Layer that predicts `letter_places` from a vector.
        proxies: float32 (c, dim), one vector per class; no rows without a proxy loss.
        first: float32 (c, dim), initial values of the proxies.
        optimizer: Optimiser of all but the proxies.
        steps: Steps so far.
        samples: Crops so far.
        used_s: Time so far, s.
    """

    tower: Tower
    text: TextTower
    letters: nn.Linear
    proxies: nn.Parameter
    first: torch.Tensor
    optimizer: torch.optim.Optimizer
    steps: int = 0
    samples: int = 0
    used_s: float = 0.0

    def save(self, path: Path, notes: dict[str, object]) -> None:
        """Write the model and the state to the folder of the run."""
        counts = {"steps": self.steps, "samples": self.samples, "seconds": round(self.used_s)}
        write_model(self.tower, path / "model.safetensors", notes | counts, self.text)
        state = {
            "tower": self.tower.state_dict(),
            "text": self.text.state_dict(),
            "letters": self.letters.state_dict(),
            "proxies": self.proxies.data,
        }
        state |= {"first": self.first, "optimizer": self.optimizer.state_dict()}
        state |= {"steps": self.steps, "samples": self.samples, "used_s": self.used_s}
        torch.save(state, path / "state.partial")
        (path / "state.partial").replace(path / "state.pt")

    def load(self, saved: dict[str, Any], path: Path) -> None:
        """Continue with a saved state; refuse one with another number of classes."""
        if len(saved["proxies"]) != len(self.proxies):
            raise ValueError(f"run {path}: expected {len(saved['proxies'])} classes as before, got {len(self.proxies)}")
        self.tower.load_state_dict(saved["tower"])
        self.text.load_state_dict(saved["text"])
        self.letters.load_state_dict(saved["letters"])
        self.proxies.data, self.first = saved["proxies"], saved["first"]
        self.optimizer.load_state_dict(saved["optimizer"])
        self.steps, self.samples, self.used_s = saved["steps"], saved["samples"], saved["used_s"]


def _begin(composer: Composer, plan: Plan, path: Path, start_from: str | Path | None) -> _Run:
    """Return the run in the folder `path`, or a new one: from a model file, or from random weights."""
    torch.manual_seed(plan.seed)
    classes = len(composer.icons.names) if plan.proxy_weight else 0
    state = path / "state.pt"
    saved: dict[str, Any] | None = torch.load(state, weights_only=True) if state.exists() else None
    if saved is not None:  # a resumed run may have longer vectors than the model that it began from
        dim = len(saved["tower"]["head.proj.weight"])
        tower, text = Tower(dim), TextTower(dim)
        # Load the weights before freezing, which folds the current weights; `load` sets the standardisation.
        tower.load_state_dict({k: v for k, v in saved["tower"].items() if not k.startswith("norm.")})
    elif start_from is None:
        tower, text = Tower(), TextTower()
    else:
        tower = read_tower(start_from)
        text = read_text_tower(start_from) or TextTower(tower.dim)
    first = F.normalize(torch.randn(classes, tower.dim), dim=1)
    if start_from is not None and saved is None and plan.whiten_batches:
        tower.whiten(view_pairs(composer, plan.whiten_batches))
        # The axes of the new projection are not those of the old one.
        width = TEXT_CFG["width"]
        text.transformer_.text_projection = nn.Parameter(torch.randn(width, DIM) * width**-0.5)
    if start_from is not None and saved is None and classes:
        first = torch.from_numpy(class_vectors(tower, composer))
    frozen = 0 if start_from is None else plan.frozen_stages  # random first stages must learn
    tower = for_training(tower, frozen)
    if frozen:
        tower.freeze_stem(frozen)
    tower.centre(np.concatenate([composer.batch(plan.mix).crops for _ in range(4)]))
    proxies, letters = nn.Parameter(first.clone()), nn.Linear(tower.dim, LETTER_PLACES)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in tower.trunk.parameters() if p.requires_grad], "lr": plan.lr_trunk},
            {"params": [*tower.head.parameters(), *text.parameters(), *letters.parameters()], "lr": plan.lr_head},
        ],
        weight_decay=plan.weight_decay,
    )
    run = _Run(tower, text, letters, proxies, first, optimizer)
    if saved is not None:
        run.load(saved, path)
    return run


def train(
    make: Callable[[int], Composer], plan: Plan, folder: str | Path, start_from: str | Path | None = None
) -> Path:
    """Train both towers until the time of the plan is over; continue a run that `folder` holds.

    Args:
        make: Function that builds a composer from a seed; picklable, because batches are made in another process.
        plan: Settings; in a resumed run the same as before, except that `minutes` and `max_steps` may differ.
        folder: Folder of the run: ``model.safetensors`` (latest), ``state.pt`` (to resume), ``log.jsonl`` (losses).
        start_from: Model file to begin from; random weights if None.

    Returns:
        Path of the written model, which is also written when the run is interrupted.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    composer = make(plan.seed)
    run = _begin(composer, plan, path, start_from)
    notes: dict[str, object] = {
        "plan": asdict(plan), "classes": len(composer.icons.names), "drawings": len(composer.icons)
    }  # fmt: skip
    # Classes with the same icon under two names (a coin and its company) must not be negatives of each other.
    same = run.first @ run.first.T > 0.95
    began, last_save, done = time.monotonic() - run.used_s, time.monotonic(), 0
    sums: list[tuple[float, ...]] = []
    # another seed after each resumption, so that no batch is repeated
    batches = stream(Batches(make, plan.seed + 7919 * (run.steps + 1), plan.mix))
    try:
        while plan.max_steps is None or done < plan.max_steps:
            part = (time.monotonic() - began) / (plan.minutes * 60)
            if part >= 1:
                break
            rate = min(1.0, (run.steps + 1) / 60) * (0.5 + 0.5 * math.cos(math.pi * part))
            for group, peak in zip(run.optimizer.param_groups, (plan.lr_trunk, plan.lr_head), strict=True):
                group["lr"] = peak * rate
            waited = time.monotonic()
            batch = next(batches)
            waited = time.monotonic() - waited
            run.tower.set_modes(learn_statistics=part < 1 - plan.settle)
            losses = _step(run, batch, plan, same, rate, small=part < plan.small_part)
            done += 1
            run.used_s = time.monotonic() - began
            sums.append((*losses, waited))
            if run.steps % 50 == 0:
                _log(path / "log.jsonl", run, rate, np.mean(sums, axis=0).tolist())
                sums = []
            if time.monotonic() - last_save > plan.save_every_s:
                run.save(path, notes)
                last_save = time.monotonic()
    finally:
        batches.close()
        run.save(path, notes)
    return path / "model.safetensors"


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


def _step(run: _Run, batch: Batch, plan: Plan, same: torch.Tensor, rate: float, small: bool) -> tuple[float, ...]:
    """Take one step of the optimiser and return the pairwise, proxy, text and letters losses."""
    x, labels = to_input(batch.crops), torch.from_numpy(batch.labels)
    if small:
        x = F.interpolate(x, size=(plan.small_px, plan.small_px), mode="bilinear", antialias=True)
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
        z = run.tower(x)
    z = z.float()
    pair = pair_loss(z, labels, plan.temperature)
    proxy = proxy_loss(z, labels, run.proxies, same, plan)
    text = spelling = z.detach().sum() * 0
    rows = [i for i, words in enumerate(batch.texts) if words]
    if rows and plan.text_weight:
        shown = sorted({batch.texts[i] for i in rows})
        number = {words: k for k, words in enumerate(shown)}
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            names = run.text(run.text.tokens([*shown, *batch.other_names]))
        which = torch.tensor([number[batch.texts[i]] for i in rows])
        both = torch.cat([z[rows], names.float()]) * math.sqrt(run.tower.dim)
        spelling = letters_loss(run.letters(both), [*(batch.texts[i] for i in rows), *shown, *batch.other_names])
        text = text_loss(z[rows], names.float(), which, run.text.logit_scale.clamp(max=math.log(100)).exp())
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
    return tuple(float(loss.detach()) for loss in losses)


def _log(file: Path, run: _Run, rate: float, means: list[float]) -> None:
    """Append the counters, the relative learning rate and mean losses to the log of the run."""
    line: dict[str, object] = {"step": run.steps, "samples": run.samples, "seconds": round(run.used_s), "lr": rate}
    line |= dict(zip(("pair", "proxy", "text", "letters", "waited_s"), (round(m, 4) for m in means), strict=True))
    with file.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    logger.info("%s", line)
