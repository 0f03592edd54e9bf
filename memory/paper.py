"""The paper broker's own books, apart from the desk's, so that the two can be held against each other."""

from __future__ import annotations

from domain.codec import dumps, loads
from domain.errors import NotFound
from domain.orders import BrokerOrder, BrokerReport, Fill
from memory.database import Database


class PaperOrders:
    """What the paper broker has been sent and what it answered (the port `PaperBook`)."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def paper_find(self, client_order_id: str) -> BrokerReport | None:
        """The report on an order, None when the broker never heard of it."""
        row = await self._db.row("paper.find", client_order_id=client_order_id)
        return None if row is None else loads(row["report"], BrokerReport)

    async def paper_put(self, account: str, order: BrokerOrder, report: BrokerReport) -> BrokerReport:
        """Store an order with its report unless the id is known; return the report that is stored."""
        await self._db.run(
            "paper.put",
            client_order_id=order.client_order_id,
            account=account,
            state=report.state.value,
            body=dumps(order),
            report=dumps(report),
        )
        stored = await self.paper_find(order.client_order_id)
        if stored is None:
            raise NotFound(f"paper order {order.client_order_id} was stored and is gone")
        return stored

    async def paper_update(self, report: BrokerReport) -> None:
        """Replace the report on a working order; one that is final stays as it is. Raises NotFound."""
        row = await self._db.row(
            "paper.update", client_order_id=report.client_order_id, state=report.state.value, report=dumps(report)
        )
        if row is None and await self.paper_find(report.client_order_id) is None:
            raise NotFound(f"the paper broker knows no order {report.client_order_id}")

    async def paper_open(self, account: str) -> tuple[tuple[BrokerOrder, BrokerReport], ...]:
        """Working orders with their reports, oldest first."""
        rows = await self._db.rows("paper.open", account=account)
        return tuple((loads(row["body"], BrokerOrder), loads(row["report"], BrokerReport)) for row in rows)

    async def paper_fills(self, account: str) -> tuple[tuple[BrokerOrder, Fill], ...]:
        """Every fill with its order, in the order the orders came."""
        rows = await self._db.rows("paper.all", account=account)
        pairs = ((loads(row["body"], BrokerOrder), loads(row["report"], BrokerReport)) for row in rows)
        return tuple((order, fill) for order, report in pairs for fill in report.fills)
