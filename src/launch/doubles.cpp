#include "launch/doubles.hpp"

#include <fmt/core.h>

#include <set>

namespace nodeboot {
namespace {

/// Of what a cluster has one of each name; volumes and interfaces are their instance's.
constexpr Kind single[] = {Kind::vpc,         Kind::subnet,      Kind::internet_gateway, Kind::elastic_ip,
                           Kind::nat_gateway, Kind::route_table, Kind::security_group,   Kind::key_pair,
                           Kind::instance};

bool is_billed(Kind kind) { return kind == Kind::elastic_ip || kind == Kind::nat_gateway || kind == Kind::instance; }

}  // namespace

Result<std::vector<std::string>> doubles(const CloudView& view) {
    std::vector<std::string> out;
    for (const Kind kind : single) {
        std::map<std::string, std::vector<Found>> parts;
        for (const auto& found : NB_TRY(view.all(kind)))
            if (const auto part = found->part_in(view.scope().cluster); !part.empty() && found->state() != "failed")
                parts[part].push_back(found);
        for (const auto& [part, found] : parts) {
            if (found.size() < 2) continue;
            const Ref ref{kind, part};
            const auto chosen = NB_TRY(view.known(ref));
            for (const auto& other : found) {
                if (chosen && other->id == chosen->id) continue;
                out.push_back(fmt::format(
                    "{} {} bears the tags of {}, which {}: it plays no part in the cluster{}; delete it, or "
                    "`nodeboot cluster down` will",
                    info_of(kind).word, other->id, to_string(ref), chosen ? "is " + chosen->id : "is another one",
                    is_billed(kind) ? " and costs all the same" : ""));
            }
        }
    }
    return out;
}

}  // namespace nodeboot
