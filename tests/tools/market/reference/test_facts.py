"""Files of dated facts: what each table means, and errors that name the line, the table and the key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from domain.errors import BadInput
from domain.market import ActionKind, EventKind, Kind
from tools.market.reference.facts import EVERY, read_facts

HEAD = """[file]
source = "my broker's page"
stated = 2026-03-02

"""


def read(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text)
    return read_facts(path, "file")


def test_a_row_says_what_it_says_and_no_more(tmp_path: Path) -> None:
    facts = read(
        tmp_path,
        """
[[instrument]]
ticker = "XBI"
kind = "etf"
sector = "Health Care"

[[action]]
ticker = "XYZ"
kind = "split"
day = 2026-05-04
ratio = 4
known_at = 2026-04-01
source = "company"

[[event]]
ticker = "XYZ"
kind = "earnings"
day = 2026-04-30
confirmed = false
before_open = true
known_at = 2026-03-01T09:30:00-05:00

[[none]]
ticker = "XBI"
kind = "ex_dividend"
""",
    )
    (about,) = facts.about
    assert (about.kind, about.company, about.sector, about.source) == (
        Kind.ETF,
        None,
        "Health Care",
        "my broker's page",
    )
    assert about.known_at == datetime(2026, 3, 3, 5, tzinfo=UTC), "the file's day, when it is over in New York"
    ((ticker, action),) = facts.actions
    assert (ticker, action.kind, action.ratio, action.source) == ("XYZ", ActionKind.SPLIT, 4.0, "company")
    assert action.known_at == datetime(2026, 4, 2, 4, tzinfo=UTC)
    (dated,) = facts.events
    assert (dated.event.confirmed, dated.event.before_open) == (False, True)
    assert dated.event.known_at == datetime(2026, 3, 1, 14, 30, tzinfo=UTC)
    assert [(one.ticker, one.kind) for one in facts.never] == [("XBI", EventKind.EX_DIVIDEND)]


def test_a_schedule_is_tentative_when_announced_and_sure_at_the_date_before(tmp_path: Path) -> None:
    facts = read(
        tmp_path,
        """
[[schedule]]
kind = "fomc"
announced = 2026-01-15
after = 2026-01-28
days = [2026-03-18, 2026-04-29]

[[schedule]]
kind = "cpi"
after = 2026-02-13
days = [2026-03-11, 2026-04-10]
""",
    )
    told = [
        (one.ticker, one.event.kind, one.event.day, one.event.confirmed, one.event.known_at) for one in facts.events
    ]
    winter, summer = (datetime(2026, 1, 16, 5, tzinfo=UTC), datetime(2026, 3, 19, 4, tzinfo=UTC))
    assert told == [
        (EVERY, EventKind.FOMC, date(2026, 3, 18), False, winter),
        (EVERY, EventKind.FOMC, date(2026, 3, 18), True, datetime(2026, 1, 29, 5, tzinfo=UTC)),
        (EVERY, EventKind.FOMC, date(2026, 4, 29), False, winter),
        (EVERY, EventKind.FOMC, date(2026, 4, 29), True, summer),
        (EVERY, EventKind.CPI, date(2026, 3, 11), True, datetime(2026, 2, 14, 5, tzinfo=UTC)),
        (EVERY, EventKind.CPI, date(2026, 4, 10), True, datetime(2026, 3, 12, 4, tzinfo=UTC)),
    ]


GOOD = '[[action]]\nticker = "XYZ"\nkind = "split"\nday = 2026-05-04\n'
EVENT = '[[event]]\nticker = "XYZ"\nkind = "earnings"\nday = 2026-04-30\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "shares = 4\n", r"line 9, \[\[action\]\] number 1, shares: extra inputs"),
        (GOOD + "\n" + GOOD + "ratio = -1\n", r"line 14, \[\[action\]\] number 2, ratio"),
        ('[[action]]\nticker = "XYZ"\nkind = "merger"\nday = 2026-05-04\n', r"line 7, \[\[action\]\] number 1, kind"),
        ('[[action]]\nticker = "XYZ"\nday = 2026-05-04\n', r"line 5, \[\[action\]\] number 1, kind: field required"),
        (EVENT.replace("2026-04-30", '"2026-04-30"'), r"line 8, \[\[event\]\] number 1, day: .*without quotes"),
        (EVENT.replace("2026-04-30", "2026-04-30T10:00:00-04:00"), r"line 8, \[\[event\]\] number 1, day"),
        (EVENT + "known_at = 2026-04-01T09:30:00\n", r"line 9, \[\[event\]\] number 1, known_at: .*offset"),
        (EVENT + 'known_at = "yesterday"\n', r"line 9, \[\[event\]\] number 1, known_at"),
        (EVENT.replace("XYZ", "x y"), r"line 6, \[\[event\]\] number 1, ticker"),
        ('[[action]]\nticker = "XYZ"\nkind = "dividend"\nday = 2026-05-04\n', r"number 1, amount: is missing"),
        ('[[schedule]]\nkind = "cpi"\ndays = [2026-04-10, 2026-03-11]\n', r"line 7, .*days: do not ascend"),
        ('[[schedule]]\nkind = "cpi"\nafter = 2026-05-01\ndays = [2026-04-10]\n', r"line 8, .*days: do not ascend"),
        (
            "[earnings]\nday = 2026-04-30\n",
            r"line 5, \[\[earnings\]\] number 1: is no table.*there are file, instrument",
        ),
        ('[event]\nkind = "cpi"\nday = 2026-04-30\n', r"is written once a row, as \[\[event\]\]"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        read(tmp_path, text)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[file]\nsource = 3\nstated = 2026-01-01\n", "[file\n", "[file]\nsource = 'x'\n"])
def test_a_file_without_its_head_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"mine\.toml"):
        read_facts(path, "file")
    with pytest.raises(BadInput, match="cannot be read"):
        read_facts(tmp_path / "none.toml", "file")


def test_the_documented_example_is_a_file_that_loads(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "reference-data.md").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    facts = read_facts(path, "file")
    assert facts.about
    assert facts.actions
    assert facts.never
    assert len(facts.events) == 1 + 2 * 2
