"""How the rules put a piece of evidence into a sentence, and which axis it speaks on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agents.debate.axes import Axis
from agents.words import amount, phrase, standing
from domain.evidence import Evidence

_PLACE = re.compile(r"\{(\w+)\}")

# Evidence name → its axis and its sentence; names in braces are rows of the same analyst, which are cited with it.
SENTENCES: Mapping[str, tuple[Axis, str]] = {
    "iv_over_rv": ("volatility", "30-day ATM IV {atm_iv_30d} is {iv_over_rv}× the 21-day realised {rv_21d}"),
    "vix": ("volatility", "VIX stands at {vix}"),
    "vix_over_vix3m": ("volatility", "VIX is {vix_over_vix3m}× VIX3M"),
    "gex_balance": ("volatility", "net dealer gamma is {gex_balance} of gross ({net_gex})"),
    "mention_velocity": ("volatility", "mentions run at {mention_velocity}× their usual share of posts"),
    "put_call_volume": (
        "direction",
        "puts to calls trade at {put_call_volume} against {put_call_oi} in open interest",
    ),
    "unusual_call_share": ("direction", "calls take {unusual_call_share} of the unusual premium ({unusual_premium})"),
    "momentum_20d": ("direction", "20-day momentum is {momentum_20d}"),
    "sma50_over_sma200": ("direction", "the 50-day average stands {sma50_over_sma200} against the 200-day"),
    "macd_histogram": ("direction", "the MACD histogram is {macd_histogram} of price"),
    "rsi_14": ("direction", "RSI 14 is {rsi_14}"),
}


def sentence(item: Evidence, rows: Mapping[str, Evidence]) -> tuple[str, tuple[str, ...]]:
    """Words for one row, and the ids of the rows that they quote. `rows` is all evidence by id.

    A row without a sentence of its own, or whose company is missing, is said plainly: name and value.
    """
    if item.name not in SENTENCES:
        return phrase(item), (item.id,)
    text = SENTENCES[item.name][1]
    company = {name: f"{item.ticker}/{item.analyst}/{name}" for name in _PLACE.findall(text)}
    if any(id not in rows for id in company.values()):
        return phrase(item), (item.id,)
    said = _PLACE.sub(lambda found: amount(rows[company[found[1]]].value, rows[company[found[1]]].unit), text)
    return said + standing(item), tuple(dict.fromkeys((item.id, *company.values())))


def speaks_on(item: Evidence, axis: Axis) -> bool:
    """False when the row is known to speak on the other axis only."""
    return item.name not in SENTENCES or SENTENCES[item.name][0] == axis
