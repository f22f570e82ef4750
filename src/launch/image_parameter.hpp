#pragma once

#include <string>

#include "base/config.hpp"
#include "base/instance_type.hpp"

namespace nodeboot {

/// The SSM parameter in which an image's makers publish the id of its newest AMI, in every region.
std::string image_parameter(MachineImage image, Architecture architecture);

}  // namespace nodeboot
