"""`parley data`: files of one's own brought in by a map, what is said of them, and what the store covers."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.cli.exits import Exit
from tests.apps.conftest import Parley

MAP = """
[columns]
ticker = "=SPY"
quoted_at = "When"
symbol = "Symbol"
bid = "Bid"
ask = "Ask"
"""


@pytest.fixture
def quotes(tmp_path: Path) -> Path:
    path = tmp_path / "quotes.csv"
    path.write_text(
        "When,Symbol,Bid,Ask\n"
        "2026-02-11 12:00,SPY260320C00690000,1.00,1.10\n"
        "2026-02-13 12:00,SPY260320P00690000,0,1.30\n"
    )
    return path


def test_a_file_of_ones_own_is_imported_by_a_map_and_covered(alone: Parley, quotes: Path, tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(MAP)
    words = ("data", "import", str(quotes), "--as", "chains", "--set", "mine", "--map", str(tmp_path / "map.toml"))
    first = alone(*words, "--json")
    assert first.code == Exit.OK
    (file,) = first.document["files"]
    assert (file["status"], file["into"], file["stored"]) == ("imported", "mine", 2)
    again = alone(*words)
    assert again.code == Exit.OK
    assert "unchanged" in again.out
    (chain,) = alone("data", "status", "--json").document["chains"]
    assert (chain["market"], chain["ticker"], chain["sessions"]) == ("recorded:mine", "SPY", 2)
    assert chain["missing"] == ["2026-02-12"]
    said = alone("data", "status").out
    assert "1: 2026-02-12" in said
    assert " all " in said


def test_what_is_wrong_with_a_map_is_one_clear_line(alone: Parley, quotes: Path) -> None:
    for words, match in (
        (("--as", "chains", "--set", "x", "--map", "ticker==SPY"), "lacks quoted_at"),
        (("--set", "x"), "--as"),
        (("--as", "chains", "--set", "x", "--map", "ticker=T", "--map", "tciker=T"), "'tciker'"),
    ):
        said = alone("data", "import", str(quotes), *words)
        assert said.code == Exit.USAGE
        assert match in said.err
        assert "Traceback" not in said.err
    assert "is empty" in " ".join(alone("data", "status").out.split())


def test_nothing_known_is_refused(alone: Parley, quotes: Path) -> None:
    said = alone("data", "import", str(quotes))
    assert said.code == Exit.REFUSED
    assert "not a Parquet file" in said.out.replace("\n", " ")
