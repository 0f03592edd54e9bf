"""The seam between a source that is asked over a socket and the desk."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from domain.errors import SourceFailed
from domain.market import Absent, Interval


class Transient(SourceFailed):
    """A failure that may be gone in a moment: no answer in time, no connection, too many requests, a server error.

    Whatever else fails (a payload that makes no sense, the wrong symbol, another currency) is not asked for again.
    `wait_s` is what the source itself asked to be spared for; None: it did not say.
    """

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Source(Protocol):
    """One source. Answers are rows in the store's columns (tools/market/store.py) without `known_at`: whoever keeps
    them stamps the receipt.

    `Absent` is an answer: the source has no such datum, or never offers that kind. SourceFailed is raised when it did
    not answer, answered nonsense, or answered about something else (a wrong symbol, another currency, another day than
    it says). Nothing is guessed: what a source leaves out is null.
    """

    name: str
    delayed: bool  # shows quotes late

    async def chain(self, ticker: str) -> pl.DataFrame | Absent:
        """All listed options, as the shelf of chains."""
        ...

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent:
        """The newest complete bars, as the shelf of bars."""
        ...

    async def index(self, name: str) -> pl.DataFrame | Absent:
        """Daily values of VIX, VIX9D, ... of complete sessions, as the shelf `indices`."""
        ...

    async def rates(self) -> pl.DataFrame | Absent:
        """Treasury par yields, as the shelf `rates`."""
        ...

    async def events(self, ticker: str) -> pl.DataFrame | Absent:
        """Earnings, dividends ahead and the like, as the shelf `events`."""
        ...

    async def actions(self, ticker: str) -> pl.DataFrame | Absent:
        """Splits and dividends that have happened, as the shelf `actions`."""
        ...


class OpenSource(Source, Protocol):
    """A source with a connection of its own, which bounds each of its requests in time.

    `requests` is how many of them one answer may need, one after another.
    """

    requests: int

    async def ping(self) -> str:
        """A read-only check that it answers and is understood; one line for `parley doctor`. Raises SourceFailed."""
        ...

    async def close(self) -> None:
        """Let its connections go."""
        ...
