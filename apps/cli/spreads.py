"""`parley data spreads`: spread models for chains without bid and ask."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from apps.cli.exits import EPILOG
from apps.cli.house import perform, settings

if TYPE_CHECKING:
    from tools.market.spreads import SpreadFit

Json = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Name = Annotated[str, typer.Argument(help="Name of the model; the setting `spread_model` chooses one.")]

spreads = typer.Typer(
    help="Spread models for chains without bid and ask, by moneyness and days to expiry.",
    no_args_is_help=True,
    epilog=EPILOG,
)


@spreads.command(epilog=EPILOG)
def fit(
    name: Name,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="A recorded set with quotes; repeat it. Default: all sets.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Last day of the quotes used, so that a replay after it foresees none."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Fit a model on the quoted chains of recorded sets, and keep it in place of an earlier one of that name."""
    from apps.cli.terminal import err, out, say_json
    from apps.render.spreads import fitted
    from domain.codec import to_data
    from tools.market.spreads import fit_spreads, save
    from tools.market.store import Store

    store = Store(settings().store_dir)

    async def work() -> SpreadFit:
        with err().status("reading quotes") as line:
            return await fit_spreads(
                store,
                tuple(sets or store.sets()),
                name,
                until=None if until is None else until.date(),
                progress=lambda what: line.update(f"reading quotes of {what}"),
            )

    found = perform(work())
    path = save(store, found.model)
    if json:
        say_json({"file": str(path), **to_data(found)})
    else:
        out().print(fitted(found, path))


@spreads.command(epilog=EPILOG)
def show(name: Name, json: Json = False) -> None:
    """The cells of a model, what it was fitted on, and its error on what was held out."""
    from apps.cli.terminal import out, say_json
    from apps.render.spreads import model
    from domain.codec import to_data
    from domain.errors import BadInput
    from tools.market.spreads import load
    from tools.market.store import Store

    held = load(Store(settings().store_dir), name)
    if held is None:
        raise BadInput(f"{name!r} is the absence of a spread model; `parley data spreads list` shows those there are")
    if json:
        say_json(to_data(held))
    else:
        out().print(model(held))


@spreads.command("list", epilog=EPILOG)
def listed(json: Json = False) -> None:
    """The models that the store holds; the one in force is marked."""
    from apps.cli.terminal import out, say_json
    from apps.render.spreads import models
    from domain.codec import to_data
    from tools.market.spreads import load
    from tools.market.spreads import models as names
    from tools.market.store import Store

    wanted = settings()
    store = Store(wanted.store_dir)
    held = [one for name in names(store) if (one := load(store, name)) is not None]
    if json:
        say_json({"in_force": wanted.spread_model, "models": [to_data(one) for one in held]})
    else:
        out().print(models(held, wanted.spread_model))
