"""What a configuration refuses: by its own rules, in an interpreter without the run-time type checker of the tests."""

import json
import subprocess
import sys

CODE = """
import json
from dluxshera import SHERA_FLIGHT_CONFIG
from dluxshera.errors import ConfigError

IMPOSSIBLE = {
    "obscuration": [False, 1, -0.1, "0.1", None, float("nan")],
    "strut_width": [True, 1.0, None],
    "strut_rotation_deg": [False, float("inf"), "90", None],
    "mask_design_wavelength_m": [True, 0, -1, float("inf"), float("nan"), None],
    "m1_noll": [None, 4, "4", (4, 4), (4, 4.0), (0,), (True,), (4.5,), (1001,)],
    "pupil_npix": [255, True, 256.5, 4098, 10**400, "256"],
    "n_wavelengths": [0, 1001, True, "3"],
    "pixel_nodes": [0, 33, 1.5],
    "source_offset_as": [0, -1, True, "1", float("inf")],
    "aberration_margin": [0, -3.0, "3"],
    "m1_map_npix": [2, 8193, None],
    "gap_npix": [255, 32770],
    "effects": [None, "ghosts", ("ghosts", "ghosts"), ("gohsts",), (3,), ("m3_maps",)],
    "diffractive_pupil": [5, "", "x" * 1001],
}
said = {}
for name, values in IMPOSSIBLE.items():
    for value in values:
        try:
            SHERA_FLIGHT_CONFIG.replace(**{name: value})
        except ConfigError as error:
            said[f"{name}={value!r}"] = str(error)
        else:
            said[f"{name}={value!r}"] = ""
optional = ("pupil_npix", "n_wavelengths", "pixel_nodes", "source_offset_as", "aberration_margin", "gap_npix")
assert SHERA_FLIGHT_CONFIG.replace(**dict.fromkeys(optional)) == SHERA_FLIGHT_CONFIG
try:
    SHERA_FLIGHT_CONFIG.replace(pupil_npix=512, gap_npix=510)
except ConfigError as error:
    said["gap_npix=510"] = str(error)
else:
    said["gap_npix=510"] = ""
fine = SHERA_FLIGHT_CONFIG.replace(obscuration=0, m1_noll=[4, 5], m2_noll=range(4, 7), strut_rotation_deg=30)
print(json.dumps([said, fine.m1_noll, fine.m2_noll]))
"""


def test_what_is_not_possible_is_refused_with_the_name_of_the_field():
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    said, m1_noll, m2_noll = json.loads(done.stdout)
    assert {
        case: text for case, text in said.items() if not text.startswith(case.partition("=")[0] + ": expected")
    } == {}
    assert m1_noll == [4, 5]
    assert m2_noll == [4, 5, 6]
