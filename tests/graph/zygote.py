"""A process that has imported everything and forks a child per order read from stdin, so that a child which is killed
at any point costs a second and not ten. Orders and answers are JSON lines.

Order: {"uri", "do": "run" | "go_on" | "answer" | "pick_up", "id", "kind", "kill_at": n | null, "tickers", "auto"}.
"die": "before_send" | "after_send" kills the child inside the broker's `place`, after the intent was committed.
Answer: {"status": exit status, or -signal}. `kill_at` n: the child kills itself with SIGKILL at the n-th node event.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from decimal import Decimal
from typing import Any

import langgraph.checkpoint.postgres.aio  # noqa: F401  (imported before forking)
import torch
import transformers  # noqa: F401

from apps.wiring import House
from domain.orders import BrokerOrder, BrokerReport
from domain.regime import Regime
from quant.execution.quotes import PriceBand
from quant.risk.limits import LIMITS
from tests import fakes
from tests.desk import demo_spec, desk_house
from tools.broker.guard import GuardedBroker
from tools.broker.paper import PaperBroker


def die_sending(when: str) -> None:
    """Make the paper broker's `place` the last thing this process does: before or after the broker has the order."""
    real = PaperBroker.place

    async def place(self: PaperBroker, order: BrokerOrder) -> BrokerReport:
        if when == "after_send":
            await real(self, order)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")

    PaperBroker.place = place  # type: ignore[method-assign]


async def work(order: dict[str, Any]) -> None:
    """Do one order, and die where it says."""
    events = 0
    if order.get("die"):
        die_sending(order["die"])

    def progress(node: str, ticker: str, event: str) -> None:
        nonlocal events
        events += 1
        if order.get("log"):
            with open(order["log"], "a") as log:
                log.write(f"{node} {ticker} {event}\n")
        if order.get("kill_at") == events:
            os.kill(os.getpid(), signal.SIGKILL)

    auto = order.get("auto", "")
    async with desk_house(order["uri"], progress=progress, answers_itself=auto, change=order.get("settings")) as house:
        if order["do"] == "run":
            await house.runs.start(demo_spec(house, tuple(order.get("tickers", ("SPX",)))))
        elif order["do"] == "go_on":
            await house.runs.go_on(order["id"])
        elif order["do"] == "four_percent":
            await four_percent(house, order["id"])
        elif order["do"] == "answer":
            now = (await house.runs.ticket(order["id"])).ticket.as_of
            await house.runs.answer(order["id"], order["kind"], who="test", through="zygote", at=now)
        else:
            await house.runs.pick_up(order["id"])


async def four_percent(house: House, name: str) -> None:
    """Try to open a condor that may lose 4 % of a fresh account, through the guard; OrderRefused raises."""

    async def regime_at(account: str) -> Regime:
        return fakes.regime()

    async def band_of(order: BrokerOrder, now: datetime) -> PriceBand:
        return PriceBand(better=Decimal(0), natural=Decimal(0), quoted_at=fakes.AT)

    await house.store.portfolio.ensure_account(fakes.ACCOUNT, Decimal(100_000))
    guard = GuardedBroker(
        fakes.FakeBroker(), house.store.portfolio, LIMITS, fakes.FakeClock(), regime_at=regime_at, band_of=band_of
    )
    order = fakes.order(
        fakes.condor_legs(40), client_order_id=name, ticket_id=f"ticket-{name}", max_loss=Decimal(4_000)
    )
    await guard.place(order)


def main() -> None:
    """Fork, wait, report, until stdin ends. An order with "wait": false is reported when asked with {"join": true}."""
    torch.set_num_threads(1)
    print(json.dumps({"ready": True}), flush=True)
    running: list[int] = []
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("join"):
            statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in running]
            running.clear()
            print(json.dumps({"status": statuses}), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            code = 1
            try:
                asyncio.run(work(order))
                code = 0
            except Exception as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            finally:
                os._exit(code)
        if order.get("wait", True):
            print(json.dumps({"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}), flush=True)
        else:
            running.append(pid)
            print(json.dumps({"pid": pid}), flush=True)


if __name__ == "__main__":
    main()
