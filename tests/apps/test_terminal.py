"""On a terminal the run asks: a pseudo-terminal that types the answers."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.apps.conftest import MARKET, NOON, ROOT, Parley


def type_at(parley: Parley, account: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run on a terminal of 100 columns; type each answer when its question has come. Exit code and everything shown."""
    near, far = pty.openpty()
    environment = {**parley._environment({}), "COLUMNS": "100", "TERM": "xterm"}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "apps.cli.main",
            "run",
            "SPY",
            "--market",
            MARKET,
            "--as-of",
            NOON,
            "--account",
            account,
        ],
        cwd=parley.home,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=far,
        stdout=far,
        stderr=subprocess.DEVNULL,
    )
    os.close(far)
    shown, waiting = "", list(answers)
    while True:
        try:
            piece = os.read(near, 65_536)
        except OSError:  # the terminal closed with its last process
            break
        if not piece:
            break
        shown += piece.decode(errors="replace")
        if waiting and waiting[0][0] in shown.rpartition("\n")[2]:
            os.write(near, f"{waiting.pop(0)[1]}\n".encode())
            shown += "\n"
    os.close(near)
    assert not waiting, f"never asked: {waiting}"
    return process.wait(timeout=60), shown


@pytest.fixture(scope="module")
def at_terminal(parley: Parley) -> Callable[[str, list[tuple[str, str]]], tuple[int, str]]:
    return lambda account, answers: type_at(parley, account, answers)


def test_nonsense_is_asked_again_and_an_edit_is_sent_smaller(
    at_terminal: Callable[[str, list[tuple[str, str]]], tuple[int, str]],
) -> None:
    answers = [
        ("[l]ater:", "hm"),
        ("[l]ater:", "e"),
        ("as proposed):", "9999"),
        ("as is):", ""),
        ("[l]ater:", "e"),
        ("as proposed):", "1"),
        ("as is):", ""),
    ]
    code, shown = at_terminal("paper/typed", answers)
    assert code == 0
    assert "That does not work" in shown
    assert "filled 1 at" in shown


def test_later_leaves_the_ticket_waiting(
    at_terminal: Callable[[str, list[tuple[str, str]]], tuple[int, str]],
) -> None:
    code, shown = at_terminal("paper/later", [("[l]ater:", "l")])
    assert code == 3
    assert "parley approve" in shown
