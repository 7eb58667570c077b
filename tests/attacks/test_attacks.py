"""Each attack ends as stated, with a short word of what was wrong, and harms nothing that comes after it.

Time and memory are measured by `benchmarks/attacks.py`.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from attack import LONGEST_MESSAGE, Attack
from attack_drawings import MARKS
from attack_files import STORED
from attack_listings import ROWS
from attack_pictures import PHOTOS
from attack_table import ATTACKS

_EACH = (*PHOTOS, *MARKS, *ROWS, *STORED)


def test_no_attack_hides_another() -> None:
    assert len(ATTACKS) == len(_EACH)


@pytest.mark.parametrize("attack", _EACH, ids=lambda attack: attack.name)
@pytest.mark.filterwarnings("default")  # decoders warn of broken files; that must not be what stops an attack
def test_an_attack_ends_as_stated(
    attack: Attack, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logoscan.svg._MOST_S", 1)
    caplog.set_level(logging.WARNING)
    outcome, said = attack.run(attack.prepare(tmp_path))
    assert outcome == attack.expected, said
    assert (said != "") == (outcome != "report") or attack.name.startswith("garbage")
    assert max(map(len, said.splitlines()), default=0) <= LONGEST_MESSAGE
    assert sum(len(record.getMessage()) for record in caplog.records) < 20_000
    assert not any(record.levelno >= logging.ERROR for record in caplog.records)
