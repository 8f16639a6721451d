"""`./dev sanitize`: the native engine under the compiler's sanitizers. Ends with 1 when one of them reports something.

First the tests of this folder run on libraries with AddressSanitizer and UndefinedBehaviorSanitizer. Then two threads
call libraries with ThreadSanitizer; OpenMP is compiled out of these, since its barriers are unknown to the sanitizer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from elman.kernels.native import build, library

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
# These look at files, not at what the kernels do.
LEFT_OUT = ("test_build_native.py", "test_symbols.py", "test_program_cache.py", "test_sanitizers.py")
# The sanitizers' own libraries come first in a process that was built without them. libstdc++ has to be there when they
# look for the function that throws exceptions.
PRELOADED = {"address": ("libasan.so", "libubsan.so", "libstdc++.so.6"), "thread": ("libtsan.so", "libstdc++.so.6")}
OPTIONS = {
    "address": {
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
    },
    "thread": {"TSAN_OPTIONS": "ignore_noninstrumented_modules=1"},
}
MARKS = ("runtime error: ", "ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "FATAL: ThreadSanitizer")


def settings(sanitizer: str, compiler: build.Compiler, folder: Path) -> dict[str, str]:
    """The environment of a process that uses the libraries in `folder`, and compiles users' cells like them."""
    found = []
    for name in PRELOADED[sanitizer]:
        answer = subprocess.run([*compiler.command, f"-print-file-name={name}"], capture_output=True, text=True)
        found.append(answer.stdout.strip())
        if not os.path.isabs(found[-1]):
            raise SystemExit(f"sanitize: {compiler.command[0]} has no {name}")
    return {
        **os.environ,
        **OPTIONS[sanitizer],
        "LD_PRELOAD": ":".join(found),
        "ELMAN_NATIVE_LIBRARIES": str(folder),
        "ELMAN_CACHE": str(folder / "cache"),
        "ELMAN_CXX": " ".join([*compiler.command, *build.SANITIZERS[sanitizer]]),
    }


def watch(sanitizer: str, command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run `command`; its exit code, and what it wrote to stderr if a sanitizer has reported something there."""
    # ThreadSanitizer needs its addresses free, so the system must not place things at random.
    fixed = ["setarch", "-R"] if sanitizer == "thread" and shutil.which("setarch") else []
    with tempfile.TemporaryFile() as errors:
        code = subprocess.run([*fixed, *command], cwd=ROOT, env=environment, stderr=errors).returncode
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    report = said if any(mark in said for mark in MARKS) else ""
    if code or report:
        print(said, end="")
    return code, report


def examine(sanitizer: str, compiler: build.Compiler, names: Sequence[str], command: Sequence[str]) -> bool:
    """Build the libraries with a sanitizer and run `command` on them; true when all went well."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="elman-sanitize-") as temporary:
        folder = Path(temporary)
        print(f"--- {sanitizer}: compiling for {', '.join(names)}", flush=True)
        problem = build.build(folder, names, sanitizer)
        if problem is not None:
            print(problem.output + problem.sentence)
            return False
        print(f"--- {sanitizer}: {' '.join(command)}", flush=True)
        code, report = watch(sanitizer, command, settings(sanitizer, compiler, folder))
    outcome = "reported the above" if report else f"ended with code {code}" if code else "found nothing"
    print(f"--- {sanitizer}: {outcome} ({time.monotonic() - start:.0f} s)", flush=True)
    return code == 0 and not report


def main() -> int:
    """Run both; each is run whatever the other one says."""
    compiler = build.find_compiler()
    if isinstance(compiler, build.BuildProblem):
        print(f"sanitize: {compiler.sentence}")
        return 1
    names = build.instruction_sets()
    names = names[names.index(library.instruction_set()) :]
    ignored = [f"--ignore={HERE / name}" for name in LEFT_OUT]
    # What the sanitizers write goes past Python, and must go past pytest, too.
    pytest = [sys.executable, "-m", "pytest", "-q", "--capture=sys", "-p", "no:cacheprovider", "-o", "timeout=900"]
    commands = {
        "address": [*pytest, *ignored, str(HERE)],
        "thread": [sys.executable, str(HERE / "two_threads.py")],
    }
    good = [examine(sanitizer, compiler, names, command) for sanitizer, command in commands.items()]
    print("--- sanitize: " + ("all passed" if all(good) else "failed"))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
