"""A headless Chromium, driven by the DevTools protocol over a pipe: no port, no driver program, no package.

`Runtime.evaluate` runs in the page, real keys come by `Input.dispatchKeyEvent`. What the page writes to its console,
and every address that it asks for, is kept.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_TIMEOUT_S = 60.0
_SPECIAL_KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, "")}


class Browser:
    """One page of a Chromium with an empty profile.

    Attributes:
        console: What the page wrote to its console, errors and refusals of its policy among them.
        requests: Addresses that the page asked for.
    """

    def __init__(self, folder: Path) -> None:
        """Start it; files are downloaded to `folder`."""
        self.console: list[str] = []
        self.requests: list[str] = []
        self._folder, self._number, self._buffer = folder, 0, b""
        (folder / "profile").mkdir(exist_ok=True)
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
                   "--disable-component-update", "--disable-background-networking"]  # fmt: skip
        # Chromium reads from descriptor 3 and writes to 4
        script = f'exec "$@" 3<&{commands} 4>&{answers}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", str(CHROMIUM), *options, f"--user-data-dir={folder / 'profile'}"],
            pass_fds=(commands, answers),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._session = ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        self.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def __enter__(self) -> Browser:
        """Return this browser."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(timeout=30)
        os.close(self._to)
        os.close(self._from)

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._from, 1 << 20)
            if not chunk:
                raise RuntimeError("Chromium ended")
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        params = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif message.get("method") == "Log.entryAdded":
            self.console.append(params["entry"]["text"])
        elif message.get("method") == "Runtime.consoleAPICalled":
            self.console.append(str([arg.get("value") for arg in params["args"]]))
        elif message.get("method") == "Runtime.exceptionThrown":
            self.console.append(str(params["exceptionDetails"]))
        return message

    def open(self, path: Path, ready: str = "document.readyState === 'complete'") -> None:
        """Open a page, and wait until an expression is true in it."""
        self.run("window.isLeft = true")
        self.ask("Page.navigate", url=path.as_uri())
        self.wait(f"!window.isLeft && document.body !== null && {ready}")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        wait_until(lambda: self.run(expression) is True, expression)

    def run(self, expression: str) -> Any:
        """Return the value of an expression in the page; a promise is awaited."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after another, as a person does; a key is a character or "Enter", "Escape", "Tab"."""
        for key in keys:
            name, code, text = _SPECIAL_KEYS[key] if key in _SPECIAL_KEYS else (key, ord(key.upper()), key)
            common = {"key": name, "windowsVirtualKeyCode": code}
            self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def peak_mb(self) -> float:
        """Return the most memory that a page's process of this browser has had resident, in MB."""
        peaks = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command, status = (folder / "cmdline").read_bytes(), (folder / "status").read_text("ascii", "replace")
            except OSError:  # it ended meanwhile
                continue
            if b"--type=renderer" in command and str(self._folder).encode() in command:
                peaks.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return max(peaks, default=0.0)

    def downloaded(self, name: str) -> Path:
        """Wait for a download, and return its file."""
        wait_until(lambda: (self._folder / name).is_file(), name)
        return self._folder / name


def wait_until(check: Callable[[], bool], what: str) -> None:
    """Wait until a check is true."""
    end = time.monotonic() + _TIMEOUT_S
    while not check():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
