"""The rules over the readings of the real analysts: nothing that they say may fail their own grounding."""

from __future__ import annotations

from datetime import date

import pytest

from agents.aggregate import aggregate
from agents.analysts import ANALYSTS
from agents.debate.debate import debate
from agents.debate.sentences import SENTENCES
from domain.codec import digest
from domain.decision import Scan
from domain.market import SnapshotRef
from domain.views import Abstained, Case, Verdict
from quant.surface import fit
from tools.market.simulated.market import SimulatedMarket
from tools.market.snapshot import take_snapshot

# exchange_calendars 4.13 reads its own tables in a way that pandas 3.1 announces to change.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")


async def real_scan(preset: str, seed: int) -> Scan:
    market = SimulatedMarket(preset, seed)
    as_of = market.snapshot_times(date(1990, 1, 1), date(2100, 1, 1))[-1]
    snapshot = await take_snapshot(market, "SPY", as_of)
    assert snapshot.chain is not None
    surface = fit(snapshot.chain, as_of, snapshot.rates)
    readings = tuple(ANALYSTS[name](snapshot, surface) for name in sorted(ANALYSTS))
    ref = SnapshotRef(
        hash=digest(snapshot),
        ticker="SPY",
        as_of=as_of,
        market=market.label,
        simulated=True,
        spot=snapshot.spot,
        chain_at=snapshot.chain.quoted_at,
        chain_lag_s=snapshot.chain_lag_s,
        iv_confidence=snapshot.iv_confidence,
        lag_limit_s=600.0,
        sources=(),
        restrictions=(),
        absent=snapshot.absent,
    )
    return Scan(
        ticker="SPY",
        snapshot=ref,
        readings=readings,
        composite=aggregate("SPY", readings, dict.fromkeys(ANALYSTS, 0.25)),
    )


@pytest.mark.parametrize(("preset", "seed"), [("vrp", 7), ("vrp", 11), ("fair", 3)])
async def test_every_sentence_about_real_readings_is_grounded(preset: str, seed: int) -> None:
    scan = await real_scan(preset, seed)
    made = await debate(scan, (), (), None)
    cases = [case for case in (made.bull, made.bear) if isinstance(case, Case)]
    assert cases
    assert [case.struck for case in cases] == [()] * len(cases)
    assert all("struck" not in case.why for case in (made.bull, made.bear) if isinstance(case, Abstained))
    assert all(claim.weight > 0 for case in cases for claim in case.claims)
    assert isinstance(made.outcome, Verdict)
    known = {item.id: item.name for reading in scan.readings for item in reading.evidence}
    rested = {known[id] for one in scan.readings if not isinstance(one.signal, Abstained) for id in one.signal.evidence}
    assert rested <= set(SENTENCES), "evidence that an analyst leans on deserves a sentence"
