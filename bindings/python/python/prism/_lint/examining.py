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


def examine(name: str, program: Program, requirements: Path | None) -> Lint:
    """What reading a program tells; nothing of it is executed.

    Args:
        name: What the program is called.
        program: The program, of which nothing was read yet.
        requirements: The lock, or a folder or archive with it and the wheels.
    """
    read(program)
    needs = lock.read(requirements) if requirements is not None else None
    reading = Reading(program, needs, {file.name: Values(file, program.args) for file in program.files})
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
    return Lint(name, in_order, paths(reading, "datasets"), paths(reading, "results"), packages)


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
