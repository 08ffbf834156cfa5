"""How an intent is shown is its policy's affair: nobody else knows what its tensors are called."""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np
import pytest
from installed_plugins import ROOT
from noisy_policy import MANIFEST, PATCHES, noisy_policy
from swaying_robot import BEGIN_NS, ROBOT

from vla_core.errors import IntentError
from vla_core.policies.baselines.hold import hold_policy
from vla_core.policies.dial.view import DialView
from vla_core.types import Context, Instruction, Observation

#: Where tensors have names: the policies, and what writes and reads a message's bytes.
KNOW_TENSORS = ("vla_core/policies/", "vla_nodes/wire/")
TOLD = Instruction(1, "go")


@pytest.fixture
def intent():
    images = {"head": np.full((32, 32, 3), 90, np.uint8)}
    seen = Observation(BEGIN_NS, 1, images, np.zeros(ROBOT.dof), np.zeros(ROBOT.dof))
    return noisy_policy().system2.intend(Context(seen), TOLD)


def test_dial_shows_the_features_that_it_foresees_beside_those_it_saw(intent):
    shown = DialView(MANIFEST).show(intent)
    assert shown.features.cameras == ("head",)
    assert shown.features.predicted.shape == (PATCHES**2, 3)
    assert np.array_equal(shown.features.current, intent.tensors["current"])
    assert not shown.pictures and not shown.words and not shown.numbers


@pytest.mark.parametrize(
    ("spoilt", "problem"),
    [
        ({}, "tensor 'foresight': got none"),
        ({"current": np.zeros((3, 3), np.float32)}, r"current features \(3, 3\)"),
        ({"foresight": np.zeros(4, np.float32)}, r"got float32 \(4,\), expected floats"),
        ({"foresight": np.zeros((4, 4), np.uint8)}, "got uint8"),
    ],
)
def test_an_intent_of_another_make_is_refused(intent, spoilt, problem):
    tensors = {**intent.tensors, **spoilt} if spoilt else {}
    with pytest.raises(IntentError, match=problem):
        DialView(MANIFEST).show(replace(intent, tensors=tensors))


def test_a_policy_without_a_view_shows_nothing(intent):
    shown = hold_policy(ROBOT).view.show(intent)
    assert shown.features is None and not shown.pictures


def test_nobody_else_reads_tensors():
    reads = set()
    for root in ("vla_core", "vla_nodes"):
        for path in (ROOT / root).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text())):
                taken = isinstance(node, ast.Subscript) and node.value
                got = isinstance(node, ast.Attribute) and node.attr == "get" and node.value
                of = taken or got
                if isinstance(of, ast.Attribute) and of.attr == "tensors":
                    reads.add(place)
    assert reads and all(place.startswith(KNOW_TENSORS) for place in reads), reads
