"""Put marks on backgrounds and make pictures look like photos: perspective, print, relief, light, blur, noise, JPEG.

Pictures are float32 (h, w, 3) RGB 0..255. This module must not know which marks there are.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from logoscan.training.materials import Materials, ramp, random_colour
from logoscan.training.styles import Premultiplied

Rgb8 = npt.NDArray[np.uint8]
Rgbf = npt.NDArray[np.float32]
CROP_PX = 128
"""Side of the square crops that the encoder is trained on, px."""


def random_corners(rng: np.random.Generator, size: tuple[float, float], centre: tuple[float, float]) -> Rgbf:
    """Return the corners of a rectangle, rotated and in perspective: float32 (4, 2), clockwise from the top left.

    Args:
        rng: Source of all choices.
        size: Width and height of the rectangle, px.
        centre: x and y of its centre, px.
    """
    w, h = size
    angle = rng.normal(0, 9) if rng.random() < 0.88 else rng.uniform(-50, 50)
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    box = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2
    if rng.random() < 0.5:
        box[:, 0] += box[:, 1] * rng.normal(0, 0.12)
    corners = box @ np.array([[c, s], [-s, c]]) + np.asarray(centre)
    if rng.random() < 0.55:
        corners = corners + rng.normal(0, 0.05, (4, 2)) * max(w, h)
    return np.asarray(corners, np.float32)


def lay(
    mark: Premultiplied, corners: Rgbf, shape: tuple[int, int], origin: tuple[float, float] = (0, 0)
) -> Premultiplied:
    """Warp a premultiplied mark to four corners on an empty layer.

    Args:
        mark: float32 (h, w, 4) premultiplied.
        corners: float32 (4, 2), where the corners of the mark are to lie.
        shape: Height and width of the layer.
        origin: x and y of the first pixel of the layer in the coordinates of `corners`.

    Returns:
        The layer, float32 (H, W, 4) premultiplied; a mark that is reduced is smoothed first.
    """
    h, w = mark.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, corners - np.asarray(origin, np.float32))
    span = float(np.linalg.norm(corners[1] - corners[0]) + np.linalg.norm(corners[3] - corners[0])) / (h + w)
    if span < 0.6:
        mark = cv2.GaussianBlur(mark, (0, 0), 0.4 / span)
    return np.asarray(cv2.warpPerspective(mark, matrix, (shape[1], shape[0]), flags=cv2.INTER_LINEAR), np.float32)


def blend(rng: np.random.Generator, ground: Rgbf, layer: Premultiplied, mono: bool, subtle: float = 0.0) -> Rgbf:
    """Print, emboss or dye a warped mark onto a background.

    Args:
        rng: Source of all choices.
        ground: float32 (H, W, 3) RGB background.
        layer: float32 (H, W, 4) premultiplied mark, from `lay`.
        mono: True to make the mark lighter or darker where its mean is close to that of the background.
        subtle: Chance that a mark of one colour is tone on tone: the background itself, a little lighter or darker.

    Returns:
        The picture, float32 (H, W, 3), a new array.
    """
    alpha = layer[..., 3:]
    colour = layer[..., :3]
    if mono and subtle > 0 and rng.random() < subtle:
        return _tone_on_tone(rng, ground, alpha)
    if mono:
        weight = float(alpha.sum())
        if weight > 1:
            under = float((ground * alpha).sum()) / (3 * weight)
            mean = float(colour.sum()) / (3 * weight)
            if abs(under - mean) < 55:
                colour = np.clip(colour + alpha * ((120 if under < 128 else -120) + (under - mean)), 0, 255 * alpha)
    kind = rng.random()
    if mono and kind < 0.1:  # embossed or engraved: only the light and shadow of the relief are visible
        relief = cv2.GaussianBlur(alpha[..., 0], (0, 0), rng.uniform(0.6, 1.6))
        ground = ground + relief[..., None] * (70 - 0.4 * ground)  # light and shadow are invisible on black
        light = cv2.Sobel(relief, cv2.CV_32F, 1, 0) * rng.uniform(-1, 1) + cv2.Sobel(relief, cv2.CV_32F, 0, 1)
        tone = rng.uniform(-0.35, 0.2)
        return np.asarray(ground * (1 + alpha * tone) + light[..., None] * rng.uniform(30, 90), np.float32)
    alpha = alpha * np.float32(1.0 if kind < 0.6 else rng.uniform(0.78, 1.0))
    cover = alpha / np.maximum(layer[..., 3:], 1e-4)
    if kind > 0.7:  # ink takes the light of the cloth below it
        light = ground.mean(-1, keepdims=True)
        colour = colour * np.clip(1 + (light - light.mean()) / 160, 0.4, 1.6)
    return np.asarray(ground * (1 - alpha) + colour * cover, np.float32)


def _tone_on_tone(rng: np.random.Generator, ground: Rgbf, alpha: Rgbf) -> Rgbf:
    """Return a background with the mark a little lighter or darker than it, mostly with a pressed or raised edge."""
    under = float((ground * alpha).sum()) / max(3 * float(alpha.sum()), 1e-3)
    step = rng.uniform(12, 45) * (1 if under < 40 else -1 if under > 215 else rng.choice([-1, 1]))
    image = ground + alpha * np.float32(step)
    if rng.random() < 0.7:
        relief = cv2.GaussianBlur(alpha[..., 0], (0, 0), rng.uniform(0.6, 1.8))
        angle = rng.uniform(0, 2 * np.pi)
        slope = cv2.Sobel(relief, cv2.CV_32F, 1, 0) * np.cos(angle) + cv2.Sobel(relief, cv2.CV_32F, 0, 1) * np.sin(
            angle
        )
        image = image + (slope * rng.uniform(8, 45))[..., None]
    return np.asarray(image, np.float32)


def take_snapshot(rng: np.random.Generator, image: Rgbf) -> Rgbf:
    """Return the picture as a good photo would show it: uneven light, a little blur, lower resolution, JPEG."""
    h, w = image.shape[:2]
    if rng.random() < 0.4:
        a, b = rng.uniform(0.75, 1.1, 2)
        image = image * (a + (b - a) * ramp(rng, h, w))[..., None]
    image = (image - 128) * np.float32(rng.uniform(0.75, 1.15)) + np.float32(128 + rng.normal(0, 10))
    if rng.random() < 0.25:
        image = image * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.0))
    if rng.random() < 0.35:
        image = low_resolution(rng, image, 30, 110)
    if rng.random() < 0.4:
        image = jpeg(rng, image)
    return np.asarray(image, np.float32)


def take_photo(rng: np.random.Generator, image: Rgbf, materials: Materials, crop: bool = True) -> Rgbf:
    """Return the picture after random folds, light, glare, occlusion, blur, low resolution, noise and JPEG.

    Args:
        rng: Source of all choices.
        image: float32 (h, w, 3) RGB.
        materials: Source of the noise fields.
        crop: True for a crop of one mark. A whole picture gets no folds, which would move marks out of their boxes, and
            no occlusion, and loses less of its resolution, because its marks are small already.
    """
    h, w = image.shape[:2]
    if crop and rng.random() < 0.18:
        image = _fold(rng, image, materials)
    if rng.random() < 0.5:
        a, b = rng.uniform(0.5, 1.15, 2)
        image = image * (a + (b - a) * ramp(rng, h, w))[..., None]
    if rng.random() < 0.08:
        centre = (int(rng.integers(w)), int(rng.integers(h)))
        glare = np.zeros((h, w), np.float32)
        cv2.ellipse(
            glare,
            centre,
            (int(rng.integers(5, w // 2)), int(rng.integers(3, h // 5 + 4))),
            float(rng.uniform(0, 180)),
            0,
            360,
            1.0,
            -1,
        )
        image = image + cv2.GaussianBlur(glare, (0, 0), w * 0.06)[..., None] * rng.uniform(50, 200)
    if crop and rng.random() < 0.14:
        y, x = int(rng.integers(0, h - h // 8)), int(rng.integers(0, w - w // 8))
        bh, bw = int(rng.integers(h // 16, h // 2)), int(rng.integers(w // 16, w // 2))
        image = image.copy()
        image[y : y + bh, x : x + bw] = random_colour(rng)
    contrast, lift = rng.uniform(0.55, 1.2), rng.normal(0, 18)
    image = (image - 128) * np.float32(contrast) + np.float32(128 + lift)
    if rng.random() < 0.35:
        image = image * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.12:
        image = np.repeat(image.mean(2, keepdims=True), 3, 2)
    blur = rng.random()
    if crop and blur > 0.94:  # a seller hides the mark
        image = _mosaic(rng, image) if rng.random() < 0.5 else cv2.GaussianBlur(image, (0, 0), rng.uniform(1.8, 4.5))
    elif blur < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8 if crop else 1.1))
    elif blur < (0.4 if crop else 0.34):
        image = _motion_blur(rng, image)
    if rng.random() < (0.38 if crop else 0.12):
        image = low_resolution(rng, image, *((18, 90) if crop else (55, 100)))
    if rng.random() < 0.3:
        image = image + rng.uniform(2, 12) * materials.field(rng, h, w, 0.0)[..., None]
    if rng.random() < 0.4:
        image = jpeg(rng, image)
    return image


def _fold(rng: np.random.Generator, image: Rgbf, materials: Materials) -> Rgbf:
    """Return the picture distorted and shaded as on folded cloth."""
    h, w = image.shape[:2]
    height = materials.field(rng, h, w, 16.0 if rng.random() < 0.5 else 48.0)
    strength = rng.uniform(0.5, 3.5) * w / CROP_PX
    x = np.arange(w, dtype=np.float32)[None] + height * np.float32(strength)
    y = np.arange(h, dtype=np.float32)[:, None] + height * np.float32(strength * rng.uniform(-1, 1))
    image = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    slope = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=5)
    slope /= max(float(np.abs(slope).max()), 1e-6)
    return np.asarray(image * (1 + slope * rng.uniform(0.1, 0.45))[..., None], np.float32)


def _motion_blur(rng: np.random.Generator, image: Rgbf) -> Rgbf:
    """Return the picture blurred along a random line of 3 to 9 px."""
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    a, middle = rng.uniform(0, np.pi), (length - 1) / 2
    dx, dy = middle * np.cos(a), middle * np.sin(a)
    cv2.line(kernel, (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy)), 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)


def _mosaic(rng: np.random.Generator, image: Rgbf) -> Rgbf:
    """Return the picture in squares of one colour each, 3 to 9 px wide."""
    h, w = image.shape[:2]
    cell = int(rng.integers(3, 10))
    small = cv2.resize(image, (max(2, w // cell), max(2, h // cell)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_NEAREST), np.float32)


def low_resolution(rng: np.random.Generator, image: Rgbf, smallest: int, largest: int) -> Rgbf:
    """Return the picture reduced to a long side of `smallest` to `largest` px per `CROP_PX` px, then enlarged again.

    The side is drawn log-uniformly, so small sides are more frequent.
    """
    h, w = image.shape[:2]
    side = float(np.exp(rng.uniform(np.log(smallest), np.log(largest)))) * max(h, w) / CROP_PX
    scale = side / max(h, w)
    small = cv2.resize(image, (max(4, round(w * scale)), max(4, round(h * scale))), interpolation=cv2.INTER_AREA)
    back = cv2.INTER_LINEAR if rng.random() < 0.6 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(small, (w, h), interpolation=back), np.float32)


def jpeg(rng: np.random.Generator, image: Rgbf) -> Rgbf:
    """Return the picture after JPEG compression of quality 18 to 84."""
    quality = int(rng.integers(18, 85))
    encoded, data = cv2.imencode(".jpg", to_uint8(image), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        return image
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32)


def to_uint8(image: Rgbf) -> Rgb8:
    """Return a float32 picture as uint8, clipped to 0..255."""
    return np.clip(image, 0, 255).astype(np.uint8)
