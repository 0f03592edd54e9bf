"""Parameters of the Heston model, and of Bates's with its jumps."""

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


@record
class Jump:
    """A compound Poisson part of log price: `intensity` jumps a year, each normal (`mean`, `sd`; Merton 1976)."""

    intensity: float
    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not all(isfinite(value) for value in (self.intensity, self.mean, self.sd)):
            raise BadInput(f"jump parameters must be finite: {(self.intensity, self.mean, self.sd)}")
        if self.intensity < 0 or self.sd < 0:
            raise BadInput(f"jumps need an intensity and an sd of zero or more: {(self.intensity, self.sd)}")

    @property
    def compensator(self) -> float:
        """Expected relative jump, E[e^J] − 1: what the drift gives back."""
        return expm1(self.mean + 0.5 * self.sd**2)

    @property
    def variance(self) -> float:
        """Quadratic variation of log price a year, λ·E[J²]."""
        return self.intensity * (self.mean**2 + self.sd**2)

    @property
    def log_contract(self) -> float:
        """What it adds a year to −2·E ln(S_T/F): 2λ(E[e^J] − 1 − E[J])."""
        return 2 * self.intensity * (self.compensator - self.mean)


@record
class BatesParams:
    """Heston's model with independent lognormal jumps (Bates 1996), of as many kinds as given.

    `floor` is a constant variance a year beside the stochastic one, of a Brownian motion of its own.
    """

    diffusion: HestonParams
    jumps: tuple[Jump, ...] = ()
    floor: float = 0.0

    def __post_init__(self) -> None:
        if not (isfinite(self.floor) and self.floor >= 0):
            raise BadInput(f"a floor of variance is zero or more, not {self.floor}")

    def scaled(self, m: float) -> BatesParams:
        """All variance multiplied by m: the diffusion's exactly, the jumps' by their intensity, sizes as they were."""
        jumps = tuple(Jump(intensity=m * jump.intensity, mean=jump.mean, sd=jump.sd) for jump in self.jumps)
        return BatesParams(diffusion=self.diffusion.scaled(m), jumps=jumps, floor=m * self.floor)

    def average_variance(self, years: float) -> float:
        """Expected quadratic variation of log price a year, averaged from now over a horizon."""
        return self.floor + self.diffusion.average_variance(years) + sum(jump.variance for jump in self.jumps)

    def log_contract(self, years: float) -> float:
        """−2·E[ln(S_T/F)] a year over a horizon: the model-free implied variance that strips of options measure."""
        return self.floor + self.diffusion.average_variance(years) + sum(jump.log_contract for jump in self.jumps)
