"""Reviews that call the goods fake: quoted in many languages; not where it is denied, feared only or of other goods."""

import csv
import time
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick, texts

from logoscan.errors import InputError
from logoscan.text.complaints import Complaint, Complaints, complaint_value, find_complaints
from logoscan.text.languages import languages


def test_no_reviews_say_nothing() -> None:
    assert find_complaints([]) == Complaints(0, ())
    assert find_complaints([]).value is None


@pytest.mark.parametrize("review", ["", " ", "\0", "!!!", "⭐⭐⭐"])
def test_a_review_without_letters_counts_nothing(review: str) -> None:
    assert find_complaints([review, review]) == Complaints(0, ())


CLAIMS = [
    "This is a fake Gucci bag",
    "It is not authentic",
    "not original product",
    "Isn't genuine at all",
    "cheap knock-off, do not buy",
    "Don't buy this fake crap",
    "These are counterfeit.",
    "no doubt it's fake",
    "I don't think these are authentic",
    "seller claims it is genuine but it is fake",
    "Es ist eine Fälschung",
    "Das ist kein Original",
    "Gefälschte Ware!",
    "c'est une contrefaçon",
    "c'est un faux",
    "ce n'est pas un produit authentique",
    "Es falso",
    "no es original",
    "producto falsificado",
    "è falso",
    "non è originale",
    "prodotto contraffatto",
    "é falso",
    "não é original",
    "produto falsificado",
    "dit is nep",
    "niet origineel",
    "namaak",
    "podróbka",
    "nie jest oryginalny",
    "to nie oryginał",
    "подделка",
    "это не оригинал",
    "Паленый товар",
    "sahte ürün",
    "orijinal değil",
    "假货",
    "不是正品",
    "这是假的",
    "偽物です",
    "本物ではない",
    "짝퉁",
    "정품 아님",
    "Received a replica.",
    "not the real thing",
    "No, it is fake",
    "Not worth it, fake product",
    "fake!",
    "NICHT ORIGINAL",
    "Never buy from him, fake",
    "not 100% authentic",
    "They are fakes",
    "I compared it with my sister's bag from the store and this one is clearly fake.",
    "Total scam! The shoes are fake and the stitching is falling apart",
    "Very disappointed. This is NOT the original perfume, smells like water",
    "100% fake. Don't waste your money",
    "Received a counterfeit product, reported to the brand",
    "Not a genuine Apple charger",
    "I took it to the store and they told me it's not authentic",
    "They sell knockoffs",
    "Looks like a cheap imitation",
    "Fake product sent by seller, not as advertised",
    "Product is duplicate",
    "Not an authentic product, the barcode doesn't scan",
    "The watch is a replica, not real",
    "Definitely fake, avoid",
    "Finger weg, alles Fake!",
    "Das Parfüm ist definitiv nicht echt",
    "Ich habe eine Fälschung erhalten",
    "Plagiat! Nicht kaufen",
    "Attention contrefaçon",
    "Ce parfum n'est pas authentique",
    "Produit contrefait, à fuir",
    "Ce n'est pas l'original",
    "Es una falsificación, no lo compren",
    "El perfume no es original",
    "Son falsas",
    "Una vil copia, es falso",
    "È un falso, non comprate",
    "Prodotto non originale",
    "Sono tarocchi",
    "Produto falso, não comprem",
    "Não é original",
    "Dit is namaak, niet kopen",
    "Niet origineel",
    "To podróbka, nie polecam",
    "Nieoryginalny produkt",
    "Это подделка, не покупайте",
    "Товар не оригинал",
    "Не настоящий адидас",
    "Ürün sahte, almayın",
    "Kesinlikle orijinal değil",
    "是假货，大家别买",
    "买到假货了",
    "感觉不是正品",
    "偽物でした",
    "正規品ではありませんでした",
    "가짜입니다",
    "정품이 아니에요",
]
HONEST = [
    "100% authentic, not fake",
    "I feared it was fake but it is genuine",
    "definitely not a fake",
    "no es falso",
    "kein Fake",
    "正品，不是假货",
    "fake leather",
    "faux fur",
    "love these fake nails",
    "fake eyelashes",
    "fake flowers",
    "fake tan",
    "great",
    "not fake at all",
    "It isn't a fake",
    "ce n'est pas un faux",
    "non è falso",
    "não é falso",
    "geen namaak",
    "to nie podróbka",
    "не подделка",
    "это не подделка",
    "sahte değil",
    "偽物ではない",
    "是不是正品",
    "so many fakes out there",
    "original packaging was not included",
    "not in original box",
    "Thought it might be fake. It is authentic!",
    "no original packaging",
    "nicht original verpackt",
    "doesn't look fake",
    "No counterfeit here",
    "nothing fake about it",
    "nep leer",
    "it's genuine, not a replica",
    "kein echtes Leder",
    "Great shoes",
    "can't be fake",
    "genuine not fake",
    "Nicht gefälscht",
    "pas une contrefaçon",
    "担心是假货，结果是正品",
    "original box is missing",
    "unlike the fake ones",
    "I want to spot a fake",
    "not authentic leather",
    "2 x 50 ml",
    "copy of the book",
    "replica jersey",
    "sahte kirpik",
    "нет, не подделка",
    "I was sceptical because of the price, but it's the real thing",
    "No fakes here, I checked the serial number",
    "Was afraid of getting a fake but this is 100% original",
    "Not a knock off, this is the real deal",
    "Love it, it doesn't feel cheap or fake",
    "The leather smells real, not like fake leather",
    "Don't believe the fake reviews",
    "Authentic and well packed",
    "Not original box but product is perfect",
    "Came without original packaging",
    "Sieht nicht nach Fake aus",
    "Ist original, keine Fälschung",
    "Hatte Angst vor einer Fälschung, aber es ist original",
    "Parfum authentique, pas une contrefaçon",
    "Je craignais une contrefaçon mais c'est authentique",
    "Pensé que era falso pero es original",
    "Es original, no es copia",
    "Originale, non contraffatto",
    "Produto original, não é falso",
    "Echt product, geen nep",
    "Oryginał, nie podróbka",
    "Оригинал, не подделка",
    "Боялся, что подделка, но это оригинал",
    "Orijinal ürün, sahte değil",
    "肯定是正品，不是假的",
    "本物でした",
    "偽物かと心配しましたが本物でした",
    "정품 맞아요",
    "I gave this to my sister, very original gift",
    "Original!",
    "The colour is not authentic to the picture",
    "The fake fur trim is soft",
    "She has fake nails and loved this",
    "My last one from another shop was fake, this one is genuine",
    "If it was fake I would know",
    "You can tell it's not fake",
    "I never had a fake from this seller",
]


@pytest.mark.parametrize("review", CLAIMS)
def test_complaints_in_reviews(review: str) -> None:
    (found,) = find_complaints(["Nice.", review]).found
    assert found.review == 1
    assert found.quote == review
    assert found.strength >= 0.6


@pytest.mark.parametrize("review", HONEST)
def test_denied_relieved_and_honest_words_are_no_claim(review: str) -> None:
    assert find_complaints([review]) == Complaints(1, ())


@pytest.mark.parametrize(
    "review",
    ["is it fake?", "I think it may be fake", "reviews say it is fake", "Fake. Later I learned that it is genuine"],
)
def test_what_is_asked_feared_heard_or_taken_back_is_weak(review: str) -> None:
    (found,) = find_complaints([review]).found
    assert 0 < found.strength <= 0.5


def test_the_sellers_own_words_are_no_relief() -> None:
    (found,) = find_complaints(["It is fake. Seller says it is genuine"]).found
    assert found.strength == 0.9


def test_a_text_that_comes_again_counts_once() -> None:
    found = find_complaints(["It is FAKE!", "Nice", "", "it is fake", "nice."])
    assert found == Complaints(2, (Complaint(0, "It is FAKE!", 0.9),))


def test_a_long_review_is_quoted_around_the_claim() -> None:
    (found,) = find_complaints(["word " * 40 + "it is a fake bag " + "more " * 40]).found
    assert len(found.quote) <= 80
    assert "it is a fake bag" in found.quote
    assert found.quote.strip() == found.quote
    assert set(found.quote.split()) <= {"word", "it", "is", "a", "fake", "bag", "more"}


# -- the table

LANGUAGES = {"en", "de", "fr", "es", "it", "pt", "nl", "pl", "zh", "ja", "ru", "tr"}


def test_the_table_is_stated_in_full() -> None:
    table = files("logoscan").joinpath("_data", "complaint_terms.csv").read_text("utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert len(rows) > 100
    assert {code for row in rows for code in row["languages"].split()} >= LANGUAGES
    for row in rows:
        assert row["kind"] in ("fake", "genuine")
        assert 0 < float(row["strength"]) <= 1
        assert None not in row


# -- the whole


@pytest.mark.parametrize(
    ("complaints", "reviews", "low", "high"),
    [
        (0, 0, 0, 0),
        (0, 500, 0, 0),
        (1, 500, 0, 0.02),
        (1, 3, 0.3, 0.6),
        (1, 1, 0.4, 0.7),
        (5, 10, 0.9, 1),
        (9, 9, 0.97, 1),
    ],
)
def test_complaints_weigh_by_their_share(complaints: int, reviews: int, low: float, high: float) -> None:
    assert low <= complaint_value(complaints, reviews) <= high


@pytest.mark.parametrize(("complaints", "reviews"), [(-1, 3), (4, 3), (float("nan"), 3), (0, -1)])
def test_impossible_numbers_are_refused(complaints: float, reviews: int) -> None:
    with pytest.raises(InputError, match="complaint_value"):
        complaint_value(complaints, reviews)


@quick
@given(reviews=st.integers(1, 10_000), share=st.floats(0, 1), more=st.floats(0, 1))
def test_the_weight_rises_with_complaints_and_falls_with_reviews(reviews: int, share: float, more: float) -> None:
    few, many = sorted([share * reviews, more * reviews])
    assert 0 <= complaint_value(few, reviews) <= complaint_value(many, reviews) <= 1
    assert complaint_value(few, reviews + 1) <= complaint_value(few, reviews)


@pytest.mark.parametrize("fields", [(-1, "q", 1.0), (0, "q" * 81, 1.0), (0, "q", 0.0), (0, "q", 1.1)])
def test_a_complaint_that_cannot_be_is_refused(fields: tuple[int, str, float]) -> None:
    with pytest.raises(InputError, match="Complaint"):
        Complaint(*fields)


# -- any text

_bits = st.sampled_from(["fake", "not", " ", "genuine", "假货", "不是", "?", ". ", ", ", "but", "İ", "ﬁ", "\n"])


@quick
@given(reviews=st.lists(texts | st.lists(_bits, max_size=9).map("".join), max_size=5))
def test_any_reviews_are_read(reviews: list[str]) -> None:
    found = find_complaints(reviews)
    assert len(found.found) <= found.reviews <= len(reviews)
    assert found == find_complaints([*reviews, *reviews])
    places = [c.review for c in found.found]
    assert places == sorted(set(places))
    if found.value is not None:
        assert 0 <= found.value <= 1
    for complaint in found.found:
        assert complaint.quote


@pytest.mark.parametrize(
    "reviews",
    [
        ["fake " * 200_000],
        ["not a " * 200_000],
        ["不是正品" * 200_000],
        [f"I was afraid that fake {i} is original " * 120 for i in range(100)],
    ],
    ids=["fake", "not a", "zh", "many"],
)
def test_long_reviews_return_soon(reviews: list[str]) -> None:
    began = time.process_time()
    find_complaints(reviews)
    assert time.process_time() - began < 8, "seconds of work; about one here"


_BY_LANGUAGE = {
    "en": ("It is a fake", "This is not a fake"), "de": ("Das ist eine Fälschung", "Das ist keine Fälschung"),
    "fr": ("C'est une contrefaçon", "Ce n'est pas une contrefaçon"), "es": ("Es falso", "No es falso"),
    "it": ("È falso", "Non è falso"), "nl": ("Dit is namaak", "Dit is geen namaak"), "pt": ("É falso", "Não é falso"),
    "pl": ("To podróbka", "To nie podróbka"), "cs": ("Je to padělek", "Není to padělek"),
    "hu": ("Ez hamisítvány", "Ez nem hamisítvány"), "ro": ("Este un produs contrafăcut", "Nu este contrafăcut"),
    "tr": ("Bu ürün sahte", "Bu ürün sahte değil"), "sv": ("Det är en förfalskning", "Det är inte en förfalskning"),
    "da": ("Det er en forfalskning", "Det er ikke en forfalskning"),
    "no": ("Dette er en forfalskning", "Dette er ikke en forfalskning"),
    "fi": ("Tämä on väärennös", "Tämä ei ole väärennös"), "el": ("Είναι απομίμηση", "Δεν είναι απομίμηση"),
    "ru": ("Это подделка", "Это не подделка"), "uk": ("Це підробка", "Це не підробка"),
    "ar": ("هذا المنتج مقلد", "هذا المنتج غير مقلد"), "hi": ("यह नकली है", "यह नकली नहीं है"),
    "id": ("Barang palsu", "Bukan barang palsu"), "vi": ("Đây là hàng giả", "Đây không phải là hàng giả"),
    "th": ("เป็นของปลอม", "ไม่ใช่ของปลอม"), "lo": ("ແມ່ນຂອງປອມ", "ບໍ່ແມ່ນຂອງປອມ"), "km": ("ផលិតផលក្លែងក្លាយ", "មិនក្លែងក្លាយ"),
    "my": ("ဒါ အတု", "ဒါ အတုမဟုတ်"), "ja": ("これは偽物です", "偽物ではありません"), "zh": ("是假货", "不是假货"),
    "ko": ("가품입니다", "가품이 아닙니다"),
}  # fmt: skip


@pytest.mark.parametrize("language", list(languages()))
def test_every_language_complains_and_denies(language: str) -> None:
    claim, denial = _BY_LANGUAGE[language]
    assert len(find_complaints([claim]).found) == 1
    assert find_complaints([denial]).found == ()


_NOT_GENUINE = {
    "cs": "Není to originál", "hu": "Nem eredeti", "ro": "Nu este original", "sv": "Inte äkta", "da": "Ikke original",
    "no": "Ikke ekte", "fi": "Ei ole aito", "el": "Δεν είναι γνήσιο", "uk": "Це не оригінал", "ar": "ليس اصلي",
    "hi": "असली नहीं है", "id": "Tidak asli", "vi": "Không phải chính hãng", "th": "ไม่ใช่ของแท้", "lo": "ບໍ່ແມ່ນຂອງແທ້",
    "km": "មិនមែនពិតប្រាកដ", "my": "အစစ်မဟုတ်ဘူး", "ja": "本物ではない", "zh": "不是正品", "ko": "정품이 아니에요",
}  # fmt: skip


@pytest.mark.parametrize("review", _NOT_GENUINE.values(), ids=_NOT_GENUINE)
def test_denied_genuineness_is_a_complaint(review: str) -> None:
    assert len(find_complaints([review]).found) == 1
