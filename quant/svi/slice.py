"""One arbitrage-free slice of a surface and what is read off it: what `quant.surface.SliceFit` answers, and more."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from domain.codec import columnar
from domain.market import Floats, Ints
from quant.svi import raw
from quant.vanilla.black import black76

_REACH = 60.0  # deviations within which a strike of a delta is sought
_ROOT_2PI = 2.5066282746310002


@columnar
class SviSlice:
    """A raw SVI slice with the forward that it stands on. `rows`, `weights` (n,): the quotes that carried it and how
    far each was believed (1: fully, after the weights against bad quotes). Errors in volatility.
    """

    root: str
    expiry: int
    settles_at: int
    t: float
    forward: float
    discount: float
    a: float
    b: float
    rho: float
    m: float
    sigma: float
    rows: Ints
    weights: Floats
    reach: float  # the |k| within which it does not cross its neighbours
    liquid: bool  # enough quotes, tight near the money: what a fit error is judged on
    fit_error: float  # median |slice - quote| over the quotes
    fit_p95: float
    least_g: float  # the infimum of Gatheral's g: >= 0
    source: str  # "svi", or "ssvi" where too few quotes carry a slice of their own
    repaired: str  # "", "butterfly", "calendar" or both: what the free fit broke
    doubts: str

    @property
    def parameters(self) -> raw.Raw:
        """The raw parameters."""
        return raw.Raw(self.a, self.b, self.rho, self.m, self.sigma)

    @property
    def atm_vol(self) -> float:
        """Volatility at the forward."""
        return float(self.vol(0.0))

    @property
    def skew(self) -> float:
        """d vol / dk at the forward."""
        first, _, _ = raw.derivatives(0.0, self.parameters)
        return float(first) / (2.0 * self.atm_vol * self.t)

    def total_variance(self, k: ArrayLike) -> Floats:
        """w = vol^2 t at log-moneyness k = ln(K/F), any shape."""
        return raw.total_variance(k, self.parameters)

    def derivatives(self, k: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """(w', w'', w''') in k."""
        return raw.derivatives(k, self.parameters)

    def vol(self, k: ArrayLike) -> Floats:
        """Volatility at log-moneyness k, any shape."""
        return np.asarray(np.sqrt(self.total_variance(k) / self.t), dtype=np.float64)

    def vol_gradient(self, k: ArrayLike) -> Floats:
        """dvol/d(a, b, rho, m, sigma), shape k.shape + (5,)."""
        return np.asarray(raw.parameter_gradient(k, self.parameters) / (2.0 * self.t * self.vol(k))[..., None])

    def price(self, strike: ArrayLike, is_call: ArrayLike) -> Floats:
        """Present value of a European option of this slice, dollars a share."""
        strikes = np.asarray(strike, dtype=np.float64)
        return black76(self.forward, strikes, self.t, self.vol(np.log(strikes / self.forward)), self.discount, is_call)

    def density(self, k: ArrayLike) -> Floats:
        """Risk-neutral density of ln(S_T/F) at k: g(k) n(d2)/sqrt(w) (Gatheral-Jacquier 2014, eq. 2.2); >= 0."""
        at = np.asarray(k, dtype=np.float64)
        sd = np.sqrt(self.total_variance(at))
        d2 = -at / sd - 0.5 * sd
        return np.asarray(raw.durrleman(at, self.parameters) * np.exp(-0.5 * d2 * d2) / (_ROOT_2PI * sd))

    def below(self, k: ArrayLike) -> Floats:
        """Risk-neutral P(ln(S_T/F) < k): N(-d2) + n(d2) d sqrt(w)/dk."""
        at = np.asarray(k, dtype=np.float64)
        sd = np.sqrt(self.total_variance(at))
        d2 = -at / sd - 0.5 * sd
        first, _, _ = self.derivatives(at)
        return np.asarray(ndtr(-d2) + np.exp(-0.5 * d2 * d2) / _ROOT_2PI * first / (2.0 * sd), dtype=np.float64)

    def delta(self, strike: ArrayLike, is_call: ArrayLike) -> Floats:
        """Forward delta N(d1) (calls), N(d1) - 1 (puts) at the slice's own volatility."""
        k = np.log(np.asarray(strike, dtype=np.float64) / self.forward)
        sd = np.sqrt(self.total_variance(k))
        return np.asarray(ndtr(-k / sd + 0.5 * sd) - np.where(is_call, 0.0, 1.0), dtype=np.float64)

    def delta_strike(self, delta: float, is_call: bool) -> float:
        """The strike whose |forward delta| is `delta`. d1 falls in k on a slice without arbitrage (Fukasawa, 2012)."""
        wanted = delta if is_call else 1.0 - delta
        low = -_REACH * self.atm_vol * np.sqrt(self.t)
        high = -low
        for _ in range(80):
            middle = 0.5 * (low + high)
            above = float(self.delta(self.forward * np.exp(middle), True)) > wanted
            low, high = (middle, high) if above else (low, middle)
        return float(self.forward * np.exp(0.5 * (low + high)))
