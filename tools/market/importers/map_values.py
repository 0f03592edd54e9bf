"""Values of any CSV or Parquet file, read as a column map says; one that can't be read is named, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl

from domain.errors import BadInput
from domain.market import Interval
from tools.market.importers.bar_rows import session_table
from tools.market.importers.column_map import ColumnMap, Shape
from tools.market.store import MOMENT

ROW = "row of the file"
_MOMENTS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y%m%d")
_AWARE = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z")
_DAYS = ("%Y-%m-%d", "%Y%m%d", *_MOMENTS[:4])
_REGULAR = time(16, 0)


@dataclass(frozen=True)
class MappedFile:
    """A file, the map it is read by, and the set that its chains go into."""

    path: Path
    map: ColumnMap
    set_name: str


def named(file: MappedFile, ours: str) -> str:
    """A column of the file, as errors name it."""
    return f"{file.path.name}, column {file.map.columns[ours]!r} ({ours})"


def _raw(file: MappedFile, frame: pl.DataFrame, ours: str) -> pl.Series:
    """The values as they stand in the file; text without blanks around, an empty one null."""
    theirs = file.map.columns[ours]
    if theirs.startswith("="):
        return pl.Series(ours, [theirs[1:]], dtype=pl.String).new_from_index(0, frame.height)
    values = frame[theirs].alias(ours)
    if values.dtype != pl.String:
        return values
    text = values.str.strip_chars()
    return text.to_frame().select(pl.when(pl.col(ours) != "").then(pl.col(ours)).alias(ours))[ours]


def _refuse(
    file: MappedFile,
    frame: pl.DataFrame,
    ours: str,
    raw: pl.Series,
    read: pl.Series,
    what: str,
    advice: str = "mend them",
) -> None:
    """Raise BadInput when a value that is there could not be read."""
    bad = (raw.is_not_null() & read.is_null()).arg_true()
    if not bad.len():
        return
    first = int(bad[0])
    raise BadInput(
        f"{named(file, ours)}: {bad.len()} of {raw.len()} values are no {what}, the first is {raw[first]!r} in row "
        f"{frame[ROW][first]}: {advice}, or leave such rows out"
    )


def read(file: MappedFile, frame: pl.DataFrame, ours: str) -> pl.Series:
    """One of our columns but moments, out of the file's. Raises BadInput for a value that can't be read."""
    reads, raw = file.map.reads(ours), _raw(file, frame, ours)
    if reads == "number":
        if raw.dtype == pl.String:
            plain = raw.str.replace_all(r"^\$|[,%]", "")
            read = plain.cast(pl.Float64, strict=False)
            _refuse(file, frame, ours, raw, read, "number")
            return read
        return raw.cast(pl.Float64)
    if reads == "day":
        return _days(file, frame, ours, raw)
    if reads == "right":
        read = (
            raw.cast(pl.String)
            .str.to_uppercase()
            .replace_strict({"C": "C", "CALL": "C", "P": "P", "PUT": "P"}, default=None, return_dtype=pl.String)
        )
        _refuse(file, frame, ours, raw, read, "C, P, call or put")
        return read
    text = raw.cast(pl.String)
    return text.str.to_uppercase().str.replace(r"^O:", "") if reads == "symbol" else text


def _written(setting: str, given: str | None) -> str:
    """What to do about dates that cannot be read: say how they are written, or say it rightly."""
    if given is None:
        return f"say how they are written, --map {setting}=..."
    return f"that does not fit --map {setting}={given}"


def _days(file: MappedFile, frame: pl.DataFrame, ours: str, raw: pl.Series) -> pl.Series:
    if raw.dtype in (pl.Date, pl.Datetime):
        return raw.cast(pl.Date)
    text = raw.cast(pl.String)
    shapes = (file.map.day_format,) if file.map.day_format else _DAYS
    column = pl.col(ours)
    read = text.to_frame().select(
        pl.coalesce(column.str.to_datetime(shape, strict=False).dt.date() for shape in shapes)
        if not file.map.day_format
        else column.str.to_date(file.map.day_format, strict=False)
    )[ours]
    _refuse(file, frame, ours, raw, read, "date", _written("day_format", file.map.day_format))
    return read


def moments(file: MappedFile, frame: pl.DataFrame, ours: str) -> pl.Series:
    """A column of moments in UTC; a date alone gets the stated time, which must then be given (but for daily rows)."""
    raw = _raw(file, frame, ours)
    said = file.map
    aware = pl.Series(ours, [None], dtype=MOMENT).new_from_index(0, raw.len())
    if raw.dtype == pl.Date:
        local, dated = raw.cast(pl.Datetime("us")), pl.Series([True]).new_from_index(0, raw.len())
    elif raw.dtype == pl.Datetime:
        local = raw.cast(pl.Datetime("us"))
        if raw.dtype.time_zone is not None:  # type: ignore[attr-defined]
            aware, local = raw.dt.convert_time_zone("UTC").cast(MOMENT), _no_moments(raw)
        dated = pl.Series([False]).new_from_index(0, raw.len())
    else:
        text = raw.cast(pl.String)
        aware, local = _parsed(said, ours, text)
        both = aware.is_not_null() | local.is_not_null()
        read = pl.Series(ours, both).replace(False, None) if both.len() else both
        _refuse(file, frame, ours, raw, read, "moment", _written("format", said.format))
        by_format = said.format is not None and not {"%H", "%I", "%T", "%R"} & {
            said.format[i : i + 2] for i in range(99)
        }
        by_format &= said.format not in ("epoch", "epoch_ms")
        dated = (
            text.str.len_chars() <= 10 if said.format is None else pl.Series([by_format]).new_from_index(0, text.len())
        )
    if said.shape is Shape.CHAINS and _midnight(aware):
        local, aware = aware.dt.replace_time_zone(None), aware.clear(aware.len())
    if _midnight(local):
        dated = local.is_not_null()  # midnight in every row is no time, however it is written
    if bool(dated.any()):
        local = _stated(file, ours, local, dated)
    zoned = local.to_frame(ours).select(
        pl.col(ours)
        .dt.replace_time_zone(said.zone, ambiguous="latest", non_existent="null")
        .dt.convert_time_zone("UTC")
        .cast(MOMENT)
    )[ours]
    return pl.DataFrame({"aware": aware, "zoned": zoned}).select(pl.coalesce("aware", "zoned").alias(ours))[ours]


def _midnight(moments: pl.Series) -> bool:
    """True when there are moments and all of them are at midnight."""
    there = moments.drop_nulls()
    return there.len() > 0 and bool((there == there.dt.truncate("1d")).all())


def _no_moments(like: pl.Series) -> pl.Series:
    return pl.Series(like.name, [None], dtype=pl.Datetime("us")).new_from_index(0, like.len())


def _parsed(said: ColumnMap, ours: str, text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """(moments with a zone, in UTC; naive moments) of text; null where it is the other, or neither."""
    column = pl.col(ours)
    none, naive = pl.lit(None, MOMENT), pl.lit(None, pl.Datetime("us"))
    if said.format in ("epoch", "epoch_ms"):
        number = column.cast(pl.Float64, strict=False) * (1e6 if said.format == "epoch" else 1e3)
        aware = number.cast(pl.Int64, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    elif said.format is not None:
        if "%z" in said.format or "%#z" in said.format:
            aware = column.str.to_datetime(said.format, strict=False, time_zone="UTC").cast(MOMENT)
        else:
            aware = none
            naive = column.str.to_datetime(said.format, strict=False, time_unit="us")
            if "%H" not in said.format and "%I" not in said.format:
                naive = column.str.to_date(said.format, strict=False).cast(pl.Datetime("us"))
    else:
        zulu = column.str.replace(r"Z$", "+00:00")
        has_zone = zulu.str.contains(r"[+-]\d\d:?\d\d$")
        aware = pl.when(has_zone).then(
            pl.coalesce(zulu.str.to_datetime(shape, strict=False, time_zone="UTC").cast(MOMENT) for shape in _AWARE)
        )
        naive = pl.when(~has_zone).then(
            pl.coalesce(
                [
                    *(column.str.to_datetime(shape, strict=False, time_unit="us") for shape in _MOMENTS[:4]),
                    *(column.str.to_date(shape, strict=False).cast(pl.Datetime("us")) for shape in _MOMENTS[4:]),
                ]
            )
        )
    found = text.to_frame(ours).select(aware=aware, naive=naive)
    return found["aware"].alias(ours), found["naive"].alias(ours)


def _stated(file: MappedFile, ours: str, local: pl.Series, dated: pl.Series) -> pl.Series:
    """Dates at their stated time; on half days no later than the close, or as long after it as on others."""
    said = file.map
    if said.shape in (Shape.BARS, Shape.SOCIAL) and said.interval is Interval.DAY:
        return local
    if said.stated is None:
        raise BadInput(
            f"{named(file, ours)} holds dates without a time, and a date is no moment: say when the rows were taken, "
            "--map stated=16:00"
        )
    at = said.stated
    offset = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)
    beyond = max(timedelta(0), datetime.combine(date.min, at) - datetime.combine(date.min, _REGULAR))
    closes = session_table().select("day", "closed")
    rows = pl.DataFrame({"local": local, "dated": dated}).with_columns(day=pl.col("local").dt.date())
    rows = rows.join(closes, on="day", how="left", maintain_order="left")
    closed = pl.col("closed").dt.convert_time_zone(said.zone).dt.replace_time_zone(None).cast(pl.Datetime("us"))
    stated = pl.min_horizontal(pl.col("local").dt.truncate("1d") + offset, closed + beyond)
    return rows.select(pl.when("dated").then(stated).otherwise("local").alias(ours))[ours]
