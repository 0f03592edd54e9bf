"""When a whole chain is refused, and that no row is ever lost uncounted, whatever the chain."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadChain
from domain.market import Exercise, OptionChain, Quotes
from tests.tools.market.quality.chains import DAYS, NAN, QUOTED, RATES, clean, spoilt, spy
from tools.market.quality import ALONE, Beside, screen, take

BESIDE = ALONE._replace(rates=RATES)


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (datetime(2024, 3, 3, 17, tzinfo=UTC), "is dated Sunday 2024-03-03, no trading session"),
        (datetime(2024, 2, 19, 17, tzinfo=UTC), "is dated Monday 2024-02-19, no trading session"),  # Presidents' Day
        (datetime(1985, 3, 4, 17, tzinfo=UTC), "outside the session calendar"),
    ],
)
def test_quotes_of_a_day_without_a_session_are_refused(moment: datetime, reason: str) -> None:
    with pytest.raises(BadChain, match=reason):
        screen(dataclasses.replace(clean(), quoted_at=moment), BESIDE)


def test_futures_trade_when_the_stock_exchange_is_shut() -> None:
    sunday = dataclasses.replace(clean(), ticker="ES", quoted_at=datetime(2024, 3, 3, 23, 30, tzinfo=UTC))
    assert screen(sunday, BESIDE)[1].kept == len(sunday)


def test_a_source_without_quotes_feeds_analysts() -> None:
    blank = np.full(len(clean()), NAN)
    chain = dataclasses.replace(clean(), bid=blank, ask=blank, quotes=Quotes.NONE)
    screened, quality = screen(chain, BESIDE)
    assert screened is chain
    assert quality.text() == ""
    bad = spoilt(spoilt(chain, 3, vendor_iv=9.0), 5, strike=NAN)
    screened, quality = screen(bad, BESIDE)
    assert quality.dropped == (("without strike", 1),)
    assert quality.flags == ("1 volatilities of the source outside 0.1 % to 500 %, left out",)
    with pytest.raises(BadChain, match="no bid above zero"):
        screen(dataclasses.replace(chain, quotes=Quotes.MARKET), BESIDE)


def test_a_chain_that_is_mostly_senseless_is_refused() -> None:
    chain = clean()
    crossed = np.arange(len(chain)) < 0.51 * len(chain)
    with pytest.raises(BadChain, match=r"is mostly senseless: .* crossed"):
        screen(spoilt(chain, crossed, bid=2.0, ask=1.0), BESIDE)
    some = np.arange(len(chain)) < 0.49 * len(chain)
    assert dict(screen(spoilt(chain, some, bid=2.0, ask=1.0), BESIDE)[1].dropped) == {"crossed": int(some.sum())}
    expired = chain.expiry <= (QUOTED.date() + timedelta(days=31)).toordinal()
    old = spoilt(chain, expired, settles_at=0)  # what has expired says nothing against the rest
    assert dict(screen(old, BESIDE)[1].dropped) == {"expired": int(expired.sum())}


def test_too_few_quotes_near_the_money_are_too_few_to_trade() -> None:
    chain = clean()
    off = np.abs(chain.strike - chain.spot)
    near = np.argsort(off, kind="stable")[: int((off <= 0.10 * chain.spot).sum())]
    one_sided = spoilt(chain, near[4:], bid=0.0)
    assert screen(one_sided, BESIDE)[1].kept == len(chain)
    with pytest.raises(BadChain, match="has 3 contracts near the money with both a bid and an ask, 4 needed"):
        screen(spoilt(chain, near[3:], bid=0.0), BESIDE)


def test_quotes_that_are_mostly_impossible_are_refused() -> None:
    chain = clean()
    near = np.flatnonzero(np.abs(chain.strike - chain.spot) <= 0.10 * chain.spot)
    most, half = near[: int(0.52 * len(near))], near[: int(0.48 * len(near))]
    with pytest.raises(
        BadChain, match=rf"{len(most)} of {len(near)} quotes near the money that cannot be: .* infinite"
    ):
        screen(spoilt(chain, most, ask=np.inf), BESIDE)
    assert dict(screen(spoilt(chain, half, ask=np.inf), BESIDE)[1].unquoted)["infinite"] == len(half)
    # rows without a market never were quotes
    assert dict(screen(spoilt(chain, most, bid=0.0, ask=NAN), BESIDE)[1].unquoted) == {"no market": len(most)}


def test_strikes_missing_near_the_money() -> None:
    chain = clean()
    expiry = (QUOTED.date() + timedelta(days=10)).toordinal()
    close = (chain.expiry == expiry) & (np.abs(chain.strike / chain.spot - 1.0) <= 0.05)
    holes = close & (np.abs(chain.strike / chain.spot - 1.0) > 0.02)
    total = len(np.unique(chain.strike[holes]))
    _, quality = screen(take(chain, ~holes), BESIDE)
    assert quality.flags == (f"{total} strikes missing near the money in 1 of 3 near expirations",)
    few = close & (chain.strike / chain.spot > 1.03)  # under half: a coarser ladder
    assert screen(take(chain, ~few), BESIDE)[1].flags == ()
    monthly = spoilt(chain, chain.expiry <= expiry, root="SPX")  # the last of its root has no neighbour after it
    assert screen(take(monthly, ~holes), BESIDE)[1].flags == ()
    coarse = (chain.expiry == expiry) & (np.rint(chain.strike / 25.0) % 4 != 0)
    assert screen(take(chain, ~coarse), BESIDE)[1].flags == ()  # evenly: so new expirations are listed
    first = (chain.expiry == chain.expiry.min()) & (chain.strike > chain.spot)
    assert screen(take(chain, ~first), BESIDE)[1].flags == ()  # the first has no neighbour before it


def test_a_chain_without_strikes_near_the_money_is_refused() -> None:
    chain = clean()
    far = np.abs(chain.strike / chain.spot - 1.0) > 0.06
    late = chain.expiry > (QUOTED.date() + timedelta(days=3)).toordinal()
    with pytest.raises(BadChain, match="no strikes near the money in 3 of 3 near expirations"):
        screen(take(chain, far), BESIDE)
    with pytest.raises(BadChain, match="no strikes near the money in 2 of 3 near expirations"):
        screen(take(chain, far | ~late), BESIDE)
    soon = chain.expiry > (QUOTED.date() + timedelta(days=10)).toordinal()
    assert screen(take(chain, far | soon | ~late), BESIDE)[1].kept > 0  # one of three
    cheap = dataclasses.replace(spy(spot=7.0, steps=40), ticker="SPY")
    wide = np.isin(cheap.strike, (5.6, 7.7, 8.4))
    assert 0 < wide.sum() < len(cheap)
    assert screen(take(cheap, wide), BESIDE)[1].kept == wide.sum()  # 5.60 to 7.70: so cheap stocks are listed


FLOATS = st.one_of(
    st.sampled_from([NAN, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e300, 5000.0, 4975.0]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(0.01, 6000.0),
)
GOOD = clean(days=DAYS[:3])
MOMENTS = st.one_of(st.sampled_from([0, -(2**40), 2**60]), st.integers(1_709_650_000, 1_720_000_000))


@st.composite
def hostile(draw: st.DrawFn) -> OptionChain:
    count = draw(st.integers(0, 24))

    def column(values: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), dtype=float)

    roots = draw(st.lists(st.sampled_from(["SPX", "SPXW", "SPX1", "", "é"]), min_size=count, max_size=count))
    expiry = draw(
        st.lists(st.sampled_from([0, -5, 738_950, 738_960, 739_000, 9_999_999]), min_size=count, max_size=count)
    )
    return OptionChain(
        ticker="SPX",
        exercise=draw(st.sampled_from(list(Exercise))),
        multiplier=100,
        spot=draw(st.sampled_from([5000.0, NAN, 0.0, -3.0, np.inf, 1e-300, 1e300, 4990.0])),
        quoted_at=QUOTED,
        known_at=QUOTED,
        source="hostile",
        closing=False,
        quotes=draw(st.sampled_from([Quotes.MARKET, Quotes.NONE])),
        root=np.array(roots, dtype="U8"),
        expiry=np.array(expiry, dtype=np.int64),
        settles_at=np.array(draw(st.lists(MOMENTS, min_size=count, max_size=count)), dtype=np.int64),
        strike=column(st.one_of(st.sampled_from([4900.0, 5000.0, 5100.0]), FLOATS)),
        is_call=np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=bool),
        bid=column(FLOATS),
        ask=column(FLOATS),
        last=column(FLOATS),
        volume=column(FLOATS),
        open_interest=column(FLOATS),
        vendor_iv=column(FLOATS),
        vendor_delta=column(FLOATS),
    )


@settings(max_examples=150, deadline=None)
@given(chain=hostile(), previous=hostile(), rated=st.booleans(), share=st.floats(0.0, 1.0))
def test_no_row_is_lost_uncounted(chain: OptionChain, previous: OptionChain, rated: bool, share: float) -> None:
    """Hostile rows alone, and sown into a good chain: either refused by name or every row accounted for."""
    before = dataclasses.replace(previous, quoted_at=QUOTED - timedelta(days=1))
    beside = Beside(previous=before, daily=None, intraday=None, rates=RATES if rated else None)
    mixed = _sown(GOOD, chain, int(share * len(GOOD)))
    for one in (chain, mixed):
        try:
            screened, quality = screen(one, beside)
        except BadChain:
            continue
        assert quality.rows == len(one)
        assert quality.rows == quality.kept + sum(count for _, count in quality.dropped)
        assert quality.kept == len(screened)
        assert all(count > 0 for _, count in (*quality.dropped, *quality.unquoted))
        quoted = (screened.bid > 0) | (screened.ask > 0)
        assert quality.kept - quoted.sum() >= (
            sum(count for _, count in quality.unquoted) if one.quotes is Quotes.MARKET else 0
        )
        assert np.isfinite(screened.bid[quoted & (screened.bid > 0)]).all()
        assert not (screened.bid > screened.ask)[screened.ask > 0].any()
        keys = list(zip(screened.root, screened.expiry, screened.strike, screened.is_call, strict=True))
        assert len(set(keys)) == len([key for key in keys if key[2] < 1e6]) + len({k for k in keys if k[2] >= 1e6})


def _sown(good: OptionChain, other: OptionChain, place: int) -> OptionChain:
    fields = {}
    for name in ("root", "expiry", "settles_at", "strike", "is_call", "bid", "ask", "last"):
        mine, theirs = getattr(good, name), getattr(other, name)
        fields[name] = np.concatenate([mine[:place], theirs, mine[place:]])
    for name in ("volume", "open_interest", "vendor_iv", "vendor_delta"):
        mine, theirs = getattr(good, name), getattr(other, name)
        fields[name] = np.concatenate([mine[:place], theirs, mine[place:]])
    return dataclasses.replace(good, exercise=other.exercise, **fields)
