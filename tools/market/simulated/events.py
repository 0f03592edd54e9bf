"""What surrounds simulated prices: social mentions, and a calendar whose earnings dates are known.

Mentions follow the size of the day's move; they lead nothing. Earnings come once a quarter and, in this simulator, move
neither price nor volatility.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from domain.market import Calendar, Event, EventKind, Interval, SocialCounts
from tools import sessions
from tools.market.simulated.paths import closes, grid
from tools.market.simulated.presets import PROFILES
from tools.randomness import uniforms

_SOCIAL_DAYS = 60
_AHEAD_DAYS = 120  # how far ahead the calendar reaches
_ESTIMATED_DAYS, _CONFIRMED_DAYS = 100, 21  # before the date


def earnings(ticker: str, as_of: datetime) -> Calendar:
    """Events ahead as known at a moment: none for indices and ETFs, the next earnings of a single name."""
    week = PROFILES[ticker].earnings
    today = as_of.astimezone(sessions.NEW_YORK).date()
    found: list[Event] = []
    if week is not None:
        for months in range(7):
            first = (today.replace(day=1) + timedelta(days=31 * months)).replace(day=1)
            day = _report_day(first, week)
            if first.month % 3 == 1 and today <= day <= today + timedelta(days=_AHEAD_DAYS):
                found.extend(_event(day, as_of))
    return Calendar(events=tuple(sorted(found, key=lambda event: event.day)), unknown=())


def _report_day(first: date, week: tuple[int, int]) -> date:
    nth, weekday = week
    day = first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
    return sessions.on_or_before(day)


def _event(day: date, as_of: datetime) -> tuple[Event, ...]:
    """The date as estimated, then as confirmed; nothing before it was estimated."""
    estimated = sessions.new_york(day - timedelta(days=_ESTIMATED_DAYS), 16, 30)
    confirmed = sessions.new_york(day - timedelta(days=_CONFIRMED_DAYS), 16, 30)
    if as_of < estimated:
        return ()
    sure = as_of >= confirmed
    known_at = confirmed if sure else estimated
    return (
        Event(kind=EventKind.EARNINGS, day=day, confirmed=sure, before_open=False if sure else None, known_at=known_at),
    )


def social(seed: int, ticker: str, as_of: datetime) -> SocialCounts | None:
    """Daily mentions of the last complete UTC days; None before the first session's day is over."""
    about = grid()
    profile = PROFILES[ticker]
    returns, variance = closes(seed)[ticker]
    last = as_of.astimezone(UTC).date() - timedelta(days=1)
    first = max(last - timedelta(days=_SOCIAL_DAYS - 1), date.fromordinal(int(about.days[0])))
    last = min(last, date.fromordinal(int(about.days[-1])))
    days = np.arange(first.toordinal(), last.toordinal() + 1)
    if len(days) == 0:
        return None
    place = np.searchsorted(about.days, days, side="right") - 1
    open_day = about.days[place] == days
    shock = np.where(open_day, np.abs(returns[place]) / np.sqrt(variance[place] / 252), 0.0)
    chance = uniforms(seed, (ticker, "mentions"), days)
    crowd = uniforms(seed, ("everyone", "mentions"), days)
    quiet = np.where(open_day, 1.0, 0.45)
    mentions = np.round(profile.mentions * quiet * (0.7 + 0.25 * shock**2) * np.exp(0.8 * (chance - 0.5)))
    totals = np.round(sum(each.mentions for each in PROFILES.values()) * 4 * quiet * np.exp(0.4 * (crowd - 0.5)))
    ends = [datetime.combine(date.fromordinal(int(day)) + timedelta(days=1), time(0), UTC) for day in days]
    return SocialCounts(
        source="simulator",
        interval=Interval.DAY,
        times=tuple(end - timedelta(days=1) for end in ends),
        mentions=tuple(float(value) for value in mentions),
        totals=tuple(float(value) for value in np.maximum(totals, mentions)),
        known_at=ends[-1],
    )
