"""The packages of whisk.system as they came with the program."""

from __future__ import annotations

from importlib import resources

from couchgrass.functions.system_packages import MODULES, SystemPackages, system_packages


def installed() -> SystemPackages:
    """Reads the actions' code, some few kB, from where the program is installed."""
    texts = {}
    for package, module in MODULES.items():
        folder, _, name = module.rpartition(".")
        texts[package] = resources.files(folder).joinpath(f"{name}.py").read_bytes()
    return system_packages(texts)
