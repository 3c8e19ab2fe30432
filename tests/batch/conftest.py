"""A folder of numbers, and a cluster of Ray that tests of one worker share."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

# Skipping from here is an error for pytest.
collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]


@pytest.fixture(scope="session")
def jobs() -> ModuleType:
    """The module of a batch without a model, under a name by which workers find it, too."""
    sys.path.append(str(Path(__file__).parent))
    import batch_jobs

    return batch_jobs


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A folder with the numbers 0 to 39, a file each."""
    folder = tmp_path / "numbers"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}").write_text(str(number))
    return folder


@pytest.fixture(scope="session")
def head() -> Iterator[str]:
    """The address of a cluster of one node with two CPUs."""
    environment = {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "OMP_NUM_THREADS": "3",  # of a user's shell: what a worker holds is what counts
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    from ray.cluster_utils import Cluster

    from vision.batch.cluster import forget_token

    forget_token()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "object_store_memory": 100 << 20, "include_dashboard": False},
    )
    yield cluster.address
    cluster.shutdown()
    for name, value in before.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value
