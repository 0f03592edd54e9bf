"""The settings in force."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import DIM, STRONG


def settings_table(values: Mapping[str, str], content: str, file: Path | None) -> RenderableType:
    """Every key with its value, secrets already masked, and the hash that decisions carry."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style=STRONG, no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in values.items():
        table.add_row(key, value if value not in ("None", "") else Text("-", DIM))
    where = "no settings file: defaults and environment" if file is None else f"from {file} and the environment"
    return Group(table, Text(f"\nhash {content}, {where}", DIM))
