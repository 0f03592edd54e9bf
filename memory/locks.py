"""Locks between processes: PostgreSQL session locks, each on a connection of its own, gone when its process dies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg import errors

from domain.errors import ThreadBusy
from memory.database import Database, connect, fetch, fetch_one, translated


@asynccontextmanager
async def _held(where: Database | str, key: str, wait_s: float, busy: str) -> AsyncIterator[None]:
    uri = where if isinstance(where, str) else where.uri
    conn = await connect(uri)
    try:
        with translated(uri):
            row = await fetch_one(conn, "session.try_lock", key=key)
            if row is None or not row["got"]:
                if wait_s <= 0:
                    raise ThreadBusy(busy)
                await fetch(conn, "session.lock_timeout", milliseconds=max(1, round(wait_s * 1000)))
                try:
                    await fetch(conn, "session.lock", key=key)
                except errors.LockNotAvailable as error:
                    raise ThreadBusy(busy) from error
        try:
            yield
        finally:
            # Closing lets go too, but only once the server has noticed; whoever comes next must not wait for that.
            if not conn.broken:
                with translated(uri):
                    await fetch(conn, "session.unlock", key=key)
    finally:
        await conn.close()


@asynccontextmanager
async def thread_lock(where: Database | str, thread_id: str, wait_s: float = 0.0) -> AsyncIterator[None]:
    """Hold a run's or ticket's thread; nobody else works on it meanwhile. Raises ThreadBusy after `wait_s` seconds."""
    busy = f"another process is working on {thread_id} right now; try again in a moment"
    async with _held(where, f"thread/{thread_id}", wait_s, busy):
        yield
