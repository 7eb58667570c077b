"""Ordinary words and common ones."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from logoscan.text import words
from logoscan.text.words import is_common, is_word


@pytest.mark.parametrize("word", ["apple", "matte", "guest", "parfum", "talla", "grosse", "scarpe", "couleur"])
def test_words_of_five_languages(word: str) -> None:
    assert is_word(word)


@pytest.mark.parametrize("word", ["", "balence", "adids", "adidass", "newbalance", "n1ke", "нос"])
def test_non_words(word: str) -> None:
    assert not is_word(word)
    assert not is_common(word)


@pytest.mark.parametrize(("word", "common"), [("apple", True), ("shell", True), ("mini", True), ("samsung", False)])
def test_words_that_everybody_uses(word: str, common: bool) -> None:
    assert is_common(word) is common


def test_importing_reads_no_table() -> None:
    tables = "{'spellchecker', 'confusable_homoglyphs'}"
    script = f"import sys, logoscan.text.brand_names, logoscan.text.coded_terms; print({tables} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_threads_that_ask_together_read_the_lists_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(language: str) -> Iterator[tuple[str, int]]:
        read.append(language)
        time.sleep(0.02)
        return iter([(f"word{language}", 100)])

    monkeypatch.setattr(words, "_counted_words", counted)
    words._words.cache_clear()
    try:
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(is_word, ["worden"] * 4))
        assert read == list(words._LANGUAGES)
    finally:
        words._words.cache_clear()
