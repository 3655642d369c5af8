"""What a training costs: photos, epochs and speed in, days and device-days out."""

from __future__ import annotations

import math
from dataclasses import dataclass

_DAY = 24 * 60 * 60  # seconds


@dataclass(frozen=True)
class TrainingCost:
    """What `training_cost` estimates.

    Attributes:
        photos_per_second: of all devices together.
        days: until the training is over.
        device_days: days times devices, which is what gets paid.
    """

    photos_per_second: float
    days: float
    device_days: float


def training_cost(
    photos: float, epochs: float, photos_per_second: float, devices: int = 1, efficiency: float = 1.0
) -> TrainingCost:
    """How long a training takes, without validation, which costs little.

    Args:
        photos: that an epoch visits, 1 or more.
        epochs: more than 0.
        photos_per_second: what one device trains on, more than 0.
        devices: GPUs, or machines without one, 1 or more.
        efficiency: the share of the doubled speed that is left after each doubling of the devices, in (0, 1]. With 0.9, two
            devices are 1.8 times as fast as one, and four 3.24 times.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> training_cost(photos=864_000, epochs=3, photos_per_second=10, devices=4, efficiency=0.5)
        TrainingCost(photos_per_second=10.0, days=3.0, device_days=12.0)
    """
    for name, value, holds in (
        ("photos", photos, photos >= 1),
        ("epochs", epochs, epochs > 0),
        ("photos_per_second", photos_per_second, photos_per_second > 0),
        ("devices", devices, devices >= 1),
        ("efficiency", efficiency, 0 < efficiency <= 1),
    ):
        if not (holds and math.isfinite(value)):
            wanted = "in (0, 1]" if name == "efficiency" else "a positive number"
            raise ValueError(f"{name} must be {wanted}, got {value}")
    speed = photos_per_second * devices * efficiency ** math.log2(devices)
    days = photos * epochs / speed / _DAY
    return TrainingCost(speed, days, days * devices)


def duration(days: float) -> str:
    """A number of days as a person would say it.

    Example:
        >>> duration(1200), duration(2.34), duration(0.1), duration(0.002)
        ('1,200 days', '2.3 days', '2.4 hours', '2.9 minutes')
    """
    if days >= 1:
        count, unit = days, "days"
    elif days >= 1 / 24:
        count, unit = 24 * days, "hours"
    else:
        count, unit = 24 * 60 * days, "minutes"
    return f"{count:,.0f} {unit}" if count >= 100 else f"{count:.1f} {unit}"
