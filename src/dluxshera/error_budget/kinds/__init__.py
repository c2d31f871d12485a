"""Kinds of perturbation: one final subclass of `Perturbation` in each file, found by `perturbation_kinds`."""
