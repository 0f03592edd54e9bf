"""`portfolio`, `halt`, `resume`, `watch`, `close`: an account and its kill switch."""

from __future__ import annotations

from typing import Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import perform, settings

Account = Annotated[str | None, typer.Option(help="The account; default: the only one there is.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
MarketName = Annotated[str | None, typer.Option(help="Market; default: that of the account's newest run.")]
AsOf = Annotated[str | None, typer.Option(help="Moment; default: that of the account's newest run.")]


def portfolio(account: Account = None, json: Json = False) -> None:
    """Positions, marks, cash, reservations, and risk used against the limits. Several accounts: their list."""
    from apps.cli.desk import portfolio as show

    perform(show(settings(), account, json))


def halt(
    account: Annotated[str | None, typer.Option(help="One account only; default: the whole desk.")] = None,
    reason: Annotated[str, typer.Option(help="Why; whoever is refused reads it.")] = "halted by hand",
    json: Json = False,
) -> None:
    """Stop everything that adds risk, from now on. Closing stays possible."""
    from apps.cli.desk import halt as stop

    perform(stop(settings(), account, reason, json))


def resume(
    run: Annotated[str | None, typer.Argument(hidden=True)] = None,
    account: Annotated[str | None, typer.Option(help="One account only; default: the desk's own halt.")] = None,
    json: Json = False,
) -> None:
    """Lift a halt, and nothing else. To go on with a run: parley run --continue RUN."""
    if run is not None:
        raise typer.BadParameter(f"resume lifts a halt; to go on with a run: parley run --continue {run}")
    from apps.cli.desk import resume as lift

    raise typer.Exit(perform(lift(settings(), account, json)))


def watch(account: Account = None, market: MarketName = None, as_of: AsOf = None, json: Json = False) -> None:
    """Look at the open positions once: mark them, protect the account, put due exits forward as tickets."""
    from apps.cli.desk import watch as look

    raise typer.Exit(perform(look(settings(), account, market, as_of, json)))


def close(account: Account = None, market: MarketName = None, as_of: AsOf = None, json: Json = False) -> None:
    """End the day: mark the closing book, attribute, hold it against the limits, learn, report."""
    from apps.cli.desk import close as end

    raise typer.Exit(perform(end(settings(), account, market, as_of, json)))


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (portfolio, halt, resume, watch, close):
        app.command(epilog=EPILOG)(command)
