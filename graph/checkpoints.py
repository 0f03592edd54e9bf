"""Checkpoints in PostgreSQL, with the one codec inside LangGraph's serialiser.

LangGraph's own msgpack turns a tuple inside a record into a list. Here every record and tuple goes through
`domain.codec` on its way in and out, so state comes back equal to what was written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command, Interrupt, Send
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from domain.codec import from_tagged, is_record, to_data

Saver = AsyncPostgresSaver


def wrap(value: Any) -> Any:
    """Records and tuples as tagged plain data, LangGraph's own carriers walked through."""
    if is_record(value):
        return {"$record": to_data(value)}
    if isinstance(value, tuple):
        return {"$tuple": [wrap(item) for item in value]}
    if isinstance(value, list):
        return [wrap(item) for item in value]
    if isinstance(value, dict):
        return {key: wrap(item) for key, item in value.items()}
    if isinstance(value, Send):
        return Send(value.node, wrap(value.arg))
    if isinstance(value, Interrupt):
        return Interrupt(wrap(value.value), value.id)
    if isinstance(value, Command):
        return Command(graph=value.graph, update=wrap(value.update), resume=wrap(value.resume), goto=value.goto)
    return value


def unwrap(value: Any) -> Any:
    """The inverse of `wrap`."""
    if isinstance(value, dict):
        if "$record" in value:
            return from_tagged(value["$record"])
        if "$tuple" in value:
            return tuple(unwrap(item) for item in value["$tuple"])
        return {key: unwrap(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrap(item) for item in value]
    if isinstance(value, Send):
        return Send(value.node, unwrap(value.arg))
    if isinstance(value, Interrupt):
        return Interrupt(unwrap(value.value), value.id)
    return value


class RecordSerializer(JsonPlusSerializer):
    """LangGraph's serialiser with the domain codec inside; anything outside the closed set is refused."""

    def __init__(self) -> None:
        super().__init__(allowed_msgpack_modules=None)

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        return super().dumps_typed(wrap(obj))

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        return unwrap(super().loads_typed(data))


@asynccontextmanager
async def checkpointer(uri: str) -> AsyncIterator[Saver]:
    """A saver on its own one-connection pool. Its tables are made on first use."""
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        uri,
        min_size=1,
        max_size=1,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        check=AsyncConnectionPool.check_connection,
    )
    await pool.open(wait=True)
    try:
        saver = AsyncPostgresSaver(pool, serde=RecordSerializer())
        await saver.setup()
        yield saver
    finally:
        await pool.close()
