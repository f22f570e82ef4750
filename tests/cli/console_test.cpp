#include "cli/console.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <pty.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "support/manual_clock.hpp"
#include "support/temporary_folder.hpp"
#include "system/fd.hpp"

namespace nodeboot::cli {
namespace {

using namespace std::chrono_literals;
using ::nodeboot::testing::ManualClock;
using ::testing::EndsWith;
using ::testing::HasSubstr;

/// A pseudo terminal that plays the console.
struct Terminal {
    Terminal() {
        int ends[2] = {-1, -1};
        char name[128];
        termios raw{};
        ::cfmakeraw(&raw);
        EXPECT_EQ(::openpty(&ends[0], &ends[1], name, &raw, nullptr), 0);
        reader = Fd(ends[0]);
        keeper = Fd(ends[1]);
        path = name;
        ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
    }
    void fill() const {
        const Fd writer(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK));
        while (::write(writer.get(), ".", 1) == 1) {
        }
    }
    std::string read() const {
        std::string all;
        char buffer[4096];
        for (ssize_t count = 0; (count = ::read(reader.get(), buffer, sizeof buffer)) > 0;)
            all.append(buffer, static_cast<std::size_t>(count));
        return all;
    }
    Fd reader, keeper;
    std::string path;
};

/// Time moves when somebody sleeps, and something else happens meanwhile.
class EventfulClock final : public Clock {
   public:
    WallTime wall() const override { return inner_.wall(); }
    SteadyTime steady() const override { return inner_.steady(); }
    Result<void> sleep(Duration duration, std::stop_token stop) override {
        if (meanwhile) meanwhile();
        return inner_.sleep(duration, std::move(stop));
    }
    std::function<void()> meanwhile;

   private:
    ManualClock inner_;
};

constexpr int no_terminal = -1;

TEST(Console, a_line_that_is_refused_at_first_is_said_again_and_whole) {
    const Terminal terminal;
    EventfulClock clock;
    const auto write = console_writer(terminal.path, no_terminal, clock);
    terminal.fill();
    std::string seen;
    clock.meanwhile = [&] { seen += terminal.read(); };
    write("nodeboot: a line\r\n");
    EXPECT_THAT(seen + terminal.read(), EndsWith("..nodeboot: a line\r\n"));
}

TEST(Console, a_line_longer_than_the_buffer_arrives_whole) {
    const Terminal terminal;
    EventfulClock clock;
    const auto write = console_writer(terminal.path, no_terminal, clock);
    std::string seen;
    clock.meanwhile = [&] { seen += terminal.read(); };
    const std::string line(100'000, 'x');
    write(line);
    EXPECT_EQ((seen + terminal.read()).size(), line.size());
}

TEST(Console, one_that_takes_nothing_is_waited_for_once_until_it_takes_a_line_again) {
    const Terminal terminal;
    ManualClock clock;
    const auto write = console_writer(terminal.path, no_terminal, clock);
    terminal.fill();
    const auto began = clock.steady();
    write("one\r\n");
    EXPECT_GE(clock.steady() - began, console_patience);
    EXPECT_LT(clock.steady() - began, console_patience + 1s);
    const auto later = clock.steady();
    write("two\r\n");
    EXPECT_LT(clock.steady() - later, 100ms);
    terminal.read();
    write("three\r\n");
    EXPECT_EQ(terminal.read(), "three\r\n");
    terminal.fill();
    const auto again = clock.steady();
    write("four\r\n");
    EXPECT_GE(clock.steady() - again, console_patience);
}

TEST(Console, a_getty_that_hangs_it_up_does_not_end_the_records) {
    ::nodeboot::testing::TemporaryFolder folder;
    const std::string path = folder.path() / "console";
    auto before = std::make_unique<Terminal>();
    std::filesystem::create_symlink(before->path, path);
    ManualClock clock;
    const auto write = console_writer(path, no_terminal, clock);
    write("one\r\n");
    EXPECT_EQ(before->read(), "one\r\n");
    const Terminal after;
    before.reset();  // what was open on it now gives EIO, as after vhangup(2)
    std::filesystem::remove(path);
    std::filesystem::create_symlink(after.path, path);
    write("two\r\n");
    EXPECT_EQ(after.read(), "two\r\n");
}

TEST(Console, where_there_is_none_or_where_it_is_the_own_terminal_nothing_is_written) {
    const Terminal terminal;
    ManualClock clock;
    EXPECT_FALSE(console_writer("/nonexistent/console", no_terminal, clock));
    EXPECT_FALSE(console_writer(terminal.path, terminal.keeper.get(), clock));
    EXPECT_TRUE(console_writer(terminal.path, no_terminal, clock));
}

}  // namespace
}  // namespace nodeboot::cli
