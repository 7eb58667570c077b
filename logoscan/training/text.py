"""Fits the text tower to a finished image tower: names to the vectors of pictures that show them.

The image tower stands still, so crops of words are encoded once, and every step contrasts hundreds of them with
hundreds of names. Must not know evaluation data.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from logoscan._hashing import file_sha256
from logoscan.runtime import cpu_has_bf16
from logoscan.training.compose import Composer, Mix
from logoscan.training.losses import letters_loss, text_loss
from logoscan.training.model_files import read_text_tower, read_tower, write_model
from logoscan.training.network import TextTower, embed, for_training
from logoscan.training.stream import stream
from logoscan.training.train import Batches
from logoscan.training.wordmarks import LETTER_PLACES, change_name, random_name

logger = logging.getLogger(__name__)

WORDS = Mix(drawn=0, pictograms=0, wordmarks=64, look_alikes=0, packs=0, other_names=0)
_KEPT = 0.02
"""Share of the names, never stepped on, that the log's `unseen_r1` is measured on."""


@dataclass(frozen=True)
class TextPlan:
    """Settings of a fit.

    Attributes:
        minutes: Wall clock of the schedule, encoding and pauses between resumed parts not counted.
        seed: Of the words and of new weights.
        crops: Crops of words that are composed and encoded first.
        shown: Names a step whose crops are shown, two crops each.
        others: Names a step that no crop shows, half of them near misses of those shown.
        lr: Peak learning rate (AdamW).
        weight_decay: AdamW's.
        letters_weight: Weight of the loss of which letters stand where.
        max_steps: Stop after so many steps of this run whatever the clock says; None: the clock alone.
    """

    minutes: float = 15.0
    seed: int = 0
    crops: int = 60_000
    shown: int = 256
    others: int = 320
    lr: float = 1e-3
    weight_decay: float = 0.02
    letters_weight: float = 0.5
    max_steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("minutes", "crops", "shown", "others", "lr"):
            if not getattr(self, name) > 0:
                raise ValueError(f"plan.{name}: expected a number above 0, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Words:
    """Encoded crops of words.

    Attributes:
        vectors: float32 (n, dim), unit rows, two rows a name side by side.
        names: n / 2 names in lower case.
    """

    vectors: npt.NDArray[np.float32]
    names: tuple[str, ...]


def encode_words(make: Callable[[int], Composer], plan: TextPlan, folder: Path, model: str | Path) -> Words:
    """Compose and encode the crops of a plan, or read them from the run's folder.

    Raises:
        ValueError: The folder holds crops that another model encoded, or of another plan.
    """
    file = folder / "words.npz"
    made_of = f"model {file_sha256(Path(model))}, {plan.crops} crops, seed {plan.seed}"
    if not file.exists():
        tower = for_training(read_tower(model))
        vectors: list[npt.NDArray[np.float32]] = []
        names: list[str] = []
        with (
            closing(stream(Batches(make, plan.seed + 104_729, WORDS))) as batches,
            torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()),
        ):
            while 2 * len(names) < plan.crops:
                batch = next(batches)
                vectors.append(embed(tower, batch.crops))
                names += [text.lower() for text in batch.texts[::2]]
        partial = folder / "words.partial.npz"
        half = np.concatenate(vectors).astype(np.float16)
        np.savez(partial, vectors=half, names=np.array(names, np.str_), made_of=np.array(made_of))
        partial.replace(file)
    with np.load(file, allow_pickle=False) as saved:
        if str(saved["made_of"]) != made_of:
            raise ValueError(
                f"{file}: expected crops of {made_of}, got those of {saved['made_of']}: take another folder"
            )
        return Words(saved["vectors"].astype(np.float32), tuple(str(name) for name in saved["names"]))


def other_names(rng: np.random.Generator, shown: list[str], count: int) -> list[str]:
    """`count` names in lower case that are none of those shown, half of them a letter or two away from one."""
    out: dict[str, None] = {}
    while len(out) < count:
        near = len(out) % 2 == 0
        made = change_name(rng, shown[int(rng.integers(len(shown)))]) if near else random_name(rng)
        out[" ".join(made.lower().split())] = None
        for name in shown:
            out.pop(name, None)
    return list(out)


def fit_text(make: Callable[[int], Composer], plan: TextPlan, folder: str | Path, start_from: str | Path) -> Path:
    """Fit until the plan's time is over; continue the run found in `folder`.

    Args:
        make: Builds a composer from a seed; must be picklable, crops are made in another process.
        plan: Settings; of a resumed run the same as before, `minutes` and `max_steps` may differ.
        folder: Of the run: ``model.safetensors``, ``words.npz``, ``state.pt`` (to resume), ``log.jsonl`` (the curve).
        start_from: A model file; its text tower is gone on with where it has one of the image tower's width.

    Returns:
        Path of the written model: the image tower as it was, and the text tower.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    tower = read_tower(start_from)
    text = read_text_tower(start_from)
    if text is None or text.dim != tower.dim:
        text = TextTower(tower.dim)
    words = encode_words(make, plan, path, start_from)
    letters = nn.Linear(tower.dim, LETTER_PLACES)
    learning = [*text.parameters(), *letters.parameters()]
    optimizer = torch.optim.AdamW(learning, lr=plan.lr, weight_decay=plan.weight_decay)
    state: dict[str, Any] = {"steps": 0, "used_s": 0.0}
    if (path / "state.pt").exists():
        saved = torch.load(path / "state.pt", weights_only=True)
        text.load_state_dict(saved["text"])
        letters.load_state_dict(saved["letters"])
        optimizer.load_state_dict(saved["optimizer"])
        state = {k: saved[k] for k in state}

    def save() -> None:
        write_model(tower, path / "model.safetensors", {"text_plan": asdict(plan)} | state, text)
        learnt = {"text": text.state_dict(), "letters": letters.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(learnt | state, path / "state.partial")
        (path / "state.partial").replace(path / "state.pt")

    rng = np.random.default_rng(plan.seed + 7919 * (state["steps"] + 1))
    kept = max(1, round(_KEPT * len(words.names)))
    began, done, sums = time.monotonic() - state["used_s"], 0, []
    try:
        while plan.max_steps is None or done < plan.max_steps:
            part = (time.monotonic() - began) / (plan.minutes * 60)
            if part >= 1:
                break
            rate = min(1.0, (state["steps"] + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * part))
            optimizer.param_groups[0]["lr"] = plan.lr * rate
            losses = _losses(rng, words, kept, plan, text, letters)
            optimizer.zero_grad()
            torch.autograd.backward(losses[0] + plan.letters_weight * losses[1])
            nn.utils.clip_grad_norm_(learning, 5.0)
            optimizer.step()
            done += 1
            state = {"steps": state["steps"] + 1, "used_s": time.monotonic() - began}
            sums.append([float(loss.detach()) for loss in losses])
            if state["steps"] % 50 == 0:
                line: dict[str, float] = {"step": state["steps"], "samples": 2 * plan.shown * state["steps"]}
                line |= {"seconds": round(state["used_s"]), "lr": rate}
                line |= dict(
                    zip(("text", "letters"), (round(m, 4) for m in np.mean(sums, axis=0).tolist()), strict=True)
                )
                line["unseen_r1"] = round(unseen(text, words, kept), 4)
                with (path / "log.jsonl").open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
                logger.info("%s", line)
                sums = []
                save()
    finally:
        save()
    return path / "model.safetensors"


def _losses(
    rng: np.random.Generator, words: Words, kept: int, plan: TextPlan, text: TextTower, letters: nn.Linear
) -> tuple[torch.Tensor, torch.Tensor]:
    """Contrast of a step's crops with its names, and letters of both."""
    chosen: dict[str, int] = {}
    for row in rng.permutation(len(words.names) - kept):
        chosen.setdefault(words.names[int(row)], int(row))
        if len(chosen) == plan.shown:
            break
    shown, rows = list(chosen), np.array(list(chosen.values()))
    z = torch.from_numpy(words.vectors[np.stack([2 * rows, 2 * rows + 1], 1).reshape(-1)])
    names = [*shown, *other_names(rng, shown, plan.others)]
    vectors = _encoded(text, names)
    which = torch.arange(len(shown)).repeat_interleave(2)
    both = torch.cat([z, vectors]) * math.sqrt(z.shape[1])
    spelling = letters_loss(letters(both), [*(shown[i] for i in which.tolist()), *names])
    return text_loss(z, vectors, which, text.logit_scale.clamp(max=math.log(100)).exp()), spelling


def _encoded(text: TextTower, names: list[str]) -> torch.Tensor:
    """float32 (n, dim); no longer than the longest name needs, since the transformer looks back alone."""
    tokens = text.tokens(names)
    with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
        vectors: torch.Tensor = text(tokens[:, : int((tokens != 0).sum(1).max())])
    return vectors.float()


@torch.no_grad()
def unseen(text: TextTower, words: Words, kept: int, among: int = 1000) -> float:
    """R@1 of the crops of the last `kept` names, among `among` names."""
    truth = words.names[-kept:]
    rng = np.random.default_rng(1)
    own = list(dict.fromkeys(truth))
    others: list[str] = []
    while len(own) + len(others) < among:
        others += [name for name in other_names(rng, own, 16) if name not in others]
    registered = [*own, *others]
    best = (words.vectors[-2 * kept :] @ _encoded(text, registered).numpy().T).argmax(axis=1)
    return float(np.mean([registered[b] == truth[i // 2] for i, b in enumerate(best)]))
