"""Files of ours: the settings file, and removing everything that was made."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from apps.cli.exits import Exit
from apps.cli.terminal import err, out, say_json
from apps.settings import commented, find_file
from domain.errors import BadInput

if TYPE_CHECKING:
    from apps.settings import Settings


def write_settings(path: Path) -> None:
    """Write the commented settings. Raises BadInput where a file stands already or cannot be written."""
    if path.is_dir():
        path = path / "parley.toml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(commented())
    except FileExistsError as error:
        raise BadInput(f"{path} exists and was left alone; name another file or move it away") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}") from error


def show_settings(settings: Settings, as_json: bool) -> None:
    """Every setting with its value, and the hash."""
    path = find_file()
    if as_json:
        say_json({"hash": settings.hash(), "file": None if path is None else str(path), "settings": settings.shown()})
        return
    from apps.render.settings import settings_table

    out().print(settings_table(settings.shown(), settings.hash(), path))


def remove_everything(settings: Settings, yes: bool, as_json: bool) -> Exit:
    """Remove what Parley made and nothing else; asks unless told not to. Raises BadInput for folders of others."""
    database, store = settings.data_dir / "postgres", settings.store_dir
    made = [path for path in (database, store) if path.exists()]
    _ours(store)
    console = err()
    if not made:
        _say(as_json, [], "Nothing to remove.")
        return Exit.OK
    if not yes:
        console.print("This removes the journal, the books and all imported data:", style="bold red")
        for path in made:
            console.print(f"  {path}")
        if not sys.stdin.isatty():
            raise BadInput("nothing was removed; without a terminal say --yes")
        if console.input("Type yes to go on: ").strip().lower() != "yes":
            console.print("Nothing was removed.")
            return Exit.REFUSED
    from memory import embedded

    embedded.remove(database)
    if store.exists():
        shutil.rmtree(store)
    if settings.data_dir.is_dir() and not any(settings.data_dir.iterdir()):
        settings.data_dir.rmdir()
    note = "Removed: " + ", ".join(str(path) for path in made) + "."
    if settings.external_database is not None:
        note += " The external database was not touched; drop it with its own tools."
    if (kept := find_file()) is not None:
        note += f" Your settings file {kept} was left."
    _say(as_json, made, note)
    return Exit.OK


def _ours(store: Path) -> None:
    """A store that an import made has a manifest, and beside it only folders of sets."""
    if not store.exists():
        return
    if not store.is_dir() or (any(store.iterdir()) and not (store / "manifest.json").is_file()):
        raise BadInput(f"{store} is no store that Parley made (no manifest.json); nothing was removed")
    known = {"chains", "bars", "indices", "rates"}

    def ours(path: Path) -> bool:
        if path.name == "spreads":
            return path.is_dir() and all(one.suffix == ".json" for one in path.iterdir())
        return path.name == "manifest.json" or (path.is_dir() and bool(known & {one.name for one in path.iterdir()}))

    strange = [path.name for path in store.iterdir() if not ours(path)]
    if strange:
        raise BadInput(f"{store} also holds {', '.join(sorted(strange)[:5])}, which is not ours; nothing was removed")


def _say(as_json: bool, removed: list[Path], note: str) -> None:
    if as_json:
        say_json({"removed": [str(path) for path in removed], "note": note})
    else:
        out().print(note)
