"""The language of parameters: which there are, their values, priors and units, and how some follow from others."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
