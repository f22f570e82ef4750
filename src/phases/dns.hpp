#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "system/action.hpp"

namespace nodeboot {

/// Name resolution as `dns.mode` says.
///
/// google: `dns.servers` are systemd-resolved's *global* servers, beside the link's own (in a VPC: the Amazon
/// resolver). How resolved chooses (systemd-resolved.service(8), "Protocols and routing"): a name goes to the servers
/// whose routing domain matches it best; without a match, to all global servers and all default-route links at once,
/// and the first that *has* the name wins over those that say NXDOMAIN. So:
///  - no `Domains=~.` on the global servers: it would send every name of a private hosted zone to Google, who has
///    never heard of it;
///  - the link gets routing domains for what only the VPC answers rightly and Google answers, too, but otherwise
///    (public instead of private addresses of VPC endpoints): see vpc_domains(). No race decides about those;
///  - the link stays a default route (`DNSDefaultRoute=yes`): resolved takes that from a link that has nothing but
///    route-only domains, and then private zones would be lost again.
/// The link's part is written where systemd-networkd manages the link (a drop-in beside its .network file, for the
/// next boot) and set live through resolvectl, which costs no lease. Links of other managers keep what they have.
///
/// file: /etc/resolv.conf is a file with the servers, search and options lines are kept. keep: nothing is touched.
/// google without systemd-resolved is refused with a hint; nodeboot does not guess another way.
///
/// `pods`: whether what pods ask is seen to as well (pods_dns.hpp). Not in an image: its instances have resolvers of their
/// own.
enum class PodsDns { own, left_out };
std::shared_ptr<const NodePhase> make_dns_phase(const Config& config, const Clock& clock, PodsDns pods = PodsDns::own);

/// Domains that the VPC's resolver answers, without "~": AWS's own names, internal names, the VPC's reverse zone.
std::vector<std::string> vpc_domains(const Config& config);

}  // namespace nodeboot
