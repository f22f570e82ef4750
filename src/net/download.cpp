#include "net/download.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/redirect.hpp"
#include "net/sha256.hpp"
#include "net/url.hpp"

namespace nodeboot {
namespace {

tl::unexpected<Error> os_error(std::string_view what, const std::string& path) {
    const int code = errno;
    return fail(ErrorKind::io, fmt::format("cannot {} {}: {}", what, path, std::strerror(code)),
                code == ENOSPC ? "free some space, then run nodeboot again: it continues where it stopped" : "");
}

/// The file being filled, with the digest of what is in it.
class Part {
   public:
    explicit Part(std::string path) : path_(std::move(path)) {}
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part() {
        if (file_ >= 0) ::close(file_);
    }

    /// What an earlier run left is kept and hashed, when there is a digest to tell whether it belongs to this.
    Result<void> open(bool keep) {
        file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (keep ? 0 : O_TRUNC), 0600);
        if (file_ < 0) return os_error("create", path_);
        std::vector<char> buffer(std::size_t{1} << 18);
        for (;;) {
            const auto got = ::read(file_, buffer.data(), buffer.size());
            if (got < 0) return os_error("read", path_);
            if (got == 0) return {};
            hash_.update({buffer.data(), static_cast<std::size_t>(got)});
            size_ += static_cast<std::uint64_t>(got);
        }
    }

    Result<void> restart() {
        hash_ = Sha256();
        size_ = 0;
        if (::ftruncate(file_, 0) != 0 || ::lseek(file_, 0, SEEK_SET) != 0) return os_error("empty", path_);
        return {};
    }

    Result<void> append(std::string_view bytes) {
        hash_.update(bytes);
        size_ += bytes.size();
        while (!bytes.empty()) {
            const auto written = ::write(file_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return os_error("write", path_);
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
        return {};
    }

    Result<void> move_to(const std::string& target, std::uint32_t mode) {
        if (::fchmod(file_, mode) != 0 || ::fsync(file_) != 0) return os_error("sync", path_);
        if (::rename(path_.c_str(), target.c_str()) != 0) return os_error("rename to", target);
        const int folder = ::open(target.substr(0, target.rfind('/') + 1).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) {
            ::fsync(folder);
            ::close(folder);
        }
        return {};
    }

    void remove() { ::unlink(path_.c_str()); }
    std::uint64_t size() const { return size_; }
    std::string digest() { return hash_.finish_hex(); }

   private:
    std::string path_;
    int file_ = -1;
    std::uint64_t size_ = 0;
    Sha256 hash_;
};

class Fetch {
   public:
    Fetch(Http& http, const Download& what, std::stop_token stop)
        : http_(http), what_(what), stop_(std::move(stop)), url_(what.url) {}

    /// One attempt to get all of the rest.
    Result<void> attempt(Part& part) {
        url_ = what_.url;
        // With neither tag nor digest nothing would tell that the file changed between two attempts.
        if (part.size() > 0 && etag_.empty() && what_.sha256.empty()) NB_CHECK(part.restart());
        for (unsigned hop = 0;; ++hop) {
            HttpRequest request = request_for(part);
            if (what_.sign && same_host()) NB_CHECK(what_.sign(request));
            const auto response = NB_TRY(http_.send(request, stop_));
            if (response.ok()) return {};
            if (response.status == 416) {  // what we have is longer than what there is, or all of it
                NB_CHECK(part.restart());
                return fail(ErrorKind::unavailable,
                            fmt::format("{}: the part on disk does not fit", printable_url(url_)));
            }
            auto next = NB_TRY(redirected(url_, response));
            if (!next || what_.redirects == 0) return fail(status_error(request, response));
            if (hop >= what_.redirects)
                return fail(ErrorKind::refused,
                            fmt::format("{}: more than {} redirects", printable_url(what_.url), what_.redirects));
            url_ = *std::move(next);
        }
    }

   private:
    HttpRequest request_for(Part& part) {
        HttpRequest request;
        request.url = url_;
        if (same_host()) request.headers = what_.headers;
        request.timeout = what_.timeout;
        request.max_body = what_.max_size;
        request.progress = what_.progress;
        if (part.size() > 0) {
            request.headers.emplace_back("Range", fmt::format("bytes={}-", part.size()));
            if (!etag_.empty()) request.headers.emplace_back("If-Range", etag_);
        }
        request.on_headers = [this, &part](const HttpResponse& head) { return begin(part, head); };
        request.sink = [&part](std::string_view bytes) { return part.append(bytes); };
        return request;
    }

    /// Headers may hold credentials: they do not follow a redirect to somebody else.
    bool same_host() const {
        const auto asked = parse_url(what_.url);
        const auto present = parse_url(url_);
        return asked && present && asked->authority() == present->authority();
    }

    /// 206 continues, anything else that is 2xx starts from the beginning.
    Result<void> begin(Part& part, const HttpResponse& head) {
        if (!head.ok()) return {};
        if (const auto tag = head.header("etag"); tag && !tag->starts_with("W/")) etag_ = *tag;
        if (head.status != 206) return part.size() > 0 ? part.restart() : Result<void>{};
        const std::string expected = fmt::format("bytes {}-", part.size());
        if (head.header("content-range").value_or("").starts_with(expected)) return {};
        NB_CHECK(part.restart());
        return fail(ErrorKind::unavailable,
                    fmt::format("{}: the server sent another range than asked for", printable_url(url_)));
    }

    Http& http_;
    const Download& what_;
    std::stop_token stop_;
    std::string url_;
    std::string etag_;
};

Result<Downloaded> complete(Http& http, Clock& clock, const Download& what, const RetryOptions& retrying, bool keep) {
    Part part(what.path + ".part");
    NB_CHECK(part.open(keep));
    Fetch fetch(http, what, retrying.stop);
    NB_CHECK(retry(retrying, clock, [&] { return fetch.attempt(part); }));
    Downloaded done{part.size(), part.digest()};
    if (!what.sha256.empty() && done.sha256 != what.sha256) {
        part.remove();
        return fail(ErrorKind::corrupted,
                    fmt::format("{}: sha256 is {}, expected {}", printable_url(what.url), done.sha256, what.sha256),
                    "the file at that address is not the one that was meant; check the address and the sha256");
    }
    NB_CHECK(part.move_to(what.path, what.mode));
    return done;
}

}  // namespace

Result<Downloaded> download(Http& http, Clock& clock, const Download& what, const RetryOptions& retrying) {
    struct stat left {};
    const bool resumable = !what.sha256.empty() && ::lstat((what.path + ".part").c_str(), &left) == 0 &&
                           S_ISREG(left.st_mode) && left.st_size > 0;
    auto done = complete(http, clock, what, retrying, resumable);
    // The part of an earlier run may have been of another file: once more from the beginning.
    if (!done && done.error().kind == ErrorKind::corrupted && resumable)
        done = complete(http, clock, what, retrying, false);
    if (done) return done;
    return fail(std::move(done).error().with_context(fmt::format("download {}", what.path)));
}

}  // namespace nodeboot
