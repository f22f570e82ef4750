# A file of its own: Packer before 1.7 (Debian 12 has 1.6.6) has the Amazon builders built in and does not know this block.
packer {
  required_version = ">= 1.7.0"
  required_plugins {
    amazon = {
      version = ">= 1.2.0" # imds_support
      source  = "github.com/hashicorp/amazon"
    }
  }
}
