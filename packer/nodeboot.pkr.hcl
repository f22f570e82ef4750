# An AMI with everything on it that does not depend on a cluster: `packer build`, see README.md.

locals {
  distributions = {
    "ubuntu-24.04" = {
      name  = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-${var.arch}-server-*"
      owner = "099720109477" # Canonical
      user  = "ubuntu"
      root  = "/dev/sda1"
    }
    "debian-12" = {
      name  = "debian-12-${var.arch}-*"
      owner = "136693071363" # Debian
      user  = "admin"
      root  = "/dev/xvda"
    }
    "debian-13" = {
      name  = "debian-13-${var.arch}-*"
      owner = "136693071363"
      user  = "admin"
      root  = "/dev/xvda"
    }
    "amazon-linux-2023" = {
      name  = "al2023-ami-2023.*-kernel-*-${local.machine}"
      owner = "137112412989" # Amazon
      user  = "ec2-user"
      root  = "/dev/xvda"
    }
  }
  machine       = var.arch == "arm64" ? "arm64" : "x86_64"
  instance_type = var.arch == "arm64" ? "t4g.small" : "t3.small"
  source        = local.distributions[var.distribution]
  config        = var.config == "" ? "${path.root}/bake.toml" : var.config
  stamp         = regex_replace(timestamp(), "[- TZ:]", "")
  tags = merge(var.tags, {
    "Name"                     = "nodeboot ${var.distribution} ${var.arch}, Kubernetes ${var.kubernetes_version}"
    "nodeboot.io/kubernetes"   = var.kubernetes_version
    "nodeboot.io/sha256"       = var.sha256
    "nodeboot.io/distribution" = var.distribution
  })
}

source "amazon-ebs" "node" {
  region        = var.region
  instance_type = local.instance_type
  subnet_id     = var.subnet_id
  ssh_username  = local.source.user

  source_ami_filter {
    filters = {
      name                = local.source.name
      architecture        = local.machine
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = [local.source.owner]
    most_recent = true
  }

  # Encrypted from the start: an image that is encrypted at the end would be copied once more.
  launch_block_device_mappings {
    device_name           = local.source.root
    volume_type           = "gp3"
    iops                  = 3000 # gp3's baseline, which costs nothing more
    throughput            = 125  # MiB/s
    volume_size           = var.volume_gib
    encrypted             = true
    kms_key_id            = var.kms_key_id
    delete_on_termination = true
  }

  # The builder speaks IMDSv2 only, and so do instances of the image unless they are told otherwise.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0" # since version 1.2 of the plugin

  ami_name        = "nodeboot-${var.kubernetes_version}-${var.distribution}-${var.arch}-${local.stamp}"
  ami_description = "Kubernetes ${var.kubernetes_version} node, baked by nodeboot"
  ami_regions     = var.copy_to
  tags            = local.tags
  snapshot_tags   = local.tags
  run_tags        = { "Name" = "nodeboot image builder" }
}

build {
  sources = ["source.amazon-ebs.node"]

  # cloud-init's own work, apt's first update among it, is not to run beside ours. 2: done, with warnings.
  provisioner "shell" {
    inline = ["cloud-init status --wait || [ $? -eq 2 ]"]
  }

  provisioner "file" {
    source      = var.binary
    destination = "/tmp/nodeboot"
  }

  provisioner "file" {
    source      = local.config
    destination = "/tmp/bake.toml"
  }

  # bake-clean comes last: it removes the key that Packer logged in with. The connection outlives it.
  provisioner "shell" {
    inline = [
      "set -eu",
      "echo '${var.sha256}  /tmp/nodeboot' | sha256sum --check --strict",
      "sudo install -m 0755 -o root -g root /tmp/nodeboot /usr/local/bin/nodeboot",
      # nodeboot also reads config.d beside the file, and anybody may make /tmp/config.d. sudo's own PATH may lack /usr/local/bin.
      "folder=$(mktemp -d)",
      "mv /tmp/bake.toml \"$folder\"",
      "sudo /usr/local/bin/nodeboot node bake --config \"$folder/bake.toml\" --set kubernetes.version=${var.kubernetes_version}",
      "rm -rf /tmp/nodeboot \"$folder\"",
    ]
  }
}
