"""Trains the detector on composed scenes and fits its confidence; `python -m logoscan.training detector --help`.

Runs against the clock like the towers' training. Must not know evaluation data.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.models.detection.fcos import FCOS
from torchvision.transforms.functional import normalize, resize

from logoscan.images.boxes import area, clip, iou, to_square
from logoscan.images.crops import square_crops
from logoscan.runtime import cpu_has_bf16
from logoscan.training.compose import Composer
from logoscan.training.scenes import Scene, compose_scene
from logoscan.training.stream import stream
from logoscan.types import Boxes
from logoscan.vision.detector_net import MEAN, STD, anchors_of, build, decode, outputs, places_of

logger = logging.getLogger(__name__)

_LEAST_PX = 6.0
"""Short side in the network's square under which a mark is neither asked for nor counted."""
_SHOWN = 0.6
"""Share of a mark that an enlarged part has to show for it to be asked for."""


@dataclass(frozen=True)
class DetectorPlan:
    """Settings of a run.

    Attributes:
        minutes: Wall clock of the whole schedule, pauses between resumed parts not counted.
        seed: Of the scenes and of new weights.
        size_px: Side of the squares, a multiple of 64.
        batch: Scenes a step.
        lr_trunk: Peak learning rate of the backbone (AdamW).
        lr_head: Peak learning rate of pyramid and head.
        weight_decay: AdamW's.
        frozen_stages: Stages of the backbone besides the stem that stay as they are after a warm start.
        words: Chance that a mark is a made-up wordmark.
        distractors: Chance that a scene has text lines and shapes that are no marks.
        groups: Chance that a mark comes in rows or beside a word.
        crowds: Chance that a scene has three times the marks, all small.
        mosaics: Pictures of four scenes at half size, for each scene.
        zooms: Enlarged parts of scenes, for each scene.
        ema: Decay of the running mean of the weights, which is what is written.
        makers: Processes that compose scenes.
        save_every_s: Seconds between checkpoints.
        max_steps: Stop after so many steps of this run whatever the clock says; None: the clock alone.
    """

    minutes: float = 60.0
    seed: int = 0
    size_px: int = 512
    batch: int = 8
    lr_trunk: float = 2e-4
    lr_head: float = 1e-3
    weight_decay: float = 0.02
    frozen_stages: int = 3
    words: float = 0.25
    distractors: float = 0.4
    groups: float = 0.3
    crowds: float = 0.2
    mosaics: float = 0.0625
    zooms: float = 0.125
    ema: float = 0.998
    makers: int = 1
    save_every_s: float = 240.0
    max_steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("minutes", "batch", "lr_trunk", "lr_head", "makers", "save_every_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"plan.{name}: expected a number above 0, got {getattr(self, name)}")
        if self.size_px < 64 or self.size_px % 64:
            raise ValueError(f"plan.size_px: expected a multiple of 64, got {self.size_px}")


@dataclass(frozen=True, eq=False)
class Example:
    """A scene as the network sees it: uint8 (S, S, 3) `pixels` and float32 (n, 4) `boxes`, xyxy px of that square."""

    pixels: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]


def letterbox(scene: Scene, size_px: int) -> Example:
    """Scale and pad a scene as `LogoDetector` does with a picture."""
    height, width = scene.rgb.shape[:2]
    pixels = square_crops(scene.rgb, np.array([[0, 0, width, height]], np.float32), size_px, "pad")[0]
    boxes = to_square(scene.boxes, width, height, size_px)
    large = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) >= _LEAST_PX if len(boxes) else np.zeros(0, bool)
    return Example(pixels, boxes[large])


@dataclass(frozen=True)
class Scenes:
    """Makes a maker of batches of examples; picklable."""

    make: Callable[[int], Composer]
    seed: int
    plan: DetectorPlan

    def __call__(self) -> Callable[[], list[Example]]:
        """Build the composer and return what makes a batch."""
        composer = self.make(self.seed)
        return lambda: [self.example(composer) for _ in range(self.plan.batch)]

    def example(self, composer: Composer) -> Example:
        """One scene, a sixth of them without any mark."""
        plan, rng = self.plan, composer.rng
        scene = compose_scene(
            rng,
            composer.drawings,
            composer.backgrounds,
            composer.materials,
            fonts=composer.fonts,
            marks=(0, 0) if rng.random() < 1 / 6 else (1, 6),
            words=plan.words,
            distractors=plan.distractors,
            groups=plan.groups,
            crowds=plan.crowds,
        )
        return letterbox(scene, plan.size_px)


def to_input(pixels: torch.Tensor) -> torch.Tensor:
    """Uint8 (n, 3, S, S) to what the network takes: float32, normalised, channels last in memory."""
    normalised: torch.Tensor = normalize(pixels.float() / 255, MEAN, STD)
    return normalised.contiguous(memory_format=torch.channels_last)


def stacked(examples: Sequence[Example], device: str = "cpu") -> torch.Tensor:
    """Pixels of examples on a device, uint8 (n, 3, S, S)."""
    return torch.from_numpy(np.stack([e.pixels for e in examples])).to(device).permute(0, 3, 1, 2)


def varied(
    pixels: torch.Tensor, boxes: Sequence[Boxes], plan: DetectorPlan, rng: np.random.Generator
) -> tuple[torch.Tensor, list[Boxes]]:
    """Scenes and, after them, mosaics and enlarged parts of them: composing costs more than learning.

    Args:
        pixels: uint8 (n, 3, S, S).
        boxes: Of each scene float32 (k, 4), xyxy px.
        plan: How many of either, and the side S.
        rng: Source of all choices.

    Returns:
        Pixels uint8 (m, 3, S, S) and their boxes, those under 6 px left out.
    """
    side, n = plan.size_px, len(boxes)
    pictures, truth = [pixels], list(boxes)
    for _ in range(round(plan.mosaics * n) if n >= 4 else 0):
        four = rng.choice(n, 4, replace=False)
        a, b, c, d = resize(pixels[torch.from_numpy(four).to(pixels.device)], [side // 2, side // 2], antialias=True)
        pictures.append(torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1)[None])
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32) * (side // 2)
        moved = [boxes[i] / 2 + np.tile(at, 2) for i, at in zip(four, corners, strict=True)]
        truth.append(np.concatenate(moved).astype(np.float32))
    for i in rng.choice(n, round(plan.zooms * n), replace=False):
        part = int(side / rng.uniform(1.3, 2.0))
        y, x = rng.integers(0, side - part + 1, 2)
        pictures.append(resize(pixels[i : i + 1, :, y : y + part, x : x + part], [side, side], antialias=False))
        inside = clip(boxes[i] - np.array([x, y, x, y], np.float32), part, part)
        shown = area(inside) > _SHOWN * area(boxes[i])
        truth.append((inside[shown] * (side / part)).astype(np.float32))
    return torch.cat(pictures), [b[(b[:, 2:] - b[:, :2]).min(1, initial=np.inf) >= _LEAST_PX] for b in truth]


def loss(net: FCOS, pixels: torch.Tensor, boxes: Sequence[Boxes]) -> dict[str, torch.Tensor]:
    """FCOS's losses of some pictures: focal loss of the class, GIoU of the boxes, centre-ness.

    Args:
        net: On the pixels' device.
        pixels: uint8 (n, 3, S, S).
        boxes: Of each picture float32 (k, 4), xyxy px.
    """
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=_in_bf16(pixels.device)):
        head = outputs(net, to_input(pixels))
    count, _, height, width = pixels.shape
    anchors = anchors_of(net, count, height, width)
    places = [rows * columns for rows, columns in places_of(height, width)]
    truth = [
        {"boxes": torch.from_numpy(b).reshape(-1, 4), "labels": torch.zeros(len(b), dtype=torch.int64)} for b in boxes
    ]
    truth = [{name: value.to(pixels.device) for name, value in row.items()} for row in truth]
    found: dict[str, torch.Tensor] = net.compute_loss(truth, head, anchors, places)
    return found


def _in_bf16(device: torch.device) -> bool:
    return torch.cuda.is_bf16_supported() if device.type == "cuda" else cpu_has_bf16()


def _warm_start(net: FCOS, path: str | Path) -> None:
    """Take the backbone from a model file of the image tower, or everything from a detector's file."""
    tensors = load_file(str(path))
    trunk = {k.removeprefix("visual."): v.float() for k, v in tensors.items() if k.startswith("visual.trunk.")}
    state = net.state_dict()
    wanted = {f"backbone.{k}": v for k, v in trunk.items()} or {k: v.float() for k, v in tensors.items()}
    fitting = {k: v for k, v in wanted.items() if k in state and state[k].shape == v.shape}
    if not fitting:
        raise ValueError(f"{path}: expected an image tower or a detector, got neither")
    net.load_state_dict(state | fitting)


def _freeze(net: FCOS, stages: int) -> list[nn.Module]:
    trunk = net.backbone.trunk
    frozen = [trunk.conv_stem, trunk.bn1, *trunk.blocks[:stages]]
    for module in frozen:
        for parameter in module.parameters():
            parameter.requires_grad = False
    return frozen


def train_detector(
    make: Callable[[int], Composer],
    plan: DetectorPlan,
    folder: str | Path,
    start_from: str | Path | None = None,
    device: str = "cpu",
) -> Path:
    """Train until the plan's time is over; continue the run found in `folder`.

    Args:
        make: Builds a composer from a seed; must be picklable, scenes are made in another process.
        plan: Settings; of a resumed run the same as before, `minutes` and `max_steps` may differ.
        folder: Of the run: ``detector.safetensors`` (latest), ``state.pt`` (to resume), ``log.jsonl`` (the curve).
        start_from: A model file of the image tower, or a detector's; random weights if None.
        device: Where it learns: `cpu`, `cuda`, ...

    Returns:
        Path of the written detector. It is also written when the run is interrupted.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    net = build()
    frozen: list[nn.Module] = []
    if start_from is not None:
        _warm_start(net, start_from)
        frozen = _freeze(net, plan.frozen_stages)
    net = net.to(device, memory_format=torch.channels_last)
    decay: Any = get_ema_multi_avg_fn(plan.ema)  # type: ignore[no-untyped-call]
    mean = AveragedModel(net, multi_avg_fn=decay, use_buffers=True)
    trunk = {id(p) for p in net.backbone.trunk.parameters()}
    learning = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in learning if id(p) in trunk], "lr": plan.lr_trunk},
            {"params": [p for p in learning if id(p) not in trunk], "lr": plan.lr_head},
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

    def save() -> None:
        notes = {"plan": asdict(plan), "steps": steps, "scenes": steps * plan.batch, "seconds": round(used_s)}
        write_detector(mean.module, path / "detector.safetensors", plan.size_px, notes=notes)
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
    sums: list[list[float]] = []
    rng = np.random.default_rng(plan.seed + steps)
    seeds = [plan.seed + 7919 * (steps + 1) + 104_729 * k for k in range(plan.makers)]
    batches = stream(*(Scenes(make, seed, plan) for seed in seeds))
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
            examples = next(batches)
            parts = loss(net, *varied(stacked(examples, device), [e.boxes for e in examples], plan, rng))
            optimizer.zero_grad()
            torch.autograd.backward(torch.stack(list(parts.values())).sum())
            nn.utils.clip_grad_norm_(learning, 10.0)
            optimizer.step()
            mean.update_parameters(net)
            steps, done, used_s = steps + 1, done + 1, time.monotonic() - began
            sums.append([float(v.detach()) for v in parts.values()])
            if steps % 50 == 0:
                line: dict[str, float] = {"step": steps, "scenes": steps * plan.batch, "seconds": round(used_s)}
                line |= dict(zip(parts, (round(m, 4) for m in np.mean(sums, axis=0).tolist()), strict=True))
                with (path / "log.jsonl").open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
                logger.info("%s", line)
                sums = []
            if time.monotonic() - last_save > plan.save_every_s:
                save()
                last_save = time.monotonic()
    finally:
        batches.close()
        save()
    return path / "detector.safetensors"


def write_detector(
    net: FCOS,
    path: str | Path,
    size_px: int,
    slope: float = 1.0,
    offset: float = 0.0,
    notes: dict[str, object] | None = None,
) -> None:
    """Write a detector in half precision as `LogoDetector` reads it; written beside, then renamed.

    Args:
        net: The network.
        path: Target file.
        size_px: Side of the squares that it looks at.
        slope: Of the confidence: sigmoid(slope * logit(score) + offset).
        offset: See `slope`.
        notes: Stored as JSON in the file's metadata.
    """
    state = {k: v.detach().half().contiguous() for k, v in net.state_dict().items() if v.is_floating_point()}
    settings = {"size_px": size_px, "slope": slope, "offset": offset}
    partial = Path(path).with_name(Path(path).name + ".partial")
    metadata = {"format": "pt", "detector": json.dumps(settings), "training": json.dumps(notes or {})}
    save_file(state, str(partial), metadata=metadata)
    partial.chmod(0o644)  # safetensors makes files for their owner alone
    partial.replace(path)


def read_detector(path: str | Path) -> FCOS:
    """Read a network that `write_detector` wrote."""
    net = build()
    _warm_start(net, path)
    return net.eval()


def detector_size(path: str | Path) -> int:
    """Side of the squares that a detector's file was trained for, px."""
    with safe_open(str(path), "pt") as file:
        return int(json.loads(file.metadata()["detector"])["size_px"])


@dataclass(frozen=True, eq=False)
class Found:
    """What a detector proposed on some examples.

    Attributes:
        scores: float32 (n,), of all proposals.
        hits: bool (n,): the proposal meets a mark that no better one met, at IoU 0.5.
        recalled: bool (m,): the mark is met by one of the first 50 proposals of its scene.
        long_px: float32 (m,): long side of each mark in the network's square.
    """

    scores: npt.NDArray[np.float32]
    hits: npt.NDArray[np.bool_]
    recalled: npt.NDArray[np.bool_]
    long_px: npt.NDArray[np.float32]


@torch.inference_mode()
def judge(net: FCOS, examples: Iterable[Example]) -> Found:
    """Run a network on examples and compare with the truth."""
    scores, hits, recalled, long_px = [], [], [], []
    for example in examples:
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            head = outputs(net, to_input(stacked([example])))
        (found,) = decode(net, head, *example.pixels.shape[:2])
        boxes = clip(found["boxes"].numpy(), example.pixels.shape[1], example.pixels.shape[0])
        near = iou(boxes, example.boxes) >= 0.5
        fresh = near & (np.cumsum(near, axis=0) == 1)
        scores.append(found["scores"].numpy())
        hits.append(fresh.any(axis=1) if near.size else np.zeros(len(boxes), bool))
        recalled.append(near[:50].any(axis=0) if near.size else np.zeros(len(example.boxes), bool))
        long_px.append((example.boxes[:, 2:] - example.boxes[:, :2]).max(1, initial=0))
    return Found(*(np.concatenate(part) for part in (scores, hits, recalled, long_px)))


def fit_confidence(found: Found) -> tuple[float, float]:
    """Platt's slope and offset (1999) of the probability that a proposal is a mark; needs scikit-learn.

    Raises:
        ValueError: There are hits alone, or none.
    """
    from sklearn.linear_model import LogisticRegression

    if found.hits.all() or not found.hits.any():
        raise ValueError(f"proposals: expected hits and misses, got {int(found.hits.sum())} hits of {len(found.hits)}")
    score = np.clip(found.scores.astype(np.float64), 1e-6, 1 - 1e-6)
    model = LogisticRegression(C=1e6).fit(np.log(score / (1 - score))[:, None], found.hits)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
