"""What is measured on option chains, simulated and recorded alike, as frames of one row a contract."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from domain.market import OptionChain

BANDS = ((0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.5))
MATURITIES = (("8-35", 8, 35), ("36-95", 36, 95))


def frame(chain: OptionChain) -> pl.DataFrame:
    """A simulated chain in the columns that are measured."""
    at = chain.quoted_at - timedelta(hours=5)
    return pl.DataFrame(
        {
            "root": chain.root,
            "expiry": chain.expiry,
            "strike": chain.strike,
            "call": chain.is_call,
            "bid": chain.bid,
            "ask": chain.ask,
            "iv": chain.vendor_iv,
            "volume": chain.volume,
            "oi": chain.open_interest,
        }
    ).with_columns(
        day=pl.lit(at.date()),
        stamp=pl.lit(at.replace(tzinfo=None)),
        spot=pl.lit(chain.spot),
        dte=pl.col("expiry") - at.date().toordinal(),
        iv=pl.col("iv").fill_nan(None),
    )


def recorded(path: Path, ticker: str) -> pl.DataFrame:
    """A recorded file in the same columns."""
    table = pl.read_parquet(path).filter(pl.col("underlying") == ticker)
    day = pl.col("quote_ts").dt.date()
    quoted = "bid" in table.columns
    return table.select(
        root=pl.col("root"),
        expiry=pl.col("expiration").dt.date().to_physical() + 719_163,  # proleptic ordinal of 1970-01-01
        strike=pl.col("strike"),
        call=pl.col("right") == "C",
        bid=pl.col("bid").cast(pl.Float64) if quoted else pl.lit(None, pl.Float64),
        ask=pl.col("ask").cast(pl.Float64) if quoted else pl.lit(None, pl.Float64),
        iv=pl.col("iv").cast(pl.Float64),
        volume=pl.col("volume").cast(pl.Float64),
        oi=pl.col("open_interest").cast(pl.Float64),
        day=day,
        stamp=pl.col("quote_ts"),
        spot=pl.col("underlying_price").cast(pl.Float64),
        dte=(pl.col("expiration").dt.date() - day).dt.total_days(),
    )


def levels(chains: pl.DataFrame) -> dict[str, float]:
    """Volatility of constant maturity, its skew and its dynamics, over the sessions of a frame; {} when too few."""
    found = []
    for _, chain in chains.group_by("day", maintain_order=True):
        spot = chain["spot"].drop_nulls()
        smile = _smile(chain, float(spot[0])) if len(spot) else None
        if smile is not None:
            found.append((float(spot[0]), *smile))
    if len(found) < 10:
        return {}
    spot, atm, put, call, far = np.array(found).T
    moves, changes = np.diff(np.log(spot)), 100 * np.diff(atm)
    sound = np.abs(changes) < 8  # a vendor's bad day is no dynamics
    return {
        "atm_mean": 100 * float(atm.mean()),
        "atm_low": 100 * float(atm.min()),
        "atm_high": 100 * float(atm.max()),
        "atm_change_sd": float(changes[sound].std()),
        "spot_vol_corr": float(np.corrcoef(moves[sound], changes[sound])[0, 1]),
        "skew_95": 100 * float((put - atm).mean()),
        "skew_105": 100 * float((call - atm).mean()),
        "term_slope": 100 * float(np.nanmean(far - atm)),
        "realised": 100 * float(moves.std() * np.sqrt(252)),
    }


def _smile(chain: pl.DataFrame, spot: float) -> tuple[float, float, float, float] | None:
    """30-day volatility at 100, 95 and 105 % of the spot, and 90-day at 100 %; linear in strike and total variance."""
    out = chain.filter((pl.col("strike") >= spot) == pl.col("call"), pl.col("iv").is_between(0.02, 3))
    smiles: dict[int, np.ndarray] = {}
    for (dte,), rows in out.filter(pl.col("dte").is_between(7, 130)).sort("strike").group_by("dte"):
        k, iv = rows["strike"].to_numpy(), rows["iv"].to_numpy()
        if len(k) >= 12 and k.min() <= 0.95 * spot and k.max() >= 1.05 * spot:
            smiles[int(str(dte))] = np.interp(np.array([1, 0.95, 1.05]) * spot, k, iv)
    month, quarter = (_at(smiles, days) for days in (30, 90))
    if month is None:
        return None
    return float(month[0]), float(month[1]), float(month[2]), float("nan") if quarter is None else float(quarter[0])


def _at(smiles: dict[int, np.ndarray], days: int) -> np.ndarray | None:
    near, far = [d for d in smiles if d <= days], [d for d in smiles if d > days]
    if not near or not far:
        return None
    a, b = max(near), min(far)
    weight = (b - days) / (b - a)
    return np.asarray(np.sqrt((weight * smiles[a] ** 2 * a + (1 - weight) * smiles[b] ** 2 * b) / days))


def shape(chains: pl.DataFrame) -> dict[str, float]:
    """Counts of a frame's chains: rows, expirations, and the shares without bid, volatility, interest and volume."""
    by = chains.group_by("stamp").agg(pl.len(), pl.col("expiry").n_unique().alias("expirations"))
    found = {"rows": float(by["len"].mean() or 0), "expirations": float(by["expirations"].mean() or 0)}  # type: ignore[arg-type]
    if chains["bid"].null_count() < chains.height:
        found["zero_bids"] = 100 * float(np.mean((chains["bid"].fill_null(0) <= 0).to_numpy()))
    found["no_volatility"] = 100 * float(np.mean((chains["iv"].fill_null(0) <= 0).to_numpy()))
    idle = (chains["oi"].fill_null(0) == 0) & (chains["volume"].fill_null(0) == 0)
    found["empty"] = 100 * float(np.mean(idle.to_numpy()))
    days = chains["day"].unique().sort().to_list()
    following = dict(pairwise(days))
    key = ["root", "expiry", "strike", "call"]
    both = chains.with_columns(day=pl.col("day").replace_strict(following, default=None, return_dtype=pl.Date)).join(
        chains.select(*key, "day", pl.col("oi").alias("then")), on=[*key, "day"]
    )
    change, volume = (both["then"] - both["oi"]).to_numpy(), both["volume"].fill_null(0).to_numpy()
    known = np.isfinite(change)
    if known.sum() > 1000:
        found["flow_corr"] = float(np.corrcoef(change[known], volume[known])[0, 1])
    return found


def spreads(chains: pl.DataFrame) -> dict[str, float]:
    """Median spread in percent of the mid, out of the money, by |ln K/S|/(iv √T) and maturity."""
    out = chains.filter(
        pl.col("bid") > 0,
        pl.col("ask") > pl.col("bid"),
        pl.col("iv").is_between(0.03, 3),
        (pl.col("strike") >= pl.col("spot")) == pl.col("call"),
    ).with_columns(
        x=(pl.col("strike") / pl.col("spot")).log().abs() / (pl.col("iv") * (pl.col("dte") / 365).sqrt()),
        share=200 * (pl.col("ask") - pl.col("bid")) / (pl.col("ask") + pl.col("bid")),
    )
    found = {}
    for name, low, high in MATURITIES:
        for least, most in BANDS:
            band = out.filter(pl.col("dte").is_between(low, high), pl.col("x").is_between(least, most, closed="left"))
            if band.height >= 30:
                found[f"spread_{name}_{least:g}"] = float(band["share"].median() or 0)  # type: ignore[arg-type]
    return found
