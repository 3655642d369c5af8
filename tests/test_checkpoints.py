"""Weights files: what goes in comes out, what is broken is refused, and nothing is ever unpickled."""

import json
import pickle
import signal
import struct

import pytest
import torch

from pyramidcolor.checkpoints import build_colorizer, load_checkpoint, load_pretrained, save_checkpoint
from pyramidcolor.colorspaces import COLOR_SPACES
from pyramidcolor.models import LowScaleNet

SMALL = {
    "low_scale_net": {"widths": (4,) * 11, "norm": True},
    "pyramid_net": {"low_width": 4, "middle_width": 4},
}


@pytest.fixture
def saved(tmp_path):
    colorizer = build_colorizer(
        "hsv-point",
        **SMALL,
        about={"photos": "three of a bridge"},
        saturation_gain=1.25,
        input_scales=(0.5, 2),
        smoothing=3,
    )
    colorizer.model.eval()
    save_checkpoint(colorizer, tmp_path / "weights.safetensors")
    return colorizer, tmp_path / "weights.safetensors"


@pytest.mark.parametrize("space", COLOR_SPACES)
@pytest.mark.parametrize("scales", ["side", "area"])
def test_a_loaded_network_computes_what_the_saved_one_did(tmp_path, space, scales):
    low = SMALL["low_scale_net"] | {"scales": scales, "input_factor": 2}
    colorizer = build_colorizer(space, low, SMALL["pyramid_net"] | {"scales": scales})
    colorizer.model.eval()
    save_checkpoint(colorizer, tmp_path / "weights.safetensors")
    loaded = load_checkpoint(tmp_path / "weights.safetensors")
    gray = torch.rand(1, 1, 32, 48) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(gray), colorizer.model(gray), rtol=0, atol=0)
    assert loaded.color_space is COLOR_SPACES[space]


def test_a_file_in_half_precision_is_half_as_large_and_gives_nearly_the_same_chroma(tmp_path):
    colorizer = build_colorizer("hsv-point", {"norm": True}, {"norm": True})
    colorizer.model.eval()
    paths = [tmp_path / name for name in ("whole.safetensors", "half.safetensors")]
    for path, half in zip(paths, (False, True), strict=True):
        save_checkpoint(colorizer, path, half)
    whole, half = (path.stat().st_size for path in paths)
    assert half < 0.55 * whole
    loaded = load_checkpoint(paths[1])
    assert all(weight.dtype == torch.float32 for weight in loaded.model.parameters())
    gray = torch.rand(1, 1, 32, 48) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(gray), colorizer.model(gray), rtol=0, atol=0.01)


def test_a_weights_file_tells_what_it_was_made_of(saved):
    loaded = load_checkpoint(saved[1])
    assert loaded.about == {"photos": "three of a bridge"}
    assert loaded.saturation_gain == 1.25
    assert loaded.input_scales == (0.5, 2.0)
    assert loaded.smoothing == 3
    assert loaded.settings["low_scale_net"]["norm"] is True
    assert not loaded.model.training


def test_a_weights_file_keeps_the_arguments_that_were_left_to_their_defaults(saved, monkeypatch):
    factor = load_checkpoint(saved[1]).model.low_factor
    channels, scales, *others = LowScaleNet.__init__.__defaults__
    other = {"side": "area", "area": "side"}[scales]
    monkeypatch.setattr(LowScaleNet.__init__, "__defaults__", (channels, other, *others))
    assert LowScaleNet().low_factor != factor, "the default has changed"
    assert load_checkpoint(saved[1]).model.low_factor == factor, "the file has not"


def test_a_file_from_before_there_were_input_scales_and_smoothing_has_one_look_and_none(saved):
    rewrite_metadata(saved[1], without=["input_scales", "smoothing"])
    loaded = load_checkpoint(saved[1])
    assert (loaded.input_scales, loaded.smoothing) == ((1.0,), 0)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors does not exist"):
        load_checkpoint(tmp_path / "gone.safetensors")
    with pytest.raises(ValueError, match="is a folder"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.999])
def test_a_file_cut_off_anywhere_is_refused(saved, share):
    path = saved[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"weights\.safetensors is not a whole safetensors file"):
        load_checkpoint(path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    ran = tmp_path / "ran"

    class Attack:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    (tmp_path / "weights.safetensors").write_bytes(pickle.dumps(Attack()))
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_checkpoint(tmp_path / "weights.safetensors")
    assert not ran.exists()


def rewrite_metadata(path, without=(), **changes):
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] |= changes
    for key in without:
        del header["__metadata__"][key]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "other 2"}, "its format is 'other 2'"),
        ({"color_space": "xyz"}, "color_space must be one of"),
        ({"model": "{"}, "does not describe a network"),
        ({"input_scales": "[5]"}, "input_scales must be"),
        ({"smoothing": "-1"}, "smoothing must be"),
        ({"model": json.dumps({"low_scale_net": {"depth": 3}, "pyramid_net": {}})}, "depth"),
        (
            {"model": json.dumps({**SMALL, "low_scale_net": {"widths": [8] * 11, "norm": True}})},
            "does not fit its network",
        ),
        ({"model": json.dumps({**SMALL, "low_scale_net": {"widths": [4] * 11}})}, "does not fit its network"),
    ],
)
def test_a_file_that_describes_another_network_is_refused_with_the_reason(saved, changes, reason):
    rewrite_metadata(saved[1], **changes)
    with pytest.raises(ValueError, match=rf"weights\.safetensors.*{reason}"):
        load_checkpoint(saved[1])


def test_a_safetensors_file_of_somebody_else_is_refused(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no weights file of this package"):
        load_checkpoint(tmp_path / "other.safetensors")


def test_a_write_that_fails_leaves_the_old_file(saved):
    resource = pytest.importorskip("resource", reason="no limit on file sizes on this system")
    colorizer, path = saved
    before, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))  # as good as a full disk
        with pytest.raises(OSError, match="could not be written"):
            save_checkpoint(colorizer, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_replacing_a_file_does_not_change_a_network_that_was_loaded_from_it(saved):
    loaded = load_checkpoint(saved[1])
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    saved[1].write_bytes(bytes(saved[1].stat().st_size))
    for name, tensor in loaded.model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_unknown_pretrained_weights_are_refused_with_those_that_there_are():
    with pytest.raises(FileNotFoundError, match="no trained weights named 'nothing'"):
        load_pretrained("nothing")
