"""What the options of reading data cost: the command line imports them all before any data is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import elman


def test_options_are_imported_without_numpy_and_torch() -> None:
    source = Path(elman.__file__).parent
    paths = [*(source / "data").rglob("*config.py"), *(source / "tasks").rglob("config.py")]
    names = [f"elman.{'.'.join(path.relative_to(source).with_suffix('').parts)}" for path in sorted(paths)]
    assert {"elman.data.tagged.config", "elman.data.panel.window_config", "elman.tasks.captioner.config"} <= {*names}
    heavy = "{'numpy', 'torch', 'tokenizers', 'soundfile', 'pandas'}"
    script = f"import sys, {', '.join(names)}; print(*sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
