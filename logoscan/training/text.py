"""Fit the text tower to a finished image tower: map names to the vectors of pictures that show them.

The image tower is not trained, so crops of words are encoded once, and every step contrasts hundreds of them with
hundreds of names. This module must not know evaluation data.
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
from logoscan.training.batches import Mix
from logoscan.training.compose import Composer
from logoscan.training.losses import letters_loss, text_loss
from logoscan.training.model_files import read_text_tower, read_tower, write_model
from logoscan.training.network import TextTower, embed, for_training
from logoscan.training.precision import autocast
from logoscan.training.stream import stream
from logoscan.training.train import Batches
from logoscan.training.wordmarks import LETTER_PLACES, change_name, random_name

logger = logging.getLogger(__name__)

WORDS = Mix(drawn=0, pictograms=0, wordmarks=64, look_alikes=0, packs=0, abstract=0, other_names=0)
"""Contents of the batches: wordmarks only."""
# Share of the names that is not trained on, for the `unseen_r1` of the log.
_HELD_OUT_SHARE = 0.02


@dataclass(frozen=True)
class TextPlan:
    """Settings of a fit.

    Attributes:
        minutes: Time of the schedule, without encoding and without pauses between resumed parts.
        seed: Seed of the words and of new weights.
        crops: Number of crops of words that are composed and encoded first.
        shown: Names per step with two crops each.
        others: Names per step without a crop, half of them near misses of names with crops.
        lr: Peak trainable rate (AdamW).
        weight_decay: Weight decay of AdamW.
        letters_weight: Weight of the loss of the letters and their positions.
        max_steps: Number of steps after which this run stops even if time is left; None: no limit.
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
        vectors: float32 (n, dim), unit rows, two adjacent rows for each name.
        names: n / 2 names in lower case.
    """

    vectors: npt.NDArray[np.float32]
    names: tuple[str, ...]


def encode_words(make: Callable[[int], Composer], plan: TextPlan, folder: Path, model: str | Path) -> Words:
    """Compose and encode the crops of a plan, or read them from the folder of the run.

    Args:
        make: Function that builds a composer from a seed; picklable.
        plan: Settings.
        folder: Folder of the run.
        model: Model file with the image tower.

    Raises:
        ValueError: If the folder holds crops of another plan, or crops that another model encoded.
    """
    file = folder / "words.npz"
    provenance = f"model {file_sha256(Path(model))}, {plan.crops} crops, seed {plan.seed}"
    if not file.exists():
        tower = for_training(read_tower(model))
        vectors: list[npt.NDArray[np.float32]] = []
        names: list[str] = []
        with (
            closing(stream(Batches(make, plan.seed + 104_729, WORDS))) as batches,
            autocast("cpu"),
        ):
            while 2 * len(names) < plan.crops:
                batch = next(batches)
                vectors.append(embed(tower, batch.crops))
                names += [text.lower() for text in batch.texts[::2]]
        partial = folder / "words.partial.npz"
        half = np.concatenate(vectors).astype(np.float16)
        np.savez(partial, vectors=half, names=np.array(names, np.str_), made_of=np.array(provenance))
        partial.replace(file)
    with np.load(file, allow_pickle=False) as saved:
        if str(saved["made_of"]) != provenance:
            raise ValueError(
                f"{file}: expected crops of {provenance}, got those of {saved['made_of']}: take another folder"
            )
        return Words(saved["vectors"].astype(np.float32), tuple(str(name) for name in saved["names"]))


def other_names(rng: np.random.Generator, shown: list[str], count: int) -> list[str]:
    """Return `count` names in lower case that are not in `shown`, half of them near misses of names that are."""
    out: dict[str, None] = {}
    while len(out) < count:
        near_miss = len(out) % 2 == 0
        other = change_name(rng, shown[int(rng.integers(len(shown)))]) if near_miss else random_name(rng)
        out[" ".join(other.lower().split())] = None
        for name in shown:
            out.pop(name, None)
    return list(out)


def fit_text(make: Callable[[int], Composer], plan: TextPlan, folder: str | Path, start_from: str | Path) -> Path:
    """Fit the text tower until the time of the plan is over; continue a run that `folder` holds.

    Args:
        make: Function that builds a composer from a seed; picklable, because crops are made in another process.
        plan: Settings; in a resumed run the same as before, except that `minutes` and `max_steps` may differ.
        folder: Folder of the run: ``model.safetensors``, ``words.npz``, ``state.pt`` (to resume), ``log.jsonl``.
        start_from: Model file with the image tower; its text tower is used if its vectors have the same length.

    Returns:
        Path of the written model: the unchanged image tower and the text tower.
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
    trainable = [*text.parameters(), *letters.parameters()]
    optimizer = torch.optim.AdamW(trainable, lr=plan.lr, weight_decay=plan.weight_decay)
    state: dict[str, Any] = {"steps": 0, "used_s": 0.0}
    if (path / "state.pt").exists():
        saved = torch.load(path / "state.pt", weights_only=True)
        text.load_state_dict(saved["text"])
        letters.load_state_dict(saved["letters"])
        optimizer.load_state_dict(saved["optimizer"])
        state = {k: saved[k] for k in state}

    def save() -> None:
        """Write the model and the state of the run."""
        write_model(tower, path / "model.safetensors", {"text_plan": asdict(plan)} | state, text)
        trained = {"text": text.state_dict(), "letters": letters.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(trained | state, path / "state.partial")
        (path / "state.partial").replace(path / "state.pt")

    rng = np.random.default_rng(plan.seed + 7919 * (state["steps"] + 1))
    held_out = max(1, round(_HELD_OUT_SHARE * len(words.names)))
    began, done, sums = time.monotonic() - state["used_s"], 0, []
    try:
        while plan.max_steps is None or done < plan.max_steps:
            part = (time.monotonic() - began) / (plan.minutes * 60)
            if part >= 1:
                break
            rate = min(1.0, (state["steps"] + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * part))
            optimizer.param_groups[0]["lr"] = plan.lr * rate
            losses = _losses(rng, words, held_out, plan, text, letters)
            optimizer.zero_grad()
            torch.autograd.backward(losses[0] + plan.letters_weight * losses[1])
            nn.utils.clip_grad_norm_(trainable, 5.0)
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
                line["unseen_r1"] = round(unseen(text, words, held_out), 4)
                with (path / "log.jsonl").open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
                logger.info("%s", line)
                sums = []
                save()
    finally:
        save()
    return path / "model.safetensors"


def _losses(
    rng: np.random.Generator, words: Words, held_out: int, plan: TextPlan, text: TextTower, letters: nn.Linear
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the contrastive loss of the crops and names of one step, and the letters loss of both."""
    chosen: dict[str, int] = {}
    for row in rng.permutation(len(words.names) - held_out):
        chosen.setdefault(words.names[int(row)], int(row))
        if len(chosen) == plan.shown:
            break
    shown, rows = list(chosen), np.array(list(chosen.values()))
    z = torch.from_numpy(words.vectors[np.stack([2 * rows, 2 * rows + 1], 1).reshape(-1)])
    names = [*shown, *other_names(rng, shown, plan.others)]
    vectors = _encode(text, names)
    which = torch.arange(len(shown)).repeat_interleave(2)
    both = torch.cat([z, vectors]) * math.sqrt(z.shape[1])
    spelling = letters_loss(letters(both), [*(shown[i] for i in which.tolist()), *names])
    return text_loss(z, vectors, which, text.logit_scale.clamp(max=math.log(100)).exp()), spelling


def _encode(text: TextTower, names: list[str]) -> torch.Tensor:
    """Return the vectors of names, float32 (n, dim).

    Tokens are cut to the longest name: the transformer is causal, so padding at the end changes nothing.
    """
    tokens = text.tokens(names)
    with autocast("cpu"):
        vectors: torch.Tensor = text(tokens[:, : int((tokens != 0).sum(1).max())])
    return vectors.float()


@torch.no_grad()
def unseen(text: TextTower, words: Words, held_out: int, among: int = 1000) -> float:
    """Return R@1 of the crops of the last `held_out` names among `among` names."""
    truth = words.names[-held_out:]
    rng = np.random.default_rng(1)
    distinct = list(dict.fromkeys(truth))
    others: list[str] = []
    while len(distinct) + len(others) < among:
        others += [name for name in other_names(rng, distinct, 16) if name not in others]
    candidates = [*distinct, *others]
    best = (words.vectors[-2 * held_out :] @ _encode(text, candidates).numpy().T).argmax(axis=1)
    return float(np.mean([candidates[b] == truth[i // 2] for i, b in enumerate(best)]))
