"""Bad and partial readings of names: what counts as evidence, and how it becomes a probability."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logoscan.text.misread import MisreadNames
from logoscan.training.misreadings import count
from logoscan.training.misreadings import evidence as evidence_of

NAMES = MisreadNames({"texaco": 1, "fedex": 1, "godmorgon": 2, "adidas": 1, "sprite": 1, "arla": 1, "valio": 1})


def evidence(*words: str) -> dict[str, float]:
    return dict(NAMES.judge(words))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("xaco",), "texaco"),
        (("fed",), "fedex"),
        (("god", "mon"), "godmorgon"),
        (("ad1das",), "adidas"),
        (("spriin",), "sprite"),
        (("aria",), "arla"),
        (("te", "xaco"), "texaco"),
    ],
)
def test_the_name_behind_a_reading_comes_first(words: tuple[str, ...], name: str) -> None:
    assert NAMES.judge(words)[0][0] == name


@pytest.mark.parametrize(
    ("read", "name", "other"),
    [
        ("شائيل", "شانيل", "شاهيل"),
        ("المراغي", "المراعي", "المراكي"),
        ("กุยยี", "กุชชี", "กุรรี"),
        ("โอวัลดิน", "โอวัลติน", "โอวัลรน"),
    ],
)
def test_letters_of_the_same_strokes_are_likelier_confused_than_others(read: str, name: str, other: str) -> None:
    names = MisreadNames({name: 1})
    right, near, far = (dict(names.judge((text,))).get(name, -math.inf) for text in (name, read, other))
    assert right > near > far


def test_letters_that_readers_take_for_others_are_likelier_confused_than_others() -> None:
    table = files("logoscan").joinpath("_data", "letter_confusions.csv").read_text("utf-8").splitlines()
    pairs = {(row["letter"], row["read"]): float(row["evidence"]) for row in csv.DictReader(table)}
    assert all(len(a) == len(b) == 1 and a != b and -7 < value < 2.5 for (a, b), value in pairs.items())
    (letter, taken), most = max(pairs.items(), key=lambda item: item[1])
    assert most > -3.5, "above that of any other letter"
    other = next(c for c in "abcdefghkm" if (letter, c) not in pairs and c != letter)
    name = MisreadNames({f"zo{letter}apu": 1})
    right, near, far = (dict(name.judge((f"zo{c}apu",)))[f"zo{letter}apu"] for c in (letter, taken, other))
    assert right > near > far


def test_counted_misreadings_become_evidence() -> None:
    read = [("fabric", "fabric")] * 60 + [("fabric", "fadric")] * 20 + [("fabric", "unlike")] * 5
    table = evidence_of(*count(iter(read)))
    assert set(table) == {("b", "d")}
    assert table["b", "d"] > math.log(0.05)


def test_what_makes_a_reading_more_and_less_likely() -> None:
    assert evidence("texac")["texaco"] > evidence("texa")["texaco"], "more was read"
    assert evidence("texac")["texaco"] > evidence("texaxo")["texaco"], "cut is likelier than misread"
    assert evidence("spriteb")["sprite"] > evidence("spritebqxz")["sprite"], "run together with more"
    assert evidence("god", "morgn")["godmorgon"] > evidence("sp", "rit")["sprite"], "two words are its own"
    assert evidence("sprit")["sprite"] < evidence("sprlt")["sprite"], "an ordinary word of French"


def test_too_short_readings_match_nothing() -> None:
    for words in ((), ("",), ("fe",), ("te", ""), ("zzzzzz",), ("1234",)):
        assert NAMES.judge(words) == []
    assert MisreadNames({}).judge(("texaco",)) == []
    assert MisreadNames({}).probabilities({}, 0) == {}


@given(st.lists(st.floats(-2, 60), max_size=7), st.integers(0, 60))
def test_probabilities_are_shared_and_fall_with_chance(values: list[float], texts: int) -> None:
    given_ = dict(zip(NAMES._names, values, strict=False))
    sure = NAMES.probabilities(given_, texts)
    assert sure.keys() == given_.keys()
    assert all(0 <= p <= 1 for p in sure.values())
    assert math.fsum(sure.values()) <= 1 + 1e-12
    assert sorted(given_, key=lambda n: given_[n]) == sorted(sure, key=lambda n: (sure[n], given_[n]))
    later = NAMES.probabilities(given_, texts + 10)
    assert math.fsum(later.values()) <= math.fsum(sure.values()) + 1e-12


def test_long_names_do_not_overflow() -> None:
    name = "abcdefghij" * 100
    long = MisreadNames({name: 1})
    assert long.probabilities(dict(long.judge((name + "x",))), 1)[name] == pytest.approx(1.0)


def test_misreading_candidates_are_independent_of_the_hash_seed() -> None:
    script = (
        "import json, random; from logoscan.text.misread import MisreadNames; random.seed(0);"
        "names = {''.join(random.choice('kilova') for _ in range(6)): 1 for _ in range(1500)};"
        "print(json.dumps(MisreadNames(names).judge(('kilovi',))))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert said[0] == said[1] == said[2]
    assert len(json.loads(said[0])) > 3


def test_equally_likely_names_share_the_probability() -> None:
    twins = MisreadNames({"abcdefgh": 1, "xbcdefgh": 1})
    judged = dict(twins.judge(("bcdefgh",)))
    both = twins.probabilities(judged, 1)
    one = twins.probabilities({"abcdefgh": judged["abcdefgh"]}, 1)
    assert both["abcdefgh"] == both["xbcdefgh"] < one["abcdefgh"]


_letters = st.text("abrnmil1v0", max_size=14)


@settings(deadline=None)  # the first example loads the dictionaries
@given(st.dictionaries(_letters.filter(bool), st.integers(1, 3), max_size=40), st.lists(_letters, max_size=6))
def test_counting_equals_its_slow_twin(names: dict[str, int], words: list[str]) -> None:
    """Also where runs of words go on from one another, and where an "r" meets an "n"."""
    made = MisreadNames(names)
    photo = made.for_photo()
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + 4) + 1):
            run = tuple(words[start:end])
            assert photo.judge(run) == made.judge(run) == made.judge_exhaustively(run)
