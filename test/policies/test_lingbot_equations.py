"""LingBot-VA's objectives against their formulas, chunk by chunk; what is remembered equals what
is computed at once; frames, actions and their numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_lingbot import SIZES, random_lingbot
from torch import Tensor

from vla_core.errors import ConfigError
from vla_core.policies.blocks.flow_matching import drawn_times
from vla_core.policies.blocks.temporal import TemporalConvolution
from vla_core.policies.lingbot_va.losses import (
    JointLearning,
    VideoLearning,
    noisy_history,
    told_words,
)
from vla_core.policies.lingbot_va.memory import Memory
from vla_core.policies.lingbot_va.model import LingBotVa
from vla_core.policies.lingbot_va.patches import patched, side_by_side, unpatched, views_of
from vla_core.policies.lingbot_va.places import action_places, frame_places
from vla_core.policies.lingbot_va.streams import Actions, Frames
from vla_core.policies.lingbot_va.teacher_forcing import Chunks, Kind, drawn_chunks, mask
from vla_core.policies.lingbot_va.unified_action import ARM, UnifiedAction, UnifiedScaling
from vla_core.policies.lingbot_va.vae_learning import DIVERGENCE, VaeLearning
from vla_core.policies.lingbot_va.wan_vae import WanVae
from vla_core.policies.samplers.flow import FlowMatching
from vla_core.robot.model import RobotModel

WIDE = replace(SIZES, window=9)
BATCH, FRAMES = 2, 6


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def batch() -> dict[str, Tensor]:
    """Two sequences of six latent frames; in the second an episode begins with the fourth."""
    noise, sizes = drawn(3), SIZES
    frame = sizes.frame_tokens, sizes.token_numbers
    begins = torch.zeros(BATCH, FRAMES, dtype=torch.bool)
    begins[:, 0] = begins[1, 3] = True
    known = torch.ones(BATCH, 30, dtype=torch.bool)
    known[:, 20:25] = False
    return {
        "latents": torch.randn(BATCH, FRAMES, *frame, generator=noise),
        "actions": torch.randn(BATCH, FRAMES, sizes.unit_steps, 30, generator=noise),
        "words": torch.randint(len(sizes.vocabulary), (BATCH, FRAMES, 10), generator=noise),
        "begins": begins,
        "known": known,
    }


class ByHand:
    """Chunk after chunk with what came before it, no mask anywhere."""

    def __init__(self, model: LingBotVa, batch: dict, chunks: Chunks, words: Tensor) -> None:
        self.model, self.batch, self.chunks, self.words = model, batch, chunks, words

    def frames(self, row: int, places: list[int], latents: Tensor, time: Tensor) -> Frames:
        times = torch.tensor([places], dtype=torch.float32)
        return Frames(
            latents[row, places].flatten(0, 1)[None],
            time[row, places][None],
            frame_places(self.model.sizes, times),
            self.words[row, places],
        )

    def actions(self, row: int, places: list[int], actions: Tensor, time: Tensor) -> Actions:
        times = torch.tensor([places], dtype=torch.float32)
        numbers = actions[row, places].flatten(0, 1)[None]
        return Actions(numbers, time[row, places][None], action_places(self.model.sizes, times))

    def chunks_of(self, row: int):
        """Each chunk's frames, and the cache of its episode before it."""
        streams, episode, cache = self.model.streams, None, None
        for chunk in self.chunks.chunk[row].unique().tolist():
            places = torch.nonzero(self.chunks.chunk[row] == chunk).flatten().tolist()
            if int(self.chunks.episode[row, places[0]]) != episode:
                episode, cache = int(self.chunks.episode[row, places[0]]), None
            told = self.history(row, places, cache)
            yield places, cache, told
            cache = torch.cat([*([] if cache is None else [cache]), *told], dim=1)

    def history(self, row: int, places: list[int], cache: Tensor | None) -> tuple[Tensor, Tensor]:
        ones = torch.ones(BATCH, FRAMES)
        z, s = self.z
        seen = self.model.streams(self.frames(row, places, z, s), None, seen=cache).cache
        done = self.actions(row, places, self.batch["actions"], ones)
        return seen, self.model.streams(None, done, seen=cache).cache


def test_eqs_11_to_13_are_each_chunk_from_its_own_past(batch):
    """Teacher forcing in one pass, and every chunk by itself; all draws made by hand."""
    model = random_lingbot(1, WIDE)
    sizes, streams = model.sizes, model.streams
    learning = JointLearning(model, inverse_weight=0.7, forward_share=0.5)
    with torch.no_grad():
        found = learning(batch, drawn(7))
    noise = drawn(7)
    chunks = drawn_chunks(batch["begins"], sizes.longest_chunk, noise)

    def uniform():
        values = torch.rand(BATCH, FRAMES, generator=noise)
        return torch.stack([row[first] for row, first in zip(values, chunks.first, strict=True)])

    def noised(x, s):
        epsilon = torch.randn(x.shape, generator=noise)
        return (1 - s[..., None, None]) * epsilon + s[..., None, None] * x, x - epsilon

    latents = batch["latents"]
    is_noised = uniform() < 0.5
    s_aug = torch.where(is_noised, 0.5 + 0.5 * uniform(), 1.0)
    history, _ = noised(latents, s_aug)
    assert torch.equal(history[~is_noised], latents[~is_noised]) and is_noised.any()
    s = uniform()
    noisy, z_dot = noised(latents, s)
    tau = uniform()
    noisy_actions, a_dot = noised(batch["actions"], tau)
    forward = uniform() < 0.5
    words = told_words(batch["words"], noise)
    hand = ByHand(model, batch, chunks, words)
    hand.z = history, s_aug
    sums = {"dynamics": [], "forward": [], "inverse": []}
    with torch.no_grad():
        for row in range(BATCH):
            for places, cache, (seen, done) in hand.chunks_of(row):
                if cache is None:
                    continue  # an episode's first frame is given
                learns = "forward" if forward[row, places[0]] else "dynamics"
                context = torch.cat([cache, done], dim=1) if learns == "forward" else cache
                said = streams(hand.frames(row, places, noisy, s), None, seen=context).video
                sums[learns].append((said - z_dot[row, places].flatten(0, 1)).square().flatten())
                moving = hand.actions(row, places, noisy_actions, tau)
                said = streams(None, moving, seen=torch.cat([cache, seen], dim=1)).actions
                error = (said - a_dot[row, places].flatten(0, 1)).square()
                sums["inverse"].append(error[..., batch["known"][row]].flatten())
    for name, errors in sums.items():
        assert float(found[name]) == pytest.approx(float(torch.cat(errors).mean()), rel=1e-4), name
    total = found["dynamics"] + 0.7 * found["inverse"] + found["forward"]
    assert float(found["loss"]) == pytest.approx(float(total), rel=1e-6)


def test_eq_10_noises_half_of_the_chunks_by_up_to_a_half():
    latents = torch.randn(300, 6, 1, 4, generator=drawn(1))
    chunks = drawn_chunks(torch.zeros(300, 6, dtype=torch.bool), 3, drawn(2))
    history = noisy_history(latents, chunks, drawn(4))
    clean = history.time == 1.0
    assert torch.equal(history.noisy[clean], latents[clean])
    assert float(clean.float().mean()) == pytest.approx(0.5, abs=0.05)
    least, most = history.time[~clean].min(), history.time[~clean].max()
    assert 0.5 <= least < 0.53 and 0.97 < most < 1.0
    s = history.time[..., None, None]
    epsilon = ((history.noisy - s * latents) / (1 - s))[~clean]
    assert float(epsilon.mean()) == pytest.approx(0.0, abs=0.05)
    assert float(epsilon.std()) == pytest.approx(1.0, abs=0.05)
    for frame in range(1, 6):
        same = chunks.chunk[:, frame] == chunks.chunk[:, frame - 1]
        assert torch.equal(history.time[same, frame], history.time[same, frame - 1])


def test_the_video_alone_sees_no_actions(batch):
    """And is eq. 11 without them: other actions change nothing, and only it learns."""
    model = random_lingbot(1)
    learning = VideoLearning(model)
    losses = [
        learning({**batch, "actions": batch["actions"] * factor}, drawn(5))["loss"]
        for factor in (1.0, 7.0)
    ]
    assert torch.equal(*losses)
    losses[0].backward()
    learned = {n.split(".")[1] for n, p in model.named_parameters() if p.grad is not None}
    assert learned == {"video", "text"}


def test_both_streams_learn_together_beside_a_frozen_autoencoder(batch):
    model = random_lingbot(1)
    losses = JointLearning(model)(batch, drawn(5))
    losses["loss"].backward()
    reached = {n for n, p in model.named_parameters() if p.grad is not None}
    assert reached == {n for n, _ in model.named_parameters() if n.startswith("streams.")}
    assert "forward" not in losses


def test_a_committed_prefix_is_clean_and_is_not_learned(batch):
    """Its noise changes nothing; the loss is of the other steps."""
    model = random_lingbot(1, WIDE)
    learning, steps = JointLearning(model, longest_prefix=3), WIDE.unit_steps
    chunks = drawn_chunks(batch["begins"], 3, drawn(1))
    frozen = learning._frozen(chunks, drawn(2))
    counts = set()
    for row in range(BATCH):
        for chunk in chunks.chunk[row].unique():
            own = frozen[row, chunks.chunk[row] == chunk].flatten()
            count = int(own.sum())
            assert own.tolist() == [k < count for k in range(len(own))]
            counts.add(count)
    assert counts <= {0, 1, 2, 3} and len(counts) > 1 and frozen.shape[2] == steps
    with torch.no_grad():
        assert learning(batch, drawn(9))["inverse"] > 0.0


def test_a_tenth_of_the_sequences_is_told_nothing():
    words = torch.ones(2000, 3, 4, dtype=torch.int64)
    told = told_words(words, drawn()).flatten(1)
    assert float((told == 0).all(dim=1).float().mean()) == pytest.approx(0.1, abs=0.02)
    assert ((told == 0).all(dim=1) | (told == 1).all(dim=1)).all()


def test_partial_denoising_ends_where_it_is_told():
    """On v = b - A: b + (A0 - b) (1 - s/n)^n after n steps to s; asked at s k / n."""
    start, times = np.ones((1, 2, 3)), []

    def field(chunk, time):
        times.append(time)
        return 2.0 - chunk

    end = FlowMatching(3, until=0.6).sample(field, start)
    assert end == pytest.approx(2.0 + (start - 2.0) * (1.0 - 0.2) ** 3)
    assert times == pytest.approx([0.0, 0.2, 0.4])


def test_a_head_that_says_actions_learns_at_times_that_favour_noise():
    uniform = torch.linspace(0.0, 0.99, 5)
    assert torch.equal(drawn_times(uniform, "velocity"), uniform)
    assert torch.allclose(drawn_times(uniform, "action"), 0.999 * (1 - uniform ** (2 / 3)))


# What is remembered


def test_what_is_remembered_is_what_one_pass_over_200_frames_sees():
    """Algorithm 1 with a window of 3: cached equals uncached to rounding, in the same room."""
    model = random_lingbot(4)
    sizes, length, noise = model.sizes, 200, drawn(1)
    latents = torch.randn(length + 2, sizes.frame_tokens, sizes.token_numbers, generator=noise)
    done = torch.randn(length + 2, sizes.unit_steps, 30, generator=noise)
    words = torch.randint(len(sizes.vocabulary), (1, 10), generator=noise)
    one = torch.ones(1)
    shape = (1, sizes.window * sizes.unit_tokens, sizes.cache_width)
    memory = Memory(torch.zeros(shape), sizes.unit_tokens)
    with torch.no_grad():
        for frame in range(length):
            told = model.remember(
                latents[frame][None], one, done[frame][None], words, frame * one, memory.cache,
                torch.from_numpy(memory.shown),
            )  # fmt: skip
            memory = memory.append(told, frame, float(frame), latents[frame][None])
            assert memory.cache.shape == shape and len(memory.stamps_ns) == min(frame + 1, 3)
        ahead = latents[length:].flatten(0, 1)[None]
        shown = torch.from_numpy(memory.shown)
        cached = model.dream(ahead, 0.4 * one, words, one * memory.now, memory.cache, shown)
        # all at once: every frame a chunk by itself, but for the last two, which are noisy
        count = length + 2
        chunk = torch.tensor([[*range(length), length, length]])
        chunks = Chunks(chunk, chunk, torch.ones_like(chunk))
        counts = [(Kind.FRAME, sizes.frame_tokens), (Kind.ACTION, sizes.unit_steps)]
        places = torch.arange(float(count))[None]
        time = torch.tensor([[1.0] * length + [0.4, 0.4]])
        frames = Frames(
            latents.flatten(0, 1)[None], time, frame_places(sizes, places), words.repeat(count, 1)
        )
        actions = Actions(
            done.flatten(0, 1)[None], torch.ones(1, count), action_places(sizes, places)
        )
        whole = model.streams(frames, actions, mask(counts, chunks, sizes.window)).video
    assert torch.allclose(cached, whole[:, -ahead.shape[1] :], atol=1e-4)
    left = memory.before(length - 1)
    assert left.stamps_ns == (197, 198) and left.kept is None
    assert torch.equal(left.cache[:, sizes.unit_tokens :], memory.cache[:, : -sizes.unit_tokens])
    assert not left.shown[0, : sizes.unit_tokens].any() and left.shown[0, sizes.unit_tokens :].all()


# Frames


def test_frame_by_frame_is_as_the_whole_video():
    torch.manual_seed(0)
    layers = TemporalConvolution(3, 4)
    video = torch.randn(2, 6, 5, 3)
    kept, answers = torch.zeros(2, layers.reach, 5, 3), []
    with torch.no_grad():
        for frame in video.unbind(1):
            answer, kept = layers.step(frame, kept)
            answers.append(answer)
        assert layers.reach == 3
        assert torch.allclose(torch.stack(answers, dim=1), layers(video), atol=1e-6)


@pytest.mark.parametrize("kind", ["small", "wan"])
def test_an_autoencoder_streams_what_it_gives_of_the_whole(kind):
    """And sees nothing that comes later: the first frames are those of the shorter video."""
    model, pictures = streamed(kind)
    each = 4 if kind == "wan" else 1
    with torch.no_grad():
        whole = model.encode(pictures)
        shorter = model.encode(pictures[:, : 1 + each])
        kept, latents = torch.zeros(1, FIRST_KEPT[kind]), []
        for first in [0, *range(1, pictures.shape[1], each)]:
            seen = pictures[:, first : first + (each if first else 1)]
            latent, kept = model.step(seen, kept)
            latents.append(latent)
        assert torch.allclose(torch.stack(latents, dim=1), whole, atol=1e-5)
        assert torch.allclose(shorter, whole[:, :2], atol=1e-5)
        assert model.decode(whole).shape == pictures.shape


FIRST_KEPT = {"small": SIZES.first_kept, "wan": 0}


def streamed(kind: str) -> tuple[torch.nn.Module, Tensor]:
    if kind == "small":
        model = random_lingbot(2).vae
    else:
        sizes = replace(
            SIZES, vae="wan", vae_channels=(), latent_channels=48, image_size=32, patch=1
        )
        torch.manual_seed(0)
        model = WanVae(sizes, base_dim=4, decoder_base_dim=4, num_res_blocks=1).eval()
        model.mean.normal_(0.0, 0.1)
    pictures = torch.randint(256, (1, 9, 2, 32, 32, 3), dtype=torch.uint8, generator=drawn())
    return model, pictures


def test_the_autoencoders_objective_is_the_evidence_lower_bound():
    vae = random_lingbot(2).vae
    pictures = torch.randint(256, (2, 3, 2, 32, 32, 3), dtype=torch.uint8, generator=drawn())
    learning = VaeLearning(vae).eval()
    with torch.no_grad():
        found = learning({"pictures": pictures}, drawn(1))
        mean, log = vae.distributions(pictures)
        z = torch.distributions.Normal(mean, (0.5 * log).exp())
        unit = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        divergence = torch.distributions.kl_divergence(z, unit).mean()
        sample = mean + z.stddev * torch.randn(mean.shape, generator=drawn(1))
        decoded = vae.decoder(sample.flatten(0, 2)).permute(0, 2, 3, 1)
        error = (decoded - (pictures.flatten(0, 2) / 127.5 - 1.0)).square().mean()
    assert float(found["divergence"]) == pytest.approx(float(divergence), rel=1e-5)
    assert float(found["loss"]) == pytest.approx(float(error + DIVERGENCE * divergence), rel=1e-5)


def test_tokens_are_squares_of_views_side_by_side():
    maps = torch.arange(2 * 3 * 4 * 4.0).reshape(1, 2, 3, 4, 4)
    wide = side_by_side(maps)
    assert torch.equal(wide[0, :, :, 4:], maps[0, 1]) and torch.equal(views_of(wide, 2), maps)
    tokens = patched(wide, 2)
    assert tokens.shape == (1, 8, 12)
    assert torch.equal(tokens[0, 6].view(3, 2, 2), maps[0, 1, :, 2:, :2])
    assert torch.equal(unpatched(tokens, 2, 2), wide)


# Actions


@pytest.mark.parametrize(("name", "arm"), [("g1_inspire", 7), ("aloha", 6)])
def test_a_two_arm_action_is_poses_joints_and_grippers(name, arm):
    robot = RobotModel.load(name)
    unified, hands = UnifiedAction(robot), list(robot.end_effectors.values())
    positions = np.tile(robot.ready_pose, (3, 1))
    for hand in hands:
        positions[:, robot.group_indices(hand.arm_group)] += 0.05 * np.arange(3)[:, None]
        fingers = hand.fingers(np.array([0.0, 0.3, 1.0]))
        positions[:, robot.group_indices(hand.hand_group)] = fingers
    numbers = unified.of(positions)
    assert numbers.shape == (3, 30)
    for k, hand in enumerate(hands):
        one = numbers[:, k * ARM : (k + 1) * ARM]
        for row, position in zip(one, positions, strict=True):
            pose = robot.frame_pose(hand.grasp_frame, position)
            assert row[:3] == pytest.approx(pose.translation, abs=1e-5)
            x, y, z, w = row[3:7].astype(float)
            first = [1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)]
            assert first == pytest.approx(pose.rotation[:, 0], abs=1e-5)
        assert one[:, 7 : 7 + arm] == pytest.approx(
            positions[:, robot.group_indices(hand.arm_group)], abs=1e-6
        )
        assert not one[:, 7 + arm : 14].any() and one[:, 14] == pytest.approx([0, 0.3, 1], abs=1e-6)
    per_arm = [True] * (7 + arm) + [False] * (7 - arm) + [True]
    assert unified.known.tolist() == per_arm * 2
    assert unified.joints(numbers, positions[0]) == pytest.approx(positions, abs=1e-5)


def test_one_arm_fills_the_first_half_and_no_hand_is_refused():
    panda = UnifiedAction(RobotModel.load("panda"))
    assert panda.known.tolist() == [True] * 15 + [False] * 15
    with pytest.raises(ConfigError, match="has 0 hands"):
        UnifiedAction(RobotModel.load("metaworld_hand"))


def test_quantiles_become_one_and_what_is_not_known_stays_zero():
    rng = np.random.default_rng(0)
    known = np.arange(30) < 15
    numbers = np.where(known, rng.normal(2.0, 3.0, (5000, 30)), 0.0).astype(np.float32)
    scaling = UnifiedScaling.fit(numbers, known)
    normal = scaling.scaling.normalised(numbers)
    low, high = np.quantile(normal, (0.01, 0.99), axis=0)
    assert low[:15] == pytest.approx(-1.0, abs=1e-3) and high[:15] == pytest.approx(1.0, abs=1e-3)
    assert not normal[:, 15:].any()
    assert scaling.scaling.restored(normal) == pytest.approx(numbers, abs=1e-4)
