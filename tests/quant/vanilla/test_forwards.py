from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime

import numpy as np
import pytest

from domain.market import Exercise, OptionChain, RateCurve
from quant.vanilla.forwards import slices, survey
from tools.randomness import generator

Make = Callable[..., OptionChain]


def test_parity_of_an_exact_chain(
    make_black_chain: Make, make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain(rate=0.05, carry=0.013)
    found = slices(chain, black_as_of, make_flat_rates(0.045))
    assert [one.pairs > 20 for one in found] == [True] * 4
    for one in found:
        assert one.source == "parity"
        assert one.forward == pytest.approx(500.0 * np.exp((0.05 - 0.013) * one.t), rel=1e-4)
        assert one.discount == pytest.approx(np.exp(-0.05 * one.t), abs=2e-3 * one.t + 1e-4)
        assert chain.expiry[one.rows].tolist() == [one.expiry] * len(one.rows)


def test_one_wild_quote_moves_nothing(
    make_black_chain: Make, make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain()
    clean = slices(chain, black_as_of, make_flat_rates())
    bid, ask = chain.bid.copy(), chain.ask.copy()
    wild = np.flatnonzero((chain.strike == 505.0) & chain.is_call)
    bid[wild] += 15.0
    ask[wild] += 15.0
    dirty = slices(dataclasses.replace(chain, bid=bid, ask=ask), black_as_of, make_flat_rates())
    for before, after in zip(clean, dirty, strict=True):
        assert after.forward == pytest.approx(before.forward, rel=1e-4)
        assert after.discount == pytest.approx(before.discount, abs=2e-3)


def test_absurd_discount_falls_back_to_the_curve(
    make_black_chain: Make, make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain(rate=0.30, carry=0.30)
    found = slices(chain, black_as_of, make_flat_rates(0.04))
    assert {one.source for one in found} == {"parity, curve discount"}
    assert found[2].discount == pytest.approx(np.exp(-0.04 * found[2].t), rel=1e-9)


def test_american_takes_the_curve(
    make_black_chain: Make, make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain(exercise=Exercise.AMERICAN, ticker="NVDA")
    one = slices(chain, black_as_of, make_flat_rates(0.04))[1]
    assert one.source == "curve, parity median"
    assert one.forward == pytest.approx(500.0 * np.exp(0.03 * one.t), rel=2e-4)
    skipped = survey(chain, black_as_of, None)
    assert not skipped.slices
    assert "no rates curve" in skipped.skipped[0]


def test_same_day_settlements_are_two_slices(
    make_black_chain: Make, make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    pm, am = make_black_chain(days=(32,)), make_black_chain(days=(32,), ticker="SPXW")
    arrays = {
        field.name: np.concatenate([getattr(pm, field.name), getattr(am, field.name)])
        for field in dataclasses.fields(OptionChain)
        if isinstance(getattr(pm, field.name), np.ndarray)
    }
    arrays["settles_at"] = np.concatenate([pm.settles_at - 23_400, am.settles_at])
    found = slices(dataclasses.replace(pm, **arrays), black_as_of, make_flat_rates())
    assert [one.root for one in found] == ["SPX", "SPXW"]
    assert found[1].t - found[0].t == pytest.approx(23_400 / (365 * 86_400))


def test_rows_in_any_order_give_the_same_slices(
    make_black_chain: Make, make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    chain = make_black_chain()
    order = generator(5).permutation(len(chain))
    mixed = dataclasses.replace(
        chain,
        **{
            field.name: getattr(chain, field.name)[order]
            for field in dataclasses.fields(OptionChain)
            if isinstance(getattr(chain, field.name), np.ndarray)
        },
    )
    for a, b in zip(
        slices(chain, black_as_of, make_flat_rates()), slices(mixed, black_as_of, make_flat_rates()), strict=True
    ):
        assert (a.forward, a.discount) == (b.forward, b.discount)


@pytest.mark.data
def test_recorded_parity_is_tight(
    spx_chain: Callable[[date], OptionChain], rates_of: Callable[[date], RateCurve]
) -> None:
    """SPX 2019: forwards of neighbouring settlements differ by carry alone."""
    day = date(2019, 5, 21)
    chain = spx_chain(day)
    found = survey(chain, chain.quoted_at, rates_of(day))
    assert len(found.slices) > 35
    carry = [np.log(one.forward / chain.spot) / one.t for one in found.slices if 0.1 < one.t < 1.0]
    assert np.ptp(carry) < 0.012
