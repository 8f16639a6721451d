"""Compiles the native engine when elman is installed; all other package metadata is in pyproject.toml.

The libraries are plain shared objects in `src/elman/kernels/native/compiled`, loaded with ctypes. They do not depend on
the version of Python or torch, so one wheel serves all Pythons of a platform. Without a C++ compiler the package is
pure Python (`elman info` shows it).
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
    """Load `build.py` by its path, because importing it by name would import torch."""
    spec = importlib.util.spec_from_file_location("elman_native_build", BUILD_SCRIPT)
    if spec is None or spec.loader is None:
        raise ImportError(f"expected a Python file at {BUILD_SCRIPT}. Received: none")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def has_libraries() -> bool:
    """Whether the package has compiled libraries. The first call compiles them unless they are up to date."""
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
    """Distribution that is specific to a platform if it has compiled libraries."""

    def has_ext_modules(self) -> bool:
        return has_libraries()


class BuildPython(build_py):
    """Build step that compiles the libraries before it collects the files of the package."""

    def run(self) -> None:
        has_libraries()
        super().run()


class BuildWheel(bdist_wheel):
    """Wheel for all versions of Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        return ("py3", "none", super().get_tag()[2])


setup(
    distclass=NativeDistribution,
    cmdclass={"build_py": BuildPython, "bdist_wheel": BuildWheel},
)
