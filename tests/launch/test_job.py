"""Jobs: their exit code and output come back."""

import pytest

from ppt_dist.launch.failure import RunFailed
from ppt_dist.launch.job import Target, run_job

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_jobs_exit_code_its_output_and_its_environment_come_through(cluster):
    heard: list[str] = []
    command = ("bash", "-c", "echo said $WORD; exit 7")
    code = run_job(Target(cluster.api, cluster.token_file), command, {"WORD": "this"}, heard.append)
    assert code == 7
    assert "said this" in "".join(heard)


def test_a_job_with_a_wrong_token_is_not_taken(cluster, tmp_path):
    wrong = tmp_path / "token"
    wrong.write_text("0" * 64)
    with pytest.raises(RunFailed, match="did not take the job"):
        run_job(Target(cluster.api, wrong), ("true",), {}, print)
