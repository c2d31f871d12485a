"""From an image back to parameters. Sees functions of a store, never the optics."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
