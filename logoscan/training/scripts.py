"""Train the network that identifies the script of a line, on drawn lines and on lines that are none.

Lines are composed once and trained on for some epochs. This module must not know evaluation data.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file

from logoscan.images.loading import load_image
from logoscan.ocr.engine import OcrEngine
from logoscan.ocr.lines import line_crop
from logoscan.ocr.script_net import LINE_PX, SCRIPTS, ScriptNet
from logoscan.training.effects import Rgb8, Rgbf, jpeg, lay, to_uint8
from logoscan.training.materials import Backgrounds, Materials, photo, random_colour
from logoscan.training.script_lines import SAMPLES, draw_line, random_line
from logoscan.training.styles import paint

logger = logging.getLogger(__name__)

WIDE_PX = 192
"""Width of the lines that are trained on, px; a longer one is cut, a shorter one is filled with its mean."""
# Class of each script that is drawn and is no class itself.
_CLASSES: Mapping[str, str] = {"Hira": "Hani"} | dict.fromkeys(set(SAMPLES) - {"Hira", *SCRIPTS}, "Zyyy")
# Confidence and letters from which a line of a photo is Latin for certain, and confidence below which it is no text.
_SURE, _LEAST_LETTERS, _NO_TEXT = 0.9, 3, 0.6
# How often each class is composed, in relation to the others.
_SHARES: Mapping[str, float] = {"": 2.5, "Latn": 2.5, "Hani": 1.5, "Kore": 1.2, "Cyrl": 1.5, "Arab": 1.2, "Thai": 1.2}


@dataclass(frozen=True, eq=False)
class Lines:
    """Grey lines and what they are.

    Attributes:
        pixels: uint8 (n, `LINE_PX`, `WIDE_PX`).
        widths: int64 (n,), how many columns of each are the line.
        kinds: int64 (n,), number of each in `SCRIPTS`.
    """

    pixels: npt.NDArray[np.uint8]
    widths: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]


class LineComposer:
    """Composes crops of lines as a text detector cuts them out of photos."""

    def __init__(self, fonts: Mapping[str, Sequence[str]], backgrounds: Backgrounds, seed: int) -> None:
        """Bind the material.

        Args:
            fonts: Font files by script, as `fonts_by_script` returns them.
            backgrounds: Photos behind the lines, and without any line.
            seed: Decides everything.
        """
        self.rng = np.random.default_rng(seed)
        materials = Materials(self.rng)
        self._surfaces = [materials.surface(self.rng, 256, 384) for _ in range(150)]
        self._fonts, self._backgrounds = fonts, backgrounds
        by_class: dict[str, list[str]] = {kind: [] for kind in SCRIPTS}
        for script, files in fonts.items():
            if files:
                by_class[_CLASSES.get(script, script)].append(script)
        self._by_class = by_class
        shares = np.array([_SHARES.get(kind, 0.7) if by_class[kind] or not kind else 0.0 for kind in SCRIPTS])
        self._shares = shares / shares.sum()

    def compose(self) -> tuple[Rgb8, int]:
        """Return a crop, uint8 (h, w, 3), and the number of what it shows in `SCRIPTS`."""
        rng = self.rng
        kind = int(rng.choice(len(SCRIPTS), p=self._shares))
        if not SCRIPTS[kind]:
            high = int(rng.integers(12, 60))
            wide = int(high * np.exp(rng.uniform(np.log(1), np.log(8))))
            return to_uint8(self._spoiled(self._ground(high, wide))), kind
        scripts = self._by_class[SCRIPTS[kind]]
        while True:
            script = scripts[int(rng.integers(len(scripts)))]
            files = self._fonts[script]
            ink = draw_line(random_line(rng, script), files[int(rng.integers(len(files)))])
            if ink is not None:
                return to_uint8(self._line(ink)), kind

    def _ground(self, h: int, w: int) -> Rgbf:
        rng = self.rng
        if len(self._backgrounds) and rng.random() < 0.6:
            return photo(rng, self._backgrounds, h, w, smallest=24)
        surface = self._surfaces[int(rng.integers(len(self._surfaces)))]
        scale = max(h / surface.shape[0], w / surface.shape[1], rng.uniform(0.2, 1.0))
        if scale != 1:
            surface = cv2.resize(surface, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        y, x = (int(rng.integers(surface.shape[i] - n + 1)) for i, n in enumerate((h, w)))
        return np.asarray(surface[y : y + h, x : x + w], np.float32)

    def _line(self, ink: npt.NDArray[np.float32]) -> Rgbf:
        """Return a line on a ground, cut as a text detector does: with some margin, or into the letters."""
        rng = self.rng
        high = float(np.exp(rng.uniform(np.log(9), np.log(48))))
        wide = high * ink.shape[1] / ink.shape[0] * rng.uniform(0.85, 1.15)
        if wide > 9 * high:  # a part of a long line
            ink = ink[:, : int(9 * ink.shape[0])]
            wide = high * ink.shape[1] / ink.shape[0]
        top, bottom = rng.uniform(-0.06, 0.35, 2) * high
        left, right = rng.uniform(-0.08, 0.6, 2) * high
        h, w = max(8, round(high + top + bottom)), max(8, round(wide + left + right))
        ground = self._ground(h, w)
        angle = np.deg2rad(rng.normal(0, 2.0))
        box = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
        box[:, 0] += box[:, 1] * rng.normal(0, 0.12)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        centre = np.array([left + wide / 2, top + high / 2])
        quad = np.asarray(box @ turn + rng.normal(0, 0.03 * high, (4, 2)) + centre, np.float32)
        colour, under = random_colour(rng), float(ground.mean())
        if abs(float(colour.mean()) - under) < 50:
            colour = np.full(3, 25 if under > 127 else 235, np.float32)
        laid = lay(paint(ink, colour), quad, (h, w))
        return self._spoiled(np.asarray(ground * (1 - laid[..., 3:]) + laid[..., :3], np.float32))

    def _spoiled(self, image: Rgbf) -> Rgbf:
        rng = self.rng
        image = (image - 128) * np.float32(rng.uniform(0.4, 1.15)) + np.float32(128 + rng.normal(0, 12))
        if rng.random() < 0.5:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.1))
        if rng.random() < 0.5:
            image = image + rng.normal(0, rng.uniform(1, 6), image.shape).astype(np.float32)
        return jpeg(rng, image) if rng.random() < 0.5 else np.asarray(image, np.float32)


def compose_lines(fonts: Mapping[str, Sequence[str]], backgrounds: Backgrounds, seed: int, count: int) -> Lines:
    """Return composed lines (`LineComposer`)."""
    composer = LineComposer(fonts, backgrounds, seed)
    crops, kinds = zip(*(composer.compose() for _ in range(count)), strict=True)
    return as_lines(crops, kinds)


def real_lines(files: Iterable[Path], ocr: OcrEngine) -> tuple[list[Rgb8], list[int]]:
    """Return crops of the lines that an engine finds in photos of Latin text or none, and what they are.

    What it reads surely is Latin; what it reads as a blank or with a low confidence is no text, as a text detector's
    folds and stripes mostly are.

    Args:
        files: Photos.
        ocr: The engine, which reads Latin letters.
    """
    crops: list[Rgb8] = []
    kinds: list[int] = []
    for file in files:
        image = load_image(file)
        (spans,) = ocr.read([image])
        for corners, text, confidence in zip(spans.polygons, spans.texts, spans.confidence.tolist(), strict=True):
            sure = confidence >= _SURE and text.isascii() and sum(c.isalnum() for c in text) >= _LEAST_LETTERS
            if sure or confidence < _NO_TEXT or not text.strip():
                crops.append(line_crop(image, corners, LINE_PX))
                kinds.append(SCRIPTS.index("Latn" if sure else ""))
    return crops, kinds


def as_lines(crops: Sequence[Rgb8], kinds: Sequence[int]) -> Lines:
    """Return crops as the network is trained on them."""
    pixels = np.zeros((len(crops), LINE_PX, WIDE_PX), np.uint8)
    widths = np.zeros(len(crops), np.int64)
    for i, crop in enumerate(crops):
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        wide = max(8, round(grey.shape[1] * LINE_PX / grey.shape[0]))
        way = cv2.INTER_AREA if grey.shape[0] > LINE_PX else cv2.INTER_CUBIC
        grey = cv2.resize(grey, (wide, LINE_PX), interpolation=way)[:, :WIDE_PX]
        widths[i] = grey.shape[1]
        pixels[i, :, : grey.shape[1]] = grey
    return Lines(pixels, widths, np.asarray(kinds, np.int64))


def normalised(lines: Lines, rows: npt.NDArray[np.int64]) -> torch.Tensor:
    """Return lines as the network takes them, each of mean 0 and variance 1, filled with 0."""
    pixels = lines.pixels[rows].astype(np.float32)
    inside = (np.arange(WIDE_PX) < lines.widths[rows, None])[:, None]
    n = lines.widths[rows, None, None] * LINE_PX
    mean = (pixels * inside).sum((1, 2), keepdims=True) / n
    pixels = (pixels - mean) * inside
    deviation = np.sqrt((pixels**2).sum((1, 2), keepdims=True) / n)
    return torch.from_numpy((pixels / np.maximum(deviation, 4.0)).astype(np.float32))[:, None]


def _batches(rng: np.random.Generator, widths: npt.NDArray[np.int64], batch: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of an epoch in batches of lines of about one width, because what fills them dilutes their mean."""
    order = rng.permutation(len(widths))
    order = order[: len(order) // batch * batch]
    chunk = 32 * batch
    chunks = np.split(order, range(chunk, len(order), chunk))
    rows = np.concatenate([part[np.argsort(widths[part], kind="stable")] for part in chunks]).reshape(-1, batch)
    yield from rows[rng.permutation(len(rows))]


def train_scripts(
    lines: Lines,
    epochs: int,
    seed: int = 0,
    lr: float = 3e-3,
    *,
    start: ScriptNet | None = None,
    on_epoch: Callable[[int, ScriptNet], None] | None = None,
) -> ScriptNet:
    """Train a network (AdamW, one cycle) and return it in evaluation mode.

    Args:
        lines: Lines to train on; each is seen dark on light and light on dark.
        epochs: Number of epochs.
        seed: Seed of weights and order.
        lr: Peak learning rate.
        start: Network to go on with; None begins with random weights.
        on_epoch: Called after each epoch.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net, batch = start or ScriptNet(), 64
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
    steps, step = epochs * (len(lines.kinds) // batch), 0
    for epoch in range(epochs):
        total = 0.0
        net.train()
        for rows in _batches(rng, lines.widths, batch):
            signs = torch.from_numpy(rng.choice(np.array([-1, 1], np.float32), (batch, 1, 1, 1)))
            pixels = normalised(lines, rows)[..., : int(lines.widths[rows].max())] * signs
            rate = min(1.0, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            optimizer.param_groups[0]["lr"] = lr * rate
            loss = F.cross_entropy(net(pixels), torch.from_numpy(lines.kinds[rows]), label_smoothing=0.02)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total, step = total + loss.item(), step + 1
        logger.info("epoch %d: loss %.4f", epoch, total * batch / len(lines.kinds))
        if on_epoch is not None:
            on_epoch(epoch, net.eval())
    return net.eval()


def concatenate(parts: Sequence[Lines]) -> Lines:
    """Return the rows of several sets of lines as one."""
    return Lines(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("pixels", "widths", "kinds")))


def judge(net: ScriptNet, lines: Lines) -> dict[str, float]:
    """Return the share of lines of each kind that the network identifies, and how many of which it calls foreign.

    Returns:
        By kind, "none" for no text; and "called_foreign": share of the lines without foreign letters that are taken for
        another script than Latin and Han with a probability of 0.9 or more.
    """
    foreign = np.array([kind not in ("", "Latn", "Hani") for kind in SCRIPTS])
    chances = []
    with torch.inference_mode():
        for row in range(len(lines.kinds)):
            pixels = normalised(lines, np.array([row]))[..., : int(lines.widths[row])]
            chances.append(torch.softmax(net(pixels), 1)[0].numpy())
    table = np.array(chances).reshape(-1, len(SCRIPTS))
    called = table.argmax(1)
    out = {
        kind or "none": float((called == number)[lines.kinds == number].mean())
        for number, kind in enumerate(SCRIPTS)
        if (lines.kinds == number).any()
    }
    own = ~foreign[lines.kinds]
    out["called_foreign"] = float((table[own][:, foreign].max(1, initial=0) >= 0.9).mean()) if own.any() else 0.0
    return out


def write_scripts(net: ScriptNet, path: str | Path) -> None:
    """Write a network as a safetensors file."""
    save_file(
        {name: value.contiguous() for name, value in net.state_dict().items()}, str(path), metadata={"format": "pt"}
    )
