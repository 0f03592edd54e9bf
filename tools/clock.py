"""The present moment. The only module that reads the wall clock; everyone else is handed a clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from domain.errors import BadInput, ParleyError


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise BadInput(f"{moment} has no time zone; a clock stands at an aware moment")
    return moment.astimezone(UTC)


class SystemClock:
    """The wall clock."""

    def now(self) -> datetime:
        """The present, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this module owns the wall clock

    async def sleep_until(self, moment: datetime) -> None:
        """Return when `now()` has reached `moment`, at once when it already has."""
        left = (_utc(moment) - self.now()).total_seconds()
        if left > 0:
            # The loop's timer is not the wall clock: a clock that is set, or a machine that slept, shifts the goal, so
            # look again at least every minute.
            await asyncio.sleep(min(left, 60.0))
            await self.sleep_until(moment)


class FixedClock:
    """A clock that stands still: the clock of a run as of a past moment."""

    def __init__(self, moment: datetime) -> None:
        self._moment = _utc(moment)

    def now(self) -> datetime:
        """The moment it stands at, aware UTC."""
        return self._moment

    async def sleep_until(self, moment: datetime) -> None:
        """Return at once for a moment already reached. Raises ParleyError for a later one: it would never come."""
        if _utc(moment) > self._moment:
            raise ParleyError(f"this clock stands at {self._moment.isoformat()}; {moment.isoformat()} never comes")
        await asyncio.sleep(0)


class ManualClock:
    """A clock moved by hand: replays and tests. Moving it wakes every sleeper whose moment has come."""

    def __init__(self, moment: datetime) -> None:
        self._moment = _utc(moment)
        self._sleepers: list[tuple[datetime, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The moment it stands at, aware UTC."""
        return self._moment

    def advance(self, by: timedelta) -> None:
        """Move forward by a duration. Raises BadInput for a negative one."""
        self.set(self._moment + by)

    def set(self, moment: datetime) -> None:
        """Move forward to a moment. Raises BadInput for an earlier one: time never runs back."""
        goal = _utc(moment)
        if goal < self._moment:
            raise BadInput(f"a clock at {self._moment.isoformat()} cannot go back to {goal.isoformat()}")
        self._moment = goal
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= goal]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > goal]
        for _, loop, future in due:
            loop.call_soon_threadsafe(_wake, future)

    async def sleep_until(self, moment: datetime) -> None:
        """Return when the clock has been moved to `moment` or beyond."""
        goal = _utc(moment)
        if goal <= self._moment:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._sleepers.append((goal, loop, future))
        await future


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
