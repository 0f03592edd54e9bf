"""The drawn graphs are the code's, the topology is the design's, and no node returns a key that is not state."""

from __future__ import annotations

from pathlib import Path

from graph import draw
from graph.run import run_graph, scan_graph
from graph.ticket import ticket_graph

DOCS = Path(__file__).resolve().parents[2] / "docs" / "graphs"


def test_drawings_are_up_to_date() -> None:
    assert draw.drifted(DOCS) == []


def test_nodes_are_the_designed_ones() -> None:
    assert list(run_graph().nodes) == [
        "open", "scan", "rank", "debate", "risk_gate", "price", "size", "tickets", "journal",
    ]  # fmt: skip
    assert list(scan_graph().nodes) == ["snapshot", "vol_surface", "social", "technical", "flow", "aggregate"]
    assert list(ticket_graph().nodes) == ["approve", "recheck", "execute", "journal"]


def test_only_execute_reaches_a_broker() -> None:
    """`execute` places; `working` asks after orders that rest. Nothing else in the graphs touches the broker."""
    folder = Path(draw.__file__).parent
    placing = [p.name for p in folder.rglob("*.py") if "broker.place(" in p.read_text()]
    assert placing == ["execute.py"]
