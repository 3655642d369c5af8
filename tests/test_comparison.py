"""The compared systems: trained for equal compute, measured, stored, gone on with, and shown."""

import json
from collections import Counter
from dataclasses import asdict, replace
from typing import ClassVar

import pytest
import torch

from pyramidcolor import comparison, comparison_results
from pyramidcolor.__main__ import main
from pyramidcolor.baselines import Method
from pyramidcolor.budgets import BUDGETS
from pyramidcolor.comparison import (
    FIGURES,
    compare,
    labels_of,
    measure,
    method_facts,
    nearest_example,
    painter,
    steps_within,
)
from pyramidcolor.comparison_results import (
    PLANS,
    Plan,
    markdown_table,
    pictures_of,
    read_results,
    sample_squares,
    sheet_of,
)
from pyramidcolor.datasets import SamplePhotos
from pyramidcolor.evaluation import Tint
from pyramidcolor.images import SAMPLE_PHOTOS, to_image
from pyramidcolor.plotting import contact_sheet

PLAN = Plan(9600, size=32, batch_size=2, measured_photos=2, measured_size=32, examples=3)
PHOTOS = list(torch.rand(6, 3, 40, 48, generator=torch.Generator().manual_seed(0)))
MEASURED = list(torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)))


class Tinter(Method):
    """Answers with one hue, which its seed chooses; each photo of a step costs 1600 multiplications."""

    name, title, year = "tinter", "A tinter", 2001
    fitted: ClassVar[Counter] = Counter()
    cost = 1600

    def __init__(self):
        self.tint = None

    def steps_of(self, photos, *, steps, batch_size=16, size=64, seed=0, labels=None):
        type(self).fitted[seed, steps, batch_size, size, None if labels is None else tuple(labels)] += 1
        for step in range(steps):
            self.tint = Tint((0.1 + seed / 7) % 1, 0.5)
            yield step + 1, 0.0

    def colorize(self, photo, *, seed=0, hint=None):
        return self.tint(photo)

    @property
    def parameters(self):
        return 7

    def multiplications(self, size=64):
        return self.cost


class Told(Method):
    """Learns nothing, and answers with what it was told."""

    year, trains = 1999, False

    def __init__(self, needs):
        self.name = self.title = needs
        self.needs = needs

    def steps_of(self, photos, **options):
        raise AssertionError("nothing to train")

    def colorize(self, photo, *, seed=0, hint=None):
        told = hint[1] if self.needs == "scribbles" else hint
        return told[:, : photo.shape[-2], : photo.shape[-1]].expand_as(photo)


class Stopped(Tinter):
    """A person presses Ctrl-C while it trains."""

    name, title = "stopped", "Stopped"

    def steps_of(self, photos, **options):
        raise KeyboardInterrupt
        yield


@pytest.fixture(autouse=True)
def methods(monkeypatch):
    made = {
        "tinter": Tinter,
        "scribbles": lambda: Told("scribbles"),
        "example": lambda: Told("example"),
        "stopped": Stopped,
    }
    monkeypatch.setattr(Tinter, "fitted", Counter())
    for module in (comparison, comparison_results):
        monkeypatch.setattr(module, "METHODS", made)
    return made


@pytest.fixture
def out(tmp_path):
    return tmp_path / "new" / "methods.json"


def run(out, methods=("tinter", "scribbles"), plan=PLAN, **options):
    return compare(PHOTOS, MEASURED, plan, out, methods=methods, **options)


def keys(results):
    return [(row["method"], row["seed"]) for row in results["rows"]]


UNTRAINED = [("gray", None), ("gray-lab", None), ("tint", None)]


class TestComputeIsShared:
    def test_by_multiplications_a_method_that_costs_twice_as_much_takes_half_as_many_steps(self, monkeypatch):
        assert steps_within(PLAN, Tinter()) * Tinter.cost * PLAN.batch_size == PLAN.multiplications
        cheap = steps_within(replace(PLAN, multiplications=1e6), Tinter())
        monkeypatch.setattr(Tinter, "cost", 3200)
        dear = steps_within(replace(PLAN, multiplications=1e6), Tinter())
        assert abs(cheap - 2 * dear) <= 1

    def test_and_a_method_that_does_not_train_takes_none(self):
        assert steps_within(PLAN, Told("example")) == 0

    def test_or_not_at_all_where_it_is_not_enough_for_a_step(self):
        with pytest.raises(
            ValueError, match=r"at least 3.2e\+03, which a step of tinter takes; got 1.0e\+03"
        ):
            steps_within(replace(PLAN, multiplications=1000), Tinter())

    def test_in_every_budget_and_the_larger_ones_give_more(self):
        assert list(PLANS) == list(BUDGETS)
        given = [plan.multiplications for plan in PLANS.values()]
        assert given == sorted(set(given))


class TestARun:
    def test_trains_each_method_once_a_seed_for_the_same_plan(self, out):
        run(out, labels=[0, 1, 0, 1, 0, 1], seeds=2)
        assert Tinter.fitted == {
            (0, 3, 2, 32, (0, 1, 0, 1, 0, 1)): 1,
            (1, 3, 2, 32, (0, 1, 0, 1, 0, 1)): 1,
        }

    def test_has_a_row_for_each_and_for_those_that_know_nothing(self, out):
        results = run(out, seeds=2)
        trained = [(name, seed) for name in ("tinter", "scribbles") for seed in (0, 1)]
        assert keys(results) == UNTRAINED + trained
        assert all(set(FIGURES) <= set(row) for row in results["rows"])
        assert results["rows"][0]["saturation_ratio"] == 0
        tinter = results["rows"][3]
        direct = measure(lambda photo, _: Tint(0.1, 0.5)(photo), MEASURED)
        assert {key: tinter[key] for key in direct} == pytest.approx(direct, nan_ok=True)

    def test_tells_its_whole_protocol_and_no_place_on_this_machine(self, out, tmp_path):
        run(out, seeds=2)
        stored = json.loads(out.read_text())
        protocol, facts = stored["protocol"], stored["methods"]["tinter"]
        assert protocol["plan"] == asdict(PLAN)
        assert protocol["training"]["photos"] == 6
        assert protocol["measured"]["photos"] == 2
        assert protocol["seeds"] == [0, 1]
        assert {"torch", "pyramidcolor", "python"} <= set(protocol["versions"])
        assert protocol["precision"] in ("fp32", "bf16")
        assert protocol["machine"]
        assert facts == method_facts(Tinter(), PLAN)
        assert (facts["steps"], facts["parameters"], facts["multiplications"]) == (3, 7, 1600)
        assert str(tmp_path) not in out.read_text()

    def test_measures_every_photo_with_a_seed_of_its_own(self):
        seen = []
        for seed in (0, 1):
            measure(lambda photo, number: seen.append(number) or photo, MEASURED, seed)
        assert len(set(seen)) == 4

    def test_in_two_processes_gives_the_same_rows(self, out, tmp_path, monkeypatch):
        from pyramidcolor.baselines import METHODS

        for module in (comparison, comparison_results):  # other processes know of no fixture
            monkeypatch.setattr(module, "METHODS", METHODS)
        alone = run(out, ["levin2004"], seeds=2)
        together = run(tmp_path / "other.json", ["levin2004"], seeds=2, processes=2)
        for one, other in zip(alone["rows"], together["rows"], strict=True):
            assert {key: one[key] for key in FIGURES} == pytest.approx(
                {key: other[key] for key in FIGURES}, nan_ok=True
            )
        assert alone["pictures"] == together["pictures"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"methods": ["magic"]}, "methods must be some of tinter, .*; got magic"),
            ({"methods": []}, "got none"),
            ({"seeds": 0}, "seeds must be at least 1, got 0"),
            ({"processes": 0}, "processes must be at least 1, got 0"),
        ],
    )
    def test_refuses_what_it_cannot_do_before_it_begins(self, out, options, message):
        with pytest.raises(ValueError, match=message):
            run(out, **options)
        assert not out.exists()

    def test_needs_photos_on_both_sides(self, out):
        with pytest.raises(ValueError, match="photos are needed on both sides, got 6 and 0"):
            compare(PHOTOS, [], PLAN, out)


class TestAStoppedRun:
    def test_goes_on_without_repeating_and_keeps_the_pictures_of_the_first_seed(self, out):
        before = run(out, ["tinter"], seeds=1)
        after = run(out, ["tinter", "scribbles"], seeds=2)
        assert Tinter.fitted.total() == 2
        assert keys(after) == [*UNTRAINED, ("tinter", 0), ("tinter", 1), ("scribbles", 0), ("scribbles", 1)]
        assert after["pictures"]["tinter"] == before["pictures"]["tinter"]
        assert json.loads(out.read_text())["pictures"]["tinter"] == before["pictures"]["tinter"]
        assert set(after["pictures"]) == {"tinter", "scribbles"}

    def test_leaves_a_whole_file_when_it_is_interrupted(self, out):
        with pytest.raises(KeyboardInterrupt):
            run(out, ["tinter", "stopped"], seeds=1)
        assert keys(read_results(out)) == [*UNTRAINED, ("tinter", 0)]
        assert [path.name for path in out.parent.iterdir()] == [out.name]
        assert len(run(out, ["tinter"], seeds=1)["rows"]) == 4
        assert Tinter.fitted.total() == 1

    def test_of_another_protocol_is_refused_with_what_differs(self, out):
        run(out, seeds=1)
        before = out.read_bytes()
        with pytest.raises(
            ValueError, match=r"another plan: batch_size \(was 2, now 3\): name another --out"
        ):
            run(out, plan=replace(PLAN, batch_size=3), seeds=1)
        with pytest.raises(ValueError, match=r"another training: photos \(was 6, now 5\)"):
            compare(PHOTOS[:5], MEASURED, PLAN, out)
        assert out.read_bytes() == before

    def test_of_a_method_that_has_changed_since_is_refused(self, out, monkeypatch):
        run(out, ["tinter"], seeds=1)
        monkeypatch.setattr(Tinter, "cost", 800)
        with pytest.raises(
            ValueError,
            match=r"holds tinter with another multiplications \(was 1600, now 800\), steps \(was 3",
        ):
            run(out, ["tinter"], seeds=2)

    def test_on_another_machine_goes_on(self, out, monkeypatch):
        first = run(out, ["tinter"], seeds=1)["protocol"]["machine"]
        monkeypatch.setattr(comparison, "describe", lambda device: "an abacus")
        again = run(out, ["tinter"], seeds=2)["protocol"]
        assert again["machine"].startswith(first + "; ")
        assert again["machine"].count("an abacus") == 1
        assert run(out, ["tinter"], seeds=2)["protocol"] == again

    def test_refuses_a_file_that_is_none_of_its_own(self, tmp_path):
        (tmp_path / "notes.json").write_text("[1]")
        with pytest.raises(ValueError, match=r"notes.json is there, but holds no results to go on from"):
            run(tmp_path / "notes.json")


class TestWhatAMethodIsTold:
    def test_the_true_photo_where_it_needs_dots(self):
        paint = painter(Told("scribbles"), PHOTOS, PLAN, 0)
        assert paint(MEASURED[0], 3).equal(MEASURED[0])

    def test_dots_in_places_that_the_seed_chooses(self):
        masks = []
        method = Told("scribbles")
        method.colorize = lambda photo, seed, hint: masks.append(hint[0])
        paint = painter(method, PHOTOS, PLAN, 0)
        for seed in (1, 1, 2):
            paint(MEASURED[0], seed)
        assert masks[0].equal(masks[1])
        assert not masks[0].equal(masks[2])
        assert 0 < masks[0].sum() <= 9 * comparison.DOTS

    def test_a_training_photo_where_it_needs_an_example_other_ones_for_other_seeds(self):
        squares = [photo[:, :, 4:44] for photo in PHOTOS]
        found = set()
        for seed in range(6):
            plan = replace(PLAN, measured_size=40, examples=1)
            example = painter(Told("example"), PHOTOS, plan, seed)(MEASURED[0])
            found |= {place for place, square in enumerate(squares) if square[:, :32, :32].equal(example)}
        assert len(found) > 1

    def test_the_example_with_the_same_grays_wins_wherever_they_are_and_whatever_their_color(self):
        photo = MEASURED[0]
        order = torch.randperm(photo[0].numel(), generator=torch.Generator().manual_seed(2))
        shuffled = photo.flatten(1)[:, order].reshape(photo.shape)
        dark, bright = photo * 0.7, 1 - 0.7 * (1 - photo)
        assert nearest_example(photo, [dark, shuffled, bright]) is shuffled
        luma = (photo * torch.tensor([0.299, 0.587, 0.114]).reshape(3, 1, 1)).sum(0)
        gray = luma.expand(3, -1, -1)
        assert nearest_example(photo, [dark, gray, bright]) is gray

    def test_no_example_is_an_error(self):
        with pytest.raises(ValueError, match="at least one photo"):
            nearest_example(MEASURED[0], [])

    def test_sources_are_kinds_unless_there_is_only_one(self):
        photos = SamplePhotos()
        photos.sources = ["b", "a", "b", "c"]
        assert labels_of(photos) == [1, 0, 1, 2]
        photos.sources = ["b"] * 4
        assert labels_of(photos) is None


class TestTheResult:
    def test_that_is_missing_names_the_command_that_makes_it(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no .*gone.json.*python -m pyramidcolor compare --help"):
            read_results(tmp_path / "gone.json")

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"protocol": {}, "methods": {}, "rows": [], "pictures": {}}']
    )
    def test_of_another_kind_is_refused(self, tmp_path, text):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(ValueError, match=r"other.json is no result of -m pyramidcolor compare"):
            read_results(tmp_path / "other.json")

    def test_comes_back_as_it_was_stored(self, out):
        results = run(out, seeds=1)
        assert read_results(out)["pictures"] == results["pictures"]
        assert markdown_table(read_results(out)) == markdown_table(results)

    def test_is_a_table_with_a_mean_and_a_spread_and_what_each_was_told(self, out):
        results = run(out, ["tinter", "scribbles", "example"], seeds=2)
        lines = [
            [cell.strip() for cell in line.split("|")[1:-1]] for line in markdown_table(results).splitlines()
        ]
        assert len({len(line) for line in lines}) == 1
        names = [line[0] for line in lines[2:]]
        assert names == ["gray (V)", "gray (L)", "one tint", "scribbles", "example", "A tinter"]
        column = {title: place for place, title in enumerate(lines[0])}
        assert [line[column["told"]] for line in lines[2:]] == [""] * 3 + [
            "true color at dots",
            "another photo",
            "",
        ]
        assert [line[column["steps"]] for line in lines[2:]] == [""] * 5 + ["3"]
        first, second = (row["psnr"] for row in results["rows"] if row["method"] == "tinter")
        low, high = sorted((first, second))
        assert lines[-1][column["PSNR"]] == f"{(first + second) / 2:.1f} ({low:.1f}–{high:.1f})"
        assert lines[2][column["bleeding"]] == "–"

    def test_says_how_many_seeds_each_has_where_they_differ(self, out):
        run(out, ["tinter"], seeds=2)
        table = markdown_table(run(out, ["scribbles"], seeds=1))
        assert "A tinter (2 seeds)" in table
        assert "scribbles (1 seed)" in table

    def test_is_a_sheet_with_gray_first_the_methods_in_the_order_of_history_and_the_truth_last(self, out):
        results = run(out, ["tinter", "example"], seeds=1)
        rows = pictures_of(results)
        assert list(rows) == ["gray", "example", "tinter", "true"]
        assert all(list(row) == list(SAMPLE_PHOTOS) for row in rows.values())
        for name, photo in sample_squares(PLAN).items():
            assert rows["true"][name].equal(photo)
            close = rows["tinter"][name] - Tint(0.1, 0.5)(photo)
            assert close.abs().mean() < 0.03  # a JPEG of 32 x 32 pixels
        figure = sheet_of(results, ["coffee"])
        assert "Rows: gray; example; A tinter; true." in figure.alt
        assert len(figure.axes) == 4


class TestTheCommand:
    @pytest.fixture
    def album(self, tmp_path):
        for place, photo in enumerate(PHOTOS):
            (tmp_path / "album" / str(place % 2)).mkdir(parents=True, exist_ok=True)
            to_image(photo).save(tmp_path / "album" / str(place % 2) / f"{place}.png")
        return tmp_path / "album"

    @pytest.fixture(autouse=True)
    def tiny(self, monkeypatch):
        monkeypatch.setitem(PLANS, "smoke", replace(PLAN, scenes=6))

    def test_writes_a_result_a_table_and_a_sheet_from_photos(self, album, tmp_path, capsys):
        words = ["compare", "--photos", album, "--validation", album / "1", "--budget", "smoke"]
        words += ["--methods", "tinter", "example", "--seeds", "2", "--out", tmp_path / "found.json"]
        assert main([str(word) for word in words]) == 0
        printed = capsys.readouterr().out
        assert "training on 6 photos, measuring on 2" in printed
        assert "tinter, seed 1: 3 steps" in printed
        assert printed.count("told: another photo") == 2
        assert "| A tinter |" in printed
        assert (tmp_path / "found.jpg").stat().st_size > 1000
        stored = read_results(tmp_path / "found.json")
        assert stored["protocol"]["training"] == {
            "photos": 6,
            "sources": 2,
            "names": stored["protocol"]["training"]["names"],
        }
        assert stored["protocol"]["labels"] == 2

    def test_hands_all_of_its_arguments_on(self, album, tmp_path, monkeypatch):
        seen = {}
        monkeypatch.setattr(comparison, "markdown_table", lambda results: "a table")
        monkeypatch.setattr(comparison, "sheet_of", lambda results: contact_sheet({"a": PHOTOS[:1]}))
        monkeypatch.setattr(comparison, "compare", lambda *args, **options: seen.update(options, args=args))
        words = ["compare", "--photos", album, "--budget", "smoke", "--seeds", "5", "--processes", "4"]
        words += ["--methods", "tinter", "--memory", "1 MiB", "--out", tmp_path / "found.json"]
        assert main([str(word) for word in words]) == 0
        assert (seen["seeds"], seen["processes"], seen["methods"]) == (5, 4, ["tinter"])
        photos, measured, plan, _ = seen["args"]
        assert (photos.memory, plan) == (2**20, PLANS["smoke"])
        assert len(photos) + len(measured) == 6

    def test_draws_scenes_where_there_are_no_photos(self, tmp_path, capsys):
        words = [
            "compare",
            "--budget",
            "smoke",
            "--methods",
            "tinter",
            "--seeds",
            "1",
            "--multiplications",
            "3200",
        ]
        assert main([*words, "--out", str(tmp_path / "found.json")]) == 0
        protocol = read_results(tmp_path / "found.json")["protocol"]
        assert protocol["training"] == {"photos": 6, "sources": "drawn scenes"}
        assert protocol["plan"]["multiplications"] == 3200
        assert "1 steps" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["--budget", "huge"], "budget must be one of smoke"),
            (["--methods", "magic"], "methods must be some of"),
            (["--out", "methods.txt"], "methods.txt must end in .json"),
            (["--validation", "nowhere"], "name others to train on with --photos"),
            (["--photos", "nowhere"], "nowhere"),
        ],
    )
    def test_ends_with_one_line_that_names_a_mistake(self, words, reason, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert main(["compare", "--budget", "smoke", *words]) == 1
        said = capsys.readouterr().err
        assert reason in said
        assert said.count("\n") == 1
        assert not list(tmp_path.iterdir())
