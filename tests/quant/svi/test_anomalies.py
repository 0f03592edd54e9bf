"""Quotes out of line: the odd one is found and named, the misfit of a whole slice floods nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from domain.market import Exercise, OptionChain, Quotes, RateCurve
from quant.surface import fit as smooth
from quant.svi.anomalies import MOST_A_SLICE, Anomalies, anomalies, contract_name, values
from quant.svi.fit import fit

Made = tuple[Callable[..., OptionChain], RateCurve, datetime]


@pytest.fixture
def made(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> Made:
    return make_black_chain, make_flat_rates(), black_as_of


def moved(chain: OptionChain, rows: np.ndarray, by: float) -> OptionChain:
    """Bid and ask of some rows lifted by so many of their own spreads."""
    step = np.where(rows, by * (chain.ask - chain.bid), 0.0)
    return dataclasses.replace(chain, bid=chain.bid + step, ask=chain.ask + step)


def judged(chain: OptionChain, made: Made) -> Anomalies:
    surface = smooth(chain, made[2], made[1])
    return anomalies(chain, surface, fit(surface, chain))


def test_a_clean_chain_has_none(made: Made) -> None:
    chain = made[0](skew=-0.15, smile=0.2)
    found = judged(chain, made)
    assert found.found == ()
    assert found.quotes > 0.8 * len(chain)


@pytest.mark.parametrize(("by", "rich"), [(4.0, True), (-4.0, False)])
def test_one_odd_quote_is_named_with_its_distance(made: Made, by: float, rich: bool) -> None:
    chain = made[0](skew=-0.15, smile=0.2)
    row = int(np.flatnonzero((chain.strike == 475.0) & ~chain.is_call)[2])
    odd = np.arange(len(chain)) == row
    found = judged(moved(chain, odd, by), made)
    assert [one.row for one in found.found] == [row]
    (one,) = found.found
    assert one.rich is rich
    assert one.spreads == pytest.approx(3.5, abs=0.5)  # four spreads from the middle, less half a spread
    assert one.contract == contract_name(chain, row) == "SPX 2024-04-19 475 put"
    assert one.bid > one.value if rich else one.ask < one.value


def test_they_are_ranked_by_their_own_spreads(made: Made) -> None:
    chain = made[0](skew=-0.15, smile=0.2)
    first = int(np.flatnonzero((chain.strike == 470.0) & ~chain.is_call)[1])
    second = int(np.flatnonzero((chain.strike == 530.0) & chain.is_call)[3])
    at = np.arange(len(chain))
    found = judged(moved(moved(chain, at == first, 3.0), at == second, 6.0), made)
    assert [one.row for one in found.found] == [second, first]


def test_a_slice_of_nonsense_is_capped_and_said(made: Made) -> None:
    chain = made[0](skew=-0.15, smile=0.2)
    last = chain.expiry == chain.expiry.max()
    scattered = last & (np.arange(len(chain)) % 5 == 0)
    found = judged(moved(chain, scattered, 5.0), made)
    assert 0 < len(found.found) <= MOST_A_SLICE + 1
    assert len(found.capped) == 1
    assert "more" in found.capped[0]


def test_a_shape_that_the_slice_misses_is_misfit_and_no_anomaly(made: Made) -> None:
    """Ten neighbouring puts lifted together: no single one is the odd one out."""
    chain = made[0](skew=-0.15, smile=0.2)
    block = (chain.expiry == np.unique(chain.expiry)[1]) & ~chain.is_call & (np.abs(chain.strike - 425.0) <= 25.0)
    found = judged(moved(chain, block, 3.0), made)
    assert found.misfit >= 5
    assert len(found.found) <= 3


def test_a_chain_without_quotes_says_so(made: Made) -> None:
    chain = made[0](skew=-0.15, smile=0.2)
    surface = smooth(chain, made[2], made[1])
    fitted = fit(surface, chain)
    found = anomalies(dataclasses.replace(chain, quotes=Quotes.NONE), surface, fitted)
    assert found.note == "the chain has no bid and ask"
    assert found.quotes == 0


def test_an_option_without_a_bid_can_be_too_cheap(made: Made) -> None:
    chain = made[0](skew=-0.15, smile=0.2)
    row = int(np.flatnonzero((chain.strike == 450.0) & ~chain.is_call)[3])
    at = np.arange(len(chain)) == row
    cheap = dataclasses.replace(chain, bid=np.where(at, 0.0, chain.bid), ask=np.where(at, 0.3, chain.ask))
    (one,) = judged(cheap, made).found
    assert (one.row, one.rich) == (row, False)


def test_of_american_options_only_those_out_of_the_money_are_judged(made: Made) -> None:
    chain = made[0](skew=-0.15, smile=0.2, exercise=Exercise.AMERICAN, ticker="SPY")
    surface = smooth(chain, made[2], made[1])
    fitted = fit(surface, chain)
    assert anomalies(chain, surface, fitted).quotes < 0.6 * len(chain)
    for one, curve in zip(surface.slices, fitted.slices, strict=True):
        assert np.all(values(chain, one, curve) >= 0.0)
