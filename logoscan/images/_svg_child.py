"""The process that renders SVG for `svg`: drawings come in by standard input, pictures go out by standard output.

Started by its path in isolated mode, so that nothing in the working directory or the environment is run. Knows nothing
of logoscan. A request is four bytes of length and a JSON object; an answer is a line of JSON and a PNG.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
import time
from typing import Any

try:
    import resource
except ImportError:  # Windows has no such limits; the parent's clock ends the process there
    resource = None  # type: ignore[assignment]

__all__: list[str] = []

# What resvg says where it has no font of the name, or none with the letter.
_OF_FONTS = ("No match for", "No fonts with")
_MOST_SAID = 4096
# Bytes of the file that takes what the renderer prints: a drawing of 2 MB can have it print as much again.
_MOST_LOG_BYTES = 16 << 20
_FAMILIES = ("font", "serif", "sans_serif", "cursive", "fantasy", "monospace")


def _scratch() -> int:
    """A file that takes what the renderer prints, which would else mix with the answers."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("log")
    import tempfile

    return os.dup(tempfile.TemporaryFile().fileno())  # stays open until the process ends


def _limit_memory(megabytes: int) -> None:
    if resource is None:
        return
    for kind, most in (
        (resource.RLIMIT_AS, megabytes << 20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _MOST_LOG_BYTES),
    ):
        resource.setrlimit(kind, (most, most))


def _limit_time(seconds: int) -> None:
    """End this process once it has used so many more seconds of processor time."""
    if resource is not None:
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = math.ceil(time.process_time() + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _take_log(log: int) -> str:
    """What was printed since the last call, each line once, what is said of fonts first."""
    os.lseek(log, 0, os.SEEK_SET)
    printed = os.read(log, _MOST_LOG_BYTES).decode(errors="replace")
    os.lseek(log, 0, os.SEEK_SET)
    os.ftruncate(log, 0)
    lines = sorted(dict.fromkeys(printed.splitlines()), key=lambda line: not any(said in line for said in _OF_FONTS))
    return "\n".join(lines)[:_MOST_SAID]


def _render(request: dict[str, Any], log: int) -> tuple[bytes, list[str]]:
    """A PNG and what the renderer said of each pass: a second one, with a substitute, where a font is missing."""
    import resvg_py

    substitute, family = request.pop("substitute"), request.pop("family")
    png = bytes(resvg_py.svg_to_bytes(**request, log_information=True))
    said = [_take_log(log)]
    if substitute and _OF_FONTS[0] in said[0]:
        families = {f"{kind}_family": family for kind in _FAMILIES}
        png = bytes(resvg_py.svg_to_bytes(**request, log_information=True, font_files=[substitute], **families))
        said.append(_take_log(log))
    return png, said


def _main() -> None:
    seconds, megabytes = int(sys.argv[1]), int(sys.argv[2])
    sys.path += sys.argv[3:]  # behind the standard library and this interpreter's packages
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    log = _scratch()
    os.dup2(log, 1)
    os.dup2(log, 2)
    _limit_memory(megabytes)
    while length := requests.read(4):
        request = json.loads(requests.read(struct.unpack(">I", length)[0]))
        _limit_time(seconds)
        began = time.process_time()
        png, said, error = b"", [""], ""
        try:
            png, said = _render(request, log)
        except BaseException as caught:  # the renderer's panic is no Exception
            error = " ".join(f"{caught!s:.200}".split()) or type(caught).__name__
            _take_log(log)
        head = {"bytes": len(png), "said": said, "error": error, "seconds": time.process_time() - began}
        answers.write(json.dumps(head).encode() + b"\n" + png)
        answers.flush()


if __name__ == "__main__":
    _main()
