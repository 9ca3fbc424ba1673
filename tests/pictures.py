"""What stands in the HTML of a picture that a notebook shows."""

import base64
import html
import re


def picture_in(page: str) -> bytes:
    """Return the PNG in a page's only image."""
    (data,) = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    return base64.b64decode(data)


def alt_in(page: str) -> str:
    """Return the alternative text of a page's only image."""
    (text,) = re.findall(r'<img [^>]*alt="([^"]*)"', page)
    return html.unescape(text)
