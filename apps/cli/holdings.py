"""The store of recorded data: bring files in, say what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apps.cli.exits import Exit
from apps.cli.terminal import err, out, say_json
from apps.render.data import imported, sets
from domain.codec import to_data
from tools.market.importers.importing import import_path
from tools.market.store import Store

if TYPE_CHECKING:
    from apps.settings import Settings


def import_files(settings: Settings, path: Path, as_json: bool) -> Exit:
    """Import a file or folder; refused when nothing in it was known."""
    with err().status(f"importing {path}"):
        report = import_path(path, settings.store_dir)
    if as_json:
        say_json(to_data(report))
    else:
        out().print(imported(report))
    return Exit.OK if report.count("imported") + report.count("unchanged") else Exit.REFUSED


def status(settings: Settings, as_json: bool) -> None:
    """Sets, tickers and days."""
    store = Store(settings.store_dir)
    found = [(name, ticker, store.chain_days(name, ticker)) for name in store.sets() for ticker in store.tickers(name)]
    files = len(store.manifest())
    if as_json:
        rows = [
            {"set": name, "ticker": ticker, "days": len(days), "first": days[0], "last": days[-1]}
            for name, ticker, days in found
        ]
        say_json({"store": str(settings.store_dir), "files": files, "sets": rows})
    elif found:
        out().print(sets(settings.store_dir, files, found))
    else:
        out().print(f"The store {settings.store_dir} holds no chains; bring some in: parley data import PATH")
