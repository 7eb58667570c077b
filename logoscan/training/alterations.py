"""Trains the alteration check on composed crops of faithful and altered marks.

Crops are composed and aligned once (alignment costs far more than the network), then stepped on for some rounds. Must
not know evaluation data.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file

from logoscan.index.logo_images import ink
from logoscan.matching.alteration import KINDS, laid
from logoscan.matching.alteration_features import NUMBERS, evidence
from logoscan.matching.alteration_net import AlterationNet, build
from logoscan.training.compose import Composer
from logoscan.training.crops import ground_for
from logoscan.training.effects import CROP_PX, Rgb8, blend, lay, random_corners, take_snapshot, to_uint8
from logoscan.training.materials import random_colour
from logoscan.training.stream import stream
from logoscan.training.styles import Rgba, difference, paint, premultiply, remove_part
from logoscan.training.wordmarks import draw_word

logger = logging.getLogger(__name__)

ORDER = (0, 1, 0, 2, 0, 3)
"""Kinds in turn: half of the marks are faithful."""
_STRETCH = (0.35, 0.6)
"""Logarithm of the ratio of the sides: stretched by 1.4 to 1.8. Perspective alone reaches 1.2."""
_VISIBLE = 0.22
"""Share of the ink that an alteration must move or take away: nobody sees that a ring is mirrored."""


@dataclass(frozen=True, eq=False)
class Pair:
    """uint8 (`CROP_PX`, `CROP_PX`, 3) `crop`, the registered `drawing` that it shows, and its number in `KINDS`."""

    crop: Rgb8
    drawing: Rgba
    kind: int


@dataclass(frozen=True, eq=False)
class Examples:
    """Aligned pairs: float32 `numbers`, as of `evidence`, and int64 `kinds`, a row each.

    `lost`, int64, are the kinds of the pairs that could not be aligned.
    """

    numbers: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.int64]
    lost: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kinds)


def compose_pair(composer: Composer, kind: int, words: float = 0.0) -> Pair:
    """Compose a crop of a mark, faithful or altered, under good light; `words` is the chance of a made-up word."""
    rng = composer.rng
    while True:
        word = draw_word(rng, composer.fonts) if rng.random() < words else None
        if word is not None:
            drawing, mono = word[2], True
        else:
            i = int(rng.integers(len(composer.icons)))
            drawing, mono = np.array(composer.icons.rgba(i)), bool(composer.icons.one_colour[i])
        shown, stretch = drawing, 1.0
        if KINDS[kind] == "mirrored":
            shown = np.ascontiguousarray(drawing[:, ::-1])
        elif KINDS[kind] == "incomplete":
            shown = remove_part(rng, drawing)
        elif KINDS[kind] == "stretched":
            stretch = math.exp(float(rng.choice([-1, 1]) * rng.uniform(*_STRETCH)))
        if shown is drawing or difference(drawing, shown) >= _VISIBLE:
            return Pair(_photo(composer, shown, mono, stretch), drawing, kind)


def _photo(composer: Composer, drawing: Rgba, mono: bool, stretch: float) -> Rgb8:
    rng, side = composer.rng, CROP_PX
    mono = mono or bool(rng.random() < 0.2)
    mark = paint(ink(drawing), random_colour(rng)) if mono else premultiply(drawing)
    ground = ground_for(rng, composer.backgrounds, composer.materials, side, side)
    h, w = mark.shape[0], mark.shape[1] * stretch
    scale = side * rng.uniform(0.72, 0.95) / max(h, w)
    centre = (side / 2 + rng.uniform(-4, 4), side / 2 + rng.uniform(-4, 4))
    corners = random_corners(rng, (w * scale, h * scale), centre)
    return to_uint8(take_snapshot(rng, blend(rng, ground, lay(mark, corners, (side, side)), mono)))


@dataclass(frozen=True)
class Pairs:
    """Makes a maker of aligned examples; picklable."""

    make: Callable[[int], Composer]
    seed: int
    words: float

    def __call__(self) -> Callable[[], Examples]:
        """Build the composer and return what makes six examples, a faithful one beside each altered one."""
        composer = self.make(self.seed)
        return lambda: gather(compose_pair(composer, kind, self.words) for kind in ORDER)


def gather(pairs: Iterable[Pair]) -> Examples:
    """Align pairs; of those that cannot be aligned only the kinds are kept."""
    lost: list[int] = []
    rows: list[tuple[npt.NDArray[np.float32], int]] = []
    for pair in pairs:
        found = laid(pair.crop, pair.drawing)
        if found is None:
            lost.append(pair.kind)
        else:
            rows.append((evidence(pair.crop, *found), pair.kind))
    numbers = np.array([row[0] for row in rows], np.float32).reshape(-1, NUMBERS)
    return Examples(numbers, np.array([row[1] for row in rows], np.int64), np.array(lost, np.int64))


def joined(parts: Iterable[Examples]) -> Examples:
    """All rows of some examples."""
    kept = list(parts)
    return Examples(*(np.concatenate([getattr(p, name) for p in kept]) for name in ("numbers", "kinds", "lost")))


def stream_pairs(make: Callable[[int], Composer], seed: int, words: float, count: int) -> Iterator[Examples]:
    """Aligned examples from a process of its own, at least `count` rows composed."""
    with closing(stream(Pairs(make, seed, words))) as batches:
        yield from islice(batches, -(-count // len(ORDER)))


def train_alterations(examples: Examples, rounds: int = 30, seed: int = 0, lr: float = 1e-3) -> AlterationNet:
    """Step on examples for some rounds (AdamW, cosine)."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    net, batch = build(), min(128, len(examples))
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.3)
    numbers, kinds = torch.from_numpy(examples.numbers), torch.from_numpy(examples.kinds)
    net.cut(numbers)
    steps = rounds * (len(examples) // batch)
    step = 0
    for number in range(rounds):
        total = 0.0
        order = torch.randperm(len(examples), generator=rng)
        for start in range(0, len(examples) - batch + 1, batch):
            rows = order[start : start + batch]
            rate = min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            optimizer.param_groups[0]["lr"] = lr * rate
            loss = F.cross_entropy(net.train()(numbers[rows]), kinds[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            step, total = step + 1, total + float(loss.detach())
        logger.info("round %d of %d: loss %.4f", number + 1, rounds, total / max(1, len(examples) // batch))
    return net.eval()


def altered(net: AlterationNet, examples: Examples) -> npt.NDArray[np.float32]:
    """Probability that each example is altered, float32 (n,)."""
    with torch.inference_mode():
        shares = torch.softmax(net(torch.from_numpy(examples.numbers)), 1)
    return np.asarray(1 - shares[:, 0].numpy())


def threshold(net: AlterationNet, examples: Examples, false_alarms: float = 0.033) -> float:
    """Probability that at most a share of the faithful examples exceed."""
    return float(np.quantile(altered(net, examples)[examples.kinds == 0], 1 - false_alarms, method="higher"))


def judge(net: AlterationNet, examples: Examples, least: float) -> dict[str, float]:
    """Share of each kind above a threshold (of the faithful: false alarms), and `told`, that of all the altered.

    A mark that could not be aligned is not told.
    """
    above = np.append(altered(net, examples) > least, np.zeros(len(examples.lost), bool))
    kinds = np.append(examples.kinds, examples.lost)
    shares = {KINDS[k]: float(above[kinds == k].mean()) for k in np.unique(kinds).tolist()}
    return {"told": float(above[kinds > 0].mean()), **shares}


def write_check(net: AlterationNet, path: str | Path, least: float) -> None:
    """Write a network as `AlterationCheck` reads it; written beside, then renamed.

    Args:
        net: The network.
        path: Target file.
        least: Probability above which a mark is called altered.
    """
    partial = Path(path).with_name(Path(path).name + ".partial")
    state = {k: v.contiguous() for k, v in net.state_dict().items() if v.is_floating_point()}
    save_file(state, str(partial), metadata={"format": "pt", "alterations": json.dumps({"threshold": least})})
    partial.chmod(0o644)  # safetensors makes files for their owner alone
    partial.replace(path)
