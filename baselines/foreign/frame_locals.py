"""The variables of a function at its end, without a tracer that would slow it."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

LOCALS = "__groundspeed_locals__"


def with_locals(function: Callable, tell: Callable[[dict], None]) -> Callable:
    """The function, telling its variables when it returns; itself where that cannot be done."""
    inner = getattr(function, "__func__", function)
    code = getattr(inner, "__code__", None)
    if code is None or code.co_freevars or hasattr(inner, "__wrapped__") or code.co_flags & 0x2A0:
        return function
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getsourcelines(inner)[0])))
    except (OSError, SyntaxError, TypeError):
        return function
    define = tree.body[0]
    if not isinstance(define, ast.FunctionDef):
        return function
    define.decorator_list = []
    ending = ast.parse(f"{LOCALS}(dict(locals()))").body
    define.body = [ast.Try(body=define.body, handlers=[], orelse=[], finalbody=ending)]
    ast.increment_lineno(tree, code.co_firstlineno - 1)
    space: dict[str, Any] = {}
    inner.__globals__[LOCALS] = tell
    exec(
        compile(ast.fix_missing_locations(tree), code.co_filename, "exec"), inner.__globals__, space
    )
    new = space[define.name]
    new.__defaults__, new.__kwdefaults__ = inner.__defaults__, inner.__kwdefaults__
    return new.__get__(function.__self__) if hasattr(function, "__self__") else new
