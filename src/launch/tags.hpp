#pragma once

#include <map>
#include <string>

#include "base/config.hpp"
#include "launch/cloud.hpp"

namespace nodeboot {

/// Tags are how nodeboot finds its resources again:
///   nodeboot.io/cluster  the cluster's name
///   nodeboot.io/name     the part in it: "vpc", "private-1", "worker-2"
///   nodeboot.io/role     "control-plane", "worker", "network"
///   Name                 "<cluster>-<part>", for people
/// and the user's own, instances.tags.
using Tags = std::map<std::string, std::string>;
Tags tags_of(const Config& config, const std::string& name, const std::string& role);

/// Appends TagSpecification.<number>.… for a creation.
void add_tag_specification(Parameters& parameters, unsigned number, Kind kind, const Tags& tags);

/// A creation that is tagged at once, so that it is found again whatever happens next.
ApiCall creation(const Ref& ref, std::string action, Parameters parameters, const Tags& tags);

/// A change for each tag that is missing or another; further tags are let be.
void want_tags(CloudChanges& changes, const Resource& resource, const std::string& subject, const Tags& tags);

}  // namespace nodeboot
