#include "system/systemd_bus.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "support/temporary_folder.hpp"
#include "system/dbus_message.hpp"
#include "system/linux_host.hpp"

namespace nodeboot {
namespace {

using namespace std::string_literals;

std::string text_body(const std::string& text) {
    return std::string(1, static_cast<char>(text.size())) + "\0\0\0"s + text + '\0';
}

// Answers one call; `fields` are the header fields besides the serial of what it answers.
std::string answer(std::uint8_t type, std::uint32_t serial, std::string fields, const std::string& body) {
    fields = "\x05\x01u\0"s + static_cast<char>(serial) + "\0\0\0"s + fields;
    std::string bytes = "l"s + static_cast<char>(type) + "\x01\x01"s + static_cast<char>(body.size()) +
                        "\0\0\0\x01\0\0\0"s + static_cast<char>(fields.size()) + "\0\0\0"s + fields;
    bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
    return bytes + body;
}
std::string value_answer(std::uint32_t serial, const std::string& variant) {
    return answer(2, serial, "\x08\x01g\0\x01v\0"s, variant);
}

// Plays systemd for one unit, on a real socket. `kinds` of misbehaviour are switched on by the tests.
class FakeSystemd {
   public:
    /// `is_bus`: it wants a Hello before anything else.
    explicit FakeSystemd(const std::filesystem::path& socket, bool is_bus = false) : greeted_(!is_bus) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
        listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ::listen(listener_, 4);
        thread_ = std::jthread([this] {
            for (int fd = 0; (fd = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(fd)) serve(fd);
        });
    }
    ~FakeSystemd() {
        ::shutdown(listener_, SHUT_RDWR);
        ::close(listener_);
    }

    std::atomic<int> connections{0};
    std::atomic<int> hang_up_after{1000};  ///< answers on one connection
    std::atomic<bool> missing_file{false};
    std::atomic<bool> masked{false};
    std::atomic<bool> no_name{false};  ///< what it was asked about is no name of a unit
    std::atomic<bool> talk_rubbish{false};
    std::atomic<bool> full{false};  ///< it answers Hello with a refusal
    int asked(const std::string& what) {
        const std::lock_guard lock(mutex_);
        return asked_[what];
    }

   private:
    std::string say(const DbusCall& call, std::uint32_t serial) {
        {
            const std::lock_guard lock(mutex_);
            ++asked_[call.member == "Get" ? call.arguments.at(1) : call.member];
        }
        if (call.member == "Hello") {
            greeted_ = true;
            if (full) return refuse(serial, "org.freedesktop.DBus.Error.LimitsExceeded");
            return answer(2, serial, "\x08\x01g\0\x01s\0"s, text_body(":1.42"));
        }
        if (!greeted_ || full) return refuse(serial, "org.freedesktop.DBus.Error.AccessDenied");
        if (call.member == "GetUnitFileState" && missing_file) {
            return refuse(serial, "org.freedesktop.DBus.Error.FileNotFound");
        }
        if (call.member == "ListUnitsByNames")
            return answer(2, serial,
                          "\x08\x01g\0\x0d"
                          "a(ssssssouso)\0"s,
                          unit_row());
        if (call.member == "GetUnitFileState")
            return answer(2, serial, "\x08\x01g\0\x01s\0"s, text_body(masked ? "masked" : "enabled"));
        const auto& property = call.arguments.at(1);
        if (property == "NeedDaemonReload")
            return value_answer(serial,
                                "\x01"
                                "b\0\0\x01\0\0\0"s);
        if (property == "ExecMainStartTimestamp")
            return value_answer(serial, "\x01t\0\0\0\0\0\0\x40\x42\x0f\0\0\0\0\0"s);  // 1 s
        ADD_FAILURE() << "nobody needs to ask for " << property;
        return refuse(serial, "org.freedesktop.DBus.Error.UnknownProperty");
    }
    // Name, description, load state, active state, sub-state; what follows nobody reads.
    std::string unit_row() const {
        if (no_name) return "\0\0\0\0"s;
        std::string body = "\xff\0\0\0\0\0\0\0"s;
        for (const auto* text : {"kubelet.service", "Kubelet", masked ? "masked" : "loaded", "active", "running"}) {
            body.resize((body.size() + 3) / 4 * 4, '\0');
            body += text_body(text);
        }
        return body;
    }
    static std::string refuse(std::uint32_t serial, const std::string& name) {
        return answer(3, serial, "\x04\x01s\0"s + static_cast<char>(name.size()) + "\0\0\0"s + name + '\0', "");
    }
    // Only as much of a call as this needs: member and arguments are looked for by the strings they hold.
    static DbusCall understand(const std::string& bytes) {
        DbusCall call;
        call.member = "Get";
        for (const auto* name : {"GetUnitFileState", "ListUnitsByNames", "Hello"})
            if (bytes.find(name) != std::string::npos) call.member = name;
        for (const auto* name : {"NeedDaemonReload", "ExecMainStartTimestamp"})
            if (bytes.find(name) != std::string::npos) call.arguments = {"", name};
        return call;
    }
    static bool read_until(int fd, std::string& bytes, const std::string& end) {
        char c = 0;
        while (bytes.find(end) == std::string::npos && ::read(fd, &c, 1) == 1) bytes += c;
        return bytes.find(end) != std::string::npos;
    }
    void serve(int fd) {
        ++connections;
        std::string bytes, calls;
        if (!read_until(fd, bytes, "\r\n")) return;
        send(fd, "OK 0123456789abcdef0123456789abcdef\r\n");
        bytes.clear();
        if (!read_until(fd, bytes, "BEGIN\r\n")) return;
        if (talk_rubbish) {
            send(fd, std::string(64, 'x'));
            for (char c = 0; ::read(fd, &c, 1) == 1;) {  // closing now would lose the rubbish: the calls are unread
            }
            return;
        }
        send(fd, answer(4, 0, "", ""));  // a signal that nobody asked for
        char buffer[4096];
        for (int answered = 0;;) {
            const auto size = message_size(calls).value();
            if (size && calls.size() >= *size) {
                if (answered++ >= hang_up_after) return;
                const std::uint32_t serial = static_cast<unsigned char>(calls[8]);
                send(fd, say(understand(calls.substr(0, *size)), serial));
                calls.erase(0, *size);
                continue;
            }
            const auto count = ::read(fd, buffer, sizeof buffer);
            if (count <= 0) return;
            calls.append(buffer, static_cast<std::size_t>(count));
        }
    }
    static void send(int fd, const std::string& bytes) {
        for (char c : bytes)  // byte by byte: no reader may count on whole messages
            if (::send(fd, &c, 1, MSG_NOSIGNAL) != 1) return;
    }
    int listener_ = -1;
    bool greeted_;
    std::mutex mutex_;
    std::map<std::string, int> asked_;
    std::jthread thread_;
};

class SystemdBusTest : public ::testing::Test {
   protected:
    testing::TemporaryFolder folder_;
    FakeSystemd systemd_{folder_ / "private"};
    SystemdBus bus_{folder_ / "bus", folder_ / "private"};
};

TEST_F(SystemdBusTest, the_state_of_a_unit_is_put_together_from_its_properties) {
    const auto state = bus_.unit("kubelet.service");
    ASSERT_TRUE(state) << state.error().text();
    EXPECT_TRUE(state->loaded);
    EXPECT_EQ(state->active, "active");
    EXPECT_EQ(state->sub, "running");
    EXPECT_EQ(state->file_state, "enabled");
    EXPECT_EQ(state->started.value(), WallTime(std::chrono::seconds(1)));
}

TEST_F(SystemdBusTest, what_costs_systemd_a_search_is_asked_only_by_those_who_need_it) {
    EXPECT_TRUE(bus_.needs_reload("kubelet.service").value());
    systemd_.missing_file = true;
    EXPECT_EQ(bus_.unit("kubelet.service", SystemdBus::FileState::left_out).value().active, "active");
    EXPECT_EQ(systemd_.asked("GetUnitFileState"), 0);
    ASSERT_TRUE(bus_.unit("kubelet.service"));
    EXPECT_EQ(systemd_.asked("GetUnitFileState"), 1);
    EXPECT_EQ(systemd_.asked("NeedDaemonReload"), 1);
}

TEST_F(SystemdBusTest, a_unit_without_a_file_has_no_file_state) {
    systemd_.missing_file = true;
    EXPECT_EQ(bus_.unit("dev-vdb.swap").value().file_state, "");
}

TEST_F(SystemdBusTest, a_unit_that_is_linked_to_be_started_is_enabled_without_a_search) {
    std::filesystem::create_directories(folder_ / "run/systemd");
    FakeSystemd systemd(folder_ / "run/systemd/private");
    LinuxHost host({.root = folder_.path()});
    EXPECT_EQ(host.unit("kubelet.service").value().file_state, "enabled");
    EXPECT_EQ(systemd.asked("GetUnitFileState"), 1);
    const auto wants = folder_ / "etc/systemd/system/multi-user.target.wants";
    std::filesystem::create_directories(wants);
    std::filesystem::create_symlink("/usr/lib/systemd/system/other.service", wants / "kubelet.service");
    ASSERT_TRUE(host.unit("kubelet.service"));  // the link leads to another unit
    EXPECT_EQ(systemd.asked("GetUnitFileState"), 2);
    std::filesystem::remove(wants / "kubelet.service");
    std::filesystem::create_symlink("/usr/lib/systemd/system/kubelet.service", wants / "kubelet.service");
    EXPECT_EQ(host.unit("kubelet.service").value().file_state, "enabled");
    EXPECT_EQ(systemd.asked("GetUnitFileState"), 2);
    const auto unusual = folder_ / "etc/systemd/system/other.target.requires";
    std::filesystem::create_directories(unusual);
    std::filesystem::create_symlink("/usr/lib/systemd/system/containerd.service", unusual / "containerd.service");
    EXPECT_EQ(host.unit("containerd.service").value().file_state, "enabled");
    EXPECT_EQ(systemd.asked("GetUnitFileState"), 2);
    systemd.masked = true;  // the link stays when a unit is masked
    EXPECT_EQ(host.unit("kubelet.service").value().file_state, "masked");
    EXPECT_EQ(systemd.asked("GetUnitFileState"), 3);
}

// Seen in the lab: kubelet was enabled beside containerd's phase, which then found its own unit to be reloaded once more.
TEST_F(SystemdBusTest, whether_to_reload_is_not_asked_while_systemctl_changes_what_is_enabled) {
    std::filesystem::create_directories(folder_ / "run/systemd");
    FakeSystemd systemd(folder_ / "run/systemd/private");
    folder_.put("bin/systemctl", "#!/bin/sh\ncd " + folder_.path().string() +
                                     "\ncase \"$*\" in *enable*|*mask*) : >began; sleep 0.5; : >ended;; esac\n");
    std::filesystem::permissions(folder_ / "bin/systemctl", std::filesystem::perms::owner_all);
    LinuxHost host(
        {.root = folder_.path(), .programs = {.search_path = (folder_ / "bin").string() + ":/usr/bin:/bin"}});
    for (const auto verb : {UnitVerb::enable, UnitVerb::mask}) {
        std::filesystem::remove(folder_ / "began");
        std::filesystem::remove(folder_ / "ended");
        std::jthread beside([&] { EXPECT_TRUE(host.unit_verb(verb, "kubelet.service")); });
        while (!std::filesystem::exists(folder_ / "began")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        EXPECT_TRUE(host.needs_reload("containerd.service"));
        EXPECT_TRUE(std::filesystem::exists(folder_ / "ended")) << to_string(verb);
    }
}

TEST_F(SystemdBusTest, one_connection_serves_many_questions) {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(bus_.unit("kubelet.service"));
    EXPECT_EQ(systemd_.connections, 1);
}

TEST_F(SystemdBusTest, a_connection_that_breaks_is_made_again) {
    systemd_.hang_up_after = 4;  // in the middle of the second question
    ASSERT_TRUE(bus_.unit("kubelet.service"));
    const auto again = bus_.unit("kubelet.service");
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(systemd_.connections, 2);
}

TEST_F(SystemdBusTest, rubbish_is_corrupted_and_not_believed) {
    systemd_.talk_rubbish = true;
    EXPECT_EQ(bus_.unit("kubelet.service").error().kind, ErrorKind::corrupted);
}

TEST_F(SystemdBusTest, the_system_bus_comes_first_where_it_is) {
    FakeSystemd bus(folder_ / "bus", true);
    SystemdBus asked(folder_ / "bus", folder_ / "private");
    const auto state = asked.unit("kubelet.service");
    ASSERT_TRUE(state) << state.error().text();
    EXPECT_EQ(state->active, "active");
    EXPECT_EQ(bus.connections, 1);
    EXPECT_EQ(systemd_.connections, 0);
}

TEST_F(SystemdBusTest, a_bus_that_is_full_leaves_systemds_own_socket) {
    FakeSystemd bus(folder_ / "bus", true);
    SystemdBus asked(folder_ / "bus", folder_ / "private");
    bus.full = true;
    const auto state = asked.unit("kubelet.service");
    ASSERT_TRUE(state) << state.error().text();
    EXPECT_EQ(systemd_.connections, 1);
    ASSERT_TRUE(asked.unit("kubelet.service"));
    EXPECT_EQ(bus.connections, 1);
}

TEST_F(SystemdBusTest, a_name_that_is_none_is_the_askers_mistake) {
    systemd_.no_name = true;
    const auto state = bus_.unit("what is this");
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(state.error().text(), "cannot ask systemd about what is this: it is no name of a unit");
}

class AskedAheadTest : public SystemdBusTest {
   protected:
    FakeSystemd peer_{folder_ / "bus", true};
    SystemdBus both_{folder_ / "bus", folder_ / "private"};

    void expect_answer(SystemdBus& bus) {
        const auto state = bus.unit("kubelet.service", SystemdBus::FileState::left_out);
        ASSERT_TRUE(state) << state.error().text();
        EXPECT_TRUE(state->running());
        EXPECT_EQ(state->started.value(), WallTime(std::chrono::seconds(1)));
    }
};

TEST_F(AskedAheadTest, units_are_asked_about_once_and_each_answer_serves_once) {
    both_.ask_ahead({"containerd.service", "kubelet.service"});
    expect_answer(both_);
    EXPECT_EQ(peer_.asked("ListUnitsByNames"), 2);
    expect_answer(both_);
    EXPECT_EQ(peer_.asked("ListUnitsByNames"), 3);
    EXPECT_EQ(peer_.connections, 1);
}

TEST_F(AskedAheadTest, an_answer_without_what_is_asked_for_now_does_not_serve) {
    both_.ask_ahead({"kubelet.service"});
    EXPECT_EQ(both_.unit("kubelet.service").value().file_state, "enabled");
    EXPECT_EQ(peer_.asked("GetUnitFileState"), 1);
}

TEST_F(AskedAheadTest, a_greeting_before_the_questions_is_the_only_one) {
    both_.ask_ahead({});
    both_.ask_ahead({"kubelet.service"});
    expect_answer(both_);
    EXPECT_EQ(peer_.asked("Hello"), 1);
    EXPECT_EQ(peer_.asked("ListUnitsByNames"), 1);
    EXPECT_EQ(peer_.connections, 1);
    EXPECT_EQ(systemd_.connections, 0);
}

TEST_F(AskedAheadTest, a_greeting_that_is_refused_does_no_harm) {
    peer_.full = true;
    both_.ask_ahead({});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the bus has hung up
    both_.ask_ahead({"kubelet.service"});
    expect_answer(both_);
    EXPECT_EQ(systemd_.connections, 1);
}

TEST_F(AskedAheadTest, what_goes_wrong_is_asked_again) {
    peer_.full = true;  // the answers are refusals: systemd's own socket is left
    both_.ask_ahead({"kubelet.service"});
    expect_answer(both_);
    EXPECT_EQ(systemd_.connections, 1);
}

TEST_F(AskedAheadTest, a_connection_that_breaks_meanwhile_is_made_again) {
    peer_.hang_up_after = 2;  // Hello, and half of what is asked
    both_.ask_ahead({"kubelet.service"});
    peer_.hang_up_after = 1000;
    const auto state = both_.unit("kubelet.service", SystemdBus::FileState::left_out);
    ASSERT_TRUE(state) << state.error().text();
    EXPECT_TRUE(state->running());
}

TEST_F(AskedAheadTest, without_a_bus_nothing_is_asked_before_it_is_needed) {
    SystemdBus bus(folder_ / "no bus", folder_ / "private");
    bus.ask_ahead({"kubelet.service"});
    EXPECT_EQ(systemd_.connections, 0);
    expect_answer(bus);
}

TEST(SystemdBus, where_no_systemd_is_that_is_said) {
    SystemdBus bus("/no/such/bus", "/no/such/private");
    const auto state = bus.unit("kubelet.service");
    ASSERT_FALSE(state);
    EXPECT_EQ(state.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(state.error().text(),
              "state of kubelet.service: cannot ask systemd at /no/such/private: No such file or directory");
    EXPECT_EQ(state.error().hint, "is systemd the init system of this machine?");
}

}  // namespace
}  // namespace nodeboot
