#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace nodeboot {

/// A software version as Kubernetes, containerd and flannel write them: "1.35", "v1.34.2", "2.1.5~ds1-2", "1.36.0-rc.1".
/// What follows the numbers is dropped for comparison. A missing patch compares as 0.
struct Version {
    unsigned major = 0;
    unsigned minor = 0;
    std::optional<unsigned> patch;

    bool has_minor(unsigned maj, unsigned min) const { return major == maj && minor == min; }
    bool at_least(unsigned maj, unsigned min, unsigned pat = 0) const;
    std::string minor_text() const;  ///< "1.35"
    std::string text() const;        ///< "1.35.2", or "1.35" when no patch is known
    friend bool operator==(const Version&, const Version&) = default;
};

Result<Version> parse_version(std::string_view text);

}  // namespace nodeboot
