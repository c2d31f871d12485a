"""Drawings as SVG text: layered graphs and charts. They take the colour of the text around them."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
