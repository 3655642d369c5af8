"""What notebook 07 needs: dots that spread, a page without names, its ranking, verdicts, and the judge of an annealed mean."""

import math

import pytest
import torch

from pyramidcolor.baselines.zhang2016 import annealed_mean
from pyramidcolor.comparison_results import merit, verdict
from pyramidcolor.comparison_views import agreement, blind_page, lettered, scribbled
from pyramidcolor.exercises import check_annealed_mean
from pyramidcolor.images import sample_photo
from pyramidcolor.widgets import RankingList, dots_explorer, ranking_panel

PHOTO = sample_photo("coffee")[:, 100:164, 200:264]
NAMES = {"A": "cao2017", "B": "zhang2016", "C": "levin2004"}
# B is the photo, A is off by a little in every pixel, and C is gray.
IMAGES = {
    "A": (PHOTO + 0.05).clamp(0, 1),
    "B": PHOTO * 0.999,
    "C": PHOTO.mean(0, keepdim=True).expand(3, -1, -1),
}


def titles(figure):
    return [axes.get_title().replace("\n", " ") for axes in figure.axes]


class TestDotsThatSpread:
    def test_bring_the_colors_closer_the_more_of_them_there_are(self):
        def error(dots):
            return float(titles(scribbled(PHOTO, dots))[1].rpartition(" ")[2])

        assert error(200) < error(20) < error(1)

    def test_show_how_many_they_are(self):
        figure = scribbled(PHOTO, 20)
        assert titles(figure)[0] == "20 dots"
        shown = torch.from_numpy(figure.axes[0].images[0].get_array().copy()).float()
        colored = (shown.amax(-1) - shown.amin(-1)) > 0
        assert 20 < colored.sum() <= 20 * 9

    def test_follow_their_sliders(self):
        panel = dots_explorer(PHOTO, dots=5, seed=3)
        assert panel.picture.value == scribbled(PHOTO, 5, 3).png()
        for name, value in (("dots", 200), ("dots", 1), ("seed", 19), ("seed", 0)):
            panel.controls[name].value = value
            assert panel.message.value == ""
        assert panel.picture.value == scribbled(PHOTO, 1, 0).png()


class TestAPageWithoutNames:
    def test_tells_the_order_and_no_name(self):
        figure = blind_page(IMAGES, PHOTO, NAMES, "CAB")
        assert titles(figure) == ["1: C", "2: A", "3: B"]
        assert not any(name in figure.alt for name in NAMES.values())

    def test_tells_names_and_the_places_of_both_measures_when_it_is_revealed(self):
        assert titles(blind_page(IMAGES, PHOTO, NAMES, reveal=True)) == [
            "1: A is cao2017, by PSNR 2, by SSIM 2",
            "2: B is zhang2016, by PSNR 1, by SSIM 1",
            "3: C is levin2004, by PSNR 3, by SSIM 3",
        ]

    @pytest.mark.parametrize("order", ["AB", "AAB", "ABD"])
    def test_refuses_what_is_no_order_of_its_letters(self, order):
        with pytest.raises(ValueError, match="order must hold each of ABC once"):
            blind_page(IMAGES, PHOTO, NAMES, order)

    def test_gives_letters_to_all_names_in_an_order_that_the_seed_chooses(self):
        names = list("klmnopq")
        orders = {tuple(lettered(names, seed).values()) for seed in range(5)}
        assert len(orders) > 1
        assert all(sorted(order) == names for order in orders)
        assert lettered(names, 3) == lettered(names, 3)
        with pytest.raises(ValueError, match="1 to 26 names, got 0"):
            lettered([])


class TestRankingInAPanel:
    def test_moves_what_is_chosen_and_keeps_it_chosen(self):
        ranking = RankingList("ABC")
        ranking.chosen.value = "C"
        ranking.up.click()
        assert ranking.value == ("A", "C", "B")
        ranking.up.click()
        ranking.up.click()  # already the first
        assert ranking.value == ("C", "A", "B")
        ranking.down.click()
        assert ranking.value == ("A", "C", "B")
        assert ranking.chosen.value == "C"
        assert ranking.chosen.options == ("A", "B", "C")

    def test_draws_the_page_in_that_order_and_reveals_the_names_when_asked(self):
        panel = ranking_panel(IMAGES, PHOTO, NAMES)
        assert panel.picture.value == blind_page(IMAGES, PHOTO, NAMES).png()
        assert not any(name in repr(panel) + panel.alt for name in NAMES.values())
        order = panel.controls["order"]
        order.chosen.value = "B"
        order.up.click()
        panel.controls["reveal"].value = True
        assert panel.message.value == ""
        assert panel.picture.value == blind_page(IMAGES, PHOTO, NAMES, "BAC", reveal=True).png()

    def test_is_all_of_buttons_which_a_keyboard_reaches_and_presses(self):
        order = ranking_panel(IMAGES, PHOTO, NAMES).controls["order"]
        parts = [type(part).__name__ for part in (order.chosen, order.up, order.down)]
        assert parts == ["ToggleButtons", "Button", "Button"]
        assert order.chosen.description
        assert order.up.description != order.down.description


class TestAgreement:
    def test_is_spearmans_formula(self):
        figures = {"A": 3.0, "B": 9.0, "C": 1.0, "D": 4.0}  # by the measure B, D, A, C
        apart = [(1 - 3) ** 2, (2 - 1) ** 2, (3 - 4) ** 2, (4 - 2) ** 2]  # of A, B, C, D
        assert agreement("ABCD", figures) == pytest.approx(1 - 6 * sum(apart) / (4 * 15))

    @pytest.mark.parametrize("order", ["A", "AX"])
    def test_needs_two_that_have_figures(self, order):
        with pytest.raises(ValueError, match="at least two that have figures"):
            agreement(order, {"A": 1.0})


ROWS = [
    {"method": name, "psnr": value} for name, value in [("a", 20.0), ("a", 21.0), ("b", 22.0), ("b", 20.5)]
]


class TestVerdicts:
    def test_call_it_a_lead_only_where_no_seed_overlaps(self):
        assert verdict(ROWS, "psnr", "a", "b") == "PSNR: 20.5 against 21.2, a and b overlap"
        apart = [*ROWS[:2], {"method": "b", "psnr": 21.5}]
        assert verdict(apart, "psnr", "a", "b") == "PSNR: 20.5 against 21.5, a below b in every seed"
        assert verdict(apart, "psnr", "b", "a") == "PSNR: 21.5 against 20.5, b above a in every seed"

    def test_turn_every_measure_so_that_more_is_better(self):
        assert merit("psnr", 21) > merit("psnr", 20)
        assert merit("hue_error_degrees", 40) > merit("hue_error_degrees", 50)
        assert (
            merit("colorfulness_ratio", 1)
            > merit("colorfulness_ratio", 1.2)
            > merit("colorfulness_ratio", 0.5)
        )
        assert math.isnan(merit("bleeding", None))


def by_powers(chances, colors, temperature):
    weight = chances.double() ** (1 / temperature)
    return ((weight / weight.sum()) @ colors.double()).float()


def by_logarithms(chances, colors, temperature):
    return annealed_mean(chances.log().reshape(1, -1, 1, 1), colors, temperature).flatten()


WRONG = {
    "takes the mean": ("mode", lambda chances, colors, temperature: chances @ colors),
    "takes the likeliest": ("mean", lambda chances, colors, temperature: colors[chances.argmax()]),
    "gives the weights": ("shape", lambda chances, colors, temperature: chances),
    "gives nothing": ("shape", lambda chances, colors, temperature: None),
    "forgets to share": ("mode", lambda chances, colors, temperature: chances ** (1 / temperature) @ colors),
    "heats instead": (
        "mode",
        lambda chances, colors, temperature: by_powers(chances, colors, 1 / temperature),
    ),
    "anneals too much": (
        "temperature",
        lambda chances, colors, temperature: by_powers(chances, colors, temperature**1.5),
    ),
    "takes the softmax of chances": (
        "mean",
        lambda chances, colors, temperature: (chances / temperature).softmax(0) @ colors,
    ),
    "multiplies zero by infinity": (
        "zero",
        lambda chances, colors, temperature: (
            by_powers(chances, colors, temperature) + 0 * chances.log().sum()
        ),
    ),
    "stops": ("runs", lambda chances, colors, temperature: chances.no_such_name),
}


@pytest.mark.parametrize("answer", [by_powers, by_logarithms])
def test_every_right_annealed_mean_passes(answer):
    found = check_annealed_mean(answer)
    assert found.passed, found


@pytest.mark.parametrize(("missing", "answer"), WRONG.values(), ids=WRONG)
def test_a_wrong_annealed_mean_is_told_what_it_lacks_and_not_how_to_mend_it(missing, answer):
    found = check_annealed_mean(answer)
    assert found.missing == missing, found
    assert len(found.sentence.split()) >= 5
    assert not any(word in repr(found) for word in ("softmax", "power", "exp", "log", "**"))
