"""`parley surface`: the arbitrage-free surface of a chain, its checks, its odd quotes, and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apps.cli.exits import EPILOG, Exit
from apps.cli.house import perform, settings

if TYPE_CHECKING:
    from apps.render.surface import Shown
    from apps.settings import Settings


def surface(
    ticker: Annotated[str, typer.Argument(help="The underlying.")],
    market: Annotated[str | None, typer.Option(help="simulated:vrp|fair[:SEED], recorded:NAME or live.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="Moment: 2026-02-12T13:00 (New York unless it has a zone), or a date; default: the last."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the picture into this file, as one page.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the picture into this file, as an image.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Fit SVI to every expiry of a chain, and SSVI across them, without butterfly or calendar arbitrage.

    Calibrates Heston to the whole chain beside it. Says the fit error of each slice,
    what the free fits broke, and which quotes lie outside the surface by more than
    their own bid-ask. Needs no database. Code 1: arbitrage is left in what was
    fitted, or an expiry could not be fitted without.
    """
    raise typer.Exit(perform(_surface(settings(), ticker.upper(), market, as_of, html, png, json)))


async def _surface(
    settings: Settings, ticker: str, market: str | None, as_of: str | None, html: Path | None, png: Path | None,
    json: bool,
) -> Exit:  # fmt: skip
    from apps.cli.terminal import err, out, say_json
    from apps.render.surface import document, sheet

    with err().status(f"fitting {ticker}"):
        shown = await _fitted(settings, ticker, market or settings.market, as_of)
    written = _draw(shown, html, png)
    if json:
        say_json({**document(shown), "files": [str(path) for path in written]})
    else:
        out().print(sheet(shown))
        for path in written:
            out().print(str(path), style="green")
    return Exit.OK if shown.clean else Exit.REFUSED


async def _fitted(settings: Settings, ticker: str, name: str, as_of: str | None) -> Shown:
    import asyncio

    from apps.markets import close_market, market_named
    from apps.render.surface import Shown
    from apps.wiring import decision_moment, policy
    from domain.errors import BadChain, DataAbsent
    from quant.heston.calibration import Calibration
    from quant.heston.quotes import calibrate_chain, chain_quotes
    from quant.surface import fit as smooth
    from quant.svi.anomalies import anomalies
    from quant.svi.fit import fit, remaining
    from tools.market.snapshot import take_snapshot

    market = market_named(settings, name)
    try:
        moment = await decision_moment(as_of, market, (ticker,))
        snapshot = await take_snapshot(market, ticker, moment, lags=policy(settings).lags, keep_stale=True)
    finally:
        await close_market(market)

    chain = snapshot.chain
    if chain is None:
        raise DataAbsent(f"{ticker} has no option chain at this moment in {market.label}")

    def work() -> Shown:
        smoothed = smooth(chain, snapshot.as_of, snapshot.rates)
        fitted = fit(smoothed, chain)
        try:
            heston: Calibration | str = calibrate_chain(chain_quotes(smoothed, chain))
        except BadChain as error:
            heston = str(error)
        odd = anomalies(chain, smoothed, fitted)
        return Shown(snapshot, chain, smoothed, fitted, odd, remaining(fitted), heston)

    return await asyncio.to_thread(work)


def _draw(shown: Shown, html: Path | None, png: Path | None) -> tuple[Path, ...]:
    if html is None and png is None:
        return ()
    from apps.render.surface_picture import page, picture
    from domain.errors import BadInput

    drawing, written = picture(shown), []
    try:
        if html is not None:
            html.write_text(page(shown, drawing), encoding="utf-8")
            written.append(html)
        if png is not None:
            png.write_bytes(drawing.png())
            written.append(png)
    except OSError as error:
        raise BadInput(f"the picture cannot be written: {error}; name a file in a folder that exists") from error
    return tuple(written)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=EPILOG)(surface)
