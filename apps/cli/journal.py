"""`parley journal`: what was decided, why, and what came of it."""

from __future__ import annotations

from typing import Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import perform, settings

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]

journal = typer.Typer(help="What was decided, why, and what came of it.", no_args_is_help=True, epilog=EPILOG)


@journal.command("list", epilog=EPILOG)
def list_runs(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
    account: Annotated[str | None, typer.Option(help="Of one account only.")] = None,
    json: Json = False,
) -> None:
    """The newest runs."""
    from apps.cli.pages import list_runs as show

    perform(show(settings(), limit, account, json))


@journal.command(epilog=EPILOG)
def show(
    run: Annotated[str, typer.Argument(help="The run's id, or its beginning.")],
    full: Annotated[bool, typer.Option("--full", help="Every piece of evidence, and what each node took.")] = False,
    json: Json = False,
) -> None:
    """The whole story of a run: evidence, debate, gate, proposals, tickets, answers, fills, outcomes."""
    from apps.cli.pages import show as tell

    perform(tell(settings(), run, full, json))


@journal.command(epilog=EPILOG)
def search(
    words: Annotated[list[str], typer.Argument(help='Words; "a phrase", OR and -word work.')],
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    json: Json = False,
) -> None:
    """Search the transcripts of all runs."""
    from apps.cli.pages import search as find

    perform(find(settings(), " ".join(words), limit, json))


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(journal, name="journal")
