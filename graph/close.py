"""The close graph, at the end of a day.

close  snapshot of the book ─► attribute ─► risk ─► reflect ─► report
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph

from graph.context import Desk
from graph.nodes.closing import attribute, book_snapshot, reflect, report, risk
from graph.recorder import recorded
from graph.state import CloseState


def close_graph() -> StateGraph[Any, Any, Any, Any]:
    """Mark the closing book, say where its P&L came from and what it risks, learn, report."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(CloseState, context_schema=Desk)
    graph.add_node("snapshot", recorded("snapshot", book_snapshot))
    graph.add_node("attribute", recorded("attribute", attribute))
    graph.add_node("risk", recorded("risk", risk))
    graph.add_node("reflect", recorded("reflect", reflect))
    graph.add_node("report", recorded("report", report))
    graph.add_edge(START, "snapshot")
    graph.add_edge("snapshot", "attribute")
    graph.add_edge("attribute", "risk")
    graph.add_edge("risk", "reflect")
    graph.add_edge("reflect", "report")
    graph.add_edge("report", END)
    return graph
