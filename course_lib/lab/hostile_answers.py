"""What a hostile server answers: broken, endless and treacherous, byte by byte. `HostileServer` serves it.

An answer is bytes, after which the connection closes, or a coroutine function that is given the client and the rest of
the path. Whatever would go on for ever ends some day: a crawler without limits shall suffer, and not its machine.
"""

import asyncio
import gzip
import os
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping

HTML = "text/html; charset=utf-8"
KEEP_NOT = "Connection: close"
MINUTES = 120  # seconds: longer than any crawler should wait
FLOOD = 50_000_000  # bytes


class Client:
    """The other end of a connection.

    keep: whether it may send another request when this one is answered
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer, self.keep = writer, True

    async def send(self, data: bytes) -> None:
        """Send bytes as they are.

        Raises ConnectionError when the client is gone.
        """
        self._writer.write(data)
        await self._writer.drain()
        await asyncio.sleep(0)  # drain comes back at once as long as there is room: other clients want a turn, too

    def reset(self) -> None:
        """Cut the connection off, as a crash or a firewall does."""
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()


Answer = bytes | Callable[[Client, str], Awaitable[None]]


def head(status: str = "200 OK", kind: str = HTML, **headers: object) -> bytes:
    """Return the head of a response; `Content_Length=5` is that header."""
    # Said beforehand, or the next request could meet the closing of the connection, and be lost by no fault of its own.
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", KEEP_NOT]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def page(body: bytes, kind: str = HTML, **headers: object) -> bytes:
    """Return a whole response."""
    return head("200 OK", kind, Content_Length=len(body), **headers) + body


def redirect(location: str) -> bytes:
    """Return a response that leads to another URL, or what pretends to be one."""
    return head("302 Found", Location=location, Content_Length=0)


LINK = b'<title>Good</title><a href="/good">good</a>'
_BAD_LINKS = rb"""
http://[::1 http://[half]/ http://:80/ http:///x http://a:99999999/ http://a:b/ //// ///x ?&&&=%zz /%zz/%/%u1234
http://xn--a/ http://-.-/ http://%00/ http://a%2fb/ http://127.0.0.1:0x50/ http://1.2.3.4.5.6/ http:/\evil\x
http://... http://me@/ http://1.2.3.256/ ///// http:\\[::1 http:?x http:y https:z \\ \x http:\y
javascript:alert(1) mailto:a@b data:text/html,x tel:1 ftp://a/ file:///etc/passwd blob:x about:blank : :: #
"""
_LINKS = [*_BAD_LINKS.split(), b"/\0", b"/\xed\xa0\x80", "\u202e/x".encode(), "http://\u0130.\u3002/".encode()]
_LINKS += [b"http://" + b"a" * 5000 + b"/", b"/x" * 50_000]
_WAITS = ["1e400", "-5", "nan", "9" * 4000, "\u0663", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0000 00:00:00 GMT"]
_WAITS += ["Sat, 01 Jan 99999999999 00:00:00 GMT", "Sat, 99 Foo 2026 99:99:99 -99999999999999", "Sat, 01 Jan 2026"]


async def redirect_endless(client: Client, tail: str) -> None:
    """each URL redirects to a new one"""
    await client.send(redirect(f"/redirect-endless/{int(tail or 0) + 1}"))


async def calendar(client: Client, tail: str) -> None:
    """each page links to a new one"""
    day = int(tail or 0)
    await client.send(page(f'<title>Day {day}</title><a href="/calendar/{day + 1}">tomorrow</a>'.encode()))


async def gzip_bomb(client: Client, tail: str) -> None:
    """300 KB that unpack to 300 MB"""
    packer = zlib.compressobj(wbits=31)
    await client.send(head(Content_Encoding="gzip"))
    for _ in range(300):
        await client.send(packer.compress(b" " * 1_000_000) + packer.flush(zlib.Z_FULL_FLUSH))


async def header_flood(client: Client, tail: str) -> None:
    """a head without end"""
    await client.send(b"HTTP/1.1 200 OK\r\n")
    for number in range(FLOOD // 1000):
        await client.send(b"X-%d: %s\r\n" % (number, b"x" * 990))


async def header_long(client: Client, tail: str) -> None:
    """one header without end"""
    await client.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(FLOOD // 1000):
        await client.send(b"x" * 1000)


async def body_endless(client: Client, tail: str) -> None:
    """a body without end"""
    await client.send(head())
    for _ in range(FLOOD // 1000):
        await client.send(b"<p>%s" % (b"x" * 997))


async def continue_flood(client: Client, tail: str) -> None:
    """never an answer, always the announcement of one"""
    for _ in range(FLOOD // 25):
        await client.send(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _drip(client: Client, data: bytes) -> None:
    for place in range(len(data)):
        await client.send(data[place : place + 1])
        await asyncio.sleep(0.05)


async def drip_head(client: Client, tail: str) -> None:
    """a head that comes a byte at a time"""
    await _drip(client, head(X=("x" * int(MINUTES / 0.05))))


async def drip_body(client: Client, tail: str) -> None:
    """a body that comes a byte at a time"""
    await client.send(head(Content_Length=1_000_000))
    await _drip(client, b"x" * int(MINUTES / 0.05))


async def silent(client: Client, tail: str) -> None:
    """takes the request and says nothing"""
    await asyncio.sleep(MINUTES)


async def switching(client: Client, tail: str) -> None:
    """changes to a protocol that nobody asked for, and says nothing"""
    await client.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    await asyncio.sleep(MINUTES)


async def reset(client: Client, tail: str) -> None:
    """cuts the connection off in the middle of the body"""
    await client.send(head(Content_Length=1000) + LINK)
    await asyncio.sleep(0.05)  # or the system would throw away what it has not sent, the head with it
    client.reset()


async def body_long(client: Client, tail: str) -> None:
    """a Content-Length that is too small: the rest looks like the next answer"""
    first, rest = page(LINK), page(b"<title>Not asked for</title>")
    await client.send(first.replace(KEEP_NOT.encode(), b"Connection: keep-alive") + rest)


async def large(client: Client, tail: str) -> None:
    """a page of 5 MB with 50,000 links"""
    items = b"".join(b'<li><a href="/good/%d">item %d</a> %s\n' % (i, i, b"x" * 60) for i in range(50_000))
    await client.send(page(b"<title>Large</title><ul>\n" + items))


async def nested(client: Client, tail: str) -> None:
    """400,000 elements one in another: a parser that looks at all that are open, at each, takes minutes"""
    await client.send(page(b"<title>Nested</title>" + b"<div>" * 400_000 + LINK))


ANSWERS: Mapping[str, Answer] = {
    function.__name__.replace("_", "-"): function
    for function in (
        redirect_endless, calendar, gzip_bomb, header_flood, header_long, body_endless, body_long, continue_flood,
        drip_head, drip_body, silent, switching, reset, large, nested,
    )
} | {
    "good": page(b"<title>Good</title>"),
    "redirect-loop": redirect("/redirect-loop"),
    "redirect-pair": redirect("/redirect-pair-2"),
    "redirect-pair-2": redirect("/redirect-pair"),
    "redirect-nowhere": redirect("http://[::1"),
    "redirect-file": redirect("file:///etc/passwd"),
    "redirect-dots": redirect("http://..."),
    "redirect-bytes": redirect("/caf\udce9 \udcff"),
    "redirect-blank": redirect(""),
    "redirect-missing": head("302 Found", Content_Length=0),
    "gzip-garbage": page(b"this is no gzip", Content_Encoding="gzip"),
    "gzip-cut": page(gzip.compress(LINK * 100, mtime=0)[:-20], Content_Encoding="gzip"),
    "gzip-twice": page(gzip.compress(gzip.compress(LINK, mtime=0), mtime=0), Content_Encoding="gzip, gzip"),
    "gzip-old-name": page(gzip.compress(LINK, mtime=0), Content_Encoding="X-GZip"),
    "encoding-unknown": page(LINK, Content_Encoding="rot13"),
    "encoding-many": page(gzip.compress(LINK, mtime=0), Content_Encoding=", ".join(["gzip"] * 1000)),
    "header-large": page(LINK, X_Policy="x" * 20_000),
    "body-short": head(Content_Length=1000) + LINK,
    "length-negative": head(Content_Length=-1) + LINK,
    "length-words": head(Content_Length="many") + LINK,
    "length-twice": head(Content_Length="5\r\nContent-Length: 50") + LINK,
    "length-and-chunks": head(Content_Length=3, Transfer_Encoding="chunked") + b"2b\r\n%s\r\n0\r\n\r\n" % LINK,
    "chunk-garbage": head(Transfer_Encoding="chunked") + b"2b\r\n%s\r\nzz\r\n\r\n" % LINK,
    "chunk-huge": head(Transfer_Encoding="chunked") + b"f" * 40 + b"\r\n" + LINK,
    "chunk-cut": head(Transfer_Encoding="chunked") + b"ff\r\n" + LINK,
    "close": b"",
    "head-cut": b"HTTP/1.1 200 OK\r\nContent-Ty",
    "status-garbage": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "status-other": b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
    "status-none": LINK,
    "status-999": head("999 Odd", Content_Length=0),
    "header-garbage": b"HTTP/1.1 200 OK\r\n: x\r\nno colon\r\n\x00: \x01\r\n\r\n" + LINK,
    "nul-bytes": page(b"<ti\0tle>\0</title>\0<title>N\0UL</title><a href='/go\0od'>\0</a><a\0 href='/x'>" + LINK),
    "broken-utf8": page(b"<title>\xff\xfe\xc3( \xed\xa0\x80 \xf8</title><a href='/\xff'>\xc0\x80</a>" + LINK),
    "charset-unknown": page(LINK, "text/html; charset=no-such-charset"),
    "charset-codec": page(LINK, "text/html; charset=zip"),
    "charset-lie": page(LINK, "text/html; charset=utf-16"),
    "charset-nul": page(LINK + b" " * 400_000, "text/html; charset=\"utf-8\\\0\""),
    "charset-undecoded": page(LINK, "text/html; charset=hz-gb-2312"),
    "picture-link": page(b'<svg><a xlink:href="/good">x</a></svg>'),
    "charset-long": page(LINK, "text/html; charset=" + "x" * 5000),
    "type-garbage": page(LINK, "\udcff;;;===\udc80/"),
    "type-twice": page(LINK, "text/html\r\nContent-Type: image/png"),
    "links-bad": page(b"".join(b'<a href="%s">x</a>' % link for link in _LINKS) + LINK),
    "unclosed": page(LINK + b"<a href='/x" + b"<!-- " * 10_000 + b"<title>" * 10_000),
} | {
    f"retry-after-{number}": head("503 Service Unavailable", Retry_After=value, Content_Length=0)
    for number, value in enumerate(_WAITS)
}  # fmt: skip
"""The answers by name. The ones that are functions say in their docstrings what they do."""
