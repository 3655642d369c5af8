"""Files of every mode and every kind of damage; changes of size that respect the hue circle."""

import errno
import io
import os
import struct
import zlib

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from skimage.transform import resize as skimage_resize

from pyramidcolor import bands
from pyramidcolor.images import (
    MAX_PIXELS,
    SAMPLE_GRAYS,
    box_mean,
    enlarge_chroma,
    find_pictures,
    gray_slope,
    guided_filter,
    hue_of_point,
    pixels_and_alpha,
    read_image,
    read_photo,
    read_pixels,
    resize,
    sample_gray,
    sample_photo,
    shrink,
    to_image,
    to_png,
    to_tensor,
    upright,
    write_image,
)

GRADIENT = np.add.outer(np.arange(40), 3 * np.arange(60)).astype(np.uint8)
RGB = np.dstack((GRADIENT, 255 - GRADIENT, GRADIENT // 2))


def png_header(width: int, height: int) -> bytes:
    """A PNG file that claims a size and is cut off where its pixels begin."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", 99) + b"IDAT"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "is empty"),
        ("noise.png", bytes(range(256)) * 8, "not a picture"),
        ("letter.jpg", b"Dear reader, this is no photo.\n", "not a picture"),
        ("bomb.png", png_header(60_000, 60_000), "too large"),
        ("large.png", png_header(13_000, 13_000), f"{MAX_PIXELS:,}"),
        ("header.png", png_header(64, 64), "damaged or cut off"),
    ],
)
def test_a_file_that_is_no_photo_is_refused_by_name_and_reason(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}.*{reason}"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "gif"])
def test_a_file_cut_off_anywhere_is_refused_or_complete(tmp_path, suffix):
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(RGB).save(whole)
    content = whole.read_bytes()
    path, refused = tmp_path / f"part.{suffix}", 0
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        reason = reason_to_refuse(path)
        assert reason is None or path.name in reason
        refused += reason is not None
    assert refused >= 4


def reason_to_refuse(path):
    try:
        assert read_image(path).size == (60, 40)
    except ValueError as error:
        return str(error)


def test_missing_files_and_folders_are_told_apart(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png does not exist"):
        read_image(tmp_path / "nowhere.png")
    with pytest.raises(IsADirectoryError, match="is a folder, not a picture"):
        read_image(tmp_path)


def test_an_animation_is_refused_because_one_frame_would_lose_the_others(tmp_path):
    frames = [Image.fromarray(RGB + shift).quantize() for shift in (0, 90)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="holds 2 frames"):
        read_image(tmp_path / "moving.gif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_photo_upright(tmp_path, orientation):
    # How the sensor's rows and columns lie, by the table of the EXIF standard (tag 0x0112).
    stored = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.swapaxes(0, 1),
        6: RGB.swapaxes(0, 1)[::-1],
        7: RGB.swapaxes(0, 1)[::-1, ::-1],
        8: RGB.swapaxes(0, 1)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "turned.png")), RGB)


def exif_of(order, *entries):
    """An EXIF block of entries (tag, type, count, four bytes), then a directory of a thumbnail that lies like the photo."""
    packed = [struct.pack(f"{order}HHI", *entry[:3]) + entry[3] for entry in entries]
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    main = struct.pack(f"{order}H", len(entries)) + b"".join(packed)
    thumbnail = struct.pack(f"{order}HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    return b"Exif\0\0" + head + main + struct.pack(f"{order}I", 12 + len(main)) + thumbnail


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_of_unusual_types_turns_the_photo_and_stays_but_for_the_orientation(tmp_path, order, suffix):
    unit = (0x0128, 1, 1, b"\2\0\0\0")  # the unit of the resolution as a BYTE, where the standard has a SHORT
    turned, plain = ((0x0112, 3, 1, struct.pack(f"{order}HH", value, 0)) for value in (6, 1))
    exif, path = exif_of(order, turned, unit), tmp_path / f"turned.{suffix}"
    Image.fromarray(RGB).save(path, exif=exif)
    photo = read_image(path)
    assert photo.size == (40, 60)
    kept, wanted = (
        block.removeprefix(b"Exif\0\0") for block in (photo.info["exif"], exif_of(order, plain, unit))
    )
    assert kept[:34] == wanted[:34]  # all up to the thumbnail's address
    write_image(photo, tmp_path / f"again.{suffix}")
    with Image.open(tmp_path / f"again.{suffix}") as again:
        assert again.size == (40, 60)
        assert again.getexif().get(0x0112) == 1
        assert not again.getexif().get_ifd(1)  # the thumbnail's
    with pytest.raises(ValueError, match=r"again\.tif: \.tif cannot hold this picture's EXIF; write a \.png"):
        write_image(photo, tmp_path / "again.tif")


def test_exif_that_is_cut_off_never_keeps_a_photo_from_being_read(tmp_path):
    whole = exif_of(">", (0x0112, 3, 1, b"\0\6\0\0"), (0x0128, 1, 1, b"\2\0\0\0"))
    for length in range(6, len(whole)):
        Image.fromarray(RGB).save(tmp_path / "photo.png", exif=whole[:length])
        photo = read_image(tmp_path / "photo.png")
        assert photo.size in ((60, 40), (40, 60))
        if photo.size == (40, 60):
            write_image(photo, tmp_path / "again.png")
            assert read_image(tmp_path / "again.png").size == (40, 60)


def test_an_orientation_in_xmp_turns_once_and_a_tiff_file_too(tmp_path):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
    Image.fromarray(RGB).save(tmp_path / "photo.jpg", xmp=xmp)
    Image.fromarray(RGB).save(tmp_path / "photo.tif", tiffinfo={0x0112: 6})
    for name in ("photo.jpg", "photo.tif"):
        photo = read_image(tmp_path / name)
        assert photo.size == (40, 60)
        assert upright(photo).size == (40, 60)


@pytest.mark.parametrize(
    "error", [RuntimeError("Failed to decode frame 0"), struct.error("unpack"), NotImplementedError("BLP")]
)
@pytest.mark.parametrize("step", ["open", "load"])
def test_whatever_a_decoder_raises_the_error_names_the_file(tmp_path, monkeypatch, error, step):
    def fail(*_, **__):
        raise error

    Image.fromarray(RGB).save(tmp_path / "photo.png")
    monkeypatch.setattr(*{"open": (Image, "open"), "load": (Image.Image, "load")}[step], fail)
    with open(tmp_path / "photo.png", "rb") as file:
        for source in (tmp_path / "photo.png", file):
            with pytest.raises(ValueError, match=rf"photo\.png is damaged or cut off: {error}"):
                read_pixels(source)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), PermissionError(errno.EACCES, "no")])
def test_an_error_of_the_disk_is_not_taken_for_a_damaged_photo(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    Image.fromarray(RGB).save(tmp_path / "photo.png")
    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(type(error)) as raised:
        read_image(tmp_path / "photo.png")
    assert raised.value is error


def test_values_that_cannot_be_shown_are_refused_by_the_file_s_name(tmp_path):
    Image.fromarray(np.array([[0, 254_000]], np.int32)).save(tmp_path / "deep.tif")
    Image.fromarray(np.array([[0, 254]], np.float32)).save(tmp_path / "light.tif")
    for name, wanted in (("deep.tif", "wanted 0 to 65535"), ("light.tif", r"must lie in \[0, 1\]")):
        with pytest.raises(ValueError, match=rf"{name}: the values .*{wanted}"):
            read_pixels(tmp_path / name)


def test_sixteen_bit_gray_keeps_its_sixteen_bits(tmp_path):
    deep = (GRADIENT.astype(np.uint16) * 257) ^ 5
    Image.fromarray(deep).save(tmp_path / "deep.png")
    pixels, alpha = pixels_and_alpha(read_image(tmp_path / "deep.png"))
    assert alpha is None
    assert pixels.dtype == np.uint16
    np.testing.assert_array_equal(pixels[..., 0], deep)


@pytest.mark.parametrize(
    ("mode", "colors"), [("1", 1), ("L", 1), ("P", 3), ("RGB", 3), ("CMYK", 3), ("YCbCr", 3), ("HSV", 3)]
)
def test_every_opaque_mode_gives_its_colors(mode, colors):
    image = Image.fromarray(RGB).convert(mode)
    pixels, alpha = pixels_and_alpha(image)
    assert alpha is None
    assert pixels.shape == (40, 60, colors)
    wanted = np.asarray(image.convert("L" if colors == 1 else "RGB")).reshape(40, 60, colors)
    np.testing.assert_array_equal(pixels, wanted)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(np.dstack((GRADIENT, GRADIENT))),
        Image.fromarray(np.dstack((RGB, GRADIENT))),
        Image.fromarray(np.dstack((RGB, GRADIENT))).convert("RGBa"),
        Image.fromarray(np.dstack((GRADIENT, GRADIENT))).convert("La"),
        Image.merge("PA", [Image.new("P", (60, 40)).convert("L"), Image.fromarray(GRADIENT)]),
    ],
    ids=lambda image: image.mode,
)
def test_transparency_is_kept_apart(image):
    pixels, alpha = pixels_and_alpha(image)
    assert pixels.shape == (40, 60, 1 if image.mode in ("LA", "La") else 3)
    np.testing.assert_array_equal(alpha, GRADIENT)


def test_a_palette_picture_with_a_transparent_color_keeps_it(tmp_path):
    picture = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    picture.putpalette([255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "clear.png", transparency=1)
    pixels, alpha = pixels_and_alpha(read_image(tmp_path / "clear.png"))
    assert alpha.tolist() == [[255, 0]]
    assert pixels[0, 0].tolist() == [255, 0, 0]


def test_float_and_integer_pictures_out_of_range_are_refused():
    with pytest.raises(ValueError, match="free of NaN"):
        pixels_and_alpha(Image.fromarray(np.array([[0.5, np.nan]], np.float32)))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        pixels_and_alpha(Image.fromarray(np.array([[0.5, 200.0]], np.float32)))
    with pytest.raises(ValueError, match="0 to 65535"):
        pixels_and_alpha(Image.fromarray(np.array([[0, 70_000]], np.int32)))


def test_read_photo_gives_three_channels_in_the_unit_range(tmp_path):
    Image.fromarray(GRADIENT).save(tmp_path / "gray.png")
    photo = read_photo(tmp_path / "gray.png")
    assert photo.shape == (3, 40, 60)
    torch.testing.assert_close(photo[1], torch.from_numpy(GRADIENT / np.float32(255)))


def test_a_file_object_is_read_like_a_path(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    content = io.BytesIO((tmp_path / "photo.png").read_bytes())
    np.testing.assert_array_equal(read_pixels(content), RGB)
    with pytest.raises(ValueError, match="the given file"):
        read_image(io.BytesIO(b"nothing"))


def test_pictures_survive_tensors_and_png_files():
    tensor = to_tensor(RGB)
    np.testing.assert_array_equal(np.asarray(to_image(tensor)), RGB)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(to_png(tensor)))), RGB)
    with pytest.raises(ValueError, match=r"\(3, H, W\)"):
        to_image(torch.zeros(2, 4, 4))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_a_lossless_file_holds_exactly_what_was_written(tmp_path, suffix):
    write_image(Image.fromarray(RGB), tmp_path / f"photo{suffix}")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"photo{suffix}")), RGB)


def test_writing_refuses_what_would_be_lost_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=r"photo\.jpg: \.jpg cannot hold transparency"):
        write_image(Image.fromarray(np.dstack((RGB, GRADIENT))), path)
    with pytest.raises(ValueError, match=r"cannot write \.xyz"):
        write_image(Image.fromarray(RGB), tmp_path / "photo.xyz")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["photo.jpg"]


def test_metadata_and_color_profile_go_into_the_file(tmp_path):
    image, exif = Image.fromarray(RGB), Image.Exif()
    exif[0x010E] = "a bridge"
    image.info |= {"exif": exif.tobytes(), "icc_profile": b"profile"}
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        write_image(image, tmp_path / f"photo{suffix}")
        with Image.open(tmp_path / f"photo{suffix}") as written:
            assert written.getexif()[0x010E] == "a bridge"
            assert written.info["icc_profile"] == b"profile"


def test_find_pictures_is_sorted_recursive_and_names_the_rest(tmp_path):
    for name in ("b.JPG", "a.png", "inner/c.webp", "inner/notes.txt", ".hidden.png", "a.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    pictures, others = find_pictures(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in pictures] == ["a.png", "b.JPG", "inner/c.webp"]
    assert [path.name for path in others] == ["a.part", "notes.txt"]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        find_pictures(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"a\.png"):
        find_pictures(tmp_path / "a.png")


def linked(path, target):
    """A symbolic link, and the folders that it lies in; the test is left out where links cannot be made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this system lets nobody make links")


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found_in(folder):
    return [[path.relative_to(folder).as_posix() for path in paths] for paths in find_pictures(folder)]


def test_find_pictures_follows_links_to_folders_and_files(tmp_path):
    touched(tmp_path, "set/a.png", "elsewhere/b.png", "elsewhere/deep/c.png", "alone.png")
    linked(tmp_path / "set" / "more", tmp_path / "elsewhere")
    linked(tmp_path / "set" / "d.png", tmp_path / "alone.png")
    assert found_in(tmp_path / "set") == [["a.png", "d.png", "more/b.png", "more/deep/c.png"], []]
    linked(tmp_path / "link", tmp_path / "set")
    assert found_in(tmp_path / "link") == found_in(tmp_path / "set")


def test_find_pictures_reads_each_folder_once_by_its_own_name_and_ends(tmp_path):
    touched(tmp_path, "set/z/a.png", "elsewhere/b.png")
    linked(tmp_path / "set" / "before-z", tmp_path / "set" / "z")
    linked(tmp_path / "set" / "z" / "again", tmp_path / "set")
    linked(tmp_path / "set" / "one", tmp_path / "elsewhere")
    linked(tmp_path / "set" / "two", tmp_path / "elsewhere")
    linked(tmp_path / "elsewhere" / "back", tmp_path / "set" / "z")
    assert found_in(tmp_path / "set") == [["one/b.png", "z/a.png"], []]


def test_links_that_cannot_be_followed_are_among_the_other_files(tmp_path):
    touched(tmp_path, "set/a.png", "beside.png")
    linked(tmp_path / "set" / "gone.png", tmp_path / "nowhere.png")
    linked(tmp_path / "set" / "itself.png", tmp_path / "set" / "itself.png")
    linked(tmp_path / "set" / "around", tmp_path)
    linked(tmp_path / "set" / ".hidden.png", tmp_path / "nowhere.png")
    assert found_in(tmp_path / "set") == [["a.png"], ["around", "gone.png", "itself.png"]]


def test_a_folder_in_a_folder_that_cannot_be_read_is_an_error_that_names_it(tmp_path, monkeypatch):
    touched(tmp_path, "a.png", "secret/b.png", ".hidden/c.png")
    scan = os.scandir

    def refuse(path):  # the superuser, who may run the tests, can read every folder
        if str(path).endswith(("secret", "hidden")):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="secret"):
        find_pictures(tmp_path)


def test_sample_photos_come_without_a_download_and_by_name():
    photo = sample_photo("chelsea")
    assert photo.shape[0] == 3
    assert 0 <= photo.min() < photo.max() <= 1
    with pytest.raises(ValueError, match="astronaut"):
        sample_photo("mona lisa")


def test_resizing_agrees_with_scikit_image_when_enlarging():
    photo = to_tensor(RGB)
    wanted = skimage_resize(RGB / 255, (80, 90), order=1, mode="edge", anti_aliasing=False)
    torch.testing.assert_close(
        resize(photo, (80, 90)), torch.from_numpy(wanted).movedim(-1, 0).float(), atol=1e-5, rtol=0
    )


def test_shrinking_averages_every_pixel():
    photo = torch.rand(3, 8, 12, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(shrink(photo, 4)[:, 1, 2], photo[:, 4:8, 8:12].mean((1, 2)))
    torch.testing.assert_close(resize(photo, (1, 1)).flatten(), photo.mean((1, 2)), atol=0.05, rtol=0)


def test_enlarged_hues_never_pass_through_red_at_the_seam():
    chroma = torch.tensor([[-0.95, 0.95], [0.0, 1.0]]).reshape(1, 2, 1, 2)
    hue, saturation = enlarge_chroma(chroma, (1, 8), hue_channel=0)[0]
    assert hue.abs().min() >= 0.95 - 1e-6
    torch.testing.assert_close(saturation[0, [0, -1]], torch.tensor([0.0, 1.0]))
    assert enlarge_chroma(chroma, (1, 8), hue_channel=None)[0, 0].abs().min() < 0.3


def test_the_hue_of_a_point_is_the_same_whether_or_not_a_gradient_is_wanted():
    generator = torch.Generator().manual_seed(0)
    angle = 2 * torch.pi * torch.rand(10_000, generator=generator)
    length = 10 ** (-5.9 * torch.rand(10_000, generator=generator))
    cosine, sine = length * angle.cos(), length * angle.sin()
    assert hue_of_point(cosine, sine).equal(hue_of_point(cosine.clone().requires_grad_(), sine).detach())
    for tiny in (0.0, 1e-9, 1e-7):
        assert hue_of_point(-torch.tensor(tiny), torch.tensor(tiny)).abs() < 1e-6


def test_the_hue_of_the_disc_s_center_is_red_and_has_a_gradient_of_zero():
    center = torch.zeros(2, requires_grad=True)
    hue = hue_of_point(center[0], center[1])
    hue.backward()
    assert hue == 0
    assert center.grad.tolist() == [0, 0]


def test_resizing_never_leaves_the_range_of_the_picture():
    white = torch.ones(3, 37, 53)
    white[:, ::7] = 0
    for size in ((16, 16), (100, 41), (1, 1), (333, 500)):
        resized = resize(white, size)
        assert resized.amin() >= 0
        assert resized.amax() <= 1


def test_sample_grays_come_without_a_download_and_by_name():
    for name in SAMPLE_GRAYS:
        assert getattr(skimage.data, name)().ndim == 2
    gray = sample_gray("cell")
    assert gray.shape == (1, *skimage.data.cell().shape)
    np.testing.assert_allclose(255 * gray[0].numpy(), skimage.data.cell(), atol=1e-3)
    with pytest.raises(ValueError, match="name must be one of camera, moon, cell, coins, got 'mona lisa'"):
        sample_gray("mona lisa")


def test_the_slope_is_that_of_a_line_through_the_square():
    gray = torch.linspace(-1, 1, 40).expand(1, 30, 40)
    chroma = torch.stack((0.5 * gray[0] - 0.2, torch.full((30, 40), 0.3)))
    for radius in (1, 3):
        slopes = gray_slope(chroma, gray, radius, flat=0.0)
        torch.testing.assert_close(slopes[0], torch.full((30, 40), 0.5), rtol=1e-3, atol=1e-3)
        assert slopes[1].abs().max() < 1e-3


@pytest.mark.parametrize("radius", [1, 4, 100])
def test_a_guided_filter_keeps_what_follows_gray_and_evens_out_what_does_not(radius):
    rng = torch.Generator().manual_seed(0)
    gray = torch.where(torch.arange(60) < 30, -1.0, 1.0).expand(1, 50, 60)
    noise = 0.1 * torch.randn(2, 50, 60, generator=rng)
    chroma = torch.stack((0.4 * gray[0], torch.full((50, 60), -0.3)))
    result = guided_filter(chroma + noise, gray, radius)
    assert result.shape == chroma.shape
    # A square of 9 pixels evens out noise to a third, two such means in a row to less.
    assert (result - chroma).std() < 0.6 * noise.std() / radius**0.5
    torch.testing.assert_close(guided_filter(chroma, gray, radius), chroma, rtol=0, atol=2e-3)


@pytest.mark.parametrize("radius", [1, 4, 30])
@pytest.mark.parametrize("with_opencv", [True, False])
def test_means_over_squares_are_of_the_pixels_inside(radius, with_opencv, monkeypatch):
    if not with_opencv:
        monkeypatch.setattr(bands, "opencv", lambda: None)
    image = torch.randn(3, 12, 40, generator=torch.Generator().manual_seed(0)).transpose(-2, -1)
    means = box_mean(image, radius)
    for row, column in ((0, 0), (7, 5), (39, 11), (20, 0)):
        inside = image[
            :, max(row - radius, 0) : row + radius + 1, max(column - radius, 0) : column + radius + 1
        ]
        torch.testing.assert_close(means[:, row, column], inside.mean((-2, -1)))


def test_means_over_squares_have_a_gradient():
    image = torch.randn(1, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda image: box_mean(image, 1), image)
    plain = torch.zeros(1, 5, 6, requires_grad=True)
    assert box_mean(plain, 1).requires_grad


def test_a_guided_filter_s_radius_is_checked():
    with pytest.raises(ValueError, match="smoothing must be a radius in whole pixels"):
        guided_filter(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4), -1)
