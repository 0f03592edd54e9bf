"""Memories in words: how a situation, a decision, a ticket and a lesson are put down, and how a lesson is read back.

The words are free of dates (a memory's row carries its times), so equal situations give equal words.
"""

from __future__ import annotations

import re
from decimal import Decimal

from agents.words import leaning, phrase
from domain.book import Position
from domain.codec import record
from domain.decision import Decision, Outcome, Scan
from domain.orders import OrderTicket
from domain.structures import StructureName
from domain.views import Abstained, Debate, Direction, Signal, Verdict, Volatility

_PHRASES = 3  # pieces of evidence quoted per analyst: a sentence embedding reads about two hundred words
_VIEW = {
    StructureName.BULL_CALL_SPREAD: ("direction", 1),
    StructureName.BULL_PUT_SPREAD: ("direction", 1),
    StructureName.BEAR_PUT_SPREAD: ("direction", -1),
    StructureName.BEAR_CALL_SPREAD: ("direction", -1),
    StructureName.IRON_CONDOR: ("volatility", 1),
    StructureName.IRON_BUTTERFLY: ("volatility", 1),
    StructureName.LONG_STRADDLE: ("volatility", -1),
    StructureName.LONG_STRANGLE: ("volatility", -1),
}
_SAID = {
    ("direction", 1): "up",
    ("direction", -1): "down",
    ("volatility", 1): "rich",
    ("volatility", -1): "cheap",
}
_LESSON = re.compile(
    r"\ALesson (?P<ticker>\S+): .+ held the view (?P<axis>direction|volatility) (?P<said>up|down|rich|cheap) and "
    r"ended with a (?P<end>profit|loss)\b"
)


@record
class Remembered:
    """What a lesson says to code: a view was held about a ticker, and it paid or it did not."""

    ticker: str
    axis: str  # "direction" or "volatility"
    said: str  # "up", "down", "rich" or "cheap"
    sign: int  # 1 up or rich, -1 down or cheap
    paid: bool


def situation(scan: Scan) -> str:
    """The state of one ticker in words: what each analyst holds and its first pieces of evidence."""
    lines = [f"{scan.ticker}."]
    for reading in scan.readings:
        if isinstance(reading.signal, Abstained):
            continue
        quoted = [item for item in reading.evidence if item.id in reading.signal.evidence][:_PHRASES]
        facts = f" ({'; '.join(phrase(item) for item in quoted)})" if quoted else ""
        lines.append(f"{reading.analyst.replace('_', ' ')}: {leaning(reading.signal)}{facts}.")
    if len(lines) == 1:
        lines.append("No analyst holds a view.")
    return " ".join(lines)


def view(outcome: Verdict | Abstained) -> str:
    """A verdict in a few words."""
    if isinstance(outcome, Abstained):
        return f"no verdict: {outcome.why}"
    parts = []
    if outcome.direction is not Direction.INCONCLUSIVE:
        parts.append(f"direction {outcome.direction.value} at {100 * outcome.direction_p:.0f} %")
    if outcome.volatility is not Volatility.INCONCLUSIVE:
        parts.append(f"volatility {outcome.volatility.value} at {100 * outcome.volatility_p:.0f} %")
    return " and ".join(parts) + f" over {outcome.horizon} days" if parts else "inconclusive on both axes"


def memory_of_decision(decision: Decision) -> tuple[tuple[str, str], ...]:
    """(ticker, text) of every ticker that was debated: the situation, the verdict, and what came of it."""
    scans = {scan.ticker: scan for scan in decision.scans}
    return tuple(
        (
            argued.ticker,
            f"{situation(scans[argued.ticker])} Verdict: {view(argued.outcome)}. {_upshot(decision, argued)}",
        )
        for argued in decision.debates
        if argued.ticker in scans
    )


def _upshot(decision: Decision, argued: Debate) -> str:
    ticker = argued.ticker
    for sized in decision.sized:
        if sized.proposal.ticker == ticker and sized.contracts:
            name = sized.proposal.structure.name.value.replace("_", " ")
            return f"Trade proposed: {name}."
    reasons = [f"sized to nothing by {one.binding}" for one in decision.sized if one.proposal.ticker == ticker]
    reasons += ["no candidate was worth trading" for one in decision.unpriced if one.ticker == ticker]
    reasons += [
        f"{check.name} failed" for veto in decision.vetoes if veto.ticker == ticker for check in veto.report.failed
    ]
    reasons += [f"refused at {one.stage}" for one in decision.refused if one.ticker == ticker]
    return f"No trade: {reasons[0]}." if reasons else "No trade."


def memory_of_ticket(ticket: OrderTicket, outcome: Outcome) -> str:
    """How a ticket ended, in words. Reasons hold balances and account names, so only the failed checks are named."""
    name = ticket.structure.name.value.replace("_", " ")
    filled = "" if outcome.fill_net is None else f", net {outcome.fill_net:+.2f} a share"
    failed = ", ".join(check.name for check in outcome.report.failed) if outcome.report else ""
    why = f": {failed} failed" if failed else ""
    what = f"{ticket.effect.value} {name} under {ticket.playbook}"
    return f"Ticket {ticket.ticker}: {what} ended {outcome.state}{filled}{why}."


def lesson(position: Position, outcome: Outcome) -> str:
    """What a closed position teaches, in a fixed form that `remembered` reads back; shares of risk, never dollars."""
    name = position.name.replace("_", " ")
    pnl = outcome.pnl if outcome.pnl is not None else Decimal(0)
    held = _VIEW.get(StructureName(position.name)) if position.name in set(StructureName) else None
    stance = f"held the view {held[0]} {_SAID[held]}" if held else "held no single view"
    end = "a profit" if pnl > 0 else "a loss"
    share = f" of {abs(100 * pnl / position.max_loss):.0f} % of the most it could lose" if position.max_loss else ""
    return f"Lesson {position.ticker}: {name} under {position.playbook} {stance} and ended with {end}{share}."


def remembered(text: str) -> Remembered | None:
    """What a lesson says to code; None for any other text."""
    found = _LESSON.match(text)
    if found is None:
        return None
    sign = 1 if found["said"] in ("up", "rich") else -1
    if (found["said"] in ("up", "down")) != (found["axis"] == "direction"):
        return None
    return Remembered(
        ticker=found["ticker"], axis=found["axis"], said=found["said"], sign=sign, paid=found["end"] == "profit"
    )


def signals(scan: Scan) -> tuple[Signal, ...]:
    """The signals of the analysts that hold one."""
    return tuple(reading.signal for reading in scan.readings if isinstance(reading.signal, Signal))
