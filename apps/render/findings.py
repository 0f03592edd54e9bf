"""What the doctor found."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from apps.doctor import Finding
from apps.render.words import BAD, DIM, GOOD, STRONG


def findings(found: Iterable[Finding]) -> RenderableType:
    """One row a check; what to do stands under each failure."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style=STRONG, no_wrap=True)
    table.add_column()
    for one in found:
        mark = Text("ok", GOOD) if one.ok else Text("FAILED", f"{STRONG} {BAD}")
        text = Text(one.found)
        if not one.ok:
            text.append(f"\n{one.advice}", DIM)
        table.add_row(mark, one.name, text)
    return table
