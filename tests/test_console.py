"""Tables and bars for the terminal, and what a file gets instead."""

from dluxshera.console import print_table, progress, progress_bar

LONG = "a" * 300


def test_in_a_file_no_cell_is_shortened_and_markup_is_shown(capsys):
    print_table(("name", "value"), [(LONG, "[bold]1[/bold]"), ("b", "2")])
    lines = capsys.readouterr().out.splitlines()
    assert any(LONG in line and "[bold]1[/bold]" in line for line in lines)
    assert [line.split() for line in lines if line.strip().startswith("b ")] == [["b", "2"]]


def test_a_status_is_silent_without_a_terminal(capsys):
    with progress() as show:
        show("working")
    assert capsys.readouterr() == ("", "")


def test_a_bar_shows_the_last_text_and_fills_to_the_total(capsys):
    with progress_bar("Sampling", "compiling", total=10) as advance:
        advance("half", completed=5)
        advance("done", completed=10)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Sampling" in err
    assert "done" in err
    assert "half" not in err


def test_a_transient_bar_leaves_nothing_in_a_file(capsys):
    with progress_bar("Fitting", "compiling", transient=True) as advance:
        advance("step 1", completed=1.0, total=2.0)
    assert capsys.readouterr() == ("", "")
