#include "cli/linux_node.hpp"

#include <fmt/core.h>

#include <mutex>

#include "cli/node_certificates.hpp"
#include "net/aws_session.hpp"
#include "net/folder_join_store.hpp"
#include "net/ssm_join_store.hpp"
#include "phases/catalog.hpp"
#include "phases/kube_access.hpp"
#include "phases/kubeadm.hpp"
#include "phases/preflight.hpp"
#include "system/cri_client.hpp"
#include "version.hpp"

namespace nodeboot::cli {
namespace {

/// Makes curl's handle, and with it loads the CA bundle (60 ms), when something is first sent.
class LazyHttp final : public Http {
   public:
    explicit LazyHttp(std::string ca_file) : ca_file_(std::move(ca_file)) {}
    Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
        {
            const std::lock_guard lock(mutex_);
            if (!http_) http_ = make_curl_http({.ca_file = ca_file_});
        }
        return http_->send(request, std::move(stop));
    }

   private:
    std::string ca_file_;
    std::mutex mutex_;
    std::unique_ptr<Http> http_;
};

/// The store of the config. Region and credentials are found out at the first use: both may take IMDS a while at boot.
class ConfiguredStore final : public JoinStore {
   public:
    ConfiguredStore(const Config& config, const HostView& host, Http& http, Clock& clock, const Log& log,
                    std::stop_token stop)
        : config_(config), host_(host), http_(http), clock_(clock), log_(log), stop_(std::move(stop)) {}

    Result<std::optional<JoinSecret>> fetch(Look look) const override { return NB_TRY(store())->fetch(look); }
    Result<void> publish(const JoinSecret& secret) override { return NB_TRY(store())->publish(secret); }
    Result<std::optional<Secret>> fetch_kubeconfig() const override { return NB_TRY(store())->fetch_kubeconfig(); }
    Result<void> publish_kubeconfig(const Secret& kubeconfig) override {
        return NB_TRY(store())->publish_kubeconfig(kubeconfig);
    }
    std::string describe() const override {
        if (config_.join.store == StoreKind::folder)
            return fmt::format("{}/{}/join", config_.join.folder, config_.cluster.name);
        return fmt::format("SSM parameter /nodeboot/{}/join", config_.cluster.name);
    }

   private:
    Result<JoinStore*> store() const {
        const std::lock_guard lock(mutex_);
        if (store_) return store_.get();
        if (config_.join.store == StoreKind::folder)
            store_ = make_folder_join_store(config_.join.folder, config_.cluster.name);
        else
            NB_CHECK(connect());
        return store_.get();
    }

    Result<void> connect() const {
        session_ = NB_TRY(open_aws_session(
            http_, clock_,
            {.region = config_.cluster.region,
             .endpoint_url = config_.aws.endpoint_url,
             .read_file = read_through(host_),
             .imds = {.endpoint = config_.aws.imds_endpoint, .deadline = config_.aws.imds_deadline, .stop = stop_},
             .stop = stop_},
            &log_));
        store_ = make_ssm_join_store(session_->client(), config_.cluster.name);
        return {};
    }

    const Config& config_;
    const HostView& host_;
    Http& http_;
    Clock& clock_;
    const Log& log_;
    std::stop_token stop_;
    mutable std::mutex mutex_;
    mutable std::unique_ptr<AwsSession> session_;
    mutable std::unique_ptr<JoinStore> store_;
};

/// `NAME="value"` of /etc/os-release (os-release(5)).
std::string os_name(const std::string& text) {
    const auto at = text.find("PRETTY_NAME=\"");
    if (at == std::string::npos) return {};
    return text.substr(at + 13, text.find('"', at + 13) - at - 13);
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

class LinuxNode final : public Node {
   public:
    LinuxNode(Host& host, Clock& clock, const Config& config, std::string config_file, const Log& log,
              const std::stop_token& stop)
        : config_(config),
          http_(config_.aws.ca_file),
          cri_("/run/containerd/containerd.sock", stop),
          kube_(host, http_, stop),
          store_(config_, host, http_, clock, log, stop),
          services_{config_, host, clock, log, cri_, kube_, store_, http_, "", std::move(config_file)} {}

    Result<void> settle_name() {
        services_.node_name = NB_TRY(settled_node_name(config_, services_.host));
        return {};
    }

    Result<Catalog> catalog() override { return make_node_catalog(services_); }
    Result<Catalog> repair_catalog(const RepairOptions& options) override {
        return make_repair_catalog(services_, options);
    }
    Result<Catalog> bake_catalog() override { return make_bake_catalog(services_); }
    Result<Catalog> reset_catalog() override { return make_reset_catalog(services_); }
    Result<Catalog> rotate_catalog() override { return make_rotate_catalog(services_); }

    NodeFacts facts() override {
        NodeFacts facts;
        facts.name = services_.node_name;
        add_versions(facts);
        facts.certificates = node_certificates(services_.host);
        add_readiness(facts);
        return facts;
    }

   private:
    std::string read(const char* path) const {
        const auto text = services_.host.read(path);
        return text && *text ? **text : std::string();
    }

    void add_versions(NodeFacts& facts) const {
        const auto add = [&](const char* name, std::string value) {
            if (!value.empty()) facts.versions.emplace_back(name, std::move(value));
        };
        add("nodeboot", std::string(version()));
        if (const auto output = services_.host.query({.argv = {"kubelet", "--version"}});
            output && output->exit_code == 0) {
            const std::string line = output->out.substr(0, output->out.find('\n'));
            add("kubelet", line.substr(line.rfind(' ') + 1));
        }
        if (const auto runtime = cri_.status()) add("containerd", runtime->runtime_version);
        add("kernel", trimmed(read("/proc/sys/kernel/osrelease")));
        add("system", os_name(read("/etc/os-release")));
    }

    void add_readiness(NodeFacts& facts) {
        auto api = kube_.node();
        if (!api) return;
        const auto ready = node_is_ready(**api, services_.node_name);
        if (ready)
            facts.ready = true;
        else {
            facts.ready_message = ready.error().text();
            if (ready.error().message.find("is not Ready") != std::string::npos) facts.ready = false;
        }
    }

    const Config config_;
    LazyHttp http_;
    CriClient cri_;
    FileKubeAccess kube_;
    ConfiguredStore store_;
    NodeServices services_;
};

}  // namespace

NodeFactory linux_node_factory(Host& host, Clock& clock) {
    return [&host, &clock](const Config& config, const std::string& config_file, const Log& log,
                           std::stop_token stop) -> Result<std::unique_ptr<Node>> {
        auto node = std::make_unique<LinuxNode>(host, clock, config, config_file, log, stop);
        NB_CHECK(node->settle_name());
        return std::unique_ptr<Node>(std::move(node));
    };
}

}  // namespace nodeboot::cli
