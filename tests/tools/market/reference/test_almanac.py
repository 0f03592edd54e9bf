"""What is known of companies and events as of a moment: no sooner, from whom, and what is unknown."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.market import ActionKind, Beta, CorporateAction, Event, EventKind, Exercise, Kind
from tools.market import reference
from tools.market.reference import Almanac, open_almanac, shipped
from tools.market.reference.almanac import SHIPPED
from tools.market.reference.facts import EVERY, Dated, Facts, Never, end_of, read_facts

UNIVERSE = ("SPX", "SPY", "QQQ", "IWM", "TLT", "AAPL", "NVDA", "TSLA", "META", "AMZN", "MSFT")
NOON = datetime(2026, 6, 1, 16, tzinfo=UTC)


def report(day: date, known_at: datetime, *, confirmed: bool = True, source: str = "s", ticker: str = "TSLA") -> Dated:
    event = Event(
        kind=EventKind.EARNINGS, day=day, confirmed=confirmed, before_open=False, known_at=known_at, source=source
    )
    return Dated(ticker, event)


def earnings(almanac: Almanac, at: datetime = NOON) -> list[tuple[date, bool, str]]:
    told = almanac.calendar("TSLA", at).events
    return [(one.day, one.confirmed, one.source) for one in told if one.kind is EventKind.EARNINGS]


def days(kind: EventKind, at: datetime, ticker: str = "SPX") -> list[date]:
    return [one.day for one in shipped().calendar(ticker, at).events if one.kind is kind]


moments = st.integers(946_684_800, 1_861_920_000).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(st.sampled_from((*UNIVERSE, "NOPE")), moments)
@settings(max_examples=150, deadline=None)
def test_nothing_is_known_before_its_time(ticker: str, at: datetime) -> None:
    about, calendar = shipped().instrument(ticker, at), shipped().calendar(ticker, at)
    assert about.known_at <= at
    assert all(one.known_at <= at and one.source for one in (*about.actions, *calendar.events))
    assert list(about.actions) == sorted(about.actions, key=lambda one: (one.day, one.kind))
    assert all(abs(one.day - at.date()) <= timedelta(days=121) for one in calendar.events)


@given(st.sampled_from(UNIVERSE), moments)
@settings(max_examples=60, deadline=None)
def test_cutting_off_the_future_changes_nothing(ticker: str, at: datetime) -> None:
    """An almanac that never learnt what came later says the same."""
    whole = read_facts(SHIPPED, "shipped")
    cut = dataclasses.replace(
        whole,
        about=tuple(one for one in whole.about if one.known_at <= at),
        actions=tuple(pair for pair in whole.actions if pair[1].known_at <= at),
        events=tuple(
            dataclasses.replace(one, withdrawn=one.withdrawn if one.withdrawn and one.withdrawn <= at else None)
            for one in whole.events
            if one.event.known_at <= at
        ),
    )
    blind = Almanac((cut,))
    assert blind.instrument(ticker, at) == shipped().instrument(ticker, at)
    assert blind.calendar(ticker, at) == shipped().calendar(ticker, at)


def test_every_shipped_fact_names_its_source() -> None:
    facts = read_facts(SHIPPED, "shipped")
    told = [*facts.about, *(action for _, action in facts.actions), *(one.event for one in facts.events)]
    assert len(told) > 300
    assert all(one.source not in ("", "shipped") for one in told)
    assert all(one.event.known_at <= end_of(one.event.day) + timedelta(days=7) for one in facts.events)
    splits = [action for _, action in facts.actions if action.kind is ActionKind.SPLIT]
    assert all(action.known_at <= end_of(action.day) for action in splits)


def test_the_default_universe_is_resolved() -> None:
    for ticker in UNIVERSE:
        about = reference.instrument(ticker, NOON)
        assert about.company
        assert about.multiplier == 100
        assert about.exercise is (Exercise.EUROPEAN if ticker == "SPX" else Exercise.AMERICAN)
        assert (about.sector is not None) == (about.kind is Kind.STOCK)
    assert reference.instrument("NOPE", NOON).company is None


def test_names_sectors_and_splits_come_when_they_came() -> None:
    assert reference.instrument("META", datetime(2021, 10, 27, tzinfo=UTC)).company == "Facebook, Inc."
    assert reference.instrument("META", datetime(2021, 11, 1, tzinfo=UTC)).company == "Meta Platforms, Inc."
    assert reference.instrument("AAPL", datetime(2018, 9, 30, tzinfo=UTC)).sector is None
    assert reference.instrument("AAPL", datetime(2018, 10, 2, tzinfo=UTC)).sector == "Information Technology"
    before = reference.instrument("NVDA", datetime(2024, 5, 22, 19, tzinfo=UTC)).actions
    after = reference.instrument("NVDA", datetime(2024, 5, 23, 13, tzinfo=UTC)).actions
    assert [one.day for one in after if one not in before] == [date(2024, 6, 10)]
    assert after[-1].ratio == 10.0


def test_an_index_has_no_earnings_and_a_single_names_are_unknown() -> None:
    for ticker in ("SPX", "SPY", "TLT", "ES"):
        assert shipped().calendar(ticker, NOON).earnings_known
    assert EventKind.EX_DIVIDEND not in shipped().calendar("ES", NOON).unknown
    for ticker in ("TSLA", "NOPE"):
        assert not shipped().calendar(ticker, NOON).earnings_known
    assert EventKind.EX_DIVIDEND not in shipped().calendar("SPX", NOON).unknown
    assert EventKind.EX_DIVIDEND in shipped().calendar("QQQ", NOON).unknown
    assert EventKind.EX_DIVIDEND not in shipped().calendar("SPY", NOON).unknown


def test_a_report_is_ahead_from_its_announcement_and_the_last_one_is_kept() -> None:
    def reports(at: datetime) -> list[date]:
        return [one.day for one in shipped().calendar("NVDA", at).events if one.kind is EventKind.EARNINGS]

    before, after = datetime(2026, 5, 20, 20, tzinfo=UTC), datetime(2026, 5, 21, 14, tzinfo=UTC)
    assert reports(before) == [date(2026, 2, 25)]
    assert not shipped().calendar("NVDA", before).earnings_known
    assert reports(after) == [date(2026, 2, 25), date(2026, 5, 20), date(2026, 8, 26)]
    assert shipped().calendar("NVDA", after).earnings_known
    past = shipped().calendar("NVDA", datetime(2026, 8, 28, 14, tzinfo=UTC))
    assert not past.earnings_known, "nobody told of the next one"


def test_what_no_schedule_reaches_is_unknown() -> None:
    late = datetime(2030, 1, 2, 16, tzinfo=UTC)
    assert set(shipped().calendar("SPX", late).unknown) == {EventKind.FOMC, EventKind.CPI}
    assert set(shipped().calendar("SPX", datetime(2010, 1, 4, 16, tzinfo=UTC)).unknown) == {
        EventKind.FOMC,
        EventKind.CPI,
    }


def test_the_meetings_of_march_2020() -> None:
    before = datetime(2020, 3, 2, 20, tzinfo=UTC)
    assert days(EventKind.FOMC, before)[-3:] == [date(2020, 3, 18), date(2020, 4, 29), date(2020, 6, 10)]
    assert date(2020, 3, 3) not in days(EventKind.FOMC, datetime(2020, 3, 3, 14, tzinfo=UTC))
    assert date(2020, 3, 3) in days(EventKind.FOMC, datetime(2020, 3, 3, 15, tzinfo=UTC))
    monday = days(EventKind.FOMC, datetime(2020, 3, 16, 13, 30, tzinfo=UTC))
    assert date(2020, 3, 18) not in monday
    assert date(2020, 3, 15) in monday


def test_a_meeting_is_tentative_until_the_one_before_it() -> None:
    def sure(at: datetime) -> bool:
        return next(one.confirmed for one in shipped().calendar("SPX", at).events if one.day == date(2026, 6, 17))

    assert not sure(datetime(2026, 4, 29, 19, tzinfo=UTC))
    assert sure(datetime(2026, 4, 30, 12, tzinfo=UTC))


def test_the_vote_between_meetings_of_2019_counts_from_its_statement() -> None:
    assert date(2019, 10, 11) not in days(EventKind.FOMC, datetime(2019, 10, 11, 14, 59, tzinfo=UTC))
    assert date(2019, 10, 11) in days(EventKind.FOMC, datetime(2019, 10, 11, 15, tzinfo=UTC))


def test_the_release_of_october_2025_stood_until_its_notice() -> None:
    assert date(2025, 10, 15) not in days(EventKind.CPI, datetime(2025, 9, 11, 12, tzinfo=UTC))
    assert date(2025, 10, 15) in days(EventKind.CPI, datetime(2025, 10, 10, 12, tzinfo=UTC))
    after = days(EventKind.CPI, datetime(2025, 10, 13, 12, tzinfo=UTC))
    assert date(2025, 10, 15) not in after
    assert after[-1] == date(2025, 10, 24)


def test_a_release_moved_by_a_lapse_of_appropriations() -> None:
    def published(at: datetime) -> bool:
        ahead = shipped().calendar("SPX", at).events
        return any(one.kind is EventKind.JOBS and one.day == date(2026, 2, 6) and one.confirmed for one in ahead)

    assert published(datetime(2026, 2, 2, 16, tzinfo=UTC))
    assert not published(datetime(2026, 2, 3, 16, tzinfo=UTC)), "withdrawn on the 2nd, before a new day was named"
    assert days(EventKind.CPI, datetime(2026, 2, 3, 16, tzinfo=UTC))[-1] == date(2026, 2, 11)
    assert days(EventKind.CPI, datetime(2026, 2, 4, 18, tzinfo=UTC))[-1] == date(2026, 2, 13)
    jobs = [one for one in shipped().calendar("SPX", datetime(2026, 2, 5, 16, tzinfo=UTC)).events if one.kind == "jobs"]
    assert [(one.day, one.confirmed) for one in jobs if date(2026, 2, 1) <= one.day <= date(2026, 3, 31)] == [
        (date(2026, 2, 11), True),
        (date(2026, 3, 6), False),
    ]


def test_estimated_jobs_give_way_to_the_published_day() -> None:
    at = datetime(2026, 6, 4, 16, tzinfo=UTC)
    before = [(one.day, one.confirmed) for one in shipped().calendar("SPX", at).events if one.kind is EventKind.JOBS]
    assert (date(2026, 7, 3), False) in before, "the rule does not know of the holiday"
    later = datetime(2026, 6, 8, 16, tzinfo=UTC)
    after = [(one.day, one.confirmed) for one in shipped().calendar("SPX", later).events if one.kind is EventKind.JOBS]
    assert (date(2026, 7, 2), True) in after
    assert date(2026, 7, 3) not in [day for day, _ in after]


KNOWN = datetime(2026, 5, 1, tzinfo=UTC)


def test_the_first_source_that_knows_is_believed_and_another_word_stands_beside_it() -> None:
    mine = Facts(name="file", events=(report(date(2026, 8, 26), KNOWN, source="mine"),))
    yahoo = Facts(name="yahoo", events=(report(date(2026, 8, 27), KNOWN, source="yahoo"),))
    both = shipped().beside(yahoo, mine)
    assert earnings(both) == [(date(2026, 8, 26), True, "mine"), (date(2026, 8, 27), False, "yahoo")]
    assert both.calendar("TSLA", NOON).earnings_known
    same = shipped().beside(mine, Facts(name="yahoo", events=(report(date(2026, 8, 26), KNOWN, source="yahoo"),)))
    assert earnings(same) == [(date(2026, 8, 26), True, "mine")]
    turned = Almanac((mine, yahoo), ("yahoo", "file"))
    assert earnings(turned)[0] == (date(2026, 8, 26), False, "mine")
    assert earnings(turned)[1] == (date(2026, 8, 27), True, "yahoo")
    assert earnings(Almanac((mine, yahoo), ("shipped",))) == [], "who is not allowed to tell is not heard"


def test_a_first_source_that_knows_nothing_ahead_gives_way() -> None:
    old = Facts(name="file", events=(report(date(2026, 2, 25), KNOWN, source="mine"),))
    yahoo = Facts(name="yahoo", events=(report(date(2026, 8, 26), KNOWN, source="yahoo"),))
    told = earnings(shipped().beside(old, yahoo))
    assert told == [(date(2026, 2, 25), True, "mine"), (date(2026, 8, 26), True, "yahoo")]
    last = shipped().beside(old).calendar("TSLA", NOON)
    assert not last.earnings_known
    assert [one.day for one in last.events if one.kind is EventKind.EARNINGS] == [date(2026, 2, 25)]


def test_a_report_that_is_moved_and_confirmed_stands_once() -> None:
    told = (
        report(date(2026, 8, 20), KNOWN, confirmed=False),
        report(date(2026, 8, 26), KNOWN + timedelta(days=10)),
        report(date(2026, 5, 28), KNOWN - timedelta(days=90)),
    )
    almanac = Almanac((Facts(name="yahoo", events=told),))
    assert earnings(almanac, KNOWN + timedelta(days=1))[-1] == (date(2026, 8, 20), False, "s")
    assert earnings(almanac) == [(date(2026, 5, 28), True, "s"), (date(2026, 8, 26), True, "s")]


def test_a_source_may_know_that_there_is_none() -> None:
    none = Facts(name="file", never=(Never("TSLA", EventKind.EX_DIVIDEND, KNOWN),))
    assert EventKind.EX_DIVIDEND not in shipped().beside(none).calendar("TSLA", NOON).unknown
    assert EventKind.EX_DIVIDEND in shipped().beside(none).calendar("TSLA", KNOWN - timedelta(days=1)).unknown


def paid(day: date, amount: float, source: str, known_at: datetime) -> tuple[str, CorporateAction]:
    action = CorporateAction(
        kind=ActionKind.DIVIDEND, day=day, ratio=None, amount=amount, note="", source=source, known_at=known_at
    )
    return "TSLA", action


def test_dividends_are_actions_and_events_and_no_action_counts_twice() -> None:
    announced = datetime(2026, 5, 20, tzinfo=UTC)
    lean = Facts(
        name="lean factor files",
        actions=(
            paid(date(2026, 6, 11), 0.01, "lean", announced),
            paid(date(2026, 3, 11), 0.01, "lean", KNOWN),
            paid(date(2024, 3, 5), 0.04, "lean", KNOWN),
        ),
    )
    mine = Facts(name="file", actions=(paid(date(2026, 6, 11), 0.02, "mine", announced),))
    almanac = shipped().beside(lean, mine)
    dividends = [one for one in almanac.instrument("TSLA", NOON).actions if one.kind is ActionKind.DIVIDEND]
    assert [(one.day, one.amount) for one in dividends] == [(date(2026, 3, 11), 0.01), (date(2026, 6, 11), 0.02)]
    calendar = almanac.calendar("TSLA", NOON)
    assert EventKind.EX_DIVIDEND not in calendar.unknown
    told = [one for one in calendar.events if one.kind is EventKind.EX_DIVIDEND]
    assert [(one.day, one.source) for one in told] == [(date(2026, 3, 11), "lean"), (date(2026, 6, 11), "mine")]
    assert EventKind.EX_DIVIDEND in almanac.calendar("TSLA", announced - timedelta(days=1)).unknown


def test_a_file_of_ones_own_is_heard_first(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[file]\nsource = "me"\nstated = 2026-05-01\n'
        '[[instrument]]\nticker = "XBI"\nkind = "etf"\nsector = "Health Care"\n'
        '[[instrument]]\nticker = "AMZN"\nsector = "Information Technology"\n'
        '[[event]]\nticker = "TSLA"\nkind = "earnings"\nday = 2026-08-26\n'
    )
    almanac = open_almanac(path)
    assert almanac.instrument("XBI", NOON).kind is Kind.ETF
    assert almanac.calendar("XBI", NOON).earnings_known
    assert not almanac.calendar("XBI", KNOWN).earnings_known, "before the file's day nobody said that it is a fund"
    assert almanac.instrument("AMZN", NOON).sector == "Information Technology"
    assert almanac.instrument("AMZN", KNOWN).sector == "Consumer Discretionary"
    assert earnings(almanac) == [(date(2026, 8, 26), True, "me")]
    assert earnings(almanac, KNOWN) == []


def test_a_source_of_events_that_there_is_not_is_named() -> None:
    with pytest.raises(BadInput, match=r"sources\.events: there is no source shiped; there are file, shipped, yahoo"):
        open_almanac(None, ("file", "shiped"))


def test_a_measured_beta_is_carried() -> None:
    beta = Beta(value=1.7, against="SPX", sessions=252, known_at=KNOWN)
    assert shipped().instrument("TSLA", NOON, beta).beta == beta


def test_events_of_every_ticker_and_of_one_stand_together() -> None:
    def fomc(ticker: str, day: date) -> Dated:
        event = Event(kind=EventKind.FOMC, day=day, confirmed=True, before_open=False, known_at=KNOWN, source="mine")
        return Dated(ticker, event)

    mine = Facts(name="file", events=(fomc(EVERY, date(2026, 6, 17)), fomc("SPX", date(2026, 6, 24))))
    both = [one.day for one in Almanac((mine,)).calendar("SPX", NOON).events if one.kind is EventKind.FOMC]
    assert both == [date(2026, 6, 17), date(2026, 6, 24)]


@pytest.mark.parametrize("ticker", UNIVERSE)
def test_split_days_and_sectors_are_what_importers_read(ticker: str) -> None:
    actions = reference.instrument(ticker, NOON).actions
    assert tuple(one.day for one in actions if one.kind is ActionKind.SPLIT) == reference.SPLITS.get(ticker, ())
    assert reference.SECTORS.get(ticker) == reference.instrument(ticker, NOON).sector
