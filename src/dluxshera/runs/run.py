"""The record of a fit: `Run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from dluxshera.errors import DocumentError
from dluxshera.inference import FitResult, FitStep, Misfit
from dluxshera.params import ParameterStore, ParamSpec

HEAD: Final = "run.json"


@dataclass(frozen=True, eq=False)
class Run:
    """Record of a fit, as `read_run` reads it from a folder.

    Parameters
    ----------
    folder : Path
        Folder that the run was read from.
    result : FitResult
        Result code of the fit.
    labels : tuple of str
        A name for each element of theta.
    theta : ndarray, shape (n,)
        Estimates.
    covariance : ndarray, shape (n, n)
        Covariance of the estimates: the Cramer-Rao bound, prior included, if the fit converged.
    loss : float
        Minus the log-density of the posterior at theta, up to a constant.
    history : tuple of FitStep
        Steps from the start to theta.
    stores : tuple of dict
        The full store of each exposure at theta, explicit overrides of derived keys included.
    at_bound : tuple of str
        Labels of the elements at a bound.
    diagnostics : dict
        Diagnostics of the solver.
    spec : dict
        ``title`` and ``digest`` of the spec of the stores, the meaning of each of its ``fields`` (`field_meanings`),
        and the stores that allow derived keys and override them.
    provenance : dict
        Command, time, package versions, the solver's settings, and the provenance passed to `save_run`.
    truth : ndarray, shape (n,), or None
        True values, if known.
    images : dict
        Arrays by name, usually ``data`` and ``model``.
    samples : dict
        Arrays by name; empty if the posterior was not sampled.
    """

    folder: Path
    result: FitResult
    labels: tuple[str, ...]
    theta: Float[np.ndarray, " n"]
    covariance: Float[np.ndarray, "n n"]
    loss: float
    history: tuple[FitStep, ...]
    stores: tuple[dict[str, np.ndarray], ...]
    at_bound: tuple[str, ...]
    diagnostics: dict[str, Any]
    spec: dict[str, Any]
    provenance: dict[str, Any]
    truth: Float[np.ndarray, " n"] | None
    images: dict[str, np.ndarray]
    samples: dict[str, np.ndarray]

    @property
    def converged(self) -> bool:
        """True if the fit ended at a maximum of the posterior, with any misfit."""
        return self.result is FitResult.CONVERGED

    @property
    def misfit(self) -> Misfit:
        """The deviance per pixel at theta, compared with that of noise alone; NaN where it was not recorded."""
        return Misfit.recorded(self.diagnostics)

    @property
    def sigma(self) -> Float[np.ndarray, " n"]:
        """The marginal 1-sigma uncertainty of each element of theta."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def steps(self) -> int:
        """The number of steps of the fit."""
        return max(len(self.history) - 1, 0)

    @property
    def pulls(self) -> Float[np.ndarray, " n"] | None:
        """(estimate - truth) / sigma of each element of theta, if the truth is known."""
        return None if self.truth is None else (self.theta - self.truth) / self.sigma

    def store(self, spec: ParamSpec, exposure: int = 0) -> ParameterStore:
        """Return the store of an exposure at theta, with the stored values.

        Parameters
        ----------
        spec : ParamSpec
            Spec of the fit, built again from the same configuration.
        exposure : int
            Number of the exposure, from 0.

        Raises
        ------
        DocumentError
            If a key has another meaning in `spec` than it had in the fit, so that its value would be wrong.
        """
        stored, current = self.spec["fields"], field_meanings(spec)
        if changed := [key for key in {**stored, **current} if stored.get(key) != current.get(key)]:
            values = [_structural_values(stored.get(key), current.get(key)) for key in changed]
            shown = ", ".join(key + value for key, value in list(zip(changed, values, strict=True))[:3])
            remedy = f"with dluxshera {self.provenance['versions'].get('dluxshera')}"
            if all(values):
                remedy += ". With the same configuration, another version computes such a value otherwise: take the"
                remedy += " fitted numbers from Run.stores, or repeat the fit"
            raise DocumentError(
                f"the {self.spec['title']} spec of the run and this {spec.title} spec differ in {shown}; build the spec"
                f" from the same configuration, {remedy}",
                file=self.folder / HEAD,
                key="spec",
            )
        allowed = self.spec["allow_derived"][exposure]
        return ParameterStore.from_dict(self.stores[exposure], spec, allow_derived=allowed)


def _structural_values(stored: list[Any] | None, current: list[Any] | None) -> str:
    """Return both values of a structural field that differs in nothing else, in brackets; otherwise nothing."""
    if not (stored and current and stored[0] == "structural" and stored[:-1] == current[:-1]):
        return ""
    return f" ({stored[-1]} in the run, {current[-1]} here)"


def field_meanings(spec: ParamSpec) -> dict[str, list[Any]]:
    """Return the properties of each field that give its values their meaning, as plain data.

    These are kind, units, scale, shape, components and transform, and the default of a structural field. Titles, texts,
    priors and other defaults may change without changing the meaning of a stored value.
    """
    return {
        item.key: [
            item.kind, item.units, item.scale, list(item.shape), list(item.components), item.transform,
            item.default if item.kind == "structural" else None,
        ]
        for item in spec.fields
    }  # fmt: skip
