"""Dealer gamma: a reference computed with 40-digit derivatives, the sign as a parameter, and degenerate chains."""

from __future__ import annotations

import numpy as np
import pytest

from quant.flow.exposure import NAIVE, Dealers, OpenExpiry, exposure, gamma, net_gamma
from quant.vanilla.black import greeks

SPOT, RATE, CARRY = 5000.0, 0.045, 0.013
# strike, days, volatility, open interest, call, dollars per 1 % (sign by the naive convention)
REFERENCE = (
    (5000.0, 7, 0.12, 10_000.0, True, 1198791252.324),
    (5100.0, 30, 0.11, 20_000.0, True, 1098818066.1728),
    (4900.0, 7, 0.15, 15_000.0, False, -862510708.57885),
    (4700.0, 30, 0.19, 25_000.0, False, -439037998.91273),
)


def expiry(strike: float, days: float, vol: float, held: float, call: bool) -> OpenExpiry:
    t = days / 365.0
    return OpenExpiry(
        t=t,
        forward=SPOT * np.exp((RATE - CARRY) * t),
        discount=float(np.exp(-RATE * t)),
        strike=np.array([strike]),
        is_call=np.array([call]),
        sigma=np.array([vol]),
        open_interest=np.array([held]),
        knots_k=np.array([-0.1, 0.1]),
        knots_vol=np.array([vol, vol]),
    )


CHAIN = tuple(expiry(*row[:5]) for row in REFERENCE)


@pytest.mark.parametrize("row", REFERENCE)
def test_exposure_of_single_contracts(row: tuple[float, int, float, float, bool, float]) -> None:
    assert exposure(expiry(*row[:5]), SPOT, 100)[0] == pytest.approx(row[5], rel=1e-12)


def test_net_exposure_of_the_reference_chain() -> None:
    found = net_gamma(CHAIN, SPOT, 100)
    assert found.net == pytest.approx(996060611.0051721, rel=1e-12)
    assert found.gross == pytest.approx(sum(abs(row[5]) for row in REFERENCE), rel=1e-12)
    assert found.largest_strike == 5000.0


def test_gamma_is_that_of_the_full_greeks() -> None:
    strikes = np.linspace(3000.0, 7000.0, 41)
    t = 0.25
    ours = gamma(SPOT, SPOT * np.exp((RATE - CARRY) * t), float(np.exp(-RATE * t)), strikes, t, np.full(41, 0.2))
    theirs = greeks(SPOT, strikes, t, 0.2, RATE, CARRY, True).gamma
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-18)


def test_the_sign_is_a_parameter() -> None:
    flipped = net_gamma(CHAIN, SPOT, 100, Dealers(calls=-1.0, puts=1.0))
    assert flipped.net == pytest.approx(-net_gamma(CHAIN, SPOT, 100, NAIVE).net)
    short = net_gamma(CHAIN, SPOT, 100, Dealers(calls=-1.0, puts=-1.0))
    assert short.net == pytest.approx(-short.gross)


def test_nothing_open_is_no_exposure() -> None:
    empty = CHAIN[0]._replace(open_interest=np.array([np.nan]))
    assert net_gamma((empty,), SPOT, 100) == (0.0, 0.0, None)
    assert net_gamma((), SPOT, 100) == (0.0, 0.0, None)


@pytest.mark.parametrize("change", [{"sigma": np.array([0.0])}, {"sigma": np.array([np.nan])}, {"t": 0.0}])
def test_where_no_gamma_exists_it_counts_nothing(change: dict[str, object]) -> None:
    assert exposure(CHAIN[0]._replace(**change), SPOT, 100).tolist() == [0.0]
