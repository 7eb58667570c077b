"""Stored features: what is written is read, or refused with a reason; nothing is lost, doubled or mixed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from builders.features import make_maker, photo_features, write
from hypothesis import given
from hypothesis import strategies as st
from strategies import names, quick

from benchmarks.common.feature_cache import same_features
from logoscan.errors import CorruptFileError, InputError, MismatchError
from logoscan.images.boxes import area
from logoscan.results import ImageRecord
from logoscan.store.find import find_by_vectors
from logoscan.store.keypoints import KEYPOINT_BYTES, decode_keypoints, encode_keypoints
from logoscan.store.maker import Maker
from logoscan.store.part_writer import StoreSettings
from logoscan.store.reader import FeatureStore
from logoscan.store.schema import COLUMNS, schema
from logoscan.store.vectors import VectorCodec, read_codebook, train_codebook, write_codebook
from logoscan.store.writer import FeatureWriter
from logoscan.text.contacts import redact
from logoscan.types import Listing, Regions, TextSpans, UnreadReason
from logoscan.vision.features import PhotoFeatures
from logoscan.vision.sift import Keypoints

pytest.importorskip("pyarrow")

DIM = 13
UNREADABLE: UnreadReason = "unreadable"


def photo(seed: int, regions: int = 2, *, dim: int = DIM, warning: str | None = None) -> PhotoFeatures:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(regions, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    boxes = Regions(np.tile(np.array([[0, 0, 9, 9]], np.float32), (regions, 1)), np.full(regions, 0.5, np.float32))
    record = ImageRecord(f"{seed}.png", f"{seed:064x}", 60, 80)
    return PhotoFeatures(record, boxes, vectors, TextSpans.empty(), Keypoints.empty(), warning)


def expected(features: PhotoFeatures, codec: VectorCodec, *, text: bool) -> PhotoFeatures:
    """What a store gives back: vectors in its precision, and text only where it is kept, without contacts."""
    spans = replace(features.spans, texts=tuple(map(redact, features.spans.texts)))
    if not text:
        blank = [row for row, line in enumerate(spans.texts) if not line.strip()]
        read = [row for row in range(len(spans)) if row not in blank]
        empty = TextSpans.empty()
        spans = TextSpans(
            empty.polygons,
            empty.texts,
            empty.confidence,
            np.concatenate([spans.xyxy[blank], spans.unread_xyxy]),
            (*[None] * len(blank), *spans.unread_scripts),
            (*(UNREADABLE,) * len(blank), *spans.unread_reasons),
            float(area(np.unique(spans.xyxy[read], axis=0)).sum()),
        )
    vectors, mirrored = (codec.decode(codec.encode(v)) for v in (features.vectors, features.mirrored))
    return replace(features, vectors=vectors, mirrored=mirrored, spans=spans)


@quick
@given(st.dictionaries(names, st.lists(photo_features(), min_size=1, max_size=3), max_size=3), st.booleans())
def test_what_is_written_is_read(listings: dict[str, list[PhotoFeatures]], text: bool) -> None:
    with TemporaryDirectory() as folder:
        write(Path(folder), listings, text=text)
        store = FeatureStore(folder)
        stored = dict(store.listings())
        assert list(stored) == list(listings)
        codec = VectorCodec(DIM)
        for listing_id, photos in listings.items():
            assert [p.position for p in stored[listing_id]] == list(range(len(photos)))
            for one, of_store in zip(photos, stored[listing_id], strict=True):
                want = expected(one, codec, text=text)
                differing = [
                    f.name
                    for f in fields(PhotoFeatures)
                    if not same_features(getattr(of_store.features, f.name), getattr(want, f.name))
                ]
                assert differing == []
                assert of_store.read_lines == len(one.spans.first_readings())
                assert of_store.text_missing == (bool(len(one.spans)) and not text)
            assert same_features(
                tuple(p.features for p in store.photos_of(listing_id)), tuple(p.features for p in stored[listing_id])
            )


@quick
@given(st.integers(0, 9999), st.integers(0, 1400), st.integers(0, 3))
def test_keypoints_come_back_nearly_as_they_were(seed: int, count: int, regions: int) -> None:
    rng = np.random.default_rng(seed)
    frames = (rng.uniform(size=(count, 4)) * [600, 400, 60, 2 * np.pi] + [0, 0, 0.5, 0]).astype(np.float32)
    descriptors = rng.integers(0, 60, (count, 128)).astype(np.uint8)
    half = Regions(np.array([[0, 0, 300, 400]] * regions, np.float32).reshape(-1, 4), np.full(regions, 0.5, np.float32))
    data = encode_keypoints(Keypoints(frames, descriptors, (600, 400)), half)
    back = decode_keypoints(data, (600, 400))
    assert len(data) == KEYPOINT_BYTES * len(back) == KEYPOINT_BYTES * min(count, 800)
    if count <= 800:
        off = back.frames - frames
        assert np.abs(off[:, :2]).max(initial=0) < 0.01
        assert np.abs(np.log(back.frames[:, 2] / frames[:, 2])).max(initial=0) < 0.03
        assert np.abs((off[:, 3] + np.pi) % (2 * np.pi) - np.pi).max(initial=0) < 0.02
    elif regions:
        inside = int((frames[:, 0] <= 300).sum())
        assert (back.frames[:, 0] <= 300.01).sum() == min(inside, 800)
    again = decode_keypoints(encode_keypoints(back, half), (600, 400))
    assert np.array_equal(again.frames, back.frames)


def test_keypoints_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="expected 38 bytes each, got 13 bytes"):
        decode_keypoints(b"x" * 13, (1, 1))


def test_stores_with_and_without_keypoints_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path, {"a": [photo(1)]})
    bare = StoreSettings(keep_text=True, keep_keypoints=False)
    with pytest.raises(MismatchError, match=r"keypoints are kept by .*, now not kept"):
        FeatureWriter(tmp_path, make_maker(), bare).__enter__()
    with FeatureWriter(tmp_path / "other", make_maker(), bare) as writer:
        writer.add("b", [photo(2)])
    with pytest.raises(MismatchError, match="keypoints are"):
        FeatureStore(tmp_path)


def test_an_empty_store_is_empty(tmp_path: Path) -> None:
    write(tmp_path, {})
    store = FeatureStore(tmp_path)
    assert (store.empty, len(store), list(store.photos()), store.photos_of("a")) == (True, 0, [], [])
    assert list(store.paired([Listing("a")])) == [(Listing("a"), [])]
    with pytest.raises(InputError, match="expected stored features, got none"):
        _ = store.maker
    with pytest.raises(InputError, match="expected a folder of stored features"):
        FeatureStore(tmp_path / "nowhere")


def test_the_schema_is_documented() -> None:
    assert schema(26).names == list(COLUMNS)
    assert all(text.endswith(".") for text in COLUMNS.values())


@pytest.mark.parametrize(
    "change",
    [
        {"encoder_description": "other fp32"},
        {"detector_description": "other"},
        {"ocr": None},
        {"effort": "full"},
        {"version": "9"},
        {"detector_fingerprint": "0"},
    ],
)
def test_features_of_another_maker_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    write(tmp_path, {"a": [photo(1)]})
    other = replace(make_maker(), **change)
    name, value = next(iter(change.items()))
    with (
        pytest.raises(MismatchError, match=r"made by other models .*, now ") as caught,
        FeatureWriter(tmp_path, other, StoreSettings(keep_text=True)),
    ):
        pass
    assert repr(value or "none") in str(caught.value)
    assert repr(getattr(make_maker(), name)) in str(caught.value)


def test_a_folder_of_two_makers_is_not_read(tmp_path: Path) -> None:
    write(tmp_path / "one", {"a": [photo(1)]})
    other = replace(make_maker(), effort="full")
    with FeatureWriter(tmp_path / "two", other, StoreSettings(keep_text=True)) as writer:
        writer.add("b", [photo(2)])
    with pytest.raises(MismatchError, match="effort 'default', now 'full'"):
        FeatureStore(tmp_path)


def test_full_and_quantised_vectors_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path, {"a": [photo(1)]})
    with pytest.raises(MismatchError, match="stored as int8, now pq"):
        write(tmp_path, {"b": [photo(2)]}, quantise=True)


def damage_end(data: bytes) -> bytes:
    return data[:-20]


def damage_middle(data: bytes) -> bytes:
    at = data.index(b"1.png")
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def damage_seal(data: bytes) -> bytes:
    return data.replace(b"default", b"defaulx")


@pytest.mark.parametrize("damage", [damage_end, damage_middle, damage_seal, lambda data: b"", lambda data: b"PAR1 x"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    write(tmp_path, {"a": [photo(1)]})
    file = tmp_path / "part-000001.parquet"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CorruptFileError, match=r"part-000001\.parquet"):
        list(FeatureStore(tmp_path).photos())


def crash(folder: Path, photos: dict[str, list[PhotoFeatures]]) -> None:
    """A writer that adds photos, twice over, and then fails."""
    with suppress(KeyError), FeatureWriter(folder, make_maker(text=False)) as writer:
        for listing_id, features in photos.items():
            assert writer.add(listing_id, features)
            assert not writer.add(listing_id, features)
        raise KeyError


def test_a_restart_goes_on_where_a_crash_was(tmp_path: Path) -> None:
    crash(tmp_path, {"a": [photo(1), photo(2)]})
    (spool,) = tmp_path.glob(".*.spool")
    assert list(tmp_path.glob("*.parquet")) == []
    assert FeatureStore(tmp_path).empty
    with spool.open("ab") as file:  # a block that the crash tore
        file.write(b"\0" * 7 + b"\xff" * 50)
    with FeatureWriter(tmp_path, make_maker(text=False)) as writer:
        assert "a" in writer
        assert not writer.add("a", [photo(1), photo(2)])
        assert writer.add("b", [photo(3)])
    with FeatureWriter(tmp_path, make_maker(text=False)) as writer:
        assert not writer.add("b", [photo(3)])
        assert writer.add("c", [photo(4)])
    store = FeatureStore(tmp_path)
    assert [(p.listing_id, p.position) for p in store.photos()] == [("a", 0), ("a", 1), ("b", 0), ("c", 0)]
    assert list(tmp_path.glob(".*.spool")) == list(tmp_path.glob(".*.tmp")) == []


def test_a_spool_of_another_maker_is_refused(tmp_path: Path) -> None:
    crash(tmp_path, {"a": [photo(1)]})
    other = replace(make_maker(text=False), effort="full")
    with pytest.raises(MismatchError, match="effort"), FeatureWriter(tmp_path, other):
        pass


def test_two_writers_are_refused(tmp_path: Path) -> None:
    with (
        FeatureWriter(tmp_path, make_maker(text=False)),
        pytest.raises(InputError, match="another process is writing"),
        FeatureWriter(tmp_path, make_maker(text=False)),
    ):
        pass


def test_the_photos_of_a_changed_listing_are_those_stored_last(tmp_path: Path) -> None:
    maker = make_maker(text=False)
    with FeatureWriter(tmp_path, maker, part_photos=3) as writer:
        for i in range(4):
            writer.add(f"L{i}", [photo(i)])
        writer.add("L3", [photo(7), photo(8)])
        writer.add("L0", [photo(9)])
    store = FeatureStore(tmp_path)
    assert len(store.files) == 3
    last = {listing_id: [p.features.record.file for p in photos] for listing_id, photos in store.listings()}
    assert last == {"L1": ["1.png"], "L2": ["2.png"], "L3": ["7.png", "8.png"], "L0": ["9.png"]}
    assert {i: [p.features.record.file for p in store.photos_of(i)] for i in last} == last
    assert len(store) == 4


def test_what_could_not_be_looked_at_is_stored_as_such(tmp_path: Path) -> None:
    broken = replace(photo(1, 0), record=ImageRecord("x", None, None, None), warning="x: no such image file")
    over = replace(photo(2, 0), record=ImageRecord("y", None, None, None), passed_over=True)
    write(tmp_path, {"a": [broken, over]})
    one, two = (p.features for p in FeatureStore(tmp_path).photos_of("a"))
    assert (one.warning, one.complete, two.passed_over, two.complete) == ("x: no such image file", False, True, False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"record": ImageRecord(None, "abc", 1, 1)}, "ImageRecord.sha256: expected 64"),
        ({"record": ImageRecord(None, None, 1, 1, "0" * 64)}, "PhotoFeatures.photo_hash"),
        ({"vectors": np.ones((2, 5), np.float32)}, r"PhotoFeatures.vectors: expected float32 \(n, 13\)"),
    ],
)
def test_features_that_cannot_be_stored_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write(tmp_path, {"a": [replace(photo(1), **change)]})


# -- quantised vectors


def test_quantised_vectors_are_near_and_the_codebook_is_sealed(tmp_path: Path) -> None:
    write(tmp_path, {f"L{i}": [photo(i % 5)] for i in range(40)}, quantise=True)
    store = FeatureStore(tmp_path)
    assert store.codec.width == 2
    for i in (0, 4, 39):
        (stored,) = store.photos_of(f"L{i}")
        cosines = (stored.features.vectors * photo(i % 5).vectors).sum(axis=1)
        assert cosines == pytest.approx(1, abs=0.02)
    book = tmp_path / "codebook.npz"
    write(tmp_path, {"more": [photo(3)]}, quantise=True)
    other = train_codebook(photo(99, 9).vectors)
    write_codebook(book, other)
    with pytest.raises(CorruptFileError, match=r"codebook\.npz: expected the codebook"):
        FeatureStore(tmp_path)
    book.unlink()
    with pytest.raises(CorruptFileError, match=r"codebook\.npz: missing"):
        FeatureStore(tmp_path)


@pytest.mark.parametrize("regions", [0, 1])
def test_a_large_file_of_few_vectors_is_compared_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, regions: int
) -> None:
    monkeypatch.setattr("logoscan.store._part_index.APPROXIMATE_FROM", 50)
    write(tmp_path, {f"L{i}": [photo(i, regions * (i < 5))] for i in range(60)})
    query = photo(3, 1).vectors
    assert [one.listing_id for one in find_by_vectors(FeatureStore(tmp_path), query, 0.99, 9)] == ["L3"] * regions


def test_a_codebook_can_be_given_and_another_is_refused(tmp_path: Path) -> None:
    given_file, other_file = tmp_path / "given.npz", tmp_path / "other.npz"
    write_codebook(given_file, train_codebook(photo(1, 30).vectors))
    write_codebook(other_file, train_codebook(photo(2, 30).vectors))
    maker = make_maker(text=False)
    with FeatureWriter(tmp_path / "s", maker, StoreSettings(True, given_file)) as writer:
        writer.add("a", [photo(1)])
    store = FeatureStore(tmp_path / "s")
    assert store.codec.codebook is not None
    assert store.codec.codebook.sha256 == read_codebook(given_file).sha256
    with (
        pytest.raises(MismatchError, match="the codebook is"),
        FeatureWriter(tmp_path / "s", maker, StoreSettings(True, other_file)),
    ):
        pass
    (tmp_path / "bad.npz").write_bytes(b"PK no")
    with pytest.raises(CorruptFileError, match="expected a codebook"):
        read_codebook(tmp_path / "bad.npz")


def test_codes_are_those_of_a_plain_search() -> None:
    vectors = photo(5, 200, dim=64).vectors
    book = train_codebook(vectors)
    codes = book.encode(vectors)
    assert book.centroids.shape == (3, 256, 16)  # the widest three quarters of the axes
    rotated = ((vectors - book.mean) @ book.rotation).reshape(200, 3, 1, 16)
    distance = ((rotated - book.centroids[None]) ** 2).sum(axis=3)
    chosen = np.take_along_axis(distance, codes[:, :3, None].astype(np.int64), axis=2)[..., 0]
    assert chosen == pytest.approx(distance.min(axis=2), abs=1e-5)
    assert book.rotation.T @ book.rotation == pytest.approx(np.eye(48), abs=1e-4)
    assert (book.decode(codes) * vectors).sum(axis=1).mean() > 0.9
    assert book.decode(codes[:0]).shape == (0, 64)
    assert book.encode(vectors[:0]).shape == (0, 4)


def test_a_maker_names_its_models() -> None:
    words = make_maker().in_words()
    assert words["detector"] == "fake@" + "fa4e" * 4
    assert (words["ocr"], words["text"]) == ("fake", "kept")
    assert isinstance(make_maker(), Maker)
