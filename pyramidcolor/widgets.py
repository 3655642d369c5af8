"""Sliders around functions of `plotting`: a picture that follows its controls, and stays a picture where nothing runs.

The picture is an `ipywidgets.Image` that callbacks fill with PNG bytes. Nothing here captures output: `interact` and
`Output` hang under papermill now and then and hide the errors of their callbacks.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Event, Thread

import anywidget
import ipywidgets
import traitlets
from torch import Tensor, nn

from .checkpoints import Colorizer
from .comparison_views import blind_page, scribbled
from .failures import painted_ball
from .features import pyramid_features
from .hints import Hint, HintedPhoto
from .images import read_image, read_photo, resize, to_image, to_png
from .inference import colorize, colorize_by_stage
from .models import TwoStageColorizer
from .plotting import (
    DescribedFigure,
    hinted_photo,
    hsv_planes,
    hue_losses,
    hue_pair,
    learned_chroma,
    painted_at_gains,
    receptive_field,
    scale_planes,
    scene_at_scales,
    side_by_side,
    training_costs,
    training_progress,
)
from .pyramid_views import feature_maps, row_colors
from .training import EpochRecord

_PREVIEW_SIDE = 512  # pixels
_SLIDERS = (ipywidgets.FloatSlider, ipywidgets.IntSlider, ipywidgets.SelectionSlider)
_UNSEEN = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap"


class _Pictured(ipywidgets.VBox):
    """A panel with a `picture` and its `alt` text, which it shows wherever no widget runs.

    In the live panel an image widget can have no alt text, so the same words stand unseen below it, for screen readers.
    """

    def __init__(self):
        super().__init__()
        # A VBox would stretch the picture to its own width.
        layout = ipywidgets.Layout(align_self="flex-start", max_width="100%")
        self.picture = ipywidgets.Image(format="png", layout=layout)
        self.words = ipywidgets.HTML(layout=ipywidgets.Layout(height="0px", margin="0px"))

    def _show(self, figure: DescribedFigure, role: str) -> None:
        # Not the picture's tooltip: ipywidgets 8.1 fails in the browser on an image that has one, and shows nothing.
        self.picture.value, self.alt = figure.png(), figure.alt
        self.words.value = f'<span role="{role}" style="{_UNSEEN}">{html.escape(figure.alt)}</span>'

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        data = super()._repr_mimebundle_(**kwargs)
        data |= {"image/png": base64.b64encode(self.picture.value).decode("ascii"), "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt}}


class PicturePanel(_Pictured):
    """Controls above a figure, which is drawn again whenever one of them moves.

    An error while drawing becomes red text between them, and the last good picture stays. A stored notebook, its HTML
    page and a viewer without widgets show the picture with its alt text, and screen readers say it when the picture changes.

    Args:
        draw: called with the values of all controls by their names; returns the figure to show.
        controls: a labeled ipywidgets control for each argument of `draw`.

    Attributes:
        controls: the same controls by name.
        picture: the image widget.
        message: the error, or empty.
        alt: what the picture shows, in words.
        words: the same, unseen.

    Raises:
        ValueError: if a control has no label, without which a screen reader could not tell it from the next.
        Exception: whatever `draw` raises for the first values; only later errors go to the panel.
    """

    def __init__(self, draw: Callable[..., DescribedFigure], **controls: ipywidgets.ValueWidget):
        unlabeled = [
            name for name, control in controls.items() if getattr(control, "description", name) == ""
        ]
        if unlabeled:
            raise ValueError(f"every control needs a label; give a description to {', '.join(unlabeled)}")
        super().__init__()
        self._draw = draw
        self.controls = controls
        self.message = ipywidgets.HTML()
        self._show_figure()
        for control in controls.values():
            control.observe(self._on_change, "value")
        self.children = (*controls.values(), self.message, self.picture, self.words)
        sliders = sum(isinstance(control, _SLIDERS) for control in controls.values())
        if sliders:
            self.children = (*self.children, _SliderNames(sliders=sliders))

    def _show_figure(self) -> None:
        self._show(self._draw(**{name: control.value for name, control in self.controls.items()}), "status")

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


class _SliderNames(anywidget.AnyWidget):
    """Gives the sliders beside it their labels as names, which ipywidgets 8.1 shows beside them but no screen reader finds.

    Args:
        sliders: how many there are.
    """

    # The sliders appear when JupyterLab gets to them, before or after this, and nothing tells when.
    _esm = """
    function render({ model, el }) {
      const name = () => {
        const panel = el.closest(".widget-vbox"), handles = panel?.querySelectorAll("[role=slider]") ?? [];
        for (const handle of handles) {
          const label = handle.closest(".widget-inline-hbox").querySelector(".widget-label");
          handle.setAttribute("aria-label", label.textContent);
        }
        if (handles.length === model.get("sliders")) clearInterval(timer);
      };
      const timer = setInterval(name, 200);
      return () => clearInterval(timer);
    }
    export default { render };
    """
    sliders = traitlets.Int().tag(sync=True)

    def __init__(self, sliders: int):
        super().__init__(sliders=sliders, layout=ipywidgets.Layout(height="0px", margin="0px"))


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


def ball_size_explorer(
    colorizer: Colorizer, seed: int = 0, width: float = 16, size: int = 128
) -> PicturePanel:
    """`failures.painted_ball` with a slider for the meadow and one for the ball's width.

    Args:
        colorizer: the network.
        seed: where its slider starts, in [0, 99].
        width: where its slider starts, in pixels, from 4 to half of the size.
        size: height and width of the picture, a multiple of the network's low factor.
    """
    return PicturePanel(
        partial(painted_ball, colorizer, size=size),
        seed=ipywidgets.IntSlider(seed, 0, 99, description="Meadow (its seed)", **_wide()),
        width=slider("Width of the ball (pixels)", 4, size // 2, width, 2),
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


def lambda_explorer(
    gray: Tensor, truth: Tensor, learned: Mapping[float, Tensor], hue_factor: float = 1.0
) -> PicturePanel:
    """`plotting.learned_chroma` with a slider for the lambda that the networks were trained with.

    Args:
        gray: `(T,)`, the grays that the networks saw.
        truth: `(2, T)`, the true hue in half-turns and saturation.
        learned: for each lambda what its N networks learned, `(N, 2, T)`.
        hue_factor: the lambda where the slider starts, one of `learned`'s.
    """
    return PicturePanel(
        lambda hue_factor: learned_chroma(gray, truth, learned[hue_factor]),
        hue_factor=ipywidgets.SelectionSlider(
            options=[(f"{factor:g}", factor) for factor in learned],
            value=hue_factor,
            description="Lambda",
            **_wide(),
        ),
    )


def gain_explorer(rgb: Tensor, chromas: Mapping[str, Tensor], **gains: float) -> PicturePanel:
    """`plotting.painted_at_gains` with a slider for the gain of each color space.

    Args:
        rgb: the true photo, `(3, H, W)` in [0, 1].
        chromas: for each of some color spaces, by name, chroma `(C, h, w)` in [-1, 1].
        gains: where the sliders start, in [0, 4]; 1 where a name is left out.
    """
    return PicturePanel(
        partial(painted_at_gains, rgb, chromas),
        **{name: slider(f"Gain of {name} (factor)", 0, 4, gains.get(name, 1.0), 0.05) for name in chromas},
    )


def receptive_field_explorer(
    layers: nn.Sequential, gray: Tensor, depth: int = 1, row: float = 0.5, column: float = 0.5
) -> PicturePanel:
    """`plotting.receptive_field` with a slider for the convolution and two for the place of its output.

    Args:
        layers: the network's layers in order.
        gray: `(1, H, W)` in [-1, 1], what the first layer sees.
        depth: where the slider for the convolution starts, from 1.
        row, column: where the sliders for the place start, in [0, 1] from the top and from the left.
    """
    count = sum(isinstance(layer, nn.Conv2d) for layer in layers)
    return PicturePanel(
        partial(receptive_field, layers, gray),
        depth=ipywidgets.IntSlider(depth, 1, count, description="After convolution", **_wide()),
        row=slider("Place from the top (share)", 0, 1, row, 0.05),
        column=slider("Place from the left (share)", 0, 1, column, 0.05),
    )


def cost_explorer(
    photos: int, epochs: int, photos_per_second: float, devices: int = 1, efficiency: float = 0.9
) -> PicturePanel:
    """`plotting.training_costs` with a slider for each of its arguments.

    Args:
        photos: where its slider starts, from 1,000 to 100 million.
        epochs: where its slider starts, from 1 to 200.
        photos_per_second: where its slider starts, from 1 to 100,000.
        devices: where its slider starts: 1, 2, 4, 8, 16, 32 or 64.
        efficiency: where its slider starts, from 0.5 to 1.
    """

    def many(label: str, low: int, high: int, value: float) -> ipywidgets.FloatLogSlider:
        return ipywidgets.FloatLogSlider(
            value=value, min=low, max=high, step=0.05, readout_format=",.0f", description=label, **_wide()
        )

    return PicturePanel(
        training_costs,
        photos=many("Photos an epoch", 3, 8, photos),
        epochs=ipywidgets.IntSlider(epochs, 1, 200, description="Epochs", **_wide()),
        photos_per_second=many("Photos/s a device", 0, 5, photos_per_second),
        devices=ipywidgets.SelectionSlider(
            options=[2**power for power in range(7)], value=devices, description="Devices", **_wide()
        ),
        efficiency=slider("Left after each doubling (share)", 0.5, 1, efficiency, 0.01),
    )


def feature_explorer(
    model: TwoStageColorizer, grays: Sequence[Tensor], name: str = "joined features"
) -> PicturePanel:
    """`pyramid_views.feature_maps` with a slider through the network, from gray to chroma, and one for the picture.

    Args:
        model: the network.
        grays: pictures `(1, H, W)` in [-1, 1], with sides that it takes.
        name: where the slider through the network starts, one of `features.FEATURES`.
    """
    passes = [pyramid_features(model, gray[None]) for gray in grays]

    def draw(name: str, picture: int) -> DescribedFigure:
        return feature_maps(passes[picture - 1], name)

    return PicturePanel(
        draw,
        name=ipywidgets.SelectionSlider(
            options=list(passes[0]), value=name, description="Place in the network", **_wide()
        ),
        picture=ipywidgets.IntSlider(1, 1, len(grays), description="Picture", **_wide()),
    )


def row_explorer(images: Mapping[str, Tensor], row: float = 0.5) -> PicturePanel:
    """`pyramid_views.row_colors` with a slider for the row.

    Args:
        images: two to four pictures `(3, H, W)` in [0, 1] of one size, by their titles.
        row: where the slider starts, from the top (0) to the bottom (1).
    """
    return PicturePanel(partial(row_colors, images), row=slider("Row from the top (share)", 0, 1, row, 0.02))


def dots_explorer(photo: Tensor, dots: int = 20, seed: int = 0) -> PicturePanel:
    """`comparison_views.scribbled` with a slider for the number of dots and one for their places.

    Args:
        photo: the true photo, `(3, H, W)` in [0, 1].
        dots: where its slider starts: 1, 2, 5, 10, 20, 50, 100 or 200.
        seed: where its slider starts, in [0, 19].
    """
    return PicturePanel(
        partial(scribbled, photo),
        dots=ipywidgets.SelectionSlider(
            options=[1, 2, 5, 10, 20, 50, 100, 200], value=dots, description="Dots of true color", **_wide()
        ),
        seed=ipywidgets.IntSlider(seed, 0, 19, description="Places (a seed)", **_wide()),
    )


class RankingList(ipywidgets.VBox):
    """An order that a reader changes: a button for each item, which chooses it, and two that move what is chosen up or down.

    All of it is buttons, which Tab reaches and Enter presses. JupyterLab takes the arrow keys of a list for its own.

    Args:
        items: in the order to begin with, the best first.

    Attributes:
        value: the items in the reader's order.
        chosen: the buttons of the items; their `value` is the item that will move.
        up, down: the buttons that move it.
    """

    value = traitlets.Tuple()

    def __init__(self, items: Sequence[str]):
        self.value = tuple(items)
        self.chosen = ipywidgets.ToggleButtons(
            options=self.value, description="Choose", style={"button_width": "3em"}
        )
        self.up, self.down = (ipywidgets.Button(description=text) for text in ("Move up", "Move down"))
        self.up.on_click(lambda _: self._move(-1))
        self.down.on_click(lambda _: self._move(1))
        super().__init__([self.chosen, ipywidgets.HBox([self.up, self.down])])

    def _move(self, step: int) -> None:
        order = list(self.value)
        place = order.index(self.chosen.value)
        order.insert(min(max(place + step, 0), len(order) - 1), order.pop(place))
        self.value = tuple(order)


def ranking_panel(images: Mapping[str, Tensor], true: Tensor, names: Mapping[str, str]) -> PicturePanel:
    """`comparison_views.blind_page` with buttons to rank its letters, and one that reveals their names.

    Args:
        images: for each letter its picture `(3, H, W)` in [0, 1].
        true: the true photo, of the same size.
        names: what each letter stands for.
    """
    return PicturePanel(
        partial(blind_page, images, true, names),
        order=RankingList(list(images)),
        reveal=ipywidgets.ToggleButton(description="Tell the names"),
    )


class TrainingPanel(_Pictured):
    """A training to watch: its losses and what stage one paints, drawn again after every epoch, and a button to stop it.

    The training runs in a thread of its own, since a notebook that is busy with a cell or a click hears no other click.
    Stop lets the epoch that is under way come to its end; after it, Train goes on where it stopped. An error becomes red
    text, and ends the training.

    Args:
        epochs: what `training.train` returns: records and networks of stage one.
        photos: RGB `(3, H, W)` in [0, 1], up to five of one size, which the network paints from their gray.

    Attributes:
        start, stop: the buttons.
        picture: the image widget.
        message: how far the training is, or the error.
        records: of the epochs so far.
        alt: what the picture shows, in words.
        words: the same, unseen.
        thread: the last training that the button began, or None.

    Raises:
        StopIteration: if there is not even a first epoch, which is trained at once so that there is a picture.
        Exception: whatever this epoch raises; only later errors go to the panel.
    """

    def __init__(self, epochs: Iterator[tuple[EpochRecord, Colorizer]], photos: Sequence[Tensor]):
        super().__init__()
        self._epochs, self._photos = epochs, photos
        self.records: list[EpochRecord] = []
        self.thread: Thread | None = None
        self._stopped = Event()
        self.start = ipywidgets.Button(description="Train")
        self.stop = ipywidgets.Button(description="Stop", disabled=True)
        self.message = ipywidgets.HTML()
        self._show_epoch(*next(epochs))
        self.start.on_click(self._on_start)
        self.stop.on_click(lambda _: self._stopped.set())
        self.children = (ipywidgets.HBox([self.start, self.stop]), self.message, self.picture, self.words)

    def train(self, epochs: int | None = None) -> int:
        """Train in the calling thread until the end, a click on Stop, or so many epochs; returns how many it were."""
        before, ended = len(self.records), False
        self._stopped.clear()
        self.start.disabled, self.stop.disabled = True, False
        try:
            while not (ended or self._stopped.is_set() or len(self.records) - before == epochs):
                epoch = next(self._epochs, None)
                ended = epoch is None
                if ended:
                    self._say(f"{self.records[-1]}. The training is over.")
                else:
                    self._show_epoch(*epoch)
        except Exception as error:  # in a thread of its own it would reach no reader
            ended = True
            problem = html.escape(f"{type(error).__name__}: {error}")
            self.message.value = f'<p role="alert" style="color: #B00020">{problem}</p>'
        finally:
            self.start.disabled, self.stop.disabled = ended, True
        return len(self.records) - before

    def _on_start(self, _) -> None:
        self.start.disabled = True  # before the thread does it, so that a second click starts no second one
        self.thread = Thread(target=self.train, daemon=True)
        self.thread.start()

    def _show_epoch(self, record: EpochRecord, colorizer: Colorizer) -> None:
        self.records.append(record)
        painted = [colorize_by_stage(photo, colorizer)["stage one"] for photo in self._photos]
        titles = (f"scene {number}" for number in range(1, len(painted) + 1))
        figure = training_progress(self.records, dict(zip(titles, painted, strict=True)))
        self._show(figure, "note")  # not a status: the message already says the epoch
        self._say(str(record))

    def _say(self, text: str) -> None:
        self.message.value = f'<span role="status">{html.escape(text)}</span>'

    def __repr__(self):
        return f"{type(self).__name__}({len(self.records)} epochs)"


def upload_panel(photo: Tensor, colorizer: Colorizer, saturation: float = 1.0) -> PicturePanel:
    """Upload a photo and see it colorized, with a slider for the saturation gain and a button that saves it at full size.

    Args:
        photo: `(3, H, W)` in [0, 1], shown until one is uploaded.
        colorizer: the network.
        saturation: where the slider starts, in [0, 3].
    """

    def draw(upload: tuple[dict, ...], saturation: float) -> DescribedFigure:
        shown = _preview(upload[0]["name"], bytes(upload[0]["content"])) if upload else photo.clamp(0, 1)
        gray = (colorizer.color_space.gray(shown) + 1) / 2
        colored = colorize(shown, colorizer, saturation=saturation)
        return side_by_side({"gray": gray, "colorized": colored}, alt="A gray photo, and the same in color.")

    def file() -> tuple[str, bytes]:
        upload, gain = (panel.controls[name].value for name in ("upload", "saturation"))
        name = Path(upload[0]["name"]).stem if upload else "photo"
        image = read_image(_named_file(**upload[0])) if upload else to_image(photo)
        buffer = io.BytesIO()
        colorize(image, colorizer, saturation=gain).save(buffer, "png")
        return f"{name}-color.png", buffer.getvalue()

    label = {"description": "Choose a photo", "layout": ipywidgets.Layout(width="14em")}
    panel = PicturePanel(
        draw,
        upload=ipywidgets.FileUpload(accept="image/*", multiple=False, **label),
        saturation=slider("Saturation gain (factor)", 0, 3, saturation, 0.05),
    )
    panel.download = DownloadButton(file)
    panel.children = (*panel.children, panel.download)
    return panel


class DownloadButton(anywidget.AnyWidget):
    """A button that makes a file when it is pressed and hands it to the browser to save.

    Args:
        make: returns the file's name and content; its errors stand in red beside the button.

    Attributes:
        error: the last error, or empty.
    """

    _esm = """
    function render({ model, el }) {
      const button = document.createElement("button"), error = document.createElement("span");
      button.textContent = "Save the colorized photo";
      button.className = "jupyter-button widget-button";
      button.style.width = "14em";
      error.setAttribute("role", "alert");
      error.style.color = "#B00020";
      el.append(button, error);
      const show = () => { error.textContent = model.get("error"); };
      const save = (message, [content]) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([content], { type: "image/png" }));
        link.download = message.name;
        link.click();
        URL.revokeObjectURL(link.href);
      };
      button.addEventListener("click", () => model.send("make"));
      model.on("change:error", show);
      model.on("msg:custom", save);
      show();
      return () => { model.off("change:error", show); model.off("msg:custom", save); };
    }
    export default { render };
    """
    error = traitlets.Unicode("").tag(sync=True)

    def __init__(self, make: Callable[[], tuple[str, bytes]]):
        super().__init__()
        self._make = make
        self.on_msg(self._answer)

    def _answer(self, widget, message, buffers) -> None:
        try:
            name, content = self._make()
        except Exception as error:  # as in `PicturePanel`
            self.error = f"{type(error).__name__}: {error}"
        else:
            self.error = ""
            self.send({"name": name}, [content])


class HintPad(anywidget.AnyWidget):
    """A photo to click on; every click pins the chosen color there.

    Attributes:
        image: the photo as a PNG file.
        value: the hints as `[x, y, color]`, x and y as parts of width and height.
        color: what the next click pins, in CSS.
    """

    _esm = """
    function render({ model, el }) {
      const canvas = document.createElement("canvas"), photo = new Image();
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", "The photo; a click pins the color. The fields below do the same.");
      el.append(canvas);
      const draw = () => {
        [canvas.width, canvas.height] = [photo.naturalWidth, photo.naturalHeight];
        const context = canvas.getContext("2d"), size = canvas.width / 80;
        context.drawImage(photo, 0, 0);
        for (const [x, y, color] of model.get("value")) {
          context.beginPath();
          context.arc(x * canvas.width, y * canvas.height, size, 0, 2 * Math.PI);
          [context.fillStyle, context.strokeStyle, context.lineWidth] = [color, "white", size / 3];
          context.fill();
          context.stroke();
        }
      };
      const load = () => {
        photo.src = URL.createObjectURL(new Blob([model.get("image")], { type: "image/png" }));
      };
      photo.onload = () => { draw(); URL.revokeObjectURL(photo.src); };
      canvas.addEventListener("click", (event) => {
        const box = canvas.getBoundingClientRect();
        const parts = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
        const [x, y] = parts.map((part) => Math.min(Math.max(Math.round(1000 * part) / 1000, 0), 1));
        model.set("value", [...model.get("value"), [x, y, model.get("color")]]);
        model.save_changes();
      });
      model.on("change:image", load);
      model.on("change:value", draw);
      load();
      return () => { model.off("change:image", load); model.off("change:value", draw); };
    }
    export default { render };
    """
    _css = "canvas[aria-label^='The photo; a click'] { cursor: crosshair; width: 512px; max-width: 100%; }"
    image = traitlets.Bytes(b"").tag(sync=True)
    value = traitlets.List().tag(sync=True)
    color = traitlets.Unicode("").tag(sync=True)


def hint_panel(
    photo: Tensor, colorizer: Colorizer, hints: Sequence[Hint] = (), **options: float
) -> PicturePanel:
    """A photo to pin colors on, by clicks or by the fields below it, and `plotting.hinted_photo` of what becomes of it.

    Args:
        photo: `(3, H, W)` in [0, 1].
        colorizer: the network.
        hints: pinned at first.
        options: `reach`, `contrast` and `working_size` of `hints.HintedPhoto`.
    """
    hinted = HintedPhoto(photo, colorizer, **options)
    plain = hinted.colorize()
    pad = HintPad(value=[[hint.x, hint.y, hint.color] for hint in hints])

    def draw(hints: list[tuple[float, float, str]]) -> DescribedFigure:
        pinned = [Hint(*hint) for hint in hints]
        colored = hinted.colorize(pinned)
        pad.image = to_png(colored)
        return hinted_photo(plain, colored, hinted.influence(pinned), hints)

    panel = PicturePanel(draw, hints=pad)
    panel.children = (pad, *_hint_fields(pad), *panel.children[1:])
    return panel


def _hint_fields(pad: HintPad) -> tuple[ipywidgets.Box, ipywidgets.Box]:
    """The color to pin, and how to pin it without a mouse: x, y, and buttons."""
    narrow = {"style": {"description_width": "5em"}, "layout": ipywidgets.Layout(width="12em")}
    # A picker takes from its width what its button needs, and its text is to be seen whole.
    wider = narrow | {"layout": ipywidgets.Layout(width="15em")}
    color = ipywidgets.ColorPicker(value="#2060c0", description="Color", **wider)
    x, y = (
        ipywidgets.BoundedFloatText(value=0.5, min=0, max=1, step=0.05, description=text, **narrow)
        for text in ("x, 0 to 1", "y, 0 to 1")
    )
    # In the browser, so that a click at once after a choice of color pins the new one.
    color.link = ipywidgets.jslink((color, "value"), (pad, "color"))
    buttons = []
    for text, change in {
        "Pin the color": lambda hints: [*hints, [x.value, y.value, color.value]],
        "Undo": lambda hints: hints[:-1],
        "Remove all": lambda hints: [],
    }.items():
        button = ipywidgets.Button(description=text)
        button.on_click(lambda _, change=change: setattr(pad, "value", change(pad.value)))
        buttons.append(button)
    wrap = ipywidgets.Layout(flex_flow="row wrap")  # on a narrow page
    return ipywidgets.HBox([color, x, y], layout=wrap), ipywidgets.HBox(buttons, layout=wrap)


@lru_cache(maxsize=1)  # the slider asks for the same photo again and again
def _preview(name: str, content: bytes) -> Tensor:
    """An uploaded photo `(3, H, W)` in [0, 1], no larger than a panel can show."""
    photo = read_photo(_named_file(name, content))
    scale = min(1, _PREVIEW_SIDE / max(photo.shape[-2:]))
    small = resize(photo, tuple(max(1, round(side * scale)) for side in photo.shape[-2:]))
    return small.clamp(0, 1)  # resizing rounds, and `colorize` takes nothing beyond 1


def _named_file(name: str, content: bytes, **_: object) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name  # which errors tell
    return file


def _scale_slider(label: str, value: int) -> ipywidgets.SelectionSlider:
    options = [("1", 1), *((f"1/{factor}", factor) for factor in (2, 4, 8, 16))]
    return ipywidgets.SelectionSlider(options=options, value=value, description=label, **_wide())


def _wide() -> dict:
    """How all sliders look: one width, with room for the whole label."""
    return {
        "style": {"description_width": "15em"},
        "layout": ipywidgets.Layout(width="36em", max_width="100%"),
    }
