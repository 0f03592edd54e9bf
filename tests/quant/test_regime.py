"""The regime in its first form: levels of VIX, and a crisis wherever it is not known."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from domain.market import IndexLevel
from domain.regime import RegimeName, RegimeState
from quant.regime import step

AT = datetime(2019, 5, 21, 14, 0, tzinfo=UTC)


def vix(value: float, days: int = 1) -> IndexLevel:
    moment = AT - timedelta(days=days)
    return IndexLevel(name="VIX", value=value, day=moment.date(), known_at=moment)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (9.14, "low_vol"),
        (13.99, "low_vol"),
        (14.0, "neutral"),
        (21.99, "neutral"),
        (22.0, "high_vol"),
        (31.99, "high_vol"),
        (32.0, "crisis"),
        (82.69, "crisis"),
        (0.0, "crisis"),
        (-3.0, "crisis"),
        (math.nan, "crisis"),
        (math.inf, "crisis"),
    ],
)
def test_levels(value: float, name: str) -> None:
    state, regime = step(None, vix(value), AT)
    assert regime.name == RegimeName(name) == state.name
    assert regime.reasons[0]
    assert regime.vix is None or math.isfinite(regime.vix)


def test_what_is_not_known_is_a_crisis() -> None:
    assert step(None, None, AT)[1].name == RegimeName.CRISIS
    assert step(None, vix(12, days=7), AT)[1].name == RegimeName.LOW_VOL
    old = step(None, vix(12, days=8), AT)[1]
    assert old.name == RegimeName.CRISIS
    assert "8 days old" in old.reasons[0]
    later = step(None, vix(12, days=-1), AT)[1]
    assert later.name == RegimeName.CRISIS
    assert later.vix is None


def test_the_state_remembers_since_when() -> None:
    first = AT - timedelta(days=30)
    calm = RegimeState(name=RegimeName.LOW_VOL, since=first)
    assert step(calm, vix(12), AT)[0] == calm
    assert step(calm, vix(15), AT)[0] == RegimeState(name=RegimeName.NEUTRAL, since=AT)
