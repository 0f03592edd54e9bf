"""The spread models of a store, opened by name, and what they do to sets without quotes.

<store>/spreads/<name>.json     one model in canonical JSON (quant/execution/spreads.py says what it holds)
"""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from domain.codec import dumps, loads
from domain.errors import BadChain, BadInput, CodecError
from domain.market import Absent, OptionChain, Quotes, RateCurve
from quant import surface
from quant.execution import spreads as kernel
from quant.execution.spreads import SpreadModel
from tools.market import reference
from tools.market.store import Store

NONE = "none"  # the setting that chooses no model


def _folder(store: Store) -> Path:
    return store.folder / "spreads"


def check_name(name: str) -> None:
    """Raises BadInput for a name that cannot be a model's."""
    if name == NONE or not name.replace("-", "").replace("_", "").isalnum():
        raise BadInput(f"{name!r} cannot name a spread model; use letters, digits, - and _ (and not {NONE!r})")


def models(store: Store) -> tuple[str, ...]:
    """Names of the fitted models, sorted."""
    return tuple(sorted(path.stem for path in _folder(store).glob("*.json")))


def save(store: Store, model: SpreadModel) -> Path:
    """Keep a model under its name, in place of an earlier one."""
    path = _folder(store) / f"{model.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.write_text(dumps(model))
    half.replace(path)
    return path


def load(store: Store, name: str) -> SpreadModel | None:
    """The model of a name; None for "none". Raises BadInput for one that is not there or of another version."""
    if name == NONE:
        return None
    check_name(name)
    path = _folder(store) / f"{name}.json"
    how = f"fit one: parley data spreads fit {name}"
    if not path.is_file():
        held = models(store)
        has = f"it holds {', '.join(held)}" if held else "it holds none"
        raise BadInput(f"the store {store.folder} has no spread model {name!r}: {has}; {how}")
    try:
        model = loads(path.read_text(), SpreadModel)
    except (CodecError, ValueError) as error:
        raise BadInput(f"{path} is no spread model ({error}); {how}") from error
    if model.version != kernel.VERSION:
        raise BadInput(f"{path} is of version {model.version}, not {kernel.VERSION}; {how}")
    return model


def for_set(store: Store, set_name: str, model: SpreadModel | None) -> SpreadModel | None:
    """The model where the set has chains that need it (their first chain tells), else None.

    Raises BadInput where it was fitted on no quotes of such a ticker's kind.
    """
    if model is None:
        return None
    bare = [ticker for ticker in store.tickers(set_name) if not _first_is_quoted(store, set_name, ticker)]
    for ticker in bare:
        model.of(reference.kind(ticker))
    return model if bare else None


def _first_is_quoted(store: Store, set_name: str, ticker: str) -> bool:
    day = store.chain_days(set_name, ticker)[0]
    rows = store.chain(set_name, ticker, day, store.chain_moments(set_name, ticker, day)[0])
    shown = pl.col("bid").is_not_null().any() | pl.col("ask").is_not_null().any()
    return bool(rows.select(shown).collect().item())


def fill_in(chain: OptionChain, model: SpreadModel, rates: RateCurve | Absent) -> OptionChain:
    """The chain with the model's quotes; one without a usable slice stays as it is, which its restriction tells."""
    if chain.quotes is not Quotes.NONE:
        return chain
    try:
        fitted = surface.fit(chain, chain.quoted_at, None if isinstance(rates, Absent) else rates)
    except BadChain:
        return chain
    return kernel.with_model_quotes(chain, fitted, model, reference.kind(chain.ticker))
