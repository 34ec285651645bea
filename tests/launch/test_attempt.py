"""Numbers of attempts are unique and rise."""

from concurrent.futures import ThreadPoolExecutor

from ppt_dist.launch.attempt import next_attempt


def test_attempts_count_from_one_and_none_is_given_twice_to_racing_callers(tmp_path):
    assert [next_attempt(tmp_path) for _ in range(3)] == [1, 2, 3]
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(next_attempt, [tmp_path] * 40))
    assert sorted(given) == list(range(4, 44))
