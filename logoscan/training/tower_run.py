"""The state of a training run of both towers: begun from a model or from random weights, written, and continued.

This module must not know evaluation data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from logoscan.training.batches import Mix
from logoscan.training.compose import Composer
from logoscan.training.model_files import read_text_tower, read_tower, write_model
from logoscan.training.network import DIM, TEXT_CFG, TextTower, Tower, embed, for_training
from logoscan.training.precision import autocast
from logoscan.training.tower_plan import Plan
from logoscan.training.wordmarks import LETTER_PLACES


def view_pairs(composer: Composer, batches: int) -> npt.NDArray[np.uint8]:
    """Return uint8 (2 n, h, w, 3) crops for `Tower.whiten`: pairs of views, nearly all photo-like, most on goods."""
    return np.concatenate([composer.batch(Mix(clean=0.1, on_goods=0.6)).crops for _ in range(batches)])


def class_vectors(tower: Tower, composer: Composer) -> npt.NDArray[np.float32]:
    """Return the vector of one clean crop of each class, float32 (c, dim): the initial value of its proxy."""
    first = [int(members[0]) for members in composer.icons.by_class()]
    with autocast(tower.device):
        out = [
            embed(tower, np.stack([composer.clean(composer.icons.rgba(i), False) for i in first[k : k + 64]]))
            for k in range(0, len(first), 64)
        ]
    return np.concatenate(out)


@dataclass(eq=False)
class TowerRun:
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

    def counters(self) -> dict[str, float]:
        """Return the counters of a line of the log."""
        return {"step": self.steps, "samples": self.samples, "seconds": round(self.used_s)}

    def save(self, path: Path, notes: dict[str, object], resumable: bool) -> None:
        """Write the model, and the state if the run is resumable, to the folder of the run."""
        counts = {"steps": self.steps, "samples": self.samples, "seconds": round(self.used_s)}
        write_model(self.tower, path / "model.safetensors", notes | counts, self.text)
        if not resumable:
            return
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


def begin_run(
    composer: Composer, plan: Plan, path: Path, start_from: str | Path | None, device: torch.device | str = "cpu"
) -> TowerRun:
    """Return the run in the folder `path`, or a new one: from a model file, or from random weights."""
    torch.manual_seed(plan.seed)
    classes = len(composer.icons.names) if plan.proxy_weight else 0
    state = path / "state.pt"
    saved: dict[str, Any] | None = torch.load(state, weights_only=True, map_location=device) if state.exists() else None
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
    tower = tower.to(device)
    first = F.normalize(torch.randn(classes, tower.dim), dim=1)
    if start_from is not None and saved is None and plan.whiten_batches:
        tower.whiten(view_pairs(composer, plan.whiten_batches))
        # The axes of the new projection are not those of the old one.
        width = TEXT_CFG["width"]
        text.transformer_.text_projection = nn.Parameter(torch.randn(width, DIM) * width**-0.5)
    if start_from is not None and saved is None and classes:
        first = torch.from_numpy(class_vectors(tower, composer))
    frozen = 0 if start_from is None else plan.frozen_stages  # random first stages must learn
    tower, text, first = for_training(tower, frozen, device), text.to(device), first.to(device)
    if frozen:
        tower.freeze_stem(frozen)
    tower.centre(np.concatenate([composer.batch(plan.mix).crops for _ in range(4)]))
    proxies, letters = nn.Parameter(first.clone()), nn.Linear(tower.dim, LETTER_PLACES).to(device)
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in tower.trunk.parameters() if p.requires_grad], "lr": plan.lr_trunk},
            {"params": [*tower.head.parameters(), *text.parameters(), *letters.parameters()], "lr": plan.lr_head},
        ],
        weight_decay=plan.weight_decay,
    )
    run = TowerRun(tower, text, letters, proxies, first, optimizer)
    if saved is not None:
        run.load(saved, path)
    return run
