"""Cells of the table of pairs are changed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from dia_pipeline.io.cells import cells_of
from dia_pipeline.studio.table import EditError, with_cells

TABLE = Path("pairs.tsv")


def changed(text: str, name: str, **cells: str) -> str:
    return with_cells(text.encode(), TABLE, name, cells).decode()


def test_all_but_the_cell_stays_as_it_is_written():
    text = "\ufeff# é\r\nname\ta \tb_prime\tpoints\tblend\r\n\r\n# x\ty\r\n"
    text += "one\ta\tb\told\t 3 \r\ntwo\ta\tb"
    assert changed(text, "one", points="p.csv") == text.replace("old", "p.csv")
    assert changed(text, "one", points="") == text.replace("old", "")
    assert changed(text, "two", points="p.csv") == text + "\tp.csv"


def test_a_column_that_lacks_comes_last_and_other_rows_stay():
    text = "name\ta\tb_prime\none\ta\tb\ntwo\ta\tb\n"
    result = changed(text, "two", keep="k.png", points="p.csv", strength="")
    assert result == "name\ta\tb_prime\tkeep\tpoints\none\ta\tb\ntwo\ta\tb\tk.png\tp.csv\n"


def test_nothing_changes_where_nothing_is_to_be_changed():
    text = "name\ta\tb_prime\none\ta\tb\n"
    assert changed(text, "one", points="", a="a") == text


def test_what_the_table_is_read_as_is_what_was_set():
    text = "name\ta\tb_prime\t\none\ta\tb\t\t\n"
    rows = cells_of(changed(text, "one", labels_a="x y.png").encode(), TABLE)
    header, row = rows.values()
    assert dict(zip(header, row, strict=True))["labels_a"] == "x y.png"


@pytest.mark.parametrize("text", ["", "# nothing\n", "name\ta\tb_prime\none\ta\tb\n"])
def test_a_row_that_lacks_is_named(text):
    with pytest.raises(EditError, match="'two'"):
        changed(text, "two", points="p.csv")
