"""Errors whose message is one line: what was got, what is allowed, and the next step."""


class Refused(RuntimeError):
    """Base: what was asked for cannot be done as things are."""


class BrokenRecord(Refused):
    """A file that cannot be trusted: not of its schema, edited, or not what its name says."""


class BrokenLeaf(Refused):
    """An optimization folder that cannot be loaded; the message says which file and line."""


class Sealed(Refused):
    """A frozen baseline is not what was sealed, or may not be sealed again."""


class NotMeasured(Refused):
    """Not measured, or measured and thrown away."""


class WrongAnswer(Refused):
    """A timed call computed something else; the message says what."""


class ProgramFailed(Refused):
    """The program could not be run to its end; the message says why."""


class NoInstrument(Refused):
    """This machine does not let the instrument work; the message says why."""
