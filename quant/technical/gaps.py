"""Unbroken runs of a price history: recursive indicators must never run across a hole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from domain.errors import BadInput
from domain.market import Bools, Floats, Ints

DAY_S = 86_400
WARMUP = 250  # bars a recursive indicator needs before its value no longer depends on where the history began


def unbroken(columns: tuple[Floats, ...]) -> Bools:
    """Rows on which every column is finite. Columns of equal shape (n,) and dtype float64; raises BadInput otherwise.

    TA-Lib reads nothing but float64, and after a single NaN its RSI prints 0.0 for ever: a false "oversold".
    """
    if not columns:
        raise BadInput("an indicator needs at least one column of prices")
    for column in columns:
        if column.dtype != np.float64 or column.ndim != 1 or column.shape != columns[0].shape:
            raise BadInput(f"indicators read float64 columns of one length, not {column.dtype} of shape {column.shape}")
    good: Bools = np.logical_and.reduce([np.isfinite(column) for column in columns])
    return good


def breaks(start: Ints, max_days: int = 7) -> Bools:
    """True where a daily bar begins a new history: more than `max_days` calendar days after the bar before it.

    `start` in epoch seconds, shape (n,); the result has the same shape, its first item False.
    """
    apart = np.zeros(len(start), dtype=np.bool_)
    apart[1:] = np.diff(start) > max_days * DAY_S
    return apart


def runs(good: Bools, apart: Bools | None = None) -> tuple[tuple[int, int], ...]:
    """Half-open index ranges of consecutive good rows, cut also before every row where `apart` is True."""
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for i, fine in enumerate(good):
        if begin is not None and (not fine or (apart is not None and apart[i])):
            found.append((begin, i))
            begin = None
        if fine and begin is None:
            begin = i
    if begin is not None:
        found.append((begin, len(good)))
    return tuple(found)


def over_runs(
    indicator: Callable[..., tuple[Floats, ...]],
    columns: tuple[Floats, ...],
    outputs: int,
    warmup: int,
    apart: Bools | None = None,
) -> tuple[Floats, ...]:
    """Apply `indicator` to each unbroken run by itself; NaN in holes and in the first `warmup` bars of each run.

    `indicator` takes one contiguous array per column and returns `outputs` arrays of the same length.
    """
    good = unbroken(columns)
    results = tuple(np.full(len(good), np.nan) for _ in range(outputs))
    for begin, end in runs(good, apart):
        if end - begin <= warmup:
            continue
        parts = indicator(*(np.ascontiguousarray(column[begin:end]) for column in columns))
        for result, part in zip(results, parts, strict=True):
            result[begin + warmup : end] = part[warmup:]
    return results
