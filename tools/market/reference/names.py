"""What an underlying is and what vendors call it: stated once, true at any time."""

from __future__ import annotations

from domain.market import Exercise, Kind

# What vendors call an underlying, and what it is called here.
SYMBOLS = {
    "GSPC": "SPX",
    "^GSPC": "SPX",
    "SPXUSD": "SPX",
    "^SPX": "SPX",
    "^NDX": "NDX",
    "NSXUSD": "NDX",
    "^VIX": "VIX",
    "ES_F": "ES",
    "NQ_F": "NQ",
    "FB": "META",  # its symbol before 2022-06-09
}

INDICES = frozenset({"SPX", "NDX", "XSP", "RUT", "DJX", "VIX", "VIX1D", "VIX9D", "VIX3M", "VIX6M", "VVIX", "SKEW"})
BROAD = frozenset({"SPX", "XSP", "NDX", "RUT", "DJX", "SPY", "QQQ", "IWM", "DIA", "RSP"})
_COUNTRIES = frozenset({"EWJ", "FXI", "EWT", "EWY", "INDA", "EWG", "EWU", "FEZ", "EWL"})
_SECTORS = frozenset({"XLK", "SMH", "XLF", "XLE"})
ETFS = frozenset({"SPY", "QQQ", "IWM", "DIA", "RSP", "TLT", "GLD", "HYG", "EEM", "USO"}) | _COUNTRIES | _SECTORS

_MULTIPLIERS = {"ES": 50, "NQ": 20}  # dollars a point of a future and of its options
FUTURES = frozenset(_MULTIPLIERS)

# Trade round the clock, so the hours of the stock exchange do not bound their bars.
ROUND_THE_CLOCK = frozenset({"ES", "NQ", "USDJPY"})


def symbol(vendor: str) -> str:
    """Our ticker for a vendor's name; a name not in the table is its own."""
    return SYMBOLS.get(vendor, vendor)


def kind(ticker: str) -> Kind:
    """What an underlying is: index, future and ETF as listed here, else a stock."""
    if ticker in INDICES:
        return Kind.INDEX
    if ticker in FUTURES:
        return Kind.FUTURE
    return Kind.ETF if ticker in ETFS else Kind.STOCK


def multiplier(ticker: str) -> int:
    """Dollars a point of one contract: 100 but for options on futures."""
    return _MULTIPLIERS.get(ticker, 100)


def exercise(what: Kind) -> Exercise:
    """Index options are European, all others American."""
    return Exercise.EUROPEAN if what is Kind.INDEX else Exercise.AMERICAN
