"""A surface and its odd quotes keep their packed form: they can be facts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from domain import codec
from domain.market import OptionChain, RateCurve
from quant.surface import fit as smooth
from quant.svi.anomalies import anomalies
from quant.svi.fit import fit, remaining


def test_they_come_back_as_they_were(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain(skew=-0.15, smile=0.2)
    chain.ask[20] *= 0.5
    chain.bid[20] *= 0.5
    surface = smooth(chain, black_as_of, make_flat_rates())
    found = fit(surface, chain)
    again = codec.unpack(codec.pack(found))
    assert codec.digest(again) == codec.digest(found)
    assert remaining(again) == ((), ())
    assert again.slices[0].parameters == found.slices[0].parameters
    assert np.array_equal(again.theta, found.theta)
    odd = anomalies(chain, surface, found)
    assert codec.unpack(codec.pack(odd)).found == odd.found
