"""SVG -> PNG by resvg: small plain drawings here, others in a process of their own with limits on time and memory.

A path of a megabyte, a dash or a pattern takes resvg minutes, or more memory than there is, and then it ends the
process. Knows nothing of what a drawing may refer to; that was checked before.
"""

from __future__ import annotations

import re
import subprocess
import sys

from logoscan.errors import ImageError

__all__ = ["render"]

_PLAIN_CHARS = 64 << 10
"""Larger drawings go to a process of their own, which takes a tenth of a second to start. Icons have 1 to 10 KB."""
_COSTLY = re.compile(r"dash|filter|pattern|mask|marker|clip|text|use\b|opacity|blend|isolat|[&\\]", re.IGNORECASE)
"""What may cost more than its bytes say, or spell such a word in another way."""
_MOST_S, _MOST_MB = 2, 768
_CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
resource.setrlimit(resource.RLIMIT_AS, ({bytes}, {bytes}))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import resvg_py
text = sys.stdin.buffer.read().decode()
try:
    sys.stdout.buffer.write(bytes(resvg_py.svg_to_bytes(svg_string=text, width={side}, height={side})))
except BaseException as error:
    sys.exit(str(error).replace("\\n", " ")[:200])
"""


def render(text: str, name: str, side_px: int) -> bytes:
    """A PNG whose long side is `side_px`; resvg keeps the aspect where both sides are given.

    Args:
        text: A drawing that refers to nothing outside of itself.
        name: For the error.
        side_px: Long side.

    Raises:
        ImageError: resvg cannot render it, or not within 2 s and 768 MB.
    """
    if len(text) <= _PLAIN_CHARS and not _COSTLY.search(text):
        import resvg_py

        try:
            return bytes(resvg_py.svg_to_bytes(svg_string=text, width=side_px, height=side_px))
        except BaseException as error:
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise  # resvg's panic is no Exception, and neither is an interrupt
            raise ImageError(f"{name}: cannot be rendered ({error!s:.120})") from None
    code = _CHILD.format(seconds=_MOST_S, bytes=_MOST_MB << 20, side=side_px)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], input=text.encode(), capture_output=True, timeout=10 * _MOST_S, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise ImageError(f"{name}: cannot be rendered ({type(error).__name__})") from None
    if done.returncode == 1:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ImageError(f"{name}: cannot be rendered ({said:.120})")
    if done.returncode:
        raise ImageError(f"{name}: expected an SVG that renders in {_MOST_S} s and {_MOST_MB} MB, got a heavier one")
    return done.stdout
