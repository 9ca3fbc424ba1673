"""A service, and what keeps it up while others fail: limits that are kept, and passed on."""

from course_lib.service.breaker import CircuitBreaker, CircuitOpen
from course_lib.service.bulkhead import Bulkhead, BulkheadFull
from course_lib.service.deadline import DeadlineExceeded, time_left, within

__all__ = [
    "Bulkhead",
    "BulkheadFull",
    "CircuitBreaker",
    "CircuitOpen",
    "DeadlineExceeded",
    "time_left",
    "within",
]
