"""The envelope: the only way in which text that others wrote reaches a model.

What stands inside is data. The markers are made of angle brackets, and no angle bracket survives inside, so nothing
that is written there can close the envelope; every line of it is marked besides.
"""

from __future__ import annotations

import unicodedata

OPEN = "<<<UNTRUSTED {source}"
CLOSE = "UNTRUSTED>>>"
LIMIT = 1200  # characters of one text
_CUT = " [cut]"
_BRACKETS = str.maketrans({"<": "‹", ">": "›"})


def plain(text: str, limit: int = LIMIT) -> str:
    """The text as one or more plain lines: compatibility forms folded, control and invisible characters gone,
    angle brackets replaced, at most `limit` characters (a cut is marked)."""
    lines = unicodedata.normalize("NFKC", text[: 4 * limit]).splitlines()
    kept = ("".join(mark for mark in line if unicodedata.category(mark)[0] != "C") for line in lines)
    clean = "\n".join(line.translate(_BRACKETS).rstrip() for line in kept).strip()
    return clean if len(clean) <= limit else clean[: limit - len(_CUT)].rstrip() + _CUT


def cell(text: str, limit: int = 160) -> str:
    """The text as one cell of a markdown table: one line, no bars."""
    return " ".join(plain(text, limit).replace("|", "/").split())


def seal(text: str, source: str, limit: int = LIMIT) -> str:
    """The text inside a marked envelope that it cannot leave. `source` says where it comes from."""
    body = "\n".join("| " + line for line in plain(text, limit).split("\n"))
    return f"{OPEN.format(source=cell(source, 60))}\n{body}\n{CLOSE}"
