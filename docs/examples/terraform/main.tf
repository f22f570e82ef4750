# A control plane, and workers in an Auto Scaling group, in a VPC of yours. The files that it reads are made by
# `nodeboot cluster user-data` and `nodeboot cluster iam-policy` (docs/aws.md).

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "vpc_id" { type = string }
variable "public_subnet_id" { type = string }
variable "private_subnet_ids" { type = list(string) }
variable "admin_cidr" { type = string }
variable "workers" {
  type    = number
  default = 3
}

provider "aws" {
  region = "eu-central-1" # the same as cluster.region: nodes meet in this region's Parameter Store
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
}

# ---- roles: what `nodeboot cluster iam-policy --for ROLE` printed, and nothing else

resource "aws_iam_role" "node" {
  for_each = toset(["control-plane", "worker"])
  name     = "demo-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "node" {
  for_each = aws_iam_role.node
  name     = "nodeboot"
  role     = each.value.name
  policy   = file("${path.module}/${each.key}.json")
}

resource "aws_iam_instance_profile" "node" {
  for_each = aws_iam_role.node
  name     = each.value.name
  role     = each.value.name
}

# ---- who may reach whom

resource "aws_security_group" "control_plane" {
  name   = "demo-control-plane"
  vpc_id = var.vpc_id
}

resource "aws_security_group" "worker" {
  name   = "demo-worker"
  vpc_id = var.vpc_id
}

locals {
  groups = {
    control-plane = aws_security_group.control_plane.id
    worker        = aws_security_group.worker.id
  }
  between_nodes = {
    kubelet    = { protocol = "tcp", from = 10250, to = 10250 }
    node-ports = { protocol = "tcp", from = 30000, to = 32767 }
    flannel    = { protocol = "udp", from = 4789, to = 4789 } # network.vxlan_port
  }
  rules = merge([
    for to, group in local.groups : merge([
      for from, source in local.groups : {
        for name, rule in local.between_nodes : "${to} ${name} from ${from}" => merge(rule, { group = group, source = source })
      }
    ]...)
  ]...)
  api = merge({
    for from, source in local.groups : "control-plane api from ${from}" => {
      protocol = "tcp", from = 6443, to = 6443, group = aws_security_group.control_plane.id, source = source
    }
    }, {
    "control-plane etcd from control-plane" = {
      protocol = "tcp", from = 2379, to = 2380, group = local.groups.control-plane, source = local.groups.control-plane
    }
  })
}

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  for_each                     = merge(local.rules, local.api)
  security_group_id            = each.value.group
  referenced_security_group_id = each.value.source
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.from
  to_port                      = each.value.to
}

resource "aws_vpc_security_group_ingress_rule" "kubectl" {
  security_group_id = aws_security_group.control_plane.id
  cidr_ipv4         = var.admin_cidr
  ip_protocol       = "tcp"
  from_port         = 6443
  to_port           = 6443
}

resource "aws_vpc_security_group_egress_rule" "out" {
  for_each          = local.groups
  security_group_id = each.value
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

# ---- nodes

resource "aws_instance" "control_plane" {
  ami                         = nonsensitive(data.aws_ssm_parameter.image.value)
  instance_type               = "t3.medium"
  subnet_id                   = var.public_subnet_id
  associate_public_ip_address = true
  vpc_security_group_ids      = [aws_security_group.control_plane.id]
  iam_instance_profile        = aws_iam_instance_profile.node["control-plane"].name
  user_data                   = file("${path.module}/control-plane.yaml")
  tags                        = { Name = "demo-control-plane" }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # a pod is one hop further away: none gets the node's role
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 30
    encrypted   = true
  }

  # The cluster's state is on this machine's disk. A newer image or user-data is for the next cluster.
  lifecycle {
    ignore_changes = [ami, user_data]
  }
}

resource "aws_launch_template" "worker" {
  name_prefix            = "demo-worker-"
  image_id               = nonsensitive(data.aws_ssm_parameter.image.value)
  instance_type          = "t3.small"
  vpc_security_group_ids = [aws_security_group.worker.id]
  user_data              = filebase64("${path.module}/worker.yaml")

  iam_instance_profile {
    name = aws_iam_instance_profile.node["worker"].name
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/sda1" # Ubuntu's root; Debian's and Amazon's is /dev/xvda
    ebs {
      volume_type = "gp3"
      volume_size = 30
      encrypted   = true
    }
  }
}

resource "aws_autoscaling_group" "workers" {
  name                = "demo-workers"
  min_size            = var.workers
  max_size            = var.workers + 1
  vpc_zone_identifier = var.private_subnet_ids

  launch_template {
    id      = aws_launch_template.worker.id
    version = aws_launch_template.worker.latest_version
  }

  instance_refresh {
    strategy = "Rolling"
  }

  tag {
    key                 = "Name"
    value               = "demo-worker"
    propagate_at_launch = true
  }
}
