"""SVG -> PNG by resvg, in a process of its own with limits on time and memory.

A path of a megabyte, a dash, a pattern or a style sheet of 500 bytes takes resvg minutes, or more memory than there is,
and then it ends the process that it runs in; meanwhile no other thread of that process runs. Knows nothing of what a
drawing may refer to; that was checked before.
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

from logoscan.errors import ImageError

__all__ = ["Rendered", "Renderer"]

# An icon takes 3 ms and 30 MB. Clock time is for what sleeps or shares its core with many others.
_MOST_S, _MOST_MB, _CLOCK_S_A_S = 2, 768, 10
# Drawings until a process is replaced: what it may have leaked ends with it. To start one takes 0.07 s.
_DRAWINGS_A_CHILD = 1000
# Of what resvg says of one drawing.
_MOST_COMPLAINTS, _COMPLAINT_CHARS = 5, 150
_SPOKEN = re.compile(r"^(?:Warning|Error) \(in [^)]*\): (.*)$", re.MULTILINE)
_NO_FONTS = "No fonts provided"
# What a child inherits of the environment: where shared libraries, fonts and Windows itself lie.
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "HOME")


@dataclass(frozen=True)
class Rendered:
    """A rendered drawing.

    Attributes:
        png: The picture.
        substituted: Texts in a font that this machine lacks are drawn in another.
        complaints: What resvg says that it left out, each once.
    """

    png: bytes
    substituted: bool = False
    complaints: tuple[str, ...] = ()


class Renderer:
    """Renders drawings in one process, which is replaced when a drawing ends it; use it in a `with` statement.

    Threads may share one; they wait for each other.

    Attributes:
        seconds: Processor time that its drawings have taken so far.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self.seconds = 0.0
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._of = os.getpid()
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
            if self._font is not None and self._of == os.getpid():
                self._font.cleanup()
            self._font = None

    def render(self, text: str, name: str, side_px: int, *, has_text: bool = True) -> Rendered:
        """Draw a PNG whose long side is `side_px`; resvg keeps the aspect where both sides are given.

        Args:
            text: A drawing that refers to nothing outside of itself.
            name: Name for the error.
            side_px: Long side.
            has_text: The drawing has texts, so that fonts are looked for.

        Raises:
            ImageError: resvg cannot render it, or not within 2 s and 768 MB.
        """
        with self._lock:
            family, font = self._substitute() if has_text else ("", "")
            request = {
                "svg_string": text,
                "width": side_px,
                "height": side_px,
                "dpi": 96,  # as CSS has it: without it all lengths in mm, cm, in, pt and pc are nothing
                "skip_system_fonts": not has_text,
                "substitute": font,
                "family": family,
            }
            try:
                head, png = self._exchange(json.dumps(request).encode(), name)
            except BaseException:
                self._stop()  # a process that was left half way would answer the next drawing with this one
                raise
        self.seconds += head["seconds"]
        if head["error"]:
            raise ImageError(f"{name}: cannot be rendered ({head['error']:.120})")
        said = [line for line in dict.fromkeys(_SPOKEN.findall(head["said"][-1])) if not line.startswith(_NO_FONTS)]
        complaints = [line[:_COMPLAINT_CHARS] for line in said[:_MOST_COMPLAINTS]]
        return Rendered(png, len(head["said"]) > 1, tuple(complaints))

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
        """Why a process ended."""
        try:
            code = child.wait(timeout=_MOST_S)
        except subprocess.TimeoutExpired:
            code = -1
        if code in (1, 2):
            return f"cannot be rendered (expected {sys.executable!r} to start Python, got exit code {code})"
        return f"expected an SVG that renders in {_MOST_S} s and {_MOST_MB} MB, got a heavier one"

    def _running(self, name: str) -> subprocess.Popen[bytes]:
        if self._child is not None and self._left > 0 and self._of == os.getpid():
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
            raise ImageError(f"{name}: cannot be rendered (no process can be started: {error!s:.100})") from None
        self._of, self._left = os.getpid(), _DRAWINGS_A_CHILD
        return self._child

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if self._of == os.getpid():
            child.kill()
            child.wait()
        else:
            child.returncode = 0  # a forked process has a copy of its parent's, which it must neither end nor wait for
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with suppress(OSError):  # of a request that was not read to its end
                pipe.close()

    def _substitute(self) -> tuple[str, str]:
        """Family and file of the font that Pillow brings along; empty where it was built without fonts."""
        from PIL import ImageFont

        font = ImageFont.load_default(20)
        if not isinstance(font, ImageFont.FreeTypeFont) or not hasattr(font, "font_bytes"):
            return "", ""
        if self._font is None:
            self._font = tempfile.TemporaryDirectory(prefix="logoscan-font-")
            (Path(self._font.name) / "font.ttf").write_bytes(font.font_bytes)
        return str(font.getname()[0]), str(Path(self._font.name) / "font.ttf")


def _folders() -> list[str]:
    """Where this process finds packages besides its interpreter's own; not in the working directory."""
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        here = None
    return [p for p in sys.path if Path(p).is_absolute() and Path(p) != here]
