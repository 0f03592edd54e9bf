"""`parley record`: keep what the market shows, so that ranks, replays and calibrations grow with use."""

from __future__ import annotations

from typing import Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import perform, settings


def record(
    tickers: Annotated[list[str] | None, typer.Argument(help="Underlyings; default: the setting `tickers`.")] = None,
    market: Annotated[str, typer.Option(help="live is the only market that there is to record.")] = "live",
    every: Annotated[
        float | None, typer.Option(metavar="MINUTES", min=1, help="Go on in session hours until interrupted.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One pass; what happens unless --every is given.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document a pass, each on a line.")] = False,
) -> None:
    """Append chains, bars, index values, rates and events to the store, with the moment of receipt; needs no database.

    Says what was new, what was held already, which source answered and which was
    asked in vain. With --every it waits for the session, ends its day a while after
    the close, and stops cleanly on Ctrl-C or SIGTERM.
    """
    if once and every is not None:
        raise typer.BadParameter("--once is one pass, --every goes on; choose one", param_hint="--once")
    from apps.cli.recording import record as run_record

    raise typer.Exit(perform(run_record(settings(), tuple(tickers or ()), market, every, json)))


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(record)
