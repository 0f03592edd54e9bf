"""Order, back-off, breaker and record of asking, by a clock that runs ahead to whatever is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import SourceFailed
from domain.market import Absent, Interval, SourceUse
from tools.clock import ManualClock
from tools.market.sources.asking import Asked, Asker, Breaker, Patience
from tools.market.sources.protocol import Transient
from tools.randomness import jitter

START = datetime(2026, 2, 11, 15, 0, tzinfo=UTC)
ROWS = pl.DataFrame({"strike": [1.0]})
NONE = Absent(what="a chain of SPY", why="unknown symbol")
Step = pl.DataFrame | Absent | BaseException | Callable[[], Awaitable[pl.DataFrame]]


class RunningClock(ManualClock):
    """Jumps to whatever is waited for, and keeps how long that was."""

    def __init__(self) -> None:
        super().__init__(START)
        self.waits: list[float] = []

    async def sleep_until(self, moment: datetime) -> None:
        self.waits.append((moment - self.now()).total_seconds())
        self.set(max(moment, self.now()))
        await asyncio.sleep(0)


class Scripted:
    """A source whose chain follows a script; the last step stays."""

    delayed = True

    def __init__(self, name: str, *script: Step) -> None:
        self.name = name
        self._script = list(script)
        self.calls = 0

    async def chain(self, ticker: str) -> pl.DataFrame | Absent:
        self.calls += 1
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(step, BaseException):
            raise step
        return await step() if callable(step) else step

    async def bars(self, ticker: str, interval: Interval) -> pl.DataFrame | Absent: ...

    async def index(self, name: str) -> pl.DataFrame | Absent: ...

    async def rates(self) -> pl.DataFrame | Absent: ...

    async def events(self, ticker: str) -> pl.DataFrame | Absent: ...

    async def actions(self, ticker: str) -> pl.DataFrame | Absent: ...


def transient(wait_s: float | None = None) -> Transient:
    return Transient("too many requests (HTTP 429)", wait_s)


async def ask(asker: Asker, *sources: Scripted) -> Asked[pl.DataFrame]:
    return await asker.ask("chain", sources, lambda source: source.chain("SPY"))


def asker(clock: ManualClock, jitter: float = 1.0, **patience: float) -> Asker:
    return Asker(clock, Patience()._replace(**patience), lambda: jitter)


async def test_the_first_that_has_it_answers_and_the_next_is_not_asked() -> None:
    first, second = Scripted("cboe", ROWS), Scripted("yahoo", ROWS)
    answer, use = await ask(asker(RunningClock()), first, second)
    assert answer is ROWS
    assert use == SourceUse(datum="chain", source="cboe", failed=())
    assert (first.calls, second.calls) == (1, 0)


async def test_a_transient_failure_is_asked_again_after_growing_pauses() -> None:
    clock = RunningClock()
    source = Scripted("cboe", transient(), transient(), ROWS)
    answer, use = await ask(asker(clock), source)
    assert answer is ROWS
    assert use.failed == ()
    assert source.calls == 3
    assert clock.waits == [0.5, 1.0]


@given(uniform=st.floats(0, 1, exclude_max=True), attempts=st.integers(2, 10))
def test_pauses_lie_between_half_and_whole_of_the_step_and_never_beyond_the_longest(
    uniform: float, attempts: int
) -> None:
    clock = RunningClock()
    patient = asker(clock, uniform, attempts=attempts, failures=100, base_s=2.0, longest_s=30.0)
    asyncio.run(ask(patient, Scripted("cboe", transient())))
    steps = [min(2.0 * 2**n, 30.0) for n in range(attempts - 1)]
    assert len(clock.waits) == len(steps)
    for wait, step in zip(clock.waits, steps, strict=True):
        assert step / 2 - 1e-5 <= wait <= step


def test_jitter_is_a_fresh_uniform() -> None:
    drawn = [jitter() for _ in range(2000)]
    assert 0 <= min(drawn) <= max(drawn) < 1
    assert len(set(drawn)) == 2000
    assert 0.45 < sum(drawn) / 2000 < 0.55  # ten standard errors


@pytest.mark.parametrize(
    "failure", [SourceFailed("answers for QQQ, not SPY"), SourceFailed("a payload that is no JSON")]
)
async def test_what_will_not_change_is_not_asked_again(failure: SourceFailed) -> None:
    clock = RunningClock()
    first, second = Scripted("cboe", failure), Scripted("yahoo", ROWS)
    answer, use = await ask(asker(clock), first, second)
    assert answer is ROWS
    assert use == SourceUse(datum="chain", source="yahoo", failed=(f"cboe: {failure}",))
    assert first.calls == 1
    assert clock.waits == []


async def test_reasons_stand_in_the_order_of_asking_and_nobody_is_no_answer() -> None:
    sources = Scripted("cboe", transient()), Scripted("yahoo", SourceFailed("in EUR, not USD"))
    answer, use = await ask(asker(RunningClock()), *sources)
    assert answer is None
    assert use.source == ""
    assert use.failed == ("cboe: too many requests (HTTP 429), 3 attempts", "yahoo: in EUR, not USD")


async def test_absent_moves_on_and_is_recorded_but_is_no_failure() -> None:
    patient = asker(RunningClock(), failures=1)
    first = Scripted("cboe", NONE)
    for _ in range(3):  # with a breaker that opens at the first failure
        answer, use = await ask(patient, first, Scripted("yahoo", ROWS))
        assert answer is ROWS
        assert use == SourceUse(datum="chain", source="yahoo", failed=("cboe: absent, unknown symbol",))
    assert first.calls == 3


async def test_absent_is_the_answer_when_no_source_has_it() -> None:
    later = Absent(what="a chain of SPY", why="no options listed")
    answer, use = await ask(asker(RunningClock()), Scripted("cboe", NONE), Scripted("yahoo", later))
    assert answer == NONE
    assert use.source == ""
    failed, _ = await ask(asker(RunningClock()), Scripted("cboe", SourceFailed("x")), Scripted("yahoo", later))
    assert failed == later


async def test_the_pause_that_a_source_asks_for_is_given() -> None:
    clock = RunningClock()
    await ask(asker(clock), Scripted("cboe", transient(7.0), transient(0.1), ROWS))
    assert clock.waits == [7.0, 1.0]  # a shorter wish does not shorten ours


async def test_a_source_that_asks_for_more_than_we_wait_is_left_alone_until_then() -> None:
    clock = RunningClock()
    patient = asker(clock, longest_s=30.0)
    first, second = Scripted("cboe", transient(600.0), ROWS), Scripted("yahoo", ROWS)
    _, use = await ask(patient, first, second)
    assert use.source == "yahoo"
    assert clock.waits == []
    _, use = await ask(patient, first, second)
    assert use.failed == ("cboe: left alone until 15:10:00 UTC after its failures",)
    assert first.calls == 1
    clock.advance(timedelta(seconds=600))
    _, use = await ask(patient, first, second)
    assert use.source == "cboe"


async def test_a_source_that_fails_after_the_pause_it_asked_for_gets_another_one() -> None:
    clock = RunningClock()
    patient = asker(clock, attempts=1, failures=5, pause_s=60.0)
    source = Scripted("cboe", transient(600.0), SourceFailed("a page instead of data"), ROWS)
    await ask(patient, source)
    clock.advance(timedelta(seconds=600))
    await ask(patient, source)
    _, use = await ask(patient, source)
    assert use.failed == ("cboe: left alone until 15:11:00 UTC after its failures",)


async def test_no_wish_keeps_a_source_shut_longer_than_the_longest_pause() -> None:
    clock = RunningClock()
    patient = asker(clock, longest_pause_s=900.0)
    source = Scripted("cboe", transient(1e9), ROWS)
    await ask(patient, source)
    clock.advance(timedelta(seconds=900))
    answer, _ = await ask(patient, source)
    assert answer is ROWS


async def test_an_attempt_is_cut_off_and_is_transient() -> None:
    async def forever() -> pl.DataFrame:
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits an hour")

    source = Scripted("cboe", forever, ROWS)
    answer, _ = await ask(asker(RunningClock(), timeout_s=0.02), source)
    assert answer is ROWS
    _, use = await ask(asker(RunningClock(), timeout_s=0.02, attempts=1), Scripted("cboe", forever))
    assert use.failed == ("cboe: no answer within 0.02 s",)


async def test_a_source_that_needs_many_requests_gets_the_time_of_as_many() -> None:
    async def slow() -> pl.DataFrame:
        await asyncio.sleep(0.1)
        return ROWS

    source = Scripted("yahoo", slow)
    source.requests = 20  # type: ignore[attr-defined]
    answer, _ = await ask(asker(RunningClock(), timeout_s=0.02, attempts=1), source)
    assert answer is ROWS


async def test_failures_in_a_row_open_the_breaker_and_one_attempt_closes_it() -> None:
    clock = RunningClock()
    patient = asker(clock, attempts=1, failures=3, pause_s=60.0)
    source = Scripted("cboe", *[SourceFailed("a page instead of data")] * 4, ROWS)
    for _ in range(3):
        await ask(patient, source)
    _, use = await ask(patient, source)
    assert use.failed == ("cboe: left alone until 15:01:00 UTC after its failures",)
    assert source.calls == 3
    clock.advance(timedelta(seconds=60))
    _, use = await ask(patient, source)  # half open: the attempt fails, and it opens anew
    assert use.failed == ("cboe: a page instead of data",)
    await ask(patient, source)
    assert source.calls == 4
    clock.advance(timedelta(seconds=60))
    answer, _ = await ask(patient, source)
    assert answer is ROWS
    answer, _ = await ask(patient, source)  # closed again
    assert answer is ROWS


async def test_an_answer_in_between_starts_the_count_anew() -> None:
    patient = asker(RunningClock(), attempts=1, failures=2)
    source = Scripted("cboe", SourceFailed("x"), ROWS, SourceFailed("x"), ROWS)
    uses = [(await ask(patient, source)).use.source for _ in range(4)]
    assert uses == ["", "cboe", "", "cboe"]


async def test_the_breaker_ends_retries_too_and_other_sources_go_on() -> None:
    patient = asker(RunningClock(), attempts=10, failures=2)
    first, second = Scripted("cboe", transient()), Scripted("yahoo", ROWS)
    _, use = await ask(patient, first, second)
    assert first.calls == 2
    assert use.source == "yahoo"
    assert use.failed == ("cboe: too many requests (HTTP 429)",)


async def test_half_open_lets_one_attempt_through_at_a_time() -> None:
    clock = RunningClock()
    patient = asker(clock, attempts=1, failures=1)
    gate = asyncio.Event()

    async def slow() -> pl.DataFrame:
        await gate.wait()
        return ROWS

    source = Scripted("cboe", SourceFailed("x"), slow)
    await ask(patient, source)
    clock.advance(timedelta(seconds=60))
    trial = asyncio.create_task(ask(patient, source))
    await asyncio.sleep(0)
    _, use = await ask(patient, source)
    assert use.failed[0].startswith("cboe: left alone until")
    assert source.calls == 2
    gate.set()
    assert (await trial).answer is ROWS


@pytest.mark.parametrize("end", [asyncio.CancelledError(), KeyError("ours")])
async def test_an_attempt_that_was_called_off_tells_nothing_and_wedges_nothing(end: BaseException) -> None:
    clock = RunningClock()
    patient = asker(clock, attempts=1, failures=1)
    source = Scripted("cboe", SourceFailed("x"), end, ROWS)
    await ask(patient, source)
    clock.advance(timedelta(seconds=60))
    with pytest.raises(type(end)):
        await ask(patient, source)
    answer, _ = await ask(patient, source)
    assert answer is ROWS


def test_a_late_failure_keeps_the_breaker_open_from_then_on() -> None:
    breaker = Breaker(1, 60.0)
    breaker.failed(START)
    breaker.failed(START + timedelta(seconds=30))
    assert breaker.shut_until(START + timedelta(seconds=60)) == START + timedelta(seconds=90)
    assert breaker.shut_until(START + timedelta(seconds=90)) is None
