"""The database that Parley runs itself: PostgreSQL with pgvector in one folder, reached by a UNIX socket only.

One rule for any number of processes: start and stop happen under a lock on the folder. The server is detached, so it
outlives a process that dies; the last one to leave (no other client connected, seen under the same lock) stops it.
Whether a server lives is never read from a pid file alone, but proven by connecting.

    data_dir/           ours, readable by the server's user
        lock            flock of start and stop
        server/         the server's user's, closed to others: data/, log, the socket
        sockets         where the socket is, when this path is too long for one
        server-x.y.z/   a copy of the binaries, only when the server's user cannot reach the installed ones
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import Connection

from domain.errors import BadInput, DatabaseDown
from memory.cluster import START_S, Account, Cluster, binaries, can_enter, server_account, wait_for
from memory.queries import query

USER = "parley"
LONGEST_SOCKET = 100  # bytes of a socket's path, a little below what systems allow
LEAVING_S = 0.5  # how long a backend may still show after its client has gone

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",  # parallel index builds need more /dev/shm than containers give
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

# One open connection per folder that this process has started: what tells other processes that we are here.
_PRESENT: dict[Path, Connection[tuple[object, ...]]] = {}


def start(data_dir: Path) -> str:
    """Start the database in this folder, or join the one that runs, and return its URI; blocking, about 1 s at first.

    Raises DatabaseDown with what to do.
    """
    data_dir = data_dir.absolute()
    _make_folder(data_dir)
    with _locked(data_dir):
        account = server_account(data_dir / "server")
        barred = can_enter(data_dir, account)
        if account is not None and barred is not None:
            raise DatabaseDown(
                f"as root the database runs as `{account.name}`, which may not enter {barred}. Choose a folder that "
                "every user can reach, such as /var/lib/parley (PARLEY_DATA_DIR), or run Parley as an ordinary user."
            )
        cluster = Cluster(_server_folder(data_dir, account), binaries(data_dir, account), account)
        sockets = _sockets(data_dir, account)
        uri = _uri(sockets)
        for _ in range(2):  # twice: the server we found may have been on its way down
            if cluster.postmaster() is None:
                cluster.sweep(sockets)
                cluster.make(USER, "--auth=trust")
                cluster.trim_log()
                cluster.launch({**SETTINGS, "unix_socket_directories": str(sockets)})
            if _stay(data_dir, uri, cluster):
                return uri
        raise DatabaseDown(f"the embedded database started and ended again.\n{cluster.last_words()}")


def stop_if_last(data_dir: Path) -> bool:
    """Leave: stop the server when no other client is connected. Close your own connections first.

    True when the server does not run afterwards.
    """
    data_dir = data_dir.absolute()
    _leave(data_dir)
    if not (data_dir / "server").is_dir():
        return True
    with _locked(data_dir):
        cluster = _existing(data_dir)
        if cluster.postmaster() is None:
            return True
        deadline = time.monotonic() + LEAVING_S
        while _others(_uri(_sockets(data_dir, cluster.account))):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        cluster.halt()
        return True


def stop(data_dir: Path) -> None:
    """Stop the server whoever is connected; harmless when it does not run."""
    data_dir = data_dir.absolute()
    _leave(data_dir)
    if (data_dir / "server").is_dir():
        with _locked(data_dir):
            cluster = _existing(data_dir)
            if cluster.postmaster() is not None:
                cluster.halt()


def remove(data_dir: Path) -> None:
    """Stop the server and delete everything it kept; what else lies in the folder stays. Raises BadInput for a folder
    that holds no database of ours.
    """
    data_dir = data_dir.absolute()
    if not data_dir.exists():
        return
    if not (data_dir / "server").is_dir() and {path.name for path in data_dir.iterdir()} - {"lock", "sockets"}:
        raise BadInput(f"{data_dir} holds no database of Parley; nothing was removed")
    _leave(data_dir)
    with _locked(data_dir):
        if (data_dir / "server").is_dir():
            cluster = _existing(data_dir)
            sockets = _sockets(data_dir, cluster.account)
            if cluster.postmaster() is not None:
                cluster.halt()
            cluster.sweep(sockets)
            if sockets != cluster.folder:
                shutil.rmtree(sockets, ignore_errors=True)
        for entry in (data_dir / "server", *data_dir.glob("server-*")):
            shutil.rmtree(entry, ignore_errors=True)
        (data_dir / "sockets").unlink(missing_ok=True)
        (data_dir / "lock").unlink(missing_ok=True)
    if not any(data_dir.iterdir()):
        data_dir.rmdir()


def running(data_dir: Path) -> bool:
    """True when a server runs on this folder."""
    data_dir = data_dir.absolute()
    return Cluster(data_dir / "server", Path(), None).postmaster() is not None


def _existing(data_dir: Path) -> Cluster:
    account = server_account(data_dir / "server")
    return Cluster(data_dir / "server", binaries(data_dir, account), account)


def _make_folder(data_dir: Path) -> None:
    """Make the folder and what is missing above it, for everyone to pass; folders that exist are left as they are."""
    missing = [path for path in (data_dir, *data_dir.parents) if not path.exists()]
    try:
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
    except OSError as error:
        raise DatabaseDown(f"{data_dir} cannot be made ({error}); choose another folder (PARLEY_DATA_DIR)") from error


def _server_folder(data_dir: Path, account: Account | None) -> Path:
    folder = data_dir / "server"
    folder.mkdir(mode=0o700, exist_ok=True)
    if account is not None and folder.stat().st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)
    return folder


def _sockets(data_dir: Path, account: Account | None) -> Path:
    """The socket's folder: beside the data, or a short one under the system's temporary folder, written down once."""
    usual = data_dir / "server"
    if len(os.fsencode(usual)) + len(".s.PGSQL.5432") + 1 <= LONGEST_SOCKET:
        return usual
    note = data_dir / "sockets"
    if note.exists():
        folder = Path(note.read_text().strip())
    else:
        name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"parley-{name}"
        note.write_text(f"{folder}\n")
    folder.mkdir(mode=0o700, exist_ok=True)
    uid = os.geteuid() if account is None else account.uid
    if account is not None and folder.stat().st_uid == 0:
        os.chown(folder, account.uid, account.gid)
    info = folder.lstat()
    if info.st_uid != uid or info.st_mode & 0o077:
        raise DatabaseDown(f"{folder} belongs to someone else or is open to others; remove it and try again")
    return folder


def _uri(sockets: Path) -> str:
    return f"postgresql://{USER}@/postgres?host={quote(str(sockets), safe='')}"


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Hold the folder's lock; a lock file that was removed while we waited is not the lock any more."""
    path = data_dir / "lock"
    deadline = time.monotonic() + 2 * START_S
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DatabaseDown(f"{path} cannot be opened ({error}); choose another folder (PARLEY_DATA_DIR)") from error
        try:
            while not _try_lock(handle):
                wait_for(deadline, f"another process has held {path} for {2 * START_S} s; see what it does, or end it")
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                yield
                return
        finally:
            os.close(handle)
        _make_folder(data_dir)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stay(data_dir: Path, uri: str, cluster: Cluster) -> bool:
    """Prove that the server answers, and keep that connection as the sign of our presence.

    False when the server ended meanwhile. Raises DatabaseDown when it lives and does not answer.
    """
    old = _PRESENT.pop(data_dir, None)
    if old is not None:
        old.close()
    deadline = time.monotonic() + START_S
    while True:
        try:
            conn = psycopg.connect(uri, autocommit=True, connect_timeout=5)
            conn.execute(query("session.ping"))
        except psycopg.OperationalError as error:
            if cluster.postmaster() is None:
                return False
            wait_for(deadline, f"the embedded database does not answer ({error}).\n{cluster.last_words()}")
        else:
            _PRESENT[data_dir] = conn
            return True


def _leave(data_dir: Path) -> None:
    conn = _PRESENT.pop(data_dir, None)
    if conn is not None:
        conn.close()


def _others(uri: str) -> int:
    """Clients connected besides the one that asks. Raises DatabaseDown."""
    try:
        with psycopg.connect(uri, autocommit=True, connect_timeout=5) as conn:
            row = conn.execute(query("session.other_clients")).fetchone()
    except psycopg.OperationalError as error:
        raise DatabaseDown(f"the embedded database runs and does not answer: {error}") from error
    return 0 if row is None else int(row[0])
