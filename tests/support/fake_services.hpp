#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "phases/services.hpp"
#include "support/fake_host.hpp"
#include "support/manual_clock.hpp"
#include "system/action.hpp"

namespace nodeboot::testing {

/// An API server in memory: a map of paths to objects, with merge patch and a crude server-side apply.
class FakeKube final : public KubeApi {
   public:
    std::map<std::string, nlohmann::json> objects;
    bool answers = true;
    std::vector<std::string> log;

    Result<std::optional<nlohmann::json>> get(const std::string& path) const override {
        NB_CHECK(reachable());
        const auto it = objects.find(path);
        if (it != objects.end()) return std::optional(it->second);
        return std::optional<nlohmann::json>{};
    }
    Result<bool> ready() const override {
        NB_CHECK(reachable());
        return true;
    }
    Result<nlohmann::json> apply(const std::string& path, const nlohmann::json& object) override {
        NB_CHECK(reachable());
        log.push_back("apply " + path);
        auto& stored = objects[path];
        if (stored.is_null()) stored = nlohmann::json::object();
        stored.merge_patch(object);
        return stored;
    }
    Result<nlohmann::json> apply_dry_run(const std::string&, const nlohmann::json& object) const override {
        return object;
    }
    Result<nlohmann::json> create(const std::string& path, const nlohmann::json& object) override {
        NB_CHECK(reachable());
        const std::string full = path + "/" + object.value("/metadata/name"_json_pointer, std::string());
        log.push_back("create " + full);
        if (objects.contains(full)) return fail(ErrorKind::conflict, full + " already exists");
        objects[full] = object;
        if (on_create) on_create(full, object);
        return object;
    }
    Result<nlohmann::json> patch(const std::string& path, const nlohmann::json& merge_patch) override {
        NB_CHECK(reachable());
        log.push_back("patch " + path);
        if (!objects.contains(path)) return fail(ErrorKind::not_found, path + " not found");
        objects[path].merge_patch(merge_patch);
        return objects[path];
    }
    Result<void> remove(const std::string& path) override {
        NB_CHECK(reachable());
        log.push_back("remove " + path);
        objects.erase(path);
        return {};
    }
    std::function<void(const std::string&, const nlohmann::json&)> on_create;

   private:
    Result<void> reachable() const {
        if (!answers) return fail(ErrorKind::unavailable, "connection refused");
        return {};
    }
};

class FakeStore final : public JoinStore {
   public:
    std::optional<JoinSecret> secret;
    Result<std::optional<JoinSecret>> fetch(Look) const override { return secret; }
    Result<void> publish(const JoinSecret& published) override {
        secret = published;
        return {};
    }
    std::optional<Secret> kubeconfig;
    Result<std::optional<Secret>> fetch_kubeconfig() const override { return kubeconfig; }
    Result<void> publish_kubeconfig(const Secret& published) override {
        kubeconfig = published;
        return {};
    }
    std::string describe() const override { return "the test's store"; }
};

class FakeCri final : public Cri {
   public:
    std::optional<CriStatus> state;
    std::vector<std::string> present;
    std::vector<std::string> pulled;
    Result<CriStatus> status() const override {
        if (!state) return fail(ErrorKind::unavailable, "nothing listens on the CRI socket");
        return *state;
    }
    Result<std::vector<std::string>> images() const override {
        if (!state) return fail(ErrorKind::unavailable, "nothing listens on the CRI socket");
        return present;
    }
    Result<void> pull(const std::string& reference, Duration) override {
        const std::lock_guard lock(mutex_);  // images are pulled side by side
        pulled.push_back(reference);
        present.push_back(reference);
        return {};
    }
    Result<std::vector<std::string>> sandboxes() const override { return std::vector<std::string>{}; }
    Result<void> remove_sandbox(const std::string&) override { return {}; }

   private:
    std::mutex mutex_;
};

class FakeAccess final : public KubeAccess {
   public:
    std::shared_ptr<FakeKube> api = std::make_shared<FakeKube>();
    Result<std::shared_ptr<KubeApi>> admin() override { return std::shared_ptr<KubeApi>(api); }
    Result<std::shared_ptr<KubeApi>> node() override { return std::shared_ptr<KubeApi>(api); }
    Result<std::string> endpoint() override { return std::string("10.0.0.10:6443"); }
    Result<std::string> ca_hash() override { return "sha256:" + std::string(64, 'a'); }
};

/// Answers by URL; anything else is refused like a closed port.
class FakeWeb final : public Http {
   public:
    std::map<std::string, HttpResponse> answers;
    std::vector<std::string> asked;
    Result<HttpResponse> send(const HttpRequest& request, std::stop_token) override {
        asked.push_back(request.url);
        const auto it = answers.find(request.url);
        if (it == answers.end()) return fail(ErrorKind::unavailable, request.url + ": connection refused");
        return it->second;
    }
};

/// Everything a phase may be given, all in memory. Log lines are kept.
struct FakeNode {
    Config config;
    FakeHost host;
    ManualClock clock;
    std::vector<std::string> lines;
    Log log{[this](LogLevel, std::string_view line) { lines.emplace_back(line); }, LogLevel::debug};
    FakeCri cri;
    FakeAccess kube;
    FakeStore store;
    FakeWeb web;
    NodeServices services{config, host, clock, log, cri, kube, store, web, "ip-10-0-1-5"};

    StepContext step() { return {clock, log, {}, Deadline::after(clock, std::chrono::minutes(10))}; }

    /// Plans and performs every change once, as the runner would.
    Result<void> converge(const NodePhase& phase) {
        StepContext context = step();
        ActionContext action{host, context};
        for (const auto& change : NB_TRY(phase.plan(host))) NB_CHECK(perform(change.action, action));
        return {};
    }
};

}  // namespace nodeboot::testing
