"""flow: ratios and exposure of a known chain, chains that hold nothing, and a real one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from agents.analysts.flow import read
from domain.market import Exercise, MarketSnapshot, OptionChain
from domain.views import Abstained, Reading, Signal
from quant.flow.exposure import Dealers
from quant.surface import fit

Spoil = Callable[..., MarketSnapshot]


def reading_of(snapshot: MarketSnapshot) -> Reading:
    assert snapshot.chain is not None
    return read(snapshot, fit(snapshot.chain, snapshot.as_of, snapshot.rates))


def values(reading: Reading) -> dict[str, float]:
    return {item.name: item.value for item in reading.evidence}


def test_ratios_of_a_known_chain(snapshot: MarketSnapshot) -> None:
    found = values(reading_of(snapshot))
    chain = snapshot.chain
    assert chain is not None
    puts, calls = chain.open_interest[~chain.is_call].sum(), chain.open_interest[chain.is_call].sum()
    assert found["put_call_oi"] == pytest.approx(puts / calls, abs=1e-4)
    assert found["option_volume"] == chain.volume.sum()
    assert found["unusual_contracts"] == 0
    assert "unusual_call_share" not in found
    assert 4_700.0 < found["zero_gamma"] < 5_100.0
    assert found["zero_gamma_distance"] == pytest.approx(100 * (5_000 - found["zero_gamma"]) / 5_000, abs=0.01)


def test_the_dealers_side_is_a_stated_parameter(snapshot: MarketSnapshot) -> None:
    chain = snapshot.chain
    assert chain is not None
    surface = fit(chain, snapshot.as_of, snapshot.rates)
    naive, flipped = read(snapshot, surface), read(snapshot, surface, Dealers(calls=-1.0, puts=1.0))
    assert values(naive)["net_gex"] == -values(flipped)["net_gex"]
    assert values(naive)["zero_gamma"] == values(flipped)["zero_gamma"]
    note = next(item.note for item in naive.evidence if item.name == "net_gex")
    assert "dealers long calls, short puts" in note
    assert "prior close" in note


def test_spot_far_above_zero_gamma_reads_rich_and_below_cheap(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    chain = snapshot.chain
    assert chain is not None
    calls_only = reading_of(spoiled(chain_fields={"open_interest": np.where(chain.is_call, chain.open_interest, 1.0)}))
    puts_only = reading_of(spoiled(chain_fields={"open_interest": np.where(chain.is_call, 1.0, chain.open_interest)}))
    assert isinstance(calls_only.signal, Signal)
    assert isinstance(puts_only.signal, Signal)
    assert calls_only.signal.volatility > 0.5
    assert puts_only.signal.volatility < -0.5


def test_spot_inside_the_uncertainty_is_undetermined_and_silent(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    """Puts and calls placed so that net gamma vanishes about at spot, differently near and far."""
    chain = snapshot.chain
    assert chain is not None
    late = chain.settles_at > snapshot.as_of.timestamp() + 45 * 86_400
    offset = np.where(chain.is_call, 1.04, np.where(late, 0.93, 0.98))
    held = np.round(5_000.0 * np.exp(-(((chain.strike / 5_000.0 - offset) / 0.02) ** 2)))
    found = []
    for share in np.linspace(0.3, 3.0, 28):
        reading = reading_of(spoiled(chain_fields={"open_interest": np.where(chain.is_call, share * held, held)}))
        note = next((item.note for item in reading.evidence if item.name == "zero_gamma"), "")
        if "undetermined" in note:
            found.append(reading)
    assert found, "no balance of puts and calls put spot between the four levels"
    for reading in found:
        assert isinstance(reading.signal, Signal)
        assert reading.signal.volatility_conviction == 0.0


def test_unusual_volume_names_its_contract_without_a_date(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    chain = snapshot.chain
    assert chain is not None
    volume = chain.volume.copy()
    for strike in (5_200.0, 5_225.0, 5_250.0):
        rows = np.flatnonzero((chain.strike == strike) & chain.is_call)
        volume[rows[2]] = 40_000.0
    volume[np.flatnonzero((chain.strike == 4_500.0) & ~chain.is_call)[0]] = 90_000.0  # the nearest expiry, 3 days
    reading = reading_of(spoiled(chain_fields={"volume": volume}))
    found = values(reading)
    assert found["unusual_contracts"] == 4
    assert found["unusual_call_share"] > 0.9
    note = next(item.note for item in reading.evidence if item.name == "unusual_contracts")
    assert "5200 call with 24 days" in note
    assert isinstance(reading.signal, Signal)
    assert reading.signal.direction > 0.0


def test_short_expiries_are_never_unusual(spoiled: Spoil, make_chain: Callable[..., OptionChain]) -> None:
    chain = make_chain(days=(1, 24))
    tomorrow = chain.expiry == chain.expiry.min()
    for rows, count in ((tomorrow, 0), (~tomorrow, int((~tomorrow & (chain.open_interest < 16_000.0)).sum()))):
        busy = dataclasses.replace(chain, volume=np.where(rows, 50_000.0, 0.0))
        assert values(reading_of(spoiled(chain=busy)))["unusual_contracts"] == count


def test_a_chain_that_holds_nothing_abstains(spoiled: Spoil) -> None:
    size = len(spoiled().chain.strike)  # type: ignore[union-attr]
    for nothing in (np.full(size, np.nan), np.zeros(size)):
        reading = read(spoiled(chain_fields={"volume": nothing, "open_interest": nothing}), None)
        assert isinstance(reading.signal, Abstained)


def test_absent_open_interest_is_not_zero_exposure(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    size = len(snapshot.chain.strike)  # type: ignore[union-attr]
    reading = reading_of(spoiled(chain_fields={"open_interest": np.full(size, np.nan)}))
    assert isinstance(reading.signal, Signal)
    assert not {"net_gex", "put_call_oi", "max_pain", "volume_over_oi"} & set(values(reading))
    assert "no gamma exposure" in reading.signal.why


def test_without_a_surface_the_ratios_stand(snapshot: MarketSnapshot) -> None:
    reading = read(snapshot, None)
    assert "put_call_oi" in values(reading)
    assert "net_gex" not in values(reading)


def test_one_strike_chain(snapshot: MarketSnapshot, spoiled: Spoil) -> None:
    chain = snapshot.chain
    assert chain is not None
    one = chain.strike == 5_000.0
    columns = {
        name: getattr(chain, name)[one]
        for name in chain.__dataclass_fields__
        if isinstance(getattr(chain, name), np.ndarray)
    }
    found = values(read(spoiled(chain_fields=columns), None))
    assert "net_gex" not in found
    assert found.get("max_pain", 5_000.0) == 5_000.0


@pytest.mark.data
def test_a_real_spx_day(shared_data: Path, spoiled: Spoil) -> None:
    """SPX, 2019-05-21: puts outweigh calls as they always do, and the gamma of 14,000 contracts is finite."""
    frame = pl.read_parquet(shared_data / "options" / "spx_cboe_eod_2019-04-25_2019-06-28.parquet")
    day = frame.filter(pl.col("quote_ts").dt.date() == datetime(2019, 5, 21, tzinfo=UTC).date())
    moment = datetime(2019, 5, 21, 19, 45, tzinfo=UTC)
    expiry = day["expiration"].cast(pl.Date)
    hour = np.where(day["root"].to_numpy().astype(str) == "SPX", 13.5, 20.0)
    nothing = np.full(day.height, np.nan)
    chain = OptionChain(
        ticker="SPX",
        exercise=Exercise.EUROPEAN,
        multiplier=100,
        spot=float(day["underlying_price"][0]),
        quoted_at=moment,
        known_at=moment,
        source="recorded",
        closing=False,
        root=day["root"].to_numpy().astype(str),
        expiry=np.array([one.toordinal() for one in expiry.to_list()], dtype=np.int64),
        settles_at=(expiry.cast(pl.Datetime).dt.epoch("s").to_numpy() + hour * 3_600).astype(np.int64),
        strike=day["strike"].to_numpy(),
        is_call=(day["right"] == "C").to_numpy(),
        bid=day["bid"].cast(pl.Float64).to_numpy(),
        ask=day["ask"].cast(pl.Float64).to_numpy(),
        last=day["last"].cast(pl.Float64).to_numpy(),
        volume=day["volume"].cast(pl.Float64).to_numpy(),
        open_interest=day["open_interest"].cast(pl.Float64).to_numpy(),
        vendor_iv=nothing,
        vendor_delta=nothing,
    )
    reading = reading_of(spoiled(chain=chain, as_of=moment, spot=chain.spot))
    found = values(reading)
    assert 1.3 < found["put_call_oi"] < 2.5
    assert 1.0 < found["put_call_volume"] < 3.0
    assert abs(found["net_gex"]) < 50_000.0
    assert 0.97 * chain.spot < found["zero_gamma"] < 1.03 * chain.spot
    assert 0.9 * chain.spot < found["max_pain"] < 1.05 * chain.spot
    assert isinstance(reading.signal, Signal)
