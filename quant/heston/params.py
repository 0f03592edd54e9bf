"""Parameters of the Heston model."""

from __future__ import annotations

from math import expm1, isfinite, sqrt

from domain.codec import record
from domain.errors import BadInput


@record
class HestonParams:
    """dS/S = (r − q) dt + √v dW₁,  dv = κ(θ − v) dt + σ√v dW₂,  d⟨W₁,W₂⟩ = ρ dt  (Heston 1993, eqs 1–4).

    `v0`, `theta` are variances a year, `kappa` is a speed a year, `sigma` the volatility of variance, `rho` in (−1, 1).
    """

    v0: float
    kappa: float
    theta: float
    sigma: float
    rho: float

    def __post_init__(self) -> None:
        values = (self.v0, self.kappa, self.theta, self.sigma, self.rho)
        if not all(isfinite(value) for value in values):
            raise BadInput(f"Heston parameters must be finite: {values}")
        if self.v0 <= 0 or self.kappa <= 0 or self.theta <= 0 or self.sigma <= 0 or not -1 < self.rho < 1:
            raise BadInput(f"Heston needs v0, kappa, theta, sigma > 0 and rho inside (-1, 1): {values}")

    def scaled(self, m: float) -> HestonParams:
        """The same model with its variance multiplied by m: m·v is again a CIR process, so this is exact."""
        return HestonParams(
            v0=m * self.v0, kappa=self.kappa, theta=m * self.theta, sigma=sqrt(m) * self.sigma, rho=self.rho
        )

    def average_variance(self, years: float) -> float:
        """Expected variance a year, averaged from now over a horizon: θ + (v0 − θ)(1 − e^{−κt})/(κt)."""
        x = self.kappa * years
        weight = 1.0 if x < 1e-12 else -expm1(-x) / x
        return self.theta + (self.v0 - self.theta) * weight
