"""The quotes of a surface that a model of the whole chain is fitted to."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from domain.errors import BadChain
from domain.market import Bools, Floats, Ints, OptionChain
from quant.heston.calibration import Calibration, calibrate
from quant.surface import Surface
from quant.svi.quotes import smile_quotes
from quant.vanilla.black import black76

SHORTEST, LONGEST = 5 / 365, 2.5  # years; outside, a diffusion of variance has little to say


class ChainQuotes(NamedTuple):
    """Believable out-of-the-money quotes of all slices, shapes (n,). `price`: European, from the quote's volatility.

    `weight`: of the slice's quotes among themselves 1/(half-spread and floor) squared; every slice has the same sum.
    """

    row: Ints
    strike: Floats
    years: Floats
    forward: Floats
    discount: Floats
    price: Floats
    is_call: Bools
    weight: Floats
    vol: Floats


def chain_quotes(
    surface: Surface, chain: OptionChain, shortest: float = SHORTEST, longest: float = LONGEST
) -> ChainQuotes:
    """Quotes of the liquid slices between two maturities. Raises BadChain where there are none."""
    found: list[tuple[Any, ...]] = []
    for one in surface.slices:
        quotes = smile_quotes(chain, one)
        if not shortest <= one.t <= longest or not quotes.liquid:
            continue
        strike, call, same = chain.strike[quotes.row], chain.is_call[quotes.row], np.ones(len(quotes.row))
        price = black76(one.forward, strike, one.t, quotes.vol, one.discount, call)
        weight = quotes.weight / np.sum(quotes.weight)
        found.append(
            (quotes.row, strike, one.t * same, one.forward * same, one.discount * same, price, call, weight, quotes.vol)
        )
    if not found:
        raise BadChain(f"{chain.ticker}: no liquid slice between {365 * shortest:.0f} and {365 * longest:.0f} days")
    row, strike, years, forward, discount, price, call, weight, vol = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    return ChainQuotes(
        row.astype(np.int64), strike, years, forward, discount, price, call.astype(np.bool_), weight, vol
    )


def calibrate_chain(quotes: ChainQuotes, jumps: bool = False) -> Calibration:
    """`calibrate` on a chain's quotes, with robust weights."""
    return calibrate(
        quotes.strike, quotes.years, quotes.forward, quotes.discount, quotes.price, quotes.is_call, quotes.weight,
        jumps=jumps, robust=True,
    )  # fmt: skip
