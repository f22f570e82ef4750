#include "support/name_server.hpp"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nodeboot::testing {
namespace {

constexpr std::size_t header_size = 12;
constexpr char type_a = 1;

/// Where the question ends: labels, the root, type and class (RFC 1035, 4.1.2).
std::size_t end_of_question(const std::string& query) {
    std::size_t at = header_size;
    while (at < query.size() && query[at] != '\0') at += static_cast<unsigned char>(query[at]) + 1U;
    return at + 5;
}

std::string reply_to(const std::string& query, const std::string& address) {
    const std::size_t end = end_of_question(query);
    std::string reply = query.substr(0, end);
    reply[2] = static_cast<char>(0x84);  // an answer, authoritative
    reply[3] = 0;
    reply.replace(6, 6, 6, '\0');  // no records of any kind; the question stays
    in_addr raw{};
    if (address.empty() || ::inet_pton(AF_INET, address.c_str(), &raw) != 1) return reply;
    reply[7] = 1;
    const char record[] = {static_cast<char>(0xc0), header_size, 0, type_a, 0, 1, 0, 0, 0, 0, 0, 4};  // TTL 0
    reply.append(record, sizeof record);
    reply.append(reinterpret_cast<const char*>(&raw), sizeof raw);
    return reply;
}

}  // namespace

NameServer::NameServer(Answer answer) : answer_(std::move(answer)) {
    socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    thread_ = std::thread([this] { serve(); });
}

NameServer::~NameServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
}

std::string NameServer::address() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

void NameServer::serve() {
    char buffer[1500];
    for (bool silent = false;;) {
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const auto got = ::recvfrom(socket_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (got <= 0) return;
        const std::string query(buffer, static_cast<std::size_t>(got));
        const std::size_t end = end_of_question(query);
        if (end > query.size()) continue;
        std::string address;
        if (query[end - 3] == type_a) silent = (address = answer_(++questions_)).empty();
        if (silent) continue;
        const std::string reply = reply_to(query, address);
        ::sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), length);
    }
}

}  // namespace nodeboot::testing
