"""`parley replay`: the same graphs over recorded or simulated sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import perform, settings
from domain.orders import FillMode


def replay(
    market: Annotated[str, typer.Option(help="recorded:NAME or simulated:vrp|fair|planted:EDGE[:SEED].")],
    tickers: Annotated[list[str] | None, typer.Argument(help="Underlyings; default: the setting `tickers`.")] = None,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day; default: the market's first.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; default: the market's last.")
    ] = None,
    fills: Annotated[
        FillMode | None,
        typer.Option(help="Default: same_snapshot where a session has one snapshot, next_quote elsewhere."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The report as one JSON document.")] = False,
) -> None:
    """Run the desk session by session on a fresh account: decide, fill pessimistically, mark, exit, settle."""
    from apps.cli.replaying import replay as run_replay

    days = (None if start is None else start.date(), None if end is None else end.date())
    raise typer.Exit(perform(run_replay(settings(), market, tuple(tickers or ()), days, fills, json)))


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(replay)
