"""Markets by name, with the store, seed, spread model and reference data that the settings say."""

from __future__ import annotations

from apps.settings import Settings
from domain.ports import Market
from tools.market.open import open_market
from tools.market.reference import open_almanac


def market_named(settings: Settings, name: str) -> Market:
    """The market of a name. Raises BadInput for an unknown one, and for a reference file that is wrong."""
    almanac = open_almanac(settings.reference_file, settings.sources.events)
    return open_market(name, settings.store_dir, settings.seed, settings.spread_model, almanac)
