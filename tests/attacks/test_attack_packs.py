"""Hostile brand packs: none is accepted, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from attack import LONGEST_MESSAGE
from attack_packs import ATTACKS, Shop, tried

pytest.importorskip("securesystemslib")


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_pack_is_refused_and_nothing_written(name: str, tmp_path: Path) -> None:
    accepted, written, said = tried(name, tmp_path)
    assert not accepted
    assert not written
    assert 0 < len(said) <= LONGEST_MESSAGE
    assert "PRIVATE KEY" not in said


def test_an_honest_pack_is_accepted(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.accept_all(shop.next())
    current = shop.index.packs.current("Acme")
    assert current is not None
    assert current.version == 2


def test_there_are_forty_attacks() -> None:
    assert len(ATTACKS) >= 40
