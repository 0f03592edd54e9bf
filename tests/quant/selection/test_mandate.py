"""Mandates and vetoes: a calm index passes in every regime but a crisis, and each missing thing is a failed check."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from domain.book import Halt
from domain.decision import Mandate, Scan, Veto
from domain.evidence import evidence
from domain.market import (
    Absent,
    Alignment,
    Calendar,
    Event,
    EventKind,
    Exercise,
    Instrument,
    Kind,
    MarketSnapshot,
    SnapshotRef,
)
from domain.playbook import InvestorMandate, Playbook
from domain.regime import RegimeName
from domain.structures import StructureName
from domain.units import Unit
from domain.views import Abstained, Direction, Reading, Verdict, Volatility
from quant.execution.quotes import Venue
from quant.risk.limits import LIMITS, HardLimits
from quant.selection.mandate import mandate
from quant.selection.playbooks import PLAYBOOKS
from tests.fakes import AT, D, book, chain, commitment, daily, option, position, regime

PATIENT = Venue(paper=True, waits=True)
CONDOR, VERTICAL = PLAYBOOKS["index_iron_condor"], PLAYBOOKS["debit_vertical"]
QUOTES = {option(2750): (10.0, 10.4), option(2950, "call"): (8.0, 8.3)}


def instrument(**changes: Any) -> Instrument:
    base: dict[str, Any] = {
        "ticker": "SPX",
        "kind": Kind.INDEX,
        "exercise": Exercise.EUROPEAN,
        "sector": None,
        "broad_index": True,
        "multiplier": 100,
        "known_at": AT,
    }
    return Instrument(**{**base, **changes})


STOCK = instrument(kind=Kind.STOCK, broad_index=False, sector="technology", exercise=Exercise.AMERICAN)


def snapshot(**changes: Any) -> MarketSnapshot:
    base: dict[str, Any] = {
        "ticker": "SPX",
        "as_of": AT,
        "market": "test",
        "simulated": True,
        "instrument": instrument(),
        "spot": 2850.0,
        "chain": chain(QUOTES),
        "chain_lag_s": 30.0,
        "iv_confidence": 0.933,
        "lag_limit_s": 600.0,
        "quality": None,
        "sources": (),
        "restrictions": (),
        "daily": daily([(date(2019, 5, 17), 2850, 2859), (date(2019, 5, 20), 2842, 2840)]),
        "intraday": None,
        "vix_history": None,
        "indices": (),
        "rates": None,
        "calendar": Calendar(events=(), unknown=()),
        "social": None,
        "absent": (),
    }
    return MarketSnapshot(**{**base, **changes})


def verdict(direction: str = "inconclusive", volatility: str = "rich", p: float = 0.62) -> Verdict:
    return Verdict(
        ticker="SPX",
        author="rules",
        direction=Direction(direction),
        direction_p=0.5 if direction == "inconclusive" else p,
        volatility=Volatility(volatility),
        volatility_p=0.5 if volatility == "inconclusive" else p,
        horizon=21,
        why="test",
        claims=(),
    )


def scan(*, fitted: bool = True) -> Scan:
    one = evidence("SPX", "vol_surface", "atm", 0.16, Unit.VOL, as_of=AT, known_at=AT, source="test")
    ref = SnapshotRef(
        hash="0" * 64,
        ticker="SPX",
        as_of=AT,
        market="test",
        simulated=True,
        spot=2850.0,
        chain_at=AT,
        chain_lag_s=30.0,
        iv_confidence=0.933,
        lag_limit_s=600.0,
        sources=(),
        restrictions=(),
        absent=(),
    )
    reading = Reading(
        analyst="vol_surface",
        evidence=(one,) if fitted else (),
        signal=Abstained(who="vol_surface", ticker="SPX", why="test"),
    )
    return Scan(ticker="SPX", snapshot=ref, readings=(reading,), composite=None)


def asked(
    view: Verdict | None = None, playbook: Playbook = CONDOR, shot: MarketSnapshot | None = None, **given: Any
) -> Mandate | Veto:
    return mandate(
        view or verdict(),
        given.get("scan", scan()),
        playbook,
        shot or snapshot(),
        given.get("held", book()),
        given.get("regime", regime()),
        given.get("limits", LIMITS),
        AT,
        given.get("venue", PATIENT),
        given.get("analysis_only", ""),
    )


def aligned(policy: Alignment) -> Playbook:
    """The condor playbook under another alignment policy."""
    return dataclasses.replace(CONDOR, alignment=policy)


def failed(*args: Any, **given: Any) -> set[str]:
    answer = asked(*args, **given)
    return {one.name for one in answer.report.failed}


@pytest.mark.parametrize("name", [RegimeName.LOW_VOL, RegimeName.NEUTRAL, RegimeName.HIGH_VOL])
def test_a_condor_on_a_rich_index_is_permitted_from_an_empty_book(name: RegimeName) -> None:
    answer = asked(regime=regime(name))
    assert isinstance(answer, Mandate)
    assert answer.structures == (StructureName.IRON_CONDOR,)
    assert (answer.loss_budget, answer.max_contracts, answer.latest_expiry) == (D("3000.00"), 10, None)
    assert len(answer.report.checks) > 15


def test_nothing_is_opened_in_a_crisis() -> None:
    answer = asked(regime=regime(RegimeName.CRISIS))
    assert isinstance(answer, Veto)
    assert {one.name for one in answer.report.failed} == {"regime"}


@pytest.mark.parametrize(
    ("direction", "structure"),
    [("up", StructureName.BULL_CALL_SPREAD), ("down", StructureName.BEAR_PUT_SPREAD)],
)
def test_a_vertical_follows_the_direction(direction: str, structure: StructureName) -> None:
    answer = asked(verdict(direction, "inconclusive"), VERTICAL)
    assert isinstance(answer, Mandate)
    assert answer.structures == (structure,)


DELAYED = dataclasses.replace(chain(QUOTES), delayed=True)
OLD = {"chain_lag_s": 601.0, "iv_confidence": 0.25}
CHEAP = {"volatility": "cheap"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "volatility not rich": ("view", {"view": verdict(volatility="cheap")}),
    "probability of no more than a half": ("axis", {"view": verdict(p=0.5)}),
    "probability that is no number": ("axis", {"view": verdict(p=math.nan)}),
    "another ticker's snapshot": ("same_ticker", {"shot": snapshot(ticker="SPY")}),
    "no broad index": ("universe", {"shot": snapshot(instrument=instrument(broad_index=False))}),
    "no bars": ("forecast_bars", {"shot": snapshot(daily=None)}),
    "old bars": ("forecast_bars", {"shot": snapshot(daily=daily([(date(2018, 12, 31), 2500, 2506)]))}),
    "low confidence": ("iv_confidence", {"shot": snapshot(iv_confidence=0.12)}),
    "analysis only": ("run", {"analysis_only": "2 of 3 chains are stale"}),
    "restricted quotes": ("quotes_tradable", {"shot": snapshot(restrictions=("no bids",))}),
    "delayed quotes that fill at once": (
        "quotes_tradable",
        {"shot": snapshot(chain=DELAYED), "venue": Venue(paper=True, waits=False)},
    ),
    "delayed quotes and a live broker": (
        "quotes_tradable",
        {"shot": snapshot(chain=DELAYED), "venue": Venue(paper=False, waits=True)},
    ),
    "no two-sided quote": ("chain", {"shot": snapshot(chain=chain({option(2750): (0.0, 10.4)}))}),
    "no quote at all": ("chain", {"shot": snapshot(chain=chain({option(2750): (np.nan, np.nan)}))}),
    "spot that is no number": ("spot", {"shot": snapshot(spot=math.nan)}),
    "stale snapshot": ("snapshot", {"shot": snapshot(as_of=AT - timedelta(seconds=901))}),
    "no surface": ("surface", {"scan": scan(fitted=False)}),
    "no reading": ("surface", {"scan": dataclasses.replace(scan(), readings=())}),
    "halted": ("halts", {"held": book(halts=(Halt(scope="desk", reason="drill", since=AT),))}),
    "day's contracts used up": ("contracts", {"held": book(contracts_today=(("SPX", 10),))}),
    "mark too old": (
        "nlv_age",
        {"held": book(positions=(position(ticker="QQQ"),), nlv_at=AT - timedelta(hours=1))},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_missing_thing_is_the_failed_check(case: str) -> None:
    name, given = CASES[case]
    view, shot = given.pop("view", None), given.pop("shot", None)
    assert failed(view, CONDOR, shot, **given) == {name}


def test_inconclusive_axes() -> None:
    assert failed(verdict("up", "inconclusive")) == {"axis", "view"}
    assert failed(verdict("inconclusive", "rich"), VERTICAL) >= {"axis", "view", "structures"}


def test_no_chain_is_told_with_its_reason() -> None:
    answer = asked(None, CONDOR, snapshot(chain=None, absent=(Absent(what="chain", why="not listed"),)))
    line = next(one for one in answer.report.failed if one.name == "chain")
    assert (line.value, line.note) == ("ABSENT", "chain: not listed")


def test_absent_bars_are_told_as_what_p_needs() -> None:
    answer = asked(None, CONDOR, snapshot(daily=None))
    line = next(one for one in answer.report.failed if one.name == "forecast_bars")
    assert "the measure of P needs bars: ABSENT" in line.note
    assert isinstance(asked(verdict("up", "inconclusive"), VERTICAL, snapshot(daily=None)), Mandate)


def single(last: date | None, *, known: bool = False) -> MarketSnapshot:
    known_at = datetime(2019, 1, 1, tzinfo=UTC)
    event = (
        Event(kind=EventKind.EARNINGS, day=last, confirmed=True, before_open=None, known_at=known_at) if last else None
    )
    return snapshot(
        instrument=STOCK,
        calendar=Calendar(events=(event,) if event else (), unknown=() if known else (EventKind.EARNINGS,)),
    )


def test_unknown_earnings_bound_the_expiry_or_veto() -> None:
    up = verdict("up", "inconclusive")
    assert failed(up, VERTICAL, single(None)) == {"earnings"}
    recent = asked(up, VERTICAL, single(date(2019, 5, 1)))
    assert isinstance(recent, Mandate)
    assert recent.latest_expiry == date(2019, 5, 1) + timedelta(days=74)
    assert failed(up, VERTICAL, single(date(2019, 3, 1))) == {"earnings"}
    announced = asked(up, VERTICAL, single(date(2019, 6, 5), known=True))
    assert isinstance(announced, Mandate)
    assert announced.latest_expiry is None


def test_the_budget_is_the_least_room_rounded_down() -> None:
    others = tuple(commitment(id=f"r{n}", ticker=f"I{n}", max_loss=D("4300.37")) for n in range(3))
    answer = asked(held=book(commitments=others))
    assert isinstance(answer, Mandate)
    assert answer.loss_budget == D("2098.89")
    odd = asked(held=book(nlv=D("99999.99"), cash=D("99999.99")))
    assert isinstance(odd, Mandate)
    assert odd.loss_budget == D("2999.99")
    full = book(commitments=tuple(commitment(id=f"r{n}", ticker=f"I{n}", max_loss=D(5000)) for n in range(3)))
    assert failed(held=full) == {"headroom", "loss_budget"}
    assert failed(held=book(nlv=D("NaN"))) >= {"headroom", "loss_budget", "daily_loss"} - {"daily_loss"}


def own(**what: Any) -> HardLimits:
    return dataclasses.replace(LIMITS, investor=InvestorMandate(**what))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("mandate_watchlist", {"watchlist": ("SPY", "QQQ")}),
        ("mandate_horizon", {"horizon": 20}),
        ("mandate_structures", {"structures": (StructureName.BULL_PUT_SPREAD,)}),
        ("mandate_dte", {"max_dte": CONDOR.search.min_dte - 1}),
        ("mandate_dte", {"min_dte": CONDOR.search.max_dte + 1}),
    ],
)
def test_the_persons_mandate_vetoes_by_name(name: str, what: dict[str, Any]) -> None:
    assert failed(limits=own(**what)) == {name}


def test_the_persons_mandate_narrows_what_is_looked_for() -> None:
    low, high = CONDOR.search.min_dte, CONDOR.search.max_dte
    answer = asked(limits=own(watchlist=("SPX",), horizon=21, min_dte=low + 1, max_dte=high - 1, largest_loss=D(500)))
    assert isinstance(answer, Mandate)
    assert answer.earliest_expiry == AT.date() + timedelta(days=low + 1)
    assert answer.latest_expiry == AT.date() + timedelta(days=high - 1)
    assert answer.loss_budget == D("500.00")
    ample = asked(limits=own(largest_loss=D(100_000)))
    assert isinstance(ample, Mandate)
    assert ample.loss_budget == D("3000.00")
    both = dataclasses.replace(CONDOR, structures=(StructureName.IRON_CONDOR, StructureName.IRON_BUTTERFLY))
    one = asked(playbook=both, limits=own(structures=(StructureName.IRON_BUTTERFLY, StructureName.CALENDAR)))
    assert isinstance(one, Mandate)
    assert one.structures == (StructureName.IRON_BUTTERFLY,)


def test_the_persons_window_and_unknown_earnings_bound_together() -> None:
    up, recent = verdict("up", "inconclusive"), single(date(2019, 5, 1))
    bound = asked(up, VERTICAL, recent, limits=own(max_dte=VERTICAL.search.min_dte))
    assert isinstance(bound, Mandate)
    assert bound.latest_expiry == AT.date() + timedelta(days=VERTICAL.search.min_dte)
    late = (date(2019, 5, 1) + timedelta(days=74) - AT.date()).days + 1
    assert failed(up, VERTICAL, recent, limits=own(min_dte=late)) == {"mandate_dte"}


def test_a_mandate_that_sets_nothing_changes_nothing() -> None:
    assert asked(limits=own()) == asked()
    assert not any(one.name.startswith("mandate_") for one in asked().report.checks)


def test_playbooks_stay_below_the_hard_limits_and_hash_their_parameters() -> None:
    for name, one in PLAYBOOKS.items():
        assert one.name == name
        assert 0 < one.largest_loss < LIMITS.position
        assert RegimeName.CRISIS not in one.regimes
        assert one.kelly_scale <= 1
        assert one.search.min_dte > one.exits.close_dte or one.search.min_dte > 2
        assert dataclasses.replace(one, version=2).params_hash != one.params_hash


def test_policies_of_a_playbook_on_an_old_chain() -> None:
    """Within the limit hard_cutoff trusts what decay does not; beyond it nothing is opened under any policy."""
    faint = snapshot(chain_lag_s=590.0, iv_confidence=0.1)
    assert failed(shot=faint) == {"iv_confidence"}
    assert isinstance(asked(playbook=aligned(Alignment.HARD_CUTOFF), shot=faint), Mandate)
    assert failed(playbook=aligned(Alignment.DECAY_ONLY), shot=snapshot(**OLD)) == {"alignment"}
    for policy in (Alignment.HARD_CUTOFF, Alignment.DECAY_THEN_CUTOFF):
        assert "alignment" in failed(playbook=aligned(policy), shot=snapshot(**OLD))
    assert failed(shot=snapshot(iv_confidence=math.nan)) == {"alignment", "iv_confidence"}


def test_delayed_quotes_may_carry_a_paper_order_that_waits() -> None:
    assert isinstance(asked(shot=snapshot(chain=DELAYED)), Mandate)
