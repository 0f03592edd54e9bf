from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime

import polars as pl
import pytest

from domain.errors import SourceFailed
from domain.market import Absent, Interval
from tests.servers import loopback
from tests.servers.loopback import Behaviour
from tests.servers.treasury import COLUMNS, LoopbackTreasury, table
from tools.clock import ManualClock
from tools.market.sources.client import Client
from tools.market.sources.treasury import Treasury, tenor
from tools.sessions import NEW_YORK

NOW = datetime(2026, 2, 11, 11, 0, tzinfo=NEW_YORK)
FEB10 = {"1 Mo": 3.72, "1.5 Month": 3.71, "3 Mo": 3.65, "6 Mo": 3.58, "1 Yr": 3.45, "10 Yr": 4.19, "30 Yr": 4.86}
FEB09 = {"1 Mo": 3.70, "10 Yr": 4.20}


@pytest.fixture
async def server() -> AsyncIterator[LoopbackTreasury]:
    async with LoopbackTreasury() as running:
        yield running


@pytest.fixture
async def source(server: LoopbackTreasury) -> AsyncIterator[Treasury]:
    opened = Treasury(ManualClock(NOW), Client(1.0), server.url)
    yield opened
    await opened.close()


async def rows_of(source: Treasury) -> pl.DataFrame:
    rows = await source.rates()
    assert isinstance(rows, pl.DataFrame)
    return rows


async def test_the_curve_as_decimals_by_tenor(source: Treasury, server: LoopbackTreasury) -> None:
    path = server.year(2026, table({date(2026, 2, 10): FEB10, date(2026, 2, 9): FEB09}))
    rows = await rows_of(source)
    assert server.asked[0].startswith(f"{path}?type=daily_treasury_yield_curve&field_tdr_date_value=2026")
    assert rows.schema == {"day": pl.Date, "tenor": pl.Float64, "yield": pl.Float64, "source": pl.String}
    newest = rows.filter(pl.col("day") == date(2026, 2, 10))
    assert newest.select("tenor", "yield").rows() == [
        (1 / 12, 0.0372),
        (0.125, 0.0371),
        (0.25, 0.0365),
        (0.5, 0.0358),
        (1.0, 0.0345),
        (10.0, 0.0419),
        (30.0, 0.0486),
    ]
    assert rows.filter(pl.col("day") == date(2026, 2, 9)).height == 2  # empty cells are left out


def test_tenors() -> None:
    assert [tenor(name) for name in COLUMNS] == [
        *(months / 12 for months in (1, 1.5, 2, 3, 4, 6)),
        *(1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 30.0),
    ]
    assert tenor("Date") is None
    assert tenor("Extrapolation Factor") is None


async def test_a_year_without_a_day_yet_gives_way_to_the_last(server: LoopbackTreasury) -> None:
    source = Treasury(ManualClock(datetime(2026, 1, 1, 12, 0, tzinfo=NEW_YORK)), Client(), server.url)
    server.year(2026, table({}))
    server.year(2025, table({date(2025, 12, 31): FEB10}))
    assert (await rows_of(source))["day"].unique().to_list() == [date(2025, 12, 31)]
    server.year(2026, loopback.status(404))
    assert (await rows_of(source))["day"].unique().to_list() == [date(2025, 12, 31)]
    await source.close()


async def test_no_yields_at_all_are_absent(source: Treasury) -> None:
    assert await source.rates() == Absent(what="Treasury yields", why="none published in 2025 or 2026")


async def test_a_day_of_zeros_is_no_day_and_a_zero_yield_is_one(source: Treasury, server: LoopbackTreasury) -> None:
    zeros = dict.fromkeys(COLUMNS, 0.0)
    server.year(2026, table({date(2026, 2, 10): zeros, date(2026, 2, 9): {"1 Mo": 0.0, "10 Yr": 4.2}}))
    rows = await rows_of(source)
    assert rows["day"].unique().to_list() == [date(2026, 2, 9)]
    assert rows["yield"].to_list() == [0.0, 0.042]


async def test_a_new_column_that_is_no_tenor_is_left_out_and_a_missing_one_too(
    source: Treasury, server: LoopbackTreasury
) -> None:
    server.year(2026, b'\xef\xbb\xbfDate,"1 Mo","Extrapolation Factor","10 Yr"\n02/10/2026,3.7,N/A,4.19\n')
    assert (await rows_of(source)).select("tenor", "yield").rows() == [(1 / 12, 0.037), (10.0, 0.0419)]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.page(), "no table of yields but"),
        (loopback.raw(b"", "text/csv"), "no table of yields"),
        (loopback.raw(b"Date\n02/10/2026\n", "text/csv"), "a table of yields without tenors: Date"),
        (loopback.raw(b'Date,"1 Mo"\n02/12/2026,3.7\n', "text/csv"), "yields of 2026-02-12, which lies ahead"),
        (loopback.raw(b'Date,"1 Mo"\n02/10/2025,3.7\n', "text/csv"), "yields of 2025-02-10, not of 2026"),
        (loopback.raw(b'Date,"1 Mo"\nyesterday,3.7\n', "text/csv"), "'yesterday', which is no day"),
        (loopback.raw(b'Date,"1 Mo"\n02/10/2026,high\n', "text/csv"), "1 Mo 'high', which is no number"),
        (loopback.raw(b'Date,"1 Mo"\n02/10/2026,372\n', "text/csv"), "yields of 2026-02-10 that are no percentages"),
        (loopback.raw(b'Date,"1 Mo","10 Yr"\n02/10/2026,3.7\n', "text/csv"), "2 cells instead of 3"),
        (loopback.raw(b'Date,"1 Mo"\n02/10/2026,3.7\n02/10/2026,3.8\n', "text/csv"), "the yields of 2026-02-10 twice"),
        (loopback.status(403), r"refuses \(HTTP 403\)"),
    ],
)
async def test_a_table_that_cannot_be_trusted_is_refused(
    source: Treasury, server: LoopbackTreasury, behaviour: Behaviour, words: str
) -> None:
    server.year(2026, behaviour)
    with pytest.raises(SourceFailed, match=words):
        await source.rates()


async def test_half_a_table_is_refused_or_says_less_but_never_something_else(
    source: Treasury, server: LoopbackTreasury
) -> None:
    """A CSV has no end mark: cut anywhere, what is left is refused or holds true cells only."""
    whole = table({date(2026, 2, 10): FEB10, date(2026, 2, 9): FEB09})
    server.year(2026, whole)
    true = set((await rows_of(source)).select("day", "tenor", "yield").rows())
    outcomes = {"refused": 0, "less": 0}
    for cut in range(1, len(whole) - 1, 3):
        server.year(2026, whole[:cut])
        try:
            rows = await source.rates()
        except SourceFailed:
            outcomes["refused"] += 1
            continue
        outcomes["less"] += 1
        assert isinstance(rows, Absent) or set(rows.select("day", "tenor", "yield").rows()) <= true, cut
    assert min(outcomes.values()) > 0


async def test_ping(source: Treasury, server: LoopbackTreasury) -> None:
    server.year(2026, table({date(2026, 2, 10): FEB10, date(2026, 2, 9): FEB09}))
    assert await source.ping() == "par yields of 2026-02-10, 7 tenors"
    server.year(2026, loopback.status(404))
    with pytest.raises(SourceFailed, match=r"sources\.treasury_url"):
        await source.ping()


async def test_the_rest_is_not_offered(source: Treasury) -> None:
    for other in (
        source.chain("SPX"),
        source.bars("SPX", Interval.DAY),
        source.index("VIX"),
        source.events("AAPL"),
        source.actions("AAPL"),
    ):
        answer = await other
        assert isinstance(answer, Absent)
        assert answer.why == "not offered"
