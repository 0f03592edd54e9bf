"""The pages: numbers as a reader wants them, failed checks first, nothing wider than asked, no word taken as markup."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from rich.console import Console, RenderableType

from agents.debate.debate import debate
from apps.cli.terminal import PLAIN
from apps.render.gate import checks, compact, mandate, veto
from apps.render.header import header
from apps.render.progress import Board
from apps.render.proposal import runner_up
from apps.render.words import market_label, moment, money, net, signed
from domain.decision import Check, GateReport, Mandate, Veto
from domain.playbook import InvestorMandate
from domain.structures import StructureName
from tests.agents.scene import scan
from tests.agents.story import decision


def page(renderable: RenderableType, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, **PLAIN).print(renderable)
    return stream.getvalue()


def check(name: str, passed: bool, note: str = "") -> Check:
    return Check(
        name=name,
        hard=True,
        limit="5,000.00",
        value="4,200.00",
        headroom="800.00",
        passed=passed,
        age_s=None,
        note=note,
    )


REPORT = GateReport(
    subject="SPY",
    checks=(check("first", True), check("second", False, "a [bold]note[/bold] [in brackets]"), check("third", True)),
)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(Decimal("1234.5"), "$1,234.50"), (Decimal("-0.5"), "-$0.50"), (-0.001, "$0.00"), (Decimal(0), "$0.00")],
)
def test_money(amount: Decimal | float, text: str) -> None:
    assert money(amount) == text


def test_signs_say_gain_and_loss_and_nothing_for_nothing() -> None:
    assert [signed(Decimal(x)).plain for x in ("3", "-3", "0")] == ["+$3.00", "-$3.00", "$0.00"]
    assert [net(Decimal(x)) for x in ("1.25", "-1.25")] == ["debit 1.25", "credit 1.25"]


def test_moments_are_new_york_in_summer_and_winter() -> None:
    assert moment(datetime(2026, 2, 12, 18, tzinfo=UTC)) == "Thu 2026-02-12 13:00 New York"
    assert moment(datetime(2026, 7, 1, 17, tzinfo=UTC)) == "Wed 2026-07-01 13:00 New York"


@pytest.mark.parametrize(
    ("market", "words"),
    [("simulated:vrp:7", "SIMULATED"), ("recorded:spx-2019", "real quotes of the past"), ("yahoo", "live quotes")],
)
def test_what_a_market_is_stands_beside_its_name(market: str, words: str) -> None:
    assert words in market_label(market).plain
    assert "delayed" in market_label("yahoo", delayed=True).plain


def test_failed_checks_come_first_and_every_check_is_there() -> None:
    for text in (page(checks(REPORT)), page(compact(REPORT))):
        assert text.index("FAILED") < text.index("first")
        assert all(name in text for name in ("first", "second", "third"))
        assert "[bold]note[/bold] [in brackets]" in " ".join(text.split())


def test_a_veto_counts_what_passed_and_names_what_failed() -> None:
    text = page(veto(Veto(ticker="SPY", playbook="debit_vertical", report=REPORT)))
    assert "2 other checks passed" in text
    assert "second  4,200.00 against 5,000.00" in text


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_is_wider_than_the_page(width: int) -> None:
    for made in (checks(REPORT), compact(REPORT)):
        assert max(len(line.rstrip()) for line in page(made, width).splitlines()) <= width


async def test_the_head_of_a_run_quotes_the_persons_mandate() -> None:
    plain = decision(await debate(scan(), (), (), None))
    assert "your mandate" not in page(header(plain))
    own = InvestorMandate(watchlist=("SPX", "SPY"), structures=(StructureName.IRON_CONDOR,), horizon=21)
    bound = dataclasses.replace(plain, spec=dataclasses.replace(plain.spec, investor=own))
    told = " ".join(page(header(bound)).split())
    assert "your mandate SPX, SPY; horizon up to 21 trading days; iron condor" in told


def test_a_permission_names_both_ends_of_its_window() -> None:
    granted = Mandate(
        ticker="SPX",
        playbook="index_iron_condor",
        structures=(StructureName.IRON_CONDOR,),
        loss_budget=Decimal(500),
        max_contracts=3,
        report=REPORT,
        latest_expiry=date(2019, 7, 19),
    )
    assert "expiring by 2019-07-19" in " ".join(page(mandate(granted)).split())
    both = dataclasses.replace(granted, earliest_expiry=date(2019, 6, 1))
    assert "expiring from 2019-06-01 by 2019-07-19" in " ".join(page(mandate(both)).split())


def test_a_runner_up_reads_as_words_and_an_unknown_key_stays() -> None:
    key = "SPY/index_iron_condor/iron_butterfly/+1SPY260731P649,-1SPY260731P665,-2SPY260731C665,+1SPY260807C681.5"
    assert runner_up(key) == "iron butterfly 2026-07-31 and 2026-08-07 649P/665P/-2 665C/681.5C"
    assert runner_up("whatever") == "whatever"


def test_the_board_shows_each_ticker_with_what_it_went_through() -> None:
    board = Board()
    for node, ticker, event in [("open", "*", "done"), ("snapshot", "SPY", "started"), ("approve", "SPY", "done")]:
        board.note(node, ticker, event)
    text = page(board)
    assert board.tickers() == ("SPY",)
    assert "open" in text
    assert "approve" in text.splitlines()[1]
