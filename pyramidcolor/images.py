"""Pictures: files of any mode in and out, float tensors, and changes of size.

A picture in memory is a float tensor `(3, H, W)` with values in [0, 1], unless a docstring says otherwise. Files are
decoded by Pillow; every way in which a file can be bad ends in an error that names it.
"""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from .bands import is_plain, opencv
from .files import written_whole

MAX_PIXELS = 150_000_000
"""Larger pictures are refused before they are decoded: such a file is more often an attack than a photo."""

SAMPLE_PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
"""scikit-image's own color photos, which `sample_photo` gives."""

SAMPLE_GRAYS = ("camera", "moon", "cell", "coins")
"""scikit-image's own gray pictures that are no everyday photos in color, which `sample_gray` gives."""

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
"""The file types that `write_image` can write."""

_SUFFIXES_WITHOUT_ALPHA = frozenset({".jpg", ".jpeg", ".bmp"})
_FLAT = 0.03  # squared gray of [-1, 1]; where gray varies by much less than its root, 0.17, chroma does not follow it
_CALM = 0.002  # likewise, for chroma that is smoothed: it follows fainter edges
_OPENING = threading.Lock()
_ONE_PICTURE_FORMATS = {"MPO"}  # a phone's JPEG with a preview or a depth map behind the photo
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what turns a photo of each EXIF orientation upright


def read_image(source: str | os.PathLike | BinaryIO) -> Image.Image:
    """The picture in a file, decoded and turned upright by its EXIF orientation, in its own mode.

    Args:
        source: a path, or a binary file object (its `name`, if any, stands in the errors).

    Raises:
        FileNotFoundError: if there is no such file.
        IsADirectoryError: if it is a folder.
        OSError: if the disk does not give it, such as PermissionError.
        ValueError: if the file is empty, no picture, damaged, an animation, or larger than `MAX_PIXELS`; names it.
    """
    is_path, name = isinstance(source, str | os.PathLike), _name_of(source)
    if is_path and Path(source).is_dir():
        raise IsADirectoryError(f"{name} is a folder, not a picture")
    if is_path and not Path(source).exists():
        raise FileNotFoundError(f"{name} does not exist")
    try:
        # Pillow warns from 89 megapixels on; the limit that counts is ours. Warnings are one for all threads.
        with _OPENING, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(source)
        with opened as image:
            _check_size(image, name)
            if getattr(image, "n_frames", 1) > 1 and image.format not in _ONE_PICTURE_FORMATS:
                raise ValueError(f"{name} holds {image.n_frames} frames; save the one you want on its own")
            return upright(image)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name} is too large: {error}") from None
    except Image.UnidentifiedImageError:
        empty = is_path and Path(source).stat().st_size == 0
        kind = "empty" if empty else "not a picture in a format that Pillow reads"
        raise ValueError(f"{name} is {kind}") from None
    except Exception as error:  # damaged files make Pillow's decoders raise nearly anything
        if isinstance(error, MemoryError) or is_of_the_disk(error) or str(error).startswith(f"{name} "):
            raise
        raise ValueError(f"{name} is damaged or cut off: {error}") from error


def is_of_the_disk(error: Exception) -> bool:
    """Whether an error is the system's, so that the file may be sound: a file that is gone, no permission, a disk that fails."""
    # Pillow's own OSErrors have no number; EINVAL is a damaged file that sends its decoder to a place before its start.
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def upright(image: Image.Image) -> Image.Image:
    """A picture turned by its EXIF orientation: itself, decoded, if there is nothing to turn, else a new one.

    What is turned does not carry the orientation along, nor the thumbnail, which would still lie; the rest of its EXIF
    stays byte for byte. Pillow's `exif_transpose` writes all of it anew, and fails where a camera stored a value in an unusual
    type. EXIF that cannot be read turns nothing.

    Args:
        image: any mode.
    """
    image.load()  # first: a TIFF file turns itself as it is decoded, and has no orientation afterwards
    method = _upright_method(image)
    if method is None:
        return image
    turned = image.transpose(method)
    turned.info.pop("Raw profile type exif", None)
    if exif := turned.info.pop("exif", None):
        turned.info |= _without_orientation(exif)
    for key in ("XML:com.adobe.xmp", "xmp"):
        if key in turned.info:
            turned.info[key] = _without_xmp_orientation(turned.info[key])
    return turned


def _upright_method(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION))
    except Exception:  # damaged EXIF; the pixels are sound
        return None


def _without_orientation(exif: bytes) -> dict[str, bytes]:
    """The "exif" of a picture's `info` with an orientation of 1 and no thumbnail; nothing if it cannot be understood."""
    start = re.match(rb"(?:Exif\0\0)*", exif).end()
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[start : start + 4])
    if order is None:
        return {}
    changed = bytearray(exif)
    try:
        first = start + struct.unpack_from(f"{order}I", exif, start + 4)[0]
        (entries,) = struct.unpack_from(f"{order}H", exif, first)
        for place in range(first + 2, first + 2 + 12 * entries, 12):
            if struct.unpack_from(f"{order}H", exif, place)[0] == _ORIENTATION:
                struct.pack_into(f"{order}HHIHH", changed, place, _ORIENTATION, 3, 1, 1, 0)  # one SHORT: 1
        struct.pack_into(f"{order}I", changed, first + 2 + 12 * entries, 0)  # where the thumbnail's tags lie
    except struct.error:
        return {}
    return {"exif": bytes(changed)}


def _without_xmp_orientation(xmp: str | bytes) -> str | bytes:
    pattern = r'tiff:Orientation="[0-9]"|<tiff:Orientation>[0-9]</tiff:Orientation>'
    return re.sub(pattern, "", xmp) if isinstance(xmp, str) else re.sub(pattern.encode(), b"", xmp)


def _name_of(source: str | os.PathLike | BinaryIO) -> str:
    """What errors call a file."""
    is_path = isinstance(source, str | os.PathLike)
    return str(os.fspath(source) if is_path else getattr(source, "name", "the given file"))


def write_image(image: Image.Image, path: str | os.PathLike, **options) -> None:
    """Write a picture, whole or not at all; the format follows from the suffix.

    Args:
        image: any mode that the format can hold.
        path: ends in one of `SUFFIXES`; an existing file is replaced.
        options: for Pillow's `save`. JPEG is written at quality 95 with full-size chroma unless they say otherwise.

    Raises:
        ValueError: if the suffix is unknown, or if the format would lose the picture's transparency or cannot hold its EXIF.
        OSError: if the file cannot be written; the old one is then untouched.
    """
    path = Path(path)
    suffix = check_suffix(path)
    if suffix in _SUFFIXES_WITHOUT_ALPHA and "A" in image.getbands():
        raise ValueError(
            f"{path.name}: {suffix} cannot hold transparency, which this picture has; write a .png instead"
        )
    if suffix in (".jpg", ".jpeg"):
        options = {"quality": 95, "subsampling": 0} | options
    if suffix != ".bmp":  # which holds neither
        options = {key: image.info[key] for key in ("exif", "icc_profile") if image.info.get(key)} | options
    with written_whole(path) as part:
        try:
            image.save(part, format=Image.registered_extensions()[suffix], **options)
        except (struct.error, SyntaxError, AttributeError, TypeError) as error:
            # Of a TIFF file EXIF is a part, so Pillow writes it anew, and stumbles over values of unusual types.
            if suffix not in (".tif", ".tiff") or "exif" not in options:
                raise
            raise ValueError(
                f"{path.name}: {suffix} cannot hold this picture's EXIF; write a .png instead"
            ) from error


def find_pictures(folder: str | os.PathLike) -> tuple[list[Path], list[Path]]:
    """The pictures in a folder and the folders in it, sorted; and the other files, so that nobody skips them in silence.

    A file is taken for a picture by its suffix, if Pillow has a reader for it. Hidden files and folders are left out. Links are
    followed: one to a folder that is read anyway adds nothing, and one that leads nowhere, or to a folder around this one, is
    among the other files.

    Raises:
        FileNotFoundError: if the folder does not exist.
        NotADirectoryError: if it is a file.
        OSError: if it or a folder in it cannot be read; names that folder.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"the folder {folder} does not exist")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; name a folder of pictures")
    readable = readable_suffixes()
    pictures, others = [], []
    for path in sorted(_files_below(folder)):
        is_picture = path.suffix.lower() in readable and path.is_file()
        (pictures if is_picture else others).append(path)
    return pictures, others


def _files_below(folder: Path) -> Iterator[Path]:
    """The visible files of a folder and the folders in it, each folder once; and the links that cannot be followed."""
    around, read = set(folder.resolve().parents), set()
    starts = deque([folder])
    while starts:  # links come after the folder itself, so that what they show twice goes by its own name
        start = starts.popleft()
        if start.resolve() in around:
            yield start
            continue
        for place, inner, names in os.walk(start, onerror=_raise):
            real = os.path.realpath(place)
            inner[:] = [] if real in read else sorted(name for name in inner if name[0] != ".")
            if real not in read:
                read.add(real)
                starts += (path for path in (Path(place, name) for name in inner) if path.is_symlink())
                yield from (Path(place, name) for name in names if name[0] != ".")


def _raise(error: OSError) -> None:
    raise error


def readable_suffixes() -> set[str]:
    """The suffixes of files that Pillow can read, in lower case, with their dot."""
    return {suffix for suffix, name in Image.registered_extensions().items() if name in Image.OPEN}


def check_suffix(path: Path) -> str:
    """The suffix of a picture's path in lower case; ValueError if `write_image` does not know it."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{path.name}: cannot write {suffix or 'without a suffix'}; use one of {' '.join(sorted(SUFFIXES))}"
        )
    return suffix


def pixels_and_alpha(
    image: Image.Image, name: str | os.PathLike = "the picture"
) -> tuple[np.ndarray, np.ndarray | None]:
    """The colors of a picture of any mode, and its transparency.

    Args:
        image: any mode: 1, L, LA, P, RGB, RGBA, CMYK, YCbCr, LAB, HSV, 16-bit gray (I;16 and I) and float gray (F).
        name: what errors call it, such as its file.

    Returns:
        Pixels `(H, W, 1)` for gray and `(H, W, 3)` for RGB; uint8, or uint16 for 16-bit gray, or float32 in [0, 1] for
        float gray. Alpha `(H, W)` uint8, or None if the picture has none.

    Raises:
        ValueError: if an integer or float picture holds values that are neither 16-bit nor in [0, 1], or if Pillow cannot
            convert it.
    """
    if image.mode.startswith("I"):
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > 65535:
            raise ValueError(
                f"{name}: the values reach from {pixels.min()} to {pixels.max()}; wanted 0 to 65535"
            )
        return pixels.astype(np.uint16)[..., None], None
    if image.mode == "F":
        pixels = np.asarray(image, dtype=np.float32)
        check_unit_range(pixels, f"{name}: the values")
        return pixels[..., None], None
    if image.has_transparency_data:
        pixels = _converted(image, "LA" if image.mode in ("1", "L", "LA", "La") else "RGBA", name)
        return pixels[..., :-1], pixels[..., -1]
    pixels = _converted(image, "L" if image.mode in ("1", "L") else "RGB", name)
    return pixels.reshape(*pixels.shape[:2], -1), None


def _converted(image: Image.Image, mode: str, name: str | os.PathLike) -> np.ndarray:
    try:
        return np.asarray(image if image.mode == mode else image.convert(mode))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def read_photo(source: str | os.PathLike | BinaryIO) -> Tensor:
    """The photo in a file as RGB; gray photos get three equal channels, transparency is left out.

    Args:
        source: a path or a binary file object.

    Returns:
        `(3, H, W)` float32 in [0, 1].

    Raises:
        FileNotFoundError, IsADirectoryError, ValueError: as `read_image`.
    """
    return to_tensor(read_pixels(source))


def read_pixels(source: str | os.PathLike | BinaryIO) -> np.ndarray:
    """The same photo as bytes, for data sets that keep many: `(H, W, 3)` uint8. Errors as `read_image`."""
    pixels, _ = pixels_and_alpha(read_image(source), _name_of(source))
    if pixels.dtype != np.uint8:
        pixels = np.round(unit_range(pixels) * 255).astype(np.uint8)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def sample_photo(name: str = "astronaut") -> Tensor:
    """One of scikit-image's own color photos; nothing is downloaded.

    Args:
        name: one of `SAMPLE_PHOTOS`.

    Returns:
        `(3, H, W)` float32 in [0, 1].

    Raises:
        ValueError: if the name is not one of them.
    """
    if name not in SAMPLE_PHOTOS:
        raise ValueError(f"name must be one of {', '.join(SAMPLE_PHOTOS)}, got {name!r}")
    import skimage.data

    return to_tensor(getattr(skimage.data, name)())


def sample_gray(name: str = "camera") -> Tensor:
    """One of scikit-image's own gray pictures; nothing is downloaded.

    Args:
        name: one of `SAMPLE_GRAYS`: a photographer on a lawn, the moon's surface through a telescope, a cell
            under a microscope, old coins in a museum.

    Returns:
        `(1, H, W)` float32 in [0, 1].

    Raises:
        ValueError: if the name is not one of them.
    """
    if name not in SAMPLE_GRAYS:
        raise ValueError(f"name must be one of {', '.join(SAMPLE_GRAYS)}, got {name!r}")
    import skimage.data

    return to_tensor(getattr(skimage.data, name)()[..., None])


def unit_range(pixels: np.ndarray) -> np.ndarray:
    """Pixels of uint8 or uint16 divided by the largest that the type holds; floats as they are. Float32."""
    scale = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    return pixels.astype(np.float32) / np.float32(scale)


def to_tensor(pixels: np.ndarray) -> Tensor:
    """Pixels `(H, W, C)` of uint8, uint16 or float in [0, 1], as a float32 tensor `(C, H, W)` in [0, 1]."""
    # Transposed by numpy: torch would wake all its threads for it, a hundred times slower where others compute too.
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(unit_range(pixels), -1, 0)))


def to_image(image: Tensor) -> Image.Image:
    """A Pillow image of a float tensor `(3, H, W)` or `(1, H, W)` in [0, 1], rounded to 8 bits.

    Raises:
        ValueError: if the shape is another.
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"image must have the shape (3, H, W) or (1, H, W), got {tuple(image.shape)}")
    pixels = (image.detach().float().clamp(0, 1) * 255).round().byte().movedim(0, -1).cpu().numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def to_png(image: Tensor) -> bytes:
    """The PNG file of a float tensor `(3, H, W)` or `(1, H, W)` in [0, 1]."""
    buffer = io.BytesIO()
    to_image(image).save(buffer, "png")
    return buffer.getvalue()


def check_unit_range(values: np.ndarray | Tensor, name: str) -> None:
    """Raise ValueError, naming `name`, unless every value is a number in [0, 1].

    Args:
        values: any shape.
        name: what the error calls them.
    """
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):  # written so that NaN fails
        raise ValueError(f"{name} must lie in [0, 1] and be free of NaN; they reach from {low:g} to {high:g}")


def shrink(image: Tensor, factor: int) -> Tensor:
    """The picture made `factor` times smaller by averaging squares of pixels.

    Args:
        image: `(B, C, H, W)` or `(C, H, W)`; H and W are multiples of `factor`. Not for hues: the mean of two hues on
            different sides of the seam is red.
        factor: 1 or more.

    Returns:
        `(..., C, H / factor, W / factor)`.
    """
    return image if factor == 1 else avg_pool2d(image, factor)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The picture at another size: bilinear, with a wider kernel when shrinking so that nothing is skipped.

    Args:
        image: `(B, C, H, W)` or `(C, H, W)`. Not for hues; see `enlarge_chroma`.
        size: new height and width.

    Returns:
        `(..., C, *size)`; values stay within the range of the input's.
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    batch = image if image.ndim == 4 else image[None]
    resized = interpolate(batch, size, mode="bilinear", antialias=True, align_corners=False)
    # Rounding leaves the range by a hair, and white would be refused. In place: a large result's memory is not touched twice.
    resized = resized.clamp_(batch.amin(), batch.amax())
    return resized if image.ndim == 4 else resized[0]


def gray_slope(chroma: Tensor, gray: Tensor, radius: int = 1, flat: float = _FLAT) -> Tensor:
    """How steeply chroma changes with gray around each pixel: the slope of a line fitted to the pixels of a square.

    Where chroma is enlarged, this tells how to follow the edges of a larger gray picture: a pixel that is darker there than the
    enlarged gray says gets its chroma moved along the line.

    Args:
        chroma: `(C, H, W)`, hues not as numbers.
        gray: `(1, H, W)` in [-1, 1].
        radius: the square has a side of 2 radius + 1 pixels.
        flat: squared gray; where gray varies by much less than its root, the slope is near 0.

    Returns:
        `(C, H, W)`, change of chroma for a change of 1 in gray; near 0 where gray is flat.

    Source:
        The local model of He, Sun and Tang, "Guided image filtering", ECCV 2010, Eq. 5. `benchmarks/enlarging.py` compares.
    """
    variance = box_mean(gray * gray, radius) - box_mean(gray, radius) ** 2
    covariance = box_mean(gray * chroma, radius) - box_mean(gray, radius) * box_mean(chroma, radius)
    return covariance / (variance + flat)


def guided_filter(chroma: Tensor, gray: Tensor, radius: int) -> Tensor:
    """Chroma smoothed where gray is smooth, and sharp where gray has an edge.

    Around each pixel chroma is taken for a line over gray; what does not fit the line, such as a fine pattern in an even sky, is gone.

    Args:
        chroma: `(C, H, W)`, hues not as numbers.
        gray: `(1, H, W)` in [-1, 1].
        radius: lines are fitted to squares whose side is 2 radius + 1 pixels.

    Returns:
        `(C, H, W)`; values may leave the range of `chroma` near edges.

    Raises:
        ValueError: if `radius` is negative or no whole number.

    Source:
        He, Sun and Tang, "Guided image filtering", ECCV 2010, Eq. 5, 6 and 8.
    """
    check_radius(radius)
    slope = gray_slope(chroma, gray, radius, _CALM)
    offset = box_mean(chroma, radius) - slope * box_mean(gray, radius)
    return box_mean(slope, radius) * gray + box_mean(offset, radius)


def box_mean(image: Tensor, radius: int) -> Tensor:
    """The mean `(C, H, W)` over squares of 2 radius + 1 pixels around each pixel, as far as they lie inside `image`, `(C, H, W)`."""
    side = 2 * radius + 1
    if is_plain(image):
        # Sums that run along, so that a large square costs as little as a small one.
        means = torch.empty(image.shape)
        share = torch.outer(*(1 / _box_lengths(length, radius) for length in image.shape[-2:])).numpy()
        for plane, mean in zip(image.contiguous().numpy(), means.numpy(), strict=True):
            opencv().boxFilter(plane, -1, (side, side), mean, normalize=False, borderType=0)  # 0 outside
            mean *= share
        return means
    columns = avg_pool2d(image, (side, 1), 1, (radius, 0), count_include_pad=False)
    return avg_pool2d(columns, (1, side), 1, (0, radius), count_include_pad=False)


def _box_lengths(length: int, radius: int) -> Tensor:
    """How many of the 2 radius + 1 places around each of `length` places lie among them, `(length,)`."""
    place = torch.arange(length)
    return ((place + radius).clamp(max=length - 1) - (place - radius).clamp(min=0) + 1).float()


def check_radius(radius: int) -> None:
    """Raise ValueError unless `radius` is a whole number of at least 0."""
    if isinstance(radius, bool) or not isinstance(radius, int) or radius < 0:
        raise ValueError(f"smoothing must be a radius in whole pixels of at least 0, got {radius!r}")


def enlarge_chroma(chroma: Tensor, size: tuple[int, int], hue_channel: int | None) -> Tensor:
    """Chroma enlarged bilinearly, its hue as a point on the circle instead of a number.

    Between -0.9 and 0.9, two hues near cyan, a number would pass through red.

    Args:
        chroma: `(B, C, H, W)` in [-1, 1].
        size: new height and width, at least as large.
        hue_channel: index of the channel that is a hue in half-turns, or None to enlarge all channels as numbers.

    Returns:
        `(B, C, *size)` in [-1, 1].

    Example:
        >>> cyan = torch.tensor([-0.9, 0.9]).reshape(1, 1, 1, 2)
        >>> enlarge_chroma(cyan, (1, 4), hue_channel=0).flatten().abs().min() > 0.89
        tensor(True)
    """
    enlarged = interpolate(chroma, size, mode="bilinear", align_corners=False)
    if hue_channel is None:
        return enlarged
    angle = chroma[:, hue_channel : hue_channel + 1].float() * torch.pi
    point = interpolate(torch.cat((angle.cos(), angle.sin()), 1), size, mode="bilinear", align_corners=False)
    hue = hue_of_point(*point.unbind(1)).to(chroma.dtype)
    channels = list(enlarged.unbind(1))
    channels[hue_channel] = hue
    return torch.stack(channels, 1)


def mean_chroma(chromas: Sequence[Tensor], size: tuple[int, int], hue_channel: int | None) -> Tensor:
    """The mean of several guesses at one picture's chroma, made at several sizes; its hue as the mean of points on the circle.

    Args:
        chromas: tensors `(B, C, h, w)` in [-1, 1], each with its own h and w.
        size: height and width of the result.
        hue_channel: index of the channel that is a hue in half-turns, or None to average all channels as numbers.

    Returns:
        `(B, C, *size)` float32 in [-1, 1].

    Example:
        >>> near_cyan = [torch.tensor(hue).reshape(1, 1, 1, 1) for hue in (-0.9, 0.9)]
        >>> mean_chroma(near_cyan, (1, 1), hue_channel=0).abs()
        tensor([[[[1.]]]])
    """
    total = None
    for chroma in chromas:
        chroma = chroma.float()
        if hue_channel is not None:
            angle = chroma[:, hue_channel, None] * torch.pi
            chroma = torch.cat((chroma, angle.cos(), angle.sin()), 1)
        chroma = resize(chroma, size)
        total = chroma if total is None else total + chroma
    mean = total / len(chromas)
    if hue_channel is None:
        return mean
    *channels, cosine, sine = mean.unbind(1)
    channels[hue_channel] = hue_of_point(cosine, sine)
    return torch.stack(channels, 1)


def hue_of_point(cosine: Tensor, sine: Tensor) -> Tensor:
    """The hue in half-turns, [-1, 1], of points in the plane; red for the center, where the gradient is 0 too.

    Args:
        cosine: any shape.
        sine: same shape.

    Returns:
        Same shape. The points' distance from the center does not matter.
    """
    squared = cosine.square() + sine.square()
    if not (torch.is_grad_enabled() and squared.requires_grad):
        # Whole pictures come here: a push toward red that is 0 from 1e-6 on takes a seventh of the time of two choices.
        return torch.atan2(sine, cosine + (1 - 1e12 * squared).clamp(min=0)) / torch.pi
    central = squared < 1e-12  # there atan2 has a gradient of 0 / 0
    return torch.atan2(torch.where(central, 0, sine), torch.where(central, 1, cosine)) / torch.pi


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"{name} is too large: {width} x {height} pixels, and the limit is {MAX_PIXELS:,}")
