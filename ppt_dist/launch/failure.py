"""`RunFailed`: what was asked for was well formed, and did not end well."""

from pathlib import Path


class RunFailed(RuntimeError):
    """A cluster, a job or a training group ended badly; the text is the cause in one line."""

    def __init__(self, cause: str, logs: Path | None = None) -> None:
        super().__init__(f"{cause} (logs: {logs})" if logs else cause)
