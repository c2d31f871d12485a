"""Inference: estimates of parameters from an image, with any function from a store to an image as the model."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
