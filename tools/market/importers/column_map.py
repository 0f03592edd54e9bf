"""What a column map says: which of a file's columns is which of ours, and how its values are to be read.

A map is a TOML file or pairs `ours=theirs`. "=text" in place of a column's name is a value for all rows
(`ticker = "=SPY"`). Beside columns it holds the settings of READING.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from domain.errors import BadInput
from domain.market import Interval


class Shape(StrEnum):
    """What the rows of a file are."""

    CHAINS = "chains"
    BARS = "bars"
    INDICES = "indices"
    RATES = "rates"
    SOCIAL = "social"


Reads = Literal["moment", "day", "number", "text", "right", "symbol"]

TERMS = ("expiry", "strike", "right")  # of a contract, unless an OCC `symbol` says them
COLUMNS: dict[Shape, dict[str, Reads]] = {
    Shape.CHAINS: {
        "ticker": "text",
        "quoted_at": "moment",
        "known_at": "moment",
        "symbol": "symbol",
        "root": "text",
        "expiry": "day",
        "strike": "number",
        "right": "right",
        **dict.fromkeys(("spot", "bid", "ask", "last", "bid_size", "ask_size", "volume", "open_interest"), "number"),
        "last_trade_at": "moment",
        **dict.fromkeys(("vendor_iv", "vendor_delta", "vendor_gamma", "vendor_theta", "vendor_vega"), "number"),
    },
    Shape.BARS: {
        "ticker": "text",
        "start": "moment",
        **dict.fromkeys(("open", "high", "low", "close", "volume"), "number"),
    },
    Shape.INDICES: {"name": "text", "day": "day", **dict.fromkeys(("open", "high", "low", "close"), "number")},
    Shape.RATES: {"day": "day", "tenor": "number", "yield": "number"},
    Shape.SOCIAL: {
        "ticker": "text",
        "start": "moment",
        **dict.fromkeys(("mentions", "total", "sentiment"), "number"),
    },
}
REQUIRED = {
    Shape.CHAINS: ("ticker", "quoted_at"),
    Shape.BARS: ("ticker", "start", "close"),
    Shape.INDICES: ("name", "day", "close"),
    Shape.RATES: ("day",),
    Shape.SOCIAL: ("ticker", "start", "mentions"),
}
PRICED = ("bid", "ask", "last", "vendor_iv")  # a chain without any of them says nothing

READING = {
    "zone": "time zone of moments that name none (America/New_York unless set)",
    "stated": "time of rows with a date alone, HH:MM in that zone",
    "uncertainty_s": "by how many seconds earlier the stated time may lie",
    "format": "how moments are written, as strptime has it, or epoch, epoch_ms",
    "day_format": "how dates are written (%Y-%m-%d or %Y%m%d unless set)",
    "iv_unit": "decimal (unless set) or percent",
    "yield_unit": "decimal or percent",
    "interval": f"of bars and counts: {', '.join(Interval)}",
    "adjusted": "true when prices are adjusted for later dividends or splits",
    "delayed": "true when the source shows its quotes a quarter of an hour late (known_at is then needed)",
    "source": "how the rows are labelled (the file's name unless set)",
}


@dataclass(frozen=True)
class ColumnMap:
    """A checked map: columns by our names ("=text" for a constant; of yields also by tenor in years), and settings."""

    shape: Shape
    columns: dict[str, str]
    zone: str = "America/New_York"
    stated: time | None = None
    uncertainty_s: int = 0
    format: str | None = None
    day_format: str | None = None
    iv_unit: str = "decimal"
    yield_unit: str | None = None
    interval: Interval | None = None
    adjusted: bool = False
    delayed: bool = False
    source: str | None = None
    tenors: dict[str, float] = field(default_factory=dict)

    def reads(self, ours: str) -> Reads:
        """How the values of one of our columns are to be read."""
        return "number" if ours in self.tenors else COLUMNS[self.shape][ours]


def read_map(shape: str, said: tuple[str, ...]) -> ColumnMap:
    """The map that TOML files and `ours=theirs` pairs make, later ones over earlier. Raises BadInput."""
    if shape not in set(Shape):
        raise BadInput(f"rows can be imported as {', '.join(Shape)}; not as {shape!r}")
    values: dict[str, Any] = {}
    for part in said:
        ours, equals, theirs = part.partition("=")
        if equals:
            values[ours.strip()] = theirs.strip() if not theirs.startswith("=") else theirs
            continue
        path = Path(part)
        try:
            table = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadInput(f"--map {part} is neither ours=theirs nor a TOML file that can be read: {error}") from error
        values |= table.pop("columns", {}) | table
    return _checked(Shape(shape), values)


def _checked(shape: Shape, values: Mapping[str, Any]) -> ColumnMap:
    columns: dict[str, str] = {}
    tenors: dict[str, float] = {}
    settings: dict[str, Any] = {}
    for name, value in values.items():
        if name in READING:
            settings[name] = _setting(name, value)
        elif name in COLUMNS[shape]:
            columns[name] = str(value)
        elif shape is Shape.RATES and _years(name) is not None:
            columns[name] = str(value)
            tenors[name] = float(name)
        else:
            raise BadInput(
                f"the map names {name!r}, which {shape.value} don't have. Columns: {', '.join(COLUMNS[shape])}; "
                f"settings: {', '.join(READING)}"
            )
    missing = [name for name in REQUIRED[shape] if name not in columns]
    if shape is Shape.CHAINS and "symbol" not in columns:
        missing += [name for name in TERMS if name not in columns]
    if missing:
        instead = " (or symbol, for OCC symbols)" if set(missing) & set(TERMS) else ""
        raise BadInput(f"the map lacks {', '.join(missing)}{instead}; say it with --map {missing[0]}=THEIR_COLUMN")
    if settings.get("delayed") and "known_at" not in columns:
        raise BadInput("delayed quotes need the moment at which each was received: --map known_at=THEIR_COLUMN")
    if shape is Shape.CHAINS and not set(PRICED) & columns.keys():
        raise BadInput(f"a chain needs at least one of {', '.join(PRICED)}; the map has none")
    if shape is Shape.RATES:
        if not tenors and not {"tenor", "yield"} <= columns.keys():
            raise BadInput("yields need either tenor and yield, or columns by tenor in years (--map 0.25=DGS3MO)")
        if "yield_unit" not in settings:
            raise BadInput("say what the yields are in: --map yield_unit=percent or decimal")
    if shape in (Shape.BARS, Shape.SOCIAL) and "interval" not in settings:
        raise BadInput(f"say how long an interval of the rows is: --map interval= one of {', '.join(Interval)}")
    if shape is Shape.SOCIAL and settings["interval"] not in (Interval.HOUR, Interval.DAY):
        raise BadInput("counts are by the hour or by the day: --map interval=1h or 1d")
    ohl = {"open", "high", "low"} & columns.keys()
    if 0 < len(ohl) < 3:
        raise BadInput(f"the map has {', '.join(sorted(ohl))}, but open, high and low come together or not at all")
    return ColumnMap(shape=shape, columns=columns, tenors=tenors, **settings)


def _years(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def _setting(name: str, value: Any) -> Any:
    text = str(value)
    try:
        if name == "zone":
            return ZoneInfo(text).key
        if name == "stated":
            return time.fromisoformat(text)
        if name == "uncertainty_s":
            return int(text)
        if name == "interval":
            return Interval(text)
    except (ValueError, OSError, KeyError) as error:
        hint = "; for New York write America/New_York" if name == "zone" else ""
        raise BadInput(f"the map's {name} is {text!r}, which is none; it is the {READING[name]}{hint}") from error
    if name in ("iv_unit", "yield_unit") and text not in ("decimal", "percent"):
        raise BadInput(f"the map's {name} is {text!r}; it is {READING[name]}")
    if name in ("adjusted", "delayed"):
        if text.lower() not in ("true", "false"):
            raise BadInput(f"the map's {name} is {text!r}; it is true or false")
        return text.lower() == "true"
    return text
