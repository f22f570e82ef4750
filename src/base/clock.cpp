#include "base/clock.hpp"

#include <fmt/core.h>
#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <optional>

#include "base/years.hpp"

namespace nodeboot {
namespace {

/// RFC 3339's time-offset: "Z", "+02:00", "-00:00".
std::optional<std::chrono::seconds> utc_offset(std::string_view text) {
    if (text == "Z") return std::chrono::seconds(0);
    const auto digits = [&](std::size_t at, int most) -> std::optional<int> {
        const int tens = text[at] - '0';
        const int ones = text[at + 1] - '0';
        if (tens < 0 || tens > 9 || ones < 0 || ones > 9 || 10 * tens + ones > most) return std::nullopt;
        return 10 * tens + ones;
    };
    if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
    const auto hours = digits(1, 23);
    const auto minutes = digits(4, 59);
    if (!hours || !minutes) return std::nullopt;
    const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    return text[0] == '+' ? offset : -offset;
}

}  // namespace

WallTime SystemClock::wall() const { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }
SteadyTime SystemClock::steady() const {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

Result<void> SystemClock::sleep(Duration duration, std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any condition;
    std::unique_lock lock(mutex);
    condition.wait_for(lock, stop, duration, [] { return false; });
    if (stop.stop_requested()) return fail(ErrorKind::cancelled, "stopped while waiting");
    return {};
}

Duration Deadline::remaining(const Clock& clock) const {
    if (at == SteadyTime::max()) return Duration::max();
    const Duration left = at - clock.steady();
    return left < Duration::zero() ? Duration::zero() : left;
}

std::string format_rfc3339(WallTime time) {
    const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                       parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Result<WallTime> parse_rfc3339(std::string_view text) {
    const std::string copy(text);
    std::tm parts{};
    const char* end = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (end != nullptr && *end == '.') {  // fractions of a second are dropped
        ++end;
        while (*end >= '0' && *end <= '9') ++end;
    }
    const auto offset = utc_offset(end != nullptr ? end : "");
    if (!offset) return fail(ErrorKind::corrupted, fmt::format("'{}' is not an RFC 3339 time", text));
    const int day = parts.tm_mday;
    // "0001-01-01" is Go's "never was", "9999-12-31" somebody's "never".
    parts.tm_year += std::clamp(year_of(parts), first_year, last_year) - year_of(parts);
    const WallTime time(std::chrono::seconds(timegm(&parts)) - *offset);
    if (parts.tm_mday != day)  // 30 February has become 2 March
        return fail(ErrorKind::corrupted, fmt::format("'{}' is a day that does not exist", text));
    return time;
}

std::string format_duration(Duration duration) {
    using namespace std::chrono;
    const auto ms = duration_cast<milliseconds>(duration).count();
    if (ms < 1000) return fmt::format("{}ms", ms);
    if (ms < 60'000) return fmt::format("{:.1f}s", static_cast<double>(ms) / 1000.0);
    const auto s = ms / 1000;
    if (s < 3600) return s % 60 == 0 ? fmt::format("{}m", s / 60) : fmt::format("{}m{}s", s / 60, s % 60);
    return s % 3600 < 60 ? fmt::format("{}h", s / 3600) : fmt::format("{}h{}m", s / 3600, s % 3600 / 60);
}

}  // namespace nodeboot
