#include "launch/lock.hpp"

#include <fmt/core.h>
#include <time.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "base/json.hpp"

namespace nodeboot {
namespace {

constexpr auto dead_after = std::chrono::minutes(1);
constexpr auto looked_at_every = std::chrono::seconds(2);

std::string field(const Secret& document, std::string_view name) {
    const auto json = parse_json(document.reveal(), "lock");
    return json ? json_string(*json, {name}).value_or("") : std::string();
}

}  // namespace

Duration since_boot() {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::string LaunchLock::parameter(const std::string& cluster) { return fmt::format("/nodeboot/{}/launch", cluster); }

LaunchLock::LaunchLock(ParameterStore& store, Clock& clock, Options options)
    : store_(store), clock_(clock), options_(std::move(options)) {}

Secret LaunchLock::document() const {
    const nlohmann::json json{
        {"owner", options_.owner.id}, {"who", options_.owner.who}, {"mark", options_.owner.mark}, {"beat", beat_}};
    return Secret(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

Result<std::unique_ptr<LaunchLock>> LaunchLock::take(ParameterStore& store, Clock& clock, Options options) {
    std::unique_ptr<LaunchLock> lock(new LaunchLock(store, clock, std::move(options)));
    NB_CHECK_CONTEXT(lock->acquire(), "the lock that keeps two launchers apart");
    lock->keeper_ = std::jthread([raw = lock.get()](std::stop_token stop) { raw->keep(stop); });
    return lock;
}

Result<bool> LaunchLock::write(Write how) {
    const Duration now = options_.uptime();
    const bool written = NB_TRY(store_.put(parameter(options_.cluster), document(), how == Write::over));
    if (written) written_ = now;
    return written;
}

Result<void> LaunchLock::acquire() {
    const std::string name = parameter(options_.cluster);
    const auto deadline = Deadline::after(clock_, options_.timeout);
    std::string seen;
    SteadyTime seen_at{};
    for (bool told = false;;) {
        if (NB_TRY(write(Write::new_one))) return {};
        const auto holder = NB_TRY(store_.get(name));
        if (holder && field(*holder, "owner") == options_.owner.id) return {};  // our own answer was lost
        was_free_ = false;  // also when it was let go of in between: what it changed last was seen by nobody
        if (holder) {
            if (!std::exchange(told, true)) options_.on_wait(field(*holder, "who"));
            if (holder->reveal() != seen) {
                seen = holder->reveal();
                seen_at = clock_.steady();
            }
            const bool dead = clock_.steady() - seen_at >= dead_after || options_.is_gone(field(*holder, "mark"));
            if (dead && NB_TRY(take_over())) return {};
        }
        if (deadline.passed(clock_))
            return fail(ErrorKind::conflict,
                        holder ? fmt::format("{} is at work on cluster {}", field(*holder, "who"), options_.cluster)
                               : fmt::format("SSM parameter {}: it exists already, and cannot be found", name),
                        holder ? "wait until that command has ended" : "run this command again");
        NB_CHECK(clock_.sleep(looked_at_every, options_.stop));
    }
}

/// Two may find the same dead holder: the later write stands, and a moment later both see whose. It is not deleted before:
/// between that and making it anew SSM wants half a minute ("DeleteParameter" in its API reference).
Result<bool> LaunchLock::take_over() {
    const std::string name = parameter(options_.cluster);
    NB_CHECK(write(Write::over));
    NB_CHECK(clock_.sleep(looked_at_every, options_.stop));
    const auto holder = NB_TRY(store_.get(name));
    return holder && field(*holder, "owner") == options_.owner.id;
}

/// Real time, whatever the clock of the run is.
void LaunchLock::keep(std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, options_.renewed_every, [&] { return stop.stop_requested(); })) {
        if (!renew()) return options_.on_lost();
    }
}

/// False when it is somebody else's. One that is not there is put back, unless somebody was quicker: the deletion of the one
/// before, perhaps half a minute ago, may have come late and taken this one. Not after a sleep in which others may have taken
/// it over, and let it go.
bool LaunchLock::renew() {
    const std::string name = parameter(options_.cluster);
    for (int look = 0; look < 2; ++look) {
        const auto holder = store_.get(name);
        if (!holder) return true;  // passing; others wait four times as long
        if (*holder ? field(**holder, "owner") != options_.owner.id : options_.uptime() - written_ >= dead_after)
            return false;
        ++beat_;
        const auto written = write(*holder ? Write::over : Write::new_one);
        if (!written || *written) return true;
    }
    return true;
}

Result<void> LaunchLock::release() {
    if (!keeper_.joinable()) return {};
    keeper_.request_stop();
    keeper_.join();
    const std::string name = parameter(options_.cluster);
    const auto holder = NB_TRY(store_.get(name));
    if (holder && field(*holder, "owner") == options_.owner.id) NB_CHECK(store_.remove(name));
    return {};
}

LaunchLock::~LaunchLock() { static_cast<void>(release()); }

}  // namespace nodeboot
