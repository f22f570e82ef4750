#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace nodeboot {

/// A string that no log, record or error can print by accident: it converts to nothing and has no operator<<.
/// The bytes are wiped when it goes. `reveal()` is for the one place that hands it on (a 0600 file, stdin, TLS).
class Secret {
   public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    Secret(const Secret&) = default;
    Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret() { wipe(); }

    std::string_view reveal() const { return value_; }
    bool empty() const { return value_.empty(); }
    /// Time does not depend on where the two differ.
    friend bool operator==(const Secret& a, const Secret& b);

   private:
    void wipe();
    std::string value_;
};

}  // namespace nodeboot
