"""The host's state: what others have set neither breaks logoscan nor is changed by it."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from paths import SAMPLES

from logoscan.errors import InputError, LogoscanError
from logoscan.runtime import building_networks
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing, Rgb

PHOTO = SAMPLES / "photos" / "speaker.jpg"


@contextmanager
def default_dtype(name: str) -> Iterator[None]:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def answer() -> tuple[list[str], list[float]]:
    """Brands and probabilities of a sample, by the bundled models."""
    report = Scanner.default(SAMPLES / "brands").scan(Listing("L", (PHOTO,), "JBL speaker"))
    return [m.brand for m in report.matches], [m.probability or 0.0 for m in report.matches]


@pytest.fixture(scope="module")
def usual() -> tuple[list[str], list[float]]:
    return answer()


@pytest.mark.parametrize("name", ["bfloat16", "float64", "float16"])
def test_the_hosts_default_dtype_changes_no_answer(name: str, usual: tuple[list[str], list[float]]) -> None:
    import torch

    with default_dtype(name):
        brands, sure = answer()
        assert torch.get_default_dtype() == getattr(torch, name)
    assert brands == usual[0]
    assert sure == pytest.approx(usual[1], abs=1e-3)


def test_numpys_error_state_changes_no_answer(usual: tuple[list[str], list[float]]) -> None:
    with np.errstate(all="raise"):
        assert answer()[0] == usual[0]
        assert np.geterr() == dict.fromkeys(("divide", "over", "under", "invalid"), "raise")


def test_warning_filters_of_the_host_are_unchanged(tmp_path: Path) -> None:
    """Not by models, nor by photos whose EXIF is broken."""
    script = f"""
import json, warnings
before = list(warnings.filters)
import torch, cv2, faiss, open_clip, rapidocr  # filters of their own are theirs
own = list(warnings.filters)
from logoscan.scan.scanner import Scanner
from logoscan.types import Listing
scanner = Scanner.default({str(SAMPLES / "brands")!r})
from pathlib import Path
photo = Path({str(PHOTO)!r})
broken = photo.read_bytes()[:2] + b"\\xff\\xe1\\x00\\x10Exif\\x00\\x00II*\\x00" + b"\\xff" * 4 + photo.read_bytes()[2:]
for one in (photo, broken):
    scanner.scan(Listing("L", (one,)))
new = [str(f) for f in warnings.filters if f not in own]
print(json.dumps([f for f in new if any(word in f for word in ("logoscan", "PIL", "pin_memory"))]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == []


@pytest.mark.parametrize("locale", ["C", "POSIX"])
@pytest.mark.parametrize("utf8", ["0", "1"])
def test_text_is_read_in_any_locale(locale: str, utf8: str, tmp_path: Path) -> None:
    """RapidOCR's list of words is UTF-8, whatever the locale says."""
    script = f"""
from PIL import Image
import numpy as np
from logoscan.ocr import make_ocr
spans = make_ocr("rapidocr").read([np.asarray(Image.open({str(PHOTO)!r}).convert("RGB"))])
print("read", len(spans[0].texts) >= 0)
"""
    env = {**os.environ, "LC_ALL": locale, "LANG": locale, "PYTHONUTF8": utf8, "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=env, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "read True" in done.stdout


def _build_in_fork(queue: multiprocessing.Queue[str]) -> None:
    try:
        Scanner.default(SAMPLES / "brands")
        queue.put("built")
    except LogoscanError as error:
        queue.put(str(error))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_of_a_process_with_models_is_told_at_once(usual: tuple[list[str], list[float]]) -> None:
    """It would wait for ever for threads that a fork leaves behind."""
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[str] = context.Queue()
    child = context.Process(target=_build_in_fork, args=(queue,))
    child.start()
    said = queue.get(timeout=60)
    child.join(60)
    assert "expected one that was started by spawn or forkserver, got a fork of one that had built models" in said


def test_networks_are_built_in_fp32_whatever_the_host_has_set() -> None:
    import torch

    with default_dtype("bfloat16"):
        with building_networks():
            assert torch.zeros(1).dtype == torch.float32
        assert torch.zeros(1).dtype == torch.bfloat16
        with pytest.raises(ZeroDivisionError), building_networks():
            raise ZeroDivisionError
        assert torch.zeros(1).dtype == torch.bfloat16


def test_ray_without_its_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from logoscan.distributed import ray_cluster as distributed

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setattr(distributed, "import_ray", lambda: None)
    with (
        pytest.raises(InputError, match="RAY_AUTH_MODE: expected token, got 'disabled'"),
        distributed.cluster(distributed.Pool()),
    ):
        pass


def test_ray_token_file_is_private(tmp_path: Path) -> None:
    from logoscan.distributed.ray_cluster import _keep_to_owner

    token = tmp_path / "auth_token"
    token.write_text("secret")
    token.chmod(0o644)
    _keep_to_owner(token)
    assert token.stat().st_mode & 0o777 == 0o600
    _keep_to_owner(tmp_path / "none")


def pixels() -> Rgb:
    out: NDArray[np.uint8] = np.full((64, 96, 3), 255, np.uint8)
    return out


def test_easyocr_leaves_filters_alone_and_wants_digests() -> None:
    pytest.importorskip("easyocr_en_models")
    import scipy.special  # noqa: F401  # sets a filter of its own as it is imported

    from logoscan.ocr.easyocr import EasyOcr

    before = list(warnings.filters)
    EasyOcr(device="cpu").read([pixels()])
    assert list(warnings.filters) == before


def test_a_pickle_without_a_digest_is_not_opened(tmp_path: Path) -> None:
    from logoscan.ocr.easyocr import verify_easyocr

    (tmp_path / "latin_g2.pth").write_bytes(b"cos\nsystem\n")
    verify_easyocr(tmp_path)  # English alone does not open it
    with pytest.raises(InputError, match=r"expected the digest of each weights file, got none of 'latin_g2\.pth'"):
        verify_easyocr(tmp_path, only_english=False)
    with pytest.raises(LogoscanError, match="expected SHA-256 00"):
        verify_easyocr(tmp_path, {"latin_g2.pth": "00"}, only_english=False)
