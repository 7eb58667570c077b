"""Settings of a training run of both towers."""

from __future__ import annotations

from dataclasses import dataclass, field

from logoscan.training.batches import Mix


@dataclass(frozen=True)
class Plan:
    """Settings of a run.

    Attributes:
        minutes: Time of the whole schedule, without pauses between resumed parts.
        seed: Seed of the material and of new weights.
        lr_trunk: Peak learning rate of the backbone (AdamW).
        lr_head: Peak learning rate of projection and text tower (AdamW).
        lr_proxies: Peak learning rate of the proxies (plain gradient descent: AdamW would move the proxies of classes
            that a batch does not show as far as those that it shows, and the loss would rise to that of chance).
        weight_decay: Weight decay of AdamW.
        frozen_stages: Stages of the backbone, besides the stem, that are not trained, 0 to 2: later ones are pooled.
        margin: Cosine margin of the proxies.
        scale: Inverse temperature of the proxy loss.
        temperature: Temperature of the pairwise loss.
        proxy_weight: Weight of the proxy loss against the pairwise loss; 0 for no proxies, which only help in runs that
            show every class dozens of times.
        text_weight: Weight of the loss between crops of words and names.
        letters_weight: Weight of the loss of the letters and their positions in a word; without it neither tower learnt
            to spell within 200,000 crops.
        small_px: Side of the crops in the first part of the schedule, px; 112 px train 1.3 times as fast as 128 px.
        small_part: Share of the schedule with small crops, 0..1.
        settle: Share of the schedule, at its end, in which normalisation statistics are fixed, 0..1.
        whiten_batches: Number of batches from which the projection is whitened at a warm start (`Tower.whiten`).
        makers: Number of processes that compose batches, or read them from kept shards.
        joined: Batches in a step; more of them are more negatives, and keep a GPU busy.
        save_every_s: Seconds between checkpoints.
        log_every_s: Seconds between lines of the log.
        resumable: False to write the model alone, without the state to resume from, which is ten times as large.
        max_steps: Number of steps after which this run stops even if time is left; None: no limit.
        mix: Contents of the batches.
    """

    minutes: float = 60.0
    seed: int = 0
    lr_trunk: float = 2e-4
    lr_head: float = 6e-4
    lr_proxies: float = 1.0
    weight_decay: float = 0.02
    frozen_stages: int = 2
    margin: float = 0.15
    scale: float = 26.0
    temperature: float = 0.07
    proxy_weight: float = 0.0
    text_weight: float = 0.6
    letters_weight: float = 5.0
    small_px: int = 112
    small_part: float = 0.5
    settle: float = 0.15
    whiten_batches: int = 60
    makers: int = 1
    joined: int = 1
    save_every_s: float = 240.0
    log_every_s: float = 60.0
    resumable: bool = True
    max_steps: int | None = None
    mix: Mix = field(default_factory=Mix)

    def __post_init__(self) -> None:
        rates = ("lr_trunk", "lr_head", "lr_proxies", "scale", "temperature")
        for name in ("minutes", *rates, "makers", "joined", "save_every_s", "log_every_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"plan.{name}: expected a number above 0, got {getattr(self, name)}")
        if self.frozen_stages not in (0, 1, 2):
            raise ValueError(f"plan.frozen_stages: expected 0 to 2, got {self.frozen_stages}")
        for name in ("settle", "small_part"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"plan.{name}: expected 0..1, got {getattr(self, name)}")
