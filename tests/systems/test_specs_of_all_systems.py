"""The specs of the two-, three- and four-plane systems: complete, consistent, and apart from each other."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import astropy.units as u
import numpy as np
import pytest

import dluxshera as ds
from dluxshera.errors import ConfigError, DerivationError, UnknownKeyError
from dluxshera.params import DerivedResolver, ParameterStore, TransformRegistry
from dluxshera.systems import (
    ALPHA_CEN,
    CONFIG_CLASSES,
    CONFIGS,
    EFFECTS,
    PARAMETERS,
    SHERA_FOURPLANE_EXAMPLE_CONFIG,
    SHERA_RESOLVER,
    TARGETS,
    SheraConfig,
    effects_of,
)
from dluxshera.systems.catalogue import (
    SHERA_TWOPLANE_FLIGHT_CONFIG,
    SHERA_TWOPLANE_TESTBED_CONFIG,
    ZERO_POINT,
)
from dluxshera.units import units_of_suffix
from support import keys as e
from support import keys as f
from support.helpers import run_fresh
from support.rows import each_row, every_row

BUILDERS = {
    "forward": ds.build_forward_model_spec_from_config,
    "inference": ds.build_inference_spec_basic,
    "physics_inference": ds.build_inference_spec_physics,
}
WITH_EFFECTS = {
    f"{name}_with_effects": config.replace(effects=effects_of(config.surfaces)) for name, config in CONFIGS.items()
}
EVERY = [(name, kind) for name in CONFIGS | WITH_EFFECTS for kind in BUILDERS]
SPECS = {(name, kind): BUILDERS[kind]((CONFIGS | WITH_EFFECTS)[name]) for name, kind in EVERY}
PLATE_SCALE, LOG_FLUX = f.PLATE_SCALE, f.LOG_FLUX
# Theta's order in the effective mode of the three-plane system, to which stored fits hold.
THREE_PLANE_INFERENCE = (
    "binary.separation_as", "binary.position_angle_deg", "binary.x_position_as", "binary.y_position_as",
    "binary.log_flux_total", "binary.contrast", "system.m1_diameter_m", "system.m2_diameter_m",
    "system.m1_focal_length_m", "system.m1_m2_separation_m", "system.plate_scale_as_per_pix",
    "primary.zernike_coeffs_nm", "secondary.zernike_coeffs_nm", "band.wavelength_m", "band.bandwidth_m",
)  # fmt: skip


def derived(spec, values=None):
    return SHERA_RESOLVER.resolve(spec, {**ParameterStore.from_spec_defaults(spec), **(values or {})})


def test_each_parameter_of_each_spec_is_described():
    with every_row() as row:
        for case, spec in SPECS.items():
            for key, field in spec.items():
                with row(*case, key):
                    assert field.title
                    assert field.doc.endswith(".")
                    assert field.symbol
                    assert field.source
                    assert field.since
                    assert bool(field.equation) == (field.kind == "derived")
                    suffix = units_of_suffix(key)
                    assert suffix in (None, field.units)
                    assert suffix or field.units in ("", "ph", "ph.s**-1", "ph.s**-1.m**-3")
                    u.Unit(field.units, format="vounit")
                    if field.kind == "derived":
                        transform = SHERA_RESOLVER.registry(spec.system_id)[key]
                        optional = tuple(one for one in transform.optional if one in spec)
                        assert (field.transform, field.depends_on) == (transform.name, (*transform.inputs, *optional))


def test_every_spec_resolves_and_has_a_text_for_its_groups():
    with every_row() as row:
        for (name, kind), spec in SPECS.items():
            with row(name, kind):
                SHERA_RESOLVER.check(spec)
                values = derived(spec)
                assert tuple(values) == spec.derived
                for key, value in values.items():
                    assert spec[key].bounds.contains(float(value)), key
                texts = {group: text for group, _, text in spec.groups}
                assert all(texts[field.group].endswith(".") for field in spec.fields)
                assert spec.title == f"{(CONFIGS | WITH_EFFECTS)[name].system_id}.{kind}"


def test_what_systems_share_is_said_in_the_same_words():
    said = {}
    for spec in SPECS.values():
        for field in spec.fields:
            words = (field.title, field.doc, field.units, field.scale, field.bounds, field.symbol, field.since)
            assert said.setdefault(field.key, words) == words
    assert set(said) == set(PARAMETERS)  # and no definition is left over


@each_row("system_id", CONFIG_CLASSES)
def test_the_transforms_of_a_system_are_those_that_its_specs_use(system_id):
    registry = SHERA_RESOLVER.registry(system_id)
    assert registry.system_id == system_id == CONFIG_CLASSES[system_id].system_id
    assert set(registry) == {key for spec in SPECS.values() if spec.system_id == system_id for key in spec.derived}


@each_row("name", CONFIGS)
def test_the_effective_mode_has_knobs_where_the_forward_spec_derives(name):
    forward, effective, physics = (SPECS[name, kind] for kind in BUILDERS)
    assert not effective.derived
    assert {PLATE_SCALE, LOG_FLUX} <= set(effective.primitives)
    assert physics[PLATE_SCALE].kind == "derived"
    assert LOG_FLUX in physics.primitives
    known = {**{key: forward[key].default for key in forward.primitives}, **derived(forward)}
    for spec in (effective, physics):
        for key in spec.primitives:
            assert spec[key].default == pytest.approx(known[key], rel=1e-15), key
    assert float(derived(physics)[PLATE_SCALE]) == pytest.approx(float(known[PLATE_SCALE]), rel=1e-14)
    assert effective[PLATE_SCALE].acts_on == physics[PLATE_SCALE].acts_on == ("image",)


def test_the_keys_of_the_three_plane_inference_stay_in_their_order():
    assert tuple(SPECS["shera_flight", "inference"]) == THREE_PLANE_INFERENCE


def test_a_pixel_pitch_acts_only_through_a_derived_plate_scale():
    acting = {
        (name, kind): spec[f.PIXEL_PITCH].acts_on for (name, kind), spec in SPECS.items() if f.PIXEL_PITCH in spec
    }
    assert acting["shera_twoplane_flight", "forward"] == ()
    assert acting["shera_twoplane_flight", "physics_inference"] == ("image",)
    assert acting["shera_flight", "forward"] == acting["shera_fourplane_example", "forward"] == ("image",)
    assert SPECS["shera_twoplane_flight", "physics_inference"][f.FOCAL_LENGTH].acts_on == ("image",)
    assert SPECS["shera_flight", "forward"][f.FOCAL_LENGTH].acts_on == ()


def test_the_published_two_plane_scales():
    for config, scale in ((SHERA_TWOPLANE_FLIGHT_CONFIG, 0.123), (SHERA_TWOPLANE_TESTBED_CONFIG, 0.3547)):
        spec = ds.build_forward_model_spec_from_config(config)
        assert spec[PLATE_SCALE].kind == "primitive"
        assert spec[PLATE_SCALE].default == scale
        assert not {f.M2_ZERNIKES, f.M2_DIAMETER, f.DEFOCUS} & set(spec)
        focal_length = spec[f.PIXEL_PITCH].default / np.deg2rad(scale / 3600)
        assert derived(spec)[f.FOCAL_LENGTH] == pytest.approx(focal_length, rel=1e-14)


def test_a_powerless_third_surface_changes_nothing():
    """The four-plane system with the three-plane system's lengths, the last of them split in two."""
    three, four = SPECS["shera_flight", "forward"], SPECS["shera_fourplane_example", "forward"]
    distance = three[f.M2_DETECTOR_SEPARATION].default
    assert four[f.M2_M3_SEPARATION].default + four[f.M3_DETECTOR_SEPARATION].default == pytest.approx(
        distance, rel=1e-14
    )
    rng = np.random.default_rng(3)
    for _ in range(20):
        shared = {
            key: three[key].default * (1 + 1e-3 * rng.normal())
            for key in three.primitives
            if key in four and not three[key].shape
        }
        length, part = distance * (1 + 1e-3 * rng.normal()), rng.uniform(0.1, 0.9)
        one = derived(three, {**shared, f.M2_DETECTOR_SEPARATION: length})
        split = {f.M2_M3_SEPARATION: part * length, f.M3_DETECTOR_SEPARATION: (1 - part) * length}
        other = derived(four, {**shared, **split})
        assert one.keys() == other.keys()
        for key, value in one.items():
            # defocus is a difference of terms of 3e3 nm
            assert float(other[key]) == pytest.approx(float(value), rel=1e-12, abs=1e-9 * (key == f.DEFOCUS)), key


def test_a_third_surface_with_power_refocuses():
    config = SHERA_FOURPLANE_EXAMPLE_CONFIG
    strong = config.replace(design=replace(config.design, m3_power_per_m=0.5))
    spec = ds.build_forward_model_spec_from_config(strong)
    values = derived(spec)
    assert abs(float(values[f.DEFOCUS])) < 1e-3
    assert float(values[PLATE_SCALE]) == pytest.approx(float(values[f.REFOCUSED_PLATE_SCALE]), rel=1e-12)
    # Two thin elements: the image distance of the second from its object distance, and the ratio is the magnification.
    object_distance = SPECS["shera_flight", "forward"][f.M2_DETECTOR_SEPARATION].default - 0.5
    image_distance = 1 / (0.5 + 1 / object_distance)
    assert spec[f.M3_DETECTOR_SEPARATION].default == pytest.approx(image_distance, rel=1e-9)
    without = float(derived(SPECS["shera_flight", "forward"])[f.FOCAL_LENGTH])
    assert float(values[f.FOCAL_LENGTH]) == pytest.approx(without * image_distance / object_distance, rel=1e-9)


def test_systems_do_not_see_each_others_transforms():
    two, three = (SHERA_RESOLVER.registry(name) for name in ("shera_twoplane", "shera_threeplane"))
    assert f.DEFOCUS in three
    with pytest.raises(UnknownKeyError, match="a transform of shera_twoplane"):
        two[f.DEFOCUS]
    assert two[f.FOCAL_LENGTH].fn is not three[f.FOCAL_LENGTH].fn
    mine = DerivedResolver([TransformRegistry("mine", three.values()), TransformRegistry("yours")], "mine")
    mine.transform("a.b", ("binary.contrast",))(lambda contrast: contrast)
    assert "a.b" in mine.registry("mine")
    assert "a.b" not in three
    assert not mine.registry("yours")
    spec = replace(SPECS["shera_flight", "forward"], system_id="yours")
    with pytest.raises(DerivationError, match="no transform in yours"):
        mine.check(spec)


def test_threads_resolve_each_their_own_store():
    """Many threads with different values and systems through one resolver."""
    cases = [SPECS[name, "forward"] for name in CONFIGS] * 8
    pitches = np.linspace(3e-6, 8e-6, len(cases))

    def work(case):
        spec, pitch = case
        return [derived(spec, {f.PIXEL_PITCH: pitch}) for _ in range(20)]

    alone = [derived(spec, {f.PIXEL_PITCH: pitch}) for spec, pitch in zip(cases, pitches, strict=True)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(work, zip(cases, pitches, strict=True)))
    for one, many in zip(alone, together, strict=True):
        assert all(each == one for each in many)


def test_specs_are_built_without_jax_and_soon():
    """No jax, scipy or astropy; a spec after the first of a configuration costs next to nothing."""
    told = run_fresh("""
        import sys, time, dluxshera as ds
        from dluxshera.systems import CONFIGS
        build = [getattr(ds, f"build_{name}") for name in
                 ("forward_model_spec_from_config", "inference_spec_basic", "inference_spec_physics")]
        for config in CONFIGS.values():
            for one in build:
                one(config)
        start = time.process_time()
        for config in CONFIGS.values():
            for one in build:
                one(config)
        print((time.process_time() - start) / 15 < 0.15)
        print(*({"jax", "scipy", "astropy", "dLux", "dLuxToliman"} & set(sys.modules)))
    """)
    assert told.split() == ["True"]


def test_a_configuration_of_no_system_is_refused():
    class Other(ds.SheraThreePlaneConfig):
        """Not one of ours."""

    config = Other(**{item.name: getattr(ds.SHERA_FLIGHT_CONFIG, item.name) for item in fields(ds.SHERA_FLIGHT_CONFIG)})
    with pytest.raises(ConfigError, match=r"config: expected one of SheraTwoPlaneConfig"):
        ds.build_forward_model_spec_from_config(config)
    with pytest.raises(ConfigError, match=r"design: expected a TwoPlaneDesign"):
        ds.SheraTwoPlaneConfig("wrong", ds.SHERA_FLIGHT_CONFIG.design)


@each_row("cls", CONFIG_CLASSES.values())
def test_a_configuration_documents_each_of_its_fields(cls):
    assert issubclass(cls, SheraConfig)
    for item in fields(cls):
        assert item.metadata["doc"].endswith((".", ")"))
        assert f"{item.name} : " in cls.__doc__


def test_a_basis_that_is_left_out_has_no_parameter():
    config = SHERA_FOURPLANE_EXAMPLE_CONFIG.replace(m2_noll=(), m3_noll=(4, 6))
    for build in BUILDERS.values():
        spec = build(config)
        assert f.M2_ZERNIKES not in spec
        assert spec[f.M3_ZERNIKES].components == ("Z4", "Z6")


def test_defaults_follow_the_target_and_say_their_source():
    for target in TARGETS.values():
        spec = ds.build_forward_model_spec_from_config(ds.SHERA_FLIGHT_CONFIG, target)
        assert spec[f.SEPARATION].default == target.separation_as
        assert spec[f.CONTRAST].prior.mean == target.contrast
        assert spec[f.FLUX_DENSITY].source.startswith(f"{target.name}: Epoch 2027")


def test_targets_follow_from_their_magnitudes():
    """Against astropy's magnitudes; alpha Cen's flux density is the spreadsheet's, as its source says."""
    with every_row() as row:
        for target in TARGETS.values():
            with row(target.name):
                flux_a, flux_b = (u.Magnitude(v).to_value(u.dimensionless_unscaled) for v in (target.v_a, target.v_b))
                assert target.contrast == pytest.approx(flux_a / flux_b, rel=2e-4 if target is ALPHA_CEN else 1e-12)
                density = ZERO_POINT * (flux_a + flux_b)
                if target is ALPHA_CEN:
                    assert target.spectral_flux_density == 1.7227e17
                    assert density == pytest.approx(1.29e17, rel=5e-3)
                else:
                    assert target.spectral_flux_density == pytest.approx(density, rel=1e-12)


def test_the_seven_targets_of_the_design_page():
    rows = {target.name: (target.separation_as, target.position_angle_deg) for target in TARGETS.values()}
    assert rows == {
        "alpha Cen": (9.765, 14.508),
        "61 Cyg": (32.185, 154.399),
        "70 Oph": (6.714, 115.704),
        "36 Oph": (5.236, 137.129),
        "xi Boo": (4.690, 286.461),
        "p Eri": (11.444, 184.024),
        "HR 2667/8": (21.916, 123.243),
    }
    for target in TARGETS.values():  # both patterns on the image, each with the 88 pixels around it that alpha Cen has
        offset = 0.5 * target.separation_as / 0.12320690002795907
        assert target.image_npix >= 256
        assert target.image_npix / 2 - offset >= 88


@each_row("name", CONFIGS)
def test_an_effect_brings_its_parameters_and_no_others(name):
    config = CONFIGS[name]
    for kind, build in BUILDERS.items():
        plain = set(build(config))
        for effect in effects_of(config.surfaces):
            spec = build(config.replace(effects=[effect]))
            added = {parameter.key for parameter in EFFECTS[effect].parameters_in(config.system_id, kind)}
            assert set(spec) - plain == added
            assert {key for key in spec if spec[key].effect} == added
            gone = {f.EFFECTIVE_WAVELENGTH, f.DIFFRACTION_LIMIT} & plain
            assert plain - set(spec) == (gone if effect in ("black_bodies", "spectra", "filter") else set())


def test_effects_are_in_one_order_and_those_that_a_system_has_not_are_refused():
    flight = ds.SHERA_FLIGHT_CONFIG
    assert flight.replace(effects=["motion", "ghosts"]) == flight.replace(effects=("ghosts", "motion"))
    with pytest.raises(ConfigError, match="Did you mean ghosts"):
        flight.replace(effects=["gohsts"])
    with pytest.raises(ConfigError, match="expected effects of shera_twoplane, got 'm2_maps'"):
        SHERA_TWOPLANE_FLIGHT_CONFIG.replace(effects=["m2_maps"])
    with pytest.raises(ConfigError, match="Remove the second ghosts"):
        flight.replace(effects=["ghosts", "ghosts"])


def test_a_binder_refuses_a_spec_of_other_effects():
    small = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=16)
    with_ghosts = small.replace(effects=["ghosts", "pixel_response"])
    with pytest.raises(ConfigError, match=r"field\.ghost_flux_ratio, because the configuration has the effect ghosts"):
        ds.SheraThreePlaneBinder(with_ghosts, ds.build_forward_model_spec_from_config(small))
    with pytest.raises(ConfigError, match="the effect ghosts, because the spec has"):
        ds.SheraThreePlaneBinder(small, ds.build_forward_model_spec_from_config(with_ghosts))
    larger = ds.build_forward_model_spec_from_config(with_ghosts.replace(image_npix=32))
    with pytest.raises(ConfigError, match=r"detector\.pixel_response of shape \(16, 16\)"):
        ds.SheraThreePlaneBinder(with_ghosts, larger)


def test_a_map_has_one_default_for_all_its_elements():
    config = ds.SHERA_FLIGHT_CONFIG.replace(image_npix=16, m1_map_npix=6, surface_map_npix=5, effects=effects_of(1))
    spec = ds.build_forward_model_spec_from_config(config)
    store = ParameterStore.from_spec_defaults(spec)
    for key in spec:
        if side := PARAMETERS[key].map_side:
            assert store[key].shape == spec[key].shape == (getattr(config, side),) * 2
            assert np.all(np.asarray(store[key]) == (1.0 if key == "detector.pixel_response" else 0.0))
            assert len(spec[key].labels) == store[key].size
    assert spec[e.M2_CALIBRATED_MAP].labels[5] == f"{e.M2_CALIBRATED_MAP}[1,0]"
