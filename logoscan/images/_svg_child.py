"""The process that renders SVG for `svg.py`: SVG comes in by standard input, PNG goes out by standard output.

It is started by its path in isolated mode, so that nothing in the working directory or the environment is run, and it
imports nothing of logoscan. A request is four bytes of length and a JSON object; an answer is a line of JSON and a PNG.
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
except ImportError:  # Windows has no such limits; there the parent's timer ends the process
    resource = None  # type: ignore[assignment]

__all__: list[str] = []

# Messages of resvg where it has no font of the name, or none with the letter.
_FONT_MESSAGES = ("No match for", "No fonts with")
# Characters of the messages that are answered.
_MOST_MESSAGE_CHARS = 4096
# Characters of what an error says; a longer text is not cut, but replaced by the error's kind.
_MOST_ERROR_CHARS = 200
# Bytes of the file that takes what the renderer prints: an SVG of 2 MB can make it print another 2 MB.
_MOST_LOG_BYTES = 16 << 20
_FAMILIES = ("font", "serif", "sans_serif", "cursive", "fantasy", "monospace")
# Font of the generic families in the first pass. No machine has it, so a missing font is reported on every machine:
# otherwise resvg silently takes the serif font of the machine.
_NO_FAMILY = "no font"


def _scratch() -> int:
    """Return the descriptor of a file for what the renderer prints, which would otherwise mix with the answers."""
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
    """Let the system end this process once it has used so many more seconds of processor time."""
    if resource is not None:
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = math.ceil(time.process_time() + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _take_log(log: int) -> str:
    """Return what was printed since the last call, each line once, messages about fonts first."""
    os.lseek(log, 0, os.SEEK_SET)
    printed = os.read(log, _MOST_LOG_BYTES).decode(errors="replace")
    os.lseek(log, 0, os.SEEK_SET)
    os.ftruncate(log, 0)
    lines = sorted(
        dict.fromkeys(printed.splitlines()), key=lambda line: not any(text in line for text in _FONT_MESSAGES)
    )
    return "\n".join(lines)[:_MOST_MESSAGE_CHARS]


def _render(request: dict[str, Any], log: int) -> tuple[bytes, list[str]]:
    """Return a PNG, and the messages of each pass: a second one, with a substitute, is made where a font is missing."""
    import resvg_py

    substitute, family = request.pop("substitute"), request.pop("family")
    families: dict[str, Any] = {f"{kind}_family": _NO_FAMILY for kind in _FAMILIES}
    png = bytes(resvg_py.svg_to_bytes(**request, log_information=True, **families))
    messages = [_take_log(log)]
    if substitute and _FONT_MESSAGES[0] in messages[0]:
        families = {f"{kind}_family": family for kind in _FAMILIES}
        png = bytes(resvg_py.svg_to_bytes(**request, log_information=True, font_files=[substitute], **families))
        messages.append(_take_log(log))
    return png, messages


def _main() -> None:
    seconds, megabytes = int(sys.argv[1]), int(sys.argv[2])
    sys.path += sys.argv[3:]  # after the standard library and this interpreter's packages
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    log = _scratch()
    os.dup2(log, 1)
    os.dup2(log, 2)
    _limit_memory(megabytes)
    while length := requests.read(4):
        request = json.loads(requests.read(struct.unpack(">I", length)[0]))
        _limit_time(seconds)
        began = time.process_time()
        png, messages, error = b"", [""], ""
        try:
            png, messages = _render(request, log)
        except BaseException as caught:  # the renderer's panic is no Exception
            said = " ".join(str(caught).split())
            error = said if 0 < len(said) <= _MOST_ERROR_CHARS else type(caught).__name__
            _take_log(log)
        head = {"bytes": len(png), "messages": messages, "error": error, "seconds": time.process_time() - began}
        answers.write(json.dumps(head).encode() + b"\n" + png)
        answers.flush()


if __name__ == "__main__":
    _main()
