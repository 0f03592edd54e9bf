"""What the simulated market is made of: its span, its presets, and the character of each underlying.

Calibrated to recorded chains (SPX 2019; SPY, NVDA, TSLA 2026): 30-day implied volatility under the `vrp` preset of
about 14 % for SPX, 40 % for NVDA, 47 % for TSLA; SPX's 95 % put 3 points above and 105 % call 4 points below the money,
single names nearly flat; spreads by moneyness and maturity as measured. No dividends; one flat rate; no jumps yet.
"""

from __future__ import annotations

from datetime import date
from math import inf
from typing import NamedTuple

from quant.heston.params import HestonParams

FIRST, LAST = date(2021, 7, 1), date(2026, 6, 30)
RATE = 0.04  # continuously compounded
OVERNIGHT = 0.2  # share of a session's variance that comes before its open
YEAR = 252.0  # sessions over which an annual variance is spread
STEP_S = 300  # the path's nodes, and new quotes, are five minutes apart

# Quoted under Q = P with variance ÷ m: 1 pays exactly what volatility costs, 0.75 pays a variance premium.
PRESETS = {"fair": 1.0, "vrp": 0.75}

# Quoted spread as a share of the mid, out of the money, at |ln K/F| / (σ√T) = MONEYNESS; up to 35 days and beyond.
MONEYNESS = (0.25, 0.75, 1.25, 2.0, 3.5)
_SPX_SPREADS = ((0.015, 0.024, 0.034, 0.065, 0.30), (0.011, 0.017, 0.024, 0.050, 0.20))
_ETF_SPREADS = ((0.004, 0.006, 0.006, 0.014, 0.10), (0.004, 0.005, 0.006, 0.012, 0.08))
_NAME_SPREADS = ((0.019, 0.024, 0.034, 0.14, 0.50), (0.015, 0.019, 0.027, 0.09, 0.30))


class Profile(NamedTuple):
    """One underlying: its law under P, what it shares with the market, and how its options are listed and quoted."""

    start: float  # price at the first open
    params: HestonParams  # under P; v0 is the variance at the start
    shared_vol: float  # loading of its variance shocks on the market's
    shared_price: float  # loading of its remaining price shocks on the market's
    strike_steps: tuple[tuple[float, float, float], ...]  # (price below, fine, coarse) distance between strikes
    reach: tuple[float, float]  # lowest and highest strike, as multiples of the lowest and highest price since listing
    tick: tuple[float, float]  # quote increment below and from 3 dollars
    spreads: tuple[tuple[float, ...], tuple[float, ...]]
    open_interest: float  # contracts in a fully grown near-the-money strike
    volume: float  # shares a day; 0 for an index
    mentions: float  # social mentions a day
    earnings: tuple[int, int] | None  # (week of the quarter's first month, weekday): None for index and ETF


def _law(theta_q: float, kappa: float, sigma_q: float, rho: float) -> HestonParams:
    """P parameters whose `vrp` quotes have these Q parameters."""
    m = PRESETS["vrp"]
    return HestonParams(v0=theta_q, kappa=kappa, theta=theta_q, sigma=sigma_q, rho=rho).scaled(m)


_INDEX = _law(0.025, 8, 0.60, -0.85)
_SPX_STEPS, _ETF_STEPS = ((inf, 5.0, 25.0),), ((inf, 1.0, 5.0),)
_NAME_STEPS = ((100.0, 1.0, 2.5), (250.0, 2.5, 5.0), (inf, 5.0, 10.0))
_WIDE, _NARROW = (0.50, 1.60), (0.60, 1.25)
_PENNY, _NICKEL, _MIXED = (0.01, 0.01), (0.05, 0.10), (0.01, 0.05)


def _name(start: float, params: HestonParams, interest: float, volume: float, mentions: float, week: int) -> Profile:
    return Profile(
        start=start,
        params=params,
        shared_vol=0.55,
        shared_price=0.60,
        strike_steps=_NAME_STEPS,
        reach=_WIDE,
        tick=_MIXED,
        spreads=_NAME_SPREADS,
        open_interest=interest,
        volume=volume,
        mentions=mentions,
        earnings=(week, 3),
    )


def _fund(
    start: float, params: HestonParams, shared: float, interest: float, volume: float, mentions: float
) -> Profile:
    return Profile(
        start=start,
        params=params,
        shared_vol=shared,
        shared_price=shared,
        strike_steps=_ETF_STEPS,
        reach=_NARROW,
        tick=_PENNY,
        spreads=_ETF_SPREADS,
        open_interest=interest,
        volume=volume,
        mentions=mentions,
        earnings=None,
    )


PROFILES: dict[str, Profile] = {
    "SPX": Profile(
        start=4300.0,
        params=_INDEX,
        shared_vol=1.0,
        shared_price=1.0,
        strike_steps=_SPX_STEPS,
        reach=_NARROW,
        tick=_NICKEL,
        spreads=_SPX_SPREADS,
        open_interest=1500.0,
        volume=0.0,
        mentions=150.0,
        earnings=None,
    ),
    "SPY": _fund(430.0, _INDEX, 1.0, 3500.0, 70e6, 900.0),
    "QQQ": _fund(355.0, _law(0.038, 7, 0.65, -0.80), 0.95, 2500.0, 45e6, 500.0),
    "IWM": _fund(230.0, _law(0.045, 6, 0.60, -0.70), 0.88, 2000.0, 30e6, 120.0),
    "NVDA": _name(200.0, _law(0.16, 3, 0.50, -0.50), 9000.0, 200e6, 800.0, 3),
    "AAPL": _name(140.0, _law(0.070, 4, 0.40, -0.55), 6000.0, 60e6, 350.0, 4),
    "TSLA": _name(230.0, _law(0.22, 3, 0.60, -0.15), 8000.0, 100e6, 1200.0, 3),
    "AMZN": _name(170.0, _law(0.090, 4, 0.45, -0.50), 4000.0, 45e6, 250.0, 4),
    "META": _name(350.0, _law(0.110, 4, 0.50, -0.50), 2500.0, 15e6, 220.0, 4),
    "MSFT": _name(270.0, _law(0.060, 4, 0.38, -0.55), 3000.0, 25e6, 200.0, 4),
}
