#include "system/cri_client.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "system/grpc.hpp"
#include "system/protobuf.hpp"

namespace nodeboot {
namespace {

// Field numbers: k8s.io/cri-api/pkg/apis/runtime/v1/api.proto.

constexpr Duration answer_within = std::chrono::seconds(10);

tl::unexpected<Error> malformed(std::string_view what) {
    return fail(ErrorKind::corrupted, fmt::format("the container runtime sent a malformed {}", what));
}

ErrorKind kind_of(unsigned status) {
    switch (status) {
        case GrpcReply::invalid_argument: return ErrorKind::invalid_input;
        case GrpcReply::deadline_exceeded: return ErrorKind::timeout;
        case GrpcReply::not_found: return ErrorKind::not_found;
        case GrpcReply::permission_denied:
        case GrpcReply::unauthenticated: return ErrorKind::permission;
        case GrpcReply::resource_exhausted:
        case GrpcReply::unavailable:
        case GrpcReply::cancelled: return ErrorKind::unavailable;
        case GrpcReply::failed_precondition:
        case GrpcReply::unimplemented: return ErrorKind::conflict;
        default: return ErrorKind::io;
    }
}

Error refusal(const std::string& method, const GrpcReply& reply) {
    Error error{
        kind_of(reply.status), fmt::format("the container runtime refuses {}: {}", method, reply.message), {}, {}};
    if (reply.status == GrpcReply::unimplemented)
        error.hint = "containerd runs without its CRI plugin: look at disabled_plugins in /etc/containerd/config.toml";
    return error;
}

// RuntimeStatus: conditions = 1; RuntimeCondition: type = 1, status = 2, reason = 3, message = 4.
bool read_conditions(std::string_view message, CriStatus& status) {
    ProtoReader reader(message);
    while (reader.next()) {
        if (reader.field() != 1) continue;
        ProtoReader condition(reader.bytes());
        std::string type, text;
        bool met = false;
        while (condition.next()) {
            if (condition.field() == 1) type = condition.bytes();
            if (condition.field() == 2) met = condition.number() != 0;
            if (condition.field() == 4) text = condition.bytes();
        }
        if (!condition.ok()) return false;
        if (type == "RuntimeReady") status.runtime_ready = met;
        if (type == "NetworkReady") {
            status.network_ready = met;
            status.network_message = text;
        }
    }
    return reader.ok();
}

// The verbose config is containerd's own JSON, not part of CRI. 1.x: sandboxImage and the runtimes' options.
// 2.x: the same place for the runtimes (the driver in force is asked by RuntimeConfig), the sandbox image has moved to
// the image plugin, which shows its config nowhere.
void read_config(std::string_view text, CriStatus& status) {
    const auto config = nlohmann::json::parse(text, nullptr, false);
    auto below = [](const nlohmann::json& at, const char* key) -> const nlohmann::json& {
        static const nlohmann::json nothing;
        const auto it = at.is_object() ? at.find(key) : at.end();
        return at.is_object() && it != at.end() ? *it : nothing;
    };
    if (const auto& image = below(config, "sandboxImage"); image.is_string()) status.sandbox_image = image;
    const auto& containerd = below(config, "containerd");
    const auto& name = below(containerd, "defaultRuntimeName");
    const std::string runtime =
        name.is_string() && !name.get_ref<const std::string&>().empty() ? name.get<std::string>() : "runc";
    const auto& chosen = below(below(containerd, "runtimes"), runtime.c_str());
    if (!chosen.is_object()) return;
    const auto& systemd = below(below(chosen, "options"), "SystemdCgroup");
    status.systemd_cgroup = systemd.is_boolean() && systemd.get<bool>();  // absent: cgroupfs
}

// StatusResponse: status = 1, info = 2 (a map: key = 1, value = 2).
bool read_status(std::string_view message, CriStatus& status) {
    ProtoReader reader(message);
    while (reader.next()) {
        if (reader.field() == 1 && !read_conditions(reader.bytes(), status)) return false;
        if (reader.field() != 2) continue;
        ProtoReader entry(reader.bytes());
        std::string_view key, value;
        while (entry.next()) (entry.field() == 1 ? key : value) = entry.bytes();
        if (!entry.ok()) return false;
        if (key == "config") read_config(value, status);
    }
    return reader.ok();
}

}  // namespace

Result<std::string> CriClient::ask(const std::string& method, std::string request, Duration timeout) const {
    auto reply = NB_TRY(grpc_call({.socket = socket_,
                                   .method = "/runtime.v1." + method,
                                   .request = std::move(request),
                                   .timeout = timeout,
                                   .stop = stop_}));
    if (reply.status != GrpcReply::ok) return fail(refusal(method, reply));
    return std::move(reply.body);
}

Result<CriStatus> CriClient::status() const {
    CriStatus status;
    const auto version = NB_TRY(ask("RuntimeService/Version", "", answer_within));
    ProtoReader reader(version);  // runtime_name = 2, runtime_version = 3
    while (reader.next()) {
        if (reader.field() == 2) status.runtime_name = reader.bytes();
        if (reader.field() == 3) status.runtime_version = reader.bytes();
    }
    if (!reader.ok()) return malformed("VersionResponse");
    const auto verbose = ProtoWriter().add_flag(1, true).take();
    if (!read_status(NB_TRY(ask("RuntimeService/Status", verbose, answer_within)), status))
        return malformed("StatusResponse");
    if (const auto driver = NB_TRY(cgroup_driver_in_force())) status.systemd_cgroup = driver;
    return status;
}

// RuntimeConfigResponse: linux = 1; LinuxRuntimeConfiguration: cgroup_driver = 1 (SYSTEMD = 0, CGROUPFS = 1).
Result<std::optional<bool>> CriClient::cgroup_driver_in_force() const {
    const auto reply = NB_TRY(grpc_call({.socket = socket_,
                                         .method = "/runtime.v1.RuntimeService/RuntimeConfig",
                                         .timeout = answer_within,
                                         .stop = stop_}));
    if (reply.status == GrpcReply::unimplemented) return std::nullopt;  // containerd 1.x
    if (reply.status != GrpcReply::ok) return fail(refusal("RuntimeService/RuntimeConfig", reply));
    std::optional<bool> systemd;
    ProtoReader reader(reply.body);
    while (reader.next()) {
        if (reader.field() != 1) continue;
        systemd = true;  // proto3 leaves out what is 0
        ProtoReader linux_config(reader.bytes());
        while (linux_config.next())
            if (linux_config.field() == 1) systemd = linux_config.number() == 0;
        if (!linux_config.ok()) return malformed("RuntimeConfigResponse");
    }
    if (!reader.ok()) return malformed("RuntimeConfigResponse");
    return systemd;
}

// ListImagesResponse: images = 1; Image: repo_tags = 2, repo_digests = 3.
Result<std::vector<std::string>> CriClient::images() const {
    std::vector<std::string> names;
    const auto body = NB_TRY(ask("ImageService/ListImages", "", answer_within));
    ProtoReader reader(body);
    while (reader.next()) {
        if (reader.field() != 1) continue;
        ProtoReader image(reader.bytes());
        while (image.next())
            if (image.field() == 2 || image.field() == 3) names.emplace_back(image.bytes());
        if (!image.ok()) return malformed("ListImagesResponse");
    }
    if (!reader.ok()) return malformed("ListImagesResponse");
    return names;
}

// PullImageRequest: image = 1; ImageSpec: image = 1.
Result<void> CriClient::pull(const std::string& reference, Duration timeout) {
    const auto image = ProtoWriter().add(1, reference).take();
    const auto reply = NB_TRY_CONTEXT(grpc_call({.socket = socket_,
                                                 .method = "/runtime.v1.ImageService/PullImage",
                                                 .request = ProtoWriter().add(1, image).take(),
                                                 .timeout = timeout,
                                                 .stop = stop_}),
                                      fmt::format("pulling {}", reference));
    if (reply.status == GrpcReply::ok) return {};
    return fail(classify_pull_failure(reply.status, reply.message),
                fmt::format("cannot pull {}: {}", reference, reply.message));
}

// ListPodSandboxResponse: items = 1; PodSandbox: id = 1.
Result<std::vector<std::string>> CriClient::sandboxes() const {
    std::vector<std::string> ids;
    const auto body = NB_TRY(ask("RuntimeService/ListPodSandbox", "", answer_within));
    ProtoReader reader(body);
    while (reader.next()) {
        if (reader.field() != 1) continue;
        ProtoReader sandbox(reader.bytes());
        while (sandbox.next())
            if (sandbox.field() == 1) ids.emplace_back(sandbox.bytes());
        if (!sandbox.ok()) return malformed("ListPodSandboxResponse");
    }
    if (!reader.ok()) return malformed("ListPodSandboxResponse");
    return ids;
}

// StopPodSandboxRequest and RemovePodSandboxRequest: pod_sandbox_id = 1. Stopping gives containers their grace period.
Result<void> CriClient::remove_sandbox(const std::string& id) {
    for (const auto* method : {"RuntimeService/StopPodSandbox", "RuntimeService/RemovePodSandbox"}) {
        const auto done = ask(method, ProtoWriter().add(1, id).take(), std::chrono::minutes(2));
        if (!done && done.error().kind != ErrorKind::not_found) return fail(done.error());  // gone is what was wanted
    }
    return {};
}

ErrorKind classify_pull_failure(unsigned grpc_status, std::string_view message) {
    auto says_one_of = [&](std::initializer_list<std::string_view> texts) {
        return std::any_of(texts.begin(), texts.end(),
                           [&](std::string_view text) { return message.find(text) != std::string_view::npos; });
    };
    if (says_one_of({"no space left on device"})) return ErrorKind::io;
    // Go's net and net/http, and containerd's resolver ("unexpected status from HEAD request to …: 503 …"). A
    // certificate may be "not yet valid" because the clock has not been set yet.
    if (says_one_of({"dial tcp",
                     "name resolution",
                     "no such host",
                     "server misbehaving",
                     "i/o timeout",
                     "connection refused",
                     "connection reset",
                     "network is unreachable",
                     "no route to host",
                     "TLS handshake timeout",
                     "unexpected EOF",
                     ": EOF",
                     "context deadline exceeded",
                     "Client.Timeout exceeded",
                     "broken pipe",
                     "not yet valid",
                     "429 Too Many Requests",
                     "toomanyrequests",
                     "500 Internal Server Error",
                     "502 Bad Gateway",
                     "503 Service Unavailable",
                     "504 Gateway"}))
        return ErrorKind::unavailable;
    if (says_one_of({"401 Unauthorized", "403 Forbidden", "authorization failed", "insufficient_scope"}))
        return ErrorKind::permission;
    if (grpc_status != GrpcReply::unknown) return kind_of(grpc_status);
    return says_one_of({": not found"}) ? ErrorKind::not_found : ErrorKind::io;
}

}  // namespace nodeboot
