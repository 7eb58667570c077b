"""Codes that are drawn into photos: simulated, with turns, tilts, blur, noise and JPEG as a phone leaves them."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from logoscan.types import Rgb

__all__ = ["ComposedCode", "compose_code", "random_content"]

# Quiet zone around a code, in modules; the standards ask for 4 of a QR code, 1 of a DataMatrix and 7 to 11 of an EAN.
_QUIET = {"QRCode": 4, "DataMatrix": 2, "EAN13": 10, "UPCA": 10, "Code128": 10}
# Height of a bar code as a share of its width.
_BAR_HEIGHT = 0.55
_GS = "\x1d"


@dataclass(frozen=True, eq=False)
class ComposedCode:
    """A photo with one code.

    Attributes:
        rgb: The photo, uint8 (H, W, 3), after JPEG.
        format: Name of the format, as zxing-cpp has it.
        content: What the code says.
        modules: Modules (narrowest bars) across the code, without its quiet zone.
    """

    rgb: Rgb
    format: str
    content: str
    modules: int


def random_content(kind: str, rng: random.Random) -> str:
    """Draw what a code of a format says: a short address, a GS1 element string, an EAN, a unit's serial."""

    def letters(count: int) -> str:
        return "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=count))

    def with_check(digits: str) -> str:
        total = sum(int(d) * (3 if i % 2 == 0 else 1) for i, d in enumerate(reversed(digits)))
        return f"{digits}{-total % 10}"

    digits = "".join(rng.choices("0123456789", k=10))
    if kind == "QRCode":
        return f"https://{letters(6).lower()}.example/{letters(8)}"
    if kind == "DataMatrix":
        return f"{_GS}01{with_check('0' + '40' + digits)}21{letters(8)}"
    if kind == "EAN13":
        return with_check(f"40{digits}")
    if kind == "UPCA":
        return with_check(f"0{digits}")
    return f"AZ:{letters(26)}"


def _matrix(kind: str, content: str) -> np.ndarray:
    """Return the modules of a code, uint8 (h, w), 0 and 255, without a quiet zone."""
    import zxingcpp as zx

    formats: Any = zx.BarcodeFormat
    options: dict[str, Any] = {"ec_level": "M"} if kind == "QRCode" else {}
    if content.startswith(_GS):
        options["gs1"] = True
        content = f"(01){content[3:17]}(21){content[19:]}"
    code = zx.create_barcode(content, getattr(formats, kind), **options)
    image = np.asarray(zx.write_barcode_to_image(code, scale=1, add_quiet_zones=False))
    return np.ascontiguousarray(image[:1] if kind in ("EAN13", "UPCA", "Code128") else image)


def compose_code(
    photo: Rgb, kind: str, side_px: float, rng: random.Random, *, per_module: bool = False
) -> ComposedCode:
    """Draw a random code into a photo.

    Args:
        photo: The photo, uint8 (H, W, 3); it is tiled where it is too small.
        kind: Format: QRCode, DataMatrix, EAN13, UPCA or Code128.
        side_px: Side (width of bars) without the quiet zone, in pixels of the photo; pixels of a module with
            `per_module`.
        rng: Draws content, place, turn (any quarter, and up to 12 degrees), tilt, blur, noise, light and JPEG quality.
        per_module: What `side_px` measures.
    """
    import cv2

    content = random_content(kind, rng)
    matrix = _matrix(kind, content)
    modules = matrix.shape[1]
    side = side_px * modules if per_module else side_px
    scale = 8
    flat = np.kron(matrix, np.ones((1 if len(matrix) == 1 else scale, scale), np.uint8))
    if len(matrix) == 1:
        flat = np.repeat(flat, round(_BAR_HEIGHT * flat.shape[1]), axis=0)
    flat = np.pad(flat, _QUIET[kind] * scale, constant_values=255)
    height, width = flat.shape
    size = side / modules / scale  # pixels of the photo for one of `flat`
    need = round(1.5 * size * max(height, width)) + 8
    photo = np.tile(photo, (-(-need // photo.shape[0]), -(-need // photo.shape[1]), 1))
    rows, columns = photo.shape[:2]
    angle = np.deg2rad(90 * rng.randrange(4) + rng.uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    placed = (corners - corners.mean(0)) * size @ turn.T
    placed += np.array([[rng.uniform(-0.04, 0.04) * side for _ in range(2)] for _ in range(4)])  # tilt
    low, high = placed.min(0), placed.max(0)
    placed += [rng.uniform(-low[0], columns - high[0]), rng.uniform(-low[1], rows - high[1])]
    over = 3  # drawn three times as large and averaged, so that edges are as a lens leaves them
    centred = (placed + 0.5) * over - 0.5
    transform = cv2.getPerspectiveTransform(corners.astype(np.float32), centred.astype(np.float32))
    x0, y0 = np.floor(placed.min(0)).astype(int).clip(0)
    x1, y1 = np.minimum(np.ceil(placed.max(0)).astype(int) + 1, [columns, rows])
    shift = np.array([[1, 0, -x0 * over], [0, 1, -y0 * over], [0, 0, 1]], float)
    wh = (int(x1 - x0) * over, int(y1 - y0) * over)
    warped = cv2.warpPerspective(flat, shift @ transform, wh, flags=cv2.INTER_AREA, borderValue=255)
    mask = cv2.warpPerspective(np.full_like(flat, 255), shift @ transform, wh)
    small = (wh[0] // over, wh[1] // over)
    code, mask = (cv2.resize(a, small, interpolation=cv2.INTER_AREA).astype(float) for a in (warped, mask))
    dark, light = rng.uniform(10, 60), rng.uniform(170, 250)
    share = mask[..., None] / 255
    out = photo.astype(float)
    part = out[y0:y1, x0:x1]
    out[y0:y1, x0:x1] = part * (1 - share) + (dark + code / 255 * (light - dark))[..., None] * share
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.7))
    out += np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(1, 5), out.shape)
    buffer = io.BytesIO()
    Image.fromarray(out.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=rng.randint(70, 95))
    rgb = np.asarray(Image.open(buffer).convert("RGB"))
    return ComposedCode(rgb, kind, content, modules)
