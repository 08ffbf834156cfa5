"""The DINOv2-shaped encoder: fitted to the package's file; and a policy that sees by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper
from tiny_backbones import TINY_DINOV2
from tiny_chunk import SIZES, write_chunk
from tiny_dial import BACKENDS, CAMERAS, TOLD, observation, seeded

from vla_core.contract.manifest import PolicyManifest
from vla_core.errors import ConfigError
from vla_core.policies.backbones.catalogue import DINOV2
from vla_core.policies.backbones.dinov2 import LEARNED_GRID, Dinov2, scaled_position
from vla_core.policies.registry import load_joint
from vla_core.types import Context

SIDE = 28
#: ImageNet's.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SEES = replace(SIZES, vision="dinov2", image_size=SIDE, vit_stem=(), vit_layers=0)


def picture(side: int) -> np.ndarray:
    """Noise that is smooth, as pictures are."""
    coarse = np.random.default_rng(2).integers(0, 256, (1, 1, 7, 7, 3)).astype(np.uint8)
    return coarse.repeat(side // 7, axis=2).repeat(side // 7, axis=3)


def test_views_are_encoded_each_by_itself_without_the_class_token():
    torch.manual_seed(0)
    encoder = Dinov2(SIDE, 2, **TINY_DINOV2).eval()
    views = torch.randint(0, 256, (3, 2, SIDE, SIDE, 3), dtype=torch.uint8)
    with torch.no_grad():
        found = encoder(views)
        pixels = (views[1, 1] / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
        patches = encoder.stem(pixels.permute(2, 0, 1)[None]).flatten(2).transpose(1, 2)
        alone = torch.cat([encoder.class_token, patches], dim=1) + encoder.position
        alone = encoder.norm(encoder.blocks[0](alone))[0, 1:]
    assert found.shape == (3, encoder.patches, encoder.width) == (3, 2 * 4, 12)
    assert found[1, 4:] == pytest.approx(alone, abs=1e-5)


def test_positions_keep_their_order_on_another_grid():
    """A ramp stays one, the class token's stays as it is."""
    side = 6
    ramp = torch.arange(side).float().repeat(side, 1)
    square = torch.stack([ramp, ramp.T], -1).reshape(1, -1, 2)
    learned = torch.cat([torch.full((1, 1, 2), -9.0), square], dim=1)
    assert scaled_position(learned, side) is learned
    found = scaled_position(learned, 3)
    assert found[0, 0].tolist() == [-9.0, -9.0]
    square = found[0, 1:].reshape(3, 3, 2)
    assert square[1, 1] == pytest.approx(torch.tensor([2.5, 2.5]), abs=0.1)
    assert (square[:, :, 0].diff(dim=1) > 1).all() and (square[:, :, 1].diff(dim=0) > 1).all()


def test_a_policy_sees_by_it_on_both_runtimes(tmp_path, tiny_dinov2):
    manifest = write_chunk(tmp_path, 1, SEES)
    seen = observation(size=SIDE)
    dark = replace(seen, images={camera: np.zeros_like(seen.images[camera]) for camera in CAMERAS})
    chunks = [
        load_joint(tmp_path, backend).step(Context(view), TOLD, seeded())[1].targets
        for view in (seen, dark)
        for backend in BACKENDS
    ]
    assert np.abs(chunks[0] - chunks[1]).max() < 1e-5  # rad
    assert np.abs(chunks[0] - chunks[2]).max() > 1e-5
    assert len(manifest.fingerprint) == 16
    assert PolicyManifest.load(tmp_path).model["vision"] == "dinov2"


@pytest.mark.parametrize(
    "changes", [{"image_size": 96}, {"vit_stem": (8, 8, 12), "vit_layers": 1}, {"vision": "clip"}]
)
def test_sizes_that_cannot_be_are_refused(changes):
    with pytest.raises(ConfigError, match=r"model\.vision: got"):
        replace(SEES, **changes)


# The real one, where it is installed

real = pytest.mark.skipif(
    not DINOV2.is_whole, reason="not installed: ./vla backbone install dinov2"
)


@real
@pytest.mark.parametrize("seed", [0, 1])
def test_the_fitted_encoder_says_what_the_packages_file_says(seed):
    """On pictures of the file's own size, whose positions it scales by itself."""
    model = onnx.load(str(DINOV2.folder / "source.onnx"))
    last = next(n for n in model.graph.node if n.name == "/backbone/layernorm/Add_1").output[0]
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())

    image = np.roll(picture(224), 37 * seed, axis=3)
    pixels = ((image[0] / 255 - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)
    expected = session.run([last], {"input_image": pixels})[0][0, 1:]
    encoder = Dinov2(224, 1).load_pretrained(DINOV2.folder).eval()
    with torch.no_grad():
        found = encoder(torch.from_numpy(image))[0].numpy()
    assert found.shape == expected.shape == (256, 384)
    assert np.abs(found - expected).max() < 1e-4


@real
def test_every_number_of_it_is_counted_and_learned():
    encoder = Dinov2(14 * LEARNED_GRID, 1).load_pretrained(DINOV2.folder)
    assert sum(p.numel() for p in encoder.parameters()) == DINOV2.parameters
    assert all(value.any() for value in encoder.state_dict().values())
