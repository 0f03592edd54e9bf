"""`parley data check`: every recorded chain through the quality gate, and what the quotes that passed are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.cli.exits import Exit
from apps.cli.house import perform
from apps.cli.terminal import err, out, say_json
from apps.render.checks import markdown, reviewed
from apps.wiring import policy
from domain.codec import to_data
from domain.errors import BadInput
from tools.market.recorded import RecordedMarket
from tools.market.review import Review, Tally, review
from tools.market.store import Store

if TYPE_CHECKING:
    from apps.settings import Settings


def check(settings: Settings, names: list[str], ticker: str | None, each: bool, as_json: bool, as_table: bool) -> Exit:
    """Review sets (all when none is named), by ticker when asked; refused when no chain came through.

    Raises BadInput for a set or ticker that the store does not hold.
    """
    store = Store(settings.store_dir)
    held = store.sets()
    unknown = [name for name in names if name not in held]
    if unknown or not held:
        has = f"it holds {', '.join(held)}" if held else "it is empty; bring files in: parley data import PATH"
        raise BadInput(f"the store {settings.store_dir} has no set {', '.join(unknown) or 'at all'}: {has}")
    chosen = tuple(names) or held
    if ticker is not None and not any(ticker in store.tickers(name) for name in chosen):
        raise BadInput(f"{', '.join(chosen)} hold no chain of {ticker}")
    lags = policy(settings).lags
    found: list[Review] = []
    with err().status("checking") as status:
        for name in chosen:
            tickers = [one for one in store.tickers(name) if ticker in (None, one)]
            if not tickers:
                continue
            market = RecordedMarket(settings.store_dir, name)
            whole = Tally()
            parts: list[Review] = []
            for one in tickers:
                status.update(f"checking {name} {one}")
                moments = (
                    moment for day in store.chain_days(name, one) for moment in store.chain_moments(name, one, day)
                )
                tally = perform(review(market, one, moments, lags))
                whole.add(tally)
                parts.append(tally.review(name, one))
            found += [whole.review(name, ""), *(parts if each or ticker else ())]
    if as_json:
        say_json({"store": str(settings.store_dir), "reviews": to_data(tuple(found))})
    elif as_table:
        out().out(markdown(found), highlight=False)
    else:
        out().print(reviewed(settings.store_dir, found))
    return Exit.OK if any(one.passed for one in found) else Exit.REFUSED
