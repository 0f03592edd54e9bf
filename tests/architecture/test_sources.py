"""Habits that hold for every source file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ("agents", "apps", "domain", "graph", "lab", "memory", "prompts", "quant", "tools")
FILES = sorted(path for root in ROOTS for path in (ROOT / root).rglob("*.py"))


# The compiler's cache on disk watches the file of a compiled function alone, so what is inlined stands beside it.
COMPILED_WHOLE = "kernel.py"


def test_there_are_sources() -> None:
    assert len(FILES) > 80


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_one_noun(path: Path) -> None:
    assert path.stem not in {"utils", "helpers", "common", "manager", "misc"}
    assert len(path.read_text().splitlines()) <= (700 if path.name.endswith(COMPILED_WHOLE) else 400)


def test_sql_stands_in_sql_files() -> None:
    statement = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|DELETE FROM|UPDATE \w+ SET)\b")
    offenders = [str(path.relative_to(ROOT)) for path in FILES if statement.search(path.read_text())]
    assert offenders == []


def test_nodes_stay_thin() -> None:
    for path in (ROOT / "graph" / "nodes").glob("*.py"):
        text = path.read_text()
        assert "import logging" not in text, path.name
        assert "perf_counter" not in text, path.name
        assert len(text.splitlines()) <= 110, path.name
