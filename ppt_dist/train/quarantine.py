"""`Quarantine`: what a rank does with a scene that cannot be used, and when it is too many."""

from collections.abc import Mapping
from pathlib import Path

from ppt_dist.journal.journal import Journal
from ppt_dist.section import BadInput
from ppt_dist.stream.read import Damaged
from ppt_dist.train.ledger import Quarantined, gather, note


class Quarantine:
    """Notes each scene once, and stops a run that loses too many."""

    def __init__(self, run: Path, writer: str, journal: Journal, most: Mapping[str, int]) -> None:
        """``most`` scenes of each domain may be quarantined; ``writer`` names this rank."""
        self._run, self._writer, self._journal, self._most = run, writer, journal, most
        self._noted: set[tuple[str, str]] = set()

    def take(self, domain: str, lot: int, damaged: Damaged) -> None:
        """Enter the scene into the ledger before its stand-in is used.

        Raises:
            BadInput: it is one too many for its domain; lists them all.
        """
        if (domain, damaged.name) in self._noted:
            return
        self._noted.add((domain, damaged.name))
        entry = Quarantined(
            domain=domain, scene=damaged.name, reason=damaged.reason, lot=lot, writer=self._writer
        )
        note(self._run, self._writer, entry)
        self._journal.write(
            "quarantine", domain=domain, scene=damaged.name, reason=damaged.reason, lot=lot
        )
        self._check(domain)

    def _check(self, domain: str) -> None:
        reasons = gather(self._run).reasons(domain)
        if len(reasons) > self._most[domain]:
            listed = "".join(f"\n  {scene}: {why}" for scene, why in sorted(reasons.items()))
            raise BadInput(
                f"domain {domain}: {len(reasons)} training scenes cannot be used, and "
                f"domains.{domain}.quarantine allows {self._most[domain]}:{listed}\n"
                "mend the shards (ppt-dist validate tells what else is wrong), or raise the limit"
            )


def most_quarantined(share: float, scenes: int) -> int:
    """Scenes that ``share`` of a domain comes to: at least one where it allows any."""
    return max(1, int(share * scenes)) if share else 0
