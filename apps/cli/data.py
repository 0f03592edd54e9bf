"""`parley data`: recorded market data in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import settings

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]

data = typer.Typer(help="Recorded market data.", no_args_is_help=True, epilog=EPILOG)


@data.command("import", epilog=EPILOG)
def import_files(
    path: Annotated[Path, typer.Argument(help="A file, or a folder with files of known layouts.")],
    shape: Annotated[
        str | None,
        typer.Option("--as", help="What the rows of a file of your own are: chains, bars, indices, rates or social."),
    ] = None,
    into: Annotated[str | None, typer.Option("--set", help="The set that chains of your own go into.")] = None,
    column_map: Annotated[
        list[str] | None,
        typer.Option("--map", help="OURS=THEIRS, or a TOML file of such lines; may be repeated. docs/market-data.md."),
    ] = None,
    json: Json = False,
) -> None:
    """Bring files into the store; the same content twice is imported once.

    Files of known layouts need nothing else. Any other CSV or Parquet file needs --as and a --map of its columns.
    """
    from apps.cli.holdings import import_files as bring
    from apps.cli.holdings import import_own

    if shape is None and (into or column_map):
        from domain.errors import BadInput

        raise BadInput("--set and --map are for files of your own: say what their rows are with --as")
    if shape is None:
        raise typer.Exit(bring(settings(), path, json))
    raise typer.Exit(import_own(settings(), path, shape, into, tuple(column_map or ()), json))


@data.command(epilog=EPILOG)
def status(json: Json = False) -> None:
    """What the store covers, and its gaps. `--market recorded:NAME` names a set."""
    from apps.cli.holdings import status as show

    show(settings(), json)


@data.command(epilog=EPILOG)
def check(
    sets: Annotated[list[str] | None, typer.Argument(help="Sets of the store; all when none is named.")] = None,
    ticker: Annotated[str | None, typer.Option(help="Only the chains of this ticker.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line for every ticker too.")] = False,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a document.")] = False,
) -> None:
    """Pass every chain of the sets through the quality gate, and say what is left and how good it is."""
    from apps.cli.checks import check as review

    raise typer.Exit(review(settings(), sets or [], ticker, verbose, json, markdown))


@data.command(epilog=EPILOG)
def prune(json: Json = False) -> None:
    """Forget recorded watch ticks that are older than the setting `watch_days`; what decisions saw stays."""
    from apps.cli.recording import prune as run_prune

    run_prune(settings(), json)


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    from apps.cli.spreads import spreads

    data.add_typer(spreads, name="spreads")
    app.add_typer(data, name="data")
