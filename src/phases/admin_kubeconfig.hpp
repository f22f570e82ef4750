#pragma once

#include <cstdint>

#include "phases/services.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Control plane: ~/.kube/config, 0600, for root and for the login user. Where it gives the access that admin.conf gives,
/// what else stands in it stays (a namespace, another user); renewed certificates get in. A kubeconfig that somebody
/// extended with clusters of their own is left as it is, but for its mode and owner; a link is left alone. kubeadm's own
/// kubeconfigs stay 0600.
std::shared_ptr<const NodePhase> make_admin_kubeconfig_phase(const NodeServices& services);

struct UserEntry {
    std::string name;
    std::uint32_t uid = 0, gid = 0;
    std::string home;
};
/// From the text of /etc/passwd: `wanted`, or when empty the first of the distributions' default users
/// (ubuntu, admin, debian, ec2-user) that exists with a home.
std::optional<UserEntry> login_user(std::string_view passwd, std::string_view wanted);

}  // namespace nodeboot
