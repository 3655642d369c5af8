"""Sliders around functions of `plotting`: a picture that follows its controls, and stays a picture where nothing runs.

The picture is an `ipywidgets.Image` that callbacks fill with PNG bytes. Nothing here captures output: `interact` and
`Output` hang under papermill now and then and hide the errors of their callbacks.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable
from functools import partial

import ipywidgets
from torch import Tensor

from .plotting import DescribedFigure, hsv_planes, hue_losses, hue_pair, scale_planes, scene_at_scales

_UNSEEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap"


class PicturePanel(ipywidgets.VBox):
    """Controls above a figure, which is drawn again whenever one of them moves.

    An error while drawing becomes red text between them, and the last good picture stays. A stored notebook, its HTML
    page and a viewer without widgets show the picture with its alt text. In the live panel, where an image widget can have
    none, the same words stand unseen below the picture and screen readers say them when it changes.

    Args:
        draw: called with the values of all controls by their names; returns the figure to show.
        controls: a labeled ipywidgets control for each argument of `draw`.

    Attributes:
        controls: the same controls by name.
        picture: the image widget.
        message: the error, or empty.
        alt: what the picture shows, in words.

    Raises:
        Exception: whatever `draw` raises for the first values; only later errors go to the panel.
    """

    def __init__(self, draw: Callable[..., DescribedFigure], **controls: ipywidgets.ValueWidget):
        self._draw = draw
        self.controls = controls
        self.message = ipywidgets.HTML()
        # A VBox would stretch the picture to its own width.
        layout = ipywidgets.Layout(align_self="flex-start", max_width="100%")
        self.picture = ipywidgets.Image(format="png", layout=layout)
        self._words = ipywidgets.HTML(layout=ipywidgets.Layout(height="0px", margin="0px"))
        self._show_figure()
        for control in controls.values():
            control.observe(self._on_change, "value")
        super().__init__([*controls.values(), self.message, self.picture, self._words])

    def _show_figure(self) -> None:
        figure = self._draw(**{name: control.value for name, control in self.controls.items()})
        self.picture.value = figure.png()
        # Not the picture's tooltip: ipywidgets 8.1 fails in the browser on an image that has one, and shows nothing.
        self.alt = figure.alt
        self._words.value = f'<span role="status" style="{_UNSEEN}">{html.escape(figure.alt)}</span>'

    def _on_change(self, change) -> None:
        try:
            self._show_figure()
        except Exception as error:  # whatever it is, an exception in a callback would reach no reader
            problem = html.escape(f"{type(error).__name__}: {error}")
            self.message.value = f'<p role="alert" style="color: #B00020">{problem} (The picture is the last one that worked.)</p>'
        else:
            self.message.value = ""

    def __repr__(self):
        values = ", ".join(f"{name}={control.value!r}" for name, control in self.controls.items())
        return f"{type(self).__name__}({values})"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data = super()._repr_mimebundle_(**kwargs)
        data |= {"image/png": base64.b64encode(self.picture.value).decode("ascii"), "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt}}


def slider(label: str, low: float, high: float, value: float, step: float) -> ipywidgets.FloatSlider:
    """A slider with its whole label before it and its number, which can be typed over, behind it."""
    return ipywidgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=label,
        **_wide(),
    )


def hsv_explorer(rgb: Tensor, hue_shift: float = 0.0, saturation_gain: float = 1.0) -> PicturePanel:
    """`plotting.hsv_planes` with a slider for the hue shift and one for the saturation gain.

    Args:
        rgb: `(3, H, W)` in [0, 1].
        hue_shift: where its slider starts, in [-1, 1] half-turns.
        saturation_gain: where its slider starts, in [0, 3].
    """
    return PicturePanel(
        partial(hsv_planes, rgb),
        hue_shift=slider("Hue shift (half-turns)", -1, 1, hue_shift, 0.05),
        saturation_gain=slider("Saturation gain (factor)", 0, 3, saturation_gain, 0.05),
    )


def scale_explorer(rgb: Tensor, gray_factor: int = 1, chroma_factor: int = 1) -> PicturePanel:
    """`plotting.scale_planes` with a slider for each scale, from full size to 1/16.

    Args:
        rgb: `(3, H, W)` in [0, 1]; H and W are multiples of 16.
        gray_factor: where its slider starts: 1, 2, 4, 8 or 16.
        chroma_factor: where its slider starts.
    """
    return PicturePanel(
        partial(scale_planes, rgb),
        gray_factor=_scale_slider("Gray (of full size)", gray_factor),
        chroma_factor=_scale_slider("Chroma (of full size)", chroma_factor),
    )


def object_size_explorer(seed: int, object_scale: float = 1.0, size: int = 256) -> PicturePanel:
    """`plotting.scene_at_scales` with a slider for the scene and one for the size of its objects.

    Args:
        seed: where its slider starts, in [0, 99].
        object_scale: where its slider starts, in [0.2, 3].
        size: height and width of the scene in pixels, a multiple of 16.
    """
    return PicturePanel(
        partial(scene_at_scales, size=size),
        seed=ipywidgets.IntSlider(seed, 0, 99, description="Scene (its seed)", **_wide()),
        object_scale=slider("Object size (factor)", 0.2, 3, object_scale, 0.1),
    )


def hue_pair_explorer(predicted: float = -0.9, target: float = 0.9) -> PicturePanel:
    """`plotting.hue_pair` with a slider for each of both hues.

    Args:
        predicted, target: where their sliders start, in [-1, 1] half-turns.
    """
    return PicturePanel(
        hue_pair,
        predicted=slider("Predicted hue (half-turns)", -1, 1, predicted, 0.05),
        target=slider("True hue (half-turns)", -1, 1, target, 0.05),
    )


def hue_mixture_explorer(first: float, second: float, share: float = 0.5) -> PicturePanel:
    """`plotting.hue_losses` of a pixel that has one of two hues, with a slider for each hue and one for the shares.

    Args:
        first, second: where the hues' sliders start, in [-1, 1] half-turns.
        share: where the slider for the first hue's share starts, in [0, 1].
    """

    def draw(share: float, first: float, second: float) -> DescribedFigure:
        return hue_losses({"first": (first, share), "second": (second, 1 - share)}, point=True)

    return PicturePanel(
        draw,
        share=slider("Share of the first hue", 0, 1, share, 0.05),
        first=slider("First hue (half-turns)", -1, 1, first, 0.01),
        second=slider("Second hue (half-turns)", -1, 1, second, 0.01),
    )


def _scale_slider(label: str, value: int) -> ipywidgets.SelectionSlider:
    options = [("1", 1), *((f"1/{factor}", factor) for factor in (2, 4, 8, 16))]
    return ipywidgets.SelectionSlider(options=options, value=value, description=label, **_wide())


def _wide() -> dict:
    """How all sliders look: one width, with room for the whole label."""
    return {
        "style": {"description_width": "13em"},
        "layout": ipywidgets.Layout(width="32em", max_width="100%"),
    }
