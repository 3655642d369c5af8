"""RGB to HSV and back: against kornia, scikit-image, OpenCV and a plain copy."""

from __future__ import annotations

import numpy as np
import torch
from timing import Row, Sizes, interleaved, picture, ratio

from pyramidcolor.color import hsv_to_rgb, rgb_to_hsv
from pyramidcolor.images import to_tensor


def rows(sizes: Sizes) -> list[Row]:
    """The rows of this subject. Needs kornia."""
    return without_gradients(sizes) + with_gradients(sizes)


def without_gradients(sizes: Sizes) -> list[Row]:
    """One large float photo, there and back."""
    import cv2
    import kornia.color
    import skimage.color

    photo = to_tensor(picture(sizes.photo))
    pixels = np.ascontiguousarray(photo.movedim(0, -1).numpy())
    measured = interleaved(
        {
            "ours": lambda: hsv_to_rgb(rgb_to_hsv(photo)),
            "copy": photo.clone,
            "kornia": lambda: kornia.color.hsv_to_rgb(kornia.color.rgb_to_hsv(photo)),
            "OpenCV": lambda: cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV), cv2.COLOR_HSV2RGB),
            "scikit-image": lambda: skimage.color.hsv2rgb(skimage.color.rgb2hsv(pixels)),
        },
        sizes.rounds,
    )
    name = f"RGB to HSV and back, {megapixels(sizes.photo)} floats, no gradient"
    faster = [("kornia", 5), ("scikit-image", 50), ("OpenCV", None)]
    return [
        *(
            Row(name, f"{peer}: times faster", ratio(measured, peer, "ours"), goal, seconds=measured)
            for peer, goal in faster
        ),
        Row(
            name,
            "a plain copy: times as long",
            ratio(measured, "ours", "copy"),
            2,
            at_most=True,
            seconds=measured,
            note="two results are written, so two copies are the least that there and back can take",
        ),
    ]


def with_gradients(sizes: Sizes) -> list[Row]:
    """A batch, there and back, and the gradient of the sum."""
    import kornia.color

    side = sizes.network_side
    batch = torch.stack([to_tensor(picture((side, side), shift)) for shift in range(sizes.batch)])
    batch.requires_grad_()

    def gradient(there, back) -> None:
        batch.grad = None
        back(there(batch)).sum().backward()

    measured = interleaved(
        {
            "ours": lambda: gradient(rgb_to_hsv, hsv_to_rgb),
            "kornia": lambda: gradient(kornia.color.rgb_to_hsv, kornia.color.hsv_to_rgb),
        },
        3 * sizes.rounds,
    )
    name = f"the same with gradients, {sizes.batch} of {side}x{side}"
    return [Row(name, "kornia: times faster", ratio(measured, "kornia", "ours"), 1.5, seconds=measured)]


def megapixels(size: tuple[int, int]) -> str:
    """A picture's size in words."""
    return f"{size[0] * size[1] / 1e6:.3g} megapixels"
