"""The variables of a function at its end, without a tracer that would slow it.

The module's own source is compiled once more with a ``finally`` around the body of that function,
and the function gets the code of it: names mangled by a class, closures, decorators and annotations
are as they were, and whatever wraps the function calls it still.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType

LOCALS = "__groundspeed_locals__"
KINDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@contextmanager
def locals_told(function: Callable, tell: Callable[[dict], None]) -> Iterator[None]:
    """Meanwhile the function tells its variables when it returns; where that cannot be done,
    nothing is told."""
    inner = innermost(function)
    code = inner and telling(inner.__code__)
    if not code:
        yield
        return
    before = inner.__code__
    inner.__globals__[LOCALS] = tell
    inner.__code__ = code
    try:
        yield
    finally:
        inner.__code__ = before
        inner.__globals__.pop(LOCALS, None)


def innermost(function: Callable) -> FunctionType | None:
    """The function that was written, below its decorators and the object that it is bound to."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    inner = getattr(inner, "__func__", inner)
    return inner if isinstance(inner, FunctionType) else None


def telling(code: CodeType) -> CodeType | None:
    """The same code, telling its variables at its end; none where its source does not have it."""
    if code.co_flags & KINDS:
        return None
    try:
        lines, _ = inspect.findsource(code)
        tree = ast.parse("".join(lines), code.co_filename)
    except (OSError, SyntaxError, TypeError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and first_line(node) == code.co_firstlineno:
            ending = ast.parse(f"{LOCALS}(dict(locals()))").body
            node.body = [ast.Try(body=node.body, handlers=[], orelse=[], finalbody=ending)]
            ast.fix_missing_locations(tree)
            whole = compile(tree, code.co_filename, "exec", dont_inherit=True)
            found = within(whole, code)
            return found if found and found.co_freevars == code.co_freevars else None
    return None


def first_line(node: ast.FunctionDef) -> int:
    """Where its code begins: at its first decorator."""
    return min([node.lineno, *(d.lineno for d in node.decorator_list)])


def within(whole: CodeType, code: CodeType) -> CodeType | None:
    """The code of that function in the code of a module."""
    for part in whole.co_consts:
        if isinstance(part, CodeType):
            if (part.co_name, part.co_firstlineno) == (code.co_name, code.co_firstlineno):
                return part
            if found := within(part, code):
                return found
    return None
