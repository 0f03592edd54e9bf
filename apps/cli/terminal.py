"""Where a command writes: results on stdout, progress and errors on stderr, one JSON document when asked for."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from apps.render.progress import Board

PIPED_WIDTH = 100
NARROWEST = 80
# What is printed was written by markets, models and people: no word of it is markup.
PLAIN: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
QUIET = frozenset({"vol_surface", "social", "technical", "flow"})  # steps of a scan that need no line of their own


def _console(stream: TextIO) -> Console:
    """A console that colours only a terminal and never dies of a character that the stream cannot hold."""
    from rich.console import Console

    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    if not stream.isatty():
        return Console(file=stream, width=PIPED_WIDTH, **PLAIN)
    made = Console(file=stream, **PLAIN)
    return made if made.width >= NARROWEST else Console(file=stream, width=NARROWEST, **PLAIN)


def out() -> Console:
    """The console of results."""
    return _console(sys.stdout)


def err() -> Console:
    """The console of progress, questions and errors."""
    return _console(sys.stderr)


def a_person_is_there() -> bool:
    """True when both ends are a terminal, so that a question can be asked and read."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say_json(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, sort_keys=True, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    from domain.codec import to_data

    return to_data(value)


class Watch:
    """Shows a run's progress on stderr while it is entered: a live board on a terminal, lines elsewhere.

    It is the recorder's `Progress`: call it with node, ticker ("*" for the run's own) and event.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._console: Console | None = None
        self._live: Live | None = None
        self._board: Board | None = None

    def __enter__(self) -> Watch:
        from rich.live import Live

        from apps.render.progress import Board

        self._console = err()
        if self._console.is_terminal:
            self._board = Board()
            self._live = Live(self._board, console=self._console, refresh_per_second=12, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
        self._console = self._live = self._board = None

    def __call__(self, node: str, ticker: str, event: str) -> None:
        """One event of the recorder."""
        if self._board is not None:
            self._board.note(node, ticker, event)
        elif self._console is not None and (event == "refused" or (event == "done" and node not in QUIET)):
            where = "" if ticker == "*" else f" {ticker}"
            self._console.print(f"{self._title}: {node}{where} {event}")
