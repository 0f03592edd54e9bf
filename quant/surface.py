"""The volatility surface of one chain: a smooth smile per slice, the IV of every quote, and what is read off them.

Each slice's out-of-the-money mid volatilities are smoothed by local quadratic regression (W. S. Cleveland, "Robust
locally weighted regression", JASA 1979) in u = asinh(k / (sigma_atm sqrt(t))), k = ln(K/F), with weights from the
quoted spread in volatility and Cleveland's bisquare weights against outliers; between knots a natural cubic spline in
u, flat in volatility beyond the last quoted strikes. No smile is extrapolated into strikes nobody quotes.

The quotes of American options are inverted with the American price, and their forwards come from parities without the
premium (`quant.vanilla.early_exercise`), so that early exercise does not bend the smile: a call and a put of one strike
have one volatility, in the money as well as out.

A chain without quotes is smoothed from the vendor's volatilities, each restated at the slice's forward (the price that
it stands for at the vendor's forward, inverted at ours: there calls and puts of a strike agree). Its weights come from
a stated error: a spread of one cent and of 1.2 % exp(1.15 x) of the value, x = |k| / (sigma sqrt(t)), which is how the
quoted spreads of SPX options grow with moneyness. Such slices say "vendor IV, no quotes".
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.special import ndtr, ndtri

from domain.codec import columnar
from domain.errors import BadChain, DataAbsent
from domain.market import Bools, Floats, Ints, OptionChain, Quotes, RateCurve
from quant.vanilla import early_exercise
from quant.vanilla.black import black76
from quant.vanilla.forwards import Slice, Survey, survey, usable_vols
from quant.vanilla.implied import implied_vol

VERSION = "surface/2"

MIN_QUOTES = 5
_KNOTS = 41
_WIDE = 0.5  # a quote whose spread exceeds this share of its mid says little ...
_TICKS = 0.15  # ... unless the spread is only this many dollars and the option near the money
_FLOOR_VOL = 0.0005  # no quote is believed closer than this, in volatility
_BANDWIDTH = 0.30  # in u
_NEIGHBOURS = 7
_CENT = 0.01  # a vendor's volatility of an option worth less says nothing
_SHARE, _GROWTH = 0.012, 1.15  # the stated error of a vendor's volatility, see above
UNQUOTED = "vendor IV, no quotes"
_ROOT_2PI = 2.5066282746310002


@columnar
class SliceFit:
    """One slice's smile. `knots_k`, `knots_vol` (m,); `rows`, `row_iv` (n,): the chain's rows and their own mid IV
    (without quotes: the vendor's, restated at `forward`).
    """

    root: str
    expiry: int
    settles_at: int
    t: float
    forward: float
    discount: float
    atm_vol: float
    knots_k: Floats
    knots_vol: Floats
    rows: Ints
    row_iv: Floats
    quotes: int  # how many quotes carried the smile
    fit_error: float  # median |smile - quote| in volatility over them
    source: str  # how forward and discount were found
    quality: str  # "" or what to distrust

    def vol(self, k: ArrayLike) -> Floats:
        """Volatility at log-moneyness k = ln(K/F), any shape; flat beyond the knots."""
        points = np.clip(np.asarray(k, dtype=np.float64), self.knots_k[0], self.knots_k[-1])
        scale = self.atm_vol * np.sqrt(self.t)
        curve = CubicSpline(np.arcsinh(self.knots_k / scale), self.knots_vol, bc_type="natural")
        floor, cap = 0.5 * self.knots_vol.min(), 1.5 * self.knots_vol.max()
        return np.asarray(np.clip(curve(np.arcsinh(points / scale)), floor, cap), dtype=np.float64)

    def price(self, strike: ArrayLike, is_call: ArrayLike) -> Floats:
        """Present value of a European option of this slice on its smile, dollars a share."""
        strikes = np.asarray(strike, dtype=np.float64)
        vols = self.vol(np.log(strikes / self.forward))
        return black76(self.forward, strikes, self.t, vols, self.discount, is_call)

    def delta(self, strike: ArrayLike, is_call: ArrayLike) -> Floats:
        """Forward delta N(d1) (calls), N(d1) - 1 (puts) at the smile's own volatility."""
        k = np.log(np.asarray(strike, dtype=np.float64) / self.forward)
        sd = self.vol(k) * np.sqrt(self.t)
        return np.asarray(ndtr(-k / sd + 0.5 * sd) - np.where(is_call, 0.0, 1.0), dtype=np.float64)

    def delta_strike(self, delta: float, is_call: bool) -> float:
        """The strike whose |forward delta| on the smile is `delta` (0.25 for the 25-delta strike)."""
        grid = np.linspace(-6.0, 6.0, 481) * self.atm_vol * np.sqrt(self.t)
        sd = self.vol(grid) * np.sqrt(self.t)
        call_delta = ndtr(-grid / sd + 0.5 * sd)
        wanted = delta if is_call else 1.0 - delta
        falling = np.minimum.accumulate(call_delta)
        k = np.interp(-wanted, -falling, grid)
        for _ in range(3):
            width = float(self.vol(k)) * np.sqrt(self.t)
            k = -width * (float(ndtri(wanted)) - 0.5 * width)
        return float(self.forward * np.exp(k))


@columnar
class Surface:
    """All slices of one chain, earliest settlement first, and one line for each that could not be fitted."""

    ticker: str
    as_of: datetime
    spot: float
    exercise: str
    slices: tuple[SliceFit, ...]
    skipped: tuple[str, ...]

    def vol(self, index: int, strike: ArrayLike) -> Floats:
        """Volatility of a strike on slice `index`."""
        one = self.slices[index]
        return one.vol(np.log(np.asarray(strike, dtype=np.float64) / one.forward))

    def find(self, root: str, expiry: int) -> SliceFit | None:
        """The slice of a root and expiry ordinal, or None."""
        for one in self.slices:
            if one.root == root and one.expiry == expiry:
                return one
        return None

    def atm_vol(self, days: float = 30.0) -> float:
        """Constant-maturity at-the-forward volatility, linear in total variance, flat outside the quoted expiries."""
        times = np.array([one.t for one in self.slices])
        total = np.array([one.atm_vol**2 * one.t for one in self.slices])
        t = days / 365.0
        if t <= times[0]:
            return float(self.slices[0].atm_vol)
        if t >= times[-1]:
            return float(self.slices[-1].atm_vol)
        return float(np.sqrt(np.interp(t, times, total) / t))

    def nearest(self, days: float) -> int:
        """Index of the slice whose expiry is nearest to a tenor in days."""
        return int(np.argmin([abs(one.t - days / 365.0) for one in self.slices]))


def _smooth(u: Floats, vol: Floats, base: Floats, knots: Floats) -> Floats:
    """Local quadratic fit of vol at each knot; shapes (n,), (n,), (n,), (m,) -> (m,)."""
    offset = u - knots[:, None]
    near = np.sort(np.abs(offset), axis=1)[:, min(_NEIGHBOURS, len(u)) - 1]
    h = np.maximum(1.05 * near, _BANDWIDTH)[:, None]
    x = offset / h
    r = np.minimum(np.abs(x), 1.0)
    falloff = 1.0 - r * r * r
    weight = falloff * falloff * falloff * base
    moments = [weight.sum(axis=1)]
    right = [weight @ vol]
    for power in range(1, 5):
        weight = weight * x
        moments.append(weight.sum(axis=1))
        if power <= 2:
            right.append(weight @ vol)
    gram = np.stack([np.stack([moments[i + j] for j in range(3)], axis=-1) for i in range(3)], axis=-2)
    gram[:, 1, 1] += 1e-4 * moments[0]
    gram[:, 2, 2] += 1e-3 * moments[0]
    return np.asarray(np.linalg.solve(gram, np.stack(right, axis=-1)[..., None])[:, 0, 0], dtype=np.float64)


def _smile(k: Floats, vol: Floats, half: Floats, t: float) -> tuple[Floats, Floats, float]:
    """(knots_k, knots_vol, median error) of one slice from its quotes: log-moneyness, mid IV, half-spread in IV."""
    scale = float(np.interp(0.0, k, vol)) * np.sqrt(t)
    u = np.arcsinh(k / scale)
    knots = np.linspace(u[0], u[-1], min(_KNOTS, max(2 * len(u), MIN_QUOTES)))
    base = 1.0 / (half * half + _FLOOR_VOL**2)
    low, high = vol.min(), vol.max()
    robust = np.ones_like(base)
    level = vol
    for _ in range(3):
        level = np.clip(_smooth(u, vol, base * robust, knots), low, high)
        miss = np.abs(vol - np.interp(u, knots, level)) / np.maximum(half, _FLOOR_VOL)
        cut = 6.0 * max(float(np.median(miss)), 0.5)
        robust = np.maximum((1.0 - np.minimum(miss / cut, 1.0) ** 2) ** 2, 1e-6)
    error = float(np.median(np.abs(vol - np.interp(u, knots, level))))
    return np.asarray(scale * np.sinh(knots)), np.asarray(level), error


def _spreads(one: Slice, chain: OptionChain, k: Floats, sd: Floats) -> tuple[Floats, Bools]:
    """(spread in dollars, whether it is tight enough to believe the mid) of each row of a slice."""
    rows = one.rows
    if chain.quotes is Quotes.NONE:
        value = black76(one.forward, chain.strike[rows], one.t, sd / np.sqrt(one.t), one.discount, chain.is_call[rows])
        with np.errstate(invalid="ignore", over="ignore"):
            stated = _CENT + _SHARE * np.exp(np.minimum(_GROWTH * np.abs(k) / sd, 5.0)) * value
            return stated, value >= _CENT
    spread = chain.ask[rows] - chain.bid[rows]
    mid = 0.5 * (chain.ask[rows] + chain.bid[rows])
    return spread, (spread <= _WIDE * mid) | ((spread <= _TICKS) & (np.abs(k) < 2.0 * sd))


def _fit_slice(one: Slice, chain: OptionChain, iv: Floats) -> SliceFit | str:
    rows = one.rows
    strike, call, sigma = chain.strike[rows], chain.is_call[rows], iv[rows]
    k = np.log(strike / one.forward)
    outside = np.where(call, k >= 0.0, k < 0.0)
    sd = sigma * np.sqrt(one.t)
    spread, tight = _spreads(one, chain, k, sd)
    use = np.flatnonzero(outside & np.isfinite(sigma) & tight)
    label = f"{one.root} {datetime.fromordinal(one.expiry).date()}"
    if len(use) < MIN_QUOTES or not (np.any(k[use] < 0.0) and np.any(k[use] >= 0.0)):
        return f"{label}: {len(use)} usable out-of-the-money quotes on both sides, {MIN_QUOTES} needed"
    use = use[np.argsort(k[use], kind="stable")]
    d1 = -k[use] / sd[use] + 0.5 * sd[use]
    vega = one.discount * one.forward * np.exp(-0.5 * d1 * d1) / _ROOT_2PI * np.sqrt(one.t)
    half = 0.5 * spread[use] / np.maximum(vega, 1e-9)
    knots_k, knots_vol, error = _smile(k[use], sigma[use], np.minimum(half, 2.0), one.t)
    doubts = (UNQUOTED if chain.quotes is Quotes.NONE else "", "few quotes" if len(use) < 2 * MIN_QUOTES else "")
    return SliceFit(
        root=one.root,
        expiry=one.expiry,
        settles_at=one.settles_at,
        t=one.t,
        forward=one.forward,
        discount=one.discount,
        atm_vol=float(np.interp(0.0, knots_k, knots_vol)),
        knots_k=knots_k,
        knots_vol=knots_vol,
        rows=rows,
        row_iv=sigma,
        quotes=len(use),
        fit_error=error,
        source=one.source,
        quality="; ".join(doubt for doubt in doubts if doubt),
    )


def _row_vols(chain: OptionChain, found: Survey) -> Floats:
    """Each row's own volatility, shape (n,): of its mid, or the vendor's at the slice's forward; NaN: none."""
    forward, discount, t, vendors = (np.full(len(chain), np.nan) for _ in range(4))
    for one in found.slices:
        forward[one.rows], discount[one.rows], t[one.rows] = one.forward, one.discount, one.t
        vendors[one.rows] = np.nan if one.vendor_forward is None else one.vendor_forward
    if chain.quotes is Quotes.NONE:
        given = np.where(usable_vols(chain.vendor_iv), chain.vendor_iv, np.nan)
        price = discount * black76(vendors, chain.strike, t, given, 1.0, chain.is_call)
    else:
        quoted = (chain.bid > 0.0) & (chain.ask >= chain.bid)
        price = np.where(quoted, 0.5 * (chain.bid + chain.ask), np.nan)
        if early_exercise.carried(chain):
            return early_exercise.volatilities(chain, found.slices, price)
    return implied_vol(price, forward, chain.strike, t, discount, chain.is_call).sigma


def _judge(chain: OptionChain, as_of: datetime) -> str:
    """What is wrong with a chain, counted."""
    bid, ask = chain.bid, chain.ask
    counts = {
        "rows": len(chain),
        "strikes": len(np.unique(chain.strike)),
        "zero or missing bids": int(np.sum(~(bid > 0.0))),
        "missing asks": int(np.sum(~(ask > 0.0))),
        "crossed": int(np.sum(bid > ask)),
        **({} if chain.quotes is not Quotes.NONE else {"usable vendor IVs": int(np.sum(usable_vols(chain.vendor_iv)))}),
        "expired rows": int(np.sum(chain.settles_at <= as_of.timestamp())),
    }
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def fit(chain: OptionChain, as_of: datetime, rates: RateCurve | None) -> Surface:
    """The surface of a chain as of a moment.

    Raises BadChain, with the counts, for a spot that is not a positive number, a chain without rows, and a chain
    without one usable slice (one strike, all zero bids, everything expired, no rates for American options).
    """
    if not (np.isfinite(chain.spot) and chain.spot > 0.0):
        raise BadChain(f"{chain.ticker}: the underlying's price is {chain.spot}; a chain needs a positive one")
    if len(chain) == 0:
        raise BadChain(f"{chain.ticker}: the chain has no rows")
    found = survey(chain, as_of, rates)
    if early_exercise.carried(chain):
        found = found._replace(slices=early_exercise.stripped(chain, found.slices))
    iv = _row_vols(chain, found)
    fitted = [_fit_slice(one, chain, iv) for one in found.slices]
    good = tuple(item for item in fitted if isinstance(item, SliceFit))
    skipped = found.skipped + tuple(item for item in fitted if isinstance(item, str))
    if not good:
        reasons = "; ".join(skipped[:3])
        raise BadChain(f"{chain.ticker}: no usable slice ({_judge(chain, as_of)}): {reasons}")
    return Surface(
        ticker=chain.ticker,
        as_of=as_of,
        spot=chain.spot,
        exercise=str(chain.exercise),
        slices=good,
        skipped=skipped,
    )


def require(surface: Surface, root: str, expiry: int) -> SliceFit:
    """The slice of a root and expiry. Raises DataAbsent when the surface has none."""
    one = surface.find(root, expiry)
    if one is None:
        day = datetime.fromordinal(expiry).date()
        raise DataAbsent(f"{surface.ticker}: no fitted slice for {root} {day}; it has no usable quotes at this moment")
    return one
