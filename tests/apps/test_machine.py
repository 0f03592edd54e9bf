"""The machine: the demo on an embedded database, the doctor, data, and removing everything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.apps.conftest import MARKET, Parley, finish


def test_the_demo_answers_itself_on_paper_and_can_be_repeated_and_removed(embedded: Parley) -> None:
    first = finish(embedded.start("run", "--demo"))
    assert first.code == 0
    for words in ("SIMULATED", "FOR THE PAPER BROKER ONLY", "filled", "same_snapshot", "Journal", "remembered"):
        assert words in first.out, words
    again = embedded("run", "--demo", "--json").document
    assert again["decision"]["spec"]["account"] == "paper/demo/2"
    assert again["tickets"][0]["state"] == "filled"
    listed = embedded("portfolio", "--json").document["accounts"]
    assert [one["book"]["account"] for one in listed] == ["paper/demo/1", "paper/demo/2"]
    data = embedded.home / "data"
    assert (data / "postgres").is_dir()
    assert embedded("reset").code == 2
    assert (data / "postgres").is_dir()
    gone = embedded("reset", "--yes", "--json")
    assert gone.code == 0
    assert gone.document["removed"] == [str(data / "postgres")]
    assert not data.exists()
    assert embedded("reset", "--yes").code == 0


@pytest.mark.parametrize("name", ["precious.txt", "postgres/precious.txt", "store/precious.txt"])
def test_reset_refuses_what_it_did_not_make(alone: Parley, name: str) -> None:
    precious = alone.home / "data" / name
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    said = alone("reset", "--yes")
    assert precious.read_text() == "mine"
    assert said.code == (0 if name == "precious.txt" else 2)


def test_reset_keeps_strangers_in_the_store(alone: Parley) -> None:
    store = alone.home / "data" / "store"
    (store / "holiday").mkdir(parents=True)
    (store / "manifest.json").write_text('{"version": 1, "files": {}}')
    assert alone("reset", "--yes").code == 2
    (store / "holiday").rmdir()
    (store / "spx-2019" / "chains").mkdir(parents=True)
    assert alone("reset", "--yes").code == 0
    assert not store.exists()


def test_the_doctor_finds_everything_well(parley: Parley) -> None:
    said = parley("doctor", "--json")
    assert said.code == 0
    found = {one["name"]: one for one in said.document["findings"]}
    assert list(found) == ["platform", "disk", "clock", "database", "market", "model", "broker"]
    assert all(one["ok"] for one in found.values())
    assert "pgvector" in found["database"]["found"]
    assert found["model"]["found"].startswith("rules")
    assert found["broker"]["found"].startswith("paper")


def test_the_doctor_says_what_to_do_about_each_failure(alone: Parley) -> None:
    said = alone(
        "doctor",
        PARLEY_DATABASE_URL="postgresql://parley@127.0.0.1:1/none",
        PARLEY_MARKET="recorded:nothing",
        PARLEY_MODEL_URL="http://127.0.0.1:1/v1",
        PARLEY_MODEL_TIMEOUT_S="2",
    )
    assert said.code == 5
    assert said.out.count("FAILED") == 4
    for advice in ("PARLEY_DATABASE_URL", "parley data import", "model_url", "ok"):
        assert advice in said.out, advice
    assert "Traceback" not in said.err


def test_a_replay_runs_session_by_session_on_an_account_of_its_own(parley: Parley) -> None:
    span = ("--from", "2026-06-26", "--to", "2026-06-30")
    report = parley("replay", "SPY", "--market", MARKET, *span, "--fills", "same_snapshot", "--json").document
    days = ["2026-06-26", "2026-06-29", "2026-06-30"]
    assert [tick["at"][:10] for tick in report["ticks"]] == [day for day in days for _ in range(2)]
    assert report["account"].startswith("replay/")
    assert report["fill_mode"] == "same_snapshot"
    filled = [one for one in report["outcomes"] if one["state"] == "filled"]
    assert len(filled) >= 1
    page = parley("replay", "SPY", "--market", MARKET, *span)
    assert "SIMULATED" in page.out
    assert "next_quote" in page.out
    assert parley("replay", "--market", MARKET, "--from", "2031-01-01").code == 2


@pytest.mark.data
def test_data_comes_in_once_and_shows(alone: Parley, shared_data: Path) -> None:
    source = alone.home / "files"
    source.mkdir()
    shutil.copy(shared_data / "options" / "yahoo_chain_snapshots_2026-02.parquet", source)
    first = alone("data", "import", str(source), "--json")
    assert first.code == 0
    assert [file["status"] for file in first.document["files"]] == ["imported"]
    assert "1 unchanged" in " ".join(alone("data", "import", str(source)).out.split())
    assert "recorded:NAME" in " ".join(alone("data", "status").out.split())
    assert alone("data", "import", str(alone.home / "missing")).code == 2
