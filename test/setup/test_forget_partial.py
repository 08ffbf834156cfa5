"""A package that an interrupted installation left half written is installed anew, not trusted."""

import importlib.util
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


@pytest.fixture(scope="module")
def forget_partial():
    spec = importlib.util.spec_from_file_location("forget_partial", TOOLS / "forget_partial.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.forget_partial


@pytest.fixture
def site_packages(tmp_path):
    """One installed package, `tool` 1.0: a module of 5 bytes, a CMake file, and its records."""
    (tmp_path / "tool.py").write_text("x = 1")
    (tmp_path / "tool.cmake").write_text("set(A /opt)")
    info = tmp_path / "tool-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        "tool.py,,5\ntool.cmake,,11\ntool-1.0.dist-info/METADATA,,\ntool-1.0.dist-info/RECORD,,\n"
    )
    return tmp_path


def test_a_whole_package_is_kept(forget_partial, site_packages):
    assert forget_partial(site_packages) == []
    assert (site_packages / "tool-1.0.dist-info").is_dir()


@pytest.mark.parametrize("damaged", ["tool.py", "tool-1.0.dist-info/RECORD"])
def test_a_package_with_a_missing_file_is_forgotten(forget_partial, site_packages, damaged):
    (site_packages / damaged).unlink()
    assert forget_partial(site_packages) == ["tool-1.0.dist-info"]
    assert not (site_packages / "tool-1.0.dist-info").exists()


def test_a_package_with_a_file_cut_short_is_forgotten(forget_partial, site_packages):
    (site_packages / "tool.py").write_text("x")
    assert forget_partial(site_packages) == ["tool-1.0.dist-info"]


def test_a_mended_cmake_file_does_not_count_as_damage(forget_partial, site_packages):
    (site_packages / "tool.cmake").write_text("set(A /usr/include/python3.11)")
    assert forget_partial(site_packages) == []
