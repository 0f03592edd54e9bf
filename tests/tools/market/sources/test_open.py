"""All sources, opened by name and asked as a market asks them."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from domain.market import SourceUse
from tests.servers import cboe as made
from tests.servers import loopback
from tests.servers.cboe import LoopbackCboe
from tests.servers.treasury import LoopbackTreasury, table
from tests.servers.yahoo import LoopbackYahoo, contract
from tools.clock import ManualClock
from tools.market.sources.asking import Asker, Patience
from tools.market.sources.open import close_sources, open_sources
from tools.market.sources.protocol import OpenSource
from tools.sessions import NEW_YORK

NOW = datetime(2026, 2, 11, 15, 30, tzinfo=NEW_YORK)
TRADED = NOW - timedelta(minutes=15)
EXPIRY = date(2026, 3, 20)


async def test_a_desk_gets_what_each_source_has_and_falls_back_in_order() -> None:
    async with LoopbackCboe() as cboe, LoopbackYahoo() as yahoo, LoopbackTreasury() as treasury:
        clock = ManualClock(NOW)
        sources = open_sources(clock, timeout_s=1.0, cboe_url=cboe.url, yahoo_url=yahoo.url, treasury_url=treasury.url)
        assert {name: source.name for name, source in sources.items()} == {name: name for name in sources}
        asker = Asker(clock, Patience(attempts=1))
        order = [sources["cboe"], sources["yahoo"]]
        yahoo.chain("SPY", [contract("SPY", EXPIRY, True, 690.0, TRADED)], spot=691.0, spot_at=NOW)
        treasury.year(2026, table({date(2026, 2, 10): {"3 Mo": 3.65}}))

        cboe.chain("SPY", loopback.status(503))
        rows, use = await asker.ask("chain", order, lambda source: source.chain("SPY"))
        assert isinstance(rows, pl.DataFrame)
        assert rows["source"].to_list() == ["yahoo"]
        assert use == SourceUse(datum="chain", source="yahoo", failed=("cboe: a server error (HTTP 503)",))

        sent = [made.option("SPY", EXPIRY, True, 690.0, TRADED)]
        cboe.chain("SPY", made.chain("SPY", sent, spot=691.0, shown_at=NOW, spot_at=TRADED))
        rows, use = await asker.ask("chain", order, lambda source: source.chain("SPY"))
        assert isinstance(rows, pl.DataFrame)
        assert rows["source"].to_list() == ["cboe"]
        assert use.failed == ()

        rates, use = await asker.ask("rates", [sources["treasury"]], lambda source: source.rates())
        assert isinstance(rates, pl.DataFrame)
        assert use.source == "treasury"
        await close_sources(sources)


async def test_chains_of_two_sources_go_into_one_store() -> None:
    """What both give, completed with a receipt, has the store's types."""
    from tools.market.store import CHAIN_SCHEMA

    async with LoopbackCboe() as cboe, LoopbackYahoo() as yahoo:
        sources = open_sources(ManualClock(NOW), cboe_url=cboe.url, yahoo_url=yahoo.url)
        yahoo.chain("SPY", [contract("SPY", EXPIRY, True, 690.0, TRADED)], spot=691.0, spot_at=NOW)
        sent = [made.option("SPY", EXPIRY, True, 690.0, TRADED)]
        cboe.chain("SPY", made.chain("SPY", sent, spot=691.0, shown_at=NOW, spot_at=TRADED))
        for name in ("cboe", "yahoo"):
            rows = await sources[name].chain("SPY")
            assert isinstance(rows, pl.DataFrame)
            whole = rows.with_columns(known_at=pl.lit(NOW))
            assert all(whole.schema[column] == CHAIN_SCHEMA[column] for column in rows.columns)
            assert whole["settles_at"].to_list() == [datetime(2026, 3, 20, 16, 0, tzinfo=NEW_YORK)]
        await close_sources(sources)


@pytest.mark.parametrize("name", ["cboe", "yahoo", "treasury"])
async def test_a_source_that_was_closed_opens_again(name: str) -> None:
    async with LoopbackCboe() as cboe, LoopbackYahoo() as yahoo, LoopbackTreasury() as treasury:
        sources: dict[str, OpenSource] = open_sources(
            ManualClock(NOW), cboe_url=cboe.url, yahoo_url=yahoo.url, treasury_url=treasury.url
        )
        cboe.quote("VIX", made.chain("VIX", [], spot=17.0, shown_at=NOW, spot_at=TRADED))
        yahoo.bars("SPY", "1d", [(date(2026, 2, 10), 1.0, 1.0, 1.0, 1.0, 1.0)])
        treasury.year(2026, table({date(2026, 2, 10): {"3 Mo": 3.65}}))
        first = await sources[name].ping()
        await close_sources(sources)
        assert await sources[name].ping() == first
        await close_sources(sources)


def test_opening_imports_none_of_the_libraries() -> None:
    """`parley --help` and every run on recorded data do without them."""
    code = (
        "import sys; from tools.market.sources.open import open_sources; from tools.clock import SystemClock; "
        "open_sources(SystemClock()); "
        "print([name for name in ('httpx', 'yfinance', 'curl_cffi', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
