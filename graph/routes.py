"""Routes: pure predicates on state that name the next node."""

from __future__ import annotations

from typing import Literal

from langgraph.types import Send

from graph.state import RunState, ScanState, TicketGraphState


def to_scans(state: RunState) -> list[Send] | Literal["journal"]:
    """One parallel scan per ticker; straight to the journal when `open` refused the run."""
    if state["opened"].refused is not None:
        return "journal"
    return [Send("scan", {"spec": state["spec"], "ticker": ticker}) for ticker in state["spec"].tickers]


def to_debates(state: RunState) -> list[Send] | Literal["journal"]:
    """One parallel debate per shortlisted ticker."""
    if not state["ranked"]:
        return "journal"
    return [
        Send("debate", {"spec": state["spec"], "ticker": ticker, "scan": state["scans"][ticker]})
        for ticker in state["ranked"]
    ]


def to_analysts(state: ScanState) -> list[str]:
    """The four analysts side by side; none of them when the snapshot was refused."""
    return ["aggregate"] if state.get("refused") else ["vol_surface", "social", "technical", "flow"]


def after_approval(state: TicketGraphState) -> Literal["recheck", "journal"]:
    """Only an approved ticket is rechecked."""
    return "journal" if "outcome" in state else "recheck"


def after_recheck(state: TicketGraphState) -> Literal["execute", "journal"]:
    """Only what passed the gate again goes to the broker."""
    return "journal" if "outcome" in state else "execute"
