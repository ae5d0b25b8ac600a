"""The commands and their options. Each imports what it needs when it is called."""

from __future__ import annotations

from pathlib import Path

import typer
from typer import Argument, Option

app = typer.Typer(
    help="Proves that a faster simulation computes the same, then measures how much faster it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

NAMES = Argument([], help="Default: all.", show_default=False)
PROGRAM = Argument([], help="Arguments of the script, after --.", show_default=False)
JSON = Option(False, "--json", help="Print JSON.")
FULL = Option(False, "--full", help="Include the large cases.")
DIRTY = Option(False, "--dirty", help="Allow uncommitted code; marked in the record.")
LIMIT = "Time limit of one run, in seconds."


@app.command("list")
def list_(json: bool = JSON) -> int:
    """List engines, optimizations, verdicts and speedups."""
    from tools.cli import listing

    return listing.run(json)


@app.command()
def create(
    path: str = Argument(..., metavar="PATH[::CALLABLE]"),
    arguments: list[str] = PROGRAM,
    name: str = Option("", help="Name of the baseline. Default: from PATH, with _v1."),
    step: str = Option("", help="module:function that computes one step."),
    watch: list[str] = Option([], help="module:function whose calls are compared."),
    output: list[str] = Option([], help="Variable that is compared."),
    extra: list[Path] = Option([], "--with", help="File that the program needs."),
    allow: list[str] = Option([], help="Allow: network, processes."),
    seed: int = Option(0, help="Seed of every random generator."),
    patience_s: float = Option(300.0, help=LIMIT),
    json: bool = JSON,
) -> int:
    """Freeze a script, module, pytest test or callable."""
    from tools.create import command as verb

    return verb.run(
        path, json, name, step=step, watch=watch, outputs=output, extra=extra, allow=allow,
        seed=seed, patience_s=patience_s, arguments=arguments,
    )  # fmt: skip


@app.command()
def freeze(name: str, json: bool = JSON) -> int:
    """Record the answers of an engine with digests, once."""
    from tools.cli import check as verb

    return verb.run(name, json)


@app.command()
def check(names: list[str] = NAMES, full: bool = FULL, json: bool = JSON) -> int:
    """Verify digests and golden data of baselines."""
    from tools.cli import check as verb

    return verb.check(names, full, json)


@app.command()
def new(name: str, baseline: str = Option(..., help="Engine to optimize.")) -> int:
    """Create a new optimization. It starts as a copy of the baseline and validates."""
    from tools.cli import new as verb

    return verb.run(name, baseline)


@app.command()
def validate(
    names: list[str] = NAMES,
    full: bool = FULL,
    small: bool = Option(False, "--small", help="Small cases only, for a quick look."),
    json: bool = JSON,
) -> int:
    """Check that optimizations compute the same as their baseline. Exit 1 if a claim fails."""
    from tools.cli import validate as verb
    from validation.tiers import Coverage

    if full and small:
        raise ValueError("--full and --small asked for; allowed: one of them")
    coverage = Coverage.SMALL if small else Coverage.of(full)
    return verb.run(names, coverage, again=bool(names), as_json=json)


@app.command()
def replay(name: str, json: bool = JSON) -> int:
    """Repeat the smallest call that shows a rejection. Exit 1 while it still differs."""
    from tools.cli import replay as verb

    return verb.run(name, json)


@app.command()
def selftest(
    json: bool = JSON,
    part: str = Option("", help="Only must_reject, must_reject_timed, must_accept or calibration."),
) -> int:
    """Test the judge with known right and wrong candidates."""
    from tools.selftest import command as verb

    return verb.run(json, part)


@app.command()
def bench(
    names: list[str] = NAMES,
    full: bool = FULL,
    dirty: bool = DIRTY,
    json: bool = JSON,
    processes: int | None = Option(None, help="Fresh processes. Default: 3, with --full 10."),
    recheck: bool = Option(
        False, "--recheck", help="Measure earlier results again with the installed versions."
    ),
) -> int:
    """Measure speedups. Only optimizations with a current VERIFIED verdict are timed."""
    if recheck:
        from tools.cli import recheck as verb

        return verb.run(names, full, dirty, json, processes)
    from tools.cli import bench as verb

    return verb.run(names, full, dirty, bool(names), json, processes, publish=full)


@app.command()
def gpu(names: list[str] = NAMES, full: bool = FULL) -> int:
    """Validate and benchmark what runs on a GPU. Results go to the folder of the GPU model."""
    from tools.cli import gpu as verb

    return verb.run(names, full)


@app.command()
def costs(
    names: list[str] = NAMES,
    accept: bool = Option(False, help="Write the counted values as the new budget."),
    check: bool = Option(False, help="Only compare with the budget."),
    json: bool = JSON,
) -> int:
    """Count the operators and bytes of a step. Exit 1 above the budget."""
    from tools.costs import count as verb

    return verb.run(names, accept, check, json)


@app.command()
def ceilings(json: bool = JSON) -> int:
    """Measure peak bandwidth and arithmetic of this machine."""
    from tools.roofline import peaks as verb

    return verb.run(json)


@app.command("map")
def map_(
    names: list[str] = NAMES,
    budget_s: float = Option(240.0, help="Seconds; the next call continues."),
    json: bool = JSON,
) -> int:
    """Measure speedups over size, dtype, threads and device."""
    from tools.experiments import sweep as verb

    return verb.run(names, budget_s, json)


@app.command()
def profile(
    what: str = Argument(
        ..., metavar="NAME|PATH[::CALLABLE]", help="Engine, script, test, callable."
    ),
    arguments: list[str] = PROGRAM,
    case: str = Option("", help="Case of an engine. Default: its first timed case."),
    against: str = Option("", help="Second program to compare with."),
    patience_s: float = Option(120.0, help=LIMIT),
    threads: int = Option(1, help="Threads of torch and OpenMP."),
    seconds: float = Option(4.0, help="Seconds of engine steps for each instrument."),
    json: bool = JSON,
) -> int:
    """Profile time, memory and waiting of a program."""
    from tools.profiling import command as verb

    return verb.run(what, case, against, patience_s, threads, seconds, json, tuple(arguments))


@app.command()
def compare(
    a: str = Argument(..., help='Commit, "." for the working tree, or results.'),
    b: str = Argument(..., help="The same. Results: a file, NAME or NAME@COMMIT."),
    names: list[str] = NAMES,
    json: bool = JSON,
    markdown: bool = Option(False, "--markdown", help="Print Markdown for a pull request."),
) -> int:
    """Is B slower than A? Exit 0 no, 1 yes, 2 wrong, 3 inconclusive."""
    from tools.experiments import compare_commits as verb

    return verb.run(a, b, names, json, markdown)


@app.command()
def experiment(
    trials: int = Option(100, help="Number of fresh processes in total."), json: bool = JSON
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
    json: bool = JSON,
    verify: bool = Option(False, "--verify", help="Recompute every figure from the raw samples."),
) -> int:
    """Write all pages and plots from the evidence."""
    if verify:
        from tools.reporting import verification as verb
    else:
        from tools.reporting import pages as verb

    return verb.run(json)


@app.command()
def samples(
    export: Path | None = Option(None, help="Write the samples that evidence names to a bundle."),
    add: Path | None = Option(None, help="Add the samples of a bundle."),
    json: bool = JSON,
) -> int:
    """List raw samples, or exchange them as a bundle."""
    from tools.reporting import sample_store as verb

    return verb.run(export, add, json)


@app.command()
def protocol(
    raised: bool = Option(False, "--raised", help="Lock a changed rule under its new number."),
    same: bool = Option(False, "--same", help="Lock if every known answer stays the same."),
    json: bool = JSON,
) -> int:
    """Show the rules of judge, clock and counter. Exit 1 if an edit is undecided."""
    from tools.cli import protocol_lock as verb

    return verb.run(raised, same, json)


@app.command()
def run(
    full: bool = FULL,
    dirty: bool = DIRTY,
    here: bool = Option(
        False, "--here", help="Include what only other kinds of machine have evidence for."
    ),
) -> int:
    """Check, validate and benchmark what has no evidence."""
    from tools.cli import pipeline as verb

    return verb.run(full, dirty, here)
