"""Reference data of underlyings that can be stated as fact: kind, exercise style, sector, and vendors' names for them.

Sectors are the GICS sectors in force since 2018-10-01 (the day after the revision that made Communication Services);
as of an earlier moment no sector is known. A ticker that is not listed here has no sector: a bucket of its own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from domain.market import Exercise, Instrument, Kind

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
}

INDICES = frozenset({"SPX", "NDX", "XSP", "RUT", "DJX", "VIX", "VIX1D", "VIX9D", "VIX3M", "VIX6M", "VVIX", "SKEW"})
BROAD = frozenset({"SPX", "XSP", "NDX", "RUT", "DJX", "SPY", "QQQ", "IWM", "DIA", "RSP"})
_SECTOR_ETFS = {
    "XLK": "Information Technology",
    "SMH": "Information Technology",
    "XLF": "Financials",
    "XLE": "Energy",
}
_OTHER_ETFS = frozenset(
    {"TLT", "GLD", "HYG", "EEM", "EWJ", "FXI", "EWT", "EWY", "INDA", "EWG", "EWU", "FEZ", "EWL", "USO"}
)
ETFS = frozenset({"SPY", "QQQ", "IWM", "DIA", "RSP"}) | _OTHER_ETFS | _SECTOR_ETFS.keys()

# Trade round the clock, so the hours of the stock exchange do not bound their bars.
ROUND_THE_CLOCK = frozenset({"ES", "NQ", "USDJPY"})

SECTORS = {
    **_SECTOR_ETFS,
    "AAPL": "Information Technology",
    "MSFT": "Information Technology",
    "NVDA": "Information Technology",
    "INTC": "Information Technology",
    "IBM": "Information Technology",
    "TSM": "Information Technology",
    "PLTR": "Information Technology",
    "SHOP": "Information Technology",
    "BB": "Information Technology",
    "META": "Communication Services",
    "GOOG": "Communication Services",
    "GOOGL": "Communication Services",
    "DIS": "Communication Services",
    "AMC": "Communication Services",
    "RBLX": "Communication Services",
    "AMZN": "Consumer Discretionary",
    "TSLA": "Consumer Discretionary",
    "GME": "Consumer Discretionary",
    "MCD": "Consumer Discretionary",
    "NKE": "Consumer Discretionary",
    "SBUX": "Consumer Discretionary",
    "F": "Consumer Discretionary",
    "GM": "Consumer Discretionary",
    "CROX": "Consumer Discretionary",
    "DECK": "Consumer Discretionary",
    "DKNG": "Consumer Discretionary",
    "ETSY": "Consumer Discretionary",
    "KO": "Consumer Staples",
    "WMT": "Consumer Staples",
    "CELH": "Consumer Staples",
    "ELF": "Consumer Staples",
    "BAC": "Financials",
    "JPM": "Financials",
    "HOOD": "Financials",
    "COIN": "Financials",
    "XOM": "Energy",
    "UBER": "Industrials",
}

# Ex-dates of splits in raw bar files: prices before and after do not compare. (USO 2020-04-29 is a reverse split; GOOG
# 2014-04-03 is the issue of the class C share.)
SPLITS: dict[str, tuple[date, ...]] = {
    "AAPL": (date(2000, 6, 21), date(2005, 2, 28), date(2014, 6, 9), date(2020, 8, 31)),
    "BAC": (date(2004, 8, 30),),
    "EEM": (date(2005, 6, 9), date(2008, 7, 24)),
    "GOOG": (date(2014, 4, 3),),
    "IBM": (date(1999, 5, 27),),
    "IWM": (date(2005, 6, 9),),
    "QQQ": (date(2000, 3, 20),),
    "USO": (date(2020, 4, 29),),
}

_ALWAYS = datetime(1990, 1, 1, tzinfo=UTC)
_SECTORS_SINCE = datetime(2018, 10, 1, tzinfo=UTC)


def symbol(vendor: str) -> str:
    """Our ticker for a vendor's name; a name not in the table is its own."""
    return SYMBOLS.get(vendor, vendor)


def kind(ticker: str) -> Kind:
    """What an underlying is: index and ETF as listed here, else a stock."""
    if ticker in INDICES:
        return Kind.INDEX
    return Kind.ETF if ticker in ETFS else Kind.STOCK


def instrument(ticker: str, as_of: datetime) -> Instrument:
    """Reference data of a ticker as known at a moment. Index options are European, all others American."""
    what = kind(ticker)
    sector = SECTORS.get(ticker) if as_of >= _SECTORS_SINCE else None
    return Instrument(
        ticker=ticker,
        kind=what,
        exercise=Exercise.EUROPEAN if what is Kind.INDEX else Exercise.AMERICAN,
        sector=sector,
        broad_index=ticker in BROAD,
        multiplier=100,
        known_at=_SECTORS_SINCE if sector is not None else min(_ALWAYS, as_of),
    )
