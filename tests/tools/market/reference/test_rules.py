"""Derived dates against published ones."""

from __future__ import annotations

from datetime import date

import pytest

from domain.market import EventKind
from tools import sessions
from tools.market.reference.almanac import SHIPPED
from tools.market.reference.facts import read_facts
from tools.market.reference.rules import derived, employment_day, third_friday


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (2019, 6, date(2019, 6, 21)),
        (2019, 4, date(2019, 4, 18)),  # Good Friday
        (2026, 6, date(2026, 6, 18)),  # Juneteenth
        (2024, 3, date(2024, 3, 15)),
    ],
)
def test_the_monthly_expiration(year: int, month: int, day: date) -> None:
    assert third_friday(year, month) == day
    assert sessions.is_standard_expiry(day)


def test_the_employment_rule_meets_nine_in_ten_published_days() -> None:
    """2019-2026, published by the Bureau of Labor Statistics; what it misses are holidays and lapses."""
    days = {
        one.event.day: one.withdrawn
        for one in read_facts(SHIPPED, "shipped").events
        if one.event.kind is EventKind.JOBS
    }
    plain = [
        day
        for day, withdrawn in days.items()
        if withdrawn is None and not date(2025, 10, 1) <= day <= date(2026, 2, 28)
    ]
    met = [day for day in plain if employment_day(day.year, day.month) == day]
    assert len(plain) == 91
    assert len(met) >= 0.9 * len(plain)
    missed = set(plain) - set(met)
    assert all(abs((employment_day(day.year, day.month) - day).days) <= 7 for day in missed)


def test_derived_dates_stand_between_the_days_asked() -> None:
    start, end = date(2026, 3, 21), date(2026, 9, 17)
    found = derived("SPY", start, end, sessions.new_york(start, 12, 0))
    assert all(start <= one.day <= end for one in found)
    assert [one.day for one in found if one.kind is EventKind.EX_DIVIDEND] == [date(2026, 6, 18)]
    assert len([one for one in found if one.kind is EventKind.OPEX]) == 5
    assert not any(
        one.kind is EventKind.EX_DIVIDEND for one in derived("QQQ", start, end, sessions.new_york(start, 12, 0))
    )
    early = derived("SPY", date(2015, 1, 1), date(2015, 12, 31), sessions.new_york(date(2015, 1, 2), 12, 0))
    assert not any(one.kind is EventKind.EX_DIVIDEND for one in early), "the filing cited is of 2019"
