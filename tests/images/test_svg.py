"""The process that renders SVG: isolated, replaced when a logo image ends it, gone at the end."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from logoscan.errors import ImageError
from logoscan.images import svg
from logoscan.images.svg import Renderer

NS = 'xmlns="http://www.w3.org/2000/svg"'
HEAVY = (
    f'<svg {NS} viewBox="0 0 9 9">' + '<path d="M0 0L9 9" stroke="red" stroke-dasharray="0.00002"/>' * 9000 + "</svg>"
)


def square(side: float) -> str:
    return f'<svg {NS} viewBox="0 0 10 10"><rect width="{side}" height="{side}"/></svg>'


def inked(png: bytes) -> int:
    """Width in pixels of what is drawn."""
    alpha = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))[..., 3]
    return int(np.count_nonzero((alpha > 127).any(axis=0)))


def draw(renderer: Renderer, side: float) -> int:
    return inked(renderer.render(square(side), "a.svg", 100, has_text=False).png)


def pid(renderer: Renderer) -> int:
    assert renderer._child is not None
    return renderer._child.pid


def is_gone(process: int) -> bool:
    """Whether neither the process nor what it leaves for its parent is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_svg_process_is_started_only_when_needed() -> None:
    with Renderer() as renderer:
        assert renderer._child is None
    assert renderer.seconds == 0


def test_one_svg_process_renders_many_and_ends() -> None:
    with Renderer() as renderer:
        assert draw(renderer, 5) == 50
        first = pid(renderer)
        assert [draw(renderer, side) for side in (1, 2, 10)] == [10, 20, 100]
        assert pid(renderer) == first
    assert is_gone(first)
    renderer.close()  # again changes nothing


def test_svg_that_kills_the_renderer_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_MOST_S", 1)
    with Renderer() as renderer:
        draw(renderer, 5)
        first = pid(renderer)
        with pytest.raises(ImageError, match=r"^b\.svg: expected an SVG that renders in 1 s and 768 MB, got a heavier"):
            renderer.render(HEAVY, "b.svg", 100, has_text=False)
        assert is_gone(first)
        assert renderer.seconds >= 1
        assert draw(renderer, 3) == 30
        assert pid(renderer) != first


def test_svg_error_keeps_the_process() -> None:
    with Renderer() as renderer:
        draw(renderer, 5)
        first = pid(renderer)
        with pytest.raises(ImageError, match=r"^c\.svg: cannot be rendered \("):
            renderer.render("<html/>", "c.svg", 100)
        assert (draw(renderer, 4), pid(renderer)) == (40, first)


def test_a_process_is_replaced_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svg, "_SVGS_A_CHILD", 2)
    with Renderer() as renderer:
        pids = []
        for _ in range(5):
            draw(renderer, 5)
            pids.append(pid(renderer))
        assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]
        assert all(map(is_gone, pids[:4]))


def test_a_killed_process_is_replaced() -> None:
    with Renderer() as renderer:
        draw(renderer, 5)
        assert renderer._child is not None
        renderer._child.kill()
        with pytest.raises(ImageError, match="a heavier one"):
            draw(renderer, 5)
        assert draw(renderer, 5) == 50


def test_threads_share_a_renderer() -> None:
    sides = [0.1 * i for i in range(1, 101)]
    with Renderer() as renderer, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda side: draw(renderer, side), sides)) == [round(10 * side) for side in sides]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_a_renderer_of_its_own() -> None:
    with Renderer() as renderer:
        draw(renderer, 5)
        child = os.fork()
        if child == 0:
            with renderer:
                done = draw(renderer, 7) == 70
            os._exit(0 if done else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert draw(renderer, 6) == 60, "the parent's process lives on"


def test_missing_python_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with Renderer() as renderer:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(ImageError, match=r"a\.svg: cannot be rendered \(no process can be started"):
            draw(renderer, 5)
        monkeypatch.setattr(sys, "executable", "/bin/false")
        with pytest.raises(ImageError, match=r"expected '/bin/false' to start Python, got exit code 1"):
            draw(renderer, 5)


def test_the_process_takes_nothing_from_the_working_directory_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, object]] = []
    popen = subprocess.Popen

    def noted(command: list[str], **options: object) -> object:
        started.append({"command": command, **options})
        return popen(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", noted)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with Renderer() as renderer:
        draw(renderer, 5)
    (one,) = started
    command, environment = one["command"], one["env"]
    assert isinstance(command, list)
    assert isinstance(environment, dict)
    assert command[1] == "-I"
    assert str(tmp_path) not in command
    assert one["cwd"] == "/"
    assert set(environment) <= {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "HOME"}


def test_a_working_directory_that_is_gone_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with Renderer() as renderer:
        assert draw(renderer, 5) == 50


def test_no_further_process_of_the_library_runs_code_from_where_it_stands() -> None:
    """Each process that the library starts is isolated; `-c` and `-m` alone take files of the working directory."""
    package = Path(svg.__file__).parent
    starting = {
        path.name
        for path in package.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("subprocess", "os.exec", "os.spawn", "os.system("))
    }
    assert starting == {"svg.py"}
