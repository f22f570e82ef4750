"""Fixtures shared by all cases: one lab a session, and a report of what the machines said when a case fails."""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lab.cloud.handle import CloudHandle, running  # noqa: E402
from lab.cluster import journal  # noqa: E402
from lab.lab import Lab, Options  # noqa: E402
from lab.mirror import DEBIAN_13, SYSTEMS  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lab")
    group.addoption("--bundle", type=Path, help="a real Kubernetes bundle instead of the stand-in")
    group.addoption("--source", choices=("repository", "bundle"), default="repository",
                    help="where nodes install Kubernetes from")
    group.addoption("--system", choices=SYSTEMS, default=DEBIAN_13.name, help="what the machines run")
    group.addoption("--keep", action="store_true", help="leave the lab up for a look (script/lab --name tests)")
    group.addoption("--lab", default=os.environ.get("NODEBOOT_LAB", "tests"), help="name of the lab")


def pytest_sessionstart(session: pytest.Session) -> None:
    system = SYSTEMS[session.config.getoption("--system")]
    if system is not DEBIAN_13 and (why := system.unreachable()):
        pytest.exit(f"skipped, {system.name} cannot be installed: {why}", returncode=77)


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab with its servers up and no machine in it."""
    one = Lab(request.config.getoption("--lab"))
    one.down()
    one.up(Options(bundles=request.getfixturevalue("bundles"), system=SYSTEMS[request.config.getoption("--system")]))
    yield one
    violations = one.cloud.call("violations") if one.is_up else []
    if not request.config.getoption("--keep"):
        one.down()
    assert violations == []


@pytest.fixture(scope="session")
def bundles() -> list[Path]:
    """Kubernetes bundles that the lab serves; a folder of cases overrides it."""
    return []


@pytest.fixture(scope="session")
def cloud_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudHandle]:
    """AWS without machines, on loopback, without privilege; `cloud` is what cases use."""
    with running(tmp_path_factory.mktemp("cloud")) as handle:
        yield handle


@pytest.fixture
def cloud(cloud_process: CloudHandle) -> Iterator[CloudHandle]:
    """An account as on its first day. A request that is not as AWS's service models say fails the test."""
    cloud_process.call("reset")
    yield cloud_process
    assert cloud_process.call("violations") == []


@pytest.fixture(autouse=True)
def no_fault_outlives_its_case(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lab" in request.fixturenames:
        request.getfixturevalue("lab").clear_faults()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure shows what the machines of the lab said."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if not report.failed or "lab" not in getattr(item, "fixturenames", ()):
        return
    for machine in Lab(item.config.getoption("--lab")).machines():
        report.sections.append((f"{machine.name}: nodeboot.service", journal(machine)[-3000:]))
        report.sections.append((f"{machine.name}: console", machine.console()[-2000:]))
