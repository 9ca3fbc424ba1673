"""What a caller passes to be run: a coroutine function, and not the coroutine that calling it makes."""

import inspect
from typing import Any


def check_main(main: Any, called: str) -> None:
    """Refuse what cannot be run as a program.

    Args:
        main: what the caller passed.
        called: the function it was passed to, for the message.

    Raises TypeError for a coroutine, which is closed first so that it does not also warn that nobody awaited it, and
    for what cannot be called.
    """
    if inspect.iscoroutine(main):
        main.close()
        raise TypeError(
            f"main is a coroutine, already called: pass the function itself, {called}(main) not {called}(main())"
        )
    if not callable(main):
        raise TypeError(f"main={main!r}: pass a coroutine function, one written with async def")
