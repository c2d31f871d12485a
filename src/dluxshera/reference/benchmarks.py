"""The benchmarks page, from the record of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dluxshera.drawing import Bar, bar_chart
from dluxshera.reference import text

RECORD = Path("docs/validation/benchmarks.json")
PAGE = Path("docs/validation/benchmarks.md")

INTRODUCTION = """\
Accuracy, speed and memory use of the model, each compared with its goal. Most rows also have a baseline, timed in the
same run and interleaved with the model. The ratios are the claims; the times depend on the machine. Tables without
goals follow: the parts of an image beside what a processor core can do, images with maps, the same image by other
packages, and the demos.
"""


def page(record: Mapping[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    record : mapping
        Content of `RECORD`, as ``make bench`` writes it.
    """
    rows = record["rows"]
    missed = [row for row in rows if not row["met"]]
    kind = "warning" if missed else "success"
    verdict = f"{len(missed)} of {len(rows)} goals missed" if missed else "All goals met"
    measured = f"Measured on {record['made']}."
    if record.get("stale"):
        kind, verdict = "warning", f"{verdict} by an earlier version"
        measured += f" They belong to commit `{record['commit'][:7]}`; the model has changed since then."
    bars = [Bar(_words(row["quantity"]), "#results", _used(row), 1.0) for row in rows]
    caption = (
        "Result divided by its goal, on a logarithmic axis; for a gain in speed, the goal divided by the gain. Shorter "
        "bars are better. The mark is the goal."
    )
    label = "Each result as a fraction of its goal"
    return "\n".join(
        [
            "---\nhide: [toc]\n---\n",
            "# Benchmarks\n",
            text.MARK + "\n",
            INTRODUCTION,
            f'!!! {kind} "{verdict}"\n',
            text.indent(measured) + "\n",
            "## Results\n",
            text.figure(bar_chart(bars, "of the goal", limit_name="goal", label=label), label, caption),
            text.markdown_table(
                ["Quantity", "Goal", "Result", "", "Quartiles", "Compared with", "Wall times, s", "Processor times, s"],
                [_row(row) for row in rows],
                kind="dense",
            ),
            "Times are medians: first the package, then the baseline. Processor time is the sum over all cores. Other"
            " work on the machine changes the times, but hardly the ratios of interleaved runs.\n",
            *(line for table in record.get("tables", ()) for line in _table(table)),
            "## Test case\n",
            text.facts(
                [
                    *((_capital(name), text.plain(str(value))) for name, value in record["case"].items()),
                    ("Baseline", text.plain(record["baseline"])),
                ]
            ),
            "## Provenance\n",
            text.facts(_provenance(record)),
            f"Download the record as [JSON]({RECORD.name}), or run the benchmarks again:\n",
            "```bash",
            record["command"],
            "```",
            "",
        ]
    )


def _row(row: Mapping[str, Any]) -> list[str]:
    goal = row["goal"]
    compared = row["compared"]
    if "baseline" in row:
        compared += f"; baseline: {text.short(row['baseline'])}"
    wall, processor = (_times(row.get(name)) for name in ("seconds", "processor_seconds"))
    return [
        row["quantity"],
        f"{goal['relation']} {_amount(goal['value'], goal['unit'])}",
        _amount(row["value"], goal["unit"]),
        "met" if row["met"] else "**missed**",
        " to ".join(text.short(value) for value in row.get("spread", [])) or text.NONE,
        text.plain(compared),
        wall,
        processor,
    ]


def _table(table: Mapping[str, Any]) -> list[str]:
    """Return the lines of a table without goals; its columns are the keys of its rows."""
    rows = table["rows"]
    cells = [[_cell(value) for value in row.values()] for row in rows]
    return [f"## {table['title']}\n", table["text"] + "\n", text.markdown_table(list(rows[0]), cells, kind="dense")]


def _cell(value: Any) -> str:
    return text.short(value) if isinstance(value, float) else text.plain(str(value))


def _times(value: Any) -> str:
    times = [] if value is None else value if isinstance(value, list) else [value]
    return " / ".join(text.short(time) for time in times) or text.NONE


def _amount(value: float, unit: str) -> str:
    return f"{text.short(value)}\N{NO-BREAK SPACE}{'×' if unit == 'times' else unit}".rstrip()


def _used(row: Mapping[str, Any]) -> float:
    """Return a result as a fraction of its goal; above 1, the goal is missed."""
    goal, value = row["goal"], row["value"]
    return float(goal["value"] / value if goal["relation"] == "at least" else value / goal["value"])


def _words(quantity: str) -> str:
    return quantity.replace("`", "")


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _provenance(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    machine = record["machine"]
    after = [("Load after", text.number(record["load_after"]))] if "load_after" in record else []
    return [
        ("Date", record["made"]),
        ("Machine", f"{text.plain(machine['cpu'])}, {machine['cores']} cores, {text.number(machine['memory_gb'])} GB"),
        ("Load before", text.number(record["load"])),
        *after,
        ("Versions", ", ".join(f"{name} {version}" for name, version in record["versions"].items())),
        ("Commit", f"`{record['commit'][:16]}…`"),
        ("Uncommitted files", ", ".join(f"`{path}`" for path in record["uncommitted"])),
    ]
