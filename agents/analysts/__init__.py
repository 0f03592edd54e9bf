"""The four analysts: each reads one snapshot and gives evidence and a signal, or abstains."""

from __future__ import annotations

from agents.analysts import flow, social, technical, vol_surface
from agents.analysts.protocol import Analyst

ANALYSTS: dict[str, Analyst] = {
    vol_surface.NAME: vol_surface.read,
    social.NAME: social.read,
    technical.NAME: technical.read,
    flow.NAME: flow.read,
}
"""Every analyst by name, in the order of `domain.views.ANALYSTS`."""
