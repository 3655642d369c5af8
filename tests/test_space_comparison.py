"""One network in several color spaces: painting, the gain that makes two equally vivid, medians, tables, stored results."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from pyramidcolor.checkpoints import build_colorizer
from pyramidcolor.colorspaces import COLOR_SPACES, HSV, LAB, YUV
from pyramidcolor.images import SAMPLE_PHOTOS
from pyramidcolor.inference import colorize_by_stage
from pyramidcolor.metrics import saturation_ratio
from pyramidcolor.space_comparison import (
    MEASURES,
    constant_chroma,
    matching_gain,
    paint,
    read_results,
    spread_table,
    values_of,
)

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "color_spaces.py"
PHOTOS = list(torch.rand(3, 3, 32, 48, generator=torch.Generator().manual_seed(0)))


@pytest.fixture(params=COLOR_SPACES)
def colorizer(request):
    torch.manual_seed(0)
    colorizer = build_colorizer(request.param, {"scales": "side"}, {"scales": "side"})
    colorizer.model.eval()
    return colorizer


class TestPaint:
    def test_gives_what_stage_one_paints_where_both_stages_are_looked_at(self, colorizer):
        expected = colorize_by_stage(PHOTOS[0], colorizer)["stage one"]
        torch.testing.assert_close(paint(PHOTOS[0], colorizer), expected)

    @pytest.mark.parametrize("space", ["hsv", "yuv"])
    def test_without_any_gain_gives_the_gray_picture(self, space):
        painted = paint(PHOTOS[0], build_colorizer(space, {"scales": "side"}), gain=0)
        torch.testing.assert_close(painted, ((COLOR_SPACES[space].gray(PHOTOS[0]) + 1) / 2).expand(3, -1, -1))


class TestMatchingGain:
    def test_makes_the_pictures_as_vivid_as_it_is_told(self, colorizer):
        squares = torch.stack([photo[:, :, 8:40] for photo in PHOTOS])
        for ratio in (0.03, 0.06):  # untrained networks answer nearly gray
            gain = matching_gain(colorizer, PHOTOS, 32, ratio)
            painted = torch.stack([paint(square, colorizer, gain) for square in squares])
            assert saturation_ratio(painted, squares) == pytest.approx(ratio, rel=0.01)

    def test_says_so_where_no_gain_is_enough(self):
        colorizer = build_colorizer("yuv", {"scales": "side"})
        with torch.no_grad():
            colorizer.model.low_scale_net.layers[-2].weight.zero_()  # answers gray
        with pytest.raises(ValueError, match="too near gray"):
            matching_gain(colorizer, PHOTOS, 32)

    def test_needs_photos(self, colorizer):
        with pytest.raises(ValueError, match="photos"):
            matching_gain(colorizer, [], 32)


class TestConstantChroma:
    @pytest.mark.parametrize("space", [HSV, LAB, YUV], ids=lambda space: space.name)
    def test_no_other_constant_has_a_smaller_l1_error(self, space):
        squares = [photo[:, :, 8:40] for photo in PHOTOS]
        target = torch.cat([space.encode(square)[1].flatten(1) for square in squares], 1)
        best = constant_chroma(PHOTOS, space, 32).flatten(1)
        error = (target - best).abs().mean(1)
        for other in torch.linspace(-1, 1, 81):
            assert ((target - other).abs().mean(1) >= error - 1e-6).all()

    def test_is_the_color_that_most_pixels_have(self):
        red = torch.tensor([0.8, 0.2, 0.2]).reshape(3, 1, 1).expand(3, 8, 8)
        chroma = constant_chroma([red, red, PHOTOS[0][:, :8, :8]], YUV, 8)
        torch.testing.assert_close(chroma, YUV.encode(red)[1][:, :1, :1])

    def test_needs_photos(self):
        with pytest.raises(ValueError, match="photos"):
            constant_chroma([], HSV, 32)


ROWS = [{"space": "tint", "psnr": 20.0}] + [
    {"space": name, "psnr": value}
    for name, value in [("hsv", 21.04), ("hsv", 23.0), ("lab", 25.0), ("hsv", 22.0)]
]


class TestTheTable:
    def test_has_the_mean_the_lowest_and_the_highest_of_all_seeds(self):
        table = spread_table(ROWS, ["tint", "hsv"], {"psnr": ("PSNR (dB)", 1)})
        assert table.splitlines() == [
            "           tint               hsv",
            "PSNR (dB)  20.0  22.0 (21.0–23.0)",
        ]

    def test_has_a_line_for_each_of_seven_measures(self):
        rows = [{"space": "hsv"} | dict.fromkeys(MEASURES, 1.0)]
        lines = spread_table(rows, ["hsv"]).splitlines()
        assert len(lines) == 1 + len(MEASURES) == 8
        assert len({len(line) for line in lines}) == 1

    def test_of_a_space_without_rows_names_those_that_there_are(self):
        with pytest.raises(ValueError, match="no row of 'yuv'; there are rows of tint, hsv, lab"):
            values_of(ROWS, "yuv", "psnr")


class TestStoredResults:
    def test_that_are_missing_name_the_command_that_makes_them(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no .*nothing.json.*benchmarks/color_spaces.py --help"):
            read_results(tmp_path / "nothing.json")

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"chroma": {}}', '{"chroma": [1]}'])
    def test_of_another_kind_are_refused(self, tmp_path, text):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(ValueError, match=r"other.json is no result of benchmarks/color_spaces.py"):
            read_results(tmp_path / "other.json")


class TestTheBenchmark:
    @pytest.fixture
    def run(self, tmp_path, monkeypatch, capsys):
        spec = importlib.util.spec_from_file_location("color_spaces", BENCHMARK)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(module, "TUNING_PHOTOS", 4)

        def run(*words):
            small = ["--size", "32", "--epochs", "1", "--epoch-photos", "16", "--limit", "3"]
            words = [*small, "--out", tmp_path / "found.json", *words]
            monkeypatch.setattr(sys, "argv", ["color_spaces.py", *map(str, words)])
            module.main()
            return read_results(tmp_path / "found.json"), capsys.readouterr().out

        return run

    def test_writes_rows_and_their_protocol_and_goes_on_where_it_stopped(self, run, tmp_path):
        results, _ = run("--spaces", "lab", "--seeds", "1")
        assert [(row["space"], row["seed"]) for row in results["rows"]] == [
            ("gray", None),
            ("tint", None),
            ("lab", 0),
        ]
        assert results["protocol"]["measured_photos"] == 3
        assert results["protocol"]["config"]["size"] == 32
        assert results["vivid_rows"][0]["saturation_ratio"] == pytest.approx(1, abs=0.01)
        assert results["chroma"]["lab"][SAMPLE_PHOTOS[0]].shape == (2, 2, 2)
        longer, printed = run("--spaces", "lab", "hsv", "--seeds", "1")
        assert longer["rows"][:3] == results["rows"]
        assert longer["rows"][3]["space"] == "hsv"
        assert "lab, seed 0" not in printed
        with pytest.raises(
            SystemExit,
            match=r"another config: epochs \(was \[1, 1, 1\], now \[2, 1, 1\]\), .*photos_seen \(was 16, now 32\): .*another --out",
        ):
            run("--epochs", "2")
        assert json.loads((tmp_path / "found.json").read_text())["rows"] == longer["rows"]

    def test_measures_on_other_photos_than_it_trains_on(self, run, capsys):
        with pytest.raises(SystemExit):
            run("some.tar")
        assert "others to measure on" in capsys.readouterr().err
