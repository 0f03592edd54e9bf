"""Lag limits, the worth of an old implied volatility, and what each policy still permits."""

from __future__ import annotations

import math

import pytest

from domain.market import Alignment, Kind
from quant.alignment import LagRules, Use, confidence, weigh

HARD, DECAY, ONLY = Alignment.HARD_CUTOFF, Alignment.DECAY_THEN_CUTOFF, Alignment.DECAY_ONLY


def test_confidence_halves() -> None:
    assert confidence(0, 300) == 1.0
    assert confidence(300, 300) == 0.5
    assert confidence(600, 300) == 0.25
    assert confidence(60, 60) == 0.5


@pytest.mark.parametrize(
    ("policy", "lag", "worth", "use"),
    [
        (HARD, 0, 1.0, Use.TRADE),
        (HARD, 600, 1.0, Use.TRADE),
        (HARD, 601, 0.0, Use.REFUSED),
        (DECAY, 300, 0.5, Use.TRADE),
        (DECAY, 600, 0.25, Use.TRADE),
        (DECAY, 600.5, 0.0, Use.REFUSED),
        (ONLY, 600, 0.25, Use.TRADE),
        (ONLY, 900, 0.125, Use.EVIDENCE),
    ],
)
def test_policies_at_and_beyond_the_limit(policy: Alignment, lag: float, worth: float, use: Use) -> None:
    assert weigh(policy, lag, 600, confidence(lag, 300)) == (worth, use)


@pytest.mark.parametrize("lag", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("policy", list(Alignment))
def test_a_lag_that_is_none_is_refused(policy: Alignment, lag: float) -> None:
    assert weigh(policy, lag, 600, 1.0).use is Use.REFUSED
    assert weigh(policy, 0.0, 600, math.nan).use is Use.REFUSED


def test_indices_come_late_and_a_ticker_can_have_its_own_limit() -> None:
    rules = LagRules(by_ticker=(("TLT", 60.0),))
    assert rules.limit("SPX", Kind.INDEX) == 900
    assert rules.limit("SPY", Kind.ETF) == 600
    assert rules.limit("TLT", Kind.ETF) == 60
