from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from quant.vanilla.clock import holidays, trading_days, years


def _days(year: int) -> str:
    return " ".join(f"{day:%m%d}" for day in holidays(year))


def test_holidays_of_known_years() -> None:
    """The exchange's published calendars of 2019, 2022 and 2024."""
    assert _days(2019) == "0101 0121 0218 0419 0527 0704 0902 1128 1225"
    assert _days(2022) == "0117 0221 0415 0530 0620 0704 0905 1124 1226"
    assert _days(2024) == "0101 0115 0219 0329 0527 0619 0704 0902 1128 1225"


def test_trading_days_skip_weekends_and_holidays() -> None:
    friday_open = datetime(2019, 5, 24, 13, 0, tzinfo=UTC)
    assert trading_days(friday_open, date(2019, 5, 24)) == pytest.approx(1.0)
    assert trading_days(friday_open, date(2019, 5, 28)) == pytest.approx(2.0)  # Memorial Day between
    assert trading_days(friday_open, date(2019, 5, 28), opens_only=True) == pytest.approx(1.0)
    evening = datetime(2019, 5, 24, 22, 0, tzinfo=UTC)
    assert trading_days(evening, date(2019, 5, 28)) == pytest.approx(1.0)
    assert trading_days(evening, date(2019, 5, 24)) == 0.25  # never nothing


def test_calendar_years() -> None:
    assert years(datetime(2024, 1, 1, tzinfo=UTC), int(datetime(2024, 12, 31, tzinfo=UTC).timestamp())) == 1.0
