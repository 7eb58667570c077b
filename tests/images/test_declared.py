"""What files declare: notes of every container, signed manifests, and altered ones, of which nothing is believed."""

from __future__ import annotations

import datetime
import io
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from strategies import quick

from logoscan.images import declared
from logoscan.images.declared import declarations

SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf Iptc4xmpExt:DigitalSourceType="{}"/></x:xmpmeta>'


def picture(kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


def with_xmp(kind: str, source: str) -> bytes:
    xmp = XMP.format(source)
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        return picture(kind, pnginfo=info)
    return picture(kind, xmp=xmp.encode())


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_files_without_a_declaration_say_nothing(kind: str) -> None:
    assert declarations(picture(kind)) == ()
    assert declarations(with_xmp(kind, f"{SOURCE}digitalCapture")) == ()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_iptc_source_types(kind: str) -> None:
    (made,) = declarations(with_xmp(kind, f"{SOURCE}trainedAlgorithmicMedia"))
    assert (made.kind, made.signer) == ("ai_made", None)
    (edited,) = declarations(with_xmp(kind, f"{SOURCE}compositeWithTrainedAlgorithmicMedia"))
    assert edited.kind == "ai_edited"


@pytest.mark.parametrize("packed", [False, True])
def test_notes_of_generators(packed: bool) -> None:
    for name, text in (("parameters", "a cat\nSteps: 20, Sampler: Euler a"), ("Software", "Midjourney v7")):
        info = PngImagePlugin.PngInfo()
        info.add_text(name, text, zip=packed)
        (made,) = declarations(picture("PNG", pnginfo=info))
        assert made.kind == "ai_made"
    exif = Image.Exif()
    exif[305] = "Adobe Photoshop 26.0"
    assert declarations(picture("JPEG", exif=exif)) == ()


@quick
@given(st.binary(max_size=300))
def test_damaged_files_break_nothing(tail: bytes) -> None:
    for head in (b"", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP", b"\xff\xd8\xff\xebjumb"):
        assert all(one.kind in ("ai_made", "ai_edited", "broken") for one in declarations(head + tail))


# -- C2PA, with keys made here


def signed(*, ai: bool = False, remote: str | None = None) -> tuple[bytes, str]:
    """Sign a photo, and return the file and the SHA-256 of the certificate."""
    import c2pa
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: str, issuer: Any = None, issuer_key: Any = None) -> tuple[Any, Any]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(o, name) for o in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)])
        is_ca, signing_key = issuer is None, issuer_key or key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if is_ca else issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(1))
            .not_valid_after(now + datetime.timedelta(30))
            .add_extension(x509.BasicConstraints(is_ca, None), True)
            .add_extension(x509.KeyUsage(True, False, False, False, False, is_ca, is_ca, False, False), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), False)
        )
        if not is_ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), True)
        return builder.sign(signing_key, hashes.SHA256()), key

    root, root_key = certificate("Acme root")
    leaf, key = certificate("Acme camera", root, root_key)
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (leaf, root))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    action: dict[str, Any] = {"action": "c2pa.created"}
    action["digitalSourceType"] = SOURCE + ("trainedAlgorithmicMedia" if ai else "digitalCapture")
    manifest = {
        "claim_generator_info": [{"name": "test", "version": "1"}],
        "format": "image/jpeg",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    builder = c2pa.Builder(json.dumps(manifest))
    if remote is not None:
        builder.set_no_embed()
        builder.set_remote_url(remote)
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", pem, private, None))
    out = io.BytesIO()
    builder.sign(signer, "image/jpeg", io.BytesIO(picture("JPEG")), out)
    return out.getvalue(), sha256(leaf.public_bytes(serialization.Encoding.DER)).hexdigest()


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    for name in ("c2pa", "cbor2", "cryptography"):
        pytest.importorskip(name)


def test_a_signed_photo_names_its_signer() -> None:
    data, signer = signed()
    (one,) = declarations(data)
    assert (one.kind, one.signer) == ("signed", signer)


def test_a_manifest_may_declare_ai() -> None:
    data, signer = signed(ai=True)
    assert [(d.kind, d.signer) for d in declarations(data)] == [("signed", signer), ("ai_made", signer)]


def test_an_altered_photo_is_believed_nothing() -> None:
    data = bytearray(signed(ai=True)[0])
    data[-200] ^= 0x55
    (one,) = declarations(bytes(data))
    assert (one.kind, one.signer) == ("broken", None)


def test_a_torn_manifest_breaks_nothing() -> None:
    data = signed()[0]
    for share in (0.2, 0.5, 0.9):
        assert all(d.kind == "broken" for d in declarations(data[: int(share * len(data))]))


@pytest.mark.enable_socket
def test_remote_manifests_are_not_fetched() -> None:
    """A server of our own would see the request."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        data, _ = signed(remote=f"http://127.0.0.1:{server.getsockname()[1]}/m.c2pa")
        assert all(d.kind == "broken" for d in declarations(data))
        with pytest.raises(TimeoutError):
            server.accept()


def test_without_the_packages_notes_are_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = signed()
    monkeypatch.setattr(declared, "can_verify", lambda: False)
    assert declarations(data) == ()
    assert declarations(with_xmp("JPEG", f"{SOURCE}trainedAlgorithmicMedia"))[0].kind == "ai_made"
