#include "support/fake_grpc_server.hpp"

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace nodeboot::testing {

// One connection with its one request.
struct FakeGrpcStream {
    FakeGrpcServer& server;
    std::map<std::string, std::string> headers{};
    std::string request{}, body{};
    std::size_t sent = 0;
    GrpcReply reply{};
    bool hang_up = false;

    static nghttp2_nv header(std::string_view name, std::string_view value) {
        auto bytes = [](std::string_view text) {
            return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
        };
        return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
    }
    static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                         const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* self) {
        static_cast<FakeGrpcStream*>(self)->headers[{reinterpret_cast<const char*>(name), name_size}] =
            std::string(reinterpret_cast<const char*>(value), value_size);
        return 0;
    }
    static int on_data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes, std::size_t size,
                       void* self) {
        static_cast<FakeGrpcStream*>(self)->request.append(reinterpret_cast<const char*>(bytes), size);
        return 0;
    }
    static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
        const bool asked = frame->hd.type == NGHTTP2_DATA && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (asked) static_cast<FakeGrpcStream*>(self)->answer(session, frame->hd.stream_id);
        return 0;
    }

    void answer(nghttp2_session* session, std::int32_t stream) {
        using Trouble = FakeGrpcServer::Trouble;
        const std::string method = headers[":path"];
        {
            const std::lock_guard lock(server.mutex_);
            server.methods_.push_back(method);
            server.headers_ = headers;
        }
        if (server.trouble == Trouble::silence) return;
        if (server.trouble == Trouble::hang_up) {
            hang_up = true;
            return;
        }
        if (server.trouble == Trouble::reset_stream) {
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_INTERNAL_ERROR);
            return;
        }
        const auto it = server.answers.find(method);
        reply = it != server.answers.end() ? it->second(request.substr(5))
                                           : GrpcReply{GrpcReply::unimplemented, "unknown method " + method, ""};
        const nghttp2_nv begin[] = {header(":status", "200"), header("content-type", "application/grpc")};
        body = std::string(1, '\0');
        for (int shift = 24; shift >= 0; shift -= 8) body += static_cast<char>(reply.body.size() >> shift & 0xff);
        body += reply.body;
        if (server.trouble == Trouble::truncated_body) body.pop_back();
        nghttp2_data_provider source{{.ptr = this}, read_body};
        nghttp2_submit_response(session, stream, begin, 2, &source);
    }
    static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* to, std::size_t room,
                             std::uint32_t* flags, nghttp2_data_source* source, void*) {
        auto& self = *static_cast<FakeGrpcStream*>(source->ptr);
        const std::size_t count = std::min(room, self.body.size() - self.sent);
        std::memcpy(to, self.body.data() + self.sent, count);
        self.sent += count;
        if (self.sent == self.body.size()) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            if (self.server.trouble != FakeGrpcServer::Trouble::no_grpc_status) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                const std::string status = std::to_string(self.reply.status);
                const nghttp2_nv trailers[] = {header("grpc-status", status),
                                               header("grpc-message", self.reply.message)};
                nghttp2_submit_trailer(session, stream, trailers, 2);
            }
        }
        return static_cast<ssize_t>(count);
    }
};

FakeGrpcServer::FakeGrpcServer(const std::filesystem::path& socket) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 8) != 0)
        std::abort();
    thread_ = std::jthread([this] {
        for (int fd = 0; (fd = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(fd)) serve(fd);
    });
}

FakeGrpcServer::~FakeGrpcServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
}

std::vector<std::string> FakeGrpcServer::methods() const {
    const std::lock_guard lock(mutex_);
    return methods_;
}

std::map<std::string, std::string> FakeGrpcServer::last_headers() const {
    const std::lock_guard lock(mutex_);
    return headers_;
}

void FakeGrpcServer::serve(int fd) {
    std::uint8_t buffer[4096];
    if (trouble == Trouble::rubbish) {
        static_cast<void>(::send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL));
        while (::recv(fd, buffer, sizeof buffer, 0) > 0) {
        }  // until the client has seen enough
        return;
    }
    FakeGrpcStream stream{*this};
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session* session = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, FakeGrpcStream::on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, FakeGrpcStream::on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, FakeGrpcStream::on_frame);
    nghttp2_session_server_new(&session, callbacks, &stream);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
    while (!stopping_ && !stream.hang_up) {
        const std::uint8_t* bytes = nullptr;
        ssize_t count = 0;
        while ((count = nghttp2_session_mem_send(session, &bytes)) > 0)
            if (::send(fd, bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL) < 0) break;
        pollfd ready{fd, POLLIN, 0};
        if (::poll(&ready, 1, 20) <= 0) continue;
        count = ::recv(fd, buffer, sizeof buffer, 0);
        if (count <= 0 || nghttp2_session_mem_recv(session, buffer, static_cast<std::size_t>(count)) < 0) break;
    }
    nghttp2_session_del(session);
}

}  // namespace nodeboot::testing
