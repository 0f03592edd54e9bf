"""Old chains: refused by default, evidence only under decay_only, and too many of them make a run analysis only."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.decision import Decision
from domain.market import Alignment
from quant.selection.playbooks import PLAYBOOKS
from tests.desk import demo_spec, desk_house
from tools.market.simulated.market import SimulatedMarket

OLD = timedelta(minutes=40)


class Lagging(SimulatedMarket):
    """The simulated market, the chains of some tickers standing still for forty minutes."""

    late: tuple[str, ...] = ()

    async def chain(self, ticker: str, as_of: datetime) -> Any:
        return await super().chain(ticker, as_of - OLD if ticker in self.late else as_of)


def market_of(*late: str) -> Any:
    def named(name: str) -> SimulatedMarket:
        market = Lagging("vrp", 43)
        market.late = late
        return market

    return named


async def decided(uri: str, tickers: tuple[str, ...], late: tuple[str, ...]) -> Decision:
    async with desk_house(uri, markets=market_of(*late)) as house:
        row = await house.runs.start(demo_spec(house, tickers))
        assert row.decision is not None
        return row.decision


async def test_one_stale_chain_in_six_refuses_its_ticker_alone(postgres_uri: str) -> None:
    made = await decided(postgres_uri, ("SPX", "SPY", "QQQ", "IWM", "AAPL", "MSFT"), ("MSFT",))
    (refused,) = [one for one in made.refused if one.ticker == "MSFT"]
    assert refused.stale
    assert "newest chain is 40 min old, limit 10 min" in refused.reason
    assert made.analysis_only == ""
    assert not any(check.name == "run" for veto in made.vetoes for check in veto.report.failed)


async def test_with_more_than_a_fifth_stale_a_run_argues_and_proposes_nothing(postgres_uri: str) -> None:
    fresh = await decided(postgres_uri, ("SPX", "MSFT"), ())
    assert fresh.mandates, "with fresh chains there is something to trade"
    made = await decided(postgres_uri, ("SPX", "MSFT"), ("MSFT",))
    assert made.analysis_only == "1 of 2 chains are stale (MSFT), more than 20%: analysis only"
    assert [argued.ticker for argued in made.debates] == ["SPX"]
    assert made.mandates == made.proposals == made.tickets == ()
    assert made.vetoes
    for veto in made.vetoes:
        assert "run" in {check.name for check in veto.report.failed}


async def test_decay_only_keeps_an_old_chain_as_evidence_and_opens_nothing_on_it(
    postgres_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = dataclasses.replace(PLAYBOOKS["index_iron_condor"], alignment=Alignment.DECAY_ONLY)
    monkeypatch.setitem(PLAYBOOKS, "index_iron_condor", patient)
    async with desk_house(postgres_uri, markets=market_of("SPX"), change={"stale_share": 1.0}) as house:
        row = await house.runs.start(demo_spec(house, ("SPX",)))
    made = row.decision
    assert made is not None
    (scan,) = made.scans
    assert scan.snapshot.stale
    assert scan.snapshot.iv_confidence == pytest.approx(0.5 ** (OLD.total_seconds() / 300), rel=0.2)
    assert any("evidence only" in caveat for caveat in scan.snapshot.caveats)
    assert made.analysis_only == ""
    assert made.mandates == ()
    failed = {veto.playbook: {check.name for check in veto.report.failed} for veto in made.vetoes}
    assert {"alignment", "quotes_tradable"} <= failed["index_iron_condor"]
    assert "alignment" in failed["debit_vertical"], "a policy is the playbook's own"
