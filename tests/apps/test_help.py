"""Help is quick because it imports nothing heavy, and it says what the exit codes mean."""

from __future__ import annotations

import subprocess
import sys

import pytest

from apps.cli.exits import MEANING, Exit, exit_of
from apps.cli.main import app
from domain import errors
from tests.apps.conftest import Parley

COMMANDS = [
    (), ("run",), ("approve",), ("reject",), ("edit",), ("tickets",), ("portfolio",), ("halt",), ("resume",),
    ("watch",), ("close",), ("replay",), ("doctor",), ("init",), ("reset",), ("journal",), ("journal", "list"),
    ("journal", "show"), ("journal", "search"), ("data",), ("data", "import"), ("data", "status"), ("data", "check"),
    ("data", "prune"), ("record",), ("config",), ("config", "show"), ("surface",),
]  # fmt: skip
HEAVY = {
    "numpy", "torch", "langgraph", "transformers", "psycopg", "polars", "scipy", "pandas", "numba",
    "langchain_core", "graph", "memory", "quant", "tools",
}  # fmt: skip

PROBE = """
import sys
from apps.cli.main import app
for words in {commands!r}:
    try:
        app([*words, "--help"], standalone_mode=False)
    except SystemExit as end:
        assert not end.code, words
print("HEAVY", sorted({heavy!r} & set(sys.modules)))
"""


def test_no_help_imports_anything_heavy() -> None:
    """Every command's help, in one process: not one of the heavy packages, nor a layer below the command line."""
    script = PROBE.format(commands=COMMANDS, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.rstrip().endswith("HEAVY []")


def test_every_command_is_in_the_list_above() -> None:
    names = {(command.name or command.callback.__name__,) for command in app.registered_commands if command.callback}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        names |= {(group.name,)}
        names |= {
            (group.name, one.name or one.callback.__name__)
            for one in group.typer_instance.registered_commands
            if one.callback
        }
    assert names == set(COMMANDS) - {()}


@pytest.mark.parametrize("words", [(), ("run",), ("journal", "show")])
def test_help_names_every_exit_code(alone: Parley, words: tuple[str, ...]) -> None:
    said = alone(*words, "--help")
    assert said.code == 0
    flat = " ".join(said.out.split())
    for code, meaning in MEANING.items():
        assert f"{code.value} {meaning}" in flat


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.BadInput("x"), Exit.USAGE),
        (errors.NotFound("x"), Exit.USAGE),
        (errors.SettingsError("x"), Exit.USAGE),
        (errors.DataAbsent("x"), Exit.USAGE),
        (errors.SourceFailed("x"), Exit.ENVIRONMENT),
        (errors.DatabaseDown("x"), Exit.ENVIRONMENT),
        (errors.ModelFailed("x"), Exit.ENVIRONMENT),
        (errors.BrokerFailed("x"), Exit.ENVIRONMENT),
        (errors.ThreadBusy("x"), Exit.ENVIRONMENT),
        (errors.ThreadOutdated("x"), Exit.REFUSED),
        (errors.OrderRefused("x"), Exit.REFUSED),
        (errors.StaleData("x"), Exit.REFUSED),
    ],
)
def test_each_error_has_its_code(error: errors.ParleyError, code: Exit) -> None:
    assert exit_of(error) is code


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("run", "--demo", "--market", "simulated:vrp"), "--demo chooses"),
        (("run", "SPY", "--continue", "x"), "--continue takes a run"),
        (("resume", "20260630-1245-abc"), "parley run --continue 20260630-1245-abc"),
        (("edit", "x"), "--contracts or --limit"),
        (("edit", "x", "--limit", "cheap"), "no price"),
        (("edit", "x", "--limit", "nan"), "no price"),
        (("edit", "x", "--contracts", "0"), "--contracts"),
        (("replay",), "--market"),
        (("nonsense",), "nonsense"),
    ],
)
def test_bad_usage_is_code_2_and_says_what_to_do(alone: Parley, words: tuple[str, ...], complaint: str) -> None:
    said = alone(*words)
    assert said.code == 2
    assert complaint in " ".join(said.err.replace("│", " ").split())
    assert "Traceback" not in said.err
