"""Short ids: what a person types stands for the one id that begins with it."""

from __future__ import annotations

from domain.errors import BadInput, NotFound
from memory.database import Database


async def resolve(db: Database, query: str, noun: str, prefix: str, where: str) -> str:
    """The one id beginning with `prefix`; an exact id wins over longer ones.

    Raises NotFound with `where` to look, BadInput when several ids begin so.
    """
    if not prefix:
        raise BadInput(f"give the id of a {noun}; {where}")
    found = [str(row["id"]) for row in await db.rows(query, prefix=prefix)]
    if prefix in found:
        return prefix
    if not found:
        raise NotFound(f"no {noun} begins with {prefix!r}; {where}")
    if len(found) > 1:
        shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
        raise BadInput(f"{prefix!r} stands for several {noun}s ({shown}); give more of the id")
    return found[0]
