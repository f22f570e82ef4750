// A control plane, and workers in an Auto Scaling group, with the AWS CDK. The files that it reads are made by
// `nodeboot cluster user-data` and `nodeboot cluster iam-policy` (docs/aws.md).
//   npm install aws-cdk-lib constructs && npx cdk deploy --app 'node cluster.js' --parameters adminCidr=203.0.113.7/32
const fs = require("fs");
const path = require("path");
const { App, CfnParameter, Stack, Tags } = require("aws-cdk-lib");
const autoscaling = require("aws-cdk-lib/aws-autoscaling");
const ec2 = require("aws-cdk-lib/aws-ec2");
const iam = require("aws-cdk-lib/aws-iam");

const app = new App();
// The same region as cluster.region: nodes meet in this region's Parameter Store.
const stack = new Stack(app, "demo", { env: { region: "eu-central-1" } });
const read = (name) => fs.readFileSync(path.join(__dirname, name), "utf8");

const adminCidr = new CfnParameter(stack, "adminCidr", { description: "From where kubectl may reach the API" });
const vpc = new ec2.Vpc(stack, "vpc", { maxAzs: 3, natGateways: 1 });

// What `nodeboot cluster iam-policy --for ROLE` printed, and nothing else.
const role = (name) =>
  new iam.Role(stack, `${name}-role`, {
    assumedBy: new iam.ServicePrincipal("ec2.amazonaws.com"),
    inlinePolicies: { nodeboot: iam.PolicyDocument.fromJson(JSON.parse(read(`${name}.json`))) },
  });

const groups = ["control-plane", "worker"].map((name) => new ec2.SecurityGroup(stack, `${name}-group`, { vpc }));
const [controlPlaneGroup, workerGroup] = groups;
for (const from of groups) {
  controlPlaneGroup.addIngressRule(from, ec2.Port.tcp(6443));
  for (const to of groups) {
    to.addIngressRule(from, ec2.Port.tcp(10250));
    to.addIngressRule(from, ec2.Port.tcpRange(30000, 32767));
    to.addIngressRule(from, ec2.Port.udp(4789)); // network.vxlan_port
  }
}
controlPlaneGroup.addIngressRule(controlPlaneGroup, ec2.Port.tcpRange(2379, 2380)); // etcd
controlPlaneGroup.addIngressRule(ec2.Peer.ipv4(adminCidr.valueAsString), ec2.Port.tcp(6443));

const template = (name, size, securityGroup) =>
  new ec2.LaunchTemplate(stack, `${name}-template`, {
    machineImage: ec2.MachineImage.fromSsmParameter(
      "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    ),
    instanceType: ec2.InstanceType.of(ec2.InstanceClass.T3, size),
    securityGroup,
    role: role(name),
    userData: ec2.UserData.custom(read(`${name}.yaml`)),
    requireImdsv2: true,
    httpPutResponseHopLimit: 1, // a pod is one hop further away: none gets the node's role
    blockDevices: [
      {
        deviceName: "/dev/sda1", // Ubuntu's root; Debian's and Amazon's is /dev/xvda
        volume: ec2.BlockDeviceVolume.ebs(30, { volumeType: ec2.EbsDeviceVolumeType.GP3, encrypted: true }),
      },
    ],
  });

// The cluster's state is on this machine's disk: it is no part of a group that replaces machines, and stays with the first
// version of its template, because CloudFormation replaces an instance whose template's version changes.
const first = template("control-plane", ec2.InstanceSize.MEDIUM, controlPlaneGroup);
const controlPlane = new ec2.CfnInstance(stack, "control-plane", {
  launchTemplate: { launchTemplateId: first.launchTemplateId, version: "1" },
  subnetId: vpc.publicSubnets[0].subnetId,
});
Tags.of(controlPlane).add("Name", "demo-control-plane");

const workers = new autoscaling.AutoScalingGroup(stack, "workers", {
  vpc,
  vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
  launchTemplate: template("worker", ec2.InstanceSize.SMALL, workerGroup),
  minCapacity: 3,
  maxCapacity: 4,
});
Tags.of(workers).add("Name", "demo-worker");

app.synth();
