"""The reference point of a budget, built from its profile; the one module that imports systems, model and profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dluxshera._version import __version__
from dluxshera.error_budget.sensitivity import Model, matching_store
from dluxshera.error_budget.terms import Budget
from dluxshera.errors import ConfigError, DocumentError, ParameterError
from dluxshera.model import binder_of
from dluxshera.params import ParameterStore, ParamSpec
from dluxshera.profiles import (
    OVERRIDE,
    Profile,
    is_relative_file,
    load_profile,
    model_of,
    package_versions,
    provenance_of,
    shera_profiles,
)
from dluxshera.systems import SheraConfig, build_spec

REPORTED_PACKAGES: Final = ("jax", "dLux", "numpy")


@dataclass(frozen=True)
class ReferenceModels:
    """The configuration, the specs and the models at a budget's reference point.

    Parameters
    ----------
    profile : Profile
        Composed profile, with the overrides.
    config : SheraConfig
        Configuration of any system.
    store : ParameterStore
        Reference point, a store of the forward spec.
    inference : ParamSpec
        Inference spec of the same configuration.
    """

    profile: Profile
    config: SheraConfig
    store: ParameterStore
    inference: ParamSpec

    @classmethod
    def of(cls, budget: Budget) -> ReferenceModels:
        """Compose the profile of a budget's reference point.

        Raises
        ------
        DocumentError
            At the place of the profile, or of an override, in the budget document. For a fault in a profile the message
            contains its file, line and column. So too if no model can be built with the values, as with a grid that is
            too coarse.
        """
        try:
            profile = _load(budget, budget.point.overrides)
            config, spec, store = model_of(profile, spec="forward")
        except DocumentError as error:
            raise _fault(budget, error) from error
        try:
            binder_of(config, spec, store)
        except (ConfigError, ParameterError) as error:
            raise _fault_of_model(budget, error) from error
        return cls(profile, config, store, build_spec(config, "inference"))

    def models(self) -> tuple[Model, Model]:
        """Return the forward model and the inference model, both at the reference point."""
        binder = binder_of(self.config, self.store.spec, self.store)
        forward = Model(self.store, binder.predict, binder.derived)
        binder = binder_of(self.config, self.inference, matching_store(forward, self.inference))
        return forward, Model(binder.store, binder.predict, binder.derived)

    def facts(self, forward: Model) -> dict[str, Any]:
        """Return the system, the design, the target, the grids and the photons, as plain data."""
        targets = [document.data["name"] for document in self.profile.documents if document.data["kind"] == "target"]
        values = {**forward.derived(forward.store), **forward.store}
        npix, sampling = self.config.image_npix, binder_of(self.config, self.store.spec, self.store).optics.sampling
        return {
            "system": self.config.system_id,
            "design": self.config.name,
            "target": targets[-1] if targets else None,
            "image": f"{npix} x {npix} pixels",
            "wavelengths": sampling.n_wavelengths,
            "pupil": f"{sampling.exit.per_diameter} cells across",
            "photons": {"value": 10 ** float(values["binary.log_flux_total"]), "unit": "ph"},
        }

    def provenance(self) -> dict[str, Any]:
        """Return the versions of packages, and the hashes of forward spec, configuration, design and profiles."""
        origin = provenance_of(self.config, self.profile)
        return {
            "package_version": __version__,
            "created_with": package_versions(REPORTED_PACKAGES),
            "spec_hash": f"sha256:{self.store.spec.digest()}",
            **{name: origin[name] for name in ("config_hash", "design_hash", "profiles")},
        }


def _load(budget: Budget, overrides: Iterable[str]) -> Profile:
    name, profiles = budget.point.profile, shera_profiles()
    if is_relative_file(name):
        return load_profile(Path(budget.source.file).parent / name, profiles, overrides)
    if name not in profiles.names():
        allowed = f"{', '.join(profiles.names())}, or the relative path of a .yaml, .yml or .json file"
        raise budget.source.error(
            ("reference", "profile"), "no such profile", allowed=allowed, got=name, candidates=profiles.names()
        )
    return load_profile(name, profiles, overrides)


def _fault(budget: Budget, error: DocumentError) -> DocumentError:
    """Return the error at its place in the budget document."""
    if error.file == budget.source.file:
        return error
    if error.file == OVERRIDE:
        at = ("reference", "overrides", _index_of_override(budget, error))
        fault = budget.source.error(at, f"{error.key}: {error.message}")
    else:
        fault = budget.source.error(("reference", "profile"), f"fault in the profile: {error}")
    for note in getattr(error, "__notes__", ()):
        fault.add_note(note)
    return fault


def _fault_of_model(budget: Budget, error: ConfigError | ParameterError) -> DocumentError:
    """Return the error at the override that sets its key, or at the profile if none does."""
    setting = [i for i, text in enumerate(budget.point.overrides) if text.partition("=")[0].strip() == error.key]
    at = ("reference", "overrides", setting[-1]) if setting else ("reference", "profile")
    return budget.source.error(at, str(error))


def _index_of_override(budget: Budget, error: DocumentError) -> int:
    """Return the index of the first override with which the profile raises the error."""
    overrides = budget.point.overrides
    for i in range(len(overrides)):
        try:
            model_of(_load(budget, overrides[: i + 1]), spec="forward")
        except DocumentError as other:
            if str(other) == str(error):
                return i
    return len(overrides) - 1
