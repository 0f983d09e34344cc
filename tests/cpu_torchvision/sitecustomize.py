"""Lets torchvision load in the tests and in the programs that they start, which find this file on PYTHONPATH.

torchvision of the package index is built for CUDA. Beside a CPU torch its compiled operators do not load, and these two
modules, which only describe those operators (box suppression and such), fail. Lightning and transformers import
torchvision wherever it is installed.
"""

import sys
from types import ModuleType

for name in ("torchvision._meta_registrations", "torchvision._autograd_registrations"):
    sys.modules.setdefault(name, ModuleType(name))
