"""The SHERA systems: parameters, optional effects, configurations, designs, targets and specs."""

from dluxshera._front_door import front_door

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
