"""A suite of another package, with its own robot: evaluated with any policy that fits the robot."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from installed_plugins import ROOT, path_with

from vla_core.robot.load import load_robot


def test_evaluation_runs_it_and_what_it_does_not_offer_is_refused(plugins, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(plugins)
    import pointing_suite
    import remembering_policy

    robot = load_robot(pointing_suite.ROBOT)
    folder = remembering_policy.save(
        tmp_path / "swaying", str(pointing_suite.ROBOT), robot.joint_names, {"above": 32}
    )

    def vla(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "vla_core.cli", *arguments],
            env=os.environ | {"PYTHONPATH": path_with(plugins)},
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    out = tmp_path / "eval.json"
    ran = vla("eval", "--suite", "pointing", "--policy", str(folder), "--episodes", "2",
              "--workers", "1", "--time-limit-s", "3", "--json", str(out))  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = json.loads(out.read_text())
    assert found["settings"]["suite"] == "pointing" and found["n"] == 2
    assert {episode["instruction"] for episode in found["episodes"]} <= {"point left", "point right"}
    refused = vla("bench", "async", "--suite", "pointing", "--policy", str(folder))
    assert refused.returncode != 0
    assert "does not offer moving scenes; it offers tasks" in " ".join(refused.stderr.split())
