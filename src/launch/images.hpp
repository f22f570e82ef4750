#pragma once

#include <functional>
#include <string>

#include "base/config.hpp"
#include "launch/cloud.hpp"

namespace nodeboot {

/// What RunInstances has to know of an AMI.
struct ChosenImage {
    std::string id;           ///< "ami-…"
    std::string name;         ///< its makers': "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20261101"
    std::string root_device;  ///< "/dev/sda1"; under another name the volume would be a second one
};

/// The value of one of AWS's public parameters (/aws/service/…); empty optional when there is none.
using ReadParameter = std::function<Result<std::optional<std::string>>(const std::string& name)>;

/// instances.ami, or the newest of instances.image, for the control plane's instance type (the workers' has the same
/// architecture). `invalid_input` when it does not exist here, is of another architecture or larger than the volume.
Result<ChosenImage> choose_image(const CloudView& view, const Config& config, const ReadParameter& read_parameter);

}  // namespace nodeboot
