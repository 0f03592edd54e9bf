"""The run and scan graphs, exactly as drawn.

run   open ─► scan (per ticker, in parallel) ─► rank ─► debate (per shortlisted ticker, in parallel)
           ─► risk_gate ─► price ─► size ─► tickets ─► journal
scan  snapshot ─► vol_surface ∥ social ∥ technical ∥ flow ─► aggregate
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph

from domain.views import ANALYSTS
from graph import routes
from graph.context import Desk
from graph.nodes.aggregate import aggregate_scan
from graph.nodes.analyst import analyst
from graph.nodes.debate import debate_ticker
from graph.nodes.journal import journal
from graph.nodes.open import open_run
from graph.nodes.price import price
from graph.nodes.rank import rank_tickers
from graph.nodes.risk_gate import risk_gate
from graph.nodes.size import size_orders
from graph.nodes.snapshot import snapshot
from graph.nodes.tickets import open_tickets
from graph.recorder import recorded
from graph.state import RunState, ScanOutput, ScanState


def scan_graph() -> StateGraph[Any, Any, Any, Any]:
    """One ticker, four analysts side by side. What goes wrong inside refuses the ticker, never the run."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(ScanState, context_schema=Desk, output_schema=ScanOutput)
    graph.add_node("snapshot", recorded("snapshot", snapshot, per_ticker=True))
    for name in ANALYSTS:
        graph.add_node(name, recorded(name, analyst(name), per_ticker=True))
        graph.add_edge(name, "aggregate")
    graph.add_node("aggregate", recorded("aggregate", aggregate_scan, per_ticker=True))
    graph.add_edge(START, "snapshot")
    graph.add_conditional_edges("snapshot", routes.to_analysts, [*ANALYSTS, "aggregate"])
    graph.add_edge("aggregate", END)
    return graph


def run_graph() -> StateGraph[Any, Any, Any, Any]:
    """A whole decision run."""
    graph: StateGraph[Any, Any, Any, Any] = StateGraph(RunState, context_schema=Desk)
    graph.add_node("open", recorded("open", open_run))
    graph.add_node("scan", scan_graph().compile())
    graph.add_node("rank", recorded("rank", rank_tickers))
    graph.add_node("debate", recorded("debate", debate_ticker, per_ticker=True))
    graph.add_node("risk_gate", recorded("risk_gate", risk_gate))
    graph.add_node("price", recorded("price", price))
    graph.add_node("size", recorded("size", size_orders))
    graph.add_node("tickets", recorded("tickets", open_tickets))
    graph.add_node("journal", recorded("journal", journal))
    graph.add_edge(START, "open")
    graph.add_conditional_edges("open", routes.to_scans, ["scan", "journal"])
    graph.add_edge("scan", "rank")
    graph.add_conditional_edges("rank", routes.to_debates, ["debate", "journal"])
    graph.add_edge("debate", "risk_gate")
    graph.add_edge("risk_gate", "price")
    graph.add_edge("price", "size")
    graph.add_edge("size", "tickets")
    graph.add_edge("tickets", "journal")
    graph.add_edge("journal", END)
    return graph
