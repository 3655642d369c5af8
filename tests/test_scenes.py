import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pyramidcolor.color import rgb_to_hsv
from pyramidcolor.scenes import CLASSES, GRAY, KINDS, TEAL, SyntheticScenes, draw_scene

MOVABLE = {"ball", "balloon", "boat", "tent", "car", "wall", "roof"}
PARTS = {"wood", "trim", "sail", "snow"}  # of movable things, though not of these alone: snow lies on roofs


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(seed, 128) for seed in range(120)]


@pytest.fixture(scope="module")
def pixels(scenes):
    """All pixels inside things, by class."""
    return pixels_by_class(scenes)


@pytest.fixture(scope="module")
def summer_day(scenes):
    """The same, of summer's days alone."""
    return pixels_by_class([scene for scene in scenes if (scene.light, scene.season) == ("day", "summer")])


def is_class(scene, *names):
    return torch.isin(scene.labels, torch.tensor([CLASSES.index(name) for name in names]))


def grown(mask, pixels):
    return F.max_pool2d(mask[None].float(), 2 * pixels + 1, 1, pixels)[0] > 0


def inside(scene):
    """Where all neighbors are of one class, so that hardly a pixel mixes two colors."""
    labels = scene.labels[None].float()
    return (F.max_pool2d(labels, 3, 1, 1) == -F.max_pool2d(-labels, 3, 1, 1))[0]


def pixels_by_class(scenes):
    """Hue in degrees, saturation and value of the pixels inside each class, `(3, N)`."""
    kept = [inside(scene) for scene in scenes]
    labels = torch.cat([scene.labels[mask] for scene, mask in zip(scenes, kept, strict=True)])
    hsv = torch.cat([rgb_to_hsv(scene.rgb)[:, mask] for scene, mask in zip(scenes, kept, strict=True)], 1)
    hsv *= torch.tensor([[360.0], [1.0], [1.0]])
    return {name: hsv[:, labels == number] for number, name in enumerate(CLASSES)}


def checksum(length):
    dataset = SyntheticScenes(length=length, size=32, seed=5)
    return hashlib.sha256(torch.stack(list(dataset)).numpy().tobytes()).hexdigest()


def test_an_index_gives_the_same_picture_in_another_process():
    command = [sys.executable, "-c", "import test_scenes; print(test_scenes.checksum(6))"]
    folder = Path(__file__).parent
    other = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == checksum(6)


def test_a_picture_does_not_depend_on_what_was_drawn_before_it():
    dataset = SyntheticScenes(length=8, size=48, seed=2)
    backward = [dataset[index] for index in reversed(range(8))][::-1]
    assert all(one.equal(other) for one, other in zip(dataset, backward, strict=True))


def test_a_longer_dataset_begins_like_a_shorter_one():
    assert SyntheticScenes(length=1000, size=32)[3].equal(SyntheticScenes(length=4, size=32)[3])


def test_other_seeds_and_other_indices_give_other_pictures():
    pictures = [SyntheticScenes(2, 32, seed=seed)[index] for seed in (0, 1) for index in (0, 1)]
    distances = torch.cdist(*2 * [torch.stack(pictures).flatten(1)])
    assert (distances + 99 * torch.eye(4)).min() > 1


@pytest.mark.parametrize("size", [16, 65, (40, 96), [96, 40]])
def test_pictures_have_the_size_asked_for_and_lie_in_the_unit_range(size):
    height, width = size if isinstance(size, list | tuple) else (size, size)
    dataset = SyntheticScenes(length=20, size=size)
    for index, rgb in enumerate(dataset):
        assert rgb.shape == (3, height, width)
        assert rgb.dtype == torch.float32
        assert 0 <= rgb.min() < rgb.max() <= 1
        assert dataset.scene(index).labels.shape == (height, width)


def test_iteration_ends_after_the_last_scene():
    assert len(list(SyntheticScenes(length=3, size=16))) == 3


@pytest.mark.parametrize("index", [-1, 3, 100])
def test_an_index_without_a_scene_is_an_index_error(index):
    with pytest.raises(IndexError, match="index"):
        SyntheticScenes(length=3)[index]


@pytest.mark.parametrize(
    "arguments",
    [
        {"length": -1},
        {"seed": -1},
        {"size": 7},
        {"size": 64.0},
        {"size": (64, 64, 3)},
        {"object_scale": 0},
        {"object_scale": float("nan")},
        {"kinds": []},
        {"kinds": ["coast", "moon"]},
    ],
)
def test_a_bad_argument_is_named(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))} must"):
        SyntheticScenes(**arguments)


@pytest.mark.parametrize("arguments", [{"ball_radius": 0}, {"ball_radius": 0.6}, {"size": 4}, {"rng": -1}])
def test_a_bad_argument_of_a_scene_is_named(arguments):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))} must"):
        draw_scene(**{"rng": 0, "size": 32, **arguments})


def test_only_the_kinds_asked_for_are_drawn():
    dataset = SyntheticScenes(length=30, size=16, kinds=["village", "coast"])
    assert {KINDS[dataset.scene(index).kind] for index in range(30)} == {"village", "coast"}


def test_every_class_and_every_kind_appears(scenes):
    assert {CLASSES[label] for scene in scenes for label in scene.labels.unique()} == set(CLASSES)
    assert {scene.kind for scene in scenes} == set(range(len(KINDS)))


@pytest.mark.parametrize("name", TEAL)
def test_teal_things_lie_on_both_sides_of_the_seam_and_near_it(pixels, name):
    hue, saturation, _ = pixels[name]
    # Within 6 degrees and a rounding, but for pixels that something thin covers in part.
    assert ((hue - 180).abs() < 6.1).float().mean() > 0.97
    assert (hue < 180).float().mean() > 0.15
    assert (hue > 180).float().mean() > 0.15
    assert saturation.quantile(0.05) > 0.6


@pytest.mark.parametrize("name", GRAY)
def test_gray_things_have_no_color(name):
    kinds = {"rock": ["mountains"], "pylon": ["road"]}[name]
    closer = pixels_by_class([draw_scene(seed, 384, kinds=kinds) for seed in range(5)])
    saturation = closer[name][1]
    assert len(saturation) > 300
    # Not all: some pixels inside a pylon are half the sky between its bars.
    assert (saturation < 1e-5).float().mean() > 0.75


# In degrees; nine in ten pixels of a summer's day lie inside.
BANDS = {
    "sky": (198, 222),
    "sea": (192, 222),
    "sand": (30, 44),
    "grass": (72, 108),
    "wheat": (38, 53),
    "tree": (85, 115),
    "conifer": (138, 152),
    "mountain": (212, 226),
    "roof": (7, 19),
    "ball": (3, 13),
}


@pytest.mark.parametrize("name", BANDS)
def test_a_class_has_a_narrow_band_of_hues_by_day(summer_day, name):
    hue = summer_day[name][0]
    low, high = BANDS[name]
    assert len(hue) > 200
    assert ((hue > low) & (hue < high)).float().mean() > 0.9


def test_brighter_grass_is_yellower(summer_day):
    hue, _, value = summer_day["grass"]
    assert torch.corrcoef(torch.stack((hue, value)))[0, 1] < -0.8


@pytest.fixture(scope="module")
def balloons():
    """Hue in turns and median V of one balloon in each of many scenes, `(2, N)`."""
    found = []
    for seed in range(600):
        scene = draw_scene(seed, 48, object_scale=1.5, kinds=["coast"])
        hue, _, value = rgb_to_hsv(scene.rgb)[:, inside(scene) & is_class(scene, "balloon")]
        if len(hue):
            same = ((hue - hue[0] + 0.5) % 1 - 0.5).abs() < 0.005
            found.append((hue[0].item(), value[same].median().item()))
    return np.array(found).T


def test_the_hue_of_balloons_is_uniform(balloons):
    counts = np.histogram(balloons[0], 12, (0, 1))[0]
    expected = counts.sum() / 12
    assert counts.sum() > 250
    assert ((counts - expected) ** 2 / expected).sum() < 31.3  # chi-square, 11 degrees of freedom, p = 0.001


def test_the_v_of_a_balloon_does_not_tell_its_hue(balloons):
    hue, value = balloons
    waves = [wave(2 * np.pi * times * hue) for times in (1, 2) for wave in (np.cos, np.sin)]
    design = np.stack([np.ones_like(hue), *waves], 1)
    rest = value - design @ np.linalg.lstsq(design, value)[0]
    assert value.std() > 0.05
    assert len(hue) * (1 - rest.var() / value.var()) < 18.5  # chi-square, 4 degrees of freedom, p = 0.001


@pytest.mark.parametrize(
    "name", ["ball", "balloon", "boat", "tent", "car", "rock", "tree", "conifer", "cloud"]
)
def test_v_alone_shows_the_things(scenes, name):
    contrasts = []
    for scene in scenes:
        mask, value = is_class(scene, name), scene.rgb.amax(0)
        around = grown(mask, 3) & ~grown(mask, 1)
        if mask.sum() >= 30 and around.any():
            contrasts.append((value[mask].mean() - value[around].mean()).abs().item())
    assert len(contrasts) >= 10
    assert np.median(contrasts) > 0.05  # 13 of 255 gray levels


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_scene_is_the_large_one_shrunk(kind):
    for seed in range(6):
        small, large = (draw_scene(seed, size, kinds=[kind], object_scale=1.3) for size in (64, 256))
        shrunk = F.avg_pool2d(large.rgb, 4)
        assert (shrunk - small.rgb).abs().mean() < 0.03
        assert (large.labels[2::4, 2::4] == small.labels).float().mean() > 0.9
        assert (large.kind, large.light, large.season) == (small.kind, small.light, small.season)


def test_object_scale_enlarges_movable_things():
    areas = dict.fromkeys(["ball", "balloon", "wall", "boat", "tent", "car"], (0, 0))
    for seed in range(40):
        pair = [draw_scene(seed, 96, object_scale=scale) for scale in (0.5, 1.0)]
        areas = {
            name: tuple(
                area + is_class(scene, name).sum().item() for area, scene in zip(old, pair, strict=True)
            )
            for name, old in areas.items()
        }
    for name, (half, full) in areas.items():
        assert 2 < full / half < 6, name  # 4, but for what overlaps and what the picture cuts off


def test_object_scale_changes_nothing_else():
    for seed in range(20):
        small, large = (draw_scene(seed, 96, object_scale=scale) for scale in (0.5, 1.5))
        changed = small.labels != large.labels
        moved = is_class(small, *MOVABLE, *PARTS) | is_class(large, *MOVABLE, *PARTS)
        assert not (changed & ~moved).any()


@pytest.mark.parametrize("radius", [0.03, 0.1, 0.25])
@pytest.mark.parametrize("kind", KINDS)
def test_a_forced_ball_has_its_radius_and_stands_in_the_middle(radius, kind):
    for seed in range(5):
        scene = draw_scene(seed, (160, 240), ball_radius=radius, kinds=[kind], object_scale=2)
        rows, columns = is_class(scene, "ball").nonzero().T.float()
        assert len(rows) == pytest.approx(np.pi * (160 * radius) ** 2, rel=0.06)
        assert rows.max() - rows.min() <= 2 * 160 * radius + 1  # one ball, not two
        assert 0.5 < rows.mean() / 160 < 0.7
        assert 0.35 < columns.mean() / 240 < 0.65


def test_a_forced_ball_leaves_all_else_as_it_is():
    for seed in range(20):
        free, small, large = (draw_scene(seed, 96, ball_radius=radius) for radius in (None, 0.05, 0.2))
        balls = is_class(free, "ball") | is_class(small, "ball") | is_class(large, "ball")
        assert large.labels[~balls].equal(free.labels[~balls])
        assert small.labels[~balls].equal(free.labels[~balls])
        far = torch.ones_like(balls)
        far[96 // 3 :] = False  # the shadow of a ball reaches no higher
        assert small.rgb[:, far].equal(large.rgb[:, far])


def test_a_generator_is_advanced_and_a_seed_is_not():
    rng = np.random.default_rng(4)
    first, second = draw_scene(rng, 32), draw_scene(rng, 32)
    assert first.rgb.equal(draw_scene(4, 32).rgb)
    assert not first.rgb.equal(second.rgb)
