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
constexpr auto ahead_is_fresh_for = std::chrono::seconds(1);

constexpr std::uint32_t hello_serial = 1;  // questions have those after it

// EXTERNAL: the other side takes our user from the socket; the name is its number as text, in hex. What follows is sent
// without waiting for its consent, as sd-bus does it: each answer waited for is a turn of the scheduler.
std::string authentication() {
    std::string user;
    for (const char digit : std::to_string(::geteuid())) user += fmt::format("{:02x}", static_cast<unsigned>(digit));
    return fmt::format("{}AUTH EXTERNAL {}\r\nBEGIN\r\n", '\0', user);
}

std::string hello() {
    constexpr std::string_view daemon = "org.freedesktop.DBus";
    return marshal({"/org/freedesktop/DBus", std::string(daemon), "Hello", {}}, daemon, hello_serial);
}

constexpr std::string_view manager = "org.freedesktop.systemd1";

DbusCall ask_manager(const std::string& member, const std::string& unit, bool one_list = false) {
    return {"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", member, {unit}, one_list};
}

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

bool is_service(const std::string& unit) { return unit.ends_with(".service"); }

// Asking makes systemd load the unit. One row of a list holds three of its properties; each as an answer of its own
// would be twice a turn of the bus daemon.
std::vector<DbusCall> questions_about(const std::string& unit) {
    std::vector<DbusCall> calls{ask_manager("ListUnitsByNames", unit, true)};
    if (is_service(unit)) calls.push_back(get_property(unit, "Service", "ExecMainStartTimestamp"));
    return calls;
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
    auto calls = questions_about(name);
    // As a property it may be out of date.
    if (file_state == FileState::asked) calls.push_back(ask_manager("GetUnitFileState", name));
    auto ahead = file_state == FileState::left_out ? asked_ahead(name) : std::nullopt;
    const auto replies = ahead ? *std::move(ahead) : NB_TRY_CONTEXT(ask(calls), fmt::format("state of {}", name));
    for (const auto& reply : replies)
        if (reply.type == DbusMessage::Type::error && !is_missing_file(reply)) return refusal(reply, name);
    UnitState state;
    auto reply = replies.begin();
    const auto row = NB_TRY(first_strings(*reply++, 5));  // name, description, load, active, sub
    if (row.size() < 5)
        return fail(ErrorKind::invalid_input,
                    fmt::format("cannot ask systemd about {}: it is no name of a unit", name));
    state.loaded = row[2] == "loaded";
    state.active = row[3];
    state.sub = row[4];
    if (is_service(name)) {
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
    if (consent_is_due_ && !hear_consent()) hang_up();
    if (!fd_) NB_CHECK(connect());
    std::string request;
    const std::uint32_t first = add(calls, request);
    if (auto sent = send(request); !sent) {
        hang_up();
        return fail(std::move(sent).error());
    }
    return settle(first);
}

std::uint32_t SystemdBus::add(const std::vector<DbusCall>& calls, std::string& request) {
    const std::uint32_t first = serial_ + 1;
    for (const auto& call : calls) request += marshal(call, manager, ++serial_);
    batches_[first] = {std::vector<DbusMessage>(calls.size()), calls.size()};
    return first;
}

Result<std::vector<DbusMessage>> SystemdBus::settle(std::uint32_t first) {
    auto settled = [&]() -> Result<void> {
        while (batches_[first].missing > 0) {
            auto message = NB_TRY(receive_message());
            if (message.reply_serial == hello_serial && message.type == DbusMessage::Type::error) {
                bus_refuses_ = true;
                return hung_up();
            }
            const auto after = batches_.upper_bound(message.reply_serial);
            if (message.reply_serial == 0 || after == batches_.begin()) continue;
            auto& [start, batch] = *std::prev(after);
            const std::uint32_t index = message.reply_serial - start;
            if (index >= batch.answers.size() || batch.answers[index].reply_serial != 0) continue;
            if (is_absence_of_systemd(message)) return hung_up();
            batch.answers[index] = std::move(message);
            --batch.missing;
        }
        return {};
    }();
    if (!settled) {
        hang_up();
        return fail(std::move(settled).error());
    }
    auto answers = std::move(batches_[first].answers);
    batches_.erase(first);
    return answers;
}

// Whatever it was, what is still on its way answers nothing that is asked next.
void SystemdBus::hang_up() {
    fd_.reset();
    consent_is_due_ = false;
    batches_.clear();
    ahead_.clear();
}

void SystemdBus::ask_ahead(const std::vector<std::string>& units) {
    const std::lock_guard lock(mutex_);
    std::string request;
    if (!fd_) {
        if (bus_refuses_ || !dial(bus_socket_)) return hang_up();
        request = authentication() + hello();
        consent_is_due_ = true;
    }
    for (const auto& unit : units)
        ahead_[unit] = {add(questions_about(unit), request), std::chrono::steady_clock::now()};
    if (!send(request)) hang_up();
}

std::optional<std::vector<DbusMessage>> SystemdBus::asked_ahead(const std::string& unit) {
    const std::lock_guard lock(mutex_);
    const auto found = ahead_.extract(unit);
    if (!found) return std::nullopt;
    const auto [first, sent] = found.mapped();
    if (std::chrono::steady_clock::now() - sent > ahead_is_fresh_for) return std::nullopt;
    if (consent_is_due_ && !hear_consent()) {
        hang_up();
        return std::nullopt;
    }
    auto answers = settle(first);
    if (!answers) return std::nullopt;
    return *std::move(answers);
}

Result<void> SystemdBus::connect() {
    auto direct = Result<void>();
    if ((!bus_refuses_ && connect_to(bus_socket_, hello())) || (direct = connect_to(private_socket_, ""))) return {};
    hang_up();
    return fail(std::move(std::move(direct).error()).with_hint("is systemd the init system of this machine?"));
}

Result<void> SystemdBus::connect_to(const Path& socket, std::string_view hello) {
    NB_CHECK(dial(socket));
    NB_CHECK(send(authentication() + std::string(hello)));
    return hear_consent();  // the answer to `hello` comes before those to questions
}

Result<void> SystemdBus::dial(const Path& socket) {
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
    return {};
}

Result<void> SystemdBus::hear_consent() {
    consent_is_due_ = false;
    if (const auto line = NB_TRY(receive_line()); !line.starts_with("OK"))
        return fail(ErrorKind::permission, fmt::format("systemd's bus refuses us: {}", line));
    ever_connected_ = true;
    return {};
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
