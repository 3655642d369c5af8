"""The benchmarks run from end to end at tiny sizes: that they work, not how fast anything is."""

import json
import math
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.fixture
def bench():
    import bench

    return bench


def measured(rows):
    """The rows, all of which have a value and a line in the table."""
    import bench

    assert rows
    for row in rows:
        assert row.value is not None, row
        assert math.isfinite(row.value), row
        # Shares may be 0; an exponent, measured at sizes so tiny, may come out as anything.
        assert row.value > 0 or row.unit == " %" or "exponent" in row.against, row
        assert row.verdict in ("met", "missed", "")
    assert len(bench.table(rows).splitlines()) == 2 + len(rows)
    return rows


needs_peers = pytest.mark.skipif(
    find_spec("kornia") is None,
    reason="kornia is installed by `make bench` only",
)


@needs_peers
def test_the_colors_are_measured(bench):
    rows = measured(bench.SUBJECTS["colors"](bench_sizes()))
    assert [row.goal for row in rows] == [5, 50, None, 2, 1.5]


def test_the_network_is_measured(bench):
    rows = measured(bench.SUBJECTS["network"](bench_sizes()))
    assert rows[-1].measure == "parameters"
    assert rows[-1].verdict == "met"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_photos_are_measured(bench):
    rows = measured(bench.SUBJECTS["photos"](bench_sizes()))
    assert [row.at_most for row in rows] == [True, True, True, False, False]


def test_training_is_measured(bench):
    rows = measured(bench.SUBJECTS["training"](bench_sizes()))
    assert [row.measure.split(",")[1].strip() for row in rows[:3]] == ["stage-one", "stage-two", "fine-tune"]


def test_what_is_for_a_gpu_runs_on_the_cpu_too(bench):
    import bench_gpu

    rows = measured(bench_gpu.rows(bench_sizes(), torch.device("cpu")))
    training = [" photos/s", " %"]  # a GPU has a row for the compiled step too
    assert [row.unit for row in rows] == [" photos/s"] * 3 + training * 2 + [" %"]
    assert [row.measure.split(" for ")[-1].split()[0] for row in rows[1:3]] == ["stage-one", "stage-two"]
    assert "most time: " in rows[3].note
    assert "not compiled" in rows[5].note


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_its_row_says_so(bench):
    (row,) = bench.SUBJECTS["gpu"](bench_sizes())
    assert (row.verdict, row.note) == ("not measured", "no GPU here")


def test_growth_is_measured_plotted_and_written(bench, tmp_path):
    rows, curves = bench.run(bench_sizes(), ["growth"])
    measured(rows)
    bench.plot(curves, tmp_path / "growth.png")
    with Image.open(tmp_path / "growth.png") as picture:
        assert picture.width > 600
    bench.write_json(bench.figures(rows, curves, 1.0), tmp_path / "bench.json")
    written = json.loads((tmp_path / "bench.json").read_text())
    assert len(written["growth"]["colorize"]["seconds"]) == 2
    assert written["rows"][0]["value"] == pytest.approx(rows[0].value)


def test_the_page_on_performance_takes_a_new_table_and_keeps_the_rest(bench):
    from timing import Row

    page = (BENCHMARKS.parent / "docs" / "performance.md").read_text(encoding="utf-8")
    before, after = page.split("<!-- table -->")[0], page.split("<!-- end of table -->")[1]
    new = bench.with_table(page, [Row("a", "b", 3.0, 2.0), Row("c", "d", 3.0, 2.0, at_most=True)], 9)
    assert new.startswith(before)
    assert new.endswith(after)
    assert "| a | b | 3× | at least 2× | met |" in new
    assert "| c | d | 3× | at most 2× | missed |" in new
    assert "1 goals met, 1 missed" in new
    with pytest.raises(ValueError, match="once each"):
        bench.with_table("no markers", [], 1)


def test_rivals_are_measured_in_turns():
    from timing import interleaved

    called = []
    found = interleaved({name: lambda name=name: called.append(name) for name in "ab"}, 3)
    assert called == ["a", "b"] * 4
    assert set(found) == {"a", "b"}


def test_linear_growth_has_the_exponent_one():
    import bench_photos

    amounts = [1.0, 2.0, 4.0, 8.0]
    straight = bench_photos.growth_row("x", amounts, [3 * amount for amount in amounts])
    square = bench_photos.growth_row("x", amounts, [amount**2 for amount in amounts])
    assert (straight.value, square.value) == (pytest.approx(1), pytest.approx(2))
    assert (straight.verdict, square.verdict) == ("met", "missed")


def test_zhang_2016_has_its_published_parameters_and_output():
    from zhang import AB_BINS, zhang_2016

    network = zhang_2016().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 32_235_385
    assert sum(isinstance(part, nn.Conv2d) and part.kernel_size == (3, 3) for part in network) == 21
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 64, 96)).shape == (1, AB_BINS, 16, 24)


def test_the_profile_of_the_network_counts_every_multiplication_once():
    from profiles import network_profile
    from torch.utils.flop_counter import FlopCounterMode

    from pyramidcolor.checkpoints import load_pretrained

    parts = network_profile("fp32", side=64, calls=1)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        load_pretrained("best").model(torch.zeros(1, 1, 64, 64))
    assert sum(count for _, count in parts.values()) == pytest.approx(counter.get_total_flops() / 2e6)
    assert all(spent > 0 for spent, _ in parts.values())
    assert parts["the rest"][1] == 0 < min(count for name, (_, count) in parts.items() if name != "the rest")


def test_the_profile_of_a_photo_names_every_part_and_leaves_colorize_as_it_was(tmp_path):
    from profiles import PHOTO_PARTS, photo_profile
    from timing import write_jpeg

    from pyramidcolor import inference

    threads, before = torch.get_num_threads(), [getattr(inference, name) for name in PHOTO_PARTS]
    parts = photo_profile(
        write_jpeg(tmp_path / "photo.jpg", bench_sizes().photo), tmp_path / "c.jpg", calls=1
    )
    assert set(parts) == {*PHOTO_PARTS.values(), "rows of chroma", "encoding", "all else"}
    assert all(spent > 0 for spent in parts.values())
    with Image.open(tmp_path / "c.jpg") as colored:
        assert colored.mode == "RGB"
    assert [getattr(inference, name) for name in PHOTO_PARTS] == before
    assert torch.get_num_threads() == threads


def bench_sizes():
    from timing import TINY

    return TINY
