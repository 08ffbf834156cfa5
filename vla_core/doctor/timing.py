"""Do the messages of a topic come, in order, at their rate, on one clock?

A gap is judged by the smaller of the stamps' and the log times' difference: a late log alone is the
recorder's jitter, a late stamp alone a jump of the clock.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

from vla_core.doctor.contract import JOINT_STATE, Contract, Role
from vla_core.doctor.events import Arrival, Joints
from vla_core.doctor.finding import Findings, Kind
from vla_core.recordings.bags.bag import OTHER_CLOCK_S
from vla_core.types import NANOSECONDS

#: Intervals from which a topic's period is known, and from which its regularity is judged.
_FEWEST, _FEWEST_REGULAR = 10, 50
_RECENT = 64
#: A gap is longer than so many periods, and than the period by so much: two pictures lost in a row
#: at 30 Hz. Commands and other regular topics may pause for longer.
_GAP_PERIODS = 2.5
_GAP_S = {Role.CAMERA: 0.05, Role.MEASURED: 0.05, Role.COMMANDED: 0.25, Role.OTHER: 1.0}
_REGULAR_FACTOR = 2.0
#: Share of the intervals that may be off the period by half, and by so much: a real arm's joint
#: states at 100 Hz are off by 5 ms in one of four, which harms nobody.
_IRREGULAR_SHARE, _OFF_BEAT_NS = 0.05, 10_000_000
#: A topic may begin after the recording, as subscriptions do, and end before it by a moment.
_LATE_START_S, _EARLY_END_S = 2.0, 0.5
#: Stamps cannot run ahead of the log; transport may delay a message.
_AHEAD_S, _DELAY_S = 0.1, 0.25
#: So many late messages in a row are a jump of a clock, not a delay.
_LATE_IN_A_ROW = 5
#: Mean delays of a camera and of the joints may differ by transport and exposure.
_DELAY_DIFFERENCE_S = 0.15
#: Publishers that are told apart; more are names that change with every message.
_MOST_KNOWN = 1000


class TopicTiming:
    """One topic's intervals and clock.

    Args:
        role: of a topic that is neither camera nor joints, gaps are looked for only.

    Attributes:
        topic: its name.
        count: messages.
        last_ns: log time of the newest [ns].
        jumped: whether the clock of its stamps or of the log was seen to jump.
    """

    def __init__(self, topic: str, role: Role, findings: Findings) -> None:
        self.role = role
        self.count = 0
        self.last_ns = self._first_ns = self._unstamped = 0
        self.topic = topic
        self._findings = findings
        self._strict = role is not Role.OTHER
        self._last_stamp_ns: int | None = None
        self._intervals: deque[int] = deque(maxlen=_RECENT)
        self._off_beat = self._judged = 0
        self._lags: deque[int] = deque(maxlen=_RECENT)
        self._late: list[tuple[int, int]] = []
        self._told_ns = -1  # log time at which stamps were last seen to go back
        self._lag_sum_ns = self._lag_count = 0
        self.jumped = False

    @property
    def mean_lag_s(self) -> float | None:
        """Mean of log time minus stamp [s]; None without stamps."""
        return self._lag_sum_ns / self._lag_count / NANOSECONDS if self._lag_count else None

    @property
    def period_ns(self) -> int:
        """Median of the recent intervals [ns]; zero before there are any."""
        return sorted(self._intervals)[len(self._intervals) // 2] if self._intervals else 0

    def see(self, arrival: Arrival, start_ns: int) -> None:
        """Judge an arrival by those before it."""
        if self.count == 0:
            self._first_ns = arrival.log_ns
            late_s = (arrival.log_ns - start_ns) / NANOSECONDS
            if self.role in (Role.CAMERA, Role.MEASURED) and late_s > _LATE_START_S:
                text = f"its first message comes {late_s:.2f} s after the recording's first"
                self._add(Kind.GAP, arrival.log_ns, text, late_s, since_ns=start_ns)
        else:
            self._see_interval(arrival)
        if self._strict and arrival.stamp_ns is not None:
            self._see_clock(arrival.log_ns, arrival.log_ns - arrival.stamp_ns)
        elif self.role in (Role.CAMERA, Role.MEASURED):
            self._unstamped += 1
        self.count += 1
        self.last_ns = arrival.log_ns
        self._last_stamp_ns = arrival.stamp_ns

    def finish(self, end_ns: int) -> None:
        """Judge the whole, once the recording has ended at `end_ns`."""
        self._end_delay()
        self._judge_clock(end_ns)
        early_s = (end_ns - self.last_ns) / NANOSECONDS
        limit_s = max(_EARLY_END_S, _GAP_PERIODS * self.period_ns / NANOSECONDS)
        if self.role in (Role.CAMERA, Role.MEASURED) and early_s > limit_s:
            text = f"its last message comes {early_s:.2f} s before the recording's last"
            self._add(Kind.GAP, end_ns, text, early_s, since_ns=self.last_ns)
        if not self._strict or self._judged < _FEWEST_REGULAR:
            return
        share = self._off_beat / self._judged
        if share > _IRREGULAR_SHARE:
            text = (
                f"{share:.0%} of its intervals are off its period of "
                f"{self.period_ns / 1e6:.1f} ms by half or more"
            )
            self._add(Kind.IRREGULAR, self.last_ns, text, share)

    def _judge_clock(self, end_ns: int) -> None:
        """What is wrong with the stamps of all messages alike."""
        if self._unstamped:
            text = (
                f"{self._unstamped} of {self.count} messages have an empty stamp: they are refused, "
                "as nobody knows when they were measured"
            )
            self._add(Kind.UNSTAMPED, end_ns, text, self._unstamped, since_ns=self._first_ns)
        lag_s = self.mean_lag_s
        if lag_s is not None and not self.jumped and abs(lag_s) > OTHER_CLOCK_S:
            side = "behind" if lag_s > 0 else "ahead of"
            text = (
                f"its stamps are {abs(lag_s):.3f} s {side} the log times: of another clock, as a "
                "simulation's; replays and conversions run on the stamps' clock where all have it"
            )
            self._add(Kind.CLOCK_OFFSET, end_ns, text, lag_s, since_ns=self._first_ns)

    def _see_interval(self, arrival: Arrival) -> None:
        logged_ns = interval_ns = arrival.log_ns - self.last_ns
        if logged_ns < 0:
            back_s = -logged_ns / NANOSECONDS
            text = f"log time goes back by {back_s:.3f} s: the recorder's clock was set back"
            self._add(Kind.CLOCK_BACKWARDS, arrival.log_ns, text, back_s)
            self._restart_clock()
            return
        if arrival.stamp_ns is not None and self._last_stamp_ns is not None:
            interval_ns = arrival.stamp_ns - self._last_stamp_ns
            if interval_ns < 0 and self._strict:
                back_s = -interval_ns / NANOSECONDS
                text = (
                    f"stamps go back by {back_s:.3f} s: a clock was set back, or the order is "
                    "wrong"
                )
                self._add(Kind.CLOCK_BACKWARDS, arrival.log_ns, text, back_s)
                self._told_ns = arrival.log_ns
                self.jumped = True
                return
        self._judge_intervals(arrival.log_ns, interval_ns, logged_ns)
        self._intervals.append(interval_ns)

    def _judge_intervals(self, log_ns: int, stamped_ns: int, logged_ns: int) -> None:
        """Judge the time since the message before, by the stamps and by the log."""
        if len(self._intervals) < _FEWEST:
            return
        period_ns = self.period_ns
        if self.role is Role.OTHER and not self._regular():
            return
        interval_ns = min(stamped_ns, logged_ns)
        limit_ns = max(_GAP_PERIODS * period_ns, period_ns + _GAP_S[self.role] * NANOSECONDS)
        if interval_ns > limit_ns:
            gap_s = interval_ns / NANOSECONDS
            text = f"nothing for {gap_s:.3f} s, its period is {period_ns / NANOSECONDS:.3f} s"
            self._add(Kind.GAP, log_ns, text, gap_s, since_ns=log_ns - interval_ns)
        self._judged += 1
        off_ns = min(abs(stamped_ns - period_ns), abs(logged_ns - period_ns))
        self._off_beat += off_ns > max(0.5 * period_ns, _OFF_BEAT_NS)

    def _regular(self) -> bool:
        """Whether nearly all recent intervals are alike."""
        if len(self._intervals) < _RECENT:
            return False
        ordered = sorted(self._intervals)
        return ordered[-3] < _REGULAR_FACTOR * max(1, ordered[2])

    def _see_clock(self, log_ns: int, lag_ns: int) -> None:
        """Compare the header's clock with the log's; `lag_ns` is log time minus stamp."""
        base_ns = min(self._lags) if self._lags else max(0, lag_ns)
        ahead_s = (base_ns - lag_ns) / NANOSECONDS
        if ahead_s > _AHEAD_S:
            text = f"stamps run ahead by {ahead_s:.3f} s: a clock was set forwards, or is wrong"
            self._add(Kind.CLOCK_FORWARDS, log_ns, text, ahead_s)
            self._restart_clock()
        elif -ahead_s > _DELAY_S:
            self._late.append((log_ns, lag_ns - base_ns))
            if len(self._late) < _LATE_IN_A_ROW:
                return  # what is late for a moment says nothing of the clock
            since_ns, late_s = self._late[0][0], -ahead_s
            text = (
                f"log times run ahead of the stamps by {late_s:.3f} s from here on: the recorder's "
                "clock was set forwards, or it reads them later"
            )
            self._late.clear()
            if since_ns != self._told_ns:
                self._add(Kind.CLOCK_FORWARDS, since_ns, text, late_s)
            self._restart_clock()
        else:
            self._end_delay()
        self._lags.append(lag_ns)
        self._lag_sum_ns += lag_ns
        self._lag_count += 1

    def _end_delay(self) -> None:
        """What came late was a delay, as it did not last."""
        for log_ns, late_ns in self._late:
            if log_ns == self._told_ns:
                continue
            late_s = late_ns / NANOSECONDS
            text = f"a message is logged {late_s:.3f} s later after its stamp than those around it"
            self._add(Kind.LATE, log_ns, text, late_s)
        self._late.clear()

    def _restart_clock(self) -> None:
        self.jumped = True
        self._lags.clear()

    def _add(
        self, kind: Kind, time_ns: int, text: str, value: float, since_ns: int | None = None
    ) -> None:
        self._findings.add(kind, self.topic, time_ns, text, value, since_ns=since_ns)


class Timing:
    """All topics' timing, and which of them are missing."""

    def __init__(self, contract: Contract, findings: Findings) -> None:
        self._contract = contract
        self._findings = findings
        self._timings: list[TopicTiming] = []
        self._known: dict[tuple[str, tuple[str, ...]], TopicTiming] = {}
        self._types: dict[str, str] = {}
        self._start_ns: int | None = None
        self._end_ns = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """Messages by topic."""
        counts: Counter[str] = Counter()
        for timing in self._timings:
            counts[timing.topic] += timing.count
        return counts

    @property
    def roles(self) -> Mapping[str, str]:
        """What each topic was looked at as."""
        return {timing.topic: timing.role.value for timing in self._timings}

    @property
    def start_ns(self) -> int:
        """Log time of the first message [ns]."""
        return self._start_ns or 0

    @property
    def other_joint_states(self) -> list[str]:
        """Topics with joint states that are neither measured nor commanded joints of the robot."""
        known = {timing.topic for timing in self._timings if timing.role is not Role.OTHER}
        return [t for t, kind in self._types.items() if kind == JOINT_STATE and t not in known]

    def see(self, arrival: Arrival) -> None:
        """Take in any message."""
        if self._start_ns is None:
            self._start_ns = arrival.log_ns
        self._end_ns = max(self._end_ns, arrival.log_ns)
        self._publisher(arrival).see(arrival, self._start_ns)

    def _publisher(self, arrival: Arrival) -> TopicTiming:
        """Arms and hands may be told on one topic, by publishers of their own rates."""
        names = arrival.names if isinstance(arrival, Joints) else ()
        timing = self._known.get((arrival.topic, names))
        if timing is not None:
            return timing
        role = self._contract.role(arrival.topic, arrival.message_type)
        for (topic, others), known in self._known.items():
            if topic == arrival.topic and (role is not Role.MEASURED or set(others) & set(names)):
                timing = known
        if timing is None:
            timing = TopicTiming(arrival.topic, role, self._findings)
            self._timings.append(timing)
            self._types[arrival.topic] = arrival.message_type
        if len(self._known) < _MOST_KNOWN:
            self._known[arrival.topic, names] = timing
        return timing

    def finish(self) -> None:
        """Judge the whole."""
        for timing in self._timings:
            timing.finish(self._end_ns)
        start_ns = self._start_ns or 0
        for topic, expected in self._contract.required.items():
            got = self._types.get(topic)
            if got is None:
                text = f"the robot's YAML names it ({expected}), the recording has none of it"
                self._findings.add(Kind.MISSING_TOPIC, topic, self._end_ns, text, since_ns=start_ns)
            elif got != expected:
                text = f"is {got}, the robot's YAML says {expected}"
                self._findings.add(Kind.WRONG_TYPE, topic, self._end_ns, text, since_ns=start_ns)
        self._compare_delays()

    def _compare_delays(self) -> None:
        """A camera whose stamps are off shows by another delay than the joints'."""
        measured = [t for t in self._timings if t.role is Role.MEASURED]
        steady = [t.mean_lag_s for t in measured if not t.jumped and t.mean_lag_s is not None]
        if not steady or max(steady) - min(steady) > _DELAY_DIFFERENCE_S:
            return
        for timing in self._timings:
            lag_s = timing.mean_lag_s
            if timing.role is not Role.CAMERA or timing.jumped or lag_s is None:
                continue
            difference_s = lag_s - steady[0]
            if abs(difference_s) > _DELAY_DIFFERENCE_S:
                text = (
                    f"from stamp to log it takes {difference_s:.3f} s longer than the joint states "
                    "in the mean: its stamps are off, or it is delayed"
                )
                self._findings.add(
                    Kind.SKEW, timing.topic, self._end_ns, text, difference_s, "delay", self._start_ns
                )
