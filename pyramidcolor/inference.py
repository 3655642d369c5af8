"""Color for one photo of any size and kind, or for many files.

The network predicts chroma at a working size; the chroma is enlarged to the photo's own size and joined with the photo's
own gray channel, band by band, so that memory grows with the photo and not with the network.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .bands import BAND_PIXELS, in_threads, new_planes, one_core_each, threads_for
from .checkpoints import WORKING_SIZE as WORKING_SIZE
from .checkpoints import Colorizer, load_checkpoint, load_pretrained
from .colorspaces import ColorSpace, amplify, check_has_saturation, decode_luminance, luminance_gray
from .devices import tells_of_full_memory
from .images import (
    SUFFIXES,
    check_suffix,
    check_unit_range,
    enlarge_chroma,
    find_pictures,
    gray_slope,
    guided_filter,
    hue_of_point,
    pixels_and_alpha,
    read_image,
    resize,
    unit_range,
    upright,
    write_image,
)
from .pixels import fill_pixels, gray_of_pixels, luminance_of_pixels
from .swift import swift_chroma

# Smaller bands, and threads that color photos side by side would wait for Python's lock more often.
_BAND_PIXELS = 2 * BAND_PIXELS

PhotoT = TypeVar("PhotoT", str, os.PathLike, Image.Image, np.ndarray, Tensor)

_ALONE = 1 << 25  # pixels; in a folder, photos larger than this wait for each other, or memory would not last
_LARGE = Lock()


def colorize(
    photo: PhotoT,
    weights: str | os.PathLike | Colorizer | None = None,
    *,
    saturation: float = 1.0,
    working_size: int | None = None,
    input_scales: Sequence[float] | None = None,
    smoothing: int | None = None,
    precision: str = "fp32",
    scan: bool = False,
):
    """A photo in color, at its own size, with its own V.

    Args:
        photo: one of
            a path or a Pillow image of any mode (gray, RGB, palette, CMYK, 16-bit, with or without transparency);
            an array `(H, W)` or `(H, W, C)` of uint8, uint16 or float in [0, 1], where C is 1 for gray, 2 for gray and
            alpha, 3 for RGB or 4 for RGB and alpha;
            a float tensor `(H, W)`, `(C, H, W)` or `(B, C, H, W)` in [0, 1], where C is 1 or 3.
            Of a photo in color only the gray channel is used, which is V for networks that predict hue and saturation.
        weights: a weights file or a loaded network; None for the package's own best.
        saturation: gain on the predicted saturation; 1 as predicted, 0 gray.
        working_size: the network sees the photo at the area of a square of this side; None for the one it was trained at.
        input_scales: stage one looks at copies of these sizes, as in `models.TwoStageColorizer.low_chroma`, instead of those that the
            network names; `(1,)` is one look, the fastest.
        smoothing: radius in pixels of the working size with which `images.guided_filter` smooths the network's chroma along gray; 0
            leaves it as it is, None takes the network's own.
        precision: "fp32", which gives the same colors on every machine; "bf16", which changes them by a few steps of 255; or "auto",
            for bf16 where the processor is fast at it.
        scan: whether the gray is luminance, as a film or a scanner sees it; then it is the photo's luminance that the network looks
            at, and that is kept. For networks that predict hue and saturation.

    Returns:
        A Pillow image for a path or an image, else an array or a tensor of the same type and size with 3 color channels, and
        alpha as it was. The largest of R, G and B is the photo's V to its last step, or with `scan` their luminance the photo's (for
        the networks "lab" and "yuv": its lightness is kept instead, up to what RGB can show).

    Raises:
        TypeError: if `photo` is none of these.
        ValueError: if its shape or values are wrong, a file cannot be read as a picture, or another argument is out of range.
        FileNotFoundError: if there is no such photo or weights file.

    Example:
        >>> from pyramidcolor.checkpoints import build_colorizer
        >>> colorize(np.zeros((30, 50), np.uint8), build_colorizer()).shape
        (30, 50, 3)
    """
    colorizer = _colorizer(weights)
    if input_scales is not None:
        colorizer = replace(colorizer, input_scales=tuple(input_scales))
    if smoothing is not None:
        colorizer = replace(colorizer, smoothing=smoothing)
    if scan:
        check_has_saturation(colorizer.color_space)
    options = {"saturation": saturation, "working_size": working_size, "precision": precision, "scan": scan}
    if isinstance(photo, str | os.PathLike):
        return _colorize_image(read_image(photo), colorizer, options, name=photo)
    if isinstance(photo, Image.Image):
        return _colorize_image(upright(photo), colorizer, options)
    if isinstance(photo, np.ndarray):
        return _colorize_array(photo, colorizer, options)
    if isinstance(photo, Tensor):
        return _colorize_tensor(photo, colorizer, options)
    raise TypeError(f"photo must be a path, a Pillow image, an array or a tensor, got {type(photo).__name__}")


def colorize_pixels(
    pixels: np.ndarray,
    colorizer: Colorizer,
    saturation: float,
    working_size: int | None,
    precision: str = "fp32",
    scan: bool = False,
) -> np.ndarray:
    """The pixels of one photo in color: what `colorize` does after it has looked at what it was given.

    Args:
        pixels: `(H, W, 1)` or `(H, W, 3)`, uint8, uint16 or float in [0, 1].
        colorizer: the network.
        saturation: gain on the predicted saturation.
        working_size, precision, scan: as in `colorize`.

    Returns:
        `(H, W, 3)` of the same type.
    """
    with _LARGE if pixels.shape[0] * pixels.shape[1] > _ALONE else nullcontext():
        return _colorize_in_bands(pixels, colorizer, saturation, working_size, precision, scan)


def _colorize_in_bands(pixels, colorizer, saturation, working_size, precision, scan) -> np.ndarray:
    space, size = colorizer.color_space, pixels.shape[:2]
    gray = new_planes((1, *size))

    def gray_band(first: int, last: int) -> None:
        part = pixels[first:last]
        gray[:, first:last] = luminance_of_pixels(part) if scan else gray_of_pixels(part, space)

    _for_bands(gray_band, size)
    small = _working_gray(gray, colorizer, working_size)
    chroma = _vivid_chroma(small, colorizer, saturation, precision)
    rows = chroma_rows(chroma, gray, space, small_gray=small)
    colored = np.empty((*size, 3), pixels.dtype)

    def color_band(first: int, last: int) -> None:
        fill_pixels(colored[first:last], gray[:, first:last], rows(first, last), space, scan)

    _for_bands(color_band, size)
    return colored


@torch.inference_mode()
def predict_chroma(
    gray: Tensor, colorizer: Colorizer, working_size: int | None = None, precision: str = "fp32"
) -> Tensor:
    """The network's chroma for a gray picture of any size, at the working size.

    Args:
        gray: `(1, H, W)` in [-1, 1].
        colorizer: the network.
        working_size: as in `colorize`.
        precision: likewise.

    Returns:
        `(C, h, w)` float32 on the CPU, in [-1, 1]; h and w are multiples of the network's low factor.

    Raises:
        ValueError: if `working_size` is smaller than the network's low factor.
    """
    return _chroma_of_working_gray(_working_gray(gray, colorizer, working_size), colorizer, precision)


@torch.inference_mode()
def colorize_by_stage(
    photo: Tensor, weights: str | os.PathLike | Colorizer | None = None
) -> dict[str, Tensor]:
    """What each stage makes of a photo: a look inside, at the photo's own size.

    Args:
        photo: `(3, H, W)` in [0, 1]; the network sees its gray channel only, at the photo's own size.
        weights: as in `colorize`.

    Returns:
        Pictures `(3, H, W)` in [0, 1] by name: "gray"; "stage one", its low-scale chroma enlarged; "stage two", smoothed if the
        network wants that.

    Raises:
        ValueError: if the shape is wrong, or its sides are no multiples of the network's low factor.
    """
    colorizer = _colorizer(weights)
    space, size = colorizer.color_space, photo.shape[-2:]
    gray = space.gray(photo)[None]
    scales = colorizer.model.both_scales(gray.to(_device(colorizer)), colorizer.input_scales)
    low_chroma, full_chroma = (chroma.float().cpu() for chroma in scales)
    full_chroma = _smoothed(full_chroma[0], gray[0], colorizer)[None]
    low_chroma, full_chroma = (
        amplify(chroma, colorizer.saturation_gain, space) for chroma in (low_chroma, full_chroma)
    )
    return {
        "gray": ((gray[0] + 1) / 2).expand(3, -1, -1),
        "stage one": space.decode(gray, enlarge_chroma(low_chroma, size, space.hue_channel))[0],
        "stage two": space.decode(gray, full_chroma)[0],
    }


def colorize_scan(
    photo: Tensor,
    weights: str | os.PathLike | Colorizer | None = None,
    *,
    saturation: float = 1.0,
    passes: int = 1,
) -> Tensor:
    """A scanned or filmed photo in color, whose gray is luminance and stays what it is: not what the networks learned from.

    They learned from V, in which red and blue things are brighter. So the first pass guesses colors from the luminance, and
    `decode_luminance` finds the V that these colors would have had; every further pass looks at that V. The last guess is
    joined with the luminance itself. `colorize` with `scan=True` does so after one pass, for photos of any kind.

    Args:
        photo: `(1, H, W)` or `(3, H, W)` in [0, 1]; of a photo in color only its luminance is used.
        weights: as in `colorize`; for a color space with a saturation.
        saturation: gain on the predicted saturation.
        passes: how often the network looks, 1 or more. More was not better with the weights that come with the package.

    Returns:
        `(3, H, W)` in [0, 1], with the photo's luminance.

    Raises:
        ValueError: if `photo` has another shape or range, `passes` is less than 1, or the color space has no saturation.
    """
    if photo.ndim != 3 or photo.shape[0] not in (1, 3):
        raise ValueError(f"photo must be a tensor (1, H, W) or (3, H, W), got {tuple(photo.shape)}")
    if passes < 1:
        raise ValueError(f"passes must be 1 or more, got {passes}")
    check_unit_range(photo, "photo's values")
    colorizer = _colorizer(weights)
    space = colorizer.color_space
    check_has_saturation(space)
    luminance = luminance_gray(photo.detach().float().cpu().expand(3, -1, -1))
    small = _working_gray(luminance, colorizer, None)
    with torch.inference_mode():
        chroma = _vivid_chroma(small, colorizer, saturation)
        for _ in range(passes - 1):
            value = space.gray(decode_luminance(small, chroma, space))
            chroma = _vivid_chroma(value, colorizer, saturation)
    rows = chroma_rows(chroma, luminance, space, small_gray=small)
    return decode_luminance(luminance, rows(0, photo.shape[-2]), space)


def chroma_rows(
    chroma: Tensor,
    gray: Tensor,
    space: ColorSpace,
    follow: Tensor | None = None,
    small_gray: Tensor | None = None,
) -> Callable[[int, int], Tensor]:
    """Chroma at the size of a photo, computed a band of rows at a time, for pictures too large to hold.

    Enlarged as `enlarge_chroma` does, and then moved along with what the photo's gray has and its small copy lacks: so color
    ends at the photo's edges and not pixels beside them. Where a photo is smaller than the chroma, there is nothing to add.

    Args:
        chroma: `(C, h, w)` in [-1, 1].
        gray: the photo's, `(1, H, W)` in [-1, 1].
        space: says which channel is a hue.
        follow: how far chroma follows the photo's edges, `(1, h, w)` from 0, merely enlarged, to 1; None for 1 everywhere.
        small_gray: `gray` at the size of `chroma`, `(1, h, w)`, from a caller who has it; None to make it here.

    Returns:
        A function of the first row and the row after the last, which gives `(C, rows, W)`, in [-1, 1] if `chroma` is.
    """
    hue, size = space.hue_channel, gray.shape[-2:]
    if hue is not None:
        angle = chroma[hue] * torch.pi
        chroma = torch.cat((chroma, angle.cos()[None], angle.sin()[None]))
    channels, reach = len(chroma), max(1.0, chroma.abs().max().item())  # amplified Lab may be beyond 1
    follows = chroma.shape[1] <= size[0] and chroma.shape[2] <= size[1]
    if follows:
        small_gray = resize(gray, chroma.shape[-2:]) if small_gray is None else small_gray
        slope = gray_slope(chroma, small_gray) * (1 if follow is None else follow)
        chroma = torch.cat((chroma, slope, small_gray))
    # Where the photo is smaller than the working size, shrink with a wide kernel first; what is left is enlarging.
    chroma = resize(chroma, (min(chroma.shape[1], size[0]), size[1]))
    height = chroma.shape[1]

    def rows(first: int, last: int) -> Tensor:
        place = ((torch.arange(first, last) + 0.5) * (height / size[0]) - 0.5).clamp(0, height - 1)
        above = place.long()
        part, done = torch.empty(len(chroma), last - first, size[1]), 0
        # All rows between two of the chroma's at once: a third of the time that it takes to pick out two for each row. A product
        # of matrices is as fast, but its last bit depends on where in memory it lies.
        for row, count in enumerate(torch.bincount(above - above[0]).tolist(), int(above[0])):
            step = chroma[:, min(row + 1, height - 1)] - chroma[:, row]
            between = part[:, done : done + count]
            torch.mul(step[:, None], (place - row)[done : done + count, None], out=between)
            between += chroma[:, row, None]
            done += count
        if follows:
            slope, finer = part[channels:-1], gray[:, first:last] - part[-1:]
            part = part[:channels].addcmul_(slope, finer)
        part.clamp_(-reach, reach)
        if hue is None:
            return part
        *others, cosine, sine = part.unbind()
        others[hue] = hue_of_point(cosine, sine)
        return torch.stack(others)

    return rows


@dataclass(frozen=True)
class FileResult:
    """What became of one file: its path, where its colors went, and the reason if it failed (else None)."""

    source: Path
    target: Path
    error: str | None


def colorize_files(
    sources: Iterable[str | os.PathLike],
    out: str | os.PathLike,
    weights: str | os.PathLike | Colorizer | None = None,
    **options: Any,
) -> Iterator[FileResult]:
    """Colorize many files, each on one core and so many at a time as PyTorch has threads, and go on past those that fail.

    Args:
        sources: pictures, and folders whose pictures are taken with those of their own folders.
        out: a folder, created if needed; folders are rebuilt below it. File names stay; a type that cannot be written
            becomes .png. If there is one source, a file, then `out` may name a picture.
        weights: as in `colorize`.
        options: `saturation`, `working_size`, `input_scales`, `smoothing`, `precision` and `scan` of `colorize`.

    Yields:
        One `FileResult` a file, in order, as soon as it and those before it are done.

    Raises:
        FileNotFoundError: if there is no picture at all, or no such weights.
        ValueError: if two files would be written to the same place, or one over its own source.
    """
    pairs = plan_outputs([Path(source) for source in sources], Path(out))
    colorizer = _colorizer(weights)
    workers = min(torch.get_num_threads(), len(pairs))
    if workers == 1:
        for source, target in pairs:
            yield _colorize_file(source, target, colorizer, options)
        return
    with one_core_each(workers) as pool:
        begun = deque()
        for source, target in pairs:
            begun.append(pool.submit(_colorize_file, source, target, colorizer, options))
            if (
                len(begun) > 2 * workers
            ):  # not all at once, so that a caller who stops early does not wait for the rest
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _colorize_file(source: Path, target: Path, colorizer: Colorizer, options: dict[str, Any]) -> FileResult:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_image(colorize(source, colorizer, **options), target)
        return FileResult(source, target, None)
    except (OSError, ValueError, MemoryError) as error:
        return FileResult(source, target, str(error) or type(error).__name__)
    except RuntimeError as error:
        if not tells_of_full_memory(error):
            raise
        return FileResult(source, target, "not enough memory; try a smaller working size")


def colorize_folder(
    folder: str | os.PathLike,
    out: str | os.PathLike,
    weights: str | os.PathLike | Colorizer | None = None,
    **options: Any,
) -> list[FileResult]:
    """Colorize every picture in a folder and its folders; see `colorize_files`, which this collects into a list.

    Raises:
        FileNotFoundError: if the folder does not exist or holds no picture.
        NotADirectoryError: if it is a file.
        ValueError: as `colorize_files`.
    """
    find_pictures(folder)
    return list(colorize_files([folder], out, weights, **options))


def plan_outputs(sources: list[Path], out: Path) -> list[tuple[Path, Path]]:
    """Which file is written where; errors as `colorize_files`."""
    if len(sources) == 1 and not sources[0].is_dir() and out.suffix and not out.is_dir():
        check_suffix(out)
        pairs = [(sources[0], out)]
    else:
        pairs = []
        for source in sources:
            found = find_pictures(source)[0] if source.is_dir() else [source]
            base = source if source.is_dir() else source.parent
            pairs += [(path, out / path.relative_to(base)) for path in found]
        pairs = [
            (path, to if to.suffix.lower() in SUFFIXES else to.with_name(to.name + ".png"))
            for path, to in pairs
        ]
    if not pairs:
        raise FileNotFoundError(f"no pictures in {', '.join(map(str, sources)) or 'an empty list'}")
    inputs, taken = {path.resolve() for path, _ in pairs}, {}
    for path, target in pairs:
        if target.resolve() in inputs:
            raise ValueError(
                f"{target} is one of the photos to colorize; choose another output so that it is kept"
            )
        if target.resolve() in taken:
            raise ValueError(
                f"{taken[target.resolve()]} and {path} would both be written to {target}; colorize them apart"
            )
        taken[target.resolve()] = path
    return pairs


def _colorizer(weights: str | os.PathLike | Colorizer | None) -> Colorizer:
    if isinstance(weights, Colorizer):
        return weights
    return load_pretrained() if weights is None else load_checkpoint(weights)


def _for_bands(work: Callable[[int, int], None], size: tuple[int, int]) -> None:
    """Call `work` with the first row, and the row after the last, of each band of a picture; without gradients."""

    def without_gradients(first: int, last: int) -> None:
        with torch.inference_mode():  # a thread has its own mode
            work(first, last)

    step = max(1, _BAND_PIXELS // size[1])
    in_threads(without_gradients, size[0], step, threads_for(size[0] * size[1]))


def _device(colorizer: Colorizer) -> torch.device:
    return next(colorizer.model.parameters()).device


def _colorize_image(
    image: Image.Image, colorizer: Colorizer, options: dict[str, Any], name: str | os.PathLike = "the picture"
) -> Image.Image:
    pixels, alpha = pixels_and_alpha(image, name)
    if pixels.dtype != np.uint8:  # Pillow has no RGB image of more than 8 bits
        pixels = np.round(unit_range(pixels) * 255).astype(np.uint8)
    colored = colorize_pixels(pixels, colorizer, **options)
    result = Image.fromarray(colored if alpha is None else np.dstack((colored, alpha)))
    if image.info.get("exif"):
        result.info["exif"] = image.info["exif"]
    if image.mode.startswith("RGB") and image.info.get(
        "icc_profile"
    ):  # a gray or CMYK profile would not fit RGB
        result.info["icc_profile"] = image.info["icc_profile"]
    return result


def _colorize_array(array: np.ndarray, colorizer: Colorizer, options: dict[str, Any]) -> np.ndarray:
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or not 1 <= pixels.shape[-1] <= 4 or not pixels.size:
        raise ValueError(f"photo must be an array (H, W) or (H, W, C) with C from 1 to 4, got {array.shape}")
    if pixels.dtype.kind == "f":
        check_unit_range(pixels, "photo's values")
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"photo must be an array of uint8, uint16 or float, got {array.dtype}")
    colors = 1 if pixels.shape[-1] < 3 else 3
    colored = colorize_pixels(pixels[..., :colors], colorizer, **options)
    return np.concatenate((colored, pixels[..., colors:]), -1)


def _colorize_tensor(photo: Tensor, colorizer: Colorizer, options: dict[str, Any]) -> Tensor:
    batch = photo.reshape((1,) * (4 - photo.ndim) + photo.shape) if 2 <= photo.ndim <= 4 else photo
    if batch.ndim != 4 or batch.shape[1] not in (1, 3) or not batch.numel():
        raise ValueError(
            f"photo must be a tensor (H, W), (C, H, W) or (B, C, H, W) with C 1 or 3, got {tuple(photo.shape)}"
        )
    if not photo.is_floating_point():
        raise ValueError(f"photo must be a float tensor in [0, 1], got {photo.dtype}; divide bytes by 255")
    check_unit_range(photo, "photo's values")
    arrays = batch.detach().float().movedim(1, -1).cpu().numpy()
    colored = torch.stack([torch.from_numpy(colorize_pixels(one, colorizer, **options)) for one in arrays])
    colored = colored.movedim(-1, 1).to(photo.device, photo.dtype)
    return colored if photo.ndim == 4 else colored[0]


def _working_gray(gray: Tensor, colorizer: Colorizer, working_size: int | None) -> Tensor:
    multiple = colorizer.model.low_factor
    working_size = colorizer.working_size if working_size is None else working_size
    if working_size < multiple:
        raise ValueError(f"working_size must be at least {multiple} for this network, got {working_size}")
    return resize(gray, working_shape(gray.shape[-2:], working_size, multiple))


def _vivid_chroma(small: Tensor, colorizer: Colorizer, saturation: float, precision: str = "fp32") -> Tensor:
    if not saturation >= 0:
        raise ValueError(f"saturation must be at least 0, got {saturation}")
    chroma = _chroma_of_working_gray(small, colorizer, precision)
    return amplify(chroma, saturation * colorizer.saturation_gain, colorizer.color_space)


def _chroma_of_working_gray(small: Tensor, colorizer: Colorizer, precision: str) -> Tensor:
    gray = small[None].to(_device(colorizer))
    chroma = swift_chroma(colorizer.model, gray, precision, colorizer.input_scales)[0].cpu()
    return _smoothed(chroma, small, colorizer)


def _smoothed(chroma: Tensor, gray: Tensor, colorizer: Colorizer) -> Tensor:
    """Chroma `(C, h, w)` as the network wants it smoothed along gray, `(1, h, w)`, its hue as a point."""
    radius, hue = colorizer.smoothing, colorizer.color_space.hue_channel
    if radius == 0:
        return chroma
    if hue is None:
        return guided_filter(chroma, gray, radius).clamp(-1, 1)
    angle = chroma[hue] * torch.pi
    points = torch.cat((chroma, angle.cos()[None], angle.sin()[None]))
    *channels, cosine, sine = guided_filter(points, gray, radius).clamp(-1, 1)
    channels[hue] = hue_of_point(cosine, sine)
    return torch.stack(channels)


def working_shape(size: tuple[int, int], working_size: int, multiple: int) -> tuple[int, int]:
    """Height and width for a network: a photo's shape at the working area, in multiples of a number.

    Args:
        size: the photo's height and width.
        working_size: side of a square of the wanted area, at least `multiple`.
        multiple: what both sides must be divisible by, such as the network's low factor.

    Example:
        >>> working_shape((600, 800), 64, 16)
        (48, 80)
    """
    scale = working_size / (size[0] * size[1]) ** 0.5
    # The longest side is bounded, because a strip one pixel high would else become as long as it is.
    longest = 16 * working_size // multiple
    return tuple(multiple * min(max(round(side * scale / multiple), 1), longest) for side in size)
