"""A crawler: a fixed set of workers on a queue, no batches (article, "1. Web crawler").

Class and method names are the article's. Its defects, and what we do instead:

- a level is crawled in batches of ten, each of which waits for its slowest page (L814): workers take the next URL as
  soon as they are free
- links beyond the fiftieth, then the tenth, of a page, and URLs beyond the tenth of the last level, are dropped (L737,
  L820): exactly the pages within `max_depth` are crawled, by the shortest way
- `max_pages=2` crawled 9 (L814): no more than `max_pages` URLs are requested
- the semaphore for all is taken before the host's, so a slow host starves the others (L785): a URL is handed out when
  its host has a free slot, and hosts take turns
- a URL waits for its next attempt with a slot in its hand (L756): it holds nothing, and waits a random time
- HTTP 500 counts as success, and status 429 and 5xx are never tried again (L719): they are, after Retry-After
- `#fragment` makes another page (L678), and a redirect's target is fetched again: URLs have a normal form, and a
  redirect leads to a page like any other
- images and icons are decoded as text (L700), and characters counted as bytes (L736): HTML alone is parsed, by its type
- each page is parsed twice, in Python, on the loop (L697, L726): once, by Lexbor; a large one in a child process
- `max_retries=0` raises UnboundLocalError (L712): one attempt
- no robots.txt, no limit for a body, results only at the end

What strangers write is read as the standards have it (`course_lib.standards`, `robots.py`), in a browser's way:

- links are those of `a` and `area`, in SVG too, and a page's refresh (a meta element or a header), whatever its delay:
  it is followed as a link, one deeper, for its page has an address and a content of its own
- a URL is one page in one form; escapes of reserved characters are not their characters, and stay as they were sent
- what cannot be understood is a failure or a skipped URL with its reason: a charset or a coding that is not decoded, a
  body that breaks off, a redirect to no URL; what a robots.txt that cannot be read forbids is not known, so everything
"""

from course_lib.crawler.crawler import AsyncWebCrawler
from course_lib.crawler.fake import FakeWeb
from course_lib.crawler.fetch import Fetch, Response
from course_lib.crawler.results import CrawlResult

__all__ = ["AsyncWebCrawler", "CrawlResult", "FakeWeb", "Fetch", "Response"]
