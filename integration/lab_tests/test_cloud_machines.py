"""RunInstances boots machines: the lab's AWS and its machines together, with boto3 as the operator."""
from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from typing import Any, Iterator

import pytest
from lab_tests.architecture import KEY, TRUST

from lab.lab import Lab
from lab.machine import wait_for

BUCKET = "nodeboot-lab-test"
READ = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/allowed"}]}
PRELUDE = """\
import boto3, json, sys
ec2, iam, s3, ssm = (boto3.client(one) for one in ("ec2", "iam", "s3", "ssm"))
def show(what): print(json.dumps(what, default=str))
"""
UP = f"""\
vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.7.0/24", AvailabilityZone="eu-central-1b")["Subnet"]["SubnetId"]
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={{"Value": True}})
iam.create_role(RoleName="node", AssumeRolePolicyDocument='''{TRUST}''')
iam.put_role_policy(RoleName="node", PolicyName="read", PolicyDocument='''{json.dumps(READ)}''')
iam.create_instance_profile(InstanceProfileName="nodes")
iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="node")
ec2.import_key_pair(KeyName="mine", PublicKeyMaterial="{KEY}")
s3.create_bucket(Bucket="{BUCKET}", CreateBucketConfiguration={{"LocationConstraint": "eu-central-1"}})
for key in ("allowed", "secret"): s3.put_object(Bucket="{BUCKET}", Key=key, Body=b"from the bucket")
image = ssm.get_parameter(Name="/aws/service/debian/release/13/latest/amd64")["Parameter"]["Value"]
show(ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small", SubnetId=subnet, KeyName="mine",
    IamInstanceProfile={{"Name": "nodes"}}, UserData="#cloud-config\\nruncmd:\\n- echo user-data-ran > /dev/console\\n",
    MetadataOptions={{"HttpTokens": "required", "HttpPutResponseHopLimit": 1}},
    TagSpecifications=[{{"ResourceType": "instance", "Tags": [{{"Key": "Name", "Value": "by-api"}}]}}])["Instances"][0])
"""


def operator(lab: Lab, script: str) -> Any:
    """What a script with boto3 prints, run as an operator of the lab; what it shows, if anything."""
    out = lab.as_operator("/usr/bin/python3", "-c", PRELUDE + textwrap.dedent(script), check=True).out
    return json.loads(out) if out.strip() else None


@dataclass
class Running:
    lab: Lab
    id: str

    def describe(self) -> dict[str, Any]:
        return operator(self.lab, f'show(ec2.describe_instances(InstanceIds=["{self.id}"])["Reservations"][0]'
                        '["Instances"][0])')  # type: ignore[no-any-return]

    def state(self) -> str:
        return str(self.describe()["State"]["Name"])

    def console(self, **more: object) -> str:
        return str(operator(self.lab, f'show(ec2.get_console_output(InstanceId="{self.id}", **{more})'
                            '.get("Output", ""))'))

    def must(self, command: str) -> str:
        return self.lab.machine(self.id).must(command)


@pytest.fixture(scope="module")
def running(lab: Lab) -> Iterator[Running]:
    one = Running(lab, operator(lab, UP)["InstanceId"])
    wait_for("the machine", lambda: [one for one in lab.machines() if one.leader], 60)
    lab.machine("by-api").wait_booted(120)
    yield one


def metadata(path: str) -> str:
    token = "$(curl -sX PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)"
    return f'curl -sfH "X-aws-ec2-metadata-token: {token}" http://169.254.169.254/latest/meta-data/{path}'


def test_the_machine_is_the_instance(running: Running) -> None:
    seen = running.describe()
    assert seen["State"]["Name"] == "running"
    assert running.must("hostname").strip() == seen["PrivateDnsName"].partition(".")[0]
    for path, value in (("instance-id", running.id), ("local-ipv4", seen["PrivateIpAddress"]),
                        ("public-ipv4", seen["PublicIpAddress"]), ("public-hostname", seen["PublicDnsName"]),
                        ("local-hostname", seen["PrivateDnsName"]), ("ami-id", seen["ImageId"]),
                        ("placement/availability-zone", "eu-central-1b"), ("public-keys/", "0=mine"),
                        ("public-keys/0/openssh-key", KEY)):
        assert running.must(metadata(path)) == value, path
    assert json.loads(running.must(metadata("iam/info")))["InstanceProfileArn"].endswith(":instance-profile/nodes")
    assert KEY in running.must("cat /home/*/.ssh/authorized_keys")


def test_the_console_is_the_machines_own(running: Running) -> None:
    assert "user-data-ran" in running.console(Latest=True)
    assert running.console() == ""  # AWS posts it at changes of state only


def test_the_operator_reaches_the_public_address(running: Running) -> None:
    for name in ("PublicIpAddress", "PublicDnsName"):
        said = running.lab.as_operator("/usr/bin/python3", "-c", "import socket, sys; "
                                       "print(socket.create_connection((sys.argv[1], 22), 60).recv(7))",
                                       running.describe()[name], check=True)
        assert "SSH-2.0" in said.out


def fetch(path: str, host: str) -> str:
    """A GET of an S3 object, signed by curl with the instance's own credentials."""
    return (f"c=$({metadata('iam/security-credentials/node')}); get() {{ echo \"$c\" | sed -n "
            "'s/.*\"'$1'\": \"\\(.*\\)\".*/\\1/p'; }; curl -s --aws-sigv4 aws:amz:eu-central-1:s3 "
            "--user \"$(get AccessKeyId):$(get SecretAccessKey)\" -H \"X-Amz-Security-Token: $(get Token)\" "
            f"-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' https://{host}{path}")


@pytest.mark.parametrize("host, prefix", [(f"{BUCKET}.s3.eu-central-1.amazonaws.com", ""),
                                          ("s3.eu-central-1.amazonaws.com", "/" + BUCKET)])
def test_a_node_fetches_its_object_from_the_private_bucket(running: Running, host: str, prefix: str) -> None:
    assert running.must(fetch(prefix + "/allowed", host)) == "from the bucket"
    assert "AccessDenied" in running.must(fetch(prefix + "/secret", host))
    assert "AccessDenied" in running.must(f"curl -s https://{host}{prefix}/allowed")  # without a signature


def test_a_launch_that_the_lab_cannot_boot_ends_as_on_aws(lab: Lab) -> None:
    with lab.fault("machines", "refuse", count=1):
        made = operator(lab, """\
            subnet = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.0.7.0/24"]}])["Subnets"][0]
            image = ssm.get_parameter(Name="/aws/service/debian/release/13/latest/amd64")["Parameter"]["Value"]
            show(ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small",
                                   SubnetId=subnet["SubnetId"])["Instances"][0])""")
        one = Running(lab, made["InstanceId"])
        wait_for("the instance to fail", lambda: one.state() == "terminated", 60)
    assert one.describe()["StateReason"]["Code"] == "Server.InternalError"


def test_stop_start_reboot_and_terminate_reach_the_machine(running: Running) -> None:
    machine, boot_id = running.lab.machine(running.id), "/proc/sys/kernel/random/boot_id"
    first = machine.read(boot_id)
    operator(running.lab, f'ec2.reboot_instances(InstanceIds=["{running.id}"])')
    wait_for("the reboot", lambda: machine.leader and machine.run(["cat", boot_id]).out.strip() not in ("", first), 60)
    machine.wait_booted()
    operator(running.lab, f'ec2.stop_instances(InstanceIds=["{running.id}"])')
    wait_for("the machine to stop", lambda: not machine.running, 60)
    wait_for("the state", lambda: running.state() == "stopped", 20)
    operator(running.lab, f'ec2.start_instances(InstanceIds=["{running.id}"])')
    wait_for("the machine to start", lambda: machine.leader, 60)
    machine.wait_booted()
    operator(running.lab, f'ec2.terminate_instances(InstanceIds=["{running.id}"])')
    wait_for("the machine to be gone", lambda: not machine.folder.exists(), 60)
    assert "user-data-ran" in running.console(Latest=True)
    wait_for("the state", lambda: running.state() == "terminated", 20)
    assert "user-data-ran" in running.console()
