"""How specs change: status and deprecation of fields, merge, rename with a grace period, and the difference of two."""

import pickle
import subprocess
import sys
import warnings
from dataclasses import replace

import pytest

import dluxshera as ds
from dluxshera.errors import ParameterError, UnknownKeyError
from dluxshera.params import Bounds, Deprecation, FormerKey, Normal, ParameterStore, ParamField, ParamSpec, Uniform
from support.helpers import run_fresh

GROUPS = (("star", "Star", "What shines."), ("lens", "Lens", "What bends."))


def field(key="star.flux", **said):
    return ParamField(key, **({"title": "T", "doc": "D.", "default": 1.0, "source": "illustrative"} | said))


def spec(*fields, name="forward", groups=GROUPS):
    return ParamSpec("toy", name, fields or (field(), field("lens.pitch_m", units="m")), groups)


@pytest.mark.parametrize("source", ["", "  "])
def test_a_field_says_its_source(source):
    with pytest.raises(ParameterError, match=r"star\.flux: expected a source"):
        field(source=source)
    with pytest.raises(ParameterError, match="expected a source"):
        ParamField("a.b", "T", "D.", default=1.0)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"status": "deprecated"}, "together with a Deprecation"),
        ({"deprecated": Deprecation("0.2.0", "star.power", "0.3.0")}, "together with a Deprecation"),
        ({"formerly": (FormerKey("flux", "0.3.0"),)}, "dotted name"),
    ],
)
def test_status_and_deprecation_agree(said, text):
    with pytest.raises(ParameterError, match=text):
        field(**said)


def test_a_status_is_one_of_three():
    """In an interpreter of its own, for the type checker of the tests would refuse it first."""
    code = (
        "from dluxshera import ParamField\n"
        "try:\n"
        "    ParamField('star.flux', 'T', 'D.', default=1.0, source='illustrative', status='fine')\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.startswith(
        "ParameterError star.flux: expected a status among stable, provisional, deprecated, got 'fine'"
    )


def test_setting_a_deprecated_parameter_warns_with_what_to_use():
    going = Deprecation("0.2.0", "star.power", "0.3.0")
    old = field("star.flux", status="deprecated", deprecated=going)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = ParameterStore.from_spec_defaults(spec(old, field("star.power")))
        store.replace({"star.power": 2.0})
    with pytest.warns(DeprecationWarning, match=r"star\.flux is deprecated since version 0\.2\.0: use star\.power"):
        assert store.replace({"star.flux": 2.0})["star.flux"] == 2.0


def test_a_renamed_key_is_accepted_with_a_warning_that_names_the_new_one():
    renamed = spec().rename("star.flux", "star.power", removal="0.3.0")
    assert list(renamed) == ["star.power", "lens.pitch_m"]
    assert "star.flux" not in renamed
    text = r"star\.flux is now star\.power; the old key is accepted until version 0\.3\.0"
    with pytest.warns(DeprecationWarning, match=text):
        store = ParameterStore({"star.flux": 3.0, "lens.pitch_m": 1.0}, renamed)
    assert dict(store) == {"star.power": 3.0, "lens.pitch_m": 1.0}
    with pytest.warns(DeprecationWarning, match=text):
        assert store.replace({"star.flux": 4.0})["star.power"] == 4.0
    for use in (lambda: store["star.flux"], lambda: renamed["star.flux"], lambda: renamed.subset(["star.flux"])):
        with pytest.warns(DeprecationWarning, match=text):
            use()
    assert pickle.loads(pickle.dumps(renamed)) == renamed


def test_the_warning_points_at_the_line_that_used_the_old_key():
    """Python shows a DeprecationWarning only if it points at the user's own script."""
    told = run_fresh("""
        import warnings, dluxshera as ds
        spec = ds.build_inference_spec_basic().rename("binary.contrast", "binary.flux_ratio", removal="0.3.0")
        store = ds.ParameterStore.from_spec_defaults(spec)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            store.replace({"binary.contrast": 3.0}), store["binary.contrast"], spec.subset(["binary.contrast"])
        print(*(one.filename for one in caught))
    """)
    assert told.split() == ["<string>"] * 3


def test_two_values_under_the_old_and_the_new_key_are_refused():
    store = ParameterStore.from_spec_defaults(spec().rename("star.flux", "star.power", removal="0.3.0"))
    with (
        pytest.warns(DeprecationWarning, match=r"star\.power"),
        pytest.raises(ParameterError, match=r"star\.power: expected one value"),
    ):
        store.replace({"star.flux": 1.0, "star.power": 2.0})


def test_what_depends_on_a_renamed_key_follows_and_a_key_comes_back():
    derived = field("lens.scale", kind="derived", default=None, transform="x.y", depends_on=("lens.pitch_m",))
    both = spec(field("lens.pitch_m"), derived).rename("lens.pitch_m", "lens.pixel_m", removal="0.3.0")
    assert both["lens.scale"].depends_on == ("lens.pixel_m",)
    back = both.rename("lens.pixel_m", "lens.pitch_m", removal="0.4.0")
    assert back["lens.pitch_m"].formerly == (FormerKey("lens.pixel_m", "0.4.0"),)
    with pytest.raises(ParameterError, match="each key once"):
        spec().rename("star.flux", "lens.pitch_m", removal="0.3.0")
    with pytest.raises(UnknownKeyError, match=r"Did you mean star\.flux"):
        spec().rename("star.flx", "star.power", removal="0.3.0")


def test_merge_keeps_the_order_and_each_field_once():
    one, two = spec(field("star.flux"), field("lens.pitch_m")), spec(field("lens.pitch_m"), field("star.age"))
    merged = one.merge(two, name="both")
    assert list(merged) == ["star.flux", "lens.pitch_m", "star.age"]
    assert merged.title == "toy.both"
    assert one.merge(two).name == "forward"
    assert one.merge(one) == one
    groups = one.merge(spec(field("disk.mass"), groups=(("disk", "Disk", "What spins."),))).groups
    assert groups == (*GROUPS, ("disk", "Disk", "What spins."))


def test_merge_refuses_what_contradicts_itself():
    other = spec(field("star.flux", default=2.0), name="inference")
    with pytest.raises(ParameterError, match=r"star\.flux: expected the same field .*default 1\.0 -> 2\.0"):
        spec().merge(other)
    with pytest.raises(ParameterError, match="expected a spec of toy to merge"):
        spec().merge(replace(spec(), system_id="another"))


def test_a_difference_reads_line_by_line():
    old = spec(field("star.flux", prior=Normal(1.0, 0.1)), field("star.age"), field("lens.pitch_m"))
    new = spec(
        field("lens.pitch_m", bounds=Bounds(minimum=0)),
        field("star.flux", prior=Uniform(0.0, 2.0), title="Flux"),
        field("star.mass"),
    )
    found = old.diff(new)
    assert (found.added, found.removed, found.reordered) == (("star.mass",), ("star.age",), True)
    assert set(found.changed) == {"star.flux", "lens.pitch_m"}
    assert found.changed["star.flux"]["title"] == ("T", "Flux")
    assert str(found).splitlines() == [
        "+ star.mass",
        "- star.age",
        "~ star.flux: title 'T' -> 'Flux'",
        "~ star.flux: prior Normal(mean=1.0, sigma=0.1) -> Uniform(low=0.0, high=2.0)",
        "~ lens.pitch_m: bounds Bounds(minimum=None, maximum=None, exclusive_minimum=None, exclusive_maximum=None)"
        " -> Bounds(minimum=0, maximum=None, exclusive_minimum=None, exclusive_maximum=None)",
        "~ the order of the keys",
    ]
    assert found
    assert not old.diff(old)
    assert str(old.diff(old)) == "no difference"


def test_the_designs_of_one_system_differ_in_their_defaults_alone():
    flight, testbed = (
        ds.build_forward_model_spec_from_config(c) for c in (ds.SHERA_FLIGHT_CONFIG, ds.SHERA_TESTBED_CONFIG)
    )
    found = flight.diff(testbed)
    assert (found.added, found.removed, found.reordered) == ((), (), False)
    assert {name for parts in found.changed.values() for name in parts} <= {"default", "prior", "source"}
    assert "system.m1_diameter_m" in found.changed
