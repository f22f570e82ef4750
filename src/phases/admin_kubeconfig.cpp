#include "phases/admin_kubeconfig.hpp"

#include <charconv>
#include <sstream>

#include "base/lines.hpp"
#include "phases/kubeadm.hpp"
#include "system/want.hpp"

namespace nodeboot {
namespace {

// kubeadm makes them 0600; each holds a key.
constexpr const char* kubeconfigs[] = {admin_conf, "/etc/kubernetes/super-admin.conf",
                                       "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf"};

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++n;
    return n;
}

// Ours to replace: one cluster, one context, as kubeadm writes it.
bool is_plain_admin_config(const std::string& text) {
    return count(text, "\n- cluster:") <= 1 && count(text, "\n- context:") <= 1 && count(text, "kubernetes-admin") > 0;
}

// Which cluster it is for: the endpoint may move and certificates are renewed, the CA stays.
std::string_view authority_of(std::string_view kubeconfig) {
    constexpr std::string_view key = "certificate-authority-data:";
    for (const auto line : lines_of(kubeconfig))
        if (const auto text = trim(line); text.starts_with(key)) return trim(text.substr(key.size()));
    return {};
}

const UserEntry root{"root", 0, 0, "/root"};

class AdminKubeconfig final : public NodePhase {
   public:
    explicit AdminKubeconfig(const NodeServices& services) : services_(services) {}
    const PhaseInfo& info() const override { return info_; }

    Result<std::vector<NodeChange>> plan(const HostView& view) const override {
        std::vector<NodeChange> changes;
        for (const char* path : kubeconfigs)
            if (const auto info = NB_TRY(view.stat(path)))
                NB_CHECK(want_attributes(changes, path, *info, {0600, 0, 0}));
        const auto user = NB_TRY(login_user_of(view));
        const std::string& wanted = services_.config.node.login_user;
        if (!wanted.empty() && wanted != "root" && !user)
            return fail(ErrorKind::invalid_input,
                        "node.login_user is '" + wanted + "', which /etc/passwd does not hold",
                        "make the user first, or leave the setting out");
        NB_CHECK(want_config(changes, view, root));
        if (user && user->uid != 0) NB_CHECK(want_config(changes, view, *user));
        return changes;
    }

    Result<std::vector<NodeChange>> undo(const HostView& view) const override {
        std::vector<NodeChange> changes;
        NB_CHECK(want_no_config(changes, view, root));
        if (const auto user = NB_TRY(login_user_of(view)); user && user->uid != 0)
            NB_CHECK(want_no_config(changes, view, *user));
        return changes;
    }

   private:
    Result<std::optional<UserEntry>> login_user_of(const HostView& view) const {
        const auto passwd = NB_TRY(view.read("/etc/passwd")).value_or("");
        return login_user(passwd, services_.config.node.login_user);
    }

    static Result<void> want_no_config(std::vector<NodeChange>& changes, const HostView& view, const UserEntry& user) {
        const Path folder = Path(user.home) / ".kube";
        const Path file = folder / "config";
        const auto text = NB_TRY(view.read(file)), admin = NB_TRY(view.read(admin_conf));
        if (text && admin && is_plain_admin_config(*text) && authority_of(*text) == authority_of(*admin))
            NB_CHECK(want_original(changes, view, file));
        else
            NB_CHECK(want_restored(changes, view, file));
        return want_no_empty_folder(changes, view, folder);
    }

    static Result<void> want_config(std::vector<NodeChange>& changes, const HostView& view, const UserEntry& user) {
        const Path folder = Path(user.home) / ".kube";
        const Path file = folder / "config";
        const FileAttributes wanted{0600, user.uid, user.gid};
        const auto admin = NB_TRY(view.read(admin_conf));
        const auto info = NB_TRY(view.stat(file));
        const CopyFile copy{admin_conf, file, wanted};
        if (!info) {
            if (!NB_TRY(view.stat(folder))) NB_CHECK(want_directory(changes, view, folder, {0700, user.uid, user.gid}));
            changes.push_back({file.string(), "absent", "admin access", copy});
            return {};
        }
        const auto now = NB_TRY(view.read(file)).value_or("");
        if (admin && now != *admin && is_plain_admin_config(now)) {
            if (authority_of(now) != authority_of(*admin)) NB_CHECK(keep_original(changes, view, file));
            changes.push_back({file.string(), "another cluster's or an old one", "admin access", copy});
        } else {
            NB_CHECK(want_attributes(changes, file, *info, wanted));
        }
        return {};
    }

    const NodeServices& services_;
    PhaseInfo info_{"admin-kubeconfig", "kubectl access for root and the login user", {"kubeadm-init"}};
};

}  // namespace

std::optional<UserEntry> login_user(std::string_view passwd, std::string_view wanted) {
    std::vector<UserEntry> entries;
    std::istringstream lines{std::string(passwd)};
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> fields;
        std::istringstream parts(line);
        for (std::string field; std::getline(parts, field, ':');) fields.push_back(field);
        if (fields.size() < 6 || fields[5].empty()) continue;
        UserEntry entry{fields[0], 0, 0, fields[5]};
        const auto number = [](const std::string& text, std::uint32_t& out) {
            return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc{};
        };
        if (number(fields[2], entry.uid) && number(fields[3], entry.gid)) entries.push_back(entry);
    }
    const std::vector<std::string_view> names =
        wanted.empty() ? std::vector<std::string_view>{"ubuntu", "admin", "debian", "ec2-user"} : std::vector{wanted};
    for (const auto name : names)
        for (const auto& entry : entries)
            if (entry.name == name) return entry;
    return std::nullopt;
}

std::shared_ptr<const NodePhase> make_admin_kubeconfig_phase(const NodeServices& services) {
    return std::make_shared<AdminKubeconfig>(services);
}

}  // namespace nodeboot
