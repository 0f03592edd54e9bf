"""Opening the house for one command: settings, one event loop, what a command asks of it first."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from apps.settings import Settings
    from apps.wiring import House
    from memory.tickets import TicketRow

T = TypeVar("T")


def settings() -> Settings:
    """The settings in force. Raises SettingsError naming the key."""
    from apps.settings import load

    return load()


def perform(work: Coroutine[Any, Any, T]) -> T:
    """Run one command's work to its end on a loop of its own."""
    return asyncio.run(work)


def who() -> str:
    """The system user who acts."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


async def account_place(house: House, account: str) -> tuple[str, datetime]:
    """Market and present moment of an account: the market of its newest run, and the latest thing that happened in it.

    Raises BadInput when it never had a run.
    """
    from domain.errors import BadInput

    rows = await house.store.decisions.runs(1, account)
    if not rows:
        known = ", ".join(await house.store.portfolio.accounts()) or "none yet; `parley run` opens one"
        raise BadInput(f"account {account} never had a run; accounts: {known}")
    marked = [one.at for one in await house.store.portfolio.nlv_history(account)]
    filled = [one.at for one in await house.store.portfolio.fills(account)]
    return rows[0].spec.market, max((rows[0].spec.as_of, *marked, *filled))


async def pick_account(house: House, wanted: str | None) -> str:
    """The account meant: the one named, or the only one there is. Raises BadInput with the choice."""
    from domain.errors import BadInput

    if wanted is not None:
        return wanted
    known = await house.store.portfolio.accounts()
    own = [name for name in known if not name.startswith("replay/")]
    if len(own) == 1:
        return own[0]
    if not known:
        raise BadInput("there is no account yet; `parley run` opens one")
    raise BadInput(f"several accounts; name one with --account: {', '.join(own or known)}")


async def tickets_of(house: House, name: str) -> tuple[TicketRow, ...]:
    """The ticket with this id, or all tickets of the run with this id; beginnings of ids will do.

    Raises NotFound, and BadInput when the beginning is not enough.
    """
    from domain.errors import NotFound

    store = house.store
    try:
        run_id = await store.decisions.resolve(name)
    except NotFound:
        try:
            return (await house.runs.ticket(await store.tickets.resolve(name)),)
        except NotFound as error:
            raise NotFound(f"no ticket and no run begins with {name!r}; `parley tickets` shows them") from error
    from apps.cli.standing import tickets_of_run

    rows = await tickets_of_run(house, run_id)
    if not rows:
        raise NotFound(f"run {run_id} has no ticket; `parley journal show {run_id}` says why")
    return rows
