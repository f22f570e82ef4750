#include "launch/lock.hpp"

#include <fmt/core.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.hpp"

namespace nodeboot {
namespace {

constexpr auto renewed_every = std::chrono::seconds(15);
constexpr auto dead_after = std::chrono::minutes(1);
constexpr auto looked_at_every = std::chrono::seconds(2);

std::string field(const Secret& document, std::string_view name) {
    const auto json = parse_json(document.reveal(), "lock");
    return json ? json_string(*json, {name}).value_or("") : std::string();
}

}  // namespace

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

Result<void> LaunchLock::acquire() {
    const std::string name = parameter(options_.cluster);
    const auto deadline = Deadline::after(clock_, options_.timeout);
    std::string seen;
    SteadyTime seen_at{};
    for (;;) {
        if (NB_TRY(store_.put(name, document(), false))) return {};
        const auto holder = NB_TRY(store_.get(name));
        if (!holder) {  // let go of in between: what it changed last was seen by nobody
            was_free_ = false;
            continue;
        }
        if (field(*holder, "owner") == options_.owner.id) return {};  // our own answer was lost
        if (was_free_) options_.on_wait(field(*holder, "who"));
        was_free_ = false;
        if (holder->reveal() != seen) {
            seen = holder->reveal();
            seen_at = clock_.steady();
        }
        const bool dead = clock_.steady() - seen_at >= dead_after || options_.is_gone(field(*holder, "mark"));
        if (dead && NB_TRY(take_over())) return {};
        if (deadline.passed(clock_))
            return fail(ErrorKind::conflict,
                        fmt::format("{} is at work on cluster {}", field(*holder, "who"), options_.cluster),
                        "wait until that command has ended");
        NB_CHECK(clock_.sleep(looked_at_every, options_.stop));
    }
}

/// Two may find the same dead holder: after the deletion one's write stands, and a moment later both see whose.
Result<bool> LaunchLock::take_over() {
    const std::string name = parameter(options_.cluster);
    NB_CHECK(store_.remove(name));
    if (!NB_TRY(store_.put(name, document(), false))) return false;
    NB_CHECK(clock_.sleep(looked_at_every, options_.stop));
    const auto holder = NB_TRY(store_.get(name));
    return holder && field(*holder, "owner") == options_.owner.id;
}

/// Real time, whatever the clock of the run is.
void LaunchLock::keep(std::stop_token stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, renewed_every, [&] { return stop.stop_requested(); })) {
        const std::string name = parameter(options_.cluster);
        const auto holder = store_.get(name);
        if (!holder) continue;  // passing; others wait four times as long
        if (!*holder || field(**holder, "owner") != options_.owner.id) return options_.on_lost();
        ++beat_;
        static_cast<void>(store_.put(name, document(), true));
    }
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
