#include "launch/cloud_view.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <thread>
#include <tuple>

namespace nodeboot {
namespace {

constexpr auto believed_for = std::chrono::minutes(2);
/// A question that AWS throttles is asked again for so long: planning has no deadline of its own. Not one that nobody
/// answers: an operator without a network is to hear of it.
constexpr auto throttled_for = std::chrono::minutes(10);

bool has_word(std::string_view words, std::string_view word) {
    for (std::size_t at = 0; at < words.size();) {
        const auto end = std::min(words.find(' ', at), words.size());
        if (words.substr(at, end - at) == word) return true;
        at = end + 1;
    }
    return false;
}

/// Whether the launcher calls such a thing so. Not of instances: they may be started in there by hand or by another tool.
bool is_a_name_of(Kind kind, std::string_view name) {
    switch (kind) {
        case Kind::subnet: return name == "public" || name.starts_with("private-");
        case Kind::route_table: return name == "public" || name == "private";
        case Kind::security_group: return name == "control-plane" || name == "worker";
        case Kind::internet_gateway: return name == "internet-gateway";
        case Kind::nat_gateway: return name == "nat";
        default: return false;
    }
}

/// Less is better: what works already, then what is oldest.
auto merit(const Resource& resource) {
    const std::string state = resource.state();
    const int rank = state.empty() || has_word("available running in-use", state) ? 0
                     : has_word("pending stopped stopping", state)                ? 1
                                                                                  : 2;
    const bool in_use = !resource.text("associationId").empty() ||
                        resource.item.find("attachmentSet/item") != nullptr ||
                        resource.item.find("associationSet/item") != nullptr;
    const std::string since = resource.text("createTime") + resource.text("launchTime");
    return std::make_tuple(rank, !in_use, since, resource.id);
}

}  // namespace

std::string Resource::tag(const std::string& key) const {
    const auto it = tags.find(key);
    return it == tags.end() ? std::string() : it->second;
}

std::string Resource::part_in(const std::string& cluster) const {
    const std::string title = tag("Name"), prefix = cluster + "-";
    if (!name().empty() || !title.starts_with(prefix)) return name();
    return title.substr(prefix.size());
}

bool Resource::gone() const { return has_word(info_of(kind).gone, state()); }

Resource parse_resource(Kind kind, Xml item) {
    Resource out{kind, item.text_at(info_of(kind).id), {}, {}};
    for (const Xml* tag : item.all("tagSet/item")) out.tags[tag->text_at("key")] = tag->text_at("value");
    out.item = std::move(item);
    return out;
}

Question CloudView::listing(Kind kind) const {
    const auto& info = info_of(kind);
    return {.action = std::string(info.describe),
            .parameters = {{"Filter.1.Name", "tag:nodeboot.io/cluster"}, {"Filter.1.Value.1", scope_.cluster}},
            .items = std::string(info.items),
            .topic = topic_of(kind)};
}

Question CloudView::stray_listing(Kind kind) const {
    Question question = listing(kind);
    question.parameters = {{"Filter.1.Name", "tag:Name"}, {"Filter.1.Value.1", scope_.cluster + "-*"}};
    return question;
}

Result<CloudView::Answer> CloudView::ask(const Question& question) const {
    return std::static_pointer_cast<const std::vector<Xml>>(NB_TRY(answered(question))->answer);
}

Result<std::shared_ptr<CloudView::Entry>> CloudView::answered(const std::string& topic, const std::string& name,
                                                              const Ask& ask) const {
    std::shared_ptr<Entry> entry;
    {
        const std::lock_guard lock(mutex_);
        auto& place = entries_[{topic, name}];
        if (!place) place = std::make_shared<Entry>();
        entry = place;
    }
    const std::lock_guard lock(entry->mutex);
    if (entry->answer) return entry;
    entry->asked = clock_.steady();
    entry->answer = NB_TRY(ask());
    return entry;
}

Result<std::shared_ptr<CloudView::Entry>> CloudView::answered(const Question& question) const {
    std::string text = question.service + " " + question.action;
    for (const auto& [name, value] : question.parameters) text.append(" ").append(name).append("=").append(value);
    return answered(question.topic, text, [&]() -> Result<std::shared_ptr<const void>> {
        return std::shared_ptr<const void>(std::make_shared<const std::vector<Xml>>(NB_TRY(asked(question))));
    });
}

Result<std::vector<Xml>> CloudView::asked(const Question& question) const {
    for (const auto deadline = Deadline::after(clock_, throttled_for);;) {
        auto answer = asked_once(question);
        if (answer || !answer.error().throttled || deadline.passed(clock_)) return answer;
        NB_CHECK(clock_.sleep(std::chrono::seconds(1), scope_.stop));
    }
}

Result<std::vector<Xml>> CloudView::asked_once(const Question& question) const {
    const QueryOptions options{.stop = scope_.stop};
    std::vector<Xml> items;
    if (question.items.empty()) {
        auto answer = checked(api_, question.service, question.action, question.parameters, options);
        if (!answer && answer.error().kind != ErrorKind::not_found) return fail(std::move(answer).error());
        if (answer) items.push_back(*std::move(answer));
    } else {
        auto found = pages(api_, question.service, question.action, question.parameters, question.items, options);
        if (!found && found.error().kind != ErrorKind::not_found) return fail(std::move(found).error());
        if (found) items = *std::move(found);
    }
    return items;
}

Result<void> CloudView::ask_ahead(const std::vector<Question>& questions) const {
    std::vector<Result<Answer>> answers(questions.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < questions.size(); ++i)
            threads.emplace_back([&, i] { answers[i] = ask(questions[i]); });
    }
    for (auto& answer : answers)
        if (!answer) return fail(std::move(answer).error());
    return {};
}

void CloudView::forget(const std::string& topic) const {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const auto& entry) { return entry.first.first == topic; });
}

void CloudView::refresh(Kind kind, Duration age) const {
    const std::string topic = topic_of(kind);
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const auto& entry) {
        if (entry.first.first != topic) return false;
        const std::unique_lock asking(entry.second->mutex, std::try_to_lock);  // else its answer will be fresh
        return asking && entry.second->answer && clock_.steady() - entry.second->asked >= age;
    });
}

void CloudView::forget_all() const {
    const std::lock_guard lock(mutex_);
    entries_.clear();
}

Result<std::vector<Found>> CloudView::listed(Kind kind) const {
    const auto entry = NB_TRY(answered(listing(kind)));
    // Never changes once it is there.
    const auto answer = std::static_pointer_cast<const std::vector<Xml>>(entry->answer);
    const std::lock_guard lock(mutex_);
    auto& [parsed_from, parsed] = parsed_[kind];
    if (parsed_from != answer) {
        parsed.clear();
        for (const Xml& item : *answer) parsed.push_back(std::make_shared<const Resource>(parse_resource(kind, item)));
        parsed_from = answer;
    }
    std::vector<Found> out = parsed;
    for (auto& [id, made] : made_) {
        if (made.resource->kind != kind) continue;
        const auto seen = std::find_if(out.begin(), out.end(), [&id = id](const Found& f) { return f->id == id; });
        if (seen != out.end()) {  // the next listing may be an older one, and the creation's answer said less
            made.resource = *seen;
            made.whole = true;
        } else if (entry->asked - made.at < believed_for) {
            out.push_back(made.resource);
        }
    }
    return out;
}

Result<std::vector<Found>> CloudView::all(Kind kind) const {
    auto out = NB_TRY(listed(kind));
    std::erase_if(out, [](const Found& found) { return found->gone(); });
    return out;
}

Result<std::vector<Found>> CloudView::strays(Kind kind) const {
    const auto answer = NB_TRY(ask(stray_listing(kind)));  // others may forget it meanwhile
    std::vector<Found> out;
    for (const Xml& item : *answer) {
        auto resource = std::make_shared<const Resource>(parse_resource(kind, item));
        if (NB_TRY(is_stray(*resource))) out.push_back(std::move(resource));
    }
    return out;
}

/// Anybody may call a thing "demo-vpc"; nodeboot.io/name, or a place in the cluster's own VPC, tells ours from theirs.
Result<bool> CloudView::is_stray(const Resource& resource) const {
    const std::string part = resource.part_in(scope_.cluster);
    if (resource.gone() || resource.tags.contains("nodeboot.io/cluster") || part.empty() ||
        resource.tag("Name") != scope_.cluster + "-" + part)
        return false;
    if (!resource.name().empty()) return true;
    if (!is_a_name_of(resource.kind, part)) return false;
    std::string home = resource.text("vpcId");
    if (home.empty()) home = resource.text("attachmentSet/item/vpcId");
    const Ref vpc{Kind::vpc, "vpc"};
    if (home.empty() || is_given(vpc)) return false;
    const auto ours = NB_TRY(known(vpc));
    return ours && ours->id == home;
}

Result<Found> CloudView::given(const Ref& ref) const {
    const auto& info = info_of(ref.kind);
    const std::string& id = scope_.given.at(ref);
    const auto answer = NB_TRY(ask({.action = std::string(info.describe),
                                    .parameters = {{std::string(info.id_param) + ".1", id}},
                                    .items = std::string(info.items),
                                    .topic = topic_of(ref.kind)}));
    if (answer->empty())
        return fail(ErrorKind::not_found, fmt::format("{} {} does not exist in this region", info.word, id),
                    "the configuration's [vpc] names it");
    return Found(std::make_shared<const Resource>(parse_resource(ref.kind, answer->front())));
}

/// A subnet of the right name in a VPC that is not the cluster's plays no part in it.
Result<Found> CloudView::choose(const Ref& ref, const std::vector<Found>& all) const {
    Found best, vpc;
    for (const auto& candidate : all) {
        if (candidate->part_in(scope_.cluster) != ref.name) continue;
        const std::string home = candidate->text("vpcId");
        if (ref.kind != Kind::vpc && !home.empty()) {
            if (!vpc) vpc = NB_TRY(known({Kind::vpc, "vpc"}));
            if (!vpc || vpc->id != home) continue;
        }
        if (!best || merit(*candidate) < merit(*best)) best = candidate;
    }
    return best;
}

Result<Found> CloudView::known(const Ref& ref) const {
    if (is_given(ref)) return given(ref);
    const auto tagged = NB_TRY(choose(ref, NB_TRY(all(ref.kind))));
    return tagged ? tagged : choose(ref, NB_TRY(strays(ref.kind)));
}

Result<Found> CloudView::find(const Ref& ref) const {
    auto found = NB_TRY(known(ref));
    if (!found || !is_partial(found)) return found;
    forget(ref.kind);
    return known(ref);
}

bool CloudView::is_partial(const Found& resource) const {
    const std::lock_guard lock(mutex_);
    const auto it = made_.find(resource->id);
    return it != made_.end() && it->second.resource == resource && !it->second.whole;
}

bool CloudView::made_here(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    return made_ids_.contains(id);
}

Found CloudView::made_alone(const Ref& ref) const {
    const std::lock_guard lock(mutex_);
    Found only;
    for (const auto& [id, made] : made_) {
        if (made.resource->kind != ref.kind || made.resource->name() != ref.name) continue;
        if (only || clock_.steady() - made.at >= believed_for) return nullptr;
        only = made.resource;
    }
    return only;
}

void CloudView::remember(Kind kind, Xml item, const Ref& ref) {
    auto resource = parse_resource(kind, std::move(item));
    resource.tags.try_emplace("nodeboot.io/name", ref.name);  // not every answer says the tags
    const std::lock_guard lock(mutex_);
    const std::string id = resource.id;
    made_ids_.insert(id);
    made_[id] = {std::make_shared<const Resource>(std::move(resource)), !info_of(kind).created.empty(),
                 clock_.steady()};
}

void CloudView::remember_gone(const std::string& id) {
    const std::lock_guard lock(mutex_);
    made_.erase(id);
}

}  // namespace nodeboot
