"""A file as plain data: YAML and JSON with the place of each value, checked against JSON Schemas."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
