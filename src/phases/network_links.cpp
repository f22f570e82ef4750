#include "phases/network_links.hpp"

#include "phases/staleness.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

constexpr auto kLinkFile = "/etc/systemd/network/50-flannel.link";
constexpr auto kNetworkdFile = "/etc/systemd/networkd.conf.d/50-nodeboot.conf";
constexpr auto kNetworkdUnit = "systemd-networkd.service";
constexpr auto kNetworkManagerFile = "/etc/NetworkManager/conf.d/50-nodeboot.conf";
constexpr auto kNetworkManagerUnit = "NetworkManager.service";

// systemd.link(5): the first matching file by name is used whole, so this one also keeps 99-default.link from naming.
// udev rereads .link files by itself, and uses them when an interface appears: there is no live half.
constexpr auto kLink = R"(# Made by nodeboot; flannel and the CNI plugins choose these MAC addresses.
[Match]
OriginalName=flannel* cni* veth*

[Link]
MACAddressPolicy=none
)";

constexpr auto kNetworkd =
    R"(# Made by nodeboot; routes and rules of flannel and kube-proxy stay when networkd restarts.
[Network]
ManageForeignRoutes=no
ManageForeignRoutingPolicyRules=no
)";

constexpr auto kNetworkManager = R"(# Made by nodeboot; these belong to flannel and the CNI plugins.
[keyfile]
unmanaged-devices=interface-name:cni*;interface-name:flannel*;interface-name:veth*
)";

class NetworkLinks final : public NodePhase {
   public:
    explicit NetworkLinks(const Clock& clock) : clock_(clock) {}

    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_file(changes, view, kLinkFile, kLink));
        NB_CHECK(want_read(changes, view, kNetworkdFile, kNetworkd, kNetworkdUnit));
        if (NB_TRY(view.stat("/etc/NetworkManager")))
            NB_CHECK(want_read(changes, view, kNetworkManagerFile, kNetworkManager, kNetworkManagerUnit));
        return changes;
    }

    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_restored(changes, view, kLinkFile));
        for (const auto& [file, unit] :
             {std::pair{kNetworkdFile, kNetworkdUnit}, std::pair{kNetworkManagerFile, kNetworkManagerUnit}}) {
            NB_CHECK(want_restored(changes, view, file));
            if (NB_TRY(outlived(changes, view, NB_TRY(view.unit(unit)), file, clock_)))
                changes.push_back(
                    {unit, "still works with " + std::string(file), "restarted", Unit{UnitVerb::restart, unit}});
        }
        NB_CHECK(want_no_empty_folder(changes, view, Path(kNetworkdFile).parent_path()));
        return changes;
    }

   private:
    // The file, and that the daemon, if it runs, has read it.
    Result<void> want_read(std::vector<NodeChange>& changes, const HostView& view, const Path& file,
                           const std::string& content, const std::string& unit) const {
        NB_CHECK(want_file(changes, view, file, content));
        const auto state = NB_TRY(view.unit(unit));
        if (!state.running()) return {};
        if (writes(changes, file) || NB_TRY(started_before_written(view, state, file, clock_)))
            changes.push_back({unit, "has not read " + file.string(), "restarted", Unit{UnitVerb::restart, unit}});
        return {};
    }

    PhaseInfo info_{"network-links",
                    "networkd, udev and NetworkManager leave flannel's interfaces and routes alone",
                    {"preflight"},
                    std::chrono::minutes(2),
                    {kNetworkdUnit}};
    const Clock& clock_;
};

}  // namespace

std::shared_ptr<const NodePhase> make_network_links_phase(const Config&, const Clock& clock) {
    return std::make_shared<NetworkLinks>(clock);
}

}  // namespace nodeboot
