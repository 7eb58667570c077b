"""Train the alteration check on composed crops of faithful and altered marks.

Crops are composed and aligned once, because alignment takes far longer than the network, and then trained on for some
epochs. This module must not know evaluation data.
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

from logoscan.index.renderings import ink
from logoscan.matching.alteration import KINDS, align_forms
from logoscan.matching.alteration_features import N_FEATURES, alteration_features
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
"""Kinds of consecutive pairs, as numbers in `KINDS`: half of the marks are faithful."""
# Range of the logarithm of the stretch, 1.4 to 1.8; perspective alone reaches 1.2.
_LOG_STRETCH = (0.35, 0.6)
# Least share of the ink that an alteration must move or remove: a mirrored ring looks like the ring.
_VISIBLE_DIFFERENCE = 0.22


@dataclass(frozen=True, eq=False)
class Pair:
    """A crop and the logo image that it shows.

    Attributes:
        crop: uint8 (`CROP_PX`, `CROP_PX`, 3) RGB.
        logo_image: uint8 (h, w, 4) RGBA, as it is in the index.
        kind: Number of the alteration in `KINDS`.
    """

    crop: Rgb8
    logo_image: Rgba
    kind: int


@dataclass(frozen=True, eq=False)
class Examples:
    """Aligned pairs, as the network gets them.

    Attributes:
        numbers: float32 (n, `N_FEATURES`), output of `alteration_features` for each pair.
        kinds: int64 (n,), number of the alteration of each pair in `KINDS`.
        lost: int64 (m,), the same numbers for pairs that could not be aligned.
    """

    numbers: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.int64]
    lost: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.kinds)


def compose_pair(composer: Composer, kind: int, words: float = 0.0) -> Pair:
    """Compose a crop of a mark, faithful or altered, in good light.

    Args:
        composer: Composer that provides marks, material and random numbers.
        kind: Number of the alteration in `KINDS`.
        words: Chance that the mark is a made-up word.

    Returns:
        The crop and the unaltered logo image.
    """
    rng = composer.rng
    while True:
        word = draw_word(rng, composer.fonts) if rng.random() < words else None
        if word is not None:
            logo_image, mono = word[2], True
        else:
            i = int(rng.integers(len(composer.icons)))
            logo_image, mono = np.array(composer.icons.rgba(i)), bool(composer.icons.one_colour[i])
        shown, stretch = logo_image, 1.0
        if KINDS[kind] == "mirrored":
            shown = np.ascontiguousarray(logo_image[:, ::-1])
        elif KINDS[kind] == "incomplete":
            shown = remove_part(rng, logo_image)
        elif KINDS[kind] == "stretched":
            stretch = math.exp(float(rng.choice([-1, 1]) * rng.uniform(*_LOG_STRETCH)))
        if shown is logo_image or difference(logo_image, shown) >= _VISIBLE_DIFFERENCE:
            return Pair(_photo(composer, shown, mono, stretch), logo_image, kind)


def _photo(composer: Composer, logo_image: Rgba, mono: bool, stretch: float) -> Rgb8:
    """Return a photo-like crop of a logo image whose width is stretched by a factor."""
    rng, side = composer.rng, CROP_PX
    mono = mono or bool(rng.random() < 0.2)
    mark = paint(ink(logo_image), random_colour(rng)) if mono else premultiply(logo_image)
    ground = ground_for(rng, composer.backgrounds, composer.materials, side, side)
    h, w = mark.shape[0], mark.shape[1] * stretch
    scale = side * rng.uniform(0.72, 0.95) / max(h, w)
    centre = (side / 2 + rng.uniform(-4, 4), side / 2 + rng.uniform(-4, 4))
    corners = random_corners(rng, (w * scale, h * scale), centre)
    return to_uint8(take_snapshot(rng, blend(rng, ground, lay(mark, corners, (side, side)), mono)))


@dataclass(frozen=True)
class Pairs:
    """A picklable factory of functions that make aligned examples.

    Attributes:
        make: Function that builds a composer from a seed.
        seed: Seed of the composer.
        words: Chance that a mark is a made-up word.
    """

    make: Callable[[int], Composer]
    seed: int
    words: float

    def __call__(self) -> Callable[[], Examples]:
        """Build the composer and return a function that makes six examples, half of them faithful."""
        composer = self.make(self.seed)
        return lambda: align_pairs(compose_pair(composer, kind, self.words) for kind in ORDER)


def align_pairs(pairs: Iterable[Pair]) -> Examples:
    """Align pairs and return them as examples; of pairs that cannot be aligned only the kind is kept."""
    lost: list[int] = []
    rows: list[tuple[npt.NDArray[np.float32], int]] = []
    for pair in pairs:
        alignment = align_forms(pair.crop, pair.logo_image)
        if alignment is None:
            lost.append(pair.kind)
        else:
            rows.append((alteration_features(pair.crop, *alignment), pair.kind))
    numbers = np.array([row[0] for row in rows], np.float32).reshape(-1, N_FEATURES)
    return Examples(numbers, np.array([row[1] for row in rows], np.int64), np.array(lost, np.int64))


def concatenate(parts: Iterable[Examples]) -> Examples:
    """Return the rows of several examples as one."""
    every = list(parts)
    return Examples(*(np.concatenate([getattr(p, name) for p in every]) for name in ("numbers", "kinds", "lost")))


def stream_pairs(make: Callable[[int], Composer], seed: int, words: float, count: int) -> Iterator[Examples]:
    """Yield examples made in another process, of at least `count` pairs in all.

    Args:
        make: Function that builds a composer from a seed; picklable.
        seed: Seed of the composer.
        words: Chance that a mark is a made-up word.
        count: Number of pairs, including those that cannot be aligned.
    """
    with closing(stream(Pairs(make, seed, words))) as batches:
        yield from islice(batches, -(-count // len(ORDER)))


def train_alterations(examples: Examples, rounds: int = 30, seed: int = 0, lr: float = 1e-3) -> AlterationNet:
    """Train a network for some epochs (AdamW, cosine schedule) and return it in evaluation mode.

    Args:
        examples: Aligned pairs.
        rounds: Number of epochs.
        seed: Seed of weights and order.
        lr: Peak learning rate.
    """
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    net, batch = build(), min(128, len(examples))
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.3)
    numbers, kinds = torch.from_numpy(examples.numbers), torch.from_numpy(examples.kinds)
    net.fit_bins(numbers)
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


def altered_probability(net: AlterationNet, examples: Examples) -> npt.NDArray[np.float32]:
    """Return the probability that each example is altered, float32 (n,)."""
    with torch.inference_mode():
        probabilities = torch.softmax(net(torch.from_numpy(examples.numbers)), 1)
    return np.asarray(1 - probabilities[:, 0].numpy())


def threshold(net: AlterationNet, examples: Examples, false_alarms: float = 0.033) -> float:
    """Return the probability that at most a share `false_alarms` of the faithful examples exceed."""
    return float(
        np.quantile(altered_probability(net, examples)[examples.kinds == 0], 1 - false_alarms, method="higher")
    )


def judge(net: AlterationNet, examples: Examples, limit: float) -> dict[str, float]:
    """Return the share of examples that are called altered: of each kind, and as "told" of all altered ones.

    An example that could not be aligned is not called altered. The share of the faithful ones is the false alarm rate.

    Args:
        net: The network.
        examples: Aligned pairs, and the kinds of those that could not be aligned.
        limit: Probability above which a mark is called altered.
    """
    above = np.append(altered_probability(net, examples) > limit, np.zeros(len(examples.lost), bool))
    kinds = np.append(examples.kinds, examples.lost)
    shares = {KINDS[k]: float(above[kinds == k].mean()) for k in np.unique(kinds).tolist()}
    return {"told": float(above[kinds > 0].mean()), **shares}


def write_check(net: AlterationNet, path: str | Path, limit: float) -> None:
    """Write a network as `AlterationCheck` reads it, to a temporary file that is then renamed.

    Args:
        net: The network.
        path: Target file.
        limit: Probability above which a mark is called altered.
    """
    partial = Path(path).with_name(Path(path).name + ".partial")
    state = {k: v.contiguous() for k, v in net.state_dict().items() if v.is_floating_point()}
    save_file(state, str(partial), metadata={"format": "pt", "alterations": json.dumps({"threshold": limit})})
    partial.chmod(0o644)  # safetensors makes files that only their owner can read
    partial.replace(path)
