"""Colorize gray photos with a two-stage pyramid network (Kuo, Wei and You, 2020)."""

__version__ = "0.1.0"
