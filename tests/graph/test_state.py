"""Every record survives LangGraph's real saver, tuples stay tuples, and updates only hold keys of their state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Interrupt, Send

from domain import codec
from domain.orders import Answer
from domain.views import Refused
from graph import state as states
from graph.checkpoints import RecordSerializer, checkpointer, unwrap, wrap
from tests.domain.test_codec import instances

REFUSED = Refused(ticker="SPY", stage="snapshot", reason="stale")


@pytest.mark.parametrize("cls", codec.record_types(), ids=lambda cls: cls.__name__)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_records_survive_the_serialiser(cls: type[Any], data: st.DataObject) -> None:
    value = {"one": data.draw(instances(cls)), "many": (data.draw(instances(cls)), "text")}
    serializer = RecordSerializer()
    assert serializer.loads_typed(serializer.dumps_typed(value)) == value


async def test_records_survive_postgres(postgres_uri: str) -> None:
    class State(TypedDict, total=False):
        refused: tuple[Refused, ...]
        nested: dict[str, tuple[Refused, ...]]

    async def node(state: State) -> State:
        return {"refused": (REFUSED,), "nested": {"SPY": (REFUSED, REFUSED)}}

    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    config: Any = {"configurable": {"thread_id": "t"}}
    async with checkpointer(postgres_uri) as saver:
        await graph.compile(checkpointer=saver).ainvoke({}, config, durability="sync")
    async with checkpointer(postgres_uri) as saver:
        kept = (await graph.compile(checkpointer=saver).aget_state(config)).values
    assert kept == {"refused": (REFUSED,), "nested": {"SPY": (REFUSED, REFUSED)}}


def test_carriers_are_walked_through() -> None:
    send = unwrap(wrap(Send("scan", {"x": (REFUSED,)})))
    assert send.arg == {"x": (REFUSED,)}
    assert unwrap(wrap(Interrupt({"a": REFUSED}, "id"))).value == {"a": REFUSED}
    answer = Answer(
        kind="approve",
        who="me",
        through="cli",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        contracts=None,
        limit_price=None,
        reason="",
    )
    assert wrap(Command(resume=answer)).resume == {"$record": codec.to_data(answer)}


def test_a_foreign_object_is_refused_not_pickled() -> None:
    class Foreign:
        pass

    with pytest.raises(TypeError):
        RecordSerializer().dumps_typed({"x": Foreign()})


def test_reducers() -> None:
    assert states.merge({"a": 1}, {"b": 2}) == {"a": 1, "b": 2}
    assert states.merge({"a": 1}, {"a": 1}) == {"a": 1}
    with pytest.raises(ValueError, match="two branches"):
        states.merge({"a": 1}, {"a": 2})
    assert states.append((REFUSED,), (REFUSED,)) == (REFUSED,)


async def test_interrupts_need_no_json(postgres_uri: str) -> None:
    from langgraph.types import interrupt

    class State(TypedDict, total=False):
        answer: Refused

    async def ask(state: State) -> State:
        return {"answer": interrupt({"subject": REFUSED})}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    compiled = graph.compile(checkpointer=InMemorySaver(serde=RecordSerializer()))
    config: Any = {"configurable": {"thread_id": "t"}}
    await compiled.ainvoke({}, config)
    state = await compiled.aget_state(config)
    assert state.interrupts[0].value == {"subject": REFUSED}
    assert (await compiled.ainvoke(Command(resume=REFUSED), config))["answer"] == REFUSED
