"""The error-budget page."""

from typing import Any

from dluxshera.reference import drawing, text

READING = """\
A contribution is what a term adds to the 1-sigma error of the answer, for one *estimator*: a list of fitted parameters. The same
perturbation can be harmless to one estimator and ruinous to another, so every number is given for each.

- **Allocation** is what the budget grants, **contribution** what is computed, **margin** the difference: negative is a deficit.
- **Bias** is signed and stands beside **sigma**, which is formal precision and knows nothing of wrong models.
- **Stealth** compares the bias with its trace in the residuals. Near 1 or above, a good fit gives no warning.
"""


def page(report: dict[str, Any]) -> str:
    """Return the text of the page."""
    budget, requirement = report["budget"], report["budget"]["requirement"]
    terms = {term["id"]: term for term in report["terms"]}
    parts = [
        text.MARK,
        f"\n# {budget['title']}\n",
        f'!!! abstract "Requirement {requirement["id"]}: {text.quantity(requirement)} ({requirement["status"]})"\n',
        text.indent(requirement["text"]) + "\n",
        "## How to read it\n",
        READING,
        "## Estimators\n",
        estimators(report),
        "## Allocation and contribution\n",
        *(tab(report, estimator) for estimator in report["estimators"]),
        "## Terms\n",
        *(section(term, terms, report["estimators"]) for term in report["terms"]),
        "## Reference point\n",
        text.facts((name.replace("_", " ").capitalize(), said(value)) for name, value in budget["reference"].items()),
        "## Provenance\n",
        provenance(report["provenance"]),
    ]
    return "\n".join(parts)


def said(value: Any) -> str:
    """Return a fact of the report, which may be text, a number, a quantity or a list."""
    if isinstance(value, dict):
        return text.quantity(value) if "value" in value else ", ".join(f"{k} {said(v)}" for k, v in value.items())
    return ", ".join(map(said, value)) if isinstance(value, list) else text.number(value)


def estimators(report: dict[str, Any]) -> str:
    head = ["Estimator", "Parameters", "Sigma", "Total", "Margin", "Note"]
    rows, keys = [], []
    for estimator in report["estimators"]:
        total = report["rollup"][estimator["id"]]
        rows.append([
            f"**{estimator['title']}**", str(estimator["n_parameters"]), text.quantity(estimator["sigma"]),
            text.quantity(total["total"]), text.quantity(total["margin"], "+"), estimator.get("note") or "",
        ])
        keys.append(f'??? note "Free parameters of *{estimator["title"]}*"\n\n    {text.links(estimator["free_keys"])}\n')
    classes = list(dict.fromkeys(c for total in report["rollup"].values() for c in total["by_class"]))
    by_class = [
        [f"**{e['title']}**", *(text.quantity(report["rollup"][e["id"]]["by_class"].get(c)) for c in classes)] for e in report["estimators"]
    ]
    return "\n".join([text.table(head, rows), "By class of term:\n", text.table(["Estimator", *classes], by_class), *keys])


def tab(report: dict[str, Any], estimator: dict[str, Any]) -> str:
    """Return the figure and the table of all terms for one estimator."""
    unit = report["budget"]["requirement"]["unit"]
    rows, bars = [], []
    for term in report["terms"]:
        result = term["results"].get(estimator["id"])
        if result is None:
            continue
        allocation = term["allocation"]
        rows.append([
            f"[{term['id']}][{term['id']}]", term["name"], term["class"], text.short(allocation["value"]) if allocation else text.NONE,
            text.short(result["contribution"]["value"]), text.short(result["margin"]["value"], "+") if result["margin"] else text.NONE,
            text.quantity(result["bias"], "+"), text.quantity(result["sigma"]),
            text.short(result["stealth"]) if result["stealth"] is not None else text.NONE,
        ])
        bars.append((f"{term['id']} {term['name']}", f"#{term['id']}", result["contribution"]["value"], allocation and allocation["value"]))
    head = ["Term", "Name", "Class", f"Allocation ({unit})", f"Contribution ({unit})", f"Margin ({unit})", "Bias", "Sigma", "Stealth"]
    caption = f"{estimator['title']}: bars are contributions, marks allocations; a bar in warning colour exceeds its allocation. Logarithmic axis."
    figure = drawing.figure(drawing.comparison(bars, unit), f"Contributions and allocations, {estimator['title']}", caption)
    return f'=== "{estimator["title"]}"\n\n' + text.indent(figure + "\n" + text.table(head, rows, data=True))


def section(term: dict[str, Any], terms: dict[str, dict[str, Any]], estimators: list[dict[str, Any]]) -> str:
    parent, evidence = term["parent"], term["evidence"]
    rows = [
        ("Part of", f"[{parent}][{parent}]" if parent in terms else parent or ""),
        ("Parameters", text.links(term["keys"])),
        ("Acts", term["acts"]),
        ("Magnitude", text.quantity(term["magnitude"])),
        ("Evidence", f"{evidence['tag']}: {evidence['source']}" if evidence.get("source") else evidence["tag"]),
        ("Class", term["class"]),
        ("Correlation group", term["group"] or ""),
        ("Combined by", term["rule"]),
        ("Allocation", text.quantity(term["allocation"]) if term["allocation"] else "none"),
        ("Owner", term["owner"] or ""),
        ("Status", term["status"]),
    ]
    results = [
        [
            estimator["title"], text.quantity(result["sensitivity"]), text.quantity(result["bias"], "+"), text.quantity(result["sigma"]),
            text.quantity(result["contribution"]), text.quantity(result["margin"], "+"),
            text.short(result["stealth"]) if result["stealth"] is not None else text.NONE,
        ]
        for estimator in estimators
        if (result := term["results"].get(estimator["id"]))
    ]
    head = ["Estimator", "Sensitivity", "Bias", "Sigma", "Contribution", "Margin", "Stealth"]
    title = f"### {term['id']} {term['name']} {{ #{term['id']} }}\n"
    return "\n".join([title, text.facts(rows), text.table(head, results) if results else ""])


def provenance(made: dict[str, Any]) -> str:
    rows = [
        (name.replace("_", " ").capitalize(), f"`{value}`") for name, value in made.items() if name not in ("command", "created_with")
    ]
    rows.append(("Created with", ", ".join(f"{name} {version}" for name, version in made["created_with"].items())))
    return "\n".join([text.facts(rows), "Recompute it:\n", "```bash", made["command"], "```", ""])
