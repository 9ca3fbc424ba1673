"""The connections of a simulated program: to servers of its own they are exact, to the outside they are refused."""

import socket
from typing import Any

from course_lib.seeing.clock.current import clock_here
from course_lib.seeing.clock.errors import RealSocketError
from course_lib.seeing.clock.virtual import VirtualClock

_HERE = {None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::"}
_INTERNET = {socket.AF_INET, socket.AF_INET6}

_real_getaddrinfo = socket.getaddrinfo
_real_connect, _real_connect_ex = socket.socket.connect, socket.socket.connect_ex
_real_bind, _real_listen, _real_sendto = socket.socket.bind, socket.socket.listen, socket.socket.sendto


def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    """Look a name up, unless it is an outside one: a name server takes real time, and its error would not explain."""
    clock = clock_here()
    if clock is not None and _text(host) not in _HERE:
        raise clock.outside(host)
    return _real_getaddrinfo(host, *args, **kwargs)


def connect(self: socket.socket, address: Any, /) -> None:
    """Connect to a server of the simulation."""
    _check_connection(self, address)
    _real_connect(self, address)
    _adopt_packets(self)


def connect_ex(self: socket.socket, address: Any, /) -> int:
    """Connect to a server of the simulation, and return an error as a number."""
    _check_connection(self, address)
    error = _real_connect_ex(self, address)
    _adopt_packets(self)
    return error


def bind(self: socket.socket, address: Any, /) -> None:
    """Take an address, which belongs to the simulation from now on."""
    _real_bind(self, address)
    _adopt(self)


def listen(self: socket.socket, *backlog: int) -> None:
    """Listen at an address, which belongs to the simulation from now on, also where the socket was made outside."""
    _real_listen(self, *backlog)
    _adopt(self)
    _send_at_once(self)  # and so do the connections that it accepts


def sendto(self: socket.socket, data: Any, *rest: Any) -> int:
    """Send a packet to an address of the simulation."""
    clock = clock_here()
    if clock is not None and not _is_own(clock, rest[-1]):
        clock.refuse(error := clock.outside(rest[-1]))  # asyncio tells it to the protocol, which does nothing about it
        raise error
    sent = _real_sendto(self, data, *rest)
    _adopt_packets(self)
    return sent


def check_inside(clock: VirtualClock, fd: int) -> None:
    """Raise RealSocketError for a file descriptor that leads out of the simulation, and end the simulation with it."""
    if error := _leads_outside(clock, fd):
        clock.refuse(error)  # asyncio may call this later, in a callback, where nobody sees the error
        raise error


def _leads_outside(clock: VirtualClock, fd: int) -> RealSocketError | None:
    try:
        sock = socket.socket(fileno=fd)
    except OSError:
        return RealSocketError(
            f"file descriptor {fd} is a pipe or a device, at whose other end time is real: "
            "use record() instead of simulate()"
        )
    try:
        peer, name = sock.getpeername(), sock.getsockname()
    except OSError:
        return None  # not connected: whom it connects to is looked at then
    finally:
        sock.detach()
    return clock.outside(peer) if peer and not (_is_own(clock, peer) or _is_own(clock, name)) else None


def _check_connection(sock: socket.socket, address: Any) -> None:
    clock = clock_here()
    if clock is None:
        return
    if not _is_own(clock, address):
        raise clock.outside(address)
    if sock.gettimeout() != 0 and sock.type == socket.SOCK_STREAM:
        raise RealSocketError(
            f"a blocking connection to {address!r} would wait in real time, which simulate() cannot follow: "
            "use an asynchronous client, or record() instead of simulate()"
        )
    _send_at_once(sock)


def _adopt(sock: socket.socket) -> None:
    clock = clock_here()
    if clock is not None:
        name = sock.getsockname()
        clock.adopt(name[1] if sock.family in _INTERNET else _text(name))


def _adopt_packets(sock: socket.socket) -> None:
    if sock.type == socket.SOCK_DGRAM:  # answers come to the address that sending gave it
        _adopt(sock)


def _send_at_once(sock: socket.socket) -> None:
    # Else a small packet may wait for 40 ms, and the clock does not wait as long. asyncio itself does so only for
    # sockets that it made.
    if sock.family in _INTERNET and sock.type == socket.SOCK_STREAM and clock_here() is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _is_own(clock: VirtualClock, address: Any) -> bool:
    if isinstance(address, tuple):
        return _text(address[0]) in _HERE and address[1] in clock.own_addresses
    return _text(address) in clock.own_addresses


def _text(host: Any) -> Any:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else host
