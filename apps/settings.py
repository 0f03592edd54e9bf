"""The one reader of the environment and of the settings file. Frozen, unknown keys refused, hashed.

Order: environment (PARLEY_<KEY>, and AUTO_EXECUTE) over the TOML file over the defaults below.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from domain.errors import SettingsError
from domain.structures import StructureName

FILE_NAME = "parley.toml"
PREFIX = "PARLEY_"
CONFIG_KEY = "PARLEY_CONFIG"
# Set by test runners and drills, not settings of the desk.
FOREIGN = frozenset({CONFIG_KEY, "PARLEY_TEST_DATABASE_URL"})
# Tables of the file; in the environment each is one JSON document.
TABLES = ("weights", "limits", "lag_limits", "sources", "mandate")
# Where things lie, how long, secrets and who argues with whom over which socket do not change a decision's meaning.
OUTSIDE_HASH = frozenset(
    {"database_url", "data_dir", "store_dir", "model_api_key", "model_url", "threads", "market", "watch_days"}
)


def _home() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/parley")
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "parley"


class Section(BaseModel):
    """A table of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Weights(Section):
    """Weights of the four analysts; equal until their record earns more."""

    vol_surface: float = Field(default=1.0, ge=0)
    social: float = Field(default=1.0, ge=0)
    technical: float = Field(default=1.0, ge=0)
    flow: float = Field(default=1.0, ge=0)


class Sources(Section):
    """Which sources may answer for a datum, in the order in which they are asked (market `live`)."""

    chains: tuple[str, ...] = ("cboe", "yahoo")
    greeks: tuple[str, ...] = ("cboe", "yahoo")
    bars: tuple[str, ...] = ("yahoo", "store")
    indices: tuple[str, ...] = ("cboe", "yahoo", "store")
    rates: tuple[str, ...] = ("treasury", "store")
    events: tuple[str, ...] = ("file", "shipped", "yahoo")
    timeout_s: float = Field(default=10.0, gt=0, le=120)  # of one attempt
    attempts: int = Field(default=3, ge=1, le=10)  # at one source, with back-off between
    cboe_url: str = "https://cdn.cboe.com/api/global/delayed_quotes"
    yahoo_url: str = "https://query2.finance.yahoo.com"
    treasury_url: str = "https://home.treasury.gov"


class Mandate(Section):
    """What you let the desk do at all; nothing set binds nothing."""

    horizon: int | None = Field(default=None, ge=1)
    min_dte: int | None = Field(default=None, ge=0)
    max_dte: int | None = Field(default=None, ge=0)
    structures: tuple[StructureName, ...] = ()
    largest_loss: Decimal | None = Field(default=None, gt=0)
    watchlist: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _window(self) -> Mandate:
        """A window that holds no day is a slip of the pen, not a wish."""
        if self.min_dte is not None and self.max_dte is not None and self.min_dte > self.max_dte:
            raise ValueError(f"min_dte {self.min_dte} is above max_dte {self.max_dte}")
        return self


class Settings(Section):
    """Everything that can be set. A comment on each key is what `parley init` writes beside it."""

    database_url: SecretStr | None = Field(
        default=None, description="external PostgreSQL with pgvector; empty: embedded"
    )
    data_dir: Path = Field(default_factory=_home, description="where the embedded database lies")
    store_dir: Path = Field(
        default=Path("store"), description="recorded market data (Parquet); default: the data folder's `store`"
    )
    market: str = Field(
        default="simulated:vrp", description="simulated:fair|vrp|planted:EDGE[:seed], recorded:NAME[:SPREADS] or live"
    )
    seed: int = Field(default=15, ge=0, description="seed of the simulated market")
    model_url: str | None = Field(
        default=None, description="an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1"
    )
    model_name: str = Field(default="default", description="name of the model on that server")
    model_api_key: SecretStr | None = Field(default=None, description="key of that server, where it needs one")
    model_method: Literal["json_schema", "function_calling"] = Field(
        default="json_schema", description="how it is asked"
    )
    model_timeout_s: float = Field(default=60.0, gt=0, le=600, description="longest wait for one reply")
    auto_execute: bool = Field(
        default=False, description="answer tickets in code, on the same path; false: a person does"
    )
    ticket_minutes: float = Field(default=10.0, gt=0, le=1440, description="how long a ticket waits for its answer")
    start_cash: Decimal = Field(default=Decimal(100_000), gt=0, description="a fresh paper account starts with this")
    shortlist: int = Field(default=3, ge=1, le=50, description="how many tickers get a debate")
    tickers: tuple[str, ...] = Field(default=("SPY", "QQQ", "NVDA"), description="the universe when none is named")
    playbooks: tuple[str, ...] = Field(
        default=("index_iron_condor", "debit_vertical"), description="playbooks in force"
    )
    recall_limit: int = Field(default=4, ge=0, le=20, description="memories recalled into a debate")
    lag_limit_s: float = Field(default=600.0, gt=0, le=3600, description="oldest usable option chain")
    index_lag_limit_s: float = Field(default=900.0, gt=0, le=3600, description="the same for index options")
    half_life_s: float = Field(default=300.0, gt=0, description="IV confidence halves over this lag")
    stale_share: float = Field(
        default=0.20, ge=0, le=1, description="with a larger share of stale chains a run is analysis only"
    )
    spread_model: str = Field(
        default="none", description="spreads for chains without bid and ask: none, or the name of a fitted model"
    )
    reference_file: Path | None = Field(
        default=None, description="your own dated facts (TOML): sectors, dividends, splits, events"
    )
    watch_days: int = Field(default=30, ge=1, description="how long recorded watch ticks are kept")
    threads: int = Field(default=2, ge=1, le=64, description="worker threads for computing")
    weights: Weights = Field(default_factory=lambda: Weights(), description="weights of the analysts")
    limits: dict[str, float] = Field(default_factory=dict, description="hard limits, tightened; never loosened")
    lag_limits: dict[str, float] = Field(default_factory=dict, description="oldest usable chain, by ticker, seconds")
    sources: Sources = Field(default_factory=lambda: Sources(), description="allowed sources of the live market")
    mandate: Mandate = Field(default_factory=lambda: Mandate(), description="what you let the desk do at all")

    @model_validator(mode="before")
    @classmethod
    def _store_beside_data(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The store lies in the data folder unless it is put elsewhere."""
        named = {key: value for key, value in values.items() if (key, value) != ("reference_file", "")}
        return {"store_dir": Path(values.get("data_dir", _home())) / "store", **named}

    @property
    def external_database(self) -> str | None:
        """The URI of an external database, None when Parley runs its own."""
        return (self.database_url.get_secret_value() if self.database_url else "") or None

    def hash(self) -> str:
        """Short hash of everything that changes what a decision means; stored on each decision."""
        data = json.loads(self.model_dump_json(exclude=set(OUTSIDE_HASH)))
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:12]

    def shown(self) -> dict[str, str]:
        """Every key with its value as text, secrets masked."""
        return {name: str(getattr(self, name)) for name in type(self).model_fields}


def find_file(start: Path | None = None) -> Path | None:
    """PARLEY_CONFIG, else parley.toml here, else the one in the data folder; None when there is none."""
    named = os.environ.get(CONFIG_KEY)
    if named:
        path = Path(named)
        if not path.is_file():
            raise SettingsError(f"{CONFIG_KEY} names {path}, which does not exist; unset it or write it: `parley init`")
        return path
    for folder in (start or Path.cwd(), _home()):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Read the settings. Raises SettingsError naming the key that is unknown or wrong."""
    env = os.environ if environment is None else environment
    path = file or (find_file() if environment is None else None)
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path} cannot be read as settings: {error}") from error
    for key, text in env.items():
        if key == "AUTO_EXECUTE":
            values["auto_execute"] = text
        elif key.startswith(PREFIX) and key not in FOREIGN:
            name = key.removeprefix(PREFIX).lower()
            if name not in Settings.model_fields:
                raise SettingsError(f"{key} is no setting; `parley config show` lists them")
            values[name] = _parse(name, text)
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        where = f" in {path}" if path else ""
        raise SettingsError(f"setting {key}{where}: {first['msg'].lower()}; `parley config show` lists them") from error


def _parse(name: str, text: str) -> Any:
    if name in ("tickers", "playbooks"):
        return tuple(part for part in text.replace(",", " ").split() if part)
    if name in TABLES:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise SettingsError(f"{PREFIX}{name.upper()} is not JSON: {error}") from error
    return text


def commented() -> str:
    """A settings file with every key, its default and what it does, all commented out."""
    lines = ["# Parley's settings. Uncomment what you change; unknown keys are refused.", ""]
    for name, field in Settings.model_fields.items():
        if name in TABLES:
            continue
        default = field.get_default(call_default_factory=True)
        lines.append(f"# {field.description}")
        lines.append(f"#{name} = {_toml(default)}")
    lines += ["", "# weights of the analysts", "#[weights]", *(f"#{name} = 1.0" for name in Weights.model_fields)]
    lines += ["", "# hard limits, tightened (never loosened): position = 0.03", "#[limits]"]
    lines += ["", "# oldest usable chain of single tickers, in seconds: TLT = 900", "#[lag_limits]"]
    lines += ["", "# allowed sources of the live market, in the order in which they are asked", "#[sources]"]
    lines += [f"#{name} = {_toml(value)}" for name, value in Sources()]
    lines += ["", "# what you let the desk do at all; nothing set binds nothing", "#[mandate]"]
    lines += ["# horizon = 21            trading days: no verdict that looks further is acted on"]
    lines += ["# min_dte = 7", "# max_dte = 60", '# structures = ["iron_condor"]']
    lines += ["# largest_loss = 1000     dollars of maximum loss per trade", '# watchlist = ["SPY", "QQQ"]', ""]
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Decimal):
        return str(value)
    return f'"{value}"'
