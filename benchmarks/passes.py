"""The bare forward passes of a scan: what its networks were given, recorded, and given to them again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

from logoscan import Scanner
from logoscan.runtime import on_device
from logoscan.types import Rgb

_BATCH = 4
"""Photos that are looked at together, as in a batch of listings of `Scanner.scan_many`."""


class Recorder:
    """Records the inputs of a scanner's networks and runs these alone on them.

    Attributes:
        seconds: Of each network in the last replay, summed over threads: CPU time; on a GPU by the clock.
    """

    def __init__(self, scanner: Scanner) -> None:
        """Bind a scanner; of engines, the networks of RapidOCR and EasyOCR are known."""
        self._scanner = scanner
        self.seconds: dict[str, float] = {}
        self._calls: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = []

    def record(self, photos: Sequence[Rgb]) -> None:
        """Look at photos once, remembering what each network is given."""
        with ExitStack() as stack:
            for name, owner, attribute in self._callables():
                network = getattr(owner, attribute)
                stack.callback(setattr, owner, attribute, network)
                setattr(owner, attribute, self._noted(name, network))
            for name, module, run in self._modules():
                hook = module.register_forward_pre_hook(partial(self._hook, name, run))
                stack.callback(hook.remove)
            for start in range(0, len(photos), _BATCH):
                self._scanner.observe(photos[start : start + _BATCH])

    def _hook(self, name: str, run: Callable[..., Any], module: Any, given: Any) -> None:
        self._calls.append((name, run, given))

    def replay(self, threads: int) -> float:
        """Run the networks on what was recorded, so many calls side by side: seconds."""
        spent: defaultdict[str, float] = defaultdict(float)
        clock = time.perf_counter if self._scanner.encoder.device.startswith("cuda") else time.thread_time

        def run(call: tuple[str, Callable[..., Any], tuple[Any, ...]]) -> None:
            start = clock()
            call[1](*call[2])
            spent[call[0]] += clock() - start

        with ThreadPoolExecutor(threads) as pool:
            start = time.perf_counter()
            list(pool.map(run, self._calls))
            took = time.perf_counter() - start
        self.seconds = dict(spent)
        return took

    def _noted(self, name: str, network: Callable[..., Any]) -> Callable[..., Any]:
        def noting(given: Any) -> Any:
            self._calls.append((name, network, (given,)))
            return network(given)

        return noting

    def _callables(self) -> list[tuple[str, Any, str]]:
        """Compiled networks: name, who holds it, by what name."""
        parts = [("detector", self._scanner.detector), ("encoder", self._scanner.encoder)]
        found = [(n, owner, "_compiled") for n, owner in parts if getattr(owner, "_compiled", None) is not None]
        engine = getattr(self._scanner.ocr, "_engine", None)
        if engine is None:
            return found
        reading = (("lines", engine.text_det), ("turns", engine.text_cls), ("text", engine.text_rec))
        return [*found, *((name, part, "session") for name, part in reading)]

    def _modules(self) -> list[tuple[str, Any, Callable[..., Any]]]:
        """Networks that torch runs: name, the layers that the input enters, what runs them."""
        found: list[tuple[str, Any, Callable[..., Any]]] = []
        encoder: Any = self._scanner.encoder
        detector: Any = self._scanner.detector
        if getattr(encoder, "_compiled", None) is None:
            found.append(("encoder", encoder._image_tower, _run(encoder, encoder._image_tower, encoder.precision)))
        if getattr(detector, "_compiled", None) is None and hasattr(detector, "_net"):
            net = detector._net
            run = _run(detector, lambda x: net.head(list(net.backbone(x).values())), detector.precision)
            found.append(("detector", net.backbone, run))
        reader = getattr(self._scanner.ocr, "_reader", None)
        if reader is not None:
            parts = (("lines", reader.detector), ("text", reader.recognizer))
            found += [(name, module, _run(reader, module, "fp32")) for name, module in parts]
        return found


def _run(owner: Any, network: Callable[..., Any], precision: str) -> Callable[..., Any]:
    """The network in a precision on its owner's device, waited for."""
    import torch

    device = owner.device.partition(":")[0]

    def run(*given: Any) -> None:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            network(*given)
        if device == "cuda":
            torch.cuda.synchronize()

    return lambda *given: on_device(owner.device, partial(run, *given))
