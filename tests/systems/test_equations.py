"""The equations on the pages, evaluated as they are written, against the transforms and products of matrices."""

from math import pi, sqrt

import numpy as np
import pytest

from dluxshera.systems.designs import CONFIGS
from dluxshera.systems.registries import SHERA_RESOLVER
from dluxshera.systems.specs import build_forward_model_spec_from_config

F, SCALE, DEFOCUS = "system.focal_length_m", "system.plate_scale_as_per_pix", "system.defocus_nm"


def resolved(name: str, **changes: float) -> tuple[dict[str, float], dict[str, float], object]:
    spec = build_forward_model_spec_from_config(CONFIGS[name])
    values = {key: spec[key].default for key in spec.primitives} | changes
    short = {key.partition(".")[2]: value for key, value in values.items()}
    return short, SHERA_RESOLVER.resolve(spec, values), spec


OFF_FOCUS = {"system.m1_m2_separation_m": 0.5542}
POWERED = {**OFF_FOCUS, "system.m3_power_per_m": 0.4, "system.m2_m3_separation_m": 0.3}


def test_the_three_plane_equations():
    v, derived, _ = resolved("shera_flight", **OFF_FOCUS)
    f1, f2, s, far = (
        v["m1_focal_length_m"],
        v["m2_focal_length_m"],
        v["m1_m2_separation_m"],
        v["m2_detector_separation_m"],
    )
    power = 1 / f1 + 1 / f2 - s / (f1 * f2)
    b = s + far * (1 - s / f2)
    a = 1 - s / f1 - far * power
    assert derived[F] == pytest.approx(1 / power, rel=1e-12)
    assert derived[SCALE] == pytest.approx(v["pixel_pitch_m"] / b * 180 * 3600 / pi, rel=1e-12)
    assert derived[DEFOCUS] == pytest.approx(1e9 * a * v["m1_diameter_m"] ** 2 / (16 * sqrt(3) * b), rel=1e-9)


def test_the_four_plane_equations_are_the_product_of_the_matrices():
    v, derived, spec = resolved("shera_fourplane_example", **POWERED)
    f1, f2, s = v["m1_focal_length_m"], v["m2_focal_length_m"], v["m1_m2_separation_m"]
    s2, p3, far = v["m2_m3_separation_m"], v["m3_power_per_m"], v["m3_detector_separation_m"]
    f12 = 1 / (1 / f1 + 1 / f2 - s / (f1 * f2))
    a3 = 1 - s / f1 - s2 / f12
    b3 = s + s2 * (1 - s / f2)
    power = 1 / f12 + p3 * a3
    b = b3 + far * (1 - s / f2 - p3 * b3)
    a = a3 - far * power

    def gap(z: float) -> np.ndarray:
        return np.array([[1, z], [0, 1]])

    def bend(p: float) -> np.ndarray:
        return np.array([[1, 0], [-p, 1]])

    product = gap(far) @ bend(p3) @ gap(s2) @ bend(1 / f2) @ gap(s) @ bend(1 / f1)
    assert product[0] == pytest.approx([a, b], rel=1e-12)
    assert product[1, 0] == pytest.approx(-power, rel=1e-12)
    assert derived[F] == pytest.approx(1 / power, rel=1e-12)
    assert derived[SCALE] == pytest.approx(v["pixel_pitch_m"] / b * 180 * 3600 / pi, rel=1e-12)
    assert derived[DEFOCUS] == pytest.approx(1e9 * a * v["m1_diameter_m"] ** 2 / (16 * sqrt(3) * b), rel=1e-9)
    assert "P_3" in spec[SCALE].equation


def test_a_two_plane_system_has_its_own_equations():
    v, derived, spec = resolved("shera_twoplane_flight")
    assert derived[F] == pytest.approx(v["pixel_pitch_m"] / (v["plate_scale_as_per_pix"] * pi / 648000), rel=1e-12)
    assert spec[F].equation == r"f = p / \theta_p"
    assert spec[SCALE].equation == ""


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_every_derived_parameter_has_an_equation(name: str):
    spec = build_forward_model_spec_from_config(CONFIGS[name])
    assert [key for key in spec.derived if not spec[key].equation] == []
