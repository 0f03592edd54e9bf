"""The Treasury's daily par yield curve on loopback, one CSV a year as the real one writes it."""

from __future__ import annotations

from datetime import date

from tests.servers.loopback import Behaviour, Loopback, raw

PATH = "/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv"
COLUMNS = (
    "1 Mo",
    "1.5 Month",
    "2 Mo",
    "3 Mo",
    "4 Mo",
    "6 Mo",
    "1 Yr",
    "2 Yr",
    "3 Yr",
    "5 Yr",
    "7 Yr",
    "10 Yr",
    "20 Yr",
    "30 Yr",
)


def table(rows: dict[date, dict[str, float]], columns: tuple[str, ...] = COLUMNS) -> bytes:
    """Percent by column, newest first; a cell that is not given is left empty."""
    lines = ["Date," + ",".join(f'"{name}"' for name in columns)]
    for day, cells in sorted(rows.items(), reverse=True):
        lines.append(f"{day:%m/%d/%Y}," + ",".join(f"{cells[name]:.2f}" if name in cells else "" for name in columns))
    return ("\n".join(lines) + "\n").encode()


class LoopbackTreasury(Loopback):
    """Serves the years that it is given."""

    def year(self, year: int, *script: Behaviour | bytes) -> str:
        path = f"{PATH}/{year}/all"
        self.on(path, *(raw(step, "text/csv") if isinstance(step, bytes) else step for step in script))
        return path
