"""Welsh 2002: a pixel takes the chroma of the example's pixel that is alike in luminance and texture."""

import pytest
import torch

from pyramidcolor.baselines.welsh2002 import Welsh2002, jittered_places, remapped, texture
from pyramidcolor.colorspaces import LAB
from pyramidcolor.images import sample_photo


def bands(*grays, side=24):
    """Flat stripes of gray `(1, side, n * side)`, in the color space's own unit."""
    return torch.cat([torch.full((1, side, side), gray) for gray in grays], -1)


def colored(gray, *colors):
    """Those stripes with a color (a, b) each."""
    side = gray.shape[-1] // len(colors)
    chroma = torch.cat([torch.tensor(ab).reshape(2, 1, 1).expand(2, side, side) for ab in colors], -1)
    return LAB.decode(gray, chroma)


def test_every_pixel_copies_the_chroma_of_the_matching_luminance():
    gray = bands(-0.4, 0.0, 0.4)
    example = colored(gray, (0.2, 0.1), (-0.2, 0.2), (0.0, -0.25))
    photo = LAB.decode(bands(0.4, -0.4, 0.0), torch.zeros(2, 24, 72))
    chroma = LAB.encode(Welsh2002().colorize(photo, hint=example))[1]
    for column, color in ((10, (0.0, -0.25)), (36, (0.2, 0.1)), (62, (-0.2, 0.2))):
        torch.testing.assert_close(chroma[:, 12, column], torch.tensor(color), atol=0.01, rtol=0)


def test_texture_decides_where_luminance_is_the_same():
    stripes = torch.where(torch.arange(48) % 2 == 0, -0.15, 0.15).expand(1, 48, 48)
    gray = torch.cat((torch.zeros(1, 48, 48), stripes), -1)
    example = colored(gray, (0.2, 0.0), (-0.2, 0.0))
    photo = LAB.decode(gray.flip(-1), torch.zeros(2, 48, 96))
    chroma = LAB.encode(Welsh2002().colorize(photo, hint=example))[1][0]
    assert chroma[10:38, 10:38].mean() < -0.15  # now the stripes are on the left
    assert chroma[10:38, 58:86].mean() > 0.15


def test_the_examples_luminance_is_moved_and_stretched_to_the_photos():
    generator = torch.Generator().manual_seed(0)
    example, photo = torch.rand(1, 20, 30, generator=generator), torch.rand(1, 9, 9, generator=generator) / 3
    moved = remapped(example, photo)
    torch.testing.assert_close(moved.mean(), photo.mean())
    torch.testing.assert_close(moved.std(correction=0), photo.std(correction=0))
    assert torch.equal(moved.flatten().argsort(), example.flatten().argsort())


def test_a_dark_copy_of_a_photo_gets_the_photos_colors():
    example = sample_photo("coffee")[:, ::4, ::4]
    gray, chroma = LAB.encode(example)
    dark = LAB.decode(gray * 0.5 - 0.3, torch.zeros_like(chroma))
    found = LAB.encode(Welsh2002().colorize(dark, hint=example))[1]
    # A single tint, the example's mean, is what knowing no places would give.
    mean = chroma.mean((1, 2), keepdim=True).expand_as(chroma)
    vividness = chroma.norm(dim=0).mean()
    assert found.norm(dim=0).mean() > 0.5 * vividness
    assert (found - chroma).norm(dim=0).mean() < (mean - chroma).norm(dim=0).mean()


def test_the_texture_is_the_deviation_of_the_pixels_around():
    gray = torch.rand(1, 9, 9, generator=torch.Generator().manual_seed(0))
    assert texture(gray)[0, 4, 4] == pytest.approx(gray[0, 2:7, 2:7].std(correction=0).item(), abs=1e-5)
    assert texture(torch.full((1, 7, 7), 0.3)).max() < 1e-5


@pytest.mark.parametrize("size", [(40, 60), (300, 200), (5, 7), (3, 400)])
def test_places_are_spread_over_the_whole_picture_one_in_each_cell(size):
    places = jittered_places(size, 200, seed=0)
    assert 0 <= places.min() <= places.max() < size[0] * size[1]
    assert len(places) <= 200
    rows, columns = places // size[1], places % size[1]
    assert rows.float().mean() == pytest.approx(size[0] / 2, abs=0.1 * size[0] + 1)
    assert columns.float().mean() == pytest.approx(size[1] / 2, abs=0.1 * size[1] + 1)
    if size == (40, 60):
        assert len(torch.unique(places)) > 180


def test_an_example_is_asked_for():
    with pytest.raises(ValueError, match="needs an example"):
        Welsh2002().colorize(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="the example"):
        Welsh2002().colorize(torch.zeros(3, 8, 8), hint=torch.zeros(1, 8, 8))
