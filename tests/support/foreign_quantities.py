"""Quantities with the attributes of those of pint and unyt, which the package does not depend on."""

import warnings

import numpy as np


class Pint:
    """Quantity with the attributes of pint's: a magnitude, and units whose text is their name."""

    def __init__(self, magnitude, units):
        self.magnitude, self.units = magnitude, type("Unit", (), {"__str__": lambda self: units})()

    def __array__(self, dtype=None, copy=None):
        warnings.warn("The unit of the quantity is stripped", UserWarning, stacklevel=2)
        return np.asarray(self.magnitude, dtype=dtype)

    def __float__(self):
        return float(self.magnitude)


class Unyt(np.ndarray):
    """Array with the attributes of unyt's: a subclass of ndarray with units."""

    def __new__(cls, numbers, units):
        array = np.asarray(numbers, dtype=float).view(cls)
        array.units = type("Unit", (), {"__str__": lambda self: units})()
        return array

    def __array_finalize__(self, other):
        self.units = getattr(other, "units", None)

    @property
    def value(self):
        return np.asarray(self)


class Dataset:
    """Array with its unit in attrs alone, as a dataset of h5py and a series of pandas have it."""

    def __init__(self, numbers, units):
        self.numbers, self.attrs = np.asarray(numbers, dtype=float), {"units": units}

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numbers, dtype=dtype)
