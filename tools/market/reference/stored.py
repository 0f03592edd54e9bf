"""Reference data that the store has learnt of, from imported files and keyless sources, as facts."""

from __future__ import annotations

from datetime import UTC

import polars as pl

from domain.market import ActionKind, CorporateAction, Event, EventKind
from tools.market.reference.facts import Dated, Facts


def stored_facts(ticker: str, events: pl.DataFrame | None, actions: pl.DataFrame | None) -> tuple[Facts, ...]:
    """The rows of a ticker's shelves `events` and `actions` as facts, one set a source; None: the shelf is empty."""
    dated: dict[str, list[Dated]] = {}
    done: dict[str, list[tuple[str, CorporateAction]]] = {}
    for row in () if events is None else events.iter_rows(named=True):
        event = Event(
            kind=EventKind(row["kind"]),
            day=row["day"],
            confirmed=bool(row["confirmed"]),
            before_open=row["before_open"],
            known_at=row["known_at"].astimezone(UTC),
            source=row["source"],
        )
        dated.setdefault(row["source"], []).append(Dated(ticker, event))
    for row in () if actions is None else actions.iter_rows(named=True):
        action = CorporateAction(
            kind=ActionKind(row["kind"]),
            day=row["day"],
            ratio=row["ratio"],
            amount=row["amount"],
            note=row["note"] or "",
            source=row["source"],
            known_at=row["known_at"].astimezone(UTC),
        )
        done.setdefault(row["source"], []).append((ticker, action))
    return tuple(
        Facts(name=name, actions=tuple(done.get(name, ())), events=tuple(dated.get(name, ())))
        for name in sorted({*dated, *done})
    )
