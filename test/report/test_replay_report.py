"""The report of a replay, as a browser shows it: everything is there, and nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

import cv2
import numpy as np
import pytest
from noisy_policy import MANIFEST, noisy_policy
from swaying_robot import WHOLE_ROBOT

from vla_core.doctor.diagnosis import Diagnosis
from vla_core.doctor.finding import Finding, Kind
from vla_core.recordings.sources.open_recording import open_recording
from vla_core.replay.event_log.event_recorder import EventRecorder
from vla_core.replay.offline.replay import OfflineReplay
from vla_core.replay.offline.settings import OfflineSettings
from vla_core.report.replay_notes import ReplayNotes
from vla_core.report.replay_report import write_replay_report
from vla_core.robot.model import RobotModel
from vla_core.types import NANOSECONDS

REAL_BAG = Path(__file__).parents[3] / "shared" / "data" / "bags" / "g1_ep10"
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
DURATION_NS = 2 * NANOSECONDS
WIDTH, HEIGHT = 1300, 8500
JOINTS = len(WHOLE_ROBOT.joint_names)
ROBOT = RobotModel(replace(WHOLE_ROBOT, safety_file=None))


class FirstSeconds:
    """The beginning of a recording."""

    def __init__(self, recording) -> None:
        self._recording = recording
        self.has_commands = recording.has_commands

    def episodes(self):
        for episode in self._recording.episodes():
            first = next(episode.events)
            end_ns = first.now_ns + DURATION_NS
            yield replace(episode, events=takewhile(partial(_before, end_ns), episode.events))


def _before(end_ns, event) -> bool:
    return event.now_ns < end_ns


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Two seconds of the real robot's recording."""
    if not REAL_BAG.is_dir():
        pytest.skip(f"no recording of the real robot at {REAL_BAG}")
    recording = FirstSeconds(open_recording(REAL_BAG, ROBOT, ["head"]))
    notes = ReplayNotes()
    cameras = [camera.name for camera in MANIFEST.observation.cameras]
    recorder = EventRecorder(ROBOT, cameras, recording.has_commands, [notes])
    replay = OfflineReplay(ROBOT, noisy_policy(), OfflineSettings("pick up the <b>bottle</b>"))
    result = replay.run(recording, listeners=[recorder])
    result |= {"recording": str(REAL_BAG), "limits": [], "backend": "onnx"}
    begin_ns = notes.start_ns
    gap = Finding(Kind.GAP, "/head", begin_ns + NANOSECONDS, begin_ns + NANOSECONDS, 0.4, "0.4 s")
    diagnosis = Diagnosis(REAL_BAG, "g1_bottle", begin_ns, 2.0, findings=[gap])
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_replay_report(path, "g1_ep10", notes, result, ROBOT, diagnosis, "today")
    return path, notes, result


def test_the_page_is_one_file_that_fetches_nothing(report):
    path, _, _ = report
    page = path.read_text()
    assert path.stat().st_size < 8e6
    assert "default-src 'none'" in page
    markup = re.sub(r"<script.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', markup)
    assert "pick up the &lt;b&gt;bottle" in markup


def test_every_link_of_the_contents_leads_somewhere(report):
    page = report[0].read_text()
    contents = re.findall(r'<a href="#(\w+)">', page)
    assert len(contents) == 7
    assert all(f'<h2 id="{name}">' in page for name in contents)


def test_every_step_of_system_2_is_in_the_strip(report):
    path, notes, result = report
    page = path.read_text()
    assert notes.steps.number == result["intents"]
    for name in ("what is seen", "features foreseen", "change foreseen"):
        assert page.count(f'alt="{name} at') == len(notes.steps.items)
    known = page.count('alt="features that came true at')
    assert known == result["foresight_intents"] < result["intents"]


@pytest.fixture(scope="module")
def browsed(report, tmp_path_factory):
    """What a browser makes of the page: its document, its complaints, its picture."""
    if not CHROMIUM:
        pytest.skip("no Chromium to look at the page with")
    folder = tmp_path_factory.mktemp("browser")
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--virtual-time-budget=30000", f"--user-data-dir={folder / 'profile'}",
        f"--window-size={WIDTH},{HEIGHT}", "--enable-logging=stderr", "--dump-dom",
        f"--screenshot={folder / 'page.png'}", report[0].as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr, cv2.imread(str(folder / "page.png"), cv2.IMREAD_REDUCED_COLOR_2)


def test_a_browser_draws_every_figure_and_refuses_no_part_of_the_page(browsed):
    document, complaints, _ = browsed
    assert "Content Security Policy" not in complaints and "Uncaught" not in complaints
    boxes = re.findall(r'<div class="plot[ "]', document)
    assert len(boxes) >= JOINTS + 4
    assert document.count('class="main-svg"') >= len(boxes)
    headings = re.findall(r"<h2[^>]*>([^<]*)", document)
    assert "Joints and chunks" in headings and "What the safety filter would have done" in headings
    assert "kRightElbow" in document and "chunk_stale" in document


def test_a_picture_of_the_page_shows_pictures_features_and_lines(browsed):
    picture = browsed[2].astype(np.int16)
    assert picture.shape == (HEIGHT // 2, WIDTH // 2, 3)
    shown = np.abs(picture - picture[2, 2]).max(axis=2) > 16
    bands = shown[:3000].reshape(-1, 250, WIDTH // 2).mean(axis=(1, 2))
    assert (bands > 0.005).all(), "part of the page is blank"
    colourful = picture.max(axis=2) - picture.min(axis=2) > 40
    assert colourful[200:950].mean() > 0.02  # features and changes
    assert colourful[1500:3000].mean() > 0.003  # lines and bars
