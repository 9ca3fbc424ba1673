"""Crawlers to compare, one a file. Each has a process to itself: `python -m crawlers.NAME`, a Job on its stdin."""
