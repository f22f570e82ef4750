#include "launch/images.hpp"

#include <fmt/core.h>

#include <charconv>

#include "launch/image_parameter.hpp"

namespace nodeboot {
namespace {

Result<std::string> image_id(const Config& config, Architecture architecture, const ReadParameter& read_parameter) {
    if (!config.instances.ami.empty()) return config.instances.ami;
    const std::string name = image_parameter(config.instances.image, architecture);
    auto id = NB_TRY_CONTEXT(read_parameter(name), "look up the newest image");
    if (id && id->starts_with("ami-")) return *std::move(id);
    return fail(ErrorKind::not_found,
                fmt::format("no image: the public parameter {} does not exist in this region", name),
                "set instances.ami, or another instances.image");
}

tl::unexpected<Error> unfit(const std::string& id, std::string_view why, std::string hint) {
    return fail(ErrorKind::invalid_input, fmt::format("image {} {}", id, why), std::move(hint));
}

unsigned root_gib(const Xml& image, const std::string& device) {
    unsigned size = 0;
    for (const Xml* mapping : image.all("blockDeviceMapping/item")) {
        const auto text = mapping->text_at("ebs/volumeSize");
        if (mapping->text_at("deviceName") == device) std::from_chars(text.data(), text.data() + text.size(), size);
    }
    return size;
}

}  // namespace

Result<ChosenImage> choose_image(const CloudView& view, const Config& config, const ReadParameter& read_parameter) {
    const auto& instances = config.instances;
    const Architecture architecture = architecture_of(instances.control_plane_type);
    const std::string id = NB_TRY(image_id(config, architecture, read_parameter));
    const auto answer = NB_TRY(view.ask(
        {.action = "DescribeImages", .parameters = {{"ImageId.1", id}}, .items = "imagesSet/item", .topic = "image"}));
    if (answer->empty())
        return unfit(id, "does not exist in this region, or is not shared with this account", "check instances.ami");
    const Xml& image = answer->front();
    const std::string_view wanted = architecture == Architecture::arm64 ? "arm64" : "x86_64";
    if (image.text_at("architecture") != wanted)
        return unfit(id,
                     fmt::format("is for {}, and {} needs {}", image.text_at("architecture"),
                                 instances.control_plane_type, wanted),
                     "choose another instances.ami or another instance type");
    if (const auto state = image.text_at("imageState"); state != "available")
        return unfit(id, fmt::format("is {}", state), "wait until it is available, or choose another instances.ami");
    ChosenImage chosen{id, image.text_at("name"), image.text_at("rootDeviceName")};
    if (const unsigned size = root_gib(image, chosen.root_device); size > instances.volume_gib)
        return unfit(id, fmt::format("needs a root volume of {} GiB", size),
                     fmt::format("instances.volume_gib is {}", instances.volume_gib));
    return chosen;
}

}  // namespace nodeboot
