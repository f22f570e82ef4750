"""Everything the lab's AWS consists of, wired together; and the control calls by which tests script it."""
from __future__ import annotations

import json
import random
import re
import threading
import time
from pathlib import Path
from typing import Any

from ..faults import Faults
from . import fixes, images
from .backend import Answer, Backend
from .callers import ADMIN, EVERYTHING, OPERATOR, Callers
from .consoles import Consoles, ec2_answer
from .errors import AwsError
from .hold import Hold
from .launch import machine_facts
from .lifecycle import DURATIONS, Lifecycle
from .machines import RealMachines
from .models import Call
from .policy import Document, check
from .quotas import DEFAULTS, Quotas
from .staleness import KINDS, Staleness
from .tokens import Tokens
from .weather import AWS_BUCKETS, Weather
from .weather import KINDS as WEATHER

# What a node's console shows (src/cli/console_records.cpp, cloud-init/user-data.yaml.in): seconds after boot, record.
PLAYED = [(8.0, "installed sha256=" + "0" * 64), (8.2, 'run began command="node up" version=0.1.0'),
          (15.0, "phase=containerd outcome=changed changes=4 took=5.1s"),
          (24.0, "phase=kubernetes-packages outcome=changed changes=6 took=8.7s"),
          (40.0, "run outcome=ready phases_changed=17 took=31.9s")]
LIFETIME = 6 * 3600.0  # of a role's credentials, seconds


class Cloud:
    def __init__(self, folder: Path, wanted: dict[str, Any]) -> None:
        self.folder = folder
        self.region = str(wanted["region"])
        self.backend = Backend(self.region)
        self._log = open(folder / "requests.jsonl", "a", buffering=1)
        self._log_lock = threading.Lock()
        self.keys: dict[str, tuple[str, str]] = {}
        self.machines = RealMachines(folder, self._did_not_start) if wanted.get("machines") else None
        self.scale = float(wanted.get("scale", 1.0))
        self.lifecycle = Lifecycle()
        fixes.apply(lambda: self.lifecycle)
        self._begin()

    def _begin(self) -> None:
        """An account as on its first day, with a user who may do everything and an operator; their keys stay the same
        for as long as this process lives."""
        with self.backend.lock:
            self.backend.reset()
            self.faults = Faults()
            self.weather = Weather()
            self.lifecycle = Lifecycle(self.machines, self.scale)
            self.consoles = Consoles(self.machines)
            self.callers = Callers(self.backend)
            self.tokens = Tokens()
            self.quotas = Quotas(self.backend)
            self.hold = Hold()
            self.page_size = 0
            self.violations: list[dict[str, Any]] = []
            for name in (ADMIN, OPERATOR):
                self.keys[name] = self.callers.create_user(name, EVERYTHING, self.keys.get(name))
            self._offer_images()
            self.staleness = Staleness(self.backend)

    def _offer_images(self) -> None:
        ssm = self.backend.of("ssm")
        from moto.ssm.models import Parameter
        ssm._parameters.latest_amis_loaded = True  # moto's own, of images that are not here
        for one in images.IMAGES:
            ssm._parameters[one.parameter] = [Parameter(
                account_id=self.backend.account, name=one.parameter, value=one.id, parameter_type="String",
                description=None, allowed_pattern=None, keyid=None, last_modified_date=time.time(), version=1,
                data_type="aws:ec2:image")]

    # ---- what the front asks

    def log_request(self, **what: Any) -> None:
        line = json.dumps({"time": round(time.time(), 3)} | what) + "\n"
        with self._log_lock:
            self._log.write(line)

    def committed(self, call: Call, answer: Answer) -> None:
        """After each call that has changed something."""
        if call.name == "ec2:RunInstances":
            self._remember_instances(call, answer)
        if call.name == "ec2:DeleteSubnet":  # AWS ends its association with a route table, moto keeps it
            for table in self.backend.ec2.route_tables.values():
                table.associations = {name: subnet for name, subnet in table.associations.items()
                                      if subnet != call.parameters["SubnetId"]}
        self.tokens.keep(call, answer)
        self.staleness.note()
        self.pass_on_addresses()

    def pass_on_addresses(self) -> None:
        """Public addresses come and go with stops, starts and associations; machines are to be reached by them."""
        if self.machines is not None:
            self.machines.addresses({one.id: one.public_ip or "" for one in self.backend.ec2.all_instances()
                                     if one._state.name in ("pending", "running", "stopping", "stopped")})

    def _remember_instances(self, call: Call, answer: Answer) -> None:
        """What moto forgets of a launch: metadata options, the token, tags of network interfaces. Then its machine boots,
        if there are any."""
        for found in re.findall(rb"<instanceId>(i-[0-9a-f]+)</instanceId>", answer[2]):
            instance = self.backend.ec2.get_instance(found.decode())
            instance.metadata_options = dict(call.parameters.get("MetadataOptions", {}))
            instance.client_token = call.parameters.get("ClientToken", "")
            tags = {tag["Key"]: tag.get("Value", "") for one in call.parameters.get("TagSpecifications", [])
                    if one.get("ResourceType") == "network-interface" for tag in one.get("Tags", [])}
            if tags:
                self.backend.ec2.create_tags([nic.id for nic in instance.nics.values()], tags)
            if self.machines is not None:
                self.machines.launch(instance.id, **machine_facts(instance, call.parameters, self.backend))

    def _did_not_start(self, name: str, why: str) -> None:
        with self.backend.lock:
            instance = self.backend.ec2.get_instance_by_id(name)
            if instance is not None:
                self.lifecycle.fail(instance, why, instance.end)

    def own_answer(self, call: Call) -> Answer | None:
        """To what moto cannot answer at all, or only with an invention."""
        if call.name not in ("ec2:GetConsoleOutput", "ec2:ModifyInstanceMetadataOptions"):
            return None
        parameters = dict(call.parameters)
        instance = self.backend.ec2.get_instance_by_id(name := parameters.pop("InstanceId"))
        if instance is None:
            raise AwsError("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
        if call.name == "ec2:GetConsoleOutput":
            return 200, {}, self.consoles.answer(instance, bool(parameters.get("Latest")), self.lifecycle)
        instance.metadata_options = instance.metadata_options | parameters
        if self.machines is not None and "HttpPutResponseHopLimit" in parameters:
            self.machines.change(name, hop_limit=parameters["HttpPutResponseHopLimit"])
        return 200, {}, ec2_answer("ModifyInstanceMetadataOptions", f"<instanceId>{name}</instanceId>")

    def violate(self, **what: Any) -> None:
        self.violations.append(what)

    # ---- control

    def call_ping(self) -> str:
        return "ready"

    def call_reset(self) -> dict[str, tuple[str, str]]:
        self._begin()
        return self.keys

    def call_keys(self) -> dict[str, tuple[str, str]]:
        """Access key and secret of each user that the lab made."""
        return self.keys

    def call_violations(self) -> list[dict[str, Any]]:
        return self.violations

    def call_add_fault(self, **what: Any) -> int:
        return self.faults.add(**what)

    def call_clear_faults(self, fault: int | None = None) -> None:
        self.faults.clear(fault)

    def call_faults(self) -> list[dict[str, Any]]:
        return self.faults.listing()

    def call_storm(self, seed: int, **rates: float) -> None:
        """Random trouble by seed: probability of each of weather.KINDS (hyphens as underscores), for each request."""
        self.weather.storm(seed, {kind.replace("_", "-"): rate for kind, rate in rates.items()})

    def call_calm(self) -> None:
        """Ends storms, throttling, staleness, small pages and full zones."""
        self.page_size = 0
        self.quotas.no_capacity = []
        self.lifecycle.nat_failures = []
        self.weather.calm()
        self.weather.set_buckets([])
        self.staleness.seconds = {}

    def call_throttle(self, buckets: list[tuple[str, float, float]] | None = None) -> None:
        """Token buckets: (pattern of service:Action, size, refill a second); AWS's own without an argument."""
        self.weather.set_buckets(AWS_BUCKETS if buckets is None else buckets)

    def call_stale(self, seconds: float | dict[str, float], probability: float = 1.0, seed: int = 0) -> None:
        """What is made from now on stays unseen for so long, all kinds or some of them; see staleness.py."""
        with self.backend.lock:
            self.staleness = Staleness(self.backend, seed)
            self.staleness.seconds = seconds if isinstance(seconds, dict) else dict.fromkeys(KINDS, seconds)
            self.staleness.probability = probability

    def call_durations(self, scale: float | None = None, **seconds: float) -> None:
        """How long things take, in seconds of AWS (names in lifecycle.py, hyphens as underscores), and the scale."""
        named = {name.replace("_", "-"): value for name, value in seconds.items()}
        if unknown := set(named) - set(DURATIONS):
            raise ValueError(f"no such duration: {', '.join(unknown)}; there are {', '.join(DURATIONS)}")
        self.lifecycle.durations |= named
        if scale is not None:
            self.lifecycle.scale = scale

    def call_pass_time(self, seconds: float) -> None:
        """As if so many seconds of here had passed since the last request: for durations, staleness and throttling."""
        with self.backend.lock:
            for one in (self.lifecycle, self.staleness, self.weather):
                one.pass_time(seconds)

    def call_fail_nat(self, code: str = "InternalError", message: str = "Internal error", times: int = 1) -> None:
        """The next NAT gateways end in state failed."""
        self.lifecycle.nat_failures += [(code, message)] * times

    def call_limit(self, **limits: int) -> None:
        """Quotas, by their names in quotas.py (hyphens as underscores)."""
        named = {name.replace("_", "-"): value for name, value in limits.items()}
        if unknown := set(named) - set(DEFAULTS):
            raise ValueError(f"no such quota: {', '.join(unknown)}; there are {', '.join(DEFAULTS)}")
        self.quotas.limits |= named

    def call_no_capacity(self, *, zone: str = "", type: str = "*") -> None:
        """That zone (its letter) has no room for that instance type; without a zone, all have again."""
        self.quotas.no_capacity = [*self.quotas.no_capacity, (zone, type)] if zone else []

    def call_tags_in_metadata(self, default: bool = True) -> None:
        """The account's default of InstanceMetadataTags, for launches that do not say."""
        self.backend.tags_in_metadata = default

    def call_pages(self, size: int) -> None:
        """Every list that AWS pages comes in pages of at most so many items; 0: whole."""
        self.page_size = size

    def call_bad_day(self, seed: int, seconds: float = 0.3) -> dict[str, Any]:
        """A mixture by seed: a storm, throttling, staleness up to so many seconds, small pages, a zone without room (not
        the first one, where the public subnet is), a NAT gateway that fails. What it came to is told."""
        pick = random.Random(seed)
        rates = {kind: round(pick.choice((0, 0.01, 0.03, 0.06)), 3) for kind in WEATHER}
        stale = {kind: round(pick.choice((0, 0, seconds / 3, seconds)), 2) for kind in KINDS}
        day = {"rates": rates, "stale": stale, "pages": pick.choice((0, 1, 2, 5)), "throttle": pick.random() < 0.2,
               "no_capacity": pick.choice(["", "", "", "b", "c"]), "fail_nat": int(pick.random() < 0.15)}
        self.weather.storm(seed, rates)
        self.call_stale(stale, pick.choice((0.5, 1.0)), seed)
        self.page_size = day["pages"]
        if day["throttle"]:
            self.weather.set_buckets([(r"ec2:(Describe|Get).*", 20, 50), (r"ec2:.*", 10, 20), (r"iam:.*", 5, 20)])
        if day["no_capacity"]:
            self.call_no_capacity(zone=day["no_capacity"])
        if day["fail_nat"]:
            self.call_fail_nat()
        return day

    def call_hold(self, number: int, changing: bool = False) -> None:
        """Keeps the answer of the number-th request from now (with `changing`, of those that change something) from
        its client, for good: what was asked for has happened. `held` tells when it has come."""
        self.hold = Hold(number, changing)

    def call_held(self) -> str:
        """Name of the call whose answer is being held; empty while it has not come."""
        return self.hold.held

    def call_inventory(self) -> dict[str, int]:
        """How many things of each kind there are that were not there on the account's first day."""
        with self.backend.lock:
            self.lifecycle.advance()
            return self.backend.inventory(without=self.keys)

    def call_put_user(self, name: str, document: Document) -> tuple[str, str]:
        """A user with this one policy; made at the first call, given another policy at the next."""
        check(document)
        if name in self.backend.iam.users:
            self.callers.set_user_policy(name, document)
        else:
            self.keys[name] = self.callers.create_user(name, document, self.keys.get(name))
        return self.keys[name]

    def call_withhold(self, name: str, action: str, resource: str = "*") -> None:
        """The user or role is refused what matches, whatever its policies say."""
        self.callers.withheld.setdefault(name, []).append((action, resource))

    def call_restore(self, name: str) -> None:
        """Undoes `withhold`."""
        self.callers.withheld.pop(name, None)

    def call_permission_use(self, name: str) -> list[dict[str, Any]]:
        return self.callers.permission_use(name)

    def call_console(self, lines: list[tuple[float, str]], tag: str = "", value: str = "") -> None:
        """Without machines: what instances (with that tag) write to their console, and how many of AWS's seconds after
        they have begun to run. {instance}, {hostname} and {address} are filled in."""
        self.consoles.script(lines, tag, value)

    def call_play_nodes(self) -> None:
        """Without machines: every instance tells on its console what a nodeboot that succeeds tells."""
        self.consoles.script([(seconds, f"nodeboot: {{time}} {text}") for seconds, text in PLAYED])

    def call_write_console(self, instance: str, text: str) -> None:
        """Without machines: more text on one instance's console."""
        self.consoles.write(instance, text)

    def call_put_role(self, name: str, document: Document) -> None:
        """A role that instances may take, with this one policy, and an instance profile of its name."""
        check(document)
        with self.backend.lock:
            self.callers.put_role(name, document)

    def call_issue(self, role: str, session: str, lifetime: float = LIFETIME) -> dict[str, Any]:
        return self.callers.issue(role, session, lifetime)

    def call_expire(self, access_key: str | None = None) -> None:
        self.callers.expire(access_key)

    def call_aws(self, service: str, target: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.backend.json(service, target, parameters)

    def call_json(self, service: str, target: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self.backend.json(service, target, parameters)
