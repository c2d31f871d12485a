"""The error-budget page."""

from typing import Any

from dluxshera.reference import text
from dluxshera.reference.bar_chart import Bar, bar_chart
from dluxshera.reference.inputs import REPORT_FILE

READING = """\
A contribution is the 1-sigma error that a term adds to the measured separation in one *estimator*, a list of fitted
parameters. The same perturbation can be harmless to one estimator and large for another, so each number is listed per
estimator.

- **Allocation** is the error that the budget grants to a term, **contribution** the computed error, and **margin** the
  allocation minus the contribution. A negative margin is a deficit.
- **Bias** is the signed error of the separation. **Sigma** is the formal precision of the fit, which assumes that the
  model is correct.
- **Stealth** compares the bias with the residuals that it leaves. At about 1 or above, the fit is good although the
  separation is wrong.
- **Linear to** is the largest magnitude for which the bias is proportional to the magnitude, to within 10 %.
"""

# Columns of the results, with "+" where positive values are written with their sign.
COLUMNS = [("contribution", ""), ("margin", "+"), ("bias", "+"), ("sigma", "")]
HEADS = [name.capitalize() for name, _ in COLUMNS]


def page(report: dict[str, Any]) -> str:
    """Return the text of the page."""
    budget, requirement = report["budget"], report["budget"]["requirement"]
    terms = {term["id"]: term for term in report["terms"]}
    parts = [
        f"# {budget['title']}\n",
        text.MARK + "\n",
        f'!!! abstract "Requirement {requirement["id"]}: {text.with_unit(requirement)} ({requirement["status"]})"\n',
        text.indent(text.plain(requirement["text"])) + "\n",
        "## Definitions\n",
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
    """Return the reference point of the budget: its text, its facts and the overrides of its profile."""
    facts = [
        (name.replace("_", " ").capitalize(), text.with_unit(value if isinstance(value, dict) else {"value": value}))
        for name, value in reference.items()
        if name not in ("text", "overrides") and value is not None
    ]
    overrides = "; ".join(map(override, reference["overrides"]))
    return "\n".join([text.plain(reference["text"]) + "\n", text.facts([*facts, ("Overrides", overrides)])])


def override(setting: str) -> str:
    """Return an override of the profile, ``key=value unit``, with a link to the parameter."""
    key, _, value = setting.partition("=")
    return f"{text.link(key) if '.' in key else f'`{key}`'} = {value}"


def estimators(report: dict[str, Any]) -> str:
    """Return the table of estimators with their totals, and the parameters that each estimator fits."""
    head = ["Estimator", "Parameters", "Sigma", "Total", "Margin", "Note"]
    rows, keys = [], []
    for estimator in report["estimators"]:
        total = report["rollup"][estimator["id"]]
        rows.append(
            [
                f"**{estimator['title']}**",
                str(estimator["n_parameters"]),
                text.with_unit(estimator["sigma"]),
                text.with_unit(total["total"]),
                text.with_unit(total["margin"], "+"),
                text.plain(estimator.get("note") or ""),
            ]
        )
        free = text.links(estimator["free_keys"])
        keys.append(f'??? note "Free parameters of *{estimator["title"]}*"\n\n    {free}\n')
    classes = list(dict.fromkeys(c for total in report["rollup"].values() for c in total["by_class"]))
    by_class = [
        [f"**{e['title']}**", *(text.with_unit(report["rollup"][e["id"]]["by_class"].get(c)) for c in classes)]
        for e in report["estimators"]
    ]
    notes = []
    if any(total.get("illustrative") for total in report["rollup"].values()):
        notes.append("Some of the magnitudes in these totals, or the requirement, are illustrative.")
    if reserve := report["budget"].get("reserve"):
        notes.append(f"The allocations leave a reserve of {text.with_unit(reserve)}.")
    return "\n".join(
        [
            text.markdown_table(head, rows),
            " ".join(notes) + "\n",
            "By class of term:\n",
            text.markdown_table(["Estimator", *classes], by_class),
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
    return f'=== "{estimator["title"]}"\n\n' + text.indent(figure + "\n" + text.markdown_table(head, rows, kind="data"))


def bare(quantity: dict[str, Any] | None, unit: str, sign: str = "") -> str:
    """Return a value, without its unit if that is the unit of the table."""
    if quantity and quantity["unit"] == unit:
        return text.short(quantity["value"], sign)
    return text.with_unit(quantity, sign)


def section(term: dict[str, Any], terms: dict[str, dict[str, Any]], estimators: list[dict[str, Any]]) -> str:
    """Return the section of one term: its properties and its results for each estimator."""
    parent, evidence = term["parent"], term["evidence"]
    rows = [
        ("Part of", f"[{parent}][{parent}]" if parent in terms else parent or ""),
        ("Parameters", text.links(term["keys"])),
        ("Acts", text.plain(term["acts"])),
        ("Magnitude", text.with_unit(term["magnitude"])),
        ("Evidence", text.plain(": ".join(filter(None, [evidence["tag"], evidence.get("source")])))),
        ("Class", term["class"]),
        ("Correlation group", term["group"] or ""),
        ("Combined by", term["rule"]),
        ("Allocation", text.with_unit(term["allocation"]) if term["allocation"] else "none"),
        ("Verified by", text.plain(term.get("verification") or "")),
        ("Owner", term["owner"] or ""),
        ("Status", term["status"]),
    ]
    results = [
        [
            estimator["title"],
            text.with_unit(result["sensitivity"]),
            *(text.with_unit(result[name], sign) for name, sign in COLUMNS),
            text.short(result["stealth"]) if result["stealth"] is not None else text.NONE,
            text.with_unit(result.get("linear_range")),
        ]
        for estimator in estimators
        if (result := term["results"].get(estimator["id"]))
    ]
    head = ["Estimator", "Sensitivity", *HEADS, "Stealth", "Linear to"]
    title = f"### {term['id']} {term['name']} {{ #{term['id']} }}\n"
    return "\n".join([title, text.facts(rows), text.markdown_table(head, results) if results else ""])


def provenance(record: dict[str, Any]) -> str:
    """Return the inputs of the report, and the command that recomputes it."""
    rows = [
        (name.replace("_", " ").capitalize(), shortened(value) if name.endswith("_hash") else f"`{value}`")
        for name, value in record.items()
        if name not in ("command", "created_with", "profiles")
    ]
    profiles = (
        f"{text.plain(item['kind'] + '/' + item['name'])} {shortened(item['content_hash'])}"
        for item in record["profiles"]
    )
    rows.append(("Profiles", ", ".join(profiles)))
    rows.append(("Created with", ", ".join(f"{name} {version}" for name, version in record["created_with"].items())))
    return "\n".join(
        [
            text.facts(rows),
            f"Download the report as [JSON](data/{REPORT_FILE.name}), or recompute it:\n",
            "```bash",
            record["command"],
            "```",
            "",
        ]
    )


def shortened(digest: str) -> str:
    """Return the first 16 digits of a hash, without the name of its algorithm."""
    return f"`{digest.removeprefix('sha256:')[:16]}…`"
