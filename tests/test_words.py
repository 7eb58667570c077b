"""Ordinary words and common ones."""

import subprocess
import sys

import pytest

from logoscan.words import is_common, is_word


@pytest.mark.parametrize("word", ["apple", "matte", "guest", "parfum", "talla", "grosse", "scarpe", "couleur"])
def test_words_of_five_languages(word: str) -> None:
    assert is_word(word)


@pytest.mark.parametrize("word", ["", "balence", "adids", "adidass", "newbalance", "n1ke", "нос"])
def test_what_is_no_word(word: str) -> None:
    assert not is_word(word)
    assert not is_common(word)


@pytest.mark.parametrize(("word", "common"), [("apple", True), ("shell", True), ("mini", True), ("samsung", False)])
def test_words_that_everybody_uses(word: str, common: bool) -> None:
    assert is_common(word) is common


def test_importing_reads_no_table() -> None:
    script = (
        "import sys, logoscan.text, logoscan.coded; print({'spellchecker', 'confusable_homoglyphs'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
