"""Spread models for chains without quotes: `fitting` makes one of quoted sets, `models` keeps and applies them."""

from __future__ import annotations

from tools.market.spreads.fitting import FEW, SpreadFit, fit_spreads
from tools.market.spreads.models import NONE, fill_in, for_set, load, models, save

__all__ = ["FEW", "NONE", "SpreadFit", "fill_in", "fit_spreads", "for_set", "load", "models", "save"]
