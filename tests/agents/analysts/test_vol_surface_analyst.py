"""vol_surface: known smiles give known numbers; without anything to hold the level against it abstains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from agents.analysts.vol_surface import read
from domain.market import (
    BarSeries,
    Calendar,
    ChainQuality,
    Event,
    EventKind,
    IndexLevel,
    Kind,
    MarketSnapshot,
    OptionChain,
)
from domain.views import Abstained, Signal
from quant.surface import Surface, fit

Spoil = Callable[..., MarketSnapshot]


def reading_of(snapshot: MarketSnapshot):  # type: ignore[no-untyped-def]
    surface = None if snapshot.chain is None else fit(snapshot.chain, snapshot.as_of, snapshot.rates)
    reading = read(snapshot, surface)
    return reading, {item.name: item for item in reading.evidence}


def test_a_known_smile_gives_its_own_numbers(snapshot: MarketSnapshot) -> None:
    """sigma(k) = 0.16 - 0.25 k + 0.5 k² at every maturity; the 25-delta strikes lie at k ≈ ±0.674 sigma √t."""
    _, found = reading_of(snapshot)
    for days in (7, 30, 60, 90):
        assert found[f"atm_iv_{days}d"].value == pytest.approx(0.16, abs=0.001)
    assert found["term_slope"].value == pytest.approx(0.0, abs=0.5)
    assert found["skew_25d"].value == pytest.approx(2 * 0.25 * 0.674 * np.sqrt(30 / 365), abs=0.02)
    assert found["liquid_slices"].value == 6
    assert found["iv_confidence"].value == 0.87
    assert found["round_trip_cost"].value == pytest.approx(0.75 * 0.01, rel=0.05)


def test_implied_against_realised(snapshot: MarketSnapshot) -> None:
    _, found = reading_of(snapshot)
    assert snapshot.daily is not None
    rv = np.diff(np.log(snapshot.daily.close[-22:])).std(ddof=1) * np.sqrt(252)
    assert found["rv_21d"].value == pytest.approx(rv, abs=1e-4)
    assert found["iv_over_rv"].value == pytest.approx(0.16 / rv, rel=0.01)
    assert found["vrp_trailing"].value == pytest.approx(100 * (0.16 - rv), abs=0.1)


def test_rich_options_read_rich_and_cheap_ones_cheap(
    snapshot: MarketSnapshot, spoiled: Spoil, make_chain: Callable[..., OptionChain]
) -> None:
    rich, _ = reading_of(spoiled(chain=make_chain(vol=0.25)))
    cheap, _ = reading_of(spoiled(chain=make_chain(vol=0.07), indices=()))
    assert isinstance(rich.signal, Signal)
    assert isinstance(cheap.signal, Signal)
    assert rich.signal.volatility > 0.3
    assert cheap.signal.volatility < -0.3
    assert rich.signal.direction_conviction == cheap.signal.direction_conviction == 0.0


def test_vix_stands_in_its_own_year(snapshot: MarketSnapshot) -> None:
    _, found = reading_of(snapshot)
    assert snapshot.vix_history is not None
    past = snapshot.vix_history.close[:-1][-252:]  # the last bar is the level's own day
    assert found["vix"].percentile == pytest.approx(float(np.mean(past < 18.0)), abs=1e-4)
    assert found["iv_rank"].value == pytest.approx((18.0 - past.min()) / (past.max() - past.min()), abs=1e-4)
    assert found["vix_over_vix3m"].value == pytest.approx(18.0 / 19.5, abs=1e-4)
    assert found["vix9d_over_vix"].value == pytest.approx(17.0 / 18.0, abs=1e-4)


def test_a_short_vix_history_carries_its_window_and_does_not_count(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    history = snapshot.vix_history
    assert history is not None
    cut = {
        name: getattr(history, name)[-100:] for name in ("start", "known_at", "open", "high", "low", "close", "volume")
    }
    reading, found = reading_of(spoiled(vix_history=dataclasses.replace(history, **cut)))
    assert "99 days" in found["iv_rank"].note
    assert isinstance(reading.signal, Signal)
    assert "SPX/vol_surface/vix" not in reading.signal.evidence
    assert "too few" in reading.signal.why


def test_a_single_name_does_not_borrow_the_index_s_history(spoiled: Spoil, snapshot: MarketSnapshot) -> None:
    stock = dataclasses.replace(snapshot.instrument, ticker="NVDA", kind=Kind.STOCK, broad_index=False, sector=None)
    reading, found = reading_of(spoiled(ticker="NVDA", instrument=stock))
    assert "iv_rank" not in found
    assert found["vix"].percentile is None
    assert isinstance(reading.signal, Signal)
    assert reading.signal.evidence == ("NVDA/vol_surface/iv_over_rv",)
    unknown = spoiled(ticker="NVDA", instrument=stock, calendar=Calendar(events=(), unknown=(EventKind.EARNINGS,)))
    doubtful, _ = reading_of(unknown)
    assert isinstance(doubtful.signal, Signal)
    assert doubtful.signal.volatility_conviction == pytest.approx(0.5 * reading.signal.volatility_conviction, abs=1e-3)
    assert "earnings" in doubtful.signal.why


def test_without_bars_and_history_it_abstains_but_its_evidence_stands(spoiled: Spoil) -> None:
    reading, found = reading_of(spoiled(daily=None, vix_history=None, indices=()))
    assert isinstance(reading.signal, Abstained)
    assert "no daily bars" in reading.signal.why
    assert {"atm_iv_30d", "skew_25d"} <= set(found)


def test_stale_or_broken_bars_are_no_realised_volatility(
    spoiled: Spoil, make_bars: Callable[..., BarSeries], make_walk: Callable[..., np.ndarray]
) -> None:
    close = make_walk(400, 0.1, 1)
    holed = close.copy()
    holed[-10] = np.nan
    for daily in (make_bars(close, last=date(2024, 2, 1)), make_bars(holed), make_bars(close[-5:])):
        reading, found = reading_of(spoiled(daily=daily))
        assert "iv_over_rv" not in found
        assert "rv_21d" not in found
        assert isinstance(reading.signal, Signal)  # VIX still speaks


def test_old_quotes_lower_conviction(spoiled: Spoil) -> None:
    fresh, _ = reading_of(spoiled(iv_confidence=1.0))
    old, _ = reading_of(spoiled(iv_confidence=0.25))
    assert isinstance(fresh.signal, Signal)
    assert isinstance(old.signal, Signal)
    assert old.signal.volatility_conviction == pytest.approx(0.25 * fresh.signal.volatility_conviction, abs=1e-3)


def test_one_far_maturity_is_not_stretched_to_thirty_days(
    spoiled: Spoil, make_chain: Callable[..., OptionChain]
) -> None:
    reading, found = reading_of(spoiled(chain=make_chain(days=(101,)), indices=(), vix_history=None))
    assert not {"atm_iv_7d", "atm_iv_30d", "skew_25d", "iv_over_rv"} & set(found)
    assert isinstance(reading.signal, Abstained)


def test_backwardation_speaks_against_rich(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    vix = snapshot.indices[0]
    inverted: tuple[IndexLevel, ...] = (vix, dataclasses.replace(vix, name="VIX3M", value=14.0))
    calm, _ = reading_of(snapshot)
    stressed, _ = reading_of(spoiled(indices=inverted))
    assert isinstance(calm.signal, Signal)
    assert isinstance(stressed.signal, Signal)
    assert stressed.signal.volatility < calm.signal.volatility


def test_what_the_quality_gate_left_is_evidence(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    dropped, unquoted = (("crossed", 30), ("duplicate", 20)), (("stale", 100), ("off parity", 50))
    quality = ChainQuality(rows=1000, kept=950, dropped=dropped, unquoted=unquoted, flags=("unchanged since 11:45",))
    _, found = reading_of(spoiled(quality=quality))
    assert found["chain_kept"].value == 0.8
    assert found["chain_kept"].note == (
        "of 1000 rows, what the quality gate let through: 30 crossed, 20 duplicate; "
        "without quotes: 100 stale, 50 off parity; unchanged since 11:45"
    )
    assert snapshot.chain is not None
    assert found["chain_kept"].known_at == snapshot.chain.known_at
    clean = dataclasses.replace(quality, kept=1000, dropped=(), unquoted=(), flags=())
    _, found = reading_of(spoiled(quality=clean))
    assert (found["chain_kept"].value, found["chain_kept"].note[-13:]) == (1.0, "nothing found")
    long = dataclasses.replace(clean, flags=("word " * 100,))
    _, found = reading_of(spoiled(quality=long))
    assert found["chain_kept"].note.endswith(" ...")
    assert len(found["chain_kept"].note) < 230
    reading, found = reading_of(spoiled(quality=None))
    assert "chain_kept" not in found
    assert isinstance(reading.signal, Signal)
    assert "what the quality gate left of the chain" in reading.signal.why


def lumped(snapshot: MarketSnapshot, after: int, move: float) -> Surface:
    """The snapshot's surface with one move's variance in every slice from the given one on."""
    assert snapshot.chain is not None
    surface = fit(snapshot.chain, snapshot.as_of, snapshot.rates)
    slices = tuple(
        dataclasses.replace(one, atm_vol=float(np.sqrt(one.atm_vol**2 + (n >= after) * move**2 / one.t)))
        for n, one in enumerate(surface.slices)
    )
    return dataclasses.replace(surface, slices=slices)


WEEKS = (3, 10, 17, 24, 31, 38, 66, 101)


def reports(day: date, known_at: datetime, *, before_open: bool | None = None) -> Calendar:
    event = Event(kind=EventKind.EARNINGS, day=day, confirmed=True, before_open=before_open, known_at=known_at)
    return Calendar(events=(event,), unknown=())


def test_options_that_price_a_report_where_the_calendar_has_none_are_told_and_doubted(
    snapshot: MarketSnapshot, spoiled: Spoil, make_chain: Callable[..., OptionChain]
) -> None:
    stock = dataclasses.replace(snapshot.instrument, kind=Kind.STOCK)
    day = snapshot.as_of.date() + timedelta(days=20)  # in the fourth week
    weekly = {"chain": make_chain(vol=0.25, days=WEEKS), "instrument": stock, "indices": ()}
    there = spoiled(**weekly, calendar=reports(day, snapshot.as_of - timedelta(days=9)))
    wrong = spoiled(**weekly, calendar=reports(day - timedelta(days=7), snapshot.as_of - timedelta(days=9)))
    surface = lumped(there, 3, 0.06)
    agreed, doubted = read(there, surface), read(wrong, surface)
    for reading, said in ((agreed, "as the calendar has it (earnings)"), (doubted, "has no earnings there")):
        (told,) = [item for item in reading.evidence if item.name == "implied_event"]
        assert told.value == pytest.approx(6.0, abs=0.4)
        assert said in told.note
        assert isinstance(reading.signal, Signal)
    assert isinstance(agreed.signal, Signal)
    assert isinstance(doubted.signal, Signal)
    assert doubted.signal.volatility_conviction == pytest.approx(0.5 * agreed.signal.volatility_conviction, abs=2e-3)
    assert "any sign in the expiries of the earnings" in doubted.signal.why
    quiet = read(wrong, lumped(wrong, 3, 0.0))
    assert "implied_event" not in {item.name for item in quiet.evidence}
    assert isinstance(quiet.signal, Signal)
    assert "any sign in the expiries of the earnings" in quiet.signal.why


def test_an_index_is_told_of_and_not_doubted(
    snapshot: MarketSnapshot, spoiled: Spoil, make_chain: Callable[..., OptionChain]
) -> None:
    shot = spoiled(chain=make_chain(vol=0.25, days=WEEKS))
    told, plain = read(shot, lumped(shot, 3, 0.06)), read(shot, lumped(shot, 3, 0.0))
    assert "no macroeconomic release there" in next(i.note for i in told.evidence if i.name == "implied_event")
    assert isinstance(told.signal, Signal)
    assert isinstance(plain.signal, Signal)
    assert told.signal.volatility_conviction > 0.0
