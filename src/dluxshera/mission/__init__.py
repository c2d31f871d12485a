"""Missions of many visits: orbits of binaries, reflex motion of planets, series of visits, and detection. No images."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
