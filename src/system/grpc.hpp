#pragma once

#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "system/host.hpp"

namespace nodeboot {

/// One unary gRPC call over a unix socket (HTTP/2 with prior knowledge; grpc.io, "gRPC over HTTP2"). Opens a
/// connection, asks, hears the answer, hangs up. It knows nothing of what is asked: messages are bytes.
struct GrpcCall {
    Path socket;
    std::string method;   ///< "/runtime.v1.RuntimeService/Version"
    std::string request;  ///< an encoded message
    Duration timeout = std::chrono::seconds(10);
    std::stop_token stop = {};
};

/// What the server said, refusals included; codes: grpc.io, "Status codes".
struct GrpcReply {
    static constexpr unsigned ok = 0, cancelled = 1, unknown = 2, invalid_argument = 3, deadline_exceeded = 4,
                              not_found = 5, permission_denied = 7, resource_exhausted = 8, failed_precondition = 9,
                              unimplemented = 12, unavailable = 14, unauthenticated = 16;
    unsigned status = unknown;
    std::string message;  ///< of a refusal
    std::string body;     ///< an encoded message
};

/// Errors are those of the way there: `unavailable` when nothing listens or the connection breaks, `timeout`,
/// `cancelled` on stop, `corrupted` when what answers is no gRPC server.
Result<GrpcReply> grpc_call(const GrpcCall& call);

}  // namespace nodeboot
