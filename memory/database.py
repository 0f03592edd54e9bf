"""One PostgreSQL database: its pool, its schema, and the one way statements are run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, conninfo, errors
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from domain.errors import DatabaseDown
from memory.queries import Migration, migrations, query

Row = dict[str, Any]
Connection = AsyncConnection[Row]

POOL_SIZE = 4
CONNECT_TIMEOUT_S = 10
OLDEST_VECTOR = (0, 8)  # iterative index scans, without which a filtered recall comes back short


def place(uri: str) -> str | None:
    """Where a database is, in words without its password; None for what cannot be read as an address.

    A password with special characters, not percent-encoded, slips into host and database: such an address is not read.
    """
    try:
        parts = {key: str(value) for key, value in conninfo.conninfo_to_dict(uri).items()}
    except psycopg.ProgrammingError:
        return None
    host, name = parts.get("host", "the default socket"), parts.get("dbname", "the default database")
    return None if "@" in host + name else f"{name} at {host}:{parts.get('port', '5432')}"


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn a lost or refused connection into DatabaseDown; every other database error passes unchanged."""
    try:
        yield
    except (PoolTimeout, PoolClosed, psycopg.InterfaceError) as error:
        raise DatabaseDown(_down(uri, error)) from error
    except psycopg.OperationalError as error:
        code = error.sqlstate
        if code is None or code[:2] in ("08", "28", "3D", "53") or code.startswith("57P"):
            raise DatabaseDown(_down(uri, error)) from error
        raise


def _down(uri: str, error: Exception) -> str:
    where = place(uri)
    if where is None:
        return (
            "PARLEY_DATABASE_URL is no address of a database; it looks like postgresql://user:password@host:5432/name, "
            "with special characters of the password percent-encoded."
        )
    reason = str(error).strip().splitlines()
    return (
        f"the database {where} cannot be used: {reason[0] if reason else type(error).__name__}. "
        "Check PARLEY_DATABASE_URL and that the server runs; `parley doctor` says more."
    )


def utc(moment: datetime) -> datetime:
    """A timestamp as the records want it: aware, with `datetime.UTC`."""
    return moment.astimezone(UTC)


def clean(text: str) -> str:
    """Text that PostgreSQL can hold: NUL and lone surrogates become U+FFFD."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


async def fetch(conn: Connection, name: str, /, **params: object) -> list[Row]:
    """All rows of a named query."""
    return await (await conn.execute(query(name), params)).fetchall()


async def fetch_one(conn: Connection, name: str, /, **params: object) -> Row | None:
    """The first row of a named query."""
    return await (await conn.execute(query(name), params)).fetchone()


async def execute(conn: Connection, name: str, /, **params: object) -> int:
    """Run a named statement; the number of rows it touched."""
    return (await conn.execute(query(name), params)).rowcount


async def connect(uri: str) -> Connection:
    """A connection of one's own, outside any pool (locks live and die with it). Raises DatabaseDown."""
    if place(uri) is None:
        raise DatabaseDown(_down(uri, ValueError(uri)))
    with translated(uri):
        conn = await AsyncConnection.connect(
            uri, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT_S
        )
        await fetch(conn, "session.in_utc")
        return conn


async def migrate(uri: str, steps: tuple[Migration, ...] | None = None) -> tuple[int, ...]:
    """Bring the schema up to date and return the versions applied now; safe from several processes at once.

    Raises DatabaseDown when an applied step has been edited, the database is newer than this program, or pgvector
    is missing or too old.
    """
    conn = await connect(uri)
    try:
        with translated(uri):
            async with conn.transaction():
                await fetch(conn, "session.lock_here", key="parley/migrations")
                return await _migrate(conn, steps or migrations())
    except errors.InsufficientPrivilege as error:
        raise DatabaseDown(
            f"{place(uri)}: this user may not prepare the database ({str(error).strip()}). Give it the right to create "
            "tables, and let an administrator run CREATE EXTENSION vector once."
        ) from error
    except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
        raise DatabaseDown(f"{place(uri)}: pgvector 0.8 or newer must be installed on the server ({error})") from error
    finally:
        await conn.close()


async def _migrate(conn: Connection, steps: tuple[Migration, ...]) -> tuple[int, ...]:
    await execute(conn, "migrate.make_table")
    done = {row["version"]: row for row in await fetch(conn, "migrate.applied")}
    newer = sorted(set(done) - {step.version for step in steps})
    if newer:
        raise DatabaseDown(f"the database holds schema step {newer[-1]}, unknown here: update Parley")
    fresh = []
    for step in steps:
        if step.version in done:
            if done[step.version]["sha256"] != step.sha256:
                raise DatabaseDown(f"schema step {step.version} ({step.name}) was edited after it had been applied")
            continue
        await conn.execute(step.text)
        await execute(conn, "migrate.record", version=step.version, name=step.name, sha256=step.sha256)
        fresh.append(step.version)
    row = await fetch_one(conn, "migrate.vector_version")
    if row is None or tuple(int(part) for part in row["version"].split(".")[:2]) < OLDEST_VECTOR:
        raise DatabaseDown(f"pgvector {row['version'] if row else 'is missing'}: 0.8 or newer is needed")
    return tuple(fresh)


async def _configure(conn: Connection) -> None:
    await fetch(conn, "session.in_utc")
    await register_vector_async(conn)


class Database:
    """A pool of at most four connections, each checked as it is handed out, to a migrated database."""

    def __init__(self, uri: str, pool: AsyncConnectionPool[Connection]) -> None:
        self.uri = uri
        self._pool = pool

    @classmethod
    async def open(cls, uri: str, size: int = POOL_SIZE) -> Database:
        """Migrate, then open the pool. Raises DatabaseDown with what to do."""
        await migrate(uri)
        pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            uri,
            min_size=1,
            max_size=size,
            open=False,
            timeout=CONNECT_TIMEOUT_S * 3,
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
            kwargs={"autocommit": True, "row_factory": dict_row, "connect_timeout": CONNECT_TIMEOUT_S},
        )
        with translated(uri):
            await pool.open(wait=True, timeout=CONNECT_TIMEOUT_S)
        return cls(uri, pool)

    async def close(self) -> None:
        """Close every connection; calling it twice is harmless."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection from the pool; each statement is its own transaction."""
        with translated(self.uri):
            async with self._pool.connection() as conn:
                yield conn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction: an exception rolls back, leaving commits."""
        async with self.connection() as conn, conn.transaction():
            yield conn

    async def rows(self, name: str, /, **params: object) -> list[Row]:
        """All rows of a named query."""
        async with self.connection() as conn:
            return await fetch(conn, name, **params)

    async def row(self, name: str, /, **params: object) -> Row | None:
        """The first row of a named query."""
        async with self.connection() as conn:
            return await fetch_one(conn, name, **params)

    async def run(self, name: str, /, **params: object) -> int:
        """Run a named statement; the number of rows it touched."""
        async with self.connection() as conn:
            return await execute(conn, name, **params)

    async def ping(self) -> float:
        """Seconds that one round trip takes. Raises DatabaseDown."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        await self.rows("session.ping")
        return loop.time() - start
