"""LingBot-VA's figure 3 entry by entry and by gradient; its streams against Wan's and by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_lingbot import SIZES, random_lingbot
from torch import Tensor

from vla_core.policies.blocks.rotary import GridAngles, rotated
from vla_core.policies.lingbot_va.initialisation import Start, begin_actions, interpolated
from vla_core.policies.lingbot_va.losses import JointLearning
from vla_core.policies.lingbot_va.places import action_places, frame_places
from vla_core.policies.lingbot_va.streams import Actions, Frames, Streams
from vla_core.policies.lingbot_va.teacher_forcing import Chunks, Kind, drawn_chunks, mask
from vla_core.policies.lingbot_va.wan import from_wan

#: Two episodes in a sequence of seven latent frames, cut into chunks.
CHUNK, EPISODE = [1, 2, 2, 3, 4, 5, 5], [1, 1, 1, 1, 2, 2, 2]
FIRST = [CHUNK.index(chunk) for chunk in CHUNK]
CHUNKS = Chunks(*(torch.tensor([row]) for row in (CHUNK, FIRST, EPISODE)))
FRAMES = len(CHUNK)
COUNTS = [
    (Kind.FRAME, SIZES.frame_tokens),
    (Kind.NOISY_FRAME, SIZES.frame_tokens),
    (Kind.ACTION, SIZES.unit_steps),
    (Kind.NOISY_ACTION, SIZES.unit_steps),
]
#: What each sees of its own chunk; of the chunks before, all see frames and actions as they were.
WITHIN = {
    "frame": {"frame"},
    "action": {"action"},
    "noisy frame": {"noisy frame"},
    "noisy action": {"noisy action", "frame"},
}
#: Chunk in which the forward model learns: its noisy frames see its actions.
FORWARD = torch.tensor([[chunk == 2 for chunk in CHUNK]])


def expected(window: int) -> Tensor:
    """Figure 3, a pair of tokens at a time."""
    tokens = [(kind.value, f) for kind, n in COUNTS for f in range(FRAMES) for _ in range(n)]
    rows = []
    for query, q in tokens:
        row = []
        for key, k in tokens:
            if EPISODE[q] != EPISODE[k] or CHUNK[k] > CHUNK[q]:
                sees = False
            elif CHUNK[k] < CHUNK[q]:
                sees = key in ("frame", "action") and FIRST[q] - k <= window
            else:
                forward = (query, key) == ("noisy frame", "action") and CHUNK[q] == 2
                sees = key in WITHIN[query] or forward
            row.append(sees)
        rows.append(row)
    return torch.tensor(rows)


@pytest.mark.parametrize("window", [FRAMES, 2])
def test_the_mask_is_figure_3_entry_by_entry(window):
    found = mask(COUNTS, CHUNKS, window, FORWARD)
    assert torch.equal(found[0, 0], expected(window))


def test_by_gradient_too_nothing_depends_on_what_figure_3_hides():
    """Through the network itself, of two layers; so nothing comes round about, either."""
    model = random_lingbot(1, replace(SIZES, window=FRAMES))
    streams = model.streams
    given, made = {}, {}

    def leaf(name):
        def hook(_, __, out):
            given[name] = out.detach().requires_grad_()
            return given[name]

        return hook

    def keep(name):
        def hook(_, inputs):
            made[name] = inputs[0]

        return hook

    for name in ("video", "action"):
        getattr(streams, name).inside.register_forward_hook(leaf(name))
        getattr(streams, name).head.register_forward_pre_hook(keep(name))
    noise = torch.Generator().manual_seed(0)
    n, m = 2 * FRAMES * SIZES.frame_tokens, 2 * FRAMES * SIZES.unit_steps
    frames = Frames(
        torch.randn(1, n, SIZES.token_numbers, generator=noise),
        torch.rand(1, 2 * FRAMES, generator=noise),
        torch.rand(1, n, 3, generator=noise),
        torch.ones(2 * FRAMES, SIZES.max_words, dtype=torch.int64),
    )
    actions = Actions(
        torch.randn(1, m, 30, generator=noise),
        torch.rand(1, 2 * FRAMES, generator=noise),
        torch.rand(1, m, 3, generator=noise),
    )
    streams(frames, actions, mask(COUNTS, CHUNKS, FRAMES, FORWARD))
    rows = []
    for out in (made["video"], made["action"]):
        for token in out[0]:
            inputs = (given["video"], given["action"])
            wrt = torch.autograd.grad(token.sum(), inputs, retain_graph=True)
            rows.append(torch.cat([gradient[0].abs().sum(dim=1) for gradient in wrt]) > 0)
    assert torch.equal(torch.stack(rows), expected(FRAMES))


def test_chunks_are_of_1_to_k_frames_and_an_episodes_first_frame_is_given():
    begins = torch.zeros(400, 9, dtype=torch.bool)
    begins[:, 5] = True
    chunks = drawn_chunks(begins, 3, torch.Generator().manual_seed(0))
    assert (chunks.episode[:, :5] == 1).all() and (chunks.episode[:, 5:] == 2).all()
    found = set()
    for chunk, first, predicted in zip(chunks.chunk, chunks.first, chunks.predicted, strict=True):
        assert predicted.tolist() == [frame not in (0, 5) for frame in range(9)]
        numbers = chunk.tolist()
        assert numbers == sorted(numbers) and first.tolist() == [numbers.index(c) for c in numbers]
        lengths = [numbers.count(c) for c in dict.fromkeys(numbers)]
        assert numbers.count(numbers[0]) == numbers.count(numbers[5]) == 1
        found.update(lengths)
    assert found == {1, 2, 3}
    second = (chunks.chunk == chunks.chunk[:, 1:2])[:, :5].sum(dim=1)
    shares = torch.bincount(second)[1:] / len(second)
    assert shares == pytest.approx(torch.full((3,), 1 / 3).numpy(), abs=0.08)


# The streams


def test_positions_are_relative_and_of_three_axes():
    angles = GridAngles(12)
    noise = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 1, 1, 1, 12, generator=noise)

    def product(first, second):
        turned = [
            rotated(x, angles(torch.tensor([[place]])))
            for x, place in ((a, first), (b, second))
        ]
        return float((turned[0] * turned[1]).sum())

    near = product([1.0, 2.0, 3.0], [2.0, 5.0, 4.0])
    assert product([11.5, 7.0, 4.0], [12.5, 10.0, 5.0]) == pytest.approx(near, abs=1e-4)
    for moved in ([3.0, 5.0, 4.0], [2.0, 6.0, 4.0], [2.0, 5.0, 5.0]):
        assert product([1.0, 2.0, 3.0], moved) != pytest.approx(near, abs=1e-4)
    # 12 numbers are 6 pairs, 2 of each axis: 1 and 10000^(-1/2)
    by_hand = [[1.0, 1e-2, 0, 0, 0, 0], [0, 0, 1.0, 1e-2, 0, 0], [0, 0, 0, 0, 1.0, 1e-2]]
    assert angles.frequencies.tolist() == [pytest.approx(row) for row in by_hand]


def test_views_are_side_by_side_and_actions_lie_between_frames():
    places = frame_places(SIZES, torch.tensor([[0.0, 1.0]]))[0]
    assert places.shape == (2 * SIZES.frame_tokens, 3)
    assert places[: SIZES.frame_tokens, 1].tolist() == [0] * 4 + [1] * 4
    assert places[: SIZES.frame_tokens, 2].tolist() == [0, 1, 2, 3] * 2
    times = action_places(SIZES, torch.tensor([[1.0, 2.0]]))[0, :, 0]
    assert times.tolist() == [0.0, 0.5, 1.0, 1.5]


def test_layers_are_joint_attention_of_both_streams_written_out():
    """A layer, a head and a token at a time: own projections, one softmax, back and added."""
    streams = random_lingbot(2).streams
    noise = torch.Generator().manual_seed(0)
    frames = Frames(
        torch.randn(1, 3, SIZES.token_numbers, generator=noise),
        torch.tensor([[0.3]]),
        torch.rand(1, 3, 3, generator=noise),
        torch.tensor([[1, 2, 0]]),
    )
    actions = Actions(
        torch.randn(1, 2, 30, generator=noise),
        torch.tensor([[0.7]]),
        torch.rand(1, 2, 3, generator=noise),
    )
    with torch.no_grad():
        said = streams(frames, actions)
        angles = streams.angles(torch.cat([frames.places, actions.places], dim=1))
        video, narrow = streams.video, streams.action
        x, y = video.inside(frames.latents), narrow.inside(actions.actions)
        (embedded_x, six_x), (embedded_y, six_y) = (
            stream.time(tokens.time) for stream, tokens in ((video, frames), (narrow, actions))
        )
        text = streams.text(frames.words)
        for wide, thin in zip(video.blocks, narrow.blocks, strict=True):
            asked = [projected(wide, x, six_x), projected(thin, y, six_y)]
            query, key, value = (torch.cat(part, dim=1)[0] for part in zip(*asked, strict=True))
            mixed = softmax_by_hand(query, key, value, angles)
            x = x + wide.table.add(six_x[0, 0])[2] * wide.out(mixed[:3])
            x = x + wide.text(wide.norm_text(x), text)
            x = thought(wide, x, six_x)
            y = thought(thin, y + thin.table.add(six_y[0, 0])[2] * thin.out(mixed[3:]), six_y)
        expected = video.head(x, embedded_x), narrow.head(y, embedded_y)
    assert torch.allclose(said.video, expected[0], atol=1e-5)
    assert torch.allclose(said.actions, expected[1], atol=1e-5)


def projected(block, x: Tensor, six: Tensor) -> list[Tensor]:
    """Queries, keys and values at the video's width."""
    shift, scale = (block.table + six[0, 0])[:2]
    told = block.norm1(x) * (1 + scale) + shift
    parts = [layer(told) for layer in (block.query, block.key, block.value)]
    if hasattr(block, "up"):
        parts = [block.up(part) for part in parts]
    return [block.norm_query(parts[0]), block.norm_key(parts[1]), parts[2]]


def softmax_by_hand(query: Tensor, key: Tensor, value: Tensor, angles: Tensor) -> Tensor:
    width, mixed = SIZES.video_width // SIZES.heads, torch.zeros_like(query)
    for head in range(SIZES.heads):
        part = slice(head * width, (head + 1) * width)
        q, k = (rotated(t[None, None, :, part], angles)[0, 0] for t in (query, key))
        for token in range(len(query)):
            share = (torch.stack([q[token] @ other for other in k]) / width**0.5).softmax(0)
            mixed[token, part] = sum(s * v for s, v in zip(share, value[:, part], strict=True))
    return mixed


def thought(block, x: Tensor, six: Tensor) -> Tensor:
    """The MLP, modulated and added."""
    shift, scale, gate = (block.table + six[0, 0])[3:]
    return x + gate * block.mlp(block.norm2(x) * (1 + scale) + shift)


def tiny_wan():
    from diffusers.models.transformers.transformer_wan import WanTransformer3DModel

    torch.manual_seed(3)
    wan = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=12,
        in_channels=3, out_channels=3, text_dim=384, freq_dim=8, ffn_dim=20, num_layers=2,
    )  # fmt: skip
    with torch.no_grad():
        for parameter in wan.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return wan.eval()


WAN_SIZES = replace(
    SIZES, vocabulary=(), max_words=0, language="sentence", text_width=384, video_width=24,
    video_hidden=20,
)  # fmt: skip


def test_the_video_stream_is_wans_number_by_number():
    """The same pictures, time and text through diffusers' own class: its velocity, turned round."""
    wan, sizes = tiny_wan(), WAN_SIZES
    streams = Streams(sizes)
    missing, unknown = streams.load_state_dict(from_wan(wan.state_dict(), sizes), strict=False)
    assert not unknown and all(name.startswith("action.") for name in missing)
    noise = torch.Generator().manual_seed(0)
    video = torch.randn(1, 3, 2, 4, 8, generator=noise)  # channels, frames, height, width
    text = torch.randn(1, 1, 384, generator=noise)
    s = torch.tensor([0.25, 1.0])  # of each frame, as Wan 2.2 takes it
    tokens = sizes.frame_tokens
    with torch.no_grad():
        timesteps = (1000 * (1 - s)).repeat_interleave(tokens)[None]
        theirs = wan(video, timesteps, text, return_dict=False)[0]

        def patches(maps):
            parts = maps.unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2))  # c, f, r, 2, c, 2
            return parts.permute(0, 2, 3, 5, 1, 4, 6).flatten(4).flatten(1, 3)

        places = frame_places(sizes, torch.tensor([[0.0, 1.0]]))
        frames = Frames(patches(video), s[None], places, text.repeat(2, 1, 1))
        ours = streams(frames, None).video
    assert torch.allclose(ours, -patches(theirs), atol=2e-5)


# How the action stream begins


def test_narrow_weights_are_the_nearest_of_the_wide_ones():
    wide = torch.arange(36.0).reshape(6, 6)
    assert interpolated(wide, 3, 2).tolist() == [[7, 10], [19, 22], [31, 34]]
    assert interpolated(wide[0], 3).tolist() == [1, 3, 5]


def test_scaling_by_the_square_root_of_the_widths_keeps_the_spread_of_outputs():
    """alpha = sqrt(d_v / d_a); copied alone, outputs vary d_a / d_v as much."""
    wide, narrow = 256, 64
    sizes = replace(
        SIZES, video_width=wide, video_hidden=4 * wide, action_width=narrow,
        action_hidden=4 * narrow,
    )  # fmt: skip
    torch.manual_seed(0)
    told = {width: torch.randn(500, width) for width in (wide, narrow, 4 * wide, 4 * narrow)}
    spreads = {}
    for start in (Start.SCALED, Start.COPIED):
        torch.manual_seed(1)
        streams = Streams(sizes)
        for block in streams.video.blocks:  # large enough that biases do not matter
            for layer in (block.query, block.mlp[0], block.mlp[2]):
                torch.nn.init.normal_(layer.weight, std=wide**-0.5)
                torch.nn.init.zeros_(layer.bias)
        begin_actions(streams, start)
        v, a = streams.video.blocks[0], streams.action.blocks[0]
        with torch.no_grad():
            spreads[start] = [
                float(a.query(told[narrow]).var() / v.query(told[wide]).var()),
                float(a.mlp[0](told[narrow]).var() / v.mlp[0](told[wide]).var()),
                float(a.mlp[2](told[4 * narrow]).var() / v.mlp[2](told[4 * wide]).var()),
                float(a.up(a.query(told[narrow])).var() / v.query(told[wide]).var()),
            ]
    assert spreads[Start.SCALED] == pytest.approx([1.0] * 4, abs=0.1)
    assert spreads[Start.COPIED] == pytest.approx([narrow / wide] * 4, abs=0.05)


def test_a_random_start_leaves_the_action_stream_as_it_is():
    streams = random_lingbot(1).streams
    before = {name: value.clone() for name, value in streams.state_dict().items()}
    begin_actions(streams, Start.RANDOM)
    assert all(torch.equal(before[name], value) for name, value in streams.state_dict().items())
    begin_actions(streams, Start.SCALED)
    changed = {n for n, value in streams.state_dict().items() if not torch.equal(before[n], value)}
    assert changed and all(name.startswith(("action.blocks", "action.time")) for name in changed)
    assert JointLearning(random_lingbot(1)).model.streams.action.inside[0].weight.requires_grad
