// IAM and STS in memory, as far as the launcher uses them: dependencies are refused as IAM refuses them, and what is new
// may be invisible for a while.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/clock.hpp"
#include "net/query_api.hpp"

namespace nodeboot::testing {

class FakeIam final : public QueryApi {
   public:
    using Answer = std::variant<Xml, AwsFault>;
    explicit FakeIam(Clock& clock) : clock_(clock) {}

    Result<Answer> call(const std::string& service, const std::string& action, const QueryParameters& parameters,
                        const QueryOptions& options) override;

    std::string account = "123456789012";   ///< of whoever asks
    Duration invisible_for{};               ///< how long what is new is not found
    std::set<std::size_t> lose_answers_of;  ///< numbers of calls (from 1) that are carried out, and nobody hears of it
    std::function<std::optional<AwsFault>(const std::string& action)> refuse;

    struct Holder {
        std::map<std::string, std::string> tags;
        SteadyTime made{};
        std::string id;                               ///< of a profile
        std::string trust, boundary, description;     ///< of a role
        std::map<std::string, std::string> policies;  ///< inline: name → document
        std::set<std::string> attached;               ///< ARNs
        std::set<std::string> roles;                  ///< in a profile
    };
    std::map<std::string, Holder> roles, profiles;
    std::vector<std::string> log;  ///< actions that changed something
    std::size_t calls = 0;

   private:
    struct Call;
    Answer carry_out(const std::string& action, const Call& call);
    Answer on_role(const std::string& action, const Call& call, Holder& role);
    Answer on_profile(const std::string& action, const Call& call, Holder& profile);
    Holder* find(std::map<std::string, Holder>& holders, const std::string& name);

    Clock& clock_;
    std::mutex mutex_;
};

}  // namespace nodeboot::testing
