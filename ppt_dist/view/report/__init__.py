"""The report: runs as one page that needs no network."""

from collections.abc import Sequence
from pathlib import Path

from ppt_dist.journal.durable import write_durably
from ppt_dist.view.report.account import read_account
from ppt_dist.view.report.page import page


def write_report(folders: Sequence[Path], out: Path) -> None:
    """Write the page of the runs in ``folders``; the same runs give the same bytes.

    Raises:
        BadInput: one is not a run's folder, has no evaluation, or is named twice.
    """
    content = page([read_account(folder) for folder in folders])
    write_durably(out, content.encode())
