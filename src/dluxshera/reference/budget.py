"""The overview page of the error budget: verdict, completeness, margins, figures, terms and provenance."""

from collections.abc import Mapping
from typing import Any

from dluxshera.error_budget import NO_RESULT, budget_figures
from dluxshera.reference import budget_terms, text
from dluxshera.reference.inputs import REPORT_FILE

READING = """\
A contribution is the 1-sigma error that a term adds to the measured separation in one *estimator*, a list of fitted
parameters. The same perturbation can be harmless to one estimator and large for another, so each number is listed per
estimator. The requirement judges the *baseline* estimator; the others are for comparison. The
[methods](error-budget-methods.md) have the equations.

- **Allocation** is the error that the budget grants to a term, **contribution** the computed error, and **margin** the
  allocation minus the contribution. A negative margin is a deficit.
- **Bias** is the signed error of the separation; of one that the computation does not resolve, the bound is listed.
  **Sigma** is the formal precision of the fit, which assumes that the model is correct.
- **Share** is the part of the variance of the total.
- **Stealth** compares the bias with the residuals that it leaves. At about 1 or above, the fit is good although the
  separation is wrong.
- **Linear to** is the largest magnitude for which the bias is proportional to the magnitude, to within 10 %.
"""


def page(report: dict[str, Any]) -> str:
    """Return the text of the page."""
    budget = report["budget"]
    figures = budget_figures(report, target)
    parts = [
        f"# {budget['title']}\n",
        text.MARK + "\n",
        *budget_terms.requirement(report),
        "## Verdict\n",
        verdict(report),
        "## Definitions\n",
        READING,
        "## Estimators\n",
        estimators(report),
        "## Allocation and contribution\n",
        *(tab(report, estimator, figures) for estimator in report["estimators"]),
        "## Tree of terms\n",
        text.figure(figures["tree"], "Tree of terms", TREE),
        "## Terms\n",
        *budget_terms.sections(report),
        "## Reference point\n",
        reference_point(budget["reference"], report["state"]) if budget["reference"] else "The budget has no model.\n",
        "## Provenance\n",
        provenance(report["provenance"]),
    ]
    return "\n".join(parts)


TREE = (
    "Each term with its contribution to the baseline and its allocation. A thick border marks a contribution above its "
    "allocation, and a dashed one a term that is not added."
)


def target(name: str) -> str:
    """Return the address of the section of a term or a parameter, from the page of the budget."""
    return f"parameters/{name.partition('.')[0]}.html#{name}" if "." in name and name.islower() else f"#{name}"


def target_elsewhere(name: str) -> str:
    """Return the address of the section of a term or a parameter, from another page of the reference."""
    address = target(name)
    return f"error-budget.html{address}" if address.startswith("#") else address


def verdict(report: dict[str, Any]) -> str:
    """Return the verdict: completeness and open inputs before any margin, then margins and deficits."""
    counts, requirement = report["completeness"], report["budget"]["requirement"]
    covered, open_keys = counts["with_term"] + counts["excluded"], len(counts["open"])
    faults = report["trace"]["faults"]
    total = report["rollup"][report["baseline"]]
    kept = total["margin"]["value"] >= 0
    baseline = title_of(report, report["baseline"])
    margin = {**total["margin"], "value": abs(total["margin"]["value"])}
    complete = not open_keys and not counts["undetermined"]
    summary = [
        f"**Completeness.** {covered} of {counts['parameters']} parameters have a term or a reasoned exclusion; "
        f"{open_keys} have neither. [Parameters and trace](error-budget-parameters.md)",
        f"**Inputs.** {len(counts['illustrative'])} are illustrative and {len(counts['undetermined'])} are to be "
        f"determined. {len(counts['unverified'])} terms have no verification. "
        "[Verification](error-budget-verification.md)",
        f"**Trace.** {len(faults)} links are missing or not real." if faults else "**Trace.** Every link is real.",
        f"**Margin.** {baseline}: {text.with_unit(total['total'])} of {text.with_unit(requirement)}, "
        f"{'a margin' if kept else '**a deficit**'} of {text.with_unit(margin)}"
        + (", with illustrative inputs." if total.get("illustrative") else "."),
    ]
    state = "complete" if complete else "incomplete"
    kind = "success" if kept and complete else "warning" if kept else "failure"
    head = f"The budget is {state}, and its baseline {'meets' if kept else 'exceeds'} the requirement"
    parts = [f'!!! {kind} "{head}"\n', text.indent("\n".join(f"- {line}" for line in summary)) + "\n"]
    if report["deficits"]:
        parts += ["Deficits, each the excess over a limit:\n", deficits_table(report)]
    return "\n".join(parts)


def deficits_table(report: Mapping[str, Any]) -> str:
    """Return the table of the deficits: a row for each requirement or term, a column for each estimator."""
    names = {report["budget"]["requirement"]["id"]: "The requirement"}
    names |= {term["id"]: term["name"] for term in report["terms"]}
    columns: list[str | None] = [None] * any(item["estimator"] is None for item in report["deficits"])
    columns += [estimator["id"] for estimator in report["estimators"]]
    excess = {(item["id"], item["estimator"]): item for item in report["deficits"]}
    rows = [
        [f"[{name}](#{name})", text.plain(title), *(text.with_unit(excess.get((name, column))) for column in columns)]
        for name, title in names.items()
        if any((name, column) in excess for column in columns)
    ]
    heads = [title_of(report, column) if column else "Allocations below it" for column in columns]
    return text.markdown_table(["Row", "Name", *heads], rows, kind="dense")


def title_of(report: Mapping[str, Any], estimator: str) -> str:
    """Return the title of an estimator."""
    return next(item["title"] for item in report["estimators"] if item["id"] == estimator)


def reference_point(reference: dict[str, Any], state: Mapping[str, Any]) -> str:
    """Return the reference point of the budget: its text, its facts, its state and the overrides of its profile."""
    numbers = {name: value for name, value in state.items() if name not in ("findings", "severity", "condition")}
    facts = [
        (name.replace("_", " ").capitalize(), text.with_unit(value if isinstance(value, dict) else {"value": value}))
        for name, value in [*reference.items(), *numbers.items()]
        if name not in ("text", "overrides") and value is not None
    ]
    overrides = "; ".join(map(override, reference["overrides"]))
    return "\n".join(
        [
            text.plain(reference["text"]) + "\n",
            *(finding(item) for item in state.get("findings", ())),
            text.facts([*facts, ("Overrides", overrides)]),
        ]
    )


_KINDS = {"information": "info", "warning": "warning", "error": "failure"}


def finding(item: Mapping[str, str]) -> str:
    """Return a finding about the state of the reference point as an admonition."""
    return f'!!! {_KINDS[item["severity"]]} "{item["severity"].capitalize()}"\n\n    {text.plain(item["text"])}.\n'


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
        baseline = " (baseline)" if estimator["id"] == report["baseline"] else ""
        rows.append(
            [
                f"**{estimator['title']}**{baseline}",
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


def tab(report: dict[str, Any], estimator: dict[str, Any], figures: Mapping[str, str]) -> str:
    """Return the figures and the table of all terms for one estimator."""
    unit, name = report["budget"]["requirement"]["unit"], estimator["id"]
    shares = report["rollup"][name]["shares"]
    rows = []
    for term in report["terms"]:
        result = term["results"].get(name, NO_RESULT)
        rows.append(
            [
                f"[{term['id']}][{term['id']}]",
                term["name"],
                term["class"],
                bare(term["allocation"], unit),
                bounded(result, "contribution", unit),
                bare(result["margin"], unit, "+"),
                bounded(result, "bias", unit, "+"),
                f"{100 * shares[term['id']]:.1f}",
                text.short(result["stealth"]) if result["stealth"] is not None else text.NONE,
            ]
        )
    head = ["Term", "Name", "Class", "Allocation", "Contribution", "Margin", "Bias", "Share, %", "Stealth"]
    printed = text.unit(unit)
    captions = {
        "allocation": f"Contribution of each term as a bar and its allocation as a mark, {printed}, on a logarithmic "
        "axis. A bar in warning colour exceeds its allocation.",
        "tornado": f"Effect of each term, the largest first, {printed}. A bias has its sign, and noise both signs.",
        "waterfall": f"Formal error, {printed}, with each fitted parameter and all above it fitted.",
    }
    drawn = [
        text.figure(
            figures[f"{kind}-{name}"], f"{kind.capitalize()}, {estimator['title']}", f"{estimator['title']}. {c}"
        )
        for kind, c in captions.items()
    ]
    folded = [
        f'??? note "{title}"\n\n' + text.indent(figure)
        for title, figure in zip(("Tornado", "Marginalisation waterfall"), drawn[1:], strict=True)
    ]
    content = "\n".join([drawn[0], *folded, text.markdown_table(head, rows, kind="compact data")])
    return f'=== "{estimator["title"]}"\n\n' + text.indent(content)


def bounded(result: Mapping[str, Any], name: str, unit: str, sign: str = "") -> str:
    """Return a value of a result, and for a bias that is not resolved the bound below which it lies."""
    value, bound = result[name], result["resolution"]
    if value and value["value"] == 0 and bound and bound["value"]:
        return f"&lt;\N{NO-BREAK SPACE}{bare(bound, unit)}"
    return bare(value, unit, sign)


def bare(quantity: dict[str, Any] | None, unit: str, sign: str = "") -> str:
    """Return a value, without its unit if that is the unit of the table."""
    if quantity and quantity["unit"] == unit:
        return text.short(quantity["value"], sign)
    return text.with_unit(quantity, sign)


def provenance(record: dict[str, Any]) -> str:
    """Return the inputs of the report, and the commands that recompute and export it."""
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
            "`dluxshera budget export` writes its tables as CSV and as a spreadsheet with formulas, and its figures as "
            "SVG.\n",
        ]
    )


def shortened(digest: str) -> str:
    """Return the first 16 digits of a hash, without the name of its algorithm."""
    return f"`{digest.removeprefix('sha256:')[:16]}…`"
