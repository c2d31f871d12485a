"""Files that describe a model: read, checked, composed and saved."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
