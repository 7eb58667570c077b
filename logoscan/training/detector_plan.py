"""Settings of a training run of the detector."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DetectorPlan:
    """Settings of a run.

    Attributes:
        minutes: Time of the whole schedule, without pauses between resumed parts.
        seed: Seed of the scenes and of new weights.
        size_px: Side of the squares, a multiple of 64.
        batch: Scenes in a step.
        lr_trunk: Peak learning rate of the backbone (AdamW).
        lr_head: Peak learning rate of pyramid and head (AdamW).
        weight_decay: Weight decay of AdamW.
        frozen_stages: Stages of the backbone, besides the stem, that are not trained after a warm start.
        words: Chance that a mark is a made-up wordmark.
        distractors: Chance that a scene has text lines and shapes that are not marks.
        groups: Chance that a mark comes in rows or with a word.
        crowds: Chance that a scene without goods has three times the marks, all small.
        goods: Chance of a scene of goods with marks on them.
        abstract: Chance that a mark is a made-up abstract one.
        mosaics: Pictures of four scenes at half size, per scene.
        zooms: Enlarged parts of scenes, per scene.
        ema: Decay of the exponential moving average of the weights; the average is what is written.
        makers: Number of processes that compose scenes, or read them from kept shards.
        save_every_s: Seconds between checkpoints.
        log_every_s: Seconds between lines of the log.
        resumable: False to write the detector alone, without the state to resume from, which is ten times as large.
        max_steps: Number of steps after which this run stops even if time is left; None: no limit.
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
    goods: float = 0.5
    abstract: float = 0.15
    mosaics: float = 0.0625
    zooms: float = 0.125
    ema: float = 0.998
    makers: int = 1
    save_every_s: float = 240.0
    log_every_s: float = 60.0
    resumable: bool = True
    max_steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("minutes", "batch", "lr_trunk", "lr_head", "makers", "save_every_s", "log_every_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"plan.{name}: expected a number above 0, got {getattr(self, name)}")
        if self.size_px < 64 or self.size_px % 64:
            raise ValueError(f"plan.size_px: expected a multiple of 64, got {self.size_px}")
