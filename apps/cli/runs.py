"""`parley run`: one whole decision, told as it went, and its tickets put before whoever answers them."""

from __future__ import annotations

from typing import Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import perform, settings


def run(
    tickers: Annotated[list[str] | None, typer.Argument(help="Underlyings; default: the setting `tickers`.")] = None,
    market: Annotated[
        str | None, typer.Option(help="simulated:vrp|fair|planted:EDGE[:SEED], recorded:NAME or live.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="Moment: 2026-02-12T13:00 (New York unless it has a zone), or a date; default: the last."),
    ] = None,
    account: Annotated[str | None, typer.Option(help="Paper account; default: one per market and day.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="A simulated session, on a fresh paper account.")] = False,
    go_on: Annotated[str | None, typer.Option("--continue", metavar="RUN", help="Finish a run that stopped.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Every piece of evidence on its own line.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The canonical decision as one JSON document.")] = False,
) -> None:
    """Decide: gather evidence, argue, gate, price, size; put tickets to a person.

    On a terminal each ticket is asked for. Elsewhere its card is printed with the
    line that answers it, and the exit code is 3. AUTO_EXECUTE=true answers in code,
    on the same path. --demo answers itself where nobody can, on the paper broker only.
    """
    if go_on and (tickers or market or as_of or account or demo):
        raise typer.BadParameter("--continue takes a run and nothing else", param_hint="--continue")
    if demo and (market or as_of or account):
        raise typer.BadParameter("--demo chooses market, moment and account itself", param_hint="--demo")
    from apps.cli.decide import Wish, decide

    wish = Wish(tuple(tickers or ()), market, as_of, account, demo, go_on, full, json)
    raise typer.Exit(perform(decide(settings(), wish)))


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(run)
