"""SVG -> PNG by resvg, in a process of its own with limits on time and memory.

A path of a megabyte, or a dash, a pattern or a style sheet of 500 bytes, can take resvg minutes, or more memory than
there is, which ends its process; meanwhile no other thread of that process runs. What an SVG may refer to is checked
before it comes here.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Timer
from types import TracebackType
from typing import Any

from logoscan._quote import cause
from logoscan.errors import ImageError

__all__ = ["Rendered", "Renderer"]

# Most processor time and memory of one SVG; an icon takes 3 ms and 30 MB. The clock may show ten times the processor
# time, for a process that sleeps or shares its core with many others.
_MOST_S, _MOST_MB, _CLOCK_S_A_S = 2, 768, 10
# SVGs until a process is replaced, which frees what it may have leaked. To start one takes 0.07 s.
_SVGS_A_CHILD = 1000
# Most messages of resvg about one SVG that are kept, and the most characters of one.
_MOST_COMPLAINTS, _COMPLAINT_CHARS = 5, 150
# A message of resvg.
_MESSAGE = re.compile(r"^(?:Warning|Error) \(in [^)]*\): (.*)$", re.MULTILINE)
_NO_FONTS = "No fonts provided"
# Variables that a child inherits: the places of shared libraries, of fonts and of Windows itself.
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "HOME")


@dataclass(frozen=True)
class Rendered:
    """A rendered SVG.

    Attributes:
        png: The picture, the bytes of a PNG.
        substituted: Texts in a font that this machine lacks are drawn in another font.
        complaints: What resvg reports that it left out, each message once.
    """

    png: bytes
    substituted: bool = False
    complaints: tuple[str, ...] = ()


class Renderer:
    """Renders SVGs in one process, which is replaced when an SVG ends it; use it in a `with` statement.

    Threads may share one; they wait for each other.

    Attributes:
        seconds: Processor time that its SVGs have taken so far.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self.seconds = 0.0
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._left = 0
        self._font: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._stop()
            if self._font is not None and self._owner == os.getpid():
                self._font.cleanup()
            self._font = None

    def render(self, text: str, name: str, side_px: int, *, has_text: bool = True) -> Rendered:
        """Render an SVG as a PNG whose long side is `side_px`; its aspect stays.

        Args:
            text: An SVG that refers to nothing outside of itself.
            name: Name of the SVG, for errors.
            side_px: Long side of the PNG in pixels.
            has_text: The SVG has texts, so that fonts are searched.

        Raises:
            ImageError: resvg cannot render it, or not within 2 s and 768 MB.
        """
        with self._lock:
            family, font = self._substitute() if has_text else ("", "")
            request = {
                "svg_string": text,
                "width": side_px,
                "height": side_px,
                "dpi": 96,  # as in CSS: without it all lengths in mm, cm, in, pt and pc are 0
                "skip_system_fonts": not has_text,
                "substitute": font,
                "family": family,
            }
            try:
                head, png = self._exchange(json.dumps(request).encode(), name)
            except BaseException:
                self._stop()  # a process that was left half way would answer the next SVG with this one
                raise
        self.seconds += head["seconds"]
        if head["error"]:
            raise ImageError(f"{name}: cannot be rendered ({cause(head['error'])})")
        messages = dict.fromkeys(_MESSAGE.findall(head["messages"][-1]))
        complaints = [line[:_COMPLAINT_CHARS] for line in messages if not line.startswith(_NO_FONTS)]
        return Rendered(png, len(head["messages"]) > 1, tuple(complaints[:_MOST_COMPLAINTS]))

    def _exchange(self, request: bytes, name: str) -> tuple[dict[str, Any], bytes]:
        child = self._running(name)
        assert child.stdin is not None
        assert child.stdout is not None
        timer = Timer(_CLOCK_S_A_S * _MOST_S, child.kill)
        timer.daemon = True
        timer.start()
        try:
            child.stdin.write(struct.pack(">I", len(request)) + request)
            child.stdin.flush()
            line = child.stdout.readline()
            head = json.loads(line) if line.endswith(b"\n") else {"bytes": 1}
            png = child.stdout.read(head["bytes"])
        except OSError:  # it ended before it had read all
            head, png = {"bytes": 1}, b""
        finally:
            timer.cancel()
        if len(png) < head["bytes"]:
            self.seconds += _MOST_S
            raise ImageError(f"{name}: {self._reason(child)}")
        self._left -= 1
        return head, png

    @staticmethod
    def _reason(child: subprocess.Popen[bytes]) -> str:
        """Return the reason why a process ended."""
        try:
            code = child.wait(timeout=_MOST_S)
        except subprocess.TimeoutExpired:
            code = -1
        if code in (1, 2):
            return f"cannot be rendered (expected {sys.executable!r} to start Python, got exit code {code})"
        return f"expected an SVG that renders in {_MOST_S} s and {_MOST_MB} MB, got a heavier one"

    def _running(self, name: str) -> subprocess.Popen[bytes]:
        if self._child is not None and self._left > 0 and self._owner == os.getpid():
            return self._child
        self._stop()
        script = str(Path(__file__).with_name("_svg_child.py").resolve())
        command = [sys.executable, "-I", script, str(_MOST_S), str(_MOST_MB), *_folders()]
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=Path(sys.executable).anchor or os.sep,
                env={key: os.environ[key] for key in _INHERITED if key in os.environ},
            )
        except (OSError, ValueError) as error:
            raise ImageError(f"{name}: cannot be rendered (no process can be started: {cause(error)})") from None
        self._owner, self._left = os.getpid(), _SVGS_A_CHILD
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if self._owner == os.getpid():
            child.kill()
            child.wait()
        else:
            child.returncode = 0  # a fork has a copy of its parent's process, which it must neither end nor wait for
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with suppress(OSError):  # a request was not read to its end
                pipe.close()

    def _substitute(self) -> tuple[str, str]:
        """Return family and file of the font that Pillow includes; empty where it was built without fonts."""
        from PIL import ImageFont

        font = ImageFont.load_default(20)
        if not isinstance(font, ImageFont.FreeTypeFont) or not hasattr(font, "font_bytes"):
            return "", ""
        if self._font is None:
            self._font = tempfile.TemporaryDirectory(prefix="logoscan-font-")
            (Path(self._font.name) / "font.ttf").write_bytes(font.font_bytes)
        return str(font.getname()[0]), str(Path(self._font.name) / "font.ttf")


def _folders() -> list[str]:
    """Return the folders in which this process finds packages, without the working directory."""
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        here = None
    return [p for p in sys.path if Path(p).is_absolute() and Path(p) != here]
