#include "launch/cloud.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <future>

#include "launch/faults.hpp"
#include "net/sha256.hpp"

namespace nodeboot {
namespace {

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

constexpr std::size_t longest_value = 60;
/// How long something that was created may stay invisible before that is an error.
constexpr auto stale_for = std::chrono::seconds(90);
/// How long a listing may be late after a lost answer, before the call is repeated.
constexpr auto listed_within = std::chrono::seconds(10);
constexpr auto settled_within = std::chrono::seconds(30);

std::string printable(const Value& value) {
    if (const auto* ref = std::get_if<Ref>(&value.content)) return fmt::format("({})", to_string(*ref));
    const auto& text = std::get<std::string>(value.content);
    return text.size() <= longest_value ? text : fmt::format("({} bytes)", text.size());
}

std::string describe_call_of(const ApiCall& call) {
    std::string out = fmt::format("{} {}", call.service, call.action);
    for (const auto& [name, value] : call.parameters)
        if (!name.starts_with("TagSpecification")) out += fmt::format(" {}={}", name, printable(value));
    return out;
}

class PlannedPhase final : public CloudPhase {
   public:
    PlannedPhase(PhaseInfo info, CloudPlan plan, CloudVerify verify)
        : info_(std::move(info)), plan_(std::move(plan)), verify_(std::move(verify)) {}
    const PhaseInfo& info() const override { return info_; }
    Result<CloudChanges> plan(const CloudView& view) const override { return plan_(view); }
    Result<void> verify(const CloudView& view, StepContext& step) const override {
        return verify_ ? verify_(view, step) : Result<void>{};
    }

   private:
    PhaseInfo info_;
    CloudPlan plan_;
    CloudVerify verify_;
};

/// What the first look after a change shows may be old; then it is looked at afresh, and what is left done again.
Result<void> settle(const CloudPhase& phase, Cloud& cloud, StepContext& step) {
    const auto deadline = Deadline::after(step.clock, settled_within).sooner_of(step.deadline);
    const std::function<Result<CloudChanges>()> plan = [&] { return phase.plan(cloud); };
    if (NB_TRY(patiently(step, plan)).empty()) return {};
    cloud.forget_all();  // the answer to a creation may say less than there is: look at once, and wait only after that
    for (;;) {
        const auto left = NB_TRY(patiently(step, plan));
        if (left.empty() || deadline.passed(step.clock)) return {};
        NB_CHECK(step.clock.sleep(std::chrono::seconds(1), step.stop));
        cloud.forget_all();
        for (const auto& change : NB_TRY(patiently(step, plan))) NB_CHECK(cloud.perform(change.action, step));
    }
}

/// The changes of a phase on their way: with the first of those that stand beside each other all of them begin.
class Changes {
   public:
    Changes(std::vector<CloudAction> actions, Cloud& cloud, AtOnce at_once)
        : actions_(std::move(actions)), cloud_(cloud), at_once_(at_once), begun_(actions_.size()) {}

    Result<void> apply(std::size_t n, StepContext& step) {
        auto done = begun_[n].valid() ? begun_[n].get() : begin(n, step);
        if (!done)
            for (const auto& other : begun_)
                if (other.valid()) other.wait();  // nothing is under way when the phase has ended
        return done;
    }

   private:
    Result<void> begin(std::size_t n, StepContext& step) {
        for (std::size_t next = n + 1; next < actions_.size() && is_beside(actions_[next]); ++next)
            if (at_once_ == AtOnce::many)
                begun_[next] = std::async(std::launch::async, [this, next, own = step]() mutable {
                    return cloud_.perform(actions_[next], own);
                });
        return cloud_.perform(actions_[n], step);
    }
    static bool is_beside(const CloudAction& action) {
        return std::visit([](const auto& one) { return one.beside; }, action);
    }

    const std::vector<CloudAction> actions_;
    Cloud& cloud_;
    AtOnce at_once_;
    std::vector<std::future<Result<void>>> begun_;
};

}  // namespace

std::string describe(const CloudAction& action) {
    return std::visit(Overloaded{[](const ApiCall& call) { return describe_call_of(call); },
                                 [](const CloudProcedure& procedure) {
                                     std::string out = procedure.name;
                                     for (const auto& argument : procedure.arguments) out += " " + argument;
                                     return out;
                                 }},
                      action);
}

Result<QueryParameters> Cloud::resolved(const ApiCall& call) const {
    QueryParameters out;
    for (const auto& [name, value] : call.parameters) {
        if (const auto* text = std::get_if<std::string>(&value.content)) {
            out.emplace_back(name, *text);
            continue;
        }
        const auto& ref = std::get<Ref>(value.content);
        const auto made = made_alone(ref);
        const auto found = made ? made : NB_TRY(known(ref));
        if (!found)
            return fail(ErrorKind::not_found, fmt::format("{}: there is no {}", call.action, to_string(ref)),
                        "somebody else may be deleting it; run this command again");
        out.emplace_back(name, found->id);
    }
    if (call.generation) {
        std::string all = scope().cluster + "\n" + *call.generation;
        for (const auto& [name, value] : out) all += "\n" + name + "=" + value;
        out.emplace_back("ClientToken", sha256_hex(all));  // 64 characters, the most that EC2 takes
    }
    return out;
}

void Cloud::forget_topics(const ApiCall& call) const {
    for (const auto& topic : call.topics) forget(topic);
}

Result<std::variant<Xml, AwsFault>> Cloud::call_once(const ApiCall& call, StepContext& step) {
    const auto parameters = NB_TRY(patiently<QueryParameters>(step, [&] { return resolved(call); }));
    const QueryOptions options{
        .repeatable = !call.makes || call.generation,
        .patience = std::max<Duration>(step.deadline.remaining(step.clock), std::chrono::seconds(1)),
        .stop = step.stop};
    return api().call(call.service, call.action, parameters, options);
}

void Cloud::remember_made(const ApiCall& call, const Xml& answer) {
    const auto& info = info_of(call.makes->kind);
    const Xml* item = info.created.empty() ? &answer : answer.find(info.created);
    if (item != nullptr && !item->text_at(info.id).empty()) remember(call.makes->kind, *item, *call.makes);
}

Result<Found> Cloud::appears(const Ref& ref, StepContext& step) {
    const auto since = step.clock.steady();
    for (const auto deadline = Deadline::after(step.clock, listed_within);;) {
        forget(ref.kind);
        auto found = known(ref);
        if (found && *found) {
            remember(ref.kind, (*found)->item, ref);  // the next listing may be an older one
            return found;
        }
        if (!found && found.error().kind == ErrorKind::cancelled) return found;
        // While nobody answers nothing is known, and to make it once more might make a second one.
        const bool unknown = !found && is_no_answer(found.error());
        if ((unknown ? step.deadline : deadline).passed(step.clock)) return found;
        NB_CHECK(pause(step, since));
    }
}

Result<void> Cloud::perform(const ApiCall& call, StepContext& step, const std::function<Result<void>()>& before_again) {
    const auto since = step.clock.steady();
    const auto patient = Deadline::after(step.clock, stale_for).sooner_of(step.deadline);
    std::string told;
    for (;;) {
        auto answer = call_once(call, step);
        forget_topics(call);
        if (!answer) {
            if (!is_no_answer(answer.error()) || !call.makes || step.deadline.passed(step.clock))
                return fail(std::move(answer).error());
            step.progress("the answer was lost; looking whether it was done");
            if (NB_TRY(appears(*call.makes, step))) return {};
            continue;
        }
        if (const auto* xml = std::get_if<Xml>(&*answer)) {
            if (call.makes) remember_made(call, *xml);
            if (!call.deletes.empty()) remember_gone(call.deletes);
            return {};
        }
        const auto& fault = std::get<AwsFault>(*answer);
        const auto verdict = judge(call, fault);
        if (verdict == Verdict::done) {
            if (call.makes) NB_CHECK(appears(*call.makes, step));
            return {};
        }
        // Deletions wait for what depends on it to go, and that has the phase's own deadline.
        const auto& deadline = call.deletes.empty() ? patient : step.deadline;
        if (verdict == Verdict::failed || deadline.passed(step.clock)) return fail(explain(call, fault));
        if (told != fault.code) step.progress(fmt::format("{}: {}", call.action, told = fault.code));
        if (before_again) NB_CHECK(before_again());
        NB_CHECK(pause(step, since));
    }
}

Result<void> Cloud::perform(const CloudAction& action, StepContext& step) {
    if (const auto* call = std::get_if<ApiCall>(&action)) return perform(*call, step);
    CloudContext context{*this, step};
    return std::get<CloudProcedure>(action).run(context);
}

std::shared_ptr<const CloudPhase> make_cloud_phase(PhaseInfo info, CloudPlan plan, CloudVerify verify) {
    return std::make_shared<PlannedPhase>(std::move(info), std::move(plan), std::move(verify));
}

Runnable make_runnable(std::shared_ptr<const CloudPhase> phase, Cloud& cloud, AtOnce at_once) {
    Runnable runnable;
    runnable.info = phase->info();
    runnable.plan = [phase, &cloud, at_once]() -> Result<std::vector<RunnableChange>> {
        auto planned = NB_TRY(phase->plan(cloud));
        std::vector<CloudAction> actions;
        for (auto& change : planned) actions.push_back(change.action);
        const auto changes = std::make_shared<Changes>(std::move(actions), cloud, at_once);
        std::vector<RunnableChange> out;
        for (auto& change : planned) {
            const std::size_t n = out.size();
            const bool last = n + 1 == planned.size();
            out.push_back({std::move(change.subject), std::move(change.from), std::move(change.to),
                           describe(change.action),
                           [phase, changes, n, last, &cloud](StepContext& step) -> Result<void> {
                               NB_CHECK(changes->apply(n, step));
                               return last ? settle(*phase, cloud, step) : Result<void>{};
                           }});
        }
        return out;
    };
    runnable.verify = [phase, &cloud](StepContext& step) { return phase->verify(cloud, step); };
    return runnable;
}

Duration pause_after(Duration waited, Duration shortest, Duration longest) {
    return std::clamp<Duration>(waited / 10, shortest, longest);
}

Result<void> pause(StepContext& step, SteadyTime since) {
    return step.clock.sleep(pause_after(step.clock.steady() - since), step.stop);
}

Result<void> wait_until(StepContext& step, const std::string& what, const std::function<Result<bool>()>& look) {
    step.progress("waiting for " + what);
    for (const auto since = step.clock.steady();;) {
        auto seen = patiently<bool>(step, look);
        if (!seen) return fail(std::move(seen).error().with_context("waiting for " + what));
        if (*seen) return {};
        if (step.deadline.passed(step.clock))
            return fail(ErrorKind::timeout, fmt::format("gave up waiting for {}", what), "run this command again");
        NB_CHECK(pause(step, since));
    }
}

}  // namespace nodeboot
