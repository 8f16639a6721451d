"""The missing word on WikiText-2 and on abstracts of patents: perplexity and accuracy, against counts on both sides.

Every run has a folder in the folder of work, in which it can be stopped and goes on, and a row in rows.jsonl there.
Runs that have a row are not repeated. Options are those that are best on validation data.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

from _common import dataset, machine, row

QUICK = False

# All figures are on the test part, with line ends as words, as in the usual perplexities of WikiText-2.
OPTIONS: dict[str, dict[str, Any]] = {
    "wikitext-2": {"tokenizer": "whitespace", "min_count": 1, "embedding": 256, "head": "sampled"},
    "patents": {"lowercase": True, "documents": "lines", "split_by": "documents"},
}
GOALS = {"wikitext-2": (100.0, 0.34), "patents": (22.0, 0.52)}


def files_of(name: str, work: Path) -> dict[str, list[Path]]:
    """Return the files of a data set; abstracts are written to one file, a line each."""
    if name == "wikitext-2":
        folder = dataset("text/wikitext-2")
        return {part: [folder / f"{part}.txt"] for part in ("train", "valid", "test")}
    path = work / "patents.txt"
    with dataset("patents/neural_network_patent_query.csv").open(encoding="utf-8", newline="") as file:
        texts = [" ".join(each["patent_abstract"].split()) for each in csv.DictReader(file)]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return {"train": [path], "valid": [], "test": []}


def trained(name: str, folder: Path, work: Path, options: dict[str, Any]) -> Any:
    """Return a trained model: that of the folder, whose run goes on if it was stopped."""
    import elman
    from elman.tasks.run import resume_run

    if (folder / "elman.json").exists():
        resume_run(folder, overrides={}, quiet=False).run()
        return elman.load(folder)
    files = files_of(name, work)
    model = elman.Filler(**{"threads": 1} | OPTIONS[name] | options)
    return model.fit(files["train"], valid=files["valid"], test=files["test"], folder=folder, progress=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=list(OPTIONS), help=f"among {', '.join(OPTIONS)}")
    parser.add_argument("--seconds", type=float, default=540.0, help="of each run")
    parser.add_argument("--options", type=json.loads, default={}, help="further options of the model, as JSON")
    parser.add_argument("--name", default="base", help="the name of these options")
    parser.add_argument("--work", type=Path, default=Path("filler-runs"), help="folder of work")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    kept = arguments.work / "rows.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    print(machine(), flush=True)
    for data in arguments.data:
        run = f"{data}-{arguments.name}-{arguments.seconds:.0f}"
        if any(each["run"] == run for each in rows):
            continue
        model = trained(
            data, arguments.work / run, arguments.work, {"max_seconds": arguments.seconds} | arguments.options
        )
        verdict = model.metrics.get("verdict", {})
        rows.append(
            {
                "run": run,
                "data": data,
                "seconds": model.training["seconds"],
                "steps": model.training["steps"],
                "epochs": model.metrics.get("epoch"),
                "test": model.metrics["test"],
                "rules": verdict.get("rules", {}),
                "sentence": verdict.get("sentence", ""),
                "options": arguments.options,
            }
        )
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    print(row("run", "seconds", "steps", "perplexity", "accuracy", "first five", "without unknown", "goals"))
    print(row(*["---"] * 8))
    for each in rows:
        test, (perplexity, accuracy) = each["test"], GOALS[each["data"]]
        cells = [each["run"], f"{each['seconds']:.0f}", f"{each['steps']:,}", f"{test['perplexity']:.1f}"]
        cells += [f"{test['accuracy']:.1%}", f"{test['top5_accuracy']:.1%}", f"{test['perplexity_known']:.1f}"]
        print(row(*cells, f"{perplexity:.0f}, {accuracy:.0%}"))
        print(f"    {each['sentence']}")


if __name__ == "__main__":
    main()
