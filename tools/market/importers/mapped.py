"""Any CSV or Parquet file, brought into the store by a column map."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl

from domain.errors import BadInput
from domain.market import Interval
from tools import sessions
from tools.market import occ
from tools.market.importers import fred
from tools.market.importers.bar_rows import daily, intraday
from tools.market.importers.chain_rows import normalize
from tools.market.importers.column_map import ColumnMap, Shape
from tools.market.importers.importing import CONVERTERS, PART_ROWS, ImportedFile, ImportReport, bring, content_of
from tools.market.importers.map_values import ROW, MappedFile, moments, named, read
from tools.market.importers.protocol import Converted, Layout, split
from tools.market.importers.wsb import end_of_day
from tools.market.store import MOMENT, REFERENCE, Store

_ABSURD_IV = 5.0  # a median above is percent taken for decimal
_THEIRS = {  # what `normalize` calls our columns
    "ticker": "underlying",
    "expiry": "expiration",
    "spot": "underlying_price",
    "last_trade_at": "last_trade_ts",
    **{f"vendor_{name}": name for name in ("iv", "delta", "gamma", "theta", "vega")},
}


def import_mapped(path: Path, store_dir: Path, said: ColumnMap, set_name: str | None) -> ImportReport:
    """Import one file by a map; the same content under the same map is imported once, and a new map replaces the old.

    Raises BadInput, naming the column and what to do, for a column that is not there, a value that can't be read and a
    file without a usable row. Nothing of such a file stays in the store.
    """
    if not path.is_file():
        raise BadInput(f"there is no file {path}; a column map is for one file")
    if said.shape is Shape.CHAINS:
        set_name = _set_name(set_name)
    elif set_name:
        raise BadInput(f"{said.shape.value} are shared by all sets; leave --set out")
    lazy = _scan(path)
    held = lazy.collect_schema().names()
    for ours, theirs in said.columns.items():
        if not theirs.startswith("=") and theirs not in held:
            named = ", ".join(name for name in held if name != ROW)
            raise BadInput(
                f"the map takes {ours} from {theirs!r}, which {path.name} has not; its columns: {named} (for one value "
                f"in all rows write {ours}=={theirs})"
            )
    store = Store(store_dir)
    file = MappedFile(path, said, set_name or REFERENCE)
    layout = Layout(name=f"map-{said.shape.value}", pattern="", columns=frozenset(), convert=partial(_convert, file))
    key = hashlib.sha256(f"{content_of(path)} {said.shape.value} {file.set_name}".encode()).hexdigest()
    words = json.dumps(asdict(said), sort_keys=True, default=str)
    stamp = hashlib.sha256(f"{CONVERTERS} {words}".encode()).hexdigest()
    with store.importing():
        result: ImportedFile = bring(store, store.manifest(), path, layout, key, stamp, _parts(lazy, said))
    return ImportReport(store=str(store_dir), files=(result,))


def _set_name(name: str | None) -> str:
    if not name:
        raise BadInput("chains need a set to go into: --set NAME; `--market recorded:NAME` then trades on it")
    if name == REFERENCE or not all(letter.isalnum() or letter in "-_." for letter in name) or name[0] in "-.":
        raise BadInput(f"{name!r} can't name a set: letters, digits, - _ and ., and not {REFERENCE!r}")
    return name


def _scan(path: Path) -> pl.LazyFrame:
    """The file's rows with their number; every value of a CSV as text."""
    try:
        if path.suffix == ".parquet":
            lazy = pl.scan_parquet(path, row_index_name=ROW, row_index_offset=1)
        else:
            lazy = pl.scan_csv(path, infer_schema=False, row_index_name=ROW, row_index_offset=2)
        lazy.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(
            f"{path} cannot be read as {'Parquet' if path.suffix == '.parquet' else 'CSV'}: {error}"
        ) from error
    return lazy


def _parts(lazy: pl.LazyFrame, said: ColumnMap) -> Iterator[pl.DataFrame]:
    """The mapped columns, of chains in parts of whole moments."""
    wanted = {theirs for theirs in said.columns.values() if not theirs.startswith("=")}
    rows = lazy.select(ROW, *sorted(wanted))
    by = said.columns.get("quoted_at", "=")
    try:
        if said.shape is not Shape.CHAINS or by.startswith("="):
            yield rows.collect()
            return
        part: list[object] = []
        count = 0
        sizes = rows.group_by(by).len().sort(by).collect()
        for value, more in sizes.iter_rows():
            if part and count + more > PART_ROWS:
                yield rows.filter(pl.col(by).is_in(part, nulls_equal=True)).collect()
                part, count = [], 0
            part.append(value)
            count += more
        whole = rows if count == sizes["len"].sum() else rows.filter(pl.col(by).is_in(part, nulls_equal=True))
        yield whole.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(f"the file cannot be read to its end: {error}") from error


def _convert(file: MappedFile, frame: pl.DataFrame, _: Store) -> Converted:
    said = file.map
    rows = frame.select(ROW).with_columns(_column(file, frame, ours) for ours in said.columns)
    source = said.source or file.path.name
    make = {
        Shape.CHAINS: _chains,
        Shape.BARS: _bars,
        Shape.INDICES: _indices,
        Shape.RATES: _rates,
        Shape.SOCIAL: _social,
    }
    return make[said.shape](file, rows, source)


def _column(file: MappedFile, frame: pl.DataFrame, ours: str) -> pl.Series:
    try:
        return moments(file, frame, ours) if file.map.reads(ours) == "moment" else read(file, frame, ours)
    except pl.exceptions.PolarsError as error:
        held = frame.schema.get(file.map.columns[ours])
        raise BadInput(f"{named(file, ours)}: a {held} is no {file.map.reads(ours)}; map another column") from error


def _chains(file: MappedFile, rows: pl.DataFrame, source: str) -> Converted:
    if "symbol" in rows.columns:
        terms = occ.parse(rows["symbol"])
        rows = rows.with_columns(terms["expiry"], terms["strike"], right=pl.Series(_letters(terms["is_call"])))
        rows = rows if "root" in rows.columns else rows.with_columns(terms["root"])
    if "root" not in rows.columns:
        rows = rows.with_columns(root=pl.col("ticker"))
    if "vendor_iv" in rows.columns:
        rows = rows.with_columns(_volatility(file, rows))
    if file.map.stated is not None:
        rows = rows.with_columns(uncertainty_s=pl.lit(file.map.uncertainty_s))
    known, dropped = normalize(rows.rename({ours: _THEIRS[ours] for ours in rows.columns if ours in _THEIRS}), source)
    if "known_at" in rows.columns:
        known = known.with_columns(delayed=pl.lit(file.map.delayed))
        early = known.filter(pl.col("known_at") < pl.col("quoted_at")).height
        if early:
            raise BadInput(f"{file.path.name}: {early} rows are known before they were quoted; mend known_at")
    chains = (file.set_name if known.height else "", known)
    return Converted(rows.height, chains=chains, dropped=dropped, note=_when(known))


def _when(known: pl.DataFrame) -> str:
    """From when to when the quotes are, for an eye to see a wrong time zone."""
    if known.is_empty():
        return ""
    stamps = known["quoted_at"].unique().sort().to_list()
    first, last = (moment.astimezone(sessions.NEW_YORK) for moment in (stamps[0], stamps[-1]))
    span = f"quoted {first:%Y-%m-%d %H:%M}" + (f" to {last:%Y-%m-%d %H:%M}" if last > first else "") + " New York"
    late = timedelta(minutes=30)  # quotes of the close are shown for a while
    hours = [(moment, sessions.open_close(moment.astimezone(sessions.NEW_YORK).date())) for moment in stamps]
    outside = sum(not opened <= moment <= closed + late for moment, (opened, closed) in hours)
    return span + (f"; {outside} of {len(stamps)} moments outside the session: is the zone right?" if outside else "")


def _letters(is_call: pl.Series) -> list[str]:
    return ["C" if call else "P" for call in is_call]


def _volatility(file: MappedFile, rows: pl.DataFrame) -> pl.Expr:
    iv = pl.col("vendor_iv")
    if file.map.iv_unit == "percent":
        return iv / 100
    middle = rows.select(iv.filter(iv > 0).median()).item()
    if middle is not None and middle > _ABSURD_IV:
        raise BadInput(
            f"{named(file, 'vendor_iv')}: half of the values lie above {middle:g}, which are no decimals; are they "
            "percents? then add --map iv_unit=percent"
        )
    return iv


def _bars(file: MappedFile, rows: pl.DataFrame, source: str) -> Converted:
    interval = file.map.interval
    assert interval is not None  # a map of bars has one
    adjusted = pl.lit(file.map.adjusted)
    if interval is Interval.DAY:
        day = pl.col("start").dt.convert_time_zone(file.map.zone).dt.date()
        bars, dropped = daily(rows.with_columns(date=day).drop("start"), source, adjusted=adjusted)
    else:
        bars, dropped = intraday(rows, interval, source, adjusted=adjusted)
    return Converted(rows.height, bars=((interval, _some(file, bars)),), dropped=dropped)


def _indices(file: MappedFile, rows: pl.DataFrame, source: str) -> Converted:
    known, dropped = daily(rows.rename({"name": "ticker", "day": "date"}), source, adjusted=pl.lit(False))
    return Converted(rows.height, reference=(("indices", _some(file, known)),), dropped=dropped)


def _rates(file: MappedFile, rows: pl.DataFrame, source: str) -> Converted:
    tenors = file.map.tenors
    if tenors:
        long = rows.unpivot(index="day", on=list(tenors), variable_name="years", value_name="yield")
        long = long.with_columns(tenor=pl.col("years").cast(pl.Float64)).drop("years")
    else:
        long = rows
    whole = long.drop_nulls(["day", "tenor", "yield"])
    days = whole["day"].unique().sort().to_list()
    known = pl.DataFrame(
        {"day": days, "known_at": [fred.known_at(day) for day in days]}, schema={"day": pl.Date, "known_at": MOMENT}
    )
    unit = 100.0 if file.map.yield_unit == "percent" else 1.0
    made = whole.join(known, on="day").with_columns((pl.col("yield") / unit).round(8), source=pl.lit(source))
    lost = long.height - whole.height
    return Converted(
        rows.height,
        reference=(("rates", _some(file, made)),),
        dropped={"no yield": lost} if lost else {},
        added=split(rows.height, long.height, "tenors of one day"),
    )


def _social(file: MappedFile, rows: pl.DataFrame, source: str) -> Converted:
    interval = file.map.interval
    length = timedelta(days=1) if interval is Interval.DAY else timedelta(hours=1)
    whole = rows.drop_nulls(["ticker", "start", "mentions"])
    end = pl.col("start") + length
    if interval is Interval.DAY:  # a date's zone may be any: it is over when it is over in New York too
        local = pl.col("start").dt.convert_time_zone(file.map.zone).dt.replace_time_zone(None)
        whole = whole.with_columns(_local=local).with_columns(_over=end_of_day("_local"))
        end = pl.max_horizontal(end, "_over")
        whole = whole.with_columns(known_at=end, start=pl.col("_local").dt.truncate("1d").dt.replace_time_zone("UTC"))
    else:
        whole = whole.with_columns(known_at=end)
    made = whole.with_columns(interval=pl.lit(str(interval)), source=pl.lit(source))
    lost = rows.height - whole.height
    return Converted(
        rows.height, reference=(("social", _some(file, made)),), dropped={"no count": lost} if lost else {}
    )


def _some(file: MappedFile, rows: pl.DataFrame) -> pl.DataFrame:
    if not rows.height:
        raise BadInput(f"no row of {file.path.name} can be used; every row was dropped")
    return rows
