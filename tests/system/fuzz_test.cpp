// What daemons, the kernel and package managers say, damaged.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "support/fake_host.hpp"
#include "support/mutator.hpp"
#include "support/temporary_folder.hpp"
#include "system/apt.hpp"
#include "system/cri_client.hpp"
#include "system/dbus_message.hpp"
#include "system/dnf.hpp"
#include "system/grpc.hpp"
#include "system/protobuf.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

using testing::fuzz;
using namespace std::string_literals;

std::string dbus_reply(const std::string& signature, const std::string& body) {
    std::string fields = "\x05\x01u\0\x07\0\0\0\x08\x01g\0"s + static_cast<char>(signature.size()) + signature + '\0';
    std::string bytes = "l\x02\x01\x01"s + static_cast<char>(body.size()) + "\0\0\0\x01\0\0\0"s +
                        static_cast<char>(fields.size()) + "\0\0\0"s + fields;
    bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
    return bytes + body;
}

TEST(FuzzSystem, messages_of_the_bus_are_whole_or_refused) {
    const DbusCall call{"/org/freedesktop/systemd1", "org.freedesktop.DBus.Properties", "Get", {"a", "b"}};
    fuzz({dbus_reply("v", "\x01s\0\0\x06\0\0\0loaded\0"s), dbus_reply("v", "\x01t\0\0\0\0\0\0\x40\x42\x0f\0\0\0\0\0"s),
          dbus_reply("v",
                     "\x01"
                     "b\0\0\x01\0\0\0"s),
          dbus_reply("a(ssu)", "\x15\0\0\0\0\0\0\0\x02\0\0\0ab\0\0\x01\0\0\0c\0\0\0\x07\0\0\0"s),
          dbus_reply("s", "\x03\0\0\0abc\0"s), marshal(call, "org.freedesktop.systemd1", 7)},
         20000, [](const std::string& bytes) {
             const auto size = message_size(bytes);
             if (size && *size) {
                 EXPECT_GE(**size, 16U);
             }
             const auto message = parse_message(bytes);
             if (!message) return;
             ASSERT_TRUE(size && *size);
             EXPECT_EQ(**size, bytes.size());
             first_value(*message).has_value();
             first_strings(*message, 5).has_value();
         });
    fuzz({"kubelet.service", "dev-disk-by\\x2duuid.swap"}, 2000, [](const std::string& unit) {
        const auto path = unit_path(unit);
        EXPECT_EQ(path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/"),
                  std::string::npos);
    });
}

TEST(FuzzSystem, protobuf_fields_lie_within_their_message) {
    const auto inner = ProtoWriter().add(1, "RuntimeReady").add_flag(2, true).take();
    fuzz({ProtoWriter().add(1, ProtoWriter().add(1, inner).take()).add(2, "key").take(), inner}, 20000,
         [](const std::string& bytes) {
             ProtoReader reader(bytes);
             std::size_t fields = 0;
             while (reader.next()) {
                 ASSERT_LE(++fields, bytes.size());
                 const auto inside = reader.bytes();
                 if (inside.empty()) continue;
                 EXPECT_GE(inside.data(), bytes.data());
                 EXPECT_LE(inside.data() + inside.size(), bytes.data() + bytes.size());
                 ProtoReader deeper(inside);
                 while (deeper.next()) static_cast<void>(deeper.number());
             }
         });
}

// Answers each connection with the same bytes and hangs up.
class Talker {
   public:
    explicit Talker(const std::filesystem::path& socket) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket.string().copy(address.sun_path, sizeof address.sun_path - 1);
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
        ::listen(listener_, 4);
    }
    ~Talker() { ::close(listener_); }
    /// While `ask` runs.
    template <class Ask>
    void say(const std::string& bytes, Ask ask) {
        std::thread talking([&] {
            const int fd = ::accept(listener_, nullptr, nullptr);
            for (std::size_t sent = 0; sent < bytes.size();) {
                const auto count = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
                if (count <= 0) break;
                sent += static_cast<std::size_t>(count);
            }
            ::shutdown(fd, SHUT_WR);
            char buffer[4096];
            while (::read(fd, buffer, sizeof buffer) > 0) {
            }
            ::close(fd);
        });
        ask();
        talking.join();
    }

   private:
    int listener_ = -1;
};

TEST(FuzzSystem, a_container_runtime_that_talks_rubbish_is_an_error_and_nothing_hangs) {
    testing::TemporaryFolder folder;
    Talker talker(folder / "cri.sock");
    // SETTINGS; HEADERS with :status 200; DATA with an empty message; trailers "grpc-status: 0" (RFC 7541, literals).
    const std::string settings = "\0\0\0\x04\0\0\0\0\0"s, headers = "\0\0\x01\x01\x04\0\0\0\x01\x88"s,
                      data = "\0\0\x05\0\0\0\0\0\x01\0\0\0\0\0"s,
                      trailers =
                          "\0\0\x10\x01\x05\0\0\0\x01\x40\x0bgrpc-status\x01"
                          "0\x88"s;
    const GrpcCall call{.socket = folder / "cri.sock",
                        .method = "/runtime.v1.RuntimeService/Version",
                        .request = "",
                        .timeout = std::chrono::seconds(60)};
    fuzz({settings + headers + data + trailers, settings + headers + trailers, settings,
          "HTTP/1.1 400 Bad Request\r\n\r\n"},
         400, [&](const std::string& bytes) {
             talker.say(bytes, [&] {
                 const auto reply = grpc_call(call);
                 if (!reply) {
                     EXPECT_NE(reply.error().kind, ErrorKind::timeout) << reply.error().text();
                 }
             });
         });
}

TEST(FuzzSystem, dpkgs_database_is_read_whatever_a_crash_left_in_it) {
    fuzz({"Package: kubelet\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 1.35.0-1.1\nDescription: x\n "
          "more\n .\n\n"
          "Package: kubeadm\nStatus: install ok half-configured\nVersion: 1:2\n\nPackage: libc6\nStatus: install ok "
          "unpacked\nArchitecture: amd64\n",
          "\n\n\nPackage: a\n\n"},
         5000, [](const std::string& text) {
             const DpkgStatus status(text);
             for (const auto* package : {"kubelet", "kubeadm", "a", ""}) {
                 const auto state = status.find(package);
                 if (state.installed) {
                     EXPECT_NE(text.find(package), std::string::npos);
                 }
             }
             for (const auto& name : status.unfinished()) EXPECT_EQ(name.find('\n'), std::string::npos);
         });
    fuzz({"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1 (apt)\n",
          "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'\n", "No space left on device"},
         3000, [](const std::string& text) { classify_apt_failure(text); });
}

TEST(FuzzSystem, what_a_plan_prints_of_a_difference_is_one_line) {
    fuzz({"a\nb\nc\n", "a\nc\n", ""}, 2000, [](const std::string& text) {
        EXPECT_EQ(summarise_difference(text, "a\nb\n").find('\n'), std::string::npos);
        is_own("/etc/x", text);
    });
}

}  // namespace
}  // namespace nodeboot
