"""Compiles the native engine when elman is installed; everything else about the package stands in pyproject.toml.

The libraries are plain shared objects in `src/elman/kernels/native/compiled`, loaded with ctypes. They know neither
Python's nor torch's version, so one wheel serves all Pythons of a platform. Without a C++ compiler the package is
pure Python and says so when asked (`elman info`).
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

BUILD_SCRIPT = Path(__file__).resolve().parent / "src" / "elman" / "kernels" / "native" / "build.py"


def load_build_script() -> ModuleType:
    """`build.py`, loaded by its path: importing it by name would import torch."""
    spec = importlib.util.spec_from_file_location("elman_native_build", BUILD_SCRIPT)
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a Python file at {BUILD_SCRIPT}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def has_libraries() -> bool:
    """Whether the package has compiled libraries; the first call compiles them unless they are up to date."""
    native = load_build_script()
    if not native.is_current():
        print("elman: compiling the native engine", flush=True)
        problem = native.build()
        if problem is not None:
            if not native.is_current():
                native.discard(native.COMPILED, problem)
            print(f"{problem.output}elman: installing without the native engine: {problem.sentence}", flush=True)
    return native.read_problem() is None


class NativeDistribution(Distribution):
    """elman, which belongs to one platform when it has compiled libraries."""

    def has_ext_modules(self) -> bool:
        return has_libraries()


class BuildPython(build_py):
    """Gathers the files of the package, the libraries among them."""

    def run(self) -> None:
        has_libraries()
        super().run()


class BuildWheel(bdist_wheel):
    """A wheel for every Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


setup(
    distclass=NativeDistribution,
    cmdclass={"build_py": BuildPython, "bdist_wheel": BuildWheel},
)
