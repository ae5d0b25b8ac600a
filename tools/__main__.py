"""groundspeed: ground truth, then speed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tools import console

app = typer.Typer(
    help="Ground truth, then speed: prove that a faster engine computes the same, then how fast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Names = Annotated[list[str] | None, typer.Argument(help="None means all.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Full = Annotated[bool, typer.Option("--full", help="The large cases too.")]
Dirty = Annotated[bool, typer.Option("--dirty", help="Measure uncommitted code; marks the record.")]


@app.command("list")
def list_(json: Json = False) -> int:
    """Engines and optimizations with verdict, speedup and freshness at a glance."""
    from tools import listing

    return listing.run(json)


@app.command()
def create(
    path: Annotated[str, typer.Argument(metavar="PATH[::CALLABLE]", show_default=False)],
    arguments: Annotated[list[str] | None, typer.Argument(help="Of a script, after --.")] = None,
    name: Annotated[str, typer.Option(help="Of the baseline; default: PATH's, and _v1.")] = "",
    step: Annotated[str, typer.Option(help="module:function that makes one step.")] = "",
    watch: Annotated[list[str] | None, typer.Option(help="module:function, see its calls.")] = None,
    output: Annotated[list[str] | None, typer.Option(help="A variable that is compared.")] = None,
    extra: Annotated[list[Path] | None, typer.Option("--with", help="A file it needs.")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="network, processes")] = None,
    seed: int = 0,
    patience_s: Annotated[float, typer.Option(help="For one run.")] = 300.0,
    json: Json = False,
) -> int:
    """Make a frozen baseline of any script, module, pytest test or callable."""
    from tools import create as verb

    return verb.run(
        path, json, name, step=step, watch=watch, outputs=output, extra=extra, allow=allow,
        seed=seed, patience_s=patience_s, arguments=arguments,
    )  # fmt: skip


@app.command()
def freeze(name: str, json: Json = False) -> int:
    """Seal an engine's answers, once."""
    from tools import freeze as verb

    return verb.run(name, json)


@app.command()
def check(names: Names = None, full: Full = False, json: Json = False) -> int:
    """Verify the seals and golden data of baselines."""
    from tools import freeze as verb

    return verb.check(names or [], full, json)


@app.command()
def new(
    name: str,
    baseline: Annotated[str, typer.Option(help="The engine that it makes faster.")],
) -> int:
    """Scaffold an optimization that already validates, as the null one."""
    from tools import scaffold

    return scaffold.run(name, baseline)


@app.command()
def validate(names: Names = None, full: Full = False, json: Json = False) -> int:
    """The judge: does it still compute the same thing? Exit 1 where a claim does not hold."""
    from tools import validate as verb

    return verb.run(names or [], full, again=bool(names), as_json=json)


@app.command()
def bench(
    names: Names = None,
    full: Full = False,
    dirty: Dirty = False,
    json: Json = False,
    processes: Annotated[
        int | None, typer.Option(help="Fresh processes, default 3, with --full 10.")
    ] = None,
) -> int:
    """The clock: how much faster is it, really? Refuses what has no fresh VERIFIED verdict."""
    from tools import bench as verb

    return verb.run(names or [], full, dirty, bool(names), json, processes)


@app.command()
def publish() -> int:
    """Build the asv site of every result on file; it works without the internet."""
    from tools import publish as verb

    print(verb.publish())
    return 0


@app.command()
def preview() -> int:
    """Serve the asv site on this machine."""
    from tools import publish as verb

    verb.preview()
    return 0


@app.command()
def report(json: Json = False) -> int:
    """Refill the generated block of every report.md, reports/index.md and the plots."""
    from tools import report as verb

    return verb.run(json)


@app.command()
def run(full: Full = False, dirty: Dirty = False) -> int:
    """The main job: check, validate, bench, publish, report; only what is not fresh."""
    from tools import run as verb

    return verb.run(full, dirty)


INTERRUPTED = 130  # as shells have it; the command line library returns it too


def main() -> None:
    """Run a verb; every failure is one line and an exit code."""
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except typer.TyperException as error:
        console.complain(error.format_message())
        code = 2
    except LookupError as error:
        console.complain(error.args[0] if error.args else error)
        code = 2
    except (ValueError, RuntimeError, OSError) as error:
        console.complain(error)
        code = 1
    if code == INTERRUPTED:
        console.complain("interrupted; every record is whole or absent, run again to go on")
    sys.exit(code)


if __name__ == "__main__":
    main()
