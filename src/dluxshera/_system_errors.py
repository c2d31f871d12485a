"""Suggested fixes for errors of the operating system."""

from __future__ import annotations

import errno
from typing import Final

_REMEDIES: Final = {
    errno.ENOENT: "Check the name",
    errno.ENOTDIR: "A part of the path is a file: check the name",
    errno.EISDIR: "Name a file, not a folder",
    errno.EEXIST: "Name another path",
    errno.ENOTEMPTY: "Name another path",
    errno.EACCES: "Check the permissions, or name another path",
    errno.EPERM: "Check the permissions, or name another path",
    errno.EROFS: "Name a path on a disk that can be written",
    errno.ENAMETOOLONG: "Shorten the name",
    errno.ELOOP: "The symbolic links form a loop: name another path",
    errno.ENOSPC: "Free some space, or name a path on another disk",
    errno.EDQUOT: "Free some space, or name a path on another disk",
    errno.EFBIG: "Use a smaller image, or name a path on another disk",
    errno.EBUSY: "The path is in use: name another",
    errno.EMFILE: "Close other files, or raise the limit: ulimit -n",
}


def system_remedy(error: BaseException) -> str:
    """Return a suggested fix for an error of the operating system, as a sentence without its full stop.

    Parameters
    ----------
    error : OSError
        Error with an ``errno``; without one, the fix is to check the path.
    """
    number = error.errno if isinstance(error, OSError) else None
    return _REMEDIES.get(number or 0, "Check the path, or name another")
