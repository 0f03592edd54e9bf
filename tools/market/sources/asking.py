"""How sources are asked: in the order allowed, each with a time limit, retries that back off, and a circuit breaker.

What was asked in vain is kept in the order of asking: a fall-back is recorded, never silent. The present moment and all
waiting come from the clock that is handed in; an attempt is cut off by the event loop's own timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from domain.errors import SourceFailed
from domain.market import Absent, SourceUse
from domain.ports import Clock
from tools import randomness
from tools.market.sources.protocol import Source, Transient

T = TypeVar("T")

ABSENT = ": absent, "  # between a source's name and why it has no such datum: it answered


class Patience(NamedTuple):
    """How long and how often a source is asked. Times in seconds.

    Before attempt n (from 2) it waits base_s 2^(n-2), at most longest_s, of which a random half to whole: exponential
    back-off with equal jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015). A source that asks for a longer
    pause gets it, up to `longest_s`; one that asks for more than that is left alone until then.
    """

    timeout_s: float = 10.0  # of one attempt; as many times that as the source says it needs requests for an answer
    attempts: int = 3  # at one source, for one datum
    base_s: float = 0.5
    longest_s: float = 30.0
    failures: int = 5  # attempts in a row, whatever was asked for, that open the breaker
    pause_s: float = 60.0  # how long it stays open before one attempt is let through
    longest_pause_s: float = 900.0  # the most that a source's own wish keeps it open


class Asked(NamedTuple, Generic[T]):
    """What came of asking: rows; Absent when none failed to be told apart from none; None when nobody answered."""

    answer: T | Absent | None
    use: SourceUse


class Breaker:
    """Keeps a source that fails again and again from being asked for a while.

    Closed, it lets everything through. After so many failures in a row it opens, and lets nothing through until its
    pause is over; then it is half open: one attempt goes through, and closes it or opens it anew.
    """

    def __init__(self, failures: int, pause_s: float) -> None:
        self._limit = failures
        self._pause = timedelta(seconds=pause_s)
        self._failures = 0
        self._open_until: datetime | None = None
        self._trying = False

    def shut_until(self, now: datetime) -> datetime | None:
        """Until when nothing goes through; None when an attempt may be made now."""
        if self._open_until is None:
            return None
        if now < self._open_until:
            return self._open_until
        return self._open_until + self._pause if self._trying else None

    def enter(self, now: datetime) -> None:
        """An attempt is being made; half open, no other is let through until it ends."""
        self._trying = self._open_until is not None and now >= self._open_until

    def leave(self) -> None:
        """The attempt came to no end: it was called off, and tells nothing about the source."""
        self._trying = False

    def answered(self) -> None:
        """The source answered, with rows or with Absent."""
        self._failures, self._open_until, self._trying = 0, None, False

    def failed(self, now: datetime, wait_s: float = 0.0) -> None:
        """An attempt failed; `wait_s` is what the source asked to be spared for."""
        half_open = self._open_until is not None
        self._failures += 1
        self._trying = False
        if half_open or self._failures >= self._limit:
            self._open_until = now + self._pause
        if wait_s > 0:
            goal = now + timedelta(seconds=wait_s)
            self._open_until = max(goal, self._open_until or goal)


class Asker:
    """Asks sources, and remembers how each has been behaving. One for all data and tickers, in one event loop."""

    def __init__(
        self, clock: Clock, patience: Patience | None = None, jitter: Callable[[], float] = randomness.jitter
    ) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._jitter = jitter
        self._breakers: dict[str, Breaker] = {}

    async def ask(
        self, datum: str, sources: Sequence[Source], call: Callable[[Source], Awaitable[T | Absent]]
    ) -> Asked[T]:
        """Ask one source after another until one has the datum; `datum` is its name on the record.

        An Absent answer moves on to the next source and is no failure. With no rows from any, the answer is the first
        Absent, or None when every source failed, and the use has no source. Errors other than SourceFailed are ours
        and are not caught.
        """
        vain: list[str] = []
        absent: Absent | None = None
        for source in sources:
            try:
                answer = await self._ask_one(source, call)
            except SourceFailed as failure:
                vain.append(f"{source.name}: {failure}")
                continue
            if not isinstance(answer, Absent):
                return Asked(answer, SourceUse(datum=datum, source=source.name, failed=tuple(vain)))
            absent = absent or answer
            vain.append(f"{source.name}{ABSENT}{answer.why}")
        return Asked(absent, SourceUse(datum=datum, source="", failed=tuple(vain)))

    async def _ask_one(self, source: Source, call: Callable[[Source], Awaitable[T | Absent]]) -> T | Absent:
        rules = self._patience
        breaker = self._breakers.setdefault(source.name, Breaker(rules.failures, rules.pause_s))
        failure: SourceFailed | None = None
        for attempt in range(1, rules.attempts + 1):
            if attempt > 1:
                await self._back_off(attempt, failure)
            now = self._clock.now()
            shut = breaker.shut_until(now)
            if shut is not None:
                raise failure or SourceFailed(f"left alone until {shut:%H:%M:%S} UTC after its failures")
            breaker.enter(now)
            try:
                answer = await self._attempt(source, call)
            except Transient as error:
                long = error.wait_s is not None and error.wait_s > rules.longest_s
                breaker.failed(self._clock.now(), min(error.wait_s or 0.0, rules.longest_pause_s) if long else 0.0)
                if long:
                    raise
                failure = error
            except SourceFailed:
                breaker.failed(self._clock.now())
                raise
            except BaseException:
                breaker.leave()
                raise
            else:
                breaker.answered()
                return answer
        assert failure is not None
        raise SourceFailed(f"{failure}, {rules.attempts} attempts" if rules.attempts > 1 else str(failure)) from failure

    async def _attempt(self, source: Source, call: Callable[[Source], Awaitable[T | Absent]]) -> T | Absent:
        limit = self._patience.timeout_s * getattr(source, "requests", 1)
        try:
            async with asyncio.timeout(limit) as timer:
                return await call(source)
        except TimeoutError as error:
            if timer.expired():
                raise Transient(f"no answer within {limit:g} s") from error
            raise

    async def _back_off(self, attempt: int, failure: SourceFailed | None) -> None:
        rules = self._patience
        delay = min(rules.base_s * 2.0 ** (attempt - 2), rules.longest_s) * (1.0 + self._jitter()) / 2.0
        asked = failure.wait_s if isinstance(failure, Transient) else None
        delay = max(delay, asked or 0.0)
        await self._clock.sleep_until(self._clock.now() + timedelta(seconds=delay))
