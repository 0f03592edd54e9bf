"""What the desk's playbooks may look for, held against their own figures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from domain.market import OptionChain, RateCurve
from domain.playbook import Playbook
from quant.selection.playbooks import INDEX_IRON_CONDOR, PLAYBOOKS
from quant.structures.enumerate import enumerate_candidates
from quant.surface import fit


def test_every_short_of_the_condor_playbook_lies_in_its_delta_range(
    make_black_chain: Callable[..., OptionChain], make_flat_rates: Callable[..., RateCurve], black_as_of: datetime
) -> None:
    """An at-the-money body, as a butterfly has, is no short of 0.10 to 0.25 delta."""
    chain = make_black_chain(half_spread=0.004)
    surface = fit(chain, black_as_of, make_flat_rates())
    playbook = INDEX_IRON_CONDOR
    batches = enumerate_candidates(playbook.structures, playbook.search, chain, surface, black_as_of.date())
    assert batches
    least, most = playbook.search.short_delta
    for batch in batches:
        one = surface.slices[batch.front]
        for column, leg in enumerate(batch.shape.legs):
            if leg.quantity < 0:
                delta = np.abs(one.delta(chain.strike[batch.rows[:, column]], leg.right == "call"))
                assert delta.min() >= least
                assert delta.max() <= most


@pytest.mark.parametrize("playbook", PLAYBOOKS.values(), ids=lambda one: one.name)
def test_every_entry_leaves_time_before_the_exit(playbook: Playbook) -> None:
    assert playbook.search.min_dte - playbook.exits.close_dte >= 7
