"""Clocks: one stands still, one is moved by hand, one is the wall's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.errors import BadInput, ParleyError
from tools.clock import FixedClock, ManualClock, SystemClock

NOON = datetime(2026, 2, 12, 18, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_the_system_clock_is_aware_utc_and_moves() -> None:
    clock = SystemClock()
    first = clock.now()
    assert first.utcoffset() == timedelta(0)
    assert clock.now() >= first


async def test_the_system_clock_sleeps_until_a_moment() -> None:
    clock = SystemClock()
    goal = clock.now() + timedelta(milliseconds=30)
    await clock.sleep_until(goal)
    assert clock.now() >= goal
    await clock.sleep_until(goal - HOUR)


async def test_a_fixed_clock_never_moves() -> None:
    clock = FixedClock(NOON.astimezone(timezone(timedelta(hours=-5))))
    assert clock.now() == NOON
    assert clock.now().utcoffset() == timedelta(0)
    await clock.sleep_until(NOON)
    with pytest.raises(ParleyError, match="never comes"):
        await clock.sleep_until(NOON + timedelta(seconds=1))


async def test_a_manual_clock_wakes_those_whose_moment_has_come() -> None:
    clock = ManualClock(NOON)
    woken: list[int] = []

    async def sleeper(hours: int) -> None:
        await clock.sleep_until(NOON + hours * HOUR)
        woken.append(hours)

    tasks = [asyncio.create_task(sleeper(hours)) for hours in (1, 2, 3)]
    await asyncio.sleep(0)
    clock.advance(2 * HOUR)
    await asyncio.gather(*tasks[:2])
    assert woken == [1, 2]
    assert not tasks[2].done()
    clock.set(NOON + 5 * HOUR)
    await tasks[2]
    assert clock.now() == NOON + 5 * HOUR
    await clock.sleep_until(NOON)


async def test_a_cancelled_sleeper_does_not_break_the_clock() -> None:
    clock = ManualClock(NOON)
    task = asyncio.create_task(clock.sleep_until(NOON + HOUR))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    clock.advance(HOUR)
    await asyncio.sleep(0)
    assert clock.now() == NOON + HOUR


def test_time_has_a_zone_and_never_runs_back() -> None:
    with pytest.raises(BadInput, match="time zone"):
        FixedClock(datetime(2026, 2, 12))  # noqa: DTZ001 - a naive moment is what is refused
    with pytest.raises(BadInput, match="cannot go back"):
        ManualClock(NOON).advance(-HOUR)
