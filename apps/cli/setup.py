"""`doctor`, `init`, `config`, `reset`: the machine and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.cli.exits import EPILOG, Exit
from apps.cli.house import perform, settings

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]

config = typer.Typer(help="The settings in force.", no_args_is_help=True, epilog=EPILOG)


def doctor(json: Json = False) -> None:
    """Check database, market source, model server, broker, clock and platform; say what to do about each failure."""
    from dataclasses import asdict

    from apps.cli.terminal import out, say_json
    from apps.doctor import examine

    found = perform(examine(settings()))
    healthy = all(one.ok for one in found)
    if json:
        say_json({"ok": healthy, "findings": [asdict(one) for one in found]})
    else:
        from apps.render.findings import findings

        out().print(findings(found))
    if not healthy:
        raise typer.Exit(Exit.ENVIRONMENT if any(not one.ok and one.name != "clock" for one in found) else Exit.REFUSED)


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("parley.toml"),
) -> None:
    """Write a commented settings file; one that exists is left alone."""
    from apps.cli.files import write_settings
    from apps.cli.terminal import out

    write_settings(path)
    out().print(f"wrote {path}: every key with its default, commented out")


@config.command(epilog=EPILOG)
def show(json: Json = False) -> None:
    """Every setting, secrets masked, with the hash that each decision carries."""
    from apps.cli.files import show_settings

    show_settings(settings(), json)


def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Stop the embedded database and remove every file Parley made: journal, books, store. There is no way back."""
    from apps.cli.files import remove_everything

    raise typer.Exit(remove_everything(settings(), yes, json))


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (doctor, init, reset):
        app.command(epilog=EPILOG)(command)
    app.add_typer(config, name="config")
