"""The bare forward passes of a scan: what its networks were given, recorded, and given to them again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks.common.galleries import build_index
from benchmarks.common.options import MODELS, options
from benchmarks.common.results import write_result
from benchmarks.common.scanners import build_scanner, settings_of
from benchmarks.speed.streams import photos_of
from logoscan.images.loading import load_image
from logoscan.runtime import cores, on_device, one_core_a_batch
from logoscan.scan.scanner import Scanner
from logoscan.types import Rgb
from logoscan.vision.encoder import ClipEncoder
from logoscan.vision.network_runner import NetworkRunner

# Photos that are looked at together, as in a batch of listings of `Scanner.scan_many`.
_BATCH = 4


class Recorder:
    """Records the inputs of a scanner's networks and runs these alone on them.

    Attributes:
        seconds: Time of each network in the last replay: processor time of all threads, on a GPU that of the clock.
    """

    def __init__(self, scanner: Scanner) -> None:
        """Bind a scanner whose OCR engine is RapidOCR, EasyOCR or none."""
        self._scanner = scanner
        self.seconds: dict[str, float] = {}
        self._calls: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = []

    def record(self, photos: Sequence[Rgb]) -> None:
        """Look at photos once and remember what each network is given."""
        with ExitStack() as stack:
            for name, owner, attribute in self._callables():
                network = getattr(owner, attribute)
                stack.callback(setattr, owner, attribute, network)
                setattr(owner, attribute, self._noted(name, network))
            for name, module, run in self._modules():
                hook = module.register_forward_pre_hook(partial(self._hook, name, run))
                stack.callback(hook.remove)
            self._record_gpu(stack)
            for start in range(0, len(photos), _BATCH):
                self._scanner.features(photos[start : start + _BATCH])

    def _record_gpu(self, stack: ExitStack) -> None:
        """Note the rows that networks on a GPU are given."""
        from logoscan.gpu_network import GpuNetwork

        submit = GpuNetwork.submit

        def noting(network: GpuNetwork, rows: Any) -> Any:
            self._calls.append((network.name, network, (rows,)))
            return submit(network, rows)

        stack.callback(setattr, GpuNetwork, "submit", submit)
        GpuNetwork.submit = noting  # type: ignore[assignment,method-assign]

    def _hook(self, name: str, run: Callable[..., Any], module: Any, given: Any) -> None:
        self._calls.append((name, run, given))

    def replay(self, threads: int) -> float:
        """Run the networks on what was recorded, so many calls side by side, and return the seconds of the clock.

        On the CPU they run once more, one after the other: OpenVINO computes in threads of its own, so that only the
        processor time of the whole process says what each network takes.
        """
        on_gpu = self._scanner.encoder.device.startswith("cuda")
        spent: defaultdict[str, float] = defaultdict(float)
        clock = time.perf_counter if on_gpu else time.process_time

        def run(call: tuple[str, Callable[..., Any], tuple[Any, ...]]) -> None:
            start = clock()
            call[1](*call[2])
            spent[call[0]] += clock() - start

        with ThreadPoolExecutor(threads) as pool:
            start = time.perf_counter()
            list(pool.map(run, self._calls))
            took = time.perf_counter() - start
        if not on_gpu and threads > 1:
            spent.clear()
            for call in self._calls:
                run(call)
        self.seconds = dict(spent)
        return took

    def _noted(self, name: str, network: Callable[..., Any]) -> Callable[..., Any]:
        def noting(given: Any) -> Any:
            self._calls.append((name, network, (given,)))
            return network(given)

        return noting

    def _runners(self) -> list[tuple[str, NetworkRunner]]:
        """List what runs the detector and the encoder; a detector may have no network."""
        parts = (("detector", self._scanner.detector), ("encoder", self._scanner.encoder))
        owned = ((name, getattr(owner, "_network", None)) for name, owner in parts)
        return [(name, runner) for name, runner in owned if isinstance(runner, NetworkRunner)]

    def _callables(self) -> list[tuple[str, Any, str]]:
        """List the compiled networks: name, owner, attribute."""
        found: list[tuple[str, Any, str]] = [
            (name, runner, "_compiled") for name, runner in self._runners() if runner._compiled is not None
        ]
        ocr = getattr(self._scanner.ocr, "first", self._scanner.ocr)
        engine = getattr(ocr, "_engine", None)
        if engine is None or getattr(ocr, "device", "cpu") != "cpu":
            return found
        reading = [("lines", engine.text_det), ("turns", engine.text_cls), ("text", engine.text_rec)]
        if (quick := getattr(ocr, "_quick", None)) is not None:
            reading.append(("quick text", quick))
        return [*found, *((name, part, "session") for name, part in reading)]

    def _modules(self) -> list[tuple[str, Any, Callable[..., Any]]]:
        """List the networks that torch runs: name, the module that the input enters, and what runs it."""
        found: list[tuple[str, Any, Callable[..., Any]]] = [
            (name, runner._module, _run(runner, runner._module, runner.precision))
            for name, runner in self._runners()
            if runner._compiled is None and runner._gpu is None
        ]
        ocr = getattr(self._scanner.ocr, "first", self._scanner.ocr)
        reader = getattr(ocr, "_reader", None)
        if reader is not None:
            parts = (("lines", reader.detector), ("text", reader.recognizer))
            found += [(name, module, _run(reader, module, "fp32")) for name, module in parts]
        return found


def _run(owner: Any, network: Callable[..., Any], precision: str) -> Callable[..., Any]:
    """Wrap a network so that it runs in a precision on the device of its owner, and is waited for."""
    import torch

    device = owner.device.partition(":")[0]

    def run(*given: Any) -> None:
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            network(*given)
        if device == "cuda":
            torch.cuda.synchronize()

    return lambda *given: on_device(owner.device, partial(run, *given))


@click.command("passes")
@click.option("--limit", default=180, show_default=True, type=click.IntRange(8), help="Photos.")
@click.option("--workers", type=click.IntRange(1), help="Calls side by side; default: a core each.")
@options("json", "folders", "long_side", "gallery", *MODELS)
def passes(
    folders: tuple[Path, ...],
    long_side_px: int | None,
    galleries: tuple[Path, ...],
    limit: int,
    workers: int | None,
    encoder: str | None,
    pretrained: str | None,
    device: str,
    out: Path,
    **models: Any,
) -> None:
    """Record what the networks of a scan are given, and time the networks alone on it.

    seconds_per_photo: by the clock, calls side by side. passes_ms_per_photo: each network, summed over threads.
    """
    one_core_a_batch()
    files = photos_of(folders, limit, long_side_px)
    clip = ClipEncoder(encoder, pretrained, device=device)
    index, _ = build_index(galleries, None, clip)
    scanner = build_scanner(index, encoder=clip, device=device, **models)
    recorder = Recorder(scanner)
    recorder.record([load_image(file) for file in files])
    seconds = recorder.replay(workers or cores()) / len(files)
    figures = {
        "seconds_per_photo": round(seconds, 4),
        "passes_ms_per_photo": {k: round(1000 * v / len(files), 2) for k, v in recorder.seconds.items()},
        "photos": len(files),
    }
    write_result(out, figures, {**settings_of(scanner), "workers": workers or cores(), "long_side_px": long_side_px})
