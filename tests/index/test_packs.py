"""Brand packs: what they change, what must be accepted, and that they are taken back to the last bit."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.packs import EXPIRES, brand_folder, key, pack_at, trust_of
from fakes import BLACK, BLUE, GREEN, RED, WHITE, YELLOW, FakeEncoder, quarters
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

pytest.importorskip("securesystemslib")

from logoscan.errors import CorruptFileError, InputError, VettingError
from logoscan.index.logo_index import LogoIndex
from logoscan.index.pack_changes import apply_pack, diff_pack, rollback
from logoscan.index.pack_keys import Trust, TrustedKey, generate_key, load_key
from logoscan.index.pack_records import PackEvent, TrademarkRight
from logoscan.index.packs import Pack, read_pack, sign_pack
from logoscan.index.vet import CONFLICTS
from logoscan.types import Brand, UsualPrice

ACME, BOLT, CORE = quarters(RED, WHITE, BLUE, YELLOW), quarters(GREEN, RED, WHITE, RED), quarters(BLUE, RED, BLUE, RED)
FACTS: dict[str, Any] = {
    "aliases": ["Acme Pro"],
    "authorised_sellers": ["good"],
    "usual_prices": [{"currency": "EUR", "low": 80, "high": 120}],
    "rights": [{"office": "EUIPO", "number": "018 123", "nice_classes": [25]}],
}


def shop() -> LogoIndex:
    index = LogoIndex(FakeEncoder())
    index.add_many([(Brand("Bolt"), [("b.png", BOLT)]), (Brand("Acme"), [("a.png", ACME)])])
    return index


def pack(index: LogoIndex, *fields: str, logos: dict[str, bytes] | None = None, **facts: Any) -> Pack:
    """The next pack of Acme, as if it had been verified."""
    current = index.packs.current("Acme")
    version = 1 if current is None else current.version + 1
    brand = Brand("Acme", **facts)
    return Pack(brand, version, None if current is None else current.sha256, EXPIRES, f"{version:064x}",
                tuple(sorted({*fields, *facts})), logos=logos or {})  # fmt: skip


def apply(index: LogoIndex, one: Pack) -> None:
    apply_pack(index, one, accept=[change.name for change in diff_pack(index, one).widening])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    brand_folder(tmp_path / "acme", {"a.png": ACME, "neg.png": CORE}, negatives=["neg.png"], **FACTS)
    return tmp_path


def test_a_pack_is_made_read_applied_saved_and_taken_back(files: Path) -> None:
    signer, public = key(files)
    read = read_pack(pack_at(files / "acme", files / "1.pack", signer), trust_of(public))
    assert (read.brand.aliases, read.version, list(read.logos)) == (("Acme Pro",), 1, ["a.png"])
    assert read.rights == (TrademarkRight("EUIPO", "018 123", nice_classes=(25,)),)
    index = LogoIndex(FakeEncoder())
    index.add("Bolt", [("b.png", BOLT)])
    before = index.fingerprint
    diff = diff_pack(index, read)
    kinds = [change.name.split(":")[0] for change in diff.widening]
    assert kinds == ["logo", "brand", "alias", "seller", "price", "negative", "right"]
    assert index.fingerprint == before, "a comparison changes nothing"
    apply(index, read)
    index.save(files / "index")
    again = LogoIndex.load(files / "index", FakeEncoder())
    assert again.fingerprint == index.fingerprint
    assert again.pack_words("Acme") == (
        f"{read.name}: aliases, authorised_sellers, logos, negatives, rights, usual_prices",
    )
    assert again.packs.rights(again.brands[0]) == read.rights
    assert rollback(again, "Acme", 0) == (1,)
    assert again.fingerprint == before
    assert again.pack_words("Acme") == ()
    assert [event.kind for event in again.packs.events] == ["apply", "rollback"]


def test_equal_folders_make_equal_packs_but_for_the_key(files: Path) -> None:
    signer, _ = key(files)
    one, two = (pack_at(files / "acme", files / name, signer).read_bytes() for name in ("1.pack", "2.pack"))
    assert one == two


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({"aliases": ("Acme Pro",)}, ["alias:Acme Pro"]),
        ({"authorised_sellers": ("s1",)}, ["seller:s1"]),
        ({"origins": ("IT",)}, ["origin:IT"]),
        ({"usual_prices": (UsualPrice("EUR", 80, 120),)}, ["price:all 80-120 EUR"]),
        ({"facts": {"material": "silk"}}, ["fact:material: silk"]),
    ],
)
def test_what_widens_must_be_accepted_by_name(facts: dict[str, Any], names: list[str]) -> None:
    index = shop()
    one = pack(index, **facts)
    before = index.fingerprint
    with pytest.raises(VettingError, match="to be accepted by name") as caught:
        apply_pack(index, one)
    assert list(caught.value.conflicts) == names
    assert index.fingerprint == before
    with pytest.raises(InputError, match="expected names of changes of Acme 1"):
        apply_pack(index, one, accept=[*names, "alias:*"])
    apply_pack(index, one, accept=names)
    assert index.packs.events[0].accepted == tuple(names)


def test_what_narrows_need_not_be_accepted() -> None:
    index = shop()
    apply(index, pack(index, authorised_sellers=("s1",), aliases=("Acme Pro", "Acme Lite"),
                      usual_prices=(UsualPrice("EUR", 50, 200),)))  # fmt: skip
    narrower = pack(index, authorised_sellers=("s1", "s2"), aliases=("Acme Pro",),
                    usual_prices=(UsualPrice("EUR", 60, 150),))  # fmt: skip
    assert diff_pack(index, narrower).widening == ()
    assert len(diff_pack(index, narrower).changes) == 4
    apply_pack(index, narrower)
    gone = pack(index, authorised_sellers=("s2",))
    assert [change.name for change in diff_pack(index, gone).widening] == ["seller:s1"]


def png(rgb: np.ndarray[Any, Any]) -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "PNG")
    return out.getvalue()


def test_each_new_logo_must_be_accepted_and_those_like_another_brands_come_first() -> None:
    index = shop()
    near = quarters(GREEN, RED, WHITE, (215, 35, 35))
    one = pack(index, "logos", logos={"a.png": png(ACME), "b.png": png(near), "c.png": png(CORE)})
    diff = diff_pack(index, one)
    whys = {change.name: change.why for change in diff.widening}
    assert list(whys) == ["logo:Acme/a.png", "logo:Acme/b.png", "logo:Acme/c.png"]
    assert "Bolt/b.png" in whys["logo:Acme/b.png"]
    assert "cosine" not in whys["logo:Acme/a.png"]
    with pytest.raises(VettingError, match=r"logo:Acme/b\.png"):
        apply_pack(index, one, accept=["logo:Acme/a.png", "logo:Acme/c.png"])
    apply_pack(index, one, accept=list(whys))
    assert diff_pack(index, pack(index, "logos", logos={"a.png": png(ACME), "b.png": png(near)})).widening == ()


def test_a_photo_as_a_logo_is_warned_of() -> None:
    index = shop()
    paper = np.full((64, 64, 3), 255, np.uint8)
    paper[16:48, 16:48] = quarters(RED, BLUE, BLUE, BLACK)
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    one = pack(index, "logos", logos={"b.png": png(paper), "c.png": png(photo)})
    warned = {change.name: change.warned for change in diff_pack(index, one).widening}
    assert warned == {"logo:Acme/c.png": True, "logo:Acme/b.png": False}
    assert next(iter(warned)) == "logo:Acme/c.png"


def test_an_svg_is_a_logo_and_a_broken_picture_is_told() -> None:
    index = shop()
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="4" height="9"/></svg>'
    one = pack(index, "logos", logos={"m.svg": svg, "x.png": b"no picture"})
    diff = diff_pack(index, one)
    assert {change.name for change in diff.changes} == {"logo:Acme/a.png", "logo:Acme/m.svg"}
    assert len(diff.warnings) == 1
    assert "Acme/x.png: not registered" in diff.warnings[0]


def test_official_photos_that_many_sellers_use_must_be_accepted() -> None:
    index = shop()
    one = Pack(Brand("Acme", official_photos=("p.jpg",)), 1, None, EXPIRES, "1" * 64, ("official_photos",),
               official_photos={"p.jpg": "0f" * 32})  # fmt: skip
    assert diff_pack(index, one, photo_users=lambda _: 20).widening == ()
    found = diff_pack(index, one, photo_users=lambda _: 21).widening
    assert [change.name for change in found] == ["photo:p.jpg"]


def test_a_pack_takes_no_other_brands_name() -> None:
    index = shop()
    with pytest.raises(VettingError, match="spelt like a name of 'Bolt'"):
        diff_pack(index, pack(index, aliases=("BOLT",)))


def test_a_reason_forces_an_old_pack_and_stands_in_the_journal() -> None:
    index = shop()
    one = pack(index, aliases=())
    late = datetime(2100, 1, 1, tzinfo=UTC)
    with pytest.raises(VettingError, match="expired on 2099-12-31"):
        apply_pack(index, one, now=late)
    apply_pack(index, one, now=late, force="the owner is on holiday")
    assert index.packs.events[-1].reason == "the owner is on holiday"
    again = pack(index, aliases=())
    with pytest.raises(VettingError, match="is not above 1"):
        apply_pack(index, Pack(again.brand, 1, again.previous, EXPIRES, "2" * 64, again.fields))


def test_the_platforms_own_changes_are_not_the_packs_word() -> None:
    index = shop()
    apply(index, pack(index, "logos", logos={"a.png": png(ACME)}, aliases=("Acme Pro",)))
    index.add("Acme", [("own.png", CORE)])
    index.add(Brand("Acme", ("Acme Own",)), allow=CONFLICTS)
    words = index.pack_words("Acme")
    assert len(words) == 1
    assert words[0].endswith(": logos")
    state = index.packs
    sha256 = {r.id: r.sha256 for r in index.logos}
    assert state.of_logo("Acme", "Acme/own.png", sha256["Acme/own.png"]) is None
    assert state.of_logo("Acme", "Acme/a.png", sha256["Acme/a.png"]) is not None


def test_only_versions_before_can_be_gone_back_to() -> None:
    index = shop()
    for number in range(7):
        apply(index, pack(index, aliases=(f"Acme {number}",)))
    with pytest.raises(InputError, match="expected one before the pack"):
        rollback(index, "Acme", 7)
    with pytest.raises(InputError, match="too old to be taken back"):
        rollback(index, "Acme", 1)
    assert rollback(index, "Acme", 2) == (7, 6, 5, 4, 3)
    assert index.brand("Acme") == Brand("Acme", ("Acme 1",))
    with pytest.raises(InputError, match=r"\(none\), got 0"):
        rollback(index, "Bolt", 0)


PICTURES = {f"{n}.png": png(quarters(*[tuple(c) for c in np.random.default_rng(n).integers(0, 256, (4, 3)).tolist()]))
            for n in range(5)}  # fmt: skip
TEXTS = st.lists(st.sampled_from(["one", "two", "three"]), unique=True, max_size=3).map(tuple)


@given(st.lists(st.tuples(
    st.sets(st.sampled_from(["logos", "aliases", "authorised_sellers", "facts"]), min_size=1),
    st.sets(st.sampled_from(sorted(PICTURES))), TEXTS), min_size=1, max_size=4))  # fmt: skip
@quick
def test_any_packs_are_taken_back_to_the_last_bit(packs: list[tuple[set[str], set[str], tuple[str, ...]]]) -> None:
    index = shop()
    prints, shared = [index.fingerprint], [index.shared_logos]
    for fields, logos, words in packs:
        facts: dict[str, Any] = {"authorised_sellers": words} if "authorised_sellers" in fields else {}
        facts |= {"aliases": tuple(f"acme {word}" for word in words)} if "aliases" in fields else {}
        facts |= {"facts": dict.fromkeys(words, "x")} if "facts" in fields else {}
        chosen = {name: PICTURES[name] for name in logos} if "logos" in fields else {}
        apply(index, pack(index, *fields, logos=chosen, **facts))
        prints.append(index.fingerprint)
        shared.append(index.shared_logos)
    for version in reversed(range(len(packs))):
        rollback(index, "Acme", version)
        assert index.fingerprint == prints[version]
        assert index.shared_logos == shared[version]


def test_two_keys_must_sign_where_two_are_asked_for(files: Path) -> None:
    (one, first), (two, second) = key(files, "one"), key(files, "two")
    trust = Trust(trust_of(first, second).keys, {"Acme": 2})
    path = pack_at(files / "acme", files / "1.pack", one)
    with pytest.raises(InputError, match="expected the signatures of 2 of the 2 keys"):
        read_pack(path, trust)
    sign_pack(path, one)
    with pytest.raises(InputError, match="got 1"):
        read_pack(path, trust)
    sign_pack(path, two)
    assert len(read_pack(path, trust).signers) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"public": "xyz"}, "TrustedKey.public: expected 64 hex digits"),
        ({"keyid": "1" * 64}, "TrustedKey.keyid: expected"),
        ({"fields": ("vectors",)}, "TrustedKey: expected brands, and fields"),
        ({"until": "soon"}, "TrustedKey.until: expected an ISO 8601"),
    ],
)
def test_wrong_trust_is_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    public = generate_key(tmp_path / "k.pem")
    values: dict[str, Any] = {**public, "brands": ("Acme",), "fields": ("logos",), "until": EXPIRES, **change}
    with pytest.raises(InputError, match=why):
        TrustedKey(**values)


def test_files_of_trust_and_keys_are_checked(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("-----BEGIN PRIVATE KEY-----\nsecret words\n-----END PRIVATE KEY-----\n")
    with pytest.raises(CorruptFileError) as caught:
        load_key(tmp_path / "bad.pem")
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="expected a new file"):
        generate_key(tmp_path / "bad.pem")
    (tmp_path / "trust.json").write_text("[")
    with pytest.raises(CorruptFileError, match="not JSON"):
        Trust.load(tmp_path / "trust.json")
    (tmp_path / "trust.json").write_text(json.dumps({"thresholds": {"Acme": 0}}))
    with pytest.raises(InputError, match="expected 1 to 16 for 'Acme'"):
        Trust.load(tmp_path / "trust.json")
    assert (tmp_path / "bad.pem").stat().st_mode & 0o777


def test_events_are_unicode() -> None:
    with pytest.raises(InputError, match="lone surrogate"):
        PackEvent("2026-01-01", "apply", "Acme", 1, "0" * 64, reason="\ud800")
