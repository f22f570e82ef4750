variable "binary" {
  type        = string
  description = "The nodeboot to bake, built for `arch` (build/release/nodeboot, build/arm64/nodeboot)."
}

variable "sha256" {
  type        = string
  description = "Its checksum. The build ends if what arrives on the builder is something else."
}

variable "kubernetes_version" {
  type        = string
  description = "A minor version (its newest patch) or an exact one. Clusters of this image name the same."
}

variable "config" {
  type        = string
  default     = ""
  description = "Settings for `node bake` that hold for all nodes of the image; bake.toml beside this file by default."
}

variable "region" {
  type        = string
  description = "Where the image is built; copy_to names further regions."
}

variable "distribution" {
  type        = string
  default     = "ubuntu-24.04"
  description = "A key of `distributions` in nodeboot.pkr.hcl: ubuntu-24.04, debian-12, debian-13, amazon-linux-2023."
}

variable "arch" {
  type        = string
  default     = "amd64"
  description = "amd64, or arm64 for Graviton."
}

variable "volume_gib" {
  type        = number
  default     = 30
  description = "Size of the root volume. Instances may have a larger one, not a smaller one."
}

variable "kms_key_id" {
  type        = string
  default     = ""
  description = "The key that encrypts the image; the account's default key for EBS when empty."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "Where the builder runs: a subnet with a way to the internet; the default VPC when empty."
}

variable "copy_to" {
  type        = list(string)
  default     = []
  description = "Further regions that get a copy."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Further tags of the image and its snapshot."
}
