"""The table of `defaults.py`: Markdown from the rows of its runs. Standard library only."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from _common import row

__all__ = ["OUTCOMES", "mean_ranks", "note_of", "ranks", "report", "shares", "shown"]

OUTCOMES = {"worse": "worse", "even": "not different", "better": "better"}
PERCENT = frozenset({"accuracy", "f1", "cer", "exact"})
FIGURES = {
    "f1": "span F1",
    "cer": "character error rate",
    "exact": "exact matches",
    "bleu": "BLEU",
    "mase": "MASE",
    "bits_per_char": "bits per character",
    "loss": "nats per token",
}
# Other figures of the test part, by the figure that is compared; names and how they are shown.
ALSO = {
    "accuracy": {"macro_f1": "macro F1 {:.2%}"},
    "bleu": {"exact": "exact {:.2%}"},
    "cer": {"wer": "word error rate {:.2%}"},
}

Row = Mapping[str, Any]


def ranks(values: Sequence[float], higher: bool) -> list[float]:
    """Return the rank of each value from 1, the best; equal values share the mean of their ranks."""
    ordered = sorted(values, reverse=higher)
    return [ordered.index(value) + 1 + (ordered.count(value) - 1) / 2 for value in values]


def means(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Return the figure of each set and preset: the mean over its seeds, of which none failed."""
    found: dict[tuple[str, str], list[Row]] = {}
    for each in rows:
        found.setdefault((each["set"], each["preset"]), []).append(each)
    values: dict[str, dict[str, float]] = {}
    for (name, preset), group in found.items():
        if not any("error" in each for each in group):
            values.setdefault(name, {})[preset] = statistics.fmean(each["value"] for each in group)
    return values


def mean_ranks(rows: Sequence[Row], presets: Sequence[str]) -> tuple[dict[str, float], int]:
    """Return the mean rank of each preset, and the number of sets: those on which no preset failed or is missing."""
    higher = {each["set"]: each["higher"] for each in rows if "error" not in each}
    found = [
        ranks([values[preset] for preset in presets], higher[name])
        for name, values in means(rows).items()
        if all(preset in values for preset in presets)
    ]
    if not found:
        return {}, 0
    return {preset: statistics.fmean(each[at] for each in found) for at, preset in enumerate(presets)}, len(found)


def shares(rows: Iterable[Row]) -> dict[str, int]:
    """Count the runs by the outcome of their verdict; those without one, and those that failed, have their own."""
    counts = dict.fromkeys([*OUTCOMES, "none", "failed"], 0)
    for each in rows:
        counts["failed" if "error" in each else each["outcome"] or "none"] += 1
    return counts


def shown(figure: str, value: float) -> str:
    """Format a figure."""
    return f"{value:.2%}" if figure in PERCENT else f"{value:.2f}" if figure == "bleu" else f"{value:.4g}"


def cell_of(group: Sequence[Row]) -> str:
    """Return the figure of a set and preset: the mean and the range over its seeds, or that it failed."""
    if not group:
        return ""
    if any("error" in each for each in group):
        return "failed"
    figure, values = group[0]["figure"], [each["value"] for each in group]
    mean = shown(figure, statistics.fmean(values))
    if len(values) == 1:
        return mean
    return f"{mean} ({shown(figure, min(values))} to {shown(figure, max(values))})"


def also_of(group: Sequence[Row]) -> str:
    """Return other figures of the test part, as means over the seeds."""
    found = []
    for name, form in ALSO.get(group[0]["figure"], {}).items():
        values = [each["test"][name] for each in group if name in each.get("test", {})]
        found += [form.format(statistics.fmean(values))] if values else []
    return ", ".join(found)


def verdict_of(group: Sequence[Row]) -> str:
    """Return the outcomes over the seeds; of one run also the interval, above 0 where the network is better."""
    if len(group) == 1:
        interval = group[0].get("interval")
        words = OUTCOMES.get(group[0]["outcome"], "too few items to say")
        return f"{words} ({interval[0]} to {interval[1]})" if interval else words
    counts = shares(group)
    return ", ".join(f"{count} {OUTCOMES.get(name, name)}" for name, count in counts.items() if count)


def rule_of(group: Sequence[Row]) -> str:
    """Return the strongest simple rule and its figure, and the network's in the comparison if that is another."""
    first, figure = group[0], group[0]["rule_figure"]
    rule, network = shown(figure, first["rule_value"]), shown(figure, first["network"])
    if figure != first["figure"]:
        rule += f" against {network} {FIGURES.get(figure, figure)}"
    elif network != shown(figure, first["value"]):
        rule += f" against {network}"
    short = " (fitted on a part of the data)" if first["rule"] in first.get("fitted_on", {}) else ""
    short += f" (no time for {', '.join(first['left_out'])})" if first.get("left_out") else ""
    return f"{first['rule']} {rule}{short}"


def chosen_of(group: Sequence[Row]) -> str:
    """Return the options that the preset chose by the data, as flags."""
    found = dict.fromkeys(each.get("chosen", "") for each in group if each.get("chosen"))
    return "; ".join(f"`{flags}`" for flags in found)


def lines_of_kind(rows: Sequence[Row], presets: Sequence[str]) -> list[str]:
    """Return the table of a kind of data: a line for each set."""
    first, *others = presets
    columns = ["data", "figure", first, "simple rule", "verdict", "also", "steps", *others, "chosen options"]
    lines = [row(*columns), row(*["---"] * len(columns))]
    for name in dict.fromkeys(each["set"] for each in rows):
        groups = {preset: [r for r in rows if r["set"] == name and r["preset"] == preset] for preset in presets}
        own = groups[first]
        good = [each for each in own if "error" not in each]
        figure = next((each["figure"] for group in groups.values() for each in group if "error" not in each), "")
        facts = (rule_of(good), verdict_of(good), also_of(good), f"{good[0]['steps']:,}") if good else [""] * 4
        cells = [cell_of(own), *facts, *(cell_of(groups[preset]) for preset in others), chosen_of(good)]
        lines.append(row(name, FIGURES.get(figure, figure), *cells))
    return lines


def summary(rows: Sequence[Row], kinds: Sequence[str], presets: Sequence[str]) -> list[str]:
    """Return the numbers of verdicts by kind and preset, and the mean ranks."""
    columns = ["kind", "preset", "runs", *OUTCOMES.values(), "no verdict", "failed"]
    lines = [row(*columns), row(*["---"] * len(columns))]
    for kind in (*kinds, "all"):
        for preset in presets:
            own = [each for each in rows if each["preset"] == preset and kind in (each["kind"], "all")]
            if own:
                counts = shares(own).values()
                lines.append(row(kind, preset, len(own), *(f"{count} ({count / len(own):.0%})" for count in counts)))
    found, count = mean_ranks(rows, presets)
    if len(presets) > 1 and count:
        listed = ", ".join(f"{preset} {rank:.2f}" for preset, rank in found.items())
        lines += ["", f"Mean rank over the {count} sets that all presets were run on (1 is best): {listed}."]
    return lines


def failures(rows: Iterable[Row]) -> list[str]:
    """Return a line for each run that failed."""
    return [f"- {each['set']}, {each['preset']}, seed {each['seed']}: {each['error']}" for each in rows
            if "error" in each]  # fmt: skip


def report(rows: Sequence[Row], kinds: Sequence[str], presets: Sequence[str], note: str) -> str:
    """Return the page: sets on which defaults may be chosen, then those that are held out, in the order of the kinds.

    presets  the first one is that whose verdict is shown
    note     how the figures were measured
    """
    lines = ["# Default options on public data", "", note]
    for title, held_out in (("Sets of development", False), ("Held-out sets", True)):
        own = [each for each in rows if each["held_out"] is held_out and each["preset"] in presets]
        if not own:
            continue
        lines += ["", f"## {title}", "", *summary(own, kinds, presets)]
        for kind in kinds:
            if of_kind := [each for each in own if each["kind"] == kind]:
                lines += ["", f"### {title}: {kind}", "", *lines_of_kind(of_kind, presets)]
        if failed := failures(own):
            lines += ["", "Runs that failed:", "", *failed]
    return "\n".join(lines) + "\n"


def note_of(rows: Sequence[Row], seconds: float, workers: int, alone: bool) -> str:
    """Say how the figures of a table were measured."""
    days, commits, machines = (sorted({str(each[key]) for each in rows}) for key in ("when", "commit", "machine"))
    between = " to ".join(dict.fromkeys((days[0], days[-1])))
    tested = "FILES" if alone else "FILES --test FILE"
    text = f"""\
Measured on {between}, commit {", ".join(commits)}, on {"; ".join(machines)}.

`./dev bench defaults -- --seconds {seconds:g}{" --alone" if alone else ""}` runs, on each set, {workers} at a time:

`elman train TASK {tested} --max-seconds {seconds:g} --threads 1 --preset NAME`

- Test parts are the official ones or fixed cuts. Options are chosen on validation data.
- The simple rule is the one that is strongest on the test part (`elman evaluate --baseline`). The interval is that of
  the difference between network and rule, above 0 where the network is better, in points for figures in per cent.
- Where the comparison measures the network by another figure than the table, or on a part of the items, the network's
  figure follows the rule's ("against"): BLEU without sacrebleu's tokens, running text in nats per token. Bits per
  character can be compared where presets have other tokens.
- Forecasts are of 12 steps from 25 origins after the training part (`elman backtest --as-is`).
- With several seeds, a figure is the mean with its range, and the verdicts are counted.
"""
    parts = "- The training part has a validation part, since no test file was given to the run."
    cut_by_choice = """\
- A run with a test file cuts a validation part from its training data only where the preset chooses so: without one,
  the weights of the last step are measured. `--alone` gives no test file to the run, and measures afterwards."""
    return text + (parts if alone else cut_by_choice)
