"""All attacks, by name."""

from __future__ import annotations

from attack import Attack
from attack_drawings import MARKS
from attack_files import STORED
from attack_gate import GATE
from attack_listings import ROWS
from attack_pictures import PHOTOS

ATTACKS: dict[str, Attack] = {attack.name: attack for attack in (*PHOTOS, *MARKS, *ROWS, *STORED, *GATE)}
"""In order; `benchmarks/attacks.py` measures each in a process of its own."""
