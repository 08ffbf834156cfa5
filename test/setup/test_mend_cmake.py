"""The wheels' CMake files name folders of the container they were built in; mended, they name ours."""

import importlib.util
import sysconfig
from pathlib import Path

import numpy
import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"

EXPORTED = """set_target_properties(std_msgs::std_msgs__rosidl_generator_py PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${_IMPORT_PREFIX}/include;%s;%s"
)
"""
CONTAINER = EXPORTED % (
    "/opt/python/cp311-cp311/include/python3.11",
    "/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include",
)


@pytest.fixture(scope="module")
def mend_cmake():
    spec = importlib.util.spec_from_file_location("mend_cmake", TOOLS / "mend_cmake.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_python_and_numpy_folders_become_ours_and_the_rest_stays(mend_cmake):
    mended = mend_cmake.mend_text(CONTAINER, "/usr/include/python3.12", "/v/numpy/_core/include")
    assert mended == EXPORTED % ("/usr/include/python3.12", "/v/numpy/_core/include")


@pytest.mark.parametrize("tag, version", [("cp310-cp310", "3.10"), ("cp313-cp313", "3.13")])
def test_every_python_and_the_numpy_before_2_are_known(mend_cmake, tag, version):
    text = EXPORTED % (
        f"/opt/python/{tag}/include/python{version}",
        f"/opt/python/{tag}/lib/python{version}/site-packages/numpy/core/include",
    )
    assert mend_cmake.mend_text(text, "/p", "/n") == EXPORTED % ("/p", "/n")


def test_a_backslash_in_a_folder_is_taken_literally(mend_cmake):
    assert "/odd\\1/python" in mend_cmake.mend_text(CONTAINER, "/odd\\1/python", "/n")


def test_a_prefix_is_mended_once_and_only_where_needed(mend_cmake, tmp_path):
    cmake = tmp_path / "share" / "std_msgs" / "cmake"
    cmake.mkdir(parents=True)
    wrong, right, other = (cmake / name for name in ("a.cmake", "b.cmake", "c.txt"))
    wrong.write_text(CONTAINER)
    right.write_text(EXPORTED % ("/p", "/n"))
    other.write_text(CONTAINER)

    assert mend_cmake.mend_prefix(tmp_path, "/p", "/n") == [wrong]
    assert wrong.read_text() == right.read_text()
    assert other.read_text() == CONTAINER
    assert mend_cmake.mend_prefix(tmp_path, "/p", "/n") == []


def test_the_folders_put_in_hold_the_headers():
    assert (Path(sysconfig.get_path("include")) / "Python.h").is_file()
    assert (Path(numpy.get_include()) / "numpy" / "arrayobject.h").is_file()
