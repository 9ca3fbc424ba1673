"""A program in every order in which what it waits for may end: a race is an order that nobody tried.

`every_order(main)` runs a coroutine function again and again, each time in another order, and reports every different
outcome with the order, of those that lead to it, that departs least from the usual one.

What is chosen: which wait outside ends next. What is promised: asyncio's own order of callbacks, and the times of
timers. What is not seen: how long a wait outside takes from one timer to the next; a wait outside and a timer that end
in the very same turn, or three waits; what other threads do; the order in which sets of texts (it is fixed when Python
starts, by PYTHONHASHSEED), of futures and of coroutines (by their addresses) are visited. Sets of tasks are visited in
all orders of up to three tasks, and in six of more.

Why neither frontrun nor simloop: the first switches tasks at every await and looks for conflicts on objects, the second
shuffles callbacks that asyncio promises to run in their order, from a seed. Neither draws what happened.
"""

from course_lib.seeing.orders.exploring import every_order
from course_lib.seeing.orders.order import Order
from course_lib.seeing.orders.report import OrderOutcome, Orders

__all__ = ["Order", "OrderOutcome", "Orders", "every_order"]
