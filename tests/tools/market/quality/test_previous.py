"""A chain beside the one before it: copies of an earlier day are refused, quotes that stood still are not believed."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta

import numpy as np
import pytest

from domain.errors import BadChain
from domain.market import OptionChain, Quotes
from tests.tools.market.quality.chains import NAN, QUOTED, RATES, clean, rows, spoilt, spy
from tools.market.quality import Beside, screen

DAY = timedelta(days=1)


def beside(previous: OptionChain | None) -> Beside:
    return Beside(previous=previous, daily=None, intraday=None, rates=RATES)


def at(chain: OptionChain, moment: datetime) -> OptionChain:
    return dataclasses.replace(chain, quoted_at=moment, known_at=moment)


def test_yesterdays_chain_under_todays_date_is_refused() -> None:
    chain = clean(days=(10, 31, 66))
    with pytest.raises(BadChain, match=r"SPX's chain of 2024-03-05 17:00 UTC is a copy of that of 2024-03-04"):
        screen(chain, beside(at(chain, QUOTED - DAY)))


def test_a_copy_is_known_by_its_contracts_not_by_its_rows() -> None:
    chain = clean(days=(10, 31, 66))
    turned = np.arange(len(chain))[::-1]
    fields = {
        name: getattr(chain, name)[turned]
        for name in ("root", "expiry", "settles_at", "strike", "is_call", "bid", "ask", "last", "volume")
    }
    before = at(dataclasses.replace(chain, **fields), QUOTED - DAY)
    with pytest.raises(BadChain, match="is a copy"):
        screen(chain, beside(before))
    two = np.flatnonzero(chain.bid > 1.0)[[5, 70]]
    with pytest.raises(BadChain, match="is a copy"):
        screen(spoilt(chain, two, bid=chain.bid[two] * 0.9), beside(before))  # two rows of 486 do not make it new


@pytest.mark.parametrize(
    "change",
    [
        lambda chain: dataclasses.replace(chain, spot=chain.spot * 1.0001),
        lambda chain: spoilt(chain, slice(0, len(chain), 20), volume=99.0),
        lambda chain: dataclasses.replace(chain, ask=chain.ask + 0.01),
    ],
)
def test_a_chain_that_says_anything_new_is_no_copy(change) -> None:  # type: ignore[no-untyped-def]
    chain = clean(days=(10, 31, 66))
    _, quality = screen(change(chain), beside(at(chain, QUOTED - DAY)))
    assert quality.unquoted == ()


def test_what_nobody_traded_or_quoted_proves_no_copy() -> None:
    """All but four contracts lie still without a bid or a trade, as they did yesterday; the four are new."""
    chain = clean(days=(10, 31, 66))
    nothing = np.zeros(len(chain))
    quiet = dataclasses.replace(chain, volume=nothing, bid=nothing, ask=np.full(len(chain), NAN))
    alive = np.argsort(np.abs(chain.strike - chain.spot), kind="stable")[:4]
    now = spoilt(quiet, alive, bid=chain.bid[alive], ask=chain.ask[alive])
    before = spoilt(quiet, alive, bid=0.99 * chain.bid[alive], ask=chain.ask[alive])
    assert screen(now, beside(at(before, QUOTED - DAY)))[1].kept == len(chain)


def test_a_chain_of_the_same_moment_or_later_is_not_the_one_before() -> None:
    chain = clean(days=(10, 31, 66))
    for moment in (QUOTED, QUOTED + DAY):
        assert screen(chain, beside(at(chain, moment)))[1].flags == ()


def test_a_copy_of_a_source_without_quotes() -> None:
    blank = np.full(len(clean()), NAN)
    chain = dataclasses.replace(clean(), bid=blank, ask=blank, quotes=Quotes.NONE)
    with pytest.raises(BadChain, match="is a copy"):
        screen(chain, beside(at(chain, QUOTED - DAY)))
    traded = dataclasses.replace(chain, last=chain.last * 1.01)
    assert screen(traded, beside(at(chain, QUOTED - DAY)))[1].kept == len(chain)


def test_the_same_numbers_later_that_day_are_a_flag() -> None:
    chain = clean()
    _, quality = screen(chain, beside(at(chain, QUOTED - timedelta(minutes=15))))
    assert quality.flags == ("unchanged since 11:45 New York",)
    assert quality.unquoted == ()


@pytest.mark.parametrize(("is_call", "moneyness"), [(True, 0.9), (False, 1.1)])
def test_a_quote_that_stood_still_through_a_move_is_stale(is_call: bool, moneyness: float) -> None:
    before = spy(spot=500.0, quoted=QUOTED - DAY)
    for spot, moved in ((520.0, True), (480.0, True), (500.3, False)):
        chain = spy(spot=spot)
        chain = dataclasses.replace(chain, strike=before.strike)
        chain = dataclasses.replace(chain, **_priced(before.strike, spot))
        one = int(
            np.flatnonzero(
                (chain.expiry == before.expiry[rows(before, 31, moneyness, is_call)])
                & (chain.is_call == is_call)
                & (chain.strike == before.strike[rows(before, 31, moneyness, is_call)])
            )[0]
        )
        still = spoilt(chain, one, bid=before.bid[one], ask=before.ask[one])
        screened, quality = screen(still, beside(before))
        assert dict(quality.unquoted).get("stale", 0) == int(moved), spot
        assert np.isnan(screened.bid[one]) == moved
        assert screen(chain, beside(before))[1].unquoted == ()
        assert "stale" not in dict(screen(still, beside(at(before, QUOTED - 4 * DAY)))[1].unquoted)
        assert "stale" not in dict(screen(still, beside(at(before, QUOTED + DAY)))[1].unquoted)


def _priced(strike: np.ndarray, spot: float) -> dict[str, np.ndarray]:
    """bid and ask of an American chain on another spot at these strikes."""
    fresh = spy(spot=500.0)
    from quant.vanilla.black import black76

    t = (fresh.settles_at - QUOTED.timestamp()) / (365.0 * 86_400)
    price = black76(spot * np.exp(0.035 * t), strike, t, 0.16, np.exp(-0.045 * t), fresh.is_call)
    price = np.maximum(price, np.where(fresh.is_call, spot - strike, strike - spot))
    half = np.maximum(0.005 * price, 0.05)
    return {"bid": np.where(price > half, price - half, 0.0), "ask": price + half}


def test_a_worthless_option_may_stand_still() -> None:
    """0.00 to 0.05 before a move against it and after it: no option loses more than it was worth."""
    before = spy(spot=500.0, quoted=QUOTED - DAY)
    chain = dataclasses.replace(spy(spot=500.0), spot=480.0, **_priced(before.strike, 480.0))
    one = rows(before, 10, 0.98, True)
    before, chain = (spoilt(item, one, bid=0.0, ask=0.05) for item in (before, chain))
    assert screen(chain, beside(before))[1].unquoted == ()
    paid = spoilt(before, one, bid=5.0, ask=5.1), spoilt(chain, one, bid=5.0, ask=5.1)
    assert screen(paid[1], beside(paid[0]))[1].unquoted == (("stale", 1),)


def test_stale_rows_are_found_behind_dropped_ones() -> None:
    before = spy(spot=500.0, quoted=QUOTED - DAY)
    chain = dataclasses.replace(spy(spot=500.0), spot=520.0, **_priced(before.strike, 520.0))
    one = rows(before, 31, 0.9, True)
    still = spoilt(chain, one, bid=before.bid[one], ask=before.ask[one])
    screened, quality = screen(spoilt(still, [0, 1, 2], strike=NAN), beside(before))
    assert quality.unquoted == (("stale", 1),)
    assert np.flatnonzero(np.isnan(screened.bid)).tolist() == [one - 3]


def test_volatility_and_time_may_undo_a_move() -> None:
    """One dollar up is half a dollar for a call at the money; a day and a volatility point or two take that back."""
    before = spy(spot=500.0, quoted=QUOTED - DAY)
    chain = dataclasses.replace(spy(spot=500.0), spot=501.0, **_priced(before.strike, 501.0))
    one = rows(before, 66, 1.0, True)
    assert before.ask[one] - before.bid[one] + 0.05 < 0.5
    still = spoilt(chain, one, bid=before.bid[one], ask=before.ask[one])
    assert screen(still, beside(before))[1].unquoted == ()


def test_a_chain_that_stood_still_as_a_whole_is_refused() -> None:
    """Another day's quotes under today's price of the underlying."""
    before = spy(spot=500.0, quoted=QUOTED - DAY, days=(10, 31))
    chain = dataclasses.replace(spy(spot=500.0, days=(10, 31)), bid=before.bid, ask=before.ask, spot=521.0)
    with pytest.raises(BadChain, match=r"stale|parity"):
        screen(chain, beside(before))
