"""A small scene to argue about: SPX with a rich surface, a rising tape, neutral flow and no social source."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from domain.book import Position
from domain.decision import Scan
from domain.evidence import Evidence, evidence
from domain.market import Exercise, SnapshotRef
from domain.structures import Leg, Option, Right
from domain.units import Unit
from domain.views import Abstained, Composite, Horizon, Reading, Recalled, Signal

AS_OF = datetime(2019, 5, 21, 19, 30, tzinfo=UTC)
IV = "SPX/vol_surface/atm_iv_30d"
RV = "SPX/vol_surface/rv_21d"
RATIO = "SPX/vol_surface/iv_over_rv"
MOMENTUM = "SPX/technical/momentum_20d"
RSI = "SPX/technical/rsi_14"
GEX = "SPX/flow/net_gex"
BALANCE = "SPX/flow/gex_balance"
TRADED = "SPX/flow/put_call_volume"
HELD = "SPX/flow/put_call_oi"


def row(id: str, value: float, unit: Unit, **more: float | str | None) -> Evidence:
    ticker, analyst, name = id.split("/")
    return evidence(
        ticker,
        analyst,
        name,
        value,
        unit,
        as_of=AS_OF,
        known_at=AS_OF,
        source="test",
        **more,  # type: ignore[arg-type]
    )


def signal(
    analyst: str,
    rests_on: tuple[str, ...],
    direction: tuple[float, float] = (0.0, 0.0),
    volatility: tuple[float, float] = (0.0, 0.0),
    horizon: Horizon = 21,
) -> Signal:
    return Signal(
        ticker="SPX",
        analyst=analyst,
        direction=direction[0],
        direction_conviction=direction[1],
        volatility=volatility[0],
        volatility_conviction=volatility[1],
        horizon=horizon,
        why="test",
        evidence=rests_on,
    )


def scan(
    *,
    surface: tuple[float, float] = (0.7, 0.6),
    tape: tuple[float, float] = (0.5, 0.5),
    flow: tuple[float, float] = (-0.1, 0.2),
    flow_volatility: tuple[float, float] = (0.0, 0.0),
) -> Scan:
    readings = (
        Reading(
            analyst="vol_surface",
            evidence=(
                row(IV, 0.1521, Unit.VOL, percentile=0.42, note="constant maturity"),
                row(RV, 0.1160, Unit.VOL, note="close to close, 21 trading days"),
                row(RATIO, 1.3112, Unit.RATIO, note="trailing"),
            ),
            signal=signal("vol_surface", (RATIO,), volatility=surface),
        ),
        Reading(
            analyst="social",
            evidence=(),
            signal=Abstained(who="social", ticker="SPX", why="no source of social counts has this name"),
        ),
        Reading(
            analyst="technical",
            evidence=(row(MOMENTUM, -2.1, Unit.PERCENT, zscore=-0.8), row(RSI, 44.0, Unit.COUNT)),
            signal=signal("technical", (MOMENTUM, RSI), direction=tape, horizon=10),
        ),
        Reading(
            analyst="flow",
            evidence=(
                row(TRADED, 1.8, Unit.RATIO, note="today"),
                row(HELD, 1.6, Unit.RATIO),
                row(GEX, 3502.5, Unit.DOLLARS_M),
                row(BALANCE, 0.31, Unit.SCORE),
            ),
            signal=signal("flow", (TRADED, BALANCE), direction=flow, volatility=flow_volatility, horizon=5),
        ),
    )
    return Scan(
        ticker="SPX",
        snapshot=SnapshotRef(
            hash="ab" * 32,
            ticker="SPX",
            as_of=AS_OF,
            market="recorded:spx-2019",
            simulated=False,
            spot=2862.25,
            chain_at=AS_OF,
            chain_lag_s=0.0,
            iv_confidence=1.0,
            lag_limit_s=600.0,
            sources=(),
            restrictions=(),
            absent=(),
        ),
        readings=readings,
        composite=Composite(
            ticker="SPX",
            direction=0.1,
            volatility=0.2,
            direction_conviction=0.3,
            volatility_conviction=0.4,
            horizon=21,
            agreement=0.5,
            edge=0.1,
        ),
    )


def silent() -> Scan:
    """The same ticker when every analyst abstains, though numbers stand."""
    whole = scan()
    readings = tuple(
        Reading(
            analyst=one.analyst,
            evidence=one.evidence,
            signal=Abstained(who=one.analyst, ticker="SPX", why="too little data"),
        )
        for one in whole.readings
    )
    return Scan(ticker="SPX", snapshot=whole.snapshot, readings=readings, composite=None)


def memory(id: int, text: str, similarity: float = 0.8) -> Recalled:
    return Recalled(id=id, text=text, similarity=similarity, event_time=AS_OF, known_at=AS_OF)


def put(strike: str, quantity: int) -> Leg:
    option = Option(
        ticker="SPX",
        root="SPXW",
        expiry=date(2019, 6, 21),
        settles_at=datetime(2019, 6, 21, 20, 0, tzinfo=UTC),
        strike=Decimal(strike),
        right=Right.PUT,
        exercise=Exercise.EUROPEAN,
        multiplier=100,
    )
    return Leg(instrument=option, quantity=quantity)


def position(name: str = "bull_put_spread", ticker: str = "SPX") -> Position:
    return Position(
        id="p-1",
        account="paper/recorded:spx-2019",
        ticker=ticker,
        sector="broad",
        name=name,
        legs=(put("2700", 1), put("2750.50", -1)),
        contracts=2,
        entry_net=Decimal("-4.10"),
        fees=Decimal("5.20"),
        max_loss=Decimal("9185.20"),
        max_profit=Decimal("814.80"),
        multiplier=100,
        cycle=date(2019, 6, 21),
        opened_at=AS_OF,
        playbook="debit_vertical",
        params_hash="abc",
        ticket_id="t-1",
    )
