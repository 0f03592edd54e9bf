"""kill −9 at every node boundary of run and ticket, then resume: one decision, at most one order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.desk import demo_spec, desk_house
from tests.graph.conftest import Zygote

pytestmark = pytest.mark.slow


def _events(log: Path) -> list[str]:
    return log.read_text().splitlines()


async def _state(uri: str) -> dict[str, object]:
    async with desk_house(uri) as house:
        store = house.store
        runs = await store.decisions.runs(10)
        tickets = await store.tickets.list()
        account = demo_spec(house).account
        opened = account in await store.portfolio.accounts()
        book = await store.portfolio.book(account, demo_spec(house).as_of) if opened else None
        return {
            "runs": [(row.run_id, row.status.value, row.decision_hash) for row in runs],
            "tickets": [(row.ticket.id, row.state.value) for row in tickets],
            "orders": [order.client_order_id for order, _ in await store.paper.paper_fills(account)],
            "positions": [position.id for position in await store.portfolio.open_positions(account)],
            "commitments": book.commitments if book else (),
        }


def test_killed_at_every_event_of_a_run(make_database, zygote: Zygote, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    log = tmp_path / "events"
    clean = make_database()
    assert zygote.do(uri=clean, do="run", log=str(log)) == 0
    expected = asyncio.run(_state(clean))
    (_, _, decision_hash) = expected["runs"][0]  # type: ignore[index]
    assert len(expected["tickets"]) == 1, "the drill needs a run that ends in a ticket"  # type: ignore[arg-type]
    count = len(_events(log))
    for kill_at in range(1, count + 1):
        uri = make_database()
        assert zygote.do(uri=uri, do="run", kill_at=kill_at) == -9, kill_at
        run_id = asyncio.run(_state(uri))["runs"][0][0]  # type: ignore[index]
        assert zygote.do(uri=uri, do="go_on", id=run_id) == 0, kill_at
        after = asyncio.run(_state(uri))
        assert after == expected, f"killed at {kill_at}: {_events(log)[kill_at - 1]}"
        assert after["runs"][0][2] == decision_hash  # type: ignore[index]


def test_killed_at_every_event_of_a_ticket(make_database, zygote: Zygote, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    log = tmp_path / "events"
    clean = make_database()
    assert zygote.do(uri=clean, do="run") == 0
    ticket_id = asyncio.run(_state(clean))["tickets"][0][0]  # type: ignore[index]
    assert zygote.do(uri=clean, do="answer", id=ticket_id, kind="approve", log=str(log)) == 0
    done = asyncio.run(_state(clean))
    assert done["tickets"] == [(ticket_id, "filled")]
    assert done["commitments"] == ()
    for kill_at in range(1, len(_events(log)) + 1):
        uri = make_database()
        assert zygote.do(uri=uri, do="run") == 0
        assert zygote.do(uri=uri, do="answer", id=ticket_id, kind="approve", kill_at=kill_at) == -9
        assert zygote.do(uri=uri, do="pick_up", id=ticket_id) == 0
        after = asyncio.run(_state(uri))
        where = f"killed at {kill_at}: {_events(log)[kill_at - 1]}"
        assert len(after["orders"]) <= 1, where  # type: ignore[arg-type]
        assert after == done, where


@pytest.mark.parametrize(("die", "state", "orders"), [("before_send", "unsent", 0), ("after_send", "filled", 1)])
def test_killed_between_intent_and_answer(  # type: ignore[no-untyped-def]
    make_database, zygote: Zygote, die: str, state: str, orders: int
) -> None:
    """The intent is committed, the outcome unknown: it is reconciled with the broker and never sent again."""
    uri = make_database()
    assert zygote.do(uri=uri, do="run") == 0
    ticket_id = asyncio.run(_state(uri))["tickets"][0][0]  # type: ignore[index]
    assert zygote.do(uri=uri, do="answer", id=ticket_id, kind="approve", die=die) == -9
    for _ in range(2):
        assert zygote.do(uri=uri, do="pick_up", id=ticket_id) == 0
        after = asyncio.run(_state(uri))
        assert after["tickets"] == [(ticket_id, state)]
        assert len(after["orders"]) == len(after["positions"]) == orders  # type: ignore[arg-type]
        assert after["commitments"] == ()
