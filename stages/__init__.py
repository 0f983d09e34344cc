"""The pipeline's stages, one thin command each: ``python -m stages.align``. `dvc.yaml` is their table of contents."""

import sys
from pathlib import Path

# What runs is the package beside this folder, which dvc.yaml watches, whichever else is installed.
sys.path.insert(0, str(Path(__file__).parents[1] / "pipeline"))
