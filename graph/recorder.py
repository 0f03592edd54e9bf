"""The recorder wraps every node: it times it, writes what went in and came out, and turns a ticker's failure into
`Refused`. Nodes contain no logging, timing or SQL of their own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from langgraph.config import get_config
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from domain.codec import to_data
from domain.errors import ParleyError, RunFatal, SourceFailed, StaleData
from domain.views import Refused
from graph.context import Desk

Node = Callable[[Any, Runtime[Desk]], Awaitable[Any]]


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _value(value) for key, value in state.items()}


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _value(item) for key, item in sorted(value.items())}
    return to_data(value)


def _json(state: Mapping[str, Any]) -> str:
    return json.dumps(_plain(state), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _ticker(state: Mapping[str, Any]) -> str:
    if "ticker" in state:
        return str(state["ticker"])
    return str(state["ticket"].ticker) if "ticket" in state else "*"


def refusal(ticker: str, stage: str, error: Exception) -> Refused:
    """What ended a ticker, in words; a fatal error is not a ticker's and is raised again."""
    if isinstance(error, RunFatal):
        raise error
    reason = str(error) if isinstance(error, ParleyError) else f"{type(error).__name__}: {error}"
    return Refused(
        ticker=ticker,
        stage=stage,
        reason=reason,
        stale=isinstance(error, StaleData),
        down=isinstance(error, SourceFailed),
    )


def recorded(name: str, node: Node, *, per_ticker: bool = False) -> Any:
    """Wrap a node. With `per_ticker`, what goes wrong inside ends that ticker in `Refused` and the others go on;
    a RunFatal error (database, clock, book, regime) always raises through.
    """

    async def wrapped(state: Any, runtime: Runtime[Desk]) -> Any:
        desk = runtime.context
        ticker = _ticker(state)
        before = _json(state)
        desk.progress(name, ticker, "started")
        started = time.perf_counter()
        try:
            update = await node(state, runtime)
        except (GraphBubbleUp, RunFatal):
            raise
        except Exception as error:
            if not per_ticker:
                raise
            update = {"refused": (refusal(ticker, name, error),)}
        refused: tuple[Refused, ...] = update.get("refused", ())
        await desk.store.decisions.record_node(
            thread_id=str(get_config()["configurable"]["thread_id"]),
            node=name,
            ticker=ticker,
            in_hash=hashlib.sha256(before.encode()).hexdigest(),
            out_json=_json(update),
            refusals=refused,
            duration_ms=(time.perf_counter() - started) * 1000,
            at=desk.clock.now(),
        )
        desk.progress(name, ticker, "refused" if refused else "done")
        return update

    wrapped.__name__ = name
    return wrapped
