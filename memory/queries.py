"""Named SQL: every statement stands in `memory/sql/<topic>.sql` under a line `-- name: <name>`."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from domain.errors import ParleyError

_NAME = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


class Migration(NamedTuple):
    """One step of the schema; `sha256` of its text tells an edited step from an applied one."""

    version: int
    name: str
    text: bytes
    sha256: str


@cache
def topics() -> tuple[str, ...]:
    """The topics that have queries, sorted."""
    folder = files("memory") / "sql"
    return tuple(sorted(entry.name[:-4] for entry in folder.iterdir() if entry.name.endswith(".sql")))


@cache
def topic(name: str) -> dict[str, bytes]:
    """All queries of one topic by name. Raises ParleyError for a name given twice or text before the first name."""
    text = (files("memory") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)
    if parts[0].strip():
        raise ParleyError(f"{name}.sql begins with text that has no name")
    queries = dict(zip(parts[1::2], (part.strip().encode() for part in parts[2::2]), strict=True))
    if len(queries) != len(parts) // 2:
        raise ParleyError(f"{name}.sql gives one name twice")
    return queries


def query(name: str) -> bytes:
    """The text of `topic.name`. Raises ParleyError when there is no such query."""
    where, _, what = name.partition(".")
    try:
        return topic(where)[what]
    except (KeyError, FileNotFoundError) as error:
        raise ParleyError(f"memory/sql has no query {name}") from error


@cache
def migrations() -> tuple[Migration, ...]:
    """The steps of the schema in order, read from `memory/sql/migrations/NNNN_name.sql`."""
    found = []
    for entry in (files("memory") / "sql" / "migrations").iterdir():
        if entry.name.endswith(".sql"):
            number, _, rest = entry.name[:-4].partition("_")
            text = entry.read_bytes()
            found.append(Migration(int(number), rest, text, hashlib.sha256(text).hexdigest()))
    return tuple(sorted(found))
