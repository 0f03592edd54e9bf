"""The wheel is whole: SQL and prompts travel with it, and `parley doctor` works from it alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.postgres import open_folder

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_doctor_runs_from_the_wheel(tmp_path: Path) -> None:
    options = ["-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    build = [sys.executable, "-m", "pip", "wheel", *options, str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("parley-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("memory/sql/migrations/") for name in names)
    assert any(name.startswith("prompts/debate/") and name.endswith(".md") for name in names)
    assert "tools/market/reference/universe.toml" in names
    assert not any(name.startswith(("tests/", "benchmarks/", "docs/")) for name in names)
    bare = open_folder()
    try:
        zipfile.ZipFile(wheel).extractall(bare / "site")
        env = {key: value for key, value in os.environ.items() if not key.startswith("PARLEY_")}
        env |= {"PYTHONPATH": str(bare / "site"), "PARLEY_DATA_DIR": str(bare / "data")}
        env |= {"PARLEY_STORE_DIR": str(bare / "store")}
        where = subprocess.run(
            [sys.executable, "-c", "import memory; print(memory.__file__)"],
            env=env,
            cwd=bare,
            capture_output=True,
            text=True,
            check=True,
        )
        assert where.stdout.startswith(str(bare)), "the wheel, not the checkout, must answer"
        done = subprocess.run(
            [sys.executable, "-m", "apps.cli.main", "doctor", "--json"],
            env=env,
            cwd=bare,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert json.loads(done.stdout)
    finally:
        shutil.rmtree(bare, ignore_errors=True)
