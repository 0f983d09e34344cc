"""Run the notebooks in this interpreter's own kernel, and keep their outputs in them.

python examples/run_notebooks.py [NOTEBOOK ...]
"""

import sys
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from tqdm import tqdm

_TIMEOUT_S = 300


def run_notebook(path: Path) -> NotebookNode:
    """Execute a notebook from its top in the folder where it lies.

    Returns:
        The notebook with its new outputs; the file stays as it is.

    Raises:
        CellExecutionError: a cell raised; the message shows it.
        CellTimeoutError: a cell ran for minutes.
    """
    notebook = nbformat.read(path, as_version=4)
    # Without folders to search, the manager knows one kernel, that of this interpreter, whatever else is installed.
    own = KernelSpecManager(kernel_dirs=[])
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=own)
    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=_TIMEOUT_S,
        coalesce_streams=True,
        record_timing=False,  # times would differ on each run
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(cleanup_kc=True)
    # The version of the Python that ran it is not the notebook's.
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


def main(given: list[str]) -> None:
    """Run those that are given, or all beside this file, and write their outputs into them."""
    paths = [Path(name) for name in given] or sorted(Path(__file__).parent.glob("*.ipynb"))
    for path in tqdm(paths, desc="notebooks", disable=not sys.stderr.isatty()):
        nbformat.write(run_notebook(path), path)


if __name__ == "__main__":
    main(sys.argv[1:])
