"""Examines a recording: a bag, or every episode of a LeRobot data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vla_core.doctor.bag_source import BagSource
from vla_core.doctor.checks import Checks
from vla_core.doctor.contract import JOINT_STATE, Contract
from vla_core.doctor.dataset_source import DatasetSource
from vla_core.doctor.decode import Decoder
from vla_core.doctor.events import Joints
from vla_core.doctor.finding import Finding, Findings, Kind
from vla_core.paths import root
from vla_core.recordings.bags.bag import Bag, BagError
from vla_core.recordings.bags.bag_namespace import namespace_in
from vla_core.recordings.bags.mcap_scan import Loss
from vla_core.robot.description import RobotDescription
from vla_core.robot.load import load_robot
from vla_core.types import NANOSECONDS

#: Messages among which a joint state is looked for, to recognise the robot.
_PEEK = 5000

Progress = Callable[[float], None]


@dataclass
class Diagnosis:
    """What was found.

    Attributes:
        robot: whose contract the recording was held to; None: of none.
        messages: by topic, or by feature of a data set.
        looked_at: what each of them was looked at as.
        findings: in the order of time, episode by episode.
        untold: how many more there are, by kind and topic.
        notes: what is worth to know and harms nothing.
    """

    path: Path
    robot: str | None = None
    start_ns: int = 0
    duration_s: float = 0.0
    episodes: int | None = None
    messages: Counter[str] = field(default_factory=Counter)
    looked_at: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    untold: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What `--json` writes."""
        return {
            "recording": str(self.path),
            "robot": self.robot,
            "duration_s": round(self.duration_s, 3),
            "episodes": self.episodes,
            "messages": dict(self.messages),
            "notes": self.notes,
            "looked_at": self.looked_at,
            "findings": [finding.as_json(self.start_ns) for finding in self.findings],
            "more_findings": [
                {"kind": kind.value, "topic": topic, "count": count}
                for (kind, topic), count in self.untold.items()
            ],
        }


def examine(
    path: Path,
    robot: str | Path | None = None,
    progress: Progress = lambda fraction: None,
    episode: int | None = None,
    namespace: str | None = None,
) -> Diagnosis:
    """Go through a recording once, and say what is wrong with it.

    Args:
        path: a rosbag2's folder or file, a ROS 1 bag, or the folder of a LeRobot data set.
        robot: by name under config/robots, or a YAML; None: the one whose joints it has, if any.
        progress: told the fraction that has been read.
        episode: of a data set, the only one to look at; None: all.
        namespace: of the robot in a bag; None: the only one that it can be.

    Raises:
        VlaError: nothing of it can be read, or the robot is not known.
    """
    if (path / "meta" / "info.json").is_file():
        return _examine_dataset(path, robot, progress, episode)
    return _examine_bag(path, robot, progress, namespace)


def _examine_bag(
    path: Path, robot: str | Path | None, progress: Progress, namespace: str | None
) -> Diagnosis:
    description = load_robot(robot) if robot else _recognise(_names_in_bag(path))
    if description is not None:
        namespace = namespace_in(path, _topics_in(path), description, namespace)
    contract = Contract.of_bag(description, namespace or "")
    source, decoder, findings = BagSource(path), Decoder(contract), Findings()
    checks = Checks(contract, findings)
    first_ns, last_ns = None, 0
    for logged in source.messages():
        first_ns = logged.log_ns if first_ns is None else min(first_ns, logged.log_ns)
        last_ns = max(last_ns, logged.log_ns)
        checks.see(decoder.decode(logged))
        progress(source.fraction)
    checks.finish()
    start_ns = first_ns or 0
    for problem in source.problems:
        findings.add(Kind.METADATA, "", start_ns, problem)
    for topic, encoding in source.other_middleware.items():
        text = f"its messages are serialised as {encoding!r}, only 'cdr' can be read"
        findings.add(Kind.WRONG_MIDDLEWARE, topic, start_ns, text)
    for topic, message_type in decoder.unknown_types.items():
        text = f"neither this machine nor the recording defines {message_type}: it cannot be read"
        findings.add(Kind.UNKNOWN_TYPE, topic, start_ns, text)
    _add_losses(findings, source.losses, start_ns)
    return Diagnosis(
        path,
        description.name if description else None,
        start_ns,
        max(0, last_ns - start_ns) / NANOSECONDS,
        messages=Counter(checks.counts),
        looked_at=dict(checks.roles),
        findings=sorted(findings.found, key=lambda finding: finding.time_ns),
        untold=findings.untold,
        notes=checks.notes,
    )


def _examine_dataset(
    path: Path, robot: str | Path | None, progress: Progress, only: int | None
) -> Diagnosis:
    source = DatasetSource(path)
    description = load_robot(robot) if robot else _recognise(source.names)
    episodes = source.episodes if only is None else (only,)
    name = description.name if description else None
    diagnosis = Diagnosis(path, name, episodes=len(episodes))
    of_all = Findings()
    source.hold_to(description, of_all)
    diagnosis.findings += of_all.found
    for number, episode in enumerate(episodes):
        findings = Findings()
        checks = Checks(source.contract(description), findings)
        last_ns = 0
        for arrival in source.arrivals(episode):
            last_ns = arrival.log_ns
            checks.see(arrival)
        if checks.counts:
            checks.finish()
        _add_losses(findings, source.losses, 0)
        source.check(episode, findings)
        for finding in sorted(findings.found, key=lambda finding: finding.time_ns):
            finding.episode = episode
            diagnosis.findings.append(finding)
        diagnosis.untold += findings.untold
        diagnosis.messages += Counter(checks.counts)
        diagnosis.looked_at |= checks.roles
        diagnosis.duration_s += last_ns / NANOSECONDS
        progress((number + 1) / len(episodes))
    return diagnosis


def _add_losses(findings: Findings, losses: Iterable[Loss], start_ns: int) -> None:
    for number, loss in enumerate(losses):
        time_ns = start_ns if loss.time_ns is None else loss.time_ns
        findings.add(Kind.LOST, "", time_ns, loss.what, subject=str(number))


def _topics_in(path: Path) -> Collection[str]:
    """All that is known of a bag's topics beforehand; of one that is broken, none."""
    try:
        return Bag(path).topics
    except BagError:
        return ()


def _names_in_bag(path: Path) -> tuple[str, ...]:
    """Joint names of the first joint state; () where there is none among the first messages."""
    decoder = Decoder(Contract())
    for number, logged in enumerate(BagSource(path).messages()):
        if number >= _PEEK:
            break
        if logged.message_type == JOINT_STATE:
            state = decoder.decode(logged)
            if isinstance(state, Joints):
                return state.names
    return ()


def _recognise(names: tuple[str, ...]) -> RobotDescription | None:
    """The robot of config/robots that has more than half of these joints, and most of all."""
    robots: Mapping[str, RobotDescription] = {
        path.stem: load_robot(path.stem)
        for path in sorted((root() / "config" / "robots").glob("*.yaml"))
        if not path.stem.endswith(".safety")
    }
    shared = {name: len(set(names) & set(r.joint_names)) for name, r in robots.items()}
    best = max(shared, key=shared.__getitem__, default=None)
    if best is None or 2 * shared[best] <= len(robots[best].joint_names):
        return None
    return robots[best]
