"""All attacks, by name."""

from __future__ import annotations

from attack import Attack
from attack_drawings import MARKS
from attack_files import STORED
from attack_gate import GATE
from attack_listings import ROWS
from attack_outputs import OUTPUTS
from attack_pictures import PHOTOS
from attack_register import POISONS
from attack_sellers import SELLERS

ATTACKS: dict[str, Attack] = {
    attack.name: attack for attack in (*PHOTOS, *MARKS, *ROWS, *STORED, *POISONS, *SELLERS, *OUTPUTS, *GATE)
}
"""In order; `python -m benchmarks attacks` measures each in a process of its own."""
