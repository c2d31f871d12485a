"""Compare the numbers of two commits: images, gradients, Jacobians, Fisher matrices, derived values and schemas.

Run ``dump`` with the interpreter and the source of each commit, then ``compare``::

    PYTHONPATH=/path/to/before/src python tests/support/compare_commits.py dump before.npz /path/to/before
    PYTHONPATH=src python tests/support/compare_commits.py dump after.npz .
    python tests/support/compare_commits.py compare before.npz after.npz

Only names that the top level of the package has had since its first commits are used, so that the script runs on both.
Exit code 1 where anything differs by a bit.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

OBSERVATIONS = ("flight", "testbed", "twoplane_flight", "twoplane_testbed", "fourplane_example")
SPECS = ("forward", "inference", "physics_inference")
SMALL = ("image_npix=32",)


def dump(path: Path, checkout: Path) -> None:
    """Write the numbers of the package that this interpreter imports, and the schemas of its checkout."""
    import jax

    jax.config.update("jax_enable_x64", True)
    numbers: dict[str, Any] = {}
    for name, value in [*_models(checkout), *_defaults()]:
        numbers[name] = np.asarray(value)
    for file in sorted((checkout / "schemas").rglob("*.json")):
        text = json.dumps(json.loads(file.read_text(encoding="utf-8")), sort_keys=True)
        numbers[f"schema {file.relative_to(checkout).as_posix()}"] = np.asarray(text)
    report = json.loads((checkout / "docs/reference/data/error-budget-report.json").read_text(encoding="utf-8"))
    numbers |= {f"report {at}": np.asarray(value) for at, value in _leaves(report)}
    np.savez_compressed(path, **numbers)
    print(f"{path}: {len(numbers)} arrays")


def _models(checkout: Path) -> Iterator[tuple[str, Any]]:
    """Return images, gradients, Jacobians and derived values of small models, without effects and with all."""
    import jax
    import jax.numpy as jnp

    import dluxshera as ds

    builders = {
        "forward": ds.build_forward_model_spec_from_config,
        "inference": ds.build_inference_spec_basic,
        "physics_inference": ds.build_inference_spec_physics,
    }
    binders = {
        "shera_twoplane": ds.SheraTwoPlaneBinder,
        "shera_threeplane": ds.SheraThreePlaneBinder,
        "shera_fourplane": ds.SheraFourPlaneBinder,
    }
    for observation in OBSERVATIONS:
        plain, *_ = ds.load_model(f"observation/{observation}_alpha_cen", overrides=SMALL)
        schema = checkout / "schemas" / plain.system_id / "0.1.0" / "config.schema.json"
        effects = tuple(json.loads(schema.read_text(encoding="utf-8"))["properties"]["effects"]["x-effects"])
        for spec_name in SPECS:
            for all_effects in (False, True):
                config = plain.replace(effects=effects if all_effects else ())
                spec = builders[spec_name](config)
                store = _away_from_defaults(ds.ParameterStore.from_spec_defaults(spec))
                binder = binders[config.system_id](config, spec, store)
                name = f"{observation} {spec_name} {'all effects' if all_effects else 'plain'}"
                image = binder.predict(store)
                yield f"{name} image", image
                yield from ((f"{name} derived {key}", value) for key, value in binder.derived(store).items())
                weights = jnp.asarray(np.random.default_rng(1).standard_normal(image.shape))

                def weighted(values: Any, binder: Any = binder, weights: Any = weights) -> Any:
                    return jnp.sum(weights * binder.predict(values))

                gradient = jax.jit(jax.grad(weighted))(store)
                yield from ((f"{name} gradient {key}", value) for key, value in gradient.items())
                if all_effects or spec_name != "inference":
                    continue
                free = spec.subset([key for key in spec.primitives if spec[key].prior is not None])
                theta = ds.pack_params(store, free)

                def counts(vector: Any, free: Any = free, store: Any = store, binder: Any = binder) -> Any:
                    return binder.predict(ds.unpack_params(vector, free, store)).ravel()

                jacobian = np.asarray(jax.jacfwd(counts)(theta))
                yield f"{name} labels", np.asarray(free.labels)
                yield f"{name} Jacobian", jacobian
                yield f"{name} Fisher", jacobian.T @ (jacobian / np.asarray(counts(theta))[:, None])


def _away_from_defaults(store: Any) -> Any:
    """Return a store whose every value differs a little from its default, so that no derivative is zero by symmetry."""
    rng = np.random.default_rng(0)
    values = {}
    for key in sorted(store):
        value = np.asarray(store[key], dtype=float)
        step = rng.uniform(0.0, 1e-3, value.shape)
        values[key] = value * (1 - step) if np.any(value) else step * (1.0 if key.endswith("_nm") else 1e-3)
    return store.replace(values)


def _defaults() -> Iterator[tuple[str, Any]]:
    """Return the image of each packaged observation as it is shipped."""
    import dluxshera as ds

    for observation in OBSERVATIONS:
        config, spec, store = ds.load_model(f"observation/{observation}_alpha_cen")
        binder = {2: ds.SheraTwoPlaneBinder, 3: ds.SheraThreePlaneBinder, 4: ds.SheraFourPlaneBinder}[
            {"shera_twoplane": 2, "shera_threeplane": 3, "shera_fourplane": 4}[config.system_id]
        ](config, spec, store)
        yield f"{observation} default image", binder.predict(store)


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{at}.{name}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _leaves(item, f"{at}[{i}]")
    else:
        yield at, str(value) if value is None or isinstance(value, bool) else value


def compare(before: Path, after: Path) -> int:
    """Print each array that differs, with the largest relative difference; return how many."""
    old, new = np.load(before), np.load(after)
    differences = 0
    for name in sorted(set(old.files) | set(new.files)):
        if name not in old.files or name not in new.files:
            text = "only before" if name in old.files else "only after"
        elif np.array_equal(a := old[name], b := new[name], equal_nan=a.dtype.kind == "f"):
            continue
        elif a.dtype.kind in "fiu" and a.shape == b.shape:
            scale = max(float(np.max(np.abs(a))), 1e-300)
            text = f"differs by {float(np.max(np.abs(a - b))) / scale:.1e} of the largest"
        else:
            text = "differs"
        differences += 1
        print(f"{name}: {text}")
    print(f"{len(set(old.files) & set(new.files))} arrays in both, {differences} differences")
    return differences


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("dump", help="write the numbers of one commit")
    writing.add_argument("path", type=Path)
    writing.add_argument("checkout", type=Path)
    reading = commands.add_parser("compare", help="compare two files of numbers")
    reading.add_argument("before", type=Path)
    reading.add_argument("after", type=Path)
    options = parser.parse_args()
    if options.command == "dump":
        dump(options.path, options.checkout)
    elif compare(options.before, options.after):
        sys.exit(1)


if __name__ == "__main__":
    main()
