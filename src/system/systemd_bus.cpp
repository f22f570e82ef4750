#include "system/systemd_bus.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "system/dbus_message.hpp"
#include "system/system_error.hpp"

namespace nodeboot {
namespace {

constexpr int answer_within_ms = 25'000;   // systemd answers nobody while it reloads; libdbus waits as long
constexpr int greeting_within_ms = 3'000;  // the bus daemon may be starting, but it does not load unit files

constexpr std::uint32_t hello_serial = 1;  // questions have those after it

constexpr std::string_view manager = "org.freedesktop.systemd1";

DbusCall get_property(const std::string& unit, const std::string& interface, const std::string& property) {
    return {
        unit_path(unit), "org.freedesktop.DBus.Properties", "Get", {"org.freedesktop.systemd1." + interface, property}};
}

template <class T>
Result<T> value_of(const DbusMessage& reply) {
    const DbusValue value = NB_TRY(first_value(reply));
    if (const T* expected = std::get_if<T>(&value)) return *expected;
    return fail(ErrorKind::corrupted, "systemd answered with a value of another type");
}

tl::unexpected<Error> refusal(const DbusMessage& reply, const std::string& unit) {
    const std::string said = value_of<std::string>(reply).value_or(reply.error_name);
    const bool unknown = reply.error_name == "org.freedesktop.DBus.Error.UnknownObject" ||
                         reply.error_name == "org.freedesktop.DBus.Error.InvalidArgs";
    return fail(unknown ? ErrorKind::invalid_input : ErrorKind::io,
                fmt::format("cannot ask systemd about {}: {} ({})", unit, said, reply.error_name));
}

bool is_missing_file(const DbusMessage& reply) {
    return reply.type == DbusMessage::Type::error && (reply.error_name == "org.freedesktop.DBus.Error.FileNotFound" ||
                                                      reply.error_name == "org.freedesktop.systemd1.NoSuchUnit");
}

// What the bus daemon says in systemd's place while systemd re-executes itself.
bool is_absence_of_systemd(const DbusMessage& reply) {
    return reply.type == DbusMessage::Type::error && (reply.error_name == "org.freedesktop.DBus.Error.NoReply" ||
                                                      reply.error_name == "org.freedesktop.DBus.Error.Disconnected" ||
                                                      reply.error_name == "org.freedesktop.DBus.Error.ServiceUnknown");
}

tl::unexpected<Error> hung_up() { return fail(ErrorKind::unavailable, "systemd closed the connection"); }

}  // namespace

SystemdBus::SystemdBus(Path bus_socket, Path private_socket)
    : bus_socket_(std::move(bus_socket)), private_socket_(std::move(private_socket)) {}

Result<UnitState> SystemdBus::unit(const std::string& name, FileState file_state) {
    // Asking for an object of that name makes systemd load the unit. UnitFileState as a property may be out of date.
    const bool is_service = name.ends_with(".service");
    std::vector<DbusCall> calls{get_property(name, "Unit", "LoadState"), get_property(name, "Unit", "ActiveState"),
                                get_property(name, "Unit", "SubState")};
    if (is_service) calls.push_back(get_property(name, "Service", "ExecMainStartTimestamp"));
    if (file_state == FileState::asked)
        calls.push_back({"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "GetUnitFileState", {name}});
    const auto replies = NB_TRY_CONTEXT(ask(calls), fmt::format("state of {}", name));
    for (const auto& reply : replies)
        if (reply.type == DbusMessage::Type::error && !is_missing_file(reply)) return refusal(reply, name);
    UnitState state;
    auto reply = replies.begin();
    state.loaded = NB_TRY(value_of<std::string>(*reply++)) == "loaded";
    state.active = NB_TRY(value_of<std::string>(*reply++));
    state.sub = NB_TRY(value_of<std::string>(*reply++));
    if (is_service) {
        const auto time = NB_TRY(value_of<std::uint64_t>(*reply++));
        if (state.running() && time > 0 && time < (std::uint64_t{1} << 53))
            state.started = WallTime(std::chrono::microseconds(time));
    }
    if (file_state == FileState::asked && !is_missing_file(*reply))
        state.file_state = NB_TRY(value_of<std::string>(*reply));
    return state;
}

Result<bool> SystemdBus::needs_reload(const std::string& unit) {
    const auto replies = NB_TRY_CONTEXT(ask({get_property(unit, "Unit", "NeedDaemonReload")}),
                                        fmt::format("whether systemd has read the files of {}", unit));
    if (replies.front().type == DbusMessage::Type::error) return refusal(replies.front(), unit);
    return value_of<bool>(replies.front());
}

Result<std::vector<DbusMessage>> SystemdBus::ask(const std::vector<DbusCall>& calls) {
    const std::lock_guard lock(mutex_);
    auto replies = ask_once(calls);
    // After `systemctl daemon-reexec` the old connection is dead, and the socket is away for a moment.
    for (int i = 0; ever_connected_ && !replies && replies.error().kind == ErrorKind::unavailable && i < 40; ++i) {
        if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
        replies = ask_once(calls);
    }
    return replies;
}

Result<std::vector<DbusMessage>> SystemdBus::ask_once(const std::vector<DbusCall>& calls) {
    auto replies = [&]() -> Result<std::vector<DbusMessage>> {
        if (!fd_) NB_CHECK(connect());
        const std::uint32_t first = serial_ + 1;
        std::string request;
        for (const auto& call : calls) request += marshal(call, manager, ++serial_);
        NB_CHECK(send(request));
        std::vector<DbusMessage> answers(calls.size());
        for (std::size_t missing = calls.size(); missing > 0;) {
            auto message = NB_TRY(receive_message());
            if (message.reply_serial == hello_serial && message.type == DbusMessage::Type::error) {
                bus_refuses_ = true;
                return hung_up();
            }
            const std::uint32_t index = message.reply_serial - first;
            if (message.reply_serial == 0 || index >= answers.size() || answers[index].reply_serial != 0) continue;
            if (is_absence_of_systemd(message)) return hung_up();
            answers[index] = std::move(message);
            --missing;
        }
        return answers;
    }();
    if (!replies) fd_.reset();  // whatever it was, what is still on its way answers nothing we ask next
    return replies;
}

Result<void> SystemdBus::connect() {
    constexpr std::string_view daemon = "org.freedesktop.DBus";
    static const std::string hello =
        marshal({"/org/freedesktop/DBus", std::string(daemon), "Hello", {}}, daemon, hello_serial);
    auto direct = Result<void>();
    if ((!bus_refuses_ && connect_to(bus_socket_, hello)) || (direct = connect_to(private_socket_, ""))) {
        ever_connected_ = true;
        return {};
    }
    fd_.reset();
    return fail(std::move(std::move(direct).error()).with_hint("is systemd the init system of this machine?"));
}

Result<void> SystemdBus::connect_to(const Path& socket, std::string_view hello) {
    received_.clear();
    serial_ = hello_serial;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = socket.string();
    if (path.size() >= sizeof address.sun_path) return fail(ErrorKind::internal, "socket path too long: " + path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    fd_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        Error error = system_error(errno, fmt::format("cannot ask systemd at {}", path));
        if (error.kind == ErrorKind::not_found) error.kind = ErrorKind::unavailable;
        return fail(std::move(error));
    }
    // EXTERNAL: the other side takes our user from the socket; the name is its number as text, in hex. What follows is
    // sent without waiting for its consent, as sd-bus does it: each answer waited for is a turn of the scheduler.
    std::string user;
    for (const char digit : std::to_string(::geteuid())) user += fmt::format("{:02x}", static_cast<unsigned>(digit));
    NB_CHECK(send(fmt::format("{}AUTH EXTERNAL {}\r\nBEGIN\r\n{}", '\0', user, hello)));
    if (const auto line = NB_TRY(receive_line()); !line.starts_with("OK"))
        return fail(ErrorKind::permission, fmt::format("{} refuses us: {}", path, line));
    return {};  // the answer to `hello` comes before those to questions
}

Result<void> SystemdBus::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return hung_up();
        if (count < 0) return fail(system_error(errno, "cannot send to systemd"));
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<void> SystemdBus::receive_some(int patience_ms) {
    pollfd ready{fd_.get(), POLLIN, 0};
    const int count = ::poll(&ready, 1, patience_ms);
    if (count == 0)
        return fail(ErrorKind::timeout, fmt::format("systemd gave no answer within {} s", patience_ms / 1000),
                    "does `systemctl status` answer? systemd says nothing while it reloads its files");
    if (count < 0) return errno == EINTR ? Result<void>() : fail(system_error(errno, "cannot hear from systemd"));
    char buffer[4096];
    const ssize_t size = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) return {};
    if (size == 0 || (size < 0 && errno == ECONNRESET)) return hung_up();
    if (size < 0) return fail(system_error(errno, "cannot hear from systemd"));
    received_.append(buffer, static_cast<std::size_t>(size));
    return {};
}

Result<std::string> SystemdBus::receive_line() {
    std::size_t end = 0;
    while ((end = received_.find("\r\n")) == std::string::npos) {
        if (received_.size() > 4096) return fail(ErrorKind::corrupted, "systemd's authentication answer does not end");
        NB_CHECK(receive_some(greeting_within_ms));
    }
    std::string line = received_.substr(0, end);
    received_.erase(0, end + 2);
    return line;
}

Result<DbusMessage> SystemdBus::receive_message() {
    for (;;) {
        const auto size = NB_TRY(message_size(received_));
        if (size && received_.size() >= *size) {
            auto message = NB_TRY(parse_message(std::string_view(received_).substr(0, *size)));
            received_.erase(0, *size);
            return message;
        }
        NB_CHECK(receive_some(answer_within_ms));
    }
}

}  // namespace nodeboot
