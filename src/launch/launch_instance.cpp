#include "base/encoding.hpp"
#include "launch/faults.hpp"
#include "launch/instances.hpp"

namespace nodeboot {
namespace {

// IAM says so of what it made a moment ago; EC2 takes up to two minutes to believe it.
constexpr auto profile_accepted_within = std::chrono::minutes(2);
constexpr auto visible_within = std::chrono::seconds(90);
constexpr std::size_t most_generations = 20;

ApiCall run_instances(const Config& config, const Ref& ref, const StartFrom& start, const Ref& subnet) {
    const bool control_plane = ref == parts::control_plane;
    const Tags tags = tags_of(config, ref.name, control_plane ? "control-plane" : "worker");
    Parameters parameters{
        {"ImageId", start.image},
        {"InstanceType", control_plane ? config.instances.control_plane_type : config.instances.worker_type},
        {"MinCount", "1"},
        {"MaxCount", "1"},
        {"NetworkInterface.1.DeviceIndex", "0"},
        {"NetworkInterface.1.SubnetId", subnet},
        {"NetworkInterface.1.SecurityGroupId.1", control_plane ? parts::control_plane_group : parts::worker_group},
        {"NetworkInterface.1.AssociatePublicIpAddress", control_plane ? "true" : "false"},
        {"NetworkInterface.1.DeleteOnTermination", "true"},
        {"BlockDeviceMapping.1.DeviceName", start.root_device},
        {"BlockDeviceMapping.1.Ebs.VolumeSize", config.instances.volume_gib},
        {"BlockDeviceMapping.1.Ebs.VolumeType", "gp3"},
        {"BlockDeviceMapping.1.Ebs.Encrypted", "true"},
        {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"},
        // A pod is one hop further away, so that none gets the node's role.
        {"MetadataOptions.HttpEndpoint", "enabled"},
        {"MetadataOptions.HttpTokens", "required"},
        {"MetadataOptions.HttpPutResponseHopLimit", "1"},
        // Where the account's default is "enabled", EC2 refuses tags whose keys hold a '/', as ours do.
        {"MetadataOptions.InstanceMetadataTags", "disabled"},
        {"IamInstanceProfile.Name", start.profile},
        {"UserData", base64_encode(start.user_data)},
    };
    if (!start.key_pair.empty()) parameters.emplace_back("KeyName", start.key_pair);
    unsigned n = 0;
    for (const Kind kind : {Kind::instance, Kind::volume, Kind::network_interface})
        add_tag_specification(parameters, ++n, kind, tags);
    return {.action = "RunInstances",
            .parameters = std::move(parameters),
            .makes = ref,
            .generation = "",
            .topics = {topic_of(Kind::volume), topic_of(Kind::network_interface)}};
}

/// One instance on its way, through everything that RunInstances may answer.
class Launch {
   public:
    Launch(CloudContext& context, const Config& config, const Ref& ref, const StartFrom& start,
           std::vector<Ref> subnets)
        : context_(context), config_(config), ref_(ref), start_(start), subnets_(std::move(subnets)) {}

    Result<void> run() {
        auto& step = context_.step;
        const auto since = step.clock.steady();
        const auto profile_by = Deadline::after(step.clock, profile_accepted_within).sooner_of(step.deadline);
        const auto visible_by = Deadline::after(step.clock, visible_within).sooner_of(step.deadline);
        for (;;) {
            ApiCall call = run_instances(config_, ref_, start_, subnets_[subnet_]);
            call.generation = generation_;
            auto answer = context_.cloud.call_once(call, step);
            if (!answer) {
                NB_CHECK(lost(answer.error()));
                if (found_) return {};
                continue;
            }
            if (const auto* xml = std::get_if<Xml>(&*answer)) {
                context_.cloud.remember_made(call, *xml);
                context_.cloud.forget(Kind::instance);  // a listing says more than this answer
                for (const auto& topic : call.topics) context_.cloud.forget(topic);
                return {};
            }
            const auto& fault = std::get<AwsFault>(*answer);
            if (is_capacity_fault(fault) && subnet_ + 1 < subnets_.size()) {
                step.progress(fmt::format("{} in {}; trying {}", fault.code, to_string(subnets_[subnet_]),
                                          to_string(subnets_[subnet_ + 1])));
                ++subnet_;
            } else if (fault.code.starts_with("Idempotent")) {
                NB_CHECK(next_generation(call, fault));
                if (found_) return {};
            } else if (is_unknown_profile(fault) && !profile_by.passed(step.clock)) {
                step.progress("waiting for EC2 to accept the instance profile");
                NB_CHECK(pause(step, since));
            } else if (judge(call, fault) == Verdict::again && !visible_by.passed(step.clock)) {
                step.progress(fmt::format("{}: {}", call.action, fault.code));
                NB_CHECK(pause(step, since));
            } else if (is_capacity_fault(fault)) {
                return fail(no_capacity(call, fault));
            } else {
                return fail(explain(call, fault));
            }
        }
    }

   private:
    Error no_capacity(const ApiCall& call, const AwsFault& fault) const {
        Error error = explain(call, fault);
        std::string tried;
        for (const auto& subnet : subnets_) tried += (tried.empty() ? "" : ", ") + subnet.name;
        error.message += fmt::format(" (tried: {})", tried);
        if (ref_ == parts::control_plane)
            error.hint =
                "choose another instances.control_plane_type; or `cluster down`, then begin vpc.zones with "
                "another zone, which moves the public subnet";
        return error;
    }

    Result<void> look() {
        found_ = NB_TRY(context_.cloud.appears(ref_, context_.step)) != nullptr;
        return {};
    }

    Result<void> lost(const Error& error) {
        if (!is_no_answer(error) || context_.step.deadline.passed(context_.step.clock)) return fail(error);
        return look();
    }

    /// The token belongs to an instance that was terminated since, or was used for another one.
    Result<void> next_generation(const ApiCall& call, const AwsFault& fault) {
        NB_CHECK(look());
        generation_ += "+";
        if (generation_.size() > most_generations) return fail(explain(call, fault));
        return {};
    }

    CloudContext& context_;
    const Config& config_;
    const Ref& ref_;
    const StartFrom& start_;
    std::vector<Ref> subnets_;
    std::size_t subnet_ = 0;
    std::string generation_;
    bool found_ = false;
};

}  // namespace

Result<void> launch_instance(CloudContext& context, const Config& config, const Ref& ref, const StartFrom& start,
                             std::vector<Ref> subnets) {
    return Launch(context, config, ref, start, std::move(subnets)).run();
}

}  // namespace nodeboot
