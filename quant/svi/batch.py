"""SVI slices fitted to their quotes, each alone, many at once; the work is `quant.svi.kernel`'s."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from domain.market import Floats
from quant.svi.quotes import SmileQuotes
from quant.svi.raw import Raw

OUTCOMES = ("free", "penalised", "drawn", "failed")  # in the order of the kernel's codes


class Batch(NamedTuple):
    """Slices fitted at once: `raw` (n, 5), `weights`: per quote of each slice, `outcome` (n,): codes of OUTCOMES."""

    raw: Floats
    weights: tuple[Floats, ...]
    outcome: np.ndarray[tuple[int], np.dtype[np.int8]]


def _flat(one: SmileQuotes, t: float) -> Raw:
    """A slice of nearly constant volatility, that of the quote nearest the forward."""
    total = float(one.vol[np.argmin(np.abs(one.k))]) ** 2 * t
    span = float(one.k[-1] - one.k[0])
    return Raw(total, 1e-6 * total / span, 0.0, 0.0, span)


def fit_slices(
    quotes: tuple[SmileQuotes, ...], t: Floats, anchors: tuple[Raw, ...] | None = None, *, robust: bool = True
) -> Batch:
    """One SVI slice for each set of quotes at maturities t (n,), each alone, free of butterfly arbitrage.

    `anchors`: slices free of it, toward which a fit is drawn when nothing else helps (None: nearly flat ones). Each
    needs five quotes or more at distinct k. An outcome of "failed" leaves parameters that mean nothing.
    """
    from quant.svi import kernel  # late: a command that fits nothing does not wait for a compiler

    ends = np.concatenate([[0], np.cumsum([len(one.k) for one in quotes])]).astype(np.int64)
    k = np.concatenate([np.empty(0), *(one.k for one in quotes)])
    vol = np.concatenate([np.empty(0), *(one.vol for one in quotes)])
    base = np.sqrt(np.concatenate([np.empty(0), *(one.weight for one in quotes)]))
    raw, root, outcome = np.empty((len(quotes), 5)), np.empty(len(k)), np.empty(len(quotes), dtype=np.int8)
    years = np.array(t, dtype=np.float64)
    given = anchors or tuple(_flat(one, float(years[i])) for i, one in enumerate(quotes))
    held = np.array(given, dtype=np.float64).reshape(-1, 5)
    kernel.fit_all(ends, k, vol, base, years, held, robust, raw, root, outcome)
    believed = (root / base) ** 2
    return Batch(raw, tuple(believed[a:b] for a, b in pairwise(ends.tolist())), outcome)
