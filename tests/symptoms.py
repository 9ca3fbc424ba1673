"""asyncio's messages that a user can provoke: where lesson 7a's index leads from each, or why it is not there.

The messages are read from the sources of the asyncio that runs this, so that a Python with a new one is noticed. Gaps
that asyncio fills in are `{}` or `%s`, as its sources have them.
"""

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

INDEX = "07a_tasks_and_loops"

# The index's words for a message, without its code marks, and the messages of asyncio that they stand for.
INDEXED: dict[str, tuple[str, ...]] = {
    "Task was destroyed but it is pending!": ("Task was destroyed but it is pending!",),
    "exception was never retrieved": ("{} exception was never retrieved",),
    "unhandled exception during asyncio.run() shutdown": ("unhandled exception during asyncio.run() shutdown",),
    "has errored out but its parent task": ("Task {} has errored out but its parent task {} is already completed",),
    "unhandled errors in a TaskGroup": ("unhandled errors in a TaskGroup",),
    "Executing <Task ...> took ... seconds": ("Executing %s took %.3f seconds",),
    "The executor did not finishing joining its threads": (
        "The executor did not finishing joining its threads within {} seconds.",
    ),
    "cannot be called from a running event loop": (
        "asyncio.run() cannot be called from a running event loop",
        "Runner.run() cannot be called from a running event loop",
    ),
    "This event loop is already running": ("This event loop is already running",),
    "Cannot run the event loop while another loop is running": (
        "Cannot run the event loop while another loop is running",
    ),
    "Cannot enter into task": (
        "Cannot enter into task {} while another task {} is being executed.",
        "Leaving task {} does not match the current task {}.",
    ),
    "Timeout should be used inside a task": ("Timeout should be used inside a task",),
    "cannot determine the parent task": ("TaskGroup {} cannot determine the parent task",),
    "no running event loop": ("no running event loop",),
    "There is no current event loop": (
        "There is no current event loop",
        "There is no current event loop in thread %r.",
    ),
    "coroutines cannot be used with call_soon()": (
        "coroutines cannot be used with {}()",
        "coroutines cannot be used with add_signal_handler()",
    ),
    "a coroutine was expected, got": (
        "a coroutine was expected, got {!r}",
        "a coroutine was expected, got {}",
        "An asyncio.Future, a coroutine or an awaitable is required",
        "A coroutine object is required",
    ),
    "is bound to a different event loop": ("{} is bound to a different event loop",),
    "attached to a different loop": (
        "Task {} got Future {} attached to a different loop",
        "The future belongs to a different loop than the one specified as the loop argument",
    ),
    "Event loop is closed": ("Event loop is closed",),
    "Lock is not acquired.": ("Lock is not acquired.",),
    "BoundedSemaphore released too many times": ("BoundedSemaphore released too many times",),
    "task_done() called too many times": ("task_done() called too many times",),
    "called while another coroutine is already waiting for incoming data": (
        "{}() called while another coroutine is already waiting for incoming data",
    ),
    "an error occurred during closing of asynchronous generator": (
        "an error occurred during closing of asynchronous generator {}",
        "asynchronous generator {} was scheduled after loop.shutdown_asyncgens() call",
    ),
    "unclosed transport": ("unclosed transport {}", "unclosed {}"),
}

# What the index names and asyncio's sources do not have: words of the interpreter's, of asyncio in C, of libraries.
OF_OTHERS = (
    "coroutine '...' was never awaited",
    "<coroutine object ...>",
    "'await' outside async function",
    "another operation is in progress",
    "Unclosed client session",
    "Too many open files",
    "queue.join()",
    "finally",
)

SAYS_IT = "It names what is wrong, where it is wrong: nothing is to be looked up."
TRANSPORTS = "Of transports, pipes, sockets and TLS: who uses aiohttp, asyncpg or redis does not meet it."
BY_HAND = "Only for loops and runners made by hand: asyncio.run() makes and closes its own."
CUSTOM = "Only for whoever writes a future, a task, an exception handler or a policy of their own."
OTHER_LESSON = "Lesson 10 is about loops and threads."
NEW_OR_OLD = "A name that goes away: the message says when, and the documentation what to take."

REASONS: dict[str, tuple[str, ...]] = {
    SAYS_IT: (
        r"A callable object or None is expected, got .*",
        r"a callable object was expected by .*",
        r"(delay|when|string|count|offset|Invalid delay|Invalid return_when|2-tuple|parties) .*",
        r"Invalid return_when value.*|Invalid delay.*|Set of Tasks/Futures is empty\.",
        r"expect(s)? an? (list|iterable) of .*|Passing coroutines is forbidden, use tasks explicitly\.",
        r"cannot (notify|wait) on un-acquired lock|Semaphore initial value must be >= 0",
        r"TaskGroup \{\} (has already been entered|has not been entered|is finished|is shutting down)",
        r"Timeout has (already|not) been entered|Cannot change state of \{\} Timeout",
        r"Barrier aborted|Abort or reset of barrier|Task cannot await on itself.*",
        r"(Exception|Result) is not (set|ready)\.|\{\}: \{\}|invalid state",
        r"Task (does not support|got bad yield).*|yield was used instead of yield from.*|_+step\(\): already done.*",
        r"module \{\} has no attribute \{\}|a contextvars\.Context was expected, got \{\}",
        r"capture_call_graph\(\) is called outside of a running event loop.*|.*must be.*executor.*",
        r"executor must be ThreadPoolExecutor instance|Executor shutdown has been called",
    ),
    BY_HAND: (
        r"Cannot close a running event loop|unclosed event loop \{\}|Event loop stopped before Future completed\.",
        r"Runner is closed|loop is closed",
    ),
    CUSTOM: (
        r"Unhandled error in exception handler|Exception in default exception handler.*",
        r"Future object is not initialized\.|\{\} object is already initialized|await wasn't used with future",
        r"A future is required for .*|_log_traceback can only be set to False|StopIteration interacts badly.*",
        r"task factory must be a callable or None|(loop|policy) must be an instance of .*",
        r"Task\.set_name\(\) was added.*",
        r"object .* can't be used in 'await' expression",
    ),
    OTHER_LESSON: (r"Non-thread-safe operation invoked on an event loop other than the current one",),
}

MODULES: dict[str, tuple[str, ...]] = {
    SAYS_IT: ("graph",),  # asked for by name: who calls a call graph's functions reads their answers
    TRANSPORTS: (
        "base_subprocess|constants|proactor_events|protocols|selector_events|sslproto|staggered|streams|subprocess",
        "transports|trsock|unix_events|windows_events|windows_utils",
    ),
}
OF_BASE_EVENTS = (  # base_events is about connections, too
    r".*(socket|Socket|sock|ssl|transport|Transport|getaddrinfo|connection|Connection|address|family|host|port|server|"
    r"sendfile|file|bufsize|cmd|shell|encoding|errors|text|universal_newlines|bound? |datagram|Multiple exceptions|"
    r"Invalid state|bind).*"
)

SAID_BY = (
    r"(.*\.)?\w*(Error|ExceptionGroup)",
    r"logger\.(warning|error|critical|exception)",
    r"warnings\.(warn|_deprecated)|_warn",
)


class Message(NamedTuple):
    """A message in asyncio's sources: the module, what it is said by, and its text."""

    module: str
    kind: str
    text: str


def messages() -> set[Message]:
    """Return what the asyncio of this Python can say at level WARNING or above, by an exception, or by a warning."""
    found = set()
    for path in sorted(Path(asyncio.__file__).parent.glob("*.py")):
        if path.stem in ("__main__", "tools"):
            continue  # programs of their own: the REPL, and `python -m asyncio ps`
        for node in ast.walk(ast.parse(path.read_bytes())):
            for kind, text in _said(node):
                found.add(Message(path.stem, kind, text))
    return found


def reason(message: Message) -> str | None:
    """Return why a message is not in the index, None where nobody has said."""
    for why, patterns in REASONS.items():
        if any(re.fullmatch(pattern, message.text, re.S) for pattern in patterns):
            return why
    for why, modules in MODULES.items():
        if any(re.fullmatch(pattern, message.module) for pattern in modules):
            return why
    if message.module == "base_events" and re.fullmatch(OF_BASE_EVENTS, message.text, re.S):
        return TRANSPORTS
    return NEW_OR_OLD if "_deprecated" in message.kind else None


def _said(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "message" and (text := _text(value)):
                yield "exception handler", text
    if isinstance(node, ast.Call) and node.args and (text := _text(node.args[0])):
        kind = ast.unparse(node.func)
        if any(re.fullmatch(pattern, kind) for pattern in SAID_BY):
            yield kind, text


def _text(node: ast.AST) -> str | None:
    """Return a text that stands in the code, with {} for what is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
    if isinstance(node, ast.BinOp):
        left, right = _text(node.left), _text(node.right)
        return left + (right or "") if left and isinstance(node.op, ast.Add) else left
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _text(node.func.value)
    return None
