#include "phases/admin_kubeconfig.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/lines.hpp"
#include "base/yaml.hpp"
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

using Json = nlohmann::ordered_json;

/// The entry of config[list] that is called `name`, its part ("user"); of the first where `name` is empty, which then
/// gets its name.
Json* entry(Json& config, const std::string& list, const std::string& part, std::string& name) {
    Json* const items = yaml_at(config, {list});
    if (items == nullptr || !items->is_array()) return nullptr;
    for (auto& item : *items) {
        const Json* const its_name = yaml_at(item, {"name"});
        Json* const found = yaml_at(item, {part});
        if (its_name == nullptr || !its_name->is_string() || found == nullptr || !found->is_object()) continue;
        if (name.empty()) name = its_name->get<std::string>();
        if (*its_name == name) return found;
    }
    return nullptr;
}

/// kubeadm's kubeconfig: one cluster, one user.
bool take_over(Json& own, Json& admin, const std::string& list, const std::string& part,
               std::initializer_list<const char*> keys) {
    std::string name;
    Json* const from = entry(admin, list, part, name);
    Json* const to = from == nullptr ? nullptr : entry(own, list, part, name);
    if (to == nullptr) return false;
    for (const char* key : keys)
        if (const Json* const value = yaml_at(*from, {key})) (*to)[key] = *value;
    return true;
}

/// `own` with what gives access in `admin`: which server, whom to trust, who to be. All else stays as kubectl made it
/// (namespaces, further users); the very text where it gives that access already. Nothing where it knows no such
/// cluster or user.
std::optional<std::string> with_access_of(const std::string& own, const std::string& admin) {
    auto to = parse_yaml(own), from = parse_yaml(admin);
    if (!to || !from || to->size() != 1 || from->size() != 1) return std::nullopt;
    Json& config = to->front();
    const Json before = config;
    if (!take_over(config, from->front(), "clusters", "cluster", {"server", "certificate-authority-data"}) ||
        !take_over(config, from->front(), "users", "user", {"client-certificate-data", "client-key-data"}))
        return std::nullopt;
    return config == before ? own : to_yaml(config);
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
        const auto info = NB_TRY(view.stat(file));
        const auto text = NB_TRY(view.read(file)), admin = NB_TRY(view.read(admin_conf));
        const bool is_file = info && info->type == FileInfo::Type::file;
        if (is_file && text && admin && is_plain_admin_config(*text) && authority_of(*text) == authority_of(*admin))
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
        // Mostly to admin.conf. Whoever made it, made it so: it has no mode of its own, and its target is not nodeboot's.
        if (info->type == FileInfo::Type::symlink) return {};
        const auto now = NB_TRY(view.read(file)).value_or("");
        if (!admin || now == *admin || !is_plain_admin_config(now))
            return want_attributes(changes, file, *info, wanted);
        const bool same_cluster = authority_of(now) == authority_of(*admin);
        const auto mended = same_cluster ? with_access_of(now, *admin) : std::nullopt;
        if (mended == now) return want_attributes(changes, file, *info, wanted);
        if (!same_cluster) NB_CHECK(keep_original(changes, view, file));
        if (mended)
            changes.push_back({file.string(), "access that admin.conf does not give any more", "admin.conf's",
                               renew_access(file, wanted)});
        else
            changes.push_back({file.string(), "another cluster's or an old one", "admin access", copy});
        return {};
    }

    // Not a WriteFile, which would hold the key.
    static Action renew_access(const Path& file, const FileAttributes& attributes) {
        return Procedure{"renew access", {file.string()}, [=](ActionContext& context) -> Result<void> {
                             const auto now = NB_TRY(context.host.read(file)),
                                        admin = NB_TRY(context.host.read(admin_conf));
                             const auto mended = now && admin ? with_access_of(*now, *admin) : std::nullopt;
                             return mended ? context.host.write(file, *mended, attributes) : Result<void>();
                         }};
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
