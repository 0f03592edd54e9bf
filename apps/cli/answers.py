"""`approve`, `reject`, `edit`, `tickets`: a person's answers, from whatever terminal."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import perform, settings

Which = Annotated[str, typer.Argument(metavar="TICKET_OR_RUN", help="Id, or its beginning; a run: all its tickets.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Reason = Annotated[str, typer.Option(help="Kept in the journal.")]
Contracts = Annotated[int | None, typer.Option(min=1, help="Fewer contracts than proposed.")]
Limit = Annotated[str | None, typer.Option(help="Net price a share: 1.25 is a debit, -1.25 a credit.")]


def _price(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        price = Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is no price; write 1.25 or -1.25", param_hint="--limit") from error
    if not price.is_finite():
        raise typer.BadParameter(f"{text!r} is no price; write 1.25 or -1.25", param_hint="--limit")
    return price


def approve(which: Which, reason: Reason = "", json: Json = False) -> None:
    """Approve a ticket. It is priced and gated again before an order is sent."""
    from apps.cli.answering import Reply, answer

    raise typer.Exit(perform(answer(settings(), which, Reply("approve", reason), json)))


def reject(which: Which, reason: Reason = "", json: Json = False) -> None:
    """Reject a ticket; what it had reserved is free again."""
    from apps.cli.answering import Reply, answer

    raise typer.Exit(perform(answer(settings(), which, Reply("reject", reason), json)))


def edit(
    which: Which, contracts: Contracts = None, limit: Limit = None, reason: Reason = "", json: Json = False
) -> None:
    """Approve a ticket with fewer contracts or at another limit; it can only be made smaller."""
    if contracts is None and limit is None:
        raise typer.BadParameter("give --contracts or --limit; `parley approve` takes a ticket as it is")
    from apps.cli.answering import Reply, answer

    reply = Reply("edit", reason, contracts, _price(limit))
    raise typer.Exit(perform(answer(settings(), which, reply, json)))


def tickets(
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    account: Annotated[str | None, typer.Option(help="Of one account only.")] = None,
    json: Json = False,
) -> None:
    """Tickets that wait for an answer or work at the broker."""
    from apps.cli.answering import show

    perform(show(settings(), everything, account, json))


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (approve, reject, edit, tickets):
        app.command(epilog=EPILOG)(command)
