"""Costs: multiplications counted by hand, and steps that are timed as they are trained."""

import sys
import time
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from pyramidcolor import devices, speed
from pyramidcolor.models import LowScaleNet
from pyramidcolor.recipes import TrainingConfig
from pyramidcolor.speed import VARIANTS, StepTime, compare_steps, measure, multiplications, training_step

CPU = torch.device("cpu")
CONFIG = TrainingConfig(
    low_scale_net={"scales": "side", "norm": True, "widths": (4,) * 11},
    pyramid_net={"scales": "side", "low_width": 4, "middle_width": 4, "full_width": 4, "depth": 1},
    size=32,
)


class TestMultiplications:
    def test_of_a_deconvolution_are_a_whole_kernel_for_every_input(self):
        layer = nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1)
        assert multiplications(layer, torch.zeros(2, 3, 6, 7)) == 2 * 6 * 7 * 3 * 5 * 4 * 4

    def test_of_stage_one_are_the_sum_over_its_twelve_layers(self):
        net = LowScaleNet(scales="side", widths=(4, 6, *(8,) * 9), input_factor=4)
        places = [8 * 8, *[4 * 4] * 11]  # 16 x 16 comes in, and the first two strides are 2
        channels = (1, 4, 6, *(8,) * 9, 2)
        by_hand = sum(
            place * 9 * ins * outs for place, ins, outs in zip(places, channels, channels[1:], strict=False)
        )
        assert multiplications(net, torch.zeros(1, 1, 64, 64)) == by_hand

    def test_leave_every_mode_and_the_batch_statistics_as_they_were(self):
        net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        net[1].eval()
        before = net[1].running_mean.clone()
        multiplications(net, torch.rand(1, 1, 8, 8))
        assert (net.training, net[1].training) == (True, False)
        assert torch.equal(net[1].running_mean, before)


class TestTheStep:
    @pytest.mark.parametrize("variant", VARIANTS[:3], ids=lambda variant: variant.name)
    def test_trains(self, variant):
        step = training_step(CONFIG, variant, CPU, batch_size=2, phase="fine-tune")
        losses = [step().item() for _ in range(8)]
        assert losses[-1] < losses[0]

    def test_computes_the_same_loss_in_every_memory_format_and_nearly_the_same_in_bf16(self):
        plain, last, half = (
            training_step(CONFIG, variant, CPU, batch_size=2, phase="fine-tune")().item()
            for variant in VARIANTS[:3]
        )
        assert last == pytest.approx(plain, rel=1e-4)
        assert half == pytest.approx(plain, rel=0.05)  # 8 bits of mantissa, through about twenty layers
        assert half != plain

    @pytest.mark.parametrize("variant", VARIANTS[:2], ids=lambda variant: variant.name)
    def test_keeps_its_features_in_the_memory_format_that_it_promises(self, variant, monkeypatch):
        seen = []
        plain = nn.Conv2d.forward
        monkeypatch.setattr(
            nn.Conv2d, "forward", lambda self, features: seen.append(plain(self, features)) or seen[-1]
        )
        training_step(CONFIG, variant, CPU, batch_size=2, phase="fine-tune")()
        wide = [features for features in seen if features.shape[1] > 2]
        assert wide
        assert {features.is_contiguous(memory_format=torch.channels_last) for features in wide} == {
            variant.channels_last
        }

    def test_can_be_traced_for_compiling_and_then_computes_the_same_losses(self, monkeypatch):
        # All but writing machine code, which takes minutes and needs a compiler.
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
        compiled, plain = (
            training_step(CONFIG, variant, CPU, batch_size=2, phase="fine-tune")
            for variant in (VARIANTS[3], VARIANTS[1])
        )
        for _ in range(2):
            assert compiled().item() == pytest.approx(plain().item(), rel=1e-4)

    def test_leaves_the_random_numbers_of_the_caller_alone(self):
        torch.manual_seed(3)
        wanted = torch.rand(2)
        torch.manual_seed(3)
        training_step(CONFIG, VARIANTS[0], CPU, batch_size=1, phase="stage-two")
        assert torch.equal(torch.rand(2), wanted)


class TestTheComparison:
    def test_gives_every_variant_a_time_or_a_reason(self):
        times = compare_steps(CONFIG, CPU, batch_size=1, phase="stage-two", seconds=0.01)
        assert [one.variant for one in times] == list(VARIANTS)
        assert times[0].times_faster(times[0]) == 1
        for one in times:
            assert (one.seconds is None) == bool(one.why_not)
            assert one.seconds is not None or one.times_faster(times[0]) is None
        assert all("not asked for" in one.why_not for one in times if one.variant.compiled)

    def test_says_what_was_raised_where_a_variant_fails_and_goes_on(self, monkeypatch):
        def fail(config, variant, *args, **kwargs):
            if variant.precision == "bf16":
                raise RuntimeError("no such kernel\nand a trace")
            return lambda: None

        monkeypatch.setattr(speed, "training_step", fail)
        monkeypatch.setattr(speed, "measure", lambda call, seconds: (2.0, 0.1))
        times = compare_steps(CONFIG, CPU, batch_size=1)
        assert times[1] == StepTime(VARIANTS[1], 2.0, 0.1)
        assert times[2].why_not == "RuntimeError: no such kernel"

    def test_raises_what_even_the_first_variant_raises(self):
        with pytest.raises(ValueError, match="must be multiples of 16"):
            compare_steps(replace(CONFIG, size=40), CPU, batch_size=1)

    def test_names_the_missing_tool_where_compiling_cannot_work(self, monkeypatch):
        monkeypatch.setattr(speed.shutil, "which", lambda name: None)
        times = compare_steps(CONFIG, CPU, batch_size=1, phase="stage-two", compiled=True, seconds=0.01)
        assert times[3].why_not == "no C++ compiler"

    def test_knows_a_gpu_without_triton_and_one_without_bf16_before_it_tries(self, monkeypatch):
        gpu = torch.device("cuda")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (7, 5))
        monkeypatch.setitem(sys.modules, "triton", None)
        monkeypatch.setattr(speed, "find_spec", lambda name: None)
        assert "Triton" in speed.why_not_compiled(gpu)
        assert speed._why_not(VARIANTS[2], gpu, compiled=False) == "this GPU has no bf16 units"

    def test_ratios_are_of_the_other_s_time_over_its_own(self):
        slow, fast, none = StepTime(VARIANTS[0], 3.0), StepTime(VARIANTS[1], 1.5), StepTime(VARIANTS[2])
        assert fast.times_faster(slow) == 2
        assert none.times_faster(slow) is None


def test_a_call_is_measured_by_its_median_after_two_to_warm_up():
    calls = []

    def call():
        time.sleep(0.2 if len(calls) < 2 else 0.01)
        calls.append(len(calls))

    median, spread = measure(call, 0.1)
    assert 0.01 <= median < 0.1
    assert spread >= 0
    assert len(calls) > 2


def test_a_device_is_described_by_its_kind_and_its_units(monkeypatch):
    for fast, words in ((True, "with bf16 units"), (False, "without bf16 units")):
        monkeypatch.setattr(devices, "has_fast_bf16", lambda device, fast=fast: fast)
        assert devices.describe(CPU) == f"the CPU, {torch.get_num_threads()} threads, {words}"
        assert devices.describe(torch.device("mps")) == f"mps, {words}"
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "card")
    assert devices.describe(torch.device("cuda")) == "a GPU, card, without bf16 units"


def test_training_runs_where_accelerate_says():
    from accelerate import Accelerator

    assert devices.training_device() == Accelerator().device
