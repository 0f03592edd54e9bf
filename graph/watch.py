"""The watch graph, over the open positions of one account.

watch  mark ─► protect ─► exits ─► rolls ─► tickets
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph

from graph.context import Desk
from graph.nodes.exit_tickets import exit_tickets
from graph.nodes.exits import exits
from graph.nodes.mark import mark_positions
from graph.nodes.protect import protect
from graph.nodes.rolls import rolls
from graph.recorder import recorded
from graph.state import WatchState


def watch_graph() -> StateGraph[Any, Any, Any, Any]:
    """Mark, protect, and put what should be closed before whoever answers tickets."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(WatchState, context_schema=Desk)
    graph.add_node("mark", recorded("mark", mark_positions))
    graph.add_node("protect", recorded("protect", protect))
    graph.add_node("exits", recorded("exits", exits))
    graph.add_node("rolls", recorded("rolls", rolls))
    graph.add_node("tickets", recorded("tickets", exit_tickets))
    graph.add_edge(START, "mark")
    graph.add_edge("mark", "protect")
    graph.add_edge("protect", "exits")
    graph.add_edge("exits", "rolls")
    graph.add_edge("rolls", "tickets")
    graph.add_edge("tickets", END)
    return graph
