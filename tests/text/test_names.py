"""Names as honest people write them, in every script and spelling: the same brand in titles, claims and price files."""

from __future__ import annotations

import html
import math
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

from logoscan.pricing.cohorts import NEW, Cohort, CurrencyPrices, Effect
from logoscan.pricing.model import PriceModel
from logoscan.pricing.sample import Observed, PriceRecord, PriceSample, sample_prices
from logoscan.text.brand_names import NameIndex, says_no_brand
from logoscan.text.coded_terms import find_coded
from logoscan.text.complaints import find_complaints
from logoscan.text.folding import caseless, fold, shown, unescape
from logoscan.text.languages import is_turkish, languages
from logoscan.text.tokens import joined_by_and, name_key, read_tokens
from logoscan.types import Brand, Listing

LATIN = (
    "Nike", "Adidas", "Apple", "Samsung", "Dyson", "Chanel", "Levi's", "L'Oréal", "H&M", "Jack & Jones", "BMW",
    "Dolce & Gabbana", "Birkenstock", "Jordan", "LC Waikiki", "IKEA", "Müller", "Ørsted", "Łódź", "Nestlé", "Hermès",
    "Marks and Spencer", "Puma", "Gap", "Shell", "Visa", "Swatch", "Rolex", "Barnes & Noble", "In-N-Out", "Pull&Bear",
    "Mercedes-Benz", "Coca-Cola", "Bed Bath & Beyond", "Weiß", "Smørrebrød", "Đakovo",
)  # fmt: skip
OTHERS = {
    "Huawei": ("华为", "華為", "화웨이"), "Uniqlo": ("ユニクロ", "优衣库"), "Nike": ("나이키", "耐克", "ナイキ"),
    "Gucci": ("구찌", "グッチ", "古驰"), "Muji": ("無印良品",), "Nestlé": ("Нестле",), "Samsung": ("سامسونج", "ซัมซุง"),
}  # fmt: skip
REGISTER = NameIndex(
    [Brand(name, aliases=OTHERS.get(name, ())) for name in LATIN]
    + [Brand(name, aliases=aliases) for name, aliases in OTHERS.items() if name not in LATIN]
)
BY_NAME = {spelling: name for name in LATIN for spelling in (name, *OTHERS.get(name, ()))} | {
    alias: name for name, aliases in OTHERS.items() for alias in aliases
}


def kinds(text: str, brand: str, register: NameIndex = REGISTER) -> set[str]:
    return {m.kind for m in register.find(text, "title") if m.brand == brand}


# -- one by one


@pytest.mark.parametrize(
    ("title", "brand"),
    [
        ("高仿Nike运动鞋1:1", "Nike"),
        ("Samsungスマホケース", "Samsung"),
        ("고급 Nike운동화", "Nike"),
        ("Nike의 신발", "Nike"),
        ("华为手机壳", "Huawei"),
        ("正品華為P40", "Huawei"),
        ("ユニクロの服", "Uniqlo"),
        ("メンズユニクロシャツ", "Uniqlo"),
        ("나이키의 신발", "Nike"),
        ("나이키운동화", "Nike"),
        ("정품나이키운동화", "Nike"),
        ("짝퉁구찌 가방", "Gucci"),
        ("구찌를 샀다", "Gucci"),
        ("無印良品の棚", "Muji"),
        ("รองเท้าNikeแท้", "Nike"),
        ("เคสซัมซุงแท้", "Samsung"),
        ("шоколад Нестле", "Nestlé"),
        ("هاتف سامسونج", "Samsung"),
        ("100%正品NIKE耐克", "Nike"),
    ],
)
def test_names_are_found_in_scripts_without_spaces(title: str, brand: str) -> None:
    assert kinds(title, brand) == {"exact"}
    assert max(m.probability for m in REGISTER.find(title, "title")) >= 0.85


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Аdidas", ["аdidas"]),
        ("n〇ke", ["n〇ke"]),
        ("高仿Nike运动鞋", ["高仿", "nike", "运动鞋"]),
        ("Nike운동화", ["nike", fold("운동화")]),
        ("NikeแทGucci", ["nike", "แท", "gucci"]),
    ],
)
def test_only_letters_unlike_latin_ones_end_a_word(text: str, words: list[str]) -> None:
    assert [p.words[0] for p in read_tokens(text).words] == words


def test_a_short_name_in_mid_word_and_one_letter_are_no_mention() -> None:
    register = NameIndex(
        [Brand("Mini", aliases=("미니",)), Brand("Ku", aliases=("酷",)), Brand("As", aliases=("エース",))]
    )
    assert register.find("스미니즈", "title") == []
    assert register.find("最酷的鞋", "title") == []
    assert register.find("ペエースト", "title") == []
    assert kinds("미니를 탄다", "Mini", register) == {"exact"}
    assert kinds("エース", "As", register) == {"exact"}


@pytest.mark.parametrize(
    ("title", "brand"),
    [
        ("replica Birkenstocks 1:1", "Birkenstock"),
        ("red Jordans", "Jordan"),
        ("Nikes Schuhe", "Nike"),
        ("Adidas' neue Schuhe", "Adidas"),
        ("Dyson’s best", "Dyson"),
        ("Rolexes", "Rolex"),
        ("Adidases", "Adidas"),
        ("Nike'ın ayakkabısı", "Nike"),
        ("Samsung’un telefonu", "Samsung"),
        ("BMW'nin", "BMW"),
        ("Nike'a", "Nike"),
        ("Jack & Joneses? no: two Mercedes-Benzes", "Mercedes-Benz"),
    ],
)
def test_inflected_names_are_exact(title: str, brand: str) -> None:
    assert kinds(title, brand) == {"exact"}
    (mention,) = (m for m in REGISTER.find(title, "title") if m.brand == brand)
    assert mention.probability >= 0.6


def test_the_plural_of_a_common_word_is_no_brand_and_one_in_small_letters_is_less_sure() -> None:
    assert REGISTER.find("two apples, gaps, Shells and visas", "title") == []
    sure = {text: REGISTER.find(text, "title")[0].probability for text in ("Pumas", "pumas")}
    assert sure["pumas"] == pytest.approx(0.25 * sure["Pumas"])
    seen = REGISTER.find("PUMAS", 0)[0].probability
    assert seen == pytest.approx(0.5 * sure["Pumas"])


_ANDS = ("&", " & ", " and ", " und ", " et ", " y ", " e ", " en ", " och ", " og ", " ve ", " i ", " и ", "和", " + ",
         " n ", " 'n' ", "&amp;", " &amp; ", "&amp;amp;", " AND ")  # fmt: skip


@pytest.mark.parametrize("sign", _ANDS)
@pytest.mark.parametrize("registered", ["Jack & Jones", "Jack&Jones", "Jack and Jones", "Jack und Jones"])
def test_any_word_for_and_joins_a_name(sign: str, registered: str) -> None:
    register = NameIndex([Brand(registered), Brand("Jackson")])
    assert kinds(f"replica Jack{sign}Jones shirt 1:1", registered, register) == {"exact"}
    assert register.resolve(f"Jack{sign}Jones") == registered


def test_and_joins_nothing_else() -> None:
    assert REGISTER.find("hand m, L.E.I. and h.e.m", "title") == []
    register = NameIndex(map(Brand, ("Air Jordan", "In-N-Out", "H&M", "A&D")))
    assert register.find("air and jordan, in and out", "title") == []
    assert register.find("hand m", "title") == []
    assert kinds("H and M, h e m", "H&M", register) == {"exact"}
    assert joined_by_and("L.E.I.") == joined_by_and("Rock-n-Roll") == ()
    assert joined_by_and("Bed, Bath & Beyond") == ("bed", "bath", "&", "beyond")


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("", ""),
        ("Levi&#39;s &#x27;s", "Levi's 's"),
        ("H&amp;M &amp;amp; &amp;amp;amp;", "H&M & &"),
        ("L&#39;Or&eacute;al", "L'Oréal"),
        ("R&D, H&M &copyright AT&T;", "R&D, H&M &copyright AT&T;"),
        ("a<br>b<p class='x'>c</p>d", "a b c d"),
        ("<b>Nike</b>", "\u200bNike\u200b"),
        ("1 < 2 > 0 <nike>", "1 < 2 > 0 <nike>"),
        ("a<!-- hidden -->b", "a b"),
        ("&#0; &#xD800; &#99999999;", "\ufffd \ufffd &#99999999;"),
    ],
)
def test_html_is_read_as_it_is_shown(text: str, shows: str) -> None:
    assert shown(text) == shows


def test_html_hides_no_name_and_no_coded_term() -> None:
    assert kinds("replica Levi&#39;s jeans 1:1", "Levi's") == {"exact"}
    assert kinds("<p>Buy&nbsp;<b>Nike</b>shoes</p>", "Nike") == {"exact"}
    assert kinds("Ni<b></b>ke", "Nike") == {"near"}
    assert REGISTER.resolve("H&amp;amp;M") == "H&M"
    assert NameIndex([Brand("L&#39;Or&eacute;al")]).resolve("loreal") == "L&#39;Or&eacute;al"
    assert [hit.text for hit in find_coded("1&#58;1 <b>replica</b>")] == ["1:1", "replica"]
    assert find_complaints(["It&#39;s a <b>fake</b>"]).value == find_complaints(["It's a fake"]).value


@pytest.mark.parametrize(
    ("text", "brand"),
    [
        ("lc waıkıkı tişört", "LC Waikiki"),
        ("lc waıkıkı mont", "LC Waikiki"),
        ("LC WAİKİKİ", "LC Waikiki"),
        ("İKEA masa", "IKEA"),
        ("ıkea çanta", "IKEA"),
        ("nıke ayakkabı", "Nike"),
        ("Orsted", "Ørsted"),
        ("ØRSTED", "Ørsted"),
        ("lodz", "Łódź"),
        ("Mueller", "Müller"),
        ("MU\u0308LLER", "Müller"),
        ("WEISS", "Weiß"),
        ("smorrebrod", "Smørrebrød"),
        ("Smoerrebroed", "Smørrebrød"),
        ("Dakovo", "Đakovo"),
        ("LʼOréal", "L'Oréal"),
        ("L´Oréal", "L'Oréal"),
        ("L＇Oreal", "L'Oréal"),
    ],
)
def test_letters_of_a_language_are_no_disguise(text: str, brand: str) -> None:
    assert kinds(text, brand) == {"exact"}


def test_a_dotless_i_alone_is_a_disguise() -> None:
    assert kinds("Nıke replica", "Nike") == kinds("Nıke, new Nıke", "Nike") == {"near"}
    assert not is_turkish("Nıke", "new Nıke shoes")
    assert kinds("Adidaſ", "Adidas") == {"near"}


@pytest.mark.parametrize(
    "text", ["Dｅcker", "Blac\uff4b & Decker", "M\u200bü\u200dller", "Jｏnes and Co", "Birken\u200bstocks", "Rｏlexes"]
)
def test_other_honest_spellings_do_not_excuse_a_disguise(text: str) -> None:
    register = NameIndex(map(Brand, ("Decker", "Black & Decker", "Müller", "Jones & Co", "Birkenstock", "Rolex")))
    found = register.find(text, "title")
    assert found
    assert {m.kind for m in found} == {"near"}


def test_umlauts_written_out_are_the_same_both_ways() -> None:
    register = NameIndex(map(Brand, ("Mueller", "Moeve")))
    assert kinds("Müller Möve", "Mueller", register) == kinds("Müller Möve", "Moeve", register) == {"exact"}


@pytest.mark.parametrize(
    "claim", ["ohne Marke", "Sans marque", "无品牌", "ノーブランド", "markasız", "brak", "sin marca"]
)
def test_no_brand_is_said_in_many_languages(claim: str) -> None:
    assert says_no_brand(claim)


# -- every name in every honest spelling

_CHANGES: dict[str, Callable[[str], str]] = {
    "as it is": lambda name: name,
    "capitals": str.upper,
    "small": str.lower,
    "NFD": lambda name: unicodedata.normalize("NFD", name),
    "typographic apostrophe": lambda name: name.replace("'", "’"),
    "letter apostrophe": lambda name: name.replace("'", "ʼ"),
    "no apostrophe": lambda name: name.replace("'", ""),
    "escaped": lambda name: html.escape(name),
    "escaped twice": lambda name: html.escape(html.escape(name)),
    "numbers": lambda name: "".join(c if c.isascii() and c.isalnum() else f"&#{ord(c)};" for c in name),
    "hexadecimal": lambda name: "".join(c if c.isascii() and c.isalnum() else f"&#x{ord(c):x};" for c in name),
    "and": lambda name: name.replace(" & ", " and ").replace("&", " and "),
    "sign": lambda name: name.replace(" and ", " & "),
    "no gap": lambda name: name.replace(" & ", "&"),
    "spaces": lambda name: name.replace("-", " ") if name != "In-N-Out" else name,
    "hyphens": lambda name: name.replace(" ", "-") if "and" not in name else name,
    "no accents": lambda name: caseless(name) if not name.startswith("ซ") else name,
    "trademark": lambda name: f"{name}™",
    "bold": lambda name: f"<b>{name}</b>",
}  # fmt: skip
_AROUND = ("{}", "new {} 42", "<p>{}</p>", "“{}”", "{}, original", "Buy {}!", "(the {})", "正品 {} 新款", "новый {} 42")


@quick
@given(name=st.sampled_from(sorted(BY_NAME)), change=st.sampled_from(sorted(_CHANGES)), around=st.sampled_from(_AROUND))
def test_every_honest_spelling_is_exact_in_titles_and_one_brand_in_claims_and_prices(
    name: str, change: str, around: str
) -> None:
    spelling = _CHANGES[change](name)
    assert kinds(around.format(spelling), BY_NAME[name]) == {"exact"}, spelling
    assert not [m for m in REGISTER.find(around.format(spelling), "title") if m.kind == "near"]
    assert REGISTER.resolve(spelling) == BY_NAME[name]
    assert name_key(spelling) == name_key(name) != ""
    assert name_key(name_key(name)) == name_key(name)


_ORDINARY = {
    "en": "I bought two apples and an orange in the market|The shells on the beach are white|Please mind the gaps"
    "|We do hope that you like it|How do they fit and look|A new style for men and women|Free shipping on all orders",
    "de": "Wir suchen ein Geschenk für die Mutter|Das Wetter ist heute schön und warm|Große Auswahl an Hosen und Hemden"
    "|Versand am selben Tag möglich|Der Stil passt zu allen Räumen|Bitte achten Sie auf die Größe",
    "fr": "Un cadeau pour la fête des mères|Le style est adapté à tous les âges|Livraison gratuite dès demain"
    "|Une robe et un sac pour l'été|Convient aux enfants et aux parents|Taille et couleur au choix",
    "es": "Regalo para el día de la madre|Camisa y pantalón para niños|Envío gratis a toda la península"
    "|Un estilo para todos los gustos|La tienda está abierta hoy|Compatible con todos los hogares",
    "it": "Un regalo per la festa della mamma|Stile e qualità per tutti|La spedizione è gratuita per gli ordini"
    "|Borsa e scarpe in pelle|Adatto a grandi e piccoli|Il prezzo è molto basso",
    "pt": "Um presente para a mãe e o pai|Frete grátis para todo o país|Sapatos e bolsa da mesma cor|Serve em crianças"
    "|Não disponível hoje|Oferta no site|Ao estilo dos anos vinte",
    "nl": "Een cadeau voor moeder|Gratis verzending voor alle bestellingen|De stijl past bij ieder huis"
    "|Wij zijn vandaag open|Een mooie jas en een broek|Geschikt voor kinderen",
    "pl": "Prezent dla mamy i taty|Darmowa wysyłka do domu|W stylu lat dwudziestych|Buty i torba w jednym kolorze"
    "|Pasuje do każdego wnętrza|Dzisiaj otwarte do wieczora",
    "tr": "Anneler günü için hediye|Kadın ve erkek için ayakkabı|Ücretsiz kargo bugün|Kırmızı çanta ve sarı elbise"
    "|Her eve uyumlu renkler|Yeni tarzı ile çok güzel",
    "sv": "En present till mamma|Passar för barn och vuxna|Fri frakt i dag|Stil och kvalitet för alla",
    "ru": "Подарок для мамы и папы|Бесплатная доставка сегодня|Сумка и обувь в одном цвете|Подходит для детей",
    "ja": "母の日の贈り物|送料無料で今日届く|夏用の帽子と靴|子供に対応した服|和風の部屋に合う",
    "zh": "母亲节礼物包邮|夏天的风很大|适用于所有家庭|新款女包特价|今天发货质量好|中国风连衣裙",
    "cs": "Dárek pro maminku a tatínka|Doprava zdarma do celé republiky|Boty a kabelka v jedné barvě|Vhodné pro děti"
    "|Ve stylu dvacátých let|Není skladem, nová kolekce",
    "hu": "Ajándék anyának és apának|Ingyenes szállítás az egész országban|Cipő és táska egy színben|Gyerekeknek való"
    "|Nem új, de szép állapotban|Minden otthonhoz illik",
    "ro": "Cadou pentru mama și tata|Livrare gratuită în toată țara|Pantofi și geantă în aceeași culoare"
    "|Potrivit pentru copii|Nu este disponibil azi|În stil clasic",
    "da": "En gave til mor og far|Gratis levering i dag|Sko og taske i samme farve|Passer til børn og voksne"
    "|Ikke på lager|I stil med tyverne",
    "no": "En gave til mor og far|Gratis frakt i dag|Sko og veske i samme farge|Passer til barn og voksne"
    "|Ikke på lager",
    "fi": "Lahja äidille ja isälle|Ilmainen toimitus tänään|Kengät ja laukku samassa värissä"
    "|Sopii lapsille ja aikuisille|Ei varastossa juuri nyt|Sopiva joka kotiin|Vanhaan tyyliin tehty pöytä",
    "el": "Δώρο για τη μαμά και τον μπαμπά|Δωρεάν αποστολή σήμερα|Παπούτσια και τσάντα στο ίδιο χρώμα"
    "|Κατάλληλο για παιδιά|Δεν είναι διαθέσιμο|Νίκη της ομάδας",
    "uk": "Подарунок для мами і тата|Безкоштовна доставка сьогодні|Сумка та взуття в одному кольорі|Підходить для дітей"
    "|Немає в наявності|У стилі двадцятих років",
    "ar": "هدية للأم والأب|توصيل مجاني اليوم|حذاء وحقيبة بنفس اللون|مناسب للأطفال والكبار|غير متوفر الآن",
    "hi": "माँ और पिता के लिए उपहार|आज मुफ्त डिलीवरी|जूते और बैग एक ही रंग में|बच्चों के लिए उपयुक्त|अभी उपलब्ध नहीं है",
    "id": "Hadiah untuk ibu dan ayah|Gratis ongkir hari ini|Sepatu dan tas warna sama|Cocok untuk anak dan dewasa"
    "|Tidak tersedia saat ini|Baju gaya lama",
    "vi": "Quà cho mẹ và bố|Miễn phí vận chuyển hôm nay|Giày và túi cùng màu|Phù hợp cho trẻ em|Không có sẵn"
    "|Áo kiểu mới",
    "th": "ของขวัญสำหรับแม่และพ่อ|ส่งฟรีวันนี้|รองเท้าและกระเป๋าสีเดียวกัน|เหมาะสำหรับเด็กและผู้ใหญ่|ไม่มีของตอนนี้",
    "lo": "ຂອງຂວັນສຳລັບແມ່ແລະພໍ່|ສົ່ງຟຣີມື້ນີ້|ເກີບແລະກະເປົາສີດຽວກັນ",
    "km": "អំណោយសម្រាប់ម្តាយនិងឪពុក|ដឹកជញ្ជូនឥតគិតថ្លៃថ្ងៃនេះ|ស្បែកជើងនិងកាបូបពណ៌ដូចគ្នា",
    "my": "အမေနှင့်အဖေအတွက် လက်ဆောင်|ယနေ့အခမဲ့ပို့ဆောင်|ဖိနပ်နှင့်အိတ်အရောင်တူ",
    "ko": "어머니를 위한 선물|오늘 무료 배송|아이용 여름 모자|새로운 스타일의 가방|집에 맞는 색",
}
_OTHER_BRANDS = (
    "Reebok|New Balance|Under Armour|The North Face|Patagonia|Timberland|Calvin Klein|Tommy Hilfiger"
    "|Lacoste|Gucci|Prada|Louis Vuitton|Burberry|Balenciaga|Versace|Dior|Fendi|Omega|Cartier|Tissot|Casio"
    "|Seiko|Swarovski|Pandora|Ray-Ban|Oakley|Sony|Panasonic|Philips|Bosch|Makita|DeWalt|Nespresso"
    "|Starbucks|Nintendo|PlayStation|Lego|Hasbro|Canon|Nikon|Logitech|Garmin|Fitbit|Bose|JBL|Beats|Huawei"
    "|Xiaomi|Lenovo|Intel|Kingston|SanDisk|Duracell|Gillette|Braun|Oral-B|Clinique|Lancôme|Estée Lauder"
    "|Converse|Vans|Crocs|UGG|Dr. Martens|Salomon|Asics|Hoka|Moncler|Supreme|Stüssy|Carhartt|Michael Kors"
    "|Kate Spade|Longchamp|Samsonite|Tupperware|Yeti|Thermos|Black & Decker|Karcher|Michelin|Zara|Mango"
    "|华为|小米|优衣库|耐克|ユニクロ|ナイキ|グッチ|삼성|나이키|구찌|Найк|Самсунг"
)
_WELL_KNOWN = NameIndex(Brand(name) for name in (*LATIN, *_OTHER_BRANDS.split("|")))


def test_every_language_of_the_table_has_ordinary_sentences() -> None:
    assert _ORDINARY.keys() == languages().keys()


@pytest.mark.parametrize(
    ("language", "sentence"),
    [(code, sentence) for code, sentences in _ORDINARY.items() for sentence in sentences.split("|")],
)
def test_ordinary_sentences_mention_no_brand(language: str, sentence: str) -> None:
    for text in (sentence, sentence.upper(), html.escape(sentence), f"<p>{sentence}</p>"):
        assert [(m.brand, m.text) for m in _WELL_KNOWN.find(text, "description")] == [], language


# -- prices


_PRICES = (("L’Oréal", 12.90), ("L'Oreal", 11.90), ("LOREAL", 13.50), ("Nestlé", 3.20), ("Nestle\u0301", 3.10))
_SHIRTS = (("H & M", 19.99), ("H&M", 17.99), ("H and M", 18.99), ("H&amp;M", 16.99))
_ROWS = [PriceRecord(name, price, "EUR", "Cream") for name, price in _PRICES] + [
    PriceRecord(name, price, "EUR", "Shirts") for name, price in _SHIRTS
]


def test_all_spellings_of_a_brand_are_one_cohort(tmp_path: Path) -> None:
    halves = sample_prices(_ROWS[::2], seed=1).merge(sample_prices(_ROWS[1::2], seed=2))
    halves.save(tmp_path / "sample.json")
    for sample in (sample_prices(_ROWS), halves, PriceSample.load(tmp_path / "sample.json")):
        assert len(sample) == len(_ROWS)
        (prices,) = sample.fit()
        assert sorted((c.brand, c.n) for c in prices.cohorts) == [("h & m", 4), ("l'oreal", 3), ("nestle\u0301", 2)]
    model = PriceModel.fit(_ROWS)
    for name in ("L'Oréal", "LOREAL", "L&#39;Or&eacute;al"):
        assert "3 prices" in model.judge(Brand(name), 2.0, "EUR", "Cream").reason


def test_older_price_models_with_a_cohort_for_each_spelling_are_understood(tmp_path: Path) -> None:
    many, few = (
        Cohort("brand+category", brand, "shirts", "EUR", n, median, 0.2, condition=NEW)
        for brand, n, median in (("h & m", 9, 20.0), ("h&m", 2, 90.0))
    )
    effects = (Effect("h & m", 0.1, 0.2, 9), Effect("h&m", 2.0, 0.2, 2))
    prices = CurrencyPrices("EUR", 3.0, 0.2, 0.2, 0.2, effects, (), (many, few), -0.5, 0.1, 0.5, 0.5, 0.5, 2.0)
    PriceModel((prices,)).save(tmp_path / "prices.json")
    model = PriceModel.load(tmp_path / "prices.json")
    for name in ("H&M", "H and M", "h & m"):
        assert f"the usual 20 EUR for {name} shirts (9 prices)" in model.judge(Brand(name), 5.0, "EUR", "Shirts").reason


def test_an_older_sample_with_two_spellings_becomes_one_brand(tmp_path: Path) -> None:
    old = PriceSample()
    for brand in ("h & m", "h&m"):
        key = (brand, None, NEW, "EUR")
        old._spellings[brand] = brand
        old._counts[key] = 300
        old._heaps[key] = [(i / 300, Observed(math.log(20.0))) for i in range(256)]
    old.save(tmp_path / "old.json")
    sample = PriceSample.load(tmp_path / "old.json")
    assert len(sample) == 600
    assert [len(heap) for heap in sample._heaps.values()] == [256]


def test_a_name_of_signs_alone_keeps_its_key() -> None:
    assert name_key("!") == "!"
    assert name_key(" + ") == "+"
    assert len(sample_prices([PriceRecord("!", 1.0, "EUR"), PriceRecord("?", 1.0, "EUR")])._heaps) == 2


@quick
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_unescaped_and_keyed(text: str) -> None:
    assert len(unescape(text)) <= len(text)
    assert unescape(html.escape(html.escape(text))) == unescape(text)
    if text.strip():
        assert name_key(text)
    assert caseless(caseless(text)) == caseless(text)
    assert Listing("a", title=text).title is not None
