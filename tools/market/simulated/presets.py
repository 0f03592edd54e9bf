"""What the simulated market is made of: its span, its presets, and the character of each underlying.

Calibrated to recorded chains (SPX 2019; SPY, NVDA, TSLA 2026) under the `vrp` preset; `docs/simulator.md` puts its
statistics beside theirs. Laws are given as their `vrp` quotes would show them and stored under P.
"""

from __future__ import annotations

from datetime import date
from math import inf, sqrt
from typing import NamedTuple

from domain.errors import BadInput
from quant.heston.params import BatesParams, HestonParams, Jump

FIRST, LAST = date(2021, 7, 1), date(2026, 6, 30)
OVERNIGHT = 0.2  # share of a session's variance that comes before its open
YEAR = 252.0  # sessions over which an annual variance is spread
STEP_S = 300  # the path's nodes, and new quotes, are five minutes apart

# Quoted under Q = P with variance ÷ m: 1 pays exactly what volatility costs, 0.75 pays a variance premium.
PRESETS = {"fair": 1.0, "vrp": 0.75}
PLANTED = "planted"
_WIDEST = 0.5  # a planted edge is at most this, either way

# Quoted spread as a share of the mid, out of the money, at |ln K/F| / (σ√T) = MONEYNESS; up to 35 days and beyond.
MONEYNESS = (0.25, 0.75, 1.25, 2.0, 3.5)
_SPX_SPREADS = ((0.015, 0.024, 0.032, 0.060, 0.20), (0.011, 0.017, 0.022, 0.040, 0.15))
_ETF_SPREADS = ((0.004, 0.005, 0.006, 0.012, 0.08), (0.003, 0.004, 0.006, 0.010, 0.06))
_NAME_SPREADS = ((0.019, 0.024, 0.034, 0.14, 0.50), (0.016, 0.024, 0.036, 0.11, 0.30))


class Payout(NamedTuple):
    """Cash dividends: a share of the price at the close before each ex-date, in four months of the year."""

    share: float  # of the price, each time
    months: tuple[int, ...]
    week: int  # of the month, counted by `weekday`
    weekday: int


class Reports(NamedTuple):
    """Quarterly earnings, after the close or before the open; the price jumps overnight, normally in the log."""

    week: int  # of the quarter's first month
    weekday: int
    before_open: bool
    sd: float  # of the log price under P


class Profile(NamedTuple):
    """One underlying: its law under P, what it shares with the market, and how its options are listed and quoted."""

    start: float  # price at the close before the first session
    law: BatesParams  # under P; v0 is the variance at the start; jumps[0] come with the market's, the others alone
    shared_vol: float  # loading of its variance shocks on the market's
    shared_price: float  # loading of its remaining price shocks, and of its market jumps' sizes, on the market's
    carry: float  # continuous dividend yield of an index, by calendar time
    payout: Payout | None
    reports: Reports | None  # None: index and ETF
    strike_steps: tuple[tuple[float, float, float], ...]  # (price below, fine, coarse) distance between strikes
    reach: tuple[float, float]  # lowest and highest strike, in deviations from the lowest and highest price
    dailies: bool  # an expiration every session of the next two weeks, and every month's end
    tick: tuple[float, float]  # quote increment below and from 3 dollars
    spreads: tuple[tuple[float, ...], tuple[float, ...]]
    open_interest: float  # contracts that flow into a near-the-money strike in ten sessions
    volume: float  # shares a day; 0 for an index
    mentions: float  # social mentions a day

    @property
    def is_index(self) -> bool:
        """True for what is not traded itself: European options, cash settlement."""
        return self.volume == 0


def variance_ratio(preset: str) -> float:
    """m of a preset: expected realised variance ÷ quoted variance. Raises BadInput for a preset that does not exist.

    `planted:<edge>` sets m = 1 − edge: whoever sells variance as quoted and pays it as realised expects to keep `edge`
    of what was quoted; a negative edge is the buyer's.
    """
    if preset in PRESETS:
        return PRESETS[preset]
    name, _, text = preset.partition(":")
    known = f"choose one of {', '.join(PRESETS)} or {PLANTED}:EDGE with an edge between -{_WIDEST} and {_WIDEST}"
    if name != PLANTED:
        raise BadInput(f"there is no simulator preset {preset!r}; {known}")
    try:
        edge = float(text)
    except ValueError:
        raise BadInput(f"{text!r} in the preset {preset!r} is no edge; write {PLANTED}:0.10") from None
    if not -_WIDEST <= edge <= _WIDEST:  # NaN too
        raise BadInput(f"an edge of {text} cannot be planted; {known}")
    return 1 - edge


def _law(
    floor_q: float, theta_q: float, kappa: float, sigma_q: float, rho: float, *jumps_q: tuple[float, float, float]
) -> BatesParams:
    """P parameters whose `vrp` quotes have these Q parameters; jumps as (intensity, mean, sd)."""
    jumps = tuple(Jump(intensity=rate, mean=mean, sd=sd) for rate, mean, sd in jumps_q)
    diffusion = HestonParams(v0=theta_q, kappa=kappa, theta=theta_q, sigma=sigma_q, rho=rho)
    return BatesParams(diffusion=diffusion, jumps=jumps, floor=floor_q).scaled(PRESETS["vrp"])


_ARRIVALS = 0.9  # market jumps a year under the `vrp` quotes
_INDEX = _law(0.002, 0.0188, 11.0, 0.92, -0.96, (_ARRIVALS, -0.045, 0.05))
_SPX_STEPS, _ETF_STEPS = ((inf, 10.0, 50.0),), ((inf, 1.0, 2.0),)
_NAME_STEPS = ((50.0, 0.5, 1.0), (100.0, 1.0, 2.5), (250.0, 2.5, 5.0), (inf, 5.0, 10.0))
_WIDE, _NARROW = (1.9, 2.1), (2.8, 1.8)
_PENNY, _NICKEL, _MIXED = (0.01, 0.01), (0.05, 0.10), (0.01, 0.05)
_QUARTER_ENDS, _MID_QUARTER = (3, 6, 9, 12), (2, 5, 8, 11)
_THURSDAY, _FRIDAY = 3, 4


def _name(
    start: float,
    law: BatesParams,
    flow: tuple[float, float, float],
    report: tuple[int, float],
    payout: float = 0.0,
) -> Profile:
    """A stock: `flow` (open interest, shares, mentions); `report` (week, sd as the `vrp` quotes show it)."""
    interest, volume, mentions = flow
    week, sd = report
    return Profile(
        start=start,
        law=law,
        shared_vol=0.55,
        shared_price=0.60,
        carry=0.0,
        payout=Payout(payout, _MID_QUARTER, 2, _FRIDAY) if payout else None,
        reports=Reports(week, _THURSDAY, False, sd * sqrt(PRESETS["vrp"])),
        strike_steps=_NAME_STEPS,
        reach=_WIDE,
        dailies=False,
        tick=_MIXED,
        spreads=_NAME_SPREADS,
        open_interest=interest,
        volume=volume,
        mentions=mentions,
    )


def _fund(start: float, law: BatesParams, shared: float, flow: tuple[float, float, float], payout: float) -> Profile:
    interest, volume, mentions = flow
    return Profile(
        start=start,
        law=law,
        shared_vol=shared,
        shared_price=shared,
        carry=0.0,
        payout=Payout(payout, _QUARTER_ENDS, 3, _FRIDAY),
        reports=None,
        strike_steps=_ETF_STEPS,
        reach=_NARROW,
        dailies=True,
        tick=_PENNY,
        spreads=_ETF_SPREADS,
        open_interest=interest,
        volume=volume,
        mentions=mentions,
    )


PROFILES: dict[str, Profile] = {
    "SPX": Profile(
        start=4300.0,
        law=_INDEX,
        shared_vol=1.0,
        shared_price=1.0,
        carry=0.013,
        payout=None,
        reports=None,
        strike_steps=_SPX_STEPS,
        reach=_NARROW,
        dailies=True,
        tick=_NICKEL,
        spreads=_SPX_SPREADS,
        open_interest=700.0,
        volume=0.0,
        mentions=150.0,
    ),
    "SPY": _fund(430.0, _INDEX, 1.0, (1500.0, 70e6, 900.0), 0.00325),
    "QQQ": _fund(
        355.0, _law(0.003, 0.038, 9.0, 0.98, -0.93, (_ARRIVALS, -0.04, 0.045)), 0.95, (1100.0, 45e6, 500.0), 0.0015
    ),
    "IWM": _fund(
        230.0, _law(0.004, 0.037, 7.0, 0.75, -0.80, (_ARRIVALS, -0.04, 0.045)), 0.88, (900.0, 30e6, 120.0), 0.003
    ),
    "NVDA": _name(
        200.0,
        _law(0.008, 0.126, 3.0, 0.45, -0.75, (_ARRIVALS, -0.03, 0.05), (2.0, 0.03, 0.07)),
        (900.0, 200e6, 800.0),
        (3, 0.07),
        0.0001,
    ),
    "AAPL": _name(
        140.0,
        _law(0.006, 0.048, 4.0, 0.40, -0.55, (_ARRIVALS, -0.03, 0.04), (2.0, 0.0, 0.035)),
        (900.0, 60e6, 350.0),
        (4, 0.04),
        0.00125,
    ),
    "TSLA": _name(
        230.0,
        _law(0.008, 0.164, 3.0, 0.45, -0.50, (_ARRIVALS, -0.02, 0.05), (3.0, 0.045, 0.08)),
        (700.0, 100e6, 1200.0),
        (3, 0.09),
    ),
    "AMZN": _name(
        170.0,
        _law(0.008, 0.082, 4.0, 0.48, -0.50, (_ARRIVALS, -0.03, 0.045), (2.0, 0.005, 0.045)),
        (700.0, 45e6, 250.0),
        (4, 0.065),
    ),
    "META": _name(
        350.0,
        _law(0.008, 0.105, 4.0, 0.52, -0.45, (_ARRIVALS, -0.03, 0.045), (2.0, 0.005, 0.05)),
        (900.0, 15e6, 220.0),
        (4, 0.08),
        0.0008,
    ),
    "MSFT": _name(
        270.0,
        _law(0.006, 0.058, 4.0, 0.42, -0.50, (_ARRIVALS, -0.03, 0.035), (2.0, 0.0, 0.03)),
        (1000.0, 25e6, 200.0),
        (4, 0.045),
        0.0018,
    ),
}
