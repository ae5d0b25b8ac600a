"""line_profiler on chosen functions of an unmodified program."""

from __future__ import annotations

import ast
import builtins
import importlib.machinery
import os
import types

from line_profiler import LineProfiler

MARK = "__groundspeed_lines__"


class Marker(ast.NodeTransformer):
    """Decorates, innermost, the functions that begin at these lines."""

    def __init__(self, first_lines: set[int]):
        self.first_lines = first_lines

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        if {node.lineno, *(d.lineno for d in node.decorator_list)} & self.first_lines:
            name = ast.Name(MARK, ast.Load())
            ast.copy_location(name, node)
            node.decorator_list.append(name)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef


class LineTimes:
    """Line times of functions given as {file: first lines}; 0 stands for the module itself."""

    def __init__(self, hot: dict[str, list[int]]):
        self.hot = {os.path.realpath(file): set(lines) for file, lines in hot.items()}
        self.profiler = LineProfiler()
        self.marked: dict[tuple, types.CodeType] = {}

    def __enter__(self) -> LineTimes:
        setattr(builtins, MARK, self.mark)
        loader, hot = importlib.machinery.SourceFileLoader, self.hot
        get_code, self.compile = loader.get_code, builtins.compile

        def uncached(self, name):
            path = self.get_filename(name)
            if os.path.realpath(path) not in hot:
                return get_code(self, name)
            return self.source_to_code(self.get_data(path), path)

        self.undo = [(loader, "get_code", get_code), (builtins, "compile", self.compile)]
        loader.get_code, builtins.compile = uncached, self.compile_marked
        return self

    def __exit__(self, *_) -> None:
        for holder, name, original in self.undo:
            setattr(holder, name, original)

    def compile_marked(
        self, source, filename, mode, flags=0, dont_inherit=True, optimize=-1, **named
    ):
        """In place of ``compile``: copies of a file are compiled under the name of the file."""
        path = os.path.realpath(filename) if isinstance(filename, str) else ""
        code = mode == "exec" and not flags & ast.PyCF_ONLY_AST  # not when it is only parsed
        if code and path in self.hot and isinstance(source, str | bytes | ast.Module):
            tree = source if isinstance(source, ast.Module) else ast.parse(source)
            source = ast.fix_missing_locations(Marker(self.hot[path]).visit(tree))
        return self.compile(source, filename, mode, flags, True, optimize, **named)

    def run_module(self, code: types.CodeType, namespace: dict) -> None:
        """In place of exec: the main script, with its own lines watched if they are hot."""
        if 0 in self.hot.get(os.path.realpath(code.co_filename), ()):
            self.mark(types.FunctionType(code, namespace))()
        else:
            exec(code, namespace)

    def mark(self, function):
        """Watch a function; those that one `def` makes again share their lines."""
        if not isinstance(function, types.FunctionType):
            return function
        key = (function.__code__.co_filename, function.__code__.co_firstlineno)
        if key in self.marked:
            function.__code__ = self.marked[key]
        else:
            self.profiler.add_function(function)
            self.marked[key] = function.__code__
        return self.profiler.wrap_callable(function)

    def forget(self) -> None:
        """Count from here."""
        self.before = self.counts()

    def counts(self) -> dict[tuple, tuple[int, float]]:
        stats = self.profiler.get_stats()
        return {
            (*place, line): (hits, ticks * stats.unit)
            for place, timings in stats.timings.items()
            for line, hits, ticks in timings
        }

    def found(self) -> dict:
        """A table a function: [line, hits, seconds]; seconds are good for shares only."""
        tables: dict[tuple, list] = {}
        for (*place, line), (hits, seconds) in sorted(self.counts().items()):
            earlier = self.before.get((*place, line), (0, 0.0))
            if hits > earlier[0]:
                row = [line, hits - earlier[0], seconds - earlier[1]]
                tables.setdefault(tuple(place), []).append(row)
        functions = [
            {"file": file, "function": name, "lines": rows}
            for (file, _, name), rows in tables.items()
        ]
        return {"functions": functions}
