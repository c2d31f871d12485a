"""The generated pages say what the schemas and the report say, all of it, and keep up with them."""

import ast
import copy
import inspect
import json
import re
import xml.etree.ElementTree as ET
from html import unescape

import pytest

from dluxshera import errors
from dluxshera.drawing import Bar, bar_chart
from dluxshera.error_budget import perturbation_kinds, signed
from dluxshera.errors import DocumentError
from dluxshera.reference import anchors, systems, text
from dluxshera.reference.__main__ import main
from dluxshera.reference.inputs import Label, read_schemas
from support.budget_reports import toy_report
from support.drawings import SVG, read_drawing
from support.page_runner import ROOT, Page
from support.rows import each_row

GROUPS = {"mirror": {"title": "Mirror", "description": "Glass."}, "image": {"title": "Image", "description": "Pixels."}}


def entry(group, kind, unit, **more):
    fields = {
        "title": f"A {group} value",
        "description": f"What it is. Unit: {unit}.",
        "type": "number",
        "x-kind": kind,
    }
    return fields | {"x-group": group, "x-unit": unit, "x-scale": "linear", "x-depends-on": []} | more


SCHEMA = {
    "title": "Parameters of a.forward",
    "description": "A small one.",
    "x-system": "a",
    "x-spec": "forward",
    "x-version": "0.1.0",
    "x-groups": GROUPS,
    "properties": {
        "mirror.focal_length_m": entry("mirror", "primitive", "m", default=2.5, exclusiveMinimum=0),
        "mirror.coefficients_nm": entry(
            "mirror",
            "primitive",
            "nm",
            type="array",
            items={"type": "number"},
            minItems=2,
            maxItems=2,
            default=[0.0, 0.0],
            **{"x-components": ["Z4", "Z5"]},
        ),
        "image.scale": entry(
            "image", "derived", "rad", readOnly=True, **{"x-depends-on": ["mirror.focal_length_m"], "x-scale": "log10"}
        ),
    },
}


def report_of_schema():
    """Return the small report with the parameters of the schema."""
    spelled = json.dumps(toy_report())
    for name in ("tilt", "mass"):
        spelled = spelled.replace(f"mirror.{name}", "mirror.focal_length_m")
    report = json.loads(spelled)
    report["parameters"] = list({row["key"]: row for row in reversed(report["parameters"])}.values())[::-1]
    return report


REPORT = report_of_schema()


@pytest.fixture
def root(tmp_path):
    write(tmp_path, SCHEMA)
    write_report(tmp_path, REPORT)
    return tmp_path


def write(root, schema, version="0.1.0"):
    path = root / "schemas" / schema["x-system"] / version / f"{schema['x-spec']}.schema.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema), encoding="utf-8")
    return path


def write_report(root, report):
    path = root / "docs/reference/data/error-budget-report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report), encoding="utf-8")


def generate(root, *options):
    return main(["--root", str(root), *options])


def page(root, name):
    return (root / "docs" / "reference" / name).read_text(encoding="utf-8")


def section(root, name, anchor):
    return re.search(rf"^##+ [^\n]*{{ #{re.escape(anchor)}[ }}].*?(?=^##|\Z)", page(root, name), re.S | re.M)[0]


def test_each_parameter_has_one_section_and_one_row(root):
    assert generate(root) == 0
    pages = {group: page(root, f"parameters/{group}.md") for group in GROUPS}
    anchors = [(group, key) for group, said in pages.items() for key in re.findall(r"^## .*\{ #(\S+)", said, re.M)]
    assert sorted(anchors) == sorted((entry["x-group"], key) for key, entry in SCHEMA["properties"].items())
    rows = re.findall(r"^\| \[<code>.*?</code>\]\[([^\]]+)\]", page(root, "parameters/index.md"), re.M)
    assert sorted(rows) == sorted(SCHEMA["properties"])


def test_a_section_says_what_the_schema_says(root):
    generate(root)
    said = section(root, "parameters/mirror.md", "mirror.focal_length_m")
    assert "Default\n:   2.5\n" in said
    assert "Allowed\n:   above 0\n" in said
    assert "Used by\n:   [`image.scale`][image.scale]\n" in said
    assert "Error-budget terms\n:   [N Noise][N], [S1 Bending][S1], [S2 Shift][S2], [T Open][T]\n" in said
    said = section(root, "parameters/mirror.md", "mirror.coefficients_nm")
    assert "Default\n:   2 × 0\n" in said
    assert "Components\n:   Z4, Z5\n" in said
    said = section(root, "parameters/image.md", "image.scale")
    assert "Unit\n:   log10(rad)\n" in said
    assert "Depends on\n:   [`mirror.focal_length_m`][mirror.focal_length_m]\n" in said


def test_specs_that_differ_are_told_apart(root):
    inference = copy.deepcopy(SCHEMA) | {"x-spec": "inference"}
    inference["properties"]["image.scale"] = entry("image", "primitive", "rad", default=-6.0)
    del inference["properties"]["mirror.focal_length_m"]
    write(root, inference)
    generate(root)
    assert "Kind\n:   derived (forward); primitive (inference)\n" in section(root, "parameters/image.md", "image.scale")
    assert "Kind\n:   primitive (forward); absent (inference)\n" in page(root, "parameters/mirror.md")


def system_of(name, *, without=(), **changes):
    """Return the schema of another system, with entries changed."""
    schema = copy.deepcopy(SCHEMA) | {"x-system": name, "title": f"Parameters of {name}.forward"}
    for key, more in changes.items():
        schema["properties"][key.replace("__", ".")] |= more
    for key in without:
        del schema["properties"][key]
    return schema


def test_what_systems_say_differently_stands_with_their_names(root):
    own = {"x-kind": "primitive", "default": -5.0, "x-equation": "s = 1"}
    write(root, system_of("b", without=["mirror.coefficients_nm"], image__scale=own))
    assert generate(root) == 0
    said = section(root, "parameters/image.md", "image.scale")
    assert "Kind\n:   primitive (b); derived (a)\n" in said
    assert "Systems\n:   [`b`](../systems/b.md), [`a`](../systems/a.md)\n" in said
    assert "Systems\n:   [`a`](../systems/a.md)\n" in page(root, "parameters/mirror.md")
    row = next(line for line in page(root, "parameters/index.md").splitlines() if "image.scale" in line)
    assert row.endswith("| primitive, derived | all |")


def test_the_names_of_specs_are_as_short_as_they_can_be(root):
    for name in ("a", "b"):
        for spec in ("inference", "physics_inference"):
            write(root, system_of(name) | {"x-spec": spec})
    write(root, system_of("b"))
    catalogue = read_schemas(root / "schemas")
    every = list(catalogue.specs)
    assert catalogue.named([Label("a", "forward"), Label("b", "forward")], every) == "forward"
    assert catalogue.named([label for label in every if label.system == "a"], every) == "a"
    some = [Label("a", "forward"), Label("a", "inference"), Label("b", "physics_inference")]
    assert catalogue.named(some, every) == "a forward and inference, b physics inference"
    assert catalogue.combined(dict.fromkeys(every, "x")) == "x"
    assert catalogue.combined({Label("a", "forward"): "x" * 50, Label("b", "forward"): "y" * 50}) == (
        f"*a*: {'x' * 50}<br>*b*: {'y' * 50}"
    )


def test_a_row_says_what_it_can_be_chosen_by(root):
    generate(root)
    row = next(line for line in page(root, "parameters/index.md").splitlines() if "mirror.focal_length_m" in line)
    facets = json.loads(unescape(re.search(r'data-facets="([^"]*)"', row)[1]))
    assert facets == {"Group": ["Mirror"], "Kind": ["primitive"], "Unit": ["m"]}
    write(root, system_of("b"))
    generate(root)
    row = next(line for line in page(root, "parameters/index.md").splitlines() if "mirror.focal_length_m" in line)
    assert json.loads(unescape(re.search(r'data-facets="([^"]*)"', row)[1]))["System"] == ["a", "b"]


def test_a_page_of_a_system_draws_each_spec_and_says_the_same_in_words(root):
    config = {
        "x-system": "a",
        "title": "Configuration of a",
        "properties": {
            "npix": {"type": "integer", "minimum": 2, "default": 256, "description": "Cells across."},
            "mask": {"type": ["string", "null"], "default": None, "description": "A file."},
        },
    }
    write(root, config | {"x-spec": "config"}).write_text(json.dumps(config), encoding="utf-8")
    generate(root)
    said = page(root, "systems/a.md")
    assert "| [forward](#a.forward) | 2 | 1 | 0 | [forward.schema.json]" in said
    assert '<a href="../parameters/image.html#image.scale">' in said
    assert "| [`image.scale`][image.scale] | [`mirror.focal_length_m`][mirror.focal_length_m] |" in said
    assert "[`mirror.coefficients_nm`][mirror.coefficients_nm].\n" in said
    assert "| `npix` | Cells across. | integer at least 2 | 256 |" in said
    assert "| `mask` | A file. | text or none | none |" in said


def test_a_transform_names_its_api_entry_and_its_tests(root):
    schema = copy.deepcopy(SCHEMA)
    schema["properties"]["image.scale"]["x-transform"] = "dluxshera.systems.transforms.image_scale"
    write(root, schema)
    tests = root / "tests/systems"
    tests.mkdir(parents=True)
    marker = "import pytest\n\n\n@pytest.mark.covers('dluxshera.systems.transforms.{name}')\ndef test_it():\n    ...\n"
    (tests / "test_scale.py").write_text(marker.format(name="image_scale"), encoding="utf-8")
    (tests / "test_other.py").write_text(marker.format(name="image_scale_of_another"), encoding="utf-8")
    (tests / "test_words.py").write_text("def test_it():\n    transforms.image_scale(1.0)\n", encoding="utf-8")
    generate(root)
    said = section(root, "parameters/image.md", "image.scale")
    assert "Computed by\n:   [`image_scale`][dluxshera.systems.transforms.image_scale]\n" in said
    assert "Tested by\n:   `tests/systems/test_scale.py::test_it`, line 5\n" in said


def test_what_is_deprecated_says_so_before_all_else(root):
    write(root, system_of("a", mirror__focal_length_m={"x-deprecated": "Since 0.2.0: use image.scale."}))
    generate(root)
    said = section(root, "parameters/mirror.md", "mirror.focal_length_m")
    assert (
        said.partition("\n")[2].lstrip().startswith('!!! warning "Deprecated"\n\n    Since 0.2.0: use image.scale.\n')
    )


def test_every_version_of_a_schema_is_served_as_it_is(root):
    write(root, SCHEMA, "0.2.0")
    generate(root)
    for version in ("0.1.0", "0.2.0"):
        name = f"schemas/a/{version}/forward.schema.json"
        assert (root / "docs" / name).read_bytes() == (root / name).read_bytes()
    (root / "schemas/a/0.1.0/forward.schema.json").unlink()
    generate(root)
    assert not (root / "docs/schemas/a/0.1.0/forward.schema.json").exists()


def test_a_released_link_cannot_be_lost(root, capsys):
    generate(root)
    kept = json.loads((root / anchors.ANCHORS).read_text(encoding="utf-8"))
    assert kept["mirror.focal_length_m"] == "reference/parameters/mirror.html"
    assert kept["S1"] == "reference/error-budget.html"
    write(root, system_of("a", without=["mirror.coefficients_nm"]))
    assert generate(root) == 0  # nothing is released yet
    write(root, SCHEMA)
    assert generate(root, "--release") == 0
    write(root, system_of("a", without=["mirror.coefficients_nm"]))
    capsys.readouterr()
    assert generate(root) == 2
    said = capsys.readouterr().err
    link = "reference/parameters/mirror.html#mirror.coefficients_nm"
    assert f"mirror.coefficients_nm: the released link {link} no longer exists" in said


TUTORIAL = """\
# A start

Take it as a [script](start.py) or a [notebook](start.ipynb).

See [`a.b`][a.b], [the model](../model.md) and [a paper](https://example.org/x).

```python title="first"
x = 1.5
print(x)
```

```{ .text .output .no-copy }
1.5
```

<!-- figure: line -->
![A line](../_generated/line.light.svg#only-light)

!!! tip "Also"

    Run `make`:

```bash
make
```

```python
y = x
```
"""


def test_a_tutorial_is_offered_as_script_and_notebook(root):
    (root / "docs/tutorials").mkdir(parents=True)
    (root / "docs/tutorials/start.md").write_text(TUTORIAL, encoding="utf-8")
    generate(root)
    script = (root / "docs/tutorials/start.py").read_text(encoding="utf-8")
    assert "# See `a.b`, the model and [a paper](https://example.org/x).\n" in script
    assert "# **Also**\n#\n# Run `make`:\n#\n# ```bash\n# make\n# ```\n" in script
    assert "1.5\n# %%" not in script
    for gone in ("start.ipynb", "_generated", "<!--"):
        assert gone not in script
    names = {}
    exec(compile(script.partition("# The figures.")[0], "start.py", "exec"), names)
    assert names["y"] == 1.5
    notebook = json.loads((root / "docs/tutorials/start.ipynb").read_text(encoding="utf-8"))
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["markdown", "code", "markdown", "code"]
    assert "".join(notebook["cells"][1]["source"]) == "x = 1.5\nprint(x)"
    (root / "docs/tutorials/start.md").unlink()
    generate(root)
    assert list((root / "docs/tutorials").iterdir()) == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs/tutorials").glob("*.md")), ids=lambda path: path.stem)
def test_what_is_taken_away_has_the_code_that_the_page_runs(path):
    """Block by block, so that the run of the page is a run of the script and of the notebook."""
    blocks = [block.strip("\n") for block in Page(path).blocks()]
    notebook = json.loads(path.with_suffix(".ipynb").read_text(encoding="utf-8"))
    assert ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"] == blocks
    run, taken = (
        [ast.dump(statement) for statement in ast.parse(code).body]
        for code in ("\n".join(blocks), path.with_suffix(".py").read_text(encoding="utf-8"))
    )
    assert taken[: len(run)] == run
    assert len(taken) - len(run) in (
        0,
        2,
    )  # at the end it shows the figures, which a page and a notebook do by themselves


def test_only_the_newest_version_counts(root):
    newer = copy.deepcopy(SCHEMA)
    newer["properties"]["image.gain"] = entry("image", "primitive", "1", default=1.0)
    write(root, newer, "0.10.0")
    write(root, SCHEMA, "0.9.0")
    generate(root)
    assert "#image.gain" in page(root, "parameters/image.md")


def test_a_term_names_its_parameters_and_results(root):
    generate(root)
    said = section(root, "error-budget.md", "S1").replace("\N{NO-BREAK SPACE}", " ")
    assert "[`mirror.focal_length_m`][mirror.focal_length_m]" in said
    assert "| Full | −2 µas/nm | 2 µas | −1 µas | −2 µas | – | 0.97 | 12300 nm |" in said
    assert "Terms below it\n:   [L][L]\n" in said
    assert "Part of\n:   [R](#R)\n" in said
    said = section(root, "error-budget.md", "N").replace("\N{NO-BREAK SPACE}", " ")
    assert "| floor | 1.1 µas | lambda / (pi D) |" in said
    assert "| [`mirror.focal_length_m`][mirror.focal_length_m] | −0.5 |" in said
    assert "to be determined" in section(root, "error-budget.md", "T")
    point, provenance = page(root, "error-budget.md").partition("## Reference point")[2].split("## Provenance")
    assert "[`mirror.focal_length_m`][mirror.focal_length_m] = 2 m; `pupil_npix` = 64" in point
    assert "target/a star `4567456745674567…`" in provenance
    assert "`0123012301230123…`" in provenance
    assert "dluxshera budget report --budget toy.yaml" in provenance
    assert 'class="bar over"' in page(root, "error-budget.md")


def test_a_bias_that_is_not_resolved_is_a_bound_and_not_zero(root):
    """That of the shift in the estimator that fits it; resolved to a millionth."""
    generate(root)
    row = next(line for line in page(root, "error-budget.md").splitlines() if "| [S2][S2] | Shift |" in line)
    assert "| &lt;\N{NO-BREAK SPACE}1e-6 |" in row
    said = section(root, "error-budget.md", "S2").replace("\N{NO-BREAK SPACE}", " ")
    assert "| below 1e-6 µas |" in said


def test_the_overview_states_completeness_before_any_margin(root):
    generate(root)
    said = page(root, "error-budget.md").replace("\N{NO-BREAK SPACE}", " ")
    order = [
        said.index(text) for text in ("**Completeness.**", "**Inputs.**", "**Trace.**", "**Margin.**", "Deficits,")
    ]
    assert order == sorted(order)
    assert said.index("**Margin.**") < said.index("| Estimator | Parameters |")
    assert "2 are illustrative and 1 are to be determined" in said
    assert "| [S1](#S1) | Bending | 1.5 µas | 0.5 µas |" in said
    assert '<span id="R"></span>' in said


def test_the_other_pages_have_every_parameter_every_term_and_the_state_of_the_review(root):
    generate(root)
    said = page(root, "error-budget-parameters.md")
    for row in REPORT["parameters"]:
        assert f"][{row['key']}] | " in said
    assert "No light sees it." in said
    said = page(root, "error-budget-verification.md")
    for term in REPORT["terms"]:
        assert f"| [{term['id']}][{term['id']}] |" in said
    assert "| analysis | B | `tests/a.py::test_a` | passed | By hand |" in said
    assert "The budget has no sign-off" in page(root, "error-budget-changes.md")
    assert "| Reference |" in page(root, "error-budget-cases.md")


def test_a_sign_off_beside_the_report_is_compared_with_it(root):
    path = root / "docs/reference/data/error-budget-report.sign-off.json"
    earlier = copy.deepcopy(REPORT)
    earlier["terms"][0]["name"] = "Another name"
    path.write_text(json.dumps(signed(earlier, role="lead", revision="A")), encoding="utf-8")
    assert generate(root) == 0
    said = page(root, "error-budget-changes.md")
    assert "| [N][N] | re-worded | name |" in said
    assert 'aria-label="Margin by revision"' in said
    path.write_text("{}", encoding="utf-8")
    assert generate(root) == 2


def test_every_kind_of_perturbation_is_described_by_the_methods():
    said = (ROOT / "docs/reference/error-budget-methods.md").read_text(encoding="utf-8")
    anchors = {f"kind-{name.replace('_', '-')}" for name in perturbation_kinds()}
    assert set(re.findall(r'<span id="(kind-[a-z-]+)"></span>', said)) == anchors


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"x-depends-on": ["mirror.focal_lenght_m"]}, "'mirror.focal_lenght_m'; did you mean mirror.focal_length_m"),
        ({"x-group": "mirrors"}, "unknown group 'mirrors'"),
        ({"x-group": "mirror"}, "the key does not start with its group 'mirror'"),
    ],
)  # fmt: skip
def test_a_wrong_schema_is_refused(root, change, complaint, capsys):
    schema = copy.deepcopy(SCHEMA)
    schema["properties"]["image.scale"] |= change
    path = write(root, schema)
    with pytest.raises(DocumentError) as caught:
        read_schemas(root / "schemas")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: image.scale: ")
    assert generate(root) == 2
    assert complaint in capsys.readouterr().err


def test_a_missing_unit_is_refused(root):
    schema = copy.deepcopy(SCHEMA)
    del schema["properties"]["image.scale"]["x-unit"]
    write(root, schema)
    with pytest.raises(DocumentError, match=r"image\.scale: x-unit is missing"):
        read_schemas(root / "schemas")


def test_a_term_with_an_unknown_parameter_is_refused(root, capsys):
    report = copy.deepcopy(REPORT)
    report["terms"][1]["keys"] = ["mirror.focal_length"]
    write_report(root, report)
    assert generate(root) == 2
    assert "S1: keys names the unknown parameter 'mirror.focal_length'" in capsys.readouterr().err


def test_a_broken_file_is_named_with_its_line(root, capsys):
    write(root, SCHEMA).write_text('{\n "x-spec": \n}', encoding="utf-8")
    assert generate(root) == 2
    assert "forward.schema.json:3:1: Expecting value" in capsys.readouterr().err


def test_check_notices_what_drifted_and_writes_nothing(root, capsys):
    assert generate(root, "--check") == 1
    assert "docs/reference/parameters/mirror.md: is missing" in capsys.readouterr().out
    assert not (root / "docs/reference/parameters").exists()
    generate(root)
    assert generate(root, "--check") == 0
    schema = copy.deepcopy(SCHEMA)
    schema["properties"]["mirror.focal_length_m"]["default"] = 2.6
    write(root, schema)
    before = page(root, "parameters/mirror.md")
    capsys.readouterr()
    assert generate(root, "--check") == 1
    said = capsys.readouterr().out
    assert "parameters/mirror.md: is out of date" in said
    assert "parameters/image.md" not in said
    assert page(root, "parameters/mirror.md") == before


def test_only_what_changed_is_written_and_stale_pages_go(root, capsys):
    generate(root)
    folder = root / "docs/reference/parameters"
    (folder / "notes.md").write_text("# Ours, not generated\n", encoding="utf-8")
    untouched = (folder / "mirror.md").stat().st_mtime_ns
    schema = copy.deepcopy(SCHEMA)
    del schema["properties"]["image.scale"], schema["x-groups"]["image"]
    schema["properties"]["mirror.coefficients_nm"]["description"] += " New."
    write(root, schema)
    capsys.readouterr()
    assert generate(root) == 0
    assert "docs/reference/parameters/image.md: removed" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["index.md", "mirror.md", "notes.md"]
    rewritten = (folder / "mirror.md").stat().st_mtime_ns
    assert rewritten != untouched
    generate(root)
    assert (folder / "mirror.md").stat().st_mtime_ns == rewritten


@each_row("value, said", [
    (0.0, "0"), (2.5, "2.5"), (90.0, "90"), (1800.0, "1800"), (123456.0, "123456"), (-0.0545, "-0.0545"),
    (1.7227e17, "1.7227e17"), (4.6e-06, "4.6e-6"), ([0.0, 0.0], "2 × 0"), ([1.0, 2.0], "[1, 2]"), (True, "True"),
])  # fmt: skip
def test_numbers_are_shown_in_full_and_read_back(value, said):
    assert text.number(value) == said
    if isinstance(value, float):
        assert float(said) == value


def test_the_boxes_of_a_spec_link_to_its_parameters_and_their_look_is_their_kind():
    catalogue = read_schemas(ROOT / "schemas")
    label = Label("shera_threeplane", "forward")
    svg = re.search(r"<svg.*?</svg>", systems.graph(catalogue, label))[0]
    boxes = {box.title: box for box in read_drawing(svg).boxes}
    looks = {"primitive": "outlined", "derived": "filled", "structural": "dashed"}
    keys = [key for key, p in catalogue.parameters.items() if label in p.by_spec]
    edges = [(needed, key) for key in keys for needed in catalogue.depends_on(key, label)]
    assert len(boxes) == len({key for edge in edges for key in edge})
    for key in {key for edge in edges for key in edge}:
        kind = catalogue.parameters[key].kind(label)
        box = boxes[f"{key} ({kind})"]
        assert box.href == f"../parameters/{key.partition('.')[0]}.html#{key}"
        assert box.look == looks[kind]
        assert ".".join(text for text, *_ in box.lines) == key
    assert len(read_drawing(svg).lines) == len(edges)


def test_bars_and_marks_are_on_one_logarithmic_axis():
    bars = [Bar("A", "#a", 10.0, 1.0), Bar("B", "#b", -0.1, 0.1), Bar("C & D", "#c", 0.0, None)]
    svg = bar_chart(bars, "m", limit_name="allocation", label="Sizes")
    links = list(ET.fromstring(svg).iter(f"{SVG}a"))
    found = []
    for link in links:
        rect, mark = link.find(f"{SVG}rect"), link.find(f"{SVG}path")
        left = None if rect is None else float(rect.get("x"))
        length = None if rect is None else float(rect.get("width"))
        place = None if mark is None else float(re.search(r"M([\d.]+)", mark.get("d"))[1])
        found.append((left, length, place, "" if rect is None else rect.get("class")))
    decade = found[0][1] / 2
    assert decade > 100
    assert found == [
        (found[0][0], 2 * decade, found[0][0] + decade, "bar over"),
        (found[0][0], 0.0, found[0][0], "bar"),
        (None, None, None, ""),
    ]
    assert [link.find(f"{SVG}title").text for link in links] == [
        "10 m, allocation 1 m exceeded", "-0.1 m, allocation 0.1 m", "0 m, no allocation",
    ]  # fmt: skip
    assert [link.find(f"{SVG}text").text for link in links] == ["A: 10", "B: -0.1", "C & D: 0"]


def test_what_is_committed_is_what_the_sources_give(capsys):
    assert main(["--root", str(ROOT), "--check"]) == 0, capsys.readouterr().out


def test_each_kind_of_error_has_a_section_that_raises_it():
    said = (ROOT / "docs/reference/error-messages.md").read_text(encoding="utf-8")
    kinds = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.SheraError)}
    general = {"SheraError", "ExpectationError"}
    assert set(re.findall(r"^##+ .* \{ #(\w+Error) \}$", said, re.M)) == kinds - general
    assert set(re.findall(r"<!-- raises: (\w+) -->", said)) == kinds - general
