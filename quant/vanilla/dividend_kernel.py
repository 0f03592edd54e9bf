"""The compiled binomial tree behind `quant.vanilla.dividends`. Import it late: numba takes a quarter of a second."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numba import njit, types


def _premiums(
    bare: Any, strike: Any, t: Any, sigma: Any, r: Any, is_call: Any, when: Any, cash: Any, steps: int, out: Any
) -> None:
    """out[i]: American less European value on the same tree of the escrowed spot `bare`; dividends `cash` at `when`."""
    american, european, spots = np.empty(steps + 1), np.empty(steps + 1), np.empty(steps + 1)
    for i in range(bare.size):
        dt = t[i] / steps
        up = math.exp(sigma[i] * math.sqrt(dt))
        # The nodes lie around the forward, so that no drift drives p out of 0..1.
        tilt = r[i] * dt
        p = (1.0 - 1.0 / up) / (up - 1.0 / up)
        disc, sign = math.exp(-tilt), 1.0 if is_call[i] else -1.0
        for j in range(steps + 1):
            spots[j] = bare[i] * math.exp(r[i] * t[i] + sigma[i] * math.sqrt(dt) * (2.0 * j - steps))
            american[j] = european[j] = max(sign * (spots[j] - strike[i]), 0.0)
        for step in range(steps - 1, -1, -1):
            now = step * dt
            ahead = 0.0
            for k in range(when.size):
                if now < when[k] <= t[i]:
                    ahead += cash[k] * math.exp(-r[i] * (when[k] - now))
            shift = math.exp(-tilt)
            for j in range(step + 1):
                spots[j] *= shift * up
                european[j] = disc * (p * european[j + 1] + (1.0 - p) * european[j])
                hold = disc * (p * american[j + 1] + (1.0 - p) * american[j])
                american[j] = max(hold, sign * (spots[j] + ahead - strike[i]))
        out[i] = max(american[0] - european[0], 0.0)


def _compiled(function: Callable[..., None], *signature: Any) -> Callable[..., None]:
    """Machine code, kept on disk where numba finds a place (NUMBA_CACHE_DIR, beside this file, the user's cache)."""
    flags = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return cast(Callable[..., None], njit(*signature, cache=True, **flags)(function))
    except RuntimeError:  # nowhere to write: compile in every process
        return cast(Callable[..., None], njit(*signature, **flags)(function))


_COLUMN = types.Array(types.float64, 1, "C", readonly=True)
_FLAGS = types.Array(types.boolean, 1, "C", readonly=True)
# (bare, strike, t, sigma, r, is_call; when, cash; steps; premium): the last is filled.
premiums = _compiled(
    _premiums,
    types.void(*(_COLUMN,) * 5, _FLAGS, _COLUMN, _COLUMN, types.int64, types.Array(types.float64, 1, "C")),
)
