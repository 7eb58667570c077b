"""Hostile brand packs: forged, replayed, stuffed and swollen. None is accepted, and nothing is written."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from builders.packs import brand_folder, key, pack_at, trust_of
from fakes import BLUE, GREEN, RED, WHITE, YELLOW, FakeEncoder, quarters

from logoscan._hashing import sha256_hex
from logoscan.errors import LogoscanError
from logoscan.index._pack_zip import BRAND, MANIFEST, read_members, write_members
from logoscan.index.logo_index import LogoIndex
from logoscan.index.pack_changes import apply_pack, diff_pack
from logoscan.index.pack_keys import Trust, canonical, signing
from logoscan.index.packs import read_pack

ACME, BOLT, CORE = quarters(RED, WHITE, BLUE, YELLOW), quarters(GREEN, RED, WHITE, RED), quarters(BLUE, RED, BLUE, RED)


class Shop:
    """A platform with an index of Acme (by a pack, version 1) and Bolt, its trust, and what owners and thieves have."""

    def __init__(self, folder: Path) -> None:
        """Make everything in an empty folder."""
        self.folder = folder
        self.signer, public = key(folder)
        self.thief, thief = key(folder, "thief")
        self.bolt, bolt = key(folder, "bolt")
        self.old, old = key(folder, "old")
        self.poor, poor = key(folder, "poor")
        keys = (
            *trust_of(public).keys,
            *trust_of(bolt, brands=("Bolt",)).keys,
            *trust_of(old, until="2020-01-01").keys,
            *trust_of(poor, fields=("facts",)).keys,
        )
        self.trust = Trust(keys)
        assert thief["keyid"] not in {one.keyid for one in keys}
        self.brand = brand_folder(folder / "acme", {"a.png": ACME}, aliases=["Acme Pro"])
        self.first = pack_at(self.brand, folder / "1.pack", self.signer)
        self.index = LogoIndex(FakeEncoder())
        self.index.add("Bolt", [("b.png", BOLT)])
        self.accept_all(self.first)
        self.index.save(folder / "index")
        self.index = LogoIndex.load(folder / "index", FakeEncoder())

    def accept_all(self, path: Path, trust: Trust | None = None) -> None:
        """Apply a pack with all that it widens, as an operator does who looks at nothing."""
        pack = read_pack(path, trust or self.trust)
        apply_pack(self.index, pack, accept=[change.name for change in diff_pack(self.index, pack).changes])

    def next(self, out: str = "2.pack", signer: Any = None, **changes: Any) -> Path:
        """The next pack of Acme."""
        changes.setdefault("previous", self.first)
        version = changes.pop("version", 2)
        return pack_at(self.brand, self.folder / out, signer or self.signer, version, **changes)

    def rebuilt(self, change: Callable[[dict[str, bytes]], Mapping[str, bytes]]) -> Path:
        """The next pack with other members, put together by somebody without a key."""
        members = read_members(self.next().read_bytes(), "pack")
        path = self.folder / "rebuilt.pack"
        path.write_bytes(write_members(change(dict(members))))
        return path

    def signed(self, change: Callable[[dict[str, Any]], Any], signer: Any = None, kind: str | None = None) -> Path:
        """The next pack with another manifest, signed by a key."""
        members = read_members(self.next().read_bytes(), "pack")
        envelope = json.loads(members[MANIFEST])
        payload = json.loads(base64.b64decode(envelope["payload"]))
        changed = change(payload)
        data = changed if isinstance(changed, bytes) else canonical(payload if changed is None else changed)
        made = signing()[0].Envelope(data, kind or envelope["payloadType"], {})
        made.sign(signer or self.signer)
        path = self.folder / "signed.pack"
        path.write_bytes(write_members({**members, MANIFEST: canonical(made.to_dict())}))
        return path

    def raw(self, write: Callable[[zipfile.ZipFile, dict[str, bytes]], None]) -> Path:
        """The next pack as a zip that another program wrote."""
        members = read_members(self.next().read_bytes(), "pack")
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            write(archive, members)
        path = self.folder / "raw.pack"
        path.write_bytes(memory.getvalue())
        return path

    def bytes(self, change: Callable[[bytes], bytes]) -> Path:
        """The next pack with other bytes."""
        path = self.next()
        path.write_bytes(change(path.read_bytes()))
        return path


def _rewritten(members: dict[str, bytes], facts: Mapping[str, Any]) -> dict[str, bytes]:
    return {**members, BRAND: canonical({**json.loads(members[BRAND]), **facts})}


def _envelope(members: dict[str, bytes], change: Callable[[dict[str, Any]], Any]) -> dict[str, bytes]:
    envelope = json.loads(members[MANIFEST])
    changed = change(envelope)
    return {**members, MANIFEST: changed if isinstance(changed, bytes) else canonical(envelope)}


def _no_signatures(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = []


def _other_signature(envelope: dict[str, Any]) -> None:
    envelope["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()


def _many_signatures(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = [{**envelope["signatures"][0], "keyid": f"{i:064x}"} for i in range(1000)]


def _twice_signed(envelope: dict[str, Any]) -> None:
    envelope["signatures"] *= 2


def _spaced(envelope: dict[str, Any]) -> bytes:
    return json.dumps(envelope, indent=1).encode()


def _stored(archive: zipfile.ZipFile, members: Mapping[str, bytes], **extra: bytes) -> None:
    for name, data in sorted({**members, **extra}.items()):
        archive.writestr(zipfile.ZipInfo(name), data)


def _deflated(archive: zipfile.ZipFile, members: Mapping[str, bytes]) -> None:
    for name, data in sorted(members.items()):
        archive.writestr(name, data, zipfile.ZIP_DEFLATED)


def _bomb(archive: zipfile.ZipFile, members: Mapping[str, bytes]) -> None:
    _stored(archive, members)
    archive.writestr("logos/z.png", bytes(100 << 20), zipfile.ZIP_DEFLATED)


def _twice(archive: zipfile.ZipFile, members: Mapping[str, bytes]) -> None:
    import warnings

    _stored(archive, members)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(zipfile.ZipInfo(BRAND), canonical({"name": "Bolt"}))


def _link(archive: zipfile.ZipFile, members: Mapping[str, bytes]) -> None:
    _stored(archive, members)
    info = zipfile.ZipInfo("logos/link.png")
    info.external_attr = 0o120777 << 16
    archive.writestr(info, "/etc/passwd")


def _many(archive: zipfile.ZipFile, members: Mapping[str, bytes]) -> None:
    _stored(archive, members)
    for number in range(3000):
        archive.writestr(zipfile.ZipInfo(f"logos/{number:05}.png"), b"x")


def _comment(archive: zipfile.ZipFile, members: Mapping[str, bytes]) -> None:
    _stored(archive, members)
    archive.comment = b"trust me"


def _set(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda payload: payload.update(changes)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda payload: payload.__delitem__(name)


def _swapped_files(payload: dict[str, Any]) -> None:
    payload["files"]["logos/a.png"]["sha256"] = sha256_hex(b"other")


def _other_brand(shop: Shop, name: str = "Bolt") -> Path:
    folder = brand_folder(shop.folder / "other", {"c.png": CORE}, name=name)
    return pack_at(folder, shop.folder / "other.pack", shop.signer)


def _after_second(shop: Shop, **changes: Any) -> Path:
    """Version 2 again, or one before it, once version 2 is in force."""
    second = shop.next("second.pack")
    shop.accept_all(second)
    shop.index.save(shop.folder / "index")
    return shop.next("late.pack", **changes)


def _replayed(shop: Shop) -> Path:
    shop.accept_all(shop.next("second.pack"))
    shop.index.save(shop.folder / "index")
    return shop.first


def _gap(shop: Shop) -> Path:
    return shop.next("third.pack", previous=shop.next("second.pack"), version=3)


def _forged_trust(shop: Shop) -> Path:
    """A pack that brings its own trust along."""
    return shop.rebuilt(lambda members: {**members, "logos/trust.png": canonical({"keys": []})})


ATTACKS: dict[str, Callable[[Shop], Path]] = {
    "no bytes": lambda shop: shop.bytes(lambda _: b""),
    "text": lambda shop: shop.bytes(lambda _: b"trust me, this is Acme"),
    "half of a pack": lambda shop: shop.bytes(lambda data: data[: len(data) // 2]),
    "end cut": lambda shop: shop.bytes(lambda data: data[:-1]),
    "byte before": lambda shop: shop.bytes(lambda data: b"x" + data),
    "byte after": lambda shop: shop.bytes(lambda data: data + b"x"),
    "byte of a logo changed": lambda shop: shop.bytes(lambda data: data.replace(b"IDAT", b"IDAU", 1)),
    "byte of the facts changed": lambda shop: shop.bytes(lambda data: data.replace(b"Acme Pro", b"Acme Bro", 1)),
    "no manifest": lambda shop: shop.rebuilt(lambda m: {k: v for k, v in m.items() if k != MANIFEST}),
    "unsigned": lambda shop: shop.rebuilt(partial(_envelope, change=_no_signatures)),
    "signature of zeros": lambda shop: shop.rebuilt(partial(_envelope, change=_other_signature)),
    "a thousand signatures": lambda shop: shop.rebuilt(partial(_envelope, change=_many_signatures)),
    "one signature twice": lambda shop: shop.rebuilt(partial(_envelope, change=_twice_signed)),
    "manifest in another form": lambda shop: shop.rebuilt(partial(_envelope, change=_spaced)),
    "manifest is a list": lambda shop: shop.rebuilt(lambda m: {**m, MANIFEST: b"[]"}),
    "manifest nested deep": lambda shop: shop.rebuilt(lambda m: {**m, MANIFEST: b"[" * 100_000}),
    "unknown key": lambda shop: shop.next(signer=shop.thief),
    "key whose time is over": lambda shop: shop.next(signer=shop.old),
    "key of another brand": lambda shop: shop.next(signer=shop.bolt),
    "key that may not state logos": lambda shop: shop.next(signer=shop.poor),
    "another brand's pack": _other_brand,
    "brand that nobody may speak for": lambda shop: _other_brand(shop, "Unknown"),
    "brand in other letters": lambda shop: _other_brand(shop, "Асme"),
    "facts of another brand": lambda shop: shop.rebuilt(lambda m: _rewritten(m, {"name": "Bolt"})),
    "facts changed": lambda shop: shop.rebuilt(lambda m: _rewritten(m, {"aliases": ["Shoes"]})),
    "logo swapped": lambda shop: shop.rebuilt(lambda m: {**m, "logos/a.png": m["logos/a.png"] + b"x"}),
    "logo added": lambda shop: shop.rebuilt(lambda m: {**m, "logos/b.png": m["logos/a.png"]}),
    "logo left out": lambda shop: shop.rebuilt(lambda m: {k: v for k, v in m.items() if k != "logos/a.png"}),
    "hash of another file": lambda shop: shop.signed(_swapped_files),
    "manifest of another kind": lambda shop: shop.signed(lambda _: None, kind="text/plain"),
    "manifest of a later format": lambda shop: shop.signed(_set(format=2)),
    "version that is a text": lambda shop: shop.signed(_set(version="2")),
    "version below 1": lambda shop: shop.signed(_set(version=0)),
    "expiry that is no time": lambda shop: shop.signed(_set(expires="never")),
    "no expiry": lambda shop: shop.signed(_without("expires")),
    "more in the manifest": lambda shop: shop.signed(_set(trust="all")),
    "payload that is no JSON": lambda shop: shop.signed(lambda _: b"\xff\xfe"),
    "payload that is a number": lambda shop: shop.signed(lambda _: b"17"),
    "expired": lambda shop: shop.next(expires="2020-01-01"),
    "older version": lambda shop: _after_second(shop, version=1),
    "version again": lambda shop: _after_second(shop, version=2),
    "replay of the first": _replayed,
    "gap in the chain": _gap,
    "first of another chain": lambda shop: shop.next(previous=None),
    "chain that does not follow": lambda shop: shop.signed(_set(previous="0" * 64)),
    "zip slip": lambda shop: shop.raw(lambda z, m: _stored(z, m, **{"logos/../../evil.png": b"x"})),
    "zip slip of Windows": lambda shop: shop.raw(lambda z, m: _stored(z, m, **{"logos\\..\\evil.png": b"x"})),
    "absolute path": lambda shop: shop.raw(lambda z, m: _stored(z, m, **{"/tmp/evil.png": b"x"})),
    "program": lambda shop: shop.raw(lambda z, m: _stored(z, m, **{"logos/setup.py": b"x"})),
    "hidden file": lambda shop: shop.raw(lambda z, m: _stored(z, m, **{"logos/.a.png": b"x"})),
    "vectors": lambda shop: shop.raw(lambda z, m: _stored(z, m, **{"vectors.npy": b"x"})),
    "compressed": lambda shop: shop.raw(_deflated),
    "bomb": lambda shop: shop.raw(_bomb),
    "member twice": lambda shop: shop.raw(_twice),
    "link": lambda shop: shop.raw(_link),
    "three thousand logos": lambda shop: shop.raw(_many),
    "comment of the zip": lambda shop: shop.raw(_comment),
    "its own trust": _forged_trust,
}
"""Name of an attack -> what makes its pack."""


def tried(name: str, folder: Path) -> tuple[bool, bool, str]:
    """Try an attack: whether its pack was accepted, whether anything was written, and what was said."""
    shop = Shop(folder)
    path = ATTACKS[name](shop)
    files, fingerprint = _contents(folder, path), shop.index.fingerprint
    try:
        shop.accept_all(path)
    except LogoscanError as error:
        said = str(error)
    else:
        return True, True, "accepted"
    return False, _contents(folder, path) != files or shop.index.fingerprint != fingerprint, said


def _contents(folder: Path, but: Path) -> dict[str, str]:
    return {str(path): sha256_hex(path.read_bytes()) for path in folder.rglob("*") if path.is_file() and path != but}
