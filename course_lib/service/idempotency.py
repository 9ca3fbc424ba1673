"""Idempotency keys: who asks again, because no answer came, gets the answer and not a second job.

Nothing is remembered here. The key *is* the job's id, or rather what the id is made of, so that PostgreSQL's primary
key and the job queue's own key make sure that there is one. What was asked is kept with it as a fingerprint: the same
key with another question is a mistake of the caller's, and must not get the answer to the first.

Source: "The Idempotency-Key HTTP Header Field", a draft of the IETF's HTTP API working group.
"""

import hashlib
import json
import re
import uuid
from typing import Any

_NAMESPACE = uuid.UUID("6f1c6f2c-6a51-4e0b-9c5e-3b5b7c1f8f0a")  # of this service: any other would do, if it stays


class KeyReused(Exception):
    """An idempotency key came again with another question."""


def id_for(key: str | None) -> str:
    """Return the id of what is asked for under a key: the same for the same key; without a key, a new one each time.

    Raises ValueError for a key that is not 1 to 200 printable characters of ASCII.
    """
    if key is None:
        return uuid.uuid4().hex
    if not re.fullmatch(r"[!-~]{1,200}", key):
        raise ValueError(
            f"Idempotency-Key is {key!r:.60}: send 1 to 200 printable characters of ASCII without spaces, such as a "
            "random UUID, and the same again when you ask again"
        )
    return uuid.uuid5(_NAMESPACE, key).hex


def fingerprint(question: Any) -> str:
    """Return what tells a question, made of what JSON has, from others; the order of an object's names is no matter."""
    return hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()


def check_same(key: str | None, stored: str, asked: str) -> None:
    """Raise KeyReused unless what is stored under a key has the fingerprint of what is asked for now."""
    if stored != asked:
        raise KeyReused(f"Idempotency-Key {key!r} was used for another question: take a new key for a new question")
