"""The person's mandate through a whole run: vetoed by name outside it, narrowed inside it, quoted in the transcript."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from apps.wiring import House
from domain.decision import Decision
from domain.money import to_cents
from domain.structures import Option, StructureName
from tests.desk import demo_spec, desk_house


async def decided(house: House) -> Decision:
    row = await house.runs.start(demo_spec(house))
    assert row.decision is not None
    return row.decision


async def test_a_ticker_off_the_watchlist_is_vetoed_by_name(postgres_uri: str) -> None:
    async with desk_house(postgres_uri, change={"mandate": {"watchlist": ("QQQ",)}}) as house:
        made = await decided(house)
        (page,) = await house.store.transcripts.get(made.spec.run_id)
    assert made.spec.investor.watchlist == ("QQQ",)
    assert "Mandate of the person: QQQ." in page.text
    assert made.mandates == made.tickets == ()
    for veto in made.vetoes:
        assert "mandate_watchlist" in {check.name for check in veto.report.failed}


async def test_what_is_proposed_fits_the_mandate(postgres_uri: str) -> None:
    async with desk_house(postgres_uri) as house:
        free = await decided(house)
    assert free.tickets, "without a mandate there is a trade"
    assert not free.spec.investor.binds
    (granted,) = free.mandates
    half = to_cents(max(one.max_loss for one in free.sized) / 2, "down")
    named = {"watchlist": ("spx",), "max_dte": 35, "largest_loss": half, "structures": granted.structures}
    async with desk_house(postgres_uri, change={"mandate": named}) as house:
        bound = await decided(house)
    assert bound.spec.investor.watchlist == ("SPX",)
    (narrowed,) = bound.mandates
    latest = bound.spec.as_of.date() + timedelta(days=35)
    assert (narrowed.latest_expiry, narrowed.loss_budget) == (latest, min(granted.loss_budget, half))
    assert all(one.max_loss <= half for one in bound.sized)
    for one in bound.proposals:
        legs = [leg.instrument for leg in one.structure.legs]
        assert all(isinstance(leg, Option) and leg.expiry <= latest for leg in legs)


async def test_a_structure_that_is_not_permitted_is_not_looked_for(postgres_uri: str) -> None:
    only = {"structures": (StructureName.LONG_STRADDLE,), "largest_loss": Decimal(500)}
    async with desk_house(postgres_uri, change={"mandate": only}) as house:
        made = await decided(house)
    assert made.mandates == ()
    assert all("mandate_structures" in {check.name for check in veto.report.failed} for veto in made.vetoes)
