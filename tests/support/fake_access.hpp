// AWS as the launcher is given it, in memory: EC2, IAM, STS, S3 and a parameter store behind one count of calls.
#pragma once

#include <fmt/core.h>

#include <filesystem>
#include <map>
#include <mutex>

#include "launch/access.hpp"
#include "support/fake_ec2.hpp"
#include "support/fake_iam.hpp"
#include "support/fake_s3.hpp"

namespace nodeboot::testing {

/// Every call to any service goes through it: programs that die after one, and answers that nobody hears.
struct Gate {
    std::size_t calls = 0;
    std::size_t killed_after = 0;           ///< no further call is carried out: the program died; 0: never
    std::set<std::size_t> lose_answers_of;  ///< numbers of calls of the Query protocol
    std::recursive_mutex mutex;

    Result<void> pass() {
        const std::lock_guard lock(mutex);
        if (killed_after != 0 && calls >= killed_after) return fail(ErrorKind::cancelled, "killed");
        ++calls;
        return {};
    }
};

class FakeQuery final : public QueryApi {
   public:
    FakeQuery(Gate& gate, FakeEc2& ec2, FakeIam& iam) : gate_(gate), ec2_(ec2), iam_(iam) {}
    Result<std::variant<Xml, AwsFault>> call(const std::string& service, const std::string& action,
                                             const QueryParameters& parameters, const QueryOptions& options) override {
        const std::lock_guard lock(gate_.mutex);
        NB_CHECK(gate_.pass());
        const bool lost = gate_.lose_answers_of.contains(gate_.calls);
        QueryApi& api = service == "ec2" ? static_cast<QueryApi&>(ec2_) : iam_;
        auto answer = api.call(service, action, parameters, options);
        if (!lost) return answer;
        if (!options.repeatable) return fail(ErrorKind::unavailable, action + ": the connection broke");
        return call(service, action, parameters, options);  // as the client does
    }

   private:
    Gate& gate_;
    FakeEc2& ec2_;
    FakeIam& iam_;
};

class FakeParameters final : public ParameterStore {
   public:
    explicit FakeParameters(Gate& gate) : gate_(gate) {}
    Result<std::optional<Secret>> get(const std::string& name) override {
        NB_CHECK(gate_.pass());
        const std::lock_guard lock(mutex_);
        const auto it = values.find(name);
        return it == values.end() ? std::optional<Secret>() : std::optional(Secret(it->second));
    }
    Result<bool> put(const std::string& name, const Secret& value, bool overwrite) override {
        NB_CHECK(gate_.pass());
        const std::lock_guard lock(mutex_);
        if (values.contains(name) && !overwrite) return false;
        values[name] = std::string(value.reveal());
        return true;
    }
    Result<void> remove(const std::string& name) override {
        NB_CHECK(gate_.pass());
        const std::lock_guard lock(mutex_);
        values.erase(name);
        return {};
    }
    Result<std::vector<std::string>> below(const std::string& path) override {
        NB_CHECK(gate_.pass());
        const std::lock_guard lock(mutex_);
        std::vector<std::string> out;
        for (const auto& [name, value] : values)
            if (name.starts_with(path)) out.push_back(name);
        return out;
    }
    /// Every image of every maker is this one.
    Result<std::optional<std::string>> get_public(const std::string&) override {
        NB_CHECK(gate_.pass());
        return std::optional<std::string>("ami-0123456789abcdef0");
    }

    std::map<std::string, std::string> values;

   private:
    Gate& gate_;
    std::mutex mutex_;
};

/// The account; each command gets an access of its own to it.
struct FakeAws {
    explicit FakeAws(Clock& clock) : ec2(clock), iam(clock) {
        ec2.profile_exists = [this](const std::string& name) { return iam.profiles.contains(name); };
        ec2.profile_id = [this](const std::string& name) {
            const auto found = iam.profiles.find(name);
            return found == iam.profiles.end() ? std::string() : found->second.id;
        };
        ec2.images = {element("item", {element("imageId", "ami-0123456789abcdef0"), element("name", "ubuntu"),
                                       element("architecture", "x86_64"), element("imageState", "available"),
                                       element("rootDeviceName", "/dev/sda1")})};
        buckets.gate = [this] { return gate.pass(); };
    }
    /// Everything that is there, as lines.
    std::string inventory() const {
        std::string out = ec2.inventory();
        for (const auto* holders : {&iam.roles, &iam.profiles})
            for (const auto& [name, holder] : *holders) {
                out += fmt::format("<{} {}>\n", holders == &iam.roles ? "role" : "instance profile", name);
                for (const auto& [key, value] : holder.tags) out += fmt::format("  {}={}\n", key, value);
                for (const auto& [policy, text] : holder.policies) out += fmt::format("  {} {}\n", policy, text);
                for (const auto& role : holder.roles) out += fmt::format("  holds {}\n", role);
            }
        for (const auto& [name, bucket] : buckets.buckets) {
            out += fmt::format("<bucket {}>\n", name);
            for (const auto& [key, sha256] : bucket.objects) out += fmt::format("  {}\n", key);
        }
        for (const auto& [name, value] : parameters.values) out += fmt::format("<parameter {}>\n", name);
        return out;
    }

    Gate gate;
    FakeEc2 ec2;
    FakeIam iam;
    FakeBuckets buckets;
    FakeParameters parameters{gate};
    FakeQuery query{gate, ec2, iam};
};

class FakeAccess final : public AwsAccess {
   public:
    explicit FakeAccess(FakeAws& aws) : aws_(aws) {}
    QueryApi& query() override { return aws_.query; }
    ParameterStore& parameters() override { return aws_.parameters; }
    std::unique_ptr<S3> make_s3(S3Options options) override {
        return std::make_unique<FakeS3>(aws_.buckets, std::move(options));
    }
    const std::string& region() const override { return region_; }

   private:
    FakeAws& aws_;
    std::string region_ = "eu-central-1";
};

/// A file that would run on an instance, as far as anybody looks.
std::string static_executable(const std::filesystem::path& folder);

}  // namespace nodeboot::testing
