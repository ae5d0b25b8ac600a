"""The verbs and their options; each imports what it needs when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    """Engines and optimizations at a glance: verdict, speedup, and which machine found them."""
    from tools.cli import listing

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
    from tools.create import command as verb

    return verb.run(
        path, json, name, step=step, watch=watch, outputs=output, extra=extra, allow=allow,
        seed=seed, patience_s=patience_s, arguments=arguments,
    )  # fmt: skip


@app.command()
def freeze(name: str, json: Json = False) -> int:
    """Seal an engine's answers, once."""
    from tools.cli import check as verb

    return verb.run(name, json)


@app.command()
def check(names: Names = None, full: Full = False, json: Json = False) -> int:
    """Verify the seals and golden data of baselines."""
    from tools.cli import check as verb

    return verb.check(names or [], full, json)


@app.command()
def new(
    name: str,
    baseline: Annotated[str, typer.Option(help="The engine that it makes faster.")],
) -> int:
    """Scaffold an optimization that already validates, as the null one."""
    from tools.cli import new as cli_new

    return cli_new.run(name, baseline)


@app.command()
def validate(
    names: Names = None,
    full: Full = False,
    small: Annotated[
        bool, typer.Option("--small", help="Small cases only: no number rests on it.")
    ] = False,
    json: Json = False,
) -> int:
    """The judge: does it still compute the same thing? Exit 1 where a claim does not hold."""
    from tools.cli import validate as verb
    from validation.tiers import Coverage

    if full and small:
        raise ValueError("--full and --small asked for; allowed: one of them")
    coverage = Coverage.SMALL if small else Coverage.of(full)
    return verb.run(names or [], coverage, again=bool(names), as_json=json)


@app.command()
def replay(name: str, json: Json = False) -> int:
    """Run the smallest call that shows a refusal again. Exit 1 while it still differs."""
    from tools.cli import replay as verb

    return verb.run(name, json)


@app.command()
def selftest(
    json: Json = False,
    part: Annotated[
        str, typer.Option(help="must_reject, must_reject_timed, must_accept or toys alone.")
    ] = "",
) -> int:
    """The judge on trial: known exploits and honest rewritings, and every mutation score."""
    from tools.selftest import command as verb

    return verb.run(json, part)


@app.command()
def bench(
    names: Names = None,
    full: Full = False,
    dirty: Dirty = False,
    json: Json = False,
    processes: Annotated[
        int | None, typer.Option(help="Fresh processes, default 3, with --full 10.")
    ] = None,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Old claims again, under today's versions.")
    ] = False,
) -> int:
    """The clock: how much faster is it, really? Refuses what has no current VERIFIED verdict."""
    if recheck:
        from tools.cli import recheck as again

        return again.run(names or [], full, dirty, json, processes)
    from tools.cli import bench as verb

    return verb.run(names or [], full, dirty, bool(names), json, processes)


@app.command()
def gpu(names: Names = None, full: Full = False) -> int:
    """Judge and time what runs on a GPU; its model is a machine of its own in reports/results."""
    from tools.cli import gpu as verb

    return verb.run(names or [], full)


@app.command()
def costs(
    names: Names = None,
    accept: Annotated[bool, typer.Option(help="Rewrite the budget as what is counted.")] = False,
    check: Annotated[bool, typer.Option(help="Only compare with the budget.")] = False,
    json: Json = False,
) -> int:
    """Count what a step does: operators, bytes, arithmetic, waits; exit 1 above the budget."""
    from tools.costs import count as verb

    return verb.run(names or [], accept, check, json)


@app.command()
def ceilings(json: Json = False) -> int:
    """Measure what this machine can do at its best: bandwidth by level, arithmetic."""
    from tools.roofline import peaks as verb

    return verb.run(json)


@app.command("map")
def map_(
    names: Names = None,
    budget_s: Annotated[float, typer.Option(help="Seconds; the next call goes on.")] = 240.0,
    json: Json = False,
) -> int:
    """Where it gains and where it loses: speedup over size, type, threads and device."""
    from tools.experiments import sweep as verb

    return verb.run(names or [], budget_s, json)


@app.command()
def profile(
    what: Annotated[
        str, typer.Argument(metavar="NAME|PATH[::CALLABLE]", help="Engine, script, test, callable.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Of a script, after --.", show_default=False)
    ] = None,
    case: Annotated[str, typer.Option(help="Of an engine; default its first timed one.")] = "",
    against: Annotated[str, typer.Option(help="Another: where did the time go?")] = "",
    patience_s: Annotated[float, typer.Option(help="Seconds that any one run may take.")] = 120.0,
    threads: Annotated[int, typer.Option(help="Of torch and of OpenMP.")] = 1,
    seconds: Annotated[float, typer.Option(help="Of an engine's steps for each clock.")] = 4.0,
    json: Json = False,
) -> int:
    """Where time, memory and waiting go: hot lines, operators, flamegraph, findings."""
    from tools.profiling import command as verb

    return verb.run(what, case, against, patience_s, threads, seconds, json, tuple(arguments or ()))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help='A commit, "." for the working tree; or a record.')],
    b: Annotated[str, typer.Argument(help="The same; a record is a file, NAME or NAME@COMMIT.")],
    names: Names = None,
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a pull request.")] = False,
) -> int:
    """Is B slower than A? 0 same or faster, 1 slower, 2 wrong, 3 inconclusive."""
    from tools.experiments import compare_commits as verb

    return verb.run(a, b, names or [], json, markdown)


@app.command()
def experiment(
    trials: Annotated[int, typer.Option(help="Fresh processes, all together.")] = 100,
    json: Json = False,
) -> int:
    """How often the clock is wrong, on this machine; resumes where it was stopped."""
    from tools.experiments import error_rates as verb

    return verb.run(trials, json)


@app.command()
def publish() -> int:
    """File what was measured at this commit in asv's committed history, and build its site."""
    from tools.asv_support import site as verb

    return verb.run()


@app.command()
def preview() -> int:
    """Serve the asv site on this machine."""
    from tools.asv_support import site as verb

    verb.preview()
    return 0


@app.command()
def report(
    json: Json = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compute every figure again from its samples.")
    ] = False,
) -> int:
    """Write the committed pages from the committed evidence: report.md files, reports/, plots."""
    if verify:
        from tools.reporting import verification

        return verification.run(json)
    from tools.reporting import pages as verb

    return verb.run(json)


@app.command()
def samples(
    export: Annotated[Path | None, typer.Option(help="Bundle those that evidence names.")] = None,
    add: Annotated[Path | None, typer.Option(help="Take those in from such a bundle.")] = None,
    json: Json = False,
) -> int:
    """Raw samples on this machine: which evidence they belong to; bundle them for a release."""
    from tools.reporting import sample_store as verb

    return verb.run(export, add, json)


@app.command()
def protocol(
    raised: Annotated[
        bool, typer.Option("--raised", help="A rule changed: lock it under its new number.")
    ] = False,
    same: Annotated[
        bool, typer.Option("--same", help="No verdict changes: judge everything, then lock.")
    ] = False,
    json: Json = False,
) -> int:
    """Rules of judge, clock and counter: their numbers, and what changed since. Exit 1 if any."""
    from tools.cli import protocol_lock as verb

    return verb.run(raised, same, json)


@app.command()
def run(
    full: Full = False,
    dirty: Dirty = False,
    here: Annotated[
        bool, typer.Option("--here", help="Also what only other kinds of machine have evidence of.")
    ] = False,
) -> int:
    """The main job: check, validate, bench, publish; only what has no current evidence."""
    from tools.cli import pipeline as verb

    return verb.run(full, dirty, here)
