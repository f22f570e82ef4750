"""nodeboot dies after any of its calls to AWS: the next run adopts what is there, makes one of each, and cleans up.

NODEBOOT_EVERY=1 kills it after each call in turn; 6, the default, after every sixth, each case after others.
"""
from __future__ import annotations

import os
from pathlib import Path

import pytest
from cases.operator import Account, Operator, held

from lab.cloud.handle import CloudHandle

MOST = 200  # calls that change something; more than any run makes
EVERY = int(os.environ.get("NODEBOOT_EVERY", "6"))


def calls_from(first: int, every: int = EVERY) -> range:
    """After which of the changing calls it is killed."""
    return range(min(first, every), MOST, every)


@pytest.fixture
def operator(cloud: CloudHandle, tmp_path: Path) -> Operator:
    return Operator(cloud, tmp_path)


def prepared(cloud: CloudHandle) -> Account:
    cloud.call("reset")
    cloud.call("durations", scale=0)
    cloud.call("play_nodes")
    return Account(cloud)


def but_the_lock(account: Account) -> dict[str, int]:
    """An `up` that finds nothing to change does not take the cluster's lock, and so leaves a dead one alone."""
    return {kind: number for kind, number in account.counts().items() if kind != "parameter"}


def kill_after(operator: Operator, number: int, *words: str) -> str:
    """SIGKILL when the number-th changing call has been carried out and its answer not been read; the call's name, or
    "" when the run ended before."""
    operator.cloud.call("hold", number=number, changing=True)
    process = operator.start(*words)
    call = held(operator.cloud, process)
    process.kill()
    process.communicate()
    operator.cloud.call("hold", number=0)
    return call


def test_up_killed_after_each_call_then_up_then_down(cloud: CloudHandle, operator: Operator) -> None:
    account = prepared(cloud)
    operator.up()
    wanted = but_the_lock(account)
    calls = []
    for number in calls_from(1):
        account = prepared(cloud)
        if not (call := kill_after(operator, number, "up")):
            break
        calls.append(call)
        operator.up()
        assert but_the_lock(account) == wanted, f"killed after call {number}, {call}"
        operator.converged()
        operator.down()
        account.empty()
    assert len(calls) * EVERY > 20, calls


def test_up_killed_after_each_call_then_down(cloud: CloudHandle, operator: Operator) -> None:
    for number in calls_from(3):
        account = prepared(cloud)
        if not (call := kill_after(operator, number, "up")):
            break
        operator.down()
        left = account.counts()
        assert left == {}, f"killed after call {number}, {call}: {account.everything()}"


def test_down_killed_after_each_call_then_down(cloud: CloudHandle, operator: Operator) -> None:
    for number in calls_from(5):
        account = prepared(cloud)
        operator.up()
        if not (call := kill_after(operator, number, "down", "--yes")):
            break
        operator.down()
        left = account.counts()
        assert left == {}, f"killed after call {number}, {call}: {account.everything()}"


def test_down_killed_in_the_middle_then_up(cloud: CloudHandle, operator: Operator) -> None:
    account = prepared(cloud)
    operator.up()
    wanted = but_the_lock(account)
    for number in calls_from(2, 2 * EVERY):
        account = prepared(cloud)
        operator.up()
        if not (call := kill_after(operator, number, "down", "--yes")):
            break
        operator.up()
        assert but_the_lock(account) == wanted, f"killed after call {number}, {call}"
        operator.converged()
