"""Errors whose message is one line: what was got, what is allowed, and the next step.

Each class has a code, one of `validation.records.codes`; an error may carry a more precise one.
"""

from collections.abc import Collection
from difflib import get_close_matches

FEW = 8  # names that a message lists whole


class WithCode(Exception):
    """Mixed into errors: words, and a code where it is not that of the class."""

    code = "E-FAILED"

    def __init__(self, words: object = "", code: str = ""):
        super().__init__(words)
        self.code = code or getattr(words, "code", None) or type(self).code


class Refused(WithCode, RuntimeError):
    """Base: what was asked for cannot be done as things are."""

    code = "E-REFUSED"


class BrokenRecord(Refused):
    """A file that cannot be trusted: not of its schema, edited, or not what its name says."""

    code = "E-RECORD"


class BrokenLeaf(Refused):
    """An optimization folder that cannot be loaded; the message says which file and line."""

    code = "E-LEAF"


class Sealed(Refused):
    """A frozen baseline is not what was sealed, or may not be sealed again."""

    code = "E-SEAL"


class NotMeasured(Refused):
    """Not measured, or measured and thrown away."""

    code = "E-UNMEASURED"


class WrongAnswer(Refused):
    """A timed call computed something else; the message says what."""

    code = "E-TIMED-ANSWER"


class ProgramFailed(Refused):
    """The program could not be run to its end; the message says why."""

    code = "E-PROGRAM"


class NoInstrument(Refused):
    """This machine does not let the instrument work; the message says why."""

    code = "E-INSTRUMENT"


class UnknownName(WithCode, LookupError):
    """A name that nothing has; the message offers those that come near."""

    code = "E-NAME"

    @classmethod
    def of(cls, what: str, name: str, known: Collection[str], where: str = ""):
        """``what`` is the kind of thing, ``where`` says how to see all of a long list."""
        near = get_close_matches(name, known, n=3, cutoff=0.6)
        if near:
            words = f"did you mean {' or '.join(near)}?"
        elif len(known) <= FEW or not where:
            words = f"have {', '.join(sorted(known)) or 'none'}"
        else:
            words = f"{len(known)} others are there; see: {where}"
        return cls(f"no {what} {name!r}; {words}")
