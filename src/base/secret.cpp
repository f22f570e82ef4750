#include "base/secret.hpp"

#include <cstring>

namespace nodeboot {

Secret& Secret::operator=(const Secret& other) {
    if (this != &other) {
        wipe();
        value_ = other.value_;
    }
    return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        value_ = std::move(other.value_);
        other.wipe();
    }
    return *this;
}

bool operator==(const Secret& a, const Secret& b) {
    if (a.value_.size() != b.value_.size()) return false;
    unsigned char difference = 0;
    for (std::size_t i = 0; i < a.value_.size(); ++i)
        difference |= static_cast<unsigned char>(a.value_[i] ^ b.value_[i]);
    return difference == 0;
}

// explicit_bzero: a plain memset before free may be removed by the compiler.
void Secret::wipe() {
    explicit_bzero(value_.data(), value_.size());
    value_.clear();
}

}  // namespace nodeboot
