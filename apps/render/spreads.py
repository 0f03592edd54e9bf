"""Spread models: their cells, what they rest on, and how far off they are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import DIM, GOOD, STRONG, WARN
from quant.execution.spreads import DAYS, MONEYNESS, KindSpreads, SpreadCell, SpreadModel
from tools.market.spreads import FEW, NONE, SpreadFit

_COLUMNS = len(MONEYNESS) - 1


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))


def _cell(cell: SpreadCell) -> Text:
    text = Text(f"{100 * cell.share:.1f} %", WARN if cell.n < FEW else "")
    text.append(f"  {cell.n:,}", DIM)
    if cell.unbid >= 0.05:
        text.append(f"  no bid {100 * cell.unbid:.0f} %", DIM)
    return text


def _kind(fitted: KindSpreads) -> RenderableType:
    table = _table()
    table.add_column("days", no_wrap=True)
    for low, high in pairwise(MONEYNESS):
        table.add_column(f"{low:g}-{high:g} sd")
    for row, (first, after) in enumerate(pairwise(DAYS)):
        cells = fitted.cells[row * _COLUMNS : (row + 1) * _COLUMNS]
        table.add_row(f"{first}-{after - 1}", *(_cell(cell) for cell in cells))
    off = "nothing was held out" if fitted.error is None else f"x/÷ {math.exp(fitted.error):.2f} at the median"
    return Group(
        Text(f"\n{fitted.kind.value}", STRONG),
        table,
        Text(
            f"narrowest: {fitted.floor_ticks} ticks; in the money wider by {100 * fitted.inside_share:.1f} % of what "
            f"it is worth more; off by {off} ({fitted.held_out})",
            DIM,
        ),
    )


def model(one: SpreadModel) -> RenderableType:
    """One model: median full spread as a share of the mid, with the quotes behind each cell."""
    head = Text(one.name, STRONG)
    head.append(
        f"  {one.quotes:,} quotes of {one.chains} chains, {one.first} to {one.last}: {', '.join(one.sets)}", DIM
    )
    return Group(head, *(_kind(kind) for kind in one.kinds))


def fitted(fit: SpreadFit, path: Path) -> RenderableType:
    """A fresh model, where it lies, and which chains gave it nothing."""
    left = ", ".join(f"{count} {reason}" for reason, count in fit.unused)
    parts = [Text(f"\n{path}", GOOD), *([Text(f"chains not used: {left}", WARN)] if left else [])]
    parts.append(Text(f'put it in force with the setting spread_model = "{fit.model.name}"', DIM))
    return Group(model(fit.model), *parts)


def models(held: Iterable[SpreadModel], in_force: str) -> RenderableType:
    """All models of a store by name."""
    table = _table()
    for name in ("model", "quotes", "kinds", "fitted on", ""):
        table.add_column(name)
    for one in held:
        kinds = ", ".join(kind.kind.value for kind in one.kinds)
        mark = Text("in force" if one.name == in_force else "", GOOD)
        table.add_row(one.name, f"{one.quotes:,}", kinds, ", ".join(one.sets), mark)
    said = "none in force: chains without quotes carry no order" if in_force == NONE else f"in force: {in_force}"
    return Group(table, Text(said, DIM))
