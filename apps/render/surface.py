"""The arbitrage-free surface of a chain as a sheet of 100 columns, and as a document."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.render.words import BAD, DIM, GOOD, STRONG, WARN, market_label, moment
from domain.codec import to_data
from domain.market import MarketSnapshot, OptionChain
from quant.heston.calibration import Calibration
from quant.heston.params import BatesParams
from quant.surface import Surface
from quant.svi.anomalies import Anomalies
from quant.svi.fit import Remaining, SviSurface
from quant.svi.slice import SviSlice

MOST = 15


class Shown(NamedTuple):
    """All that is shown of one surface."""

    snapshot: MarketSnapshot
    chain: OptionChain
    smoothed: Surface
    fitted: SviSurface
    odd: Anomalies
    left: Remaining
    heston: Calibration | str  # of the whole chain; why there is none

    @property
    def clean(self) -> bool:
        """Every slice that has quotes enough was fitted, and no arbitrage is left."""
        return not (self.left.butterflies or self.left.crossings or self.unfitted)

    @property
    def unfitted(self) -> tuple[str, ...]:
        """Slices that could not be had without arbitrage."""
        return self.fitted.failures[len(self.smoothed.skipped) :]


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))


def _checks(one: SviSlice) -> Text:
    if not one.repaired:
        return Text("as fitted", DIM)
    return Text("both" if "," in one.repaired else one.repaired, WARN)


def _slices(shown: Shown) -> Table:
    table = _table()
    for name in ("root", "expiry", "days", "forward", "ATM", "skew", "quotes", "error", "p95", "least g", "repaired"):
        left = name in ("root", "expiry", "repaired")
        table.add_column(name, justify="left" if left else "right", no_wrap=name != "repaired")
    for one in shown.fitted.slices:
        own = one.source == "svi"
        table.add_row(
            one.root,
            f"{date.fromordinal(one.expiry)}",
            f"{365 * one.t:.1f}" if 365 * one.t < 100 else f"{365 * one.t:.0f}",
            f"{one.forward:,.2f}",
            f"{100 * one.atm_vol:.1f}",
            f"{one.skew:+.2f}",
            Text(str(len(one.rows)), "" if one.liquid else DIM),
            Text(f"{100 * one.fit_error:.2f}" if len(one.rows) else "-", BAD if 100 * one.fit_error > 2 else ""),
            f"{100 * one.fit_p95:.2f}" if len(one.rows) else "-",
            f"{one.least_g:.4f}",
            _checks(one) if own else Text("SSVI, few quotes", WARN),
        )
    return table


def _verdict(shown: Shown) -> Text:
    fitted, left = shown.fitted, shown.left
    text = Text()
    if not left.butterflies and not left.crossings:
        text.append("no butterfly and no calendar arbitrage", GOOD)
    for what in (*left.butterflies, *left.crossings):
        text.append(f"ARBITRAGE LEFT: {what}; ", BAD)
    text.append(
        f"; free fits: {fitted.butterflies} with a negative density, {fitted.crossings} neighbours crossed", DIM
    )
    return text


def _odd(shown: Shown) -> RenderableType:
    odd = shown.odd
    if odd.note:
        return Text(f"no quotes to judge: {odd.note}", DIM)
    table = _table()
    for name in ("contract", "bid", "ask", "surface", "beyond, in own spreads", ""):
        table.add_column(name, justify="left" if name in ("contract", "") else "right", no_wrap=True)
    for one in odd.found[:MOST]:
        mark = Text("rich", WARN) if one.rich else Text("cheap", WARN)
        table.add_row(one.contract, f"{one.bid:.2f}", f"{one.ask:.2f}", f"{one.value:.2f}", f"{one.spreads:.1f}", mark)
    said = f"{odd.quotes:,} quotes judged, {odd.outside:,} outside their bid-ask by more than a tick"
    said += f", {odd.misfit:,} beyond their own spread together with their neighbours"
    more = len(odd.found) - MOST
    parts: list[RenderableType] = [Text(said, DIM)]
    parts += [table] if odd.found else [Text("none lies outside by more than its own spread alone", GOOD)]
    parts += [Text(f"{more} more in --json", DIM)] if more > 0 else []
    parts += [Text(f"{len(odd.capped)} slices have more than are listed: {odd.capped[0]}", DIM)] if odd.capped else []
    return Group(*parts)


def _heston(found: Calibration | str) -> Text:
    """One law for the whole chain, and how far it is from the quotes."""
    line = Text("Heston  ", STRONG)
    if isinstance(found, str) or found.failure:
        return line.append(f"none: {found if isinstance(found, str) else found.failure}", WARN)
    p = found.params.diffusion if isinstance(found.params, BatesParams) else found.params
    law = f"v0 {p.v0:.4f}  kappa {p.kappa:.2f}  theta {p.theta:.4f}  sigma {p.sigma:.3f}  rho {p.rho:+.3f}"
    return line.append(f"{law}  off by {found.median:.2f} vol points (median of {found.quotes:,} quotes)")


def sheet(shown: Shown) -> RenderableType:
    """Slices, checks, SSVI, odd quotes, what is missing."""
    fitted, chain = shown.fitted, shown.chain
    head = Text(fitted.ticker, STRONG)
    head.append(f"  {fitted.spot:,.2f}  {moment(fitted.as_of)}  ", DIM)
    head.append_text(market_label(shown.snapshot.market, chain.delayed))
    if shown.snapshot.chain_lag_s > shown.snapshot.lag_limit_s:
        head.append(f"  quotes {shown.snapshot.chain_lag_s / 60:,.0f} minutes old", WARN)
    across = Text("SSVI  ", STRONG)
    across.append(
        f"rho {fitted.rho:+.3f}  eta {fitted.eta:.3f}  gamma {fitted.gamma:.3f}  off by {100 * fitted.ssvi_rms:.2f} vol"
        f" points (weighted)  eta (1 + |rho|) {fitted.eta * (1 + abs(fitted.rho)):.3f} of 2"
    )
    doubts = [f"{one.root} {date.fromordinal(one.expiry)}: {one.doubts}" for one in fitted.slices if one.doubts]
    missing = [Text(f"not fitted: {line}", BAD) for line in shown.unfitted]
    missing += [Text(f"left out: {line}", DIM) for line in shown.smoothed.skipped[:5]]
    if len(shown.smoothed.skipped) > 5:
        missing.append(Text(f"left out: {len(shown.smoothed.skipped) - 5} more", DIM))
    said = [Text(f"doubts: {'; '.join(doubts[:3])}" + (f"; {len(doubts) - 3} more" if len(doubts) > 3 else ""), DIM)]
    return Group(
        head,
        Text("ATM, error and p95 in vol points over the quotes of a slice; skew is d vol / d ln K at the forward", DIM),
        Text("repaired: what the free fit of a slice broke, its density, its neighbour in time, or both", DIM),
        _slices(shown),
        _verdict(shown),
        across,
        _heston(shown.heston),
        *missing,
        *(said if doubts else ()),
        Text("\nquotes out of line", STRONG),
        _odd(shown),
    )


def _slice_document(one: SviSlice) -> dict[str, Any]:
    data = {name: getattr(one, name) for name in (
        "root", "settles_at", "t", "forward", "discount", "a", "b", "rho", "m", "sigma", "atm_vol", "skew", "liquid",
        "reach", "least_g", "source", "repaired", "doubts",
    )}  # fmt: skip
    known = len(one.rows) > 0
    return data | {
        "expiry": date.fromordinal(one.expiry).isoformat(),
        "quotes": len(one.rows),
        "fit_error": one.fit_error if known else None,
        "fit_p95": one.fit_p95 if known else None,
    }


def document(shown: Shown) -> dict[str, Any]:
    """The same as data; volatilities as shares, not points."""
    fitted = shown.fitted
    return {
        "ticker": fitted.ticker,
        "as_of": fitted.as_of,
        "market": shown.snapshot.market,
        "spot": fitted.spot,
        "slices": [_slice_document(one) for one in fitted.slices],
        "failures": list(fitted.failures),
        "before": {"butterflies": fitted.butterflies, "crossings": fitted.crossings},
        "after": {"butterflies": list(shown.left.butterflies), "crossings": list(shown.left.crossings)},
        "ssvi": {"rho": fitted.rho, "eta": fitted.eta, "gamma": fitted.gamma, "rms": fitted.ssvi_rms},
        "heston": to_data(shown.heston),
        "anomalies": [to_data(one) for one in shown.odd.found],
        "quotes": {"judged": shown.odd.quotes, "outside": shown.odd.outside, "misfit": shown.odd.misfit},
        "capped": list(shown.odd.capped),
        "note": shown.odd.note,
    }
