"""`logoscan inspect`: the index in figures, one brand, and the pairs that look alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import ACME, run
from fakes import BLACK, GREY, RED, FakeEncoder, quarters
from PIL import Image

from logoscan.index.logo_index import LogoIndex


@pytest.fixture
def register(shop: Path) -> Path:
    """Acme and a twin of it, Bolt, and Core without a logo; negatives of Acme and of nobody."""
    for name in ("Acme Copy", "Core", "[b]"):
        (shop / "brands" / name).mkdir()
    Image.fromarray(ACME).save(shop / "brands" / "Acme Copy" / "first.png")
    Image.fromarray(quarters(RED, RED, BLACK, BLACK)).save(shop / "brands" / "[b]" / "logo.png")
    (shop / "brands" / "Acme" / "brand.json").write_text(
        json.dumps(
            {
                "aliases": ["ACME Tools"],
                "authorised_sellers": ["s1", "s2"],
                "usual_prices": [{"category": "Drills", "currency": "EUR", "low": 80, "high": 240}],
            }
        )
    )
    assert run("register", shop / "brands", "--out", shop / "index").exit_code == 0
    index = LogoIndex.load(shop / "index", FakeEncoder())
    index.add_negative(quarters(GREY, RED, GREY, RED))
    index.add_negative(quarters(RED, GREY, GREY, GREY), "Acme")
    index.save(shop / "index")
    return shop / "index"


def told(*arguments: object) -> Any:
    result = run("inspect", *arguments, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_inspect_counts_the_index(register: Path) -> None:
    facts = told(register)
    index = LogoIndex.load(register)
    assert (facts["brands"], facts["logos"], facts["vectors"]) == (5, 4, len(index))
    assert facts["fingerprint"] == index.fingerprint
    assert facts["encoder"]["name"] == "fake"
    assert facts["encoder"]["fingerprint"] == FakeEncoder().info.fingerprint
    assert facts["encoder"]["dim"] == 13
    assert facts["brands_without_logo"] == ["Core"]
    assert facts["negatives"]["nobody"] == 1
    assert facts["negatives"]["of_brands"] == {"Acme": 1}
    assert facts["bytes"] == sum(p.stat().st_size for p in register.rglob("*") if p.is_file())
    assert facts["confusable"][0] == {"brands": ["Acme", "Acme Copy"], "similarity": 1.0}
    assert len(facts["confusable"]) == 6


def test_confusable_pairs_can_be_limited_or_absent(register: Path) -> None:
    assert len(told(register, "--pairs", 2)["confusable"]) == 2
    assert told(register, "--pairs", 0)["confusable"] == []


def test_inspect_one_brand(register: Path) -> None:
    facts = told(register, "--brand", "acme tools")
    assert facts["name"] == "Acme"
    assert [logo["id"] for logo in facts["logos"]] == ["Acme/logo.png"]
    assert facts["registered_negatives"] == 1
    assert [pair["brands"][0] for pair in facts["confusable"]] == ["Acme"] * 3
    assert facts["confusable"][0]["brands"] == ["Acme", "Acme Copy"]


def test_a_brand_without_a_logo_has_no_pairs(register: Path) -> None:
    facts = told(register, "--brand", "Core")
    assert (facts["logos"], facts["confusable"]) == ([], [])
    assert "no logo" in run("inspect", register, "--brand", "Core").stdout


def test_inspect_prints_plain_tables_in_a_pipe(register: Path) -> None:
    text = run("inspect", register).stdout
    lines = text.splitlines()
    assert "\x1b" not in text
    assert "…" not in text
    assert any(line.split() == ["without", "a", "logo", "1", "(Core),", "0", "of", "them", "known", "by", "name"]
               for line in lines)  # fmt: skip
    assert any("fake, 13 numbers a vector, fingerprint" in line for line in lines)
    assert [line.split() for line in lines if line.endswith("Acme Copy")] == [["1.000", "Acme", "Acme", "Copy"]]
    assert any("[b]" in line for line in lines), "names are no markup"
    portrait = run("inspect", register, "--brand", "Acme").stdout
    for words in ("ACME Tools", "Drills 80-240 EUR", "Acme/logo.png", "as-is", "Acme Copy"):
        assert words in portrait


def test_inspect_an_empty_index(tmp_path: Path) -> None:
    LogoIndex(FakeEncoder()).save(tmp_path / "index")
    facts = told(tmp_path / "index")
    assert (facts["brands"], facts["vectors"], facts["confusable"]) == (0, 0, [])
    assert run("inspect", tmp_path / "index").exit_code == 0


def test_an_unknown_brand_is_answered_with_the_nearest(register: Path) -> None:
    result = run("inspect", register, "--brand", "Bott")
    assert result.exit_code == 2
    assert result.stderr == (
        "logoscan: brand: expected one of the 5 registered names, got 'Bott', did you mean 'Bolt'?\n"
    )


def test_missing_index_is_reported(tmp_path: Path) -> None:
    result = run("inspect", tmp_path)
    assert result.exit_code == 2
    assert "see `logoscan register`" in result.stderr
