"""`parley`: the desk from a terminal."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from apps.cli import answers, books, data, journal, record, replays, runs, setup, surface
from apps.cli.exits import EPILOG, exit_of
from apps.cli.terminal import err
from domain.errors import ParleyError

INTERRUPTED = 130  # by Ctrl-C, as shells expect


class Desk(TyperGroup):
    """The root group: an error raised on purpose becomes one clear line and its exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ParleyError as error:
            err().print(f"parley: {error}", style="red")
            raise typer.Exit(exit_of(error)) from error
        except KeyboardInterrupt as stop:
            err().print("parley: interrupted; `parley tickets` shows what waits, `parley run --continue RUN` goes on")
            raise typer.Exit(INTERRUPTED) from stop


app = typer.Typer(
    cls=Desk,
    name="parley",
    help="A personal options desk that argues before it trades. Paper orders only; no advice.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (runs, answers, books, journal, surface, replays, record, data, setup):
    group.add_to(app)


def main() -> None:
    """Entry point of the `parley` script."""
    app()


if __name__ == "__main__":
    main()
