#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/phase.hpp"
#include "launch/cloud_view.hpp"

namespace nodeboot {

class Cloud;

/// In a call's parameters: a text, or the id of a resource that may not exist before the call is made.
struct Value {
    std::variant<std::string, Ref> content;
    Value(std::string text) : content(std::move(text)) {}        // NOLINT(google-explicit-constructor)
    Value(const char* text) : content(std::string(text)) {}      // NOLINT(google-explicit-constructor)
    Value(Ref ref) : content(std::move(ref)) {}                  // NOLINT(google-explicit-constructor)
    Value(unsigned number) : content(std::to_string(number)) {}  // NOLINT(google-explicit-constructor)
    friend bool operator==(const Value&, const Value&) = default;
};
using Parameters = std::vector<std::pair<std::string, Value>>;

/// One call that changes AWS.
struct ApiCall {
    std::string service = "ec2";
    std::string action;
    Parameters parameters;
    /// What it creates. After a lost answer it is looked for by its tags before the call is repeated.
    std::optional<Ref> makes = std::nullopt;
    std::string deletes = {};  ///< id of what it deletes; its absence is success
    /// For actions that take a ClientToken: it is derived from the parameters and this, so that whoever makes the same
    /// thing, again or at the same time, makes it once. Another generation makes another one.
    std::optional<std::string> generation = std::nullopt;
    std::vector<std::string> topics = {};  ///< whose answers are stale afterwards, besides the kind it makes
    bool beside = false;                   ///< needs nothing of the change before it: both are under way together
    friend bool operator==(const ApiCall&, const ApiCall&) = default;
};

struct CloudContext {
    Cloud& cloud;
    StepContext& step;
};

/// What takes more than one call. It copes with its own half-done work.
struct CloudProcedure {
    std::string name;                    ///< "launch instance"
    std::vector<std::string> arguments;  ///< for people, and to compare by
    std::function<Result<void>(CloudContext&)> run;
    bool beside = false;  ///< as in ApiCall
    friend bool operator==(const CloudProcedure& a, const CloudProcedure& b) {
        return a.name == b.name && a.arguments == b.arguments;
    }
};

using CloudAction = std::variant<ApiCall, CloudProcedure>;
using CloudChange = Change<CloudAction>;
using CloudChanges = std::vector<CloudChange>;
using CloudPhase = Phase<CloudView, CloudAction>;

/// "ec2 CreateSubnet VpcId=(VPC to be made) CidrBlock=10.0.1.0/24": one line, long values shortened.
std::string describe(const CloudAction& action);

/// AWS, to change. Only actions do.
class Cloud : public CloudView {
   public:
    using CloudView::CloudView;

    /// Until it is done: lost answers, staleness after creation, dependencies that are still going away are waited
    /// for (until the step's deadline); "it is so already" is success. Errors name a quota, a missing permission.
    /// `before_again` mends what the call may be waiting for in vain.
    Result<void> perform(const ApiCall& call, StepContext& step,
                         const std::function<Result<void>()>& before_again = {});
    Result<void> perform(const CloudAction& action, StepContext& step);

    /// One attempt; what a procedure with rules of its own needs.
    Result<std::variant<Xml, AwsFault>> call_once(const ApiCall& call, StepContext& step);
    /// Puts what a creation answered among what is known.
    void remember_made(const ApiCall& call, const Xml& answer);
    /// Whether AWS lists it by now; looks for a while, because a listing may be late.
    Result<Found> appears(const Ref& ref, StepContext& step);

   private:
    Result<QueryParameters> resolved(const ApiCall& call) const;
    void forget_topics(const ApiCall& call) const;
};

/// Whether changes that do not need each other are under way together. One after the other each run is the same.
enum class AtOnce { one, many };

/// A phase as a value; most need nothing but a plan.
using CloudPlan = std::function<Result<CloudChanges>(const CloudView&)>;
using CloudVerify = std::function<Result<void>(const CloudView&, StepContext&)>;
std::shared_ptr<const CloudPhase> make_cloud_phase(PhaseInfo info, CloudPlan plan, CloudVerify verify = {});

/// Bound to AWS. After its changes the phase is planned again until nothing is left (AWS is eventually consistent),
/// and what is left is done again, for half a minute; then the runner looks for itself.
Runnable make_runnable(std::shared_ptr<const CloudPhase> phase, Cloud& cloud, AtOnce at_once = AtOnce::many);

/// Between two looks at something that changes by itself, when it was waited for since `since`: a tenth of that, so that
/// what is soon there is soon seen, and what takes minutes is not asked for all the time.
inline constexpr Duration shortest_pause = std::chrono::milliseconds(250),
                          longest_pause = std::chrono::milliseconds(1500);
Duration pause_after(Duration waited, Duration shortest = shortest_pause, Duration longest = longest_pause);
Result<void> pause(StepContext& step, SteadyTime since);

/// What `look` gives as soon as it gives anything: while AWS does not answer (throttling, a lost connection) it is asked
/// again until the step's deadline. For looking alone, which may be done any number of times.
template <class T>
Result<T> patiently(StepContext& step, const std::function<Result<T>()>& look) {
    for (const auto since = step.clock.steady();;) {
        auto seen = look();
        if (seen || !is_no_answer(seen.error()) || step.deadline.passed(step.clock)) return seen;
        step.progress("no answer yet: " + seen.error().text());
        NB_CHECK(pause(step, since));
    }
}

/// Polls `look` until it gives true, an error, or the step's deadline passes (then `timeout`, saying `what`). No answer is
/// no error: see patiently().
Result<void> wait_until(StepContext& step, const std::string& what, const std::function<Result<bool>()>& look);

}  // namespace nodeboot
