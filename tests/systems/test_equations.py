"""The equations on the pages, read from their LaTeX and evaluated, against transforms and a product of matrices."""

import re
from math import pi, sqrt

import numpy as np
import pytest

from dluxshera.systems import (
    CONFIGS,
    SHERA_RESOLVER,
    build_forward_model_spec_from_config,
    build_inference_spec_physics,
)
from support.rows import each_row

F, SCALE, DEFOCUS = "system.focal_length_m", "system.plate_scale_as_per_pix", "system.defocus_nm"
SYMBOLS = {
    "D": "system.m1_diameter_m",
    "f_1": "system.m1_focal_length_m",
    "f_2": "system.m2_focal_length_m",
    "s": "system.m1_m2_separation_m",
    "L": "system.m2_detector_separation_m",
    "s_2": "system.m2_m3_separation_m",
    "P_3": "system.m3_power_per_m",
    "L_3": "system.m3_detector_separation_m",
    "p": "system.pixel_pitch_m",
    "f": F,
    "\\theta_p": SCALE,
}
TO_SI = {SCALE: pi / 648000, DEFOCUS: 1e-9}
OFF_FOCUS = {"system.m1_m2_separation_m": 0.5542}
POWERED = {**OFF_FOCUS, "system.m3_power_per_m": 0.4, "system.m2_m3_separation_m": 0.3}

_TOKEN = re.compile(r"\\frac|\\sqrt|\\theta_p|[A-Za-z](?:_(?:\w|\{\w+\}))?|\d+|[-+/^(){}]")


def evaluated(latex: str, known: dict[str, float]) -> float:
    """Return the value of an expression: sums of products, fractions, roots, powers, brackets."""
    tokens = _TOKEN.findall(re.sub(r"\\(left|right|,)(?![a-z])", " ", latex))

    def factor() -> float:
        token = tokens.pop(0)
        if token == "\\frac":
            value = factor() / factor()
        elif token == "\\sqrt":
            value = sqrt(factor())
        elif token in "({":
            value = total()
            assert tokens.pop(0) in ")}"
        else:
            value = float(token) if token.isdigit() else known[token.replace("{", "").replace("}", "")]
        if tokens[:1] == ["^"]:
            del tokens[0]
            value **= factor()
        return value

    def product() -> float:
        value = factor()
        while tokens and tokens[0] not in "+-)}":
            if tokens[0] == "/":
                del tokens[0]
                value /= factor()
            else:
                value *= factor()
        return value

    def total() -> float:
        value = product()
        while tokens and tokens[0] in "+-":
            value += product() if tokens.pop(0) == "+" else -product()
        return value

    value = total()
    assert not tokens, f"cannot read {latex}"
    return value


def solved(equations: list[str], known: dict[str, float]) -> dict[str, float]:
    """Return what equations of the form ``x = ...`` or ``1 / x = ...`` define, each after what it needs."""
    defined = dict(known)
    waiting = [part.strip() for equation in equations for part in equation.split(r", \quad")]
    while waiting:
        for part in list(waiting):
            left, right = (side.strip() for side in part.split("=", 1))
            inverse = re.fullmatch(r"\\frac\{1\}\{(.+)\}", left)
            name = (inverse[1] if inverse else left).replace("{", "").replace("}", "")
            try:
                value = evaluated(right, defined)
            except KeyError:
                continue
            defined[name] = 1 / value if inverse else value
            waiting.remove(part)
            break
        else:
            raise AssertionError(f"undefined symbols in {waiting}")
    return defined


CASES = {
    "shera_flight": OFF_FOCUS,
    "shera_testbed": {"system.m1_m2_separation_m": 0.3201},
    "shera_fourplane_example": POWERED,
    "shera_twoplane_flight": {},
}


@each_row("name", CASES)
def test_the_latex_is_what_the_transforms_compute(name: str):
    spec = build_forward_model_spec_from_config(CONFIGS[name])
    values = {key: spec[key].default for key in spec.primitives} | CASES[name]
    derived = SHERA_RESOLVER.resolve(spec, values)
    shown = [key for key in (F, SCALE, DEFOCUS) if key in derived]
    known = {symbol: values[key] * TO_SI.get(key, 1.0) for symbol, key in SYMBOLS.items() if key in values}
    found = solved([spec[key].equation for key in shown], known)
    for key in shown:
        symbol = spec[key].symbol
        assert found[symbol] == pytest.approx(float(derived[key]) * TO_SI.get(key, 1.0), rel=1e-9), key


def test_the_physics_mode_of_two_planes_turns_its_equation_round():
    spec = build_inference_spec_physics(CONFIGS["shera_twoplane_flight"])
    assert spec[SCALE].equation == r"\theta_p = p / f"
    values = {key: spec[key].default for key in spec.primitives}
    found = solved([spec[SCALE].equation], {"p": values["system.pixel_pitch_m"], "f": values[F]})
    scale = float(SHERA_RESOLVER.resolve(spec, values)[SCALE])
    assert found["\\theta_p"] == pytest.approx(scale * pi / 648000, rel=1e-12)


def test_a_wrong_equation_is_found():
    known = {"s": 0.5, "L": 0.6, "f_2": -0.05, "f_1": 0.6}
    right = evaluated(r"s + L \left(1 - \frac{s}{f_2}\right)", known)
    assert right == pytest.approx(0.5 + 0.6 * (1 + 10))
    assert evaluated(r"s - L \left(1 - \frac{s}{f_2}\right)", known) != pytest.approx(right)
    assert evaluated(r"\frac{s L^2}{16 \sqrt{3}\, f_1}", known) == pytest.approx(0.18 / (16 * sqrt(3) * 0.6))
    with pytest.raises(AssertionError, match="undefined symbols"):
        solved(["x = y"], known)


def test_the_four_plane_values_are_those_of_the_product_of_the_matrices():
    spec = build_forward_model_spec_from_config(CONFIGS["shera_fourplane_example"])
    values = {key: spec[key].default for key in spec.primitives} | POWERED
    derived = SHERA_RESOLVER.resolve(spec, values)
    v = {symbol: values[key] for symbol, key in SYMBOLS.items() if key in values}

    def gap(z: float) -> np.ndarray:
        return np.array([[1, z], [0, 1]])

    def bend(power: float) -> np.ndarray:
        return np.array([[1, 0], [-power, 1]])

    to_m3 = gap(v["s_2"]) @ bend(1 / v["f_2"]) @ gap(v["s"]) @ bend(1 / v["f_1"])
    (a, b), (c, _) = gap(v["L_3"]) @ bend(v["P_3"]) @ to_m3
    assert derived[F] == pytest.approx(-1 / c, rel=1e-12)
    assert derived[SCALE] * TO_SI[SCALE] == pytest.approx(v["p"] / b, rel=1e-12)
    assert derived[DEFOCUS] * 1e-9 == pytest.approx(a * v["D"] ** 2 / (16 * sqrt(3) * b), rel=1e-9)


@each_row("name", sorted(CONFIGS))
def test_every_derived_parameter_has_an_equation(name: str):
    spec = build_forward_model_spec_from_config(CONFIGS[name])
    assert [key for key in spec.derived if not spec[key].equation] == []
