"""What the lab's web server can be asked for: slow, failing, hanging and ordinary answers, and folders of files.

A handler is `async (request, tail) -> Response`: `tail` is what follows its prefix in the path, without the leading
slash. The first line of a handler's docstring is what the server's `/` page says about it.
"""

import asyncio
import mimetypes
import os
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from aiohttp import web

Handler = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]
Number = TypeVar("Number", int, float)

MAX_SECONDS = 60
MAX_BYTES = 50_000_000

_KINDS = mimetypes.MimeTypes()  # Python's own table without the system's: the same answers everywhere
_KINDS.add_type("text/javascript", ".js")  # Python 3.11 still has the old name


async def _delay(request: web.BaseRequest, tail: str) -> web.Response:
    """/delay/0.5 waits half a second, then answers"""
    seconds = _number("seconds", tail, float, 0, MAX_SECONDS)
    await asyncio.sleep(seconds)
    return web.Response(text=f"waited {seconds:g} s\n")


async def _status(request: web.BaseRequest, tail: str) -> web.Response:
    """/status/404 answers with that status"""
    code = _number("code", tail, int, 200, 599)
    return web.Response(status=code, text=f"{code}\n")


async def _bytes(request: web.BaseRequest, tail: str) -> web.Response:
    """/bytes/1000 answers with a body of that length"""
    return web.Response(body=b"." * _number("n", tail, int, 0, MAX_BYTES))


async def _drip(request: web.BaseRequest, tail: str) -> web.StreamResponse:
    """/drip?bytes=10&seconds=1 sends the head at once, the body in up to 20 pieces spread over the seconds"""
    size = _number("bytes", request.query.get("bytes", "10"), int, 0, MAX_BYTES)
    seconds = _number("seconds", request.query.get("seconds", "1"), float, 0, MAX_SECONDS)
    response = web.StreamResponse(headers={"Content-Length": str(size)})
    await response.prepare(request)
    pieces = 0 if request.method == "HEAD" else min(size, 20)  # aiohttp would send what is written even for HEAD
    for piece in range(pieces):
        await asyncio.sleep(seconds / pieces)
        await response.write(b"." * (size * (piece + 1) // pieces - size * piece // pieces))
    return response


async def _hang(request: web.BaseRequest, tail: str) -> web.StreamResponse:
    """never answers"""
    never: asyncio.Future[web.StreamResponse] = asyncio.get_running_loop().create_future()
    return await never


async def _reset(request: web.BaseRequest, tail: str) -> web.StreamResponse:
    """takes the request, then resets the connection"""
    if request.transport is not None:
        # A plain close ends a connection politely; with a linger time of zero it is reset, as by a crash or a firewall.
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.transport.abort()
    return await _hang(request, tail)  # until the lost connection cancels it


async def _redirect(request: web.BaseRequest, tail: str) -> web.Response:
    """/redirect/3 leads to / in that many hops"""
    hops = _number("n", tail, int, 1, 100)
    raise web.HTTPFound(f"/redirect/{hops - 1}" if hops > 1 else "/")


async def _redirect_loop(request: web.BaseRequest, tail: str) -> web.Response:
    """leads to itself"""
    raise web.HTTPFound("/redirect-loop")


class Flaky:
    """/flaky/2?key=a fails twice with 503, then answers; each key is counted for itself"""

    def __init__(self) -> None:
        self.failures: Counter[str] = Counter()

    async def __call__(self, request: web.BaseRequest, tail: str) -> web.Response:
        """Fail or answer, whichever this key's turn is."""
        times, key = _number("times", tail, int, 0, 1000), request.query.get("key", "")
        if self.failures[key] < times:
            self.failures[key] += 1
            return web.Response(status=503, text=f"failure {self.failures[key]} of {times}\n")
        return web.Response(text=f"answered after {times} failures\n")


def folder(root: Path) -> Handler:
    """Return a handler that serves the files under a folder; a page's folder is answered with its index.html."""
    root = root.resolve()

    async def serve(request: web.BaseRequest, tail: str) -> web.Response:
        try:
            path = (root / tail).resolve()  # "..", absolute paths and links are followed first, so none leads out
            if path.is_relative_to(root) and path.is_dir():
                if not request.path.endswith("/"):  # or the page's relative links would miss its folder
                    raise web.HTTPFound(f"{request.rel_url.raw_path}/")
                path = (path / "index.html").resolve()
            elif tail.endswith("/"):
                raise FileNotFoundError  # a file is no folder
            if not path.is_relative_to(root):
                raise FileNotFoundError
            body = path.read_bytes()  # on the loop: the files are small, and a pool of threads would need ending too
        except (OSError, ValueError):  # ValueError: a zero byte in the path
            raise web.HTTPNotFound(text=f"There is no file at {request.path}\n") from None
        kind = _KINDS.guess_type(path.name)[0] or "application/octet-stream"
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        return web.Response(body=body, headers={"Content-Type": kind + charset})

    serve.__doc__ = f"the files of the folder {root.name}"
    return serve


def built_in() -> dict[str, Handler]:
    """Return a server's own handlers by prefix; each server gets its own, for /flaky remembers."""
    return {
        "/delay": _delay,
        "/status": _status,
        "/bytes": _bytes,
        "/drip": _drip,
        "/flaky": Flaky(),
        "/hang": _hang,
        "/reset": _reset,
        "/redirect": _redirect,
        "/redirect-loop": _redirect_loop,
    }


def _number(name: str, text: str, kind: type[Number], low: int, high: int) -> Number:
    try:
        value = kind(text)
        if low <= value <= high:  # never true of a nan
            return value
    except ValueError:
        pass
    noun = "a whole number" if kind is int else "a number"
    sentence = f"{name} must be {noun} from {low} to {high}, not {text!r}: see / for an example.\n"
    raise web.HTTPBadRequest(text=sentence)
