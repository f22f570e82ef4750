#include "system/grpc.hpp"

#include <fmt/core.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "system/fd.hpp"
#include "system/system_error.hpp"

namespace nodeboot {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t largest_reply = std::size_t{64} << 20;  // bytes
constexpr std::size_t prefix_size = 5;                        // compressed flag, length (big-endian)

std::string with_prefix(const std::string& message) {
    std::string out(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(message.size() >> shift & 0xff);
    return out + message;
}

// grpc-message is percent-encoded UTF-8.
std::string decode_percent(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned byte = 0;
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr == &text[i + 1] + 2) {
            out += static_cast<char>(byte);
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

nghttp2_nv header(std::string_view name, std::string_view value) {
    auto bytes = [](std::string_view text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// One request on one HTTP/2 session. nghttp2 keeps the protocol; this hands bytes to and fro.
class Exchange {
   public:
    explicit Exchange(const GrpcCall& call) : call_(call), body_(with_prefix(call.request)) {}

    Result<GrpcReply> run() {
        NB_CHECK(connect());
        if (!submit()) return fail(ErrorKind::internal, fmt::format("cannot ask {}", call_.method));
        while (!closed_) {
            NB_CHECK(send_pending());
            if (closed_) break;
            if (nghttp2_session_want_read(session_.get()) == 0) return no_http2();  // it has given up on the other side
            NB_CHECK(receive());
        }
        return reply();
    }

   private:
    std::string socket() const { return call_.socket.string(); }
    auto broken(std::string_view what) const {
        return fail(ErrorKind::unavailable, fmt::format("{} at {} {}", call_.method, socket(), what));
    }

    tl::unexpected<Error> no_http2() const {
        return fail(ErrorKind::corrupted, fmt::format("{} does not speak HTTP/2", socket()));
    }

    Result<void> connect() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const std::string path = socket();
        if (path.size() >= sizeof address.sun_path) return fail(ErrorKind::internal, "socket path too long: " + path);
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
        Error error = system_error(errno, fmt::format("cannot connect to {}", path));
        if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::unavailable;
        return fail(std::move(error));
    }

    bool submit() {
        nghttp2_session_callbacks* callbacks = nullptr;
        if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
        const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> owner(
            callbacks, nghttp2_session_callbacks_del);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        nghttp2_session* session = nullptr;
        if (nghttp2_session_client_new(&session, callbacks, this) != 0) return false;
        session_.reset(session);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(call_.timeout).count();
        const std::string timeout = fmt::format("{}m", std::clamp<long long>(left, 1, 99'999'999));
        const std::array headers{header(":method", "POST"),
                                 header(":scheme", "http"),
                                 header(":path", call_.method),
                                 header(":authority", "localhost"),
                                 header("content-type", "application/grpc"),
                                 header("te", "trailers"),
                                 header("grpc-timeout", timeout)};
        nghttp2_data_provider source{{.ptr = this}, read_body};
        return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0) == 0 &&
               nghttp2_submit_request(session, nullptr, headers.data(), headers.size(), &source, nullptr) >= 0;
    }

    Result<void> send_pending() {
        for (;;) {
            if (outgoing_.empty()) {
                const std::uint8_t* bytes = nullptr;
                const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
                if (size < 0) return broken("cannot be asked");
                if (size == 0) return {};
                outgoing_.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
            }
            const auto count = ::send(fd_.get(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL);
            if (count < 0 && errno == EAGAIN) return {};
            if (count < 0 && errno != EINTR) return broken("hung up");
            if (count > 0) outgoing_.erase(0, static_cast<std::size_t>(count));
        }
    }

    Result<void> receive() {
        NB_CHECK(wait());
        std::array<std::uint8_t, 16384> bytes;
        const auto count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
        if (count <= 0) return broken("hung up");
        if (nghttp2_session_mem_recv(session_.get(), bytes.data(), static_cast<std::size_t>(count)) < 0)
            return no_http2();
        if (body_in_.size() > largest_reply)
            return fail(ErrorKind::corrupted, fmt::format("{} answers without end", socket()));
        return {};
    }

    // In short naps, to notice a stop during a long pull.
    Result<void> wait() {
        for (;;) {
            if (call_.stop.stop_requested())
                return fail(ErrorKind::cancelled, fmt::format("{} was stopped", call_.method));
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - SteadyClock::now()).count();
            if (left <= 0)
                return fail(ErrorKind::timeout, fmt::format("{} at {} gave no answer within {}", call_.method, socket(),
                                                            format_duration(call_.timeout)));
            pollfd ready{fd_.get(), static_cast<short>(outgoing_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
            if (::poll(&ready, 1, static_cast<int>(std::min<long long>(left + 1, 200))) > 0) return {};
        }
    }

    Result<GrpcReply> reply() {
        if (http_status_ != "200" || grpc_status_.empty())
            return fail(http_status_.empty() ? ErrorKind::unavailable : ErrorKind::corrupted,
                        fmt::format("{} at {} ended without a gRPC status (HTTP {})", call_.method, socket(),
                                    http_status_.empty() ? "reset" : http_status_));
        GrpcReply out;
        std::from_chars(grpc_status_.data(), grpc_status_.data() + grpc_status_.size(), out.status);
        out.message = decode_percent(grpc_message_);
        if (out.status != GrpcReply::ok) return out;
        std::size_t size = 0;
        for (std::size_t i = 1; i < prefix_size && i < body_in_.size(); ++i)
            size = size << 8 | static_cast<unsigned char>(body_in_[i]);
        if (body_in_.size() < prefix_size || body_in_[0] != '\0' || body_in_.size() != prefix_size + size)
            return fail(ErrorKind::corrupted,
                        fmt::format("{} at {} answered with a broken message", call_.method, socket()));
        out.body = body_in_.substr(prefix_size);
        return out;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
        const std::string_view key(reinterpret_cast<const char*>(name), name_size);
        std::string text(reinterpret_cast<const char*>(value), value_size);
        auto& exchange = *static_cast<Exchange*>(self);
        if (key == ":status")
            exchange.http_status_ = std::move(text);
        else if (key == "grpc-status")
            exchange.grpc_status_ = std::move(text);
        else if (key == "grpc-message")
            exchange.grpc_message_ = std::move(text);
        return 0;
    }
    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes, std::size_t size,
                       void* self) {
        static_cast<Exchange*>(self)->body_in_.append(reinterpret_cast<const char*>(bytes), size);
        return 0;
    }
    static int on_close(nghttp2_session*, std::int32_t, std::uint32_t, void* self) {
        static_cast<Exchange*>(self)->closed_ = true;
        return 0;
    }
    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room, std::uint32_t* flags,
                             nghttp2_data_source* source, void*) {
        auto& exchange = *static_cast<Exchange*>(source->ptr);
        const std::size_t count = std::min(room, exchange.body_.size() - exchange.body_sent_);
        std::memcpy(to, exchange.body_.data() + exchange.body_sent_, count);
        exchange.body_sent_ += count;
        if (exchange.body_sent_ == exchange.body_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    const GrpcCall& call_;
    const SteadyClock::time_point deadline_ = SteadyClock::now() + call_.timeout;
    Fd fd_;
    std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)> session_{nullptr, nghttp2_session_del};
    const std::string body_;
    std::size_t body_sent_ = 0;
    std::string outgoing_, body_in_, http_status_, grpc_status_, grpc_message_;
    bool closed_ = false;
};

}  // namespace

Result<GrpcReply> grpc_call(const GrpcCall& call) { return Exchange(call).run(); }

}  // namespace nodeboot
