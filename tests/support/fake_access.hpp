// AWS as the launcher is given it: an EC2 and a parameter store of memory.
#pragma once

#include <map>
#include <mutex>

#include "launch/access.hpp"

namespace nodeboot::testing {

class FakeParameters final : public ParameterStore {
   public:
    Result<std::optional<Secret>> get(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        const auto it = values.find(name);
        return it == values.end() ? std::optional<Secret>() : std::optional(Secret(it->second));
    }
    Result<bool> put(const std::string& name, const Secret& value, bool overwrite) override {
        const std::lock_guard lock(mutex_);
        if (values.contains(name) && !overwrite) return false;
        values[name] = std::string(value.reveal());
        return true;
    }
    Result<void> remove(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        values.erase(name);
        return {};
    }
    Result<std::vector<std::string>> below(const std::string& path) override {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> out;
        for (const auto& [name, value] : values)
            if (name.starts_with(path)) out.push_back(name);
        return out;
    }
    Result<std::optional<std::string>> get_public(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        const auto it = values.find(name);
        return it == values.end() ? std::optional<std::string>() : std::optional(it->second);
    }

    std::map<std::string, std::string> values;

   private:
    std::mutex mutex_;
};

class FakeAccess final : public AwsAccess {
   public:
    FakeAccess(QueryApi& query, ParameterStore& parameters) : query_(query), parameters_(parameters) {}
    QueryApi& query() override { return query_; }
    ParameterStore& parameters() override { return parameters_; }
    const std::string& region() const override { return region_; }

   private:
    QueryApi& query_;
    ParameterStore& parameters_;
    std::string region_ = "eu-central-1";
};

}  // namespace nodeboot::testing
