"""The figures of the hard limits, and that settings only ever tighten them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from domain.errors import SettingsError
from quant.risk.latch import loss_latched
from quant.risk.limits import FLOORS, LIMITS, tightened
from tests.fakes import AT, D


def test_the_figures() -> None:
    shares = (
        LIMITS.daily_loss,
        LIMITS.position,
        LIMITS.position_crisis,
        LIMITS.sector,
        LIMITS.total,
        LIMITS.total_crisis,
    )
    assert shares == (D("0.03"), D("0.05"), D("0.02"), D("0.15"), D("0.30"), D("0.15"))
    assert (LIMITS.free_margin, LIMITS.contracts, LIMITS.nlv_age_s) == (D("0.20"), 10, 600)


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(LIMITS) if field.name != "investor"])
def test_every_limit_tightens_and_none_loosens(key: str) -> None:
    held = getattr(LIMITS, key)
    tighter = held * 2 if key in FLOORS else held // 2 if isinstance(held, int) else held / 2
    looser = held / 2 if key in FLOORS else held + 1
    assert getattr(tightened(LIMITS, **{key: tighter}), key) == tighter
    assert tightened(LIMITS, **{key: held}) == LIMITS
    with pytest.raises(SettingsError, match=key):
        tightened(LIMITS, **{key: looser})


@pytest.mark.parametrize("value", ["many", float("nan"), float("inf"), -1, True, "NaN", None])
def test_what_is_no_limit_is_refused(value: Any) -> None:
    with pytest.raises(SettingsError, match=r"limits\.position"):
        tightened(LIMITS, position=value)


def test_unknown_keys_and_fractions_of_contracts_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"limits\.leverage"):
        tightened(LIMITS, leverage=1)
    with pytest.raises(SettingsError, match=r"limits\.investor"):
        tightened(LIMITS, investor=1)
    with pytest.raises(SettingsError, match="whole"):
        tightened(LIMITS, contracts=2.5)


def test_a_tightened_limit_is_tighter_in_a_crisis_too() -> None:
    assert tightened(LIMITS, position="0.01").position_share(None) == D("0.01")
    assert tightened(LIMITS, total="0.10").total_share(None) == D("0.10")


def test_the_latch_closes_on_two_marks_a_minute_apart() -> None:
    prior, limit = D(100_000), LIMITS.daily_loss
    low, lower = (AT - timedelta(seconds=90), D(96_900)), (AT, D(96_800))
    assert "lost 3200" in loss_latched((low, lower), prior, limit, AT)
    assert loss_latched((lower,), prior, limit, AT) == ""
    assert loss_latched(((AT - timedelta(seconds=30), D(96_900)), lower), prior, limit, AT) == ""
    assert loss_latched(((AT - timedelta(seconds=90), D(99_000)), lower), prior, limit, AT) == ""
    assert loss_latched((low, lower), None, limit, AT) == ""
