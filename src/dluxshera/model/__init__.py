"""Models: a configuration, a spec and a store give an image, its energy and its derived values."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
