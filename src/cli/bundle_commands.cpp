#include "cli/bundle_commands.hpp"

#include <fmt/core.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include <optional>

#include "bundle/check.hpp"
#include "bundle/create.hpp"
#include "cli/report_json.hpp"
#include "cli/signals.hpp"

namespace nodeboot::cli {
namespace {

std::string own_arch() {
    utsname names{};
    ::uname(&names);
    return std::string_view(names.machine) == "aarch64" ? "arm64" : "amd64";
}

/// A minor version means its newest patch, which the project publishes as one line of text.
Result<Version> exact_version(Fetcher& fetcher, const Version& wanted) {
    if (wanted.patch) return wanted;
    const std::string url = fmt::format("https://dl.k8s.io/release/stable-{}.txt", wanted.minor_text());
    std::string text = NB_TRY_CONTEXT(fetcher.text(url), fmt::format("looking for the newest {}", wanted.minor_text()));
    text.erase(text.find_last_not_of(" \n\r") + 1);
    return NB_TRY_CONTEXT(parse_version(text), url);
}

std::vector<std::string> further_images(const Config& config, const std::vector<std::string>& asked) {
    std::vector<std::string> images = asked;
    if (config.flannel.enabled) images.insert(images.end(), {config.flannel.image, config.flannel.cni_image});
    return images;
}

FetchOptions fetch_options(const Invocation::Bundle& bundle, std::stop_token stop) {
    FetchOptions options{.mirror = bundle.mirror, .registry_mirrors = {}, .stop = std::move(stop)};
    for (const auto& mirror : bundle.registry_mirrors)
        options.registry_mirrors[mirror.substr(0, mirror.find('='))] = mirror.substr(mirror.find('=') + 1);
    return options;
}

Result<BundleManifest> create(Session& session) {
    const auto& asked = session.invocation().bundle;
    auto& around = session.surroundings();
    const Config config = NB_TRY(session.load_config());
    const auto http = around.make_http(config);
    Fetcher fetcher(*http, around.clock, session.log(), fetch_options(asked, around.stop.get_token()));
    BundleCreateOptions options;
    options.kubernetes = asked.kubernetes.empty() ? config.kubernetes.version : NB_TRY(parse_version(asked.kubernetes));
    options.kubernetes = NB_TRY(exact_version(fetcher, options.kubernetes));
    options.arch = asked.arch.empty() ? own_arch() : asked.arch;
    options.output = asked.path;
    options.image_repository = config.kubernetes.image_repository;
    options.further_images = further_images(config, asked.images);
    if (!asked.containerd.empty()) options.containerd = NB_TRY(parse_version(asked.containerd));
    session.log().info(
        fmt::format("making a bundle of Kubernetes v{} for {}", options.kubernetes.text(), options.arch));
    return create_bundle(fetcher, around.host, session.log(), options);
}

/// A folder that goes away again.
class Scratch {
   public:
    static Result<Scratch> make() {
        std::string pattern = (std::filesystem::temp_directory_path() / "nodeboot-bundle-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) return fail(ErrorKind::io, "cannot make a folder like " + pattern);
        return Scratch(pattern);
    }
    Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    Scratch& operator=(Scratch&&) = delete;
    ~Scratch() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    const std::filesystem::path& path() const { return path_; }

   private:
    explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

Result<BundleManifest> verify_folder(Session& session, const std::filesystem::path& folder) {
    auto manifest = NB_TRY(read_bundle_manifest(folder));
    const auto& log = session.log();
    NB_CHECK(
        check_bundle(folder, manifest, [&](std::string_view path) { log.debug(fmt::format("checking {}", path)); }));
    return manifest;
}

Result<BundleManifest> verify(Session& session) {
    const std::filesystem::path path = session.invocation().bundle.path;
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        return fail(ErrorKind::not_found, fmt::format("there is no {}", path.string()));
    if (std::filesystem::is_directory(path, error)) return verify_folder(session, path);
    const auto scratch = NB_TRY(Scratch::make());
    NB_CHECK(run_checked(session.surroundings().host, {.argv = {"tar", "-xf", std::filesystem::absolute(path).string(),
                                                                "-C", scratch.path().string(), "--no-same-owner"},
                                                       .timeout = std::chrono::minutes(10)}));
    return verify_folder(session, scratch.path());
}

ExitCode report(Session& session, const Result<BundleManifest>& manifest, std::string_view what) {
    if (!manifest) return session.fail_with(manifest.error());
    if (session.json()) {
        session.out(bundle_json(session.command(), session.invocation().bundle.path, *manifest));
        return exit_ok;
    }
    std::uint64_t bytes = 0;
    for (const auto& file : manifest->files) bytes += file.size;
    session.out(fmt::format("{}: Kubernetes v{} for {}{}, {} files, {:.1f} MiB, {}.\n",
                            session.invocation().bundle.path, manifest->kubernetes.text(), manifest->arch,
                            manifest->standin ? " (a stand-in for tests)" : "", manifest->files.size(),
                            static_cast<double>(bytes) / 1048576.0, what));
    return exit_ok;
}

}  // namespace

ExitCode bundle_create(Session& session) {
    std::optional<StopOnSignal> signals;
    if (session.surroundings().catch_signals) signals.emplace(session.surroundings().stop, std::function<void()>());
    return report(session, create(session), "each checked against its published checksum");
}

ExitCode bundle_verify(Session& session) {
    return report(session, verify(session), "each as the manifest says and none besides");
}

}  // namespace nodeboot::cli
