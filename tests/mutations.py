"""The small changes of a function that a check must notice: each is a slip that a learner makes.

They are those of asynchronous code, which libraries for mutants do not make: an `await` dropped, a `finally`, a lock,
an exception class too wide or too narrow, a line on the wrong side of a block, a wait too many, `gather` for a loop.
"""

import ast
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

PAUSE = ast.parse("await asyncio.sleep(0.25)").body[0]

NEIGHBOURS = {
    "Exception": ["ConnectionError", "OSError", "ValueError", "BaseException"],
    "BaseException": ["Exception"],
    "ConnectionError": ["ConnectionRefusedError", "OSError", "Exception", "BaseException"],
    "OSError": ["ConnectionError", "Exception", "BaseException"],
    "TimeoutError": ["OSError", "Exception", "BaseException", "(TimeoutError, asyncio.CancelledError)"],
}
OTHERS = ["Exception", "BaseException"]  # for a class that is not named above
WRAPPERS = {"create_task", "shield", "as_completed", "aclosing", "sorted", "list", "wait_for"}
BOUNDS = {"range", "Semaphore", "BoundedSemaphore", "Queue", "ThreadPoolExecutor", "timeout", "sleep"}
OPPOSITES: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Add],
    ast.Mod: [ast.FloorDiv],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}

Change = tuple[str, ast.expr]
Block = ast.For | ast.AsyncFor | ast.While | ast.If | ast.With | ast.AsyncWith | ast.Try


@dataclass(frozen=True)
class Mutant:
    """A function with one change; `name` says which, and is the same on every Python."""

    name: str
    source: str


def mutants(function: ast.AST) -> Iterator[Mutant]:
    """Give every mutant of a function once, each with the source of the whole function."""
    before = ast.unparse(function)
    seen, names = {before}, set[str]()
    for kind in _changed(function):
        source = ast.unparse(ast.fix_missing_locations(function))
        if source in seen:
            continue
        seen.add(source)
        # What is done to statements says to which; else the line that is another tells what was changed.
        name = short = kind if "`" in kind else f"{kind}: {_difference(before, source)}"
        number = 1
        while name in names:
            number += 1
            name = f"{short} ({number})"
        names.add(name)
        yield Mutant(name, source)


def _difference(before: str, after: str) -> str:
    lines = [[line.strip() for line in text.splitlines()] for text in (before, after)]
    return " ".join(line for line in difflib.ndiff(*lines) if line[0] in "-+")


def _line(statement: ast.AST) -> str:
    """Return the first line of a statement, which names it."""
    return f"`{ast.unparse(ast.fix_missing_locations(statement)).partition(chr(10))[0]}`"


def _changed(function: ast.AST) -> Iterator[str]:
    """Make one change after another in the tree, give what kind it is, and undo it."""
    for node in list(ast.walk(function)):
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                for kind, statements in _bodies(value):
                    setattr(node, name, list(statements) or [ast.Pass()])
                    yield kind
                setattr(node, name, value)
            elif isinstance(value, list):
                for place, each in enumerate(value):
                    for kind, new in _expressions(each) if isinstance(each, ast.expr) else ():
                        value[place] = new
                        yield kind
                    value[place] = each
            elif isinstance(value, ast.expr):
                for kind, new in [*_expressions(value), *_in_place(node, name, value)]:
                    setattr(node, name, new)
                    yield kind
                setattr(node, name, value)
        yield from _operators(node)


def _operators(node: ast.AST) -> Iterator[str]:
    for place, op in enumerate(getattr(node, "ops", ())):
        for other in OPPOSITES.get(type(op), ()):
            node.ops[place] = other()  # type: ignore[attr-defined]  # a Compare
            yield "another comparison"
        node.ops[place] = op  # type: ignore[attr-defined]
    op = getattr(node, "op", None)
    for other in OPPOSITES.get(type(op), ()):
        node.op = other()  # type: ignore[attr-defined]  # of two values, or of an assignment
        yield "another operator"
        node.op = op  # type: ignore[attr-defined]


def _in_place(node: ast.AST, name: str, value: ast.expr) -> Iterator[Change]:
    """Give what depends on the place an expression has."""
    if isinstance(node, ast.ExceptHandler) and name == "type":
        if isinstance(value, ast.Tuple):
            yield from (("catch less", each) for each in value.elts)
        for other in NEIGHBOURS.get(ast.unparse(value), OTHERS):
            yield "catch another class", _parsed(other)
    elif isinstance(node, ast.Raise) and name == "exc" and isinstance(value, ast.Call):
        for other in ("Exception", "RuntimeError"):
            yield "raise another class", ast.Call(_parsed(other), [ast.Constant("x")], [])
    elif isinstance(node, ast.If | ast.While | ast.IfExp) and name == "test":
        yield "the opposite", ast.UnaryOp(ast.Not(), value)
        yield "always", ast.Constant(True)
        if not isinstance(node, ast.While):
            yield "never", ast.Constant(False)
    elif isinstance(node, ast.For | ast.comprehension) and name == "iter":
        yield "without the last", _parsed(f"list({ast.unparse(value)})[:-1]")
        yield "backwards", _parsed(f"list({ast.unparse(value)})[::-1]")


def _expressions(node: ast.expr) -> Iterator[Change]:
    match node:
        case ast.Await(ast.Call(func, [ast.Starred(ast.GeneratorExp(each, loops))])) if _named(func, {"gather"}):
            yield "one after another", ast.ListComp(ast.Await(each), loops)
            yield "drop await", node.value
        case ast.Await():
            yield "drop await", node.value
        case ast.ListComp(ast.Await(each), loops):
            for made in (node, ast.ListComp(each, loops)):
                yield "together", ast.Await(ast.Call(_parsed("asyncio.gather"), [ast.Starred(made)], []))
        case ast.Call():
            yield from _calls(node)
        case ast.Compare(left, [ast.Is() | ast.IsNot() as op], [ast.Constant(None)]):
            yield "truth for None", left if isinstance(op, ast.IsNot) else ast.UnaryOp(ast.Not(), left)
        case ast.BoolOp(_, values):
            yield from (("half a condition", each) for each in values)
        case ast.UnaryOp(ast.Not(), operand):
            yield "drop not", operand
        case ast.Constant(bool() as value):
            yield "the other truth", ast.Constant(not value)
        case ast.Constant(int() as value):
            yield "off by one", ast.Constant(value + 1)
            yield "off by one", ast.Constant(value - 1)
        case ast.Constant(float() as value):
            yield "twice", ast.Constant(2 * value)
            yield "half", ast.Constant(value / 2)


def _calls(node: ast.Call) -> Iterator[Change]:
    if _named(node.func, WRAPPERS) and node.args:
        yield "drop the call", node.args[0]
    for keyword in node.keywords:
        yield (
            f"drop {keyword.arg or '**'}",
            ast.Call(node.func, node.args, [each for each in node.keywords if each is not keyword]),
        )
    for place, (first, second) in enumerate(pairwise(node.args)):
        args = [*node.args[:place], second, first, *node.args[place + 2 :]]
        yield "swap arguments", ast.Call(node.func, args, node.keywords)
    if _named(node.func, BOUNDS) and node.args and not isinstance(node.args[0], ast.Constant):
        for op in (ast.Add(), ast.Sub()):
            bound = ast.BinOp(node.args[0], op, ast.Constant(1))
            yield "off by one", ast.Call(node.func, [bound, *node.args[1:]], node.keywords)


def _bodies(body: Sequence[ast.stmt]) -> Iterator[tuple[str, Sequence[ast.stmt]]]:
    """Give what may become of the statements of a block, or of a function."""
    for place, statement in enumerate(body):
        before, after, line = body[:place], body[place + 1 :], _line(statement)
        yield f"drop {line}", [*before, *after]
        yield f"a pause before {line}", [*before, PAUSE, *body[place:]]
        if isinstance(statement, ast.Return) and statement.value:
            yield f"no return in {line}", [*before, ast.Expr(statement.value), *after]
        if isinstance(statement, ast.Raise) and statement.exc:
            yield f"return for raise in {line}", [*before, ast.Return(statement.exc), *after]
        if isinstance(statement, Block):
            for kind, new in _blocks(statement):
                yield kind, [*before, *new, *after]
    for place, (first, second) in enumerate(pairwise(body)):
        before, after = body[:place], body[place + 2 :]
        one, other = _line(first), _line(second)
        yield f"swap {one} and {other}", [*before, second, first, *after]
        if isinstance(first, Block):
            yield f"take {other} into {one}", [*before, _with_body(first, [*first.body, second]), *after]
        if isinstance(second, Block):
            yield f"take {one} into {other}", [*before, _with_body(second, [first, *second.body]), *after]


def _blocks(block: Block) -> Iterator[tuple[str, Sequence[ast.stmt]]]:
    """Give what may become of a block: without what it does, or with a line on the other side of its border."""
    line, (first, *_, last) = _line(block), [*block.body, block.body[-1]]
    if len(block.body) > 1:
        yield f"take {_line(last)} out of {line}", [_with_body(block, block.body[:-1]), last]
        yield f"take {_line(first)} out of {line}", [first, _with_body(block, block.body[1:])]
    match block:
        case ast.While():
            yield f"once for ever again in {line}", [ast.If(block.test, block.body, block.orelse)]
        case ast.For(target, each, [ast.Expr(ast.Await(call))]):
            loop = ast.comprehension(target, each, [], 0)
            together = ast.Call(_parsed("asyncio.gather"), [ast.Starred(ast.GeneratorExp(call, [loop]))], [])
            yield f"together in {line}", [ast.Expr(ast.Await(together))]
        case ast.With() | ast.AsyncWith():
            for item in block.items:
                rest = [each for each in block.items if each is not item]
                kept = [type(block)(rest, block.body)] if rest else block.body
                without = [*([_as_assigned(item)] if item.optional_vars else []), *kept]
                yield f"drop {_line(item.context_expr)} from {line}", without
            if len(block.items) > 1:
                yield f"the other way round in {line}", [type(block)(block.items[::-1], block.body)]
        case ast.Try():
            yield from _tries(block)
        case _:
            yield f"drop the block around {_line(first)}", block.body


def _tries(block: ast.Try) -> Iterator[tuple[str, Sequence[ast.stmt]]]:
    body, handlers, orelse, final = block.body, block.handlers, block.orelse, block.finalbody
    if final:
        inside = [ast.Try(body, handlers, orelse, [])] if handlers else body
        yield f"drop finally: {_line(final[0])}", inside
        yield f"no finally, and {_line(final[0])} after all", [*inside, *final]
    for handler in handlers:
        line, rest = _line(handler), [each for each in handlers if each is not handler]
        yield f"drop {line}", [ast.Try(body, rest, orelse if rest else [], final)] if rest or final else body
        again = ast.ExceptHandler(handler.type, handler.name, [*handler.body, ast.Raise()])
        swapped = [again if each is handler else each for each in handlers]
        yield f"raise again after {line}", [ast.Try(body, swapped, orelse, final)]


def _with_body(block: Block, body: list[ast.stmt]) -> ast.stmt:
    fields = dict(ast.iter_fields(block))
    return type(block)(**{**fields, "body": body})


def _as_assigned(item: ast.withitem) -> ast.stmt:
    assert item.optional_vars
    return ast.Assign([item.optional_vars], item.context_expr, lineno=0)


def _named(func: ast.expr, names: set[str]) -> bool:
    return getattr(func, "attr", getattr(func, "id", "")) in names


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
