"""Units: factors that are exact by definition, conversion, and values that carry a unit or a mask."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
