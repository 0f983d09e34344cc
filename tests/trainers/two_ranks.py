"""python two_ranks.py SCRIPT ARGS: runs a script as two ranks, which are forks, with the environment of torchrun's.

What this process has imported they need not import again. The ranks meet where torchrun has them meet as well, at a
store of the process that started them; so no port is chosen that another program could take meanwhile.
"""

import os
import random
import runpy
import signal
import sys

import numpy as np
import torch
from torch.distributed import TCPStore

_RANKS = 2
_HOST = "127.0.0.1"


def environment(rank: int, port: str) -> dict[str, str]:
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "GROUP_RANK": 0, "WORLD_SIZE": _RANKS, "LOCAL_WORLD_SIZE": _RANKS}
    elastic = {"RUN_ID": "none", "RESTART_COUNT": "0", "MAX_RESTARTS": "0", "USE_AGENT_STORE": "True"}
    return {
        **{name: str(number) for name, number in numbers.items()},
        **{f"TORCHELASTIC_{name}": value for name, value in elastic.items()},
        "MASTER_ADDR": _HOST,
        "MASTER_PORT": port,
    }


def fork_ranks() -> bool:
    """Whether this process is a rank now; where it is not, all ranks have ended well."""
    pipes, ranks = [], set()
    for rank in range(_RANKS):  # before there is a store, which has threads
        hears, tells = os.pipe()
        pid = os.fork()
        if not pid:
            os.environ.update(environment(rank, os.read(hears, 8).decode()))
            for generators in (random, np.random, torch):  # a fork begins with its parent's, a new process with its own
                generators.seed()
            return True
        pipes.append(tells)
        ranks.add(pid)
    store = TCPStore(_HOST, 0, is_master=True, wait_for_workers=False)
    for tells in pipes:
        os.write(tells, str(store.port).encode())
    while ranks:
        pid, status = os.wait()
        ranks.discard(pid)
        if status:
            for other in ranks:
                os.kill(other, signal.SIGKILL)
            sys.exit(f"a rank ended with {os.waitstatus_to_exitcode(status)}")
    return False


if __name__ == "__main__":
    del sys.argv[0]
    if fork_ranks():
        runpy.run_path(sys.argv[0], run_name="__main__")
