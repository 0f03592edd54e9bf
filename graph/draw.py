"""The drawn graphs: `python -m graph.draw docs/graphs` writes them, `--check` fails when they have drifted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from graph.close import close_graph
from graph.run import run_graph, scan_graph
from graph.ticket import ticket_graph
from graph.watch import watch_graph

GRAPHS = {
    "run": run_graph,
    "scan": scan_graph,
    "ticket": ticket_graph,
    "watch": watch_graph,
    "close": close_graph,
}


def draw() -> dict[str, str]:
    """Mermaid text of every graph, by name."""
    return {name: build().compile().get_graph().draw_mermaid() for name, build in GRAPHS.items()}


def drifted(folder: Path) -> list[str]:
    """Names of the drawings that differ from the code."""
    drawn = draw()
    files = {name: folder / f"{name}.mmd" for name in drawn}
    return [name for name, file in files.items() if not file.exists() or file.read_text() != drawn[name]]


def main() -> int:
    """Write or check the drawings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the drawings lie")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when they have drifted")
    options = parser.parse_args()
    folder: Path = options.folder
    if options.check:
        names = drifted(folder)
        if names:
            print(f"drawn graphs differ from the code: {', '.join(names)}; run python -m graph.draw {folder}")
        return 1 if names else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in draw().items():
        (folder / f"{name}.mmd").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
