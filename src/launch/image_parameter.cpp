#include "launch/image_parameter.hpp"

#include <fmt/core.h>

namespace nodeboot {

// documentation.ubuntu.com/aws "Find Ubuntu images with SSM"; wiki.debian.org/Cloud/AmazonEC2Image; AL2023 User Guide,
// "Launching AL2023 using the SSM parameter". Amazon alone says x86_64.
std::string image_parameter(MachineImage image, Architecture architecture) {
    const auto word = to_string(architecture);
    switch (image) {
        case MachineImage::ubuntu_24_04:
            return fmt::format("/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id", word);
        case MachineImage::debian_12: return fmt::format("/aws/service/debian/release/12/latest/{}", word);
        case MachineImage::debian_13: return fmt::format("/aws/service/debian/release/13/latest/{}", word);
        case MachineImage::amazon_linux_2023: break;
    }
    return fmt::format("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}",
                       architecture == Architecture::arm64 ? "arm64" : "x86_64");
}

}  // namespace nodeboot
