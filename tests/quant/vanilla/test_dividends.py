"""American options across known cash dividends: against a plain tree, against no dividends, and what shortcuts miss."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from domain.market import ActionKind, Calendar, CorporateAction, Event, EventKind, Exercise, Instrument, Kind
from quant.vanilla import american
from quant.vanilla.black import price as european
from quant.vanilla.dividends import Dividends, escrowed_spot, known_dividends, price

NONE = Dividends(np.array([]), np.array([]))
AS_OF = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def _tree(spot: float, strike: float, t: float, sigma: float, r: float, held: Dividends, call: bool, n: int) -> float:
    """A second tree of the escrowed spot, its nodes around S* itself."""

    def ahead(now: float) -> float:
        rest = (held.t > now) & (held.t <= t)
        return float(np.sum(held.amount[rest] * np.exp(-r * (held.t[rest] - now))))

    dt = t / n
    up, bare, sign = np.exp(sigma * np.sqrt(dt)), spot - ahead(0.0), 1.0 if call else -1.0
    p = (np.exp(r * dt) - 1.0 / up) / (up - 1.0 / up)
    value = np.maximum(sign * (bare * up ** (2.0 * np.arange(n + 1) - n) - strike), 0.0)
    for step in range(n - 1, -1, -1):
        nodes = bare * up ** (2.0 * np.arange(step + 1) - step)
        value = np.exp(-r * dt) * (p * value[1:] + (1.0 - p) * value[:-1])
        value = np.maximum(value, sign * (nodes + ahead(step * dt) - strike))
    return float(value[0])


def _cases(n: int) -> list[tuple[float, float, float, float, Dividends, bool]]:
    rng = np.random.default_rng(41)
    found = []
    for _ in range(n):
        t, sigma, r = rng.uniform(0.05, 1.5), rng.uniform(0.12, 0.5), rng.uniform(0.01, 0.06)
        strike = 100.0 * np.exp(rng.uniform(-1.0, 1.0) * sigma * np.sqrt(t))
        when = np.arange(rng.uniform(0.01, 0.25), t, 0.25)
        held = Dividends(when, np.full(len(when), rng.choice([0.3, 0.8])))
        found.append((strike, t, sigma, r, held, bool(rng.random() < 0.5)))
    return found


def test_another_tree_agrees_and_shortcuts_do_not() -> None:
    """The error of the shortcuts, in dollars at a spot of 100: S* in the American formula 0.1 to 0.7 root mean square,
    and a yield with the same forward 0.02 to 0.2; the tree 0.005."""
    ours, on_bare, by_yield = [], [], []
    for strike, t, sigma, r, held, call in _cases(60):
        true = 0.5 * (
            _tree(100.0, strike, t, sigma, r, held, call, 1000) + _tree(100.0, strike, t, sigma, r, held, call, 1001)
        )
        bare = float(escrowed_spot(100.0, t, r, held))
        same = -np.log(bare / 100.0) / t
        ours.append(float(price(100.0, strike, t, sigma, r, held, call)) - true)
        on_bare.append(float(american.price(bare, strike, t, sigma, r, 0.0, call).value) - true)
        by_yield.append(float(american.price(100.0, strike, t, sigma, r, same, call).value) - true)
    rms = [float(np.sqrt(np.mean(np.square(off)))) for off in (ours, on_bare, by_yield)]
    print(f"\nroot mean square: tree {rms[0]:.4f}, S* alone {rms[1]:.3f}, yield {rms[2]:.3f}")
    assert rms[0] < 0.005
    assert np.abs(ours).max() < 0.02
    assert 0.1 < rms[1] < 0.7
    assert 0.02 < rms[2] < 0.2


def test_without_dividends_it_is_the_american_option() -> None:
    rng = np.random.default_rng(42)
    t, sigma = rng.uniform(0.05, 1.5, 200), rng.uniform(0.1, 0.6, 200)
    strike, call = 100.0 * np.exp(rng.uniform(-1, 1, 200) * sigma * np.sqrt(t)), rng.random(200) < 0.5
    exact = american.price(100.0, strike, t, sigma, 0.04, 0.0, call).value
    off = np.abs(price(100.0, strike, t, sigma, 0.04, NONE, call) - exact)
    assert off.max() < 0.01
    assert np.sqrt(np.mean(off**2)) < 0.002
    finer = np.abs(price(100.0, strike, t, sigma, 0.04, NONE, call, steps=1600) - exact)
    assert finer.mean() < 0.5 * off.mean()


def test_a_call_is_exercised_before_a_dividend_that_is_worth_more_than_waiting() -> None:
    held = Dividends(np.array([0.1]), np.array([3.0]))
    waits = float(price(130.0, 100.0, 0.11, 0.1, 0.02, held, True))
    assert waits == pytest.approx(30.0 + 100.0 * (1.0 - np.exp(-0.02 * 0.1)), abs=0.02)  # to the eve of the ex-date
    gone = float(european(float(escrowed_spot(130.0, 0.11, 0.02, held)), 100.0, 0.11, 0.1, 0.02, 0.0, True))
    assert gone < waits - 2.5
    later = Dividends(np.array([0.5]), np.array([3.0]))  # after expiry: as if there were none
    assert float(price(130.0, 100.0, 0.11, 0.1, 0.02, later, True)) == float(
        price(130.0, 100.0, 0.11, 0.1, 0.02, NONE, True)
    )


def test_a_put_waits_for_a_dividend() -> None:
    held = Dividends(np.array([0.1]), np.array([2.0]))
    put = float(price(60.0, 100.0, 0.5, 0.2, 0.05, held, False))
    assert put == pytest.approx(100.0 * np.exp(-0.05 * 0.1) - (60.0 - 2.0 * np.exp(-0.05 * 0.1)), abs=0.03)
    assert float(price(60.0, 100.0, 0.5, 0.2, 0.05, NONE, False)) == pytest.approx(40.0, abs=1e-3)


def test_hostile_input_has_no_price() -> None:
    huge = Dividends(np.array([0.1]), np.array([200.0]))
    assert np.isnan(price(100.0, 100.0, 1.0, 0.2, 0.03, huge, True))
    spot = np.array([100.0, -1.0, np.nan, 100.0, 100.0])
    t, sigma = np.array([0.0, 1.0, 1.0, 1.0, 1.0]), np.array([0.2, 0.2, 0.2, 0.0, 0.2])
    found = price(spot, 100.0, t, sigma, 0.03, NONE, True)
    assert np.isnan(found).tolist() == [True, True, True, True, False]
    assert price([], 100.0, 1.0, 0.2, 0.03, NONE, True).shape == (0,)


def test_escrowed_spot_counts_what_is_paid_before_expiry() -> None:
    held = Dividends(np.array([0.1, 0.4]), np.array([1.0, 2.0]))
    found = escrowed_spot(100.0, np.array([0.05, 0.2, 1.0]), 0.05, held)
    expected = [100.0, 100.0 - np.exp(-0.005), 100.0 - np.exp(-0.005) - 2.0 * np.exp(-0.02)]
    assert found == pytest.approx(expected, rel=1e-14)


def _action(kind: ActionKind, day: date, amount: float | None, known_at: datetime) -> CorporateAction:
    return CorporateAction(kind=kind, day=day, ratio=None, amount=amount, note="", source="test", known_at=known_at)


def test_only_dividends_that_are_known_count() -> None:
    early, late = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    stock = Instrument(
        ticker="KO", kind=Kind.STOCK, exercise=Exercise.AMERICAN, sector=None, broad_index=False, multiplier=100,
        known_at=early,
        actions=(
            _action(ActionKind.DIVIDEND, date(2025, 12, 1), 0.5, early),  # paid
            _action(ActionKind.SPLIT, date(2026, 3, 20), None, early),
            _action(ActionKind.DIVIDEND, date(2026, 3, 13), 0.53, early),
            _action(ActionKind.DIVIDEND, date(2026, 6, 12), 0.53, late),  # not announced yet
            _action(ActionKind.DIVIDEND, date(2026, 9, 11), None, early),  # announced without an amount
        ),
    )  # fmt: skip
    dates = [date(2026, 3, 13), date(2026, 6, 12)]
    events = tuple(
        Event(kind=EventKind.EX_DIVIDEND, day=day, confirmed=False, before_open=None, known_at=early) for day in dates
    )
    held = known_dividends(stock, Calendar(events=events, unknown=()), AS_OF, datetime(2026, 12, 18, 21, tzinfo=UTC))
    assert held.amount.tolist() == [0.53]
    opens = datetime(2026, 3, 13, 13, 30, tzinfo=UTC)  # summer time by then
    assert held.t == pytest.approx([(opens - AS_OF).total_seconds() / (365 * 86_400)], rel=1e-12)
    assert held.unsized == 2  # June's date alone, and September's
    short = known_dividends(stock, Calendar(events=events, unknown=()), AS_OF, datetime(2026, 3, 12, 20, tzinfo=UTC))
    assert short.amount.size == 0
    assert short.unsized == 0
