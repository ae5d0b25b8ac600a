"""Codes of refusals: a stable name for each reason, for programs and for the page that explains it.

An exception class carries one as ``code``; words that are passed on as text carry one as a `Coded`.
Nothing is ever recognized by its words. Codes are added and never given another meaning.
"""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Code(StrEnum):
    """Each with who says it, what it means, and what usually mends it."""

    def __new__(cls, value: str, area: str, meaning: str, mend: str):
        made = str.__new__(cls, value)
        made._value_ = value
        made.area, made.meaning, made.mend = area, meaning, mend
        return made

    # the command line
    USAGE = (
        "E-USAGE",
        "command line",
        "The command line names no such verb or option, or lacks one.",
        "See the help of the verb: groundspeed VERB --help.",
    )
    NAME = (
        "E-NAME",
        "command line",
        "There is no optimization, baseline, case or part of that name.",
        "Take one of the names that the message offers; groundspeed list shows all.",
    )
    ABSENT = (
        "E-ABSENT",
        "command line",
        "Something that was named, or that the verb needs, is not there.",
        "Correct the path, or run what the message names first.",
    )
    ARGUMENT = (
        "E-ARGUMENT",
        "command line",
        "A value is not allowed: of an option, of a claim, or of a file that people write.",
        "Give one that the message allows.",
    )
    SYNTAX = (
        "E-SYNTAX",
        "command line",
        "A file is no Python.",
        "Correct the line that the message names.",
    )
    FILE = (
        "E-FILE",
        "command line",
        "The system refused to read or write a file.",
        "Look at its rights, and at the room that is left on the disk.",
    )
    FAILED = (
        "E-FAILED",
        "command line",
        "Something that the verb started did not come to its end.",
        "Read what it said last; run the verb again.",
    )
    REFUSED = (
        "E-REFUSED",
        "command line",
        "What was asked for cannot be done as things are.",
        "Do what the message says after its last semicolon.",
    )
    INTERRUPTED = (
        "E-INTERRUPTED",
        "command line",
        "Ctrl-C ended the verb. Every record is whole or absent.",
        "Run the same verb again: it goes on with what is missing.",
    )
    JOB = (
        "E-JOB",
        "command line",
        "A job of a fleet was lost: killed, cancelled, or out of time or memory. What it worked on "
        "is missing, and nothing else is.",
        "Read the log that the message names, and run the same again.",
    )
    ROOM = (
        "E-ROOM",
        "command line",
        "There is no room for the files in which states travel.",
        "Make room, name another folder in TMPDIR, or give a container more shared memory.",
    )
    UNDECIDED = (
        "E-UNDECIDED",
        "command line",
        "A rule of the judge, the clock or the counter was edited and nobody has decided.",
        "groundspeed protocol --raised or --same; the message says when which.",
    )
    OUTGROWN = (
        "E-OUTGROWN",
        "command line",
        "A step does more than its accepted budget: operators, bytes, memory or waits.",
        "Mend the line that the message names, or accept it: groundspeed costs NAME --accept.",
    )
    # files on which a result rests
    RECORD = (
        "E-RECORD",
        "files",
        "A record is truncated, edited or about something else.",
        "Restore it with git checkout, or delete it and run the verb that writes it.",
    )
    LEAF = (
        "E-LEAF",
        "files",
        "The folder of an optimization cannot be loaded.",
        "Correct the file and line that the message names.",
    )
    SEAL = (
        "E-SEAL",
        "files",
        "A frozen baseline is not what was sealed, is not sealed, or may not be sealed again.",
        "Restore its files with git checkout; new physics is a new version of the baseline.",
    )
    # the state of a verdict
    UNJUDGED = (
        "E-UNJUDGED",
        "verdicts",
        "The optimization was not judged on this kind of machine.",
        "groundspeed validate NAME.",
    )
    STALE = (
        "E-STALE",
        "verdicts",
        "It was judged, and a file, the baseline, torch or a rule has changed since.",
        "groundspeed validate NAME.",
    )
    UNAVAILABLE = (
        "E-UNAVAILABLE",
        "verdicts",
        "This machine lacks a device, a compiler or a package that the optimization needs.",
        "Install what the message names, or judge it on another machine.",
    )
    REJECTED = (
        "E-REJECTED",
        "verdicts",
        "It was rejected by an older judge, which kept the words and not the kind of the reason.",
        "groundspeed validate NAME gives the reason its own code.",
    )
    INCONCLUSIVE = (
        "E-INCONCLUSIVE",
        "verdicts",
        "Nothing failed and something could not be judged; an older judge kept no kind.",
        "groundspeed validate NAME gives the reason its own code.",
    )
    # the judge: values
    VALUE = (
        "E-VALUE",
        "judge: values",
        "A value is further from the right answer than rounding explains.",
        "Mend the step: groundspeed replay NAME shows the smallest call that differs.",
    )
    BITS = (
        "E-BITS",
        "judge: values",
        "The claim says exact, and a value has other bits.",
        "Keep the order of the operations, or claim rounding where that is the whole difference.",
    )
    BUDGET = (
        "E-BUDGET",
        "judge: values",
        "A field is further off than the budget that an approximate claim declares.",
        "Bring the error down; a larger budget needs a reason (loosened).",
    )
    DECISION = (
        "E-DECISION",
        "judge: values",
        "A whole number or a truth value is another one: a branch was taken otherwise.",
        "Compute what the branch depends on as the baseline does, bit for bit.",
    )
    CONSTANT = (
        "E-CONSTANT",
        "judge: values",
        "A field that the baseline never changes came back changed.",
        "Return that field as it was given.",
    )
    DTYPE = (
        "E-DTYPE",
        "judge: values",
        "A field has another type of number.",
        "Compute in the type of the state, or convert back in observe.",
    )
    SHAPE = (
        "E-SHAPE",
        "judge: values",
        "A field has another shape.",
        "Return the shape of the state that was given; the cases have several.",
    )
    NONFINITE = (
        "E-NONFINITE",
        "judge: values",
        "A value is infinite or not a number.",
        "Look for memory that is never written, an overflow or a division by zero.",
    )
    LAW = (
        "E-LAW",
        "judge: values",
        "An experiment on a law of the physics, such as a conserved sum, does not hold.",
        "Find which term the step leaves out or counts twice.",
    )
    DISTRIBUTION = (
        "E-DISTRIBUTION",
        "judge: values",
        "Where values cannot be compared any more, they are distributed otherwise.",
        "Look for a bias: a dropped term, a poor generator, another order of random numbers.",
    )
    GRADIENT = (
        "E-GRADIENT",
        "judge: values",
        "A derivative of the end by the start is not the baseline's.",
        "Mend the backward pass, or take the field out of differentiable.",
    )
    # the judge: behaviour
    REPEAT = (
        "E-REPEAT",
        "judge: behaviour",
        "Two runs from one start differ in bits.",
        "Look for memory that is read before it is written, or for what depends on addresses.",
    )
    PROCESS = (
        "E-PROCESS",
        "judge: behaviour",
        "A new process gives other bits.",
        "Look for what depends on hashes, addresses, the clock or the order of sets.",
    )
    THREADS = (
        "E-THREADS",
        "judge: behaviour",
        "With two threads the answer is another one than the claim allows.",
        "Keep the order of sums; if the other bits are right, say why in threads.",
    )
    RACE = (
        "E-RACE",
        "judge: behaviour",
        "With more threads than processors the answer is wrong: threads race.",
        "Give each thread memory of its own, or wait for one another before it is read.",
    )
    ALIAS = (
        "E-ALIAS",
        "judge: behaviour",
        "The step changed memory that it was given, or that it had handed out.",
        "Return new memory, or say in_place=True.",
    )
    GLOBAL = (
        "E-GLOBAL",
        "judge: behaviour",
        "The step left a global setting, or a function that others call, changed.",
        "Put it back before the step returns, or do without it.",
    )
    RAISED = (
        "E-RAISED",
        "judge: behaviour",
        "The candidate raised an error, or returned what is no state.",
        "Mend the file and line that the message names.",
    )
    ENDED = (
        "E-ENDED",
        "judge: behaviour",
        "The candidate's process ended: a crash of native code, or an exit.",
        "Run the step by itself under a debugger; look for writes outside of an array.",
    )
    SILENT = (
        "E-SILENT",
        "judge: behaviour",
        "The candidate slept and gave no answer in time.",
        "Look for a lock, an input or a process that it waits for.",
    )
    ANSWER = (
        "E-ANSWER",
        "judge: behaviour",
        "The candidate's answer cannot be read, or is none.",
        "Leave the pipe and the files of the judge alone; return plain tensors.",
    )
    COMPILER = (
        "E-COMPILER",
        "judge: behaviour",
        "It says that it needs a compiler, and nothing was compiled.",
        "See why compilation was passed over, or leave the compiler out of needs.",
    )
    ELSEWHERE = (
        "E-ELSEWHERE",
        "judge: behaviour",
        "The candidate loaded a file that no verdict covers, so an edit of it would not be seen.",
        "Move it below the folder that groundspeed.toml names as code, or install its package.",
    )
    UNCALLED = (
        "E-UNCALLED",
        "judge: behaviour",
        "A function that stands in for one of a user's program was never called in a step.",
        "Name a function that the step calls from Python.",
    )
    LOOSENED = (
        "E-LOOSENED",
        "judge: behaviour",
        "The claim allows more than the last verdict on file, without a reason.",
        "Bring the error down, or say why: loosened='…' in the claim.",
    )
    # the judge: nothing failed, and it cannot say that it is right
    UNFINISHED = (
        "E-UNFINISHED",
        "judge: undecided",
        "The candidate was still at work when its time was up.",
        "Make its first call faster, or judge it on a faster machine.",
    )
    MUTANTS = (
        "E-MUTANTS",
        "judge: undecided",
        "Errors that were built into the step on purpose were not found on these cases.",
        "Let the claim cover more of the baseline's cases.",
    )
    BLIND = (
        "E-BLIND",
        "judge: undecided",
        "No built-in error changes anything on these cases, so they tell nothing.",
        "Let the claim cover cases in which something moves.",
    )
    UNCOVERED = (
        "E-UNCOVERED",
        "judge: undecided",
        "The claim covers no case that was judged.",
        "Name a case of the baseline, or judge with --full.",
    )
    # the clock
    UNMEASURED = (
        "E-UNMEASURED",
        "clock",
        "There is no number, and the message says why.",
        "Do what the message says after its last semicolon.",
    )
    DIRTY = (
        "E-DIRTY",
        "clock",
        "The tree differs from the commit under which the number would be filed.",
        "Commit, or say --dirty: the record is marked.",
    )
    UNTIMED = (
        "E-UNTIMED",
        "clock",
        "The claim covers no case that is meant for timing.",
        "Cover one that the baseline marks as timed.",
    )
    TIMED_ANSWER = (
        "E-TIMED-ANSWER",
        "clock",
        "The timed calls themselves computed something else than the judged ones.",
        "Do the same work whether or not anybody looks.",
    )
    TIMED_FAILURE = (
        "E-TIMED-FAILURE",
        "clock",
        "It failed, or its process ended, while it was timed.",
        "Run it for longer than the judge does; look for memory that grows.",
    )
    TIMER = (
        "E-TIMER",
        "clock",
        "The timer inside the process and the one outside do not agree.",
        "Leave the clock of the process alone; measure again on a quiet machine.",
    )
    SPEED = (
        "E-SPEED",
        "clock",
        "It is faster than the machine can move the bytes that a step must move.",
        "Look for work that is skipped, remembered, or done outside of the step.",
    )
    SLOWS = (
        "E-SLOWS",
        "clock",
        "In its process the baseline is slower than without it.",
        "Leave alone what others call, and the processor when a step is done.",
    )
    # create and profile: a user's program
    BASELINE = (
        "E-BASELINE",
        "create",
        "The program cannot be made a baseline, and the message says why.",
        "Do what the message says after its last semicolon.",
    )
    PROGRAM = (
        "E-PROGRAM",
        "create",
        "The program raised an error, ended early, or lacks what was asked of it.",
        "Run it by itself first; mend the line that the message names.",
    )
    MODULE = (
        "E-MODULE",
        "create",
        "The program needs a package that is not installed beside groundspeed.",
        "Install it with the pip that the message names.",
    )
    OUTSIDE = (
        "E-OUTSIDE",
        "create",
        "The program uses the network, another process or a file of the project by its full path.",
        "Keep what it fetches in a file, or say --allow network or --allow processes.",
    )
    PATIENCE = (
        "E-PATIENCE",
        "create",
        "The program did not come to its end in time.",
        "Give it a smaller problem, or say `--patience-s SECONDS`.",
    )
    RANDOM = (
        "E-RANDOM",
        "create",
        "Two runs with one seed do not give the same.",
        "Seed generators of its own, or leave the field out: --ignore FIELD=REASON.",
    )
    NOTHING = (
        "E-NOTHING",
        "create",
        "Nothing is left that can be compared, or all of it is zero.",
        "Keep a result in a variable, return it, or name it: --output, --watch or --step.",
    )
    INPUTS = (
        "E-INPUTS",
        "create",
        "Nothing that would be compared is computed: only inputs and constants.",
        "Name what it computes with --output, or a function with --watch or --step.",
    )
    CASES = (
        "E-CASES",
        "create",
        "A further run has other fields than the first.",
        "Make a baseline of its own of it, or name --output.",
    )
    HIDDEN = (
        "E-HIDDEN",
        "create",
        "From its frozen copies or from its own state it gives something else: it remembers "
        "something that is not seen.",
        "Name the file that it reads with --with, or a function that is given all it needs.",
    )
    LARGE = (
        "E-LARGE",
        "create",
        "The project, or what the program reads, is larger than what is copied.",
        "Say where the project begins with --project DIR, or give it a smaller problem.",
    )
    PROJECT = (
        "E-PROJECT",
        "create",
        "A file of the user's project changed during the run.",
        "Let the program write by a path relative to its own folder.",
    )
    INSTRUMENT = (
        "E-INSTRUMENT",
        "profile",
        "This machine does not let an instrument work.",
        "The other instruments still measure; the message says what this one needs.",
    )


class Coded(str):
    """Words of a refusal, with its code. What is made of them by formatting is plain text again."""

    code: Code

    def __new__(cls, words: str, code: Code):
        made = super().__new__(cls, words)
        made.code = code
        return made


def with_code(words: str, code: str) -> str:
    """Words for the command line: the code stands at their end."""
    return f"{words} [{code}]" if code else words
