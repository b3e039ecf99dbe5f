"""Reads a program and its requirements, and applies every rule."""

from __future__ import annotations

import sys
from pathlib import Path

from ..lint import Lint
from . import lock
from .calls import about_calls
from .rules import Reading, about_files, about_imports, about_requirements, about_source, paths
from .source import Program, read
from .values import Values


def examine(path: Path, entry: str | None, requirements: Path | None, args: list[str], devices: list[str]) -> Lint:
    """What reading a program tells; nothing of it is executed.

    Args:
        path: The script, or the program's folder.
        entry: The file of the folder that runs; nothing for a script.
        requirements: The lock, or a folder or archive with it and the wheels.
        args: The program's arguments.
        devices: The devices that it asks for.
    """
    whole = entry is not None
    program = read(Program(entry or path.name, whole, path if whole else path.parent, args, devices))
    needs = lock.read(requirements) if requirements is not None else None
    reading = Reading(program, needs, {file.name: Values(file, args) for file in program.files})
    packages = _packages(program, needs)
    findings = [
        *about_source(reading),
        *about_imports(reading, packages),
        *about_requirements(reading),
        *about_files(reading),
        *about_calls(reading),
    ]
    once = {(f.rule, f.file, f.line, f.found): f for f in findings}.values()
    in_order = sorted(once, key=lambda f: (f.level == "note", f.file, f.line is None, f.line or 0, f.rule))
    return Lint(path.name, in_order, paths(reading, "datasets"), paths(reading, "results"), packages)


def _packages(program: Program, needs: lock.Requirements | None) -> dict[str, bool]:
    """What is imported that Python and the program do not bring, and whether the requirements do."""
    found: dict[str, bool] = {}
    for module in sorted({one.module for file in program.files for one in file.imports}):
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or program.brings(module):
            continue
        brought = needs is not None and needs.bring(module)
        found[top] = found.get(top, False) or brought
    return found
