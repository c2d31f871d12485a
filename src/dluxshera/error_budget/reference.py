"""The reference point of a budget, built from its profile; the one module that imports systems, model and profiles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from dluxshera._version import __version__
from dluxshera.error_budget.terms import Budget
from dluxshera.errors import ConfigError, DocumentError, ParameterError
from dluxshera.params import ParamField, ParamSpec
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
from dluxshera.systems import BANDWIDTH, EFFECTS, WAVELENGTH, SheraConfig, SurfaceHook, build_spec, effects_of

if TYPE_CHECKING:
    from dluxshera.error_budget.evaluation import Evaluation
    from dluxshera.error_budget.sensitivity import Model
    from dluxshera.params import ParameterStore
    from dluxshera.profiles import ProfileModel

REPORTED_PACKAGES: Final = ("jax", "dLux", "numpy")
TABLE_ROWS: Final = 16  # of the spectra that terms change
TABLE_SPAN: Final = 1.5  # width of the spectra's tables over that of the band, which terms may move
MAP_CELLS: Final = 64  # across the maps that terms change, up to half as many cycles across a mirror
LEFT_OUT: Final = frozenset({"field_stars"})  # which cost an image of a star and are no part of a budget of a binary


@dataclass(frozen=True, eq=False)
class ComposedReference:
    """The profile of a budget's reference point, and the specs and values that it describes. No jax.

    Parameters
    ----------
    profile : Profile
        Composed profile, with the overrides.
    model : ProfileModel
        Configuration of any system, forward spec, and the value of each of its primitives.
    inference : ParamSpec
        Inference spec of the same configuration.
    """

    profile: Profile
    model: ProfileModel
    inference: ParamSpec

    @classmethod
    def of(cls, budget: Budget) -> ComposedReference:
        """Compose the profile of a budget's reference point.

        Raises
        ------
        DocumentError
            At the place of the profile, or of an override, in the budget document. For a fault in a profile the message
            contains its file, line and column.
        """
        try:
            profile = _load(budget, budget.point.overrides)
            model = model_of(profile, spec="forward")
        except DocumentError as error:
            raise _fault(budget, error) from error
        return cls(profile, model, build_spec(model.config, "inference"))

    def parameters(self) -> dict[str, ParamField]:
        """Return the primitives of the forward spec by key, followed by those of every optional effect."""
        config, spec = self.model.config, self.model.spec
        every = build_spec(config.replace(effects=effects_of(config.surfaces)), "forward")
        return {key: spec[key] for key in spec.primitives} | {
            key: every[key] for key in every.primitives if key not in spec
        }

    def provenance(self) -> dict[str, Any]:
        """Return the versions of packages, and the hashes of forward spec, configuration, design and profiles."""
        origin = provenance_of(self.model.config, self.profile)
        return {
            "package_version": __version__,
            "created_with": package_versions(REPORTED_PACKAGES),
            "spec_hash": f"sha256:{self.model.spec.digest()}",
            **{name: origin[name] for name in ("config_hash", "design_hash", "profiles")},
        }

    @property
    def forward_spec(self) -> ParamSpec:
        """Parameters of the forward model with those of the further effects, for checks of a budget's keys."""
        fields = {item.key: item for item in self.model.spec.fields}
        for effects in self.further_effects():
            fields = {item.key: item for item in build_spec(self.extended_config(effects), "forward").fields} | fields
        return ParamSpec(self.model.spec.system_id, self.model.spec.name, tuple(fields.values()))

    def further_effects(self) -> tuple[tuple[str, ...], ...]:
        """Return the effects of each model with further effects, those of the reference point among them."""
        config = self.model.config
        possible = [
            name
            for name in effects_of(config.surfaces)
            if name in config.effects or (EFFECTS[name].idle is not None and name not in LEFT_OUT)
        ]
        maps = {name for name in possible if isinstance(EFFECTS[name].hook, SurfaceHook)}
        return tuple(
            tuple(name for name in possible if name in config.effects or (name in maps) == of_maps)
            for of_maps in (False, True)
        )

    def extended_config(self, effects: tuple[str, ...]) -> SheraConfig:
        """Return the configuration with some effects, and with the sizes of their tables and maps."""
        config = self.model.config
        sizes = {"spectrum_a_rows": TABLE_ROWS, "spectrum_b_rows": TABLE_ROWS}
        sizes |= {"m1_map_npix": MAP_CELLS, "surface_map_npix": MAP_CELLS}
        own = {name for effect in config.effects for name in EFFECTS[effect].config_fields}
        fields = {name: size for name, size in sizes.items() if name in config.rules() and name not in own}
        return config.replace(effects=effects, **fields)


@dataclass(frozen=True)
class ReferenceModels:
    """The configuration, the specs and the models at a budget's reference point.

    Parameters
    ----------
    composed : ComposedReference
        Composed profile, with the overrides.
    config : SheraConfig
        Configuration of any system.
    store : ParameterStore
        Reference point, a store of the forward spec.
    inference : ParamSpec
        Inference spec of the same configuration.
    """

    composed: ComposedReference
    config: SheraConfig
    store: ParameterStore
    inference: ParamSpec

    @classmethod
    def of(cls, budget: Budget, composed: ComposedReference | None = None) -> ReferenceModels:
        """Return the models at a budget's reference point.

        Parameters
        ----------
        budget : Budget
            Budget with the reference point.
        composed : ComposedReference, optional
            Composed profile of the point; by default it is composed here.

        Raises
        ------
        DocumentError
            At the place of the profile, or of an override, in the budget document. For a fault in a profile the message
            contains its file, line and column. So too if no model can be built with the values, as with a grid that is
            too coarse.
        """
        from dluxshera.model import binder_of

        composed = composed or ComposedReference.of(budget)
        config, spec, store = composed.model
        try:
            binder_of(config, spec, store)
        except (ConfigError, ParameterError) as error:
            raise _fault_of_model(budget, error) from error
        return cls(composed, config, store, composed.inference)

    @property
    def forward_spec(self) -> ParamSpec:
        """Parameters of the forward model with those of the further effects, for checks of a budget's keys."""
        return self.composed.forward_spec

    def models(self) -> tuple[Model, Model]:
        """Return the forward model and the inference model, both at the reference point.

        The forward model brings two models with further effects at values at which they do nothing: one with effects of
        light and detector, and one with maps of the surfaces, which need finer grids.
        """
        from dluxshera.error_budget.sensitivity import Model, matching_store
        from dluxshera.model import binder_of

        binder = binder_of(self.config, self.store.spec, self.store)
        extended = tuple(partial(self._extended, effects) for effects in self.composed.further_effects())
        forward = Model(self.store, binder.predict, binder.derived, extended)
        binder = binder_of(self.config, self.inference, matching_store(forward, self.inference))
        return forward, Model(binder.store, binder.predict, binder.derived)

    def _extended(self, effects: tuple[str, ...]) -> Model:
        """Return the forward model with the effects, those that the reference point does not have doing nothing."""
        from dluxshera.error_budget.sensitivity import Model
        from dluxshera.model import binder_of
        from dluxshera.params import ParameterStore

        config = self.composed.extended_config(effects)
        spec = build_spec(config, "forward")
        values = spec.defaults()
        for name in effects:
            idle = EFFECTS[name].idle or {}
            values |= {key: np.full(spec[key].shape, idle[key]) for key in idle.keys() & values.keys()}
        centre, width = (float(np.asarray(self.store[item.key])) for item in (WAVELENGTH, BANDWIDTH))
        rows = centre + TABLE_SPAN * width * np.linspace(-0.5, 0.5, TABLE_ROWS)
        values |= {key: rows for key in values if key.startswith("binary.spectrum") and key.endswith("wavelengths_m")}
        values |= {key: value for key, value in self.store.items() if key in values}
        store = ParameterStore(values, spec)
        binder = binder_of(config, spec, store)
        return Model(store, binder.predict, binder.derived)

    def state(self, evaluation: Evaluation) -> dict[str, Any]:
        """Return the state of the reference point: fill of the brightest pixel, defocus, and condition of the fits.

        Parameters
        ----------
        evaluation : Evaluation
            Fits at the reference point.

        Returns
        -------
        dict
            Numbers with their units, and ``findings``, each with its severity, key and text; see `state_of`.
        """
        from dluxshera.error_budget.reference_state import state_of

        return state_of(evaluation)

    def facts(self, forward: Model) -> dict[str, Any]:
        """Return the system, the design, the target, the grids and the photons, as plain data."""
        from dluxshera.model import binder_of

        targets = [
            document.data["name"] for document in self.composed.profile.documents if document.data["kind"] == "target"
        ]
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
        return self.composed.provenance()


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
