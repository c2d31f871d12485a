"""`dluxshera params`: list the parameters of a system, describe one, and show dependencies."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dluxshera.cli.common import AsJson, example, group, print_json
from dluxshera.console import print_table

app = group("The parameters of each system, and their dependencies.")

System = Annotated[str, typer.Option(help="Id of the optical system.")]
Spec = Annotated[str, typer.Option(help="Name of the spec: forward, inference or physics_inference.")]


def _spec(system: str, name: str) -> Any:
    """Return the spec of a system's first design."""
    from dluxshera.errors import UnknownKeyError
    from dluxshera.systems import CONFIGS, build_spec

    configs = {config.system_id: config for config in reversed(CONFIGS.values())}
    if system not in configs:
        raise UnknownKeyError(system, configs, expected="a system")
    return build_spec(configs[system], name)


def _plain(item: Any) -> dict[str, Any]:
    from dluxshera.params import field_schema

    return {"key": item.key, **field_schema(item, {})}


@app.command("list", epilog=example("dluxshera params list --spec inference"))
def params_list(system: System = "shera_threeplane", spec: Spec = "forward", as_json: AsJson = False) -> None:
    """List the parameters of a spec."""
    fields = _spec(system, spec).fields
    if as_json:
        print_json([_plain(item) for item in fields])
        return
    head = ("Parameter", "Title", "Kind", "Unit", "Default")
    print_table(head, [(x.key, x.title, x.kind, _unit(x), _default(x)) for x in fields])


@app.command("show", epilog=example("dluxshera params show system.plate_scale_as_per_pix"))
def params_show(
    key: Annotated[str, typer.Argument(help="Key of the parameter, such as binary.separation_as.")],
    system: System = "shera_threeplane",
    spec: Spec = "forward",
    as_json: AsJson = False,
) -> None:
    """Show all properties of one parameter in a spec."""
    param_spec = _spec(system, spec)
    item = param_spec[key]
    if as_json:
        print_json({**_plain(item), "used_by": _used_by(param_spec, key)})
        return
    rows = {
        "Title": item.title,
        "Description": item.doc,
        "Kind": f"{item.kind} in {param_spec.title}",
        "Unit": _unit(item) or "none, a pure number",
        "Default": _default(item),
        "Allowed": str(item.bounds),
        "Components": ", ".join(item.components),
        "Prior": ", ".join(f"{name} {value}" for name, value in item.prior.as_dict().items()) if item.prior else "",
        "Depends on": "\n".join(item.depends_on),
        "Used by": "\n".join(_used_by(param_spec, key)),
        "Computed by": item.transform,
        "Source": item.source,
        "Since": item.since,
    }
    print_table((key, ""), [(name, text) for name, text in rows.items() if text])


@app.command("graph", epilog=example("dluxshera params graph --system shera_fourplane"))
def params_graph(system: System = "shera_threeplane", spec: Spec = "forward", as_json: AsJson = False) -> None:
    """Show the inputs of each derived parameter, as a tree."""
    param_spec = _spec(system, spec)
    if as_json:
        print_json({key: list(param_spec[key].depends_on) for key in param_spec.derived})
        return
    from rich.console import Console
    from rich.tree import Tree

    def grow(tree: Tree, key: str) -> None:
        for name in param_spec[key].depends_on:
            grow(tree.add(name), name)

    roots = [key for key in param_spec.derived if not _used_by(param_spec, key)]
    for key in roots:
        tree = Tree(key)
        grow(tree, key)
        Console(soft_wrap=True).print(tree, highlight=False, markup=False)
    if not roots:
        print(f"{param_spec.title} has no derived parameter")


def _used_by(spec: Any, key: str) -> list[str]:
    return [other for other in spec.derived if key in spec[other].depends_on]


def _unit(item: Any) -> str:
    from dluxshera.params import own_unit

    return own_unit(item)


def _default(item: Any) -> str:
    if item.default is None:
        return ""
    if not isinstance(item.default, tuple):
        return f"{item.default:.9g}"
    same = len(set(item.default)) == 1
    return f"{len(item.default)} x {item.default[0]:g}" if same else ", ".join(f"{x:g}" for x in item.default)
