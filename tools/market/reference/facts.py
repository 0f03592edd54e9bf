"""Dated facts from a TOML file, the shipped one or a person's own, checked as they are read.

    [file]         source(who says so, where a row does not) stated(day; known_at where a row has none)
    [[instrument]] ticker, company, kind(index, etf, stock), sector; what a row leaves out it does not change
    [[sectors]]    sector, tickers: the same for many
    [[action]]     ticker, kind(split, dividend, symbol_change, adjusted_contract), day(ex-date), ratio(of a split: new
                   shares for an old one), amount(of a dividend: dollars a share), note
    [[event]]      ticker(left out: every ticker), kind(earnings, ex_dividend, fomc, cpi, jobs, opex), day,
                   confirmed(true unless set), before_open, withdrawn(since when the date no longer stands)
    [[none]]       ticker, kind: no such event is ahead, which is known
    [[schedule]]   kind, days, announced, after, before_open, ticker: a list of dates. Each is tentative once it is
                   `announced` and confirmed on the date before it in the list (for the first: `after`); without
                   `announced` it is known from then only.

Every row may have `source` and `known_at`. Days are TOML dates. `known_at`, `announced` and `withdrawn` are dates or
times with an offset; a bare date counts when it is over in New York. A kind of event ahead that one file tells of is
taken from it alone, ahead of the files after it in the settings' `sources.events`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import BadInput
from domain.market import ActionKind, CorporateAction, Event, EventKind, Kind
from tools import sessions

EVERY = ""  # the ticker of events that concern every underlying

Day = Annotated[date, Field(strict=True)]
Moment = Annotated[datetime, Field(strict=True)] | Day
Ticker = Annotated[str, Field(pattern=r"^[A-Z0-9.^]{1,10}$")]


@dataclass(frozen=True, slots=True)
class About:
    """What one row says of an underlying; None: nothing."""

    ticker: str
    company: str | None
    kind: Kind | None
    sector: str | None
    known_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Dated:
    """An event of one ticker (EVERY: of all), and since when it no longer stands."""

    ticker: str
    event: Event
    withdrawn: datetime | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """A kind of event that is known not to be ahead."""

    ticker: str
    kind: EventKind
    known_at: datetime


@dataclass(frozen=True)
class Facts:
    """What one source says. `name` is what the settings call it: file, shipped, yahoo."""

    name: str
    about: tuple[About, ...] = ()
    actions: tuple[tuple[str, CorporateAction], ...] = ()  # (ticker, action)
    events: tuple[Dated, ...] = ()
    never: tuple[Never, ...] = ()


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sourced(_Row):
    known_at: Moment | None = None
    source: str = ""


class _File(_Row):
    source: str
    stated: Day


class _Instrument(_Sourced):
    ticker: Ticker
    company: str | None = None
    kind: Kind | None = None
    sector: str | None = None


class _Sectors(_Sourced):
    sector: str
    tickers: tuple[Ticker, ...] = Field(min_length=1)


class _Action(_Sourced):
    ticker: Ticker
    kind: ActionKind
    day: Day
    ratio: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    amount: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    note: str = ""


class _Event(_Sourced):
    ticker: Ticker | Literal[""] = EVERY
    kind: EventKind
    day: Day
    confirmed: bool = True
    before_open: bool | None = None
    withdrawn: Moment | None = None


class _None(_Sourced):
    ticker: Ticker
    kind: EventKind


class _Schedule(_Sourced):
    ticker: Ticker | Literal[""] = EVERY
    kind: EventKind
    days: tuple[Day, ...] = Field(min_length=1)
    announced: Moment | None = None
    after: Day | None = None
    before_open: bool | None = None


_TABLES: dict[str, type[_Sourced]] = {
    "instrument": _Instrument,
    "sectors": _Sectors,
    "action": _Action,
    "event": _Event,
    "none": _None,
    "schedule": _Schedule,
}


def read_facts(path: Path, name: str) -> Facts:
    """The facts of a file. Raises BadInput naming file, line, table and key of the first thing that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"the reference file {path} cannot be read: {error}") from error
    return _Reader(path, text, name).facts(data)


def end_of(day: date) -> datetime:
    """When a day is over in New York, as aware UTC: a date without a time can be known no sooner."""
    return sessions.new_york(day + timedelta(days=1), 0, 0)


class _Reader:
    """Turns the tables of one file into facts."""

    def __init__(self, path: Path, text: str, name: str) -> None:
        self._path, self._text, self._name = path, text, name
        self._file = _File(source=name, stated=date(1970, 1, 1))

    def facts(self, data: dict[str, Any]) -> Facts:
        """All facts, rows in the order of the file."""
        unknown = sorted(set(data) - {"file", *_TABLES})
        if unknown:
            known = ", ".join(("file", *_TABLES))
            self._wrong(unknown[0], 0, "", f"is no table of reference data; there are {known}")
        if not isinstance(data.get("file"), dict):
            self._wrong("file", 0, "", "is missing: write [file] with source and stated")
        self._file = self._made(_File, "file", 0, data["file"])
        rows: dict[str, list[Any]] = {name: [] for name in _TABLES}
        for table, model in _TABLES.items():
            given = data.get(table, [])
            if not isinstance(given, list):
                self._wrong(table, 0, "", f"is written once a row, as [[{table}]]")
            rows[table] = [self._made(model, table, n, row) for n, row in enumerate(given)]
        return Facts(
            name=self._name,
            about=tuple(self._about(rows)),
            actions=tuple((row.ticker, self._action(n, row)) for n, row in enumerate(rows["action"])),
            events=(
                *(self._event(n, row) for n, row in enumerate(rows["event"])),
                *(one for n, row in enumerate(rows["schedule"]) for one in self._schedule(n, row)),
            ),
            never=tuple(
                Never(row.ticker, row.kind, self._known("none", n, row.known_at)) for n, row in enumerate(rows["none"])
            ),
        )

    def _about(self, rows: dict[str, list[Any]]) -> Iterator[About]:
        for n, row in enumerate(rows["instrument"]):
            known_at = self._known("instrument", n, row.known_at)
            yield About(row.ticker, row.company, row.kind, row.sector, known_at, self._source(row))
        for n, row in enumerate(rows["sectors"]):
            known_at = self._known("sectors", n, row.known_at)
            for ticker in row.tickers:
                yield About(ticker, None, None, row.sector, known_at, self._source(row))

    def _action(self, n: int, row: _Action) -> CorporateAction:
        if row.kind is ActionKind.DIVIDEND and row.amount is None:
            self._wrong("action", n, "amount", "is missing: a dividend has one")
        return CorporateAction(
            kind=row.kind,
            day=row.day,
            ratio=row.ratio,
            amount=row.amount,
            note=row.note,
            source=self._source(row),
            known_at=self._known("action", n, row.known_at),
        )

    def _event(self, n: int, row: _Event) -> Dated:
        event = Event(
            kind=row.kind,
            day=row.day,
            confirmed=row.confirmed,
            before_open=row.before_open,
            known_at=self._known("event", n, row.known_at),
            source=self._source(row),
        )
        withdrawn = None if row.withdrawn is None else self._moment("event", n, "withdrawn", row.withdrawn)
        return Dated(row.ticker, event, withdrawn)

    def _schedule(self, n: int, row: _Schedule) -> Iterator[Dated]:
        if list(row.days) != sorted(set(row.days)) or (row.after is not None and row.after >= row.days[0]):
            self._wrong("schedule", n, "days", "do not ascend, each once, all after `after`")
        announced = None if row.announced is None else self._moment("schedule", n, "announced", row.announced)
        stated = self._known("schedule", n, row.known_at)
        for before, day in zip((row.after, *row.days), row.days, strict=False):
            sure = stated if before is None else end_of(before)
            states = ((False, announced), (True, max(sure, announced))) if announced is not None else ((True, sure),)
            for confirmed, known_at in states:
                event = Event(
                    kind=row.kind,
                    day=day,
                    confirmed=confirmed,
                    before_open=row.before_open,
                    known_at=known_at,
                    source=self._source(row),
                )
                yield Dated(row.ticker, event)

    def _source(self, row: _Sourced) -> str:
        return row.source or self._file.source

    def _known(self, table: str, n: int, given: date | None) -> datetime:
        return end_of(self._file.stated) if given is None else self._moment(table, n, "known_at", given)

    def _moment(self, table: str, n: int, key: str, given: date) -> datetime:
        if not isinstance(given, datetime):
            return end_of(given)
        if given.tzinfo is None:
            self._wrong(table, n, key, f"{given} has no offset; write 2026-02-04T12:00:00-05:00, or the day alone")
        return given.astimezone(UTC)

    def _made(self, model: type[Any], table: str, n: int, row: Any) -> Any:
        try:
            return model.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else ""
            hint = "; write a date without quotes, as 2026-02-04" if "date" in first["type"] else ""
            self._wrong(table, n, key, f"{first['msg'].lower()}{hint}")

    def _wrong(self, table: str, n: int, key: str, what: str) -> NoReturn:
        line = _line(self._text, table, n, key)
        where = f"[{table}]" if table == "file" else f"[[{table}]] number {n + 1}"
        raise BadInput(f"{self._path}, line {line}, {where}{f', {key}' if key else ''}: {what}")


def _line(text: str, table: str, n: int, key: str) -> int:
    """The line of a key in the n-th row of a table; of the row, or 1, where the key does not stand there."""
    lines, seen, row = text.splitlines(), -1, 1
    head = re.compile(rf"^\s*\[\[?\s*{re.escape(table)}\s*\]\]?")
    for number, line in enumerate(lines, 1):
        if re.match(r"^\s*\[", line) and (head.match(line) or seen == n):
            seen += 1
            row = number if seen == n and head.match(line) else row
        elif seen == n and key and re.match(rf"^\s*{re.escape(key)}\s*=", line):
            return number
    return row
