"""Each hard limit stops exactly the order that breaks it, and a gate without it would have let that order through."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.book import Book, Commitment, Halt
from domain.orders import BrokerOrder, Effect
from domain.regime import RegimeName
from domain.structures import Leg, Shares
from quant.execution.quotes import PriceBand
from quant.risk import gate
from quant.risk.limits import LIMITS, tightened
from tests.fakes import (
    AT,
    EXPIRY,
    LATER,
    D,
    book,
    closing,
    commitment,
    condor_legs,
    leg,
    order,
    position,
    regime,
)

NEUTRAL = regime()
BAND = PriceBand(better=D("-0.10"), natural=D("0.10"), quoted_at=AT - timedelta(seconds=20))


def failed(orders: tuple[BrokerOrder, ...] | BrokerOrder, held: Book, **given: Any) -> set[str]:
    orders = orders if isinstance(orders, tuple) else (orders,)
    limits, now_in = given.pop("limits", LIMITS), given.pop("regime", NEUTRAL)
    given.setdefault("bands", {one.client_order_id: BAND for one in orders})
    return {one.name for one in gate.check(orders, held, now_in, limits, AT, **given).failed}


def marked(**changes: Any) -> Book:
    """An account with some other name's small position, freshly marked."""
    other = position(condor_legs(1, ticker="XYZ", middle=500), id="pos-x", sector="tech", max_loss=D(100))
    return book(**{"positions": (other,), **changes})


def sectors(count: int) -> tuple[Commitment, ...]:
    """Reservations of 4,900 in as many sectors."""
    return tuple(commitment(id=f"r{n}", ticker=f"I{n}", sector=f"s{n}", max_loss=D(4_900)) for n in range(count))


HALT = Halt(scope="desk", reason="drill", since=AT)
# (the one check that fails, order, book, what else is given)
CASES: dict[str, tuple[str, BrokerOrder, Book, dict[str, Any]]] = {
    "halted": ("halts", order(), book(halts=(HALT,)), {}),
    "lost 3 %": ("daily_loss", order(), marked(nlv=D(97_000), nlv_prior_close=D(100_000)), {}),
    "prior close missing": ("daily_loss", order(), marked(nlv_prior_close=None), {}),
    "mark too old": ("nlv_age", order(), marked(nlv_at=AT - timedelta(seconds=601)), {}),
    "mark from the future": ("nlv_age", order(), marked(nlv_at=AT + timedelta(seconds=1)), {}),
    "never marked": ("nlv_age", order(), marked(nlv_at=None), {}),
    "no regime": ("regime_known", order(), book(), {"regime": None}),
    "old regime": ("regime_known", order(), book(), {"regime": regime(as_of=AT - timedelta(days=2))}),
    "position over 5 %": ("position_loss", order(max_loss=D("5000.01")), book(), {}),
    "cycle over 5 %": (
        "position_loss",
        order(),
        book(commitments=(commitment(max_loss=D("4000.01")),)),
        {},
    ),
    "position over 2 % in a crisis": (
        "position_loss",
        order(max_loss=D("2000.01")),
        book(),
        {"regime": regime(RegimeName.CRISIS)},
    ),
    "sector over 15 %": (
        "sector_loss",
        order(),
        book(commitments=tuple(commitment(id=f"r{n}", ticker=f"I{n}", max_loss=D(4_700)) for n in range(3))),
        {},
    ),
    "total over 30 %": (
        "total_loss",
        order(),
        book(commitments=sectors(6)),
        {},
    ),
    "total over 15 % in a crisis": (
        "total_loss",
        order(),
        book(commitments=sectors(3)),
        {"regime": regime(RegimeName.CRISIS)},
    ),
    "margin": ("free_margin", order(), book(), {"limits": tightened(LIMITS, free_margin="0.995")}),
    "11 contracts": (
        "contracts_order",
        order(condor_legs(2), contracts=11, max_loss=D(2200)),
        book(),
        {"without": ("contracts_day",)},
    ),
    "largest leg of 12": (
        "contracts_order",
        order((leg(1, 2700), leg(-2, 2705), leg(1, 2710)), contracts=6, max_loss=D(1)),
        book(),
        {"without": ("contracts_day",)},
    ),
    "11 contracts today": ("contracts_day", order(), book(contracts_today=(("SPX", 10),)), {}),
    "11 contracts with what is reserved": (
        "contracts_day",
        order(),
        book(contracts_today=(("SPX", 4),), commitments=(commitment(contracts=6),)),
        {},
    ),
    "naked call": (
        "uncovered_short",
        order((leg(-1, 2950, "call"),)),
        book(),
        {"without": ("stated_loss",)},
    ),
    "more calls sold than bought": (
        "uncovered_short",
        order((leg(1, 2950, "call"), leg(-2, 2960, "call"))),
        book(),
        {"without": ("stated_loss",)},
    ),
    "short call outlives its cover": (
        "uncovered_short",
        order((leg(1, 2950, "call"), leg(-1, 2960, "call", expiry=LATER))),
        book(),
        {"without": ("stated_loss",)},
    ),
    "later cover at a higher strike": (
        "uncovered_short",
        order((leg(-1, 2950, "call"), leg(1, 2951, "call", expiry=LATER))),
        book(),
        {},
    ),
    "put without cash for assignment": (
        "uncovered_short",
        order((leg(-1, 10, ticker="XYZ"),), sector="tech"),
        book(cash=D(999), nlv=D(999_000), nlv_at=AT, nlv_prior_close=D(999_000)),
        {},
    ),
    "id used before": ("duplicate_id", order(), book(), {"known": frozenset({"o-1"})}),
    "limit above the quotes": ("price_band", order(limit_price=D("0.16"), max_loss=D(1016)), book(), {}),
    "limit below the quotes": ("price_band", order(limit_price=D("-0.16")), book(), {}),
    "no quotes": ("price_band", order(), book(), {"bands": {}}),
    "old quotes": (
        "price_band",
        order(),
        book(),
        {"bands": {"o-1": dataclasses.replace(BAND, quoted_at=AT - timedelta(seconds=901))}},
    ),
    "quotes from the future": (
        "price_band",
        order(),
        book(),
        {"bands": {"o-1": dataclasses.replace(BAND, quoted_at=AT + timedelta(seconds=1))}},
    ),
    "quotes that carry no order": (
        "quotes_tradable",
        order(),
        book(),
        {"bands": {"o-1": dataclasses.replace(BAND, restricted="delayed quotes carry no live order")}},
    ),
    "unknown at the broker": ("broker_agrees", order(), book(broker_only=("XYZ 2019-06-21 C 5",)), {}),
    "understated loss": ("stated_loss", order(max_loss=D("999.99")), book(), {}),
    "closes nothing": (
        "position_known",
        order(effect=Effect.CLOSE, position_id="pos-404"),
        book(),
        {},
    ),
    "wrong cycle": ("order_sane", order(cycle=LATER), book(), {}),
    "no sector": ("order_sane", order(sector=""), book(), {}),
    "no contracts": ("order_sane", order(contracts=0, max_loss=D(0)), book(), {}),
    "another account": ("order_sane", order(account="paper/other"), book(), {}),
    "foreign leg": (
        "order_sane",
        order((*condor_legs(), leg(1, 5, ticker="XYZ"))),
        book(),
        {},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_limit_stops_its_order_and_nothing_else_would(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, asked, held, given = CASES[case]
    given = dict(given)
    beside = set(given.pop("without", ()))
    assert failed(asked, held, **given) == {name} | beside
    kept = {name, *beside}
    monkeypatch.setattr(gate, "ALWAYS", tuple(one for one in gate.ALWAYS if one[0] not in kept))
    monkeypatch.setattr(gate, "ADDING", tuple(one for one in gate.ADDING if one[0] not in kept))
    assert failed(asked, held, **given) == set(), "another check hides this one: the case proves nothing"


def test_without_quotes_at_hand_what_needs_them_is_left_out_and_not_passed() -> None:
    report = gate.check((order(),), book(), regime(), LIMITS, AT)
    assert not {one.name for one in report.checks} & gate.ON_QUOTES
    assert {one.name for one in gate.check((order(),), book(), regime(), LIMITS, AT, bands={}).checks} >= gate.ON_QUOTES


def test_every_check_of_the_gate_has_a_case() -> None:
    assert {name for name, _ in (*gate.ALWAYS, *gate.ADDING)} == {case[0] for case in CASES.values()}


@pytest.mark.parametrize("name", [RegimeName.LOW_VOL, RegimeName.NEUTRAL, RegimeName.HIGH_VOL])
def test_a_plain_condor_of_one_percent_passes_from_an_empty_book(name: RegimeName) -> None:
    report = gate.check((order(),), book(), regime(name), LIMITS, AT, bands={"o-1": BAND})
    assert report.passed, report.failed
    assert [one.name for one in report.checks] == [one for one, _ in (*gate.ALWAYS, *gate.ADDING)]
    position_line = next(one for one in report.checks if one.name == "position_loss")
    assert (position_line.limit, position_line.value, position_line.headroom) == ("5,000.00", "1,000.00", "4,000.00")


def test_limits_hold_to_the_cent() -> None:
    assert failed(order(max_loss=D("5000.00")), book()) == set()
    assert failed(order(max_loss=D("5000.01")), book()) == {"position_loss"}


BAD = [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity")]


@pytest.mark.parametrize("value", [*BAD, D(-1), D("1E+40")])
def test_nonsense_in_an_order_is_refused(value: Decimal) -> None:
    assert failed(order(max_loss=value), book())
    assert failed(order(limit_price=D("NaN") if value.is_finite() and value < 0 else value), book())
    assert failed(order(fees=value), book())


@pytest.mark.parametrize("value", [*BAD, D(0), D(-5)])
def test_nonsense_in_the_account_is_refused(value: Decimal) -> None:
    assert failed(order(), marked(nlv=value))
    assert failed(order(), marked(nlv_prior_close=value))
    assert failed(order((leg(-1, 10, ticker="XYZ"),), sector="tech"), marked(cash=value))


@pytest.mark.parametrize("value", [*BAD, D(-1)])
def test_nonsense_in_what_is_held_is_refused(value: Decimal) -> None:
    other = position(condor_legs(1, ticker="XYZ", middle=500), id="pos-x", sector="tech", max_loss=value)
    assert failed(order(), book(positions=(other,))) >= {"position_loss", "sector_loss", "total_loss", "free_margin"}
    assert failed(order(), book(commitments=(commitment(max_loss=value),))) >= {"total_loss"}


@pytest.mark.parametrize(
    "changes",
    [
        {"legs": (), "cycle": EXPIRY, "ticker": "SPX"},
        {"multiplier": 0},
        {"multiplier": 10},
        {"ticket_id": ""},
        {"contracts": 1.5},
        {"contracts": True},
    ],
)
def test_an_order_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    assert "order_sane" in failed(dataclasses.replace(order(), **changes), book())


def test_an_opening_leg_that_has_settled_is_refused() -> None:
    gone = order(condor_legs(expiry=AT.date() - timedelta(days=4)))
    assert "order_sane" in failed(gone, book())


def test_a_negative_count_of_contracts_is_refused() -> None:
    assert failed(order(), book(contracts_today=(("SPX", -5),))) == {"contracts_day"}


def test_a_leg_with_a_strike_that_is_no_number_is_refused() -> None:
    broken = dataclasses.replace(condor_legs()[0].instrument, strike=D("NaN"))
    assert "order_sane" in failed(order((Leg(instrument=broken, quantity=1), *condor_legs()[1:])), book())


def test_the_tickets_own_reservation_is_not_counted_beside_its_order() -> None:
    held = book(commitments=(commitment(id="t-1", max_loss=D(5000), contracts=10),))
    assert failed(order(max_loss=D(5000)), held) == set()
    assert failed(order(max_loss=D(5000), ticket_id="t-2"), held) == {"position_loss", "contracts_day"}


def test_orders_are_counted_jointly() -> None:
    pair = tuple(order(client_order_id=f"o-{n}", ticket_id=f"t-{n}", max_loss=D(4000)) for n in (1, 2))
    assert failed(pair, book()) == {"position_loss"}
    assert failed((pair[0], pair[0]), book()) >= {"duplicate_id"}


def test_a_put_sold_against_cash_passes_and_takes_the_cash_once() -> None:
    puts = order((leg(-1, 10, ticker="XYZ"),), sector="tech", client_order_id="p")
    rich = book(cash=D(1000), nlv=D(999_000), nlv_at=AT, nlv_prior_close=D(999_000))
    assert failed(puts, rich) == set()
    sold = position((leg(-1, 10, ticker="ABC"),), id="pos-abc", sector="tech", max_loss=D(1000))
    assert failed(puts, dataclasses.replace(rich, positions=(sold,))) == {"uncovered_short"}


def test_a_call_is_covered_by_shares() -> None:
    stock = position((Leg(instrument=Shares(ticker="XYZ"), quantity=100),), id="s", sector="tech", cycle=EXPIRY)
    call = order((leg(-1, 50, "call", ticker="XYZ"),), sector="tech")
    assert "uncovered_short" not in failed(call, book(positions=(stock,)))
    assert "uncovered_short" in failed(dataclasses.replace(call, contracts=2), book(positions=(stock,)))


TROUBLES: dict[str, dict[str, Any]] = {
    "halted": {"halts": (HALT,)},
    "never marked": {"nlv_at": None},
    "stale": {"nlv_at": AT - timedelta(days=3)},
    "broken mark": {"nlv": D("NaN")},
    "latched loss": {"nlv": D(90_000)},
    "over margin": {"nlv": D(500), "nlv_prior_close": D(500)},
    "full day": {"contracts_today": (("SPX", 10),)},
    "broken commitment": {"commitments": (commitment(max_loss=D("NaN")),)},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_troubled_book_still_lets_a_closing_order_through(trouble: str) -> None:
    held = position(contracts=12)
    troubled = book(positions=(held,), **TROUBLES[trouble])
    out = closing(held, limit_price=D(0))
    quotes = {"close-1": dataclasses.replace(BAND, quoted_at=AT - timedelta(hours=2))}
    report = gate.check((out,), troubled, None, LIMITS, AT, bands=quotes)
    assert report.passed, report.failed
    assert failed(order(), troubled) != set()


def test_closing_never_passes_identity_price_or_an_unknown_position() -> None:
    held = position()
    mine = book(positions=(held,))
    out = closing(held, limit_price=D(0))
    assert failed(out, mine) == set()
    assert failed(out, mine, known=frozenset({"close-1"})) == {"duplicate_id"}
    assert failed(out, mine, bands={}) == {"price_band"}
    assert failed(closing(held, limit_price=D(3)), mine) == {"price_band"}
    assert "position_known" in failed(out, book())
    assert failed(out, dataclasses.replace(mine, broker_only=("SPX 2019-06-21 C 2950",))) == {"broker_agrees"}
    assert failed(out, dataclasses.replace(mine, broker_only=("XYZ 2019-06-21 C 2950",))) == set()


def test_closing_only_the_long_leg_is_held_to_every_limit() -> None:
    held = position()
    long_call = (leg(-1, 2960, "call"),)
    out = order(long_call, effect=Effect.CLOSE, position_id=held.id, client_order_id="close-1", max_loss=D(0))
    assert failed(out, book(positions=(held,), halts=(HALT,))) >= {"uncovered_short", "halts", "stated_loss"}


def test_two_closes_of_one_position_cannot_both_pass() -> None:
    held = position()
    mine = book(positions=(held,), halts=(HALT,))
    first = closing(held, limit_price=D(0))
    second = dataclasses.replace(first, client_order_id="close-2", ticket_id="t-close-2")
    assert failed(first, mine) == set()
    assert failed((first, second), mine) >= {"halts", "position_known"}
    calm = dataclasses.replace(mine, halts=())
    assert failed((first, second), calm) >= {"position_known"}
    legs = tuple(Leg(instrument=one.instrument, quantity=one.quantity) for one in first.legs)
    working = commitment(id="t-close-1", legs=legs, position_id=held.id, working=True, max_loss=D(0))
    assert "position_known" in failed(second, dataclasses.replace(calm, commitments=(working,)))


def test_an_opening_order_is_never_taken_for_a_reducing_one() -> None:
    held = position()
    out = closing(held, limit_price=D(0), effect=Effect.OPEN, position_id=None, max_loss=D(1000))
    assert "halts" in failed(out, book(positions=(held,), halts=(HALT,)))


def test_the_book_alone_is_reported_without_an_order() -> None:
    many = sectors(7)
    report = gate.check((), book(commitments=many, halts=(HALT,)), NEUTRAL, LIMITS, AT)
    assert {one.name for one in report.failed} == {"halts", "total_loss"}
    total = next(one for one in report.checks if one.name == "total_loss")
    assert total.value == "34,300.00"


def test_headroom_is_what_the_gate_still_lets_through() -> None:
    held = book(commitments=tuple(commitment(id=f"r{n}", ticker=f"I{n}", max_loss=D("4300.37")) for n in range(3)))
    room = gate.headroom("SPX", "broad_index", held, NEUTRAL, LIMITS)
    assert (room.loss, room.binding, room.contracts) == (D("2098.89"), "sector_loss", 10)
    assert failed(order(max_loss=room.loss), held) == set()
    assert failed(order(max_loss=room.loss + D("0.01")), held) == {"sector_loss"}


@pytest.mark.parametrize("value", [D("NaN"), D(0), D(-1)])
def test_headroom_is_nothing_where_a_figure_is_missing(value: Decimal) -> None:
    room = gate.headroom("SPX", "broad_index", book(nlv=value), NEUTRAL, LIMITS)
    assert room.loss == 0
    assert room.contracts == 0
    assert room.fault


def test_a_crisis_leaves_less_room() -> None:
    calm = gate.headroom("SPX", "broad_index", book(), NEUTRAL, LIMITS)
    worse = gate.headroom("SPX", "broad_index", book(), regime(RegimeName.CRISIS), LIMITS)
    unknown = gate.headroom("SPX", "broad_index", book(), None, LIMITS)
    assert (calm.loss, worse.loss, unknown.loss) == (D(5000), D(2000), D(2000))
