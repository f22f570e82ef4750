#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "system/grpc.hpp"

namespace nodeboot::testing {

/// A gRPC server on a unix socket, over nghttp2: real HTTP/2, scripted answers. One connection at a time.
class FakeGrpcServer {
   public:
    enum class Trouble { none, hang_up, silence, reset_stream, no_grpc_status, rubbish, truncated_body };
    using Answer = std::function<GrpcReply(const std::string& request)>;

    explicit FakeGrpcServer(const std::filesystem::path& socket);
    ~FakeGrpcServer();

    /// Methods without an answer are "unimplemented". Set before the first call.
    std::map<std::string, Answer> answers;
    std::atomic<Trouble> trouble{Trouble::none};
    std::vector<std::string> methods() const;  ///< asked so far
    std::map<std::string, std::string> last_headers() const;

   private:
    friend struct FakeGrpcStream;
    void serve(int fd);

    mutable std::mutex mutex_;
    std::vector<std::string> methods_;
    std::map<std::string, std::string> headers_;
    std::atomic<bool> stopping_{false};
    int listener_ = -1;
    std::jthread thread_;
};

}  // namespace nodeboot::testing
