"""Progress is told from the events of the first rank."""

from ppt_dist.journal.journal import Journal
from ppt_dist.launch.follow import Follower


def test_progress_is_told_every_so_many_steps_and_at_the_end_but_not_for_older_attempts(
    tmp_path, capsys
):
    Journal(tmp_path, "rank-0", 1).write("training", start=0, steps=5)
    with Follower(tmp_path, steps=5, every=2):
        journal = Journal(tmp_path, "rank-0", 2)
        journal.write("training", start=1, steps=5)
        for step in range(1, 5):
            journal.write("step", step=step, lots=[{"domain": "a", "loss": 0.25}])
    first, *steps = capsys.readouterr().out.splitlines()
    assert first == "training from step 1 to 5"
    assert [line.split("  ")[:2] for line in steps] == [
        ["step 2/5", "a 0.250"],
        ["step 4/5", "a 0.250"],
        ["step 5/5", "a 0.250"],
    ]
