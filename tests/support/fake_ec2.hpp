// EC2 in memory, as far as the launcher uses it: resources are the XML that Describe… answers with, dependencies are
// refused as EC2 refuses them, and what makes real life hard can be switched on: calls that end the program, answers
// that are lost, new things that are not visible yet, slow NAT gateways and instances.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "launch/kinds.hpp"
#include "net/query_api.hpp"

namespace nodeboot::testing {

class FakeEc2 final : public QueryApi {
   public:
    using Answer = std::variant<Xml, AwsFault>;

    explicit FakeEc2(Clock& clock) : clock_(clock) {}

    Result<Answer> call(const std::string& service, const std::string& action, const QueryParameters& parameters,
                        const QueryOptions& options) override;

    // What happens to a call. By its number (from 1), or by what it is.
    std::size_t killed_after = 0;  ///< when this many calls were carried out, no further one is: the program died
    std::set<std::size_t> lose_answers_of;  ///< carried out, and nobody hears of it
    std::function<std::optional<AwsFault>(const std::string& action, const QueryParameters&)> refuse;
    std::function<void(const std::string& action)> before;
    std::function<bool(const std::string& action)> unanswered;  ///< not carried out, and nobody hears of it

    Duration invisible_for{};  ///< how long what is new is not listed and not found
    bool glimpsed = false;     ///< the first listing shows it all the same: servers differ in what they know yet
    Duration nat_pending_for = std::chrono::seconds(100);
    Duration instance_pending_for = std::chrono::seconds(10);
    std::size_t nat_failures = 0;   ///< how many NAT gateways will fail
    bool tags_in_metadata = false;  ///< the account's default of InstanceMetadataTags
    std::vector<std::string> zones{"eu-central-1a", "eu-central-1b", "eu-central-1c"};
    /// What an instance's console shows, by its part; by default that it is Ready.
    std::function<std::string(const std::string& name)> console = [](const std::string&) {
        return std::string("nodeboot: 2026-11-23T04:21:13Z run outcome=ready phases_changed=7 took=1m13s\r\n");
    };
    std::function<bool(const std::string& name)> profile_exists = [](const std::string&) { return true; };
    std::function<std::string(const std::string& name)> profile_id = [](const std::string&) { return std::string(); };
    std::vector<Xml> images;     ///< items of DescribeImages
    QueryApi* others = nullptr;  ///< IAM and STS

    // What tests look at and change by hand.
    struct Thing {
        Kind kind;
        Xml item;
        SteadyTime made{};
        SteadyTime dying{};  ///< since when it is going away; zero: it is not
        bool shown = false;
    };
    std::map<std::string, Thing> things;  ///< by id
    std::vector<std::string> log;         ///< actions that were carried out, in order
    std::size_t calls = 0;

    std::vector<std::string> ids(Kind kind, const std::string& name = {}) const;  ///< living ones, by nodeboot.io/name
    std::string id(Kind kind, const std::string& name) const;                     ///< the only one; "" otherwise
    std::size_t count(const std::string& action) const;                           ///< in the log
    std::string add(Kind kind, Xml item);  ///< somebody else's, or ours by other means
    /// Everything as lines, ids replaced by names: to compare two ends.
    std::string inventory() const;

   private:
    struct Call;
    friend struct Network;
    Answer carry_out(const std::string& action, const Call& call);
    Answer describe(Kind kind, const Call& call);
    Answer create(const std::string& action, const Call& call);
    Answer change(const std::string& action, const Call& call);
    Answer remove(const std::string& action, const Call& call);
    Answer rules(const std::string& action, const Call& call);
    Answer routes(const std::string& action, const Call& call);
    Answer run_instances(const Call& call);
    Answer tags(const Call& call, bool add);
    Thing* visible(const std::string& id);
    bool alive(const Thing& thing) const;
    void let_time_pass();
    bool matches(const Thing& thing, const std::string& filter, const std::vector<std::string>& values) const;
    std::string next_id(Kind kind);
    std::optional<AwsFault> dependency_of(const Thing& thing, const std::string& id) const;

    Clock& clock_;
    mutable std::recursive_mutex mutex_;
    std::map<std::string, std::string> tokens_;  ///< client token → id
    std::map<std::string, std::string> vpc_attributes_;
    unsigned next_ = 0;
};

/// Shorthand to build and change items.
Xml element(std::string name, std::string text);
Xml element(std::string name, std::vector<Xml> children);
void set(Xml& item, std::string_view path, const std::string& text);
Xml& child(Xml& item, const std::string& name);
void set_tag(Xml& item, const std::string& key, const std::string& value);
void remove_tag(Xml& item, const std::string& key);

}  // namespace nodeboot::testing
