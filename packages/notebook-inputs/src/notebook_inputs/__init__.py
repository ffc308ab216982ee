"""Which files of a repository a notebook reads: modules, data files and packages.

`Graph(tree).inputs(notebook)` tells, at a git revision or as the files are on disk.
"""

from notebook_inputs.dependencies import Graph, Inputs
from notebook_inputs.git import GitError, InputsError
from notebook_inputs.reads import NotebookError, cell_source, parse_cells
from notebook_inputs.repository import Revision, WorkingTree
from notebook_inputs.trees import Entry, Tree

__all__ = [
    "Entry",
    "GitError",
    "Graph",
    "Inputs",
    "InputsError",
    "NotebookError",
    "Revision",
    "Tree",
    "WorkingTree",
    "cell_source",
    "parse_cells",
]
