#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.hpp"

namespace nodeboot {

/// A Kubernetes resource quantity ("100m", "150Mi", "1.5Gi", "2", "1e3"), as far as a kubelet setting needs it:
/// not negative, and no finer than a thousandth (k8s.io/apimachinery/pkg/api/resource, quantity.go).
struct Quantity {
    std::int64_t thousandths = 0;
    double value() const { return static_cast<double>(thousandths) / 1000.0; }
    friend auto operator<=>(const Quantity&, const Quantity&) = default;
};

Result<Quantity> parse_quantity(std::string_view text);

}  // namespace nodeboot
