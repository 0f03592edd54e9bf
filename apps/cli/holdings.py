"""The store of recorded data: bring files in, say what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apps.cli.exits import Exit
from apps.cli.terminal import err, out, say_json
from apps.render.data import covered, imported
from domain.codec import to_data
from tools.market.coverage import coverage
from tools.market.importers.column_map import read_map
from tools.market.importers.importing import ImportReport, import_path
from tools.market.importers.mapped import import_mapped
from tools.market.store import Store

if TYPE_CHECKING:
    from apps.settings import Settings


def import_files(settings: Settings, path: Path, as_json: bool) -> Exit:
    """Import a file or folder; refused when nothing in it was known."""
    with err().status(f"importing {path}"):
        report = import_path(path, settings.store_dir)
    return _say(report, as_json)


def import_own(
    settings: Settings, path: Path, shape: str, set_name: str | None, said: tuple[str, ...], as_json: bool
) -> Exit:
    """Import one file of any columns by a map of them."""
    columns = read_map(shape, said)
    with err().status(f"importing {path}"):
        report = import_mapped(path, settings.store_dir, columns, set_name)
    return _say(report, as_json)


def _say(report: ImportReport, as_json: bool) -> Exit:
    if as_json:
        say_json(to_data(report))
    else:
        out().print(imported(report))
    return Exit.OK if report.count("imported") + report.count("unchanged") else Exit.REFUSED


def status(settings: Settings, as_json: bool) -> None:
    """Coverage and gaps of everything in the store."""
    found = coverage(Store(settings.store_dir))
    if as_json:
        say_json(to_data(found))
    elif found.chains or found.bars or found.shelves:
        out().print(covered(found))
    else:
        out().print(f"The store {settings.store_dir} is empty; bring some data in: parley data import PATH")
