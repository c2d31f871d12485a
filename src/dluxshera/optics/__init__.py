"""Optics: arrays and numbers in, arrays out. No parameter keys."""
