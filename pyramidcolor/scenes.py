"""Scenes drawn from a seed, whose color follows from shape, texture, brightness and place.

They train a network where no photos are given, and they know their answer: every pixel has a label. Distances
are in picture heights and y points down, so that one seed gives one composition at every size. The rules:

- In nature color follows something that gray shows: bright grass is yellower, a low sun makes an orange sky,
  brick has joints and plaster has none, autumn leaves are bright and blotched.
- `TEAL` things have a hue within 6 degrees of cyan, on both sides: the seam of hues in [-1, 1).
- `GRAY` things have no color at all.
- The hue of a balloon is drawn alone: nothing in V tells it, and no network can learn it. Its luminance does
  tell a little, because at one V yellow is brighter than blue.
- Painted things (these three and balls) keep hue and saturation in every light.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from numbers import Integral

import numpy as np
import torch
from torch.utils.data import Dataset

_OUTDOORS = ("sky", "sun", "cloud", "mountain", "snow", "sea", "sand", "grass", "wheat", "road", "path")
_THINGS = ("tree", "conifer", "wood", "rock", "pylon", "wall", "roof", "trim", "boat", "sail", "tent", "car")

CLASSES = (*_OUTDOORS, *_THINGS, "ball", "balloon")
"""What `Scene.labels` counts; wood is trunks, doors and baskets, trim is windows, wheels and openings."""

KINDS = ("coast", "meadow", "mountains", "village", "road")
"""What `Scene.kind` counts."""

TEAL = ("boat", "tent", "car")
"""Classes on the seam of the hue circle."""

GRAY = ("rock", "pylon")
"""Classes without color."""


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        rgb: `(3, H, W)`, float32, values in [0, 1].
        labels: `(H, W)`, int64, index into `CLASSES`.
        kind: index into `KINDS`.
        light: "day", "golden hour", "dusk" or "overcast".
        season: "summer", "autumn" or "winter".
    """

    rgb: torch.Tensor
    labels: torch.Tensor
    kind: int
    light: str
    season: str


class SyntheticScenes(Dataset):
    """Scenes by index: RGB `(3, H, W)`, float32 in [0, 1], the same in every process and order.

    Args:
        length: how many scenes there are.
        size: height and width in pixels, or one number for both.
        seed: scenes of different seeds have nothing in common.
        object_scale: enlarges balls, balloons, houses, boats, tents and cars, and nothing else.
        kinds: names out of `KINDS`; all by default.

    Raises:
        ValueError: if an argument is out of range.
        IndexError: from `[index]` and `scene(index)`, if there is no such scene.

    Example:
        >>> scenes = SyntheticScenes(length=10, size=(48, 64), seed=1)
        >>> len(scenes), tuple(scenes[0].shape)
        (10, (3, 48, 64))
        >>> scenes.scene(0).rgb.equal(scenes[0])
        True
    """

    def __init__(
        self,
        length: int = 1000,
        size: int | tuple[int, int] = 128,
        seed: int = 0,
        object_scale: float = 1.0,
        kinds: Sequence[str] | None = None,
    ):
        if length < 0:
            raise ValueError(f"length must be 0 or more, got {length}")
        if seed < 0:
            raise ValueError(f"seed must be 0 or more, got {seed}")
        self.length, self.seed = length, seed
        self.size, self.kinds = _checked_size(size), _checked_kinds(kinds)
        self.object_scale = _checked_scale(object_scale)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.scene(index).rgb

    def scene(self, index: int) -> Scene:
        """The scene whose picture is `self[index]`, with its labels."""
        if not 0 <= index < self.length:
            raise IndexError(f"index must be in [0, {self.length}), got {index}")
        rng = np.random.default_rng([self.seed, index])
        return draw_scene(rng, self.size, object_scale=self.object_scale, kinds=self.kinds)


def draw_scene(
    rng: np.random.Generator | int,
    size: int | tuple[int, int],
    object_scale: float = 1.0,
    kinds: Sequence[str] | None = None,
    ball_radius: float | None = None,
) -> Scene:
    """One scene.

    Args:
        rng: a generator, which is advanced, or a seed.
        size: height and width in pixels, or one number for both.
        object_scale: enlarges balls, balloons, houses, boats, tents and cars, and nothing else.
        kinds: names out of `KINDS` to choose from; all by default.
        ball_radius: draws exactly one ball of this radius (in picture heights, at most 0.5) in front of the
            middle of the picture, whatever `object_scale` is, and leaves all else as it is. Up to 0.3 it is
            wholly inside a square picture.

    Returns:
        The picture, its labels, its kind, its light and its season.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> scene = draw_scene(3, 64, kinds=["coast"], ball_radius=0.2)
        >>> int((scene.labels == CLASSES.index("ball")).sum()) > 400  # a disc of 12.8 pixels radius has 515
        True
    """
    if ball_radius is not None and not 0 < ball_radius <= 0.5:
        raise ValueError(f"ball_radius must be in (0, 0.5] of the height, got {ball_radius}")
    if isinstance(rng, int) and rng < 0:
        raise ValueError(f"rng must be a generator or a seed of 0 or more, got {rng}")
    height, width = _checked_size(size)
    scale, kinds = _checked_scale(object_scale), _checked_kinds(kinds)
    rng = np.random.default_rng(rng)
    balls = rng.random((4, 4)).tolist()  # taken before all else, so that balls change nothing else
    kind = kinds[rng.integers(len(kinds))]
    sky = _draw_sky(rng, width / height, kind)
    picture = _Picture(height, width, sky, rng, scale)
    _paint_sky(picture)
    things = _COMPOSITIONS[kind](picture)
    if ball_radius is None:
        things += _scattered_balls(picture, balls)
    # The nearer, the later. No size may change the order: things take from `rng` when they are painted.
    for _, paint in sorted(things, key=lambda thing: thing[0]):
        paint()
    if ball_radius is not None:
        across, down, tone, _ = balls[0]
        middle = picture.aspect * (0.4 + 0.2 * across), 0.56 + 0.12 * down
        _paint_ball(picture, *middle, ball_radius, tone)
    rgb, labels = torch.from_numpy(picture.rgb.clip(0, 1)), torch.from_numpy(picture.labels)
    return Scene(rgb, labels, KINDS.index(kind), sky.light, sky.season)


def _checked_size(size) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, Integral) and side >= 8 for side in sides):
        raise ValueError(f"size must be one or two whole numbers of 8 pixels or more, got {size!r}")
    return sides


def _checked_scale(object_scale: float) -> float:
    if not 0 < object_scale < math.inf:
        raise ValueError(f"object_scale must be positive and finite, got {object_scale}")
    return object_scale


def _checked_kinds(kinds: Sequence[str] | None) -> tuple[str, ...]:
    kinds = KINDS if kinds is None else tuple(kinds)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ValueError(f"kinds must be one or more of {KINDS}, got {kinds}")
    return kinds


# Light and season


@dataclass(frozen=True)
class _Light:
    chance: float
    top: tuple[float, float, float]  # of the sky; hue in degrees, saturation, value
    bottom: tuple[float, float, float]
    cloud: tuple[float, float, float]
    sun: tuple[float, float, float]
    tint: tuple[float, float, float]  # what it leaves of red, green and blue


_LIGHTS = {
    "day": _Light(0.6, (214, 0.72, 0.72), (204, 0.3, 0.95), (210, 0.03, 1), (50, 0.25, 1), (1, 1, 1)),
    "golden hour": _Light(
        0.16, (220, 0.4, 0.68), (34, 0.58, 1), (20, 0.38, 0.98), (46, 0.4, 1), (1, 0.85, 0.64)
    ),
    "dusk": _Light(
        0.1, (232, 0.62, 0.34), (16, 0.6, 0.8), (336, 0.35, 0.56), (30, 0.6, 1), (0.52, 0.46, 0.6)
    ),
    "overcast": _Light(
        0.14, (212, 0.1, 0.64), (208, 0.05, 0.88), (214, 0.07, 0.8), (50, 0, 1), (0.8, 0.83, 0.86)
    ),
}


@dataclass(frozen=True)
class _Sky:
    light: str
    season: str
    horizon: float
    sun: tuple[float, float]  # to the right of the middle of the picture, and down
    top: np.ndarray
    bottom: np.ndarray

    @property
    def side(self) -> float:
        """Where the light comes from: -1 is left, 1 is right."""
        return math.copysign(1, self.sun[0])

    def natural(self, hue: float, saturation: float, value: float) -> np.ndarray:
        """A color under this light."""
        paled = saturation * (0.75 if self.light == "overcast" else 1)
        return _rgb(hue, paled, value) * np.array(_LIGHTS[self.light].tint, np.float32).reshape(3, 1, 1)

    def painted(self, hue: float, saturation: float, value: float) -> np.ndarray:
        """A color that this light only dims."""
        return _rgb(hue, saturation, value) * max(_LIGHTS[self.light].tint)

    def snow(self) -> np.ndarray:
        """It takes half the tint of the light; with all of it a low sun would make it sand."""
        return _mix(self.natural(212, 0.09, 0.98), self.painted(212, 0.09, 0.98), 0.5)

    def teal(self, rng: np.random.Generator) -> np.ndarray:
        return self.painted(180 + rng.uniform(-6, 6), rng.uniform(0.65, 0.85), rng.uniform(0.68, 0.88))


def _draw_sky(rng: np.random.Generator, aspect: float, kind: str) -> _Sky:
    light = str(rng.choice(list(_LIGHTS), p=[light.chance for light in _LIGHTS.values()]))
    season = str(rng.choice(["summer", "autumn", "winter"], p=[0.6, 0.2, 0.2]))
    horizon = rng.uniform(0.4, 0.56)
    height = rng.uniform(0.08, 0.2) if light == "day" else horizon - rng.uniform(0.04, 0.12)
    side = math.copysign(1, rng.random() - 0.5)
    sun = side * rng.uniform(0.1, 0.42) * aspect, height
    turn, depth = rng.uniform(-5, 5), rng.uniform(-1, 1)  # a deeper blue is a darker one
    top, bottom = _LIGHTS[light].top, _LIGHTS[light].bottom
    top = _rgb(top[0] + turn, top[1] * (1 + 0.15 * depth), top[2] * (1 - 0.12 * depth))
    bottom = _rgb(bottom[0] + turn, bottom[1] * (1 + 0.15 * depth), bottom[2])
    return _Sky(light, "summer" if kind == "coast" else season, horizon, sun, top, bottom)


# Paint and noise; a color is `(3, 1, 1)` or a field `(3, h, w)`


_NUMBER = {name: number for number, name in enumerate(CLASSES)}


class _Picture:
    """A picture in the making; x in [0, aspect] and y in [0, 1] are pixel centers in picture heights."""

    def __init__(self, height: int, width: int, sky: _Sky, rng: np.random.Generator, scale: float):
        self.height, self.aspect = height, width / height
        self.sky, self.rng, self.scale = sky, rng, scale
        self.rgb = np.zeros((3, height, width), np.float32)
        self.labels = np.zeros((height, width), np.int64)
        self.x = ((np.arange(width, dtype=np.float32) + 0.5) / height)[None]
        self.y = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]

    def window(self, left: float, top: float, right: float, bottom: float):
        """The slices that hold a box and a pixel around it, with their x `(1, w)` and y `(h, 1)`."""
        top, bottom = max(0, int(top * self.height - 1)), max(0, int(bottom * self.height + 2))
        left, right = max(0, int(left * self.height - 1)), max(0, int(right * self.height + 2))
        rows, columns = slice(top, bottom), slice(left, right)
        return (rows, columns), self.x[:, columns], self.y[rows]

    def band(self, top: float, bottom: float = 1.0):
        """A window as wide as the picture."""
        return self.window(0, top, self.aspect, bottom)

    def paint(self, where, name: str | None, distance: np.ndarray, color: np.ndarray, opacity=1.0):
        """Lays color where `distance` (in heights) is negative, with a pixel-wide edge; no name, no label."""
        cover = (0.5 - distance * self.height).clip(0, 1) * opacity
        rgb = self.rgb[:, *where]
        rgb += cover * (color - rgb)
        if name is not None:
            self.labels[where] = np.where(cover > 0.5, _NUMBER[name], self.labels[where])

    def noise(self, slope: float, x, y, repeats: tuple[float, float], start, unit: float = 1.0) -> np.ndarray:
        """Noise of mean 0 and deviation 1, whose amplitude falls as frequency to the minus `slope`, `(h, w)`.

        `repeats` says how often it repeats along x and y in one `unit` of them (in heights), `start` where
        it is entered.
        """
        levels = _noise_levels(slope)
        texels_a_pixel = len(levels[0]) * math.sqrt(repeats[0] * repeats[1]) / (self.height * unit)
        # The level whose texels are as large as pixels: a finer one would glitter, differently at every size.
        table = levels[min(max(round(math.log2(texels_a_pixel)), 0), len(levels) - 1)]
        rows = _between_rows(table, y.ravel() * repeats[1] + start[1])
        return _between_rows(rows.T, x.ravel() * repeats[0] + start[0]).T


@lru_cache
def _noise_levels(slope: float) -> list[np.ndarray]:
    # One table for all scenes, entered at a random place: new noise would cost more than the rest of a scene.
    white = np.random.default_rng(0).standard_normal((256, 256))
    along = np.fft.fftfreq(256, 1 / 256)
    frequency = np.hypot(along[:, None], along)
    frequency[0, 0] = np.inf
    table = np.fft.ifft2(np.fft.fft2(white) / frequency**slope).real
    levels = [(table / table.std()).astype(np.float32)]
    while len(levels[-1]) > 4:
        half = len(levels[-1]) // 2
        levels.append(levels[-1].reshape(half, 2, half, 2).mean((1, 3)))
    return levels


def _between_rows(table: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Rows of a table that repeats, at positions in repeats, mixed linearly."""
    texel = position * len(table) - 0.5
    below = np.floor(texel).astype(np.int64)
    part = (texel - below).astype(np.float32)[:, None]
    return _mix(table.take(below, 0, mode="wrap"), table.take(below + 1, 0, mode="wrap"), part)


class _Frame:
    """The own coordinates of a thing at (x, y): `right` and `up`, in units of its size.

    They reach (sideways, up, down). With `lit`, right is mirrored so that it points to the light.
    """

    def __init__(self, picture: _Picture, x: float, y: float, size: float, reach, lit: bool = True):
        self.picture, self.size = picture, size
        sideways, up, down = (distance * size for distance in reach)
        self.where, across, below = picture.window(x - sideways, y - up, x + sideways, y + down)
        self.right = (across - x) * ((picture.sky.side if lit else 1) / size)
        self.up = (y - below) / size

    def paint(self, name: str, distance: np.ndarray, color: np.ndarray):
        self.picture.paint(self.where, name, distance * self.size, color)

    def polygon(self, name: str, color: np.ndarray, *corners: tuple[float, float]):
        """A convex one; corners are (right, up), clockwise."""
        distance = None
        for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
            length = math.hypot(x1 - x0, y1 - y0)
            beyond = (self.up - y0) * ((x1 - x0) / length) - (self.right - x0) * ((y1 - y0) / length)
            distance = beyond if distance is None else np.maximum(distance, beyond)
        self.paint(name, distance, color)

    def box(self, name: str, color: np.ndarray, left: float, bottom: float, right: float, top: float):
        half_width, half_height = (right - left) / 2, (top - bottom) / 2
        sideways = np.abs(self.right - (left + half_width)) - half_width
        self.paint(name, np.maximum(sideways, np.abs(self.up - (bottom + half_height)) - half_height), color)

    def noise(self, slope: float, repeats: float) -> np.ndarray:
        start = self.picture.rng.random(2)
        return self.picture.noise(slope, self.right, self.up, (repeats, repeats), start, self.size)


def _mix(one: np.ndarray, other: np.ndarray, part) -> np.ndarray:
    return one + (other - one) * part


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """Hue in degrees."""
    return np.array(colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value), np.float32).reshape(3, 1, 1)


def _smooth_step(value: np.ndarray) -> np.ndarray:
    value = value.clip(0, 1)
    return value * value * (3 - 2 * value)


# Sky, land and water


def _paint_sky(picture: _Picture):
    sky, rng, light = picture.sky, picture.rng, _LIGHTS[picture.sky.light]
    where, x, y = picture.band(0, sky.horizon + 0.12)
    color = _mix(sky.top, sky.bottom, _smooth_step(y / (sky.horizon + 0.1)))
    from_sun = np.hypot(x - (0.5 * picture.aspect + sky.sun[0]), y - sky.sun[1])
    seen = rng.random() < {"day": 0.5, "golden hour": 1}.get(sky.light, 0)
    if seen:
        color = _mix(color, _rgb(*light.sun), 0.75 * np.exp(-from_sun / 0.11))
    picture.paint(where, "sky", np.full_like(from_sun, -1), color)
    if seen:
        radius = 0.035 if sky.light == "day" else 0.055
        picture.paint(where, "sun", from_sun - radius, _rgb(light.sun[0], 0.7 * light.sun[1], 1))
    cover = rng.uniform(0.2, 0.9) if sky.light == "overcast" else rng.uniform(-1.6, 0.3)
    start = rng.random(2)
    density = picture.noise(1.7, x, y, (0.42, 0.8), start)
    toward_light = picture.noise(1.7, x + 0.03 * sky.side, y - 0.025, (0.42, 0.8), start)
    veil = 0.95 * _smooth_step((density + cover) / 0.9) * _smooth_step((sky.horizon + 0.02 - y) / 0.12)
    shade = (0.92 + 0.3 * (density - toward_light) - 0.05 * density).clip(0.78, 1)
    picture.paint(where, "cloud", np.full_like(from_sun, -1), _rgb(*light.cloud) * shade, veil)


def _hill(picture: _Picture, level: float, height: float) -> np.ndarray:
    """A smooth skyline y(x), `(1, W)`, about `level` and at most `height` from it."""
    row = np.zeros(1, np.float32)
    rolling = picture.noise(2.7, picture.x, row, (0.5, 0.5), picture.rng.random(2))
    return level - height * np.tanh(0.6 * rolling)


def _paint_mountains(picture: _Picture, level: float, height: float, near: float):
    """A ridge; `near` in [0, 1] makes it darker, less blue and harder in shade."""
    sky, start = picture.sky, picture.rng.random(2)
    row = np.zeros(1, np.float32)
    broad, rough = (picture.noise(slope, picture.x, row, (0.6, 0.6), start) for slope in (2.4, 1.5))
    peaks = 1 - np.tanh(0.9 * np.abs(broad)) + 0.08 * rough  # sharp where the noise crosses 0
    skyline = level - height * peaks.clip(0, 1)
    where, x, y = picture.band(level - height, level + 0.3)
    leaning = [picture.noise(1.5, x + shift, y, (0.7, 0.7), start) for shift in (0, 0.02 * sky.side)]
    facets = (leaning[0] - leaning[1]).clip(-0.8, 0.8)
    color = _mix(sky.natural(216, 0.32, 0.74), sky.natural(222, 0.36, 0.42), near)
    picture.paint(where, "mountain", skyline - y, color * (1 + (0.25 + 0.5 * near) * facets))
    if sky.season == "winter" or height > 0.15:
        line = level + height * (0.2 if sky.season == "winter" else -0.4)
        ragged = y - line + 0.035 * picture.noise(1.2, x, y, (1, 1), start)
        white = sky.snow() * (0.93 + 0.3 * facets.clip(-0.5, 0.3))
        picture.paint(where, "snow", np.maximum(skyline - y, ragged), white)


def _paint_ground(picture: _Picture, skyline: np.ndarray, far: float = 0.0):
    """Grass, yellower where brighter and in autumn, or snow in winter; `far` in [0, 1] makes it paler."""
    sky, start, dry = picture.sky, picture.rng.random(4), picture.rng.uniform(-0.3, 0.3)
    where, x, y = picture.band(float(skyline.min()))
    depth = y - skyline.min()
    flat = 0.1 * np.log(depth.clip(0) + 0.04)  # rows crowd together toward the horizon
    blades = picture.noise(0.9, x, flat, (1.6, 4), start[:2]) * (depth / 0.2).clip(0.35, 1)
    patches = picture.noise(2.0, x, flat, (0.5, 3), start[2:])
    if sky.season == "winter":
        shade = (0.95 + 0.012 * blades + 0.025 * patches).clip(0.8, 1)
        picture.paint(where, "snow", skyline - y, sky.snow() * shade)
        return
    yellowing = 26 if sky.season == "autumn" else 0
    brightness = (0.5 + dry + 0.14 * blades + 0.16 * patches - 0.3 * depth + 0.2 * far).clip(0, 1)
    dark, bright = (106 - yellowing, 0.62, 0.34 + 0.06 * far), (74 - 0.7 * yellowing, 0.56, 0.74)
    picture.paint(where, "grass", skyline - y, _mix(sky.natural(*dark), sky.natural(*bright), brightness))


def _paint_wheat(picture: _Picture, skyline: np.ndarray, bottom: float):
    """A bright field from a skyline to `bottom`, in rows that meet at the horizon."""
    vanishing = picture.rng.uniform(-0.3, 1.3) * picture.aspect
    where, x, y = picture.band(float(skyline.min()), bottom + 0.1)
    depth = (y - skyline.min()).clip(0)
    rows = np.sin(11 * (x - vanishing) / (depth + 0.07)) * (depth / 0.12).clip(0, 1)
    blades = picture.noise(0.7, x, y, (1.5, 3), picture.rng.random(2))
    lower = y - bottom - 0.03 * np.sin(3 * x + 9 * vanishing)
    ripe = (0.5 + 0.3 * rows + 0.15 * blades).clip(0, 1)
    color = _mix(picture.sky.natural(40, 0.58, 0.76), picture.sky.natural(51, 0.48, 0.97), ripe)
    picture.paint(where, "wheat", np.maximum(skyline - y, lower), color)


def _paint_hills(picture: _Picture):
    """Far hills, the ground in front of them, and wheat at times."""
    level, width, has_wheat = (
        picture.sky.horizon + 0.06,
        picture.rng.uniform(0.08, 0.2),
        picture.rng.random() < 0.55,
    )
    _paint_ground(picture, _hill(picture, level - 0.05, 0.06), far=0.8)
    skyline = _hill(picture, level, 0.03)
    _paint_ground(picture, skyline, far=0.3)
    if has_wheat and picture.sky.season != "winter":
        _paint_wheat(picture, skyline, level + width)


def _paint_sea(picture: _Picture, bottom: float):
    sky = picture.sky
    where, x, y = picture.band(sky.horizon, bottom)
    depth = (y - sky.horizon).clip(0)
    flat = 0.14 * np.log(depth + 0.02)
    waves = picture.noise(1.0, x, flat, (0.7, 4), picture.rng.random(2)) * (depth / 0.15).clip(0.25, 1)
    clear = picture.rng.uniform(-1, 1)
    deep, shallow = (
        sky.natural(217 - 3 * clear, 0.74, 0.46 + 0.06 * clear),
        sky.natural(201 - 3 * clear, 0.62, 0.72),
    )
    color = _mix(deep, shallow, (0.25 + 1.1 * depth + 0.2 * waves).clip(0, 1))
    if sky.light in ("golden hour", "dusk"):  # water mirrors the sky
        color = _mix(color, sky.bottom, (0.5 - 0.7 * depth + 0.12 * waves).clip(0, 1))
    if sky.light == "golden hour":
        glitter = np.exp(-(((x - 0.5 * picture.aspect - sky.sun[0]) / (0.03 + 0.25 * depth)) ** 2))
        color = _mix(color, _rgb(44, 0.35, 1), glitter * (0.3 + 0.6 * waves).clip(0, 1))
    picture.paint(where, "sea", sky.horizon - y, color)
    crests = 0.6 * _smooth_step((waves - 1.5) / 0.6)
    picture.paint(where, None, sky.horizon - y, sky.painted(208, 0.06, 1), crests)


def _paint_beach(picture: _Picture, level: float):
    sky, rng = picture.sky, picture.rng
    bend, phase, start, pale = rng.uniform(-0.08, 0.08), rng.uniform(0, 6), rng.random(2), rng.random()
    shore = level + bend * (picture.x / picture.aspect - 0.5) + 0.012 * np.sin(9 * picture.x + phase)
    where, x, y = picture.band(level - 0.1)
    grain = picture.noise(0.5, x, y, (1.5, 2.5), start)
    dunes = picture.noise(1.8, x, y, (0.5, 2), start)
    wet = 1 - 0.28 * np.exp(-(((y - shore) / 0.035) ** 2))
    shade = (0.94 + 0.02 * grain + 0.04 * dunes) * wet
    picture.paint(
        where, "sand", shore - y, sky.natural(32 + 10 * pale, 0.46 - 0.16 * pale, 0.82 + 0.16 * pale) * shade
    )
    foam = np.abs(y - shore + 0.012) - 0.007 - 0.004 * dunes
    picture.paint(where, None, foam, sky.painted(200, 0.05, 1), 0.85)


def _paint_road(picture: _Picture, name: str, start: float, bend: float, width: float):
    """Asphalt with lines, or a path with ruts, from near the horizon to the bottom."""
    sky, top = picture.sky, picture.sky.horizon + 0.05
    where, x, y = picture.band(top)
    near = ((y - top) / (1 - top)).clip(0, 1)
    half = 0.006 + width * near
    off = np.abs(x - _road_middle(picture, near, start, bend)) / half  # 1 is its edge
    grain = picture.noise(0.4, x, y, (1.5, 2.5), (start, bend))
    if name == "path":
        earth = sky.natural(26 + 12 * start, 0.48 - 0.18 * start, 0.62 + 0.3 * start)
        color = earth * (1 - 0.12 * np.cos(9 * off) + 0.05 * grain)
    else:
        color = sky.natural(220, 0.03, 0.5) * (0.96 + 0.05 * grain)
    picture.paint(where, name, np.maximum(top - y, (off - 1) * half), color)
    if name == "road":
        dashes = off - 0.045 + 9 * (np.sin(16 * np.log(near + 0.08)) < 0)
        lines = np.minimum(dashes, np.abs(off - 0.9) - 0.025) * half
        picture.paint(where, None, lines, sky.natural(50, 0.05, 0.95), 0.85)


def _road_middle(picture: _Picture, near, start: float, bend: float):
    return picture.aspect * (start + (0.5 - start) * near) + bend * near * (1 - near)


# Things; (x, y) is where they touch the ground


def _paint_shadow(picture: _Picture, x: float, y: float, width: float):
    where, across, down = picture.window(x - 2 * width, y - 0.4 * width, x + 2 * width, y + 0.4 * width)
    sideways, back = (
        (across - x + 0.5 * picture.sky.side * width) / (1.3 * width),
        (down - y) / (0.28 * width),
    )
    picture.rgb[:, *where] *= 1 - 0.45 * _smooth_step(1.2 - sideways**2 - back**2)


def _paint_ball(picture: _Picture, x: float, y: float, radius: float, tone: float):
    """A red sphere; (x, y) is its center, `tone` in [0, 1] moves its hue by a few degrees."""
    _paint_shadow(picture, x, y + 0.92 * radius, radius)
    frame = _Frame(picture, x, y, radius, (1, 1, 1))
    from_middle = np.hypot(frame.right, frame.up)
    facing = 0.5 * frame.right + 0.6 * frame.up + 0.62 * np.sqrt((1 - from_middle**2).clip(0))
    color = picture.sky.painted(4 + 8 * tone, 0.82, 1) * (0.42 + 0.56 * facing.clip(0, 1))
    shine = 0.7 * _smooth_step((facing - 0.94) / 0.06)
    frame.paint("ball", from_middle - 1, _mix(color, picture.sky.painted(0, 0, 1), shine))


def _paint_balloon(picture: _Picture, x: float, y: float, radius: float):
    """A hot-air balloon about (x, y)."""
    hue, value = picture.rng.uniform(0, 360), picture.rng.uniform(0.6, 0.95)
    frame = _Frame(picture, x, y, radius, (1, 1, 2))
    right, up = frame.right, frame.up
    globe = up > -0.25
    half = np.where(globe, np.sqrt((1 - up**2).clip(0.02)), (0.97 + 0.6 * (up + 0.25)).clip(0.2))
    gores = np.where(np.cos(9 * np.arcsin((right / half).clip(-1, 1))) > 0, 1, 0.8).astype(np.float32)
    shade = gores * (0.85 + 0.15 * up + 0.2 * right).clip(0.45, 1)
    distance = np.where(globe, np.hypot(right, up) - 1, np.maximum(np.abs(right) - half, -1.35 - up))
    frame.paint("balloon", distance, picture.sky.painted(hue, 0.72, value) * shade)
    basket = (-0.17, -1.6), (0.17, -1.6), (0.14, -1.95), (-0.14, -1.95)
    frame.polygon("wood", picture.sky.natural(30, 0.55, 0.4), *basket)


def _paint_tree(picture: _Picture, x: float, y: float, height: float):
    """A round tree: green and dark in summer, orange, brighter and blotched in autumn."""
    sky, width, tone = picture.sky, picture.rng.uniform(0.9, 1.15), picture.rng.random()
    _paint_shadow(picture, x, y, 0.36 * height)
    frame = _Frame(picture, x, y, height, (0.5, 1.1, 0))
    frame.polygon("wood", sky.natural(26, 0.45, 0.36), (-0.05, 0), (-0.03, 0.5), (0.03, 0.5), (0.05, 0))
    leaves = frame.noise(1.0, 0.33)
    right, up = frame.right / (0.36 * width), (frame.up - 0.66) / 0.36
    brightness = (0.4 + 0.25 * (right + up) + 0.18 * leaves).clip(0, 1)
    if sky.season == "autumn":
        dark, bright = sky.natural(14 + 14 * tone, 0.78, 0.62), sky.natural(30 + 16 * tone, 0.72, 0.98)
    else:
        dark, bright = sky.natural(112, 0.6, 0.2), sky.natural(88, 0.58, 0.58)
    frame.paint("tree", 0.36 * (np.hypot(right, up) - 0.9 - 0.13 * leaves), _mix(dark, bright, brightness))


def _paint_conifer(picture: _Picture, x: float, y: float, height: float):
    sky, width, tone = picture.sky, picture.rng.uniform(0.85, 1.15), picture.rng.random()
    _paint_shadow(picture, x, y, 0.25 * height)
    frame = _Frame(picture, x, y, height, (0.35, 1, 0))
    below = (1 - frame.up).clip(0)
    tier = (4.2 * below) % 1
    distance = np.maximum(np.abs(frame.right) - 0.3 * width * below * (0.62 + 0.38 * tier), 0.06 - frame.up)
    frame.box("wood", sky.natural(26, 0.5, 0.28), -0.03, 0, 0.03, 0.1)
    frame.paint(
        "conifer", distance, sky.natural(140 + 10 * tone, 0.52, 0.36) * (0.75 + 0.25 * tier + frame.right)
    )
    if sky.season == "winter":
        frame.paint("snow", np.maximum(distance, 0.24 * (tier - 0.4)), sky.snow())


def _paint_rock(picture: _Picture, x: float, y: float, width: float):
    value = picture.rng.uniform(0.45, 0.75)
    _paint_shadow(picture, x, y, width)
    frame = _Frame(picture, x, y, width, (1.2, 1.2, 0.1))
    rough, up = frame.noise(1.2, 0.1), frame.up - 0.25
    distance = np.maximum(np.hypot(frame.right, 1.3 * up) - 0.85 - 0.12 * rough, -0.28 - up)
    shade = (0.8 + 0.28 * frame.right + 0.35 * up + 0.1 * rough).clip(0.35, 1.15)
    frame.paint("rock", distance, picture.sky.painted(0, 0, value) * shade)


def _paint_pylon(picture: _Picture, x: float, y: float, height: float):
    frame = _Frame(picture, x, y, height, (0.22, 1, 0))
    off, up = np.abs(frame.right), frame.up
    half = 0.012 + 0.075 * (1 - up).clip(0) ** 2
    zigzag = half * np.abs(2 * ((7 * up) % 1) - 1)
    lattice = np.minimum(np.abs(off - half) - 0.014, np.maximum(np.abs(off - zigzag) - 0.006, off - half))
    arms = np.minimum(np.abs(up - 0.9), np.abs(up - 0.74)) - 0.012 + 0.02 * off
    mast = np.minimum(lattice, np.maximum(arms, off - 0.2))
    frame.paint("pylon", np.maximum(mast, np.maximum(up - 1, -up)), picture.sky.painted(0, 0, 0.4))


def _paint_house(picture: _Picture, x: float, y: float, size: float):
    """A gable toward the light and a long side; brick is dark with joints, plaster is bright with none."""
    sky, brick = picture.sky, picture.rng.random() < 0.4
    _paint_shadow(picture, x, y, 0.75 * size)
    frame = _Frame(picture, x, y, size, (0.85, 1, 0.05))
    right, up = frame.right, frame.up
    wall = sky.natural(44, 0.2, 0.96)
    if brick:
        upright = np.sin(45 * right + 3 * np.sign(np.sin(35 * up))) > 0.85
        wall = sky.natural(10, 0.55, 0.66) * np.where((np.sin(70 * up) > 0.6) | upright, np.float32(0.78), 1)
    frame.box("wall", 0.72 * wall, -0.62, 0, 0.1, 0.5)
    frame.polygon("wall", wall, (0.1, 0.5), (0.35, 0.95), (0.6, 0.5), (0.6, 0), (0.1, 0))
    fresh = picture.rng.random()
    name, roof = (
        "roof",
        sky.natural(8 + 10 * fresh, 0.66, 0.48 + 0.24 * fresh) * (0.9 + 0.12 * np.sin(55 * up)),
    )
    if sky.season == "winter":
        name, roof = "snow", sky.snow()
    frame.polygon(name, roof, (-0.5, 0.98), (0.36, 0.98), (0.12, 0.45), (-0.68, 0.45))
    frame.polygon(name, roof, (0.33, 0.98), (0.39, 0.98), (0.68, 0.47), (0.6, 0.44))
    pane = _rgb(46, 0.55, 1) if sky.light in ("dusk", "golden hour") else sky.natural(215, 0.3, 0.32)
    for middle in (-0.5, -0.26, -0.02):
        frame.box("trim", pane, middle - 0.06, 0.19, middle + 0.06, 0.35)
    frame.box("trim", pane, 0.29, 0.55, 0.41, 0.69)
    frame.box("wood", sky.natural(24, 0.55, 0.38), 0.28, 0, 0.42, 0.3)


def _paint_tent(picture: _Picture, x: float, y: float, size: float):
    color = picture.sky.teal(picture.rng)
    _paint_shadow(picture, x, y, 0.7 * size)
    frame = _Frame(picture, x, y, size, (0.8, 0.8, 0))
    frame.polygon("tent", 0.62 * color, (-0.75, 0), (-0.35, 0.72), (0.15, 0.8), (-0.1, 0))
    frame.polygon("tent", color, (-0.3, 0), (0.15, 0.8), (0.6, 0))
    frame.polygon("trim", picture.sky.natural(215, 0.3, 0.22), (0.04, 0), (0.15, 0.55), (0.27, 0))


def _paint_boat(picture: _Picture, x: float, y: float, size: float):
    sky, color = picture.sky, picture.sky.teal(picture.rng)
    frame = _Frame(picture, x, y, size, (0.7, 1.4, 0))
    frame.polygon("sail", sky.natural(44, 0.07, 0.98), (0.02, 0.36), (0.02, 1.35), (0.56, 0.36))
    frame.polygon("sail", sky.natural(44, 0.09, 0.82), (-0.42, 0.36), (-0.03, 1.2), (-0.03, 0.36))
    frame.box("wood", sky.natural(28, 0.5, 0.4), -0.02, 0.2, 0.02, 1.4)
    shade = 0.85 + 0.6 * frame.up.clip(0, 0.25)
    frame.polygon("boat", color * shade, (-0.6, 0.28), (0.68, 0.28), (0.42, 0), (-0.48, 0))


def _paint_car(picture: _Picture, x: float, y: float, size: float):
    """A car from behind."""
    color, dark = picture.sky.teal(picture.rng), picture.sky.natural(215, 0.2, 0.16)
    _paint_shadow(picture, x, y, 0.6 * size)
    frame = _Frame(picture, x, y, size, (0.55, 0.9, 0))
    for left in (-0.45, 0.29):
        frame.box("trim", dark, left, 0, left + 0.16, 0.2)
    color = color * (0.73 + 0.3 * frame.up + 0.1 * frame.right).clip(0, 1)
    frame.polygon("car", color, (-0.47, 0.5), (0.47, 0.5), (0.5, 0.12), (-0.5, 0.12))
    frame.polygon("car", color, (-0.3, 0.85), (0.3, 0.85), (0.44, 0.48), (-0.44, 0.48))
    window = picture.sky.natural(215, 0.25, 0.3)
    frame.polygon("trim", window, (-0.25, 0.78), (0.25, 0.78), (0.34, 0.53), (-0.34, 0.53))
    frame.box("trim", dark, -0.5, 0.14, 0.5, 0.2)


# Compositions: each paints land and returns what stands on it, as (rank in painting, how to paint it)

_Things = list[tuple[float, Callable[[], None]]]


def _stand(picture: _Picture, paint, counts: tuple[int, int], span, size: float, x=(0.03, 0.97)) -> _Things:
    """Things on the ground, smaller toward the horizon; `span` is within 0 (horizon) to 1 (bottom)."""
    things, rng, horizon = [], picture.rng, picture.sky.horizon
    for _ in range(rng.integers(*counts, endpoint=True)):
        near, across = rng.uniform(*span), rng.uniform(*x) * picture.aspect
        y = horizon + 0.06 + near * (0.94 - horizon)
        things.append((y, partial(paint, picture, across, y, size * (0.22 + 0.78 * near))))
    return things


def _trees(picture: _Picture, counts: tuple[int, int], span) -> _Things:
    """Round trees and conifers; conifers alone in winter."""
    conifers = _stand(picture, _paint_conifer, counts, span, 0.45)
    return conifers + (
        [] if picture.sky.season == "winter" else _stand(picture, _paint_tree, counts, span, 0.5)
    )


def _balloons(picture: _Picture) -> _Things:
    things, rng = [], picture.rng
    for _ in range(rng.choice(3, p=[0.45, 0.35, 0.2])):
        x, y, size = rng.uniform(0.1, 0.9) * picture.aspect, rng.uniform(0.1, 0.26), rng.uniform(0.04, 0.09)
        things.append((size - 1, partial(_paint_balloon, picture, x, y, size * picture.scale)))
    return things


def _scattered_balls(picture: _Picture, numbers: list[list[float]]) -> _Things:
    """None to three balls out of four rows of four numbers in [0, 1)."""
    things, horizon = [], picture.sky.horizon
    for across, near, tone, size in numbers[: int(4 * numbers[3][0])]:
        y, radius = (
            horizon + 0.16 + near * (0.8 - horizon),
            (0.01 + 0.035 * near) * (1 + size) * picture.scale,
        )
        ball = partial(_paint_ball, picture, across * picture.aspect, y - 0.92 * radius, radius, tone)
        things.append((y, ball))
    return things


def _coast(picture: _Picture) -> _Things:
    rng, horizon = picture.rng, picture.sky.horizon
    if rng.random() < 0.6:
        _paint_mountains(picture, horizon + 0.01, rng.uniform(0.03, 0.1), near=0.15)
    shore = rng.uniform(0.74, 0.86)
    _paint_sea(picture, shore + 0.1)
    _paint_beach(picture, shore)
    things = _balloons(picture) + _stand(picture, _paint_boat, (1, 3), (0.02, 0.35), 0.24 * picture.scale)
    things += _stand(picture, _paint_rock, (0, 3), (0.55, 0.95), 0.1)
    return things + _stand(picture, _paint_tent, (0, 1), (0.75, 0.9), 0.2 * picture.scale)


def _meadow(picture: _Picture) -> _Things:
    rng = picture.rng
    if rng.random() < 0.4:
        _paint_mountains(picture, picture.sky.horizon + 0.04, rng.uniform(0.08, 0.14), near=0.1)
    _paint_hills(picture)
    things = _balloons(picture) + _trees(picture, (1, 4), (0, 0.6))
    things += _stand(picture, _paint_rock, (0, 3), (0.2, 0.95), 0.08)
    return things + _stand(picture, _paint_tent, (0, 2), (0.25, 0.85), 0.24 * picture.scale)


def _mountains(picture: _Picture) -> _Things:
    rng, horizon = picture.rng, picture.sky.horizon
    _paint_mountains(picture, horizon + 0.04, rng.uniform(0.2, 0.36), near=0.2)
    _paint_mountains(picture, horizon + 0.08, rng.uniform(0.08, 0.16), near=0.75)
    _paint_ground(picture, _hill(picture, horizon + 0.09, 0.04))
    things = _balloons(picture) + _stand(picture, _paint_conifer, (5, 11), (0.02, 0.7), 0.42)
    things += _stand(picture, _paint_rock, (1, 4), (0.2, 0.95), 0.1)
    return things + _stand(picture, _paint_tent, (0, 2), (0.25, 0.85), 0.24 * picture.scale)


def _village(picture: _Picture) -> _Things:
    rng = picture.rng
    _paint_hills(picture)
    _paint_road(picture, "path", rng.uniform(0.35, 0.65), rng.uniform(-0.3, 0.3), rng.uniform(0.12, 0.2))
    things, scale = _balloons(picture), picture.scale
    for span, (left, right) in (((0.04, 0.12), (0.24, 0.34)), ((0.3, 0.45), (0.02, 0.14))):
        for between in ((left, right), (1 - right, 1 - left)):
            things += _stand(picture, _paint_house, (0, 1), span, 0.55 * scale, between)
    things += _stand(picture, _paint_house, (1, 1), (0.15, 0.3), 0.55 * scale, (0.1, 0.2))
    things += _trees(picture, (1, 2), (0, 0.5))
    return things + _stand(picture, _paint_car, (0, 1), (0.4, 0.85), 0.25 * scale, (0.4, 0.6))


def _road(picture: _Picture) -> _Things:
    rng, horizon = picture.rng, picture.sky.horizon
    _paint_hills(picture)
    start, bend = rng.uniform(0.3, 0.7), rng.uniform(-0.3, 0.3)
    _paint_road(picture, "road", start, bend, 0.3)
    things = _balloons(picture)
    tree = _paint_conifer if picture.sky.season == "winter" or rng.random() < 0.4 else _paint_tree
    beside, height = (_paint_pylon, 0.1) if rng.random() < 0.6 else (tree, 0.07)
    for near in (0.01, 0.07, 0.16, 0.29, 0.44, 0.61):
        y, middle = horizon + 0.05 + near * (0.95 - horizon), _road_middle(picture, near, start, bend)
        things.append((y, partial(tree, picture, middle - 0.03 - 0.5 * near, y, 0.07 + 0.6 * near)))
        things.append((y, partial(beside, picture, middle + 0.03 + 0.5 * near, y, height + 0.6 * near)))
    for near in rng.uniform(0.08, 0.6, rng.integers(1, 3)).tolist():
        y, x = (
            horizon + 0.05 + near * (0.95 - horizon),
            _road_middle(picture, near, start, bend) + 0.15 * near,
        )
        things.append((y, partial(_paint_car, picture, x, y, (0.04 + 0.3 * near) * picture.scale)))
    return things


_COMPOSITIONS = {
    "coast": _coast,
    "meadow": _meadow,
    "mountains": _mountains,
    "village": _village,
    "road": _road,
}
