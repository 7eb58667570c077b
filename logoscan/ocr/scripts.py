"""Lines that an engine finds and cannot read: in which script they are, and who reads that script.

A recogniser that lacks a script answers with a blank or with letters that look alike, at a low confidence. Such lines
are given to a small network, which identifies the script; then the one reader of that script reads the line, or the
line is unread. A blank that is not shaped like a line is searched for lines by itself. Lines that the first engine
reads surely cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from logoscan._bundled import folder, verify_file
from logoscan.images.boxes import iou
from logoscan.ocr.canvas import grown_lines, readings_of
from logoscan.ocr.lines import line_crop
from logoscan.runtime import building_networks, rebuilt_elsewhere
from logoscan.types import Boxes, Rgb, TextSpans, UnreadReason

__all__ = ["FirstEngine", "LineReader", "ScriptIdentifier", "ScriptOcr", "ScriptReader"]

_FILE = "scripts.safetensors"
_SHA256 = "7437f9dc740172091da284c7604abd665e43c96534b0dc1ff15bde3ad861b075"
# Confidence from which the first engine's reading of a line stands: of lines in scripts that PP-OCR lacks it reads one
# in a hundred more surely.
_READ_FROM = 0.95
# Probability from which a blank is on no text, by whether its box is long, as lines are: of composed lines in a row
# that PP-OCR reads as blanks none reaches it.
_NO_TEXT_FROM = {True: 0.7, False: 0.2}
# Long over short side from which a box is long.
_LONG_ASPECT = 1.5
# Share of its shorter side by which a line grows on each side before it is looked at: the network learnt wider lines.
_GROWN = 0.06
# Share of a photo up to which a blank box that is not long is looked at by itself: a plain thing that bears a small
# name may be taken for one line. Then the most of these that are looked at, the largest, and overlap (IoU) from which a
# line in it is one that is known.
_MOST_CLOSER, _MOST_SEARCHES, _SAME_LINE_IOU = 0.5, 4, 0.5
# Probability of all further scripts from which a reader is asked about a line that the first engine read as something,
# and from which such a line is said to be unread: a wrong answer there removes a reading.
_ASK_FROM, _UNREAD_FROM = 0.3, 0.95
# Share of the probability of all further scripts from which an unread line's script is named.
_NAMED_SHARE = 0.5
# Confidence from which a reader's reading is kept, and from which no second reader is asked.
_KEEP_FROM, _SURE_FROM = 0.4, 0.7
# Probability of a script from which its reader is asked second.
_SECOND_FROM = 0.1
# Scripts that the network knows no name for.
_OTHER = "Zyyy"
# How blanks are looked at, for the name of the engine.
_BLANKS = "blanks from close, lines grown"
_UNREADABLE: tuple[UnreadReason, ...] = ("unreadable",)
# Longer lines are cut to this multiple of their height: the beginning tells the script.
_MOST_ASPECT = 12.0


class FirstEngine(Protocol):
    """An `OcrEngine` that is a `WordReader` as well."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Return the lines in each photo."""
        ...

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        """Return a line in each box."""
        ...


class LineReader(Protocol):
    """Reads lines whose places are known."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def read_lines(self, image: Rgb, polygons: NDArray[np.float32], /) -> list[list[tuple[str, float]]]:
        """Return text and confidence of each reading of each line, the best one first, none where nothing is read.

        Args:
            image: A photo, uint8 (H, W, 3) RGB.
            polygons: Corners of the lines in its pixels, float32 (n, 4, 2), clockwise from the top left of the text.
        """
        ...


class ScriptReader(Protocol):
    """Tells scripts apart."""

    def probabilities(self, image: Rgb, polygons: NDArray[np.float32], /) -> list[dict[str, float]]:
        """Return for each line the probability of each script, by ISO 15924 code; "" is no text, "Zyyy" another script.

        Args:
            image: A photo, uint8 (H, W, 3) RGB.
            polygons: Corners of the lines in its pixels, float32 (n, 4, 2), clockwise from the top left of the text.
        """
        ...


@rebuilt_elsewhere
class ScriptIdentifier:
    """The bundled network that tells scripts apart (`weights/scripts.md`), on the CPU. May be shared by threads."""

    @building_networks()
    def __init__(self, path: str | Path | None = None) -> None:
        """Load and verify the network.

        Args:
            path: A file of `logoscan.training.scripts`; None takes the bundled one.

        Raises:
            CorruptFileError: The bundled file is missing or altered.
        """
        import torch
        from safetensors.torch import load_file

        from logoscan.ocr.script_net import LINE_PX, SCRIPTS, ScriptNet

        if path is None:
            path = verify_file(folder() / _FILE, _SHA256)
        self._torch: Any = torch
        self._line_px, self._scripts = LINE_PX, SCRIPTS
        self._net = ScriptNet()
        self._net.load_state_dict(load_file(path))
        self._net.eval()

    def probabilities(self, image: Rgb, polygons: NDArray[np.float32]) -> list[dict[str, float]]:
        """Return for each line the probability of each script (`ScriptReader.probabilities`)."""
        out = []
        for corners in polygons:
            crop = line_crop(image, corners, self._line_px)[:, : int(_MOST_ASPECT * self._line_px)]
            grey = crop.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
            line = (grey - grey.mean()) / max(float(grey.std()), 4.0)
            with self._torch.inference_mode():
                logits = self._net(self._torch.from_numpy(line[None, None]))
                chances = self._torch.softmax(logits[0], 0).tolist()
            out.append(dict(zip(self._scripts, chances, strict=True)))
        return out


@dataclass(frozen=True)
class ScriptOcr:
    """An engine that reads again, by script, the lines that another engine finds and cannot read. Immutable.

    It is an `OcrEngine` and a `WordReader`.

    Attributes:
        first: Finds all lines, and reads those of its own scripts.
        scripts: Tells scripts apart.
        readers: Reader of each further script, by ISO 15924 code.
        own: Scripts that the first engine reads, by ISO 15924 code.
    """

    first: FirstEngine
    scripts: ScriptReader
    readers: Mapping[str, LineReader]
    own: frozenset[str]

    @property
    def name(self) -> str:
        """Name of the first engine, of how blanks are looked at, and of the reader of each further script."""
        return "; ".join(
            [f"{self.first.name}, {_BLANKS}", *(f"{code}: {reader.name}" for code, reader in self.readers.items())]
        )

    def read(self, images: Sequence[Rgb]) -> list[TextSpans]:
        """Return the lines in each photo (`OcrEngine.read`); unread are those that nobody can read."""
        return [self._again(image, spans) for image, spans in zip(images, self.first.read(images), strict=True)]

    def read_words(self, images: Sequence[Rgb], boxes: Sequence[Boxes], /) -> list[TextSpans]:
        """Return a line in each box, as the first engine reads it (`WordReader.read_words`)."""
        return self.first.read_words(images, boxes)

    def _ask(self, chances: Mapping[str, float], image: Rgb, polygon: NDArray[np.float32]) -> list[tuple[str, float]]:
        """Return the readings of a line by the reader of its most probable script, or the second where that is surer.

        The network confuses scripts with those that nobody reads; a sure reading tells more.
        """
        likely = sorted(chances.keys() & self.readers.keys(), key=lambda code: (-chances[code], code))[:2]
        best = [("", 0.0)]
        for rank, code in enumerate(likely):
            if rank and (best[0][1] >= _SURE_FROM or chances[code] < _SECOND_FROM):
                break
            (readings,) = self.readers[code].read_lines(image, polygon)
            best = max(best, readings or [("", 0.0)], key=lambda read: (bool(read[0][0]), read[0][1]))
        return best

    def _closer(self, image: Rgb, spans: TextSpans) -> TextSpans:
        """Return the lines of a photo, with blanks that are not shaped like lines replaced by the lines in them.

        A blank stays where nothing in it is sure or a blank itself: what is guessed there does not count as read.
        """
        sizes = np.prod(spans.xyxy[:, 2:] - spans.xyxy[:, :2], axis=1)
        wide = grown_lines(spans.polygons, _GROWN)
        blank = [not text.strip() and not _is_long(line) for text, line in zip(spans.texts, wide, strict=True)]
        asked = [i for i in np.argsort(-sizes, kind="stable").tolist() if blank[i]]
        asked = [i for i in asked if 0 < sizes[i] <= _MOST_CLOSER * image.shape[0] * image.shape[1]][:_MOST_SEARCHES]
        replaced, found = set[int](), TextSpans.empty()
        for i in asked:
            others = np.concatenate([np.delete(spans.xyxy, i, axis=0), found.xyxy])
            lines = _new_lines(self._lines_in(image, spans.xyxy[i]), others)
            if any(not text.strip() or c >= _READ_FROM for text, c in zip(lines.texts, lines.confidence, strict=True)):
                replaced.add(i)
                found = found.joined(lines)
        if not replaced:
            return spans
        kept = spans.rows([i for i in range(len(spans)) if i not in replaced])
        fields = ("unread_xyxy", "unread_scripts", "unread_reasons", "unkept_area")
        return replace(kept, **{name: getattr(spans, name) for name in fields}).joined(found)

    def _lines_in(self, image: Rgb, box: NDArray[np.float32]) -> TextSpans:
        """Return the lines that the first engine finds in a part of a photo, in pixels of the photo."""
        height, width = image.shape[:2]
        x0, y0 = (max(0, int(value)) for value in box[:2])
        x1, y1 = (math.ceil(value) for value in box[2:])
        (lines,) = self.first.read([np.ascontiguousarray(image[y0:y1, x0:x1])])
        corner, end = np.array([x0, y0], np.float32), np.array([width, height], np.float32)
        return replace(
            lines,
            polygons=np.clip(lines.polygons + corner, 0, end).astype(np.float32),
            unread_xyxy=np.clip(lines.unread_xyxy + np.tile(corner, 2), 0, np.tile(end, 2)).astype(np.float32),
        )

    def _again(self, image: Rgb, spans: TextSpans) -> TextSpans:
        """Return the lines of a photo with those read again that were not read surely.

        Second readings stay where their lines stay as the first engine read them.
        """
        spans = self._closer(image, spans)
        again = self._first_again(image, spans.first_readings())
        second = spans.rows(np.flatnonzero(spans.is_second).tolist())
        stays = {(line.tobytes(), text) for line, text in zip(again.polygons, again.texts, strict=True)}
        first = {
            line.tobytes(): text for line, text in zip(reversed(spans.polygons), reversed(spans.texts), strict=True)
        }
        rows = [i for i, line in enumerate(second.polygons) if (line.tobytes(), first[line.tobytes()]) in stays]
        return again.joined(second.rows(rows))

    def _first_again(self, image: Rgb, spans: TextSpans) -> TextSpans:
        """Return lines, each read once, with those read again that were not read surely."""
        unsure = [
            i
            for i, (text, confidence) in enumerate(zip(spans.texts, spans.confidence.tolist(), strict=True))
            if confidence < _READ_FROM or not text.strip()
        ]
        if not unsure:
            return spans
        texts, confidence = list(spans.texts), spans.confidence.copy()
        gone, unread, second = set[int](), dict[int, str | None](), TextSpans.empty()
        wide = grown_lines(spans.polygons, _GROWN)
        for i, chances in zip(unsure, self.scripts.probabilities(image, wide[unsure]), strict=True):
            blank = not texts[i].strip()
            further = {code: p for code, p in chances.items() if code and code not in self.own}
            code = max(further, key=further.__getitem__, default=_OTHER)
            total, chance = sum(further.values()), further.get(code, 0.0)
            if blank and chances.get("", 0.0) >= _NO_TEXT_FROM[_is_long(wide[i])]:
                gone.add(i)
                continue
            if blank or total >= max(_ASK_FROM, chances.get("", 0.0)):
                (text, sure), *others = self._ask(further, image, wide[i : i + 1])
                own = 0.0 if blank else float(confidence[i]) * sum(chances.get(script, 0.0) for script in self.own)
                if sure >= _KEEP_FROM and sure * total >= own and any(c.isalnum() for c in text):
                    texts[i], confidence[i] = text, min(1.0, sure)
                    second = second.joined(readings_of(spans.polygons[i], others))
                    continue
            if blank or total >= _UNREAD_FROM:
                gone.add(i)
                unread[i] = None if code == _OTHER or chance < _NAMED_SHARE * total else code
        kept = replace(spans, texts=tuple(texts), confidence=confidence).rows(
            [i for i in range(len(spans)) if i not in gone]
        )
        kept = kept.joined(second)
        return TextSpans(
            kept.polygons,
            kept.texts,
            kept.confidence,
            np.concatenate([spans.xyxy[list(unread)], spans.unread_xyxy]),
            (*unread.values(), *spans.unread_scripts),
            (*_UNREADABLE * len(unread), *spans.unread_reasons),
        )


def _is_long(corners: NDArray[np.float32]) -> bool:
    """Return whether a box, float32 (4, 2), is as much longer than wide as lines are, in a row or in a column."""
    short, long = sorted((np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])))
    return bool(long >= _LONG_ASPECT * short)


def _new_lines(lines: TextSpans, known: NDArray[np.float32]) -> TextSpans:
    """Return the lines that are none of those with these boxes, float32 (n, 4), with what is unread."""
    new = (iou(lines.xyxy, known) < _SAME_LINE_IOU).all(axis=1) if len(known) else np.ones(len(lines), bool)
    fields = ("unread_xyxy", "unread_scripts", "unread_reasons")
    return replace(lines.rows(np.flatnonzero(new).tolist()), **{name: getattr(lines, name) for name in fields})
