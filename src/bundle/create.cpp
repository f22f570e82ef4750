#include "bundle/create.hpp"

#include <fmt/core.h>
#include <sys/utsname.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "bundle/registry.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

namespace fs = std::filesystem;

bool is_digest(std::string_view word) {
    return word.size() == 64 && std::all_of(word.begin(), word.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string own_arch() {
    utsname names{};
    uname(&names);
    return std::string_view(names.machine) == "aarch64" ? "arm64" : "amd64";
}

Result<void> make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return fail(ErrorKind::io, fmt::format("making {}: {}", path.string(), error.message()));
    return {};
}

class Creation {
   public:
    Creation(Fetcher& fetcher, Host& host, const Log& log, const BundleCreateOptions& options)
        : fetcher_(fetcher),
          host_(host),
          log_(log),
          options_(options),
          work_(options.output.string() + ".work"),
          folder_(work_ / "bundle") {}

    Result<BundleManifest> run() {
        std::error_code error;
        if (fs::exists(options_.output, error))
            return fail(ErrorKind::conflict, fmt::format("{} exists already", options_.output.string()),
                        "remove it, or choose another name");
        fs::remove_all(work_, error);
        auto made = make();
        fs::remove_all(work_, error);
        return made;
    }

   private:
    Result<BundleManifest> make() {
        NB_CHECK(make_folder(folder_));
        manifest_.kubernetes = options_.kubernetes;
        manifest_.arch = options_.arch;
        NB_CHECK(kubernetes());
        NB_CHECK(cni_plugins());
        NB_CHECK(crictl());
        if (options_.containerd) NB_CHECK(containerd());
        NB_CHECK(images());
        NB_CHECK(host_.write(fs::absolute(folder_) / "manifest.json", serialise(manifest_), {0644, 0, 0}));
        NB_CHECK(finish());
        return manifest_;
    }

    Result<std::string> checksum(const std::string& url, const std::string& name) {
        const std::string digest = published_sha256(NB_TRY(fetcher_.text(url)), name);
        if (!digest.empty()) return digest;
        return fail(ErrorKind::corrupted, fmt::format("{} holds no sha256 for {}", url, name));
    }

    Result<void> add(const fs::path& relative, BundleKind kind, std::uint32_t mode,
                     std::vector<std::string> refs = {}) {
        BundleFile file;
        file.path = relative.string();
        file.kind = kind;
        file.mode = mode;
        file.refs = std::move(refs);
        const fs::path path = folder_ / relative;
        file.sha256 = NB_TRY(sha256_file(path.string()));
        std::error_code error;
        file.size = fs::file_size(path, error);
        fs::permissions(path, static_cast<fs::perms>(mode), error);
        if (error) return fail(ErrorKind::io, fmt::format("{}: {}", path.string(), error.message()));
        manifest_.files.push_back(std::move(file));
        return {};
    }

    std::string kubernetes_url(const std::string& arch, const std::string& name) const {
        return fmt::format("https://dl.k8s.io/release/v{}/bin/linux/{}/{}", options_.kubernetes.text(), arch, name);
    }

    Result<void> kubernetes() {
        NB_CHECK(make_folder(folder_ / "bin"));
        for (const std::string name : {"kubeadm", "kubelet", "kubectl"}) {
            const std::string url = kubernetes_url(options_.arch, name);
            NB_CHECK(fetcher_.file(url, folder_ / "bin" / name, NB_TRY(checksum(url + ".sha256", name))));
            NB_CHECK(add(fs::path("bin") / name, BundleKind::binary, 0755));
        }
        return {};
    }

    Result<fs::path> unpacked(const std::string& url, const std::string& checksum_url, const std::string& name) {
        const fs::path archive = work_ / name, folder = work_ / (name + ".d");
        NB_CHECK(fetcher_.file(url, archive, NB_TRY(checksum(checksum_url, name))));
        NB_CHECK(make_folder(folder));
        NB_CHECK(run_checked(host_,
                             {.argv = {"tar", "--extract", "--no-same-owner", "--file", fs::absolute(archive).string(),
                                       "--directory", fs::absolute(folder).string()}}));
        return folder;
    }

    /// Every regular file below `from` into bundle/<to>.
    Result<void> take_all(const fs::path& from, const fs::path& to, BundleKind kind,
                          const std::set<std::string>& leave_out) {
        NB_CHECK(make_folder(folder_ / to));
        std::error_code error;
        std::vector<fs::path> found;
        for (const auto& entry : fs::recursive_directory_iterator(from, error))
            if (entry.is_regular_file(error) && !leave_out.contains(entry.path().filename()))
                found.push_back(entry.path());
        std::sort(found.begin(), found.end());
        for (const auto& path : found) {
            fs::rename(path, folder_ / to / path.filename(), error);
            if (error) return fail(ErrorKind::io, fmt::format("moving {}: {}", path.string(), error.message()));
            NB_CHECK(add(to / path.filename(), kind, 0755));
        }
        return {};
    }

    Result<void> cni_plugins() {
        const std::string version = options_.cni_plugins.text();
        const std::string name = fmt::format("cni-plugins-linux-{}-v{}.tgz", options_.arch, version);
        const std::string url =
            fmt::format("https://github.com/containernetworking/plugins/releases/download/v{}/{}", version, name);
        return take_all(NB_TRY(unpacked(url, url + ".sha256", name)), "cni", BundleKind::cni, {"LICENSE", "README.md"});
    }

    Result<void> crictl() {
        const std::string version = options_.crictl ? options_.crictl->text() : options_.kubernetes.minor_text() + ".0";
        const std::string name = fmt::format("crictl-v{}-linux-{}.tar.gz", version, options_.arch);
        const std::string url =
            fmt::format("https://github.com/kubernetes-sigs/cri-tools/releases/download/v{}/{}", version, name);
        return take_all(NB_TRY(unpacked(url, url + ".sha256", name)), "bin", BundleKind::binary, {});
    }

    Result<void> containerd() {
        const std::string version = options_.containerd->text();
        const std::string name = fmt::format("containerd-static-{}-linux-{}.tar.gz", version, options_.arch);
        const std::string url =
            fmt::format("https://github.com/containerd/containerd/releases/download/v{}/{}", version, name);
        NB_CHECK(take_all(NB_TRY(unpacked(url, url + ".sha256sum", name)), "containerd", BundleKind::containerd,
                          {"containerd-stress"}));
        const std::string runc =
            fmt::format("https://github.com/opencontainers/runc/releases/download/v{}/", options_.runc.text());
        const std::string file = "runc." + options_.arch;
        NB_CHECK(
            fetcher_.file(runc + file, folder_ / "containerd/runc", NB_TRY(checksum(runc + "runc.sha256sum", file))));
        return add("containerd/runc", BundleKind::containerd, 0755);
    }

    Result<std::vector<std::string>> image_list() {
        fs::path kubeadm = folder_ / "bin/kubeadm";
        if (options_.arch !=
            own_arch()) {  // another machine's kubeadm does not run here: its sister for this one answers the same
            kubeadm = work_ / "kubeadm";
            const std::string url = kubernetes_url(own_arch(), "kubeadm");
            NB_CHECK(fetcher_.file(url, kubeadm, NB_TRY(checksum(url + ".sha256", "kubeadm"))));
            std::error_code error;
            fs::permissions(kubeadm, fs::perms(0755), error);
        }
        const auto listed = NB_TRY(run_checked(
            host_, {.argv = {fs::absolute(kubeadm).string(), "config", "images", "list", "--kubernetes-version",
                             "v" + options_.kubernetes.text(), "--image-repository", options_.image_repository}}));
        std::vector<std::string> images;
        std::istringstream lines(listed.out);
        for (std::string line; std::getline(lines, line);)
            if (line.find('/') != std::string::npos && line.find(' ') == std::string::npos) images.push_back(line);
        if (images.empty()) return fail(ErrorKind::corrupted, "kubeadm config images list named no image");
        images.insert(images.end(), options_.further_images.begin(), options_.further_images.end());
        return images;
    }

    Result<void> images() {
        NB_CHECK(make_folder(folder_ / "images"));
        for (const auto& image : NB_TRY(image_list())) {
            log_.info("fetching " + image);
            std::string file = image;
            std::replace_if(
                file.begin(), file.end(), [](char c) { return c == '/' || c == ':' || c == '@'; }, '_');
            const fs::path layout = work_ / "image";
            std::error_code error;
            fs::remove_all(layout, error);
            NB_CHECK_CONTEXT(fetch_image(fetcher_, image, options_.arch, layout), image);
            NB_CHECK(pack(layout, folder_ / "images" / (file + ".tar")));
            NB_CHECK(add(fs::path("images") / (file + ".tar"), BundleKind::image, 0644, {normalised_image(image)}));
        }
        return {};
    }

    /// The same bytes for the same files: order, owner and times fixed.
    Result<void> pack(const fs::path& from, const fs::path& to) {
        NB_CHECK(
            run_checked(host_, {.argv = {"tar", "--create", "--auto-compress", "--sort=name", "--owner=0", "--group=0",
                                         "--numeric-owner", "--mtime=@0", "--file", fs::absolute(to).string(),
                                         "--directory", fs::absolute(from).string(), "."},
                                .timeout = std::chrono::minutes(20)}));
        return {};
    }

    Result<void> finish() {
        std::error_code error;
        const bool archive = options_.output.filename().string().find(".tar") != std::string::npos;
        if (archive) {
            // Packed under a name with the same ending, which chooses the compression.
            const fs::path packed = work_ / options_.output.filename();
            NB_CHECK(pack(folder_, packed));
            fs::rename(packed, options_.output, error);
        } else {
            fs::rename(folder_, options_.output, error);
        }
        if (error)
            return fail(ErrorKind::io, fmt::format("renaming to {}: {}", options_.output.string(), error.message()));
        return {};
    }

    Fetcher& fetcher_;
    Host& host_;
    const Log& log_;
    const BundleCreateOptions& options_;
    fs::path work_, folder_;
    BundleManifest manifest_;
};

}  // namespace

std::string published_sha256(std::string_view text, std::string_view name) {
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string digest, file;
        words >> digest >> file;
        if (!is_digest(digest)) continue;
        if (file.starts_with('*')) file.erase(0, 1);
        if (file.empty() || fs::path(file).filename() == name) return digest;
    }
    return {};
}

Result<BundleManifest> create_bundle(Fetcher& fetcher, Host& host, const Log& log, const BundleCreateOptions& options) {
    if (!options.kubernetes.patch)
        return fail(ErrorKind::invalid_input, fmt::format("'{}' names no patch version", options.kubernetes.text()),
                    fmt::format("write it whole, like {}.0", options.kubernetes.minor_text()));
    return Creation(fetcher, host, log, options).run();
}

}  // namespace nodeboot
