"""The glossary of `data/site` on a lab server, with what a folder of files cannot do: redirects and headers.

    url = mount(start())                    # http://127.0.0.1:.../glossary/
    results = await AsyncWebCrawler().crawl_recursive(url, max_depth=8)

What a crawler meets there, and how much of it, is listed in data/README.md.
"""

import re

from aiohttp import web

from course_lib.lab.routes import folder
from course_lib.lab.web import LabServer
from course_lib.paths import REPO

SITE = REPO / "data" / "site"
"""The folder of the site; its `index.html` can also be opened without a server."""

REDIRECTS = {
    "terms/coroutine-object.html": (301, "coroutine.html"),
    "terms/promise.html": (302, "future.html"),
    "terms/back-off.html": (301, "exponential-backoff.html"),
    "terms/exponential-backoff.html": (301, "exponential-back-off.html"),
    "terms/generator.html": (308, "asynchronous-generator.html#example"),
    "wild/moved.html": (301, "only-by-redirect.html"),
    "wild/newest-draft.html": (307, "../drafts/subprocess.html"),
    "wild/upstream.html": (302, "https://docs.python.org/3/library/asyncio.html"),
}
"""Addresses that the server redirects: the status, and where to, relative to the address itself."""

CONTENT_TYPES = {
    "wild/russian.html": "text/html; charset=windows-1251",  # the page does not say it
    "wild/japanese.html": "text/html",  # the page says it
}
"""The pages that are not served as UTF-8, with their header."""


def mount(server: LabServer, prefix: str = "/glossary") -> str:
    """Serve the glossary on a lab server and return the URL of its start page, with a slash at the end.

    Its robots.txt is served at the root of the host, the only place where crawlers look, with the paths as they are
    under the prefix. A host has one: mounting the glossary a second time, elsewhere, replaces it.

    Args:
        server: the lab server, `start()` for the one of this process
        prefix: where, such as "/glossary"

    Raises ValueError when the prefix does not start with a slash.
    """
    files = folder(SITE)

    async def serve(request: web.BaseRequest, tail: str) -> web.StreamResponse:
        """the glossary of asyncio"""
        if tail in REDIRECTS:
            status, location = REDIRECTS[tail]
            return web.Response(status=status, headers={"Location": location})
        response = await files(request, tail)
        if tail in CONTENT_TYPES:
            response.headers["Content-Type"] = CONTENT_TYPES[tail]
        return response

    async def robots(request: web.BaseRequest, tail: str) -> web.StreamResponse:
        """what the glossary asks of crawlers"""
        rules = (SITE / "robots.txt").read_text(encoding="utf-8")
        return web.Response(text=re.sub(r"^((?:Dis)?allow: )/", rf"\1{prefix.rstrip('/')}/", rules, flags=re.I | re.M))

    url = server.mount(prefix, serve)
    server.mount("/robots.txt", robots)
    return url
