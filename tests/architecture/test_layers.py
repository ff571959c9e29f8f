"""Folders import one another one way."""

from collections import defaultdict
from graphlib import TopologicalSorter

import grimp

from tests.architecture.test_layout import OURS


def test_folders_have_no_cycle() -> None:
    """A module that lies directly in a top-level folder counts as a folder of its own."""
    graph = grimp.build_graph(*OURS)
    packages = {module for module in graph.modules if graph.find_children(module)}

    def folder_of(module: str) -> str:
        alone = module in packages or module.count(".") == 1
        return module if alone else module.rpartition(".")[0]

    imports: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if folder_of(module) != folder_of(imported):
                imports[folder_of(module)].add(folder_of(imported))

    assert "daemon.store" in list(TopologicalSorter(imports).static_order())
