"""Coded terms: found in many spellings; not where they are negated, honest or another thing's."""

import csv
import time
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, texts

from logoscan.errors import InputError
from logoscan.text.coded_terms import CodedTerm, coded_terms, find_coded


def terms(text: str) -> list[str]:
    return [hit.term for hit in find_coded(text)]


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "shoes", "!!!", "Nike Air Max 90 size 42", "耐克 球鞋", "replicate", "reproduction"]
)
def test_honest_text_has_no_term(text: str) -> None:
    assert find_coded(text) == []


# -- the table


def test_every_term_is_stated_in_full() -> None:
    assert len(coded_terms()) > 90
    assert len({t.term for t in coded_terms()}) == len(coded_terms())
    for term in coded_terms():
        assert term.meaning not in ("the same", "SAME")
        assert not {term.meaning, term.source} & {"", "-"}
        assert "http" not in term.source
        assert all(code == "any" or len(code) == 2 for code in term.languages)


def test_the_table_has_no_column_that_is_not_read() -> None:
    table = files("logoscan").joinpath("_data", "coded_terms.csv").read_text("utf-8")
    header, *rows = csv.reader(table.splitlines())
    assert header == ["term", "languages", "strength", "meaning", "source", "honest_before", "honest_after"]
    assert all(len(row) == len(header) for row in rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strength": 0.0}, "strength"),
        ({"strength": 1.1}, "strength"),
        ({"term": " "}, "a term"),
        ({"source": ""}, "a term"),
    ],
)
def test_a_term_that_says_too_little_is_refused(changes: dict[str, object], message: str) -> None:
    fields: dict[str, object] = {"term": "x", "languages": ("en",), "strength": 0.5, "meaning": "m", "source": "s"}
    with pytest.raises(InputError, match=message):
        CodedTerm(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("term", coded_terms(), ids=lambda t: t.term)
def test_each_term_is_found_as_it_is_written_and_in_capitals(term: CodedTerm) -> None:
    for text in (term.term, f"Nike {term.term} 42", f"({term.term.upper()})"):
        (hit,) = find_coded(text)
        assert (hit.term, hit.strength) == (term.term, term.strength)
        assert text[hit.start : hit.end] == hit.text
        assert term.meaning in hit.why


# -- spellings


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Replica Rolex, best REPLICAS", [("replica", "Replica"), ("replica", "REPLICAS")]),
        ("mirror-quality bag", [("mirror quality", "mirror-quality")]),
        ("MIRRORQUALITY bag", [("mirror quality", "MIRRORQUALITY")]),
        ("ｒｅｐｌｉｃａ", [("replica", "ｒｅｐｌｉｃａ")]),
        ("réplica", [("replica", "réplica")]),
        ("1：1 quality", [("1:1 quality", "1：1 quality")]),
        ("bag 1 : 1", [("1:1", "1 : 1")]),
        ("1:1复刻球鞋", [("1:1", "1:1"), ("复刻", "复刻")]),
        ("顶级复刻球鞋", [("顶级复刻", "顶级复刻")]),
        ("超A莆田货", [("超a", "超A"), ("莆田", "莆田")]),
        ("高 仿 包", [("高仿", "高 仿")]),
        ("replica包", [("replica", "replica")]),
        ("AAA quality copy", [("aaa quality", "AAA quality")]),
        ("AAA+ bag", [("aaa+", "AAA+")]),
        ("реплика часов", [("реплика", "реплика")]),
        ("ロレックス スーパーコピー N級品", [("スーパーコピー", "スーパーコピー"), ("n級品", "N級品")]),
    ],
)
def test_spellings_of_coded_terms(text: str, found: list[tuple[str, str]]) -> None:
    assert [(hit.term, hit.text) for hit in find_coded(text)] == found


@pytest.mark.parametrize(
    "text", ["r3plica", "REP1ICA", "rep!ica", "r e p l i c a", "r.e.p.l.i.c.a", "rep-lica", "rерl1ca"]
)
def test_disguised_term_has_a_higher_value(text: str) -> None:
    (hit,) = find_coded(f"Nike {text} 42")
    assert (hit.term, hit.text, hit.strength) == ("replica", text, 1 - 0.15 / 2)
    assert hit.why.endswith("in disguise")


@pytest.mark.parametrize("text", ["rерlica", "rep\u200blica", "ｒeplica"])
def test_letters_of_another_script_do_not_hide_a_term(text: str) -> None:
    assert terms(f"Nike {text} 42") == ["replica"]


# -- context


@pytest.mark.parametrize(
    "text",
    [
        "not a replica",
        "Not replica!",
        "this is no replica",
        "NOT A CHEAP REPLICA",
        "it isn't a replica",
        "never replica",
        "non-replica",
        "no fakes or replicas",
        "No fakes, no copies, no replicas!",
        "no replicas / fakes",
        "we are not selling replicas",
        "without counterfeits",
        "beware of counterfeit",
        "replica? no",
        "replica-free shop",
        "counterfeits are not allowed",
        "replicas will be reported",
        "kein Replikat",
        "pas une réplique",
        "sin imitación",
        "não é réplica",
        "non è replica",
        "не реплика",
        "это не подделка",
        "非高仿",
        "不是高仿",
        "拒绝高仿",
        "高仿勿扰",
        "고야드 레플리카 아님",
    ],
)
def test_denied_term_is_no_hit(text: str) -> None:
    assert find_coded(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "replica watch stand",
        "stand for replica watch",
        "display for your replica",
        "replica jersey",
        "official replica shirt",
        "Away Replica Neck T-shirt",
        "replica medieval sword",
        "airsoft replica",
        "museum replica",
        "AAA batteries",
        "uses 2 x AAA",
        "AA/AAA charger",
        "AAA grade freshwater pearls",
        "Scale 1:1",
        "1:1 scale model",
        "mix 1:1",
        "1:12 diecast",
        "10:1:1",
        "fake fur coat",
        "fake eyelashes",
        "imitation leather bag",
        "counterfeit detector pen",
        "mirror finish, quality steel",
        "10A quality human hair",
        "copies of books",
        "knock off 20% now",
        "same as original box",
        "官方复刻",
        "高仿真花",
    ],
)
def test_honest_uses_are_no_hit(text: str) -> None:
    assert find_coded(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("not authentic, replica", ["replica"]),
        ("no box, replica", ["replica"]),
        ("no reserve replica watch", ["replica"]),
        ("not new. replica", ["replica"]),
        ("replica, not fake", ["replica"]),
        ("replica watch with stand", ["replica"]),
        ("replica watch + stand", ["replica"]),
        ("replica, jersey", ["replica"]),
        ("replica free shipping", ["replica"]),
        ("fake Gucci belt", ["fake"]),
        ("AAA bag, batteries", ["aaa"]),
        ("complete set 高仿 包", ["高仿"]),
    ],
)
def test_a_denial_or_an_honest_word_of_another_thing_does_not_help(text: str, found: list[str]) -> None:
    assert terms(text) == found


# -- any text


@quick
@given(
    text=texts
    | st.lists(st.sampled_from(["replica", "1:1", " ", "高仿", "not", "@", "\u200b", "AAA", "ﬁ", "+"])).map("".join)
)
def test_hits_lie_apart_and_in_the_text(text: str) -> None:
    end = 0
    for hit in find_coded(text):
        assert end <= hit.start < hit.end <= len(text)
        assert hit.text == text[hit.start : hit.end]
        assert 0 < hit.strength <= 1
        end = hit.end


@pytest.mark.parametrize(
    "text", ["replica " * 125_000, "not a " * 170_000, "r e p l " * 125_000, "1:" * 500_000, "高" * 1_000_000]
)
def test_megabyte_is_searched_for_coded_terms_in_time(text: str) -> None:
    began = time.process_time()
    find_coded(text)
    assert time.process_time() - began < 8, "seconds of work; about one here"


def test_of_a_text_of_nothing_but_terms_the_first_are_noted() -> None:
    for text in ("replica " * 2500, "1:1 " * 5000):
        found = find_coded(text)
        assert 0 < len(found) <= 200
        assert found[0].start == 0
