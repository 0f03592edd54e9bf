"""One decision from the command line: waiting, answered from another process, told, halted, and read back."""

from __future__ import annotations

import pytest

from domain.codec import digest, from_data
from domain.decision import Decision
from tests.apps.conftest import MARKET, NOON, Parley, Said, finish

RUN = ("run", "SPY", "--market", MARKET, "--as-of", NOON)
CODES = "\x1b"


@pytest.fixture(scope="module")
def waiting(parley: Parley) -> Said:
    """A run whose ticket waits for a person."""
    return finish(parley.start(*RUN, "--account", "paper/waiting"))


def ticket_in(said: Said) -> str:
    """The ticket that the printed command answers."""
    (line,) = [line for line in said.out.splitlines() if line.startswith("parley approve ")]
    return line.split()[2]


def test_without_a_terminal_a_run_prints_the_card_and_the_line_that_answers_it(waiting: Said) -> None:
    assert waiting.code == 3
    for words in ("SIMULATED", "rules, no language model", "BULL", "BEAR", "VERDICT", "may trade", "SIZE", "awaiting"):
        assert words in waiting.out, words
    assert ticket_in(waiting) in waiting.out
    assert max(len(line.rstrip()) for line in waiting.out.splitlines()) <= 100
    assert CODES not in waiting.out + waiting.err
    assert "snapshot SPY done" in waiting.err


def test_two_processes_answer_at_once_and_one_order_is_sent(parley: Parley, waiting: Said) -> None:
    ticket = ticket_in(waiting)
    told = [finish(process) for process in [parley.start("approve", ticket, "--json") for _ in range(2)]]
    assert [one.code for one in told] == [0, 0]
    states = [one.document["tickets"][0] for one in told]
    assert {state["state"] for state in states} == {"filled"}
    (fill,) = states[0]["fills"]
    assert states[1]["fills"] == [fill]
    again = parley("approve", ticket[:-1])
    assert "already answered" in again.out
    assert "already answered" in parley("reject", ticket, "--reason", "late").out
    book = parley("portfolio", "--account", "paper/waiting", "--json").document["account"]["book"]
    (position,) = book["positions"]
    assert position["contracts"] == fill["contracts"]


def test_the_journal_tells_the_whole_story(parley: Parley, waiting: Said) -> None:
    run = ticket_in(waiting).rpartition(".")[0]
    assert run in parley("journal", "list").out
    story = parley("journal", "show", run[:-1], "--full")
    assert story.code == 0
    for words in ("SPY/vol_surface/iv_over_rv", "VERDICT", "loss_budget", "filled", "status done", "price"):
        assert words in story.out, words
    document = parley("journal", "show", run, "--json").document
    decision = from_data(document["decision"], Decision)
    assert digest(decision) == document["decision_hash"]
    assert document["status"] == "done"
    assert document["tickets"][0]["state"] == "filled"
    assert document["outcomes"][0]["ticket_id"] == ticket_in(waiting)
    found = parley("journal", "search", "volatility", "rich", "--json").document
    assert run in {hit["run_id"] for hit in found["hits"]}


def test_watch_marks_and_close_ends_the_day(parley: Parley, waiting: Said) -> None:
    watched = parley("watch", "--account", "paper/waiting", "--as-of", "2026-06-30T12:50", "--json")
    assert watched.code == 0
    (mark,) = watched.document["marks"]
    shown = parley("portfolio", "--account", "paper/waiting").out
    assert "SPY iron" in shown
    assert "marked 2026-06-30 12:50" in shown
    closed = parley("close", "--account", "paper/waiting", "--as-of", "2026-06-30T15:55", "--json").document
    assert [row["position"] for row in closed["attribution"]] == [mark["position_id"]]


def test_an_edit_makes_a_ticket_smaller_and_never_larger(parley: Parley) -> None:
    run = parley(*RUN, "--account", "paper/edited", "--json")
    assert run.code == 3
    assert run.document["status"] == "awaiting"
    (ticket,) = run.document["tickets"]
    more = parley("edit", ticket["id"], "--contracts", str(ticket["ticket"]["contracts"] + 1))
    assert more.code == 2
    assert "edit it to 1 to" in more.err
    less = parley("edit", run.document["run_id"], "--contracts", "1", "--json").document["tickets"][0]
    assert less["state"] == "filled"
    assert less["fills"][0]["contracts"] == 1


def test_a_rejected_ticket_gives_back_what_it_reserved(parley: Parley) -> None:
    ticket = ticket_in(parley(*RUN, "--account", "paper/rejected"))
    assert ticket in parley("tickets").out
    said = parley("reject", ticket, "--reason", "too rich for me")
    assert said.code == 0
    assert "rejected" in said.out
    assert "too rich for me" in said.out
    assert ticket not in parley("tickets").out
    assert ticket in parley("tickets", "--all").out
    book = parley("portfolio", "--account", "paper/rejected", "--json").document["account"]["book"]
    assert not book["positions"] + book["commitments"]


def test_a_halt_refuses_runs_and_resume_lifts_it(parley: Parley) -> None:
    assert "desk halted" in parley("halt", "--reason", "rehearsal").out
    try:
        refused = parley(*RUN, "--account", "paper/halted")
        assert refused.code == 4
        assert "rehearsal" in refused.out
        assert "HALTED" in parley("portfolio", "--account", "paper/halted").out
    finally:
        lifted = parley("resume")
    assert lifted.code == 0
    assert "parley run --continue" in lifted.out
    assert parley("resume").code == 2
    after = parley(*RUN, "--account", "paper/halted", "--json")
    assert after.code == 3


def test_continuing_a_finished_run_repeats_nothing(parley: Parley, waiting: Said) -> None:
    run = ticket_in(waiting).rpartition(".")[0]
    before = parley("journal", "show", run, "--json").document
    after = parley("run", "--continue", run, "--json")
    assert after.code == 0
    assert after.document["decision_hash"] == before["decision_hash"]
    assert after.document["tickets"] == before["tickets"]


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("run", "SPY", "--market", "moon:base"), 2, "moon:base"),
        (("run", "SPY", "--market", "recorded:none"), 2, "parley data import"),
        (("run", "SPY", "--as-of", "yesterday"), 2, "yesterday"),
        (("run", "SPY", "--as-of", "2026-07-04"), 2, "2026-07-04"),
        (("run", "--continue", "nope"), 2, "nope"),
        (("approve", "nope"), 2, "nope"),
        (("journal", "show", "nope"), 2, "nope"),
        (("portfolio", "--account", "paper/none"), 2, "paper/none"),
        (("halt", "--account", "paper/none"), 2, "paper/none"),
    ],
)
def test_what_does_not_exist_is_named(parley: Parley, words: tuple[str, ...], code: int, complaint: str) -> None:
    said = parley(*words)
    assert said.code == code
    assert complaint in " ".join(said.err.split())
    assert "Traceback" not in said.err


def test_a_database_that_is_down_is_the_environment(alone: Parley) -> None:
    said = alone("tickets", PARLEY_DATABASE_URL="postgresql://parley@127.0.0.1:1/none")
    assert said.code == 5
    assert "PARLEY_DATABASE_URL" in said.err
    assert "Traceback" not in said.err
