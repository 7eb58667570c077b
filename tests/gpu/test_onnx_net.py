"""PP-OCR's ONNX files by torch: what ONNX Runtime answers on every shape, and the same text on a GPU's path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from fakes import lettering
from onnx import TensorProto, helper

from logoscan.errors import InputError
from logoscan.images.loading import load_image
from logoscan.ocr.engine import RapidOcr
from logoscan.ocr.onnx_net import OnnxNet
from logoscan.ocr.quick import quick_reader
from logoscan.ocr.rapidocr import rapidocr_models

FINDER_PX = [(32, 32), (96, 160), (352, 480), (480, 352)]
LINE_PX = [64, 96, 128, 224, 480]


def shapes() -> list[tuple[str, tuple[int, ...]]]:
    out: list[tuple[str, tuple[int, ...]]] = [("find", (1, 3, *px)) for px in FINDER_PX]
    out += [("find", (2, 3, 64, 96)), ("turn", (3, 3, 48, 192))]
    for name in ("careful", "quick"):
        out += [(name, (count, 3, 48, width)) for count, width in zip((1, 2, 3, 1, 2), LINE_PX, strict=True)]
    return out


def runtime(path: Path) -> Any:
    """ONNX Runtime on one thread; its own threads would wait in loops for one another."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    det, cls, rec = rapidocr_models()
    return {"find": det, "turn": cls, "careful": rec, "quick": quick_reader()[0]}


@pytest.fixture(scope="module")
def nets(files: dict[str, Path]) -> dict[str, OnnxNet]:
    return {name: OnnxNet(path) for name, path in files.items()}


@pytest.mark.parametrize(("name", "shape"), shapes())
def test_torch_answers_as_onnx_runtime(
    files: dict[str, Path], nets: dict[str, OnnxNet], name: str, shape: tuple[int, ...]
) -> None:
    session = runtime(files[name])
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    (wanted,) = session.run(None, {session.get_inputs()[0].name: x})
    with torch.inference_mode():
        found = nets[name](torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_gpu_reads_the_text_that_the_cpu_reads(samples: Path) -> None:
    """The CPU named "cpu:0" is taken for a GPU; with the quick reader, and words in boxes too."""
    quick = {"find_px": (480,), "most_lines": 12, "most_enlarged": 2.0, "quick": True, "precision": "fp32"}
    here, there = (RapidOcr(device=device, **quick) for device in ("cpu", "cpu:0"))  # type: ignore[arg-type]
    assert there.device == "cpu:0"
    assert there.name == here.name, "a report says the same of both"
    photos = [lettering("KODAK"), load_image(samples / "photos" / "film_boxes.jpg")]
    for wanted, found in zip(here.read(photos), there.read(photos), strict=True):
        assert found.texts == wanted.texts
        np.testing.assert_allclose(found.polygons, wanted.polygons, atol=1.5)
        np.testing.assert_allclose(found.confidence, wanted.confidence, atol=0.02)
    boxes = [np.array([[0, 0, 300, 80], [10, 10, 60, 75]], np.float32)]
    assert there.read_words(photos[:1], boxes)[0].texts == here.read_words(photos[:1], boxes)[0].texts


def test_without_onnx_the_cpu_reads(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("logoscan.ocr.rapidocr.find_spec", lambda _: None)
    assert RapidOcr(device="cpu:0").device == "cpu"
    assert "pip install 'logoscan[gpu]'" in caplog.text


def _saved(path: Path, nodes: list[onnx.NodeProto], **constants: np.ndarray) -> Path:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4, "h", "w"])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    rows = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", [given], [output], rows)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8), str(path))
    return path


@pytest.mark.parametrize(
    ("operation", "attributes"),
    [
        ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 0, 1]}),
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
        ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("AveragePool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
        ("Conv", {"kernel_shape": [3, 3], "strides": [2, 1], "auto_pad": "SAME_LOWER", "group": 2}),
        ("Conv", {"kernel_shape": [3, 3], "dilations": [2, 2], "pads": [2, 1, 0, 3], "group": 2}),
        ("ConvTranspose", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
    ],
)
def test_paddings_are_those_of_onnx(tmp_path: Path, operation: str, attributes: dict[str, object]) -> None:
    rng = np.random.default_rng(1)
    weights = {"Conv": (6, 2, 3, 3), "ConvTranspose": (4, 5, 3, 3)}.get(operation)
    constants = {} if weights is None else {"weights": rng.normal(size=weights).astype(np.float32)}
    node = helper.make_node(operation, ["x", *constants], ["y"], **attributes)
    path = _saved(tmp_path / "x.onnx", [node], **constants)
    x = rng.normal(size=(2, 4, 9, 14)).astype(np.float32)
    (wanted,) = runtime(path).run(None, {"x": x})
    np.testing.assert_allclose(OnnxNet(path)(torch.from_numpy(x)).numpy(), wanted, atol=1e-5)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(InputError, match="expected an ONNX file"):
        OnnxNet(tmp_path / "text.onnx")
    path = _saved(tmp_path / "x.onnx", [helper.make_node("NonZero", ["x"], ["y"])])
    with pytest.raises(InputError, match="expected operations of PP-OCR, got NonZero"):
        OnnxNet(path)
