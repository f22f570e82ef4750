#include "phases/kubeadm_remains.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/lines.hpp"
#include "base/yaml.hpp"
#include "phases/kubeadm.hpp"
#include "phases/kubelet_flags.hpp"

namespace nodeboot {
namespace {

constexpr const char* pki_dir = "/etc/kubernetes/pki";
constexpr const char* etcd_dir = "/var/lib/etcd";
constexpr const char* etcd_manifest = "/etc/kubernetes/manifests/etcd.yaml";
/// kubeadm reset empties the folder that --cert-dir names; this one is never there.
constexpr const char* no_certificates = "/run/nodeboot-no-certificates";

// In the order in which kubeadm makes them.
constexpr const char* credentials_of_init[] = {
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/sa.key",
    admin_conf,
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
    kubelet_conf,
};
constexpr const char* begun_by_init[] = {
    kubelet_config,
    etcd_manifest,
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/etc/kubernetes/manifests/kube-controller-manager.yaml",
    "/etc/kubernetes/manifests/kube-scheduler.yaml",
};
constexpr const char* kubeconfigs[] = {
    admin_conf,
    "/etc/kubernetes/super-admin.conf",
    "/etc/kubernetes/controller-manager.conf",
    "/etc/kubernetes/scheduler.conf",
    kubelet_conf,
};

bool is_folder(const std::optional<FileInfo>& info) { return info && info->type == FileInfo::Type::directory; }

Result<void> add_files_below(std::vector<std::string>& files, const HostView& view, const Path& folder) {
    for (const auto& name : NB_TRY(view.list(folder))) {
        const Path path = folder / name;
        if (is_folder(NB_TRY(view.stat(path))))
            NB_CHECK(add_files_below(files, view, path));
        else
            files.push_back(path.string());
    }
    return {};
}

/// Where the static pod keeps etcd's data; empty when there is no such pod or its file is torn.
Result<std::string> etcd_folder_of_manifest(const HostView& view) {
    const auto text = NB_TRY(view.read(etcd_manifest));
    if (!text) return std::string();
    auto documents = parse_yaml(*text);
    if (!documents || documents->empty()) return std::string();
    auto* const volumes = yaml_at(documents->front(), {"spec", "volumes"});
    if (volumes == nullptr || !volumes->is_array()) return std::string();
    for (auto& volume : *volumes) {
        const auto *const name = yaml_at(volume, {"name"}), *const path = yaml_at(volume, {"hostPath", "path"});
        if (name != nullptr && *name == "etcd-data")
            return path != nullptr && path->is_string() ? path->get<std::string>() : std::string();
    }
    return std::string();
}

/// The lines of the mark that are paths.
std::vector<std::string> given_of(std::string_view mark) {
    std::vector<std::string> given;
    for (const auto line : lines_of(mark))
        if (line.starts_with('/')) given.emplace_back(line);
    return given;
}

bool contains(const std::vector<std::string>& list, std::string_view one) {
    return std::find(list.begin(), list.end(), one) != list.end();
}

Result<void> refuse_what_nodeboot_did_not_begin(const ControlPlaneRemains& remains) {
    if (!remains.begun) return {};
    auto present = remains.present;
    if (remains.etcd_data) present.emplace_back(etcd_member_dir);
    return fail(ErrorKind::refused,
                fmt::format("a control plane, or a part of one, is here that nodeboot did not begin, or has finished: "
                            "there is {}; missing or empty: {}. Nothing of it is touched",
                            join(present, ", "), join(remains.missing, ", ")),
                "put back what is missing (`kubeadm init phase kubeconfig all`, for example, makes kubeconfigs anew); "
                "or, to give up the cluster and all its data, `nodeboot node reset`, then `nodeboot node up`");
}

Result<void> refuse_to_lose_what_came_since(const HostView& view, const ControlPlaneRemains& remains) {
    const std::string folder = NB_TRY(etcd_folder_of_manifest(view));
    if (!folder.empty() && folder != etcd_dir)
        return fail(ErrorKind::refused,
                    fmt::format("`kubeadm init` did not end here, and {} keeps etcd's data in {} since; going on with "
                                "init would put it back to {}",
                                etcd_manifest, folder, etcd_dir),
                    fmt::format("if this control plane works, remove {}", kubeadm_init_unfinished));
    if (remains.etcd_data || !NB_TRY(init_left_something(view, remains))) return {};  // nothing will be removed
    for (const auto& name : NB_TRY(view.list(etcd_dir)))
        if (name != ".touch" && name != "member")  // etcd tests whether it may write; it may begin at this moment
            return fail(ErrorKind::refused,
                        fmt::format("an interrupted `kubeadm init` is to be cleared, and {}/{} is not of its making",
                                    etcd_dir, name),
                        "move it to another folder, or back to where it was");
    for (const char* path : kubeconfigs)
        if (contains(remains.given, path))
            return fail(ErrorKind::refused,
                        fmt::format("an interrupted `kubeadm init` is to be cleared, and {} was there before it: "
                                    "`kubeadm reset` would remove it",
                                    path),
                        fmt::format("keep a copy of your kubeconfigs and of {}, run `nodeboot node reset`, bring them "
                                    "again, then `nodeboot node up`",
                                    pki_dir));
    return {};
}

}  // namespace

Result<ControlPlaneRemains> look_for_control_plane(const HostView& view) {
    ControlPlaneRemains seen;
    const auto look = [&](const char* path) -> Result<bool> {
        const auto info = NB_TRY(view.stat(path));
        (info && info->size > 0 ? seen.present : seen.missing).emplace_back(path);
        return info.has_value();
    };
    for (const char* path : credentials_of_init) NB_TRY(look(path));
    for (const char* path : begun_by_init) seen.begun |= NB_TRY(look(path));
    seen.etcd_data = NB_TRY(view.stat(etcd_member_dir)).has_value();
    seen.begun |= seen.etcd_data;
    if (const auto mark = NB_TRY(view.read(kubeadm_init_unfinished))) {
        seen.interrupted = true;
        seen.given = given_of(*mark);
    }
    return seen;
}

Result<void> may_be_begun_upon(const HostView& view, const ControlPlaneRemains& remains) {
    return remains.interrupted ? refuse_to_lose_what_came_since(view, remains)
                               : refuse_what_nodeboot_did_not_begin(remains);
}

Result<std::vector<std::string>> credentials_there(const HostView& view) {
    std::vector<std::string> files;
    NB_CHECK(add_files_below(files, view, pki_dir));
    for (const char* path : kubeconfigs)
        if (NB_TRY(view.stat(path))) files.emplace_back(path);
    return files;
}

Result<bool> init_left_something(const HostView& view, const ControlPlaneRemains& remains) {
    if (remains.begun) return true;
    const auto there = NB_TRY(credentials_there(view));
    return std::any_of(there.begin(), there.end(), [&](const auto& path) { return !contains(remains.given, path); });
}

Result<void> clear_interrupted_init(ActionContext& context, const std::vector<std::string>& given) {
    std::vector<std::string> arguments{"reset", "--force", "--cri-socket", "unix:///run/containerd/containerd.sock"};
    if (!given.empty()) arguments.insert(arguments.end(), {"--cert-dir", no_certificates});
    NB_CHECK(run_kubeadm(context, std::move(arguments), std::chrono::minutes(3)));
    std::vector<std::string> certificates;
    NB_CHECK(add_files_below(certificates, context.host, pki_dir));
    for (const auto& path : certificates)
        if (!contains(given, path)) NB_CHECK(context.host.remove(path));
    return context.host.remove(Path(etcd_dir) / ".touch");
}

Result<void> mark_init_begun(Host& host, const std::vector<std::string>& given) {
    std::string text = "kubeadm init has begun; the next run of nodeboot resumes it. What was there before:\n";
    for (const auto& path : given) text += path + "\n";
    return host.write(kubeadm_init_unfinished, text, {0600, 0, 0});
}

Result<void> mark_init_ended(ActionContext& context) {
    // kubeadm does not sync what it writes (os.WriteFile). sync(1) with names leaves other files, such as images that
    // were just unpacked, to the kernel.
    std::vector<std::string> argv{"sync", pki_dir, "/etc/kubernetes/manifests"};
    NB_CHECK(add_files_below(argv, context.host, kubernetes_dir));
    for (const char* path : {kubelet_config, kubelet_flags_file, kubelet_instance_config})
        if (NB_TRY(context.host.stat(path))) argv.emplace_back(path);
    const auto synced = context.host.run({.argv = argv});
    if (!synced && synced.error().kind == ErrorKind::cancelled) return fail(synced.error());
    if (!synced || synced->exit_code != 0)
        context.step.log.warning("what kubeadm init wrote could not be brought to the disk at once: " +
                                 (synced ? synced->err : synced.error().text()));
    return context.host.remove(kubeadm_init_unfinished);
}

}  // namespace nodeboot
