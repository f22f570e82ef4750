#include "launch/node_wait.hpp"

#include <algorithm>
#include <thread>

#include "base/encoding.hpp"

namespace nodeboot {
namespace {

/// A console scrolls: what booted this long ago and says nothing of nodeboot is taken to have been Ready.
constexpr auto console_keeps = std::chrono::hours(1);
/// All nodes together are looked at this often at most: GetConsoleOutput is throttled sooner than listings are.
constexpr unsigned looks_a_second = 10;

/// The console as it is now. Instances that are not built on Nitro know no `Latest`.
Result<NodeConsole> console_of(const CloudView& view, const std::string& id) {
    for (const bool latest : {true, false}) {
        Question question{
            .action = "GetConsoleOutput", .parameters = {{"InstanceId", id}}, .items = "", .topic = "console " + id};
        if (latest) question.parameters.emplace_back("Latest", "true");
        view.forget(question.topic);
        const auto answer = view.ask(question);
        if (!answer && latest && answer.error().kind == ErrorKind::invalid_input) continue;
        if (!answer) return fail(answer.error());
        if ((*answer)->empty()) return NodeConsole{};
        auto text = base64_decode((*answer)->front().text_at("output"));
        return read_console(text ? *text : std::string());
    }
    return NodeConsole{};
}

std::string name_of(const Ref& ref, const Resource& instance) { return fmt::format("{} ({})", ref.name, instance.id); }

/// The next one would die of its volume's key as well ("Instance terminates immediately" in EC2's user guide).
const char* why_hint(std::string_view code) {
    if (code == "Client.InternalError" || code.starts_with("Client.InvalidKMSKey"))
        return "may these credentials use the KMS key of the root volume (the account's default for EBS, or the "
               "image's)? "
               "docs/aws.md names the permissions; then run `nodeboot cluster up` again";
    return "run `nodeboot cluster up` again to make another one";
}

class Waiting {
   public:
    Waiting(const CloudView& view, const Config& config, const Ref& ref, StepContext& step)
        : view_(view), ref_(ref), step_(step) {
        const unsigned nodes = config.instances.workers + 1;
        const Duration all = std::chrono::seconds(1) * nodes / looks_a_second;
        shortest_ = std::max(shortest_pause, all);
        longest_ = std::max<Duration>(std::chrono::seconds(2), all);
    }

    Result<void> run() {
        for (const auto since = step_.clock.steady();;) {
            const Duration interval = pause_after(step_.clock.steady() - since, shortest_, longest_);
            view_.refresh(Kind::instance, std::min<Duration>(interval, std::chrono::seconds(2)));
            const auto instance = NB_TRY(patiently<Found>(step_, [&] { return view_.find(ref_); }));
            if (!instance) return fail(NB_TRY(why_gone()));
            if (NB_TRY(look(*instance))) return {};
            if (step_.deadline.remaining(step_.clock) <= interval) return fail(late(*instance));
            NB_CHECK(step_.clock.sleep(interval, step_.stop));
        }
    }

   private:
    /// True when it is Ready. Says what is new.
    Result<bool> look(const Resource& instance) {
        const std::string state = instance.state();
        if (state != "running") {
            say(fmt::format("{} is {}", instance.id, state));
            return false;
        }
        console_ = NB_TRY(patiently<NodeConsole>(step_, [&] { return console_of(view_, instance.id); }));
        if (console_.state == NodeConsole::State::ready) return true;
        if (console_.state == NodeConsole::State::refused) {
            Error error = console_.error;
            error.message = fmt::format("{} says: {}", name_of(ref_, instance), error.message);
            return fail(std::move(error));
        }
        const bool long_ago = age(instance) > console_keeps;
        if (console_.state == NodeConsole::State::silent && long_ago) {
            step_.log.warning(fmt::format(
                "{} was started more than an hour ago and its console shows nothing of nodeboot (any more): "
                "taken to be Ready, not seen; `kubectl get nodes` tells",
                name_of(ref_, instance)));
            return true;
        }
        say(console_.state == NodeConsole::State::silent ? instance.id + " is booting"
            : console_.state == NodeConsole::State::failed
                ? fmt::format("failed, tries again: {}", console_.error.message)
                : console_.doing);
        return false;
    }

    Duration age(const Resource& instance) const {
        // EC2 writes milliseconds, which parse_rfc3339 does not read.
        const auto launched = parse_rfc3339(instance.text("launchTime").substr(0, 19) + "Z");
        return launched ? step_.clock.wall() - *launched : Duration::zero();
    }

    void say(const std::string& text) {
        if (text == said_) return;
        said_ = text;
        step_.progress(text);
    }

    Result<Error> why_gone() const {
        for (const auto& instance : NB_TRY(view_.listed(Kind::instance)))
            if (instance->name() == ref_.name && instance->gone())
                return Error{ErrorKind::conflict,
                             fmt::format("{} is {}: {} {}", name_of(ref_, *instance), instance->state(),
                                         instance->text("stateReason/code"), instance->text("stateReason/message")),
                             why_hint(instance->text("stateReason/code")),
                             {}};
        return Error{ErrorKind::not_found, fmt::format("there is no {}", to_string(ref_)), "", {}};
    }

    Error late(const Resource& instance) const {
        const std::string last = console_.state == NodeConsole::State::silent ? "its console shows nothing of nodeboot"
                                 : console_.error.message.empty()             ? "last: " + console_.doing
                                                                              : "it says: " + console_.error.message;
        return {ErrorKind::timeout,
                fmt::format("{} is not Ready; {}", name_of(ref_, instance), last),
                console_.error.hint.empty()
                    ? fmt::format("aws ec2 get-console-output --latest --output text --instance-id {} shows all of it",
                                  instance.id)
                    : console_.error.hint,
                {}};
    }

    const CloudView& view_;
    const Ref& ref_;
    StepContext& step_;
    Duration shortest_, longest_;
    NodeConsole console_;
    std::string said_;
};

}  // namespace

void add_node_waits(CloudPhases& phases, const Config& config) {
    for (const auto& ref : instance_refs(config)) {
        PhaseInfo info{ref.name + "-ready", fmt::format("{} is Ready", ref.name), {ref.name}, std::chrono::minutes(30)};
        phases.push_back(make_cloud_phase(
            std::move(info), [](const CloudView&) -> Result<CloudChanges> { return CloudChanges{}; },
            [&config, ref](const CloudView& view, StepContext& step) {
                return Waiting(view, config, ref, step).run();
            }));
    }
}

Result<std::vector<NodeState>> node_states(const CloudView& view, const Config& config) {
    std::vector<NodeState> states;
    for (const auto& ref : instance_refs(config)) {
        NodeState state{.ref = ref, .state = "absent"};
        if (const auto found = NB_TRY(view.find(ref)))
            state = {ref,
                     found->id,
                     found->text("instanceType"),
                     found->text("placement/availabilityZone"),
                     found->text("privateIpAddress"),
                     found->text("ipAddress"),
                     found->state(),
                     {}};
        states.push_back(std::move(state));
    }
    std::vector<Result<NodeConsole>> consoles(states.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < states.size(); ++i)
            if (states[i].state == "running")
                threads.emplace_back([&, i] { consoles[i] = console_of(view, states[i].id); });
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
        if (states[i].state != "running") continue;
        if (!consoles[i]) return fail(std::move(consoles[i]).error());
        states[i].console = *std::move(consoles[i]);
    }
    return states;
}

}  // namespace nodeboot
