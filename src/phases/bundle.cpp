#include "phases/bundle.hpp"

#include <fmt/core.h>
#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "bundle/check.hpp"
#include "phases/kubernetes_rpms.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr const char* unpack_dir = "/var/lib/nodeboot/bundle";
// What was installed from which file, {"/usr/bin/kubelet": {"sha256": "…", "modified": nanoseconds}}: files of two
// versions are often of one size (Go's programs grow by pages), and to hash all of them would take a look seconds.
// One file a kind, because each phase undoes its own.
Path installed_file(BundleKind kind) { return Path(unpack_dir) / fmt::format("installed-{}.json", to_string(kind)); }

std::int64_t nanoseconds(WallTime time) { return time.time_since_epoch().count(); }

/// Empty where there is none, or one that is no good: what it does not list is installed again.
Result<nlohmann::json> read_installed(const HostView& view, BundleKind kind) {
    const auto text = NB_TRY(view.read(installed_file(kind))).value_or("{}");
    auto installed = parse_json(text, installed_file(kind).string());
    return installed && installed->is_object() ? *std::move(installed) : nlohmann::json::object();
}

bool is_installed(const nlohmann::json& installed, const std::string& target, const FileInfo& info,
                  const BundleFile& file) {
    if (info.type != FileInfo::Type::file || info.size != file.size) return false;
    const auto* const modified = json_at(installed, {target, "modified"});
    return json_string(installed, {target, "sha256"}) == file.sha256 && modified != nullptr &&
           modified->is_number_integer() && *modified == nanoseconds(info.modified);
}

std::string machine_arch() {
    utsname names{};
    uname(&names);
    const std::string_view machine = names.machine;
    return machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64" : std::string(machine);
}

// "demo.tar.zst" → "demo"
std::string stem_of(const Path& archive) {
    std::string name = archive.filename();
    return name.substr(0, name.find(".tar"));
}

/// What is at the end of the links from `path`: `touch --reference` looks at that, and an archive may be replaced behind
/// its link as well as the link turned to another one.
Result<std::optional<FileInfo>> stat_through_links(const HostView& view, Path& path) {
    constexpr int most = 40;  // as the kernel: path_resolution(7)
    for (int links = 0; links <= most; ++links) {
        auto info = NB_TRY(view.stat(path));
        if (!info || info->type != FileInfo::Type::symlink) return info;
        path = path.parent_path() / info->target;  // which is the target where that is absolute
    }
    return fail(ErrorKind::io, fmt::format("too many links on the way to {}", path.string()));
}

class BundlePhase final : public NodePhase {
   public:
    BundlePhase(const NodeServices& services, std::shared_ptr<const Bundle> bundle)
        : services_(services), bundle_(std::move(bundle)) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        const auto& config = services_.config;
        const bool used =
            config.kubernetes.source == Source::bundle || config.containerd.source == ContainerdSource::bundle;
        if (!used) return changes;
        Path end = config.kubernetes.bundle;
        const auto source = NB_TRY_CONTEXT(stat_through_links(view, end), "kubernetes.bundle");
        if (!source)
            return fail(ErrorKind::not_found,
                        fmt::format("kubernetes.bundle: {}{} does not exist", config.kubernetes.bundle,
                                    end == config.kubernetes.bundle ? std::string()
                                                                    : " is a link to " + end.string() + ", which"),
                        "put the bundle there, or name another place");
        const auto unpacked = NB_TRY(view.stat(bundle_->folder()));
        if (!bundle_->is_archive() || (unpacked && unpacked->modified == source->modified)) {
            NB_CHECK(check_version(view));
            return changes;
        }
        changes.push_back({config.kubernetes.bundle, unpacked ? "another one is unpacked" : "packed", "unpacked",
                           Procedure{"unpack", {config.kubernetes.bundle}, [this](ActionContext& context) {
                                         return unpack(context);
                                     }}});
        return changes;
    }

    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_absent(changes, view, unpack_dir));
        return changes;
    }

   private:
    // Before anything comes from it: containerd and kubeadm are told of images by kubernetes.version, and would look for
    // others than the bundle has.
    Result<void> check_version(const HostView& view) const {
        const auto& wanted = services_.config.kubernetes;
        if (wanted.source != Source::bundle) return {};
        const auto manifest = bundle_->manifest(view);  // one that is no good is said where files are taken from it
        if (!manifest || !*manifest || suits((*manifest)->kubernetes, wanted.version)) return {};
        return fail(ErrorKind::refused,
                    fmt::format("the bundle {} holds Kubernetes {}, but kubernetes.version is {}", wanted.bundle,
                                (*manifest)->kubernetes.text(), wanted.version.text()),
                    fmt::format("set kubernetes.version to \"{}\", or name a bundle of {} (`nodeboot bundle create`)",
                                (*manifest)->kubernetes.minor_text(), wanted.version.text()));
    }

    // Unpacked beside its place and renamed, so that a folder that is there is a whole one. It bears the archive's time,
    // so that another archive under the same name is noticed.
    Result<void> unpack(ActionContext& context) const {
        Host& host = context.host;
        const Path target = bundle_->folder();
        const Path half = target.string() + ".half";
        NB_CHECK(host.remove(half));
        NB_CHECK(host.make_directory(half, {0700, 0, 0}));
        NB_CHECK(run_checked(host, {.argv = {"tar", "--extract", "--no-same-owner", "--file",
                                             services_.config.kubernetes.bundle, "--directory", half.string()},
                                    .timeout = std::chrono::minutes(10)}));
        NB_CHECK(
            run_checked(host, {.argv = {"touch", "--reference=" + services_.config.kubernetes.bundle, half.string()}}));
        NB_CHECK(host.remove(target));
        NB_CHECK(run_checked(host, {.argv = {"mv", "--no-target-directory", half.string(), target.string()}}));
        return {};
    }

    const NodeServices& services_;
    std::shared_ptr<const Bundle> bundle_;
    PhaseInfo info_{"bundle", "the bundle that software is installed from", {"preflight"}, std::chrono::minutes(15)};
};

}  // namespace

bool Bundle::is_archive() const { return Path(source_).filename().string().find(".tar") != std::string::npos; }

Path Bundle::folder() const { return is_archive() ? Path(unpack_dir) / stem_of(source_) : Path(source_); }

Result<std::optional<BundleManifest>> Bundle::manifest(const HostView& view) const {
    const auto text = NB_TRY(view.read(folder() / "manifest.json"));
    if (!text) return std::optional<BundleManifest>{};
    return std::optional(NB_TRY_CONTEXT(parse_bundle_manifest(*text), folder().string()));
}

Result<BundleManifest> Bundle::verified(ActionContext& context) const {
    const std::lock_guard lock(mutex_);
    if (verified_) return *verified_;
    const auto manifest = NB_TRY(read_bundle_manifest(folder()));
    if (manifest.arch != machine_arch())
        return fail(ErrorKind::invalid_input,
                    fmt::format("the bundle {} is for {}, this machine is {}", source_, manifest.arch, machine_arch()),
                    fmt::format("make one for it: `nodeboot bundle create --arch {}`", machine_arch()));
    const auto checked = check_bundle(
        folder(), manifest, [&](std::string_view path) { context.step.progress(fmt::format("checking {}", path)); });
    if (!checked) {
        // What was unpacked may be worse than its archive (power lost before it reached the disk): the next run unpacks
        // it again.
        if (is_archive()) NB_CHECK(context.host.remove(folder()));
        return fail(checked.error());
    }
    verified_ = manifest;
    return manifest;
}

namespace {
// flannel's pod copies its own over it whenever it starts (kube-flannel.yml, install-cni-plugin): to compare it with the
// bundle's would be to undo that at each run.
constexpr const char* flannel_plugin = "/opt/cni/bin/flannel";
}  // namespace

Result<void> Bundle::want_installed(std::vector<NodeChange>& changes, const HostView& view, BundleKind kind) const {
    const auto found = NB_TRY(manifest(view));
    if (!found) {
        changes.push_back({fmt::format("{} from the bundle", to_string(kind)), "absent", "installed",
                           Procedure{"install from bundle",
                                     {std::string(to_string(kind))},
                                     [this, kind](ActionContext& context) -> Result<void> {
                                         for (const auto& file : NB_TRY(verified(context)).files)
                                             if (file.kind == kind) NB_CHECK(install(context, file));
                                         return {};
                                     }}});
        return {};
    }
    const auto installed = NB_TRY(read_installed(view, kind));
    for (const auto& file : found->files) {
        if (file.kind != kind) continue;
        const std::string target = *install_path(file);
        const auto info = NB_TRY(view.stat(target));
        if (info && target == flannel_plugin) continue;
        // The digest is checked on the way in (verified).
        if (info && is_installed(installed, target, *info, file)) {
            NB_CHECK(want_attributes(changes, target, *info, {file.mode, 0, 0}));
            continue;
        }
        changes.push_back({target, info ? fmt::format("another file of {} bytes", info->size) : "absent",
                           "the bundle's",
                           Procedure{"install", {target}, [this, file](ActionContext& context) -> Result<void> {
                                         NB_CHECK(verified(context));
                                         return install(context, file);
                                     }}});
    }
    return {};
}

Result<void> Bundle::want_removed(std::vector<NodeChange>& changes, const HostView& view, BundleKind kind) const {
    if (source_.empty()) return {};
    const auto found = NB_TRY(manifest(view));
    if (!found) return {};
    for (const auto& file : found->files) {
        if (file.kind != kind) continue;
        const std::string target = *install_path(file);
        const auto info = NB_TRY(view.stat(target));
        if (info && info->type == FileInfo::Type::file && info->size == file.size)
            changes.push_back({target, "from the bundle", "absent", RemovePath{target}});
    }
    NB_CHECK(want_absent(changes, view, installed_file(kind)));
    return want_no_empty_folder(changes, view, unpack_dir);
}

Result<void> Bundle::install(ActionContext& context, const BundleFile& file) const {
    const std::string target = *install_path(file);
    NB_CHECK(context.host.copy(folder() / file.path, target, {file.mode, 0, 0}));
    const auto info = NB_TRY(context.host.stat(target));
    if (!info) return fail(ErrorKind::io, fmt::format("{} is gone that was installed just now", target));
    auto installed = NB_TRY(read_installed(context.host, file.kind));
    installed[target] = {{"sha256", file.sha256}, {"modified", nanoseconds(info->modified)}};
    return context.host.write(installed_file(file.kind), installed.dump(1) + "\n", {0600, 0, 0});
}

std::shared_ptr<const NodePhase> make_bundle_phase(const NodeServices& services, std::shared_ptr<const Bundle> bundle) {
    return std::make_shared<BundlePhase>(services, std::move(bundle));
}

}  // namespace nodeboot
