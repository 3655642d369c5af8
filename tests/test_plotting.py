"""Figures: what they draw from tensors, how they show themselves, and that they leave nothing open."""

import base64
import colorsys
import io

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from PIL import Image
from skimage.color import rgb2hsv

from pyramidcolor.plotting import (
    HUE_NAMES,
    WIDTH,
    DescribedFigure,
    color_strips,
    contact_sheet,
    curves,
    disc_paths,
    faint_hues,
    gray_comparison,
    histograms,
    hsv_planes,
    hue_circle,
    hue_colors,
    hue_losses,
    hue_pair,
    hue_ramps,
    learned_chroma,
    painted_at_gains,
    pictures,
    pure_colors,
    seed_dots,
    shift_hsv,
)

GENERATOR = torch.Generator().manual_seed(0)
PHOTO = torch.rand(3, 20, 30, generator=GENERATOR)
LINE = torch.linspace(0, 1, 5)
FIGURES = {
    "pictures": lambda: pictures({"photo": PHOTO, "gray": PHOTO[:1]}),
    "contact_sheet": lambda: contact_sheet({"photo": [PHOTO, PHOTO], "gray": [PHOTO[:1], PHOTO]}),
    "curves": lambda: curves(
        LINE, {"a": LINE, "b": 1 - LINE}, x_label="x", y_label="y", alt="Two lines cross."
    ),
    "histograms": lambda: histograms({"gray": PHOTO[0]}, x_label="gray", alt="A flat outline."),
    "hsv_planes": lambda: hsv_planes(PHOTO, hue_shift=0.5, saturation_gain=2.0),
    "hue_circle": lambda: hue_circle({"grass": 0.6}),
    "hue_ramps": hue_ramps,
    "faint_hues": lambda: faint_hues(PHOTO),
    "gray_comparison": lambda: gray_comparison(PHOTO),
    "hue_pair": lambda: hue_pair(-0.9, 0.9),
    "hue_losses": lambda: hue_losses({"sky": (-0.8, 0.6), "stone": (0.2, 0.4)}, point=True),
    "color_strips": lambda: color_strips({"a": PHOTO}, x_label="step", x_range=(0, 9), alt="A strip."),
    "learned_chroma": lambda: learned_chroma(LINE, torch.zeros(2, 5), torch.zeros(3, 2, 5)),
    "seed_dots": lambda: seed_dots(
        {"PSNR": {"hsv": [20.0, 21.0], "lab": [22.0]}}, marks={"PSNR": {"tint": 19.0}}
    ),
    "painted_at_gains": lambda: painted_at_gains(PHOTO, {"lab": torch.zeros(2, 2, 3)}, lab=2.0),
    "disc_paths": lambda: disc_paths({"a": PHOTO[:2], "b": PHOTO[1:]}, {"red": 0.0}, alt="Two discs."),
}
every_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


def flat(*colors):
    """A picture of one row with these RGB colors."""
    return torch.tensor(colors, dtype=torch.float32).T[:, None]


def shown(figure, panel=0):
    """The array behind a panel's picture, in [0, 1]."""
    return np.asarray(figure.axes[panel].images[0].get_array(), dtype=float) / 255


class TestEveryFigure:
    @every_figure
    def test_shows_itself_as_a_png_with_alt_text(self, draw):
        figure = draw()
        data, metadata = figure._repr_mimebundle_()
        picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
        width, height = figure.get_size_inches()
        assert picture.size == (round(100 * width), int(100 * height))
        assert data["text/plain"] == metadata["image/png"]["alt"] == figure.alt
        assert len(figure.alt.split()) >= 3
        assert figure.alt.endswith(".")

    @every_figure
    def test_is_no_wider_than_a_notebook(self, draw):
        assert draw().get_size_inches()[0] <= WIDTH <= 8

    @every_figure
    def test_has_something_drawn_on_it(self, draw):
        pixels = np.asarray(Image.open(io.BytesIO(draw().png())))
        assert (pixels < 200).any(axis=-1).mean() > 0.002

    @every_figure
    def test_draws_the_same_bytes_each_time(self, draw):
        assert draw().png() == draw().png()

    @every_figure
    def test_stays_closed(self, draw):
        draw()
        assert pyplot.get_fignums() == []


class TestPictures:
    def test_stand_in_rows_under_their_titles(self):
        figure = pictures(dict.fromkeys("abcde", PHOTO), columns=3)
        assert [axes.get_title() for axes in figure.axes] == list("abcde")
        rows = {round(axes.get_subplotspec().rowspan.start) for axes in figure.axes}
        assert rows == {0, 1}

    def test_keep_their_pixels_to_within_half_an_eight_bit_step(self):
        np.testing.assert_allclose(
            shown(pictures({"a": PHOTO})), PHOTO.permute(1, 2, 0), atol=0.5 / 255 + 1e-6
        )

    def test_of_one_channel_run_from_black_to_white_whatever_they_hold(self):
        image = pictures({"dim": torch.full((1, 2, 2), 0.5)}).axes[0].images[0]
        assert image.get_clim() == (0, 255)
        assert image.get_cmap().name == "gray"

    def test_are_named_in_the_alt_text_after_what_there_is_to_see(self):
        assert pictures({"a": PHOTO, "b": PHOTO}, alt="Two.").alt == "Two. Pictures: a; b."

    def test_long_titles_are_broken_into_lines(self):
        title = "true hue and saturation on the luminance"
        assert pictures({title: PHOTO, "b": PHOTO}).axes[0].get_title().split() == title.split()
        assert "\n" in pictures({title: PHOTO, "b": PHOTO}).axes[0].get_title()

    @pytest.mark.parametrize(("images", "columns"), [({}, 4), ({"a": PHOTO}, 0)])
    def test_need_at_least_one_picture_and_one_column(self, images, columns):
        with pytest.raises(ValueError, match="at least one picture and one column"):
            pictures(images, columns=columns)

    def test_of_a_wrong_shape_are_refused(self):
        with pytest.raises(ValueError, match=r"\(2, 20, 30\)"):
            pictures({"a": PHOTO[:2]})


class TestContactSheet:
    def test_shows_small_pictures_pixel_by_pixel_in_their_rows_and_columns(self):
        reds, grays = torch.rand(2, 3, 50, 50, generator=GENERATOR).round(), torch.rand(2, 1, 50, 50)
        figure = contact_sheet({"red": list(reds), "gray": list(grays)}, side=0.5)
        pixels = np.asarray(Image.open(io.BytesIO(figure.png()))).astype(int)
        assert pixels.shape == (108, 253, 3)  # 0.04 inches before each; 1.45 for titles
        np.testing.assert_allclose(pixels[4:54, 145:195], (255 * reds[0]).movedim(0, -1), atol=1)
        np.testing.assert_allclose(pixels[4:54, 199:249], (255 * reds[1]).movedim(0, -1), atol=1)
        np.testing.assert_allclose(pixels[58:108, 199:249, 0], 255 * grays[1, 0], atol=2)

    def test_says_its_rows(self):
        figure = contact_sheet({"red": [PHOTO], "gray": [PHOTO[:1]]}, alt="Two.")
        assert figure.alt == "Two. Rows: red; gray."
        assert [text.get_text() for text in figure.texts] == ["red", "gray"]

    @pytest.mark.parametrize("rows", [{}, {"a": []}, {"a": [PHOTO], "b": [PHOTO, PHOTO]}])
    def test_needs_pictures_and_equally_many_in_a_row(self, rows):
        with pytest.raises(ValueError, match="rows of equally many pictures"):
            contact_sheet(rows)


class TestLines:
    def test_are_drawn_as_given_and_differ_in_dash_as_well_as_in_color(self):
        lines = {"a": LINE, "b": 1 - LINE, "c": LINE**2, "d": LINE**3}
        drawn = curves(LINE, lines, x_label="x", y_label="y (m)", alt="Four.").axes[0].lines
        for line, (name, y) in zip(drawn, lines.items(), strict=True):
            assert line.get_label() == name
            np.testing.assert_array_equal(line.get_ydata(), y)
        assert len({line.get_linestyle() for line in drawn}) == len({line.get_color() for line in drawn}) == 4

    @pytest.mark.parametrize("count", [0, 5])
    def test_are_one_to_four_in_a_figure(self, count):
        lines = {str(number): LINE for number in range(count)}
        with pytest.raises(ValueError, match=f"1 to 4 curves in one figure, got {count}"):
            curves(LINE, lines, x_label="x", y_label="y", alt="Many.")
        with pytest.raises(ValueError, match=f"got {count}"):
            histograms(lines, x_label="x", alt="Many.")

    def test_of_a_histogram_are_percentages_that_add_up_to_a_hundred_even_with_the_rounding_of_a_resize(self):
        numbers = torch.tensor([-1e-7, 0.0, 0.3, 1.0, 1 + 1e-7])
        heights = (
            histograms({"a": numbers}, x_label="x", alt="Some.", bins=4).axes[0].patches[0].get_data().values
        )
        np.testing.assert_allclose(heights, [40, 20, 0, 40])


class TestHsvPlanes:
    def test_are_those_of_scikit_image(self):
        figure = hsv_planes(PHOTO)
        hsv = rgb2hsv(PHOTO.permute(1, 2, 0).numpy())
        for panel, plane in ((2, hsv[..., 1]), (3, hsv[..., 2])):
            np.testing.assert_allclose(shown(figure, panel), plane, atol=0.5 / 255 + 1e-5)
        pure = [[colorsys.hsv_to_rgb(hue, 1, 1) for hue in row] for row in hsv[..., 0]]
        np.testing.assert_allclose(shown(figure, 1), pure, atol=0.5 / 255 + 1e-4)

    def test_show_the_changed_photo_and_say_the_change_in_the_alt_text(self):
        figure = hsv_planes(flat([1, 0, 0]), hue_shift=2 / 3, saturation_gain=0.5)
        np.testing.assert_allclose(shown(figure), [[[0.5, 1, 0.5]]], atol=1 / 255)
        assert "+0.67 half-turns" in figure.alt
        assert "times 0.50" in figure.alt

    def test_refuse_a_negative_gain(self):
        with pytest.raises(ValueError, match="gain"):
            hsv_planes(PHOTO, saturation_gain=-1)


class TestShiftHsv:
    @pytest.mark.parametrize("shift", [0.0, 2.0, -2.0, 4.0])
    def test_whole_turns_change_nothing(self, shift):
        torch.testing.assert_close(shift_hsv(PHOTO, shift, 1.0), PHOTO, atol=1e-5, rtol=0)

    @pytest.mark.parametrize("shift", [1.0, -1.0])
    def test_half_a_turn_gives_the_opposite_colors(self, shift):
        colors = flat([1, 0, 0], [0, 1, 0], [0, 0, 1], [0.4, 0.4, 0.4])
        opposite = flat([0, 1, 1], [1, 0, 1], [1, 1, 0], [0.4, 0.4, 0.4])
        torch.testing.assert_close(shift_hsv(colors, shift, 1.0), opposite, atol=1e-6, rtol=0)

    @pytest.mark.parametrize(("shift", "gain"), [(0.3, 0.0), (-0.7, 1.5), (1.0, 10.0)])
    def test_the_value_stays(self, shift, gain):
        torch.testing.assert_close(shift_hsv(PHOTO, shift, gain).amax(0), PHOTO.amax(0))


class TestHueColors:
    def test_forget_saturation_and_value(self):
        colors = flat([0.5, 0.25, 0.25], [0.1, 0.2, 0.1], [0.8, 0.8, 1.0], [0.3, 0.3, 0.3])
        torch.testing.assert_close(hue_colors(colors), flat([1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]))


class TestHueCircle:
    @pytest.mark.parametrize(("name", "hue"), HUE_NAMES.items())
    def test_has_each_named_color_at_its_angle_near_the_rim(self, name, hue):
        disc = hue_circle().axes[0].images[0]
        pixels = disc.get_array()
        side = len(pixels)
        x, y = 0.97 * np.cos(np.pi * hue), 0.97 * np.sin(np.pi * hue)
        red, green, blue, alpha = pixels[round((1 - y) / 2 * (side - 1)), round((1 + x) / 2 * (side - 1))]
        wanted = {"red": (1, 0, 0), "yellow": (1, 1, 0), "green": (0, 1, 0)}
        wanted |= {"cyan": (0, 1, 1), "blue": (0, 0, 1), "magenta": (1, 0, 1)}
        np.testing.assert_allclose((red, green, blue, alpha), (*wanted[name], 1), atol=0.06)

    def test_draws_the_seam_along_the_left_half_of_the_axis(self):
        seam = hue_circle().axes[0].lines[0]
        assert list(seam.get_ydata()) == [0, 0]
        assert min(seam.get_xdata()) < -1
        assert max(seam.get_xdata()) == 0

    def test_names_its_marks_in_the_figure_and_in_the_alt_text(self):
        figure = hue_circle({"sky": -0.7})
        assert any(text.get_text() == "sky (-0.70)" for text in figure.axes[0].texts)
        assert "sky at -0.70" in figure.alt


def test_the_ramps_are_those_of_colorsys():
    lines = hue_ramps().axes[0].lines
    hue = lines[0].get_xdata()
    expected = np.array([colorsys.hsv_to_rgb(half_turns / 2 % 1, 1, 1) for half_turns in hue])
    np.testing.assert_allclose(np.stack([line.get_ydata() for line in lines], -1), expected, atol=1e-5)


def test_only_faint_pixels_show_their_hue():
    photo = flat([0.5, 0.5, 0.49], [0.9, 0.1, 0.1], [0.5, 0.48, 0.5])
    np.testing.assert_array_equal(shown(faint_hues(photo, 0.1))[0], [[1, 1, 0], [1, 1, 1], [1, 0, 1]])
    assert "67 %" in faint_hues(photo, 0.1).alt


def test_the_gray_comparison_shows_value_luma_and_their_difference():
    figure = gray_comparison(flat([0, 0, 1], [0.5, 0.5, 0.5]))
    np.testing.assert_allclose(shown(figure, 0), [[1, 0.5]], atol=1 / 255)
    np.testing.assert_allclose(shown(figure, 1), [[0.114, 0.5]], atol=1 / 255)
    np.testing.assert_allclose(figure.axes[2].images[0].get_array(), [[0.886, 0]], atol=1e-6)


def test_a_described_figure_is_a_matplotlib_figure_that_saves_itself(tmp_path):
    figure = DescribedFigure("Nothing yet.", height=2)
    figure.savefig(tmp_path / "nothing.png")
    with Image.open(tmp_path / "nothing.png") as picture:
        assert picture.size == (600, 200)


def drawn_lines(figure):
    """The y of each named line of a figure's first panel."""
    return {line.get_label(): np.asarray(line.get_ydata()) for line in figure.axes[0].lines}


class TestHuePair:
    @pytest.mark.parametrize(
        ("predicted", "target", "plain", "wrapped"),
        [(-0.9, 0.9, 1.8, 0.2), (0.9, -0.9, 1.8, 0.2), (0.2, -0.3, 0.5, 0.5), (-1.0, 1.0, 2.0, 0.0)],
    )
    def test_says_and_draws_both_lengths(self, predicted, target, plain, wrapped):
        figure = hue_pair(predicted, target)
        said = " ".join(text.get_text() for text in figure.axes[1].texts)
        assert f"plain: {plain:.2f} half-turns = {180 * plain:.0f}°" in said
        assert f"wrapped: {wrapped:.2f} half-turns = {180 * wrapped:.0f}°" in said
        arcs = [np.stack(line.get_data()) for line in figure.axes[0].lines if len(line.get_xdata()) == 100]
        for arc, length in zip(arcs, (plain, wrapped), strict=True):
            radius = np.hypot(*arc[:, 0])
            walked = np.hypot(*np.diff(arc)).sum() / radius / np.pi
            assert walked == pytest.approx(length, abs=1e-3)
            for end, hue in ((arc[:, 0], predicted), (arc[:, -1], target)):
                place = (np.cos(np.pi * hue), np.sin(np.pi * hue))
                np.testing.assert_allclose(end / radius, place, atol=1e-5)

    def test_shows_both_hues_as_colors(self):
        # The blue and the magenta of the RGB cube, by definition of the hues.
        np.testing.assert_allclose(shown(hue_pair(-2 / 3, -1 / 3), 1), [[(0, 0, 1), (1, 0, 1)]], atol=0.01)

    @pytest.mark.parametrize("hue", [1.01, float("nan")])
    def test_refuses_what_is_no_half_turn(self, hue):
        with pytest.raises(ValueError, match=r"half-turns in \[-1, 1\]"):
            hue_pair(hue, 0.0)


class TestHueLosses:
    def test_of_two_opposite_hues_are_flat_with_the_wrap_and_on_one_side_without(self):
        lines = drawn_lines(hue_losses({"sky": (-5 / 6, 0.5), "stone": (1 / 6, 0.5)}))
        np.testing.assert_allclose(lines["wrapped (Eq. 2)"], 0.5, atol=1e-6)
        hue = np.linspace(-1, 1, 401)
        floor = (hue > -5 / 6) & (hue < 1 / 6)
        np.testing.assert_allclose(lines["plain L1"][floor], 0.5, atol=1e-6)
        assert (lines["plain L1"][~floor] > 0.5).all()
        assert not {"point on the rim", "point at the center"} & set(lines)

    def test_are_the_means_over_hues_drawn_by_their_shares(self):
        truths = {"a": (0.9, 0.5), "b": (-0.8, 0.3), "c": (0.1, 0.2)}
        lines = drawn_lines(hue_losses(truths, point=True))
        draws = np.concatenate([np.full(round(10 * share), hue) for hue, share in truths.values()])
        turns = np.exp(1j * np.pi * draws)
        for place in (0, 130, 400):
            hue = np.linspace(-1, 1, 401)[place]
            apart = np.abs(np.angle(np.exp(1j * np.pi * hue) / turns)) / np.pi
            rim = np.exp(1j * np.pi * hue) - turns
            assert lines["plain L1"][place] == pytest.approx(np.abs(hue - draws).mean(), abs=1e-5)
            assert lines["wrapped (Eq. 2)"][place] == pytest.approx(apart.mean(), abs=1e-5)
            both = (np.abs(rim.real) + np.abs(rim.imag)) / 2
            assert lines["point on the rim"][place] == pytest.approx(both.mean(), abs=1e-5)
            center = (np.abs(turns.real) + np.abs(turns.imag)) / 2
            assert lines["point at the center"][place] == pytest.approx(center.mean(), abs=1e-5)

    @pytest.mark.parametrize("shares", [(0.5, 0.6), (-0.1, 1.1)])
    def test_need_shares_that_add_up_to_one(self, shares):
        with pytest.raises(ValueError, match="add up to 1"):
            hue_losses({"a": (0.0, shares[0]), "b": (0.5, shares[1])})

    def test_need_hues_in_half_turns(self):
        with pytest.raises(ValueError, match=r"got -1.2"):
            hue_losses({"a": (-1.2, 1.0)})


class TestLearnedChroma:
    def test_measures_hue_the_short_way_round(self):
        truth, learned = torch.full((2, 5), 0.9), torch.stack((torch.full((5,), -0.9), torch.full((5,), 0.6)))
        hue, saturation = learned_chroma(LINE, truth, learned[None]).axes
        assert hue.get_title() == "hue: mean error 0.20"
        assert saturation.get_title() == "saturation: mean error 0.30"

    def test_draws_a_line_for_each_network_and_one_for_the_truth(self):
        learned = PHOTO[:, :2, :5]
        for channel, axes in enumerate(learned_chroma(LINE, torch.zeros(2, 5), learned).axes):
            *networks, truth = axes.lines
            np.testing.assert_allclose([line.get_ydata() for line in networks], learned[:, channel])
            assert truth.get_label() == "true"

    def test_refuses_shapes_that_do_not_fit(self):
        with pytest.raises(ValueError, match=r"learned \(N, 2, 5\)"):
            learned_chroma(LINE, torch.zeros(2, 5), torch.zeros(2, 5))


class TestStripsAndPaths:
    def test_strips_keep_the_pixels_of_their_rows_and_columns_over_the_range_of_x(self):
        figure = color_strips({"a": PHOTO, "b": PHOTO[:, :2]}, x_label="step", x_range=(5, 8), alt="Two.")
        assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b"]
        np.testing.assert_allclose(shown(figure), PHOTO.permute(1, 2, 0), atol=0.5 / 255 + 1e-6)
        assert figure.axes[1].images[0].get_extent() == [5, 8, 0, 2]
        assert figure.alt == "Two. Strips: a; b."

    def test_paths_run_from_their_first_point_to_their_last(self):
        path = torch.tensor([[[1.0, 0.5, -0.2]], [[0.0, 0.3, 0.4]]])
        whole, start, *_, end = disc_paths({"a": path}, {"red": 0.0}, alt="One.").axes[0].lines
        np.testing.assert_allclose(np.stack(whole.get_data()), path[:, 0])
        np.testing.assert_allclose(np.stack(start.get_data())[:, 0], [1.0, 0.0])
        np.testing.assert_allclose(np.stack(end.get_data())[:, 0], [-0.2, 0.4], atol=1e-6)

    @pytest.mark.parametrize(
        "draw",
        [
            lambda: color_strips({}, x_label="x", x_range=(0, 1), alt="None."),
            lambda: disc_paths({}, {}, alt="None."),
        ],
    )
    def test_none_at_all_are_refused(self, draw):
        with pytest.raises(ValueError, match=r"^no (strips|paths) to show"):
            draw()

    def test_pure_colors_are_those_of_the_standard_library(self):
        hue = torch.tensor([[-1.0, -0.55, -0.1, 0.0, 0.3, 0.95]])
        wanted = [colorsys.hsv_to_rgb(number / 2 % 1, 1, 1) for number in hue[0].tolist()]
        np.testing.assert_allclose(pure_colors(hue)[:, 0].T, wanted, atol=1e-6)
