"""The library behind the course: asyncio made visible, exact and graded.

Importing this package imports nothing else; each lesson names the module it uses.
"""

__version__ = "0.1.0"
