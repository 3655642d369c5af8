"""Color for photos of every size, mode and kind, and for many files at once."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from inputs import torch_threads
from PIL import Image
from torch.nn.functional import interpolate

from pyramidcolor import bands, inference
from pyramidcolor.checkpoints import build_colorizer, save_checkpoint
from pyramidcolor.colorspaces import COLOR_SPACES, HSV, amplify, decode_luminance, luminance_gray
from pyramidcolor.images import enlarge_chroma, resize, sample_photo, to_tensor
from pyramidcolor.inference import (
    FileResult,
    chroma_rows,
    colorize,
    colorize_by_stage,
    colorize_files,
    colorize_folder,
    colorize_scan,
    predict_chroma,
)

GRADIENT = np.add.outer(np.arange(40), 3 * np.arange(60)).astype(np.uint8)
RGB = np.dstack((GRADIENT, 255 - GRADIENT, GRADIENT // 2))


def small_colorizer(space="hsv"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        colorizer = build_colorizer(
            space, {"widths": (8,) * 11}, {"low_width": 8, "middle_width": 8, "full_width": 8}
        )
    colorizer.model.eval()
    return colorizer


@pytest.fixture(scope="module")
def colorizer():
    return small_colorizer()


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 700), (900, 1), (2, 3), (15, 17), (40, 60), (300, 451), (1200, 900)]
)
@pytest.mark.parametrize("kind", ["gray", "rgb"])
def test_a_photo_of_any_size_keeps_its_size_and_its_value(colorizer, size, kind):
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, size if kind == "gray" else (*size, 3), np.uint8)
    colored = colorize(photo, colorizer)
    assert colored.shape == (*size, 3)
    assert colored.dtype == np.uint8
    np.testing.assert_array_equal(colored.max(-1), photo if kind == "gray" else photo.max(-1))


@pytest.mark.parametrize("space", ["hsv", "hsv-point"])
def test_every_step_of_8_and_16_bits_keeps_its_value(space):
    colorizer = small_colorizer(space)
    bytes_ = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    np.testing.assert_array_equal(colorize(bytes_, colorizer).max(-1), bytes_)
    words = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    colored = colorize(words, colorizer)
    assert colored.dtype == np.uint16
    np.testing.assert_array_equal(colored.max(-1), words)


def test_a_random_network_does_give_colors(colorizer):
    colored = colorize(GRADIENT, colorizer).astype(int)
    assert (colored.max(-1) - colored.min(-1)).mean() > 5
    assert (colorize(GRADIENT, colorizer, saturation=0) == GRADIENT[..., None]).all()


def test_more_saturation_moves_colors_away_from_gray(colorizer):
    spread = [
        np.ptp(colorize(GRADIENT, colorizer, saturation=gain).astype(int), -1).mean()
        for gain in (0, 0.5, 1, 1.5)
    ]
    assert spread == sorted(spread)
    assert spread[0] == 0 < spread[1] < spread[3]


def test_only_the_gray_channel_of_a_color_photo_is_used(colorizer):
    gray = RGB.max(-1)
    np.testing.assert_array_equal(colorize(RGB, colorizer), colorize(gray, colorizer))


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_every_color_space_keeps_its_own_gray(space):
    colorizer = small_colorizer(space)
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    gray, kept = (
        colorizer.color_space.gray(image) for image in (photo, colorize(photo, colorizer, saturation=0.05))
    )
    torch.testing.assert_close(
        kept, gray, atol=0.03, rtol=0
    )  # Lab and YUV clip a little even at low saturation


def test_the_kind_that_goes_in_comes_out(colorizer, tmp_path):
    Image.fromarray(GRADIENT).save(tmp_path / "photo.png")
    wanted = colorize(GRADIENT, colorizer)
    for photo in (tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(GRADIENT)):
        colored = colorize(photo, colorizer)
        assert isinstance(colored, Image.Image)
        np.testing.assert_array_equal(np.asarray(colored), wanted)
    floats = colorize(GRADIENT / 255, colorizer)
    assert floats.dtype == np.float64
    np.testing.assert_allclose(floats, wanted / 255, atol=0.6 / 255)
    tensor = to_tensor(GRADIENT[..., None])
    for shape in ((40, 60), (1, 40, 60), (1, 1, 40, 60)):
        colored = colorize(tensor.reshape(shape), colorizer)
        assert colored.shape == (*shape[:-2][:-1], 3, 40, 60)
        torch.testing.assert_close(
            colored.reshape(3, 40, 60).movedim(0, -1).double(), torch.from_numpy(floats)
        )


def test_a_batch_is_colored_photo_by_photo(colorizer):
    batch = torch.rand(3, 1, 32, 48)
    colored = colorize(batch, colorizer)
    for one, photo in zip(colored, batch, strict=True):
        torch.testing.assert_close(one, colorize(photo, colorizer))
    assert colorize(batch.double(), colorizer).dtype == torch.float64


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_every_mode_of_a_picture_is_colored_with_its_transparency(colorizer, mode):
    source = Image.fromarray(np.dstack((RGB, GRADIENT)) if mode in ("LA", "RGBA") else RGB)
    image = {
        "I;16": lambda: Image.fromarray(GRADIENT.astype(np.uint16) * 257),
        "F": lambda: Image.fromarray((GRADIENT / 255).astype(np.float32)),
    }.get(mode, lambda: source.convert(mode))()
    colored = colorize(image, colorizer)
    assert colored.size == image.size
    assert colored.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")
    if colored.mode == "RGBA":
        np.testing.assert_array_equal(np.asarray(colored)[..., 3], GRADIENT)
    if mode in ("I;16", "F"):
        np.testing.assert_array_equal(np.asarray(colored).max(-1), GRADIENT)


def test_arrays_with_alpha_keep_it(colorizer):
    with_alpha = np.dstack((RGB, GRADIENT))
    colored = colorize(with_alpha, colorizer)
    np.testing.assert_array_equal(colored[..., 3], GRADIENT)
    np.testing.assert_array_equal(colored[..., :3], colorize(RGB, colorizer))
    assert colorize(with_alpha[..., 2:], colorizer).shape == (40, 60, 4)


@pytest.mark.parametrize(
    ("photo", "error", "reason"),
    [
        (torch.full((3, 8, 8), torch.nan), ValueError, "free of NaN"),
        (torch.full((3, 8, 8), 2.0), ValueError, r"photo's values must lie in \[0, 1\]"),
        (torch.zeros(2, 8, 8), ValueError, r"\(C, H, W\)"),
        (torch.zeros(3, 0, 8), ValueError, "photo must be a tensor"),
        (torch.zeros(8), ValueError, "photo must be a tensor"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), ValueError, "divide bytes by 255"),
        (np.zeros((8, 8, 5), np.uint8), ValueError, r"\(H, W, C\)"),
        (np.zeros((0, 8), np.uint8), ValueError, "photo must be an array"),
        (np.zeros((8, 8), np.int64), ValueError, "uint8, uint16 or float"),
        (np.full((8, 8), -0.1), ValueError, "photo's values"),
        (None, TypeError, "got NoneType"),
        ("nowhere.jpg", FileNotFoundError, r"nowhere\.jpg does not exist"),
    ],
)
def test_what_is_no_photo_is_refused_by_name_and_reason(colorizer, photo, error, reason):
    with pytest.raises(error, match=reason):
        colorize(photo, colorizer)


def test_other_arguments_out_of_range_are_refused(colorizer):
    with pytest.raises(ValueError, match=r"saturation must be at least 0, got -"):
        colorize(GRADIENT, colorizer, saturation=-1)
    with pytest.raises(ValueError, match="working_size must be at least 16"):
        colorize(GRADIENT, colorizer, working_size=8)
    with pytest.raises(ValueError, match="input_scales must be numbers above 0 and at most 4"):
        colorize(GRADIENT, colorizer, input_scales=(8,))
    with pytest.raises(FileNotFoundError, match="weights file"):
        colorize(GRADIENT, "nowhere.safetensors")


def chroma_at_once(chroma, gray, space):
    """The slow twin of `chroma_rows`: every plane enlarged whole, and a line fitted to each pixel's nine by numpy."""
    size, hue = gray.shape[-2:], space.hue_channel
    wanted = enlarge_chroma(chroma[None], size, hue)[0]
    if chroma.shape[1] > size[0] or chroma.shape[2] > size[1]:
        return wanted
    small = resize(gray, chroma.shape[-2:])
    planes = (
        chroma
        if hue is None
        else torch.cat((chroma, *(f(chroma[:1] * torch.pi) for f in (torch.cos, torch.sin))))
    )
    slopes = torch.zeros_like(planes)
    for row, column in np.ndindex(*planes.shape[1:]):
        window = (..., slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2))
        grays = small[window].flatten().numpy()
        for plane in range(len(planes)):
            covariance = np.cov(grays, planes[plane][window[1:]].flatten().numpy(), bias=True)
            slopes[plane, row, column] = covariance[0, 1] / (covariance[0, 0] + 0.03)
    large, slope, gray_again = (
        interpolate(part[None], size, mode="bilinear")[0] for part in (planes, slopes, small)
    )
    moved = (large + slope * (gray - gray_again)).clamp(-1, 1)
    if hue is None:
        return moved
    return torch.cat((torch.atan2(moved[-1:], moved[-2:-1]) / torch.pi, moved[1:-2]))


@pytest.mark.parametrize("space", COLOR_SPACES)
@pytest.mark.parametrize("size", [(70, 90), (16, 32), (33, 16), (400, 31), (20, 12)])
def test_chroma_enlarged_in_bands_is_chroma_enlarged_at_once(space, size):
    space, generator = COLOR_SPACES[space], torch.Generator().manual_seed(0)
    chroma = torch.rand(space.chroma_channels, 16, 16, generator=generator) * 2 - 1
    gray = torch.rand(1, *size, generator=generator) * 2 - 1
    rows = chroma_rows(chroma, gray, space)
    banded = torch.cat([rows(first, min(first + 7, size[0])) for first in range(0, size[0], 7)], 1)
    difference = (banded - chroma_at_once(chroma, gray, space)).abs()
    if space.hue_channel is not None:
        difference[0] = torch.minimum(difference[0], 2 - difference[0])  # -1 and 1 are one hue
    if size[1] < 16:  # shrunk across by a wide kernel, which enlarge_chroma has not
        assert banded.shape == (space.chroma_channels, *size)
    else:
        assert difference.max() < 2e-3  # an angle of two short coordinates loses digits


def test_enlarged_color_ends_at_the_edge_of_the_photo():
    gray = torch.full((1, 64, 64), -0.8)
    gray[..., 30:] = 0.8  # not where squares of the small picture end
    truth = 0.5 * gray.expand(2, -1, -1)
    chroma = resize(truth, (16, 16))
    error = (chroma_rows(chroma, gray, COLOR_SPACES["lab"])(0, 64) - truth).abs()
    bilinear = (resize(chroma, (64, 64)) - truth).abs()
    assert error.mean() < 0.2 * bilinear.mean()


def test_where_gray_is_flat_chroma_is_enlarged_as_it_is():
    chroma = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    enlarged = chroma_rows(chroma, torch.full((1, 64, 48), 0.3), COLOR_SPACES["lab"])(0, 64)
    torch.testing.assert_close(enlarged, resize(chroma, (64, 48)), rtol=0, atol=1e-4)


def test_a_large_photo_has_the_colors_of_its_small_copy(colorizer):
    small = sample_photo("coffee")[:, :320, :320]
    large = small.repeat_interleave(4, 1).repeat_interleave(4, 2)
    again = colorize(large, colorizer)[:, 2::4, 2::4]
    assert (again - colorize(small, colorizer)).abs().mean() < 0.02


def test_the_network_sees_the_photo_at_the_working_area(colorizer):
    for size in ((1000, 500), (500, 1000), (10, 10), (3, 4000), (1, 100_000)):
        chroma = predict_chroma(torch.zeros(1, *size), colorizer)
        height, width = chroma.shape[-2:]
        assert height % 16 == width % 16 == 0
        assert height * width <= 2.2 * 256**2
        if max(size) / min(size) <= 2:
            assert abs(np.log((height / width) / (size[0] / size[1]))) < 0.2


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_the_network_s_smoothing_takes_a_pattern_from_an_even_sky_and_keeps_the_edge_below(
    space, monkeypatch
):
    plain = small_colorizer(space)
    hue = plain.color_space.hue_channel
    dots = torch.zeros(64, 64)
    dots[::8, ::8] = 0.2
    gray, chroma = torch.full((1, 64, 64), 0.5), torch.full((plain.color_space.chroma_channels, 64, 64), -0.9)
    gray[:, 40:], chroma[:, 40:] = -0.5, 0.5
    if hue is not None:
        chroma[hue, :40] = torch.where(dots[:40] > 0, -0.95, 0.95)  # to both sides of the seam
    dotted = chroma + dots * torch.tensor([channel != hue for channel in range(len(chroma))])[:, None, None]
    monkeypatch.setattr(inference, "swift_chroma", lambda *_: dotted[None])
    assert inference._chroma_of_working_gray(gray, plain, "fp32").equal(dotted)
    calm = inference._chroma_of_working_gray(gray, replace(plain, smoothing=4), "fp32")
    for channel, (before, after) in enumerate(zip(dotted, calm, strict=True)):
        sky = after[8:32]
        if channel == hue:
            assert sky.abs().min() > 0.94
        else:
            assert sky.std() < 0.1 * before[8:32].std()
            assert abs(sky.mean() - before[8:32].mean()) < 0.005
            assert after[39].mean() < -0.8
            assert after[40].mean() > 0.4


def test_smoothing_can_be_asked_for_and_must_be_a_radius():
    plain = small_colorizer("hsv-point")
    asked = colorize(GRADIENT, plain, smoothing=4)
    np.testing.assert_array_equal(asked, colorize(GRADIENT, replace(plain, smoothing=4)))
    assert np.abs(asked.astype(int) - colorize(GRADIENT, plain)).max() > 0
    np.testing.assert_array_equal(
        colorize(GRADIENT, replace(plain, smoothing=4), smoothing=0), colorize(GRADIENT, plain)
    )
    for wrong in (-1, 2.5, True):
        with pytest.raises(ValueError, match="smoothing must be a radius in whole pixels"):
            colorize(GRADIENT, plain, smoothing=wrong)


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_stage_one_looks_at_a_photo_at_the_network_s_input_scales(space):
    once = small_colorizer(space)
    several, gray = replace(once, input_scales=(0.5, 1.0, 2.0)), luminance_gray(sample_photo("chelsea"))
    chroma = predict_chroma(gray, several)
    assert (chroma - predict_chroma(gray, once)).abs().mean() > 1e-3
    with torch.no_grad():
        small = resize(gray, chroma.shape[-2:])[None]
        torch.testing.assert_close(chroma, once.model(small, (0.5, 1.0, 2.0))[0], rtol=0, atol=1e-4)
    with_scales = colorize(GRADIENT, once, input_scales=[0.5, 1, 2])
    np.testing.assert_array_equal(with_scales, colorize(GRADIENT, several))
    np.testing.assert_array_equal(colorize(GRADIENT, several, input_scales=(1,)), colorize(GRADIENT, once))
    square = sample_photo("chelsea")[:, :256, :256]
    inside = colorize_by_stage(square, several)["stage two"]
    torch.testing.assert_close(inside, colorize(square, several), rtol=0, atol=1e-3)


def test_the_look_inside_shows_both_stages_on_the_photo_s_own_gray(colorizer):
    photo = sample_photo("astronaut")[:, :128, :192]
    stages = colorize_by_stage(photo, colorizer)
    assert list(stages) == ["gray", "stage one", "stage two"]
    for picture in stages.values():
        torch.testing.assert_close(picture.amax(0), photo.amax(0))


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    Image.fromarray(GRADIENT).save(folder / "b.jpg")
    Image.fromarray(RGB).save(folder / "inner" / "a.png")
    Image.fromarray(GRADIENT).save(folder / "old.gif")
    (folder / "broken.jpg").write_bytes(b"no photo")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_a_folder_is_rebuilt_in_color_past_a_bad_file(album, tmp_path, colorizer):
    results = colorize_folder(album, tmp_path / "out", colorizer)
    assert [(result.source.name, result.error is None) for result in results] == [
        ("b.jpg", True),
        ("broken.jpg", False),
        ("a.png", True),
        ("old.gif", True),
    ]
    assert "broken.jpg is not a picture" in results[1].error
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")
    )
    assert written == ["b.jpg", "inner/a.png", "old.gif.png"]
    with Image.open(tmp_path / "out" / "inner" / "a.png") as colored:
        assert_same_but_for_rounding(np.asarray(colored), colorize(RGB, colorizer))


def test_a_photo_that_memory_is_too_small_for_does_not_keep_the_others_from_being_done(
    album, tmp_path, colorizer
):
    torch_says = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
    with pytest.MonkeyPatch.context() as patch:
        known, faults = inference.read_image, [RuntimeError(torch_says), torch.OutOfMemoryError("CUDA")]
        full = {"b.jpg": faults[0], "a.png": faults[1]}

        def read(path):
            if path.name in full:
                raise full[path.name]
            return known(path)

        patch.setattr(inference, "read_image", read)
        (album / "broken.jpg").unlink()
        errors = {
            result.source.name: result.error for result in colorize_folder(album, tmp_path / "out", colorizer)
        }
        told = "not enough memory; try a smaller working size"
        assert errors == {"b.jpg": told, "a.png": told, "old.gif": None}
        full["old.gif"] = RuntimeError("a fault of ours")
        with pytest.raises(RuntimeError, match="a fault of ours"):
            colorize_folder(album, tmp_path / "again", colorizer)


def assert_same_but_for_rounding(one, other):
    """Where threads divide the work decides which pixels a vector takes, and that the last bit of a float."""
    apart = abs(one.astype(int) - other)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 1e-3


def test_a_folder_in_threads_has_the_colors_of_photos_one_by_one(tmp_path, colorizer):
    (tmp_path / "album").mkdir()
    photos = {f"{number}.png": np.roll(RGB, number, 1) for number in range(9)}
    for name, photo in photos.items():
        Image.fromarray(photo).save(tmp_path / "album" / name)
    with torch_threads(3):
        results = colorize_folder(tmp_path / "album", tmp_path / "out", colorizer)
    assert [(result.source.name, result.error) for result in results] == [(name, None) for name in photos]
    for name, photo in photos.items():
        with Image.open(tmp_path / "out" / name) as colored:
            assert_same_but_for_rounding(np.asarray(colored), colorize(photo, colorizer))


def test_whoever_stops_early_gets_only_the_photos_that_were_begun(tmp_path, colorizer):
    (tmp_path / "album").mkdir()
    for number in range(30):
        Image.fromarray(GRADIENT).save(tmp_path / "album" / f"{number:02}.png")
    with torch_threads(2):
        results = colorize_files([tmp_path / "album"], tmp_path / "out", colorizer)
        assert next(results).source.name == "00.png"
        results.close()
    assert len(list((tmp_path / "out").iterdir())) < 10


def test_a_large_photo_in_threads_is_the_photo_in_one(colorizer, monkeypatch):
    photo = np.random.default_rng(0).integers(0, 256, (700, 900), np.uint8)
    wanted = colorize(photo, colorizer)
    monkeypatch.setattr(bands, "THREADED_PIXELS", 1)
    with torch_threads(3):
        assert_same_but_for_rounding(colorize(photo, colorizer), wanted)


def test_one_photo_goes_to_one_file(album, tmp_path, colorizer):
    target = tmp_path / "color.png"
    results = list(colorize_files([album / "b.jpg"], target, colorizer))
    assert results == [FileResult(album / "b.jpg", target, None)]
    assert target.exists()


def test_no_photo_is_written_over_itself_or_over_another(album, tmp_path, colorizer):
    with pytest.raises(ValueError, match="is one of the photos to colorize"):
        colorize_folder(album, album, colorizer)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.jpg").write_bytes((album / "b.jpg").read_bytes())
    with pytest.raises(ValueError, match="would both be written to"):
        list(colorize_files([album / "b.jpg", tmp_path / "other" / "b.jpg"], tmp_path / "out", colorizer))
    with pytest.raises(ValueError, match="cannot write"):
        list(colorize_files([album / "b.jpg"], tmp_path / "color.xyz", colorizer))
    assert not (tmp_path / "out").exists()


def test_a_folder_without_pictures_is_an_error(tmp_path, colorizer):
    with pytest.raises(FileNotFoundError, match="no pictures in"):
        colorize_folder(tmp_path, tmp_path / "out", colorizer)
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        colorize_folder(tmp_path / "nowhere", tmp_path / "out", colorizer)


def test_what_the_camera_wrote_stays_with_the_photo(tmp_path, colorizer):
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "a bridge", 6
    Image.fromarray(RGB).save(tmp_path / "photo.jpg", exif=exif)
    list(colorize_files([tmp_path / "photo.jpg"], tmp_path / "color.jpg", colorizer))
    with Image.open(tmp_path / "color.jpg") as colored:
        assert colored.size == (40, 60)
        assert colored.getexif().get(0x010E) == "a bridge"
        assert colored.getexif().get(0x0112, 1) == 1


def test_an_open_picture_with_exif_of_unusual_types_is_turned_like_its_file(tmp_path, colorizer):
    tags = b"\0\2" + b"\1\x12\0\3\0\0\0\1\0\6\0\0" + b"\1\x28\0\1\0\0\0\1\2\0\0\0"  # the unit as a BYTE
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + tags + bytes(4)
    Image.fromarray(RGB).save(tmp_path / "photo.png", exif=exif)
    with Image.open(tmp_path / "photo.png") as photo:
        colored = colorize(photo, colorizer)
    assert colored.size == (40, 60)
    assert colored.getexif().get(0x0112) == 1
    np.testing.assert_array_equal(
        np.asarray(colored), np.asarray(colorize(tmp_path / "photo.png", colorizer))
    )


def test_a_file_whose_values_cannot_be_shown_is_named(tmp_path, colorizer):
    Image.fromarray(np.array([[0, 254_000]], np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(ValueError, match=r"deep\.tif: the values reach from 0 to 254000"):
        colorize(tmp_path / "deep.tif", colorizer)


def test_weights_are_taken_from_a_file(tmp_path, colorizer):
    save_checkpoint(colorizer, tmp_path / "weights.safetensors")
    np.testing.assert_array_equal(
        colorize(GRADIENT, tmp_path / "weights.safetensors"), colorize(GRADIENT, colorizer)
    )


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (70, 50), (300, 200)])
@pytest.mark.parametrize("passes", [1, 2])
def test_a_scan_keeps_its_luminance_to_less_than_an_8_bit_step(colorizer, size, passes):
    scan = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    colored = colorize_scan(scan, colorizer, passes=passes)
    assert colored.shape == (3, *size)
    kept = (luminance_gray(colored) + 1) / 2
    torch.testing.assert_close(kept, scan, atol=1e-4, rtol=0)


def test_the_second_look_at_a_scan_is_at_the_value_that_the_first_gave(colorizer):
    photo = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(1))
    luminance = luminance_gray(photo)
    first = colorize_scan(photo, colorizer, passes=1)
    with torch.inference_mode():
        chroma = colorizer.model(HSV.gray(first)[None])[0]
    second = decode_luminance(luminance, amplify(chroma, colorizer.saturation_gain, HSV), HSV)
    torch.testing.assert_close(colorize_scan(photo, colorizer, passes=2), second, atol=1e-4, rtol=0)
    assert (second - first).abs().max() > 0.01


def test_a_scan_without_saturation_is_the_scan(colorizer):
    scan = torch.rand(1, 20, 30, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(colorize_scan(scan, colorizer, saturation=0.0), scan.expand(3, -1, -1))


def test_a_tensor_told_to_be_a_scan_is_colored_as_scans_are(colorizer):
    scan = torch.rand(1, 60, 90, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        colorize(scan, colorizer, scan=True), colorize_scan(scan, colorizer), atol=1e-5, rtol=0
    )
    assert (colorize(scan, colorizer) - colorize_scan(scan, colorizer)).abs().max() > 0.05


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_scan_of_many_bands_keeps_its_luminance(colorizer, monkeypatch, dtype, channels):
    monkeypatch.setattr("pyramidcolor.inference._BAND_PIXELS", 1000)
    largest = np.iinfo(dtype).max
    scan = np.random.default_rng(0).integers(0, largest, (90, 70, channels), dtype, endpoint=True)
    colored = colorize(scan, colorizer, scan=True)
    assert (colored.dtype, colored.shape) == (dtype, (90, 70, 3))
    before, after = (
        luminance_gray(torch.from_numpy(one / largest).movedim(-1, 0).expand(3, -1, -1))
        for one in (scan, colored)
    )
    # Three roundings of half a step each, on a scale of 2.
    torch.testing.assert_close(after, before, atol=2 / largest, rtol=0)
    assert np.ptp(colored.astype(int), axis=-1).max() > largest / 20


def test_a_scanned_file_is_colored_by_its_luminance(tmp_path, colorizer):
    Image.fromarray(GRADIENT).convert("L").save(tmp_path / "scan.png")
    (result,) = colorize_files([tmp_path / "scan.png"], tmp_path / "color.png", colorizer, scan=True)
    assert result.error is None
    with Image.open(result.target) as colored, Image.open(tmp_path / "scan.png") as scan:
        difference = np.asarray(colored.convert("L")).astype(int) - np.asarray(scan)
    assert abs(difference).max() <= 1


def test_a_scan_needs_a_network_whose_gray_is_v():
    lab = build_colorizer("lab")
    with pytest.raises(ValueError, match="the color space 'lab' has no saturation, so its gray is not V"):
        colorize(GRADIENT, lab, scan=True)


@pytest.mark.parametrize(
    ("photo", "options", "message"),
    [
        (torch.rand(2, 8, 8), {}, r"photo must be a tensor \(1, H, W\) or \(3, H, W\), got \(2, 8, 8\)"),
        (torch.rand(1, 8, 8), {"passes": 0}, "passes must be 1 or more, got 0"),
        (torch.full((1, 8, 8), 2.0), {}, "photo's values must lie in"),
    ],
)
def test_what_is_no_scan_is_refused_by_name(colorizer, photo, options, message):
    with pytest.raises(ValueError, match=message):
        colorize_scan(photo, colorizer, **options)
