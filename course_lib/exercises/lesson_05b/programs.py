"""Exercise 2, two programs: each has the learner's functions, with connections of its own to the same servers."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from course_lib.exercises.framework import Answer, Wrong
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_05b.prices import Program, World, acting_as, as_loaded_anew

Pair = tuple[Callable[[str], Coroutine[Any, Any, Any]], Callable[[str, Any], Coroutine[Any, Any, Any]]]
Act = Callable[[Pair, Pair, World], Awaitable[Any]]


def played(function: Answer, world: World, slow: dict[str, Any], act: Act, *, in_one: bool = False) -> Scene:
    """Open two programs, the second one with the delays `slow`, and let `act` use their functions; play that.

    in_one: open one only, whose functions are used by all, with the same delays as if there were two.
    """

    async def open_program(program: Program) -> Pair:
        pair = await as_loaded_anew(function)(program, program)
        if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(map(inspect.iscoroutinefunction, pair)):
            raise Wrong(f"Return two coroutine functions, `return read, write`; you returned {short(pair)}.")
        return pair[0], pair[1]

    async def made() -> Any:
        one, second = await open_program(world.program("A")), world.program("B", **slow)
        if in_one:
            return await act(one, (acting_as(second, one[0]), acting_as(second, one[1])), world)
        return await act(one, await open_program(second), world)

    scene = play(Call("two programs", made), patience=1000)
    if scene.stuck:
        raise scene.wrong("A read or a write had not ended after 1000 s.")
    scene.result(0)
    return scene


def short(value: Any) -> str:
    """Say what a function returned instead of two functions."""
    return "one function" if inspect.isroutine(value) else f"{value!r:.60}"
