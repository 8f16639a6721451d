"""Generate csrc/programs/: the equations of elman's own cells as C++, which is part of the compiled library.

Run `.venv/bin/python tools/emit_programs.py` after a change of a cell's equations or of its `compiled_variants`.
A test compares the committed files with the output of this script.
"""

from __future__ import annotations

from elman.cells import built_in
from elman.errors import ConfigError
from elman.files import make_folder, write_text
from elman.kernels.native.build import CSRC
from elman.kernels.native.emit import header, table
from elman.kernels.native.program import Program
from elman.kernels.native.trace import program_of

FOLDER = CSRC / "programs"


def variant_programs() -> dict[str, Program]:
    """Return the programs of all compiled variants of elman's own cells, in alphabetical order."""
    programs: dict[str, Program] = {}
    for cell in built_in().values():
        for name, options in cell.compiled_variants.items():
            if name in programs:
                raise ConfigError(f"expected a name for one compiled variant only. Received: {name!r} twice")
            program = program_of(cell(2, 2, **options))
            if isinstance(program, str):
                raise ConfigError(f"expected element-wise equations for {name}. Received: {program}")
            programs[name] = program
    return dict(sorted(programs.items()))


def program_files() -> dict[str, str]:
    """Return the contents of csrc/programs/: text by file name."""
    programs = variant_programs()
    return {f"{name}.h": header(name, program) for name, program in programs.items()} | {
        "table.h": table(list(programs))
    }


def main() -> None:
    """Write the files, and delete those of variants that no longer exist."""
    files = program_files()
    make_folder(FOLDER)
    for name, text in files.items():
        write_text(FOLDER / name, text)
    for path in FOLDER.iterdir():
        if path.name not in files:
            path.unlink()


if __name__ == "__main__":
    main()
