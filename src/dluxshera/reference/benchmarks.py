"""The page of the benchmarks, from the record of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dluxshera.reference import text
from dluxshera.reference.bar_chart import Bar, bar_chart

RECORD = Path("docs/validation/benchmarks.json")
PAGE = Path("docs/validation/benchmarks.md")

INTRODUCTION = """\
How accurate, how fast and how small the model is, each against its goal and most against a baseline that is timed in
the same run, in turn with it. A ratio is the claim; a time on some machine is not.
"""


def page(record: Mapping[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    record : mapping
        What ``make bench`` writes to `RECORD`.
    """
    rows = record["rows"]
    missed = [row for row in rows if not row["met"]]
    kind, said = ("warning", f"{len(missed)} of {len(rows)} goals missed") if missed else ("success", "All goals met")
    bars = [Bar(_words(row["quantity"]), "#results", _used(row), 1.0) for row in rows]
    caption = (
        "What each result uses of its goal, on a logarithmic axis: shorter is better, and the mark is the goal. Of a "
        "gain in speed it is the goal over the gain."
    )
    label = "Share of each goal that is used"
    return "\n".join(
        [
            "# Benchmarks\n",
            text.MARK + "\n",
            INTRODUCTION,
            f'!!! {kind} "{said}"\n',
            text.indent(f"Measured on {record['made']}.") + "\n",
            "## Results\n",
            text.figure(bar_chart(bars, "of the goal", limit_name="goal", label=label), label, caption),
            text.table(
                ["Quantity", "Goal", "Result", "", "Quartiles", "Compared with", "Times, s"],
                [_row(row) for row in rows],
            ),
            "Times are medians: the package's, and after it those of what it is compared with. They were taken on a"
            " machine that may have had other work, which a ratio of interleaved runs survives and a time does not.\n",
            "## The case\n",
            text.facts(
                [
                    *((_capital(name), text.plain(str(value))) for name, value in record["case"].items()),
                    ("Baseline", text.plain(record["baseline"])),
                ]
            ),
            "## Provenance\n",
            text.facts(_provenance(record)),
            f"Take it away as [JSON]({RECORD.name}), or measure again:\n",
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
        compared += f"; the baseline has {text.short(row['baseline'])}"
    times = " / ".join(text.short(value) for value in _listed(row.get("seconds")))
    return [
        row["quantity"],
        f"{goal['relation']} {_amount(goal['value'], goal['unit'])}",
        _amount(row["value"], goal["unit"]),
        "met" if row["met"] else "**missed**",
        " to ".join(text.short(value) for value in row.get("spread", [])) or text.NONE,
        text.plain(compared),
        times or text.NONE,
    ]


def _listed(value: Any) -> list[float]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _amount(value: float, unit: str) -> str:
    return f"{text.short(value)}\N{NO-BREAK SPACE}{'×' if unit == 'times' else unit}".rstrip()


def _used(row: Mapping[str, Any]) -> float:
    """Return the share of the goal that a result uses: above 1, it is missed."""
    goal, value = row["goal"], row["value"]
    return float(goal["value"] / value if goal["relation"] == "at least" else value / goal["value"])


def _words(quantity: str) -> str:
    return quantity.replace("`", "")


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _provenance(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    machine = record["machine"]
    return [
        ("Date", record["made"]),
        ("Machine", f"{text.plain(machine['cpu'])}, {machine['cores']} cores, {text.number(machine['memory_gb'])} GB"),
        ("Load before", text.number(record["load"])),
        ("Versions", ", ".join(f"{name} {version}" for name, version in record["versions"].items())),
        ("Commit", f"`{record['commit'][:16]}…`"),
        ("Not committed then", ", ".join(f"`{path}`" for path in record["uncommitted"])),
    ]
