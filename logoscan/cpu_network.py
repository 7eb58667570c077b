"""Networks on the CPU by OpenVINO, with the results of torch, but faster.

`python -m benchmarks encode` compares the two. OpenVINO converts the torch network in memory; there is no second file
of weights, but `_network_cache` keeps what was compiled.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logoscan._network_cache import read_network, store_network
from logoscan._quote import cause
from logoscan._version import __version__
from logoscan.runtime import batches_at_once, cpu_has_bf16

__all__ = ["CpuNetwork", "cpu_network", "cpu_onnx_network", "keep_cpu_network", "kept_cpu_network"]

logger = logging.getLogger(__name__)

# Plans of operators that a network keeps, those of a few input shapes. OpenVINO keeps 5,000: memory grew with each new
# shape of a photo, for thousands of photos. With 400 a process took 80 MB more, in as much time. The name is not in
# OpenVINO's documentation.
_PLANS = {"CPU_RUNTIME_CACHE_CAPACITY": 100}
# Compiled networks, by weights, precision and threads; guarded by `_lock`.
_networks: dict[tuple[object, ...], CpuNetwork] = {}
_lock = Lock()


class CpuNetwork:
    """A compiled network; immutable, and may be called by several threads at a time.

    Attributes:
        precision: Precision of the arithmetic, "fp32" or "bf16".
    """

    def __init__(self, model: Any, *, precision: str, threads: int) -> None:
        """Compile a network.

        Args:
            model: OpenVINO's model, the path of an ONNX file, or what `exported` returned.
            precision: Precision of the arithmetic, "fp32" or "bf16".
            threads: Threads of one call. As many calls as fill the processor's cores run side by side.
        """
        import openvino

        _initialise_openvino()
        streams, core = batches_at_once(threads), openvino.Core()
        make = core.import_model if isinstance(model, bytes) else core.compile_model
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": threads * streams,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # else all processes bind their first stream to the first core
        }
        try:
            self._compiled: Any = make(model, "CPU", settings | _PLANS)
        except RuntimeError as error:  # a version of OpenVINO that does not know the last setting, or what both refuse
            logger.info("OpenVINO keeps more plans than are needed (%s)", cause(error))
            self._compiled = make(model, "CPU", settings)
        self.precision, self._dtype = precision, self._compiled.input(0).element_type.to_dtype()
        self._idle: list[Any] = []

    @classmethod
    def of_torch(cls, module: Any, example: Any, *, precision: str, threads: int) -> CpuNetwork:
        """Compile a torch network.

        Args:
            module: A torch module in evaluation mode, from one tensor to one or several.
            example: A tensor of the input's shape and dtype, to trace the module with: floats (n, c, ...) or pixels
                uint8 (n, ..., c). All but the number of channels may differ later.
            precision: Precision of the arithmetic, "fp32" or "bf16".
            threads: Threads of one call.
        """
        import torch
        from openvino.frontend import FrontEndManager
        from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls tracing deprecated; OpenVINO's own is slower
            traced = torch.jit.trace(module, example, check_trace=False)  # type: ignore[no-untyped-call]
            # openvino.convert_model does these steps too, but reports to Intel that it did, which nothing here may
            frontend = FrontEndManager().load_by_framework("pytorch")
            decoder = TorchScriptPythonDecoder(traced, example_input=(example,))  # must outlive the conversion
            model = frontend.convert(frontend.load(decoder))
        shape, channels = [-1] * example.ndim, 1 if example.is_floating_point() else -1
        shape[channels] = int(example.shape[channels])
        model.reshape(shape)
        return cls(model, precision=precision, threads=threads)

    def exported(self) -> bytes:
        """Return the network as bytes, which this version of OpenVINO reads on this processor."""
        stream = BytesIO()
        self._compiled.export_model(stream)
        return stream.getvalue()

    def __call__(self, x: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Return the outputs for an array of the shape and dtype that the network takes, in the module's order."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            # shared: the input need not be copied, and the outputs are copied once, here
            given = x.astype(self._dtype, order="C", casting="same_kind", copy=False)  # floats are no pixels
            request.infer([given], share_inputs=True, share_outputs=True)
            return [np.array(tensor.data, np.float32) for tensor in request.output_tensors]
        finally:
            self._idle.append(request)


@cache
def _initialise_openvino() -> None:
    """Run a network of one number once.

    OpenVINO's bindings initialise themselves at their first inference. Two threads that do it at the same time may wait
    for each other for ever: one for the GIL, the other one for the initialisation.
    """
    import openvino
    from openvino import opset13

    number = opset13.parameter([1], np.float32)
    request = openvino.Core().compile_model(openvino.Model([opset13.relu(number)], [number]), "CPU")
    np.array(request.create_infer_request().infer({0: np.zeros(1, np.float32)})[0])


def cpu_network(key: tuple[object, ...], module: Any, example: Any, precision: str) -> CpuNetwork | None:
    """Return the compiled network of a key, compiled at its first use in a process.

    Args:
        key: Identifies the weights; networks of one key, precision and number of threads are one.
        module: A torch module in evaluation mode, from one tensor to one or several.
        example: A tensor of the input's shape, to trace the module with.
        precision: Precision of the arithmetic, "fp32" or "bf16".

    Returns:
        The network; None where OpenVINO is not installed, or cannot run it.
    """
    import torch

    threads = torch.get_num_threads()
    compile_it = partial(CpuNetwork.of_torch, module, example, precision=precision, threads=threads)
    return _compiled_once((*key, precision, threads), compile_it, "torch runs it")


def kept_cpu_network(key: str, wanted: str) -> CpuNetwork | None:
    """Return a network that `keep_cpu_network` kept, now or in an earlier process; None where there is none.

    Args:
        key: Identifies the weights and what was asked of them.
        wanted: Precision that was asked for, "auto" included.
    """
    import torch

    threads = torch.get_num_threads()
    with _lock:
        try:
            identity = _identity(key, wanted)
            if (name := _kept_name(identity, threads)) in _networks:
                return _networks[name]
            if (kept := read_network(identity)) is None:
                return None
            network = _networks[name] = CpuNetwork(kept[1], precision=kept[0], threads=threads)
            return network
        except ImportError:
            return None
        except Exception as error:  # another build of OpenVINO, or what it cannot read
            logger.warning("a compiled network cannot be read, and is made again (%.200s)", error)
            return None


def keep_cpu_network(key: str, wanted: str, network: CpuNetwork) -> None:
    """Keep a compiled network whose answers were found good, for later processes."""
    import torch

    try:
        identity = _identity(key, wanted)
        if store_network(identity, network.precision, network.exported()):
            with _lock:
                _networks[_kept_name(identity, torch.get_num_threads())] = network
    except Exception as error:  # what cannot be exported is compiled in each process
        logger.warning("a compiled network cannot be kept (%.200s)", error)


def _kept_name(identity: dict[str, str], threads: int) -> tuple[object, ...]:
    return ("kept", *sorted(identity.items()), threads)


@cache
def _processor() -> str:
    """Return name and abilities of the processor, as OpenVINO states them."""
    import openvino

    core = openvino.Core()
    abilities = sorted(map(str, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")))
    return f"{core.get_property('CPU', 'FULL_DEVICE_NAME')} {' '.join(abilities)}"


def _identity(key: str, wanted: str) -> dict[str, str]:
    """Return everything that decides a compiled network and whether it was found good."""
    import openvino
    import torch

    versions = {"openvino": str(openvino.__version__), "torch": str(torch.__version__), "logoscan": __version__}
    return {"network": key, "wanted": wanted, "processor": f"{_processor()} {cpu_has_bf16()}", **versions}


def cpu_onnx_network(path: Path, precision: str, threads: int) -> CpuNetwork | None:
    """Return the compiled network of a verified ONNX file, as `cpu_network` does, for this many threads a call."""
    compile_it = partial(CpuNetwork, str(path), precision=precision, threads=threads)
    return _compiled_once((str(path), precision, threads), compile_it, "ONNX Runtime runs it")


def _compiled_once(key: tuple[object, ...], compile_it: Callable[[], CpuNetwork], instead: str) -> CpuNetwork | None:
    with _lock:
        if key not in _networks:
            try:
                _networks[key] = compile_it()
            except ImportError as error:
                logger.warning("openvino is missing (%s): %s, more slowly", error, instead)
                return None
            except Exception as error:  # a foreign network may contain what OpenVINO does not support
                logger.warning(
                    "OpenVINO cannot run this network (%s: %.200s): %s", type(error).__name__, error, instead
                )
                return None
        return _networks[key]
