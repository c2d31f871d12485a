"""A directed acyclic graph of named functions, whose results are cached by content. Knows no telescope."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
