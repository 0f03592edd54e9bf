"""Rules on the account: halts, the day's loss, the age of its mark, the regime, and the sums of worst cases.

Each rule gives one line of the report and fails when a figure that it needs is missing, stale or nonsense. None of
them binds an order that only reduces.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal

from domain.book import Book
from domain.decision import Check
from domain.regime import Regime
from quant.risk.asked import Asked, BadFigure, Loss, added, check_of, dollars, figure, largest_leg, losses, positive
from quant.risk.limits import HardLimits


def halts(asked: Asked) -> Check:
    """No halt of the desk or the account is in force."""
    names = "; ".join(f"{halt.scope}: {halt.reason}" for halt in asked.book.halts)
    return check_of("halts", not asked.book.halts, limit="none", value=names or "none")


def daily_loss(asked: Asked) -> Check:
    """NLV has not fallen by the limit since the prior close. The latch: only reducing orders pass beyond it."""
    book, share = asked.book, asked.limits.daily_loss
    nlv = positive(book.nlv, "NLV")
    if book.nlv_prior_close is None:
        if book.positions or book.nlv_at is not None:
            raise BadFigure("the NLV of the prior close is not known")
        return check_of("daily_loss", True, limit=f"{share:%}", note="a fresh account has no prior close")
    loss = positive(book.nlv_prior_close, "NLV of the prior close") - nlv
    limit = nlv * share
    return check_of(
        "daily_loss", loss < limit, limit=dollars(limit), value=dollars(loss), headroom=dollars(limit - loss)
    )


def nlv_age(asked: Asked) -> Check:
    """NLV comes from a mark that is recent enough; an account that holds nothing needs none."""
    book = asked.book
    limit = asked.limits.nlv_age_s if asked.in_session else asked.limits.nlv_age_closed_s
    if not book.positions and book.nlv == book.cash:
        return check_of("nlv_age", True, limit=f"{limit} s", note="no position to mark")
    if book.nlv_at is None:
        raise BadFigure("the positions were never marked")
    age = (asked.at - book.nlv_at).total_seconds()
    left = f"{limit - age:.0f} s"
    return check_of("nlv_age", 0 <= age <= limit, limit=f"{limit} s", value=f"{age:.0f} s", headroom=left, age_s=age)


def regime_known(asked: Asked) -> Check:
    """The regime is known and recent; without it the limits of a crisis hold and nothing is added."""
    if asked.regime is None:
        raise BadFigure("nobody knows the regime")
    age = (asked.at - asked.regime.as_of).total_seconds()
    limit = asked.limits.regime_age_s
    return check_of("regime_known", 0 <= age <= limit, limit=f"{limit} s", value=asked.regime.name.value, age_s=age)


def position_loss(asked: Asked) -> Check:
    """Maximum loss of one ticker and expiry cycle."""
    share = asked.limits.position_share(asked.regime)
    return _sum_rule(asked, "position_loss", share, lambda loss: (loss.ticker, loss.cycle))


def sector_loss(asked: Asked) -> Check:
    """Sum of maximum losses of one sector bucket."""
    return _sum_rule(asked, "sector_loss", asked.limits.sector, lambda loss: loss.sector)


def total_loss(asked: Asked) -> Check:
    """Sum of all open maximum losses."""
    return _sum_rule(asked, "total_loss", asked.limits.total_share(asked.regime), lambda _: "all")


def free_margin(asked: Asked) -> Check:
    """NLV less every worst case (margin = maximum loss) stays above its floor."""
    nlv = positive(asked.book.nlv, "NLV")
    used = sum((one.amount for one in (*_counted(asked), *added(asked.adding))), Decimal(0))
    floor = nlv * asked.limits.free_margin
    left = nlv - used
    return check_of(
        "free_margin", left >= floor, limit=dollars(floor), value=dollars(left), headroom=dollars(left - floor)
    )


def contracts_order(asked: Asked) -> Check:
    """Contracts of the largest leg of one order. More needs a person's own order, which no setting here gives."""
    limit = asked.limits.contracts
    largest = max((largest_leg(order) for order in asked.adding), default=0)
    return check_of(
        "contracts_order", largest <= limit, limit=str(limit), value=str(largest), headroom=str(limit - largest)
    )


def contracts_day(asked: Asked) -> Check:
    """Contracts of the largest legs of one ticker's orders in a session: sent, reserved and asked for."""
    limit = asked.limits.contracts
    own = frozenset(order.ticket_id for order in asked.adding)
    counts = {
        ticker: contracts_used(asked.book, ticker, own)
        + sum(largest_leg(order) for order in asked.adding if order.ticker == ticker)
        for ticker in sorted({order.ticker for order in asked.adding})
    }
    ticker, most = max(counts.items(), key=lambda one: (one[1], one[0]), default=("", 0))
    return check_of(
        "contracts_day", most <= limit, limit=str(limit), value=str(most), headroom=str(limit - most), note=ticker
    )


def contracts_used(book: Book, ticker: str, own: frozenset[str] = frozenset()) -> int:
    """Contracts sent for a ticker this session, and those reserved for tickets that may add risk.

    Raises BadFigure for a negative count.
    """
    sent = sum(count for name, count in book.contracts_today if name == ticker)
    # A working order has been sent and is counted already; a reservation without a worst case only closes.
    reserved = [
        one.contracts
        for one in book.commitments
        if one.ticker == ticker and not one.working and one.id not in own and one.max_loss != 0
    ]
    if sent < 0 or any(count < 0 for count in reserved):
        raise BadFigure(f"the count of {ticker} contracts is negative")
    return sent + sum(reserved)


def loss_room(
    book: Book, ticker: str, sector: str, regime: Regime | None, limits: HardLimits, cycle: date | None = None
) -> dict[str, Decimal]:
    """Dollars of maximum loss that each limit still admits for one cycle of a ticker (None: a new one).

    Raises BadFigure.
    """
    nlv = positive(book.nlv, "NLV")
    held = losses(book)
    total = sum((one.amount for one in held), Decimal(0))
    in_cycle = sum((one.amount for one in held if (one.ticker, one.cycle) == (ticker, cycle)), Decimal(0))
    in_sector = sum((one.amount for one in held if one.sector == sector), Decimal(0))
    return {
        "position_loss": nlv * limits.position_share(regime) - in_cycle,
        "sector_loss": nlv * limits.sector - in_sector,
        "total_loss": nlv * limits.total_share(regime) - total,
        "free_margin": nlv - total - nlv * limits.free_margin,
    }


def _counted(asked: Asked) -> tuple[Loss, ...]:
    """The book's worst cases, without the reservations of the very tickets that the orders come from."""
    return losses(asked.book, frozenset(order.ticket_id for order in asked.adding))


def _sum_rule(asked: Asked, name: str, share: Decimal, bucket: Callable[[Loss], Hashable]) -> Check:
    """The fullest bucket that the orders add to (of all, when there is no order), against its share of NLV."""
    nlv = positive(asked.book.nlv, "NLV")
    new = added(asked.adding)
    limit = nlv * figure(share, name)
    sums = _sums((*_counted(asked), *new), bucket)
    touched = sorted({bucket(loss) for loss in new} or sums, key=lambda one: (sums[one], str(one)))
    worst = touched[-1] if touched else None
    value = sums[worst] if worst is not None else Decimal(0)
    note = " ".join(str(part) for part in worst) if isinstance(worst, tuple) else str(worst or "")
    return check_of(
        name, value <= limit, limit=dollars(limit), value=dollars(value), headroom=dollars(limit - value), note=note
    )


def _sums(found: Iterable[Loss], bucket: Callable[[Loss], Hashable]) -> dict[Hashable, Decimal]:
    sums: dict[Hashable, Decimal] = {}
    for loss in found:
        sums[bucket(loss)] = sums.get(bucket(loss), Decimal(0)) + loss.amount
    return sums
