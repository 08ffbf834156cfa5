"""`vla replay --offline`: the file that it writes, two runs side by side, and what it refuses."""

from __future__ import annotations

import json
import shutil

import pytest
from rich.console import Console
from swaying_robot import FRAMES, ROBOT, write_dataset, write_robot

from vla_core.cli.main import main
from vla_core.errors import VlaError
from vla_core.replay.offline.comparison import print_comparison, read_result
from vla_core.replay.offline.limits import with_limits
from vla_core.replay.offline.table import print_result


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("dataset") / "sway", episodes=2)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """Runs the command and returns its exit code and the JSON that it wrote."""
    out = tmp_path_factory.mktemp("out")
    robot = write_robot(out)

    def run(*arguments: str) -> tuple[int, dict]:
        path = out / "result.json"
        common = ("--offline", "--policy", "hold", "--robot", str(robot), "--out", str(out))
        common += ("--json", str(path))
        code = main(["replay", str(dataset), *common, *arguments])
        return code, json.loads(path.read_text())

    return run


@pytest.fixture(scope="module")
def result(run):
    code, result = run()
    assert code == 0
    return result


def test_an_episode_of_which_nothing_came_is_told_in_words_and_in_the_exit_code(
    dataset, tmp_path, capsys
):
    spoilt = tmp_path / "spoilt"
    shutil.copytree(dataset, spoilt)
    next(iter(sorted(spoilt.rglob("*.mp4")))).write_bytes(b"no video")
    arguments = ["--offline", "--policy", "hold", "--robot", str(write_robot(tmp_path))]
    assert main(["replay", str(spoilt), *arguments, "--out", str(tmp_path / "out")]) == 1
    assert "no chunks came of 1 of 2 episodes (0); refused 1 times" in capsys.readouterr().err
    result = json.loads((tmp_path / "out/offline.json").read_text())
    assert result["episodes_of_nothing"] == ["0"] and result["chunks"] > 0


def test_the_file_holds_what_the_measurement_of_a_policy_needs(result):
    assert (result["episodes"], result["frames"]) == (2, 2 * FRAMES)
    assert result["frames_per_s"] > 0
    for group in ("arms", "hands", "left_arm", "right_arm", "left_hand", "right_hand"):
        assert list(result["action_mae"][group]) == ["0.1", "0.25", "0.5", "1.0"]
        for row in result["action_mae"][group].values():
            assert row["policy"] >= 0 and row["holding"] >= 0
    assert list(result["action_accuracy"]) == ["0.01", "0.02", "0.05"]
    expected = {"foresight_error", "foresight_error_copy", "intent_age_ms", "discontinuity"}
    assert expected <= set(result)
    assert set(result["latency_ms"]) == {
        "image_decoding", "alignment", "system2", "system1", "command_tick", "sum_of_medians",
    }  # fmt: skip
    assert result["safety"]["ticks"] > 0 and "constraints" in result["safety"]
    assert result["settings"]["strategy"] == "rtc"


def test_of_a_data_set_a_report_is_written_of_the_episode_that_is_chosen(run, result, tmp_path):
    report = tmp_path / "report.html"
    assert run("--out", str(tmp_path))[0] == 0 and not report.exists()
    foxglove = tmp_path / "episode.mcap"
    arguments = ("--out", str(tmp_path), "--report-episode", "1", "--foxglove", str(foxglove))
    code, again = run(*arguments)
    assert code == 0 and again["digest"] == result["digest"]  # to be watched changes nothing
    page = report.read_text()
    assert "episode 1, of 2 episodes" in page
    assert "The policy shows nothing of what it intends" in page and "chunk_stale" in page
    assert again["digest"]["commands"] in page
    assert foxglove.read_bytes().startswith(b"\x89MCAP")


def test_a_lower_limit_changes_what_the_filter_does_and_nothing_else(run, result):
    code, limited = run("--limit", "right_arm.velocity=0.05", "--limit", "right_arm.jerk=20")
    assert code == 0
    assert limited["action_mae"] == result["action_mae"]
    assert limited["digest"]["commands"] != result["digest"]["commands"]
    assert limited["limits"] == ["right_arm.velocity=0.05", "right_arm.jerk=20"]
    assert "velocity" not in result["safety"]["constraints"]
    assert limited["safety"]["constraints"]["velocity"]["subjects"]["kRightElbow"] > 20


def test_a_result_beside_another_says_what_was_changed_and_what_came_of_it(result, capsys):
    other = json.loads(json.dumps(result))
    other["settings"]["strategy"] = "switch"
    other["digest"]["commands"] = "another"
    other["action_mae"]["arms"]["0.5"]["policy"] *= 2
    console = Console(width=150, force_terminal=False)
    print_comparison(result, other, console)
    lines = capsys.readouterr().out.splitlines()
    row = lambda name: next(line for line in lines if name in line)  # noqa: E731
    assert "rtc" in row("strategy") and "switch" in row("strategy")
    assert "0.50" in row("error of arms, 0.5 s ahead")
    assert "same" in row("chunks, bit") and "others" in row("commands, bit")
    assert not any("seed" in line for line in lines)


def test_the_table_shows_every_group_and_why_commands_were_limited(result, capsys):
    print_result(result, Console(width=150, force_terminal=False))
    shown = capsys.readouterr().out
    for words in ("right_hand", "chunk_stale", "System 1", "targets within 0.05", "intent age"):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--limit", "leg.velocity=1"], "GROUP one of left_arm, right_arm"),
        (["--limit", "left_arm.speed=1"], "KEY one of velocity, acceleration, jerk"),
        (["--limit", "left_arm.velocity=fast"], "got 'fast', expected a positive number"),
        (["--system2-hz", "0"], "system2_rate_hz: got 0.0, expected more than 0"),
        (["--robot", "nobody"], "no 'nobody'; there are"),
        (["--compare", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--report-episode", "7"], "--report-episode: got '7', "),
        (["--foxglove", "x.mcap"], "--foxglove: say with --report-episode of which: 0, 1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(dataset, tmp_path, capsys, arguments, expected):
    common = ("--offline", "--policy", "hold", "--out", str(tmp_path))
    assert main(["replay", str(dataset), *common, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("vla replay: ") and expected in error
    assert len(error.splitlines()) == 1


def test_a_file_of_something_else_is_no_result_to_compare_with(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"safety": {}}')
    with pytest.raises(VlaError, match="is without action_mae, digest, settings, expected what"):
        read_result(path)


def test_what_is_neither_bag_nor_data_set_is_refused(tmp_path, capsys):
    assert main(["replay", str(tmp_path), "--offline", "--out", str(tmp_path / "o")]) == 2
    assert "Give the folder of a rosbag2" in capsys.readouterr().err


def test_limits_are_those_of_the_group_alone():
    limited = with_limits(ROBOT.description, ["left_arm.velocity=0.5"])
    for before, after in zip(ROBOT.description.joints, limited.joints, strict=True):
        expected = 0.5 if before.group == "left_arm" else before.velocity
        assert after.velocity == expected and after.jerk == before.jerk
