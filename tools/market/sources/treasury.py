"""The United States Treasury's daily par yield curve, one CSV a year: no key, published in the evening of its day."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime

import polars as pl

from domain.errors import SourceFailed
from domain.market import Absent, Interval
from domain.ports import Clock
from tools.market.sources import payload
from tools.market.sources.client import Client

URL = "https://home.treasury.gov"
_PATH = "/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv"
_TENOR = re.compile(r"^([0-9.]+) (Mo|Month|Yr)s?$")
_WHOLE = re.compile(r"(\.\d\d|N/A)$")  # how a yield is written
_PLAUSIBLE = (-5.0, 50.0)  # percent a year


class Treasury:
    """Implements `OpenSource`: rates."""

    name = "treasury"
    delayed = False
    requests = 2  # this year and, early in January, the last

    def __init__(self, clock: Clock, client: Client, url: str = URL) -> None:
        self._clock = clock
        self._client = client
        self._url = url.rstrip("/")

    async def rates(self) -> pl.DataFrame | Absent:
        """Par yields of all days of this year; in a year that has none yet, of the last."""
        now = self._clock.now()
        year = payload.day_of(now).year
        for asked in (year, year - 1):
            body = await self._client.get(
                f"{self._url}{_PATH}/{asked}/all",
                {
                    "type": "daily_treasury_yield_curve",
                    "field_tdr_date_value": str(asked),
                    "page": "",
                    "_format": "csv",
                },
            )
            rows = rate_rows(body, asked, now) if body is not None else None
            if rows is not None and rows.height:
                return rows
        return Absent(what="Treasury yields", why=f"none published in {year - 1} or {year}")

    async def chain(self, ticker: str) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"a chain of {ticker}", why="not offered")

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"{interval} bars of {ticker}", why="not offered")

    async def index(self, name: str) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"daily values of {name}", why="not offered")

    async def events(self, ticker: str) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"events of {ticker}", why="not offered")

    async def actions(self, ticker: str) -> pl.DataFrame | Absent:
        """Not offered."""
        return Absent(what=f"corporate actions of {ticker}", why="not offered")

    async def ping(self) -> str:
        """The newest curve's day."""
        rows = await self.rates()
        if isinstance(rows, Absent):
            raise SourceFailed(f"{self._url} has no yields: {rows.why}; check the setting sources.treasury_url")
        newest = rows.filter(pl.col("day") == pl.col("day").max())
        return f"par yields of {newest['day'][0]}, {newest.height} tenors"

    async def close(self) -> None:
        """The client is shared; closing it twice does no harm."""
        await self._client.close()


def rate_rows(body: bytes, year: int, now: datetime) -> pl.DataFrame:
    """The CSV of a year as rows of the shelf `rates`; no rows when it holds no day.

    A cell that is empty or "N/A" is left out, and so is a day on which every cell is zero (a holiday). Raises
    SourceFailed for another form, another year, a day ahead or given twice, or yields in another unit.
    """
    lines = [line for line in csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"))) if any(line)]
    if not lines or lines[0][0].strip() != "Date":
        raise SourceFailed(f"no table of yields but {body[:60]!r}")
    # Without an end mark a cut table looks whole: its last figure, 4.86, would read 4.
    last = lines[-1][-1].strip()
    if not body.endswith(b"\n") and last and _WHOLE.search(last) is None and len(lines) > 1:
        raise SourceFailed(f"a table of yields that is cut off at {last!r}")
    header = [cell.strip() for cell in lines[0]]
    tenors = {at: years for at, cell in enumerate(header) if (years := tenor(cell)) is not None}
    if not tenors:
        raise SourceFailed(f"a table of yields without tenors: {', '.join(header)}")
    found: dict[date, list[tuple[float, float]]] = {}
    for line in lines[1:]:
        day = _day(line[0], year, now)
        if day in found:
            raise SourceFailed(f"the yields of {day} twice")
        if len(line) != len(header):
            raise SourceFailed(f"{len(line)} cells instead of {len(header)} for {day}")
        cells = {years: payload.number(line[at].strip().replace("N/A", ""), header[at]) for at, years in tenors.items()}
        found[day] = [(years, percent) for years, percent in cells.items() if percent is not None]
        if any(not _PLAUSIBLE[0] <= percent <= _PLAUSIBLE[1] for _, percent in found[day]):
            raise SourceFailed(f"yields of {day} that are no percentages: {line[1:]}")
    return pl.DataFrame(
        [
            (day, years, round(percent / 100.0, 8), "treasury")
            for day, curve in sorted(found.items())
            if any(percent for _, percent in curve)
            for years, percent in curve
        ],
        schema={"day": pl.Date, "tenor": pl.Float64, "yield": pl.Float64, "source": pl.String},
        orient="row",
    )


def tenor(label: str) -> float | None:
    """Years of a column such as "1.5 Month", "3 Mo" or "10 Yr"; None when it is no tenor."""
    match = _TENOR.match(label)
    if match is None:
        return None
    count = float(match[1])
    return count if match[2] == "Yr" else count / 12.0


def _day(text: str, year: int, now: datetime) -> date:
    try:
        month, day, said = (int(part) for part in text.strip().split("/"))
        found = date(said, month, day)
    except ValueError as error:
        raise SourceFailed(f"{text!r}, which is no day") from error
    if found.year != year:
        raise SourceFailed(f"yields of {found}, not of {year}")
    if found > payload.day_of(now):
        raise SourceFailed(f"yields of {found}, which lies ahead")
    return found
