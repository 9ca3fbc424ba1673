"""What goes wrong with a server, in words for a learner."""


class ServerError(RuntimeError):
    """A server cannot be had or does not answer: what was found, and `mend`, the next step."""

    def __init__(self, found: str, mend: str) -> None:
        """Keep both."""
        super().__init__(found, mend)
        self.found, self.mend = found, mend

    def __str__(self) -> str:
        return f"{self.found}\nNext: {self.mend}"

    def _render_traceback_(self) -> list[str]:
        # IPython shows this instead of a traceback, which would bury the sentence a newcomer needs.
        return [f"{type(self).__name__}: {self}"]
