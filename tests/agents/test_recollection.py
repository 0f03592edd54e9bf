from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.debate.debate import debate
from agents.recollection import lesson, memory_of_decision, memory_of_ticket, remembered, situation
from domain.structures import StructureName
from tests.agents.scene import position, scan, silent
from tests.agents.story import TICKET, decision, outcome


def test_a_situation_is_numbers_and_leanings_without_dates() -> None:
    text = situation(scan())
    assert text == (
        "SPX. vol surface: volatility rich strongly, over 21 days (IV over RV 1.31). technical: direction up clearly, "
        "over 10 days (momentum 20d -2.10 % (-0.80 sd from its own mean); RSI 14 44). flow: direction down slightly, "
        "over 5 days (put call volume 1.80; GEX balance +0.310)."
    )
    assert situation(silent()) == "SPX. No analyst holds a view."


async def test_a_decision_is_remembered_per_debated_ticker() -> None:
    argued = await debate(scan(), (), (), None)
    ((ticker, text),) = memory_of_decision(decision(argued))
    assert ticker == "SPX"
    assert text.startswith(
        situation(scan()) + " Verdict: direction up at 57 % and volatility rich at 63 % over 21 days."
    )
    assert text.endswith("Trade proposed: bull put spread.")
    ((_, quiet),) = memory_of_decision(decision(argued, trades=False))
    assert quiet.endswith("No trade: no candidate was worth trading.")


def test_a_ticket_is_remembered() -> None:
    assert memory_of_ticket(TICKET, outcome()) == (
        "Ticket SPX: open bull put spread under index_iron_condor ended filled, net -4.20 a share."
    )
    assert "net" not in memory_of_ticket(TICKET, outcome(fill=None))


@pytest.mark.parametrize(
    ("name", "axis", "said", "sign"),
    [
        ("bull_put_spread", "direction", "up", 1),
        ("bear_call_spread", "direction", "down", -1),
        ("iron_condor", "volatility", "rich", 1),
        ("long_straddle", "volatility", "cheap", -1),
    ],
)
@pytest.mark.parametrize("pnl", ["85.00", "-85.00"])
def test_a_lesson_is_read_back(name: str, axis: str, said: str, sign: int, pnl: str) -> None:
    known = remembered(lesson(position(name), outcome(pnl, "profit target")))
    assert known is not None
    assert (known.ticker, known.axis, known.said, known.sign) == ("SPX", axis, said, sign)
    assert known.paid is (pnl == "85.00")


def test_a_lessons_words() -> None:
    assert lesson(position(), outcome("-459.26", "21 days left")) == (
        "Lesson SPX: bull put spread under debit_vertical held the view direction up and ended with a loss of "
        "5 % of the most it could lose."
    )


@pytest.mark.parametrize("name", ["calendar", "diagonal", "broken_wing_butterfly", "something else"])
def test_a_structure_without_a_single_view_teaches_code_nothing(name: str) -> None:
    text = lesson(position(name), outcome("85.00"))
    assert "held no single view and ended with a profit of 1 %" in text
    assert remembered(text) is None


@given(st.text(max_size=300))
def test_no_other_text_is_a_lesson(text: str) -> None:
    assert remembered(text) is None
    assert remembered(f"as they say: {text}") is None


@given(st.sampled_from(list(StructureName)), st.decimals(-9999, 9999, places=2), st.text(max_size=80))
def test_the_reason_cannot_turn_a_lesson(name: StructureName, pnl: Decimal, reason: str) -> None:
    plain = remembered(lesson(position(name.value), outcome(str(pnl), "x")))
    assert remembered(lesson(position(name.value), outcome(str(pnl), reason))) == plain
