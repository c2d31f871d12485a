"""Code that reads a parameter and sets it, for the reader to copy; the tests of the pages run it."""

from typing import Any

from dluxshera.reference import text
from dluxshera.reference.sources import Catalogue, Label, Parameter

# The design that snippets start from, of the first of these systems that has the parameter; and what builds each spec.
DESIGNS = {
    "shera_threeplane": "shera_flight",
    "shera_fourplane": "shera_fourplane_example",
    "shera_twoplane": "shera_twoplane_flight",
}
BUILDERS = {
    "forward": "build_forward_model_spec_from_config",
    "inference": "build_inference_spec_basic",
    "physics_inference": "build_inference_spec_physics",
    "effects": "build_forward_model_spec_from_config",
}


def label_of(p: Parameter) -> Label | None:
    """Return the spec that the snippet uses: of one system, one in which the value can be set if there is one."""
    for system in DESIGNS:
        there = [label for spec in BUILDERS if (label := Label(system, spec)) in p.by_spec]
        if there:
            return next((label for label in there if p.kind(label) == "primitive"), there[0])
    return None


def name_of(label: Label) -> str:
    """Return the name of the variable that holds a spec."""
    system = "" if label.system == next(iter(DESIGNS)) else label.system.removeprefix("shera_") + "_"
    return system + label.spec


def config_name(label: Label) -> str:
    """Return the name of the configuration that a spec is built from."""
    return DESIGNS[label.system].upper() + "_CONFIG"


def preamble(members: list[Parameter]) -> str:
    """Return the code from which the snippets of a page start."""
    used = {p.key: label for p in members if (label := label_of(p))}
    if not used:
        return ""
    labels = [label for system in DESIGNS for spec in BUILDERS if (label := Label(system, spec)) in used.values()]
    configs = dict.fromkeys(map(config_name, labels))
    lines = ["import dluxshera as ds", *(f"from dluxshera.systems.catalogue import {config}" for config in configs)]
    if any(p.kind(used[p.key]) == "derived" for p in members if p.key in used):
        lines.append("from dluxshera.systems.registries import SHERA_RESOLVER")
    for label in labels:
        name, config = name_of(label), config_name(label)
        effects = dict.fromkeys(p.get("x-effect") for p in members if used.get(p.key) == label)
        if names := "".join(f'        "{effect}",\n' for effect in effects if effect):
            lines.append(f"\nwith_{name} = {config}.replace(\n    effects=[\n{names}    ]\n)")
            config = f"with_{name}"
        lines += [
            f"\n{name} = ds.{BUILDERS[label.spec]}(\n    {config}\n)",
            f"{name}_store = ds.ParameterStore.from_spec_defaults({name})",
        ]
    return "\n".join(["The snippets of this page start from:\n", "```python", *lines, "```\n"])


def snippet(p: Parameter, catalogue: Catalogue) -> str:
    """Return code that shows the value and, where it can be, sets it, with what it prints."""
    label = label_of(p)
    if label is None:
        return ""
    spec = name_of(label)
    given = p.by_spec[label].get("x-design-values", {}).get(DESIGNS[label.system])
    store, printed = f"{spec}_store", f"{given:.6g}" if isinstance(given, float) and given else ""
    if p.kind(label) == "derived":
        lines = [f"derived = SHERA_RESOLVER.resolve({spec}, {store})", f'value = derived["{p.key}"]']
    elif p.kind(label) == "structural":
        lines = [f'value = {spec}["{p.key}"].default']
    else:
        lines = [f'value = {store}["{p.key}"]']
    if printed:
        lines.append('print(f"{value:.6g}")')
    if "x-default-of-each" in p.by_spec[label]:
        lines.append("print(value.shape)")
        sizes = (p.by_spec[label]["minItems"], p.by_spec[label]["items"]["minItems"])
        printed = str(sizes)
        lines.append(f'changed = {store}.replace(\n    {{"{p.key}": 0.9 * value}}\n)')
    elif p.kind(label) == "primitive":
        lines.append(f'changed = {store}.replace(\n    {{"{p.key}": {new_value(p.by_spec[label]["default"])}}}\n)')
    elif knob := knob_of(p.key, label, catalogue):
        wanted = float(f"{given:.3g}") if given else 1.0
        lines.append(
            f'changed = ds.set_derived(\n    {store},\n    "{p.key}",\n    {wanted},\n    solve_for="{knob}",\n)'
        )
    output = ["```{ .text .output .no-copy }", printed, "```\n"] if printed else []
    return "\n".join(["```python", *lines, "```\n", *output])


def knob_of(key: str, label: Label, catalogue: Catalogue) -> str | None:
    """Return a number to solve for: the last that a derived value takes and that enters once only, so cannot cancel."""

    def inputs(one: str) -> list[str]:
        needed = catalogue.depends_on(one, label)
        return [*needed, *(deeper for other in needed for deeper in inputs(other))]

    found = inputs(key)
    # Of an effect, first what the effect itself brings: at its default, often zero, nothing else may have a derivative.
    effect = catalogue.parameters[key].get("x-effect")
    candidates = [*reversed(catalogue.depends_on(key, label)), *found]
    for candidate in sorted(candidates, key=lambda name: catalogue.parameters[name].get("x-effect") != effect):
        p = catalogue.parameters[candidate]
        number = p.by_spec[label].get("type") == "number"
        if number and p.kind(label) == "primitive" and found.count(candidate) == 1:
            return candidate
    return None


def new_value(default: Any) -> str:
    """Return the Python text of a value to set: the default, rounded."""
    return str(default) if isinstance(default, list) else text.number(default, 8)
