"""Code examples on the parameter pages: read a parameter, set it, print it. The page tests run them."""

from collections.abc import Iterable
from typing import Any

from dluxshera.reference import text
from dluxshera.reference.inputs import Catalogue, Label, ParameterEntry

WIDTH = 76  # of a line of code on a page
# Design that the snippets start from, by system; a snippet uses the first of these systems that has the parameter.
DESIGNS = {
    "shera_threeplane": "shera_flight",
    "shera_fourplane": "shera_fourplane_example",
    "shera_twoplane": "shera_twoplane_flight",
}
SPEC_BUILDERS = {
    "forward": "build_forward_model_spec_from_config",
    "inference": "build_inference_spec_basic",
    "physics_inference": "build_inference_spec_physics",
    "effects": "build_forward_model_spec_from_config",
}


def label_of(p: ParameterEntry) -> Label | None:
    """Return the spec that the snippet uses: of the first system, a spec in which the value can be set if possible."""
    for system in DESIGNS:
        labels = [label for spec in SPEC_BUILDERS if (label := Label(system, spec)) in p.by_spec]
        if labels:
            return next((label for label in labels if p.kind(label) == "primitive"), labels[0])
    return None


def variable_of(label: Label) -> str:
    """Return the name of the variable for a spec."""
    system = "" if label.system == next(iter(DESIGNS)) else label.system.removeprefix("shera_") + "_"
    return system + label.spec


def configuration_name(label: Label) -> str:
    """Return the name of the configuration of a spec."""
    return DESIGNS[label.system].upper() + "_CONFIG"


def preamble(members: list[ParameterEntry]) -> str:
    """Return the code that the snippets of a page start from."""
    used = {p.key: label for p in members if (label := label_of(p))}
    if not used:
        return ""
    labels = [label for system in DESIGNS for spec in SPEC_BUILDERS if (label := Label(system, spec)) in used.values()]
    names = list(dict.fromkeys(map(configuration_name, labels)))
    if any(p.kind(used[p.key]) == "derived" for p in members if p.key in used):
        names.append("SHERA_RESOLVER")
    lines = ["import dluxshera as ds", *imports("dluxshera.systems", names)]
    for label in labels:
        name, config = variable_of(label), configuration_name(label)
        effects = dict.fromkeys(p.get("x-effect") for p in members if used.get(p.key) == label)
        if items := "".join(f'        "{effect}",\n' for effect in effects if effect):
            lines.append(f"\nwith_{name} = {config}.replace(\n    effects=[\n{items}    ]\n)")
            config = f"with_{name}"
        lines += [
            f"\n{name} = ds.{SPEC_BUILDERS[label.spec]}(\n    {config}\n)",
            f"{name}_store = ds.ParameterStore.from_spec_defaults({name})",
        ]
    return "\n".join(["The snippets of this page start from:\n", "```python", *lines, "```\n"])


def imports(module: str, names: Iterable[str]) -> list[str]:
    """Return the lines that import names from a module, in parentheses if one line is too long for a page."""
    line = f"from {module} import {', '.join(names)}"
    return [line] if len(line) <= WIDTH else [f"from {module} import (", *(f"    {name}," for name in names), ")"]


def snippet(p: ParameterEntry, catalogue: Catalogue) -> str:
    """Return code that prints the value and, if possible, sets it; then the printed output."""
    label = label_of(p)
    if label is None:
        return ""
    spec = variable_of(label)
    default = p.by_spec[label].get("x-design-values", {}).get(DESIGNS[label.system])
    store, printed = f"{spec}_store", f"{default:.6g}" if isinstance(default, float) and default else ""
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
        target = float(f"{default:.3g}") if default else 1.0
        lines.append(
            f'changed = ds.set_derived(\n    {store},\n    "{p.key}",\n    {target},\n    solve_for="{knob}",\n)'
        )
    output = ["```{ .text .output .no-copy }", printed, "```\n"] if printed else []
    return "\n".join(["```python", *lines, "```\n", *output])


def knob_of(key: str, label: Label, catalogue: Catalogue) -> str | None:
    """Return the primitive number to solve for: the last input of a derived value that enters it only once.

    An input that enters twice could cancel. Of a value that belongs to an effect it is a parameter of the effect: at
    their defaults, often zero or a flat curve, no other input may have a derivative.
    """

    def inputs(one: str) -> list[str]:
        needed = catalogue.depends_on(one, label)
        return [*needed, *(deeper for other in needed for deeper in inputs(other))]

    every_input = inputs(key)
    effect = catalogue.parameters[key].get("x-effect")
    for candidate in [*reversed(catalogue.depends_on(key, label)), *every_input]:
        p = catalogue.parameters[candidate]
        number = p.by_spec[label].get("type") == "number" and (effect is None or p.get("x-effect") == effect)
        if number and p.kind(label) == "primitive" and every_input.count(candidate) == 1:
            return candidate
    return None


def new_value(default: Any) -> str:
    """Return the default, rounded, as Python source."""
    return str(default) if isinstance(default, list) else text.number(default, 8)
