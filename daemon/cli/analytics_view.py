"""The analytics report on a terminal: tables with small bars."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from daemon.core.report_text import Cell, Table, bar, report_tables


def report_view(metrics: Mapping[str, Any]) -> RenderableType:
    """Every section of a metrics object that has something to say."""
    tables = report_tables(metrics)
    if not tables:
        return Text("Nothing happened in this period.")
    return Group(*_with_notes(tables))


def _with_notes(tables: Iterable[Table]) -> Iterable[RenderableType]:
    for table in tables:
        yield _grid(table)
        if table.note:
            yield Text(f"  {table.note}", style="dim")
        yield Text()


def _grid(table: Table) -> Grid:
    grid = Grid(title=table.title, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(table.columns):
        grid.add_column(column, justify="left" if number == 0 else "right")
    if table.bars:
        grid.add_column("", style="cyan", no_wrap=True)
    for number, row in enumerate(table.rows):
        cells = [Text(_shown(cell)) for cell in row]
        grid.add_row(*cells, *([bar(table.bars[number])] if table.bars else []))
    return grid


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.1f}" if isinstance(cell, float) else str(cell)
