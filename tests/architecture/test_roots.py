"""The fixed top-level names are ours alone: nothing installed claims them, and each imports from this checkout."""

from __future__ import annotations

import importlib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ("agents", "apps", "domain", "graph", "lab", "memory", "prompts", "quant", "tools")


@pytest.mark.parametrize("name", ROOTS)
def test_no_other_distribution_claims_the_name(name: str) -> None:
    owners = set(packages_distributions().get(name, ["parley"]))
    assert owners <= {"parley"}, f"{owners} install a top-level {name!r}"


@pytest.mark.parametrize("name", ROOTS)
def test_the_name_imports_from_the_checkout(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().is_relative_to(ROOT)


def test_every_root_is_packaged() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for name in ROOTS:
        assert f'"{name}"' in text.split("[tool.hatch.build.targets.wheel]")[1].split("]")[0]
