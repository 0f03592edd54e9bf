"""The ticket graph: the only path to a broker, for entries, exits and rolls alike.

ticket  approve ─► recheck ─► execute ─► journal
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph

from graph import routes
from graph.context import Desk
from graph.nodes.approve import approve
from graph.nodes.execute import execute
from graph.nodes.journal_ticket import journal_ticket
from graph.nodes.recheck import recheck
from graph.recorder import recorded
from graph.state import TicketGraphState


def ticket_graph() -> StateGraph[Any, Any, Any, Any]:
    """One ticket, one thread, one answer, at most one order."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(TicketGraphState, context_schema=Desk)
    graph.add_node("approve", recorded("approve", approve))
    graph.add_node("recheck", recorded("recheck", recheck))
    graph.add_node("execute", recorded("execute", execute))
    graph.add_node("journal", recorded("journal", journal_ticket))
    graph.add_edge(START, "approve")
    graph.add_conditional_edges("approve", routes.after_approval, ["recheck", "journal"])
    graph.add_conditional_edges("recheck", routes.after_recheck, ["execute", "journal"])
    graph.add_edge("execute", "journal")
    graph.add_edge("journal", END)
    return graph
