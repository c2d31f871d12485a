"""Code that reads a parameter and sets it, for the reader to copy; the tests of the pages run it."""

from typing import Any

from dluxshera.reference import text
from dluxshera.reference.sources import Label, Parameter

# The configuration that snippets start from, the first system that has the parameter; and what builds each spec.
CONFIGS = {"shera_threeplane": "SHERA_FLIGHT_CONFIG"}
BUILDERS = {"forward": "build_forward_model_spec_from_config", "inference": "build_inference_spec_basic"}
DESIGN = "shera_flight"


def label_of(p: Parameter) -> Label | None:
    """Return the spec that the snippet uses: one in which the value can be set, if there is one."""
    usable = [
        Label(system, spec)
        for system in CONFIGS
        for spec in BUILDERS
        if p.kind(Label(system, spec)) in ("primitive", "derived")
    ]
    return next((label for label in usable if p.kind(label) == "primitive"), next(iter(usable), None))


def name_of(label: Label) -> str:
    """Return the name of the variable that holds a spec."""
    system = "" if label.system == next(iter(CONFIGS)) else label.system.removeprefix("shera_") + "_"
    return system + label.spec


def preamble(members: list[Parameter]) -> str:
    """Return the code from which the snippets of a page start."""
    used = {p.key: label for p in members if (label := label_of(p))}
    if not used:
        return ""
    lines = ["import dluxshera as ds"]
    if any(p.kind(used[p.key]) == "derived" for p in members if p.key in used):
        lines.append("from dluxshera.systems.transforms import SHERA_RESOLVER")
    for label in [Label(system, spec) for system in CONFIGS for spec in BUILDERS]:
        if label in used.values():
            name = name_of(label)
            lines += [
                f"\n{name} = ds.{BUILDERS[label.spec]}(\n    ds.{CONFIGS[label.system]}\n)",
                f"{name}_store = ds.ParameterStore.from_spec_defaults({name})",
            ]
    return "\n".join(["The snippets of this page start from:\n", "```python", *lines, "```\n"])


def snippet(p: Parameter) -> str:
    """Return code that shows the value and, where it can be, sets it, with what it prints."""
    label = label_of(p)
    if label is None:
        return ""
    spec = name_of(label)
    given = p.by_spec[label].get("x-design-values", {}).get(DESIGN)
    store, printed = f"{spec}_store", f"{given:.6g}" if isinstance(given, float) and given else ""
    if p.kind(label) == "derived":
        lines = [f"derived = SHERA_RESOLVER.resolve({spec}, {store})", f'value = derived["{p.key}"]']
    else:
        lines = [f'value = {store}["{p.key}"]']
    if printed:
        lines.append('print(f"{value:.6g}")')
    if p.kind(label) == "primitive":
        lines.append(f'{store} = {store}.replace(\n    {{"{p.key}": {new_value(p.by_spec[label]["default"])}}}\n)')
    output = ["```{ .text .output .no-copy }", printed, "```\n"] if printed else []
    return "\n".join(["```python", *lines, "```\n", *output])


def new_value(default: Any) -> str:
    """Return the Python text of a value to set: the default, rounded."""
    return str(default) if isinstance(default, list) else text.number(default, 8)
