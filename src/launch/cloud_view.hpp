#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "launch/kinds.hpp"
#include "net/query_api.hpp"

namespace nodeboot {

/// A resource as AWS described it.
struct Resource {
    Kind kind;
    std::string id;
    std::map<std::string, std::string> tags;
    Xml item;

    std::string tag(const std::string& key) const;
    std::string name() const { return tag("nodeboot.io/name"); }
    /// Its part in the cluster: the tag nodeboot.io/name, or what follows "<cluster>-" in the tag Name where that is lost.
    std::string part_in(const std::string& cluster) const;
    std::string text(std::string_view path) const { return item.text_at(path); }
    std::string state() const { return text(info_of(kind).state); }
    bool gone() const;  ///< deleted, or on its way there
};
using Found = std::shared_ptr<const Resource>;
Resource parse_resource(Kind kind, Xml item);

/// A call that only looks. Two that are equal are asked once.
struct Question {
    std::string service = "ec2";
    std::string action;
    QueryParameters parameters;
    std::string items;  ///< path of what is wanted in the answer, all pages together; "": the answer itself
    std::string topic;  ///< forgotten with it
};

/// Which resources are ours.
struct CloudScope {
    std::string cluster;
    std::map<Ref, std::string> given;  ///< the user's own, by id: looked at, never changed
    std::stop_token stop;
};

/// AWS as the launcher looks at it: what bears the tag nodeboot.io/cluster=<cluster>. There is no state file. Each
/// question is asked once and its answer kept until an action on its topic; so planning costs what asking costs.
/// AWS is eventually consistent: what this run has created is believed to exist for two minutes, listed or not.
/// Thread-safe; two threads with one question ask it once.
class CloudView {
   public:
    CloudView(QueryApi& api, Clock& clock, CloudScope scope) : api_(api), clock_(clock), scope_(std::move(scope)) {}

    const CloudScope& scope() const { return scope_; }

    /// Those of this cluster that are not gone; never those that were given.
    Result<std::vector<Found>> all(Kind kind) const;
    /// With those that are gone and still listed.
    Result<std::vector<Found>> listed(Kind kind) const;
    /// Those that have lost the cluster's tag, known by the others that nodeboot gave them: nodeboot.io/name and Name, or
    /// Name alone in the VPC that was made here.
    Result<std::vector<Found>> strays(Kind kind) const;
    /// The one that plays this part, nullptr when there is none. Of several, the one in use, then the oldest; where there
    /// is none with the cluster's tag, a stray.
    Result<Found> find(const Ref& ref) const;
    /// The same, from the answer to its creation if that is all there is yet: good for its id, and its tags.
    Result<Found> known(const Ref& ref) const;
    bool is_given(const Ref& ref) const { return scope_.given.contains(ref); }
    /// Created by this run.
    bool made_here(const std::string& id) const;
    /// What this run has made as this part, if that is one thing and young enough to be believed without a look.
    Found made_alone(const Ref& ref) const;

    /// The matches in the answer; nothing when AWS says that what is asked for does not exist.
    using Answer = std::shared_ptr<const std::vector<Xml>>;
    Result<Answer> ask(const Question& question) const;
    /// Side by side, so that what follows finds the answers there. One of the errors, if there was one.
    Result<void> ask_ahead(const std::vector<Question>& questions) const;
    /// The same for what is no Question (S3, parameters): `look` is called once until its topic is forgotten. A name
    /// stands for one T only.
    template <class T>
    Result<std::shared_ptr<const T>> kept(const std::string& topic, const std::string& name,
                                          const std::function<Result<T>()>& look) const {
        const auto entry = NB_TRY(answered(topic, name, [&]() -> Result<std::shared_ptr<const void>> {
            return std::shared_ptr<const void>(std::make_shared<const T>(NB_TRY(look())));
        }));
        return std::static_pointer_cast<const T>(entry->answer);
    }
    Question listing(Kind kind) const;
    Question stray_listing(Kind kind) const;

    /// The next question on this topic goes to AWS. Changes nothing there.
    void forget(const std::string& topic) const;
    void forget(Kind kind) const { forget(topic_of(kind)); }
    /// Forgets a listing that is older than this; for many who poll the same one.
    void refresh(Kind kind, Duration age) const;
    void forget_all() const;

   protected:
    void remember(Kind kind, Xml item, const Ref& ref);
    void remember_gone(const std::string& id);
    QueryApi& api() const { return api_; }
    Clock& clock() const { return clock_; }

   private:
    struct Entry {
        std::mutex mutex;
        std::shared_ptr<const void> answer;
        SteadyTime asked{};  ///< before it was sent
    };
    struct Made {
        Found resource;
        bool whole;
        SteadyTime at;
    };
    using Ask = std::function<Result<std::shared_ptr<const void>>()>;
    Result<std::shared_ptr<Entry>> answered(const std::string& topic, const std::string& name, const Ask& ask) const;
    Result<std::shared_ptr<Entry>> answered(const Question& question) const;
    Result<std::vector<Xml>> asked(const Question& question) const;
    Result<std::vector<Xml>> asked_once(const Question& question) const;
    Result<Found> given(const Ref& ref) const;
    Result<bool> is_stray(const Resource& resource) const;
    Result<Found> choose(const Ref& ref, const std::vector<Found>& all) const;
    bool is_partial(const Found& resource) const;

    QueryApi& api_;
    Clock& clock_;
    CloudScope scope_;
    mutable std::mutex mutex_;
    mutable std::map<std::pair<std::string, std::string>, std::shared_ptr<Entry>> entries_;  ///< topic, question
    /// What the newest listing of a kind said, parsed: planning looks at the same one many times.
    mutable std::map<Kind, std::pair<Answer, std::vector<Found>>> parsed_;
    mutable std::map<std::string, Made> made_;  ///< by id; what is known of it best
    std::set<std::string> made_ids_;            ///< with those that are gone since
};

}  // namespace nodeboot
