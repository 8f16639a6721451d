"""Every task on public data with a file and nothing else: figures, simple rules and verdicts of each preset.

usage: ./dev bench defaults -- [--preset NAME ...] [--only NAME ...] [--kind KIND ...] [--seconds 60] [--seeds 0 ...]
                               [--work FOLDER] [--held-out] [--alone] [--list] [--table]

Each set is written to the work folder as the files that a person would have, and `elman train TASK FILES --test FILE
--max-seconds S --threads 1 --preset NAME` runs on it, two sets at a time. With --test a validation part is cut from the
training data only where the preset chooses so; --alone trains on the file alone, and evaluates afterwards. A
forecaster takes no test file: it is trained without the last steps, and `elman backtest` measures it there. The verdict
is that of `elman evaluate --baseline` on the test part: the run's own, which is kept too, gives the simple rules a few
seconds only, and may use a part of the items.

Rows are kept in rows.jsonl in the work folder, by a digest of what was run, the data and the source, so that the script
goes on where it stopped; the table is made of the last row of each set, preset and seed. Sets that no default may be
chosen on are run with --held-out only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

from _common import machine, shared_data
from _default_sets import HORIZON, KINDS, ORIGINS, SETS, DataSet, Files, digest_of, missing, prepare
from _defaults_table import note_of, report, shown

QUICK = False

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "elman"
PRESETS = ("auto", "base")
RESULTS = ROOT / "benchmarks" / "results" / "defaults.md"
COMMAND = (sys.executable, "-m", "elman")
# Exit codes of a run that was stopped by Ctrl-C or SIGTERM.
STOPPED = (130, 143, -2, -15)
# Numbers of the processes that run now.
RUNNING: set[int] = set()
# The figure of the test part that is shown in place of the verdict's, which depends on the kind of tokens.
IN_PLACE = {"running text": ("bits_per_char", False)}
LOWER = frozenset({"loss", "cer", "mase", "rmse"})
# Remarks of a run that are kept in its row.
REMARKS = 12


class Run(NamedTuple):
    """One run: a set, a preset, a budget and a seed; `alone` without the test file."""

    name: str
    preset: str
    seconds: float
    seed: int
    alone: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """Return the keys of a row that say what was run."""
        return {"set": self.name, **{key: value for key, value in self._asdict().items() if key != "name"}}

    def digest(self, data: str, source: str) -> str:
        """Return the digest that a row is kept by."""
        text = json.dumps({**self.facts, "data": data, "source": source}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def is_of(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row is one of this run, with any data and source."""
        return all(row.get(key) == value for key, value in self.facts.items())


class Failure(Exception):
    """A command that failed, and the last line that it wrote."""


class Rows:
    """The rows of a JSON lines file. A line that was cut short when a run was stopped is not read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    self.found.append(json.loads(line))
                except ValueError:
                    continue

    def has(self, digest: str, retry: bool) -> bool:
        """Return whether there is a row of a run; with `retry`, one that did not fail."""
        return any(row["digest"] == digest and not (retry and "error" in row) for row in self.found)

    def add(self, row: dict[str, Any]) -> None:
        """Append a row, on a line of its own even after one that was cut short."""
        with self._lock:
            whole = not self.path.exists() or self.path.read_bytes()[-1:] in (b"\n", b"")
            with self.path.open("a", encoding="utf-8") as file:
                file.write(("" if whole else "\n") + json.dumps(row) + "\n")
            self.found.append(row)

    def latest(self, seconds: float, alone: bool) -> list[dict[str, Any]]:
        """Return the last row of each set, preset and seed with this budget, in the order of the sets."""
        rows = {(row["set"], row["preset"], row["seed"]): row for row in self.found
                if row["seconds"] == seconds and row["alone"] == alone and row["set"] in SETS}  # fmt: skip
        order = list(SETS)
        return sorted(rows.values(), key=lambda row: (order.index(row["set"]), row["seed"]))


def call(words: Sequence[str], folder: Path, limit: float) -> tuple[Any, list[str], float]:
    """Run an elman command in a folder; return its JSON, its remarks, and the seconds of processor time.

    Raises Failure, with the last line of its messages; KeyboardInterrupt if it was stopped.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "OMP_NUM_THREADS": "1",
        "ELMAN_CACHE": str(folder.parent.parent / "cache"),
        "NO_COLOR": "1",
    }
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        quiet = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": messages}
        process = subprocess.Popen([*COMMAND, *words], cwd=folder, env=environment, **quiet)
        RUNNING.add(process.pid)
        timer = threading.Timer(limit, os.kill, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        RUNNING.discard(process.pid)
        late = not timer.is_alive()
        timer.cancel()
        process.returncode = code = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (output, messages):
            file.seek(0)
            texts.append(file.read().decode("utf-8", errors="replace"))
    lines = [line.strip() for line in texts[1].splitlines() if line.strip()]
    if code in STOPPED:
        raise KeyboardInterrupt
    if late or code:
        last = next((line for line in reversed(lines) if line.startswith("elman: ")), lines[-1] if lines else "")
        last = last.removeprefix("elman: ").removeprefix("error: ")
        raise Failure(f"stopped after {limit:g} s" if late else f"exit code {code}: {last}")
    remarks = [line.removeprefix("elman: ") for line in lines if line.startswith("elman: ")]
    return json.loads(texts[0]), remarks[:REMARKS], usage.ru_utime + usage.ru_stime


def train_words(run: Run, task: str, files: Files, model: Path) -> list[str]:
    """Return the training command: files, and nothing else but the budget, the threads, the preset and the seed."""
    tested = ["--test", *files.test] if files.test and not files.step and not run.alone else []
    given = ["--max-seconds", f"{run.seconds:g}", "--threads", "1", "--preset", run.preset, "--seed", f"{run.seed}"]
    return ["train", task, *files.train, *tested, "-o", str(model), *given, "--json"]


def measure_words(files: Files, model: Path) -> list[str]:
    """Return the command that compares the trained model with the simple rules on the test part."""
    if files.step:
        rolling = ["--horizon", f"{HORIZON}", "--origins", f"{ORIGINS}", "--step", f"{files.step}", "--as-is"]
        return ["backtest", str(model), *files.test, *rolling, "--json"]
    return ["evaluate", str(model), *files.test, "--baseline", "--json"]


def backtest_facts(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a backtest with the names of a verdict."""
    scores = {name.replace("_", " "): each["mase"] for name, each in found["scores"].items()}
    own = scores.pop("network")
    best = min(scores, key=lambda name: scores[name])
    sentence = {"sentence": found["verdict"], "items": found["forecasts"], "outcome": found.get("outcome", "")}
    return {"figure": "mase", "network": own, "rules": scores, "best": best, **sentence}


def row_of(kind: str, verdict: Mapping[str, Any], test: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a row that has the figures: of the network, of the strongest rule, and the verdict.

    Raises Failure for a run without a figure.
    """
    if not verdict:
        raise Failure("the run has no verdict")
    figure = verdict["figure"]
    higher = figure not in LOWER
    if kind in IN_PLACE and IN_PLACE[kind][0] in test:
        figure, higher = IN_PLACE[kind]
    between = re.search(r"interval ([-+.\de]+) to ([-+.\de]+)", verdict["sentence"])
    return {
        "figure": figure,
        "value": test.get(figure, verdict["network"]),
        "higher": higher,
        "rule": verdict["best"],
        "rule_figure": verdict["figure"],
        "rule_value": verdict["rules"][verdict["best"]],
        "network": verdict["network"],
        "outcome": "" if "too few to say" in verdict["sentence"] else verdict["outcome"],
        "interval": list(between.groups()) if between else None,
        "sentence": verdict["sentence"],
        "items": verdict["items"],
        "fitted_on": verdict.get("fitted_on", {}),
        "left_out": verdict.get("left_out", []),
    }


def measured(run: Run, chosen: DataSet, files: Files, folder: Path, model: Path) -> dict[str, Any]:
    """Train and measure, and return the figures of a row; the model's folder is removed."""
    from elman.tasks.automatic import as_flags

    limit, begun = 4 * run.seconds + 600, time.perf_counter()
    try:
        trained, remarks, busy = call(train_words(run, chosen.task, files, model), folder, limit)
        described = json.loads((model / "elman.json").read_text(encoding="utf-8"))["training"]
        took = time.perf_counter() - begun
        found, more, also = call(measure_words(files, model), folder, limit)
        verdict = backtest_facts(found) if files.step else found.get("verdict", {})
        test = trained.get("test") or (found["scores"]["network"] if files.step else found)
        automatic = described.get("automatic", {})
        return {
            **row_of(chosen.kind, verdict, test),
            "chosen": as_flags(automatic.get("options", {})),
            "because": "; ".join(automatic.get("because", [])),
            "parameters": described["parameters"],
            "steps": trained["steps"],
            "trained": trained["seconds"],
            "took": round(took, 1),
            "measured": round(time.perf_counter() - begun - took, 1),
            "busy": round(busy + also, 1),
            "test": {name: each for name, each in test.items() if isinstance(each, int | float)},
            "valid": {name: each for name, each in trained.get("valid", {}).items() if isinstance(each, int | float)},
            "run_verdict": {name: each for name, each in trained.get("verdict", {}).items() if name != "sentence"},
            "remarks": [*remarks, *more],
        }
    finally:
        shutil.rmtree(model, ignore_errors=True)


def attempt(run: Run, files: Files, work: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a run; one that fails has its error. Exits if the source is not that of the other runs."""
    chosen = SETS[run.name]
    check_source(facts)
    same = {**facts, **run.facts, "kind": chosen.kind, "held_out": chosen.held_out, "when": time.strftime("%Y-%m-%d")}
    try:
        figures = measured(run, chosen, files, work / "sets" / run.name, work / "models" / str(facts["digest"]))
    except (Failure, OSError, ValueError, KeyError) as error:
        figures = {"error": f"{error}" if isinstance(error, Failure) else f"{type(error).__name__}: {error}"}
    check_source(facts)
    return {**same, **figures}


def check_source(facts: Mapping[str, Any]) -> None:
    """Exit if the source was changed since the first run, so that no row has the digest of another source."""
    if source_digest() != facts["source"]:
        sys.exit("stopped: the source of the package was changed during the runs; rows of those that ended are kept")


def line_of(row: Mapping[str, Any]) -> str:
    """Return the line that is printed when a run has ended."""
    head = f"{row['set']:18} {row['preset']:6} seed {row['seed']}  "
    if "error" in row:
        return f"{head}FAILED: {row['error']}"
    return (
        f"{head}{row['figure']} {shown(row['figure'], row['value'])}, {row['outcome'] or 'no verdict'}: network "
        f"{shown(row['rule_figure'], row['network'])}, {row['rule']} {shown(row['rule_figure'], row['rule_value'])}; "
        f"{row['steps']:,} steps, {row['took']:.0f} + {row['measured']:.0f} s"
    )


def source_digest() -> str:
    """Return a digest of the package's source."""
    found = [path for pattern in ("*.py", "*.h", "*.cpp") for path in SOURCE.rglob(pattern)]
    return digest_of(found, SOURCE)


def commit() -> str:
    """Return the commit of this checkout, and whether the source differs from it."""
    git = ["git", "-C", str(ROOT)]
    try:
        found = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
        changed = subprocess.run([*git, "status", "--porcelain", "--", "src"], capture_output=True, text=True)
    except OSError:
        return "unknown"
    return (found.stdout.strip() or "unknown") + (" with changes" if changed.stdout.strip() else "")


def names_of(given: argparse.Namespace) -> list[str]:
    """Return the chosen sets; those that are held out with --held-out only."""
    names = [name for name in SETS if not given.only or name in given.only]
    names = [name for name in names if not given.kind or SETS[name].kind in given.kind]
    held_out = [name for name in names if SETS[name].held_out]
    if given.only and held_out and not given.held_out:
        sys.exit(f"expected --held-out with sets that no default may be chosen on. Received: {', '.join(held_out)}")
    return [name for name in names if given.held_out or not SETS[name].held_out]


def pending(given: argparse.Namespace, rows: Rows, facts: Mapping[str, Any]) -> Iterator[tuple[Run, Files, Any]]:
    """Yield the runs that have no row yet, with their files and the facts of their rows; prepare their data."""
    data = shared_data().folder_of_data()
    absent = [name for name in names_of(given) if missing(data, SETS[name])]
    for name in absent:
        print(f"skipped: {name}: {shared_data().absent(SETS[name].needs)}", flush=True)
    for preset in given.preset:
        for name in names_of(given):
            if name in absent:
                continue
            try:
                files = prepare(SETS[name], data, given.work / "sets" / name)
            except (OSError, ValueError, KeyError, ImportError) as error:
                print(f"skipped: {name}: its files could not be written: {type(error).__name__}: {error}", flush=True)
                absent.append(name)
                continue
            for seed in given.seeds:
                run = Run(name, preset, given.seconds, seed, given.alone)
                digest = run.digest(files.digest, str(facts["source"]))
                kept = given.keep and any(run.is_of(row) and "error" not in row for row in rows.found)
                if not kept and not rows.has(digest, given.retry):
                    yield run, files, {**facts, "digest": digest}


def run_all(given: argparse.Namespace, rows: Rows, facts: Mapping[str, Any]) -> None:
    """Make the runs that have no row yet, `workers` at a time, and add their rows."""

    def make(run: Run, files: Files, own: Mapping[str, Any]) -> None:
        row = attempt(run, files, given.work, own)
        rows.add(row)
        print(line_of(row), flush=True)

    with ThreadPoolExecutor(given.workers) as pool:
        futures: list[Future[None]] = []
        try:
            for each in pending(given, rows, facts):
                futures.append(pool.submit(make, *each))
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for number in tuple(RUNNING):
                os.kill(number, signal.SIGTERM)
            raise


def write_table(given: argparse.Namespace, rows: Rows) -> None:
    """Write the table of all rows with this budget."""
    found = [row for row in rows.latest(given.seconds, given.alone) if row["preset"] in given.preset]
    if not found:
        print("no rows: the table is not written")
        return
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(
        report(found, KINDS, given.preset, note_of(found, given.seconds, given.workers, given.alone)), encoding="utf-8"
    )
    print(f"written: {given.output}")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append", metavar="NAME", help="repeatable; by default auto and base")
    parser.add_argument("--only", nargs="+", choices=list(SETS), metavar="NAME", help="only these sets")
    parser.add_argument("--kind", nargs="+", choices=KINDS, metavar="KIND", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--workers", type=int, default=2, help="sets that are run at a time, each with one thread")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "elman-defaults")
    parser.add_argument("--held-out", action="store_true", help="also the sets that no default may be chosen on")
    parser.add_argument("--alone", action="store_true", help="train on the file alone, then evaluate on the test part")
    parser.add_argument("--keep", action="store_true", help="use rows of other sources and data too")
    parser.add_argument("--retry", action="store_true", help="repeat runs that failed")
    parser.add_argument("--table", action="store_true", help="only write the table, of the rows that there are")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the table")
    parser.add_argument("--list", action="store_true", help="list the sets")
    given = parser.parse_args(words)
    given.preset = list(dict.fromkeys(given.preset or PRESETS))
    given.work = given.work.resolve()
    return given


def main() -> None:
    given = arguments()
    if given.list:
        for name, each in SETS.items():
            print(f"{name:20} {each.kind:13} {each.task:12} {'held out' if each.held_out else '':9} {each.needs}")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given.work.mkdir(parents=True, exist_ok=True)
    rows = Rows(given.work / "rows.jsonl")
    if not given.table:
        run_all(given, rows, {"source": source_digest(), "commit": commit(), "machine": machine()})
    write_table(given, rows)


if __name__ == "__main__":
    main()
