"""dLuxShera: a differentiable model of the SHERA astrometry telescope.

The public names are imported when they are first used, so that metadata, the command line and schemas need no jax.
"""

from dluxshera._front_door import front_door
from dluxshera._version import __version__ as __version__

__getattr__, __dir__, __all__ = front_door(__name__, __file__)
