"""What reference data says as of a moment: several sources of facts in their order, and what follows from rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TypeVar

from domain.errors import BadInput
from domain.market import ActionKind, Beta, Calendar, CorporateAction, Event, EventKind, Instrument, Kind
from tools import sessions
from tools.market.reference import names
from tools.market.reference.facts import EVERY, About, Dated, Facts, read_facts
from tools.market.reference.rules import ALWAYS, derived

ORDER = ("file", "shipped", "yahoo")  # who is asked of events, unless the settings say otherwise
AHEAD = timedelta(days=120)  # how far a calendar reaches, both ways
DIVIDENDS = timedelta(days=400)  # how far back dividends are told: a year's, and the last of the year before
SHIPPED = Path(__file__).with_name("universe.toml")
_OCCASION = timedelta(days=45)  # two dates of a quarterly report nearer than this are two words on one report
_SAME_RELEASE = timedelta(days=12)  # an estimate this near to a published date is of the same release

K = TypeVar("K")
T = TypeVar("T")


class Almanac:
    """Sources of facts in their order. Immutable; everything it answers was known at the moment asked.

    `order` names the sources that may tell of events, first one first. Of a kind of event the first source that knows
    of one ahead is believed; another source's earnings date that differs stands beside it, unconfirmed. Companies and
    corporate actions are taken from every source, the first one's word on each.
    """

    def __init__(self, sources: Iterable[Facts], order: tuple[str, ...] = ORDER) -> None:
        self._order = order
        rank = {name: place for place, name in enumerate(order)}
        self._sources = tuple(sorted(sources, key=lambda one: (rank.get(one.name, len(rank)), one.name)))
        self._about = _by((row.ticker, (n, row)) for n, source in enumerate(self._sources) for row in source.about)
        self._actions = _by(pair for source in self._sources for pair in source.actions)
        self._allowed = tuple(source for source in self._sources if source.name in rank)
        self._events = tuple(
            _by(((one.ticker, one.event.kind), one) for one in source.events) for source in self._allowed
        )

    def beside(self, *facts: Facts) -> Almanac:
        """An almanac that knows these facts too, at the place that the order gives them."""
        return Almanac((*self._sources, *facts), self._order) if facts else self

    def kind(self, ticker: str, as_of: datetime) -> Kind:
        """What an underlying is: as a source says, else as listed in `names`."""
        said, _ = self._said(ticker, as_of, lambda row: row.kind)
        return said or names.kind(ticker)

    def instrument(self, ticker: str, as_of: datetime, beta: Beta | None = None) -> Instrument:
        """Reference data of a ticker as known at a moment, with a beta that the caller measured."""
        kind = self.kind(ticker, as_of)
        sector, sector_known = self._said(ticker, as_of, lambda row: row.sector)
        company, company_known = self._said(ticker, as_of, lambda row: row.company)
        known = [at for at in (sector_known, company_known) if at is not None]
        return Instrument(
            ticker=ticker,
            kind=kind,
            exercise=names.exercise(kind),
            sector=sector,
            broad_index=ticker in names.BROAD,
            multiplier=names.multiplier(ticker),
            known_at=max(known, default=min(ALWAYS, as_of)),
            company=company,
            beta=beta,
            actions=self.actions(ticker, as_of),
        )

    def actions(self, ticker: str, as_of: datetime) -> tuple[CorporateAction, ...]:
        """Corporate actions known at a moment, oldest first; dividends of the last 400 days and those announced."""
        since = as_of.date() - DIVIDENDS
        found: dict[tuple[ActionKind, date], CorporateAction] = {}
        for one in self._actions.get(ticker, ()):
            if one.known_at <= as_of and (one.kind is not ActionKind.DIVIDEND or one.day >= since):
                found.setdefault((one.kind, one.day), one)
        return tuple(sorted(found.values(), key=lambda one: (one.day, one.kind)))

    def calendar(self, ticker: str, as_of: datetime) -> Calendar:
        """Events of 120 days back and 120 ahead. A kind is unknown when nothing ahead is known of it, nor that there is
        none.
        """
        today = as_of.astimezone(sessions.NEW_YORK).date()
        start, end = today - AHEAD, today + AHEAD
        rules = derived(ticker, start, end, as_of)
        dividends = self._ex_dates(ticker, as_of, start, end)
        found: list[Event] = []
        unknown: list[EventKind] = []
        for kind in EventKind:
            if self._never(ticker, kind, as_of):
                continue
            told = self._told(ticker, kind, as_of, start, end)
            if kind is EventKind.EX_DIVIDEND:
                told = (*told, dividends)
            ahead = [[one for one in events if one.day >= today] for events in told]
            past = _first([[one for one in events if one.day < today] for events in told])
            coming = _first(ahead)
            if kind is EventKind.EARNINGS:
                coming = [*coming, *_others(coming, ahead)]
            by_rule = [one for one in rules if one.kind is kind and (one.day >= today or not past)]
            near = [one for one in by_rule if not _near(one, (*past, *coming))]
            if kind is EventKind.JOBS or not coming:
                coming = [*coming, *near]
            found += [*past, *coming]
            if not any(one.day >= today for one in coming):
                unknown.append(kind)
        return Calendar(events=tuple(sorted(found, key=lambda one: (one.day, one.kind))), unknown=tuple(unknown))

    def sectors(self) -> dict[str, str]:
        """The latest sector of every ticker that has one."""
        found: dict[str, str] = {}
        for ticker, rows in self._about.items():
            for _, row in sorted(rows, key=lambda one: one[1].known_at):
                if row.sector is not None:
                    found[ticker] = row.sector
        return found

    def split_days(self) -> dict[str, tuple[date, ...]]:
        """Ex-dates of splits by ticker, oldest first."""
        return {
            ticker: days
            for ticker, actions in self._actions.items()
            if (days := tuple(sorted({one.day for one in actions if one.kind is ActionKind.SPLIT})))
        }

    def _said(
        self, ticker: str, as_of: datetime, field: Callable[[About], T | None]
    ) -> tuple[T | None, datetime | None]:
        """The first source's last word on a field, and since when it is known."""
        said = [
            (-place, row.known_at, value)
            for place, row in self._about.get(ticker, ())
            if row.known_at <= as_of and (value := field(row)) is not None
        ]
        if not said:
            return None, None
        _, known_at, value = max(said, key=lambda one: one[:2])
        return value, known_at

    def _never(self, ticker: str, kind: EventKind, as_of: datetime) -> bool:
        """True when it is known that no such event is ahead, by what the underlying is or by a source's word."""
        what = self.kind(ticker, as_of)
        if kind is EventKind.EARNINGS and what is not Kind.STOCK:
            return True
        if kind is EventKind.EX_DIVIDEND and what in (Kind.INDEX, Kind.FUTURE):
            return True
        said = (one for source in self._allowed for one in source.never)
        return any((one.ticker, one.kind) == (ticker, kind) and one.known_at <= as_of for one in said)

    def _told(self, ticker: str, kind: EventKind, as_of: datetime, start: date, end: date) -> tuple[list[Event], ...]:
        """What each allowed source says of a kind, in their order, oldest first."""
        return tuple(
            _standing((*events.get((ticker, kind), ()), *events.get((EVERY, kind), ())), as_of, start, end)
            for events in self._events
        )

    def _ex_dates(self, ticker: str, as_of: datetime, start: date, end: date) -> list[Event]:
        """Dividends as events."""
        return [
            Event(
                kind=EventKind.EX_DIVIDEND,
                day=one.day,
                confirmed=True,
                before_open=None,
                known_at=one.known_at,
                source=one.source,
            )
            for one in self.actions(ticker, as_of)
            if one.kind is ActionKind.DIVIDEND and start <= one.day <= end
        ]


def open_almanac(file: Path | None = None, order: tuple[str, ...] = ORDER) -> Almanac:
    """The shipped facts and those of a person's own file. Raises BadInput naming what is wrong in the file or order."""
    strange = [name for name in order if name not in ORDER]
    if strange:
        raise BadInput(f"setting sources.events: there is no source {', '.join(strange)}; there are {', '.join(ORDER)}")
    own = () if file is None else (read_facts(file, "file"),)
    return Almanac((*own, _shipped_facts()), order)


@cache
def shipped() -> Almanac:
    """The shipped facts alone."""
    return Almanac((_shipped_facts(),))


@cache
def _shipped_facts() -> Facts:
    return read_facts(SHIPPED, "shipped")


def _by(pairs: Iterable[tuple[K, T]]) -> dict[K, tuple[T, ...]]:
    found: dict[K, list[T]] = {}
    for key, one in pairs:
        found.setdefault(key, []).append(one)
    return {key: tuple(values) for key, values in found.items()}


def _standing(rows: Iterable[Dated], as_of: datetime, start: date, end: date) -> list[Event]:
    """The dates of one source and kind that stand at a moment: the last word on each day, and on each report."""
    known = sorted((one for one in rows if one.event.known_at <= as_of), key=lambda one: one.event.known_at)
    last: dict[date, Dated] = {one.event.day: one for one in known}
    standing = [one.event for one in last.values() if one.withdrawn is None or one.withdrawn > as_of]
    latest = sorted(standing, key=lambda event: (event.known_at, event.confirmed), reverse=True)
    kept: list[Event] = []
    for event in latest:
        moved = event.kind is EventKind.EARNINGS and any(abs(event.day - one.day) < _OCCASION for one in kept)
        if not moved:
            kept.append(event)
    return sorted((one for one in kept if start <= one.day <= end), key=lambda one: one.day)


def _first(told: Iterable[list[Event]]) -> list[Event]:
    return next((events for events in told if events), [])


def _others(believed: list[Event], told: Iterable[list[Event]]) -> list[Event]:
    """Earnings dates of other sources for a report that is believed to come on another day: unconfirmed."""
    days = {one.day for one in believed}
    other = [
        one for events in told for one in events if any(timedelta(0) < abs(one.day - day) < _OCCASION for day in days)
    ]
    return [dataclasses.replace(one, confirmed=False) for one in other if one.day not in days]


def _near(estimate: Event, known: Iterable[Event]) -> bool:
    return any(abs(estimate.day - one.day) <= _SAME_RELEASE for one in known)


def instrument(ticker: str, as_of: datetime) -> Instrument:
    """Reference data of a ticker as the shipped facts had it at a moment."""
    return shipped().instrument(ticker, as_of)
