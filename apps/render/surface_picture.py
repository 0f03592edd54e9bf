"""The picture of an arbitrage-free surface: total variances, term structure, Gatheral's g, smiles on their quotes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from html import escape
from typing import NamedTuple

import numpy as np

from apps.render.drawing import Drawing
from apps.render.surface import Shown
from apps.render.words import moment
from domain.market import Floats
from quant.svi.quotes import smile_quotes
from quant.svi.raw import durrleman
from quant.svi.slice import SviSlice

_INK, _FAINT, _GRID, _GROUND, _PANEL = "#1b1f24", "#6b7480", "#e3e6ea", "#ffffff", "#fbfbfc"
_ODD, _QUOTE, _CURVE = "#c0392b", "#8a97a6", "#1f5fa8"
_WIDE, _SMALL, _COLUMNS, _MOST = 380, 280, 4, 12
_MARGIN = (44.0, 14.0, 26.0, 26.0)  # left, right, top, bottom of a panel's axes


class _Axes(NamedTuple):
    """A panel and its scales."""

    left: float
    top: float
    right: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            self.left + min(max(across, 0.0), 1.0) * (self.right - self.left),
            self.bottom - min(max(up, 0.0), 1.0) * (self.bottom - self.top),
        )


def _ticks(low: float, high: float, most: int = 5) -> list[float]:
    raw = (high - low) / most
    size = 10.0 ** np.floor(np.log10(raw))
    step = next(step * size for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * size >= raw)
    first = np.ceil(low / step - 1e-9)
    return [float(step * (first + i)) for i in range(most + 2) if step * (first + i) <= high + 1e-9 * step]


def _axes(
    drawing: Drawing, corner: tuple[float, float], size: tuple[float, float], x: tuple[float, float],
    y: tuple[float, float], title: str, form: Callable[[float], str], across: Callable[[float], str],
) -> _Axes:  # fmt: skip
    left, top = corner
    drawing.box(left, top, left + size[0] - 10, top + size[1] - 10, _PANEL)
    a, b, c, d = _MARGIN
    axes = _Axes(left + a, top + c, left + size[0] - 10 - b, top + size[1] - 10 - d, x, y)
    drawing.words((left + 8, top + 16), title, 11, _INK, bold=True)
    for tick in _ticks(*y, 4):
        _, level = axes.at(x[0], tick)
        drawing.line([(axes.left, level), (axes.right, level)], _GRID)
        drawing.words((axes.left - 5, level + 3.5), form(tick), 9.5, _FAINT, "end")
    for tick in _ticks(*x, 5):
        place, _ = axes.at(tick, y[0])
        drawing.words((place, axes.bottom + 14), across(tick), 9.5, _FAINT, "middle")
    return axes


def _shade(share: float) -> str:
    """From a warm near expiry to a cool far one."""
    near, far = np.array([214, 110, 40]), np.array([28, 78, 140])
    r, g, b = np.round(near + share * (far - near)).astype(int).tolist()
    return f"#{r:02x}{g:02x}{b:02x}"


def _plot(drawing: Drawing, axes: _Axes, x: Floats, y: Floats, colour: str, width: float) -> None:
    inside = (x >= axes.x[0]) & (x <= axes.x[1]) & (y >= axes.y[0]) & (y <= axes.y[1])
    for run in np.split(np.arange(len(x)), np.flatnonzero(np.diff(inside)) + 1):
        if len(run) > 1 and inside[run[0]]:
            points = [axes.at(a, b) for a, b in zip(x[run].tolist(), y[run].tolist(), strict=True)]
            drawing.line(points, colour, width)


def _points(value: float) -> str:
    return f"{100 * value:g}"


def _plain(value: float) -> str:
    return f"{value:.4g}"


def _above(drawing: Drawing, shown: Shown, top: float) -> None:
    """Total variance, ATM term structure and g of all slices."""
    slices = shown.fitted.slices
    shades = [_shade(i / max(len(slices) - 1, 1)) for i in range(len(slices))]
    reach = 3.0 * slices[-1].atm_vol * np.sqrt(slices[-1].t)
    k = np.linspace(-reach, 0.7 * reach, 161)
    highest = 1.05 * float(slices[-1].total_variance(k).max())
    size = (_WIDE, 270.0)
    apart = "total variance by ln(K/F)" + ("" if shown.left.crossings else ": no line crosses another")
    never = "g by deviations from the forward" + ("" if shown.left.butterflies else ": never below 0")
    one = _axes(drawing, (10, top), size, (-reach, 0.7 * reach), (0.0, highest),
                apart, _plain, _plain)  # fmt: skip
    for item, colour in zip(slices, shades, strict=True):
        near = k[np.abs(k) <= item.reach]
        _plot(drawing, one, near, item.total_variance(near), colour, 1.2)
    days = np.array([365.0 * item.t for item in slices])
    vols = np.array([item.atm_vol for item in slices])
    pad = max(0.15 * float(np.ptp(vols)), 0.01)
    scale = np.log10(np.maximum(days, 0.5))
    two = _axes(drawing, (10 + _WIDE, top), size, (float(scale.min()) - 0.05, float(scale.max()) + 0.05),
                (float(vols.min()) - pad, float(vols.max()) + pad), "ATM volatility by days to expiry, vol points",
                _points, lambda v: f"{10**v:,.0f}")  # fmt: skip
    _plot(drawing, two, scale, vols, _QUOTE, 1.0)
    for x, y, colour in zip(scale.tolist(), vols.tolist(), shades, strict=True):
        drawing.dot(two.at(x, y), 2.6, colour)
    u = np.linspace(-5.0, 5.0, 201)
    three = _axes(drawing, (10 + 2 * _WIDE, top), size, (-5.0, 5.0), (-0.1, 1.6),
                  never, _plain, _plain)  # fmt: skip
    drawing.line([three.at(-5.0, 0.0), three.at(5.0, 0.0)], _ODD, 1.0)
    for item, colour in zip(slices, shades, strict=True):
        at = u * item.atm_vol * np.sqrt(item.t)
        _plot(drawing, three, u, durrleman(at, item.parameters), colour, 1.0)


def _smile(drawing: Drawing, shown: Shown, one: SviSlice, corner: tuple[float, float], odd: frozenset[int]) -> None:
    """One slice on its quotes: dots with their bid-ask in volatility, the curve, red where a quote is out of line."""
    smoothed = shown.smoothed.find(one.root, one.expiry)
    if smoothed is None:
        return
    quotes = smile_quotes(shown.chain, smoothed)
    sd = one.atm_vol * float(np.sqrt(one.t))
    x = quotes.k / sd
    low, high = (max(float(x.min()), -6.0), min(float(x.max()), 4.0)) if len(x) else (-3.0, 3.0)
    grid = np.linspace(low, high, 121)
    curve = one.vol(grid * sd)
    seen = quotes.vol[(x >= low) & (x <= high)]
    bottom = min(float(curve.min()), float(seen.min()) if len(seen) else np.inf)
    top = max(float(curve.max()), float(np.quantile(seen, 0.98)) if len(seen) else 0.0)
    pad = max(0.08 * (top - bottom), 0.005)
    title = f"{one.root} {date.fromordinal(one.expiry)}  {365 * one.t:.0f} d  off by {100 * one.fit_error:.2f}"
    axes = _axes(drawing, corner, (_SMALL + 5, 190.0), (low, high), (bottom - pad, top + pad), title, _points, _plain)
    for at, vol, half, row in zip(x.tolist(), quotes.vol.tolist(), quotes.half.tolist(), quotes.row.tolist(),
                                  strict=True):  # fmt: skip
        if not (low <= at <= high and bottom - pad <= vol <= top + pad):
            continue
        colour = _ODD if row in odd else _QUOTE
        drawing.line([axes.at(at, vol - half), axes.at(at, vol + half)], colour, 0.8)
        drawing.dot(axes.at(at, vol), 2.4 if row in odd else 1.4, colour)
    _plot(drawing, axes, grid, curve, _CURVE, 1.4)


def _chosen(slices: Sequence[SviSlice]) -> list[SviSlice]:
    at = np.unique(np.round(np.linspace(0, len(slices) - 1, min(len(slices), _MOST))).astype(int))
    return [slices[i] for i in at.tolist()]


def picture(shown: Shown) -> Drawing:
    """The whole picture, 1160 pixels wide."""
    chosen = _chosen(shown.fitted.slices)
    rows = -(-len(chosen) // _COLUMNS)
    drawing = Drawing(1160, 60 + 270 + 30 + 190 * rows + 10, _GROUND)
    fitted = shown.fitted
    drawing.words((18, 26), f"{fitted.ticker}  {fitted.spot:,.2f}", 18, _INK, bold=True)
    drawing.words((18, 46), f"{moment(fitted.as_of)}   {shown.snapshot.market}"
                  + ("   SIMULATED: no real market, no real prices" if shown.snapshot.simulated else ""),
                  11, _FAINT)  # fmt: skip
    _above(drawing, shown, 60)
    said = "smiles in vol points by deviations from the forward; bars are bid-ask"
    if len(chosen) < len(fitted.slices):
        said += f"; {len(chosen)} of {len(fitted.slices)} expiries"
    drawing.words((18, 350), said + "; red: out of line alone", 11, _FAINT)
    odd = frozenset(one.row for one in shown.odd.found)
    for i, one in enumerate(chosen):
        corner = (10.0 + (i % _COLUMNS) * (_SMALL + 5), 360.0 + (i // _COLUMNS) * 190.0)
        _smile(drawing, shown, one, corner, odd)
    return drawing


def page(shown: Shown, drawing: Drawing) -> str:
    """One HTML page with the picture and the odd quotes; it loads nothing."""
    cells = "".join(
        f"<tr><td>{escape(one.contract)}<td>{one.bid:.2f}<td>{one.ask:.2f}<td>{one.value:.2f}<td>{one.spreads:.1f}"
        f"<td>{'rich' if one.rich else 'cheap'}"
        for one in shown.odd.found
    )
    head = "".join(f"<th>{name}" for name in ("contract", "bid", "ask", "surface", "beyond, in own spreads", ""))
    table = f"<table><tr>{head}{cells}</table>" if cells else f"<p>{escape(shown.odd.note or 'none')}</p>"
    title = escape(f"{shown.fitted.ticker} surface")
    style = (
        "body{margin:24px;font:14px Helvetica,Arial,sans-serif;color:#1b1f24}svg{max-width:1160px;width:100%}"
        "td,th{padding:2px 14px 2px 0;text-align:right}td:first-child,th:first-child{text-align:left}"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
        f"<body>{drawing.svg()}<h3>Quotes out of line</h3>{table}</body></html>\n"
    )
