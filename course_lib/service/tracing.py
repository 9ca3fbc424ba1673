"""One request, followed through processes: its id is in the answer, the logs, the job and the row.

A caller that has an id sends it as X-Request-ID; else it gets one. `CURRENT` holds it in every task that works for the
request, here and in the worker that has the job, and `WithRequest` puts it into each line of a log.
"""

import logging
import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"
CURRENT: ContextVar[str] = ContextVar("the id of the request that this is done for", default="-")
FORMAT = "%(asctime)s %(levelname)s request=%(request)s %(name)s: %(message)s"


def request_id(sent: str | None) -> str:
    """Return the id that a caller sent, or a new one: a text that could break a line of the log is not believed."""
    return sent if sent is not None and re.fullmatch(r"[\w.:-]{1,64}", sent, re.ASCII) else uuid.uuid4().hex[:16]


class WithRequest(logging.Filter):
    """Gives each record of a handler the id of the request that it is about, `request` in the format."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        record.request = CURRENT.get()
        return True


def log_to_stderr() -> None:
    """Log what is worth knowing of this process, each line with its request's id."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(WithRequest())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.WARNING)
