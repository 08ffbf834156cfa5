"""Video and report of a made-up run: they open, show everything, and fetch nothing."""

from __future__ import annotations

import re

import av
import numpy as np
import pytest
from example_run import example_episode, example_metrics

from vla_core.contract.intent_view import ShownIntent
from vla_core.errors import VlaError
from vla_core.report.demo_report import ReportVideo, write_report
from vla_core.report.episode_record import BestAndWorst, EpisodeRecord, latest
from vla_core.report.episode_video import poster, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "best.mp4"
    write_video(example_episode(seconds=1.0), path, fps=10)
    return path


def test_video_is_h264_at_the_speed_it_happened(video):
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        assert stream.codec_context.name == "h264"
    assert len(frames) == 9 + 10  # 0.9 s of pictures, and one second to see the end
    assert np.abs(frames[0].astype(int) - frames[8].astype(int)).max() > 100


def test_picture_shows_camera_and_change_side_by_side():
    picture = poster(example_episode())
    assert picture.shape[1] == 2 * 32 + 2 * 300 + 16
    red = (picture[..., 0] > 150) & (picture[..., 1] < 80)
    assert red[:, :350].any()


def test_a_decoded_picture_stands_beside_the_camera_instead_of_a_change():
    record = example_episode()
    record.foreseen.append((0.0, {"head": np.full((8, 8, 3), (0, 0, 250), np.uint8)}))
    picture = poster(record)
    blue = (picture[..., 2] > 240) & (picture[..., 0] < 10)
    assert blue[112:412, 348:648].mean() > 0.9


def test_lines_of_the_policy_are_drawn_over_the_camera_alone():
    record = example_episode()
    record.add_intent(0.0, ShownIntent(outlines={"head": np.array([[[0.1, 0.9], [0.9, 0.9]]])}))
    picture = poster(record)
    yellow = (picture[..., 0] > 230) & (picture[..., 1] > 190) & (picture[..., 2] < 60)
    rows, columns = np.nonzero(yellow[112:412, 32:332])
    assert rows.mean() == pytest.approx(270, abs=2) and np.ptp(columns) == pytest.approx(240, abs=6)
    assert not yellow[112:412, 348:].any()


def test_an_episode_without_intents_still_has_a_video(tmp_path):
    record = example_episode(seconds=0.3)
    record.changes.clear()
    write_video(record, tmp_path / "v.mp4", fps=5)
    assert (tmp_path / "v.mp4").stat().st_size > 0


def test_an_episode_without_pictures_is_refused(tmp_path):
    with pytest.raises(VlaError, match="episode 3 has no pictures"):
        write_video(EpisodeRecord(3, 0, "put"), tmp_path / "v.mp4")


def test_best_is_the_fastest_success_and_worst_a_failure():
    kept = BestAndWorst()
    for number, success, seconds in ((1, True, 3.0), (2, False, 9.0), (3, True, 2.0)):
        kept.add(example_episode(number, success, seconds))
    assert (kept.best.number, kept.worst.number) == (3, 2)


def test_without_failures_the_worst_is_the_slowest():
    kept = BestAndWorst()
    for number, seconds in ((1, 3.0), (2, 2.0)):
        kept.add(example_episode(number, True, seconds))
    assert (kept.best.number, kept.worst.number) == (2, 1)


def test_latest_is_the_newest_that_had_happened():
    items = [(0.0, "a"), (1.0, "b"), (2.0, "c")]
    assert [latest(items, t) for t in (-1, 0, 1.5, 9)] == ["a", "a", "b", "c"]


def test_report_holds_everything_and_fetches_nothing(video, tmp_path):
    metrics = example_metrics()
    summary = metrics.summary() | {
        "title": "Demonstration <live>",
        "policy": "dial_tabletop",
        "robot": "g1_inspire",
        "seed": 0,
        "episodes": [example_episode(1).row(), example_episode(2, False).row()],
        "memory_mb": {"camera_node": 90.0, "total": 90.0},
        "memory_growth": {"mb_per_minute": 0.125, "minutes": 10.0},
    }
    summary["drops"] |= {"nodes": {"camera_node": {"camera_skew": 3}}}
    path = tmp_path / "report.html"
    write_report(path, summary, metrics, [ReportVideo(video, "Best episode", "x")], "today")
    page = path.read_text()
    assert "1 of 2" in page
    assert "Demonstration &lt;live&gt;" in page
    assert page.count("data:video/mp4;base64,") == 1
    assert page.count('<div class="plot"') == 3
    assert "camera_skew" in page
    assert "+0.12 MB a minute" in page
    assert "default-src 'none'" in page
    markup = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', markup)
