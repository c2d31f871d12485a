"""Tables, spreadsheet and figures of a report: read back and recalculated, they give its totals."""

from __future__ import annotations

import csv
import io
import warnings
import xml.etree.ElementTree as ET
from math import sqrt
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pytest

from dluxshera.error_budget import EXPORT_FORMATS, budget_figures, budget_tables, exported, margins_by_revision, signed
from support.budget_reports import DOCUMENT, toy_report
from support.drawings import SVG
from support.rows import each_row

HOSTILE = '=HYPERLINK("http://x","y")'


@pytest.fixture(scope="module")
def report():
    return toy_report()


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# --- CSV -------------------------------------------------------------------------------------------------------------


@each_row("estimator", ["full", "fixed"])
def test_the_totals_follow_from_the_table_of_terms(estimator, report):
    """By the law of propagation, from the text of the file alone."""
    tables = {name: read(table.csv()) for name, table in budget_tables(report).items()}
    rows = [row for row in tables["terms"] if row["Estimator"] == estimator]
    assert [row["Term"] for row in rows] == ["N", "S1", "S2", "L", "T"]
    value = {row["Term"]: float(row["Bias (uarcsec)"] or row["Contribution (uarcsec)"] or 0) for row in rows}
    cause = value["S1"] + value["S2"]
    total = sqrt(value["N"] ** 2 + cause**2 + 2 * 0.25 * value["N"] * cause) + abs(value["L"])
    written = next(row for row in tables["totals"] if row["Estimator"] == estimator)
    assert float(written["Total (uarcsec)"]) == pytest.approx(total, rel=1e-9)
    assert float(written["Margin (uarcsec)"]) == pytest.approx(3.0 - total, rel=1e-8)


def test_numbers_of_a_table_are_those_of_the_report(report):
    rows = {(row["Term"], row["Estimator"]): row for row in read(budget_tables(report)["terms"].csv())}
    for term in report["terms"]:
        for estimator, result in term["results"].items():
            row = rows[term["id"], estimator]
            assert float(row["Contribution (uarcsec)"]) == result["contribution"]["value"]
            assert row["Stealth"] == ("" if result["stealth"] is None else str(result["stealth"]))
    parameters = {row["Parameter"]: row for row in read(budget_tables(report)["parameters"].csv())}
    assert parameters["mirror.colour"]["Reason of exclusion"] == "No light sees it."
    assert float(parameters["mirror.focal_length_m"]["Derivative, full"]) == -2e9
    assert read(budget_tables(report)["verification"].csv())[0]["Evidence"] == "tests/a.py::test_a"


@each_row("text", [HOSTILE, "+1+1", "-2", "@SUM(A1)", "\t=1", "＝1"])
def test_a_text_that_begins_as_a_formula_is_a_text(text):
    report = toy_report()
    report["terms"][0]["name"] = text
    row = read(budget_tables(report)["terms"].csv())[0]
    assert row["Name"] == f"'{text}"
    sheet = openpyxl.load_workbook(io.BytesIO(exported(report, ["xlsx"])["budget.xlsx"]))["full"]
    assert (sheet["B2"].value, sheet["B2"].data_type) == (text, "s")


# --- Spreadsheet -----------------------------------------------------------------------------------------------------


def recalculated(content: bytes, folder: Path) -> dict[str, float]:
    """Return the value of every cell with a formula, computed by a library for formulas."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import formulas

        path = folder / "budget.xlsx"
        path.write_bytes(content)
        solution = formulas.ExcelModel().loads(str(path)).finish().calculate()
    cells = {}
    for name, ranges in solution.items():
        key = str(name)
        if "]" in key and ":" not in key:
            cells[key.partition("]")[2].replace("'", "")] = ranges.value[0, 0]
    return cells


def rows_by_title(sheet) -> dict[str, int]:
    return {sheet.cell(row, 1).value: row for row in range(1, sheet.max_row + 1)}


def test_the_recalculated_spreadsheet_gives_the_totals(report, tmp_path: Path):
    content = exported(report, ["xlsx"])["budget.xlsx"]
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Summary", "full", "fixed", "Parameters", "Verification"]
    cells = recalculated(content, tmp_path)
    for name, total in report["rollup"].items():
        rows, sheet = rows_by_title(book[name]), name.upper()
        assert cells[f"{sheet}!J{rows['Total']}"] == pytest.approx(total["total"]["value"], rel=1e-9)
        assert cells[f"{sheet}!J{rows['Margin']}"] == pytest.approx(total["margin"]["value"], rel=1e-8)
        for title in ("random", "static", "drift"):
            expected = total["by_class"].get(title, {"value": 0.0})["value"]
            assert cells[f"{sheet}!J{rows[title.capitalize()]}"] == pytest.approx(expected, rel=1e-9, abs=1e-12)
        for term in ("N", "S1", "S2"):
            assert cells[f"{sheet}!N{rows[term]}"] == pytest.approx(total["shares"][term], rel=1e-8, abs=1e-12)
    assert cells["SUMMARY!C6"] == pytest.approx(report["rollup"]["full"]["total"]["value"], rel=1e-9)
    assert cells["SUMMARY!D7"] == pytest.approx(report["rollup"]["fixed"]["margin"]["value"], rel=1e-8)


def test_a_changed_magnitude_changes_the_total_as_the_law_of_propagation_says(report, tmp_path: Path):
    book = openpyxl.load_workbook(io.BytesIO(exported(report, ["xlsx"])["budget.xlsx"]))
    sheet = book["fixed"]
    rows = rows_by_title(sheet)
    assert sheet.cell(rows["S2"], 6).value == 1.0
    sheet.cell(rows["S2"], 6).value = 2.0
    file = io.BytesIO()
    book.save(file)
    cells = recalculated(file.getvalue(), tmp_path)
    cause = 1.0 + 2 * 1.5
    total = sqrt(0.9**2 + cause**2 + 2 * 0.25 * 0.9 * cause) + 0.5
    assert cells[f"FIXED!J{rows['Total']}"] == pytest.approx(total, rel=1e-9)
    assert cells[f"FIXED!I{rows['S2']}"] == pytest.approx(3.0)


def test_a_spreadsheet_has_no_date_of_its_computer(report):
    with ZipFile(io.BytesIO(exported(report, ["xlsx"])["budget.xlsx"])) as file:
        assert b"2026-01-01T00:00:00Z" in file.read("docProps/core.xml")


# --- Figures ---------------------------------------------------------------------------------------------------------


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_figures_are_documents_with_links_to_the_sections(report):
    figures = budget_figures(report)
    assert set(figures) == {
        "tree", "matrix", "tornado-full", "waterfall-full", "allocation-full", "tornado-fixed", "waterfall-fixed",
        "allocation-fixed",
    }  # fmt: skip
    for name, svg in figures.items():
        root = ET.fromstring(svg)
        assert root.get("aria-label"), name
    links = {a.get("href") for a in ET.fromstring(figures["tree"]).iter(f"{SVG}a")}
    assert links == {"#R", "#N", "#S1", "#S2", "#L", "#T"}
    assert all("<a " not in svg.decode() for svg in exported(report, ["svg"]).values())


def test_a_tornado_has_the_largest_first_and_leaves_out_what_is_not_added(report):
    labels = [text for text in texts(budget_figures(report)["tornado-fixed"]) if ": " in text]
    assert labels == ["S2 Shift: +1.5", "S1 Bending: +1", "N Noise: ± 0.9", "L Known bias: -0.5"]


def test_a_waterfall_begins_with_the_conditional_and_ends_with_the_formal_error(report):
    labels = [text for text in texts(budget_figures(report)["waterfall-full"]) if ": " in text]
    assert labels == ["image.scale alone: 1.2", "+ mirror.tilt: 1.3", "all fitted: 1.3"]


def test_the_tree_names_estimate_and_allocation(report):
    shown = " ".join(texts(budget_figures(report)["tree"]))
    assert "1.2 µas of 2 µas" in shown
    assert "to be determined" in shown or "0 µas" in shown


def test_the_margins_of_the_revisions_are_drawn(report):
    first = signed(report, role="a", revision="A")
    second = signed(report, role="a", revision="B", before=first)
    svg = margins_by_revision(second["revisions"], second["unit"])
    assert {"A", "B", "full", "fixed"} <= set(texts(svg))
    assert len(list(ET.fromstring(svg).iter(f"{SVG}circle"))) == 4


def test_every_format_has_files(report):
    names = {name: set(exported(report, [name])) for name in EXPORT_FORMATS}
    assert names["csv"] == {"terms.csv", "totals.csv", "parameters.csv", "verification.csv"}
    assert names["xlsx"] == {"budget.xlsx"}
    assert set(exported(report)) == set().union(*names.values())


def test_a_budget_without_allocations_is_drawn():
    text = DOCUMENT.replace("    allocation: {value: 2.0, unit: uarcsec}\n", "")
    text = text.replace("    allocation: {value: 1.0, unit: uarcsec}\n", "")
    assert len(exported(toy_report(text), ["svg"])) == 8
