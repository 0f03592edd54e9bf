"""Settings: unknown keys and bad values are named, secrets never shown, the hash covers what changes a decision."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.settings import TABLES, Settings, commented, load
from apps.wiring import investor
from domain.errors import SettingsError
from tests.apps.conftest import Parley


def write(folder: Path, text: str) -> Path:
    path = folder / "parley.toml"
    path.write_text(text)
    return path


def test_nothing_set_gives_the_defaults() -> None:
    made = load({})
    assert made.market.startswith("simulated:vrp")
    assert not made.auto_execute
    assert made.model_url is None


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, 'seed = 3\nticket_minutes = 5.0\ntickers = ["SPX"]\n[weights]\nflow = 0.5\n')
    made = load({"PARLEY_SEED": "4", "AUTO_EXECUTE": "true"}, file)
    assert (made.seed, made.ticket_minutes, made.tickers, made.auto_execute) == (4, 5.0, ("SPX",), True)
    assert made.weights.flow == 0.5
    assert made.weights.social == 1.0


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PARLEY_COLOUR": "red"}, "PARLEY_COLOUR"),
        ({"PARLEY_SEED": "many"}, "seed"),
        ({"PARLEY_SEED": "-1"}, "seed"),
        ({"PARLEY_TICKET_MINUTES": "0"}, "ticket_minutes"),
        ({"PARLEY_MODEL_METHOD": "telepathy"}, "model_method"),
        ({"PARLEY_LIMITS": "{position: 1}"}, "PARLEY_LIMITS"),
        ({"PARLEY_WEIGHTS": '{"gut": 1}'}, "weights.gut"),
        ({"AUTO_EXECUTE": "perhaps"}, "auto_execute"),
    ],
)
def test_a_bad_environment_names_its_key(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(environment)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", "colour"),
        ("seed = 'x'", "seed"),
        ("[weights]\ngut = 1.0", "weights.gut"),
        ("seed = ", "parley.toml"),
    ],
)
def test_a_bad_file_names_its_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load({}, write(tmp_path, text))


def test_the_persons_mandate_is_read_and_unset_binds_nothing(tmp_path: Path) -> None:
    assert not investor(load({})).binds
    text = (
        '[mandate]\nhorizon = 21\nmax_dte = 60\nstructures = ["iron_condor"]\nlargest_loss = 500\nwatchlist = ["spy"]\n'
    )
    own = investor(load({}, write(tmp_path, text)))
    assert own.binds
    assert (
        own.text() == "SPY; horizon up to 21 trading days; up to 60 DTE; iron condor; at most $500.00 of loss a trade"
    )
    for bad in (
        "largest_loss = 0",
        'structures = ["moonshot"]',
        "min_dte = -1",
        "min_dte = 9\nmax_dte = 8",
        "colour = 1",
    ):
        with pytest.raises(SettingsError, match="mandate"):
            load({}, write(tmp_path, f"[mandate]\n{bad}\n"))


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load({}).seed = 5  # type: ignore[misc]


def test_secrets_are_never_shown() -> None:
    made = load({"PARLEY_MODEL_API_KEY": "hush-1", "PARLEY_DATABASE_URL": "postgresql://u:hush-2@h/d"})
    for text in (repr(made), str(made.shown()), made.model_dump_json()):
        assert "hush" not in text


def test_the_hash_is_of_what_changes_a_decision() -> None:
    plain = load({}).hash()
    for same in ("DATABASE_URL", "DATA_DIR", "STORE_DIR", "MODEL_API_KEY"):
        assert load({f"PARLEY_{same}": "/x"}).hash() == plain, same
    for other in ({"PARLEY_SEED": "99"}, {"AUTO_EXECUTE": "true"}, {"PARLEY_LIMITS": '{"position": 0.01}'}):
        assert load(other).hash() != plain, other


def test_the_commented_file_holds_every_key_and_loads_once_uncommented(tmp_path: Path) -> None:
    text = commented()
    assert load({}, write(tmp_path, text)).hash() == load({}).hash()
    bare = [line[1:] for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    assert load({}, write(tmp_path, "\n".join(bare))).hash() == load({}).hash()
    assert {line.partition(" =")[0] for line in bare} >= set(Settings.model_fields) - set(TABLES)


def test_init_writes_a_file_that_is_read_and_never_overwrites(alone: Parley) -> None:
    assert alone("init").code == 0
    path = alone.home / "parley.toml"
    path.write_text(path.read_text().replace("#seed", "seed"))
    again = alone("init")
    assert again.code == 2
    assert "exists" in again.err
    shown = alone("config", "show", "--json").document
    assert shown["file"] == str(path)
    assert shown["hash"] == load({}).hash()


def test_config_show_masks_secrets_and_names_bad_keys(alone: Parley) -> None:
    said = alone("config", "show", PARLEY_MODEL_API_KEY="hush", PARLEY_SEED="5")
    assert said.code == 0
    assert "hush" not in said.out
    assert "hash " in said.out
    assert json.loads(alone("config", "show", "--json", PARLEY_SEED="5").out)["settings"]["seed"] == "5"
    bad = alone("config", "show", PARLEY_COLOUR="red")
    assert bad.code == 2
    assert "PARLEY_COLOUR" in bad.err
    assert "Traceback" not in bad.err
    assert alone("run", PARLEY_CONFIG="/nowhere.toml").code == 2
