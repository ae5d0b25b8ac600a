"""The commands and their options. Each imports what it needs when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Proves that a faster simulation computes the same, then measures how much faster it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Names = Annotated[list[str] | None, typer.Argument(help="Default: all.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Full = Annotated[bool, typer.Option("--full", help="Include the large cases.")]
Dirty = Annotated[
    bool, typer.Option("--dirty", help="Allow uncommitted code; marked in the record.")
]


@app.command("list")
def list_(json: Json = False) -> int:
    """List engines, optimizations, verdicts and speedups."""
    from tools.cli import listing

    return listing.run(json)


@app.command()
def create(
    path: Annotated[str, typer.Argument(metavar="PATH[::CALLABLE]", show_default=False)],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Arguments of the script, after --.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Name of the baseline. Default: from PATH, with _v1.")
    ] = "",
    step: Annotated[str, typer.Option(help="module:function that computes one step.")] = "",
    watch: Annotated[
        list[str] | None, typer.Option(help="module:function whose calls are compared.")
    ] = None,
    output: Annotated[list[str] | None, typer.Option(help="Variable that is compared.")] = None,
    extra: Annotated[
        list[Path] | None, typer.Option("--with", help="File that the program needs.")
    ] = None,
    allow: Annotated[list[str] | None, typer.Option(help="Allow: network, processes.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of every random generator.")] = 0,
    patience_s: Annotated[float, typer.Option(help="Time limit of one run, in seconds.")] = 300.0,
    json: Json = False,
) -> int:
    """Freeze a script, module, pytest test or callable."""
    from tools.create import command as verb

    return verb.run(
        path, json, name, step=step, watch=watch, outputs=output, extra=extra, allow=allow,
        seed=seed, patience_s=patience_s, arguments=arguments,
    )  # fmt: skip


@app.command()
def freeze(name: str, json: Json = False) -> int:
    """Record the answers of an engine with digests, once."""
    from tools.cli import check as verb

    return verb.run(name, json)


@app.command()
def check(names: Names = None, full: Full = False, json: Json = False) -> int:
    """Verify digests and golden data of baselines."""
    from tools.cli import check as verb

    return verb.check(names or [], full, json)


@app.command()
def new(
    name: str,
    baseline: Annotated[str, typer.Option(help="Engine to optimize.")],
) -> int:
    """Create a new optimization. It starts as a copy of the baseline and validates."""
    from tools.cli import new as cli_new

    return cli_new.run(name, baseline)


@app.command()
def validate(
    names: Names = None,
    full: Full = False,
    small: Annotated[
        bool, typer.Option("--small", help="Small cases only, for a quick look.")
    ] = False,
    json: Json = False,
) -> int:
    """Check that optimizations compute the same as their baseline. Exit 1 if a claim fails."""
    from tools.cli import validate as verb
    from validation.tiers import Coverage

    if full and small:
        raise ValueError("--full and --small asked for; allowed: one of them")
    coverage = Coverage.SMALL if small else Coverage.of(full)
    return verb.run(names or [], coverage, again=bool(names), as_json=json)


@app.command()
def replay(name: str, json: Json = False) -> int:
    """Repeat the smallest call that shows a rejection. Exit 1 while it still differs."""
    from tools.cli import replay as verb

    return verb.run(name, json)


@app.command()
def selftest(
    json: Json = False,
    part: Annotated[
        str, typer.Option(help="Only must_reject, must_reject_timed, must_accept or calibration.")
    ] = "",
) -> int:
    """Test the judge with known right and wrong candidates."""
    from tools.selftest import command as verb

    return verb.run(json, part)


@app.command()
def bench(
    names: Names = None,
    full: Full = False,
    dirty: Dirty = False,
    json: Json = False,
    processes: Annotated[
        int | None, typer.Option(help="Fresh processes. Default: 3, with --full 10.")
    ] = None,
    recheck: Annotated[
        bool,
        typer.Option(
            "--recheck", help="Measure earlier results again with the installed versions."
        ),
    ] = False,
) -> int:
    """Measure speedups. Only optimizations with a current VERIFIED verdict are timed."""
    if recheck:
        from tools.cli import recheck as again

        return again.run(names or [], full, dirty, json, processes)
    from tools.cli import bench as verb

    return verb.run(names or [], full, dirty, bool(names), json, processes)


@app.command()
def gpu(names: Names = None, full: Full = False) -> int:
    """Validate and benchmark what runs on a GPU. Results go to the folder of the GPU model."""
    from tools.cli import gpu as verb

    return verb.run(names or [], full)


@app.command()
def costs(
    names: Names = None,
    accept: Annotated[
        bool, typer.Option(help="Write the counted values as the new budget.")
    ] = False,
    check: Annotated[bool, typer.Option(help="Only compare with the budget.")] = False,
    json: Json = False,
) -> int:
    """Count the operators and bytes of a step. Exit 1 above the budget."""
    from tools.costs import count as verb

    return verb.run(names or [], accept, check, json)


@app.command()
def ceilings(json: Json = False) -> int:
    """Measure peak bandwidth and arithmetic of this machine."""
    from tools.roofline import peaks as verb

    return verb.run(json)


@app.command("map")
def map_(
    names: Names = None,
    budget_s: Annotated[float, typer.Option(help="Seconds; the next call continues.")] = 240.0,
    json: Json = False,
) -> int:
    """Measure speedups over size, dtype, threads and device."""
    from tools.experiments import sweep as verb

    return verb.run(names or [], budget_s, json)


@app.command()
def profile(
    what: Annotated[
        str, typer.Argument(metavar="NAME|PATH[::CALLABLE]", help="Engine, script, test, callable.")
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(help="Arguments of the script, after --.", show_default=False),
    ] = None,
    case: Annotated[
        str, typer.Option(help="Case of an engine. Default: its first timed case.")
    ] = "",
    against: Annotated[str, typer.Option(help="Second program to compare with.")] = "",
    patience_s: Annotated[float, typer.Option(help="Time limit of one run, in seconds.")] = 120.0,
    threads: Annotated[int, typer.Option(help="Threads of torch and OpenMP.")] = 1,
    seconds: Annotated[
        float, typer.Option(help="Seconds of engine steps for each instrument.")
    ] = 4.0,
    json: Json = False,
) -> int:
    """Profile time, memory and waiting of a program."""
    from tools.profiling import command as verb

    return verb.run(what, case, against, patience_s, threads, seconds, json, tuple(arguments or ()))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help='Commit, "." for the working tree, or results.')],
    b: Annotated[str, typer.Argument(help="The same. Results: a file, NAME or NAME@COMMIT.")],
    names: Names = None,
    json: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown for a pull request.")
    ] = False,
) -> int:
    """Is B slower than A? Exit 0 no, 1 yes, 2 wrong, 3 inconclusive."""
    from tools.experiments import compare_commits as verb

    return verb.run(a, b, names or [], json, markdown)


@app.command()
def experiment(
    trials: Annotated[int, typer.Option(help="Number of fresh processes in total.")] = 100,
    json: Json = False,
) -> int:
    """Measure the error rates of the clock on this machine. Resumes after a stop."""
    from tools.experiments import error_rates as verb

    return verb.run(trials, json)


@app.command()
def publish() -> int:
    """Add this commit to the asv history and build the site."""
    from tools.asv_support import site as verb

    return verb.run()


@app.command()
def preview() -> int:
    """Serve the asv site locally."""
    from tools.asv_support import site as verb

    verb.preview()
    return 0


@app.command()
def report(
    json: Json = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute every figure from the raw samples.")
    ] = False,
) -> int:
    """Write all pages and plots from the evidence."""
    if verify:
        from tools.reporting import verification

        return verification.run(json)
    from tools.reporting import pages as verb

    return verb.run(json)


@app.command()
def samples(
    export: Annotated[
        Path | None, typer.Option(help="Write the samples that evidence names to a bundle.")
    ] = None,
    add: Annotated[Path | None, typer.Option(help="Add the samples of a bundle.")] = None,
    json: Json = False,
) -> int:
    """List raw samples, or exchange them as a bundle."""
    from tools.reporting import sample_store as verb

    return verb.run(export, add, json)


@app.command()
def protocol(
    raised: Annotated[
        bool, typer.Option("--raised", help="Lock a changed rule under its new number.")
    ] = False,
    same: Annotated[
        bool, typer.Option("--same", help="Lock if every known answer stays the same.")
    ] = False,
    json: Json = False,
) -> int:
    """Show the rules of judge, clock and counter. Exit 1 if an edit is undecided."""
    from tools.cli import protocol_lock as verb

    return verb.run(raised, same, json)


@app.command()
def run(
    full: Full = False,
    dirty: Dirty = False,
    here: Annotated[
        bool,
        typer.Option("--here", help="Include what only other kinds of machine have evidence for."),
    ] = False,
) -> int:
    """Check, validate and benchmark what has no evidence."""
    from tools.cli import pipeline as verb

    return verb.run(full, dirty, here)
