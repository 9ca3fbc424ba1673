"""Mutants that are right answers: by lesson and exercise, each with why nobody could tell it from the reference."""

REASONS: dict[str, dict[str, dict[str, str]]] = {}
