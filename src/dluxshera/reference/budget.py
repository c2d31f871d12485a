"""The error-budget page."""

from typing import Any

from dluxshera.reference import text
from dluxshera.reference.bar_chart import Bar, bar_chart
from dluxshera.reference.sources import REPORT

READING = """\
A contribution is what a term adds to the 1-sigma error of the answer, for one *estimator*: a list of fitted parameters.
The same perturbation can be harmless to one estimator and ruinous to another, so every number is given for each.

- **Allocation** is what the budget grants, **contribution** what is computed, **margin** the difference: negative is a
  deficit.
- **Bias** is signed and stands beside **sigma**, which is formal precision and knows nothing of wrong models.
- **Stealth** compares the bias with its trace in the residuals. Near 1 or above, a good fit gives no warning.
- **Linear to** is the magnitude up to which the bias is proportional to it, to 10 %.
"""

# What a result says of a term, with the sign that its values show.
COLUMNS = [("contribution", ""), ("margin", "+"), ("bias", "+"), ("sigma", "")]
HEADS = [name.capitalize() for name, _ in COLUMNS]


def page(report: dict[str, Any]) -> str:
    """Return the text of the page."""
    budget, requirement = report["budget"], report["budget"]["requirement"]
    terms = {term["id"]: term for term in report["terms"]}
    parts = [
        f"# {budget['title']}\n",
        text.MARK + "\n",
        f'!!! abstract "Requirement {requirement["id"]}: {text.quantity(requirement)} ({requirement["status"]})"\n',
        text.indent(text.plain(requirement["text"])) + "\n",
        "## How to read it\n",
        READING,
        "## Estimators\n",
        estimators(report),
        "## Allocation and contribution\n",
        *(tab(report, estimator) for estimator in report["estimators"]),
        "## Terms\n",
        *(section(term, terms, report["estimators"]) for term in report["terms"]),
        "## Reference point\n",
        reference_point(budget["reference"]),
        "## Provenance\n",
        provenance(report["provenance"]),
    ]
    return "\n".join(parts)


def reference_point(reference: dict[str, Any]) -> str:
    """Return where the budget was computed: its text, its facts and the parameters that are not at their default."""
    facts = [
        (name.replace("_", " ").capitalize(), text.quantity(value if isinstance(value, dict) else {"value": value}))
        for name, value in reference.items()
        if name not in ("text", "values")
    ]
    moved = ", ".join(f"{text.link(key)} = {text.number(value)}" for key, value in reference.get("values", {}).items())
    return "\n".join([text.plain(reference.get("text", "")) + "\n", text.facts([*facts, ("Set to", moved)])])


def estimators(report: dict[str, Any]) -> str:
    """Return the estimators with what each adds up to, and the parameters that each fits."""
    head = ["Estimator", "Parameters", "Sigma", "Total", "Margin", "Note"]
    rows, keys = [], []
    for estimator in report["estimators"]:
        total = report["rollup"][estimator["id"]]
        rows.append(
            [
                f"**{estimator['title']}**",
                str(estimator["n_parameters"]),
                text.quantity(estimator["sigma"]),
                text.quantity(total["total"]),
                text.quantity(total["margin"], "+"),
                text.plain(estimator.get("note") or ""),
            ]
        )
        free = text.links(estimator["free_keys"])
        keys.append(f'??? note "Free parameters of *{estimator["title"]}*"\n\n    {free}\n')
    classes = list(dict.fromkeys(c for total in report["rollup"].values() for c in total["by_class"]))
    by_class = [
        [f"**{e['title']}**", *(text.quantity(report["rollup"][e["id"]]["by_class"].get(c)) for c in classes)]
        for e in report["estimators"]
    ]
    notes = []
    if any(total.get("illustrative") for total in report["rollup"].values()):
        notes.append("The totals rest in part on illustrative magnitudes or on an illustrative requirement.")
    if left := report["budget"].get("reserve"):
        notes.append(f"The allocations leave a reserve of {text.quantity(left)}.")
    return "\n".join(
        [
            text.table(head, rows),
            " ".join(notes) + "\n",
            "By class of term:\n",
            text.table(["Estimator", *classes], by_class),
            *keys,
        ]
    )


def tab(report: dict[str, Any], estimator: dict[str, Any]) -> str:
    """Return the figure and the table of all terms for one estimator."""
    unit = report["budget"]["requirement"]["unit"]
    rows, bars = [], []
    for term in report["terms"]:
        result = term["results"].get(estimator["id"])
        if result is None:
            continue
        allocation = term["allocation"]
        rows.append(
            [
                f"[{term['id']}][{term['id']}]",
                term["name"],
                term["class"],
                bare(allocation, unit),
                *(bare(result[name], unit, sign) for name, sign in COLUMNS),
                text.short(result["stealth"]) if result["stealth"] is not None else text.NONE,
            ]
        )
        limit = allocation and allocation["value"]
        bars.append(Bar(f"{term['id']} {term['name']}", f"#{term['id']}", result["contribution"]["value"], limit))
    head = ["Term", "Name", "Class", "Allocation", *HEADS, "Stealth"]
    caption = (
        f"{estimator['title']}, in {text.unit(unit)}: bars are contributions and marks allocations, on a logarithmic "
        "axis. A bar in warning colour exceeds its allocation."
    )
    label = f"Contributions and allocations, {estimator['title']}"
    chart = bar_chart(bars, text.unit(unit), limit_name="allocation", label=label)
    figure = text.figure(chart, label, caption)
    return f'=== "{estimator["title"]}"\n\n' + text.indent(figure + "\n" + text.table(head, rows, data=True))


def bare(given: dict[str, Any] | None, unit: str, sign: str = "") -> str:
    """Return a value without its unit, where that is the `unit` of the table."""
    return text.short(given["value"], sign) if given and given["unit"] == unit else text.quantity(given, sign)


def section(term: dict[str, Any], terms: dict[str, dict[str, Any]], estimators: list[dict[str, Any]]) -> str:
    """Return what is known of one term, and its results for each estimator."""
    parent, evidence = term["parent"], term["evidence"]
    rows = [
        ("Part of", f"[{parent}][{parent}]" if parent in terms else parent or ""),
        ("Parameters", text.links(term["keys"])),
        ("Acts", text.plain(term["acts"])),
        ("Magnitude", text.quantity(term["magnitude"])),
        ("Evidence", text.plain(": ".join(filter(None, [evidence["tag"], evidence.get("source")])))),
        ("Class", term["class"]),
        ("Correlation group", term["group"] or ""),
        ("Combined by", term["rule"]),
        ("Allocation", text.quantity(term["allocation"]) if term["allocation"] else "none"),
        ("Verified by", text.plain(term.get("verification") or "")),
        ("Owner", term["owner"] or ""),
        ("Status", term["status"]),
    ]
    results = [
        [
            estimator["title"],
            text.quantity(result["sensitivity"]),
            *(text.quantity(result[name], sign) for name, sign in COLUMNS),
            text.short(result["stealth"]) if result["stealth"] is not None else text.NONE,
            text.quantity(result.get("linear_range")),
        ]
        for estimator in estimators
        if (result := term["results"].get(estimator["id"]))
    ]
    head = ["Estimator", "Sensitivity", *HEADS, "Stealth", "Linear to"]
    title = f"### {term['id']} {term['name']} {{ #{term['id']} }}\n"
    return "\n".join([title, text.facts(rows), text.table(head, results) if results else ""])


def provenance(made: dict[str, Any]) -> str:
    """Return what the report was made from, and the command that makes it again."""
    rows = [
        (name.replace("_", " ").capitalize(), f"`{value[:16]}…`" if name.endswith("_hash") else f"`{value}`")
        for name, value in made.items()
        if name not in ("command", "created_with")
    ]
    rows.append(("Created with", ", ".join(f"{name} {version}" for name, version in made["created_with"].items())))
    return "\n".join(
        [
            text.facts(rows),
            f"Take it away as [JSON](data/{REPORT.name}), or recompute it:\n",
            "```bash",
            made["command"],
            "```",
            "",
        ]
    )
