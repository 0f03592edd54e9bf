"""Databases for tests: one throw-away server per session, a migrated template, a copy of it for each test.

With PARLEY_TEST_DATABASE_URL set, that server is used instead; its user must be allowed to create databases.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import pytest

from memory.cluster import Cluster, binaries, server_account
from memory.database import migrate
from memory.embedded import SETTINGS

__all__ = ["PgServer", "make_database", "open_folder", "pg_server", "postgres_uri", "server"]

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
_NUMBERS = count(1)


@dataclass(frozen=True)
class PgServer:
    """A server that may be filled with databases; `template` is empty and migrated."""

    uri: str
    template: str

    def at(self, database: str) -> str:
        """The URI of one of its databases."""
        return urlunsplit(urlsplit(self.uri)._replace(path=f"/{database}"))

    def run(self, statement: str) -> None:
        """Run an administrator's statement."""
        with psycopg.connect(self.uri, autocommit=True) as conn:
            conn.execute(statement.encode())

    def create(self) -> str:
        """A fresh migrated database; its name."""
        name = f"parley_test_{os.getpid()}_{next(_NUMBERS)}"
        self.run(f"create database {name} template {self.template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.run(f"drop database if exists {name} with (force)")


def open_folder() -> Path:
    """A new folder that any user may pass, unlike pytest's own: a server of root runs as another user."""
    folder = Path(tempfile.mkdtemp(prefix="parley-test-"))
    folder.chmod(0o755)
    return folder


def _fast_folder() -> Path:
    """Such a folder in memory where there is plenty: databases are made three to ten times faster there."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 4 << 30:
        return open_folder()
    folder = Path(tempfile.mkdtemp(prefix="parley-test-", dir=memory))
    folder.chmod(0o755)
    return folder


def server(*, tcp_password: str | None = None) -> Iterator[str]:
    """Run a throw-away server and give its URI: by its socket, or by TCP on loopback with a password."""
    base = _fast_folder()
    account = server_account(base / "server")
    folder = base / "server"
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    cluster = Cluster(folder, binaries(base, account), account)
    settings = {**SETTINGS, **FAST, "unix_socket_directories": str(folder)}
    uri = f"postgresql://parley@/postgres?host={quote(str(folder), safe='')}"
    auth = ["--no-sync", "--auth=trust"]
    if tcp_password is not None:
        secret = folder / "secret"
        secret.write_text(tcp_password)
        if account is not None:
            os.chown(secret, account.uid, account.gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        auth = ["--no-sync", "--auth=scram-sha-256", f"--pwfile={secret}"]
        settings |= {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
        uri = f"postgresql://parley:{quote(tcp_password, safe='')}@127.0.0.1:{port}/postgres"
    try:
        cluster.make("parley", *auth)
        cluster.launch(settings)
        yield uri
    finally:
        if cluster.postmaster() is not None:
            cluster.halt()
        shutil.rmtree(base)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[PgServer]:
    """One server for the session, with a migrated template."""
    given = os.environ.get("PARLEY_TEST_DATABASE_URL")
    owner = iter((given,)) if given else server()
    made = PgServer(next(owner), f"parley_template_{os.getpid()}")
    made.run(f"create database {made.template}")
    try:
        asyncio.run(migrate(made.at(made.template)))
        yield made
    finally:
        made.drop(made.template)
        next(owner, None)


@pytest.fixture
def make_database(pg_server: PgServer) -> Iterator[Callable[[], str]]:
    """A maker of fresh migrated databases (their URIs), all dropped after the test."""
    names: list[str] = []

    def make() -> str:
        names.append(pg_server.create())
        return pg_server.at(names[-1])

    yield make
    for name in names:
        pg_server.drop(name)


@pytest.fixture
def postgres_uri(make_database: Callable[[], str]) -> str:
    """A fresh migrated database for one test."""
    return make_database()
