"""The commands and their options. Each imports what it needs when it is called."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from pathlib import Path

import typer
from typer import Argument, Option

from groundspeed import project
from groundspeed.tools.cli import complete
from groundspeed.tools.fleet import LOCAL

app = typer.Typer(
    help="Proves that a faster simulation computes the same, then measures how much faster it is.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

EVERY = "Default: all."
NAMES = Argument([], help=EVERY, show_default=False, autocompletion=complete.names)
NAME = Argument(..., autocompletion=complete.names)
ENGINE = Argument(..., autocompletion=complete.baselines)
ENGINES = Argument([], help=EVERY, show_default=False, autocompletion=complete.baselines)
PROGRAM = Argument([], help="Arguments of the script, after --.", show_default=False)
JSON = Option(False, "--json", help="Print JSON.")
LARGE = project.SETTING.tier == "full"
FULL = Option(LARGE, "--full/--everyday", help="With the large cases, or without.")
DIRTY = Option(False, "--dirty", help="Allow uncommitted code; marked in the record.")
ON = Option(LOCAL, "--on", metavar="WHERE", help="local, slurm, or a fleet file: FLEET.toml.")
LIMIT = "Time limit of one run, in seconds."


@app.callback(invoke_without_command=True)
def groundspeed(
    context: typer.Context,
    root: str = Option("", metavar="DIR", help="The project. Default: around here. Comes first."),
    version: bool = Option(False, "--version", help="Show the version and exit."),
) -> None:
    if root:  # else the entry point has taken it
        raise LookupError("--root comes before all else: groundspeed --root DIR VERB")
    if version:
        from importlib.metadata import version as installed  # late: it reads a parser of mail

        print(f"groundspeed {installed('groundspeed')}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def verb(module: str, name: str | None = None, function: str = "run") -> Callable:
    """A command that hands its options, by name, to a function of a module of tools."""

    def register(options: Callable) -> Callable:
        @wraps(options)
        def call(**given) -> int:
            return getattr(import_module(module), function)(**given)

        return app.command(name)(call)

    return register


@verb("groundspeed.tools.cli.listing", "list")
def list_(names: list[str] = NAMES, as_json: bool = JSON) -> int:
    """List engines, optimizations, verdicts and speedups; of named ones everything on file."""


@verb("groundspeed.tools.cli.init")
def init(
    folder: Path = Argument(Path("."), metavar="[DIR]", help="Folder of baselines and others."),
    as_json: bool = JSON,
) -> int:
    """Start using groundspeed in a project of your own. Overwrites nothing."""


@verb("groundspeed.tools.create.command")
def create(
    text: str = Argument(..., metavar="PATH[::CALLABLE]"),
    arguments: list[str] = PROGRAM,
    name: str = Option("", help="Name of the baseline. Default: from PATH, with _v1."),
    step: str = Option("", help="module:function that computes one step."),
    watch: list[str] = Option([], help="module:function whose calls are compared."),
    outputs: list[str] = Option([], "--output", help="Variable or file that is compared."),
    ignore: list[str] = Option([], help="FIELD=REASON: not compared, and the report says why."),
    case: str = Option("", help="Name of the run; more runs: --case NAME -- ARGUMENTS, again."),
    extra: list[Path] = Option([], "--with", help="File that the program needs."),
    project_folder: Path | None = Option(None, "--project", help="Folder of its project."),
    allow: list[str] = Option([], help="Allow: network, processes."),
    seed: int = Option(0, help="Seed of every random generator."),
    patience_s: float = Option(300.0, help=LIMIT),
    as_json: bool = JSON,
) -> int:
    """Freeze a script, module, pytest test or callable."""


@verb("groundspeed.tools.cli.check", function="freeze")
def freeze(name: str = ENGINE, as_json: bool = JSON) -> int:
    """Record the answers of an engine with digests, once."""


@verb("groundspeed.tools.cli.check")
def check(names: list[str] = ENGINES, full: bool = FULL, as_json: bool = JSON) -> int:
    """Verify digests and golden data of baselines."""


@verb("groundspeed.tools.cli.new")
def new(
    name: str,
    baseline: str = Option(..., help="Engine to optimize.", autocompletion=complete.baselines),
) -> int:
    """Create a new optimization. It starts as a copy of the baseline and validates."""


@app.command()
def validate(
    names: list[str] = NAMES,
    full: bool = FULL,
    small: bool = Option(False, "--small", help="Small cases only, for a quick look."),
    on: str = ON,
    as_json: bool = JSON,
) -> int:
    """Check that optimizations compute the same as their baseline. Exit 1 if a claim fails."""
    from groundspeed.validation.tiers import Coverage

    if full and small:
        raise ValueError("--full and --small asked for; allowed: one of them")
    coverage = Coverage.SMALL if small else Coverage.of(full)
    if on != LOCAL:
        from groundspeed.tools.cli import fleet_judging

        return fleet_judging.run(names, coverage, on, again=bool(names), as_json=as_json)
    from groundspeed.tools.cli import validate as verb

    return verb.run(names, coverage, again=bool(names), as_json=as_json)


@verb("groundspeed.tools.tryout.command", "try")
def try_(
    name: str,
    case: str = Option("", help="Case to judge and time. Default: smoke cases, first timed one."),
    watch: bool = Option(False, "--watch", help="Again on every save of its files, until Ctrl-C."),
    patience_s: float = Option(60.0, help=LIMIT),
    as_json: bool = Option(False, "--json", help="Print one JSON object a line."),
) -> int:
    """Look at one: right so far or not, and a first ratio, in seconds. Exit 1 if wrong."""


@verb("groundspeed.tools.cli.replay")
def replay(name: str = NAME, as_json: bool = JSON) -> int:
    """Repeat the smallest call that shows a rejection. Exit 1 while it still differs."""


@verb("groundspeed.tools.selftest.command")
def selftest(
    as_json: bool = JSON,
    part: str = Option("", help="Only one part, such as must_accept or calibration."),
) -> int:
    """Test the judge with known right and wrong candidates."""


@app.command()
def bench(
    names: list[str] = NAMES,
    full: bool = FULL,
    dirty: bool = DIRTY,
    on: str = ON,
    as_json: bool = JSON,
    processes: int | None = Option(
        None, help="Processes, exactly so many. Default: 8 to 12, with --full 16 to 24."
    ),
    recheck: bool = Option(
        False, "--recheck", help="Measure earlier results again with the installed versions."
    ),
) -> int:
    """Measure speedups. Only optimizations with a current VERIFIED verdict are timed."""
    if on != LOCAL:
        from groundspeed.tools.cli import fleet_recheck, fleet_timing

        if recheck:
            return fleet_recheck.run(names, full, on, as_json, processes)
        return fleet_timing.run(names, full, on, bool(names), as_json, processes)
    if recheck:
        from groundspeed.tools.cli import recheck as verb

        return verb.run(names, full, dirty, as_json, processes)
    from groundspeed.tools.cli import bench as verb

    return verb.run(names, full, dirty, bool(names), as_json, processes, publish=full)


@verb("groundspeed.tools.cli.gpu")
def gpu(names: list[str] = NAMES, full: bool = FULL) -> int:
    """Validate and benchmark what runs on a GPU. Results go to the folder of the GPU model."""


@verb("groundspeed.tools.costs.count")
def costs(
    names: list[str] = NAMES,
    accept: bool = Option(False, help="Write the counted values as the new budget."),
    check: bool = Option(False, help="Only compare with the budget."),
    as_json: bool = JSON,
) -> int:
    """Count the operators and bytes of a step. Exit 1 above the budget."""


@verb("groundspeed.tools.roofline.peaks")
def ceilings(as_json: bool = JSON) -> int:
    """Measure peak bandwidth and arithmetic of this machine."""


@app.command("map")
def map_(
    names: list[str] = NAMES,
    budget_s: float = Option(240.0, help="Seconds; the next call continues."),
    on: str = ON,
    as_json: bool = JSON,
) -> int:
    """Measure speedups over size, dtype, threads and device."""
    if on != LOCAL:
        from groundspeed.tools.cli import fleet_map

        return fleet_map.run(names, budget_s, on, as_json)
    from groundspeed.tools.experiments import sweep as verb

    return verb.run(names, budget_s, as_json)


@verb("groundspeed.tools.experiments.scaling")
def scaling(
    name: str = NAME,
    case: str = Option("", help="Default: the first timed case."),
    ranks: str = Option("1,2", help="Numbers of ranks, with commas."),
    shape: str = Option("", help="Another grid than the case has: 128,128,128."),
    steps: int = Option(40, help="Steps that are timed in each run."),
    repeats: int = Option(5, help="Fresh runs of each number of ranks."),
    as_json: bool = JSON,
) -> int:
    """Measure strong and weak scaling over ranks."""


@verb("groundspeed.tools.profiling.command")
def profile(
    what: str = Argument(
        ...,
        metavar="NAME|PATH[::CALLABLE]",
        help="Engine, script, test, callable.",
        autocompletion=complete.names,
    ),
    arguments: list[str] = PROGRAM,
    case: str = Option("", help="Case of an engine. Default: its first timed case."),
    against: str = Option("", help="Second program to compare with."),
    project_folder: Path | None = Option(None, "--project", help="Folder of its project."),
    patience_s: float = Option(120.0, help=LIMIT),
    threads: int = Option(1, help="Threads of torch and OpenMP."),
    seconds: float = Option(4.0, help="Seconds of engine steps for each instrument."),
    as_json: bool = JSON,
) -> int:
    """Profile time, memory and waiting of a program."""


@verb("groundspeed.tools.experiments.compare_commits")
def compare(
    a: str = Argument(..., help='Commit, "." for the working tree, or results.'),
    b: str = Argument(..., help="The same. Results: a file, NAME or NAME@COMMIT."),
    names: list[str] = NAMES,
    as_json: bool = JSON,
    markdown: bool = Option(False, "--markdown", help="Print Markdown for a pull request."),
) -> int:
    """Is B slower than A? Exit 0 no, 1 yes, 2 wrong, 3 inconclusive."""


@verb("groundspeed.tools.cli.gate")
def gate(
    base: str = Option(..., help="Branch, tag or commit that the change is compared with."),
    summary: Path | None = Option(None, help="Write the Markdown summary to a file."),
    junit_file: Path | None = Option(None, "--junit", help="Write JUnit XML to a file."),
    as_json: bool = JSON,
) -> int:
    """Check a change in CI. Exit 0 good, 1 slower, 2 wrong, 3 inconclusive."""


@app.command()
def experiment(
    trials: int = Option(100, help="Number of fresh processes in total."),
    as_json: bool = JSON,
) -> int:
    """Measure the error rates of the clock on this machine. Resumes after a stop."""
    from groundspeed.tools.experiments import error_rates

    return error_rates.run(trials, as_json)


@verb("groundspeed.tools.asv_support.site")
def publish() -> int:
    """Add this commit to the asv history and build the site."""


@verb("groundspeed.tools.asv_support.site", function="preview")
def preview() -> None:
    """Serve the asv site locally."""


@app.command()
def report(
    as_json: bool = JSON,
    verify: bool = Option(False, "--verify", help="Recompute every figure from the raw samples."),
) -> int:
    """Write all pages and plots from the evidence."""
    if verify:
        from groundspeed.tools.reporting import verification as verb
    else:
        from groundspeed.tools.reporting import pages as verb

    return verb.run(as_json)


@verb("groundspeed.tools.site.command")
def site(as_json: bool = JSON) -> int:
    """Build the static site of results, documents and history."""


@verb("groundspeed.tools.reporting.sample_store")
def samples(
    export: Path | None = Option(None, help="Write the samples that evidence names to a bundle."),
    add: Path | None = Option(None, help="Add the samples of a bundle."),
    as_json: bool = JSON,
) -> int:
    """List raw samples, or exchange them as a bundle."""


@verb("groundspeed.tools.query.command")
def query(
    sql: str = Argument("", metavar="SQL", help="Default: the tables and their columns."),
    as_json: bool = JSON,
) -> int:
    """Ask the evidence a question in SQL."""


@verb("groundspeed.tools.cli.protocol_lock")
def protocol(
    raised: bool = Option(False, "--raised", help="Lock a changed rule under its new number."),
    same: bool = Option(False, "--same", help="Lock if every known answer stays the same."),
    as_json: bool = JSON,
) -> int:
    """Show the rules of judge, clock and counter. Exit 1 if an edit is undecided."""


@verb("groundspeed.tools.cli.schema")
def schema(name: str = Argument("", metavar="VERB", help="Default: their names.")) -> int:
    """Print the JSON schema of what a verb prints with --json."""


@verb("groundspeed.tools.cli.pipeline")
def run(
    full: bool = FULL,
    dirty: bool = DIRTY,
    here: bool = Option(
        False, "--here", help="Include what only other kinds of machine have evidence for."
    ),
    on: str = ON,
) -> int:
    """Check, validate and benchmark what has no evidence."""
